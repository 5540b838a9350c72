/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/slope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

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
