/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static void add(struct grid *grid, const char *format,
                                                      va_list values) {
    char *text = NULL, **more = reallocarray(grid->cells, grid->count + 1, sizeof *more);
    if (more == NULL) return;
    grid->cells = more;
    more[grid->count++] = vasprintf(&text, format, values) < 0 ? NULL : text;
}

struct grid grid_of(const char *heads) {
    struct grid grid = {0};
    char *copy = strdup(heads);
    char *rest = copy;
    for (char *head; (head = strsep(&rest, "|")) != NULL && *head != '\0';)
        grid_head(&grid, "%s", head);
    free(copy);
    return grid;
}

void grid_free(struct grid *grid) {
    for (size_t i = 0; i < grid->count; i++) free(grid->cells[i]);
    free(grid->cells);
    *grid = (struct grid){0};
}

void grid_add(struct grid *grid, const char *format, ...) {
    va_list values;
    va_start(values, format);
    add(grid, format, values);
    va_end(values);
}

void grid_head(struct grid *grid, const char *format, ...) {
    va_list values;
    va_start(values, format);
    add(grid, format, values);
    va_end(values);
    grid->columns++;
}

size_t grid_rows(const struct grid *grid) {
    return grid->columns == 0 ? 0 : (grid->count + grid->columns - 1) / grid->columns;
}

const char *grid_cell(const struct grid *grid, size_t row, size_t column) {
    const size_t at = row * grid->columns + column;
    const char *text = at < grid->count ? grid->cells[at] : NULL;
    return text == NULL ? "" : text;
}
