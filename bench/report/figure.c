/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/figure.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/session/output.h"

enum { VARIANTS_ROOM = 64 };

/* ---- rows ---- */

void table_interval(struct table *table, double value, double low, double high) {
    table_number(table, value);
    table_number(table, low);
    table_number(table, high);
}

void table_middle(struct table *table, struct middle middle) {
    table_interval(table, middle.value, middle.low, middle.high);
}

void table_place(struct table *table, const struct selection_axis *axis, const struct run *run) {
    table_text(table, "%s", run->asked.variant->name);
    if (axis != NULL && axis->names != NULL)
        table_text(table, "%s", axis->names[(size_t)axis->at(run)]);
    else if (axis != NULL)
        table_number(table, axis->at(run));
}

static void add_medians(struct drawing *drawing, const struct selection *here) {
    const struct figure *figure = drawing->figure;
    size_t most = 0;
    table_place(&drawing->table, figure->runs.axis, here->list[0].run);
    for (size_t i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        const struct middle middle = selection_middle(here, figure->metrics[i].of);
        table_middle(&drawing->table, middle);
        if (middle.count > most) most = middle.count;
    }
    table_number(&drawing->table, (double)most);
}

static void add_row(struct drawing *drawing, const struct selection *here) {
    if (here->count == 0) return;
    if (drawing->figure->row != NULL)
        drawing->figure->row(drawing, here);
    else
        add_medians(drawing, here);
}

static void add_variant(struct drawing *drawing, const struct selection *own) {
    const struct selection_axis *axis = drawing->figure->runs.axis;
    size_t count = 0;
    double *points = axis == NULL ? NULL : selection_points(own, axis, &count);
    if (axis == NULL) add_row(drawing, own);
    for (size_t i = 0; i < count; i++) {
        struct selection here = selection_at(own, axis, points[i]);
        add_row(drawing, &here);
        selection_free(&here);
    }
    free(points);
}

static void fill_runs(struct drawing *drawing) {
    const struct selection_rule *rule = &drawing->figure->runs;
    const struct variant *list[VARIANTS_ROOM];
    const size_t variant_total = results_variants(drawing->results, list, VARIANTS_ROOM);
    struct selection all = selection_of(rule, drawing->results, true);
    size_t points = 0;
    selection_settle(&all, rule->axis);
    if (rule->axis != NULL) free(selection_points(&all, rule->axis, &points));
    for (size_t i = 0; points >= rule->points && i < variant_total; i++) {
        struct selection own = selection_of_variant(&all, list[i], rule->axis);
        add_variant(drawing, &own);
        selection_free(&own);
    }
    drawing->conditions = selection_conditions(&all, rule->axis);
    if (all.count > 0) drawing->from = all.list[0].from;
    selection_free(&all);
}

static void fill_findings(struct drawing *drawing) {
    const struct figure *figure = drawing->figure;
    const struct finding_kind *kind = figure->findings;
    for (size_t i = 0; i < drawing->results->count; i++) {
        const struct session *session = drawing->results->sessions[i];
        const struct findings *list = &session->lists[kind - finding_kinds];
        if (figure->runs.one_session && drawing->from != NULL) return;
        for (size_t k = 0; k < list->count; k++) {
            const void *item = (const char *)list->items + k * kind->size;
            const struct source source = {kind->fields, kind->field_count, item};
            const size_t before = drawing->table.count;
            if (figure->tell != NULL)
                figure->tell(drawing, item);
            else
                table_row(&drawing->table, figure->columns, source);
            if (drawing->from != NULL || drawing->table.count == before) continue;
            drawing->from = session;
            drawing->conditions = fill(figure->conditions, source);
        }
    }
}

static void name_columns(struct drawing *drawing) {
    const struct figure *figure = drawing->figure;
    struct table *table = &drawing->table;
    if (figure->columns != NULL) {
        table_columns(table, figure->columns);
        return;
    }
    const bool one = figure->metrics[1].column == NULL; /* its interval needs no name */
    table_column(table, "variant");
    if (figure->runs.axis != NULL) table_column(table, "%s", figure->runs.axis->column);
    for (size_t i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        const char *column = figure->metrics[i].column;
        table_column(table, "%s", column);
        table_column(table, "%s%sci_low", one ? "" : column, one ? "" : "_");
        table_column(table, "%s%sci_high", one ? "" : column, one ? "" : "_");
    }
    table_column(table, "runs");
}

/* ---- whether there is something to draw ---- */

static char *say_why_empty(const struct drawing *drawing) {
    char *text = NULL;
    struct selection refused = selection_of(&drawing->figure->runs, drawing->results, false);
    const bool of_runs = drawing->figure->fill == NULL && drawing->figure->findings == NULL;
    if (of_runs && drawing->from != NULL) {
        text = strdup("one point alone is no figure");
    } else if (of_runs && refused.count > 0) {
        const struct run *run = refused.list[0].run;
        if (asprintf(&text, "none of its %zu runs counts: %s", refused.count,
                     run->validity.reason[0]) < 0)
            text = NULL;
    }
    selection_free(&refused);
    return text == NULL ? strdup("no result file has it") : text;
}

