/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All numbers of a comparison, for the terminal: point by point. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/judge/compared.h"

/* What a table is made of. */
struct view {
    struct story *story;
    const struct session *session;
    const struct findings *comparisons;
    struct series_table table;
    bool against; /* another build's runs are in it */
};

static bool is_variant(const struct run *run) {
    return run->asked.role == ROLE_VARIANT && !run->against;
}

static bool is_control(const struct run *run) {
    return run->asked.role == ROLE_A_A;
}

/* ---- what a point is ---- */

struct range {
    double least, most;
};

static void extend(struct range *range, double value) {
    range->least = fmin(range->least, value); /* of a number and NAN it is the number */
    range->most = fmax(range->most, value);
}

/* What the variants of a point, or of all points, have in common. */
struct extent {
    struct range pipeline, offered_per_s, share, rto_floor_ms;
    bool same_design;
};

static struct extent extent_of(const struct series_table *table, const struct run *point,
                               bool everywhere) {
    const struct range none = {NAN, NAN};
    struct extent extent = {none, none, none, none, true};
    for (size_t i = 0; i < table->count; i++) {
        const struct run *one = table->first[i];
        const struct parameters *asked = &one->asked;
        if (run_is_floor(one) || !(everywhere || series_same_point(one, point))) continue;
        extend(&extent.pipeline, one->depth);
        if (run_is_open(one)) extend(&extent.offered_per_s, asked->rate_per_s);
        if (run_is_open(one)) extend(&extent.share, asked->rate_per_s / one->capacity_per_s);
        if (asked->variant->retries)
            extend(&extent.rto_floor_ms, (double)asked->rto_floor_ns / 1e6);
        if (asked->design != table->first[0]->asked.design) extent.same_design = false;
    }
    return extent;
}

static void put_pipeline(FILE *out, const struct range *here, const struct range *all) {
    if (!(all->most > 1)) return; /* nowhere more than one: it goes without saying */
    if (here->least == here->most) {
        (void)fprintf(out, ", pipeline %.0f", here->most);
    } else {
        (void)fprintf(out, ", each variant's own pipeline (%.0f to %.0f)", here->least, here->most);
    }
}

static void put_rate(FILE *out, const struct extent *here) {
    const double step = 0.01; /* shares that round to the same; a rate is a whole number */
    const struct range *rate = &here->offered_per_s;
    if (isnan(rate->most)) return;
    if (rate->least == rate->most) {
        (void)fprintf(out, ", %s/s offered", words_count(rate->most).text);
    } else if (here->share.most - here->share.least < step) {
        (void)fprintf(out, ", each at %.2f of its closed-loop capacity", here->share.most);
    } else {
        (void)fputs(", each at a rate of its own", out);
    }
}

struct point {
    const struct view *view;
    const struct run *run; /* the first of it */
};

static void put_point(FILE *out, const void *what) {
    const struct point *point = what;
    const struct parameters *asked = &point->run->asked;
    const struct extent here = extent_of(&point->view->table, point->run, false);
    const struct extent all = extent_of(&point->view->table, point->run, true);
    (void)fprintf(out, "%s, %s", words_condition("size_bytes", asked->size_bytes, NULL).text,
                  words_counted(asked->connections, "connection").text);
    if (asked->per_connection > 0) {
        (void)fprintf(out, " for %s each", words_counted(asked->per_connection, "message").text);
    }
    put_pipeline(out, &here.pipeline, &all.pipeline);
    if (asked->design != engine_design(asked->engine) || !all.same_design) {
        (void)fprintf(out, ", design %s", design_names[asked->design]);
    }
    put_rate(out, &here);
    if (asked->wire) {
        (void)fprintf(out, ", over a wire of %.4g ms that loses %.4g %%",
                      (double)asked->rtt_ns / 1e6, asked->loss_percent);
    }
    if (here.rto_floor_ms.most > 0) {
        (void)fprintf(out, ", retransmission timeout at least %.4g ms", here.rto_floor_ms.most);
    }
}

/* ---- its table ---- */

