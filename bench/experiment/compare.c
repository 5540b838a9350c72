/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab compare, and sweep along an ordinary axis: every variant, its floor
 * and a second run of the first, once per block in shuffled order.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/models.h"

/* Where a sweep of the rate asks each variant unless told: shares of what it carries. */
static const double shares[] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.1};

static void add_point(struct lab *lab, const struct axis *axis, unsigned point) {
    const struct request *r = lab->request;
    const unsigned all = r->variant_count;
    /*
     * A remote server is no floor server, a floor keeps no schedule and meets no
     * loss; and where two builds or many points are compared the time is better
     * spent on them.
     */
    const bool floors = r->run.rate_per_s <= 0 && !r->rate_half && r->run.loss_percent <= 0 &&
                        r->run.host == NULL && r->against == NULL && (axis == NULL || axis->floors);
    const struct {
        enum role role;
        unsigned count;
        bool against;
    } rows[] = {{ROLE_VARIANT, all, false},
                {ROLE_VARIANT, r->against != NULL ? all : 0, true},
                {ROLE_FLOOR, floors ? all : 0, false},
                {ROLE_A_A, axis == NULL, false}}; /* the first alone */
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        for (unsigned i = 0; i < rows[k].count; i++) {
            struct column *column = lab_add(lab, r->variants[i], rows[k].role);
            column->against = rows[k].against;
            column->point = point;
            if (axis != NULL && r->point_count == 0) {
                column->share = shares[point];
                continue;
            }
            if (axis != NULL) axis_apply(axis, r->points[point], &column->run);
        }
    }
}

int compare_plan(struct lab *lab) {
    const struct request *r = lab->request;
    const struct axis *axis = axis_find(r->axis);
    const bool own = axis != NULL && r->point_count == 0;
    const unsigned points = axis == NULL ? 1
                            : own        ? sizeof shares / sizeof *shares
                                         : r->point_count;
    lab->plan.needs_capacity = r->rate_half || own;
    /* Where there are just blocks enough, an interruption of the machine is not to cost one. */
    if (lab->plan.blocks >= STATISTICS_BLOCKS_MIN) lab->plan.attempts = 2;
    /* Nothing is compared within a block there, so what waits need not wait for what works. */
    if (r->axis != NULL && strcmp(r->axis, "rtt") == 0) lab->plan.order = ORDER_HEAVIEST;
    for (unsigned p = 0; p < points; p++) add_point(lab, axis, p);
    if (lab->plan.count <= COLUMNS_MAX) return EXIT_DONE;
    return complain("%u runs in every block are too many: leave out points or variants",
                    lab->plan.count);
}

void compare_conclude(struct lab *lab) {
    compared_list(&lab->session->lists[LIST_COMPARISONS], &lab->session->runs,
                  lab->request->margin_percent / 100);
}

void rtt_conclude(struct lab *lab) {
    fits_list(&lab->session->lists[LIST_FITS], &lab->session->runs);
}

void per_connection_conclude(struct lab *lab) {
    compare_conclude(lab);
    per_connection_list(&lab->session->lists[LIST_PER_CONNECTION], &lab->session->runs);
}

static void put_where(FILE *out, const void *what) {
    static const char *const networks[NETWORKS] = {
        [NETWORK_PRIVATE] = "a private network for every run",
        [NETWORK_HOST] = "the host's loopback: NOT ISOLATED, as the system denies a private "
                         "network; `sudo echolab ...` would be (and measures as your own user)"};
    const struct session *session = what;
    const struct run *run = session->runs.list[0];
    const struct outside outside = outside_of(run);
    const struct source source = fill_from_run(&outside);
    const bool remote = run->network == NETWORK_REMOTE;
    struct series_table table = series_of(&session->runs);
    fill_put(out, run_is_open(run) ? "Open loop, " : "Closed loop, ", source);
    fill_put(out, remote ? "{engine} engine, " : "{placement}, {engine} engine, ", source);
    (void)fprintf(out, "%s, ", words_counted((double)table.blocks, "block").text);
    series_free(&table);
    if (session->seed != FIELD_UNKNOWN) (void)fprintf(out, "seed %.0f, ", (double)session->seed);
    (void)fprintf(out, "on %s.",
                  !remote                   ? networks[run->network]
                  : session->server == NULL ? "a host"
                                            : session->server);
    if (run->asked.delay_ns > 0)
        fill_put(out, " The server spends {delay_us:time} on each message.", source);
}

