/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cells of text in rows, the first row being the heads: what a reader is shown as a table. */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

#include <stddef.h>

enum { GRID_COLUMNS = 12 };

struct grid {
    size_t columns;
    size_t count; /* of cells, row by row; rows that are not full end with empty ones */
    char **cells; /* malloc'd */
};

/* Heads with bars between: "variant|p50|runs". For grid_free. */
struct grid grid_of(const char *heads);
void grid_free(struct grid *grid);

/* The next cell, or the next head where grid_of had none left to say. */
void grid_add(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One more column; only before the first cell. */
void grid_head(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t grid_rows(const struct grid *grid); /* the heads are one */

/* "" where there is none. */
const char *grid_cell(const struct grid *grid, size_t row, size_t column);

#endif
