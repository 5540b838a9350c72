/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/metric.h"

#include <math.h>
#include <string.h>

#define US 1e3

static double in_us(uint64_t ns) {
    return ns == FIELD_UNKNOWN ? (double)NAN : (double)ns / US;
}

double metric_percentile_us(const struct run *run, double percent) {
    const struct samples samples = run_samples(run);
    return samples_percentile_ns(&samples, percent) / US;
}

double metric_waited_us(const struct run *run, double percent) {
    const double us = metric_percentile_us(run, percent);
    return isinf(us) ? (double)run->asked.deadline_ns / US : us;
}

static double time_us(const struct run *run) {
    return run_time_ns(run) / US;
}

/* In a closed loop of the answered ones, which are as many as were asked. */
static double p50_us(const struct run *run) {
    return run_is_open(run) ? metric_waited_us(run, 50) : in_us(run->latency.p50_ns);
}

static double p99_us(const struct run *run) {
    return run_is_open(run) ? metric_waited_us(run, 99) : in_us(run->latency.p99_ns);
}

static double mean_us(const struct run *run) {
    return run->latency.mean_ns / US;
}

static double cpu_us(const struct run *run) {
    return run_cpu_ns(run) / US;
}

static double packets(const struct run *run) {
    return run->packets;
}

static double calls(const struct run *run) {
    return run->syscalls;
}

const struct metric metrics[METRICS] = {
    [METRIC_TIME] = {.name = "time_per_message",
                     .unit = "us",
                     .noun = "time",
                     .title = "time per message",
                     .subject = "a message by",
                     .verb = "takes",
                     .than = "as long as one by",
                     .of = time_us,
                     .closed = true},
    [METRIC_P50] = {.name = "p50",
                    .unit = "us",
                    .noun = "p50",
                    .title = "median latency",
                    .subject = "the median latency of",
                    .verb = "is",
                    .than = "that of",
                    .of = p50_us,
                    .closed = true,
                    .open = true},
    [METRIC_P99] = {.name = "p99",
                    .unit = "us",
                    .noun = "p99",
                    .title = "p99",
                    .subject = "the p99 of",
                    .verb = "is",
                    .than = "that of",
                    .of = p99_us,
                    .open = true},
    [METRIC_MEAN] =
        {.name = "mean", .unit = "us", .noun = "mean", .title = "mean latency", .of = mean_us},
    [METRIC_CPU] = {.name = "cpu_per_message",
                    .unit = "us",
                    .noun = "CPU",
                    .title = "CPU time per message",
                    .subject = "the CPU time per message of",
                    .verb = "is",
                    .than = "that of",
                    .of = cpu_us,
                    .closed = true,
                    .open = true},
    [METRIC_THROUGHPUT] = {.name = "throughput_per_s",
                           .unit = "messages/s",
                           .noun = "msg/s",
                           .title = "messages per second",
                           .of = run_throughput_per_s},
    [METRIC_PACKETS] = {.name = "packets_per_message",
                        .unit = "packets",
                        .noun = "packets",
                        .title = "packets per message",
                        .of = packets,
                        .exact = true},
    [METRIC_CALLS] = {.name = "syscalls_per_message",
                      .unit = "system calls",
                      .noun = "system calls",
                      .title = "system calls per message",
                      .of = calls,
                      .exact = true},
};

bool metric_is_for(const struct metric *metric, const struct run *run) {
    return run_is_open(run) ? metric->open : metric->closed;
}

const struct metric *metric_find(const char *name) {
    for (int i = 0; i < METRICS; i++) {
        if (strcmp(metrics[i].name, name) == 0) return &metrics[i];
    }
    return NULL;
}
