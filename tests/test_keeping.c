/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The price of keeping a connection: the arithmetic of `sweep idle` and
 * `sweep life`, what the report makes of them, and both run for real, with
 * connections beside a load on which nothing happens. No time is asserted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/idle.h"
#include "bench/experiment/life.h"
#include "bench/judge/query.h"
#include "bench/load/beside.h"
#include "bench/report/figures.h"
#include "bench/report/page.h"
#include "tests/support.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

static void assert_near(double found, double wanted) {
    if (!(fabs(found - wanted) < 1e-6)) fail_msg("%.9g, wanted %.9g", found, wanted);
}

static void assert_says(const char *text, const char *words) {
    if (strstr(text, words) == NULL) fail_msg("nowhere: %s\nin: %s", words, text);
}

static void assert_status(const struct ran *ran, int status) {
    if (ran->status != status) fail_msg("ended with %d: %s%s", ran->status, ran->out, ran->err);
}

static bool nothing_is_left(void) {
    pid_t left[CHILDREN];
    return program_children(getpid(), left, CHILDREN) == 0;
}

/* ---- arithmetic ---- */

static void share_is_what_having_it_takes_of_the_whole(void **state) {
    (void)state;
    assert_near(life_share(20, 20, 1), 50);
    assert_near(life_share(20, 20, 9), 10);
    assert_near(life_share(60, 20, 1), 75);
    assert_near(life_share(0, 20, 1), 0);
    assert_near(life_share(0, 0, 1), 0);
    assert_near(life_share_measured(40, 20, 1), 50);
    assert_near(life_share_measured(80, 20, 1), 75);
    assert_near(life_share_measured(200, 20, 10), 0);
    assert_near(life_share_measured(0, 20, 1), 0);
}

/* The first number of messages at which the share is below, and none before it. */
static void messages_until_little_is_left(void **state) {
    (void)state;
    static const double setups[] = {0.001, 1, 7, 20, 60.3, 1000};
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
        const double n = life_messages_below(setups[i], 20, 10);
        assert_true(life_share(setups[i], 20, n) < 10);
        assert_true(n == 1 || life_share(setups[i], 20, n - 1) >= 10 - 1e-9);
    }
    assert_near(life_messages_below(20, 20, 10), 10); /* 9 leave exactly 10 % */
}

