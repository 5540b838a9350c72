/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/compared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_variant(const struct run *run) {
    return run->asked.role == ROLE_VARIANT;
}

/* The first series of the same point for which `fits` holds; -1: there is none. */
static long find(const struct series_table *table, size_t series,
                 bool (*fits)(const struct run *candidate, const struct run *of)) {
    for (size_t i = 0; i < table->count; i++) {
        if (!series_same_point(table->first[i], table->first[series])) continue;
        if (fits(table->first[i], table->first[series])) return (long)i;
    }
    return -1;
}

static bool is_other_build(const struct run *candidate, const struct run *of) {
    return candidate->against && candidate->asked.variant == of->asked.variant;
}

static bool is_first(const struct run *candidate, const struct run *of) {
    (void)of;
    return is_variant(candidate) && !candidate->against;
}

static bool is_floor_of(const struct run *candidate, const struct run *of) {
    return run_is_floor(candidate) && candidate->asked.variant == of->asked.variant;
}

long compared_baseline(const struct series_table *table, size_t series) {
    const bool control = table->first[series]->asked.role == ROLE_A_A;
    const long other = control ? -1 : find(table, series, is_other_build);
    return other >= 0 ? other : find(table, series, is_first);
}

long compared_floor(const struct series_table *table, size_t series) {
    return is_variant(table->first[series]) ? find(table, series, is_floor_of) : -1;
}

/* ---- samples ---- */

static bool was_lost(const struct run *run, const struct metric *metric) {
    const double percent = metric == &metrics[METRIC_P99] ? 99 : 50;
    return isinf(metric_percentile_us(run, percent));
}

bool compared_both_missed(const struct series_table *table, size_t one, size_t other,
                          const struct metric *metric) {
    if (metric != &metrics[METRIC_P50] && metric != &metrics[METRIC_P99]) return false;
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *a = series_valid(table, one, block);
        const struct run *b = series_valid(table, other, block);
        if (a == NULL || b == NULL || !run_is_open(a)) continue;
        if (was_lost(a, metric) && was_lost(b, metric)) return true;
    }
    return false;
}

/* Pairs of the blocks in which both runs are valid and have the value. */
static size_t collect_pairs(const struct series_table *table, size_t one, size_t other,
                            const struct metric *metric, double *of_one, double *of_other) {
    size_t count = 0;
    if (compared_both_missed(table, one, other, metric)) return 0;
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *a = series_valid(table, one, block);
        const struct run *b = series_valid(table, other, block);
        const double x = a == NULL ? (double)NAN : metric->of(a);
        const double y = b == NULL ? (double)NAN : metric->of(b);
        if (!(x > 0 && y > 0)) continue;
        of_one[count] = x;
        of_other[count] = y;
        count++;
    }
    return count;
}

/* ---- comparisons ---- */

struct planned {
    size_t series;
    long baseline;
    const struct metric *metric;
};

static size_t plan(const struct series_table *table, struct planned *all) {
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct run *run = table->first[i];
        if (run_is_floor(run) || run->against) continue;
        const long first = compared_baseline(table, i);
        const long floor = compared_floor(table, i);
        for (int m = 0; m < METRICS && first >= 0 && first != (long)i; m++) {
            if (metric_is_for(&metrics[m], run)) {
                all[count++] = (struct planned){i, first, &metrics[m]};
            }
        }
        /* A floor keeps no schedule: it is compared in a closed loop, by its time. */
        if (floor >= 0 && !run_is_open(run)) {
            all[count++] = (struct planned){i, floor, &metrics[METRIC_TIME]};
        }
    }
    return count;
}

static const char floor_name[] = "floor", other_build[] = "against";

/* How a comparison names what it is measured against. */
static const char *name_of(const struct run *baseline) {
    return run_is_floor(baseline) ? floor_name
           : baseline->against    ? other_build
                                  : baseline->asked.variant->name;
}

bool compared_with_floor(const struct compared *compared) {
    return strcmp(compared->baseline, floor_name) == 0;
}

bool compared_with_other_build(const struct compared *compared) {
    return strcmp(compared->baseline, other_build) == 0;
}

static const char *place_of(const struct run *run) {
    return run->asked.host != NULL ? "remote" : placement_names[run->asked.placement];
}

static double known_if(bool known, double value) {
    return known ? value : (double)NAN;
}

