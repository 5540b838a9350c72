/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/metric.h"

#include <math.h>
#include <string.h>

double metric_us(uint64_t ns) {
    return ns == FIELD_UNKNOWN ? (double)NAN : (double)ns / 1e3;
}

double metric_percentile_us(const struct run *run, double percent) {
    const struct samples samples = run_samples(run);
    return samples_percentile_ns(&samples, percent) / 1e3;
}

static double time_us(const struct run *run) {
    return run_time_ns(run) / 1e3;
}

/*
 * In a closed loop of the answered ones, which are as many as were asked; else
 * for arithmetic: who got no answer waited until the deadline.
 */
static double waited_us(const struct run *run, double percent, uint64_t closed_ns) {
    const double us = metric_percentile_us(run, percent);
    if (!run_is_open(run)) return metric_us(closed_ns);
    return isinf(us) ? metric_us(run->asked.deadline_ns) : us;
}

static double p50_us(const struct run *run) {
    return waited_us(run, 50, run->latency.p50_ns);
}

static double p99_us(const struct run *run) {
    return waited_us(run, 99, run->latency.p99_ns);
}

static double mean_us(const struct run *run) {
    return run->latency.mean_ns / 1e3;
}

static double cpu_us(const struct run *run) {
    return run_cpu_ns(run) / 1e3;
}

static double packets(const struct run *run) {
    return run->packets;
}

static double calls(const struct run *run) {
    return run->syscalls;
}

const struct metric metrics[METRICS] = {
    [METRIC_TIME] = {"time_per_message", "us", "time", "time per message", time_us, "a message by",
                     "takes", "as long as one by", .closed = true},
    [METRIC_P50] = {"p50", "us", "p50", "median latency", p50_us, "the median latency of", "is",
                    "that of", .closed = true, .open = true},
    [METRIC_P99] = {"p99", "us", "p99", "p99", p99_us, "the p99 of", "is", "that of", .open = true},
    [METRIC_MEAN] = {"mean", "us", "mean", "mean latency", .of = mean_us},
    [METRIC_CPU] = {"cpu_per_message", "us", "CPU", "CPU time per message", cpu_us,
                    "the CPU time per message of", "is", "that of", .closed = true, .open = true},
    [METRIC_THROUGHPUT] = {"throughput_per_s", "messages/s", "msg/s", "messages per second",
                           .of = run_throughput_per_s},
    [METRIC_PACKETS] = {"packets_per_message", "packets", "packets", "packets per message", packets,
                        .exact = true},
    [METRIC_CALLS] = {"syscalls_per_message", "system calls", "system calls",
                      "system calls per message", calls, .exact = true}};

bool metric_is_for(const struct metric *metric, const struct run *run) {
    return run_is_open(run) ? metric->open : metric->closed;
}

const struct metric *metric_find(const char *name) {
    for (int i = 0; i < METRICS; i++)
        if (strcmp(metrics[i].name, name) == 0) return &metrics[i];
    return NULL;
}

double metric_latency_us(const struct run *run) {
    const double p50 = metrics[METRIC_P50].of(run);
    return isfinite(p50) ? p50 : metrics[METRIC_MEAN].of(run);
}
