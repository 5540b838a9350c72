/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A histogram of durations from 1 ns to 100 s with a relative error of at most
 * 0.1 %: recording is two shifts and an increment, whatever the value.
 *
 * The layout is HdrHistogram's: below 2,048 ns each nanosecond has its bucket;
 * above, every doubling is cut into 1,024. A percentile is the middle of its
 * bucket. It knows nothing of threads: give each its own and add them up.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX_NS 100000000000ULL /* what is longer is recorded as this */

enum {
    HISTOGRAM_HALF = 1024,    /* buckets in a doubling: error at most 1/2048 */
    HISTOGRAM_DOUBLINGS = 26, /* from 2^11 ns to beyond 100 s = 2^36.5 ns */
    HISTOGRAM_BUCKETS = HISTOGRAM_HALF * (HISTOGRAM_DOUBLINGS + 2)
};

struct histogram {
    uint64_t count;
    uint64_t sum_ns; /* exact, for the mean; good for 580 years */
    uint64_t max_ns; /* exact up to HISTOGRAM_MAX_NS */
    uint64_t bucket[HISTOGRAM_BUCKETS];
};

/* Where `ns` is counted. */
static inline unsigned histogram_bucket_of(uint64_t ns) {
    if (ns < 2 * HISTOGRAM_HALF) return (unsigned)ns;
    const unsigned shift = 53U - (unsigned)__builtin_clzll(ns); /* leaves 1,024 to 2,047 */
    return shift * HISTOGRAM_HALF + (unsigned)(ns >> shift);
}

static inline void histogram_record(struct histogram *histogram, uint64_t ns) {
    if (ns > HISTOGRAM_MAX_NS) ns = HISTOGRAM_MAX_NS;
    histogram->bucket[histogram_bucket_of(ns)]++;
    histogram->count++;
    histogram->sum_ns += ns;
    if (ns > histogram->max_ns) histogram->max_ns = ns;
}

/* The largest duration counted in `bucket`, in ns. */
uint64_t histogram_upper_bound_ns(unsigned bucket);
double histogram_mean_ns(const struct histogram *histogram); /* 0 when empty */
void histogram_add(struct histogram *sum, const struct histogram *more);

/*
 * The same without its empty buckets: what travels from a run's process to
 * the judge, what a file keeps, and what percentiles are taken of. Those that
 * never ended (lost, failed) may be counted too: they rank last, as to lose a
 * message is never fast.
 */
struct samples_bucket {
    uint64_t upper_ns, count;
};

struct samples {
    struct samples_bucket *buckets; /* malloc'd, ascending in upper_ns; NULL: none */
    size_t count;                   /* of buckets */
    uint64_t answered, missed;      /* the sum of all buckets, and those that never ended */
    uint64_t max_ns;                /* of the answered; 0: not known */
};

enum { SAMPLES_BEYOND = 40 }; /* needed for a percentile: messages of a run follow each other */

/* For samples_free. Without memory it is empty, or nothing is added. */
struct samples samples_of(const struct histogram *histogram);
void samples_free(struct samples *samples);
void samples_add(struct samples *sum, const struct samples *more);

/*
 * The duration below or at which `percent` (0 to 100) of all lie, in ns, by
 * nearest rank: the middle of its bucket. INFINITY: that one never ended;
 * NAN: fewer than SAMPLES_BEYOND lie beyond it. The one percentile of the lab.
 */
double samples_percentile_ns(const struct samples *samples, double percent);

/* The same of a histogram, of which nothing was missed. */
double histogram_percentile_ns(const struct histogram *histogram, double percent);

#endif
