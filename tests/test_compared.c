/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is said of runs that were made here, so that the right answer is known:
 * which are compared with which, how that is told, and what the comparisons of
 * several sessions answer together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/all.h"
#include "bench/judge/compared.h"
#include "tests/made.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 6 };

/* ---- what is said of them ---- */

/* Every column in every block, last first: shuffled. */
static struct session *session_of(const char *axis, const struct making *columns, unsigned count) {
    struct session *session = session_new(axis == NULL ? "compare" : "sweep", axis);
    assert_non_null(session);
    session->seed = 7;
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned i = count; i-- > 0;) made_column(session, &columns[i], block, i);
    }
    compared_list(&session->lists[LIST_COMPARISONS], &session->runs, 0.01);
    return session;
}

static char *table_of(struct session *session) {
    return made_told(compare_table, &session, 1, true);
}

static size_t count_of(const struct session *session) {
    return session->lists[LIST_COMPARISONS].count;
}

/* NULL: there is none. */
static const struct compared *comparison(const struct session *session, const char *metric,
                                         const char *variant, int point) {
    for (size_t i = 0; i < count_of(session); i++) {
        const struct compared *c = SESSION_AT(session, LIST_COMPARISONS, struct compared, i);
        const bool here = point == NOWHERE ? isnan(c->point) : c->point == (double)point;
        if (strcmp(c->metric, metric) == 0 && strcmp(c->variant, variant) == 0 && here) return c;
    }
    return NULL;
}

/* ---- which are compared ---- */

static void runs_of_a_point_are_compared_whatever_else_they_differ_in(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .connections = 1},
        {.variant = "udp-persistent", .us = 20, .connections = 2},
        {.variant = "tcp-persistent", .us = 10, .point = 1, .connections = 1},
        {.variant = "udp-persistent", .us = 30, .point = 1, .connections = 2},
    };
    struct session *session = session_of("size", columns, 4);
    assert_int_equal(count_of(session), 6);
    assert_near(comparison(session, "p50", "udp-persistent", 0)->comparison.ratio.value, 2, 0.02);
    assert_near(comparison(session, "p50", "udp-persistent", 1)->comparison.ratio.value, 3, 0.02);
    session_free(session);
}

static void without_points_size_and_connections_are_the_point(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .point = NOWHERE},
        {.variant = "udp-persistent", .us = 20, .point = NOWHERE},
        {.variant = "tcp-persistent", .us = 10, .point = NOWHERE, .size_bytes = 1024},
        {.variant = "udp-persistent", .us = 30, .point = NOWHERE, .size_bytes = 1024},
    };
    struct session *session = session_of("size", columns, 4);
    assert_int_equal(count_of(session), 6);
    const struct compared *last = SESSION_AT(session, LIST_COMPARISONS, struct compared, 5);
    assert_near(last->comparison.ratio.value, 3, 0.02);
    assert_true(isnan(last->point) && isnan(last->offered_per_s));
    char *text = table_of(session);
    assert_says(text, "64 bytes, 1 connection  variant         msg/s ");
    assert_says(text, "1,024 bytes, 1 connection  ");
    assert_says(text, "a message by udp-persistent takes 2.00 times (");
    assert_says_not(text, "pen loop");
    free(text);
    session_free(session);
}

static void a_table_says_how_deep_the_pipelines_are(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-pipelined", .us = 10, .pipeline = 1},
        {.variant = "udp-pipelined", .us = 20, .pipeline = 1},
        {.variant = "tcp-pipelined", .us = 10, .point = 1, .pipeline = 32},
        {.variant = "udp-pipelined", .us = 20, .point = 1, .pipeline = 32},
        {.variant = "tcp-persistent", .us = 10, .point = 2, .pipeline = 1},
        {.variant = "udp-pipelined", .us = 20, .point = 2, .pipeline = 65536},
    };
    struct session *session = session_of("pipeline", columns, 6);
    char *text = table_of(session);
    assert_says(text, "1 connection, pipeline 1 ");
    assert_says(text, "1 connection, pipeline 32 ");
    assert_says(text, "1 connection, each variant's own pipeline (1 to 65536) ");
    assert_near(comparison(session, "p50", "udp-pipelined", 2)->pipeline, 65536, 0);
    free(text);
    session_free(session);
}

