/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The messages of several runs together, from their histograms. What was lost or
 * failed took longer than all that was answered.
 */
#ifndef BENCH_POOLED_H
#define BENCH_POOLED_H

#include <jansson.h>

enum { POOLED_BEYOND = 20 }; /* a share is shown while so many messages still took longer */

struct pooled_bucket {
    double upper_ns, count;
};

struct pooled {
    struct pooled_bucket *buckets; /* ascending; NULL without memory */
    size_t count;
    double answered, messages; /* messages: with those that were lost or failed */
};

/* Of all `runs`, valid or not. To be released. */
struct pooled pooled_of(const json_t *runs);
void pooled_release(struct pooled *pooled);

/* In us, by nearest rank; INFINITY: that one had no answer; NAN: too few messages lie beyond. */
double pooled_percentile_us(const struct pooled *pooled, double percent);

#endif
