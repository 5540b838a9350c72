/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The price of keeping a connection: the arithmetic of `sweep idle`, what is
 * told of it, and the sweep run for real, with connections beside a load on
 * which nothing happens. No time is asserted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/all.h"
#include "bench/load/beside.h"
#include "tests/made.h"
#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_MEMORY false /* the sanitizer's is in it */
#else
#define OWN_MEMORY true
#endif

enum {
    PATH_ROOM = 256,
    FILES = 3000,    /* of every program here: it bounds what a sweep opens too */
    MANY = 2000,     /* idle connections, so that a page more or less is little of each */
    MOST_OWN = 1024, /* bytes of the server that one may take */
    CHILDREN = 16
};

static char folder[] = "/tmp/echolab-keeping.XXXXXX";

static const char *in_folder(char *path, const char *name) {
    (void)snprintf(path, PATH_ROOM, "%s/%s", folder, name);
    return path;
}

static void remove_file(const char *name) {
    char path[PATH_ROOM];
    (void)unlink(in_folder(path, name));
}

static void assert_status(const struct ran *ran, int status) {
    if (ran->status != status) fail_msg("ended with %d: %s%s", ran->status, ran->out, ran->err);
}

static bool nothing_is_left(void) {
    pid_t left[CHILDREN];
    return program_children(getpid(), left, CHILDREN) == 0;
}

/* ---- arithmetic ---- */

static void latencies_come_from_the_histogram(void **state) {
    (void)state;
    double ms[4] = {0};
    struct samples_bucket buckets[] = {{20000000, 1}, {21000000, 2}, {40000000, 7}};
    const struct run run = {.samples = {.buckets = buckets, .count = 3, .answered = 10}};
    assert_int_equal(idle_latencies(&run, ms, 4), 4);
    assert_near(ms[0], 20, 1e-9);
    assert_near(ms[1], 21, 1e-9);
    assert_near(ms[2], 21, 1e-9);
    assert_near(ms[3], 40, 1e-9);
    assert_int_equal(idle_latencies(&run, ms, 0), 0);
}

/* The window of the race: one round trip before the timeout. */
static void race_is_sent_while_the_fin_is_under_way(void **state) {
    (void)state;
    static const uint64_t rtts[] = {1000000, 20000000, 100000000};
    for (size_t i = 0; i < sizeof rtts / sizeof *rtts; i++) {
        const uint64_t timeout_ns = 4 * rtts[i], gap_ns = idle_race_gap_ns(timeout_ns, rtts[i]);
        /* Replied at 0: it is there after half a round trip, and the request after a whole one. */
        assert_true(rtts[i] / 2 + gap_ns < timeout_ns + rtts[i] / 2);
        assert_true(rtts[i] + gap_ns > timeout_ns);
    }
}

/* For run_free. */
static struct run *race_run(uint64_t failed, uint64_t executed) {
    const uint64_t ms = 1000000;
    struct run *run = run_new();
    assert_non_null(run);
    run->asked.variant = variant_find("tcp-persistent");
    run->asked.wire = true;
    run->asked.rtt_ns = 20 * ms;
    run->asked.idle_timeout_ns = 200 * ms;
    run->asked.gap_ns = 195 * ms;
    run->asked.connections = 4;
    run->sent = 16;
    run->ok = 16 - failed;
    run->failed = failed;
    tallies_add(&run->errors, "receive ESHUTDOWN", failed);
    tallies_add(&run->counters, "server.executed", executed);
    tallies_add(&run->counters, "server.accepted", 8);
    return run;
}