static void a_table_says_which_design_served(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .design = DESIGN_POOL},
        {.variant = "udp-persistent", .us = 20, .design = DESIGN_POOL},
        {.variant = "tcp-persistent", .us = 10, .point = 1, .design = DESIGN_FORK},
        {.variant = "udp-persistent", .us = 20, .point = 1, .design = DESIGN_FORK},
    };
    struct session *usual = session_of(NULL, columns, 2);
    char *text = table_of(usual);
    assert_says_not(text, "design");
    free(text);
    session_free(usual);
    struct session *session = session_of("design", columns, 4);
    text = table_of(session);
    assert_says(text, "1 connection, design pool ");
    assert_says(text, "1 connection, design fork ");
    assert_string_equal(comparison(session, "p50", "udp-persistent", 1)->design, "fork");
    free(text);
    session_free(session);
}

static void a_table_says_how_many_messages_share_a_connection(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 30, .per_connection = 5},
        {.variant = "tcp-persistent", .us = 10, .point = 1},
    };
    struct session *session = session_of("connections", columns, 2);
    char *text = table_of(session);
    assert_says(text, "64 bytes, 1 connection for 5 messages each ");
    assert_int_equal(count_of(session), 0);
    free(text);
    session_free(session);
}

static void no_verdict_goes_from_one_loop_to_the_other(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10},
        {.variant = "udp-persistent", .us = 20, .rate_per_s = 5000},
        {.variant = "tcp-persistent", .us = 10, .point = NOWHERE},
        {.variant = "udp-persistent", .us = 20, .point = NOWHERE, .rate_per_s = 5000},
    };
    for (int i = 0; i < 4; i += 2) {
        struct session *session = session_of(NULL, columns + i, 2);
        assert_int_equal(count_of(session), 0);
        session_free(session);
    }
}

static void a_floor_is_compared_with_its_own_variant_alone(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-per-message", .us = 40},
        {.variant = "tcp-persistent", .us = 12},
        {.variant = "tcp-per-message", .us = 32, .role = ROLE_FLOOR},
        {.variant = "tcp-persistent", .us = 10, .role = ROLE_FLOOR},
    };
    struct session *session = session_of(NULL, columns, 4);
    const struct run *first = session->runs.list[2]; /* last first: the second column */
    const struct compared *floor =
        compared_find(&session->lists[LIST_COMPARISONS], first, &metrics[METRIC_TIME], true);
    assert_string_equal(first->asked.variant->name, "tcp-persistent");
    assert_non_null(floor);
    assert_true(compared_with_floor(floor));
    assert_near(floor->comparison.ratio.value, 1.2, 0.01);
    char *text = table_of(session);
    assert_says(text, " 1.25 "); /* of the first, in its row */
    assert_says(text, " 1.20 ");
    free(text);
    session_free(session);
}

/* ---- how it is told ---- */

static void another_build_is_the_baseline_of_all(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-per-message", .us = 40},
        {.variant = "tcp-persistent", .us = 12},
        {.variant = "tcp-per-message", .us = 40, .against = true},
        {.variant = "tcp-persistent", .us = 10, .against = true},
        {.variant = "tcp-per-message", .us = 40, .role = ROLE_A_A},
    };
    struct session *session = session_of(NULL, columns, 5);
    char *text = table_of(session);
    assert_says(text, " tcp-persistent,      99,800  6.38  10.0    2.51    -       1 other build ");
    assert_says(text, "Against the other build:");
    assert_says(text, "A/A: tcp-per-message against itself: ");
    free(text);
    text = made_told(compare_tell, &session, 1, true);
    assert_says(text, "a message by tcp-persistent takes 1.20 times (99.");
    assert_says(text, " as long as one by the other build, 2.0");
    assert_says(text, " more: slower.");
    assert_says(text, "tcp-per-message takes 1.0");
    free(text);
    session_free(session);
}

static void a_session_says_from_where_on_it_finds_differences(void **state) {
    (void)state;
    struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10},
        {.variant = "tcp-persistent", .us = 10, .role = ROLE_A_A},
    };
    struct session *session = session_of(NULL, columns, 2);
    const struct compared *c = SESSION_AT(session, LIST_COMPARISONS, struct compared, 0);
    char *text = table_of(session), *says = NULL;
    assert_true(asprintf(&says, "): this session finds differences from %.2g %% on  ",
                         100 * c->comparison.detectable) > 0);
    assert_says(text, says);
    assert_says_not(text, "not quiet");
    free(says);
    free(text);
    session_free(session);
}

