/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_rng.h>
#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* The flip test is a cross-check of the interval, which carries the simultaneous level. */
#define FLIP_LEVEL 0.05

enum { EXACT_MAX = 20, RANDOM_FLIPS = 100000, BLOCKS_NEEDED_MAX = 100000 };

const char *const verdict_names[VERDICTS] = {"faster", "slower", "same within margin",
                                             "not decided"};

double statistics_median(double *samples, size_t count) {
    if (count == 0) return NAN;
    gsl_sort(samples, 1, count);
    return gsl_stats_median_from_sorted_data(samples, 1, count);
}

struct interval statistics_median_interval(double *samples, size_t count, double level) {
    struct interval interval = {statistics_median(samples, count), NAN, NAN};
    /* The k-th smallest and k-th largest miss the median with probability 2 P(B(n, 1/2) < k). */
    size_t k = 0;
    while (k < count / 2 &&
           2 * gsl_cdf_binomial_P((unsigned)k, 0.5, (unsigned)count) <= 1 - level) {
        k++;
    }
    if (k == 0) return interval;
    interval.low = samples[k - 1];
    interval.high = samples[count - k];
    return interval;
}

struct middle statistics_middle(double *samples, size_t count) {
    const struct interval at_95 = statistics_median_interval(samples, count, 0.95);
    return (struct middle){at_95.value, at_95.low, at_95.high, count};
}

static double half_width(double deviation, size_t count, double level) {
    return gsl_cdf_tdist_Qinv((1 - level) / 2, (double)count - 1) * deviation / sqrt((double)count);
}

struct interval statistics_mean_interval(const double *samples, size_t count, double level) {
    struct interval interval = {0};
    if (count == 0) return interval;
    const double mean = gsl_stats_mean(samples, 1, count);
    const double half =
        count < 2 ? 0 : half_width(gsl_stats_sd_m(samples, 1, count, mean), count, level);
    return (struct interval){.value = mean, .low = mean - half, .high = mean + half};
}

static double flipped_sum(const double *samples, size_t count, uint64_t signs) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (signs >> i & 1) != 0 ? -samples[i] : samples[i];
    return sum;
}

static double exact_sign_flip(const double *samples, size_t count, double seen) {
    const uint64_t all = UINT64_C(1) << count;
    uint64_t as_far = 0;
    for (uint64_t signs = 0; signs < all; signs++) {
        if (fabs(flipped_sum(samples, count, signs)) >= seen) as_far++;
    }
    return (double)as_far / (double)all;
}

static double random_sign_flip(const double *samples, size_t count, double seen) {
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    if (random == NULL) return 1; /* no memory: nothing is claimed */
    unsigned as_far = 1;          /* the arrangement that was seen counts as one */
    for (unsigned i = 0; i < RANDOM_FLIPS; i++) {
        double sum = 0;
        for (size_t j = 0; j < count; j++) {
            sum += gsl_rng_get(random) >> 31 != 0 ? -samples[j] : samples[j];
        }
        if (fabs(sum) >= seen) as_far++;
    }
    gsl_rng_free(random);
    return (double)as_far / (RANDOM_FLIPS + 1);
}

/* By halving: gsl_cdf_beta_Pinv gives up, and aborts, on some arguments. */
static double beta_quantile(double share, double a, double b) {
    double low = 0;
    double high = 1;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (gsl_cdf_beta_P(middle, a, b) < share) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2;
}

struct interval statistics_share_interval(double hit, double missed, double level) {
    const double tail = (1 - level) / 2;
    return (struct interval){
        .value = hit / (hit + missed),
        .low = hit == 0 ? 0 : beta_quantile(tail, hit, missed + 1),
        .high = missed == 0 ? 1 : beta_quantile(1 - tail, hit + 1, missed),
    };
}