static void retry_is_safe_where_no_more_was_executed_than_answered(void **state) {
    (void)state;
    struct run *safe = race_run(8, 8), *unsafe = race_run(8, 9);
    struct idle_race race = {0};
    struct tallies errors = {0};
    idle_race_add(&race, &errors, safe);
    assert_true(race.retry_safe);
    assert_int_equal(race.sent_after_pause, 8);
    assert_int_equal(race.met_closed, 8);
    assert_int_equal(race.answered, 8);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.list[0].name, "receive ESHUTDOWN");
    assert_int_equal(errors.list[0].count, 8);
    /* One that was executed twice is enough, in whichever run. */
    idle_race_add(&race, &errors, unsafe);
    assert_false(race.retry_safe);
    assert_int_equal(race.sent, 32);
    assert_int_equal(race.connections, 4);
    assert_int_equal(errors.list[0].count, 16);
    free(errors.list);
    run_free(safe);
    run_free(unsafe);
}

static void memory_that_is_not_known_is_no_number(void **state) {
    (void)state;
    assert_int_equal(beside_each(1000, 3000, 20), 100);
    assert_int_equal(beside_each(1000, 1000, 20), 0);
    assert_true(beside_each(3000, 1000, 20) == UINT64_MAX);
    assert_true(beside_each(UINT64_MAX, 1000, 20) == UINT64_MAX);
    assert_true(beside_each(1000, UINT64_MAX, 20) == UINT64_MAX);
    assert_true(beside_each(1000, 3000, 0) == UINT64_MAX);
}

/* ---- in words ---- */

static void add_point(struct session *session, const char *variant, unsigned reply, double gap_ms,
                      double ms) {
    struct idle_point *point = findings_add(&session->lists[LIST_IDLE_POINTS], LIST_IDLE_POINTS);
    assert_non_null(point);
    *point = (struct idle_point){.variant = variant,
                                 .size_bytes = 64,
                                 .reply_bytes = reply,
                                 .gap_ms = gap_ms,
                                 .rtt_ms = 20,
                                 .latency_ms = {ms, ms - 0.1, ms + 0.1, 3},
                                 .round_trips = ms / 20,
                                 .model_round_trips = gap_ms < 200 || reply < 1000 ? 1 : 4};
}

/* As the sweep waits for them: the longest pause first. */
static struct session *points_made(void) {
    struct session *session = session_new("sweep", "idle");
    assert_non_null(session);
    add_point(session, "tcp-persistent", 64, 1000, 20);
    add_point(session, "udp-per-message", 64, 1000, 20.1);
    add_point(session, "tcp-persistent", 102400, 1000, 80);
    add_point(session, "tcp-persistent", 64, 1, 20);
    add_point(session, "udp-per-message", 64, 1, 20.2);
    add_point(session, "tcp-persistent", 102400, 1, 20);
    return session;
}

static void add_race_and_memory(struct session *session) {
    struct run *run = race_run(8, 8);
    struct tallies errors = {0};
    struct idle_race *race = findings_add(&session->lists[LIST_IDLE_RACE], LIST_IDLE_RACE);
    struct idle_beside *beside = findings_add(&session->lists[LIST_IDLE_BESIDE], LIST_IDLE_BESIDE);
    assert_non_null(race);
    assert_non_null(beside);
    if (race == NULL || beside == NULL) return; /* analyzers do not know that */
    *race = (struct idle_race){.errors = "receive ESHUTDOWN: 8"};
    idle_race_add(race, &errors, run);
    *beside = (struct idle_beside){.connections = 19000,
                                   .load_connections = 64,
                                   .runs = 1,
                                   .server_bytes = 176,
                                   .kernel_bytes = 9900,
                                   .p99_alone_us = 600,
                                   .p99_beside_us = 620};
    free(errors.list);
    run_free(run);
}

/* Frees the session. To be freed. */
static char *told_of(struct session *session) {
    char *text = made_told(idle_tell, &session, 1, true);
    session_free(session);
    return text;
}