static void an_alarm_is_raised_where_a_variant_differs_from_itself(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10},
        {.variant = "tcp-persistent", .us = 13, .role = ROLE_A_A},
    };
    struct session *session = session_of(NULL, columns, 2);
    char *text = table_of(session);
    assert_says(text, "% on: not quiet");
    free(text);
    session_free(session);
}

/* The first of them is quiet; what comes behind it takes a fifth more in every other block. */
static struct session *noisy_session(unsigned blocks) {
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10},
        {.variant = "udp-persistent", .us = 10},
        {.variant = "tcp-persistent", .us = 10, .role = ROLE_A_A},
    };
    struct session *session = session_new("compare", NULL);
    for (unsigned block = 0; block < blocks; block++) {
        for (unsigned i = 0; i < 3; i++) {
            struct making column = columns[i];
            if (i > 0 && block % 2 == 0) column.us *= 1.2;
            made_column(session, &column, block, i);
        }
    }
    compared_list(&session->lists[LIST_COMPARISONS], &session->runs, 0.01);
    return session;
}

/* Shuffled, noise of any size is the same on both sides: no verdict would ring. */
static void an_alarm_is_raised_where_only_large_differences_are_found(void **state) {
    (void)state;
    struct session *session = noisy_session(BLOCKS);
    char *text = table_of(session);
    assert_says(text, "% on: not quiet");
    free(text);
    session_free(session);
}

static void what_is_not_decided_says_what_would_be(void **state) {
    (void)state;
    for (unsigned blocks = 1; blocks <= BLOCKS; blocks += blocks == 1 ? 2 : 3) {
        struct session *session = noisy_session(blocks);
        const struct compared *c = comparison(session, "time_per_message", "udp-persistent", 0);
        char *text = table_of(session), *words = NULL;
        assert_int_equal(c->comparison.verdict, VERDICT_NOT_DECIDED);
        assert_int_equal(isnan(c->comparison.ratio.low) && isnan(c->comparison.detectable),
                         blocks == 1);
        assert_int_equal(c->comparison.blocks_needed > BLOCKS, blocks == BLOCKS);
        assert_true(asprintf(&words, "%.0f %%", 100 * c->comparison.detectable) > 0);
        if (blocks > 1) assert_says(text, words);
        assert_says(text, "not decided");
        assert_int_equal(strstr(text, "(finds") != NULL, blocks > 1);
        assert_int_equal(strstr(text, " blocks would)") != NULL, blocks == BLOCKS);
        assert_int_equal(strstr(text, "A/A:") != NULL, blocks > 1);
        free(words);
        free(text);
        session_free(session);
    }
}

/* One block is an answer, if a poor one; of it no interval is told. */
static void one_block_has_no_interval(void **state) {
    (void)state;
    struct session *session = noisy_session(1);
    char *text = made_told(compare_tell, &session, 1, true);
    assert_says(text, "udp-persistent takes 1.20 times (1 block, too few for an interval) as long");
    free(text);
    session_free(session);
}

static void runs_that_are_not_valid_are_a_line_a_reason(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10},
        {.variant = "udp-persistent", .us = 20},
    };
    struct session *session = session_of(NULL, columns, 2);
    made_invalid(session->runs.list[0],
                 "the generator saw 1 in 100 requests more than 1592 us late");
    made_invalid(session->runs.list[1],
                 "the generator saw 1 in 100 requests more than 407 us late");
    made_invalid(session->runs.list[2], "2 messages were lost");
    char *text = table_of(session);
    assert_says(text, "* 2 runs, the first by udp-persistent: the generator saw 1 in 100 requests "
                      "more than 1592 us late");
    assert_says(text, "* 1 run by udp-persistent: 2 messages were lost");
    assert_says_not(text, "407");
    free(text);
    session_free(session);
}

