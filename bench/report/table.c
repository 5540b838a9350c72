/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/figure.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_free(struct table *table) {
    for (size_t i = 0; i < table->width; i++) {
        free(table->columns[i]);
        free(table->templates[i]);
    }
    for (size_t i = 0; i < table->count; i++) free(table->cells[i].text);
    free(table->cells);
    *table = (struct table){0};
}

void table_column(struct table *table, const char *format, ...) {
    va_list values;
    va_start(values, format);
    if (table->width < TABLE_COLUMNS &&
        vasprintf(&table->columns[table->width], format, values) > 0)
        table->width++;
    va_end(values);
}

void table_columns(struct table *table, const char *columns) {
    char *copy = strdup(columns), *rest = copy;
    for (char *name; (name = strsep(&rest, "|")) != NULL;) {
        char *template = strchr(name, '=');
        if (template != NULL) *template ++ = '\0';
        table_column(table, "%s", name);
        if (template != NULL) table->templates[table->width - 1] = strdup(template);
    }
    free(copy);
}

static void add(struct table *table, struct cell cell) {
    struct cell *more = reallocarray(table->cells, table->count + 1, sizeof *more);
    if (more == NULL) {
        free(cell.text);
        return;
    }
    table->cells = more;
    more[table->count++] = cell;
}

void table_number(struct table *table, double number) {
    add(table, (struct cell){.number = isfinite(number) ? number : (double)NAN});
}

void table_text(struct table *table, const char *format, ...) {
    struct cell cell = {.number = NAN};
    va_list values;
    va_start(values, format);
    if (vasprintf(&cell.text, format, values) < 0) cell.text = NULL;
    va_end(values);
    add(table, cell);
}

static void add_member(struct table *table, struct source source, const char *name) {
    const struct field *field = field_find(source.fields, source.field_count, name, strlen(name));
    struct field_value value = {.number = NAN};
    if (field != NULL) value = field_get(field, source.item);
    if (value.text != NULL)
        table_text(table, "%s", value.text);
    else
        table_number(table, value.number);
}

void table_row(struct table *table, struct source source) {
    for (size_t i = 0; i < table->width; i++) {
        char *text = table->templates[i] == NULL ? NULL : fill(table->templates[i], source);
        if (table->templates[i] == NULL)
            add_member(table, source, table->columns[i]);
        else
            table_text(table, "%s", text == NULL || *text == '\0' ? "none" : text);
        free(text);
    }
}

size_t table_rows(const struct table *table) {
    return table->width == 0 ? 0 : table->count / table->width;
}

static const struct cell *find(const struct table *table, size_t row, const char *column) {
    for (size_t i = 0; i < table->width && row < table_rows(table); i++)
        if (strcmp(table->columns[i], column) == 0) return &table->cells[row * table->width + i];
    return NULL;
}

double table_get(const struct table *table, size_t row, const char *column) {
    const struct cell *cell = find(table, row, column);
    return cell == NULL ? (double)NAN : cell->number;
}

const char *table_word(const struct table *table, size_t row, const char *column) {
    const struct cell *cell = find(table, row, column);
    return cell == NULL || cell->text == NULL ? "" : cell->text;
}

bool table_goes_on(const struct table *table, size_t row) {
    const char *first = table->width == 0 ? "" : table->columns[0];
    return row > 0 && strcmp(table_word(table, row - 1, first), table_word(table, row, first)) == 0;
}

struct source table_source(const struct table *table, size_t row,
                           struct field fields[TABLE_COLUMNS]) {
    const struct cell *cells = &table->cells[row * table->width];
    for (size_t i = 0; i < table->width; i++) {
        const size_t place = i * sizeof *cells;
        fields[i] = cells[i].text == NULL
                        ? (struct field){.name = table->columns[i],
                                         .kind = FIELD_REAL,
                                         .offset = place + offsetof(struct cell, number)}
                        : (struct field){.name = table->columns[i],
                                         .kind = FIELD_TEXT,
                                         .offset = place + offsetof(struct cell, text)};
    }
    return (struct source){.fields = fields, .field_count = (unsigned)table->width, .item = cells};
}

/* A tab or a new line would end the cell. */
static void write_cell(FILE *out, const struct cell *cell) {
    if (cell->text == NULL && isnan(cell->number)) (void)fputc('-', out);
    const bool whole = cell->number == floor(cell->number);
    if (cell->text == NULL && !isnan(cell->number))
        (void)fprintf(out, whole ? "%.0f" : "%.7g", cell->number);
    for (const char *c = cell->text; c != NULL && *c != '\0'; c++)
        (void)fputc(*c < ' ' && *c > 0 ? ' ' : *c, out);
}

char *table_text_of(const struct table *table) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    for (size_t i = 0; i < table->width; i++)
        (void)fprintf(out, "%s%s", i > 0 ? "\t" : "", table->columns[i]);
    for (size_t i = 0; i < table_rows(table) * table->width; i++) {
        (void)fputc(i % table->width == 0 ? '\n' : '\t', out);
        write_cell(out, &table->cells[i]);
    }
    (void)fputc('\n', out);
    (void)fclose(out);
    return text;
}