void compare_put_head(struct story *story, const struct session *session) {
    story_tell(story, put_where, session);
    /* How many connections the ports allow, where a variant's client keeps them. */
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct outside outside = outside_of(session->runs.list[i]);
        if (story_fill(story,
                       "Ports: the client of `{variant}` keeps each for 60 s in TIME_WAIT; "
                       "{ports.range:count} of them allow {ports.loopback_per_s} connections/s to "
                       "one address on loopback (reused after 1 s; here spread over "
                       "{ports.sources:count} addresses) and {ports.network_per_s}/s on a network.",
                       fill_from_run(&outside)))
            return;
    }
}

/* What a retry costs the server, which the client's figures do not show. */
static void tell_executions(struct story *story, const struct runs *runs,
                            const struct variant *variant) {
    struct run sum = {.asked.variant = variant};
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (run->asked.variant != variant || run->executed == FIELD_UNKNOWN) continue;
        sum.answered_in_all += run->answered_in_all;
        sum.executed += run->executed;
        sum.asked.dedup = run->asked.dedup;
    }
    if (sum.executed > 0)
        story_say(story, "`%s`: answered once: %s; executed: %s (%s)", variant->name,
                  words_count((double)sum.answered_in_all).text,
                  words_count((double)sum.executed).text,
                  sum.asked.dedup ? "at most once: the server remembers, --dedup"
                                  : "a retry is at-least-once; --dedup: at most once");
}

void compare_put_foot(struct story *story, const struct session *session) {
    const struct runs *runs = &session->runs;
    bool first = true;
    for (unsigned i = 0; i < variant_count; i++)
        if (variants[i].retries) tell_executions(story, runs, &variants[i]);
    /* Runs that do not count, a line for reasons that differ in their numbers alone. */
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        size_t before = 0, count = 0;
        for (size_t k = 0; k < runs->count && !run_is_valid(run); k++) {
            if (run_is_valid(runs->list[k]) ||
                !validity_same_reason(runs->list[k]->validity.reason[0], run->validity.reason[0]))
                continue;
            before += k < i;
            count++;
        }
        if (count == 0 || before > 0) continue;
        if (first) story_say(story, "Not valid, and in no verdict:");
        first = false;
        char *text = NULL;
        if (asprintf(&text, "%s%s by `%s`: %s", words_counted((double)count, "run").text,
                     count == 1 ? "" : ", the first", run->asked.variant->name,
                     run->validity.reason[0]) > 0)
            story_paragraph(story, "li", text);
        free(text);
    }
    counts_tell(story, session);
}

struct view {
    struct story *story;
    const struct session *session;
    const struct findings *comparisons;
    struct series_table table;
    const struct run *point; /* the first of it */
    bool against;            /* there is another build */
};

static bool is_variant(const struct run *run) {
    return series_is_of(run, NULL);
}

static bool is_control(const struct run *run) {
    return run->asked.role == ROLE_A_A;
}

/* From `from` on a series of this point for which `is` (NULL: all but floors) holds, or the end. */
static size_t next_of(const struct view *view, size_t from, bool (*is)(const struct run *run)) {
    size_t i = from;
    for (; i < view->table.count; i++) {
        const struct run *run = view->table.first[i];
        if (series_same_point(run, view->point) && (is == NULL ? !run_is_floor(run) : is(run)))
            break;
    }
    return i;
}

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