/* Two blocks that contradict each other: their intervals reach from nearly 0 to beyond 10^9. */
static void table_of_wild_runs_has_80_columns(void **state) {
    (void)state;
    const struct making columns[] = {{.variant = "tcp-per-message", .us = 10},
                                     {.variant = "udp-per-message", .us = 1e6}};
    struct session *session = session_new("compare", NULL);
    for (unsigned block = 0; block < 2; block++) {
        made_column(session, &columns[0], block, 0);
        made_column(session, &columns[block == 0], block, 1);
        session->runs.list[2 * block + 1]->asked.variant = variant_find("udp-per-message");
    }
    compared_list(&session->lists[LIST_COMPARISONS], &session->runs, 0.01);
    assert_int_equal(count_of(session), 3);
    free(made_told(compare_table, &session, 1, false));
    free(made_told(compare_tell, &session, 1, false));
    free(made_told(comparisons_tell, &session, 1, false));
    session_free(session);
}

/* ---- the open loop ---- */

static void an_open_loop_is_judged_by_percentiles_and_not_by_time_per_message(void **state) {
    (void)state;
    const struct making tcp = {
        .variant = "tcp-persistent", .us = 10, .slow = 120, .slow_us = 100, .rate_per_s = 5000};
    struct making columns[] = {tcp, tcp, tcp};
    columns[1].variant = "udp-persistent";
    columns[1].slow_us = 300;
    columns[2].role = ROLE_A_A;
    struct session *session = session_of(NULL, columns, 3);
    assert_null(comparison(session, "time_per_message", "udp-persistent", 0));
    const struct compared *p99 = comparison(session, "p99", "udp-persistent", 0);
    assert_near(p99->comparison.ratio.value, 3, 0.02);
    assert_near(p99->offered_per_s, 5000, 0);
    assert_int_equal(p99->comparison.verdict, VERDICT_SLOWER);
    assert_int_equal(comparison(session, "p50", "udp-persistent", 0)->comparison.verdict,
                     VERDICT_SAME);
    char *text = table_of(session);
    assert_says(text, "1 connection, 5,000/s offered ");
    assert_says(text, "A/A: tcp-persistent against itself: 1.00");
    assert_says_not(text, "/floor");
    free(text);
    text = made_told(compare_tell, &session, 1, true);
    assert_says(text, "the p99 of udp-persistent is 3.00 times (");
    assert_says_not(text, "the median");
    free(text);
    session_free(session);
}

static void too_few_messages_for_a_percentile_are_said(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .rate_per_s = 500, .ok = 300},
        {.variant = "udp-persistent", .us = 20, .rate_per_s = 500, .ok = 300},
    };
    struct session *session = session_of(NULL, columns, 2);
    assert_null(comparison(session, "p99", "udp-persistent", 0));
    char *text = made_told(compare_table, &session, 1, false);
    assert_says(text, "no verdict: a run needs\n");
    assert_says(text, " 4,000 messages\n");
    free(text);
    session_free(session);
}

static void who_loses_is_slower_and_not_faster(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 100, .rate_per_s = 5000},
        {.variant = "udp-persistent", .us = 10, .rate_per_s = 5000, .lost = 120},
    };
    struct session *session = session_of(NULL, columns, 2);
    assert_int_equal(comparison(session, "p50", "udp-persistent", 0)->comparison.verdict,
                     VERDICT_FASTER);
    const struct compared *p99 = comparison(session, "p99", "udp-persistent", 0);
    assert_int_equal(p99->comparison.verdict, VERDICT_SLOWER);
    assert_near(p99->comparison.ratio.value, 2e6 / 100, 100);
    session_free(session);
}

static void two_that_are_beyond_the_deadline_have_no_verdict(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 100, .rate_per_s = 5000, .lost = 200},
        {.variant = "udp-persistent", .us = 10, .rate_per_s = 5000, .lost = 120},
    };
    struct session *session = session_of(NULL, columns, 2);
    assert_null(comparison(session, "p99", "udp-persistent", 0));
    assert_non_null(comparison(session, "p50", "udp-persistent", 0));
    char *text = table_of(session);
    assert_says(text, "no verdict: beyond the");
    free(text);
    session_free(session);
}

static void runs_that_are_not_valid_count_for_nothing(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 100, .rate_per_s = 5000},
        {.variant = "udp-persistent", .us = 10, .rate_per_s = 5000, .invalid = true},
    };
    struct session *session = session_of(NULL, columns, 2);
    assert_int_equal(count_of(session), 0);
    char *text = table_of(session);
    assert_says(text, "no verdict: in no block");
    assert_says(text, "* 6 runs, the first by udp-persistent: made so");
    free(text);
    session_free(session);
}

