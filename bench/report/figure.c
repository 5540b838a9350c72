/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/figure.h"

#include <errno.h>
#include <gsl/gsl_sort_double.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/judge/series.h"
#include "bench/tell/words.h"

/* ---- runs by numbers: whatever they are told apart by is one ---- */

typedef double key_of(const struct run *run, const void *what);

static double by_parameter(const struct run *run, const void *what) {
    const struct parameter *parameter = what;
    struct field field = parameter->field;
    field.nullable = false;
    if (field.kind == FIELD_CHOICE) field.kind = FIELD_UNSIGNED;
    /* An echo is one, whatever its size. */
    const bool echo = run->asked.reply_bytes == run->asked.size_bytes;
    if (echo && strcmp(parameter->option, "reply-size") == 0) return -1;
    return field_get(&field, &run->asked).number;
}

double figure_at(const struct selection_axis *axis, const struct run *run) {
    const struct parameter *parameter = parameter_find(axis->option);
    if (axis->at != NULL) return axis->at(run);
    if (axis->names == NULL) return by_parameter(run, parameter);
    const char *name = field_get(&parameter->field, &run->asked).text;
    for (size_t i = 0; run->asked.host == NULL && axis->names[i] != NULL; i++)
        if (strcmp(axis->names[i], name) == 0) return (double)i;
    return NAN;
}

static double by_axis(const struct run *run, const void *axis) {
    return figure_at(axis, run);
}

enum trait { VARIANT, DEPTH, PLACE, MESSAGES };

static double by_trait(const struct run *run, const void *trait) {
    switch (*(const enum trait *)trait) {
    case VARIANT: return (double)(run->asked.variant - variants);
    case DEPTH: return run->depth;
    /* Another machine is another place than any of this one. */
    case PLACE: return run->asked.host != NULL;
    case MESSAGES: break;
    }
    return (double)run->sent;
}

static double by_session(const struct run *run, const void *what) {
    const struct results *results = what;
    for (size_t i = 0; i < results->count; i++) {
        const struct runs *runs = &results->sessions[i]->runs;
        for (size_t k = 0; k < runs->count; k++)
            if (runs->list[k] == run) return (double)i;
    }
    return NAN;
}

const struct session *figure_session_of(const struct results *results, const struct run *run) {
    return results->sessions[(size_t)by_session(run, results)];
}

static struct runs where(const struct runs *runs, key_of *key, const void *what, double value) {
    struct runs some = {.list = calloc(runs->count + 1, sizeof(struct run *))};
    for (size_t i = 0; some.list != NULL && i < runs->count; i++)
        if (key(runs->list[i], what) == value) some.list[some.count++] = runs->list[i];
    return some;
}

/* The distinct values, which ascend; malloc'd. NAN is none. */
static double *values_of(const struct runs *runs, key_of *key, const void *what, size_t *count) {
    double *values = calloc(runs->count + 1, sizeof *values);
    *count = 0;
    for (size_t i = 0; values != NULL && i < runs->count; i++) {
        const double value = key(runs->list[i], what);
        size_t k = 0;
        while (k < *count && values[k] != value) k++;
        if (k == *count && !isnan(value)) values[(*count)++] = value;
    }
    if (values != NULL) gsl_sort(values, 1, *count);
    return values;
}

static size_t count_of(const struct runs *runs, key_of *key, const void *what) {
    size_t count = 0;
    if (what != NULL) free(values_of(runs, key, what, &count));
    return count;
}

/* Of several values the usual: with most points of the axis, then most runs, then the first. */
static void keep_usual(struct runs *runs, key_of *key, const void *what,
                       const struct selection_axis *axis) {
    struct runs best = {0};
    size_t count, best_points = 0;
    double *values = values_of(runs, key, what, &count);
    for (size_t i = 0; values != NULL && count > 1 && i < count; i++) {
        struct runs some = where(runs, key, what, values[i]);
        const size_t points = count_of(&some, by_axis, axis);
        const bool better = points != best_points ? points > best_points : some.count > best.count;
        free(better ? best.list : some.list);
        if (!better) continue;
        best = some;
        best_points = points;
    }
    free(values);
    if (count <= 1) return;
    free(runs->list);
    *runs = best;
}

