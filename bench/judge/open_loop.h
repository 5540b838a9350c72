/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the runs of an open loop say; no time per message, which is the inverse
 * of the rate that was asked for. Latency counts from when a request was due.
 * A message that was lost or failed ranks above all that were answered, so
 * that to lose is never fast: with 2 in 100 lost, the 99th percentile is beyond
 * the deadline. A percentile over all runs needs SAMPLES_BEYOND messages beyond
 * it, the lost ones included.
 */
#ifndef BENCH_OPEN_LOOP_H
#define BENCH_OPEN_LOOP_H

#include "bench/judge/findings.h"
#include "bench/judge/series.h"

enum open_percent { OPEN_P50, OPEN_P90, OPEN_P99, OPEN_P999, OPEN_PERCENTS };

extern const double open_percents[OPEN_PERCENTS]; /* 50, 90, 99, 99.9 */

/* One variant at one rate: all its valid runs together. */
struct open_point {
    const struct run *first; /* how it was asked */
    const char *variant;
    double valid, overloaded;    /* runs: overloaded of the valid ones */
    double messages;             /* of the valid ones, those that were lost or failed too */
    double offered_per_s, share; /* share: of its capacity in a closed loop; NAN: not known */
    double answered_per_s, answered_percent;
    double mean_us; /* of those answered, the median over the runs */
    /*
     * value: of the messages of all runs, low and high: of a single run the
     * least and the greatest. INFINITY: beyond the deadline; NAN: too few.
     */
    struct interval latency_us[OPEN_PERCENTS];
    double service_p50_us, service_p99_us; /* from the first byte sent; medians over the runs */
    double late_p99_us;                    /* of the generator, likewise */
    double deadline_us;
};

struct open_point open_point_of(const struct series_table *table, size_t series);

/* Most of its runs were not answered at the rate at which requests came. */
bool open_point_is_overloaded(const struct open_point *point);

/* A variant along the rate: at least one point, the lowest first. */
struct open_rates {
    struct open_point *points;
    size_t count;
    const struct knee *knee; /* NULL: there is none */
};

/*
 * Calls `act` for each variant that kept a schedule, in the order of the plan,
 * the other build's left out; `knees` (LIST_KNEES) may be empty. False: there
 * is no such variant.
 */
bool open_each(const struct runs *runs, const struct findings *knees,
               void (*act)(void *context, const struct open_rates *rates), void *context);

/*
 * Adds the knee of each variant to `list` (of LIST_KNEES), by the curve of its
 * latency over the load; without one it says because of what. `capacities` is
 * a LIST_CAPACITIES.
 */
void open_knees(struct findings *list, const struct runs *runs, const struct findings *capacities);

#endif
