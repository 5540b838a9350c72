/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/fits.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/statistics.h"
#include "bench/run/result.h"
#include "bench/run/variant.h"

struct metric {
    const char *name;
    const char *path;
};

static const struct metric metrics[] = {
    {"latency", "latency_us.mean"},
    {"time_per_message", "time_per_message_us"},
};

enum { METRICS = sizeof metrics / sizeof metrics[0] };

/* The valid runs of a variant as points (applied RTT, metric), both in us. */
static size_t collect(const json_t *runs, const char *variant, const char *path, double *x,
                      double *y) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        const double applied_us = 1e3 * result_number(run, "rtt_applied_ms", NAN);
        const double value = result_number(run, path, NAN);
        if (strcmp(result_text(run, "variant"), variant) != 0) continue;
        if (!json_is_true(json_object_get(run, "valid"))) continue;
        if (!isfinite(applied_us) || !isfinite(value)) continue;
        x[count] = applied_us;
        y[count] = value;
        count++;
    }
    return count;
}

static json_t *number(double value) {
    json_t *real = json_real(value);
    return real == NULL ? json_null() : real;
}

static json_t *fit_json(const struct variant *variant, const struct metric *metric,
                        const struct line *line) {
    json_t *object = json_object();
    (void)json_object_set_new(object, "variant", json_string(variant->name));
    (void)json_object_set_new(object, "metric", json_string(metric->name));
    (void)json_object_set_new(object, "runs", json_integer((json_int_t)line->count));
    (void)json_object_set_new(object, "round_trips", number(line->slope.value));
    (void)json_object_set_new(object, "ci_low", number(line->slope.low));
    (void)json_object_set_new(object, "ci_high", number(line->slope.high));
    (void)json_object_set_new(object, "level", number(line->level));
    (void)json_object_set_new(object, "intercept_us", number(line->intercept));
    (void)json_object_set_new(object, "r2", number(line->r2));
    (void)json_object_set_new(object, "model", number(variant->round_trips));
    return object;
}

static unsigned count_variants(const json_t *runs) {
    unsigned count = 0;
    for (unsigned v = 0; v < variant_count; v++) {
        bool there = false;
        for (size_t i = 0; i < json_array_size(runs) && !there; i++) {
            there = strcmp(result_text(json_array_get(runs, i), "variant"), variants[v].name) == 0;
        }
        if (there) count++;
    }
    return count;
}

json_t *fits_list(const json_t *runs) {
    const size_t all = json_array_size(runs);
    double *x = calloc(2 * all + 1, sizeof *x);
    json_t *fits = json_array();
    const double lines =
        METRICS * (double)count_variants(runs); /* one level for all (Bonferroni) */
    for (unsigned v = 0; x != NULL && v < variant_count; v++) {
        for (int m = 0; m < METRICS; m++) {
            const size_t count = collect(runs, variants[v].name, metrics[m].path, x, x + all);
            if (count < 3) continue;
            const struct line line = statistics_line(x, x + all, count, 1 - 0.05 / lines);
            (void)json_array_append_new(fits, fit_json(&variants[v], &metrics[m], &line));
        }
    }
    free(x);
    return fits;
}

/* What the wire itself does: late by how much, and what it costs without a delay. */
static void print_wire(FILE *out, const json_t *runs) {
    double worst_us = 0;
    double late_us = 0;
    double cost_us = 0;
    unsigned delayed = 0;
    unsigned bare = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (result_number(run, "rtt_ms", 0) > 0) {
            late_us += result_number(run, "wire.late_us.mean", 0);
            worst_us = fmax(worst_us, result_number(run, "wire.late_us.p99", 0));
            delayed++;
        } else {
            cost_us += 2 * result_number(run, "wire.one_way_us.mean", 0);
            bare++;
        }
    }
    if (delayed > 0) {
        (void)fprintf(out, "The wire gave packets back %.1f us late on average over %u runs",
                      late_us / delayed, delayed);
        if (worst_us > 0) (void)fprintf(out, " (p99 at most %.0f us)", worst_us);
        (void)fputs(".\n", out);
    }
    if (bare > 0) {
        (void)fprintf(
            out, "At round-trip time 0 it holds a packet for %.1f us a round trip (%u runs).\n",
            cost_us / bare, bare);
    }
}

void fits_print(FILE *out, const json_t *runs) {
    json_t *fits = fits_list(runs);
    (void)fputs("\nround trips, by regression on the delay that the wire applied\n"
                "variant            metric            slope [interval]        intercept  "
                "model   R2\n",
                out);
    for (size_t i = 0; i < json_array_size(fits); i++) {
        const json_t *fit = json_array_get(fits, i);
        (void)fprintf(out, "%-18s %-17s %6.4f [%.4f, %.4f] %7.0f us  %5.0f  %.4f\n",
                      result_text(fit, "variant"),
                      strcmp(result_text(fit, "metric"), "latency") == 0 ? "waited" : "time",
                      result_number(fit, "round_trips", NAN), result_number(fit, "ci_low", NAN),
                      result_number(fit, "ci_high", NAN), result_number(fit, "intercept_us", NAN),
                      result_number(fit, "model", NAN), result_number(fit, "r2", NAN));
    }
    json_decref(fits);
    print_wire(out, runs);
}
