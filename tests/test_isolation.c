/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run sees of the system around it, and what is left of it there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/judge/compared.h"
#include "bench/run/result.h"
#include "tests/support.h"

enum { OUTPUT = 1 << 20 };

/* The JSON of `WORDS...` (a program and its arguments), or NULL when it did not end with 0. */
static json_t *run_of(char *const *words) {
    static char out[OUTPUT];
    static char err[4096];
    if (program_run(words, NULL, out, sizeof out, err, sizeof err) != 0) return NULL;
    return json_loads(out, 0, NULL);
}

static char *program(void) {
    static char path[256];
    const char *build = getenv("BUILD");
    (void)snprintf(path, sizeof path, "%s/echolab", build == NULL ? "build" : build);
    return path;
}

static json_t *short_run(const char *option, const char *variant) {
    char *words[] = {program(),      "run", (char *)variant, "--duration=20ms", "--warmup=2ms",
                     (char *)option, NULL};
    return run_of(words);
}

static bool isolated(const json_t *run) {
    return strcmp(result_text(run, "network"), "private") == 0;
}

static void every_run_has_a_network_without_history(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        json_t *run = short_run("--seed=1", "tcp-client-close");
        assert_non_null(run);
        if (!isolated(run)) {
            json_decref(run);
            print_message("private networks are denied here\n");
            skip();
        }
        assert_true(result_number(run, "time_wait.all_before", -1) == 0);
        assert_true(result_number(run, "time_wait.client_after", 0) > 0);
        assert_true(result_number(run, "time_wait.server_after", -1) == 0);
        json_decref(run);
    }
}

static void who_closes_first_keeps_time_wait(void **state) {
    (void)state;
    json_t *run = short_run("--seed=1", "tcp-per-message");
    assert_non_null(run);
    assert_true(result_number(run, "time_wait.client_after", -1) == 0);
    assert_true(result_number(run, "time_wait.server_after", 0) > 0);
    json_decref(run);
    run = short_run("--seed=1", "tcp-reset");
    assert_non_null(run);
    assert_true(result_number(run, "time_wait.client_after", -1) == 0);
    assert_true(result_number(run, "time_wait.server_after", -1) == 0);
    json_decref(run);
}

static void settings_in_force_are_recorded(void **state) {
    (void)state;
    json_t *lab = short_run("--profile=lab", "udp-persistent");
    assert_non_null(lab);
    if (isolated(lab)) {
        const json_t *settings = json_object_get(lab, "settings");
        const json_t *saves = json_object_get(settings, "net.ipv4.tcp_no_metrics_save");
        assert_string_equal(json_string_value(saves), "1");
        /* cubic, or reno where the host does not allow it */
        const json_t *control = json_object_get(settings, "net.ipv4.tcp_congestion_control");
        const char *name = json_string_value(control);
        assert_true(strcmp(name, "cubic") == 0 || strcmp(name, "reno") == 0);
    }
    json_decref(lab);
    json_t *host = short_run("--profile=host", "udp-persistent");
    assert_non_null(host);
    char line[64] = "";
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
    const json_t *settings = json_object_get(host, "settings");
    assert_string_equal(
        json_string_value(json_object_get(settings, "net.ipv4.tcp_congestion_control")), line);
    json_decref(host);
}

/* By sudo: the network is made as root, the run is the caller's, with and without a wire. */
static void sudo_measures_as_the_caller(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can play sudo\n");
        skip();
    }
    assert_int_equal(setenv("SUDO_UID", "65534", 1), 0);
    assert_int_equal(setenv("SUDO_GID", "65534", 1), 0);
    json_t *plain = short_run("--seed=1", "tcp-persistent");
    json_t *wire = short_run("--rtt=1ms", "tcp-persistent");
    assert_int_equal(unsetenv("SUDO_UID"), 0);
    assert_int_equal(unsetenv("SUDO_GID"), 0);
    assert_non_null(plain);
    assert_non_null(wire);
    assert_true(isolated(plain));
    assert_true(isolated(wire));
    assert_true(result_number(wire, "messages.ok", 0) > 0);
    json_decref(plain);
    json_decref(wire);
}