/* ---- the rules ---- */

/* A sweep is of its own axis and stays there. */
static bool is_about(const struct session *session, const struct selection_rule *rule) {
    if (session->axis == NULL) return strcmp(session->command, "compare") == 0 && !rule->sweep;
    return rule->axis != NULL && strcmp(session->axis, rule->axis->option) == 0;
}

/* Beside clients that say nothing there is an answer or none, and no time to compare. */
static bool fits(const struct run *run, const struct selection_rule *rule) {
    const struct parameters *asked = &run->asked;
    return asked->role == ROLE_VARIANT && !run->against && asked->silent == 0 &&
           asked->wire == rule->wire && (asked->loss_percent > 0) == rule->loses &&
           run_is_open(run) == rule->open;
}

/* All that the rule lets in; or, not `valid`, those that it would if they counted. Borrowed. */
static struct runs select_runs(const struct selection_rule *rule, const struct results *results,
                               bool valid) {
    struct runs all = {0};
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        for (size_t k = 0; is_about(session, rule) && k < session->runs.count; k++) {
            struct run *run = session->runs.list[k];
            if (!fits(run, rule) || run_is_valid(run) != valid) continue;
            struct run **more = reallocarray(all.list, all.count + 1, sizeof(struct run *));
            if (more == NULL) return all;
            all.list = more;
            more[all.count++] = run;
        }
    }
    if (rule->one_session || rule->page) keep_usual(&all, by_session, results, rule->axis);
    if (rule->page) keep_usual(&all, by_trait, &(enum trait){MESSAGES}, rule->axis);
    return all;
}

/* How deep a pipeline is and when to send again belong to the variant: each has its usual. */
static bool is_of_variant(const struct parameter *parameter) {
    return strcmp(parameter->option, "rto-floor") == 0 || strcmp(parameter->option, "dedup") == 0;
}

static void settle(struct runs *runs, const struct selection_axis *axis, bool of_variant) {
    const bool along_depth = axis != NULL && strcmp(axis->option, "pipeline") == 0;
    if (!of_variant) keep_usual(runs, by_trait, &(enum trait){PLACE}, axis);
    for (unsigned i = 0; i < parameter_count; i++) {
        const struct parameter *one = &parameters[i];
        const bool along = axis != NULL && strcmp(axis->option, one->option) == 0;
        if (one->identity && !along && is_of_variant(one) == of_variant)
            keep_usual(runs, by_parameter, one, axis);
    }
    if (of_variant && !along_depth) keep_usual(runs, by_trait, &(enum trait){DEPTH}, axis);
}

/* ---- what they have in common, in words ---- */

/* What a caption tells, in this order. */
static const char *const told[] = {"rtt",         "loss", "rate",       "delay", "placement",
                                   "connections", "size", "reply-size", "engine"};

static struct number condition_of(const struct runs *runs, const char *option) {
    const struct parameters *asked = &runs->list[0]->asked;
    const struct parameter *parameter = parameter_find(option);
    if (count_of(runs, by_parameter, parameter) != 1 || by_parameter(runs->list[0], parameter) < 0)
        return (struct number){""};
    if (asked->host != NULL && strcmp(option, "placement") == 0) return (struct number){"remote"};
    const struct field_value value = field_get(&parameter->field, asked);
    const char *name = parameter->field.name == NULL ? option : parameter->field.name;
    return words_condition(name, value.number, value.text);
}

