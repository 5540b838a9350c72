/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Headings, paragraphs and tables for two readers: an HTML page, and a
 * terminal of 80 columns. In all texts `names` stand in backticks, and are set
 * as code; nothing else in a text is taken for markup.
 */
#ifndef BENCH_STORY_H
#define BENCH_STORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

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

/* An array of rows of strings, the first being the heads; a table of heads alone is left out. */
void story_table(struct story *story, const char *class, const json_t *rows);

/* The text of a cell; "" where there is none. */
const char *story_cell(const json_t *row, size_t column);

/* As HTML, whatever the story is. */
void story_html(FILE *out, const char *text);
void story_escape(FILE *out, char c);

#endif
