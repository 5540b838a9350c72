/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Headings, paragraphs and tables for two readers: an HTML page, and a
 * terminal of 80 columns. In all texts `names` stand in backticks, and are set
 * as code; nothing else in a text is taken for markup.
 */
#ifndef BENCH_STORY_H
#define BENCH_STORY_H

#include <stdbool.h>
#include <stdio.h>

/* Cells of text in rows, the first row being the heads. */
struct grid {
    size_t columns;
    size_t count; /* of cells, row by row; rows that are not full end with empty ones */
    char **cells; /* malloc'd */
};

/* Heads with bars between: "variant|p50|runs". For grid_free. */
struct grid grid_of(const char *heads, ...) __attribute__((format(printf, 1, 2)));
void grid_free(struct grid *grid);

/* The next cell, or the next head where grid_of had none left to say. */
void grid_add(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One more column; only before the first cell. */
void grid_head(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t grid_rows(const struct grid *grid); /* the heads are one */

struct story {
    FILE *out;
    bool html;
    bool apart;            /* on a terminal: nothing need be left blank before what comes */
    const char *directory; /* of results/, for the commands that are proposed */
};

void story_heading(struct story *story, unsigned level, const char *text);

/* `element` may have attributes: "p class=\"question\"". */
void story_paragraph(struct story *story, const char *element, const char *text);

void story_say(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What `put` writes, as a paragraph, unless it is nothing. */
void story_tell(struct story *story, void (*put)(FILE *out, const void *what), const void *what);

void story_tell_as(struct story *story, const char *element,
                   void (*put)(FILE *out, const void *what), const void *what);

/* A grid of heads alone is left out (false); `class` is the page's. Frees the grid. */
bool story_table(struct story *story, const char *class, struct grid *grid);

/* One that is long to read: on a page it is opened by a click on `summary`. Frees the grid. */
void story_fold(struct story *story, const char *summary, const char *class, struct grid *grid);
void story_numbers(struct story *story, struct grid *grid); /* "The numbers" */

/* As HTML, whatever the story is. */
void story_html(FILE *out, const char *text);
void story_escape(FILE *out, char c);

#endif
