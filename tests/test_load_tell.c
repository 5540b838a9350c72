/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is told of load, batches and server designs, from runs made here, of
 * which every number is known.
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

#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

/* ---- sessions ---- */

/* A block more carries 1 % more. */
static struct session *connections(void) {
    static const struct {
        const char *variant;
        double per_s[3], p50_us[3];
    } rows[] = {
        {"tcp-per-message", {5000, 20000, 18000}, {80, 3000, 50000}},
        {"tcp-persistent", {15000, 100000, 90000}, {50, 600, 11000}},
    };
    static const unsigned counts[] = {1, 64, 1024};
    struct session *session = session_new("sweep", "connections");
    for (unsigned i = 0; i < 3 * COUNT_OF(rows) * BLOCKS; i++) {
        const unsigned block = i % BLOCKS, row = i / BLOCKS % 2, at = i / BLOCKS / 2;
        struct run *run = made_run(session, rows[row].variant, block, 2 * at + row);
        run->asked.connections = counts[at];
        made_load(run, rows[row].per_s[at] * (1 + 0.01 * block), rows[row].p50_us[at]);
    }
    return session;
}

/*
 * An open-loop run: 10,000 messages, of which 9,800 take `usual_us`; of the
 * others 200 take `slow_us`, or only 50 do, and 150 are lost, where `overloaded`.
 */
static struct run *open_run(struct session *session, const char *variant, unsigned block,
                            unsigned column, double rate) {
    struct run *run = made_run(session, variant, block, column);
    run->asked.rate_per_s = rate;
    run->capacity_per_s = 50000;
    return run;
}

static void take(struct run *run, double usual_us, double slow_us, bool overloaded) {
    made_took(run, 9800, usual_us);
    made_took(run, overloaded ? 50 : 200, slow_us);
    run->lost = overloaded ? 150 : 0;
    run->sent = 10000;
    run->ok = run->sent - run->lost;
    run->overloaded = overloaded;
    run->service.p50_ns = (uint64_t)(1e3 * (usual_us - 5));
    run->service.p99_ns = (uint64_t)(1e3 * (usual_us + 5));
}

static struct session *rates(void) {
    static const double rates[] = {10000, 25000, 40000, 55000};
    struct session *session = session_new("sweep", "rate");
    for (unsigned i = 0; i < 12; i++) {
        const double rate = rates[i / 3];
        struct run *run = open_run(session, "tcp-persistent", i % 3, i / 3, rate);
        take(run, 50, 500 + 10 * (i % 3), i / 3 == 3);
        run->answered.mean_ns = 1e5 + 5e4 * rate / (run->capacity_per_s - rate);
    }
    open_knees(&session->lists[LIST_KNEES], &session->runs, &session->lists[LIST_CAPACITIES]);
    return session;
}

static struct session *tails(void) {
    struct session *session = session_new("compare", NULL);
    for (unsigned block = 0; block < 3; block++) {
        struct run *fresh = open_run(session, "tcp-per-message", block, 0, 9000);
        struct run *kept = open_run(session, "tcp-persistent", block, 1, 9000);
        fresh->point = kept->point = 0;
        take(fresh, 80, 900, false);
        take(kept, 50, 500 + 10 * block, false);
    }
    struct compared *c = findings_add(&session->lists[LIST_COMPARISONS], LIST_COMPARISONS);
    assert_non_null(c);
    c->metric = "p99";
    c->variant = "tcp-persistent";
    c->baseline = "tcp-per-message";
    c->comparison.blocks = 3;
    c->comparison.ratio = (struct interval){0.5, 0.4, 0.6};
    c->comparison.level = 0.95;
    c->comparison.verdict = VERDICT_FASTER;
    return session;
}

static struct run *batch_run(struct session *session, const char *variant, unsigned depth,
                             unsigned block, unsigned column) {
    struct run *run = made_run(session, variant, block, column);
    run->depth = depth;
    run->asked.pipeline = depth;
    return run;
}

static void batch_by(struct run *run, double per_s, double per_call) {
    made_load(run, per_s, 10);
    run->per_send = run->per_receive = run->server_per_receive = run->server_per_send = per_call;
}

