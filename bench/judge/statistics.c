/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* The flip test is a cross-check of the interval, which carries the simultaneous level. */
#define FLIP_LEVEL 0.05

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
    while (k < count / 2 && 2 * gsl_cdf_binomial_P((unsigned)k, 0.5, (unsigned)count) <= 1 - level)
        k++;
    if (k == 0) return interval;
    interval.low = samples[k - 1];
    interval.high = samples[count - k];
    return interval;
}

struct middle statistics_middle(double *samples, size_t count) {
    const struct interval at_95 = statistics_median_interval(samples, count, 0.95);
    return (struct middle){at_95.value, at_95.low, at_95.high, count};
}

/* By halving: gsl_cdf_beta_Pinv gives up, and aborts, on some arguments. */
static double beta_quantile(double share, double a, double b) {
    double low = 0;
    double high = 1;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        if (gsl_cdf_beta_P(middle, a, b) < share)
            low = middle;
        else
            high = middle;
    }
    return (low + high) / 2;
}

struct interval statistics_share_interval(double hit, double missed, double level) {
    const double tail = (1 - level) / 2;
    return (struct interval){.value = hit / (hit + missed),
                             .low = hit == 0 ? 0 : beta_quantile(tail, hit, missed + 1),
                             .high = missed == 0 ? 1 : beta_quantile(1 - tail, hit + 1, missed)};
}

double statistics_sign_flip(const double *samples, size_t count) {
    const uint64_t all = UINT64_C(1) << count;
    double seen = 0, as_far = 0;
    for (size_t i = 0; i < count; i++) seen += samples[i];
    /* A hair less, so that rounding does not exclude the arrangement that was seen. */
    seen = fabs(seen) * (1 - 1e-12);
    for (uint64_t signs = 0; signs < all; signs++) {
        double sum = 0;
        for (size_t i = 0; i < count; i++) sum += (signs >> i & 1) != 0 ? -samples[i] : samples[i];
        as_far += fabs(sum) >= seen;
    }
    return as_far / (double)all;
}

/* Twice the rank of its size, as equals share theirs. What is 0 takes no part (Pratt, 1959). */
static size_t twice_rank(const double *samples, size_t count, double one) {
    size_t twice = 1;
    for (size_t i = 0; i < count; i++)
        twice += fabs(samples[i]) < fabs(one) ? 2 : fabs(samples[i]) == fabs(one);
    return one == 0 ? 0 : twice;
}

double statistics_rank_flip(const double *samples, size_t count) {
    size_t *ranks = calloc(count + 1, sizeof *ranks);
    size_t total = 0, positive = 0;
    double as_far = 0;
    for (size_t i = 0; ranks != NULL && i < count; i++) {
        ranks[i] = twice_rank(samples, count, samples[i]);
        total += ranks[i];
        positive += samples[i] > 0 ? ranks[i] : 0;
    }
    double *share = ranks == NULL ? NULL : estimate_rank_sums(ranks, count);
    free(ranks);
    if (share == NULL) return 1; /* no memory: nothing is claimed */
    const size_t near = positive < total - positive ? positive : total - positive;
    for (size_t sum = 0; sum <= total; sum++)
        if (sum <= near || sum >= total - near) as_far += share[sum];
    free(share);
    return as_far;
}

static enum verdict judge(const struct comparison *c) {
    if (c->blocks < STATISTICS_BLOCKS_MIN) return VERDICT_NOT_DECIDED;
    if (c->ratio.low >= 1 - c->margin && c->ratio.high <= 1 + c->margin) return VERDICT_SAME;
    if (c->p > FLIP_LEVEL) return VERDICT_NOT_DECIDED;
    if (c->ratio.high < 1) return VERDICT_FASTER;
    if (c->ratio.low > 1) return VERDICT_SLOWER;
    return VERDICT_NOT_DECIDED;
}

/* To tell it from the nearer boundary: no difference, or the margin. */
static size_t blocks_needed(const struct comparison *c, const struct estimate *logs) {
    const double size = fabs(logs->value);
    if (c->verdict != VERDICT_NOT_DECIDED || c->blocks < STATISTICS_BLOCKS_MIN) return 0;
    const size_t needed = estimate_needed(logs, c->blocks, fmax(size, log1p(c->margin) - size));
    /* As many as there were have not decided: where the sign-flip test objects, that is told. */
    return needed == c->blocks ? needed + 1 : needed;
}

