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

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
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

enum { RATES = 9 };

static const double shares[RATES] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.1};

/* What is different from a queue that is 100 us long when nobody waits. */
struct along {
    double queue_us;        /* at half of its capacity */
    unsigned invalid, slow; /* bits by rate: not valid; its first run takes 50 times as long */
    bool unknown_capacity;
};

static struct session *session_along(unsigned rates, const struct along *along) {
    const double capacity_per_s = 10000;
    struct session *session = session_new("sweep", "rate");
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned i = rates; i-- > 0;) {
            const bool beyond = shares[i] >= 1;
            const double us = beyond ? 100000 : 100 + along->queue_us * shares[i] / (1 - shares[i]);
            struct run *run =
                open_run(session, "tcp-persistent", block, i, capacity_per_s * shares[i]);
            run->capacity_per_s = along->unknown_capacity ? (double)NAN : capacity_per_s;
            run->overloaded = beyond;
            run->answered.mean_ns =
                1e3 * us * (block == 0 && (along->slow >> i & 1U) != 0 ? 50 : 1 + 0.001 * block);
            made_took(run, 9800, 20);
            made_took(run, 200, us);
            run->lateness.p99_ns = 12500;
            if ((along->invalid >> i & 1U) != 0) made_invalid(run, "made so");
        }
    }
    open_knees(&session->lists[LIST_KNEES], &session->runs, &session->lists[LIST_CAPACITIES]);
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

/* 100 + 50 x load / (capacity - load) is 200 at two thirds. */
static void the_knee_of_a_queue_is_found(void **state) {
    (void)state;
    struct session *session = session_along(RATES, &(struct along){.queue_us = 50});
    const struct knee *knee = knee_of(session);
    assert_near(knee->knee_per_s.value, 6667, 30);
    assert_true(knee->knee_per_s.low < 6667 && knee->knee_per_s.high > 6667);
    assert_true(knee->knee_per_s.high - knee->knee_per_s.low < 100);
    assert_near(knee->share, 2.0 / 3, 0.003);
    assert_near(knee->idle_us, 100, 1);
    assert_near(knee->queue_us, 50, 1);
    assert_int_equal(knee->runs, 5 * BLOCKS); /* those up to 0.85 */
    assert_near(knee->held_per_s, 9500, 0);
    assert_near(knee->broken_per_s, 10000, 0);
    assert_null(knee->because);
    assert_table_says(session,
                      "tcp-persistent: capacity in a closed loop 10,000/s; knee at 6,667/s, "
                      "0.67 of its capacity (95 % interval 6,6");
    assert_table_says(session, "30 runs), where its mean latency is twice the 100 us without a "
                               "queue; overloaded from 10,000/s on.");
    assert_table_says(session, "knee: the rate at which a + b x load / (capacity - load)");
    assert_table_says(session, "11,000     1.10   11,000      20.0    100ms   [100ms,100ms]");
    assert_table_says(session, "12.5  6/6");
    session_free(session);
}

/* What its own runs differ by is part of what is not sure. */
static void an_uncertain_capacity_widens_the_interval(void **state) {
    (void)state;
    struct session *session = session_along(RATES, &(struct along){.queue_us = 50});
    const struct interval sure = knee_of(session)->knee_per_s;
    struct capacity *one = findings_add(&session->lists[LIST_CAPACITIES], LIST_CAPACITIES);
    *one = (struct capacity){"tcp-persistent", {10000, 9800, 10100}, 3};
    session->lists[LIST_KNEES].count = 0;
    open_knees(&session->lists[LIST_KNEES], &session->runs, &session->lists[LIST_CAPACITIES]);
    const struct interval knee = knee_of(session)->knee_per_s;
    assert_near(knee.value, sure.value, 0);
    assert_true(knee.low < sure.low - 10 && knee.high > sure.high + 10);
    assert_table_says(session, "10,000/s (median of 3 runs, 9,800 to 10,100); knee at");
    one->per_s.low = 2500; /* but 8,000/s were kept up */
    session->lists[LIST_KNEES].count = 0;
    open_knees(&session->lists[LIST_KNEES], &session->runs, &session->lists[LIST_CAPACITIES]);
    const struct interval refuted = knee_of(session)->knee_per_s;
    assert_true(refuted.low > 5000 && refuted.low < 6667);
    assert_true(refuted.high > 6667 && refuted.high < 8400);
    session_free(session);
}

static void bad_runs_do_not_move_it(void **state) {
    (void)state;
    static const struct along bad[] = {{.queue_us = 50, .slow = 0x15}, /* one in six, at three */
                                       {.queue_us = 50, .invalid = 0x8}};
    for (int i = 0; i < 2; i++) {
        struct session *session = session_along(RATES, &bad[i]);
        assert_near(knee_of(session)->knee_per_s.value, 6667, 60);
        session_free(session);
    }
}

static void assert_no_knee(unsigned rates, struct along along, const char *because) {
    struct session *session = session_along(rates, &along);
    const struct knee *knee = knee_of(session);
    assert_true(isnan(knee->knee_per_s.value) && isnan(knee->share));
    assert_string_equal(knee->because, because);
    assert_table_says(session, because);
    session_free(session);
}

static void without_a_curve_there_is_no_knee_but_a_reason(void **state) {
    (void)state;
    static const char too_few[] = "too few valid runs that keep up to put a curve through";
    assert_no_knee(1, (struct along){.queue_us = 50}, too_few);
    assert_no_knee(RATES, (struct along){.queue_us = 50, .invalid = 0x1e}, too_few);
    assert_no_knee(RATES, (struct along){.queue_us = -1},
                   "its latency does not grow as a queue's does");
    assert_no_knee(RATES, (struct along){.queue_us = 50, .unknown_capacity = true},
                   "what it carries in a closed loop was not found out");
}

