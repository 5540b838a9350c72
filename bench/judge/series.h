/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which runs belong together. A series is the runs that differ in their block
 * alone: equal in every parameter that is identity (bench/run/parameters.h),
 * of one point, role and build. Comparisons are made within blocks.
 *
 * One rule says what counts: valid runs do, and no other.
 */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include "bench/judge/statistics.h"
#include "bench/run/run.h"

bool series_same(const struct run *one, const struct run *other);

/*
 * Whether two runs of different sessions are of one column. A rate that a
 * session found out itself, as a share of what a variant carried, is never the
 * same twice: then the point says which of its rates it was.
 */
bool series_alike(const struct run *one, const struct run *other);

bool series_own_rate(const struct run *run); /* its rate was found out so */

/*
 * Of one point of the axis, which runs record; in files that do not, of one
 * size and number of connections. An open loop and a closed one never are.
 */
bool series_same_point(const struct run *one, const struct run *other);

/*
 * All runs of an experiment, by series and block, in the order of the plan:
 * borrowed. Without memory it is empty. For series_free.
 */
struct series_table {
    size_t count, blocks;
    const struct run **first; /* of each series: which one it is */
    const struct run **cells; /* count x blocks; NULL: there was none */
};

struct series_table series_of(const struct runs *runs);
void series_free(struct series_table *table);

/* NULL: none in that block; or none that counts. */
const struct run *series_run(const struct series_table *table, size_t series, size_t block);
const struct run *series_valid(const struct series_table *table, size_t series, size_t block);

/*
 * Halves of short runs differ by nature; those of all valid runs of a series
 * together do not. Where they do, none of its runs is valid.
 */
void series_check_halves(struct runs *runs);

/* Whether it is of `variant` (NULL: of any), and none of floors, controls or another build. */
bool series_is_of(const struct run *run, const char *variant);

/* The next such series from the `from`-th on; table->count: there is none. */
size_t series_next(const struct series_table *table, size_t from, const char *variant);

/* Of all valid runs that `fits` takes, `key` being what that wants, and that have the number. */
struct middle runs_middle(const struct runs *runs, double (*of)(const struct run *run),
                          bool (*fits)(const struct run *run, const void *key), const void *key);

/* Such a `fits`, of one column of the plan: the key is its number. */
bool runs_in_column(const struct run *run, const void *column);

/* Of its valid runs that have the number (a row's `of` in metric.h, say; NAN: it has none). */
struct middle series_middle(const struct series_table *table, size_t series,
                            double (*of)(const struct run *run));

#endif