/* The other path: a user namespace. The program is copied to where that user may read it. */
static void caller_without_rights_is_isolated_too(void **state) {
    (void)state;
    char path[] = "/tmp/echolab-test-XXXXXX";
    if (geteuid() != 0) {
        print_message("only root can become another user\n");
        skip();
    }
    const int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    char *copy[] = {"install", "-m", "755", program(), path, NULL};
    static char out[OUTPUT];
    assert_int_equal(program_run(copy, NULL, out, sizeof out, out, sizeof out), 0);
    char *words[] = {"setpriv", "--reuid=65534", "--regid=65534",  "--clear-groups",
                     path,      "run",           "tcp-persistent", "--duration=20ms",
                     NULL};
    json_t *run = run_of(words);
    assert_int_equal(unlink(path), 0);
    assert_non_null(run);
    if (!isolated(run)) print_message("user namespaces are denied here: on the host's loopback\n");
    assert_true(result_number(run, "messages.ok", 0) > 0);
    json_decref(run);
}

/* Over a wire that loses packets: all answered, and none executed twice. */
static void retries_with_a_memory_execute_each_message_once(void **state) {
    (void)state;
    char *words[] = {program(),     "run",      "udp-retry",        "--rtt=20ms",
                     "--loss=5%",   "--dedup",  "--connections=20", "--messages=2000",
                     "--warmup=0s", "--seed=7", "--deadline=60s",   "--rto-floor=10ms",
                     NULL};
    json_t *run = run_of(words);
    if (run == NULL) {
        print_message("a wire needs a private network, which is denied here\n");
        skip();
    }
    assert_true(result_number(run, "wire.dropped", 0) > 0);
    assert_true(result_number(run, "messages.ok", 0) == 2000);
    assert_true(result_number(run, "executions.executed", 0) == 2000);
    assert_true(result_number(run, "executions.executed_twice", -1) == 0);
    json_decref(run);
}

/* In ms, the second of two messages on a connection, whose request is lost; -1: no wire. */
static double lost_request_ms(void) {
    char *words[] = {program(),
                     "run",
                     "tcp-persistent",
                     "--rtt=20ms",
                     "--messages=2",
                     "--warmup=0s",
                     "--drop=request:to_server:2",
                     NULL};
    json_t *run = run_of(words);
    const double ms = result_number(run, "latency_us.max", -1e3) / 1e3;
    json_decref(run);
    return ms;
}

/* Linux remembers round-trip times by destination; a new namespace remembers nothing. */
static void loss_takes_as_long_after_a_longer_way(void **state) {
    (void)state;
    char *far[] = {program(),     "run", "tcp-persistent", "--rtt=100ms", "--messages=5",
                   "--warmup=0s", NULL};
    const double before_ms = lost_request_ms();
    if (before_ms < 0) {
        print_message("a wire needs a private network, which is denied here\n");
        skip();
    }
    json_t *run = run_of(far);
    assert_non_null(run);
    json_decref(run);
    const double after_ms = lost_request_ms();
    assert_true(after_ms > 0.9 * before_ms && after_ms < 1.1 * before_ms);
}

static json_t *constructed_run(const char *variant, int column, double us, double floor_ms) {
    json_t *run = json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:b,s:f}", "variant", variant, "role",
                            "variant", "size_bytes", 64, "connections", 1, "block", 0, "column",
                            column, "valid", 1, "time_per_message_us", us);
    if (floor_ms > 0) (void)json_object_set_new(run, "rto_floor_ms", json_real(floor_ms));
    return run;
}

static void who_retries_is_compared_with_who_does_not(void **state) {
    (void)state;
    json_t *runs = json_array();
    assert_int_equal(json_array_append_new(runs, constructed_run("tcp-persistent", 0, 10, 0)), 0);
    assert_int_equal(json_array_append_new(runs, constructed_run("udp-retry", 1, 9, 200)), 0);
    json_t *comparisons = compared_list(runs, 0.01);
    assert_int_equal(json_array_size(comparisons), 1);
    const json_t *one = json_array_get(comparisons, 0);
    assert_string_equal(result_text(one, "variant"), "udp-retry");
    assert_string_equal(result_text(one, "baseline"), "tcp-persistent");
    json_decref(comparisons);
    json_decref(runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_has_a_network_without_history),
        cmocka_unit_test(who_closes_first_keeps_time_wait),
        cmocka_unit_test(settings_in_force_are_recorded),
        cmocka_unit_test(sudo_measures_as_the_caller),
        cmocka_unit_test(caller_without_rights_is_isolated_too),
        cmocka_unit_test(retries_with_a_memory_execute_each_message_once),
        cmocka_unit_test(loss_takes_as_long_after_a_longer_way),
        cmocka_unit_test(who_retries_is_compared_with_who_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
