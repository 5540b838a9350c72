/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sweeps run for real, as short as they can be, and read back from their
 * files: what is planned is what is run, connections of a limited life are
 * whole ones, and round trips become slopes. No time is asserted; what waits
 * needs a wire, which not every system grants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/compared.h"
#include "bench/run/status.h"
#include "bench/session/session.h"
#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 256 };

static char folder[] = "/tmp/echolab-sweep.XXXXXX";

/* The session of a command line; NULL: there is no wire to be had. */
static struct session *session_of(const char *line) {
    static struct ran ran;
    char path[PATH_ROOM], why[SESSION_WHY] = "";
    (void)snprintf(path, sizeof path, "%s/x.json", folder);
    echolab_run(&ran, "%s --json %s", line, path);
    if (ran.status == EXIT_FAILED && strstr(ran.err, "a wire needs") != NULL) return NULL;
    if (ran.status != EXIT_DONE && ran.status != EXIT_NOT_VALID) {
        fail_msg("%s: %d: %s", line, ran.status, ran.err);
    }
    struct session *session = session_read(path, why);
    if (session == NULL) fail_msg("%s", why);
    (void)unlink(path);
    return session;
}

static bool is_skipped(const struct session *session) {
    if (session != NULL) return false;
    print_message("skipped: no private network here; sudo gives one\n");
    return true;
}

/* On a busy machine runs may be refused, and what is concluded from them fails to be there. */
static bool is_busy(struct session *session) {
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        if (run_is_valid(run)) continue;
        print_message("skipped: a run is not valid: %s\n", run->validity.reason[0]);
        session_free(session);
        return true;
    }
    return false;
}

/* ---- until intervals are narrow ---- */

static void blocks_go_on_until_intervals_are_narrow(void **state) {
    (void)state;
    static struct ran ran;
    struct session *session = session_of("compare udp-persistent --blocks until 100% --messages 20 "
                                         "--warmup 0s");
    if (is_skipped(session)) return;
    unsigned blocks = 0;
    for (size_t i = 0; i < session->runs.count; i++) {
        if (session->runs.list[i]->block >= blocks) blocks = session->runs.list[i]->block + 1;
    }
    assert_true(blocks >= 15 && blocks % 5 == 0);
    session_free(session);
    echolab_run(&ran, "compare udp-persistent --blocks until 0.1%% --messages 20 --warmup 0s "
                      "--within 1s --quiet");
    assert_non_null(strstr(ran.err, "1 s are over, and the widest interval is"));
    static const char *const wrong[] = {"compare --blocks until", "compare --blocks until 2",
                                        "compare --within 5s", "sweep idle --blocks until 2%"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        echolab_run(&ran, "%s", wrong[i]);
        assert_int_equal(ran.status, EXIT_WRONG_USAGE);
    }
}

/* ---- what is planned is what is run ---- */

/* A line of --dry-run, as the run of a file says it. */
static void put_line(char *line, size_t size, const struct run *run) {
    (void)snprintf(line, size, "block %u order %u column %u point %u %s %s seed %llu", run->block,
                   run->order, run->column, run->point, run->asked.variant->name,
                   role_names[run->asked.role], (unsigned long long)run->asked.seed);
}

static void a_dry_run_is_the_plan_of_the_run(void **state) {
    (void)state;
    static const char *const lines[] = {
        "compare --blocks 2 --messages 5 --warmup 0s --seed 7",
        "sweep size --at 1,2 --blocks 2 --messages 5 --warmup 0s --seed 8",
        "sweep per-connection --at 1,none --blocks 1 --messages 5 --warmup 0s --seed 9",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        static struct ran ran;
        char line[160];
        struct session *session = session_of(lines[i]);
        echolab_run(&ran, "%s --dry-run", lines[i]);
        assert_int_equal(ran.status, EXIT_DONE);
        assert_non_null(session);
        for (size_t k = 0; k < session->runs.count; k++) {
            put_line(line, sizeof line, session->runs.list[k]);
            if (strstr(ran.out, line) == NULL) fail_msg("'%s' is not in:\n%s", line, ran.out);
        }
        (void)snprintf(line, sizeof line, "%zu runs in ", session->runs.count);
        assert_non_null(strstr(ran.out, line));
        session_free(session);
    }
}

static void a_dry_run_runs_and_writes_nothing(void **state) {
    (void)state;
    static struct ran ran;
    char path[PATH_ROOM];
    (void)snprintf(path, sizeof path, "%s/none.json", folder);
    /* Measuring would take hours, and the deadline of the test is shorter. */
    echolab_run(&ran, "sweep size --duration 3600s --dry-run --json %s", path);
    assert_int_equal(ran.status, EXIT_DONE);
    assert_int_equal(access(path, F_OK), -1);
}

/* ---- how many messages a connection carries ---- */

static void connections_of_a_limited_life_are_whole(void **state) {
    (void)state;
    struct session *session =
        session_of("sweep per-connection --at 1,7,none --blocks 1 --duration 5ms --warmup 1ms");
    assert_non_null(session);
    assert_int_equal(session->runs.count, 12); /* two variants and their floors, three points */
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        const unsigned each = run->asked.per_connection;
        if (run_is_floor(run) || each == 0 || !run_is_valid(run)) continue;
        assert_int_equal(run->ok % each, 0);
        assert_true(run->ok / each >= 3);
    }
    const struct findings *list = &session->lists[LIST_PER_CONNECTION];
    assert_int_equal(list->count, 6);
    for (size_t i = 0; i < list->count; i++) {
        const struct per_connection *point =
            SESSION_AT(session, LIST_PER_CONNECTION, struct per_connection, i);
        assert_string_equal(point->variant, i < 3 ? "tcp-persistent" : "udp-persistent");
        assert_true(i % 3 == 2 ? isnan(point->messages) : point->messages == (i % 3 == 0 ? 1 : 7));
    }
    session_free(session);
}

