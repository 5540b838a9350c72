/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/tell/words.h"

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* A template of tell/fill.h. */
static void put(FILE *out, const struct table *table, size_t row, const char *template) {
    struct field fields[TABLE_COLUMNS];
    fill_put(out, template, table_source(table, row, fields));
}

/* The last row of the same series. */
static size_t last_of(const struct table *table, size_t row) {
    while (row + 1 < table_rows(table) && table_goes_on(table, row + 1)) row++;
    return row;
}

/* ---- what may stand in braces ---- */

/* Of the rows that have a place on the axis, which is the second column: the third. */
static void put_extreme(FILE *out, const struct drawing *drawing, int sign) {
    const struct table *table = &drawing->table;
    char *const *columns = table->columns, *template = NULL;
    const char *axis = columns[1], *runs = columns[table->width - 1];
    size_t best = table_rows(table);
    for (size_t row = 0; row < table_rows(table); row++) {
        const double value = table_get(table, row, columns[2]);
        const bool placed = !isnan(table_get(table, row, axis)) || *table_word(table, row, axis);
        if (isnan(value) || !placed) continue;
        if (best == table_rows(table) || sign * (value - table_get(table, best, columns[2])) > 0)
            best = row;
    }
    if (best == table_rows(table)) return;
    const char *word = *table_word(table, best, axis) ? table_word(table, best, axis) : NULL;
    if (asprintf(&template, "{%s} %s ([%s {%s} to {%s}, ]{%s:%.*s}) by `{%s}` at %s", columns[2],
                 drawing->figure->unit,
                 ends_with(columns[3], "ci_low") ? "95 % interval" : "one standard deviation",
                 columns[3], columns[4], runs, (int)strlen(runs) - 1, runs, columns[0],
                 words_condition(axis, table_get(table, best, axis), word).text) > 0)
        put(out, table, best, template);
    free(template);
}

static void put_highest(FILE *out, const struct drawing *drawing) {
    put_extreme(out, drawing, 1);
}

static void put_lowest(FILE *out, const struct drawing *drawing) {
    put_extreme(out, drawing, -1);
}

/* From the first row of a variant on, which descend in the share: where it is so little. */
static double tail_us(const struct table *table, size_t row, double percent) {
    const size_t last = last_of(table, row);
    while (row < last && table_get(table, row, "longer_percent") > percent) row++;
    return table_get(table, row, "longer_percent") > percent ? (double)NAN
                                                             : table_get(table, row, "latency_us");
}

static void put_tails(FILE *out, const struct drawing *drawing) {
    const struct table *table = &drawing->table;
    for (size_t row = 0; row < table_rows(table); row = last_of(table, row) + 1) {
        const double slow = tail_us(table, row, 1);
        put(out, table, row, row > 0 ? "; `{variant}` " : "`{variant}` ");
        (void)fputs(words_time(tail_us(table, row, 50)).text, out);
        if (!isnan(slow)) (void)fprintf(out, " and %s", words_time(slow).text);
        put(out, table, row, " ({messages:message})");
    }
}

static double around_us(const struct table *table, size_t row) {
    return table_get(table, row, "connect_us") + table_get(table, row, "close_us");
}

/* The variant that spends the largest share outside the exchange: before it and after it. */
static void put_largest_overhead(FILE *out, const struct drawing *drawing) {
    const struct table *table = &drawing->table;
    size_t most = 0;
    double most_share = -1;
    for (size_t row = 0; row < table_rows(table); row++) {
        const double share = 1 / (1 + table_get(table, row, "exchange_us") / around_us(table, row));
        if (!(share > most_share)) continue;
        most = row;
        most_share = share;
    }
    put(out, table, most, "a message by `{variant}` takes ");
    (void)fprintf(out, "%s, of which %.0f %% are spent",
                  words_time(around_us(table, most) + table_get(table, most, "exchange_us")).text,
                  100 * most_share);
    put(out, table, most,
        " on connecting, {connect_us:time}[ (95 % interval {connect_us_ci_low:time} to "
        "{connect_us_ci_high:time})], and closing, {close_us:time} ([95 % interval "
        "{close_us_ci_low:time} to {close_us_ci_high:time}, ]{runs:run})");
}

