/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the runs of an open loop add up to, from runs made here, so that the
 * right answer is known: percentiles over all of them, and where the knee is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/all.h"
#include "bench/judge/open_loop.h"
#include "tests/made.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 6 };

/* ---- one variant at one rate ---- */

static struct run *open_run(struct session *session, const char *variant, unsigned block,
                            unsigned column, double rate_per_s) {
    struct run *run = made_run(session, variant, block, column);
    run->asked.rate_per_s = rate_per_s;
    run->asked.engine = ENGINE_EPOLL;
    run->offered = run->taken_up = run->in_time = (uint64_t)rate_per_s;
    return run;
}

struct part {
    uint64_t count;
    double us;
};

/* Two runs, each of messages that take as long; some of the second's are lost. */
static struct session *session_of_two(struct part one, struct part other, uint64_t lost) {
    struct session *session = session_new("compare", NULL);
    const struct part parts[] = {one, other};
    for (unsigned block = 0; block < 2; block++) {
        struct run *run = open_run(session, "tcp-persistent", block, 0, 1000);
        made_took(run, parts[block].count, parts[block].us);
        run->lost = block == 0 ? 0 : lost;
        run->ok = parts[block].count;
        run->sent = run->ok + run->lost;
    }
    return session;
}

static struct open_point point_of_two(struct part one, struct part other, uint64_t lost) {
    struct session *session = session_of_two(one, other, lost);
    struct series_table table = series_of(&session->runs);
    assert_int_equal(table.count, 1);
    const struct open_point point = open_point_of(&table, 0);
    series_free(&table);
    session_free(session);
    return point;
}

static void assert_percentile(struct part one, struct part other, uint64_t lost,
                              enum open_percent percent, double us) {
    const struct open_point point = point_of_two(one, other, lost);
    const double found = point.latency_us[percent].value;
    if (isnan(us) || isinf(us)) {
        assert_true(isnan(us) ? isnan(found) : isinf(found) != 0);
    } else {
        assert_near(found, us, us / 1000);
    }
}

static void pooled_percentiles_rank_the_messages_of_all_runs(void **state) {
    (void)state;
    /* 9,900 of 10 us and 100 of 50: rank 9,900 is the last of the short ones. */
    assert_percentile((struct part){9900, 10}, (struct part){100, 50}, 0, OPEN_P99, 10);
    assert_percentile((struct part){9899, 10}, (struct part){101, 50}, 0, OPEN_P99, 50);
    assert_percentile((struct part){9899, 10}, (struct part){101, 50}, 0, OPEN_P50, 10);
    assert_percentile((struct part){900, 10}, (struct part){1100, 50}, 0, OPEN_P50, 50);
}

static void a_pooled_percentile_needs_messages_beyond_it(void **state) {
    (void)state;
    const uint64_t fast = UINT64_C(95) * SAMPLES_BEYOND, slow = UINT64_C(5) * SAMPLES_BEYOND;
    assert_percentile((struct part){fast, 10}, (struct part){slow - 1, 50}, 0, OPEN_P99, NAN);
    assert_percentile((struct part){fast, 10}, (struct part){slow, 50}, 0, OPEN_P99, 50);
}

static void lost_messages_rank_above_all_others(void **state) {
    (void)state;
    /* 100 of 10,000 lost: the 99th percentile is the last that was answered. */
    assert_percentile((struct part){9000, 10}, (struct part){900, 50}, 100, OPEN_P99, 50);
    assert_percentile((struct part){9000, 10}, (struct part){899, 50}, 101, OPEN_P99, INFINITY);
    assert_percentile((struct part){4999, 10}, (struct part){1, 10}, 5000, OPEN_P50, 10);
    assert_percentile((struct part){4998, 10}, (struct part){1, 10}, 5001, OPEN_P50, INFINITY);
}

/* Of 1 in 1,000 there are enough in both runs together, and in neither alone. */
static void single_runs_have_a_least_and_a_greatest(void **state) {
    (void)state;
    const uint64_t half = UINT64_C(600) * SAMPLES_BEYOND;
    const struct open_point point =
        point_of_two((struct part){half, 10}, (struct part){half, 50}, 0);
    assert_near(point.latency_us[OPEN_P99].low, 10, 0.01);
    assert_near(point.latency_us[OPEN_P99].high, 50, 0.05);
    assert_near(point.latency_us[OPEN_P999].value, 50, 0.05);
    assert_true(isnan(point.latency_us[OPEN_P999].low));
}

/* ---- the table of a point ---- */

static const char *name_of(const struct run *run) {
    return run->asked.variant->name;
}

static void tell_point(struct story *story, const struct results *results) {
    struct series_table table = series_of(&results->sessions[0]->runs);
    open_point_table(story, &table, 0, name_of);
    open_notes(story);
    series_free(&table);
}

static char *table_of(struct session *session) {
    char *text = made_told(tell_point, &session, 1, false);
    session_free(session);
    return text;
}