/* "same-core, 1 connection, 64 bytes"; malloc'd. */
static char *conditions_of(const struct runs *runs, const struct selection_axis *axis) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = runs->count == 0 ? NULL : open_memstream(&text, &length);
    if (out == NULL) return NULL;
    const struct run *first = runs->list[0];
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        if (axis != NULL && strcmp(axis->option, told[i]) == 0) continue;
        const struct number words = condition_of(runs, told[i]);
        if (*words.text != '\0') (void)fprintf(out, "%s%s", ftell(out) > 0 ? ", " : "", words.text);
    }
    if (count_of(runs, by_trait, &(enum trait){MESSAGES}) == 1)
        (void)fprintf(out, ", %s", words_counted((double)first->sent, "message").text);
    if (first->asked.loss_percent > 0)
        (void)fprintf(out, ", a deadline of %g ms", (double)first->asked.deadline_ns / 1e6);
    (void)fclose(out);
    return text;
}

static bool has_runs(const struct results *results, const struct variant *variant) {
    for (size_t i = 0; i < results->count; i++) {
        const struct runs *runs = &results->sessions[i]->runs;
        for (size_t k = 0; k < runs->count; k++)
            if (series_is_of(runs->list[k], variant->name) && run_is_valid(runs->list[k]))
                return true;
    }
    return false;
}

/* The variants as in the table, but the core ones first. */
static const struct variant *variant_at(unsigned place) {
    for (int core = 1; core >= 0; core--)
        for (unsigned i = 0; i < variant_count; i++)
            if (variants[i].core == core && place-- == 0) return &variants[i];
    return NULL;
}

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
        table_text(table, "%s", axis->names[(size_t)figure_at(axis, run)]);
    else if (axis != NULL)
        table_number(table, figure_at(axis, run));
}

static void add_medians(struct drawing *drawing, const struct runs *here) {
    const struct figure *figure = drawing->figure;
    size_t most = 0;
    table_place(&drawing->table, figure->runs.axis, here->list[0]);
    for (size_t i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        const struct middle middle = runs_middle(here, figure->metrics[i].of, NULL, NULL);
        table_middle(&drawing->table, middle);
        if (middle.count > most) most = middle.count;
    }
    if (figure->model.of != NULL) table_number(&drawing->table, figure->model.of(drawing, here));
    table_number(&drawing->table, (double)most);
}

/* Of one variant. */
static void add_rows(struct drawing *drawing, const struct runs *own) {
    const struct selection_axis *axis = drawing->figure->runs.axis;
    figure_row *row = drawing->figure->row == NULL ? add_medians : drawing->figure->row;
    size_t count = 0;
    drawing->own = own;
    double *points = axis == NULL ? NULL : values_of(own, by_axis, axis, &count);
    if (axis == NULL && own->count > 0) row(drawing, own);
    for (size_t i = 0; i < count; i++) {
        struct runs here = where(own, by_axis, axis, points[i]);
        if (here.count > 0) row(drawing, &here);
        free(here.list);
    }
    free(points);
    drawing->own = NULL;
}

static void fill_runs(struct drawing *drawing) {
    const struct selection_rule *rule = &drawing->figure->runs;
    struct runs all = select_runs(rule, drawing->results, true);
    settle(&all, rule->axis, false);
    const bool enough = count_of(&all, by_axis, rule->axis) >= rule->points;
    for (unsigned i = 0; enough && i < variant_count; i++) {
        struct runs own =
            where(&all, by_trait, &(enum trait){VARIANT}, (double)(variant_at(i) - variants));
        settle(&own, rule->axis, true);
        add_rows(drawing, &own);
        free(own.list);
    }
    drawing->conditions = conditions_of(&all, rule->axis);
    if (all.count > 0) drawing->from = figure_session_of(drawing->results, all.list[0]);
    free(all.list);
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
            const struct source source = {kind->fields, kind->field_count, item, NULL};
            const size_t before = drawing->table.count;
            if (figure->tell != NULL)
                figure->tell(drawing, item);
            else
                table_row(&drawing->table, source);
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
    if (figure->model.of != NULL) table_column(table, "%s", figure->model.column);
    table_column(table, "runs");
}

/* ---- whether there is something to draw ---- */

