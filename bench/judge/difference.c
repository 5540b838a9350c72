/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/difference.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/metric.h"
#include "bench/run/loss_model.h"

/*
 * Counts within a hundredth are equal: opening and closing a persistent
 * connection is shared by however many messages a run had time for.
 */
static const double count_step = 0.01;

/* What is compared of a column, in this order; counts are what metrics call exact. */
static const struct row {
    enum metric_id metric;
    enum { PLAIN, OVER_FLOOR, OF_FLOOR } measure;
} rows[] = {
    {METRIC_PACKETS, PLAIN}, {METRIC_CALLS, PLAIN}, {METRIC_TIME, OVER_FLOOR},
    {METRIC_TIME, OF_FLOOR}, {METRIC_TIME, PLAIN},  {METRIC_P50, PLAIN},
    {METRIC_P99, PLAIN},     {METRIC_CPU, PLAIN},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static bool is_counted(const struct row *row) {
    return metrics[row->metric].exact;
}

static bool is_for(const struct row *row, const struct run *column) {
    return is_counted(row) || metric_is_for(&metrics[row->metric], column);
}

/* ---- columns ---- */

/* A session's runs by series. */
struct indexed {
    struct series_table *tables;
    size_t count;
};

static struct indexed index_side(const struct side *side) {
    struct indexed indexed = {.tables = calloc(side->count + 1, sizeof *indexed.tables)};
    while (indexed.tables != NULL && indexed.count < side->count) {
        indexed.tables[indexed.count] = series_of(side->sessions[indexed.count]);
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

static bool side_has(const struct indexed *side, const struct run *column) {
    for (size_t i = 0; i < side->count; i++) {
        if (find(&side->tables[i], column, series_alike) >= 0) return true;
    }
    return false;
}

/* The columns of the variants, each by a run of it, in the order of the plan. */
struct columns {
    const struct run **list;
    size_t count;
};

static bool is_new(const struct columns *columns, const struct run *run) {
    for (size_t i = 0; i < columns->count; i++) {
        if (series_alike(columns->list[i], run)) return false;
    }
    return run->asked.role == ROLE_VARIANT;
}

static struct columns columns_of(const struct indexed *side) {
    struct columns columns = {0};
    size_t most = 0;
    for (size_t i = 0; i < side->count; i++) most += side->tables[i].count;
    columns.list = calloc(most + 1, sizeof(const struct run *));
    for (size_t i = 0; columns.list != NULL && i < side->count; i++) {
        for (size_t j = 0; j < side->tables[i].count; j++) {
            const struct run *run = side->tables[i].first[j];
            if (is_new(&columns, run)) columns.list[columns.count++] = run;
        }
    }
    return columns;
}

static double known_if(bool known, double value) {
    return known ? value : (double)NAN;
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
    return (struct described){
        .variant = asked->variant->name,
        .build = run->against ? "against" : NULL,
        .engine = engine_names[asked->engine],
        .placement = remote ? "remote" : placement_names[asked->placement],
        .network = network_names[run->network],
        .profile = profile_names[asked->profile],
        .design = usual_design ? NULL : design_names[asked->design],
        .arrivals =
            open && asked->arrivals != ARRIVALS_POISSON ? arrivals_names[asked->arrivals] : NULL,
        .assign = open && asked->assign != ASSIGN_MRU ? assign_names[asked->assign] : NULL,
        .lost_packet = lost_name(run),
        .size_bytes = asked->size_bytes,
        .reply_bytes = asked->reply_bytes,
        .connections = asked->connections,
        .per_connection = known_if(asked->per_connection > 0, asked->per_connection),
        .pipeline = run->depth,
        .rtt_ms = known_if(asked->wire, (double)asked->rtt_ns / 1e6),
        .loss_percent = known_if(asked->wire, asked->loss_percent),
        .mtu_bytes = known_if(asked->mtu_bytes > 0, asked->mtu_bytes),
        .offered_per_s = known_if(open && !own, asked->rate_per_s),
        .point = known_if(own, run->point),
        .deadline_ms = (double)asked->deadline_ns / 1e6,
        .rto_floor_ms = known_if(asked->variant->retries, (double)asked->rto_floor_ns / 1e6),
        .workers = known_if(asked->workers > 1, asked->workers),
        .idle_timeout_ms =
            known_if(asked->idle_timeout_ns > 0, (double)asked->idle_timeout_ns / 1e6),
        .delay_us = known_if(asked->delay_ns > 0, (double)asked->delay_ns / 1e3),
        .idle_connections = known_if(asked->idle > 0, asked->idle),
        .silent_connections = known_if(asked->silent > 0, asked->silent),
        .gap_ms = known_if(asked->gap_ns > 0, (double)asked->gap_ns / 1e6),
        .dedup = asked->dedup,
    };
}

/* What one side has and the other has not. */
static void list_only(struct findings *list, enum list kind, const struct columns *columns,
                      const struct indexed *other) {
    for (size_t i = 0; i < columns->count; i++) {
        struct only *only = side_has(other, columns->list[i]) ? NULL : findings_add(list, kind);
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

/* The series of a session that a row is about, and the floor to be met in the same block. */
struct met {
    const struct series_table *table;
    long series, floor;
};

/* NAN: this block does not say. */
static double value_of(const struct met *met, size_t block, const struct row *row) {
    const struct metric *metric = &metrics[row->metric];
    const double value = metric->of(series_run(met->table, (size_t)met->series, block));
    if (row->measure != OVER_FLOOR) return value;
    const struct run *floor =
        met->floor < 0 ? NULL : series_valid(met->table, (size_t)met->floor, block);
    return floor == NULL ? (double)NAN : value / metric->of(floor);
}

static void take_session(struct sample *sample, const struct series_table *table,
                         const struct run *column, const struct row *row) {
    const long floor = find(table, column, is_floor_of);
    const struct met met = {
        table, row->measure == OF_FLOOR ? floor : find(table, column, series_alike), floor};
    double *values = calloc(table->blocks + 1, sizeof *values);
    size_t made = 0, valid = 0, count = 0;
    for (size_t i = 0; values != NULL && met.series >= 0 && i < table->blocks; i++) {
        made += series_run(table, (size_t)met.series, i) != NULL;
        if (series_valid(table, (size_t)met.series, i) == NULL) continue;
        valid++;
        const double value = value_of(&met, i, row);
        const bool possible = is_counted(row) ? value >= 0 : value > 0;
        if (possible && isfinite(value)) values[count++] = value;
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
        take_session(&sample, &side->tables[i], column, row);
    }
    return sample;
}

/* ---- one comparison ---- */

struct planned {
    const struct run *column;
    const struct row *row;
    struct sample base, new;
};

static bool can_judge(const struct planned *p) {
    return p->base.count >= DIFFERENCE_SESSIONS_MIN && p->new.count >= DIFFERENCE_SESSIONS_MIN;
}

static double least_of(const struct sample *sample) {
    return gsl_stats_min(sample->values, 1, sample->count);
}

static double most_of(const struct sample *sample) {
    return gsl_stats_max(sample->values, 1, sample->count);
}

/* Extremes instead of an interval: there is no chance in these. */
static void judge_counts(struct changed *c, const struct planned *p) {
    const double base_least = least_of(&p->base), base_most = most_of(&p->base);
    const double new_least = least_of(&p->new), new_most = most_of(&p->new);
    const double widest = fmax(base_most, new_most) - fmin(base_least, new_least);
    c->low = new_least / base_most;
    c->high = new_most / base_least;
    c->diff_low = new_least - base_most;
    c->diff_high = new_most - base_least;
    c->verdict = widest <= count_step         ? VERDICT_SAME
                 : c->diff_low > count_step   ? VERDICT_SLOWER
                 : c->diff_high < -count_step ? VERDICT_FASTER
                                              : VERDICT_NOT_DECIDED;
    c->regression = c->verdict == VERDICT_SLOWER && new_least > base_most * (1 + c->min_effect);
}

static enum verdict verdict_of(const struct changed *c) {
    if (c->low >= 1 - c->margin && c->high <= 1 + c->margin) return VERDICT_SAME;
    if (c->high < 1) return VERDICT_FASTER;
    return c->low > 1 ? VERDICT_SLOWER : VERDICT_NOT_DECIDED;
}

static double *logs_of(const struct sample *sample) {
    double *logs = calloc(sample->count + 1, sizeof *logs);
    for (size_t i = 0; logs != NULL && i < sample->count; i++) logs[i] = log(sample->values[i]);
    return logs;
}

static void judge_logs(struct changed *c, const struct planned *p, const double *base,
                       const double *new) {
    const size_t base_count = p->base.count, new_count = p->new.count;
    const struct interval log_ratio = difference_welch(base, base_count, new, new_count, c->level);
    const struct interval diff =
        difference_welch(p->base.values, base_count, p->new.values, new_count, c->level);
    const struct welch w = welch_of(base, base_count, new, new_count);
    c->ratio = exp(log_ratio.value);
    c->low = exp(log_ratio.low);
    c->high = exp(log_ratio.high);
    c->diff = diff.value;
    c->diff_low = diff.low;
    c->diff_high = diff.high;
    c->p = difference_permutation(base, base_count, new, new_count);
    c->verdict = verdict_of(c);
    c->regression =
        c->verdict == VERDICT_SLOWER && p->row->measure != OF_FLOOR && c->low > 1 + c->min_effect;
    if (c->verdict != VERDICT_NOT_DECIDED) return;
    c->sessions_needed = difference_sessions_needed(&w, base_count, new_count, c->level, c->margin);
}

static void judge_times(struct changed *c, const struct planned *p) {
    double *base = logs_of(&p->base);
    double *new = logs_of(&p->new);
    if (base != NULL && new != NULL) judge_logs(c, p, base, new);
    free(base);
    free(new);
}

static void add_change(struct findings *list, const struct planned *p, const struct difference *all,
                       double level) {
    struct changed *c = findings_add(list, LIST_CHANGES);
    if (c == NULL) return;
    c->column = describe(p->column);
    c->metric = p->row->measure == OVER_FLOOR ? "time_per_floor" : metrics[p->row->metric].name;
    c->baseline = "base";
    c->role = role_names[p->row->measure == OF_FLOOR ? ROLE_FLOOR : ROLE_VARIANT];
    c->sessions_base = p->base.count;
    c->sessions_new = p->new.count;
    c->base = statistics_median(p->base.values, p->base.count);
    c->new = statistics_median(p->new.values, p->new.count);
    c->ratio = c->base == c->new ? 1 : c->new / c->base;
    c->diff = c->new - c->base;
    c->margin = all->margin;
    c->min_effect = all->min_effect;
    c->verdict = VERDICT_NOT_DECIDED;
    c->sessions_needed = 0;
    c->judged = can_judge(p);
    if (!c->judged) return;
    if (is_counted(p->row)) {
        judge_counts(c, p);
    } else {
        c->level = level;
        judge_times(c, p);
    }
}

/* ---- all of them ---- */

struct plan {
    struct planned *list;
    size_t count, times_judged, too_few_valid;
};

/* All that is known of both sides is that it is beyond the deadline: no difference is to be had. */
static bool both_missed(const struct planned *p) {
    const double deadline_us = (double)p->column->asked.deadline_ns / 1e3;
    const bool percentile = p->row->metric == METRIC_P50 || p->row->metric == METRIC_P99;
    return percentile && run_is_open(p->column) && p->base.count > 0 && p->new.count > 0 &&
           least_of(&p->base) >= deadline_us &&least_of(&p->new) >= deadline_us;
}

static void plan_one(struct plan *plan, const struct planned *p) {
    const size_t base_all = p->base.count + p->base.few_valid;
    const size_t new_all = p->new.count + p->new.few_valid;
    const bool could = base_all >= DIFFERENCE_SESSIONS_MIN && new_all >= DIFFERENCE_SESSIONS_MIN;
    const bool missed = both_missed(p);
    const bool shows = p->base.count > 0 && p->new.count > 0 && !missed;
    plan->too_few_valid +=
        (could && !can_judge(p)) || (base_all > 0 && new_all > 0 && !shows && !missed);
    if (!shows) {
        free(p->base.values);
        free(p->new.values);
        return;
    }
    if (can_judge(p) && !is_counted(p->row)) plan->times_judged++;
    plan->list[plan->count++] = *p;
}

static struct plan plan_of(const struct indexed *base, const struct indexed *new,
                           const struct columns *columns) {
    struct plan plan = {.list = calloc(ROWS * columns->count + 1, sizeof *plan.list)};
    for (size_t i = 0; plan.list != NULL && i < columns->count; i++) {
        const struct run *column = columns->list[i];
        for (int k = 0; k < ROWS; k++) {
            if (!is_for(&rows[k], column)) continue;
            plan_one(&plan, &(struct planned){column, &rows[k], sample_of(base, column, &rows[k]),
                                              sample_of(new, column, &rows[k])});
        }
    }
    return plan;
}

static void list_changes(struct findings *list, struct plan *plan, struct difference *all) {
    const double level = 1 - 0.05 / (double)(plan->times_judged == 0 ? 1 : plan->times_judged);
    for (size_t i = 0; i < plan->count; i++) {
        add_change(list, &plan->list[i], all, level);
        free(plan->list[i].base.values);
        free(plan->list[i].new.values);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct changed *c = &((const struct changed *)list->items)[i];
        all->judged += c->judged;
        all->regressions += c->regression;
    }
    all->too_few_valid = plan->too_few_valid;
    free(plan->list);
}

void difference_conclude(struct findings lists[LISTS], const struct side *base,
                         const struct side *new, double margin, double min_effect) {
    struct difference *all = findings_add(&lists[LIST_DIFFERENCE], LIST_DIFFERENCE);
    if (all == NULL) return;
    *all = (struct difference){base->count, new->count, margin, min_effect, 0, 0, 0};
    struct indexed before = index_side(base), after = index_side(new);
    struct columns columns = columns_of(&before), others = columns_of(&after);
    struct plan plan = plan_of(&before, &after, &columns);
    list_changes(&lists[LIST_CHANGES], &plan, all);
    list_only(&lists[LIST_ONLY_BASE], LIST_ONLY_BASE, &columns, &after);
    list_only(&lists[LIST_ONLY_NEW], LIST_ONLY_NEW, &others, &before);
    free(columns.list);
    free(others.list);
    indexed_free(&before);
    indexed_free(&after);
}
