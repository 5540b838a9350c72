/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/slope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

/* The slopes of all pairs that are of different groups, ascending; how many. */
static size_t pair_slopes(const struct slope_point *points, size_t count, double *slopes) {
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            if (points[i].group == points[k].group || points[i].x == points[k].x) continue;
            slopes[pairs++] = (points[k].y - points[i].y) / (points[k].x - points[i].x);
        }
    }
    gsl_sort(slopes, 1, pairs);
    return pairs;
}

/* The standard deviation of Kendall's sum where there is no slope, the groups being ties. */
static double kendall_deviation(const struct slope_point *points, size_t count) {
    const double n = (double)count;
    double sum = n * (n - 1) * (2 * n + 5);
    for (size_t i = 0; i < count; i++) {
        double alike = 0;
        for (size_t k = 0; k < count; k++) alike += points[k].group == points[i].group;
        /* Each of the `alike` points of a group adds its share of the group's term. */
        sum -= (alike - 1) * (2 * alike + 5);
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
    for (size_t i = 0; i < line->count; i++)
        left += gsl_pow_2(points[i].y - line->intercept - line->slope.value * points[i].x);
    return all > 0 ? 1 - left / all : 1;
}

struct slope slope_of(const struct slope_point *points, size_t count, double level) {
    struct slope line = {count, {NAN, NAN, NAN}, NAN, NAN, level};
    double *slopes = calloc(count * count + 1, sizeof *slopes);
    const size_t pairs = slopes == NULL ? 0 : pair_slopes(points, count, slopes);
    if (pairs > 0) {
        const double beyond =
            gsl_cdf_ugaussian_Pinv(1 - (1 - level) / 2) * kendall_deviation(points, count);
        const double cut = floor(((double)pairs - beyond) / 2);
        line.slope.value = gsl_stats_median_from_sorted_data(slopes, 1, pairs);
        if (cut >= 1) {
            line.slope.low = slopes[(size_t)cut - 1];
            line.slope.high = slopes[pairs - (size_t)cut];
        }
        line.intercept = median_residue(points, count, line.slope.value, slopes);
        line.r2 = explained(points, &line);
    }
    free(slopes);
    return line;
}
