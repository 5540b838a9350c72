/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/difference.h"

#include <gsl/gsl_combination.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/metric.h"
#include "bench/run/loss_model.h"

#define MS 1e6

enum { EXACT_MAX = 200000, RANDOM_SPLITS = 100000, SESSIONS_NEEDED_MAX = 1000 };

/* What is compared of a column, in this order; counts are what metrics call exact. */
static const struct row {
    enum metric_id metric;
    enum { PLAIN, OVER_FLOOR, OF_FLOOR, OVER_REFERENCE } measure;
    const char *name; /* NULL: the metric's */
} rows[] = {{METRIC_PACKETS, PLAIN, NULL},
            {METRIC_CALLS, PLAIN, NULL},
            {METRIC_TIME, OVER_FLOOR, "time_per_floor"},
            {METRIC_TIME, OVER_REFERENCE, "time_per_reference"},
            {METRIC_TIME, OF_FLOOR, NULL},
            {METRIC_TIME, PLAIN, NULL},
            {METRIC_P50, PLAIN, NULL},
            {METRIC_P99, PLAIN, NULL},
            {METRIC_CPU, PLAIN, NULL}};

const char *const difference_of_names[DIFFERENCE_OFS] = {"build", "host"};

#define ROWS (sizeof rows / sizeof rows[0])

static bool is_counted(const struct row *row) {
    return metrics[row->metric].exact;
}

/* ---- the arithmetic ---- */

double difference_least_p(size_t base_count, size_t new_count) {
    const unsigned all = (unsigned)(base_count + new_count);
    return (base_count == new_count ? 2 : 1) / round(gsl_sf_choose(all, (unsigned)new_count));
}

size_t difference_sessions_to_speak(double level) {
    size_t n = DIFFERENCE_SESSIONS_MIN;
    while (n < SESSIONS_NEEDED_MAX && difference_least_p(n, n) > 1 - level) n++;
    return n;
}

double difference_permutation(const double *base, size_t base_count, const double *new,
                              size_t new_count) {
    const size_t count = base_count + new_count;
    const bool exact = gsl_sf_choose((unsigned)count, (unsigned)new_count) <= EXACT_MAX;
    double *all = calloc(count + 1, sizeof *all), p = 1; /* no memory: nothing is claimed */
    gsl_combination *split = gsl_combination_calloc(count, new_count);
    gsl_rng *random = exact ? NULL : gsl_rng_alloc(gsl_rng_mt19937);
    if (all != NULL && split != NULL && (exact || random != NULL)) {
        memcpy(all, new, new_count * sizeof *all);
        memcpy(all + new_count, base, base_count * sizeof *all);
        const double mean = gsl_stats_mean(all, 1, count);
        /* A hair less, so that rounding does not exclude the arrangement that was seen. */
        const double seen =
            fabs(gsl_stats_mean(new, 1, new_count) - mean) * (1 - 1e-9) - 1e-12 * fabs(mean);
        double as_far = 0, splits = 0;
        do {
            double chosen = 0;
            if (!exact) gsl_ran_shuffle(random, all, count, sizeof *all);
            for (size_t i = 0; i < new_count; i++) chosen += all[gsl_combination_get(split, i)];
            as_far += fabs(chosen / (double)new_count - mean) >= seen;
            splits++;
        } while (exact ? gsl_combination_next(split) == GSL_SUCCESS : splits < RANDOM_SPLITS);
        /* By chance the arrangement that was seen need not come again: it counts as one. */
        p = (as_far + !exact) / (splits + !exact);
    }
    gsl_rng_free(random);
    if (split != NULL) gsl_combination_free(split);
    free(all);
    return p;
}

/* ---- columns ---- */

/* A session's runs by series. */
struct indexed {
    struct series_table *tables;
    const struct side_session *sessions;
    size_t count;
};

static struct indexed index_side(const struct side *side) {
    struct indexed indexed = {.tables = calloc(side->count + 1, sizeof *indexed.tables),
                              .sessions = side->sessions};
    while (indexed.tables != NULL && indexed.count < side->count) {
        indexed.tables[indexed.count] = series_of(side->sessions[indexed.count].runs);
        indexed.count++;
    }
    return indexed;
}

static void indexed_free(struct indexed *indexed) {
    for (size_t i = 0; i < indexed->count; i++) series_free(&indexed->tables[i]);
    free(indexed->tables);
}

