/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/difference.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/difference_parts.h"
#include "bench/judge/open_loop.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"

/*
 * Counts within a hundredth are equal: opening and closing a persistent
 * connection is shared by however many messages a run had time for.
 */
static const double count_step = 0.01;

const struct difference_metric difference_metrics[] = {
    {
        .name = "packets_per_message",
        .path = "per_message.packets",
        .label = "packets",
        .measure = COUNTED,
        .closed = true,
        .open = true,
    },
    {
        .name = "syscalls_per_message",
        .path = "per_message.syscalls",
        .label = "system calls",
        .measure = COUNTED,
        .closed = true,
        .open = true,
    },
    {
        .name = "time_per_floor",
        .path = "time_per_message_us",
        .label = "time / floor",
        .measure = OVER_FLOOR,
        .closed = true,
    },
    {
        .name = "time_per_message",
        .path = "time_per_message_us",
        .label = "the floor us",
        .measure = OF_FLOOR,
        .closed = true,
    },
    {
        .name = "time_per_message",
        .path = "time_per_message_us",
        .label = "time us",
        .measure = TIMED,
        .closed = true,
    },
    {
        .name = "p50",
        .path = "latency_us.p50",
        .percent = 50,
        .label = "p50 us",
        .measure = TIMED,
        .closed = true,
        .open = true,
    },
    {.name = "p99", .percent = 99, .label = "p99 us", .measure = TIMED, .open = true},
    {
        .name = "cpu_per_message",
        .path = "per_message.cpu_us",
        .label = "CPU us",
        .measure = TIMED,
        .closed = true,
        .open = true,
    },
};

enum { METRICS = sizeof difference_metrics / sizeof difference_metrics[0] };

const size_t difference_metric_count = METRICS;

static void set(json_t *object, const char *name, json_t *value) {
    (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
}

static void set_count(json_t *object, const char *name, size_t count) {
    set(object, name, json_integer((json_int_t)count));
}

/* ---- samples ---- */

/* One value a session. */
struct sample {
    double *values;
    size_t count;
    size_t few_valid; /* sessions that have none because too few of their runs are valid */
};

static bool is_valid(const json_t *run) {
    return json_is_true(json_object_get(run, "valid"));
}

static const json_t *valid_run_of_block(const json_t *runs, double block) {
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (result_number(run, "block", -1) == block && is_valid(run)) return run;
    }
    return NULL;
}

/* NAN: this run does not say. Floors are met in the same block, where the machine was the same. */
static double value_of(const json_t *run, const json_t *floors,
                       const struct difference_metric *metric) {
    if (metric->percent > 0 && open_loop_is(run)) return open_loop_waited_us(run, metric->percent);
    const double value = result_number(run, metric->path, NAN);
    if (metric->measure != OVER_FLOOR) return value;
    const json_t *floor = valid_run_of_block(floors, result_number(run, "block", -1));
    return value / result_number(floor, metric->path, NAN);
}

static void take_session(struct sample *sample, const json_t *index, const json_t *column,
                         const struct difference_metric *metric) {
    const json_t *floors = difference_runs(index, "floor", column);
    const json_t *runs =
        metric->measure == OF_FLOOR ? floors : difference_runs(index, "variant", column);
    const size_t size = json_array_size(runs);
    double *values = calloc(size + 1, sizeof *values);
    size_t valid = 0;
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < size; i++) {
        const json_t *run = json_array_get(runs, i);
        const double value = value_of(run, floors, metric);
        const bool possible = metric->measure == COUNTED ? value >= 0 : value > 0;
        if (!is_valid(run)) continue;
        valid++;
        if (possible && isfinite(value)) values[count++] = value;
    }
    if (2 * valid < size) {
        sample->few_valid++;
    } else if (count > 0) {
        sample->values[sample->count++] = statistics_median(values, count);
    }
    free(values);
}

static struct sample sample_of(const json_t *indexes, const json_t *column,
                               const struct difference_metric *metric) {
    struct sample sample = {.values = calloc(json_array_size(indexes) + 1, sizeof(double))};
    for (size_t i = 0; sample.values != NULL && i < json_array_size(indexes); i++) {
        take_session(&sample, json_array_get(indexes, i), column, metric);
    }
    return sample;
}

/* ---- one comparison ---- */

struct outcome {
    struct interval ratio, diff;
    double base, new; /* medians */
    double level, p;
    enum verdict verdict;
    bool judged, regression;
    size_t needed;
};

