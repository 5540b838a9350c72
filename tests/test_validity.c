/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What makes a run not count: from a load's counts, without running anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "bench/judge/series.h"
#include "bench/run/validity.h"
#include "tests/made.h"

enum { MESSAGES = 1000 };

static const uint64_t server_counts[ECHO_COUNTS] = {
    [ECHO_REQUESTS] = MESSAGES, [ECHO_REPLIES] = MESSAGES};

/* A closed loop over one connection in which all went well. */
static struct load_result *good_load(void) {
    struct load_result *load = calloc(1, sizeof *load);
    assert_non_null(load);
    load->sent = load->ok = load->exchanges = load->answered = MESSAGES;
    load->connections = load->depth = 1;
    load->end_ns = load->busy_ns = load->cycles_ns = 20000000;
    load->ok_by_half[0] = load->ok_by_half[1] = MESSAGES / 2;
    return load;
}

static struct validity_input input_of(const struct load_result *load) {
    return (struct validity_input){.load = load,
                                   .variant = variant_find("udp-persistent"),
                                   .server_counts = server_counts,
                                   .has_window = true,
                                   .private_network = true,
                                   .shared_cpu = true,
                                   .latencies = load->ok};
}

static bool is_refused(const struct validity_input *input, const char *words) {
    struct validity validity;
    validity_check(&validity, input);
    for (unsigned i = 0; i < validity.count; i++) {
        if (strstr(validity.reason[i], words) != NULL) return true;
    }
    return false;
}

static void what_went_well_counts(void **state) {
    (void)state;
    struct load_result *load = good_load();
    const struct validity_input input = input_of(load);
    struct validity validity;
    validity_check(&validity, &input);
    if (validity.count > 0) fail_msg("%s", validity.reason[0]);
    free(load);
}

/* Each alone, on a path that was told to lose something and on one that was not. */
static void what_a_sound_path_does_not_do_is_a_reason(void **state) {
    (void)state;
    static const struct {
        size_t count;
        const char *words;
        bool also_where_it_loses;
    } cases[] = {
        {offsetof(struct load_result, corrupt), "replies were corrupt", true},
        {offsetof(struct load_result, lost), "on a path that loses none", false},
        {offsetof(struct load_result, late), "too late", false},
        {offsetof(struct load_result, duplicate), "twice", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct load_result *load = good_load();
        struct validity_input input = input_of(load);
        assert_false(is_refused(&input, cases[i].words));
        memcpy((char *)load + cases[i].count, &(uint64_t){1}, sizeof(uint64_t));
        assert_true(is_refused(&input, cases[i].words));
        input.may_lose = true;
        assert_int_equal(is_refused(&input, cases[i].words), cases[i].also_where_it_loses);
        free(load);
    }
}

/* Who sends again meets replies twice; an open loop may have asked for too much. */
static void who_sends_again_or_asks_too_much_is_excused(void **state) {
    (void)state;
    struct load_result *load = good_load();
    struct validity_input input = input_of(load);
    load->lost = load->late = load->duplicate = 5;
    input.variant = variant_find("udp-retry");
    assert_false(is_refused(&input, "on a path"));
    input = input_of(load);
    input.open = true;
    assert_false(is_refused(&input, "on a path"));
    input = input_of(load);
    input.server_counts = NULL; /* of another host: that path may lose */
    assert_false(is_refused(&input, "on a path"));
    free(load);
}

/* ---- stationarity over all blocks ---- */

static void add_runs(struct session *session, const char *variant, unsigned column, uint64_t first,
                     uint64_t second) {
    for (unsigned block = 0; block < 6; block++) {
        struct run *run = made_run(session, variant, block, column);
        run->ok_by_half[0] = first;
        run->ok_by_half[1] = second;
    }
}

static void halves_are_judged_over_all_blocks(void **state) {
    (void)state;
    struct session *session = session_new("compare", NULL);
    add_runs(session, "udp-persistent", 0, 100, 105);
    add_runs(session, "tcp-persistent", 1, 90, 10); /* nine times slower */
    series_check_halves(&session->runs);
    assert_int_equal(session->runs.count, 12);
    for (size_t i = 0; i < 12; i++) {
        const struct run *run = session->runs.list[i];
        assert_int_equal(run_is_valid(run), i < 6);
        if (i >= 6) {
            assert_string_equal(run->validity.reason[0],
                                "not stationary over 6 runs: 540 messages in first halves and 60 "
                                "in second ones");
        }
    }
    session_free(session);
}

static void few_messages_and_runs_that_do_not_count_say_nothing(void **state) {
    (void)state;
    struct session *session = session_new("compare", NULL);
    add_runs(session, "udp-persistent", 0, 9, 1);   /* 60 messages in all */
    add_runs(session, "tcp-persistent", 1, 90, 10); /* none of which counts */
    for (size_t i = 6; i < 12; i++) made_invalid(session->runs.list[i], "a reason");
    series_check_halves(&session->runs);
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(session->runs.list[i]->validity.count, i < 6 ? 0 : 1);
    }
    session_free(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_went_well_counts),
        cmocka_unit_test(what_a_sound_path_does_not_do_is_a_reason),
        cmocka_unit_test(who_sends_again_or_asks_too_much_is_excused),
        cmocka_unit_test(halves_are_judged_over_all_blocks),
        cmocka_unit_test(few_messages_and_runs_that_do_not_count_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
