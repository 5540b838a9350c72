/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/compared.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/compared_parts.h"
#include "bench/judge/open_loop.h"
#include "bench/judge/statistics.h"
#include "bench/run/result.h"

const struct compared_metric compared_metrics[COMPARED_METRICS] = {
    {
        .name = "time_per_message",
        .path = "time_per_message_us",
        .noun = "time",
        .subject = "A message by",
        .verb = "takes",
        .than = "as long as by",
        .closed = true,
    },
    {.name = "p50", .path = "latency_us.p50", .noun = "p50", .closed = true},
    {
        .name = "p50",
        .percent = 50,
        .noun = "p50",
        .subject = "The median latency of",
        .verb = "is",
        .than = "that of",
        .open = true,
    },
    {
        .name = "p99",
        .percent = 99,
        .noun = "p99",
        .subject = "The p99 of",
        .verb = "is",
        .than = "that of",
        .open = true,
    },
    {
        .name = "cpu_per_message",
        .path = "per_message.cpu_us",
        .noun = "CPU",
        .closed = true,
        .open = true,
    },
};

struct series series_of(const json_t *run) {
    return (struct series){
        .variant = result_text(run, "variant"),
        .role = result_text(run, "role"),
        .build = result_text(run, "build"),
        .engine = result_text(run, "engine"),
        .design = result_text(run, "design"),
        .point = result_number(run, "point", -1),
        .offered_per_s = result_number(run, "offered_per_s", NAN),
        .capacity_per_s = result_number(run, "capacity_per_s", NAN),
        .size_bytes = result_number(run, "size_bytes", 0),
        .connections = result_number(run, "connections", 1),
        .pipeline = result_number(run, "pipeline", NAN),
        .rto_floor_ms = result_number(run, "rto_floor_ms", 0),
        .rtt_ms = result_number(run, "rtt_ms", NAN),
        .loss_percent = result_number(run, "loss_percent", NAN),
    };
}

bool series_is_open(const struct series *series) {
    return !isnan(series->offered_per_s);
}

bool series_is_floor(const struct series *series) {
    return strcmp(series->role, "floor") == 0;
}

bool series_is_other_build(const struct series *series) {
    return *series->build != '\0';
}

bool series_same_point(const struct series *a, const struct series *b) {
    if (series_is_open(a) != series_is_open(b))
        return false; /* their latencies are not the same thing */
    if (a->point >= 0 && b->point >= 0) return a->point == b->point;
    /* One that never sends again has no floor, and stands beside one that does. */
    const bool same_floor =
        a->rto_floor_ms == b->rto_floor_ms || a->rto_floor_ms == 0 || b->rto_floor_ms == 0;
    const bool same_rate = !series_is_open(a) || a->offered_per_s == b->offered_per_s;
    return a->size_bytes == b->size_bytes && a->connections == b->connections && same_floor &&
           same_rate;
}

bool series_same(const struct series *a, const struct series *b) {
    return series_same_point(a, b) && strcmp(a->variant, b->variant) == 0 &&
           strcmp(a->role, b->role) == 0 && strcmp(a->build, b->build) == 0;
}

/*
 * All series in the order of first appearance in block 0's plan, which the
 * runs record as `column`: shuffled runs do not shuffle the table.
 */
static void find_series(struct table *table, const json_t *runs) {
    const size_t all = json_array_size(runs);
    for (double column = 0; column < 10000 && table->count < all; column++) {
        const size_t before = table->count;
        for (size_t i = 0; i < all && table->count == before; i++) {
            const json_t *run = json_array_get(runs, i);
            if (result_number(run, "column", -1) == column) {
                table->list[table->count++] = series_of(run);
            }
        }
        if (table->count == before && column > (double)all) break;
    }
}

static size_t count_blocks(const json_t *runs) {
    double last = -1;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        last = fmax(last, result_number(json_array_get(runs, i), "block", -1));
    }
    return (size_t)(last + 1);
}

static void find_cells(struct table *table, const json_t *runs) {
    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *run = json_array_get(runs, i);
        const struct series its = series_of(run);
        const double block = result_number(run, "block", -1);
        for (size_t j = 0; j < table->count && block >= 0; j++) {
            struct cell *cell = &table->cells[j * table->blocks + (size_t)block];
            if (cell->run == NULL && series_same(&table->list[j], &its)) cell->run = run;
        }
    }
}