static void put_point(FILE *out, const void *what) {
    const struct view *view = what;
    const struct run *const *series = view->table.first;
    const struct parameters *asked = &view->point->asked;
    const struct outside run = outside_of(view->point);
    struct range here[SHARED], all[SHARED];
    const struct range *depth = &here[DEPTH];
    for (int i = 0; i < SHARED; i++) here[i] = all[i] = (struct range){NAN, NAN};
    for (size_t i = 0; i < view->table.count; i++) {
        if (run_is_floor(series[i])) continue;
        extend(all, series[i]);
        if (series_same_point(series[i], view->point)) extend(here, series[i]);
    }
    fill_put(out, "{size_bytes:byte}, {connections:connection}[ for {per_connection:message} each]",
             fill_from_run(&run));
    /* Nowhere more than one, or everywhere the usual: it goes without saying. */
    if (all[DEPTH].most > 1)
        (void)fprintf(out,
                      depth->least == depth->most ? ", pipeline %.0f"
                                                  : ", each variant's own pipeline (%.0f to %.0f)",
                      depth->least, depth->most);
    if (asked->design != engine_design(asked->engine) || all[DESIGN].least != all[DESIGN].most)
        (void)fprintf(out, ", design %s", design_names[asked->design]);
    const double step = 0.01; /* shares that round to the same; a rate is a whole number */
    if (here[RATE].least == here[RATE].most)
        (void)fprintf(out, ", %s/s offered", words_count(here[RATE].most).text);
    else if (here[SHARE].most - here[SHARE].least < step)
        (void)fprintf(out, ", each at %.2f of its closed-loop capacity", here[SHARE].most);
    else if (!isnan(here[RATE].most))
        (void)fputs(", each at a rate of its own", out);
    fill_put(out, "[, over a wire of {rtt_ms:%.4g} ms that loses {loss_percent:%.4g} %]",
             fill_from_run(&run));
    if (here[RTO_MS].most > 0)
        (void)fprintf(out, ", retransmission timeout at least %.4g ms", here[RTO_MS].most);
}

/* Borrowed until the next. What stands in parentheses is no name. */
static const char *name_of(const struct run *run) {
    static char other[64];
    if (is_control(run)) return "(again)"; /* the first */
    if (!run->against) return run->asked.variant->name;
    (void)snprintf(other, sizeof other, "%s, other build", run->asked.variant->name);
    return other;
}

static void tell_closed(const struct view *view) {
    const struct metric *time = &metrics[METRIC_TIME];
    struct grid grid = grid_of("variant|msg/s|MB/s|p50 us|CPU us|/floor|time / %s",
                               view->against ? "other's" : "first's");
    for (size_t i = 0; (i = next_of(view, i, NULL)) < view->table.count; i++) {
        const struct run *run = view->table.first[i];
        const struct source source = fill_from_series(&view->table, i);
        const double per_s = series_middle(&view->table, i, run_throughput_per_s).value;
        grid_add(&grid, "%s", name_of(run));
        grid_fill(&grid, "{throughput_per_s}", source);
        grid_add(&grid, "%s", words_number(run->asked.size_bytes / 1e6 * per_s).text);
        grid_fill(&grid, "{latency_us.p50}|{per_message.cpu_us}", source);
        compare_fill(&grid, "{ratio:ratio}", compared_find(view->comparisons, run, time, true));
        if (compared_baseline(&view->table, i) == (long)i)
            grid_add(&grid, "1");
        else
            compare_fill(&grid, "{ratio:ratio~}",
                         compared_find(view->comparisons, run, time, false));
    }
    story_table(view->story, "numbers", &grid);
}

static void add_verdict(struct grid *grid, const struct view *view, size_t series,
                        const struct metric *metric) {
    const struct run *run = view->table.first[series];
    const long baseline = compared_baseline(&view->table, series);
    const double beyond = metric == &metrics[METRIC_P99] ? 0.01 : 0.5;
    if (baseline < 0 || baseline == (long)series) return;
    const struct compared *c = compared_find(view->comparisons, run, metric, false);
    if (c == NULL && metric == &metrics[METRIC_CPU]) return; /* it is not known everywhere */
    grid_add(grid, "`%s`", run->asked.variant->name);
    compare_fill(grid, "{ratio:ratio~}|{diff:~}", c);
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
        struct grid grid = grid_of("%s|ratio, interval|difference in us|verdict", metrics[m].title);
        for (size_t i = 0; (i = next_of(view, i, is_variant)) < view->table.count; i++)
            add_verdict(&grid, view, i, &metrics[m]);
        if (!said && grid_rows(&grid) > 1) {
            const char *mark = baseline->against ? "" : "`";
            story_say(view->story, "Against %s%s%s:", mark,
                      baseline->against ? "the other build" : baseline->asked.variant->name, mark);
            said = true;
        }
        story_table(view->story, "numbers", &grid);
    }
}