static char *say_why_empty(const struct drawing *drawing) {
    char *text = NULL;
    struct runs refused = select_runs(&drawing->figure->runs, drawing->results, false);
    const bool of_runs = drawing->figure->fill == NULL && drawing->figure->findings == NULL;
    if (!of_runs || (drawing->from == NULL && refused.count == 0))
        text = strdup("no result file has it");
    else if (drawing->from != NULL)
        text = strdup("one point alone is no figure");
    else if (asprintf(&text, "none of its %zu runs counts: %s", refused.count,
                      refused.list[0]->validity.reason[0]) < 0)
        text = NULL;
    free(refused.list);
    return text;
}

static bool has_place(const struct drawing *drawing, size_t row, size_t axis) {
    const double value = table_get(&drawing->table, row, drawing->figure->drawn[axis].column);
    return drawing->figure->drawn[axis].logarithmic ? value > 0 : !isnan(value);
}

/* The rows that have a place on so many axes, the first ones. */
static size_t count_drawn(const struct drawing *drawing, size_t axes) {
    size_t rows = 0;
    for (size_t row = 0; row < table_rows(&drawing->table); row++) {
        size_t axis = 0;
        while (axis < axes && has_place(drawing, row, axis)) axis++;
        rows += axis == axes;
    }
    return rows;
}

static bool has_number(const struct drawing *drawing, const char *column) {
    for (size_t row = 0; row < table_rows(&drawing->table); row++)
        if (!isnan(table_get(&drawing->table, row, column))) return true;
    return false;
}

static char *say_missing(const struct drawing *drawing) {
    size_t axes = 0;
    char *text = NULL;
    if (table_rows(&drawing->table) == 0) return say_why_empty(drawing);
    while (axes < FIGURE_DRAWN && drawing->figure->drawn[axes].column != NULL &&
           count_drawn(drawing, axes + 1) > 0)
        axes++;
    const char *lacking = axes == FIGURE_DRAWN ? NULL : drawing->figure->drawn[axes].column;
    if (lacking == NULL && count_drawn(drawing, axes) > 1) return NULL;
    if (lacking == NULL || table_rows(&drawing->table) == 1)
        return strdup("one row alone is no figure");
    const char *what = has_number(drawing, lacking) ? "is 0 everywhere, on a logarithmic axis"
                                                    : "is known nowhere";
    return asprintf(&text, "`%s` %s", lacking, what) < 0 ? NULL : text;
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
    drawing.missing = say_missing(&drawing);
    return drawing;
}

void drawing_free(struct drawing *drawing) {
    table_free(&drawing->table);
    free(drawing->conditions);
    free(drawing->missing);
}

const struct drawing *drawing_find(const struct drawing *drawings, const char *name) {
    for (unsigned i = 0; i < figure_count; i++)
        if (strcmp(figures[i].name, name) == 0) return &drawings[i];
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

/* NULL: removed, as that of an older measurement would be drawn as if it were of this one. */
static int save_table(const struct table *table, const char *directory, const char *name,
                      char *why) {
    char *text = table == NULL ? NULL : table_text_of(table), path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/data/%s.tsv", directory, name);
    const bool gone = table != NULL || unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR;
    if (!gone) return refuse(why, -errno, "removed", path);
    if (table == NULL) return 0;
    const int result = text == NULL
                           ? refuse(why, -ENOMEM, "written", name)
                           : report_save(directory, "data", strrchr(path, '/') + 1, text, why);
    free(text);
    return result;
}

static int save_index(const struct drawing *drawings, const char *directory, char *why) {
    double count = 0;
    struct table names = {0}, drawn = {0};
    table_columns(&names, "variant|index");
    for (unsigned i = 0; i < variant_count; i++) {
        if (!has_runs(drawings[0].results, variant_at(i))) continue;
        table_text(&names, "%s", variant_at(i)->name);
        table_number(&names, ++count);
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
        const struct table *table = drawings[i].missing == NULL ? &drawings[i].table : NULL;
        result = save_table(table, directory, figures[i].name, why);
    }
    return result;
}
