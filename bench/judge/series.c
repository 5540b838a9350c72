/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool series_same_point(const struct run *one, const struct run *other) {
    const struct parameters *a = &one->asked, *b = &other->asked;
    if (run_is_open(one) != run_is_open(other)) return false; /* not the same latency */
    if (one->point != RUN_NOWHERE && other->point != RUN_NOWHERE) return one->point == other->point;
    /* One that never sends again has no floor of its timer, and stands beside one that does. */
    const bool retries = a->variant->retries && b->variant->retries;
    return a->size_bytes == b->size_bytes && a->connections == b->connections &&
           a->per_connection == b->per_connection && a->rate_per_s == b->rate_per_s &&
           (!retries || a->rto_floor_ns == b->rto_floor_ns);
}

static bool same_text(const char *one, const char *other) {
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

static bool same_column(const struct run *one, const struct run *other) {
    return one->against == other->against && one->depth == other->depth &&
           same_text(one->lost_packet, other->lost_packet);
}

bool series_same(const struct run *one, const struct run *other) {
    return series_same_point(one, other) && same_column(one, other) &&
           parameters_same(&one->asked, &other->asked);
}

bool series_own_rate(const struct run *run) {
    return run_is_open(run) && run->capacity_per_s > 0;
}

bool series_alike(const struct run *one, const struct run *other) {
    const bool own = series_own_rate(one);
    struct parameters asked = one->asked;
    if (own != series_own_rate(other) || one->network != other->network) return false;
    if (own && one->point != other->point) return false;
    if (own) asked.rate_per_s = other->asked.rate_per_s;
    return same_column(one, other) && parameters_same(&asked, &other->asked);
}

/* In the plan's order: shuffled runs do not shuffle a table. */
static int by_column(const void *a, const void *b) {
    const struct run *x = *(const struct run *const *)a, *y = *(const struct run *const *)b;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    return (x->block > y->block) - (x->block < y->block);
}

struct series_table series_of(const struct runs *runs) {
    struct series_table table = {.first = calloc(runs->count + 1, sizeof(const struct run *))};
    const struct run **sorted = calloc(runs->count + 1, sizeof(const struct run *));
    for (size_t i = 0; i < runs->count; i++) {
        if (sorted != NULL) sorted[i] = runs->list[i];
        if (runs->list[i]->block >= table.blocks) table.blocks = runs->list[i]->block + 1U;
    }
    table.cells = calloc(runs->count * table.blocks + 1, sizeof(const struct run *));
    const bool memory = sorted != NULL && table.first != NULL && table.cells != NULL;
    if (memory) qsort(sorted, runs->count, sizeof(const struct run *), by_column);
    for (size_t i = 0; memory && i < runs->count; i++) {
        size_t at = 0;
        while (at < table.count && !series_same(table.first[at], sorted[i])) at++;
        if (at == table.count) table.first[table.count++] = sorted[i];
        const struct run **cell = &table.cells[at * table.blocks + sorted[i]->block];
        /* Of several attempts the one that counts. */
        if (*cell == NULL || !run_is_valid(*cell)) *cell = sorted[i];
    }
    free(sorted);
    return table;
}

void series_free(struct series_table *table) {
    free(table->first);
    free(table->cells);
    *table = (struct series_table){0};
}

const struct run *series_run(const struct series_table *table, size_t series, size_t block) {
    return table->cells[series * table->blocks + block];
}

const struct run *series_valid(const struct series_table *table, size_t series, size_t block) {
    const struct run *run = series_run(table, series, block);
    return run != NULL && run_is_valid(run) ? run : NULL;
}

void series_check_halves(struct runs *runs) {
    struct series_table table = series_of(runs);
    for (size_t i = 0; i < table.count; i++) {
        uint64_t halves[2] = {0};
        unsigned count = 0;
        for (size_t block = 0; block < table.blocks; block++) {
            const struct run *run = series_valid(&table, i, block);
            for (int half = 0; run != NULL && half < 2; half++)
                halves[half] += run->ok_by_half[half];
            count += run != NULL;
        }
        if (count < 2 || !validity_halves_differ(halves[0], halves[1])) continue;
        for (size_t j = 0; j < runs->count; j++) {
            struct run *run = runs->list[j];
            if (!run_is_valid(run) || !series_same(table.first[i], run)) continue;
            validity_refuse(&run->validity,
                            "not stationary over %u runs: %llu messages in first halves and %llu "
                            "in second ones",
                            count, (unsigned long long)halves[0], (unsigned long long)halves[1]);
        }
    }
    series_free(&table);
}

bool series_is_of(const struct run *run, const char *variant) {
    return run->asked.role == ROLE_VARIANT && !run->against &&
           (variant == NULL || strcmp(run->asked.variant->name, variant) == 0);
}

size_t series_next(const struct series_table *table, size_t from, const char *variant) {
    size_t i = from;
    while (i < table->count && !series_is_of(table->first[i], variant)) i++;
    return i;
}

/* What is NULL is left out. */
static struct middle middle_of(const struct run *const *list, size_t count,
                               double (*of)(const struct run *run),
                               bool (*fits)(const struct run *run, const void *key),
                               const void *key) {
    double *values = calloc(count + 1, sizeof *values);
    size_t many = 0;
    for (size_t i = 0; values != NULL && i < count; i++) {
        const struct run *run = list[i];
        if (run == NULL || !run_is_valid(run) || (fits != NULL && !fits(run, key))) continue;
        values[many] = of(run);
        if (isfinite(values[many])) many++;
    }
    const struct middle middle = statistics_middle(values, many);
    free(values);
    return middle;
}

struct middle runs_middle(const struct runs *runs, double (*of)(const struct run *run),
                          bool (*fits)(const struct run *run, const void *key), const void *key) {
    return middle_of((const struct run *const *)runs->list, runs->count, of, fits, key);
}

bool runs_in_column(const struct run *run, const void *column) {
    return run->column == *(const unsigned *)column;
}

struct middle series_middle(const struct series_table *table, size_t series,
                            double (*of)(const struct run *run)) {
    return middle_of(table->cells + series * table->blocks, table->blocks, of, NULL, NULL);
}
