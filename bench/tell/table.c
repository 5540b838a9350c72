/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/tell/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/tell/words.h"

bool table_has(const struct measured *measured, const char *figure) {
    return json_object_get(measured->tables, figure) != NULL;
}

double table_cell(const json_t *row, size_t column) {
    const json_t *value = json_array_get(row, column);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

json_t *table_rows(const struct measured *measured, const char *figure, const char *variant) {
    json_t *rows = json_array(), *row;
    size_t i;
    json_array_foreach(json_object_get(measured->tables, figure), i, row) {
        if (strcmp(story_cell(row, 0), variant) == 0) json_array_append(rows, row);
    }
    return rows;
}

json_t *table_names(const struct measured *measured, const char *figure) {
    json_t *names = json_array(), *row;
    size_t i;
    json_array_foreach(json_object_get(measured->tables, figure), i, row) {
        query_add_distinct(names, json_array_get(row, 0));
    }
    return names;
}

const json_t *table_last(const json_t *rows) {
    const size_t size = json_array_size(rows);
    return size == 0 ? NULL : json_array_get(rows, size - 1);
}

const json_t *table_highest(const json_t *rows, size_t column) {
    const json_t *best = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (isnan(table_cell(row, column))) continue;
        if (best == NULL || table_cell(row, column) > table_cell(best, column)) best = row;
    }
    return best;
}

const json_t *table_where(const json_t *rows, size_t column, double value) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (table_cell(row, column) == value) return row;
    }
    return NULL;
}

void table_put_count(FILE *out, double count, const char *one) {
    words_count(out, count);
    (void)fprintf(out, " %s%s", one, count == 1 ? "" : "s");
}

void table_put_support(FILE *out, const json_t *row, size_t column, size_t runs) {
    (void)fputs(" (", out);
    if (!isnan(table_cell(row, column + 1)))
        (void)fprintf(out, "95 %% interval %s to %s, ",
                      words_number(table_cell(row, column + 1)).text,
                      words_number(table_cell(row, column + 2)).text);
    table_put_count(out, table_cell(row, runs), "run");
    (void)fputc(')', out);
}

void table_tell(struct story *story, void (*put)(FILE *out, const struct measured *measured),
                const struct measured *measured) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    put(out, measured);
    (void)fclose(out);
    if (length > 0) story_paragraph(story, "p", text);
    free(text);
}

void table_tell_folded(struct story *story, const json_t *rows) {
    if (story->html) (void)fputs("<details><summary>The numbers</summary>\n", story->out);
    story_table(story, "numbers", rows);
    if (story->html) (void)fputs("</details>\n", story->out);
}