static void latencies_come_from_the_histogram(void **state) {
    (void)state;
    double ms[4] = {0};
    json_t *run =
        json_pack("{s:[[i,i],[i,i],[i,i]]}", "histogram_ns", 20000000, 1, 21000000, 2, 40000000, 7);
    assert_int_equal(idle_latencies(run, ms, 4), 4);
    assert_near(ms[0], 20);
    assert_near(ms[1], 21);
    assert_near(ms[2], 21);
    assert_near(ms[3], 40);
    assert_int_equal(idle_latencies(run, ms, 0), 0);
    assert_int_equal(idle_latencies(NULL, ms, 4), 0);
    json_decref(run);
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

static json_t *race_run(int failed, int executed) {
    return json_pack("{s:f,s:f,s:f,s:i,s:{s:i,s:i,s:i},s:{s:i},s:{s:i,s:i}}", "rtt_ms", 20.0,
                     "idle_timeout_ms", 200.0, "gap_ms", 195.0, "connections", 4, "messages",
                     "sent", 16, "ok", 16 - failed, "failed", failed, "errors", "receive ESHUTDOWN",
                     failed, "counters", "server.executed", executed, "server.accepted", 8);
}

static void retry_is_safe_where_no_more_was_executed_than_answered(void **state) {
    (void)state;
    json_t *run = race_run(8, 8), *race = idle_race_of(run);
    assert_true(json_is_true(json_object_get(race, "retry_safe")));
    assert_near(query_number(race, "sent_after_pause"), 8);
    assert_near(query_number(race, "met_closed"), 8);
    assert_near(query_number(race, "answered"), 8);
    assert_near(query_number(race, "errors.receive ESHUTDOWN"), 8);
    json_decref(race);
    json_decref(run);
    run = race_run(8, 9);
    race = idle_race_of(run);
    assert_true(json_is_false(json_object_get(race, "retry_safe")));
    json_decref(race);
    json_decref(run);
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

/* ---- the report ---- */

static json_t *session(const char *axis) {
    return json_pack("{s:s,s:s,s:s,s:i,s:{},s:[],s:[]}", "schema", "echolab/1", "command", "sweep",
                     "axis", axis, "seed", 1, "environment", "runs", "comparisons");
}

static void add_point(json_t *points, const char *variant, int reply, double gap_ms, double ms) {
    json_array_append_new(points,
                          json_pack("{s:s,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:i,s:f}", "variant", variant,
                                    "size_bytes", 64, "reply_bytes", reply, "gap_ms", gap_ms,
                                    "rtt_ms", 20.0, "latency_ms", ms, "low_ms", ms - 0.1, "high_ms",
                                    ms + 0.1, "samples", 3, "round_trips", ms / 20));
}

static json_t *idle_session(void) {
    json_t *root = session("idle"), *points = json_array(), *run = race_run(8, 8);
    /* As the sweep waits for them: the longest pause first. */
    add_point(points, "tcp-persistent", 64, 1000, 20);
    add_point(points, "tcp-persistent", 102400, 1000, 80);
    add_point(points, "tcp-persistent", 64, 1, 20);
    add_point(points, "tcp-persistent", 102400, 1, 20);
    json_object_set_new(root, "idle_points", points);
    json_object_set_new(root, "idle_race", idle_race_of(run));
    json_object_set_new(root, "idle_beside",
                        json_pack("{s:i,s:i,s:f,s:f,s:f,s:f,s:i}", "connections", 19000,
                                  "load_connections", 64, "server_bytes_per_connection", 176.0,
                                  "kernel_bytes_per_connection", 9900.0, "p99_alone_us", 600.0,
                                  "p99_beside_us", 620.0, "runs", 1));
    json_decref(run);
    return root;
}

static json_t *life_session(void) {
    json_t *root = session("life"), *points = json_array();
    for (int n = 1; n <= 10; n += 9) {
        json_array_append_new(
            points, json_pack("{s:f,s:b,s:i,s:i,s:f,s:f,s:f,s:i,s:f,s:f,s:f,s:i}", "rtt_ms", 20.0,
                              "wire", 1, "size_bytes", 16384, "messages", n, "setup_ms", 60.0,
                              "exchange_ms", 20.0, "share_percent", life_share(60, 20, n),
                              "below_10_percent", 28, "measured_percent", life_share(60, 20, n) + 1,
                              "low_percent", 1.0, "high_percent", 90.0, "runs", 2));
        json_array_append_new(points, json_pack("{s:f,s:b,s:i,s:i,s:f,s:f,s:f,s:i,s:n,s:n,s:n,s:i}",
                                                "rtt_ms", 0.0, "wire", 0, "size_bytes", 64,
                                                "messages", n, "setup_ms", 0.04, "exchange_ms",
                                                0.01, "share_percent", life_share(4, 1, n),
                                                "below_10_percent", 37, "measured_percent",
                                                "low_percent", "high_percent", "runs", 0));
    }
    json_object_set_new(root, "life", points);
    return root;
}

/* As `echolab report` reads them; the text on the terminal, in one line. To be freed. */
static char *report_of(struct measured *measured) {
    char path[PATH_ROOM], error[REPORT_ERROR] = "", *text = NULL;
    size_t length = 0;
    if (figures_write(in_folder(path, "results"), NULL, measured, error) != 0) {
        fail_msg("%s", error);
    }
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    page_print(measured, folder, out);
    (void)fclose(out);
    for (char *c = text; *c != '\0'; c++)
        if (*c == '\n') *c = ' ';
    return text;
}

static void put_file(const char *name, json_t *root) {
    char path[PATH_ROOM];
    assert_int_equal(json_dump_file(root, in_folder(path, name), 0), 0);
    json_decref(root);
}

static void remove_file(const char *name) {
    char path[PATH_ROOM];
    (void)unlink(in_folder(path, name));
}

static void page_tells_the_price_of_keeping(void **state) {
    (void)state;
    struct measured measured;
    put_file("results/idle.json", idle_session());
    put_file("results/life.json", life_session());
    char *text = report_of(&measured);
    assert_says(text, "The price of keeping");
    assert_says(text, "A reply of 102,400 bytes by tcp-persistent takes 20.0 ms after a pause of "
                      "1 ms (1.0 round trips), and 80.0 ms after a pause of 1 s (4.0 round trips)");
    assert_says(text, "Of 8 messages sent after such a pause 8 met a closed connection");
    assert_says(text, "none of those that failed was executed");
    assert_says(text, "176 bytes of a server");
    assert_says(text, "9,900 bytes for it");
    assert_says(text, "after 28 messages (20ms,16k) to 37 (loopback,64)");
    assert_says(text, "Computed and measured are at most 1.0 points apart");
    /* Ascending in the pause, series by series, in the order of their appearance. */
    const json_t *rows = json_object_get(measured.tables, "idle");
    assert_int_equal(json_array_size(rows), 4);
    assert_string_equal(json_string_value(json_array_get(json_array_get(rows, 0), 0)),
                        "tcp-persistent,64");
    assert_near(json_number_value(json_array_get(json_array_get(rows, 2), IDLE_GAP_MS)), 1);
    assert_near(json_number_value(json_array_get(json_array_get(rows, 3), IDLE_LATENCY_MS)), 80);
    assert_int_equal(json_array_size(json_object_get(measured.tables, "life")), 4);
    measured_free(&measured);
    free(text);
}

static void page_without_it_says_how_to_measure_it(void **state) {
    (void)state;
    struct measured measured;
    put_file("results/other.json", session("size"));
    char *text = report_of(&measured);
    assert_null(strstr(text, "The price of keeping"));
    assert_says(text, "echolab sweep idle --json");
    assert_says(text, "echolab sweep life --json");
    measured_free(&measured);
    free(text);
}

/* ---- connections beside a load ---- */

static json_t *run_of(const struct ran *ran) {
    json_error_t error;
    json_t *run = json_loads(ran->out, 0, &error);
    if (run == NULL) fail_msg("no JSON: %s in %s", error.text, ran->out);
    return run;
}

static json_t *counter(const json_t *run, const char *name) {
    return json_object_get(json_object_get(run, "counters"), name);
}

static void idle_connections_are_open_beside_the_load(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "run tcp-persistent --engine epoll --connections 4 --idle 200 --messages 50 "
                      "--warmup 0s");
    assert_status(&ran, 0);
    json_t *run = run_of(&ran);
    assert_int_equal(json_integer_value(counter(run, "server.accepted")), 204);
    assert_int_equal(json_integer_value(counter(run, "server.requests")), 50);
    assert_near(query_number(run, "idle.connections"), 200);
    assert_near(query_number(run, "messages.ok"), 50);
    json_decref(run);
    assert_true(nothing_is_left());
}

static void idle_connection_takes_little_of_an_epoll_server(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "run tcp-persistent --engine epoll --idle %d --messages 50 --warmup 0s",
                MANY);
    assert_status(&ran, 0);
    json_t *run = run_of(&ran);
    const json_t *own = query_field(run, "idle.server_bytes_per_connection");
    assert_int_equal(json_integer_value(counter(run, "server.accepted")), MANY + 1);
    assert_true(json_is_integer(own));
    if (OWN_MEMORY) assert_in_range(json_integer_value(own), 0, MOST_OWN);
    json_decref(run);
}

