/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs that mostly wait, several at a time: a session of them lasts as long as
 * the longest, and not as all together. Not for runs in which work counts.
 */
#ifndef BENCH_TOGETHER_H
#define BENCH_TOGETHER_H

#include <jansson.h>

#include "bench/cli/options.h"

enum { TOGETHER_WHY = 256 };

struct together {
    struct options options;
    json_t *run;            /* the caller's; NULL: it failed, or was not begun */
    char why[TOGETHER_WHY]; /* then, in a sentence */
};

/* In their order, so many at once: the longest first. Ends early when interrupted. */
void together_run(struct together *tasks, unsigned count, unsigned at_once);

#endif
