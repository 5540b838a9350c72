/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_combination.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/difference.h"

enum { EXACT_MAX = 200000, RANDOM_SPLITS = 100000, SESSIONS_NEEDED_MAX = 1000 };

struct welch welch_of(const double *base, size_t base_count, const double *new, size_t new_count) {
    const double b = gsl_stats_variance(base, 1, base_count) / (double)base_count;
    const double n = gsl_stats_variance(new, 1, new_count) / (double)new_count;
    const double below = b * b / ((double)base_count - 1) + n * n / ((double)new_count - 1);
    return (struct welch){
        .mean = gsl_stats_mean(new, 1, new_count) - gsl_stats_mean(base, 1, base_count),
        .error = sqrt(b + n),
        .freedom = below > 0 ? (b + n) * (b + n) / below : 1,
    };
}

struct interval difference_welch(const double *base, size_t base_count, const double *new,
                                 size_t new_count, double level) {
    const struct welch w = welch_of(base, base_count, new, new_count);
    /* Sessions that agree to the last digit leave nothing to be unsure of. */
    const double half = w.error > 0 ? gsl_cdf_tdist_Qinv((1 - level) / 2, w.freedom) * w.error : 0;
    return (struct interval){w.mean, w.mean - half, w.mean + half};
}

/* How many ways there are to choose k of n; as a double, which may be huge but never overflows. */
static double ways(size_t n, size_t k) {
    double product = 1;
    for (size_t i = 1; i <= k; i++) product *= (double)(n - k + i) / (double)i;
    return round(product);
}

double difference_least_p(size_t base_count, size_t new_count) {
    return (base_count == new_count ? 2 : 1) / ways(base_count + new_count, new_count);
}

static double distance(double chosen, size_t count, double total, size_t rest) {
    return fabs(chosen / (double)count - (total - chosen) / (double)rest);
}

static double exact_permutation(const double *all, size_t count, size_t new_count, double total,
                                double seen) {
    gsl_combination *split = gsl_combination_calloc(count, new_count);
    double as_far = 0;
    double splits = 0;
    if (split == NULL) return 1; /* no memory: nothing is claimed */
    do {
        double chosen = 0;
        for (size_t i = 0; i < new_count; i++) chosen += all[gsl_combination_get(split, i)];
        if (distance(chosen, new_count, total, count - new_count) >= seen) as_far++;
        splits++;
    } while (gsl_combination_next(split) == GSL_SUCCESS);
    gsl_combination_free(split);
    return as_far / splits;
}

static double random_permutation(double *all, size_t count, size_t new_count, double total,
                                 double seen) {
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    unsigned as_far = 1; /* the arrangement that was seen counts as one */
    if (random == NULL) return 1;
    for (unsigned i = 0; i < RANDOM_SPLITS; i++) {
        double chosen = 0;
        gsl_ran_shuffle(random, all, count, sizeof *all);
        for (size_t j = 0; j < new_count; j++) chosen += all[j];
        if (distance(chosen, new_count, total, count - new_count) >= seen) as_far++;
    }
    gsl_rng_free(random);
    return (double)as_far / (RANDOM_SPLITS + 1);
}

double difference_permutation(const double *base, size_t base_count, const double *new,
                              size_t new_count) {
    const size_t count = base_count + new_count;
    double *all = calloc(count + 1, sizeof *all);
    double chosen = 0;
    double total = 0;
    if (all == NULL || base_count == 0 || new_count == 0) {
        free(all);
        return 1;
    }
    memcpy(all, new, new_count * sizeof *all);
    memcpy(all + new_count, base, base_count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        total += all[i];
        if (i < new_count) chosen += all[i];
    }
    /* A hair less, so that rounding does not exclude the arrangement that was seen. */
    const double size = fabs(total) / (double)count;
    const double seen = distance(chosen, new_count, total, base_count) * (1 - 1e-9) - 1e-12 * size;
    const double p = ways(count, new_count) <= EXACT_MAX
                         ? exact_permutation(all, count, new_count, total, seen)
                         : random_permutation(all, count, new_count, total, seen);
    free(all);
    return p;
}

size_t difference_sessions_needed(const struct welch *w, size_t base_count, size_t new_count,
                                  double level, double margin) {
    const double away = fmax(fabs(w->mean), log1p(margin) - fabs(w->mean));
    /* The variance of one session, had both sides as many. */
    const double a_side = 2 / (1 / (double)base_count + 1 / (double)new_count);
    for (size_t n = DIFFERENCE_SESSIONS_MIN; n <= SESSIONS_NEEDED_MAX; n++) {
        const double error = w->error * sqrt(a_side / (double)n);
        if (gsl_cdf_tdist_Qinv((1 - level) / 2, 2 * (double)n - 2) * error < away) return n;
    }
    return 0;
}

size_t difference_sessions_to_speak(double level) {
    size_t n = DIFFERENCE_SESSIONS_MIN;
    while (n < SESSIONS_NEEDED_MAX && difference_least_p(n, n) > 1 - level) n++;
    return n;
}
