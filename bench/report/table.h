/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data of a figure: named columns, and in each row cells that are a
 * number, a text or nothing. Columns are asked for by name, here and in
 * plots/.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "bench/tell/fill.h"

enum { TABLE_COLUMNS = 20 };

struct cell {
    double number; /* NAN: none */
    char *text;    /* malloc'd, of a cell that is a text; else NULL */
};

struct table {
    char *columns[TABLE_COLUMNS]; /* malloc'd */
    size_t width;
    struct cell *cells; /* malloc'd, row by row */
    size_t count;
};

void table_free(struct table *table);

/* One more column; only before the first cell. */
void table_column(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Several at once, with bars between: "variant|latency_us|runs". Behind a name
 * may stand a template (tell/fill.h) of its cells: "where=[RTT {rtt_ms} ms]".
 */
void table_columns(struct table *table, const char *columns);

/*
 * A row for those columns from a described struct: its member of that name, or
 * what the template says, "none" where that is nothing.
 */
void table_row(struct table *table, const char *columns, struct source source);

/* The next cell. What is not finite is nothing. */
void table_number(struct table *table, double number);
void table_text(struct table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t table_rows(const struct table *table);

/* NAN, "": there is none, or no such column. */
double table_get(const struct table *table, size_t row, const char *column);
const char *table_word(const struct table *table, size_t row, const char *column);

/* Whether the row and the one before it are of one series: begin alike. */
bool table_goes_on(const struct table *table, size_t row);

/* The row for a template; `fields` is for its description. */
struct source table_source(const struct table *table, size_t row,
                           struct field fields[TABLE_COLUMNS]);

/* Tabs between, "-" for nothing, the names first; malloc'd, NULL without memory. */
char *table_text_of(const struct table *table);

#endif