struct planned {
    const json_t *column;
    const struct difference_metric *metric;
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

static void judge_counts(const struct planned *p, const struct difference_options *options,
                         struct outcome *o) {
    const double base_least = least_of(&p->base);
    const double base_most = most_of(&p->base);
    const double new_least = least_of(&p->new);
    const double new_most = most_of(&p->new);
    const double widest = fmax(base_most, new_most) - fmin(base_least, new_least);
    /* Extremes instead of an interval: there is no chance in these. */
    o->ratio.low = new_least / base_most;
    o->ratio.high = new_most / base_least;
    o->diff.low = new_least - base_most;
    o->diff.high = new_most - base_least;
    o->verdict = widest <= count_step         ? VERDICT_SAME
                 : o->diff.low > count_step   ? VERDICT_SLOWER
                 : o->diff.high < -count_step ? VERDICT_FASTER
                                              : VERDICT_NOT_DECIDED;
    o->regression =
        o->verdict == VERDICT_SLOWER && new_least > base_most * (1 + options->min_effect);
}

static double *logs_of(const struct sample *sample) {
    double *logs = calloc(sample->count + 1, sizeof *logs);
    for (size_t i = 0; logs != NULL && i < sample->count; i++) logs[i] = log(sample->values[i]);
    return logs;
}

static enum verdict verdict_of(const struct interval *ratio, double margin) {
    if (ratio->low >= 1 - margin && ratio->high <= 1 + margin) return VERDICT_SAME;
    if (ratio->high < 1) return VERDICT_FASTER;
    if (ratio->low > 1) return VERDICT_SLOWER;
    return VERDICT_NOT_DECIDED;
}

static void judge_times(const struct planned *p, const struct difference_options *options,
                        struct outcome *o) {
    double *base = logs_of(&p->base);
    double *new = logs_of(&p->new);
    if (base != NULL && new != NULL) {
        const size_t base_count = p->base.count;
        const size_t new_count = p->new.count;
        const struct interval log_ratio =
            difference_welch(base, base_count, new, new_count, o->level);
        o->ratio = (struct interval){exp(log_ratio.value), exp(log_ratio.low), exp(log_ratio.high)};
        o->diff = difference_welch(p->base.values, base_count, p->new.values, new_count, o->level);
        o->p = difference_permutation(base, base_count, new, new_count);
        o->verdict = verdict_of(&o->ratio, options->margin);
        o->regression = o->verdict == VERDICT_SLOWER && p->metric->measure != OF_FLOOR &&
                        o->ratio.low > 1 + options->min_effect;
        if (o->verdict == VERDICT_NOT_DECIDED) {
            const struct welch w = welch_of(base, base_count, new, new_count);
            o->needed =
                difference_sessions_needed(&w, base_count, new_count, o->level, options->margin);
        }
    }
    free(base);
    free(new);
}

static struct outcome outcome_of(const struct planned *p, const struct difference_options *options,
                                 double level) {
    struct outcome o = {.base = statistics_median(p->base.values, p->base.count),
                        .new = statistics_median(p->new.values, p->new.count),
                        .level = NAN,
                        .p = NAN,
                        .verdict = VERDICT_NOT_DECIDED,
                        .judged = can_judge(p)};
    o.ratio = (struct interval){o.base == o.new ? 1 : o.new / o.base, NAN, NAN};
    o.diff = (struct interval){o.new - o.base, NAN, NAN};
    if (!o.judged) return o;
    if (p->metric->measure == COUNTED) {
        judge_counts(p, options, &o);
    } else {
        o.level = level;
        judge_times(p, options, &o);
    }
    return o;
}

static json_t *comparison_json(const struct planned *p, const struct outcome *o,
                               const struct difference_options *options) {
    const bool floor = p->metric->measure == OF_FLOOR;
    json_t *object = json_object();
    set(object, "metric", json_string(p->metric->name));
    set(object, "baseline", json_string("base"));
    (void)json_object_update(object, (json_t *)p->column);
    set(object, "role", json_string(floor ? "floor" : "variant"));
    set(object, "blocks", json_null()); /* sessions are the sample */
    set_count(object, "sessions_base", p->base.count);
    set_count(object, "sessions_new", p->new.count);
    set(object, "base", json_real(o->base)); /* json_real(NAN) is NULL, which becomes null */
    set(object, "new", json_real(o->new));
    set(object, "ratio", json_real(o->ratio.value));
    set(object, "ci_low", json_real(o->ratio.low));
    set(object, "ci_high", json_real(o->ratio.high));
    set(object, "level", json_real(o->level));
    set(object, "diff", json_real(o->diff.value));
    set(object, "diff_ci_low", json_real(o->diff.low));
    set(object, "diff_ci_high", json_real(o->diff.high));
    set(object, "p", json_real(o->p));
    set(object, "margin", json_real(options->margin));
    set(object, "min_effect", json_real(options->min_effect));
    set(object, "judged", json_boolean(o->judged));
    set(object, "verdict", json_string(verdict_names[o->verdict]));
    set(object, "regression", json_boolean(o->regression));
    set_count(object, "sessions_needed", o->needed);
    return object;
}

/* ---- all of them ---- */

struct plan {
    struct planned *list;
    size_t count, room;
    size_t times_judged, too_few_valid;
};

/* All that is known of both sides is that it is beyond the deadline: no difference is to be had. */
static bool both_missed(const struct planned *p) {
    const double deadline_us = 1e3 * result_number(p->column, "deadline_ms", INFINITY);
    return p->metric->percent > 0 && difference_column_is_open(p->column) && p->base.count > 0 &&
           p->new.count > 0 && least_of(&p->base) >= deadline_us &&least_of(&p->new) >= deadline_us;
}

static void plan_one(struct plan *plan, const struct planned *p) {
    const size_t base_all = p->base.count + p->base.few_valid;
    const size_t new_all = p->new.count + p->new.few_valid;
    const bool could = base_all >= DIFFERENCE_SESSIONS_MIN && new_all >= DIFFERENCE_SESSIONS_MIN;
    const bool missed = both_missed(p);
    const bool shows = p->base.count > 0 && p->new.count > 0 && !missed;
    if ((could && !can_judge(p)) || (base_all > 0 && new_all > 0 && !shows && !missed))
        plan->too_few_valid++;
    if (!shows || plan->count == plan->room) {
        free(p->base.values);
        free(p->new.values);
        return;
    }
    if (can_judge(p) && p->metric->measure != COUNTED) plan->times_judged++;
    plan->list[plan->count++] = *p;
}

static bool metric_is_for(const struct difference_metric *metric, const json_t *column) {
    return difference_column_is_open(column) ? metric->open : metric->closed;
}

static struct plan plan_of(const json_t *base, const json_t *new, const json_t *columns) {
    struct plan plan = {.room = METRICS * json_array_size(columns)};
    plan.list = calloc(plan.room + 1, sizeof *plan.list);
    if (plan.list == NULL) plan.room = 0;
    for (size_t i = 0; i < json_array_size(columns); i++) {
        for (int m = 0; m < METRICS; m++) {
            const json_t *column = json_array_get(columns, i);
            if (!metric_is_for(&difference_metrics[m], column)) continue;
            const struct planned p = {.column = column,
                                      .metric = &difference_metrics[m],
                                      .base = sample_of(base, column, &difference_metrics[m]),
                                      .new = sample_of(new, column, &difference_metrics[m])};
            plan_one(&plan, &p);
        }
    }
    return plan;
}

static bool side_has(const json_t *indexes, const json_t *column) {
    for (size_t i = 0; i < json_array_size(indexes); i++) {
        if (difference_runs(json_array_get(indexes, i), "variant", column) != NULL) return true;
    }
    return false;
}

/* What one side has and the other has not. */
static json_t *only_of(const json_t *columns, const json_t *other_indexes) {
    json_t *only = json_array();
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        if (!side_has(other_indexes, column)) (void)json_array_append(only, column);
    }
    return only;
}

