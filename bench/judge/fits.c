/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/fits.h"

#include <math.h>
#include <stdlib.h>

#include "bench/judge/metric.h"

/* What a message waits, and what it takes in all. */
static const struct {
    const char *name;
    enum metric_id metric;
} kinds[] = {{"latency", METRIC_MEAN}, {"time_per_message", METRIC_TIME}};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* The valid runs of a variant as points (applied RTT, metric), both in us. */
static size_t collect(const struct runs *runs, const struct variant *variant,
                      const struct metric *metric, double *x, double *y) {
    size_t count = 0;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        const double applied_us = run->wire.applied_rtt_ns / 1e3;
        const double value_us = metric->of(run);
        if (run->asked.variant != variant || !run_is_valid(run)) continue;
        if (!isfinite(applied_us) || !isfinite(value_us)) continue;
        x[count] = applied_us;
        y[count++] = value_us;
    }
    return count;
}

static void add(struct findings *list, const struct variant *variant, const char *metric,
                const struct line *line) {
    struct fit *fit = findings_add(list, LIST_FITS);
    if (fit == NULL) return;
    fit->variant = variant->name;
    fit->metric = metric;
    fit->runs = line->count;
    fit->round_trips = line->slope.value;
    fit->low = line->slope.low;
    fit->high = line->slope.high;
    fit->level = line->level;
    fit->intercept_us = line->intercept;
    fit->r2 = line->r2;
    fit->model = variant->round_trips;
}

static unsigned count_variants(const struct runs *runs) {
    unsigned count = 0;
    for (unsigned v = 0; v < variant_count; v++) {
        size_t i = 0;
        while (i < runs->count && runs->list[i]->asked.variant != &variants[v]) i++;
        count += i < runs->count;
    }
    return count;
}

void fits_list(struct findings *list, const struct runs *runs) {
    double *x = calloc(2 * runs->count + 1, sizeof *x);
    const double level = 1 - 0.05 / (KINDS * (double)count_variants(runs));
    for (unsigned v = 0; x != NULL && v < variant_count; v++) {
        for (int k = 0; k < KINDS; k++) {
            double *y = x + runs->count;
            const size_t count = collect(runs, &variants[v], &metrics[kinds[k].metric], x, y);
            if (count < 3) continue;
            const struct line line = statistics_line(x, y, count, level);
            add(list, &variants[v], kinds[k].name, &line);
        }
    }
    free(x);
}
