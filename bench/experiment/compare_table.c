/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All numbers of a comparison, for the terminal: point by point. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/judge/compared.h"
#include "bench/run/run.h"

/* What a table is made of, point by point. */
struct view {
    struct story *story;
    const struct session *session;
    const struct findings *comparisons;
    struct series_table table;
    const struct run *point; /* the first of it */
};

static bool is_variant(const struct run *run) {
    return series_is_of(run, NULL);
}

static bool is_control(const struct run *run) {
    return run->asked.role == ROLE_A_A;
}

static bool is_shown(const struct run *run) {
    return !run_is_floor(run);
}

static bool is_against(const struct run *run) {
    return run->against;
}

static bool is_closed(const struct run *run) {
    return !run_is_open(run);
}

/* Any series of this point, from `from` on, for which `is` holds; table.count: none. */
static size_t next_of(const struct view *view, size_t from, bool (*is)(const struct run *run)) {
    const struct run *const *first = view->table.first;
    size_t i = from;
    while (i < view->table.count && !(series_same_point(first[i], view->point) && is(first[i])))
        i++;
    return i;
}

/* Whether `is` holds of any series at all. */
static bool any_of(const struct view *view, bool (*is)(const struct run *run)) {
    for (size_t i = 0; i < view->table.count; i++) {
        if (is(view->table.first[i])) return true;
    }
    return false;
}

/* ---- what a point is ---- */

/* What the variants of a point may have in common. */
enum { DEPTH, DESIGN, RATE, SHARE, RTO_MS, SHARED };

struct range {
    double least, most; /* NAN: none has it */
};

static void extend(struct range ranges[SHARED], const struct run *run) {
    const struct parameters *asked = &run->asked;
    const double rate_per_s = run_is_open(run) ? asked->rate_per_s : (double)NAN;
    const double values[SHARED] = {
        run->depth, asked->design, rate_per_s, rate_per_s / run->capacity_per_s,
        asked->variant->retries ? (double)asked->rto_floor_ns / 1e6 : (double)NAN};
    for (int i = 0; i < SHARED; i++) { /* of a number and NAN it is the number */
        ranges[i].least = fmin(ranges[i].least, values[i]);
        ranges[i].most = fmax(ranges[i].most, values[i]);
    }
}

static void put_pipeline(FILE *out, const struct range *depth) {
    if (depth->least == depth->most)
        (void)fprintf(out, ", pipeline %.0f", depth->most);
    else
        (void)fprintf(out, ", each variant's own pipeline (%.0f to %.0f)", depth->least,
                      depth->most);
}

static void put_rate(FILE *out, const struct range *rate, const struct range *share) {
    const double step = 0.01; /* shares that round to the same; a rate is a whole number */
    if (rate->least == rate->most)
        (void)fprintf(out, ", %s/s offered", words_count(rate->most).text);
    else if (share->most - share->least < step)
        (void)fprintf(out, ", each at %.2f of its closed-loop capacity", share->most);
    else
        (void)fputs(", each at a rate of its own", out);
}

static void put_point(FILE *out, const void *what) {
    const struct view *view = what;
    const struct series_table *table = &view->table;
    const struct parameters *asked = &view->point->asked;
    const struct outside run = outside_of(view->point);
    const struct source source = {run_fields, run_field_count, &run};
    struct range here[SHARED], all[SHARED];
    for (int i = 0; i < SHARED; i++) here[i] = all[i] = (struct range){NAN, NAN};
    for (size_t i = 0; i < table->count; i++) {
        if (!is_shown(table->first[i])) continue;
        extend(all, table->first[i]);
        if (series_same_point(table->first[i], view->point)) extend(here, table->first[i]);
    }
    fill_put(out, "{size_bytes:byte}, {connections:connection}[ for {per_connection:message} each]",
             source);
    /* Nowhere more than one, or everywhere the usual: it goes without saying. */
    if (all[DEPTH].most > 1) put_pipeline(out, &here[DEPTH]);
    if (asked->design != engine_design(asked->engine) || all[DESIGN].least != all[DESIGN].most)
        (void)fprintf(out, ", design %s", design_names[asked->design]);
    if (!isnan(here[RATE].most)) put_rate(out, &here[RATE], &here[SHARE]);
    fill_put(out, "[, over a wire of {rtt_ms:%.4g} ms that loses {loss_percent:%.4g} %]", source);
    if (here[RTO_MS].most > 0)
        (void)fprintf(out, ", retransmission timeout at least %.4g ms", here[RTO_MS].most);
}

