/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One number of several runs: its median, and how sure that is. */
#ifndef BENCH_TYPICAL_H
#define BENCH_TYPICAL_H

#include "bench/judge/statistics.h"
#include "bench/run/run.h"

/*
 * Of all valid runs of role variant that `fits` takes, `key` being whatever
 * that wants; what is not finite is left out.
 */
struct middle typical_of(const struct runs *runs, double (*number)(const struct run *run),
                         bool (*fits)(const struct run *run, const void *key), const void *key);

/*
 * What a message waited, in us: the median, or the mean where a run is too
 * short to have one, as a message of 100 ms is rarely waited for 40 times.
 */
double typical_latency_us(const struct run *run);

#endif