/* A floor knows nothing of how the server is built. */
static bool is_floor_of(const struct run *floor, const struct run *column) {
    struct run alike = *floor;
    const struct parameters *server = &column->asked;
    alike.asked.role = server->role;
    alike.asked.design = server->design;
    alike.asked.workers = server->workers;
    alike.asked.dedup = server->dedup;
    alike.asked.idle_timeout_ns = server->idle_timeout_ns;
    alike.asked.delay_ns = server->delay_ns;
    return run_is_floor(floor) && series_alike(&alike, column);
}

/* The series of a session for which `fits` holds; -1: there is none. */
static long find(const struct series_table *table, const struct run *column,
                 bool (*fits)(const struct run *one, const struct run *column)) {
    for (size_t i = 0; i < table->count; i++) {
        if (fits(table->first[i], column)) return (long)i;
    }
    return -1;
}

/* The columns of the variants, each by a run of it, in the order of the plan. */
struct columns {
    const struct run **list;
    size_t count;
};

static bool has(const struct columns *columns, const struct run *run) {
    for (size_t i = 0; i < columns->count; i++) {
        if (series_alike(columns->list[i], run)) return true;
    }
    return false;
}

static struct columns columns_of(const struct indexed *side) {
    struct columns columns = {0};
    size_t most = 0;
    for (size_t i = 0; i < side->count; i++) most += side->tables[i].count;
    columns.list = calloc(most + 1, sizeof(const struct run *));
    for (size_t i = 0; columns.list != NULL && i < side->count; i++) {
        for (size_t j = 0; j < side->tables[i].count; j++) {
            const struct run *run = side->tables[i].first[j];
            if (run->asked.role != ROLE_VARIANT || has(&columns, run)) continue;
            columns.list[columns.count++] = run;
        }
    }
    return columns;
}

static double known_if(bool known, double value) {
    return known ? value : (double)NAN;
}

/* 0 is none. */
static double some(double value, double unit) {
    return known_if(value > 0, value / unit);
}

/* The model's own name for it, which outlives the session. */
static const char *lost_name(const struct run *run) {
    const struct lost_packet *lost = run->lost_packet == NULL ? NULL : run->asked.variant->may_lose;
    while (lost != NULL && lost->what != NULL && strcmp(lost->what, run->lost_packet) != 0) lost++;
    return lost == NULL ? NULL : lost->what;
}

/* As a file's reader has it: what goes without saying is not told. */
static struct described describe(const struct run *run) {
    const struct parameters *asked = &run->asked;
    const bool open = run_is_open(run), remote = asked->host != NULL, own = series_own_rate(run);
    const bool usual_design = asked->design == engine_design(asked->engine);
    const bool usual_arrivals = !open || asked->arrivals == ARRIVALS_POISSON;
    const bool usual_assign = !open || asked->assign == ASSIGN_MRU;
    return (struct described){
        .variant = asked->variant->name,
        .build = run->against ? "against" : NULL,
        .engine = engine_names[asked->engine],
        .placement = remote ? "remote" : placement_names[asked->placement],
        .network = network_names[run->network],
        .profile = profile_names[asked->profile],
        .design = usual_design ? NULL : design_names[asked->design],
        .arrivals = usual_arrivals ? NULL : arrivals_names[asked->arrivals],
        .assign = usual_assign ? NULL : assign_names[asked->assign],
        .lost_packet = lost_name(run),
        .size_bytes = asked->size_bytes,
        .reply_bytes = asked->reply_bytes,
        .connections = asked->connections,
        .per_connection = some(asked->per_connection, 1),
        .pipeline = run->depth,
        .rtt_ms = known_if(asked->wire, (double)asked->rtt_ns / MS),
        .loss_percent = known_if(asked->wire, asked->loss_percent),
        .mtu_bytes = some(asked->mtu_bytes, 1),
        .offered_per_s = known_if(open && !own, asked->rate_per_s),
        .point = known_if(own, run->point),
        .deadline_ms = (double)asked->deadline_ns / MS,
        .rto_floor_ms = known_if(asked->variant->retries, (double)asked->rto_floor_ns / MS),
        .workers = known_if(asked->workers > 1, asked->workers),
        .idle_timeout_ms = some((double)asked->idle_timeout_ns, MS),
        .delay_us = some((double)asked->delay_ns, 1e3),
        .idle_connections = some(asked->idle, 1),
        .silent_connections = some(asked->silent, 1),
        .gap_ms = some((double)asked->gap_ns, MS),
        .dedup = asked->dedup};
}