struct comparison statistics_compare(const double *variant, const double *baseline, size_t blocks,
                                     double level, double margin) {
    struct comparison c = {
        .blocks = blocks, .level = level, .margin = margin, .p = 1, .verdict = VERDICT_NOT_DECIDED};
    double *logs = calloc(2 * blocks + 1, sizeof *logs);
    if (logs == NULL) return c;
    double *diffs = logs + blocks;
    for (size_t i = 0; i < blocks; i++) {
        logs[i] = log(variant[i] / baseline[i]);
        diffs[i] = variant[i] - baseline[i];
    }
    const struct estimate diff = estimate_of(diffs, blocks, level);
    const struct estimate its = estimate_of(logs, blocks, level);
    c.estimate = its.method;
    c.ratio = (struct interval){exp(its.value), exp(its.low), exp(its.high)};
    c.diff = (struct interval){diff.value, diff.low, diff.high};
    c.detectable = expm1(its.detectable);
    c.p = its.method == ESTIMATE_T ? statistics_sign_flip(logs, blocks)
                                   : statistics_rank_flip(logs, blocks);
    c.verdict = judge(&c);
    c.blocks_needed = blocks_needed(&c, &its);
    free(logs);
    return c;
}

/* ---- a line through points ---- */

static double slope_between(const struct slope_point *one, const struct slope_point *other) {
    return (other->y - one->y) / (other->x - one->x);
}

/* What `of` says of all pairs that are of different groups, ascending; how many. */
static size_t pair_values(const struct slope_point *points, size_t count, slope_of_pair *of,
                          double *values) {
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            if (points[i].group == points[k].group || points[i].x == points[k].x) continue;
            const bool ascends = points[i].x < points[k].x;
            values[pairs++] = of(&points[ascends ? i : k], &points[ascends ? k : i]);
        }
    }
    gsl_sort(values, 1, pairs);
    return pairs;
}

static double alike(const struct slope_point *points, size_t count, size_t of) {
    double same = 0;
    for (size_t k = 0; k < count; k++) same += points[k].group == points[of].group;
    return same;
}

/* The standard deviation of Kendall's sum where there is no slope, the groups being ties. */
static double kendall_deviation(const struct slope_point *points, size_t count) {
    const double n = (double)count;
    double sum = n * (n - 1) * (2 * n + 5);
    for (size_t i = 0; i < count; i++) {
        /* Each of the `same` points of a group adds its share of the group's term. */
        const double same = alike(points, count, i);
        sum -= (same - 1) * (2 * same + 5);
    }
    return sqrt(sum / 18);
}

static double median_residue(const struct slope_point *points, size_t count, double slope,
                             double *room) {
    for (size_t i = 0; i < count; i++) room[i] = points[i].y - slope * points[i].x;
    return statistics_median(room, count);
}

static double explained(const struct slope_point *points, const struct slope *line) {
    const double all = gsl_stats_tss(&points->y, sizeof *points / sizeof points->y, line->count);
    double left = 0;
    for (size_t i = 0; i < line->count; i++) {
        left += gsl_pow_2(points[i].y - line->intercept - line->slope.value * points[i].x);
    }
    return all > 0 ? 1 - left / all : 1;
}

/* How often, of lines without a slope, all pairs but those of a group say the same of its sign. */
static double chance_of_order(const struct slope_point *points, size_t count) {
    double log_orders = lgamma((double)count + 1);
    for (size_t i = 0; i < count; i++) {
        const double same = alike(points, count, i);
        log_orders -= lgamma(same + 1) / same;
    }
    return 2 * exp(-log_orders);
}

struct interval slope_of_pairs(const struct slope_point *points, size_t count, double level,
                               slope_of_pair *of) {
    struct interval middle = {NAN, NAN, NAN};
    double *values = calloc(count * count + 1, sizeof *values);
    const size_t pairs = values == NULL ? 0 : pair_values(points, count, of, values);
    if (pairs > 0) {
        const double beyond =
            gsl_cdf_ugaussian_Pinv(1 - (1 - level) / 2) * kendall_deviation(points, count);
        double cut = floor(((double)pairs - beyond) / 2);
        if (cut < 1 && chance_of_order(points, count) <= 1 - level) cut = 1;
        middle.value = gsl_stats_median_from_sorted_data(values, 1, pairs);
        if (cut >= 1) {
            middle.low = values[(size_t)cut - 1];
            middle.high = values[pairs - (size_t)cut];
        }
    }
    free(values);
    return middle;
}

struct slope slope_of(const struct slope_point *points, size_t count, double level) {
    struct slope line = {count, slope_of_pairs(points, count, level, slope_between), NAN, NAN,
                         level};
    double *room = calloc(count + 1, sizeof *room);
    if (room != NULL && isfinite(line.slope.value)) {
        line.intercept = median_residue(points, count, line.slope.value, room);
        line.r2 = explained(points, &line);
    }
    free(room);
    return line;
}
