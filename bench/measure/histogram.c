/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/histogram.h"

#include <math.h>

static uint64_t lower_bound_ns(unsigned bucket) {
    if (bucket < 2 * HISTOGRAM_HALF) return bucket;
    const unsigned shift = bucket / HISTOGRAM_HALF - 1;
    return (uint64_t)(bucket - shift * HISTOGRAM_HALF) << shift;
}

uint64_t histogram_upper_bound_ns(unsigned bucket) {
    return lower_bound_ns(bucket + 1) - 1;
}

static uint64_t middle_ns(unsigned bucket) {
    return (lower_bound_ns(bucket) + histogram_upper_bound_ns(bucket)) / 2;
}

uint64_t histogram_percentile_ns(const struct histogram *histogram, double percent) {
    if (histogram->count == 0) return 0;
    /* A hair less, so that rounding does not lift a whole number to the next: 0.9 % of 1,000. */
    const double rank = ceil(percent / 100 * (double)histogram->count - 1e-6);
    const uint64_t wanted = rank < 1 ? 1 : (uint64_t)rank;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->bucket[i];
        /* The middle of the last bucket may lie above all that was seen. */
        if (seen >= wanted)
            return middle_ns(i) < histogram->max_ns ? middle_ns(i) : histogram->max_ns;
    }
    return histogram->max_ns;
}

double histogram_mean_ns(const struct histogram *histogram) {
    return histogram->count == 0 ? 0 : (double)histogram->sum_ns / (double)histogram->count;
}

void histogram_add(struct histogram *sum, const struct histogram *more) {
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) sum->bucket[i] += more->bucket[i];
    sum->count += more->count;
    sum->sum_ns += more->sum_ns;
    if (more->max_ns > sum->max_ns) sum->max_ns = more->max_ns;
}

bool histogram_supports(const struct histogram *histogram, double percent) {
    const double beyond_min = 20;
    const double beyond = (double)histogram->count * (1 - percent / 100);
    return beyond > beyond_min - 1e-6; /* 99.9 % of 20,000 leave 20, but for rounding */
}