/* Whether the two columns behind this one are its interval. */
static bool has_interval(const struct table *table, size_t column) {
    return column + 2 < table->width && ends_with(table->columns[column + 1], "low") &&
           ends_with(table->columns[column + 2], "high");
}

/* Beside a measured column and its interval, in that unit. */
struct modelled {
    const struct table *table;
    char *const *measured; /* and its interval behind it */
    const char *model, *unit;
};

static struct modelled modelled_of(const struct drawing *drawing) {
    const struct table *table = &drawing->table;
    struct modelled of = {table, table->columns, drawing->figure->model.column,
                          drawing->figure->unit};
    while (!has_interval(table, (size_t)(of.measured - table->columns))) of.measured++;
    return of;
}

static void put_off(FILE *out, const struct modelled *of, size_t row, double ratio) {
    const char *axis = of->table->columns[1];
    const bool time = ends_with(of->unit, "s") && strlen(of->unit) == 2;
    const char *how = time ? ":time" : "", *blank = time ? "" : " ", *unit = time ? "" : of->unit;
    char *template = NULL;
    const char *name = of->measured[0], *low = of->measured[1], *high = of->measured[2];
    if (asprintf(&template,
                 "Furthest from the model is `{variant}` at %s: {%s%s}%s%s ([95 %% interval "
                 "{%s%s} to {%s%s}, ]{runs:run}) measured, {%s%s}%s%s predicted (%+.1f %%)",
                 words_condition(axis, table_get(of->table, row, axis), NULL).text, name, how,
                 blank, unit, low, how, high, how, of->model, how, blank, unit,
                 100 * (ratio - 1)) > 0)
        put(out, of->table, row, template);
    free(template);
}

/* The point that is furthest from it, as it is the one to look at, and how many are off. */
static void put_model(FILE *out, const struct drawing *drawing) {
    const struct modelled of = modelled_of(drawing);
    size_t worst = table_rows(of.table), sure = 0, off = 0;
    double worst_ratio = 1;
    for (size_t row = 0; row < table_rows(of.table); row++) {
        const double model = table_get(of.table, row, of.model),
                     low = table_get(of.table, row, of.measured[1]),
                     high = table_get(of.table, row, of.measured[2]),
                     ratio = table_get(of.table, row, of.measured[0]) / model;
        sure += low + high + model > 0;
        off += model < low || model > high;
        if (isnan(ratio)) continue;
        if (worst < table_rows(of.table) && fabs(ratio - 1) <= fabs(worst_ratio - 1)) continue;
        worst = row;
        worst_ratio = ratio;
    }
    if (worst == table_rows(of.table)) {
        (void)fputs("What the model begins with was not measured, so nothing is predicted", out);
        return;
    }
    put_off(out, &of, worst, worst_ratio);
    if (off > 0)
        (void)fprintf(out, "; %zu of %zu points are off by more than their interval: %s", off, sure,
                      drawing->figure->model.why);
    else if (sure > 0)
        (void)fprintf(out, "; it is inside the interval of each of %zu points", sure);
}

/* The first two sizes between which there is a round trip more. */
static void put_first_step(FILE *out, const struct table *table, size_t row) {
    for (const size_t last = last_of(table, row); row < last; row++) {
        const double more =
            table_get(table, row + 1, "round_trips") - table_get(table, row, "round_trips");
        if (more < 0.5) continue;
        (void)fprintf(out, " (the first step, of %s, is between", words_number(more).text);
        put(out, table, row, " {size_bytes:count}");
        put(out, table, row + 1, " and {size_bytes:byte})");
        return;
    }
    (void)fputs(" (no step)", out);
}

/* In round trips, what the smallest and the largest payload take by each variant. */
static void put_steps(FILE *out, const struct drawing *drawing) {
    const struct table *table = &drawing->table;
    (void)fputs("In round trips", out);
    for (size_t row = 0; row < table_rows(table); row = last_of(table, row) + 1) {
        (void)fputs(row == 0 ? ", " : "; ", out);
        put(out, table, row, "`{variant}` takes {round_trips} for {size_bytes:byte}");
        put(out, table, last_of(table, row), " and {round_trips} for {size_bytes:byte}");
        put_first_step(out, table, row);
    }
}