static void at_equal_shares_the_rates_are_said_to_differ(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .rate_per_s = 5000, .capacity_per_s = 10000},
        {.variant = "udp-persistent", .us = 20, .rate_per_s = 7000, .capacity_per_s = 14000},
    };
    struct session *session = session_of(NULL, columns, 2);
    const struct compared *c = comparison(session, "p50", "udp-persistent", 0);
    assert_near(c->offered_per_s, 7000, 0);
    assert_near(c->baseline_offered_per_s, 5000, 0);
    char *text = table_of(session);
    assert_says(text, "each at 0.50 of its closed-loop capacity ");
    free(text);
    text = made_told(compare_tell, &session, 1, true);
    assert_says(text, "that of tcp-persistent, each at a rate of its own, ");
    free(text);
    session_free(session);
}

/* The widest that can be: no line may be longer than the terminal. */
static void wild_open_loops_have_80_columns(void **state) {
    (void)state;
    const struct making wild = {.variant = "tcp-client-close",
                                .us = 12345,
                                .slow = 120,
                                .slow_us = 1999999,
                                .lost = 10,
                                .rate_per_s = 1e8,
                                .capacity_per_s = 1.2e8,
                                .connections = 1000000,
                                .pipeline = 65536,
                                .size_bytes = 61440,
                                .design = DESIGN_ITERATIVE};
    struct making columns[] = {wild, wild, wild, wild};
    columns[0].us = 99999;
    columns[1].against = true;
    columns[2].role = ROLE_A_A;
    columns[2].us = 0.1;
    columns[3].variant = "udp-per-message";
    struct session *session = session_of(NULL, columns, 4);
    char *text = table_of(session);
    assert_says(text, "% on: not quiet");
    free(text);
    free(made_told(compare_tell, &session, 1, false));
    session_free(session);
}

/* ---- of several sessions ---- */

/* Fresh and kept, with so many blocks of the kept one's runs valid. */
static struct session *core_session(double kept_us, unsigned blocks) {
    const struct making columns[] = {{.variant = "tcp-per-message", .us = 40},
                                     {.variant = "tcp-persistent", .us = kept_us}};
    struct session *session = session_of(NULL, columns, 2);
    struct findings *list = &session->lists[LIST_COMPARISONS];
    for (size_t i = 0; i < list->count; i++)
        ((struct compared *)list->items)[i].comparison.blocks = blocks;
    return session;
}

static struct comparison ratio_of(struct session **sessions, size_t count, const char *numerator,
                                  const char *denominator) {
    const struct results results = {.sessions = sessions, .count = count};
    struct compared ratio = {.metric = NULL};
    const bool found = compare_ratio(&results, "cross-core", numerator, denominator, &ratio);
    assert_int_equal(found, ratio.comparison.blocks > 0);
    assert_false(compare_ratio(&results, "spin", numerator, denominator, &ratio));
    return ratio.comparison;
}

static void a_ratio_is_found_either_way_round(void **state) {
    (void)state;
    struct session *sessions[] = {core_session(10, 6)};
    const struct comparison one = ratio_of(sessions, 1, "tcp-persistent", "tcp-per-message");
    const struct comparison other = ratio_of(sessions, 1, "tcp-per-message", "tcp-persistent");
    assert_near(one.ratio.value, 0.25, 0.001);
    assert_near(other.ratio.value * one.ratio.value, 1, 1e-9);
    assert_near(other.ratio.low * one.ratio.high, 1, 1e-9);
    assert_near(other.diff.value, 30, 0.1);
    assert_near(other.diff.low, -one.diff.high, 1e-9);
    assert_true(one.verdict != VERDICT_NOT_DECIDED);
    assert_int_equal(ratio_of(sessions, 1, "tcp-persistent", "udp-persistent").blocks, 0);
    session_free(sessions[0]);
}

static void of_those_that_ask_the_same_the_one_with_most_blocks_answers(void **state) {
    (void)state;
    struct session *sessions[] = {core_session(10, 6), core_session(20, 15), core_session(30, 9)};
    const struct comparison ratio = ratio_of(sessions, 3, "tcp-persistent", "tcp-per-message");
    assert_near(ratio.ratio.value, 0.5, 0.001);
    assert_int_equal(ratio.blocks, 15);
    char *text = made_told(compare_tell, sessions, 3, true);
    assert_says(text, "tcp-persistent takes 0.500 times (");
    assert_says_not(text, "0.250");
    assert_says_not(text, "0.750");
    free(text);
    for (int i = 0; i < 3; i++) session_free(sessions[i]);
}