static void price_of_keeping_is_told(void **state) {
    (void)state;
    struct session *session = points_made();
    add_race_and_memory(session);
    char *text = told_of(session);
    assert_says(text, "A reply of 102,400 bytes by tcp-persistent takes 20.0 ms after a pause of "
                      "1.00 ms (1.00 round trips, 3 messages), and 80.0 ms after a pause of 1.00 s "
                      "(4.00 round trips, 3 messages)");
    assert_says(text, "No such reply fits into a message of udp-per-message: at most 65,467 bytes");
    assert_says(text, "Of 8 messages sent after such a pause 8 met a closed connection (receive "
                      "ESHUTDOWN: 8)");
    assert_says(text, "none of those that failed was executed");
    assert_says(text, "176 bytes of a server");
    assert_says(text, "9,900 bytes for it");
    assert_says_not(text, "no run counts");
    assert_says(text, "80.0 (4.00 of 4)");
    assert_says_not(text, "Not as predicted");
    free(text);
}

static void what_the_model_does_not_say_is_told(void **state) {
    (void)state;
    struct session *session = points_made();
    add_point(session, "tcp-persistent", 102400, 300, 61);
    char *text = told_of(session);
    assert_says(text, "Not as predicted: 3.05 instead of 4 by tcp-persistent after 300 ms, 102,400 "
                      "bytes. The window may");
    free(text);
}

/* Whichever row grew most: a socket for every message is no kept connection. */
static void sentence_is_about_a_kept_connection_or_not_said(void **state) {
    (void)state;
    static const char *const grows[] = {"udp-per-message", "udp-persistent", "tcp-per-message"};
    for (size_t i = 0; i < sizeof grows / sizeof *grows; i++) {
        struct session *session = session_new("sweep", "idle");
        add_point(session, grows[i], 64, 1000, 90);
        add_point(session, grows[i], 64, 1, 20);
        char *text = told_of(session);
        assert_says_not(text, "connection that is kept");
        assert_says_not(text, "kept connection");
        free(text);
        session = points_made();
        add_point(session, grows[i], 64, 500, 900);
        text = told_of(session);
        assert_says(text, "A connection that is kept");
        assert_says(text, "by tcp-persistent takes 20.0 ms");
        free(text);
    }
}

static void pause_that_costs_nothing_is_told(void **state) {
    (void)state;
    struct session *session = points_made();
    struct idle_point *slow = &((struct idle_point *)session->lists[LIST_IDLE_POINTS].items)[2];
    slow->latency_ms.value = 21;
    slow->round_trips = 1.05;
    char *text = told_of(session);
    assert_says(text, "No pause that was tried makes the next message on a kept connection slower");
    free(text);
    /* What messages vary by says nothing, either way. */
    session = points_made();
    slow = &((struct idle_point *)session->lists[LIST_IDLE_POINTS].items)[2];
    slow->latency_ms.low = 20;
    text = told_of(session);
    assert_says_not(text, "No pause");
    assert_says_not(text, "A connection that is kept");
    free(text);
}

static void point_without_a_run_is_told(void **state) {
    (void)state;
    struct session *session = points_made();
    struct idle_point *slow = &((struct idle_point *)session->lists[LIST_IDLE_POINTS].items)[2];
    slow->latency_ms = (struct middle){NAN, NAN, NAN, 0};
    slow->round_trips = NAN;
    char *text = told_of(session);
    assert_says(text, "no run counts");
    assert_says(text, "Of 1 of the 6 points no run counts");
    assert_says(text, "Not measured: no run of it counts."); /* neither race nor memory */
    free(text);
}

/* ---- connections beside a load ---- */

/* For run_free. */
static struct run *run_of(const struct ran *ran) {
    struct parameters asked;
    char why[SESSION_WHY] = "";
    parameters_usual(&asked);
    struct run *run = session_run_of(ran->out, strlen(ran->out), &asked, why);
    if (run == NULL) fail_msg("%s: %s", why, ran->out);
    return run;
}

static void idle_connections_are_open_beside_the_load(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "run tcp-persistent --engine epoll --connections 4 --idle 200 --messages 50 "
                      "--warmup 0s");
    assert_status(&ran, 0);
    struct run *run = run_of(&ran);
    assert_int_equal(run_counter(run, "server.accepted"), 204);
    assert_int_equal(run_counter(run, "server.requests"), 50);
    assert_says(ran.out, "\"idle_connections\":200,");
    assert_int_equal(run->ok, 50);
    run_free(run);
    assert_true(nothing_is_left());
}

