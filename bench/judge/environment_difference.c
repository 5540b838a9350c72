/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/environment_difference.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/statistics.h"
#include "bench/measure/environment.h"

static const char clock_cost[] = "clock_cost_ns";
static const double clock_cost_tolerance = 1.2;

struct side {
    const struct facts *const *list;
    size_t count;
};

static double median_of(struct side side, const char *name) {
    double *numbers = calloc(side.count + 1, sizeof *numbers);
    size_t count = 0;
    for (size_t i = 0; numbers != NULL && i < side.count; i++) {
        const struct fact *fact = facts_find(side.list[i], name);
        if (fact != NULL && fact->kind == FACT_NUMBER) numbers[count++] = fact->number;
    }
    const double median = count == 0 ? (double)NAN : statistics_median(numbers, count);
    free(numbers);
    return median;
}

static bool has(const struct facts *values, const struct fact *value) {
    for (size_t i = 0; i < values->count; i++) {
        if (fact_equal(&values->list[i], value)) return true;
    }
    return false;
}

static struct facts values_of(struct side side, const char *name) {
    static const struct fact unknown;
    struct facts distinct = {0};
    if (strcmp(name, clock_cost) == 0) {
        facts_take(&distinct, fact_number(median_of(side, name)), "%s", name);
        return distinct;
    }
    for (size_t i = 0; i < side.count; i++) {
        const struct fact *found = facts_find(side.list[i], name);
        struct fact value = found == NULL ? unknown : *found;
        if (has(&distinct, &value)) continue;
        if (value.kind == FACT_TEXT) value = fact_text(value.text);
        facts_take(&distinct, value, "%s", name);
    }
    return distinct;
}

static bool differs(const struct environment_difference *one) {
    if (one->base.count != 1 || one->new.count != 1) return true;
    const struct fact *before = one->base.list, *after = one->new.list;
    if (strcmp(one->name, clock_cost) == 0 && before->kind == after->kind) {
        const double ratio = after->number / before->number; /* NAN where neither is known */
        return ratio > clock_cost_tolerance || ratio < 1 / clock_cost_tolerance;
    }
    return !fact_equal(before, after);
}

static void free_one(struct environment_difference *one) {
    free(one->name);
    facts_free(&one->base);
    facts_free(&one->new);
}

/* Keeps it if it is a difference. */
static void take(struct environment_differences *differences, struct environment_difference one) {
    struct environment_difference *more = NULL;
    if (one.name != NULL && one.base.count > 0 && one.new.count > 0 && differs(&one)) {
        more = reallocarray(differences->list, differences->count + 1, sizeof *more);
    }
    if (more == NULL) {
        free_one(&one);
        return;
    }
    differences->list = more;
    more[differences->count++] = one;
}

struct environment_differences environment_differences(const struct facts *const *base,
                                                       size_t base_count,
                                                       const struct facts *const *new,
                                                       size_t new_count) {
    const struct side sides[] = {{base, base_count}, {new, new_count}};
    struct environment_differences differences = {0};
    struct facts seen = {0};
    for (size_t i = 0; i < base_count + new_count; i++) {
        const struct facts *facts = i < base_count ? base[i] : new[i - base_count];
        for (size_t j = 0; j < facts->count; j++) {
            const char *name = facts->list[j].name;
            if (facts_find(&seen, name) != NULL || environment_changes_by_itself(name)) continue;
            facts_take(&seen, (struct fact){0}, "%s", name);
            take(&differences,
                 (struct environment_difference){strdup(name), values_of(sides[0], name),
                                                 values_of(sides[1], name)});
        }
    }
    facts_free(&seen);
    return differences;
}

void environment_differences_free(struct environment_differences *differences) {
    for (size_t i = 0; i < differences->count; i++) free_one(&differences->list[i]);
    free(differences->list);
    *differences = (struct environment_differences){0};
}
