/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/change_point.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

enum { ORDERS = 4000 };

/* Equal values share the mean of their ranks. */
static void rank(double *ranks, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t below = 0, equal = 0;
        for (size_t k = 0; k < count; k++) {
            below += values[k] < values[i];
            equal += values[k] == values[i];
        }
        ranks[i] = (double)below + ((double)equal + 1) / 2;
    }
}

/* The largest rank sum before a split, in standard deviations, and where. */
static double largest(const double *ranks, size_t count, size_t *at) {
    const double n = (double)count;
    double sum = 0, most = 0;
    for (size_t i = 0; i + CHANGE_STRETCH_MIN < count; i++) {
        const double before = (double)i + 1;
        sum += ranks[i];
        const double apart = fabs(sum - before * (n + 1) / 2);
        const double far = apart / sqrt(before * (n - before) * (n + 1) / 12);
        if (i + 1 < CHANGE_STRETCH_MIN || far <= most) continue;
        most = far;
        if (at != NULL) *at = i + 1;
    }
    return most;
}

/* Scratch for all of a series. */
struct search {
    struct change_point *list;
    double *ranks;
    double level;
    gsl_rng *random;
    size_t count;
};

static void look(struct search *s, const double *values, size_t first, size_t end) {
    const size_t count = end - first;
    size_t at = 0;
    if (count < CHANGE_SESSIONS_MIN) return;
    rank(s->ranks, values + first, count);
    const double seen = largest(s->ranks, count, &at);
    double as_far = 1; /* the order that was seen */
    for (int i = 0; i < ORDERS && as_far <= s->level * (ORDERS + 1); i++) {
        gsl_ran_shuffle(s->random, s->ranks, count, sizeof *s->ranks);
        as_far += largest(s->ranks, count, NULL) >= seen * (1 - 1e-12);
    }
    const double p = as_far / (ORDERS + 1);
    if (at == 0 || p > s->level) return;
    look(s, values, first, first + at);
    s->list[s->count++] = (struct change_point){first + at, p};
    look(s, values, first + at, end);
}

struct change_point *change_points(const double *values, size_t count, double level,
                                   size_t *found) {
    struct search s = {.list = calloc(count + 1, sizeof *s.list),
                       .ranks = calloc(count + 1, sizeof *s.ranks),
                       .level = level,
                       .random = gsl_rng_alloc(gsl_rng_mt19937)}; /* its usual seed */
    if (s.list != NULL && s.ranks != NULL && s.random != NULL) look(&s, values, 0, count);
    free(s.ranks);
    gsl_rng_free(s.random);
    *found = s.count;
    return s.list;
}
