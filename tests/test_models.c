/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Models beside measurements: against values computed by hand, and seen on a wire of 20 ms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/models.h"

#include <math.h>

#define COUNT_OF(rows) (sizeof(rows) / sizeof((rows)[0]))

static void assert_equal(double one, double other) {
    if (fabs(one - other) > 1e-9) fail_msg("%.9g is not %.9g", one, other);
}

/* 10, 20, 40 segments of 1,448 bytes: 14,480, 43,440 and 101,360 in all. */
static void a_window_doubles_with_each_round_trip(void **state) {
    (void)state;
    static const struct {
        double bytes, window, rounds, then;
    } rows[] = {{1, 10, 1, 11},      {14480, 10, 1, 20},   {14481, 10, 2, 21},
                {43440, 10, 2, 40},  {43441, 10, 3, 41},   {101360, 10, 3, 80},
                {101361, 10, 4, 81}, {101361, 71, 1, 142}, {0, 10, 0, 10}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double window = rows[i].window;
        assert_equal(slow_start_rounds(rows[i].bytes, &window), rows[i].rounds);
        assert_equal(window, rows[i].then);
    }
}

/* As seen in an echo: 41, 82, 122 and 204 ms. A header of 40 bytes goes with each payload. */
static void a_fresh_connection_waits_for_its_window_both_ways(void **state) {
    (void)state;
    static const struct {
        double bytes, trips;
    } rows[] = {{64, 2}, {14440, 2}, {14441, 4}, {15360, 4}, {65536, 6}, {262144, 10}};
    const struct variant *fresh = variant_find("tcp-per-message"),
                         *kept = variant_find("tcp-persistent"),
                         *datagram = variant_find("udp-per-message");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_equal(message_round_trips(fresh, rows[i].bytes, rows[i].bytes), rows[i].trips);
        assert_equal(message_round_trips(kept, rows[i].bytes, rows[i].bytes), 1);
        assert_equal(message_round_trips(datagram, rows[i].bytes, rows[i].bytes), 1);
    }
    assert_equal(message_round_trips(fresh, 64, 102400), 5); /* the reply alone is large */
}

/* A reply of 71 segments has left a window of 81: 40 after one timeout of 220 ms, 20, 10. */
static void a_pause_halves_the_window_of_a_kept_connection(void **state) {
    (void)state;
    static const struct {
        double gap_ms, trips;
    } rows[] = {{1, 1}, {100, 1}, {199, 1}, {300, 2}, {600, 3}, {1000, 4}, {1e6, 4}};
    const struct variant *kept = variant_find("tcp-persistent"),
                         *fresh = variant_find("tcp-per-message"),
                         *datagram = variant_find("udp-persistent");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_equal(idle_round_trips(kept, 64, 102400, rows[i].gap_ms, 20, 200), rows[i].trips);
        assert_equal(idle_round_trips(kept, 64, 64, rows[i].gap_ms, 20, 200), 1);
        assert_equal(idle_round_trips(fresh, 64, 102400, rows[i].gap_ms, 20, 200), 5);
        assert_equal(idle_round_trips(datagram, 64, 64, rows[i].gap_ms, 20, 200), 1);
    }
}

/* 43 objects of 4,096 bytes over 1, 4 and 6 connections, of which one carries 43, 11 and 8. */
static void a_page_takes_the_rounds_of_its_longest_connection(void **state) {
    (void)state;
    static const struct {
        const char *variant;
        double depth, trips[3];
    } rows[] = {{"tcp-per-message", 1, {86, 22, 16}},
                {"tcp-persistent", 1, {44, 12, 9}},
                {"tcp-pipelined", 32, {6, 4, 3}}, /* 4 and 1, and to connect; 3; 2 */
                {"udp-persistent", 1, {43, 11, 8}}};
    static const double each[] = {43, 11, 8};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int k = 0; k < 3; k++)
            assert_equal(
                page_round_trips(variant_find(rows[i].variant), each[k], rows[i].depth, 64, 4096),
                rows[i].trips[k]);
    }
}

/* 0.1 each and 10 a batch, of which a message alone bears all. */
static void a_batch_is_shared_by_its_messages(void **state) {
    (void)state;
    const double alone = 10.1, deep = 0.1 + 10.0 / 100;
    assert_equal(pipeline_model(alone, deep, 100, 1), alone);
    assert_equal(pipeline_model(alone, deep, 100, 100), deep);
    assert_equal(pipeline_model(alone, deep, 100, 10), 1.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_doubles_with_each_round_trip),
        cmocka_unit_test(a_fresh_connection_waits_for_its_window_both_ways),
        cmocka_unit_test(a_pause_halves_the_window_of_a_kept_connection),
        cmocka_unit_test(a_page_takes_the_rounds_of_its_longest_connection),
        cmocka_unit_test(a_batch_is_shared_by_its_messages),
    };
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
