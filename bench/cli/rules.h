/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes with what on the command line, and what follows from what was given. */
#ifndef BENCH_RULES_H
#define BENCH_RULES_H

#include <argp.h>

#include "bench/experiment/experiment.h"

enum { GIVEN_MAX = 80 };

/* What was said, as whoever takes it. */
struct usage {
    struct request *request;
    int takers;
    const struct parameter *given[GIVEN_MAX]; /* the options, each once */
    unsigned given_count;
    const struct argp_state *state;
};

bool was_given(const struct usage *usage, const char *option);

/* Says what is wrong and exits. */
_Noreturn void wrong(const struct argp_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Usual values that differ by command. */
void rules_usual(struct request *request, int takers);

/*
 * Completes what follows from the whole: default variants, an open loop's
 * engine, an echo's reply. Exits where it does not go together.
 */
void rules_complete(const struct usage *usage);

#endif
