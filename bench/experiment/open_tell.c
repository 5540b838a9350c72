/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/open_tell.h"

#include <math.h>
#include <string.h>

enum { NARROW = 5 };

struct number open_time(const struct open_point *point, double us) {
    if (!isinf(us)) return words_time(us);
    const struct number deadline = words_time(point->deadline_us);
    struct number number = {">"};
    memcpy(number.text + 1, deadline.text, sizeof number.text - 2);
    return number;
}

void open_put_runs(FILE *out, const struct open_point *point, enum open_percent percent) {
    const struct interval *latency = &point->latency_us[percent];
    (void)fputs(" (", out);
    if (point->valid > 1 && percent >= OPEN_P99 && !isnan(latency->low)) {
        (void)fprintf(out, "single runs %s to %s, ", open_time(point, latency->low).text,
                      open_time(point, latency->high).text);
    }
    (void)fprintf(out, "%s)", words_counted(point->valid, "run").text);
}

/* ---- cells ---- */

/* In us unless it says otherwise: 4567, 12.3ms, >2s. */
static struct number narrow_time(const struct open_point *point, double us) {
    if (!isinf(us)) return words_narrow_time(us, NARROW);
    /* Rounded down so that it stays true; but for what the division took. */
    const double deadline = point->deadline_us, hair = 1e-9;
    const double unit = deadline < 1e4 ? 1 : deadline < 1e6 ? 1e3 : 1e6;
    const double step = deadline >= 1e6 && deadline < 1e7 ? 0.01 : 1;
    struct number number;
    (void)snprintf(number.text, sizeof number.text, ">%g%s",
                   floor(deadline / unit / step + hair) * step,
                   unit > 1e3 ? "s"
                   : unit > 1 ? "ms"
                              : "");
    return number;
}

static struct number places(const struct open_point *point, double value) {
    struct number number = {"-"};
    (void)point;
    if (!isnan(value)) (void)snprintf(number.text, sizeof number.text, "%.2f", value);
    return number;
}

/* Rounded down: 99.999 % are not all. */
static struct number percent(const struct open_point *point, double value) {
    return places(point, floor(100 * value + 1e-9) / 100);
}

static struct number rounded(const struct open_point *point, double value) {
    (void)point;
    return words_number(value);
}

static struct number exact(const struct open_point *point, double value) {
    (void)point;
    return words_count(value);
}

/* "[123,4567]": without a blank, so that a narrow column does not break it. */
static struct number p99_of_runs(const struct open_point *point, double low) {
    struct number number = {"-"};
    if (isnan(low)) return number;
    (void)snprintf(number.text, sizeof number.text, "[%.20s,%.20s]", narrow_time(point, low).text,
                   narrow_time(point, point->latency_us[OPEN_P99].high).text);
    return number;
}

static struct number overloaded(const struct open_point *point, double valid) {
    struct number number;
    (void)snprintf(number.text, sizeof number.text, "%.0f/%.0f", point->overloaded, valid);
    return number;
}

/* ---- tables ---- */

/* Where a column stands: a page has room for what a terminal of 80 columns has not. */
enum place { POINT = 1, RATES = 2, POINT_ON_PAGE = 4, RATES_ON_PAGE = 8 };

static const struct {
    const char *head;
    unsigned places;
    struct number (*words)(const struct open_point *point, double value);
    size_t offset; /* of the value */
} columns[] = {
    {"offered/s", RATES, exact, offsetof(struct open_point, offered_per_s)},
    {"share", RATES, places, offsetof(struct open_point, share)},
    {"answered/s", RATES, rounded, offsetof(struct open_point, answered_per_s)},
    {"answ. %", POINT | RATES_ON_PAGE, percent, offsetof(struct open_point, answered_percent)},
    {"p50 us", POINT | RATES, narrow_time, offsetof(struct open_point, latency_us[OPEN_P50].value)},
    {"p90", POINT_ON_PAGE, narrow_time, offsetof(struct open_point, latency_us[OPEN_P90].value)},
    {"p99 us", POINT | RATES, narrow_time, offsetof(struct open_point, latency_us[OPEN_P99].value)},
    {"of one run", POINT | RATES, p99_of_runs,
     offsetof(struct open_point, latency_us[OPEN_P99].low)},
    {"p99.9", POINT, narrow_time, offsetof(struct open_point, latency_us[OPEN_P999].value)},
    {"serv. p50", RATES_ON_PAGE, narrow_time, offsetof(struct open_point, service_p50_us)},
    {"serv.", POINT | RATES, narrow_time, offsetof(struct open_point, service_p99_us)},
    {"late", POINT | RATES, narrow_time, offsetof(struct open_point, late_p99_us)},
    {"messages", POINT_ON_PAGE, exact, offsetof(struct open_point, messages)},
    {"over", RATES, overloaded, offsetof(struct open_point, valid)},
    {"runs", POINT_ON_PAGE, exact, offsetof(struct open_point, valid)},
};