static void idle_socket_without_connections_is_no_connection(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "run udp-persistent --idle 20 --silent 5 --messages 50 --warmup 0s");
    assert_status(&ran, 0);
    json_t *run = run_of(&ran);
    assert_int_equal(json_integer_value(counter(run, "server.accepted")), 0);
    assert_near(query_number(run, "messages.ok"), 50);
    json_decref(run);
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
        json_t *run = run_of(&ran);
        assert_near(query_number(run, "messages.ok"), cases[i].answered);
        assert_near(query_number(run, "silent_connections"), 1);
        json_decref(run);
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

static json_t *result_in(const char *name) {
    char path[PATH_ROOM];
    json_error_t error;
    json_t *root = json_load_file(in_folder(path, name), 0, &error);
    if (root == NULL) fail_msg("%s", error.text);
    return root;
}

static void sweep_idle_tells_pauses_race_and_memory(void **state) {
    (void)state;
    need_a_private_network();
    static struct ran ran;
    char path[PATH_ROOM];
    echolab_run(&ran,
                "sweep idle tcp-persistent udp-persistent --at 1ms,50ms --rtt 10ms --blocks "
                "1 --duration 50ms --warmup 10ms --json %s",
                in_folder(path, "idle.json"));
    assert_status(&ran, 0);
    assert_says(ran.out, "UDP has no such reply");
    json_t *root = result_in("idle.json");
    const json_t *points = json_object_get(root, "idle_points");
    /* Two pauses for a short reply of each, and for a long one of TCP. */
    assert_int_equal(json_array_size(points), 6);
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        assert_near(query_number(point, "samples"), 9);
        assert_true(query_number(point, "round_trips") >= 1);
        assert_true(query_number(point, "low_ms") <= query_number(point, "latency_ms"));
        assert_true(query_number(point, "high_ms") >= query_number(point, "latency_ms"));
    }
    const json_t *race = json_object_get(root, "idle_race");
    assert_near(query_number(race, "sent"), 512);
    assert_true(query_number(race, "met_closed") > 0);
    assert_near(query_number(race, "answered"),
                query_number(race, "sent") - query_number(race, "met_closed"));
    assert_near(query_number(race, "executed"), query_number(race, "answered"));
    assert_true(json_is_true(json_object_get(race, "retry_safe")));
    const json_t *beside = json_object_get(root, "idle_beside");
    assert_true(query_number(beside, "connections") > MANY);
    if (OWN_MEMORY) {
        assert_in_range((uintmax_t)query_number(beside, "server_bytes_per_connection"), 0,
                        MOST_OWN);
    }
    json_decref(root);
    remove_file("idle.json");
    assert_true(nothing_is_left());
}

