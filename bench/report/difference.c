/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/difference.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_combination.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/measure/environment.h"
#include "bench/report/result.h"

enum { EXACT_MAX = 200000, RANDOM_SPLITS = 100000, SESSIONS_NEEDED_MAX = 1000, WIDTH = 80 };

/*
 * Counts within a hundredth are equal: opening and closing a persistent
 * connection is shared by however many messages a run had time for.
 */
static const double count_step = 0.01;

/* How the values of a session come about. */
enum measure { COUNTED, TIMED, OVER_FLOOR, OF_FLOOR };

struct metric {
    const char *name; /* in the result file */
    const char *path;
    const char *label; /* in the table */
    enum measure measure;
};

static const struct metric metrics[] = {
    {"packets_per_message", "per_message.packets", "packets", COUNTED},
    {"syscalls_per_message", "per_message.syscalls", "system calls", COUNTED},
    {"time_per_floor", "time_per_message_us", "time / floor", OVER_FLOOR},
    {"time_per_message", "time_per_message_us", "the floor us", OF_FLOOR},
    {"time_per_message", "time_per_message_us", "time us", TIMED},
    {"p50", "latency_us.p50", "p50 us", TIMED},
    {"cpu_per_message", "per_message.cpu_us", "CPU us", TIMED},
};

/*
 * What, besides the role, tells one column of an experiment from another. The
 * first two tell variants apart, the others points.
 */
static const char *const column_fields[] = {
    "variant",  "build",        "size_bytes",    "reply_bytes", "connections",
    "pipeline", "engine",       "placement",     "network",     "profile",
    "rtt_ms",   "loss_percent", "offered_per_s", "deadline_ms", "rto_floor_ms",
};

enum {
    POINT_FIELDS_FROM = 2,
    METRICS = sizeof metrics / sizeof metrics[0],
    COLUMN_FIELDS = sizeof column_fields / sizeof column_fields[0]
};

