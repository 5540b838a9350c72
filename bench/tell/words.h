/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers and conditions as a sentence or a table cell has them. */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#include <jansson.h>
#include <stdio.h>

struct number {
    char text[48];
};

/* Three digits that count, with commas between thousands: 0.00412, 4.21, 268,000. */
struct number words_number(double value);

/* Near 1 the third decimal is the news; beyond 1,000 or 0.001 no digit is. */
struct number words_ratio(double value);

/* With its unit: 11.2 us, 40.1 ms, 1.05 s. */
struct number words_time(double us);

/* "-" where it is no number. */
struct number words_json(const json_t *value);

/* A number exact, a text as it is, else "-". A new string. */
json_t *words_cell(const json_t *value);

/* A new string. */
json_t *words_string(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Exact, with commas between thousands: 1,048,576. */
void words_count(FILE *out, double value);

/* "64 bytes", "1 connection", "same-core"; nothing for what goes without saying, such as no loss.
 */
void words_condition(FILE *out, const char *field, const json_t *value);

#endif