void table_free(struct table *table) {
    free(table->list);
    free(table->cells);
}

struct table table_of(const json_t *runs) {
    struct table table = {.blocks = count_blocks(runs)};
    table.list = calloc(json_array_size(runs) + 1, sizeof *table.list);
    if (table.list != NULL) find_series(&table, runs);
    table.cells = calloc(table.count * table.blocks + 1, sizeof *table.cells);
    if (table.cells == NULL) table.count = 0;
    find_cells(&table, runs);
    return table;
}

/* ---- samples ---- */

json_t *table_run(const struct table *table, const struct series *series, size_t block) {
    return table->cells[(size_t)(series - table->list) * table->blocks + block].run;
}

const json_t *table_valid_run(const struct table *table, const struct series *series,
                              size_t block) {
    const json_t *run = table_run(table, series, block);
    return json_is_true(json_object_get(run, "valid")) ? run : NULL;
}

static double value_of(const json_t *run, const struct compared_metric *metric) {
    if (run == NULL) return NAN;
    return metric->percent > 0 ? open_loop_waited_us(run, metric->percent)
                               : result_number(run, metric->path, NAN);
}

bool compared_both_missed(const struct table *table, const struct series *one,
                          const struct series *other, const struct compared_metric *metric) {
    for (size_t block = 0; block < table->blocks && metric->percent > 0; block++) {
        const json_t *a = table_valid_run(table, one, block);
        const json_t *b = table_valid_run(table, other, block);
        if (a == NULL || b == NULL) continue;
        if (isinf(open_loop_percentile_us(a, metric->percent)) &&
            isinf(open_loop_percentile_us(b, metric->percent))) {
            return true;
        }
    }
    return false;
}

/* Pairs of the blocks in which both runs are valid and have the value. */
static size_t collect_pairs(const struct table *table, const struct series *one,
                            const struct series *other, const struct compared_metric *metric,
                            double *of_one, double *of_other) {
    size_t count = 0;
    if (compared_both_missed(table, one, other, metric)) return 0;
    for (size_t block = 0; block < table->blocks; block++) {
        const double a = value_of(table_valid_run(table, one, block), metric);
        const double b = value_of(table_valid_run(table, other, block), metric);
        if (!(a > 0 && b > 0)) continue;
        of_one[count] = a;
        of_other[count] = b;
        count++;
    }
    return count;
}

/* ---- comparisons ---- */

static json_t *number(double value) {
    json_t *real = json_real(value);
    return real == NULL ? json_null() : real;
}

/* How a comparison names what it is measured against. */
static const char *baseline_name(const struct series *baseline) {
    return series_is_floor(baseline)         ? "floor"
           : series_is_other_build(baseline) ? "against"
                                             : baseline->variant;
}

/* What not every session has, where it says something. */
static void set_further(json_t *object, const struct series *variant,
                        const struct series *baseline) {
    if (variant->point >= 0) {
        (void)json_object_set_new(object, "point", json_integer((json_int_t)variant->point));
    }
    if (!isnan(variant->pipeline)) {
        (void)json_object_set_new(object, "pipeline", number(variant->pipeline));
    }
    if (*variant->design != '\0') {
        (void)json_object_set_new(object, "design", json_string(variant->design));
    }
    if (variant->rto_floor_ms > 0) {
        (void)json_object_set_new(object, "rto_floor_ms", number(variant->rto_floor_ms));
    }
    if (!series_is_open(variant)) return;
    (void)json_object_set_new(object, "offered_per_s", number(variant->offered_per_s));
    if (baseline->offered_per_s == variant->offered_per_s) return;
    (void)json_object_set_new(object, "baseline_offered_per_s", number(baseline->offered_per_s));
}