static void a_floor_stands_beside_every_point(void **state) {
    (void)state;
    struct session *session =
        session_of("sweep per-connection udp-persistent --at 1,none --blocks 1 --messages 60 "
                   "--warmup 0s");
    assert_non_null(session);
    unsigned floors = 0;
    if (is_busy(session)) skip();
    for (size_t i = 0; i < session->lists[LIST_COMPARISONS].count; i++) {
        floors += compared_with_floor(SESSION_AT(session, LIST_COMPARISONS, struct compared, i));
    }
    assert_int_equal(floors, 2);
    session_free(session);
}

static void only_kept_connections_carry_several(void **state) {
    (void)state;
    static const char *const lines[] = {
        "compare tcp-per-message --per-connection 5", "sweep per-connection udp-per-message",
        "send tcp-per-message --messages 1 --per-connection 2",
        "sweep per-connection --per-connection 5", "compare tcp-persistent --per-connection 0"};
    static struct ran ran;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        echolab_run(&ran, "%s", lines[i]);
        if (ran.status != EXIT_WRONG_USAGE) fail_msg("%s: %d", lines[i], ran.status);
    }
}

/* One message a connection is a connection for every message: the same packets. */
static void with_one_each_packets_are_those_of_a_fresh_connection(void **state) {
    (void)state;
    static const char *const lines[] = {
        "compare tcp-persistent --per-connection 1 --rtt 1ms --blocks 1 --messages 30 --warmup 0s",
        "compare tcp-per-message --rtt 1ms --blocks 1 --messages 30 --warmup 0s"};
    double packets[2] = {0};
    for (int i = 0; i < 2; i++) {
        struct session *session = session_of(lines[i]);
        if (is_skipped(session)) skip();
        for (size_t k = 0; k < session->runs.count; k++) {
            const struct run *run = session->runs.list[k];
            if (run->asked.role == ROLE_VARIANT) packets[i] = run->packets;
        }
        session_free(session);
    }
    assert_true(packets[0] > 0);
    /* A busy machine sends an ACK of its own here and there. */
    assert_true(fabs(packets[0] - packets[1]) <= 1);
}

/* ---- round trips ---- */

static void round_trips_become_slopes(void **state) {
    (void)state;
    struct session *session = session_of(
        "sweep rtt tcp-per-message tcp-persistent --at 0ms,20ms --blocks 2 --messages 3");
    if (is_skipped(session)) skip();
    assert_int_equal(session->runs.count, 8);
    assert_int_equal(session->lists[LIST_COMPARISONS].count, 0);
    if (is_busy(session)) skip();
    assert_int_equal(session->lists[LIST_FITS].count, 4);
    const struct fit *fresh = SESSION_AT(session, LIST_FITS, struct fit, 0);
    const struct fit *kept = SESSION_AT(session, LIST_FITS, struct fit, 2);
    assert_string_equal(fresh->variant, "tcp-per-message");
    assert_string_equal(kept->variant, "tcp-persistent");
    assert_true(fresh->model == 2 && kept->model == 1);
    assert_true(fresh->line.slope.value > kept->line.slope.value);
    session_free(session);
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(folder);
}

/* Up to nine closed loops each, of which three are enough; a busy machine may refuse them all. */
static void rates_are_shares_of_the_median_of_valid_closed_loops(void **state) {
    (void)state;
    static struct ran ran;
    char path[PATH_ROOM], why[SESSION_WHY] = "";
    (void)snprintf(path, sizeof path, "%s/rate.json", folder);
    echolab_run(&ran, "sweep rate udp-persistent --blocks 1 --duration 5ms --warmup 1ms --json %s",
                path);
    if (access(path, R_OK) != 0) {
        if (ran.status == EXIT_NOT_VALID)
            assert_non_null(strstr(ran.err, "none of 9 closed loops is valid"));
        print_message("skipped: %s", ran.err);
        skip();
    }
    struct session *session = session_read(path, why);
    if (session == NULL) fail_msg("%s", why);
    (void)unlink(path);
    if (session == NULL) return; /* analyzers do not know that it has failed */
    assert_int_equal(session->lists[LIST_CAPACITIES].count, 1);
    const struct capacity *one = session->lists[LIST_CAPACITIES].items;
    assert_string_equal(one->variant, "udp-persistent");
    assert_in_range(one->runs, 1, 3);
    assert_true(one->per_s.low <= one->per_s.value && one->per_s.value <= one->per_s.high);
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        assert_true(run->capacity_per_s == one->per_s.value);
        assert_true(run->asked.rate_per_s <= 1.1 * one->per_s.value);
    }
    session_free(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_go_on_until_intervals_are_narrow),
        cmocka_unit_test(a_dry_run_is_the_plan_of_the_run),
        cmocka_unit_test(a_dry_run_runs_and_writes_nothing),
        cmocka_unit_test(connections_of_a_limited_life_are_whole),
        cmocka_unit_test(a_floor_stands_beside_every_point),
        cmocka_unit_test(only_kept_connections_carry_several),
        cmocka_unit_test(with_one_each_packets_are_those_of_a_fresh_connection),
        cmocka_unit_test(round_trips_become_slopes),
        cmocka_unit_test(rates_are_shares_of_the_median_of_valid_closed_loops),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