static void tell_point(const struct view *view, size_t series) {
    const struct series_table *table = &view->table;
    const bool open = run_is_open(view->point);
    bool first = true;
    story_tell(view->story, put_point, view);
    if (open)
        open_point_table(view->story, table, series, name_of);
    else
        tell_closed(view);
    /*
     * The first variant against itself in the same blocks: shuffled, it differs by
     * nothing whatever the noise, so what it shows is how much else would drown.
     */
    const size_t control = next_of(view, 0, is_control), variant = next_of(view, 0, is_variant);
    const struct compared *c = NULL;
    if (control < table->count)
        c = compared_find(view->comparisons, table->first[control],
                          &metrics[open ? METRIC_P50 : METRIC_TIME], false);
    if (c != NULL && !isnan(c->comparison.detectable)) {
        const bool differs = c->comparison.verdict == VERDICT_FASTER ||
                             c->comparison.verdict == VERDICT_SLOWER ||
                             c->comparison.detectable > 3 * c->comparison.margin;
        char *text =
            fill("A/A: `{variant}` against itself: {ratio:ratio~}", fill_from(LIST_COMPARISONS, c));
        story_say(view->story, "%s: this session finds differences from %s on%s",
                  text == NULL ? "" : text, words_percent(c->comparison.detectable).text,
                  differs ? ": not quiet" : "");
        free(text);
    }
    if (variant == table->count) return;
    tell_verdicts(view, variant);
    if (view->session->axis == NULL) return;
    /* Of a sweep the sentences stand at their points. */
    for (size_t i = 0; (i = next_of(view, i, is_variant)) < table->count; i++) {
        c = compared_find(view->comparisons, table->first[i],
                          &metrics[open ? METRIC_P99 : METRIC_TIME], false);
        if (c == NULL) continue;
        if (first) story_say(view->story, "In words:");
        first = false;
        story_tell_as(view->story, "li", compare_put_sentence, c);
    }
}

void compare_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    const struct findings *list = &session->lists[LIST_COMPARISONS];
    const struct compared *all = list->items;
    struct view view = {.story = story,
                        .session = session,
                        .comparisons = list,
                        .table = series_of(&session->runs)};
    bool open = false, closed = false, floors = false, undecided = false;
    for (size_t i = 0; i < view.table.count; i++) {
        const bool its = run_is_open(view.table.first[i]);
        open = open || its;
        closed = closed || !its;
        view.against = view.against || view.table.first[i]->against;
    }
    for (size_t i = 0; i < list->count; i++) {
        const bool floor = compared_with_floor(&all[i]);
        floors = floors || floor;
        undecided = undecided || (!floor && all[i].comparison.verdict == VERDICT_NOT_DECIDED);
    }
    compare_put_head(story, session);
    for (size_t i = 0; i < view.table.count; i++) {
        view.point = view.table.first[i];
        if (next_of(&view, 0, NULL) == i) tell_point(&view, i);
    }
    if (open) open_notes(story);
    if (list->count > 0)
        story_say(story, "%sntervals hold at %.2f %% each, all %zu together at 95 %%.%s%s",
                  closed ? "Times are per message; i" : "I", 100 * all->comparison.level,
                  list->count, floors ? " /floor: times what the same system calls cost bare." : "",
                  undecided ? " \"Finds 3 %\": a difference of so much is seen by four sessions of "
                              "five such as this."
                            : "");
    compare_put_foot(story, session);
    series_free(&view.table);
}
