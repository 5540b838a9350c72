/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/fits.h"

#include <math.h>
#include <stdlib.h>

#include "bench/judge/metric.h"
#include "bench/judge/slope.h"
#include "bench/judge/typical.h"

static double time_us(const struct run *run) {
    return metrics[METRIC_TIME].of(run);
}

/* What a message waits, and what it takes in all. */
static const struct {
    const char *name;
    double (*of_us)(const struct run *run);
} kinds[] = {{"latency", typical_latency_us}, {"time_per_message", time_us}};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* The valid runs of a variant as points (applied RTT, time), both in us, by the RTT asked for. */
static size_t collect(const struct runs *runs, const struct variant *variant,
                      double (*of_us)(const struct run *run), struct slope_point *points) {
    size_t count = 0;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (run->asked.variant != variant || !run_is_valid(run)) continue;
        points[count] = (struct slope_point){run->wire.applied_rtt_ns / 1e3, of_us(run),
                                             (double)run->asked.rtt_ns};
        count += isfinite(points[count].x + points[count].y);
    }
    return count;
}

static void add(struct findings *list, const struct variant *variant, const char *metric,
                const struct slope *line) {
    struct fit *fit = isnan(line->slope.value) ? NULL : findings_add(list, LIST_FITS);
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
    struct slope_point *points = calloc(runs->count + 1, sizeof *points);
    const double level = 1 - 0.05 / (KINDS * (double)count_variants(runs));
    for (unsigned v = 0; points != NULL && v < variant_count; v++) {
        for (int k = 0; k < KINDS; k++) {
            const size_t count = collect(runs, &variants[v], kinds[k].of_us, points);
            const struct slope line = slope_of(points, count, level);
            add(list, &variants[v], kinds[k].name, &line);
        }
    }
    free(points);
}
