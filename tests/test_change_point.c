/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Change points: where they are, and how often one is seen that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/change_point.h"

#include <gsl/gsl_randist.h>
#include <stdbool.h>
#include <stdlib.h>

enum { SESSIONS = 100, HISTORIES = 400, LOOKED = 150, SERIES = 4 };

/* Normal; with heavy tails (t of 2.5 degrees of freedom); with a burst in one session of ten. */
enum noise { NORMAL, HEAVY, BURSTS, NOISES };
static const char *const noise_names[NOISES] = {"normal", "heavy tails", "bursts"};

static void make(double *values, size_t count, enum noise noise, double scale, gsl_rng *random) {
    for (size_t i = 0; i < count; i++) {
        double shaken = gsl_ran_gaussian(random, 0.015);
        if (noise == HEAVY) shaken = 0.015 * gsl_ran_tdist(random, 2.5);
        if (noise == BURSTS && gsl_rng_uniform(random) < 0.1) shaken += 0.5;
        values[i] = scale * (1 + shaken);
    }
}

static size_t points_of(const double *values, size_t count, double level) {
    size_t found;
    free(change_points(values, count, level, &found));
    return found;
}

static void a_change_is_found_where_it_is(void **state) {
    (void)state;
    double values[40];
    size_t found;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    make(values, 14, NORMAL, 100, random);
    make(values + 14, 16, NORMAL, 110, random);
    make(values + 30, 10, NORMAL, 95, random);
    struct change_point *points = change_points(values, 40, CHANGE_LEVEL, &found);
    assert_int_equal(found, 2);
    assert_int_equal(points[0].at, 14);
    assert_int_equal(points[1].at, 30);
    assert_true(points[0].p < CHANGE_LEVEL && points[1].p < CHANGE_LEVEL);
    free(points);
    gsl_rng_free(random);
}

static void equal_or_few_values_have_none(void **state) {
    (void)state;
    const double equal[12] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, few[5] = {1, 1, 1, 9, 9};
    assert_int_equal(points_of(equal, 12, 0.05), 0);
    assert_int_equal(points_of(few, 5, 0.05), 0);
    assert_int_equal(points_of(few, 0, 0.05), 0);
}

static void a_wild_session_is_no_change(void **state) {
    (void)state;
    double values[30];
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    make(values, 30, NORMAL, 100, random);
    values[10] = 900;
    values[29] = 900;
    assert_int_equal(points_of(values, 30, CHANGE_LEVEL), 0);
    gsl_rng_free(random);
}

/* A hundred sessions without a change, looked at once: of a history's series together. */
static void false_alarms_are_as_rare_as_is_said(void **state) {
    (void)state;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    for (enum noise noise = 0; noise < NOISES; noise++) {
        size_t alarms = 0;
        for (int i = 0; i < HISTORIES * SERIES; i++) {
            double values[SESSIONS];
            make(values, SESSIONS, noise, 100, random);
            alarms += points_of(values, SESSIONS, CHANGE_LEVEL / SERIES);
        }
        const double rate = (double)alarms / HISTORIES;
        print_message("%s: %.4f false alarms in a hundred sessions looked at once\n",
                      noise_names[noise], rate);
        assert_true(rate <= 2.5 * CHANGE_LEVEL); /* 4 expected of 400, 10 are rarer than 1 in 100 */
    }
    gsl_rng_free(random);
}

/* The same, looked at again after each new session: of one series. */
static void looking_often_alarms_as_often_as_is_said(void **state) {
    (void)state;
    size_t histories = 0;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    for (int i = 0; i < LOOKED; i++) {
        double values[SESSIONS];
        size_t count = CHANGE_SESSIONS_MIN;
        make(values, SESSIONS, NORMAL, 100, random);
        while (count < SESSIONS && points_of(values, count, CHANGE_LEVEL) == 0) count++;
        histories += count < SESSIONS;
    }
    print_message("%.3f of them alarm once or more when looked at after each session\n",
                  (double)histories / LOOKED);
    assert_true((double)histories / LOOKED <= 1.6 * CHANGE_FALSE_PER_100);
    gsl_rng_free(random);
}

/* Six sessions of the new level are enough, at a session's standard deviation of 1.5 %. */
static void five_percent_are_found_within_six_sessions(void **state) {
    (void)state;
    size_t found = 0;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    for (int i = 0; i < HISTORIES; i++) {
        double values[26];
        make(values, 20, NORMAL, 100, random);
        make(values + 20, 6, NORMAL, 105, random);
        found += points_of(values, 26, CHANGE_LEVEL / SERIES) > 0;
    }
    print_message("5 %% after 20 sessions are found within 6 in %.3f of all\n",
                  (double)found / HISTORIES);
    assert_true((double)found / HISTORIES >= 0.8);
    gsl_rng_free(random);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_found_where_it_is),
        cmocka_unit_test(equal_or_few_values_have_none),
        cmocka_unit_test(a_wild_session_is_no_change),
        cmocka_unit_test(false_alarms_are_as_rare_as_is_said),
        cmocka_unit_test(looking_often_alarms_as_often_as_is_said),
        cmocka_unit_test(five_percent_are_found_within_six_sessions),
    };
    return cmocka_run_group_tests_name("change point", tests, NULL, NULL);
}