static void sweep_life_computes_and_measures_shares(void **state) {
    (void)state;
    need_a_private_network();
    static struct ran ran;
    char path[PATH_ROOM];
    echolab_run(&ran, "sweep life --rtt 10ms --at 5,1 --blocks 1 --json %s",
                in_folder(path, "life.json"));
    assert_status(&ran, 0);
    json_t *root = result_in("life.json");
    const json_t *life = json_object_get(root, "life");
    assert_int_equal(json_array_size(life), 4); /* two sizes, two points */
    for (size_t i = 0; i < 4; i++) {
        const json_t *point = json_array_get(life, i);
        const double setup_ms = query_number(point, "setup_ms");
        const double exchange_ms = query_number(point, "exchange_ms");
        const double messages = query_number(point, "messages");
        assert_true(setup_ms >= 5 && exchange_ms >= 10); /* a handshake, a round trip */
        assert_near(query_number(point, "share_percent"),
                    life_share(setup_ms, exchange_ms, messages));
        assert_true(json_is_number(json_object_get(point, "measured_percent")));
        assert_near(messages, i % 2 == 0 ? 1 : 5);
    }
    json_decref(root);
    remove_file("life.json");
    assert_true(nothing_is_left());
}

static void wrong_usage_is_told(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "sweep idle --at 10",          "sweep idle --at 1ms,2h",
        "sweep idle --host 127.0.0.1", "sweep idle udp-persistent --size 100k",
        "sweep life --at 0",           "sweep life tcp-persistent",
        "sweep life --host 127.0.0.1", "run tcp-persistent --idle some",
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

static int empty_results(void **state) {
    (void)state;
    static const char *const names[] = {"results/idle.json", "results/life.json",
                                        "results/other.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) remove_file(names[i]);
    return 0;
}

static int set_up(void **state) {
    (void)state;
    char path[PATH_ROOM];
    const struct rlimit files = {FILES, FILES};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) return -1;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || mkdtemp(folder) == NULL) return -1;
    return mkdir(in_folder(path, "results"), 0777);
}

static int tear_down(void **state) {
    char path[PATH_ROOM];
    (void)empty_results(state);
    if (rmdir(in_folder(path, "results")) != 0) return -1;
    return rmdir(folder) == 0 && nothing_is_left() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share_is_what_having_it_takes_of_the_whole),
        cmocka_unit_test(messages_until_little_is_left),
        cmocka_unit_test(latencies_come_from_the_histogram),
        cmocka_unit_test(race_is_sent_while_the_fin_is_under_way),
        cmocka_unit_test(retry_is_safe_where_no_more_was_executed_than_answered),
        cmocka_unit_test(memory_that_is_not_known_is_no_number),
        cmocka_unit_test_setup(page_tells_the_price_of_keeping, empty_results),
        cmocka_unit_test_setup(page_without_it_says_how_to_measure_it, empty_results),
        cmocka_unit_test(idle_connections_are_open_beside_the_load),
        cmocka_unit_test(idle_connection_takes_little_of_an_epoll_server),
        cmocka_unit_test(idle_socket_without_connections_is_no_connection),
        cmocka_unit_test(silent_client_keeps_a_server_of_one_at_a_time),
        cmocka_unit_test(too_many_connections_are_told_in_a_sentence),
        cmocka_unit_test(sweep_idle_tells_pauses_race_and_memory),
        cmocka_unit_test(sweep_life_computes_and_measures_shares),
        cmocka_unit_test(wrong_usage_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