/* What one side has and the other has not. */
static void list_only(struct findings *list, enum list kind, const struct columns *columns,
                      const struct columns *others) {
    for (size_t i = 0; i < columns->count; i++) {
        struct only *only = has(others, columns->list[i]) ? NULL : findings_add(list, kind);
        if (only != NULL) only->column = describe(columns->list[i]);
    }
}

/* ---- samples ---- */

/* One value a session. */
struct sample {
    double *values;
    size_t count;
    size_t few_valid; /* sessions that have none because too few of their runs are valid */
};

/* Of a valid run, over its floor's in the same block; NAN: it does not say. */
static double value_of(const struct run *run, const struct run *floor, double reference_us,
                       const struct row *row) {
    const struct metric *metric = &metrics[row->metric];
    double unit = 1;
    if (row->measure == OVER_REFERENCE) unit = reference_us;
    if (row->measure == OVER_FLOOR) unit = floor == NULL ? (double)NAN : metric->of(floor);
    const double value = metric->of(run) / unit;
    return isfinite(value) && (value > 0 || (metric->exact && value == 0)) ? value : (double)NAN;
}

static void take_session(struct sample *sample, const struct indexed *side, size_t session,
                         const struct run *column, const struct row *row) {
    const struct series_table *table = &side->tables[session];
    const long floor = find(table, column, is_floor_of);
    const long series = row->measure == OF_FLOOR ? floor : find(table, column, series_alike);
    double *values = calloc(table->blocks + 1, sizeof *values);
    size_t made = 0, valid = 0, count = 0;
    for (size_t i = 0; values != NULL && series >= 0 && i < table->blocks; i++) {
        const struct run *run = series_run(table, (size_t)series, i);
        if (run == NULL) continue;
        made++;
        /* Without a wire counts were made apart: what spoilt the run did not spoil them. */
        if (!run_is_valid(run) && !(is_counted(row) && !run->wire.known)) continue;
        valid++;
        values[count] = value_of(run, floor < 0 ? NULL : series_valid(table, (size_t)floor, i),
                                 side->sessions[session].reference_us, row);
        if (!isnan(values[count])) count++;
    }
    if (2 * valid < made)
        sample->few_valid++;
    else if (count > 0)
        sample->values[sample->count++] = statistics_median(values, count);
    free(values);
}

static struct sample sample_of(const struct indexed *side, const struct run *column,
                               const struct row *row) {
    struct sample sample = {.values = calloc(side->count + 1, sizeof(double))};
    for (size_t i = 0; sample.values != NULL && i < side->count; i++) {
        take_session(&sample, side, i, column, row);
    }
    return sample;
}

/* ---- over time ---- */

const char *const difference_metrics[] = {"packets_per_message",
                                          "syscalls_per_message",
                                          "time_per_floor",
                                          "time_per_reference",
                                          "time_per_message",
                                          "p50",
                                          "p99",
                                          "cpu_per_message",
                                          NULL};

static const char *name_of(const struct row *row) {
    return row->name != NULL ? row->name : metrics[row->metric].name;
}

static const struct row *row_of(const char *metric) {
    const struct row *row = rows;
    while (row->measure == OF_FLOOR || strcmp(name_of(row), metric) != 0) row++;
    return row;
}

static void track(struct tracked *tracked, const struct indexed *side, const struct run *column,
                  const struct row *row) {
    tracked->column = describe(column);
    for (size_t i = 0; i < side->count; i++) {
        double value = NAN;
        struct sample sample = {.values = &value};
        if (metric_is_for(&metrics[row->metric], column) || is_counted(row)) {
            take_session(&sample, side, i, column, row);
        }
        tracked->values[i] = value;
    }
}

struct tracked *difference_tracked(const struct side *side, const char *metric, size_t *count) {
    struct indexed indexed = index_side(side);
    struct columns columns = columns_of(&indexed);
    struct tracked *list = calloc(columns.count + 1, sizeof *list);
    for (*count = 0; list != NULL && *count < columns.count; (*count)++) {
        list[*count].values = calloc(side->count + 1, sizeof(double));
        if (list[*count].values == NULL) break;
        track(&list[*count], &indexed, columns.list[*count], row_of(metric));
    }
    free(columns.list);
    indexed_free(&indexed);
    return list;
}