/* A sweep with as many blocks is not where the lab looked, and a wire is another question. */
static void sweeps_and_wires_are_no_answer_beside_work(void **state) {
    (void)state;
    const struct making larger[] = {{.variant = "tcp-per-message", .us = 80, .size_bytes = 4096},
                                    {.variant = "tcp-persistent", .us = 60, .size_bytes = 4096}};
    const struct making wired[] = {{.variant = "tcp-per-message", .us = 80, .wired = true},
                                   {.variant = "tcp-persistent", .us = 60, .wired = true}};
    struct session *sessions[] = {core_session(10, 15), session_of("size", larger, 2),
                                  session_of(NULL, wired, 2)};
    char *text = made_told(compare_tell, sessions, 3, true);
    assert_says(text, "On two cores, both sides blocking, a message by tcp-persistent takes 0.25");
    assert_says_not(text, "0.75");
    free(text);
    text = made_told(comparisons_tell, sessions, 3, true);
    assert_says(text, "All with 64 bytes, 1 connection:");
    assert_says(text,
                "3 others: sweeps, the floor, a variant against itself: they are on the page");
    free(text);
    text = made_told(compare_tell, &sessions[2], 1, true);
    assert_says(text,
                "both sides blocking, over a wire of 20 ms a message by tcp-persistent takes");
    free(text);
    for (int i = 0; i < 3; i++) session_free(sessions[i]);
}

static void what_older_files_lack_is_told_by_their_runs(void **state) {
    (void)state;
    struct session *session = core_session(10, 6);
    struct findings *list = &session->lists[LIST_COMPARISONS];
    struct compared *all = list->items;
    for (size_t i = 0; i < list->count; i++) all[i].placement = all[i].engine = NULL;
    compared_complete(list, &session->runs);
    assert_string_equal(all[0].placement, "cross-core");
    assert_string_equal(all[0].engine, "blocking");
    all[0].placement = NULL;
    session->runs.list[0]->asked.placement = PLACEMENT_SPIN;
    compared_complete(list, &session->runs);
    assert_null(all[0].placement);
    session_free(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_a_point_are_compared_whatever_else_they_differ_in),
        cmocka_unit_test(without_points_size_and_connections_are_the_point),
        cmocka_unit_test(a_table_says_how_deep_the_pipelines_are),
        cmocka_unit_test(a_table_says_which_design_served),
        cmocka_unit_test(a_table_says_how_many_messages_share_a_connection),
        cmocka_unit_test(no_verdict_goes_from_one_loop_to_the_other),
        cmocka_unit_test(a_floor_is_compared_with_its_own_variant_alone),
        cmocka_unit_test(another_build_is_the_baseline_of_all),
        cmocka_unit_test(a_session_says_from_where_on_it_finds_differences),
        cmocka_unit_test(an_alarm_is_raised_where_a_variant_differs_from_itself),
        cmocka_unit_test(an_alarm_is_raised_where_only_large_differences_are_found),
        cmocka_unit_test(what_is_not_decided_says_what_would_be),
        cmocka_unit_test(one_block_has_no_interval),
        cmocka_unit_test(runs_that_are_not_valid_are_a_line_a_reason),
        cmocka_unit_test(table_of_wild_runs_has_80_columns),
        cmocka_unit_test(an_open_loop_is_judged_by_percentiles_and_not_by_time_per_message),
        cmocka_unit_test(too_few_messages_for_a_percentile_are_said),
        cmocka_unit_test(who_loses_is_slower_and_not_faster),
        cmocka_unit_test(two_that_are_beyond_the_deadline_have_no_verdict),
        cmocka_unit_test(runs_that_are_not_valid_count_for_nothing),
        cmocka_unit_test(at_equal_shares_the_rates_are_said_to_differ),
        cmocka_unit_test(wild_open_loops_have_80_columns),
        cmocka_unit_test(a_ratio_is_found_either_way_round),
        cmocka_unit_test(of_those_that_ask_the_same_the_one_with_most_blocks_answers),
        cmocka_unit_test(sweeps_and_wires_are_no_answer_beside_work),
        cmocka_unit_test(what_older_files_lack_is_told_by_their_runs),
    };
    return cmocka_run_group_tests_name("compared", tests, NULL, NULL);
}
