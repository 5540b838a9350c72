/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From runs to statements: every variant is compared, within blocks, with the
 * first one (or with the other build), and with its own floor. All at one
 * simultaneous level (Bonferroni at 95 %).
 */
#ifndef BENCH_COMPARED_H
#define BENCH_COMPARED_H

#include "bench/judge/findings.h"
#include "bench/judge/metric.h"
#include "bench/judge/series.h"

/*
 * Adds the comparisons of the runs to `list` (of LIST_COMPARISONS): time per
 * message, p50 and CPU per message, with the floor by time alone; in an open
 * loop p50, p99 and CPU.
 */
void compared_list(struct findings *list, const struct runs *runs, double margin);

/* The comparison of this series, with its floor or with its baseline; NULL: none was made. */
const struct compared *compared_find(const struct findings *list, const struct run *first,
                                     const struct metric *metric, bool with_floor);

/*
 * Older files do not say where a comparison was made: it is told by their runs,
 * as far as these agree. Of a single block they have an interval.
 */
void compared_complete(struct findings *list, const struct runs *runs);

bool compared_with_floor(const struct compared *compared);
bool compared_with_other_build(const struct compared *compared);

/*
 * The series that `series` is compared with: the first variant of its point;
 * or, where two builds are compared, the other build's. -1: none.
 */
long compared_baseline(const struct series_table *table, size_t series);

/*
 * Why two series cannot be compared: in no block both are valid; both lost the
 * percentile in some block, and two unknowns have no ratio; there are too few
 * messages.
 */
enum lack { LACK_VALID, LACK_ANSWERS, LACK_MESSAGES };

enum lack compared_lack(const struct series_table *table, size_t one, size_t other,
                        const struct metric *metric);

#endif