/* Both from the same at a depth of 1; at 32 one call carries them all, or each its own. */
static struct session *batches(void) {
    struct session *session = session_new("sweep", "pipeline");
    for (unsigned block = 0; block < BLOCKS; block++) {
        batch_by(batch_run(session, "udp-gso", 1, block, 0), 100000, 1);
        batch_by(batch_run(session, "udp-gso", 32, block, 2), 2000000, 32);
        batch_by(batch_run(session, "udp-pipelined", 1, block, 1), 100000, 1);
        batch_by(batch_run(session, "udp-pipelined", 32, block, 3), 500000, 1);
    }
    return session;
}

static struct session *batches_on_wire(void) {
    struct session *session = session_new("sweep", "pipeline");
    struct run *run = batch_run(session, "udp-gso", 32, 0, 0);
    batch_by(run, 70000, 32);
    run->asked.wire = true;
    run->per_packet = 1;
    return session;
}

/* Of a page of 43 objects, as it is over 90 ms. */
static struct session *objects(void) {
    static const struct {
        const char *variant;
        unsigned connections, depth;
        uint64_t elapsed_ms;
        double packets;
    } rows[] = {
        {"tcp-per-message", 4, 1, 1980, 14},
        {"tcp-persistent", 1, 1, 3960, 5},
        {"tcp-persistent", 4, 1, 1080, 6},
        {"tcp-pipelined", 1, 32, 540, 4},
    };
    struct session *session = session_new("sweep", "connections");
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct run *run = batch_run(session, rows[i].variant, rows[i].depth, 0, i);
        run->asked.connections = rows[i].connections;
        run->asked.reply_bytes = 4096;
        run->asked.wire = true;
        run->asked.rtt_ns = 90000000;
        run->wire.applied_rtt_ns = 90e6;
        run->elapsed_ns = rows[i].elapsed_ms * 1000000;
        run->sent = run->ok = 43;
        run->packets = rows[i].packets;
    }
    return session;
}

/* The second size takes a round trip more than slow start has. */
static struct session *sizes(void) {
    static const double round_trips[] = {2.02, 7.1};
    struct session *session = session_new("sweep", "size");
    for (unsigned i = 0; i < 2 * BLOCKS; i++) {
        struct run *run = made_run(session, "tcp-per-message", i % BLOCKS, i / BLOCKS);
        run->asked.size_bytes = run->asked.reply_bytes = i < BLOCKS ? 64 : 65536;
        run->asked.wire = true;
        run->asked.rtt_ns = 20000000;
        run->wire.applied_rtt_ns = 20.1e6;
        run->latency.mean_ns = 20.1e6 * round_trips[i / BLOCKS];
        run->latency.p50_ns = FIELD_UNKNOWN;
    }
    return session;
}

static struct session *designs(void) {
    static const struct {
        enum design design;
        double us[2]; /* fresh, kept */
    } rows[] = {{DESIGN_FORK, {110, 5}},
                {DESIGN_POOL, {20, 5}},
                {DESIGN_ITERATIVE, {21, 4}},
                {DESIGN_EPOLL, {25, 6}}};
    struct session *session = session_new("sweep", "design");
    for (unsigned i = 0; i < 2 * COUNT_OF(rows) * BLOCKS; i++) {
        const unsigned column = i / BLOCKS, kept = column % 2;
        struct run *run =
            made_run(session, kept ? "tcp-persistent" : "tcp-per-message", i % BLOCKS, column);
        run->asked.design = rows[column / 2].design;
        made_load(run, 1e6 / rows[column / 2].us[kept], rows[column / 2].us[kept]);
        run->elapsed_ns = (uint64_t)((double)run->ok * rows[column / 2].us[kept] * 1e3);
    }
    return session;
}

/* Who answers nothing is not valid, and is told all the same. */
static struct session *silent(void) {
    struct session *session = session_new("sweep", "design");
    static const enum design both[] = {DESIGN_ITERATIVE, DESIGN_POOL};
    for (unsigned i = 0; i < 2; i++) {
        struct run *run = made_run(session, "tcp-persistent", 0, i);
        run->asked.design = both[i];
        run->asked.silent = 1;
        run->asked.deadline_ns = 200000000;
        run->sent = 10;
        run->ok = i == 0 ? 0 : 10;
        run->lost = run->sent - run->ok;
        if (i == 0) made_invalid(run, "no message was answered");
    }
    return session;
}

