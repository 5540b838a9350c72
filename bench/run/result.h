/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run as JSON: the one place that knows the names of the fields. Readers of
 * result files find them documented in README.
 */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <jansson.h>

#include "bench/cli/options.h"
#include "bench/link/profile.h"
#include "bench/link/wire.h"
#include "bench/load/beside.h"
#include "bench/load/load.h"
#include "bench/measure/counters.h"
#include "bench/run/ports.h"

/* What a run knows besides its load. */
struct result_context {
    const struct options *options;
    const struct load_result *load;
    const struct placement_cpus *cpus;
    const char *network;                   /* "private", "host" or "remote" */
    const uint64_t *server_counts;         /* ECHO_COUNTS, or NULL */
    const struct counters *counters;       /* differences over the run, or NULL */
    const struct profile_values *settings; /* in force, or NULL */
    const struct time_wait *time_wait;     /* before and after, or NULL */
    const struct ports *ports;             /* or NULL */
    const struct wire_report *wire;        /* or NULL: on the loopback */
    const struct beside_memory *idle;      /* before and after they were opened, or NULL */
};

/* A new object; NULL without memory. */
json_t *result_of_run(const struct result_context *context);

/* The number at a path such as "latency_us.p50"; `fallback` where it is null or absent. */
double result_number(const json_t *run, const char *path, double fallback);

/* The text at a path; "" where there is none. */
const char *result_text(const json_t *run, const char *path);

#endif