double statistics_sign_flip(const double *samples, size_t count) {
    if (count == 0) return 1;
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += samples[i];
    /* A hair less, so that rounding does not exclude the arrangement that was seen. */
    const double seen = fabs(sum) * (1 - 1e-12);
    return count <= EXACT_MAX ? exact_sign_flip(samples, count, seen)
                              : random_sign_flip(samples, count, seen);
}

static enum verdict judge(const struct comparison *c) {
    if (c->blocks < STATISTICS_BLOCKS_MIN) return VERDICT_NOT_DECIDED;
    if (c->ratio.low >= 1 - c->margin && c->ratio.high <= 1 + c->margin) return VERDICT_SAME;
    if (c->p > FLIP_LEVEL) return VERDICT_NOT_DECIDED;
    if (c->ratio.high < 1) return VERDICT_FASTER;
    if (c->ratio.low > 1) return VERDICT_SLOWER;
    return VERDICT_NOT_DECIDED;
}

/*
 * How many blocks would decide, if the noise stays as it is: as many as bring
 * the half width below the distance to the nearest boundary (no difference,
 * or the margin), and as the sign-flip test needs to be able to speak at all.
 */
static size_t blocks_needed(const struct comparison *c, double mean, double deviation) {
    if (c->blocks < 2) return STATISTICS_BLOCKS_MIN;
    const double inside = log1p(c->margin) - fabs(mean);
    const double distance = fmax(fabs(mean), inside);
    if (!(distance > 0)) return 0;
    /* As many as there were have not decided: where the sign-flip test objects, that is told. */
    const size_t least = c->blocks < STATISTICS_BLOCKS_MIN ? STATISTICS_BLOCKS_MIN : c->blocks + 1;
    for (size_t n = least; n <= BLOCKS_NEEDED_MAX; n += 1 + n / 50) {
        const bool can_speak = pow(2, 1 - (double)n) <= FLIP_LEVEL;
        if (can_speak && half_width(deviation, n, c->level) < distance) return n;
    }
    return 0;
}

struct comparison statistics_compare(const double *variant, const double *baseline, size_t blocks,
                                     double level, double margin) {
    struct comparison c = {
        .blocks = blocks, .level = level, .margin = margin, .p = 1, .verdict = VERDICT_NOT_DECIDED};
    double *logs = calloc(2 * blocks + 1, sizeof *logs);
    if (blocks == 0 || logs == NULL) {
        free(logs);
        return c;
    }
    double *diffs = logs + blocks;
    for (size_t i = 0; i < blocks; i++) {
        logs[i] = log(variant[i] / baseline[i]);
        diffs[i] = variant[i] - baseline[i];
    }
    const struct interval mean = statistics_mean_interval(logs, blocks, level);
    c.ratio = (struct interval){exp(mean.value), exp(mean.low), exp(mean.high)};
    c.diff = statistics_mean_interval(diffs, blocks, level);
    c.p = statistics_sign_flip(logs, blocks);
    c.verdict = judge(&c);
    if (c.verdict == VERDICT_NOT_DECIDED) {
        const double deviation = blocks < 2 ? 0 : gsl_stats_sd(logs, 1, blocks);
        c.blocks_needed = blocks_needed(&c, mean.value, deviation);
    }
    free(logs);
    return c;
}

struct line statistics_line(const double *x, const double *y, size_t count, double level) {
    struct line line = {.count = count, .level = level};
    double cov00 = 0;
    double cov01 = 0;
    double cov11 = 0;
    double residual = 0;
    (void)gsl_fit_linear(x, 1, y, 1, count, &line.intercept, &line.slope.value, &cov00, &cov01,
                         &cov11, &residual);
    const double half = gsl_cdf_tdist_Qinv((1 - level) / 2, (double)count - 2) * sqrt(cov11);
    line.slope.low = line.slope.value - half;
    line.slope.high = line.slope.value + half;
    const double total = gsl_stats_tss(y, 1, count);
    line.r2 = total > 0 ? 1 - residual / total : 1;
    return line;
}
