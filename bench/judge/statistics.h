/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a set of runs allows to be said. A run is the sample, never a message;
 * two variants are compared within blocks, where both met the same machine.
 * GSL supplies the distributions.
 */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include "bench/judge/estimate.h"

struct interval {
    double value, low, high; /* low and high are NAN where there is none */
};

enum verdict { VERDICT_FASTER, VERDICT_SLOWER, VERDICT_SAME, VERDICT_NOT_DECIDED, VERDICTS };

extern const char *const verdict_names[VERDICTS];

enum { STATISTICS_BLOCKS_MIN = 6 }; /* fewer carry no verdict */

struct comparison {
    size_t blocks;
    struct interval ratio; /* variant / baseline: the centre of the blocks' ratios */
    struct interval diff;  /* variant - baseline, in the unit of the samples */
    double level;          /* of both intervals, e.g. 0.95 */
    double p;              /* exact sign-flip test of "the ratio is 1" */
    double margin;         /* e.g. 0.01 */
    enum verdict verdict;
    enum estimate_method estimate; /* of both */
    double detectable; /* a ratio of 1 + this would be found with 80 % power; NAN: cannot be told */
    /* Where not decided: with so many a difference as was seen would be found; 0: cannot be told.
     */
    size_t blocks_needed;
};

/*
 * Compares paired samples, all positive: variant[i] and baseline[i] are of the
 * same block, smaller is better. `level` is that of this one comparison: for
 * k of them at 95 % together pass 1 - 0.05 / k (Bonferroni). Of one pair there
 * is no interval: low and high are NAN.
 *
 * The verdict comes from the interval of the log ratios' centre (estimate.h) at
 * `level`; a difference must also be seen, at 5 %, by a sign-flip test, which
 * assumes nothing about the shape of the noise: of the sum where the centre is
 * the mean, else of the ranks.
 */
struct comparison statistics_compare(const double *variant, const double *baseline, size_t blocks,
                                     double level, double margin);

/* Sorts `samples` and returns the median; NAN when there are none. */
double statistics_median(double *samples, size_t count);

/*
 * The interval of the median by order statistics, which needs no assumption
 * about the distribution: from the k-th smallest to the k-th largest. Sorts
 * `samples`. Fewer than 6 cannot have one of 95 %: low and high are then NAN.
 */
struct interval statistics_median_interval(double *samples, size_t count, double level);

/* The median of some values, and how sure it is at 95 %. */
struct middle {
    double value, low, high; /* NAN: of none; low and high also of fewer than six */
    size_t count;
};

/* Sorts `samples`. */
struct middle statistics_middle(double *samples, size_t count);

/*
 * The share hit / (hit + missed), with the exact binomial interval (Clopper and
 * Pearson, 1934). The numbers need not be whole: hits in a row may count as one.
 */
struct interval statistics_share_interval(double hit, double missed, double level);

/*
 * Two-sided exact sign-flip tests of "the centre is 0": of the sum (Fisher's
 * randomisation test), which of few samples takes 2^count sums; and of the
 * signed ranks (Wilcoxon, 1945), in which a few wild samples drown nothing.
 */
double statistics_sign_flip(const double *samples, size_t count);
double statistics_rank_flip(const double *samples, size_t count);

/*
 * A line through points in groups (runs at nominal delays), that single
 * disturbed runs do not turn: Theil's and Sen's slope, the median of the slopes
 * of all pairs of points of different groups, with Sen's interval (1968).
 * Within a group x differs by noise alone, so such pairs say nothing.
 */
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