static struct number median_of(const struct view *view, size_t series, enum metric_id metric,
                               double factor) {
    return words_number(factor * series_middle(&view->table, series, metrics[metric].of).value);
}

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
    const struct metric *time = &metrics[METRIC_TIME];
    const struct compared *floor = compared_find(view->comparisons, run, time, true);
    const struct compared *first = compared_find(view->comparisons, run, time, false);
    const bool is_first = compared_baseline(&view->table, series) == (long)series;
    grid_add(grid, "%s", name_of(run));
    grid_add(grid, "%s", median_of(view, series, METRIC_THROUGHPUT, 1).text);
    grid_add(grid, "%s",
             median_of(view, series, METRIC_THROUGHPUT, run->asked.size_bytes / 1e6).text);
    grid_add(grid, "%s", median_of(view, series, METRIC_P50, 1).text);
    grid_add(grid, "%s", median_of(view, series, METRIC_CPU, 1).text);
    grid_add(grid, "%s", floor == NULL ? "-" : words_ratio(floor->ratio).text);
    grid_add(grid, "%s", is_first ? "1" : first == NULL ? "-" : compare_ratio_words(first).text);
}

/* Any series of this point, from `from` on, for which `is` holds; table.count: none. */
static size_t next_of(const struct view *view, const struct run *point, size_t from,
                      bool (*is)(const struct run *run)) {
    size_t i = from;
    while (i < view->table.count &&
           !(series_same_point(view->table.first[i], point) && is(view->table.first[i]))) {
        i++;
    }
    return i;
}

static bool is_shown(const struct run *run) {
    return !run_is_floor(run);
}

static void tell_closed(const struct view *view, const struct run *point) {
    struct grid grid = grid_of("variant|msg/s|MB/s|p50 us|CPU us|/floor");
    grid_head(&grid, view->against ? "time / other's" : "time / first's");
    for (size_t i = 0; (i = next_of(view, point, i, is_shown)) < view->table.count; i++) {
        add_closed_row(&grid, view, i);
    }
    story_table(view->story, "numbers", &grid);
}

/*
 * The first variant against itself in the same blocks: shuffled, it differs by
 * nothing whatever the noise, so what it shows is how much else would drown.
 */
static void tell_control(const struct view *view, const struct run *control) {
    const struct metric *metric = &metrics[run_is_open(control) ? METRIC_P50 : METRIC_TIME];
    const struct compared *c = compared_find(view->comparisons, control, metric, false);
    if (c == NULL || isnan(c->detectable)) return;
    const bool differs = c->verdict == VERDICT_FASTER || c->verdict == VERDICT_SLOWER;
    const bool quiet = !differs && c->detectable <= 3 * c->margin;
    story_say(view->story,
              "A/A: `%s` against itself: %s: this session finds differences from %s "
              "on%s",
              c->variant, compare_ratio_words(c).text, words_percent(c->detectable).text,
              quiet ? "" : ": not quiet");
}

/* ---- the verdicts ---- */

static bool both_valid_somewhere(const struct series_table *table, size_t one, size_t other) {
    for (size_t block = 0; block < table->blocks; block++) {
        if (series_valid(table, one, block) != NULL && series_valid(table, other, block) != NULL) {
            return true;
        }
    }
    return false;
}

/* Why there is none. */
static void add_no_verdict(struct grid *grid, const struct view *view, size_t series,
                           size_t baseline, const struct metric *metric) {
    const double beyond = metric == &metrics[METRIC_P99] ? 0.01 : 0.5;
    if (!both_valid_somewhere(&view->table, series, baseline)) {
        grid_add(grid, "no verdict: in no block both runs are valid");
    } else if (compared_both_missed(&view->table, series, baseline, metric)) {
        grid_add(grid, "no verdict: beyond the deadline with both");
    } else {
        grid_add(grid, "no verdict: a run needs %s messages",
                 words_count(SAMPLES_BEYOND / beyond).text);
    }
}

