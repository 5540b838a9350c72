/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/open_loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/metric.h"

const double open_percents[OPEN_PERCENTS] = {50, 90, 99, 99.9};

static const char rule[] =
    "the rate at which a + b x load / (capacity - load), fitted to the mean latencies of valid "
    "runs at up to 0.85 of the capacity, is twice a, that without a queue";

/* ---- one variant at one rate ---- */

/* Of those answered: in older files of the latency, which was theirs alone. */
static double mean_us(const struct run *run) {
    return fmin(run->answered.mean_ns, run->latency.mean_ns) / 1e3;
}

static double service_p50_us(const struct run *run) {
    return metric_us(run->service.p50_ns);
}

static double service_p99_us(const struct run *run) {
    return metric_us(run->service.p99_ns);
}

static double late_p99_us(const struct run *run) {
    return metric_us(run->lateness.p99_ns);
}

static void add_run(struct open_point *point, struct samples *all, const struct run *run) {
    const struct samples samples = run_samples(run);
    point->valid++;
    point->overloaded += run->overloaded;
    samples_add(all, &samples);
    for (int i = 0; i < OPEN_PERCENTS; i++) {
        struct interval *latency = &point->latency_us[i];
        const double us = metric_percentile_us(run, open_percents[i]);
        latency->low = fmin(latency->low, us); /* of a number and NAN it is the number */
        latency->high = fmax(latency->high, us);
    }
}

struct open_point open_point_of(const struct series_table *table, size_t series) {
    const struct run *first = table->first[series];
    struct open_point point = {.first = first,
                               .variant = first->asked.variant->name,
                               .offered_per_s = first->asked.rate_per_s,
                               .share = first->asked.rate_per_s / first->capacity_per_s,
                               .answered_per_s =
                                   series_middle(table, series, run_throughput_per_s).value,
                               .mean_us = series_middle(table, series, mean_us).value,
                               .service_p50_us = series_middle(table, series, service_p50_us).value,
                               .service_p99_us = series_middle(table, series, service_p99_us).value,
                               .late_p99_us = series_middle(table, series, late_p99_us).value,
                               .deadline_us = metric_us(first->asked.deadline_ns)};
    struct samples all = {0};
    for (int i = 0; i < OPEN_PERCENTS; i++) point.latency_us[i] = (struct interval){NAN, NAN, NAN};
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *run = series_valid(table, series, block);
        if (run != NULL) add_run(&point, &all, run);
    }
    point.messages = (double)(all.answered + all.missed);
    /* Rounded down, as 99.999 % are not all. */
    point.answered_percent = floor(1e4 * (double)all.answered / point.messages + 1e-7) / 100;
    for (int i = 0; i < OPEN_PERCENTS; i++)
        point.latency_us[i].value = samples_percentile_ns(&all, open_percents[i]) / 1e3;
    samples_free(&all);
    return point;
}

bool open_point_is_overloaded(const struct open_point *point) {
    return 2 * point->overloaded > point->valid;
}

static int by_rate(const void *a, const void *b) {
    const struct open_point *x = a, *y = b;
    return (x->offered_per_s > y->offered_per_s) - (x->offered_per_s < y->offered_per_s);
}

static const struct knee *knee_of(const struct findings *knees, const char *variant) {
    const struct knee *one = knees->items;
    for (size_t i = 0; i < knees->count; i++)
        if (strcmp(one[i].variant, variant) == 0) return &one[i];
    return NULL;
}

bool open_each(const struct runs *runs, const struct findings *knees,
               void (*act)(void *context, const struct open_rates *rates), void *context) {
    struct series_table table = series_of(runs);
    struct open_rates rates = {.points = calloc(table.count + 1, sizeof *rates.points)};
    bool any = false;
    for (size_t i = 0; rates.points != NULL && (i = series_next(&table, i, NULL)) < table.count;
         i++) {
        const char *variant = table.first[i]->asked.variant->name;
        if (series_next(&table, 0, variant) < i) continue; /* it has been told */
        rates.count = 0;
        rates.knee = knee_of(knees, variant);
        for (size_t k = i; (k = series_next(&table, k, variant)) < table.count; k++)
            if (run_is_open(table.first[k])) rates.points[rates.count++] = open_point_of(&table, k);
        if (rates.count == 0) continue;
        qsort(rates.points, rates.count, sizeof *rates.points, by_rate);
        act(context, &rates);
        any = true;
    }
    free(rates.points);
    series_free(&table);
    return any;
}

/* ---- the knee ---- */

/*
 * Where requests come at random and wait for one server, the mean wait goes by
 * load / (capacity - load) (Pollaczek and Khinchine). A mean needs no messages
 * beyond it as a percentile does, so short runs say the same as long ones, only
 * with more noise; but nearer to its capacity a queue takes longer to come to
 * rest than a short run lasts.
 */
static const double most_share = 0.85;

/* The points of its fit: `group` is the rate, x what the curve makes of it. */
struct rate_points {
    struct slope_point *list;
    size_t count;
};

/* b / a of the curve through two points; a latency that grows faster than x has no a. */
static double steepness(const struct slope_point *low, const struct slope_point *high) {
    const double across = low->y * high->x - high->y * low->x;
    return across > 0 ? (high->y - low->y) / across : (double)INFINITY;
}

