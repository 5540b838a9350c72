/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the page asks of a figure's table: cells of its rows, and how sure they are. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench/report/page_parts.h"

bool table_has(const struct measured *measured, const char *figure);

/* NAN where it is no number. */
double table_cell(const json_t *row, size_t column);

/* Those of a variant, in the table's order; a new array. */
json_t *table_rows(const struct measured *measured, const char *figure, const char *variant);

/* The first cells of all rows, in their order; a new array. */
json_t *table_names(const struct measured *measured, const char *figure);

/* Borrowed; NULL: there is none. */
const json_t *table_last(const json_t *rows);
const json_t *table_highest(const json_t *rows, size_t column);
const json_t *table_where(const json_t *rows, size_t column, double value);

/* " (95 % interval 4 to 5, 6 runs)": of low and high behind `column`; few runs have none. */
void table_put_support(FILE *out, const json_t *row, size_t column, size_t runs);

/* "6 runs", "1 run" */
void table_put_count(FILE *out, double count, const char *one);

/* What `put` writes, as a paragraph, unless it is nothing. */
void table_tell(struct story *story, void (*put)(FILE *out, const struct measured *measured),
                const struct measured *measured);

/* Numbers that are long to read: on a page they are opened. */
void table_tell_folded(struct story *story, const json_t *rows);

#endif