static void idle_connection_takes_little_of_an_epoll_server(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "run tcp-persistent --engine epoll --idle %d --messages 50 --warmup 0s",
                MANY);
    assert_status(&ran, 0);
    struct run *run = run_of(&ran);
    assert_int_equal(run_counter(run, "server.accepted"), MANY + 1);
    assert_true(run->idle_server_bytes != FIELD_UNKNOWN);
    if (OWN_MEMORY) assert_in_range(run->idle_server_bytes, 0, MOST_OWN);
    run_free(run);
}

static void idle_socket_without_connections_is_no_connection(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "run udp-persistent --idle 20 --silent 5 --messages 50 --warmup 0s");
    assert_status(&ran, 0);
    struct run *run = run_of(&ran);
    assert_int_equal(run_counter(run, "server.accepted"), 0);
    assert_int_equal(run->ok, 50);
    run_free(run);
}

/* Who came first and says nothing has the one server there is; elsewhere a place of his own. */
static void silent_client_keeps_a_server_of_one_at_a_time(void **state) {
    (void)state;
    static const struct {
        const char *design;
        int answered;
    } cases[] = {{"iterative", 0}, {"thread", 3}, {"epoll", 3}};
    static struct ran ran;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        echolab_run(&ran,
                    "run tcp-persistent --design %s --silent 1 --messages 3 --warmup 0s "
                    "--deadline %s",
                    cases[i].design, cases[i].answered == 0 ? "100ms" : "5s");
        assert_status(&ran, 0);
        struct run *run = run_of(&ran);
        assert_int_equal(run->ok, cases[i].answered);
        assert_says(ran.out, "\"silent_connections\":1,");
        run_free(run);
    }
}

static void too_many_connections_are_told_in_a_sentence(void **state) {
    (void)state;
    static struct ran ran;
    static const char *const asked[] = {
        "--idle 3000",
        "--silent 3000",
        "--idle 1500 --connections 1500",
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        echolab_run(&ran, "run tcp-persistent --messages 1 %s", asked[i]);
        assert_status(&ran, 1);
        assert_string_equal(ran.out, "");
        assert_memory_equal(ran.err, "echolab: 300", 12);
        assert_says(ran.err, "connections at once are more than the limit of open files");
        assert_says(ran.err, "ulimit -n");
        assert_ptr_equal(strchr(ran.err, '\n'), ran.err + strlen(ran.err) - 1);
    }
    assert_true(nothing_is_left());
}

/* ---- the sweeps ---- */

static void need_a_private_network(void) {
    static struct ran ran;
    echolab_run(&ran, "run udp-persistent --wire --messages 1 --warmup 0s");
    if (ran.status != 0) skip();
}