/* ---- what is told of them ---- */

static void assert_tells(results_tell *tell, const char *words) {
    struct session *all[] = {connections(),     rates(),   tails(),   batches(),
                             batches_on_wire(), objects(), designs(), silent()};
    char *text = made_told(tell, all, COUNT_OF(all), true);
    assert_says(text, words);
    assert_says_not(text, "nan");
    free(text);
    for (size_t i = 0; i < COUNT_OF(all); i++) session_free(all[i]);
}

static void connections_have_throughput_and_latency(void **state) {
    (void)state;
    assert_tells(connections_tell,
                 "tcp-persistent carries 15,400 messages/s (95 % interval 15,000 to 15,800, 6 "
                 "runs) over 1 connection, and at most 103,000 (95 % interval 100,000 to 105,000, "
                 "6 runs) over 64; its median latency goes from 50.0 us to 11.0 ms over 1,024.");
}

static void a_rate_is_told_below_its_knee(void **state) {
    (void)state;
    assert_tells(rate_tell,
                 "Below its knee, at 25,000 requests/s, 0.50 times what it carries in a closed "
                 "loop, "
                 "tcp-persistent has a p99 of 510 us (single runs 500 us to 520 us, 3 runs)");
}

static void what_is_lost_counts_as_longer_than_all(void **state) {
    (void)state;
    /* 150 of 10,000 are lost, so that the 99th of 100 waited for the deadline. */
    assert_tells(rate_tell,
                 "offered 55,000/s it is >2.00 s, of which the service time has 55.0 us.");
    assert_tells(rate_numbers, "55,000     1.10");
}

static void tails_are_told_at_one_rate(void **state) {
    (void)state;
    assert_tells(tails_tell,
                 "At 9,000 requests/s for all a message takes 50.0 us in the median and 510 us in "
                 "p99 (single runs 500 us to 520 us, 3 runs) by tcp-persistent, and 80.0 us in the "
                 "median and 900 us in p99");
    assert_tells(tails_tell, "the p99 of tcp-persistent is 0.500 times (95 % interval 0.400 to "
                             "0.600, 3 blocks) that of tcp-per-message: faster.");
    assert_tells(tails_table, "tcp-persistent   100.00   50.0    510     [500,520]");
}

static void batches_say_what_shares_a_call_and_a_packet(void **state) {
    (void)state;
    assert_tells(pipeline_tell,
                 "With 32 outstanding the most is 2,000,000 messages/s (95 % interval 2,000,000 to "
                 "2,000,000, 6 runs) by udp-gso, 32.0 of them in a system call and 1.00 in a "
                 "packet, and the least 500,000 messages/s");
    assert_tells(pipeline_tell, "Packets are those of a run over a wire");
}

static void without_a_wire_no_packet_is_told(void **state) {
    (void)state;
    struct session *session = batches();
    char *text = made_told(pipeline_tell, &session, 1, true);
    assert_says_not(text, "in a packet");
    assert_says(text, "How many share a packet shows only on a wire");
    free(text);
    session_free(session);
}

static void a_page_has_its_time_and_its_packets(void **state) {
    (void)state;
    assert_tells(objects_tell,
                 "The page (43 messages of 64 bytes, answers of 4,096 bytes, a round-trip time of "
                 "90 ms) takes 3.96 s (1 run) and 215 packets by tcp-persistent over 1 connection "
                 "(44.0 round trips, 44 predicted), and 1.98 s (1 run) and 602 packets by "
                 "tcp-per-message over 4 connections (22.0 round trips, 22 predicted): kept, "
                 "but one after the other, loses to four fresh ones at a time; with as many at a "
                 "time it is 1.08 s");
    assert_tells(objects_tell, "and pipelined 540 ms (1 run) and 172 packets by tcp-pipelined over "
                               "1 connection (6.00 round trips, 6 predicted).");
}

