/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/open_loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/metric.h"

const double open_percents[OPEN_PERCENTS] = {50, 90, 99, 99.9};

/*
 * Where requests come at random and wait for one server, times grow as
 * 1 / (1 - utilisation): to 5 times at four fifths of what it can carry. The
 * least below, not that of the lowest rate: a CPU that hardly works falls
 * asleep between requests and is slower at first.
 */
static const double knee_times = 5;

static const char rule[] =
    "the highest rate up to which p99 is within 5 times the least p99 at a lower rate "
    "and at most half of the runs are overloaded";

/* ---- one variant at one rate ---- */

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

static void find_knee(struct knee *knee, const struct open_rates *rates) {
    double least_p99 = INFINITY;
    for (size_t i = 0; i < rates->count && knee->because == NULL; i++) {
        const struct open_point *point = &rates->points[i];
        const double p99 = point->latency_us[OPEN_P99].value;
        least_p99 = fmin(least_p99, p99); /* of a number and NAN it is the number */
        if (point->valid == 0)
            knee->because = "not valid"; /* the generator may not keep up: no more is known */
        else if (open_point_is_overloaded(point))
            knee->because = "overloaded";
        else if (isinf(p99) || p99 > knee_times * least_p99)
            knee->because = "p99";
        else if (!isnan(p99))
            knee->held_per_s = point->offered_per_s;
        if (knee->because != NULL && point->valid > 0) knee->broken_per_s = point->offered_per_s;
    }
}

static void add_knee(void *context, const struct open_rates *rates) {
    const struct run *first = rates->points[0].first;
    struct knee *knee = findings_add(context, LIST_KNEES);
    if (knee == NULL) return;
    knee->variant = rates->points[0].variant;
    knee->build = "";
    knee->rule = rule;
    knee->capacity_per_s = first->capacity_per_s;
    find_knee(knee, rates);
    if (!isnan(knee->broken_per_s)) knee->knee_per_s = knee->held_per_s;
    knee->share = knee->knee_per_s / knee->capacity_per_s;
}

void open_knees(struct findings *list, const struct runs *runs) {
    static const struct findings none;
    (void)open_each(runs, &none, add_knee, list);
}