static void set(json_t *object, const char *name, json_t *value) {
    (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
}

static void set_count(json_t *object, const char *name, size_t count) {
    set(object, name, json_integer((json_int_t)count));
}

/* ---- arithmetic ---- */

struct welch {
    double mean, error, freedom; /* of the difference of the means */
};

static struct welch welch_of(const double *base, size_t base_count, const double *new,
                             size_t new_count) {
    const double b = gsl_stats_variance(base, 1, base_count) / (double)base_count;
    const double n = gsl_stats_variance(new, 1, new_count) / (double)new_count;
    const double below = b * b / ((double)base_count - 1) + n * n / ((double)new_count - 1);
    return (struct welch){
        .mean = gsl_stats_mean(new, 1, new_count) - gsl_stats_mean(base, 1, base_count),
        .error = sqrt(b + n),
        .freedom = below > 0 ? (b + n) * (b + n) / below : 1,
    };
}

struct interval difference_welch(const double *base, size_t base_count, const double *new,
                                 size_t new_count, double level) {
    const struct welch w = welch_of(base, base_count, new, new_count);
    /* Sessions that agree to the last digit leave nothing to be unsure of. */
    const double half = w.error > 0 ? gsl_cdf_tdist_Qinv((1 - level) / 2, w.freedom) * w.error : 0;
    return (struct interval){w.mean, w.mean - half, w.mean + half};
}

/* How many ways there are to choose k of n; as a double, which may be huge but never overflows. */
static double ways(size_t n, size_t k) {
    double product = 1;
    for (size_t i = 1; i <= k; i++) product *= (double)(n - k + i) / (double)i;
    return round(product);
}

/* The p that even the clearest difference cannot get below; equal sides have a mirror image. */
static double least_p(size_t base_count, size_t new_count) {
    return (base_count == new_count ? 2 : 1) / ways(base_count + new_count, new_count);
}

static double distance(double chosen, size_t count, double total, size_t rest) {
    return fabs(chosen / (double)count - (total - chosen) / (double)rest);
}

static double exact_permutation(const double *all, size_t count, size_t new_count, double total,
                                double seen) {
    gsl_combination *split = gsl_combination_calloc(count, new_count);
    double as_far = 0;
    double splits = 0;
    if (split == NULL) return 1; /* no memory: nothing is claimed */
    do {
        double chosen = 0;
        for (size_t i = 0; i < new_count; i++) chosen += all[gsl_combination_get(split, i)];
        if (distance(chosen, new_count, total, count - new_count) >= seen) as_far++;
        splits++;
    } while (gsl_combination_next(split) == GSL_SUCCESS);
    gsl_combination_free(split);
    return as_far / splits;
}

static double random_permutation(double *all, size_t count, size_t new_count, double total,
                                 double seen) {
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    unsigned as_far = 1; /* the arrangement that was seen counts as one */
    if (random == NULL) return 1;
    for (unsigned i = 0; i < RANDOM_SPLITS; i++) {
        double chosen = 0;
        gsl_ran_shuffle(random, all, count, sizeof *all);
        for (size_t j = 0; j < new_count; j++) chosen += all[j];
        if (distance(chosen, new_count, total, count - new_count) >= seen) as_far++;
    }
    gsl_rng_free(random);
    return (double)as_far / (RANDOM_SPLITS + 1);
}

double difference_permutation(const double *base, size_t base_count, const double *new,
                              size_t new_count) {
    const size_t count = base_count + new_count;
    double *all = calloc(count + 1, sizeof *all);
    double chosen = 0;
    double total = 0;
    if (all == NULL || base_count == 0 || new_count == 0) {
        free(all);
        return 1;
    }
    memcpy(all, new, new_count * sizeof *all);
    memcpy(all + new_count, base, base_count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        total += all[i];
        if (i < new_count) chosen += all[i];
    }
    /* A hair less, so that rounding does not exclude the arrangement that was seen. */
    const double size = fabs(total) / (double)count;
    const double seen = distance(chosen, new_count, total, base_count) * (1 - 1e-9) - 1e-12 * size;
    const double p = ways(count, new_count) <= EXACT_MAX
                         ? exact_permutation(all, count, new_count, total, seen)
                         : random_permutation(all, count, new_count, total, seen);
    free(all);
    return p;
}

/* How many sessions a side would decide, if the noise stays as it is; 0: cannot be told. */
static size_t sessions_needed(const struct welch *w, size_t base_count, size_t new_count,
                              double level, double margin) {
    const double away = fmax(fabs(w->mean), log1p(margin) - fabs(w->mean));
    /* The variance of one session, had both sides as many. */
    const double a_side = 2 / (1 / (double)base_count + 1 / (double)new_count);
    for (size_t n = DIFFERENCE_SESSIONS_MIN; n <= SESSIONS_NEEDED_MAX; n++) {
        const double error = w->error * sqrt(a_side / (double)n);
        if (gsl_cdf_tdist_Qinv((1 - level) / 2, 2 * (double)n - 2) * error < away) return n;
    }
    return 0;
}

/* From how many sessions a side on the permutation test could reach this level. */
static size_t sessions_to_speak(double level) {
    size_t n = DIFFERENCE_SESSIONS_MIN;
    while (n < SESSIONS_NEEDED_MAX && least_p(n, n) > 1 - level) n++;
    return n;
}

/* ---- columns ---- */

/* Numbers as real ones, so that 20 and 20.0 are the same; what a file does not tell is null. */
static json_t *column_of(const json_t *run) {
    json_t *column = json_object();
    for (int i = 0; i < COLUMN_FIELDS; i++) {
        const json_t *value = json_object_get(run, column_fields[i]);
        set(column, column_fields[i],
            json_is_number(value) ? json_real(json_number_value(value)) : json_deep_copy(value));
    }
    return column;
}

/* By role and column: {"floor {...}": [run, ...]}. */
static char *key_of(const char *role, const json_t *column) {
    char *text = json_dumps(column, JSON_COMPACT);
    char *key = NULL;
    if (text == NULL || asprintf(&key, "%s %s", role, text) < 0) key = NULL;
    free(text);
    return key;
}

static json_t *index_of(const json_t *session) {
    json_t *index = json_object();
    size_t i;
    json_t *run;
    json_array_foreach(json_object_get(session, "runs"), i, run) {
        json_t *column = column_of(run);
        char *key = key_of(result_text(run, "role"), column);
        json_decref(column);
        if (key == NULL) continue;
        if (json_object_get(index, key) == NULL) set(index, key, json_array());
        (void)json_array_append(json_object_get(index, key), run);
        free(key);
    }
    return index;
}

static json_t *indexes_of(const json_t *sessions) {
    json_t *indexes = json_array();
    size_t i;
    json_t *session;
    json_array_foreach(sessions, i, session) {
        (void)json_array_append_new(indexes, index_of(session));
    }
    return indexes;
}

static const json_t *runs_of(const json_t *index, const char *role, const json_t *column) {
    char *key = key_of(role, column);
    const json_t *runs = key == NULL ? NULL : json_object_get(index, key);
    free(key);
    return runs;
}

static bool side_has(const json_t *indexes, const json_t *column) {
    for (size_t i = 0; i < json_array_size(indexes); i++) {
        if (runs_of(json_array_get(indexes, i), "variant", column) != NULL) return true;
    }
    return false;
}

struct place {
    const json_t *run;
    double column;
};

static int by_column(const void *a, const void *b) {
    const double left = ((const struct place *)a)->column;
    const double right = ((const struct place *)b)->column;
    return (left > right) - (left < right);
}

/* The columns of the variants, in the order of the plan: shuffled runs do not shuffle the table. */
static json_t *columns_of(const json_t *session) {
    const json_t *runs = json_object_get(session, "runs");
    struct place *places = calloc(json_array_size(runs) + 1, sizeof *places);
    json_t *columns = json_array();
    json_t *seen = json_object();
    size_t count = 0;
    for (size_t i = 0; places != NULL && i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (strcmp(result_text(run, "role"), "variant") != 0) continue;
        places[count++] = (struct place){run, result_number(run, "column", 0)};
    }
    if (count > 1) qsort(places, count, sizeof *places, by_column);
    for (size_t i = 0; i < count; i++) {
        json_t *column = column_of(places[i].run);
        char *key = key_of("", column);
        if (key != NULL && json_object_get(seen, key) == NULL) {
            set(seen, key, json_true());
            (void)json_array_append(columns, column);
        }
        free(key);
        json_decref(column);
    }
    json_decref(seen);
    free(places);
    return columns;
}

/* Of all sessions of a side. */
static json_t *columns_of_side(const json_t *sessions) {
    json_t *columns = json_array();
    size_t i;
    json_t *session;
    json_array_foreach(sessions, i, session) {
        json_t *its = columns_of(session);
        for (size_t j = 0; j < json_array_size(its); j++) {
            json_t *column = json_array_get(its, j);
            bool known = false;
            for (size_t k = 0; k < json_array_size(columns) && !known; k++) {
                known = json_equal(json_array_get(columns, k), column) != 0;
            }
            if (!known) (void)json_array_append(columns, column);
        }
        json_decref(its);
    }
    return columns;
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
static double value_of(const json_t *run, const json_t *floors, const struct metric *metric) {
    const double value = result_number(run, metric->path, NAN);
    if (metric->measure != OVER_FLOOR) return value;
    const json_t *floor = valid_run_of_block(floors, result_number(run, "block", -1));
    return value / result_number(floor, metric->path, NAN);
}

static void take_session(struct sample *sample, const json_t *index, const json_t *column,
                         const struct metric *metric) {
    const json_t *floors = runs_of(index, "floor", column);
    const json_t *runs = metric->measure == OF_FLOOR ? floors : runs_of(index, "variant", column);
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
                               const struct metric *metric) {
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
    const struct metric *metric;
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
            o->needed = sessions_needed(&w, base_count, new_count, o->level, options->margin);
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

static void plan_one(struct plan *plan, const struct planned *p) {
    const size_t base_all = p->base.count + p->base.few_valid;
    const size_t new_all = p->new.count + p->new.few_valid;
    const bool could = base_all >= DIFFERENCE_SESSIONS_MIN && new_all >= DIFFERENCE_SESSIONS_MIN;
    const bool shows = p->base.count > 0 && p->new.count > 0;
    if ((could && !can_judge(p)) || (base_all > 0 && new_all > 0 && !shows)) plan->too_few_valid++;
    if (!shows || plan->count == plan->room) {
        free(p->base.values);
        free(p->new.values);
        return;
    }
    if (can_judge(p) && p->metric->measure != COUNTED) plan->times_judged++;
    plan->list[plan->count++] = *p;
}

static struct plan plan_of(const json_t *base, const json_t *new, const json_t *columns) {
    struct plan plan = {.room = METRICS * json_array_size(columns)};
    plan.list = calloc(plan.room + 1, sizeof *plan.list);
    if (plan.list == NULL) plan.room = 0;
    for (size_t i = 0; i < json_array_size(columns); i++) {
        for (int m = 0; m < METRICS; m++) {
            const json_t *column = json_array_get(columns, i);
            const struct planned p = {.column = column,
                                      .metric = &metrics[m],
                                      .base = sample_of(base, column, &metrics[m]),
                                      .new = sample_of(new, column, &metrics[m])};
            plan_one(&plan, &p);
        }
    }
    return plan;
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
    json_t *base_indexes = indexes_of(base);
    json_t *new_indexes = indexes_of(new);
    json_t *columns = columns_of_side(base);
    json_t *new_columns = columns_of_side(new);
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

/* ---- printing ---- */

/* Breaks at spaces, and within a word where it has none; control characters become '?'. */
static void print_wrapped(FILE *out, const char *indent, const char *text) {
    const size_t room = WIDTH - strlen(indent);
    do {
        size_t length = strlen(text);
        if (length > room) {
            length = room;
            while (length > room / 2 && text[length] != ' ') length--;
            if (text[length] != ' ') length = room;
        }
        (void)fputs(indent, out);
        for (size_t i = 0; i < length; i++) {
            (void)fputc((unsigned char)text[i] < ' ' ? '?' : text[i], out);
        }
        (void)fputc('\n', out);
        text += length;
        text += strspn(text, " ");
    } while (*text != '\0');
}

static void print_sentence(FILE *out, const char *indent, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void print_sentence(FILE *out, const char *indent, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) text = NULL;
    va_end(values);
    if (text != NULL) print_wrapped(out, indent, text);
    free(text);
}

static bool same_point(const json_t *one, const json_t *other) {
    for (int i = POINT_FIELDS_FROM; i < COLUMN_FIELDS; i++) {
        const json_t *left = json_object_get(one, column_fields[i]);
        if (json_equal(left, json_object_get(other, column_fields[i])) == 0) return false;
    }
    return true;
}

static bool same_column(const json_t *one, const json_t *other) {
    return same_point(one, other) &&
           strcmp(result_text(one, "variant"), result_text(other, "variant")) == 0 &&
           strcmp(result_text(one, "build"), result_text(other, "build")) == 0;
}

/* "64 B payload, 1 connection, same-core, ..." malloc'd; NULL without memory. */
static char *point_text(const json_t *point) {
    static const struct {
        const char *field, *format;
    } further[] = {
        {"rtt_ms", ", RTT %g ms"},
        {"loss_percent", ", loss %g %%"},
        {"rto_floor_ms", ", timer from %g ms"},
        {"offered_per_s", ", %g/s offered"},
    };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return NULL;
    const double connections = result_number(point, "connections", 1);
    const double pipeline = result_number(point, "pipeline", 1);
    const double payload = result_number(point, "size_bytes", 0);
    const double reply = result_number(point, "reply_bytes", payload);
    (void)fprintf(out, "%.0f B payload", payload);
    if (reply != payload) (void)fprintf(out, " (reply %.0f)", reply);
    (void)fprintf(out, ", %.0f connection%s", connections, connections == 1 ? "" : "s");
    if (pipeline != 1) (void)fprintf(out, ", pipeline %.0f", pipeline);
    for (size_t i = 0; i < sizeof further / sizeof further[0]; i++) {
        const double value = result_number(point, further[i].field, NAN);
        if (!isnan(value)) (void)fprintf(out, further[i].format, value);
    }
    (void)fprintf(out, ", %s, %s engine", result_text(point, "placement"),
                  result_text(point, "engine"));
    (void)fclose(out);
    return text;
}

static void print_value(FILE *out, double value) {
    if (!isfinite(value)) {
        (void)fprintf(out, "%10s", "-");
    } else {
        (void)fprintf(out, "%10.*f", value < 10 ? 3 : value < 1e5 ? 2 : 0, value);
    }
}

/* The label stands for metric and role together. */
static const struct metric *metric_of(const json_t *c) {
    const bool floor = strcmp(result_text(c, "role"), "floor") == 0;
    for (int i = 0; i < METRICS; i++) {
        if (strcmp(metrics[i].name, result_text(c, "metric")) != 0) continue;
        if (floor == (metrics[i].measure == OF_FLOOR)) return &metrics[i];
    }
    return &metrics[0];
}

static const char *verdict_word(const json_t *c, bool counted) {
    const char *verdict = result_text(c, "verdict");
    if (!json_is_true(json_object_get(c, "judged"))) return "not judged";
    if (json_is_true(json_object_get(c, "regression"))) return "REGRESSION";
    if (strcmp(verdict, verdict_names[VERDICT_SAME]) == 0) return counted ? "equal" : "same";
    if (!counted) return verdict;
    if (strcmp(verdict, verdict_names[VERDICT_SLOWER]) == 0) return "more";
    if (strcmp(verdict, verdict_names[VERDICT_FASTER]) == 0) return "fewer";
    return "it wobbles";
}

static void print_row(FILE *out, const json_t *c) {
    const struct metric *metric = metric_of(c);
    const double low = result_number(c, "ci_low", NAN);
    const double p = result_number(c, "p", NAN);
    const double ratio = result_number(c, "ratio", NAN);
    char interval[64] = "";
    char chance[16] = "";
    if (isfinite(low)) {
        (void)snprintf(interval, sizeof interval, "[%.3f, %.3f]", low,
                       result_number(c, "ci_high", NAN));
    }
    if (isfinite(p)) (void)snprintf(chance, sizeof chance, "%.3f", p);
    (void)fprintf(out, "  %-13s", metric->label);
    print_value(out, result_number(c, "base", NAN));
    print_value(out, result_number(c, "new", NAN));
    if (isfinite(ratio)) {
        (void)fprintf(out, "%8.3f", ratio);
    } else {
        (void)fprintf(out, "%8s", "-");
    }
    (void)fprintf(out, " %-16s%6s  %s\n", interval, chance,
                  verdict_word(c, metric->measure == COUNTED));
}

/* The floor has none of our code in it: what changed there changed around the program. */
static void print_drift(FILE *out, const json_t *c) {
    const double low = result_number(c, "ci_low", NAN);
    const double high = result_number(c, "ci_high", NAN);
    if (metric_of(c)->measure != OF_FLOOR || !(low > 1 || high < 1)) return;
    print_sentence(out, "    ",
                   "The floor itself changed by %+.1f %%: the machine, not the program.",
                   100 * (result_number(c, "ratio", NAN) - 1));
}

static void print_column(FILE *out, const json_t *comparisons, size_t first) {
    const json_t *column = json_array_get(comparisons, first);
    const bool other = *result_text(column, "build") != '\0'; /* of compare --against */
    (void)fprintf(out, "%s%s\n", result_text(column, "variant"), other ? " (other build)" : "");
    size_t end = first;
    while (same_column(json_array_get(comparisons, end), column)) {
        print_row(out, json_array_get(comparisons, end));
        if (++end == json_array_size(comparisons)) break;
    }
    for (size_t i = first; i < end; i++) print_drift(out, json_array_get(comparisons, i));
}

static void print_only(FILE *out, const json_t *columns, const char *side) {
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        char *point = point_text(column);
        print_sentence(out, "", "%s has only %s: %s.", side, result_text(column, "variant"),
                       point == NULL ? "?" : point);
        free(point);
    }
}

static char *value_text(const json_t *value) {
    const char *text = json_string_value(value);
    return text != NULL ? strdup(text)
                        : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(4));
}

static void print_environment(FILE *out, const json_t *changes) {
    size_t i;
    json_t *change;
    if (json_array_size(changes) > 0) (void)fputs("\nwhat differs around the program:\n", out);
    json_array_foreach(changes, i, change) {
        char *base = value_text(json_object_get(change, "base"));
        char *new = value_text(json_object_get(change, "new"));
        if (base != NULL && new != NULL) {
            print_sentence(out, "  ", "%s: %s -> %s", result_text(change, "name"), base, new);
        }
        free(base);
        free(new);
    }
}

/* The level that all judged times share; NAN where there are none. */
static double level_of(const json_t *comparisons) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const double level = result_number(json_array_get(comparisons, i), "level", NAN);
        if (isfinite(level)) return level;
    }
    return NAN;
}

