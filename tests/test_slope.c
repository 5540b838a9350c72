/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */
#include <gsl/gsl_randist.h>
#include <math.h>

#include "bench/judge/statistics.h"

enum { GROUPS = 5, EACH = 6, POINTS = GROUPS * EACH };

/* y = 90 + 2 x at five delays, with noise, and one run in eight that a busy machine delayed. */
static void draw(gsl_rng *random, struct slope_point points[POINTS], double slope, double burst) {
    static const double delays[GROUPS] = {0, 200, 5000, 20000, 40000};
    for (int i = 0; i < POINTS; i++) {
        const double late = gsl_rng_uniform(random) < 0.125 ? burst * gsl_rng_uniform(random) : 0;
        points[i].group = delays[i / EACH];
        points[i].x = points[i].group + gsl_ran_exponential(random, 8);
        points[i].y = 90 + slope * points[i].x + gsl_ran_gaussian(random, 6) + late;
    }
}

static void a_line_without_noise_is_found_exactly(void **state) {
    (void)state;
    const struct slope_point points[] = {{0, 3, 0}, {1, 5, 1}, {2, 7, 2}, {3, 9, 3}};
    const struct slope line = slope_of(points, 4, 0.9);
    assert_true(fabs(line.slope.value - 2) < 1e-12 && fabs(line.intercept - 3) < 1e-12);
}

static void a_disturbed_run_does_not_turn_it(void **state) {
    (void)state;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    struct slope_point points[POINTS];
    unsigned held = 0;
    gsl_rng_set(random, 3);
    for (int i = 0; i < 500; i++) {
        draw(random, points, 1, 20000);
        const struct slope line = slope_of(points, POINTS, 0.999);
        held += line.slope.low <= 1 && 1 <= line.slope.high;
        assert_true(fabs(line.slope.value - 1) < 0.05);
    }
    gsl_rng_free(random);
    assert_true(held >= 497);
}

static void the_interval_has_its_level(void **state) {
    (void)state;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    struct slope_point points[POINTS];
    unsigned held = 0;
    gsl_rng_set(random, 4);
    for (int i = 0; i < 2000; i++) {
        draw(random, points, 2, 0);
        const struct slope line = slope_of(points, POINTS, 0.95);
        held += line.slope.low <= 2 && 2 <= line.slope.high;
    }
    gsl_rng_free(random);
    assert_true(held >= 1880);
}

static void one_group_has_no_slope(void **state) {
    (void)state;
    const struct slope_point points[] = {{0, 3, 0}, {1, 5, 0}};
    assert_true(isnan(slope_of(points, 2, 0.95).slope.value));
    assert_true(isnan(slope_of(points, 0, 0.95).slope.value));
}

static void too_few_points_have_no_interval(void **state) {
    (void)state;
    const struct slope_point points[] = {{0, 3, 0}, {1, 5, 1}, {2, 7, 2}};
    const struct slope line = slope_of(points, 3, 0.999);
    assert_true(fabs(line.slope.value - 2) < 1e-12 && isnan(line.slope.low));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_without_noise_is_found_exactly),
        cmocka_unit_test(a_disturbed_run_does_not_turn_it),
        cmocka_unit_test(the_interval_has_its_level),
        cmocka_unit_test(one_group_has_no_slope),
        cmocka_unit_test(too_few_points_have_no_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
