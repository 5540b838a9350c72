/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes with what on the command line, and what follows from what was given. */
#ifndef BENCH_RULES_H
#define BENCH_RULES_H

#include "bench/experiment/experiment.h"

enum { RULES_WHY = 256, GIVEN_MAX = 80 };

/* The options that were given, each once. */
struct given {
    const struct parameter *list[GIVEN_MAX];
    unsigned count;
};

/* NULL: it was not. */
const struct parameter *given(const struct given *given, const char *option);

/* Usual values that differ by command. */
void rules_usual(struct request *request, int takers);

/*
 * Completes what follows from the whole: default variants, an open loop's
 * engine, an echo's reply. False: they do not go together, and `why`
 * (RULES_WHY bytes) says in a sentence what does not.
 */
bool rules_complete(struct request *request, int takers, const struct given *given, char *why);

#endif