static void print_method(FILE *out, const json_t *difference) {
    const double level = level_of(json_object_get(difference, "comparisons"));
    const double base = result_number(difference, "sessions_base", 0);
    const double new = result_number(difference, "sessions_new", 0);
    if (!isfinite(level)) return;
    const double least = least_p((size_t)base, (size_t) new);
    (void)fputc('\n', out);
    print_sentence(out, "",
                   "Verdicts are of Welch's intervals, at %.4g %% each and 95 %% together. "
                   "p is of a permutation test and cannot be below %.2g here; it could reach "
                   "%.2g with %zu sessions a side.",
                   100 * level, least, 1 - level, sessions_to_speak(level));
}

void difference_print(FILE *out, const json_t *difference) {
    const json_t *comparisons = json_object_get(difference, "comparisons");
    (void)fprintf(out, "%.0f base and %.0f new session(s), the median of each\n",
                  result_number(difference, "sessions_base", 0),
                  result_number(difference, "sessions_new", 0));
    const json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (last == NULL || !same_point(last, c)) {
            char *point = point_text(c);
            (void)fprintf(out, "\n%s\n%-15s%10s%10s%8s %-16s%6s  %s\n", point == NULL ? "" : point,
                          "variant, metric", "base", "new", "ratio", "interval", "p", "verdict");
            free(point);
        }
        if (last == NULL || !same_column(last, c)) print_column(out, comparisons, i);
        last = c;
    }
    print_method(out, difference);
    print_only(out, json_object_get(difference, "only_base"), "BASE");
    print_only(out, json_object_get(difference, "only_new"), "NEW");
    print_environment(out, json_object_get(difference, "environment_difference"));
    (void)fputc('\n', out);
}

