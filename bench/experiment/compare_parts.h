/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the terminal shows of every planned comparison, and the sentence of one. */
#ifndef BENCH_COMPARE_PARTS_H
#define BENCH_COMPARE_PARTS_H

#include "bench/judge/answers.h"
#include "bench/judge/series.h"
#include "bench/session/session.h"
#include "bench/tell/story.h"
#include "bench/tell/words.h"

/* Which loop, where, how often: above the tables. */
void compare_put_head(struct story *story, const struct session *session);

/* What retries cost the server, and the runs that are in no verdict: below them. */
void compare_put_foot(struct story *story, const struct session *session);

/* "On the same core a message by X takes 4.23 times (...) as long as one by Y, ...: slower." */
void compare_put_sentence(FILE *out, const void *compared);

/* "4.23 times (95 % interval 4.18 to 4.28, 15 blocks)" */
void compare_put_ratio(FILE *out, const struct ratio *ratio);

/* "(99.7 % interval 4.18 to 4.28, 15 blocks)", of numbers as `in_words` has them. */
void compare_put_support(FILE *out, double level, struct interval interval, uint64_t blocks,
                         struct number (*in_words)(double value));

/* The ratio with its interval, unless a single block has none; and the difference. */
struct number compare_ratio_words(const struct compared *compared);
struct number compare_difference_words(const struct compared *compared);

/* "not decided (finds 3.1 %; about 26 blocks would)" */
struct number compare_verdict_words(const struct compared *compared);

/*
 * Of an open loop, the table of the point that `series` is of: a row for each
 * of its series but floors, called by `name` (NULL: it is left out); and what is
 * wrong with some of them. What its columns mean: once, below all. open_tell.c
 */
void open_point_table(struct story *story, const struct series_table *table, size_t series,
                      const char *(*name)(const struct run *run));
void open_notes(struct story *story);

#endif
