/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/compared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    return series_is_of(candidate, NULL);
}

static bool is_floor_of(const struct run *candidate, const struct run *of) {
    return run_is_floor(candidate) && candidate->asked.variant == of->asked.variant;
}

long compared_baseline(const struct series_table *table, size_t series) {
    const bool control = table->first[series]->asked.role == ROLE_A_A;
    const long other = control ? -1 : find(table, series, is_other_build);
    return other >= 0 ? other : find(table, series, is_first);
}

/* With what a series is compared by a metric; by none (METRICS): its floor. -1: with nothing. */
static long compared_with(const struct series_table *table, size_t series, size_t metric) {
    const struct run *run = table->first[series];
    if (run_is_floor(run) || run->against) return -1;
    if (metric == METRICS) {
        /* A floor keeps no schedule: it is compared in a closed loop, by its time. */
        const bool closed = run->asked.role == ROLE_VARIANT && !run_is_open(run);
        return closed ? find(table, series, is_floor_of) : -1;
    }
    const long first = metric_is_for(&metrics[metric], run) ? compared_baseline(table, series) : -1;
    return first == (long)series ? -1 : first;
}

/* ---- samples ---- */

enum lack compared_lack(const struct series_table *table, size_t one, size_t other,
                        const struct metric *metric) {
    const bool tail = metric == &metrics[METRIC_P99], half = metric == &metrics[METRIC_P50];
    const double percent = tail ? 99 : 50;
    enum lack lack = LACK_VALID;
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *a = series_valid(table, one, block);
        const struct run *b = series_valid(table, other, block);
        if (a == NULL || b == NULL) continue;
        lack = LACK_MESSAGES;
        if (!run_is_open(a) || !(tail || half)) continue;
        if (isinf(metric_percentile_us(a, percent)) && isinf(metric_percentile_us(b, percent)))
            return LACK_ANSWERS;
    }
    return lack;
}

/* Pairs of the blocks in which both runs are valid and have the value. */
static size_t collect_pairs(const struct series_table *table, size_t one, size_t other,
                            const struct metric *metric, double *of_one, double *of_other) {
    size_t count = 0;
    if (compared_lack(table, one, other, metric) == LACK_ANSWERS) return 0;
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *a = series_valid(table, one, block);
        const struct run *b = series_valid(table, other, block);
        if (a == NULL || b == NULL) continue;
        of_one[count] = metric->of(a);
        of_other[count] = metric->of(b);
        count += of_one[count] > 0 && of_other[count] > 0;
    }
    return count;
}

/* ---- comparisons ---- */

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

void compared_list(struct findings *list, const struct runs *runs, double margin) {
    struct series_table table = series_of(runs);
    const size_t ways = METRICS + 1; /* in which a series is compared */
    double *values = calloc(2 * table.blocks + 1, sizeof *values);
    size_t planned = 0;
    for (size_t i = 0; i < ways * table.count; i++)
        planned += compared_with(&table, i / ways, i % ways) >= 0;
    for (size_t i = 0; values != NULL && i < ways * table.count; i++) {
        const size_t series = i / ways;
        const long baseline = compared_with(&table, series, i % ways);
        const struct metric *metric = &metrics[i % ways == METRICS ? METRIC_TIME : i % ways];
        double *others = values + table.blocks;
        if (baseline < 0) continue;
        const size_t pairs =
            collect_pairs(&table, series, (size_t)baseline, metric, values, others);
        struct compared *c = pairs == 0 ? NULL : findings_add(list, LIST_COMPARISONS);
        if (c == NULL) continue;
        const struct run *run = table.first[series], *beside = table.first[baseline];
        findings_describe(LIST_COMPARISONS, c, run);
        c->metric = metric->name;
        c->baseline = name_of(beside);
        if (run_is_open(run) && beside->asked.rate_per_s != run->asked.rate_per_s)
            c->baseline_offered_per_s = beside->asked.rate_per_s;
        c->comparison =
            statistics_compare(values, others, pairs, 1 - 0.05 / (double)planned, margin);
    }
    free(values);
    series_free(&table);
}

/* ---- looking them up ---- */

const struct compared *compared_find(const struct findings *list, const struct run *first,
                                     const struct metric *metric, bool with_floor) {
    struct compared key = {.metric = metric->name};
    const struct compared *all = list->items;
    findings_describe(LIST_COMPARISONS, &key, first);
    for (size_t i = 0; i < list->count; i++) {
        if (compared_with_floor(&all[i]) != with_floor) continue;
        if (findings_agree(LIST_COMPARISONS,
                           "variant metric point role size_bytes connections per_connection "
                           "pipeline offered_per_s placement engine design rtt_ms loss_percent "
                           "rto_floor_ms",
                           &all[i], &key))
            return &all[i];
    }
    return NULL;
}

void compared_complete(struct findings *list, const struct runs *runs) {
    struct compared *all = list->items;
    struct compared first = {.metric = NULL}, other = first;
    bool one_place = runs->count > 0, one_engine = one_place;
    for (size_t i = 0; i < runs->count; i++) {
        findings_describe(LIST_COMPARISONS, i == 0 ? &first : &other, runs->list[i]);
        if (i == 0) continue;
        one_place = one_place && strcmp(other.placement, first.placement) == 0;
        one_engine = one_engine && strcmp(other.engine, first.engine) == 0;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (all[i].placement == NULL && one_place) all[i].placement = first.placement;
        if (all[i].engine == NULL && one_engine) all[i].engine = first.engine;
        if (all[i].comparison.blocks > 1) continue; /* of one block there is no interval */
        all[i].comparison.ratio.low = all[i].comparison.diff.low = NAN;
    }
}