/* What the n-th cell of the only row is. */
static void assert_cell(struct session *session, unsigned cell, const char *expected) {
    char *text = table_of(session);
    char *rest = strstr(text, "tcp-persistent");
    const char *word = NULL;
    assert_non_null(rest);
    for (unsigned i = 0; i <= cell; i++) word = strtok_r(rest, " \n", &rest);
    assert_non_null(word);
    assert_string_equal(word, expected);
    free(text);
}

enum { CELL_ANSWERED = 1, CELL_P50, CELL_P99, CELL_SPREAD };

static void all_but_one_answered_are_not_all(void **state) {
    (void)state;
    assert_cell(session_of_two((struct part){50000, 10}, (struct part){49999, 10}, 1),
                CELL_ANSWERED, "99.99");
    assert_cell(session_of_two((struct part){50000, 10}, (struct part){50000, 10}, 0),
                CELL_ANSWERED, "100.00");
    assert_cell(session_of_two((struct part){9000, 10}, (struct part){899, 50}, 101), CELL_ANSWERED,
                "98.99");
}

static void what_is_beyond_the_deadline_is_shown_so(void **state) {
    (void)state;
    assert_cell(session_of_two((struct part){9000, 10}, (struct part){899, 50}, 101), CELL_P99,
                ">2.00s");
    assert_cell(session_of_two((struct part){9000, 10}, (struct part){8990, 50}, 101), CELL_SPREAD,
                "[10.0,>2.00s]");
    assert_cell(session_of_two((struct part){900, 10}, (struct part){90, 50}, 0), CELL_P99, "-");
    assert_cell(session_of_two((struct part){900, 10}, (struct part){90, 50}, 0), CELL_P50, "10.0");
}

static struct session *session_like(bool overloaded, bool invalid) {
    struct session *session = session_new("compare", NULL);
    for (unsigned block = 0; block < BLOCKS; block++) {
        struct run *run = open_run(session, "tcp-persistent", block, 0, 5000);
        made_took(run, 3000, 100);
        run->overloaded = overloaded;
        if (invalid) made_invalid(run, "made so");
    }
    return session;
}

static void an_overloaded_variant_is_called_so(void **state) {
    (void)state;
    char *quiet = table_of(session_like(false, false));
    assert_says_not(quiet, "overloaded in");
    free(quiet);
    char *text = table_of(session_like(true, false));
    assert_says(text, "tcp-persistent was overloaded in 6 of 6 runs");
    free(text);
}

static void runs_that_are_not_valid_count_for_nothing(void **state) {
    (void)state;
    char *text = table_of(session_like(true, true));
    assert_says(text, "No valid run of tcp-persistent.\n");
    assert_says_not(text, "overloaded in");
    assert_says_not(text, "nan");
    free(text);
}

/* ---- along the rate ---- */

enum { RATES = 8 };

struct along {
    double slow_us[RATES]; /* of 2 in 100, where it is not what a queue makes */
    unsigned invalid;      /* bits by rate */
};

/* p99 grows as 1 / (1 - utilisation): at 0.8 it is 5 times what it is at none. */
static struct session *session_along(const double *shares, unsigned count,
                                     const struct along *but) {
    const double capacity_per_s = 10000;
    struct session *session = session_new("sweep", "rate");
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned i = count; i-- > 0;) {
            const bool beyond = shares[i] >= 1;
            const double slow_us = but != NULL && but->slow_us[i] > 0 ? but->slow_us[i]
                                   : beyond                           ? 100000
                                                                      : 30 / (1 - shares[i]);
            struct run *run =
                open_run(session, "tcp-persistent", block, i, capacity_per_s * shares[i]);
            run->capacity_per_s = capacity_per_s;
            run->overloaded = beyond;
            made_took(run, 9800, 20);
            made_took(run, 200, slow_us);
            run->lateness.p99_ns = 12500;
            if (but != NULL && (but->invalid >> i & 1U) != 0) made_invalid(run, "made so");
        }
    }
    open_knees(&session->lists[LIST_KNEES], &session->runs);
    assert_int_equal(session->lists[LIST_KNEES].count, 1);
    return session;
}

static const struct knee *knee_of(const struct session *session) {
    const struct knee *knee = SESSION_AT(session, LIST_KNEES, struct knee, 0);
    assert_string_equal(knee->variant, "tcp-persistent");
    assert_true(strlen(knee->rule) > 0);
    return knee;
}

static void assert_table_says(struct session *session, const char *words) {
    char *text = made_told(rate_table, &session, 1, true);
    assert_says(text, words);
    assert_says_not(text, "nan");
    free(text);
}