static void add_verdict(struct grid *grid, const struct view *view, size_t series,
                        const struct metric *metric) {
    const struct run *run = view->table.first[series];
    const long baseline = compared_baseline(&view->table, series);
    if (baseline < 0 || baseline == (long)series) return;
    const struct compared *c = compared_find(view->comparisons, run, metric, false);
    if (c == NULL && metric == &metrics[METRIC_CPU]) return; /* it is not known everywhere */
    grid_add(grid, "`%s`", run->asked.variant->name);
    grid_add(grid, "%s", c == NULL ? "-" : compare_ratio_words(c).text);
    grid_add(grid, "%s", c == NULL ? "-" : compare_difference_words(c).text);
    if (c == NULL) {
        add_no_verdict(grid, view, series, (size_t)baseline, metric);
    } else {
        grid_add(grid, "%s", compare_verdict_words(c).text);
    }
}

static void tell_verdicts(const struct view *view, const struct run *point) {
    const struct run *baseline =
        view->table.first[compared_baseline(&view->table, next_of(view, point, 0, is_variant))];
    struct grid grids[METRICS] = {0};
    size_t rows = 0;
    for (int m = 0; m < METRICS; m++) {
        if (!metric_is_for(&metrics[m], point)) continue;
        grids[m] = grid_of(metrics[m].title);
        grid_head(&grids[m], "ratio, interval");
        grid_head(&grids[m], "difference in us");
        grid_head(&grids[m], "verdict");
        for (size_t i = 0; (i = next_of(view, point, i, is_variant)) < view->table.count; i++) {
            add_verdict(&grids[m], view, i, &metrics[m]);
        }
        rows += grid_rows(&grids[m]) - 1;
    }
    if (rows > 0 && baseline->against) story_say(view->story, "Against the other build:");
    if (rows > 0 && !baseline->against)
        story_say(view->story, "Against `%s`:", baseline->asked.variant->name);
    for (int m = 0; m < METRICS; m++) story_table(view->story, "numbers", &grids[m]);
}

/* Of a sweep the sentences stand at their points. */
static void tell_sentences(const struct view *view, const struct run *point) {
    const struct metric *metric = &metrics[run_is_open(point) ? METRIC_P99 : METRIC_TIME];
    bool first = true;
    for (size_t i = 0; (i = next_of(view, point, i, is_variant)) < view->table.count; i++) {
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
    const struct run *first = view->table.first[series];
    const struct point point = {view, first};
    story_tell(view->story, put_point, &point);
    if (run_is_open(first))
        open_point_table(view->story, &view->table, series, name_of);
    else
        tell_closed(view, first);
    const size_t control = next_of(view, first, 0, is_control);
    if (control < view->table.count) tell_control(view, view->table.first[control]);
    if (next_of(view, first, 0, is_variant) == view->table.count) return;
    tell_verdicts(view, first);
    if (view->session->axis != NULL) tell_sentences(view, first);
}

static void tell_level(const struct view *view) {
    const struct compared *all = view->comparisons->items;
    bool open = false, closed = false, floors = false, undecided = false;
    for (size_t i = 0; i < view->table.count; i++) {
        open = open || run_is_open(view->table.first[i]);
        closed = closed || !run_is_open(view->table.first[i]);
    }
    if (open) open_notes(view->story);
    if (view->comparisons->count == 0) return;
    for (size_t i = 0; i < view->comparisons->count; i++) {
        if (compared_with_floor(&all[i]))
            floors = true;
        else
            undecided = undecided || all[i].verdict == VERDICT_NOT_DECIDED;
    }
    story_say(view->story, "%sntervals hold at %.2f %% each, all %zu together at 95 %%.%s%s",
              closed ? "Times are per message; i" : "I", 100 * all->level, view->comparisons->count,
              floors ? " /floor: times what the same system calls cost bare." : "",
              undecided
                  ? " \"Finds 3 %\": a difference of so much is seen by four sessions of five "
                    "such as this."
                  : "");
}

void compare_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    struct view view = {.story = story,
                        .session = session,
                        .comparisons = &session->lists[LIST_COMPARISONS],
                        .table = series_of(&session->runs)};
    compare_put_head(story, session);
    for (size_t i = 0; i < view.table.count; i++) {
        view.against = view.against || view.table.first[i]->against;
    }
    for (size_t i = 0; i < view.table.count; i++) {
        size_t k = 0;
        while (!series_same_point(view.table.first[k], view.table.first[i])) k++;
        if (k == i) tell_point(&view, i);
    }
    tell_level(&view);
    compare_put_foot(story, session);
    series_free(&view.table);
}
