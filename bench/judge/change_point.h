/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From where on a series of sessions has another level. The test is Pettitt's
 * ("A non-parametric approach to the change-point problem", Applied Statistics
 * 28, 1979), by ranks, so that no wild session makes or hides one: of all
 * places to split, the one with the largest rank sum. It is standardised, so that the
 * ends count like the middle, and its chance is that among 4,000 random orders.
 * What lies on either side of a change is looked at again (binary
 * segmentation).
 */
#ifndef BENCH_CHANGE_POINT_H
#define BENCH_CHANGE_POINT_H

#include <stddef.h>

/* Sessions that make a level, and those among which there may be two. */
enum { CHANGE_STRETCH_MIN = 3, CHANGE_SESSIONS_MIN = 6 };

/*
 * The chance that a history without a change shows one, of all its series
 * together. Who looks again after each new session gives it more chances: of a
 * hundred sessions so looked at 0.13 histories alarm falsely (simulated:
 * tests/test_change_point.c).
 */
#define CHANGE_LEVEL 0.01
#define CHANGE_FALSE_PER_100 0.13

struct change_point {
    size_t at; /* the first of the new level */
    double p;
};

/*
 * Of values in the order of time: ascending, for free; at `level` each, which
 * is CHANGE_LEVEL shared by the series of a history. NULL: without memory, and
 * *found is 0.
 */
struct change_point *change_points(const double *values, size_t count, double level, size_t *found);

#endif