static void the_knee_of_a_hockey_stick_is_found(void **state) {
    (void)state;
    static const double shares[RATES] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1};
    struct session *session = session_along(shares, RATES, NULL);
    const struct knee *knee = knee_of(session);
    assert_near(knee->knee_per_s, 8000, 0); /* 150 us; at 0.9: 300; at 0.1: 33 */
    assert_near(knee->share, 0.8, 1e-9);
    assert_near(knee->broken_per_s, 9000, 0);
    assert_near(knee->capacity_per_s, 10000, 0);
    assert_string_equal(knee->because, "p99");
    assert_table_says(session, "tcp-persistent: capacity in a closed loop 10,000/s; knee: 8,000/s, "
                               "0.80 of its capacity (at 9,000/s beyond in p99).");
    assert_table_says(session, "knee: the highest rate up to which");
    assert_table_says(session, "11,000     1.10   11,000      20.0    100ms   [100ms,100ms]");
    assert_table_says(session, "12.5  6/6");
    session_free(session);
}

static void without_a_bend_there_is_no_knee(void **state) {
    (void)state;
    static const double shares[] = {0.1, 0.3, 0.5};
    struct session *session = session_along(shares, 3, NULL);
    const struct knee *knee = knee_of(session);
    assert_true(isnan(knee->knee_per_s));
    assert_true(isnan(knee->share));
    assert_null(knee->because);
    assert_near(knee->held_per_s, 5000, 0);
    assert_table_says(session, "no knee inside these rates: it is above 5,000/s.");
    session_free(session);
}

static void rates_that_are_all_too_high_have_no_knee(void **state) {
    (void)state;
    static const double shares[] = {1, 1.1};
    struct session *session = session_along(shares, 2, NULL);
    const struct knee *knee = knee_of(session);
    assert_true(isnan(knee->knee_per_s));
    assert_true(isnan(knee->held_per_s));
    assert_string_equal(knee->because, "overloaded");
    assert_table_says(session, "no knee inside these rates: already at 10,000/s overloaded.");
    session_free(session);
}

static void above_rates_that_are_not_valid_nothing_is_known(void **state) {
    (void)state;
    static const double shares[RATES] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1};
    struct session *session = session_along(shares, RATES, &(struct along){.invalid = 1U << 3U});
    const struct knee *knee = knee_of(session);
    assert_true(isnan(knee->knee_per_s));
    assert_near(knee->held_per_s, 5000, 0);
    assert_string_equal(knee->because, "not valid");
    assert_table_says(session, "it is above 5,000/s, as far as runs are valid.");
    session_free(session);
}

/* A CPU that hardly works falls asleep; what the rate wakes is faster. */
static void a_slow_start_is_not_taken_for_the_measure(void **state) {
    (void)state;
    static const double shares[] = {0.1, 0.3, 0.5, 0.9};
    struct session *session = session_along(shares, 4, &(struct along){.slow_us = {300}});
    assert_near(knee_of(session)->knee_per_s, 5000, 0);
    session_free(session);
}

/* The widest that can be: no line may be longer than the terminal. */
static void wild_open_loops_have_80_columns(void **state) {
    (void)state;
    struct session *session = session_new("sweep", "rate");
    static const struct {
        const char *variant;
        double rate_per_s, us, slow_us;
        uint64_t lost;
    } rows[] = {{"tcp-client-close", 1e8, 99999, 1999999, 10},
                {"tcp-client-close", 123456, 12345, 999499, 1},
                {"udp-per-message", 1, 1, 1, 100}};
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned i = 0; i < 3; i++) {
            struct run *run = open_run(session, rows[i].variant, block, i, rows[i].rate_per_s);
            run->capacity_per_s = 1.2e8;
            run->overloaded = true;
            made_took(run, 2940, rows[i].us);
            made_took(run, 60, rows[i].slow_us);
            run->lost = rows[i].lost;
        }
    }
    open_knees(&session->lists[LIST_KNEES], &session->runs);
    free(made_told(rate_table, &session, 1, false));
    free(made_told(rate_tell, &session, 1, false));
    free(table_of(session));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooled_percentiles_rank_the_messages_of_all_runs),
        cmocka_unit_test(a_pooled_percentile_needs_messages_beyond_it),
        cmocka_unit_test(lost_messages_rank_above_all_others),
        cmocka_unit_test(single_runs_have_a_least_and_a_greatest),
        cmocka_unit_test(all_but_one_answered_are_not_all),
        cmocka_unit_test(what_is_beyond_the_deadline_is_shown_so),
        cmocka_unit_test(an_overloaded_variant_is_called_so),
        cmocka_unit_test(runs_that_are_not_valid_count_for_nothing),
        cmocka_unit_test(the_knee_of_a_hockey_stick_is_found),
        cmocka_unit_test(without_a_bend_there_is_no_knee),
        cmocka_unit_test(rates_that_are_all_too_high_have_no_knee),
        cmocka_unit_test(above_rates_that_are_not_valid_nothing_is_known),
        cmocka_unit_test(a_slow_start_is_not_taken_for_the_measure),
        cmocka_unit_test(wild_open_loops_have_80_columns),
    };
    return cmocka_run_group_tests_name("open_loop", tests, NULL, NULL);
}
