/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How an open loop's numbers are shown: those of judge/open_loop.h. */
#ifndef BENCH_OPEN_TELL_H
#define BENCH_OPEN_TELL_H

#include "bench/judge/open_loop.h"
#include "bench/tell/story.h"
#include "bench/tell/words.h"

/* "1.20 ms", and ">2.00 s" where it is beyond the point's deadline. */
struct number open_time(const struct open_point *point, double us);

/* " (single runs 1.10 ms to 1.30 ms, 6 runs)": a single one has no spread. */
void open_put_runs(FILE *out, const struct open_point *point, enum open_percent percent);

/* A variant along the rate, a row a rate. */
void open_rates_table(struct story *story, const struct open_rates *rates);

/*
 * The table of the point that `series` is of: a row for each of its series but
 * floors, called by `name` (NULL: it is left out); and what is wrong with some
 * of them.
 */
void open_point_table(struct story *story, const struct series_table *table, size_t series,
                      const char *(*name)(const struct run *run));

/* What the columns mean: once, below all tables. */
void open_notes(struct story *story);

#endif
