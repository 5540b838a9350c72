/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/typical.h"

#include <math.h>
#include <stdlib.h>

#include "bench/judge/metric.h"

struct middle typical_of(const struct runs *runs, double (*number)(const struct run *run),
                         bool (*fits)(const struct run *run, const void *key), const void *key) {
    double *values = calloc(runs->count + 1, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (!run_is_valid(run) || run->asked.role != ROLE_VARIANT || run->against) continue;
        const double value = fits(run, key) ? number(run) : (double)NAN;
        if (isfinite(value)) values[count++] = value;
    }
    const struct middle middle = statistics_middle(values, count);
    free(values);
    return middle;
}

double typical_latency_us(const struct run *run) {
    const double p50_us = metrics[METRIC_P50].of(run);
    return isfinite(p50_us) ? p50_us : metrics[METRIC_MEAN].of(run);
}
