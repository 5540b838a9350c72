/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/estimate.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

enum { RANKS_FROM = 20, TRIMMED_FROM = 10 };

static const double power = 0.8;

const char *const estimate_names[ESTIMATE_METHODS] = {"t", "trimmed", "ranks"};

static double tail(double level) {
    return (1 - level) / 2;
}

static struct estimate unknown(double value, double level) {
    return (struct estimate){ESTIMATE_T, value, NAN, NAN, level, NAN};
}

static struct estimate around(enum estimate_method method, double value, double error,
                              double freedom, double level) {
    const double critical = gsl_cdf_tdist_Qinv(tail(level), freedom);
    const double beyond = gsl_cdf_tdist_Pinv(power, freedom);
    return (struct estimate){method,
                             value,
                             value - critical * error,
                             value + critical * error,
                             level,
                             (critical + beyond) * error};
}

static struct estimate mean_of(const double *samples, size_t count, double level) {
    const double mean = gsl_stats_mean(samples, 1, count);
    if (count < 2) return unknown(mean, level);
    const double error = gsl_stats_sd(samples, 1, count) / sqrt((double)count);
    return around(ESTIMATE_T, mean, error, (double)count - 1, level);
}

struct estimate estimate_welch(const double *base, size_t base_count, const double *new,
                               size_t new_count, double level) {
    const double b = gsl_stats_variance(base, 1, base_count) / (double)base_count;
    const double n = gsl_stats_variance(new, 1, new_count) / (double)new_count;
    const double below = b * b / ((double)base_count - 1) + n * n / ((double)new_count - 1);
    /* Samples that agree to the last digit leave nothing to be unsure of. */
    return around(ESTIMATE_T,
                  gsl_stats_mean(new, 1, new_count) - gsl_stats_mean(base, 1, base_count),
                  sqrt(b + n), below > 0 ? (b + n) * (b + n) / below : 1, level);
}

/*
 * Yuen, "The Two-Sample Trimmed t for Unequal Population Variances", 1974: the
 * error is that of the sample whose outer tenths were moved to their edge.
 */
static struct estimate trimmed_of(const double *sorted, size_t count, double level) {
    const double share = 0.1;
    const size_t cut = (size_t)(share * (double)count);
    const size_t kept = count - 2 * cut;
    double *moved = calloc(count + 1, sizeof *moved);
    if (kept < 2 || moved == NULL) {
        free(moved);
        return mean_of(sorted, count, level);
    }
    for (size_t i = 0; i < count; i++) {
        const size_t at = i < cut ? cut : i >= count - cut ? count - cut - 1 : i;
        moved[i] = sorted[at];
    }
    const double spread = gsl_stats_sd(moved, 1, count);
    const double error = spread * sqrt((double)(count - 1) / (double)(kept * (kept - 1)));
    free(moved);
    return around(ESTIMATE_TRIMMED, gsl_stats_mean(sorted + cut, 1, kept), error, (double)kept - 1,
                  level);
}

double *estimate_rank_sums(const size_t *ranks, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) total += ranks[i];
    double *share = calloc(total + 1, sizeof *share);
    if (share == NULL) return NULL;
    share[0] = 1;
    for (size_t i = 0; i < count; i++) {
        for (size_t sum = total + 1; sum-- > 0;) {
            const double with = sum >= ranks[i] ? share[sum - ranks[i]] : 0;
            share[sum] = (share[sum] + with) / 2;
        }
    }
    return share;
}

/*
 * How many of the smallest and of the largest means of two are left out so
 * that at least `level` remains, by the distribution of the signed-rank sum:
 * P(W <= k). -1: no interval has that level. *attained is what remains.
 */
static long ranks_cut(size_t count, double level, double *attained) {
    size_t *ranks = calloc(count + 1, sizeof *ranks);
    for (size_t i = 0; ranks != NULL && i < count; i++) ranks[i] = i + 1;
    double *share = ranks == NULL ? NULL : estimate_rank_sums(ranks, count);
    long cut = -1;
    double below = 0;
    while (share != NULL && below + share[cut + 1] <= tail(level)) below += share[++cut];
    *attained = 1 - 2 * below;
    free(share);
    free(ranks);
    return cut;
}

/* Hodges and Lehmann, 1963: the median of the means of all pairs, each with itself too. */
static struct estimate ranks_of(const double *sorted, size_t count, double level) {
    double attained = level;
    const long cut = ranks_cut(count, level, &attained);
    const size_t pairs = count * (count + 1) / 2;
    double *means = cut < 0 ? NULL : calloc(pairs + 1, sizeof *means);
    size_t filled = 0;
    if (means == NULL) return trimmed_of(sorted, count, level);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i; k < count; k++) means[filled++] = (sorted[i] + sorted[k]) / 2;
    }
    gsl_sort(means, 1, pairs);
    /* P(W <= cut) is left out at each end, so the next value is the interval's end. */
    const double low = means[cut + 1], high = means[pairs - 2 - (size_t)cut];
    const double critical = gsl_cdf_ugaussian_Qinv(tail(attained));
    const double beyond = gsl_cdf_ugaussian_Pinv(power);
    const struct estimate estimate = {
        ESTIMATE_RANKS, gsl_stats_median_from_sorted_data(means, 1, pairs), low, high,
        attained,       (high - low) / 2 * (critical + beyond) / critical};
    free(means);
    return estimate;
}

struct estimate estimate_by(enum estimate_method method, double *samples, size_t count,
                            double level) {
    if (count == 0) return unknown(NAN, level);
    gsl_sort(samples, 1, count);
    if (count < 2 || method == ESTIMATE_T) return mean_of(samples, count, level);
    return method == ESTIMATE_TRIMMED ? trimmed_of(samples, count, level)
                                      : ranks_of(samples, count, level);
}

struct estimate estimate_of(double *samples, size_t count, double level) {
    const enum estimate_method method = count >= RANKS_FROM     ? ESTIMATE_RANKS
                                        : count >= TRIMMED_FROM ? ESTIMATE_TRIMMED
                                                                : ESTIMATE_T;
    return estimate_by(method, samples, count, level);
}

size_t estimate_needed(const struct estimate *estimate, size_t count, double effect) {
    if (!(estimate->detectable > 0) || !(effect > 0)) return 0;
    /* Errors shrink with the root of the number. */
    const double times = estimate->detectable / effect;
    const double needed = ceil((double)count * times * times);
    const double most = 1e6; /* beyond, no session is meant */
    if (needed > most) return 0;
    return needed < (double)count ? count : (size_t)needed;
}
