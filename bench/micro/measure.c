/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What measuring costs: the loop of these benchmarks, the clock, the histogram. */
#include <errno.h>
#include <stdlib.h>

#include "bench/measure/histogram.h"
#include "bench/micro/micro.h"
#include "echo/clock.h"
#include "echo/message.h"

enum {
    DURATIONS = 1024, /* a power of two */
    HISTOGRAMS = 4    /* latency, cycle, service, exchange: what a persistent exchange records */
};

struct measure {
    struct histogram histogram;
    uint64_t durations_ns[DURATIONS];
};

/* Durations like those of exchanges on one core: from 4 to 8 us, in no order. */
static int set_up(void **state, const struct micro_row *row, int64_t size) {
    (void)row, (void)size;
    struct measure *measure = calloc(1, sizeof *measure);
    if (measure == NULL) return -ENOMEM;
    for (uint64_t i = 0; i < DURATIONS; i++) {
        measure->durations_ns[i] = 4000 + i * 2654435761 % 4000;
        histogram_record(&measure->histogram, measure->durations_ns[i]);
    }
    *state = measure;
    return 0;
}

static int run_empty(void *state, uint64_t iterations) {
    (void)state;
    for (uint64_t i = 0; i < iterations; i++) micro_use(i);
    return 0;
}

static int run_clock(void *state, uint64_t iterations) {
    (void)state;
    for (uint64_t i = 0; i < iterations; i++) micro_use(echo_clock_ns());
    return 0;
}

static int run_record(void *state, uint64_t iterations) {
    struct measure *measure = state;
    for (uint64_t i = 0; i < iterations; i++) {
        histogram_record(&measure->histogram, measure->durations_ns[i % DURATIONS]);
        micro_touch(measure);
    }
    return 0;
}

static int run_percentile(void *state, uint64_t iterations) {
    struct measure *measure = state;
    for (uint64_t i = 0; i < iterations; i++) {
        micro_use((uint64_t)histogram_percentile_ns(&measure->histogram, 99));
        micro_touch(measure);
    }
    return 0;
}

/*
 * What the measured client adds to an exchange of 64 B besides the codec: one
 * reading of the clock, the histograms of bench/load/closed.c, the comparison.
 */
static int run_ruler(void *state, uint64_t iterations) {
    struct measure *measure = state;
    static uint8_t sent[64];
    static uint8_t received[64];
    for (uint64_t i = 0; i < iterations; i++) {
        micro_touch(received);
        micro_use(echo_matches(received, sizeof received, sent, sizeof sent));
        const uint64_t ns = measure->durations_ns[i % DURATIONS];
        micro_use(echo_clock_ns());
        for (int duration = 0; duration < HISTOGRAMS; duration++) {
            histogram_record(&measure->histogram, ns);
            micro_touch(measure);
        }
    }
    return 0;
}

static const struct micro_row rows[] = {
    {.name = "empty", .run = run_empty},
    {.name = "clock", .run = run_clock},
    {.name = "histogram_record", .set_up = set_up, .run = run_record, .tear_down = free},
    {.name = "ruler", .set_up = set_up, .run = run_ruler, .tear_down = free},
    {.name = "histogram_percentile", .set_up = set_up, .run = run_percentile, .tear_down = free},
};

struct micro_table micro_measure(void) {
    return (struct micro_table){rows, sizeof rows / sizeof rows[0]};
}
