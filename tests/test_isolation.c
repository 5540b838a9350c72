/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run sees of the system around it, and what is left of it there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/judge/compared.h"
#include "bench/session/session.h"
#include "tests/support.h"

enum { OUTPUT = 1 << 20 };

/* What `WORDS...` (a program and its arguments) printed, or NULL when it did not end with 0. */
static struct run *run_of(char *const *words) {
    static char out[OUTPUT];
    static char err[4096];
    char why[SESSION_WHY];
    struct parameters usual;
    if (program_run(words, NULL, out, sizeof out, err, sizeof err) != 0) return NULL;
    parameters_usual(&usual);
    struct run *run = session_run_of(out, strlen(out), &usual, why);
    if (run == NULL) fail_msg("%s", why);
    return run;
}

static char *program(void) {
    static char path[256];
    const char *build = getenv("BUILD");
    (void)snprintf(path, sizeof path, "%s/echolab", build == NULL ? "build" : build);
    return path;
}

static struct run *short_run(const char *option, const char *variant) {
    char *words[] = {program(),      "run", (char *)variant, "--duration=20ms", "--warmup=2ms",
                     (char *)option, NULL};
    return run_of(words);
}

static bool isolated(const struct run *run) {
    return run->network == NETWORK_PRIVATE;
}

static void every_run_has_a_network_without_history(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct run *run = short_run("--seed=1", "tcp-client-close");
        assert_non_null(run);
        if (!isolated(run)) {
            run_free(run);
            print_message("private networks are denied here\n");
            skip();
        }
        assert_true(run->time_wait[0].all == 0);
        assert_true(run->time_wait[1].client > 0);
        assert_true(run->time_wait[1].server == 0);
        run_free(run);
    }
}

static void who_closes_first_keeps_time_wait(void **state) {
    (void)state;
    struct run *run = short_run("--seed=1", "tcp-per-message");
    assert_non_null(run);
    assert_true(run->time_wait[1].client == 0);
    assert_true(run->time_wait[1].server > 0);
    run_free(run);
    run = short_run("--seed=1", "tcp-reset");
    assert_non_null(run);
    assert_true(run->time_wait[1].client == 0);
    assert_true(run->time_wait[1].server == 0);
    run_free(run);
}

static void settings_in_force_are_recorded(void **state) {
    (void)state;
    struct run *lab = short_run("--profile=lab", "udp-persistent");
    assert_non_null(lab);
    if (isolated(lab)) {
        assert_string_equal(facts_text(&lab->settings, "net.ipv4.tcp_no_metrics_save"), "1");
        /* cubic, or reno where the host does not allow it */
        const char *name = facts_text(&lab->settings, "net.ipv4.tcp_congestion_control");
        assert_true(strcmp(name, "cubic") == 0 || strcmp(name, "reno") == 0);
    }
    run_free(lab);
    struct run *host = short_run("--profile=host", "udp-persistent");
    assert_non_null(host);
    char line[64] = "";
    FILE *file = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(facts_text(&host->settings, "net.ipv4.tcp_congestion_control"), line);
    run_free(host);
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
    struct run *plain = short_run("--seed=1", "tcp-persistent");
    struct run *wire = short_run("--rtt=1ms", "tcp-persistent");
    assert_int_equal(unsetenv("SUDO_UID"), 0);
    assert_int_equal(unsetenv("SUDO_GID"), 0);
    assert_non_null(plain);
    assert_non_null(wire);
    assert_true(isolated(plain));
    assert_true(isolated(wire));
    assert_true(wire->ok > 0);
    run_free(plain);
    run_free(wire);
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
    struct run *run = run_of(words);
    assert_int_equal(unlink(path), 0);
    assert_non_null(run);
    if (!isolated(run)) print_message("user namespaces are denied here: on the host's loopback\n");
    assert_true(run->ok > 0);
    run_free(run);
}

/* Over a wire that loses packets: all answered, and none executed twice. */
static void retries_with_a_memory_execute_each_message_once(void **state) {
    (void)state;
    char *words[] = {program(),     "run",      "udp-retry",        "--rtt=20ms",
                     "--loss=5%",   "--dedup",  "--connections=20", "--messages=2000",
                     "--warmup=0s", "--seed=7", "--deadline=60s",   "--rto-floor=10ms",
                     NULL};
    struct run *run = run_of(words);
    if (run == NULL) {
        print_message("a wire needs a private network, which is denied here\n");
        skip();
    }
    assert_true(run->wire.all.dropped > 0);
    assert_true(run->ok == 2000);
    assert_true(run->executed == 2000);
    assert_true(run->executed_twice == 0);
    run_free(run);
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
    struct run *run = run_of(words);
    const double ms = run == NULL ? -1 : (double)run->latency.max_ns / 1e6;
    run_free(run);
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
    struct run *run = run_of(far);
    assert_non_null(run);
    run_free(run);
    const double after_ms = lost_request_ms();
    assert_true(after_ms > 0.9 * before_ms && after_ms < 1.1 * before_ms);
}

static void add_run(struct runs *runs, const char *variant, uint64_t us_per_message) {
    struct run *run = run_new();
    assert_non_null(run);
    run->asked.variant = variant_find(variant);
    if (run->asked.variant->retries) run->asked.rto_floor_ns /= 2; /* that of nobody else */
    run->column = (unsigned)runs->count;
    run->sent = run->ok = 100;
    run->elapsed_ns = run->ok * us_per_message * 1000;
    runs_add(runs, run);
}

static void who_retries_is_compared_with_who_does_not(void **state) {
    (void)state;
    struct runs runs = {0};
    struct findings list = {0};
    add_run(&runs, "tcp-persistent", 10);
    add_run(&runs, "udp-retry", 9);
    compared_list(&list, &runs, 0.01);
    assert_int_equal(list.count, 1);
    const struct compared *one = list.items;
    assert_string_equal(one->variant, "udp-retry");
    assert_string_equal(one->baseline, "tcp-persistent");
    free(list.items);
    runs_free(&runs);
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
