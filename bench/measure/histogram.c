/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/histogram.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static uint64_t lower_bound_ns(unsigned bucket) {
    if (bucket < 2 * HISTOGRAM_HALF) return bucket;
    const unsigned shift = bucket / HISTOGRAM_HALF - 1;
    return (uint64_t)(bucket - shift * HISTOGRAM_HALF) << shift;
}

uint64_t histogram_upper_bound_ns(unsigned bucket) {
    return lower_bound_ns(bucket + 1) - 1;
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

struct samples samples_of(const struct histogram *histogram) {
    struct samples samples = {.answered = histogram->count, .max_ns = histogram->max_ns};
    size_t count = 1;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) count += histogram->bucket[i] > 0;
    samples.buckets = calloc(count, sizeof *samples.buckets);
    if (samples.buckets == NULL) return (struct samples){0};
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->bucket[i] == 0) continue;
        samples.buckets[samples.count++] =
            (struct samples_bucket){histogram_upper_bound_ns(i), histogram->bucket[i]};
    }
    return samples;
}

void samples_free(struct samples *samples) {
    free(samples->buckets);
    *samples = (struct samples){0};
}

void samples_add(struct samples *sum, const struct samples *more) {
    struct samples_bucket *both = calloc(sum->count + more->count + 1, sizeof *both);
    size_t i = 0, k = 0, count = 0;
    if (both == NULL) return;
    while (i < sum->count || k < more->count) {
        const bool first = k == more->count || (i < sum->count && sum->buckets[i].upper_ns <=
                                                                      more->buckets[k].upper_ns);
        const struct samples_bucket next = first ? sum->buckets[i++] : more->buckets[k++];
        if (count > 0 && both[count - 1].upper_ns == next.upper_ns) {
            both[count - 1].count += next.count;
        } else {
            both[count++] = next;
        }
    }
    free(sum->buckets);
    sum->buckets = both;
    sum->count = count;
    sum->answered += more->answered;
    sum->missed += more->missed;
    if (more->max_ns > sum->max_ns) sum->max_ns = more->max_ns;
}

double samples_percentile_ns(const struct samples *samples, double percent) {
    /* A hair, so that rounding moves no whole number: 99.9 % of 20,000 leave 20 beyond. */
    const double hair = 1e-6;
    const double all = (double)(samples->answered + samples->missed);
    if (all * (1 - percent / 100) <= SAMPLES_BEYOND - hair) return NAN;
    const double rank = fmax(1, ceil(percent / 100 * all - hair));
    double passed = 0;
    for (size_t i = 0; i < samples->count; i++) {
        passed += (double)samples->buckets[i].count;
        if (passed < rank) continue;
        /* The middle of the last bucket may lie above all that was seen. */
        const uint64_t upper_ns = samples->buckets[i].upper_ns;
        const uint64_t lower_ns = lower_bound_ns(histogram_bucket_of(upper_ns));
        const double ns = ((double)lower_ns + (double)upper_ns) / 2;
        return samples->max_ns > 0 ? fmin(ns, (double)samples->max_ns) : ns;
    }
    return INFINITY;
}

double histogram_percentile_ns(const struct histogram *histogram, double percent) {
    struct samples samples = samples_of(histogram);
    const double ns = samples_percentile_ns(&samples, percent);
    samples_free(&samples);
    return ns;
}
