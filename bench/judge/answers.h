/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the comparisons of several sessions say together: which of them are the
 * answer, and how many times as long one variant takes as another.
 */
#ifndef BENCH_ANSWERS_H
#define BENCH_ANSWERS_H

#include "bench/judge/findings.h"
#include "bench/judge/metric.h"

/* Comparisons of any sessions, borrowed from them. For answers_free. */
struct answers {
    const struct compared **list;
    size_t count;
};

/* Adds those with a ratio and an interval: all, or only of work (below). */
void answers_add(struct answers *answers, const struct findings *comparisons, bool only_work);
void answers_free(struct answers *answers);

/* In a closed loop on this machine, no wire between: nothing but work takes time. */
bool answers_of_work(const struct compared *compared);

/*
 * Where the lab looked most closely, with the most blocks: other sizes and
 * connections are sweeps. NULL: there is no comparison.
 */
const struct compared *answers_most(const struct answers *answers);

/*
 * What an answer is made of: one variant against another (or another build),
 * none against its floor or itself, there where was looked most closely; and
 * of those that ask the same the one with the most blocks.
 */
bool answers_central(const struct answers *answers, const struct compared *compared);

/* The metric that comes first of those that are central; NULL: none is. */
const struct metric *answers_metric(const struct answers *answers);

/* How many times as long one takes as another, and how much longer. */
struct ratio {
    struct interval times, diff_us;
    double level;
    uint64_t blocks;
    bool decided;
};

/* Whichever of the two was the baseline. False: they were not compared at this placement. */
bool answers_ratio(const struct answers *answers, const char *placement, const char *numerator,
                   const char *denominator, struct ratio *ratio);

#endif