static void put_answered_row(FILE *out, const struct table *table, size_t row) {
    put(out, table, row,
        " {answered_percent:%.1f} % (95 % interval {ci_low:%.1f} to {ci_high:%.1f}[, predicted "
        "{predicted_percent:%.1f}]) with {size_bytes:byte}");
    if (table_get(table, row, "fragments_per_request") > 0)
        put(out, table, row, " in {fragments_per_request:%.3g} fragments");
}

/* Of each variant the share with the most in one packet, and with the largest payload. */
static void put_answered(FILE *out, const struct drawing *drawing) {
    const struct table *table = &drawing->table;
    (void)fputs("Of all messages", out);
    for (size_t row = 0; row < table_rows(table); row = last_of(table, row) + 1) {
        const size_t largest = last_of(table, row);
        size_t whole = largest;
        for (size_t i = row; i < largest; i++)
            if (table_get(table, i, "size_bytes") <= FIGURE_ONE_PACKET) whole = i;
        put(out, table, row, row == 0 ? ", `{variant}` answers" : "; `{variant}` answers");
        put_answered_row(out, table, whole);
        if (whole == largest) continue;
        (void)fputs(", and", out);
        put_answered_row(out, table, largest);
    }
}

/* ---- of the page ---- */

static void put_name(FILE *out, const struct drawing *drawing) {
    (void)fputs(drawing->figure->name, out);
}

static void put_conditions(FILE *out, const struct drawing *drawing) {
    if (drawing->conditions == NULL || *drawing->conditions == '\0') return;
    story_html(out, drawing->conditions);
    (void)fputs(" · ", out);
}

static void put_caption(FILE *out, const struct drawing *drawing) {
    char *caption = drawing_text(drawing, drawing->figure->caption);
    for (const char *c = caption; c != NULL && *c != '\0'; c++)
        if (*c != '`') story_escape(out, *c);
    free(caption);
}

static const struct place {
    const char *name;
    void (*put)(FILE *out, const struct drawing *drawing);
} places[] = {{"{highest}", put_highest},       {"{lowest}", put_lowest},
              {"{tails}", put_tails},           {"{largest_overhead}", put_largest_overhead},
              {"{model}", put_model},           {"{steps}", put_steps},
              {"{answered}", put_answered},     {"{name}", put_name},
              {"{conditions}", put_conditions}, {"{caption}", put_caption}};
enum { PLACES = sizeof places / sizeof *places };

char *drawing_text(const struct drawing *drawing, const char *template) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    while (out != NULL && *template != '\0') {
        const struct place *place = places;
        while (place < places + PLACES && strncmp(template, place->name, strlen(place->name)) != 0)
            place++;
        if (place == places + PLACES) {
            (void)fputc(*template ++, out);
            continue;
        }
        place->put(out, drawing);
        template += strlen(place->name);
    }
    if (out != NULL) (void)fclose(out);
    return text;
}

/* ---- the numbers ---- */

static void add_cell(struct grid *grid, const struct table *table, size_t row, size_t column,
                     bool exact) {
    const char *name = table->columns[column], *word = table_word(table, row, name);
    struct interval interval = {table_get(table, row, name), NAN, NAN};
    if (has_interval(table, column)) {
        interval.low = table_get(table, row, table->columns[column + 1]);
        interval.high = table_get(table, row, table->columns[column + 2]);
    }
    if (*word != '\0')
        grid_add(grid, column == 0 ? "`%s`" : "%s", word);
    else if (exact)
        grid_add(grid, "%s", words_count(interval.value).text);
    else
        grid_add(grid, "%s", words_interval(interval, words_number).text);
}

struct grid caption_numbers(const struct drawing *drawing) {
    const struct table *table = &drawing->table;
    const bool has_axis = drawing->figure->runs.axis != NULL || drawing->figure->columns != NULL;
    struct grid grid = grid_of("%s", "");
    for (size_t i = 0; i < table->width; i += has_interval(table, i) ? 3 : 1) {
        char words[64];
        (void)snprintf(words, sizeof words, "%s", table->columns[i]);
        for (char *c = words; *c != '\0'; c++)
            if (*c == '_') *c = ' ';
        grid_head(&grid, "%s", words);
    }
    for (size_t row = 0; row < table_rows(table); row++)
        for (size_t i = 0; i < table->width; i += has_interval(table, i) ? 3 : 1)
            add_cell(&grid, table, row, i, (i == 1 && has_axis) || i + 1 == table->width);
    return grid;
}
