/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two sides of sessions, and what may be said about the difference: a session
 * is the sample, its value the median over its valid runs. Works on JSON
 * alone, as session_load gives it.
 *
 * Packets and system calls come first: they do not wobble, so they are
 * compared as numbers. Then the times: over the floor of the same block, which
 * leaves out what the machine did between the sessions, and as they are.
 *
 * In an open loop the times are p50 and p99, from when a request was due; what
 * was lost took as long as the deadline.
 *
 * The verdict on a time comes from Welch's t interval of the logarithms, at
 * one simultaneous level for all times of the command (Bonferroni, 95 %). An
 * exact permutation test stands beside it and has no vote: 3 and 3 sessions
 * have 20 arrangements, so its p cannot be below 0.1, and a test that speaks
 * only from some number of sessions on would make more sessions say less.
 *
 * A regression is a variant that is slower by more than `min_effect`: the near
 * end of the interval lies beyond it. The floor is judged too, but its being
 * slower is the machine's regression and shows in the variants' times.
 */
#ifndef BENCH_DIFFERENCE_H
#define BENCH_DIFFERENCE_H

#include <jansson.h>
#include <stdio.h>

#include "bench/judge/statistics.h"

enum { DIFFERENCE_SESSIONS_MIN = 3 }; /* a side; fewer are shown and not judged */

struct difference_options {
    double margin;     /* e.g. 0.01: within it two are the same */
    double min_effect; /* e.g. 0.02 */
};

/*
 * `base` and `new` are arrays of sessions. A new object, the caller's:
 * comparisons[], environment_difference[], only_base[] and only_new[] (columns
 * of one side), sessions_base, sessions_new, margin, min_effect, and the
 * numbers `judged`, `regressions` and `too_few_valid` (comparisons that lack
 * sessions because more than half of their runs are not valid). NULL without
 * memory.
 */
json_t *difference_of(const json_t *base, const json_t *new,
                      const struct difference_options *options);

/* The table, within 80 columns; the verdict, a sentence. */
void difference_print(FILE *out, const json_t *difference);
void difference_print_verdict(FILE *out, const json_t *difference);

/* ---- the arithmetic, for tests ---- */

/* The mean of `new` minus that of `base`, with Welch's t interval. At least 2 of each. */
struct interval difference_welch(const double *base, size_t base_count, const double *new,
                                 size_t new_count, double level);

/*
 * Two-sided permutation test of "both are of one kind", by the difference of
 * the means: exact up to 200,000 arrangements, else 100,000 random ones with a
 * fixed seed.
 */
double difference_permutation(const double *base, size_t base_count, const double *new,
                              size_t new_count);

#endif
