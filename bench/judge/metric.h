/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The numbers of a run that are compared, shown and drawn: one table. */
#ifndef BENCH_METRIC_H
#define BENCH_METRIC_H

#include "bench/run/run.h"

enum metric_id {
    METRIC_TIME, /* per message: elapsed over answered */
    METRIC_P50,
    METRIC_P99,
    METRIC_MEAN,
    METRIC_CPU,
    METRIC_THROUGHPUT,
    METRIC_PACKETS,
    METRIC_CALLS,
    METRICS
};

struct metric {
    const char *name;                    /* in result files: "time_per_message" */
    const char *unit;                    /* of its values: "us" */
    const char *noun;                    /* in a narrow table: "time" */
    const char *title;                   /* in a wide one: "time per message" */
    double (*of)(const struct run *run); /* NAN: it does not say */
    const char *subject, *verb, *than; /* "a message by" X "takes" 2 times "as long as one by" Y */
    bool closed, open;                 /* in which loops it is compared */
    bool exact;                        /* a count: it does not wobble */
};

extern const struct metric metrics[METRICS];

/* Whether it is compared in such a loop. */
bool metric_is_for(const struct metric *metric, const struct run *run);

/* NULL: there is none of that name. */
const struct metric *metric_find(const char *name);

/* Of ns; NAN: FIELD_UNKNOWN. */
double metric_us(uint64_t ns);

/*
 * A percentile of the latency in us, with what was lost or failed last: as an
 * open loop is judged. INFINITY: that one never came; NAN: too few beyond it.
 */
double metric_percentile_us(const struct run *run, double percent);

/*
 * What a message waited, in us: the median, or the mean where a run is too
 * short to have one, as a message of 100 ms is rarely waited for 40 times.
 */
double metric_latency_us(const struct run *run);

#endif