/* a + b x is twice a at x = a / b, which is this share; all of it where latency does not grow. */
static double share_of(double steepness) {
    return 1 / (1 + fmax(steepness, 0));
}

static struct rate_points collect(const struct runs *runs, const char *variant,
                                  double capacity_per_s) {
    struct rate_points points = {calloc(runs->count + 1, sizeof *points.list), 0};
    for (size_t i = 0; points.list != NULL && i < runs->count; i++) {
        const struct run *run = runs->list[i];
        const double rate_per_s = run->asked.rate_per_s, us = mean_us(run);
        if (!series_is_of(run, variant) || !run_is_valid(run) || run->overloaded) continue;
        if (!(us > 0 && rate_per_s > 0 && rate_per_s <= most_share * capacity_per_s)) continue;
        points.list[points.count++] = (struct slope_point){0, us, rate_per_s};
    }
    return points;
}

static struct interval fit_steepness(const struct rate_points *points, double capacity_per_s) {
    const double level = 0.95;
    for (size_t i = 0; i < points->count; i++) {
        const double rate_per_s = points->list[i].group;
        points->list[i].x = rate_per_s / (capacity_per_s - rate_per_s);
    }
    return slope_of_pairs(points->list, points->count, level, steepness);
}

/*
 * Of each of the capacities that runs found: what that one would make of it
 * widens the interval. A rate that was kept up refutes one below it.
 */
static void widen(struct knee *knee, const struct rate_points *points, double capacity_per_s) {
    for (size_t i = 0; i < points->count; i++)
        capacity_per_s = fmax(capacity_per_s, 1.05 * points->list[i].group);
    const struct interval steep = fit_steepness(points, capacity_per_s);
    knee->knee_per_s.low = fmin(knee->knee_per_s.low, floor(capacity_per_s * share_of(steep.high)));
    knee->knee_per_s.high = fmax(knee->knee_per_s.high, ceil(capacity_per_s * share_of(steep.low)));
}

static void fit_knee(struct knee *knee, const struct rate_points *points) {
    const struct interval *capacity = &knee->capacity_per_s;
    const struct interval steep = fit_steepness(points, capacity->value);
    knee->runs = (double)points->count;
    if (isnan(steep.low) || (steep.low <= 0 && isinf(steep.high))) {
        knee->because = "too few valid runs that keep up to put a curve through";
    } else if (!(steep.value > 0 && isfinite(steep.value))) {
        knee->because = "its latency does not grow as a queue's does";
    } else {
        double *idle_us = calloc(points->count + 1, sizeof *idle_us);
        for (size_t i = 0; idle_us != NULL && i < points->count; i++)
            idle_us[i] = points->list[i].y / (1 + steep.value * points->list[i].x);
        if (idle_us != NULL) knee->idle_us = statistics_median(idle_us, points->count);
        free(idle_us);
        knee->queue_us = steep.value * knee->idle_us;
        knee->share = share_of(steep.value);
        knee->knee_per_s.value = round(capacity->value * knee->share);
        widen(knee, points, capacity->value);
        widen(knee, points, capacity->low);
        widen(knee, points, capacity->high);
    }
}

static void find_overload(struct knee *knee, const struct open_rates *rates) {
    for (size_t i = 0; i < rates->count && isnan(knee->broken_per_s); i++) {
        const struct open_point *point = &rates->points[i];
        if (point->valid == 0) continue; /* the generator may not keep up: nothing is known */
        if (open_point_is_overloaded(point))
            knee->broken_per_s = point->offered_per_s;
        else
            knee->held_per_s = point->offered_per_s;
    }
}

/* What was found out before; of a file that does not keep it what its runs say. */
static void set_capacity(struct knee *knee, const struct findings *capacities,
                         double of_runs_per_s) {
    const struct capacity *one = capacities->items;
    knee->capacity_per_s = (struct interval){of_runs_per_s, of_runs_per_s, of_runs_per_s};
    for (size_t i = 0; i < capacities->count; i++) {
        if (strcmp(one[i].variant, knee->variant) != 0) continue;
        knee->capacity_per_s = one[i].per_s;
        knee->capacity_runs = (double)one[i].runs;
    }
}

struct knees {
    struct findings *list;
    const struct runs *runs;
    const struct findings *capacities;
};

static void add_knee(void *context, const struct open_rates *rates) {
    const struct knees *all = context;
    const char *variant = rates->points[0].variant;
    struct knee *knee = findings_add(all->list, LIST_KNEES);
    if (knee == NULL) return;
    knee->variant = variant;
    knee->build = "";
    knee->rule = rule;
    set_capacity(knee, all->capacities, rates->points[0].first->capacity_per_s);
    find_overload(knee, rates);
    if (isnan(knee->capacity_per_s.value)) {
        knee->because = "what it carries in a closed loop was not found out";
        return;
    }
    struct rate_points points = collect(all->runs, variant, knee->capacity_per_s.value);
    if (points.list != NULL) fit_knee(knee, &points);
    free(points.list);
}

void open_knees(struct findings *list, const struct runs *runs, const struct findings *capacities) {
    static const struct findings none;
    struct knees all = {list, runs, capacities};
    (void)open_each(runs, &none, add_knee, &all);
}
