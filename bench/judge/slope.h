/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line through points in groups (runs at nominal delays), that single
 * disturbed runs do not turn: Theil's and Sen's slope, the median of the slopes
 * of all pairs of points of different groups, with Sen's interval (1968).
 * Within a group x differs by noise alone, so such pairs say nothing.
 */
#ifndef BENCH_SLOPE_H
#define BENCH_SLOPE_H

#include <stddef.h>

#include "bench/judge/statistics.h"

struct slope_point {
    double x, y;
    double group; /* equal: of one nominal x */
};

struct slope {
    size_t count;
    struct interval slope; /* low and high NAN where there are too few for the level */
    double intercept;      /* the median of y - slope x */
    double r2;             /* the share of the variance that the line explains */
    double level;
};

/* A number of two points, the first of less x; INFINITY is one, too. */
typedef double slope_of_pair(const struct slope_point *one, const struct slope_point *other);

/* The median of that over all pairs of points of different groups, with Sen's interval. */
struct interval slope_of_pairs(const struct slope_point *points, size_t count, double level,
                               slope_of_pair *of);

/* NAN throughout where no two groups differ, or without memory. */
struct slope slope_of(const struct slope_point *points, size_t count, double level);

#endif