static json_t *comparison_json(const struct series *variant, const struct series *baseline,
                               const struct compared_metric *metric, const struct comparison *c) {
    json_t *object = json_object();
    (void)json_object_set_new(object, "metric", json_string(metric->name));
    (void)json_object_set_new(object, "baseline", json_string(baseline_name(baseline)));
    (void)json_object_set_new(object, "variant", json_string(variant->variant));
    (void)json_object_set_new(object, "role", json_string(variant->role));
    (void)json_object_set_new(object, "size_bytes", number(variant->size_bytes));
    (void)json_object_set_new(object, "connections", number(variant->connections));
    (void)json_object_set_new(object, "rtt_ms", number(variant->rtt_ms));
    (void)json_object_set_new(object, "loss_percent", number(variant->loss_percent));
    set_further(object, variant, baseline);
    (void)json_object_set_new(object, "blocks", json_integer((json_int_t)c->blocks));
    (void)json_object_set_new(object, "ratio", number(c->ratio.value));
    (void)json_object_set_new(object, "ci_low", number(c->ratio.low));
    (void)json_object_set_new(object, "ci_high", number(c->ratio.high));
    (void)json_object_set_new(object, "level", number(c->level));
    (void)json_object_set_new(object, "diff", number(c->diff.value));
    (void)json_object_set_new(object, "diff_ci_low", number(c->diff.low));
    (void)json_object_set_new(object, "diff_ci_high", number(c->diff.high));
    (void)json_object_set_new(object, "p", number(c->p));
    (void)json_object_set_new(object, "margin", number(c->margin));
    (void)json_object_set_new(object, "verdict", json_string(verdict_names[c->verdict]));
    (void)json_object_set_new(object, "blocks_needed", json_integer((json_int_t)c->blocks_needed));
    return object;
}

const struct series *compared_baseline_of(const struct table *table, const struct series *variant) {
    const struct series *list = table->list;
    const bool control = strcmp(variant->role, "a-a") == 0;
    for (size_t i = 0; i < table->count && !control; i++) {
        if (series_is_other_build(&list[i]) && strcmp(list[i].variant, variant->variant) == 0 &&
            series_same_point(&list[i], variant)) {
            return &list[i];
        }
    }
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(list[i].role, "variant") == 0 && series_same_point(&list[i], variant))
            return &list[i];
    }
    return NULL;
}

static const struct series *floor_of(const struct table *table, const struct series *variant) {
    for (size_t i = 0; i < table->count; i++) {
        const struct series *one = &table->list[i];
        if (series_is_floor(one) && series_same_point(one, variant) &&
            strcmp(one->variant, variant->variant) == 0) {
            return one;
        }
    }
    return NULL;
}

bool compared_metric_is_for(const struct compared_metric *metric, const struct series *series) {
    return series_is_open(series) ? metric->open : metric->closed;
}

const struct compared_metric *compared_floor_metric(void) {
    return &compared_metrics[0];
}

struct planned {
    const struct series *variant, *baseline;
    const struct compared_metric *metric;
};

static size_t plan(const struct table *table, struct planned *all) {
    size_t planned = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct series *variant = &table->list[i];
        if (series_is_floor(variant) || series_is_other_build(variant)) continue;
        const struct series *first = compared_baseline_of(table, variant);
        const struct series *floor = floor_of(table, variant);
        for (int m = 0; m < COMPARED_METRICS && first != NULL && first != variant; m++) {
            if (!compared_metric_is_for(&compared_metrics[m], variant)) continue;
            all[planned++] = (struct planned){variant, first, &compared_metrics[m]};
        }
        if (floor != NULL && strcmp(variant->role, "variant") == 0 &&
            compared_metric_is_for(compared_floor_metric(), variant)) {
            all[planned++] = (struct planned){variant, floor, compared_floor_metric()};
        }
    }
    return planned;
}

json_t *compared_list(const json_t *runs, double margin) {
    struct table table = table_of(runs);
    struct planned *all = calloc(table.count * (COMPARED_METRICS + 1) + 1, sizeof *all);
    double *values = calloc(2 * table.blocks + 1, sizeof *values);
    json_t *comparisons = json_array();
    const size_t planned = all != NULL && values != NULL ? plan(&table, all) : 0;
    for (size_t i = 0; i < planned; i++) {
        const struct planned *p = &all[i];
        const size_t pairs = collect_pairs(&table, p->variant, p->baseline, p->metric, values,
                                           values + table.blocks);
        if (pairs == 0) continue;
        const double level = 1 - 0.05 / (double)planned;
        const struct comparison c =
            statistics_compare(values, values + table.blocks, pairs, level, margin);
        (void)json_array_append_new(comparisons,
                                    comparison_json(p->variant, p->baseline, p->metric, &c));
    }
    free(values);
    free(all);
    table_free(&table);
    return comparisons;
}
