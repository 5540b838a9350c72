/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/open_loop.h"

#include <math.h>
#include <stdlib.h>

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

static double in_us(uint64_t ns) {
    return ns == FIELD_UNKNOWN ? (double)NAN : (double)ns / 1e3;
}

static double service_p50_us(const struct run *run) {
    return in_us(run->service.p50_ns);
}

static double service_p99_us(const struct run *run) {
    return in_us(run->service.p99_ns);
}

static double late_p99_us(const struct run *run) {
    return in_us(run->lateness.p99_ns);
}

static double answered_per_s(const struct run *run) {
    return run->elapsed_ns > 0 ? 1e9 * (double)run->in_time / (double)run->elapsed_ns : (double)NAN;
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
    struct open_point point = {
        .first = first,
        .offered_per_s = first->asked.rate_per_s,
        .share = first->asked.rate_per_s / first->capacity_per_s,
        .answered_per_s = series_middle(table, series, answered_per_s).value,
        .service_p50_us = series_middle(table, series, service_p50_us).value,
        .service_p99_us = series_middle(table, series, service_p99_us).value,
        .late_p99_us = series_middle(table, series, late_p99_us).value,
        .deadline_us = in_us(first->asked.deadline_ns),
    };
    struct samples all = {0};
    for (int i = 0; i < OPEN_PERCENTS; i++) point.latency_us[i] = (struct interval){NAN, NAN, NAN};
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *run = series_valid(table, series, block);
        if (run != NULL) add_run(&point, &all, run);
    }
    point.messages = (double)(all.answered + all.missed);
    point.answered_percent = 100 * (double)all.answered / point.messages;
    for (int i = 0; i < OPEN_PERCENTS; i++) {
        point.latency_us[i].value = samples_percentile_ns(&all, open_percents[i]) / 1e3;
    }
    samples_free(&all);
    return point;
}

bool open_point_is_overloaded(const struct open_point *point) {
    return 2 * point->overloaded > point->valid;
}

/* ---- along the rate ---- */

static int by_rate(const void *a, const void *b) {
    const struct open_point *x = a, *y = b;
    return (x->offered_per_s > y->offered_per_s) - (x->offered_per_s < y->offered_per_s);
}

/* The variant's place, a new one behind the others if need be; `most` is how many may come. */
static struct open_rates *place_of(struct open_variants *all, const struct run *run, size_t most) {
    size_t i = 0;
    while (i < all->count && all->list[i].first->asked.variant != run->asked.variant) i++;
    struct open_rates *rates = &all->list[i];
    if (i < all->count) return rates;
    *rates = (struct open_rates){.first = run, .points = calloc(most, sizeof *rates->points)};
    if (rates->points != NULL) all->count++;
    return rates;
}

struct open_variants open_variants_of(const struct runs *runs) {
    struct series_table table = series_of(runs);
    struct open_variants all = {.list = calloc(table.count + 1, sizeof *all.list)};
    const size_t end = all.list == NULL ? 0 : table.count;
    for (size_t i = 0; (i = series_next(&table, i, NULL)) < end; i++) {
        const struct run *run = table.first[i];
        if (!run_is_open(run)) continue;
        struct open_rates *rates = place_of(&all, run, table.count);
        if (rates->points != NULL) rates->points[rates->count++] = open_point_of(&table, i);
    }
    for (size_t i = 0; i < all.count; i++) {
        struct open_rates *rates = &all.list[i];
        qsort(rates->points, rates->count, sizeof *rates->points, by_rate);
    }
    series_free(&table);
    return all;
}

void open_variants_free(struct open_variants *all) {
    for (size_t i = 0; i < all->count; i++) free(all->list[i].points);
    free(all->list);
    *all = (struct open_variants){0};
}

static const char *why_broken(const struct open_point *point, double least_p99) {
    const double p99 = point->latency_us[OPEN_P99].value;
    if (open_point_is_overloaded(point)) return "overloaded";
    if (isinf(p99) || p99 > knee_times * least_p99) return "p99";
    return NULL;
}

static void find_knee(struct knee *knee, const struct open_rates *rates) {
    double least_p99 = INFINITY;
    for (size_t i = 0; i < rates->count; i++) {
        const struct open_point *point = &rates->points[i];
        const double p99 = point->latency_us[OPEN_P99].value;
        if (point->valid == 0) {
            /* the generator may not keep up: what is above is unknown */
            knee->because = "not valid";
            return;
        }
        least_p99 = fmin(least_p99, p99);
        knee->because = why_broken(point, least_p99);
        if (knee->because != NULL) {
            knee->broken_per_s = point->offered_per_s;
            return;
        }
        if (!isnan(p99)) knee->held_per_s = point->offered_per_s; /* else: nothing is known */
    }
}

void open_knees(struct findings *list, const struct runs *runs) {
    struct open_variants all = open_variants_of(runs);
    for (size_t i = 0; i < all.count; i++) {
        const struct run *first = all.list[i].first;
        struct knee *knee = findings_add(list, LIST_KNEES);
        if (knee == NULL) break;
        knee->variant = first->asked.variant->name;
        knee->build = "";
        knee->rule = rule;
        knee->capacity_per_s = first->capacity_per_s;
        find_knee(knee, &all.list[i]);
        if (!isnan(knee->broken_per_s)) knee->knee_per_s = knee->held_per_s;
        knee->share = knee->knee_per_s / knee->capacity_per_s;
    }
    open_variants_free(&all);
}
