/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/pooled.h"

#include <math.h>
#include <stdlib.h>

#include "bench/run/result.h"

static int by_bound(const void *a, const void *b) {
    const struct pooled_bucket *x = a, *y = b;
    return (x->upper_ns > y->upper_ns) - (x->upper_ns < y->upper_ns);
}

struct pooled pooled_of(const json_t *runs) {
    size_t i, k, most = 0;
    json_t *run, *pair;
    struct pooled pooled = {.count = 0};
    json_array_foreach(runs, i, run) {
        most += json_array_size(json_object_get(run, "histogram_ns"));
    }
    pooled.buckets = calloc(most + 1, sizeof *pooled.buckets);
    if (pooled.buckets == NULL) return pooled;
    json_array_foreach(runs, i, run) {
        json_array_foreach(json_object_get(run, "histogram_ns"), k, pair) {
            const struct pooled_bucket one = {json_number_value(json_array_get(pair, 0)),
                                              json_number_value(json_array_get(pair, 1))};
            pooled.buckets[pooled.count++] = one;
            pooled.answered += one.count;
        }
        pooled.messages +=
            result_number(run, "messages.lost", 0) + result_number(run, "messages.failed", 0);
    }
    pooled.messages += pooled.answered;
    qsort(pooled.buckets, pooled.count, sizeof *pooled.buckets, by_bound);
    return pooled;
}

void pooled_release(struct pooled *pooled) {
    free(pooled->buckets);
    *pooled = (struct pooled){.count = 0};
}

double pooled_percentile_us(const struct pooled *pooled, double percent) {
    /* A hair, as in histogram_supports: 99.9 % of 20,000 leave 20, but for rounding. */
    if (pooled->messages * (1 - percent / 100) <= POOLED_BEYOND - 1e-6) return NAN;
    const double rank = fmax(1, ceil(percent / 100 * pooled->messages - 1e-6));
    double passed = 0;
    for (size_t i = 0; i < pooled->count; i++) {
        passed += pooled->buckets[i].count;
        if (passed >= rank) return pooled->buckets[i].upper_ns / 1e3;
    }
    return INFINITY;
}