static void sizes_are_told_in_round_trips_beside_those_predicted(void **state) {
    (void)state;
    struct session *session = sizes();
    char *text = made_told(size_tell, &session, 1, true);
    assert_says(text, "64      40.6 ms (40.6 ms to 40.6  2.02         2          6");
    assert_says(text, "tcp-per-message takes 7.10 round trips for 65,536 bytes, where 6 are "
                      "predicted: its window may");
    assert_says_not(text, "for 64 bytes");
    free(text);
    session_free(session);
}

static void designs_have_a_range(void **state) {
    (void)state;
    assert_tells(designs_tell,
                 "A message on a fresh connection takes, by how the server is built, 20.0 us (95 % "
                 "interval 20.0 us to 20.0 us, 6 runs) (pool) to 110 us");
    assert_tells(designs_tell,
                 "A message on a kept one takes, by how the server is built, 4.00 us");
}

static void a_silent_client_is_told_though_its_runs_are_not_valid(void **state) {
    (void)state;
    assert_tells(silent_tell,
                 "Behind 1 client that connects and says nothing, an iterative server answered 0 "
                 "of 10 messages within 200 ms (1 run)");
    assert_tells(silent_tell, "10 of 10");
}

/* No value, no sentence. */
static void of_what_was_not_measured_nothing_is_told(void **state) {
    (void)state;
    static results_tell *const all[] = {connections_tell, rate_tell,    rate_numbers,
                                        tails_tell,       tails_table,  pipeline_tell,
                                        objects_tell,     designs_tell, silent_tell};
    struct session *session = session_new("compare", NULL);
    made_load(made_run(session, "tcp-persistent", 0, 0), 1000, 1000);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        char *text = made_told(all[i], &session, 1, false);
        assert_string_equal(text, "");
        free(text);
    }
    session_free(session);
}

static void of_runs_that_are_not_valid_nothing_is_told(void **state) {
    (void)state;
    struct session *all[] = {connections(), rates(), tails(), batches(), objects(), designs()};
    static results_tell *const tells[] = {connections_tell, rate_tell,    tails_tell,
                                          pipeline_tell,    objects_tell, designs_tell};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        for (size_t k = 0; k < all[i]->runs.count; k++) {
            made_invalid(all[i]->runs.list[k], "made so");
        }
        all[i]->lists[LIST_COMPARISONS].count = 0; /* as none is made of such runs */
        char *text = made_told(tells[i], &all[i], 1, false);
        assert_string_equal(text, "");
        free(text);
        session_free(all[i]);
    }
}

/* A single run has no spread, and a number that is not known is no sentence. */
static void a_template_says_how_sure_a_number_is(void **state) {
    (void)state;
    static const struct {
        struct middle time_us;
        const char *text;
    } cases[] = {
        {{4.2, 4.1, 4.3, 6}, "4.20 us (4.10 us to 4.30 us), (95 % interval 4.10 to 4.30, 6 runs)"},
        {{4.2, NAN, NAN, 1}, "4.20 us, (1 run)"},
        {{NAN, NAN, NAN, 0}, NULL}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct per_connection one = {.time_us = cases[i].time_us};
        char *text = fill("{time_us:time~},{time_us:+}", fill_from(LIST_PER_CONNECTION, &one));
        if (cases[i].text == NULL)
            assert_null(text);
        else
            assert_string_equal(text, cases[i].text);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_have_throughput_and_latency),
        cmocka_unit_test(a_rate_is_told_below_its_knee),
        cmocka_unit_test(what_is_lost_counts_as_longer_than_all),
        cmocka_unit_test(tails_are_told_at_one_rate),
        cmocka_unit_test(batches_say_what_shares_a_call_and_a_packet),
        cmocka_unit_test(without_a_wire_no_packet_is_told),
        cmocka_unit_test(a_page_has_its_time_and_its_packets),
        cmocka_unit_test(sizes_are_told_in_round_trips_beside_those_predicted),
        cmocka_unit_test(designs_have_a_range),
        cmocka_unit_test(a_silent_client_is_told_though_its_runs_are_not_valid),
        cmocka_unit_test(of_what_was_not_measured_nothing_is_told),
        cmocka_unit_test(of_runs_that_are_not_valid_nothing_is_told),
        cmocka_unit_test(a_template_says_how_sure_a_number_is),
    };
    return cmocka_run_group_tests_name("load_tell", tests, NULL, NULL);
}
