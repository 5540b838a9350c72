/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs of an open loop say: at one rate, and along it; of that, echolab
 * sweep rate, the plan, up to what a variant carries and beyond.
 */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/judge/open_loop.h"
#include "bench/tell/fill.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

/* ---- a point of an open loop ---- */

#define PLACE(name_, kind_, member_)                                                               \
    { .name = (name_), .kind = (kind_), .offset = offsetof(struct open_point, member_) }
#define TEXT(member_) PLACE(#member_, FIELD_TEXT, member_)
#define REAL(member_) PLACE(#member_, FIELD_REAL, member_)
#define US(name_, latency_) PLACE(name_ "_us", FIELD_REAL, latency_us latency_)

/* clang-format off */
static const struct field point_fields[] = {
    TEXT(variant), REAL(valid), REAL(overloaded), REAL(messages), REAL(offered_per_s), REAL(share),
    REAL(answered_per_s), REAL(answered_percent), REAL(mean_us), REAL(service_p50_us), REAL(service_p99_us),
    REAL(late_p99_us), REAL(deadline_us), US("p50", [OPEN_P50].value), US("p90", [OPEN_P90].value),
    US("p99", [OPEN_P99].value), US("low_p99", [OPEN_P99].low), US("high_p99", [OPEN_P99].high),
    US("p999", [OPEN_P999].value)};
/* clang-format on */

static struct source from_point(const struct open_point *point) {
    return (struct source){point_fields, sizeof point_fields / sizeof *point_fields, point, NULL};
}

/* Behind a percentile: single runs have no spread. */
static void put_support(FILE *out, const struct open_point *point, bool spread) {
    fill_put(out,
             spread && point->valid > 1
                 ? " ([single runs {low_p99_us:time} to {high_p99_us:time}, ]{valid:run})"
                 : " ({valid:run})",
             from_point(point));
}

/* Where a column stands: a page has room for what a terminal of 80 columns has not. */
enum place { POINT = 1, RATES = 2, POINT_ON_PAGE = 4, RATES_ON_PAGE = 8 };

static const struct {
    unsigned places;
    const char *head, *cell;
} columns[] = {{RATES, "offered/s", "{offered_per_s:count}"},
               {RATES, "share", "{share:%.2f}"},
               {RATES, "answered/s", "{answered_per_s}"},
               {POINT | RATES_ON_PAGE, "answ. %", "{answered_percent:%.2f}"},
               {POINT | RATES, "p50 us", "{p50_us:narrow}"},
               {POINT_ON_PAGE, "p90", "{p90_us:narrow}"},
               {POINT | RATES, "p99 us", "{p99_us:narrow}"},
               /* Without a blank, so that a narrow column does not break it. */
               {POINT | RATES, "of one run", "[[{low_p99_us:narrow},{high_p99_us:narrow}]"},
               {POINT, "p99.9", "{p999_us:narrow}"},
               {RATES_ON_PAGE, "serv. p50", "{service_p50_us:narrow}"},
               {POINT | RATES, "serv.", "{service_p99_us:narrow}"},
               {POINT | RATES, "late", "{late_p99_us:narrow}"},
               {POINT_ON_PAGE, "messages", "{messages:count}"},
               {RATES, "over", "{overloaded:count}/{valid:count}"},
               {POINT_ON_PAGE, "runs", "{valid:count}"}};

/* Without a point the heads. */
static void add_cells(struct grid *grid, const struct story *story, enum place table,
                      const struct open_point *point) {
    const unsigned shown = story->html ? table | (unsigned)table << 2U : table;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if ((columns[i].places & shown) == 0) continue;
        if (point == NULL)
            grid_head(grid, "%s", columns[i].head);
        else
            grid_fill(grid, columns[i].cell, from_point(point));
    }
}

void open_point_table(struct story *story, const struct series_table *table, size_t series,
                      const char *(*name)(const struct run *run)) {
    struct grid grid = grid_of("variant");
    add_cells(&grid, story, POINT, NULL);
    for (size_t i = 0; i < table->count; i++) {
        const struct run *run = table->first[i];
        if (!series_same_point(run, table->first[series]) || run_is_floor(run)) continue;
        const char *called = name(run);
        if (called == NULL) continue;
        const char *mark = *called == '(' ? "" : "`"; /* that is no name */
        const struct open_point point = open_point_of(table, i);
        grid_add(&grid, "%s%s%s", mark, called, mark);
        add_cells(&grid, story, POINT, &point);
        if (point.valid == 0) story_say(story, "No valid run of %s%s%s.", mark, called, mark);
        if (point.overloaded > 0)
            story_say(story,
                      "%s%s%s was overloaded in %.0f of %.0f runs: not answered at the rate it "
                      "came.",
                      mark, called, mark, point.overloaded, point.valid);
    }
    story_table(story, "numbers", &grid);
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

/* ---- tails at one rate, of compare --rate ---- */

static bool keeps_a_schedule(const struct session *session) {
    return session->runs.count > 0 && run_is_open(session->runs.list[0]);
}

static void put_tail_of(FILE *out, const struct series_table *table, const char *variant) {
    const size_t i = series_next(table, 0, variant);
    if (i == table->count) return;
    const struct open_point point = open_point_of(table, i);
    if (isnan(point.latency_us[OPEN_P99].value)) return;
    fill_put(out,
             ftell(out) > 0 ? ", and" : "At {offered_per_s} requests/s for all a message takes",
             from_point(&point));
    fill_put(out, " {p50_us:time} in the median and {p99_us:time} in p99", from_point(&point));
    put_support(out, &point, true);
    (void)fprintf(out, " by `%s`", variant);
}

static void put_tails(FILE *out, const void *table) {
    put_tail_of(out, table, kept);
    put_tail_of(out, table, fresh);
    if (ftell(out) > 0) (void)fputc('.', out);
}

static bool is_verdict(const struct compared *c) {
    return strcmp(c->metric, metrics[METRIC_P99].name) == 0 && strcmp(c->variant, kept) == 0 &&
           strcmp(c->baseline, fresh) == 0;
}

void tails_tell(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "compare", NULL, keeps_a_schedule);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    story_tell(story, put_tails, &table);
    series_free(&table);
    const struct compared *c = session->lists[LIST_COMPARISONS].items;
    const struct compared *end = c + session->lists[LIST_COMPARISONS].count;
    while (c < end && !is_verdict(c)) c++;
    if (c < end) story_tell(story, compare_put_sentence, c);
}

