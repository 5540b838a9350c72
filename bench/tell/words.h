/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers and conditions as a sentence or a table cell has them. */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#include <stdio.h>

#include "bench/judge/statistics.h"
#include "bench/measure/facts.h"
#include "bench/tell/story.h"

struct number {
    char text[64];
};

/* Three digits that count, with commas between thousands: 0.00412, 4.21, 268,000. NAN: "-". */
struct number words_number(double value);

/* Near 1 the third decimal is the news; beyond 1,000 or 0.001 no digit is. */
struct number words_ratio(double value);

/* Of a share, with two digits that count: 0.85 %, 3.1 %, 14 %; beyond ten times no digit is. */
struct number words_percent(double share);

/* With its unit: 11.2 us, 40.1 ms, 1.05 s. */
struct number words_time(double us);

/*
 * A time as a narrow column has it, in us unless it says otherwise: 12.3, 123,
 * 4567, 12.3ms, 123ms, 1.23s; below 1,000 s at most 6 characters.
 */
struct number words_narrow_time(double us);

/* "4.23 (4.18 to 4.28)"; without an interval the value alone. */
struct number words_interval(struct interval interval, struct number (*in_words)(double value));

/* Exact, with commas between thousands: 1,048,576. */
struct number words_count(double value);

/* Of a count per message: exact where it is whole, else four digits. */
struct number words_each(double value);

/* "6 runs", "1 run": `one` is the word for one. */
struct number words_counted(double count, const char *one);

/* A cell, "15,400 (15,000 to 15,800)", each number in `words` (words_time, say). */
void words_cell_middle(struct grid *grid, const struct middle *middle,
                       struct number (*words)(double));

/* A cell: the values of a fact, of many the first three. */
void words_cell_facts(struct grid *grid, const struct fact *values, size_t count);

/*
 * "64 bytes", "1 connection", "20 ms round trip"; "" for what goes without
 * saying, such as no loss. `field` is the name in a result file; of a choice
 * `text` is what was chosen, else NULL.
 */
struct number words_condition(const char *field, double value, const char *text);

#endif