/* ---- its table ---- */

/* Borrowed until the next. What stands in parentheses is no name. */
static const char *name_of(const struct run *run) {
    static char other[64];
    if (is_control(run)) return "(again)"; /* the first */
    if (!run->against) return run->asked.variant->name;
    (void)snprintf(other, sizeof other, "%s, other build", run->asked.variant->name);
    return other;
}

static void add_closed_row(struct grid *grid, const struct view *view, size_t series) {
    const struct run *run = view->table.first[series];
    const struct {
        enum metric_id metric;
        double factor;
    } cells[] = {{METRIC_THROUGHPUT, 1},
                 {METRIC_THROUGHPUT, run->asked.size_bytes / 1e6},
                 {METRIC_P50, 1},
                 {METRIC_CPU, 1}};
    const struct metric *time = &metrics[METRIC_TIME];
    grid_add(grid, "%s", name_of(run));
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        const double median =
            series_middle(&view->table, series, metrics[cells[i].metric].of).value;
        grid_add(grid, "%s", words_number(cells[i].factor * median).text);
    }
    compare_fill(grid, "{ratio:ratio}", compared_find(view->comparisons, run, time, true));
    if (compared_baseline(&view->table, series) == (long)series)
        grid_add(grid, "1");
    else
        compare_fill(grid, COMPARE_RATIO, compared_find(view->comparisons, run, time, false));
}

static void tell_closed(const struct view *view) {
    struct grid grid = grid_of("variant|msg/s|MB/s|p50 us|CPU us|/floor");
    grid_head(&grid, any_of(view, is_against) ? "time / other's" : "time / first's");
    for (size_t i = 0; (i = next_of(view, i, is_shown)) < view->table.count; i++) {
        add_closed_row(&grid, view, i);
    }
    story_table(view->story, "numbers", &grid);
}

/*
 * The first variant against itself in the same blocks: shuffled, it differs by
 * nothing whatever the noise, so what it shows is how much else would drown.
 */
static void tell_control(struct story *story, const struct compared *compared) {
    if (compared == NULL || isnan(compared->comparison.detectable)) return;
    const struct compared told = compare_told(compared);
    const struct comparison *c = &told.comparison;
    const bool differs = c->verdict == VERDICT_FASTER || c->verdict == VERDICT_SLOWER;
    char *text =
        fill("A/A: `{variant}` against itself: " COMPARE_RATIO, fill_from(LIST_COMPARISONS, &told));
    story_say(story, "%s: this session finds differences from %s on%s", text == NULL ? "" : text,
              words_percent(c->detectable).text,
              !differs && c->detectable <= 3 * c->margin ? "" : ": not quiet");
    free(text);
}

/* ---- the verdicts ---- */

static void add_verdict(struct grid *grid, const struct view *view, size_t series,
                        const struct metric *metric) {
    const struct run *run = view->table.first[series];
    const long baseline = compared_baseline(&view->table, series);
    const double beyond = metric == &metrics[METRIC_P99] ? 0.01 : 0.5;
    if (baseline < 0 || baseline == (long)series) return;
    const struct compared *c = compared_find(view->comparisons, run, metric, false);
    if (c == NULL && metric == &metrics[METRIC_CPU]) return; /* it is not known everywhere */
    grid_add(grid, "`%s`", run->asked.variant->name);
    compare_fill(grid, COMPARE_RATIO "|" COMPARE_DIFFERENCE, c);
    if (c != NULL) {
        grid_add(grid, "%s", compare_verdict(c).text);
        return;
    }
    switch (compared_lack(&view->table, series, (size_t)baseline, metric)) {
    case LACK_VALID: grid_add(grid, "no verdict: in no block both runs are valid"); break;
    case LACK_ANSWERS: grid_add(grid, "no verdict: beyond the deadline with both"); break;
    case LACK_MESSAGES:
        grid_add(grid, "no verdict: a run needs %s messages",
                 words_count(SAMPLES_BEYOND / beyond).text);
    }
}