static void describe(struct compared *c, const struct run *run, const struct run *baseline) {
    const struct parameters *asked = &run->asked;
    const bool open = run_is_open(run);
    c->baseline = name_of(baseline);
    c->variant = asked->variant->name;
    c->role = role_names[asked->role];
    c->placement = place_of(run);
    c->engine = engine_names[asked->engine];
    c->design = asked->host != NULL ? NULL : design_names[asked->design];
    c->size_bytes = asked->size_bytes;
    c->connections = asked->connections;
    c->per_connection = known_if(asked->per_connection > 0, asked->per_connection);
    c->rtt_ms = known_if(asked->wire, (double)asked->rtt_ns / 1e6);
    c->loss_percent = known_if(asked->wire, asked->loss_percent);
    c->point = known_if(run->point != RUN_NOWHERE, run->point);
    c->pipeline = run->depth;
    c->rto_floor_ms = known_if(asked->variant->retries, (double)asked->rto_floor_ns / 1e6);
    c->offered_per_s = known_if(open, asked->rate_per_s);
    const bool apart = open && baseline->asked.rate_per_s != asked->rate_per_s;
    c->baseline_offered_per_s = known_if(apart, baseline->asked.rate_per_s);
}

static void add(struct findings *list, const struct series_table *table, const struct planned *p,
                const struct comparison *comparison) {
    struct compared *c = findings_add(list, LIST_COMPARISONS);
    if (c == NULL) return;
    describe(c, table->first[p->series], table->first[p->baseline]);
    c->metric = p->metric->name;
    c->blocks = comparison->blocks;
    c->ratio = comparison->ratio.value;
    c->low = comparison->ratio.low;
    c->high = comparison->ratio.high;
    c->level = comparison->level;
    c->diff = comparison->diff.value;
    c->diff_low = comparison->diff.low;
    c->diff_high = comparison->diff.high;
    c->estimate = comparison->estimate;
    c->detectable = comparison->detectable;
    c->p = comparison->p;
    c->margin = comparison->margin;
    c->verdict = comparison->verdict;
    c->blocks_needed = comparison->blocks_needed;
}

void compared_list(struct findings *list, const struct runs *runs, double margin) {
    struct series_table table = series_of(runs);
    struct planned *all = calloc(table.count * (METRICS + 1) + 1, sizeof *all);
    double *values = calloc(2 * table.blocks + 1, sizeof *values);
    const size_t planned = all != NULL && values != NULL ? plan(&table, all) : 0;
    for (size_t i = 0; i < planned; i++) {
        const struct planned *p = &all[i];
        double *others = values + table.blocks;
        const size_t pairs =
            collect_pairs(&table, p->series, (size_t)p->baseline, p->metric, values, others);
        if (pairs == 0) continue;
        const double level = 1 - 0.05 / (double)planned;
        const struct comparison comparison =
            statistics_compare(values, others, pairs, level, margin);
        add(list, &table, p, &comparison);
    }
    free(values);
    free(all);
    series_free(&table);
}

/* ---- looking them up ---- */

static bool same_value(const struct field *field, const struct compared *a,
                       const struct compared *b) {
    const struct field_value one = field_get(field, a), other = field_get(field, b);
    if (field->kind != FIELD_TEXT) {
        return one.number == other.number || (isnan(one.number) && isnan(other.number));
    }
    return one.text == other.text ||
           (one.text != NULL && other.text != NULL && strcmp(one.text, other.text) == 0);
}

/* Of one series: equal in all that says where and what, but for what it is compared with. */
static bool same_series(const struct compared *a, const struct compared *b) {
    static const char *const of_baseline[] = {"metric", "baseline", "baseline_offered_per_s"};
    const struct field *field = finding_kinds[LIST_COMPARISONS].fields;
    for (; strcmp(field->name, "blocks") != 0; field++) {
        bool other = false;
        for (int i = 0; i < 3; i++) other = other || strcmp(field->name, of_baseline[i]) == 0;
        if (!other && !same_value(field, a, b)) return false;
    }
    return true;
}

const struct compared *compared_find(const struct findings *list, const struct run *first,
                                     const struct metric *metric, bool with_floor) {
    struct compared key;
    const struct compared *all = list->items;
    describe(&key, first, first);
    for (size_t i = 0; i < list->count; i++) {
        if (compared_with_floor(&all[i]) != with_floor) continue;
        if (strcmp(all[i].metric, metric->name) == 0 && same_series(&all[i], &key)) return &all[i];
    }
    return NULL;
}

void compared_complete(struct findings *list, const struct runs *runs) {
    struct compared *all = list->items;
    const struct run *first = runs->count > 0 ? runs->list[0] : NULL;
    bool one_place = first != NULL, one_engine = first != NULL;
    for (size_t i = 0; i < runs->count; i++) {
        one_place = one_place && strcmp(place_of(runs->list[i]), place_of(first)) == 0;
        one_engine = one_engine && runs->list[i]->asked.engine == first->asked.engine;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (all[i].placement == NULL && one_place) all[i].placement = place_of(first);
        if (all[i].engine == NULL && one_engine) all[i].engine = engine_names[first->asked.engine];
    }
}