/* ---- one comparison ---- */

struct planned {
    const struct run *column;
    const struct row *row;
    bool gates; /* it may be a regression */
    struct sample base, new;
};

static bool has_at_least(const struct planned *p, size_t sessions) {
    return p->base.count >= sessions && p->new.count >= sessions;
}

static double least_of(const struct sample *sample) {
    return gsl_stats_min(sample->values, 1, sample->count);
}

static double most_of(const struct sample *sample) {
    return gsl_stats_max(sample->values, 1, sample->count);
}

/* Extremes instead of an interval: there is no chance in these. */
static enum verdict compare_counts(struct changed *c, const struct planned *p) {
    const double base_least = least_of(&p->base), base_most = most_of(&p->base);
    const double new_least = least_of(&p->new), new_most = most_of(&p->new);
    c->low = new_least / base_most;
    c->high = new_most / base_least;
    c->diff_low = new_least - base_most;
    c->diff_high = new_most - base_least;
    if (fmax(base_most, new_most) - fmin(base_least, new_least) <= DIFFERENCE_COUNT_STEP)
        return VERDICT_SAME;
    if (c->diff_low > DIFFERENCE_COUNT_STEP) return VERDICT_SLOWER;
    return c->diff_high < -DIFFERENCE_COUNT_STEP ? VERDICT_FASTER : VERDICT_NOT_DECIDED;
}

/* About how many a side would tell the difference from the nearer boundary: none, or the margin. */
static size_t sessions_needed(const struct estimate *logs, const struct planned *p, double margin) {
    const double size = fabs(logs->value);
    const double a_side = 2 / (1 / (double)p->base.count + 1 / (double)p->new.count);
    const size_t needed =
        estimate_needed(logs, (size_t)ceil(a_side), fmax(size, log1p(margin) - size));
    return needed <= SESSIONS_NEEDED_MAX ? needed : 0;
}

static enum verdict compare_times(struct changed *c, const struct planned *p) {
    const size_t base = p->base.count, new = p->new.count;
    double *logs = calloc(base + new, sizeof *logs);
    if (logs == NULL) return VERDICT_NOT_DECIDED;
    for (size_t i = 0; i < base; i++) logs[i] = log(p->base.values[i]);
    for (size_t i = 0; i < new; i++) logs[base + i] = log(p->new.values[i]);
    const struct estimate ratio = estimate_welch(logs, base, logs + base, new, c->level);
    const struct estimate diff = estimate_welch(p->base.values, base, p->new.values, new, c->level);
    c->ratio = exp(ratio.value);
    c->low = exp(ratio.low);
    c->high = exp(ratio.high);
    c->diff = diff.value;
    c->diff_low = diff.low;
    c->diff_high = diff.high;
    c->detectable = expm1(ratio.detectable);
    c->p = difference_permutation(logs, base, logs + base, new);
    free(logs);
    if (c->low >= 1 - c->margin && c->high <= 1 + c->margin) return VERDICT_SAME;
    if (c->high < 1) return VERDICT_FASTER;
    if (c->low > 1) return VERDICT_SLOWER;
    if (c->judged) c->sessions_needed = sessions_needed(&ratio, p, c->margin);
    return VERDICT_NOT_DECIDED;
}

/* ---- all of them ---- */

/* What is compared with what. */
struct work {
    struct findings *lists;
    struct difference *all;
    struct indexed base, new;
    enum difference_of of;
    bool counting; /* how many times share the level, before any is judged */
    size_t times;
};

static void add_change(const struct work *w, const struct planned *p) {
    struct changed *c = findings_add(&w->lists[LIST_CHANGES], LIST_CHANGES);
    if (c == NULL) return;
    c->column = describe(p->column);
    c->metric = name_of(p->row);
    c->gates = p->gates;
    c->baseline = "base";
    c->role = role_names[p->row->measure == OF_FLOOR ? ROLE_FLOOR : ROLE_VARIANT];
    c->sessions_base = p->base.count;
    c->sessions_new = p->new.count;
    c->base = statistics_median(p->base.values, p->base.count);
    c->new = statistics_median(p->new.values, p->new.count);
    c->ratio = c->base == c->new ? 1 : c->new / c->base;
    c->diff = c->new - c->base;
    c->margin = w->all->margin;
    c->min_effect = w->all->min_effect;
    c->verdict = VERDICT_NOT_DECIDED;
    c->sessions_needed = 0;
    c->judged = has_at_least(p, DIFFERENCE_SESSIONS_MIN);
    if (!is_counted(p->row) && !has_at_least(p, DIFFERENCE_SESSIONS_SHOWN)) return;
    if (!is_counted(p->row)) c->level = 1 - 0.05 / fmax(1, (double)w->times);
    const enum verdict verdict = is_counted(p->row) ? compare_counts(c, p) : compare_times(c, p);
    if (!c->judged) return;
    c->verdict = verdict;
    c->regression = verdict == VERDICT_SLOWER && c->gates && c->low > 1 + c->min_effect;
    w->all->judged += c->gates;
    w->all->regressions += c->regression;
}