/* ---- the verdict ---- */

static const json_t *floor_of(const json_t *comparisons, const json_t *column) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (metric_of(c)->measure == OF_FLOOR && same_column(c, column)) return c;
    }
    return NULL;
}

/* Whether every regression is one of bare time, whose floor has become slower as well. */
static bool all_by_the_machine(const json_t *comparisons) {
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (!json_is_true(json_object_get(c, "regression"))) continue;
        const json_t *floor = floor_of(comparisons, c);
        if (metric_of(c)->measure != TIMED || !(result_number(floor, "ci_low", NAN) > 1)) {
            return false;
        }
    }
    return true;
}

static void print_regression(FILE *out, const json_t *difference) {
    const json_t *comparisons = json_object_get(difference, "comparisons");
    const json_t *first = NULL;
    for (size_t i = 0; i < json_array_size(comparisons) && first == NULL; i++) {
        const json_t *c = json_array_get(comparisons, i);
        if (json_is_true(json_object_get(c, "regression"))) first = c;
    }
    const char *whose = all_by_the_machine(comparisons)
                            ? "; their floor became slower too and nothing is slower over it: "
                              "the machine or its kernel, not the program"
                            : "";
    print_sentence(
        out, "",
        "Regression: %.0f of %.0f comparisons are worse by more than %g %%, the first "
        "%s, %s: %.3f times [%.3f, %.3f]%s.",
        result_number(difference, "regressions", 0), result_number(difference, "judged", 0),
        100 * result_number(difference, "min_effect", 0), result_text(first, "variant"),
        metric_of(first)->label, result_number(first, "ratio", NAN),
        result_number(first, "ci_low", NAN), result_number(first, "ci_high", NAN), whose);
}