static void sweep_idle_tells_pauses_race_and_memory(void **state) {
    (void)state;
    need_a_private_network();
    static struct ran ran;
    char path[PATH_ROOM], why[SESSION_WHY] = "";
    echolab_run(&ran,
                "sweep idle tcp-persistent udp-persistent --at 1ms,50ms --rtt 10ms --blocks "
                "1 --duration 50ms --warmup 10ms --json %s",
                in_folder(path, "idle.json"));
    if (ran.status == 4) {
        (void)fprintf(stderr, "skipped: too busy here: %s", ran.err);
        remove_file("idle.json");
        skip();
    }
    assert_status(&ran, 0);
    assert_says(ran.out, "No such reply fits into a message of udp-persistent");
    struct session *session = session_read(path, why);
    if (session == NULL) fail_msg("%s", why);
    if (session == NULL) return; /* analyzers do not know that it has failed */
    /* Two pauses for a short reply of each, and for a long one of TCP. */
    assert_int_equal(session->lists[LIST_IDLE_POINTS].count, 6);
    for (size_t i = 0; i < 6; i++) {
        const struct idle_point *point =
            SESSION_AT(session, LIST_IDLE_POINTS, struct idle_point, i);
        assert_int_equal(point->latency_ms.count, 9);
        assert_true(point->round_trips >= 1);
        assert_true(point->latency_ms.low <= point->latency_ms.value &&
                    point->latency_ms.value <= point->latency_ms.high);
    }
    assert_int_equal(session->lists[LIST_IDLE_RACE].count, 1);
    const struct idle_race *race = SESSION_AT(session, LIST_IDLE_RACE, struct idle_race, 0);
    assert_int_equal(race->sent, 512);
    assert_true(race->met_closed > 0);
    assert_int_equal(race->answered, race->sent - race->met_closed);
    assert_int_equal(race->executed, race->answered);
    assert_true(race->retry_safe);
    assert_int_equal(session->lists[LIST_IDLE_BESIDE].count, 1);
    const struct idle_beside *beside = SESSION_AT(session, LIST_IDLE_BESIDE, struct idle_beside, 0);
    assert_true(beside->connections > MANY);
    if (OWN_MEMORY) assert_in_range((uintmax_t)beside->server_bytes, 0, MOST_OWN);
    session_free(session);
    remove_file("idle.json");
    assert_true(nothing_is_left());
}

/* As many blocks as are asked for; the longest pause first, and what runs alone at the end. */
static void plan_is_what_was_asked(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "sweep idle udp-persistent --at 1ms,50ms --blocks 9 --dry-run");
    assert_status(&ran, 0);
    /* Two pauses, and the race; the load alone, and beside idle connections. */
    assert_says(ran.out, "45 runs in 9 blocks");
    const char *last = strstr(ran.out, "point 1");
    assert_non_null(last);
    assert_true(strstr(ran.out, "point 0") < last);
    assert_true(last < strstr(ran.out, "tcp-persistent"));
}

static void wrong_usage_is_told(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "sweep idle --at 10",          "sweep idle --at 1ms,2h",
        "sweep idle --host 127.0.0.1", "sweep idle udp-persistent --size 100k",
        "sweep idle --messages 1000",  "sweep idle --rate 100",
        "sweep idle --engine epoll",   "sweep idle --connections 2",
        "sweep life --at 1",           "run tcp-persistent --idle some",
        "run tcp-persistent --gap 5",  "run tcp-persistent --idle-timeout 10",
    };
    static struct ran ran;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        echolab_run(&ran, "%s", wrong[i]);
        if (ran.status != 64) fail_msg("%s ended with %d: %s", wrong[i], ran.status, ran.err);
        assert_string_not_equal(ran.err, "");
    }
}

/* ---- around all of them ---- */

static int set_up(void **state) {
    (void)state;
    const struct rlimit files = {FILES, FILES};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) return -1;
    return prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(folder) == 0 && nothing_is_left() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latencies_come_from_the_histogram),
        cmocka_unit_test(race_is_sent_while_the_fin_is_under_way),
        cmocka_unit_test(retry_is_safe_where_no_more_was_executed_than_answered),
        cmocka_unit_test(memory_that_is_not_known_is_no_number),
        cmocka_unit_test(price_of_keeping_is_told),
        cmocka_unit_test(what_the_model_does_not_say_is_told),
        cmocka_unit_test(sentence_is_about_a_kept_connection_or_not_said),
        cmocka_unit_test(pause_that_costs_nothing_is_told),
        cmocka_unit_test(point_without_a_run_is_told),
        cmocka_unit_test(idle_connections_are_open_beside_the_load),
        cmocka_unit_test(idle_connection_takes_little_of_an_epoll_server),
        cmocka_unit_test(idle_socket_without_connections_is_no_connection),
        cmocka_unit_test(silent_client_keeps_a_server_of_one_at_a_time),
        cmocka_unit_test(too_many_connections_are_told_in_a_sentence),
        cmocka_unit_test(sweep_idle_tells_pauses_race_and_memory),
        cmocka_unit_test(plan_is_what_was_asked),
        cmocka_unit_test(wrong_usage_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
