/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the terminal shows of every planned comparison, and the sentence of one. */
#ifndef BENCH_COMPARE_PARTS_H
#define BENCH_COMPARE_PARTS_H

#include "bench/judge/series.h"
#include "bench/session/results.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

/* Which loop, where, how often: above the tables. */
void compare_put_head(struct story *story, const struct session *session);

/* What retries cost the server, and the runs that are in no verdict: below them. */
void compare_put_foot(struct story *story, const struct session *session);

/* "On the same core a message by X takes 4.23 times (...) as long as one by Y, ...: slower." */
void compare_put_sentence(FILE *out, const void *compared);

/* Of a comparison, as tables have it. */
#define COMPARE_RATIO "{ratio:ratio}[ ({ci_low:ratio} to {ci_high:ratio})]"
#define COMPARE_DIFFERENCE "{diff}[ ({diff_ci_low} to {diff_ci_high})]"

/* "not decided (finds 3.1 %; about 26 blocks would)" */
struct number compare_verdict(const struct compared *compared);

/* Cells of it; NULL: dashes. */
void compare_fill(struct grid *grid, const char *cells, const struct compared *compared);

/* "... (99.7 % interval 4.18 to 4.28, 15 blocks)", the words and the interval being filled. */
void compare_put(FILE *out, const char *words, const char *low_to_high,
                 const struct compared *compared);

/*
 * How many times as long one variant takes as another, and how much longer, at
 * this placement, there where the lab looked most closely: whichever was the
 * baseline (the verdict is as it was made). False: they were not compared.
 */
bool compare_ratio(const struct results *results, const char *placement, const char *numerator,
                   const char *denominator, struct compared *ratio);

/*
 * A number of a variant's runs where nothing but work counts: on one core, in a
 * closed loop without a wire, at the point that was looked at most closely.
 */
struct middle compare_work(const struct results *results, const char *variant,
                           double (*of)(const struct run *run));

/*
 * Of an open loop, the table of the point that `series` is of: a row for each
 * of its series but floors, called by `name` (NULL: it is left out); and what is
 * wrong with some of them. What its columns mean: once, below all. open_tell.c
 */
void open_point_table(struct story *story, const struct series_table *table, size_t series,
                      const char *(*name)(const struct run *run));
void open_notes(struct story *story);

#endif