/* ---- the same of short runs and of long ones ---- */

static const double service_us = 110, around_us = 60;

/* Requests come at random and are served one by one; in one run of ten the server stops once. */
static double queue_mean_us(gsl_rng *random, double per_s, double warm_us, double length_us) {
    double now_us = 0, free_us = 0, sum_us = 0, count = 0;
    double stop_us = gsl_rng_uniform(random) < 0.1 ? gsl_rng_uniform(random) * length_us : INFINITY;
    while ((now_us += gsl_ran_exponential(random, 1e6 / per_s)) < warm_us + length_us) {
        free_us = fmax(free_us, now_us) + service_us * gsl_ran_flat(random, 0.9, 1.1);
        if (now_us > stop_us) {
            free_us += 2000;
            stop_us = INFINITY;
        }
        if (now_us < warm_us) continue;
        sum_us += free_us - now_us + around_us;
        count++;
    }
    return sum_us / count;
}

struct length {
    unsigned blocks;
    double ms, warm_ms;
};

static struct knee simulate(gsl_rng *random, const struct length *length) {
    struct session *session = session_new("sweep", "rate");
    struct capacity *capacity = findings_add(&session->lists[LIST_CAPACITIES], LIST_CAPACITIES);
    double per_s[3];
    for (int i = 0; i < 3; i++) per_s[i] = 1e6 / service_us * (1 + gsl_ran_gaussian(random, 0.01));
    gsl_sort(per_s, 1, 3);
    *capacity = (struct capacity){"tcp-persistent", {per_s[1], per_s[0], per_s[2]}, 3};
    for (unsigned block = 0; block < length->blocks; block++) {
        for (unsigned i = 0; i < 5; i++) {
            struct run *run = open_run(session, "tcp-persistent", block, i, shares[i] * per_s[1]);
            run->answered.mean_ns = 1e3 * queue_mean_us(random, run->asked.rate_per_s,
                                                        1e3 * length->warm_ms, 1e3 * length->ms);
        }
    }
    open_knees(&session->lists[LIST_KNEES], &session->runs, &session->lists[LIST_CAPACITIES]);
    struct knee knee = *knee_of(session);
    session_free(session);
    return knee;
}

/* Whether the interval of a difference holds 0, the errors of the two being independent. */
static bool agree(const struct interval *one, const struct interval *other) {
    const double difference = one->value - other->value;
    return difference > 0 ? difference <= hypot(one->value - one->low, other->high - other->value)
                          : -difference <= hypot(one->high - one->value, other->value - other->low);
}

/* As long as the parts of `make bench`: at QUICK=1, usually, and at FULL=1. */
static void the_knee_does_not_depend_on_how_long_runs_are(void **state) {
    (void)state;
    enum { LENGTHS = 3, REPETITIONS = 200 };
    static const struct length lengths[LENGTHS] = {{1, 100, 10}, {2, 350, 20}, {6, 500, 20}};
    /* Of such a queue a is 170 us and b half of the service time (and a third of a percent). */
    const double true_per_s = 1e6 / service_us / (1 + service_us / 2 * (1 + 0.01 / 3) / 170);
    unsigned agreed[LENGTHS] = {0}, held[LENGTHS] = {0}, silent[LENGTHS] = {0};
    double width[LENGTHS] = {0};
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(random, 12);
    for (int r = 0; r < REPETITIONS; r++) {
        struct interval knees[LENGTHS];
        for (int i = 0; i < LENGTHS; i++) {
            knees[i] = simulate(random, &lengths[i]).knee_per_s;
            silent[i] += isnan(knees[i].value) != 0; /* too much noise: it says so */
            if (isnan(knees[i].value))
                knees[i] = (struct interval){true_per_s, 0, INFINITY};
            else
                width[i] += (knees[i].high - knees[i].low) / REPETITIONS;
            held[i] += knees[i].low <= true_per_s && true_per_s <= knees[i].high;
        }
        for (int i = 0; i < LENGTHS; i++) agreed[i] += agree(&knees[i], &knees[(i + 1) % LENGTHS]);
    }
    gsl_rng_free(random);
    for (int i = 0; i < LENGTHS; i++) {
        print_message(
            "%u x %g ms: holds the truth %u times, agrees with the next %u, width %.0f/s, "
            "nothing said %u\n",
            lengths[i].blocks, lengths[i].ms, held[i], agreed[i], width[i], silent[i]);
        assert_true(silent[i] <= (i == 0 ? 0.05 : 0) * REPETITIONS);
        assert_true(agreed[i] >= 0.93 * REPETITIONS);
        assert_true(held[i] >= 0.9 * REPETITIONS);
        assert_true(i == 0 || width[i] < width[i - 1] / 1.5);
    }
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
    open_knees(&session->lists[LIST_KNEES], &session->runs, &session->lists[LIST_CAPACITIES]);
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
        cmocka_unit_test(the_knee_of_a_queue_is_found),
        cmocka_unit_test(an_uncertain_capacity_widens_the_interval),
        cmocka_unit_test(bad_runs_do_not_move_it),
        cmocka_unit_test(without_a_curve_there_is_no_knee_but_a_reason),
        cmocka_unit_test(the_knee_does_not_depend_on_how_long_runs_are),
        cmocka_unit_test(wild_open_loops_have_80_columns),
    };
    return cmocka_run_group_tests_name("open_loop", tests, NULL, NULL);
}