static void print_no_regression(FILE *out, const json_t *difference) {
    const json_t *comparisons = json_object_get(difference, "comparisons");
    unsigned same = 0;
    unsigned open = 0;
    double needed = 0;
    for (size_t i = 0; i < json_array_size(comparisons); i++) {
        const json_t *c = json_array_get(comparisons, i);
        const char *verdict = result_text(c, "verdict");
        if (!json_is_true(json_object_get(c, "judged"))) continue;
        if (strcmp(verdict, verdict_names[VERDICT_SAME]) == 0) same++;
        if (strcmp(verdict, verdict_names[VERDICT_NOT_DECIDED]) == 0) open++;
        needed = fmax(needed, result_number(c, "sessions_needed", 0));
    }
    char more[64] = "";
    if (needed > 0) {
        (void)snprintf(more, sizeof more, " (about %.0f sessions a side would decide all)", needed);
    }
    print_sentence(out, "",
                   "No regression was found: of %.0f comparisons none is worse by more than %g %% "
                   "for sure; %u are the same within %g %%, %u not decided%s.",
                   result_number(difference, "judged", 0),
                   100 * result_number(difference, "min_effect", 0), same,
                   100 * result_number(difference, "margin", 0), open, more);
}

void difference_print_verdict(FILE *out, const json_t *difference) {
    const double base = result_number(difference, "sessions_base", 0);
    const double new = result_number(difference, "sessions_new", 0);
    const double fewest = fmin(base, new);
    const double too_few = result_number(difference, "too_few_valid", 0);
    if (result_number(difference, "regressions", 0) > 0) {
        print_regression(out, difference);
    } else if (too_few > 0) {
        print_sentence(out, "",
                       "Not judged: %.0f comparisons lack sessions in which at least half of the "
                       "runs are valid.",
                       too_few);
    } else if (result_number(difference, "judged", 0) > 0) {
        print_no_regression(out, difference);
    } else {
        print_sentence(out, "", "Shown, not judged: %.0f session%s; at least %d a side are needed.",
                       fewest, fewest == 1 ? "" : "s", DIFFERENCE_SESSIONS_MIN);
    }
}
