/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/environment_difference.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/statistics.h"
#include "bench/measure/environment.h"

static const char clock_cost[] = "clock_cost_ns";

static struct fact median_of(const struct facts *const *side, size_t count, const char *name) {
    double *numbers = calloc(count + 1, sizeof *numbers);
    size_t known = 0;
    for (size_t i = 0; numbers != NULL && i < count; i++) {
        const struct fact *fact = facts_find(side[i], name);
        if (fact != NULL && fact->kind == FACT_NUMBER) numbers[known++] = fact->number;
    }
    const struct fact median = fact_number(statistics_median(numbers, known));
    free(numbers);
    return median;
}

static struct facts values_of(const struct facts *const *side, size_t count, const char *name) {
    static const struct fact unknown;
    struct facts distinct = {0};
    const bool cost = strcmp(name, clock_cost) == 0;
    if (cost) facts_take(&distinct, median_of(side, count, name), "%s", name);
    for (size_t i = 0; !cost && i < count; i++) {
        const struct fact *found = facts_find(side[i], name);
        const struct fact value = found == NULL ? unknown : *found;
        size_t k = 0;
        while (k < distinct.count && !fact_equal(&distinct.list[k], &value)) k++;
        if (k < distinct.count) continue;
        facts_take(&distinct, value.kind == FACT_TEXT ? fact_text(value.text) : value, "%s", name);
    }
    return distinct;
}

static bool differs(const struct environment_difference *one) {
    const double tolerance = 1.2;
    if (one->base.count != 1 || one->new.count != 1) return true;
    const struct fact *before = one->base.list, *after = one->new.list;
    if (strcmp(one->name, clock_cost) != 0 || before->kind != after->kind)
        return !fact_equal(before, after);
    const double ratio = after->number / before->number; /* NAN where neither is known */
    return ratio > tolerance || ratio < 1 / tolerance;
}

static void free_one(struct environment_difference *one) {
    free(one->name);
    facts_free(&one->base);
    facts_free(&one->new);
}

/* Keeps it if it is a difference. */
static void take(struct environment_differences *differences, struct environment_difference one) {
    struct environment_difference *more = NULL;
    if (one.name != NULL && one.base.count > 0 && one.new.count > 0 && differs(&one))
        more = reallocarray(differences->list, differences->count + 1, sizeof *more);
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
    struct environment_differences differences = {0};
    struct facts seen = {0};
    for (size_t i = 0; i < base_count + new_count; i++) {
        const struct facts *facts = i < base_count ? base[i] : new[i - base_count];
        for (size_t j = 0; j < facts->count; j++) {
            const char *name = facts->list[j].name;
            if (facts_find(&seen, name) != NULL || environment_changes_by_itself(name)) continue;
            facts_take(&seen, (struct fact){0}, "%s", name);
            take(&differences,
                 (struct environment_difference){strdup(name), values_of(base, base_count, name),
                                                 values_of(new, new_count, name)});
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