static json_t *environments_of(const json_t *sessions) {
    json_t *environments = json_array();
    size_t i;
    json_t *session;
    json_array_foreach(sessions, i, session) {
        (void)json_array_append(environments, json_object_get(session, "environment"));
    }
    return environments;
}

static json_t *environment_changes(const json_t *base, const json_t *new) {
    json_t *before = environments_of(base);
    json_t *after = environments_of(new);
    json_t *changes = environment_difference(before, after);
    json_decref(before);
    json_decref(after);
    return changes;
}

static void add_comparisons(json_t *difference, const struct plan *plan,
                            const struct difference_options *options) {
    const double level = 1 - 0.05 / (double)(plan->times_judged == 0 ? 1 : plan->times_judged);
    json_t *comparisons = json_array();
    size_t judged = 0;
    size_t regressions = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct planned *p = &plan->list[i];
        const struct outcome o = outcome_of(p, options, level);
        judged += o.judged ? 1 : 0;
        regressions += o.regression ? 1 : 0;
        (void)json_array_append_new(comparisons, comparison_json(p, &o, options));
    }
    set_count(difference, "judged", judged);
    set_count(difference, "regressions", regressions);
    set_count(difference, "too_few_valid", plan->too_few_valid);
    set(difference, "comparisons", comparisons);
}

json_t *difference_of(const json_t *base, const json_t *new,
                      const struct difference_options *options) {
    json_t *difference = json_object();
    json_t *base_indexes = difference_indexes(base);
    json_t *new_indexes = difference_indexes(new);
    json_t *columns = difference_columns(base);
    json_t *new_columns = difference_columns(new);
    struct plan plan = plan_of(base_indexes, new_indexes, columns);
    set_count(difference, "sessions_base", json_array_size(base));
    set_count(difference, "sessions_new", json_array_size(new));
    set(difference, "margin", json_real(options->margin));
    set(difference, "min_effect", json_real(options->min_effect));
    add_comparisons(difference, &plan, options);
    set(difference, "only_base", only_of(columns, new_indexes));
    set(difference, "only_new", only_of(new_columns, base_indexes));
    set(difference, "environment_difference", environment_changes(base, new));
    for (size_t i = 0; i < plan.count; i++) {
        free(plan.list[i].base.values);
        free(plan.list[i].new.values);
    }
    free(plan.list);
    json_decref(base_indexes);
    json_decref(new_indexes);
    json_decref(columns);
    json_decref(new_columns);
    return difference;
}