enum { COLUMNS = sizeof columns / sizeof columns[0] };

static unsigned places_of(const struct story *story, enum place table) {
    return story->html ? table | (unsigned)table << 2U : table;
}

static void add_heads(struct grid *grid, unsigned shown) {
    for (int i = 0; i < COLUMNS; i++) {
        if ((columns[i].places & shown) != 0) grid_head(grid, "%s", columns[i].head);
    }
}

static void add_cells(struct grid *grid, unsigned shown, const struct open_point *point) {
    for (int i = 0; i < COLUMNS; i++) {
        const double *value = (const void *)((const char *)point + columns[i].offset);
        if ((columns[i].places & shown) == 0) continue;
        grid_add(grid, "%s", columns[i].words(point, *value).text);
    }
}

void open_rates_table(struct story *story, const struct open_rates *rates) {
    const unsigned shown = places_of(story, RATES);
    struct grid grid = grid_of("");
    add_heads(&grid, shown);
    for (size_t i = 0; i < rates->count; i++) add_cells(&grid, shown, &rates->points[i]);
    story_numbers(story, &grid);
}

/* Names are set as code, what stands in parentheses is none. */
static const char *mark_of(const char *name) {
    return *name == '(' ? "" : "`";
}

/* What a series of the point is called; NULL: it is not shown, or of another point. */
static const char *name_at(const struct series_table *table, size_t i, size_t series,
                           const char *(*name)(const struct run *run)) {
    const struct run *run = table->first[i];
    if (!series_same_point(run, table->first[series]) || run_is_floor(run)) return NULL;
    return name(run);
}

static void tell_what_is_wrong(struct story *story, const char *name,
                               const struct open_point *point) {
    const char *mark = mark_of(name);
    if (point->valid == 0) story_say(story, "No valid run of %s%s%s.", mark, name, mark);
    if (point->overloaded == 0) return;
    story_say(story,
              "%s%s%s was overloaded in %.0f of %.0f runs: not answered at the rate it came.", mark,
              name, mark, point->overloaded, point->valid);
}

void open_point_table(struct story *story, const struct series_table *table, size_t series,
                      const char *(*name)(const struct run *run)) {
    const unsigned shown = places_of(story, POINT);
    struct grid grid = grid_of("variant");
    add_heads(&grid, shown);
    for (size_t i = 0; i < table->count; i++) {
        const char *called = name_at(table, i, series, name);
        if (called == NULL) continue;
        const struct open_point point = open_point_of(table, i);
        grid_add(&grid, "%s%s%s", mark_of(called), called, mark_of(called));
        add_cells(&grid, shown, &point);
    }
    story_table(story, "numbers", &grid);
    for (size_t i = 0; i < table->count; i++) {
        const char *called = name_at(table, i, series, name);
        if (called == NULL) continue;
        const struct open_point point = open_point_of(table, i);
        tell_what_is_wrong(story, called, &point);
    }
}

void open_notes(struct story *story) {
    story_say(story,
              "Open loop: latency counts from when a request was due, in us unless it says "
              "otherwise. Percentiles are over the messages of all runs, in brackets the lowest "
              "and the highest p99 of one run; - where fewer than %d messages lie beyond. Lost "
              "ones rank above all others (in a verdict: as long as the deadline). serv.: the p99 "
              "from the first byte sent, late: that of the generator's own lateness, both medians "
              "of the runs'.",
              SAMPLES_BEYOND);
}