static bool has_place(const struct drawing *drawing, size_t row, size_t axis) {
    const double value = table_get(&drawing->table, row, drawing->figure->drawn[axis].column);
    return drawing->figure->drawn[axis].logarithmic ? value > 0 : !isnan(value);
}

/* The rows that have a place on the first axes; `lacking`: the axis on which none has one. */
static size_t count_drawn(const struct drawing *drawing, size_t *lacking) {
    size_t rows = 0, furthest = 0;
    for (size_t row = 0; row < table_rows(&drawing->table); row++) {
        size_t axis = 0;
        while (axis < FIGURE_DRAWN && drawing->figure->drawn[axis].column != NULL &&
               has_place(drawing, row, axis))
            axis++;
        rows += axis == FIGURE_DRAWN || drawing->figure->drawn[axis].column == NULL;
        if (axis > furthest) furthest = axis;
    }
    *lacking = furthest;
    return rows;
}

static bool has_number(const struct drawing *drawing, const char *column) {
    for (size_t row = 0; row < table_rows(&drawing->table); row++) {
        if (!isnan(table_get(&drawing->table, row, column))) return true;
    }
    return false;
}

static char *say_missing(const struct drawing *drawing) {
    size_t lacking;
    char *text = NULL;
    if (table_rows(&drawing->table) == 0) return say_why_empty(drawing);
    const size_t rows = count_drawn(drawing, &lacking);
    if (rows > 1) return NULL;
    if (rows == 1 || table_rows(&drawing->table) == 1) return strdup("one row alone is no figure");
    const char *column = drawing->figure->drawn[lacking].column;
    const char *what =
        has_number(drawing, column) ? "is 0 everywhere, on a logarithmic axis" : "is known nowhere";
    return asprintf(&text, "`%s` %s", column, what) < 0 ? NULL : text;
}

struct drawing figure_fill(const struct figure *figure, const struct results *results) {
    struct drawing drawing = {.figure = figure, .results = results};
    name_columns(&drawing);
    if (figure->fill != NULL)
        figure->fill(&drawing);
    else if (figure->findings != NULL)
        fill_findings(&drawing);
    else
        fill_runs(&drawing);
    if (figure->model != NULL) figure->model(&drawing.table);
    drawing.missing = say_missing(&drawing);
    return drawing;
}

void drawing_free(struct drawing *drawing) {
    table_free(&drawing->table);
    free(drawing->conditions);
    free(drawing->missing);
}

const struct drawing *drawing_find(const struct drawing *drawings, const char *name) {
    for (unsigned i = 0; i < figure_count; i++) {
        if (strcmp(figures[i].name, name) == 0) return &drawings[i];
    }
    return NULL;
}

/* ---- files ---- */

static int refuse(char *why, int code, const char *what, const char *path) {
    (void)snprintf(why, SESSION_WHY, "%.900s cannot be %s: %s.", path, what, strerror(-code));
    return code;
}

int report_save(const char *directory, const char *folder, const char *name, const char *text,
                char *why) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", directory, folder);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) return refuse(why, -errno, "made", path);
    (void)snprintf(path, sizeof path, "%s/%s/%s", directory, folder, name);
    const int result = output_write(path, text, strlen(text));
    return result == 0 ? 0 : refuse(why, result, "written", path);
}

static int save_table(const struct table *table, const char *directory, const char *name,
                      char *why) {
    char *text = NULL, file[64];
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return refuse(why, -ENOMEM, "written", name);
    table_write(table, out);
    (void)fclose(out);
    (void)snprintf(file, sizeof file, "%s.tsv", name);
    const int result = report_save(directory, "data", file, text, why);
    free(text);
    return result;
}

/* That of an older measurement would be drawn as if it were of this one. */
static int remove_table(const char *directory, const char *name, char *why) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/data/%s.tsv", directory, name);
    return unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR
               ? 0
               : refuse(why, -errno, "removed", path);
}

static int save_index(const struct drawing *drawings, const char *directory, char *why) {
    const struct variant *list[VARIANTS_ROOM];
    const size_t count = results_variants(drawings[0].results, list, VARIANTS_ROOM);
    struct table names = {0}, drawn = {0};
    table_columns(&names, "variant|index");
    for (size_t i = 0; i < count; i++) {
        table_text(&names, "%s", list[i]->name);
        table_number(&names, (double)i + 1);
    }
    table_columns(&drawn, "figure|title|conditions");
    for (unsigned i = 0; i < figure_count; i++) {
        if (drawings[i].missing != NULL) continue;
        table_text(&drawn, "%s", figures[i].name);
        table_text(&drawn, "%s", figures[i].title);
        table_text(&drawn, "%s", drawings[i].conditions == NULL ? "" : drawings[i].conditions);
    }
    int result = save_table(&names, directory, "variants", why);
    if (result == 0) result = save_table(&drawn, directory, "figures", why);
    table_free(&names);
    table_free(&drawn);
    return result;
}

int drawings_write(const struct drawing *drawings, const char *directory, char *why) {
    int result = save_index(drawings, directory, why);
    for (unsigned i = 0; result == 0 && i < figure_count; i++) {
        const char *name = figures[i].name;
        result = drawings[i].missing == NULL ? save_table(&drawings[i].table, directory, name, why)
                                             : remove_table(directory, name, why);
    }
    return result;
}