static void tell_verdicts(const struct view *view, size_t variant) {
    const struct run *baseline = view->table.first[compared_baseline(&view->table, variant)];
    bool said = false;
    for (int m = 0; m < METRICS; m++) {
        if (!metric_is_for(&metrics[m], view->point)) continue;
        struct grid grid = grid_of(metrics[m].title);
        grid_head(&grid, "ratio, interval");
        grid_head(&grid, "difference in us");
        grid_head(&grid, "verdict");
        for (size_t i = 0; (i = next_of(view, i, is_variant)) < view->table.count; i++) {
            add_verdict(&grid, view, i, &metrics[m]);
        }
        if (!said && grid_rows(&grid) > 1) {
            const char *mark = baseline->against ? "" : "`";
            story_say(view->story, "Against %s%s%s:", mark,
                      baseline->against ? "the other build" : baseline->asked.variant->name, mark);
            said = true;
        }
        story_table(view->story, "numbers", &grid);
    }
}

/* Of a sweep the sentences stand at their points. */
static void tell_sentences(const struct view *view) {
    const struct metric *metric = &metrics[run_is_open(view->point) ? METRIC_P99 : METRIC_TIME];
    bool first = true;
    for (size_t i = 0; (i = next_of(view, i, is_variant)) < view->table.count; i++) {
        const struct compared *c =
            compared_find(view->comparisons, view->table.first[i], metric, false);
        if (c == NULL) continue;
        if (first) story_say(view->story, "In words:");
        first = false;
        story_tell_as(view->story, "li", compare_put_sentence, c);
    }
}

/* ---- the whole ---- */

/* That of which this series is the first. */
static void tell_point(const struct view *view, size_t series) {
    const struct series_table *table = &view->table;
    const bool open = run_is_open(view->point);
    const struct metric *metric = &metrics[open ? METRIC_P50 : METRIC_TIME];
    story_tell(view->story, put_point, view);
    if (open)
        open_point_table(view->story, table, series, name_of);
    else
        tell_closed(view);
    const size_t control = next_of(view, 0, is_control), variant = next_of(view, 0, is_variant);
    if (control < table->count)
        tell_control(view->story,
                     compared_find(view->comparisons, table->first[control], metric, false));
    if (variant == table->count) return;
    tell_verdicts(view, variant);
    if (view->session->axis != NULL) tell_sentences(view);
}

static void tell_level(const struct view *view) {
    const struct compared *all = view->comparisons->items;
    const size_t count = view->comparisons->count;
    bool floors = false, undecided = false;
    if (any_of(view, run_is_open)) open_notes(view->story);
    if (count == 0) return;
    for (size_t i = 0; i < count; i++) {
        const bool floor = compared_with_floor(&all[i]);
        floors = floors || floor;
        undecided = undecided || (!floor && all[i].comparison.verdict == VERDICT_NOT_DECIDED);
    }
    story_say(
        view->story, "%sntervals hold at %.2f %% each, all %zu together at 95 %%.%s%s",
        any_of(view, is_closed) ? "Times are per message; i" : "I", 100 * all->comparison.level,
        count, floors ? " /floor: times what the same system calls cost bare." : "",
        undecided ? " \"Finds 3 %\": a difference of so much is seen by four sessions of five "
                    "such as this."
                  : "");
}

void compare_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    struct view view = {story, session, &session->lists[LIST_COMPARISONS],
                        series_of(&session->runs), NULL};
    compare_put_head(story, session);
    for (size_t i = 0; i < view.table.count; i++) {
        view.point = view.table.first[i];
        if (next_of(&view, 0, is_shown) == i) tell_point(&view, i);
    }
    tell_level(&view);
    compare_put_foot(story, session);
    series_free(&view.table);
}