/* Of a variant once, not again for the control. */
static const char *name_of(const struct run *run) {
    return run->asked.role == ROLE_VARIANT ? run->asked.variant->name : NULL;
}

void tails_table(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "compare", NULL, keeps_a_schedule);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    open_point_table(story, &table, series_next(&table, 0, NULL), name_of);
    open_notes(story);
    series_free(&table);
}

/* ---- along the rate ---- */

void rate_conclude(struct lab *lab) {
    compare_conclude(lab);
    open_knees(&lab->session->lists[LIST_KNEES], &lab->session->runs,
               &lab->session->lists[LIST_CAPACITIES]);
}

static void put_knee(FILE *out, const void *what) {
    const struct knee *knee = what;
    const struct source source = fill_from(LIST_KNEES, knee);
    fill_put(out,
             knee->capacity_runs > 1
                 ? "`{variant}`: capacity in a closed loop {capacity_per_s}/s (median of "
                   "{capacity_runs:run}, {capacity_least_per_s} to {capacity_most_per_s})"
                 : "`{variant}`: [capacity in a closed loop {capacity_per_s}/s][ "
                   "({capacity_runs:run})]",
             source);
    (void)fputs(isnan(knee->capacity_per_s.value) ? "" : "; ", out);
    fill_put(out,
             isnan(knee->knee_per_s.value)
                 ? "no knee: {because}[ ({runs:run})]"
                 : "knee at {knee_per_s:count}/s, {share:%.2f} of its capacity[ (95 % interval "
                   "{ci_low:count} to {ci_high:count}, {runs:run})][, where its mean latency is "
                   "twice the {idle_us:time} without a queue]",
             source);
    fill_put(out, "[; overloaded from {broken_per_s:count}/s on].", source);
}

static void tell_rates(void *context, const struct open_rates *rates) {
    struct story *story = context;
    struct grid grid = {0};
    if (rates->knee != NULL)
        story_tell(story, put_knee, rates->knee);
    else
        story_fill(story, "`{variant}`:", from_point(rates->points));
    add_cells(&grid, story, RATES, NULL);
    for (size_t i = 0; i < rates->count; i++) add_cells(&grid, story, RATES, &rates->points[i]);
    story_numbers(story, &grid);
}

void rate_numbers(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "sweep", "rate", NULL);
    const struct findings *knees = session == NULL ? NULL : &session->lists[LIST_KNEES];
    if (session == NULL || !open_each(&session->runs, knees, tell_rates, story)) return;
    if (knees->count > 0)
        story_fill(story,
                   "knee: {rule}. over: of so many runs that many were overloaded, not answered "
                   "at the rate requests came.",
                   fill_from(LIST_KNEES, knees->items));
    open_notes(story);
}

void rate_table(struct story *story, const struct results *results) {
    compare_put_head(story, results->sessions[0]);
    rate_numbers(story, results);
    compare_put_foot(story, results->sessions[0]);
}

/* Below its knee, or without one to the highest rate at which it is not overloaded, and beyond. */
static void put_rates(void *context, const struct open_rates *rates) {
    FILE *out = context;
    const double knee_per_s = rates->knee == NULL ? (double)NAN : rates->knee->knee_per_s.value;
    const struct open_point *held = NULL, *last = NULL;
    bool holds = true;
    for (size_t i = 0; i < rates->count; i++) {
        const struct open_point *point = &rates->points[i];
        if (point->valid == 0) continue;
        holds = holds && !open_point_is_overloaded(point) && !(point->offered_per_s > knee_per_s);
        if (holds) held = point;
        last = point;
    }
    if (held == NULL) return;
    /* Short runs have no messages enough for a p99. */
    const bool tail = !isnan(held->latency_us[OPEN_P99].value + last->latency_us[OPEN_P99].value);
    (void)fputs(ftell(out) > 0 ? " " : "", out);
    (void)fputs(isnan(knee_per_s) ? "Offered" : "Below its knee, at", out);
    fill_put(out,
             " {offered_per_s} requests/s[, {share:%.2f} times what it carries in a closed loop], "
             "`{variant}` has a ",
             from_point(held));
    fill_put(out, tail ? "p99 of {p99_us:time}" : "median of {p50_us:time}", from_point(held));
    put_support(out, held, tail);
    if (last != held)
        fill_put(out,
                 tail ? "; offered {offered_per_s}/s it is {p99_us:time}, of which the service "
                        "time has {service_p99_us:time}"
                      : "; offered {offered_per_s}/s it is {p50_us:time}, of which the service "
                        "time has {service_p50_us:time}",
                 from_point(last));
    (void)fputc('.', out);
}

static void put_all_rates(FILE *out, const void *what) {
    const struct session *session = what;
    (void)open_each(&session->runs, &session->lists[LIST_KNEES], put_rates, out);
}

void rate_tell(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "sweep", "rate", NULL);
    if (session != NULL) story_tell(story, put_all_rates, session);
}