/* All that is known of both sides is that it is beyond the deadline: no difference is to be had. */
static bool both_missed(const struct planned *p) {
    const double deadline_us = (double)p->column->asked.deadline_ns / 1e3;
    const bool percentile = p->row->metric == METRIC_P50 || p->row->metric == METRIC_P99;
    return percentile && run_is_open(p->column) && has_at_least(p, 1) &&
           least_of(&p->base) >= deadline_us && least_of(&p->new) >= deadline_us;
}

static void take_planned(struct work *w, const struct planned *p) {
    const size_t base_all = p->base.count + p->base.few_valid;
    const size_t new_all = p->new.count + p->new.few_valid;
    const bool could = base_all >= DIFFERENCE_SESSIONS_MIN && new_all >= DIFFERENCE_SESSIONS_MIN;
    const bool missed = both_missed(p), shows = has_at_least(p, 1) && !missed;
    if (!w->counting) {
        if (shows) add_change(w, p);
        return;
    }
    w->times +=
        shows && p->gates && has_at_least(p, DIFFERENCE_SESSIONS_SHOWN) && !is_counted(p->row);
    w->all->too_few_valid += p->gates && ((could && !has_at_least(p, DIFFERENCE_SESSIONS_MIN)) ||
                                          (base_all > 0 && new_all > 0 && !shows && !missed));
}

/* Whether any session of a side has a floor for it. */
static bool has_floor(const struct indexed *side, const struct run *column) {
    size_t i = 0;
    while (i < side->count && find(&side->tables[i], column, is_floor_of) < 0) i++;
    return i < side->count;
}

static bool gates(const struct work *w, const struct run *column, const struct row *row) {
    if (is_counted(row)) return true;
    if (row->measure == OF_FLOOR) return false;
    if (w->of == DIFFERENCE_OF_HOST) return row->measure != OVER_FLOOR;
    const bool floored = has_floor(&w->base, column) && has_floor(&w->new, column);
    return row->measure == (floored ? OVER_FLOOR : PLAIN);
}

static void compare_columns(struct work *w, const struct columns *columns) {
    for (size_t i = 0; i < ROWS * columns->count; i++) {
        const struct run *column = columns->list[i / ROWS];
        const struct row *row = &rows[i % ROWS];
        if (!is_counted(row) && !metric_is_for(&metrics[row->metric], column)) continue;
        const struct planned p = {column, row, gates(w, column, row),
                                  sample_of(&w->base, column, row),
                                  sample_of(&w->new, column, row)};
        take_planned(w, &p);
        free(p.base.values);
        free(p.new.values);
    }
}

void difference_conclude(struct findings lists[LISTS], const struct side *base,
                         const struct side *new, struct difference_terms terms) {
    struct difference *all = findings_add(&lists[LIST_DIFFERENCE], LIST_DIFFERENCE);
    if (all == NULL) return;
    *all = (struct difference){.of = difference_of_names[terms.of],
                               .sessions_base = base->count,
                               .sessions_new = new->count,
                               .margin = terms.margin,
                               .min_effect = terms.min_effect};
    struct work w = {lists, all, index_side(base), index_side(new), terms.of, true, 0};
    struct columns columns = columns_of(&w.base), others = columns_of(&w.new);
    compare_columns(&w, &columns);
    w.counting = false;
    compare_columns(&w, &columns);
    list_only(&lists[LIST_ONLY_BASE], LIST_ONLY_BASE, &columns, &others);
    list_only(&lists[LIST_ONLY_NEW], LIST_ONLY_NEW, &others, &columns);
    free(columns.list);
    free(others.list);
    indexed_free(&w.base);
    indexed_free(&w.new);
}
