/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Other people's tools: their numbers are read, and whatever they do instead
 * of giving one is told while ours goes on. The tools here are fakes of a few
 * lines; the command is started from $BUILD (default: build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/crosscheck.h"
#include "bench/run/variant.h"
#include "tests/support.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 16384 };

static char directory[64];

static const struct tool_row *row_of(const char *tool, const char *test) {
    for (unsigned i = 0; i < tool_row_count; i++) {
        const struct tool_row *row = &tool_rows[i];
        if (strcmp(row->tool, tool) == 0 && strcmp(row->test, test) == 0) return row;
    }
    fail_msg("there is no row %s %s", tool, test);
    return NULL;
}

/* ---- the table and its figures ---- */

static void every_figure_is_turned_into_whole_exchanges(void **state) {
    (void)state;
    static const struct {
        const char *tool, *test, *output;
        double us;
    } cases[] = {
        {"sockperf", "tcp", "sockperf: Summary: Round trip is 12.500 usec\n", 12.5},
        {"sockperf", "udp", "sockperf: x\nsockperf: Summary: Round trip is 1.5 msec \n", 1500},
        {"qperf", "tcp_lat", "tcp_lat:\n    latency  =  6.25 us\n", 12.5},
        {"qperf", "udp_lat", "udp_lat:\n    latency  =  750 ns\n", 1.5},
        {"netperf", "TCP_RR", "THROUGHPUT=50000.00\n", 20},
        {"netperf", "TCP_CRR", "note\nTHROUGHPUT=20000\n", 50},
        {"neper", "tcp_rr", "local_throughput=1\nthroughput=80000.00\n", 12.5},
        {"neper", "udp_rr", "throughput_x=3\nthroughput=1e5\n", 10},
        {"nginx+ab", "", "Requests per second:    25000.00 [#/sec] (mean)\n", 40},
        {"nginx+ab", "-k", "Requests per second:    2.0 [#/sec]", 500000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct tool_row *row = row_of(cases[i].tool, cases[i].test);
        const double us = tool_parse(row, cases[i].output);
        if (!(fabs(us - cases[i].us) < 1e-9 * cases[i].us)) {
            fail_msg("%s %s: %g us from %s", row->tool, row->test, us, cases[i].output);
        }
    }
}

static void what_is_no_figure_is_not_taken_for_one(void **state) {
    (void)state;
    static const char *const outputs[] = {
        "",
        "\n\n",
        "latency",
        "latency =",
        "latency = nan us",
        "latency = inf us",
        "latency = 0 us",
        "latency = -3 us",
        "latency = 3",
        "latency = 3 parsecs",
        "the latency = 3 us",
    };
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        if (!isnan(tool_parse(row_of("qperf", "tcp_lat"), outputs[i]))) {
            fail_msg("a figure in '%s'", outputs[i]);
        }
    }
}

static void every_row_names_a_variant_and_fits_the_page(void **state) {
    (void)state;
    for (unsigned i = 0; i < tool_row_count; i++) {
        const struct tool_row *row = &tool_rows[i];
        assert_non_null(variant_find(row->variant));
        assert_non_null(row->notes[0]);
        assert_true(strlen(row->tool) + 1 + strlen(row->test) <= 16);
    }
}

/* ---- finding them ---- */

static void a_tool_is_named_by_its_variable(void **state) {
    (void)state;
    char path[TOOL_PATH];
    assert_int_equal(setenv("QPERF", "/bin/sh", 1), 0);
    assert_int_equal(tool_find(TOOL_QPERF, path), 0);
    assert_int_equal(path[0], '/');
    assert_int_equal(setenv("QPERF", "/nowhere/qperf", 1), 0);
    assert_int_equal(tool_find(TOOL_QPERF, path), -ENOENT);
    assert_string_equal(path, "qperf: QPERF=/nowhere/qperf is no program that can be run");
    assert_int_equal(unsetenv("QPERF"), 0);
}

static void a_missing_tool_says_how_to_come_by_it(void **state) {
    (void)state;
    char path[TOOL_PATH];
    const char *folders = getenv("PATH");
    char *before = strdup(folders == NULL ? "/usr/bin:/bin" : folders);
    assert_int_equal(setenv("PATH", directory, 1), 0);
    const int found = tool_find(TOOL_SOCKPERF, path);
    assert_int_equal(setenv("PATH", before, 1), 0);
    free(before);
    assert_int_equal(found, -ENOENT);
    assert_string_equal(path,
                        "sockperf: not installed (apt-get install sockperf, or SOCKPERF=path)");
}

/* ---- one run of a fake ---- */

/* A fake sockperf: `server` and `client` are shell commands; $1 is the port for the server. */
static void make_fake(char *path, const char *name, const char *server, const char *client) {
    (void)snprintf(path, ROOM, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file,
                  "#!/bin/sh\n"
                  "if [ \"$1\" != pp ]; then\n"
                  "    for word; do port=$word; done\n"
                  "    %s\n"
                  "else\n"
                  "    %s\n"
                  "fi\n",
                  server, client);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

/* Listens, and waits for its end in a session of its own: harder to end than most. */
static const char listens[] = "exec setsid -w python3 -c 'import socket, sys, time\n"
                              "s = socket.socket()\n"
                              "s.bind((\"127.0.0.1\", int(sys.argv[1])))\n"
                              "s.listen()\n"
                              "time.sleep(3600)' $port";

static void run_fake(struct tool_outcome *outcome, const char *server, const char *client,
                     uint64_t patience_ns) {
    char path[ROOM];
    make_fake(path, "fake", server, client);
    struct tool_job job = {
        .row = row_of("sockperf", "tcp"),
        .server = path,
        .client = path,
        .directory = directory,
        .payload_bytes = 64,
        .ready_ns = patience_ns,
        .figure_ns = patience_ns,
    };
    assert_int_equal(placement_choose(&job.cpus, PLACEMENT_SAME_CORE), 0);
    tool_run(&job, outcome);
}

/* How many processes have `text` among their arguments. */
static int running(const char *text) {
    int count = 0;
    DIR *all = opendir("/proc");
    assert_non_null(all);
    for (const struct dirent *one = readdir(all); one != NULL; one = readdir(all)) {
        char path[300], arguments[4096];
        (void)snprintf(path, sizeof path, "/proc/%s/cmdline", one->d_name);
        FILE *file = fopen(path, "re");
        if (file == NULL) continue;
        const size_t got = fread(arguments, 1, sizeof arguments - 1, file);
        (void)fclose(file);
        count += memmem(arguments, got, text, strlen(text)) != NULL;
    }
    (void)closedir(all);
    return count;
}

static const uint64_t long_ns = UINT64_C(20000000000);

static void a_figure_is_read_from_a_tool(void **state) {
    (void)state;
    struct tool_outcome outcome;
    run_fake(&outcome, listens, "echo \"sockperf: Summary: Round trip is 12.5 usec\"", long_ns);
    assert_string_equal(outcome.problem, "");
    assert_true(outcome.us == 12.5);
    assert_int_equal(running(directory), 0);
}

static void a_tool_that_stalls_is_ended_with_all_it_started(void **state) {
    (void)state;
    struct tool_outcome outcome;
    char client[ROOM];
    (void)snprintf(client, sizeof client, "setsid sh -c 'sleep 3600; : %s' & sleep 3600",
                   directory);
    /* Time enough for the server, which must listen; little for the client. */
    char path[ROOM];
    make_fake(path, "fake", listens, client);
    struct tool_job job = {.row = row_of("sockperf", "tcp"),
                           .server = path,
                           .client = path,
                           .directory = directory,
                           .ready_ns = long_ns,
                           .figure_ns = 500000000};
    assert_int_equal(placement_choose(&job.cpus, PLACEMENT_SAME_CORE), 0);
    tool_run(&job, &outcome);
    assert_string_equal(outcome.problem, "stalled: no figure within 0.5 s");
    assert_true(isnan(outcome.us));
    assert_int_equal(running(directory), 0);
}

static void a_tool_whose_server_is_not_ready_is_ended(void **state) {
    (void)state;
    struct tool_outcome outcome;
    run_fake(&outcome, "sleep 3600", "echo never", 300000000);
    assert_string_equal(outcome.problem, "its server was not ready within 0.3 s");
    assert_int_equal(running(directory), 0);
}

static void what_a_tool_refuses_with_is_told(void **state) {
    (void)state;
    struct tool_outcome outcome;
    run_fake(&outcome, "echo no memory; exit 1", "echo never", long_ns);
    assert_string_equal(outcome.problem, "refused: its server ended: no memory");
    run_fake(&outcome, listens, "echo no server >&2; exit 3", long_ns);
    assert_string_equal(outcome.problem, "refused (status 3): no server");
    run_fake(&outcome, listens, "echo spoon", long_ns);
    assert_string_equal(outcome.problem, "printed no figure: spoon");
    run_fake(&outcome, listens, "kill -9 $$", long_ns);
    assert_string_equal(outcome.problem, "ended by signal 9: nothing said");
    run_fake(&outcome, listens, "while :; do echo more and more; done", long_ns);
    assert_non_null(strstr(outcome.problem, "ended by signal 25: more"));
    assert_int_equal(running(directory), 0);
}

/* ---- the command ---- */

/* Lines break where they have to: one space instead. */
static const char *flat(char *copy, const char *text) {
    (void)snprintf(copy, ROOM, "%s", text);
    for (char *at = copy; (at = strchr(at, '\n')) != NULL;) *at = ' ';
    return copy;
}

static void ours_goes_on_where_theirs_fails(void **state) {
    (void)state;
    char path[ROOM], program[ROOM], out[ROOM], err[ROOM], words[ROOM];
    const char *build = getenv("BUILD");
    const char *const others[] = {"QPERF",  "NETPERF", "NETSERVER", "TCP_RR",
                                  "UDP_RR", "TCP_CRR", "NGINX",     "AB"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(setenv(others[i], "/nowhere", 1), 0);
    }
    make_fake(path, "fake", "echo no thanks; exit 1", "echo never");
    assert_int_equal(setenv("SOCKPERF", path, 1), 0);
    (void)snprintf(program, sizeof program, "%s/echolab", build != NULL ? build : "build");
    char *argv[] = {program,        "crosscheck", "--blocks=1", "--duration=50ms",
                    "--warmup=5ms", "--quiet",    NULL};
    const int status = program_run(argv, NULL, out, sizeof out, err, sizeof err);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) (void)unsetenv(others[i]);
    (void)unsetenv("SOCKPERF");
    if (status == 64) {
        print_message("skipped: this build has no command crosscheck: %s\n", err);
        skip();
    }
    assert_true(status == 0 || status == 4); /* 4: ours met a noisy moment; it ran */
    assert_non_null(strstr(flat(words, out),
                           "Theirs without a figure 1 time: refused: its server ended: no thanks"));
    double us = 0;
    const char *tcp = strstr(out, "sockperf tcp");
    const char *udp = strstr(out, "sockperf udp");
    assert_non_null(tcp);
    assert_non_null(udp);
    if (status == 0 && strstr(err, "not valid") == NULL) {
        assert_int_equal(sscanf(tcp, "sockperf tcp tcp-persistent - %lf", &us), 1);
        assert_int_equal(sscanf(udp, "sockperf udp udp-persistent - %lf", &us), 1);
    }
    assert_non_null(strstr(out, "qperf: QPERF=/nowhere is no program that can be run\n"));
    assert_int_equal(running(directory), 0);
}

/* ---- the directory for the fakes ---- */

static int make_directory(void **state) {
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/echolab-fakes-XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state) {
    (void)state;
    char path[ROOM];
    (void)snprintf(path, sizeof path, "%s/fake", directory);
    (void)remove(path);
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_is_turned_into_whole_exchanges),
        cmocka_unit_test(what_is_no_figure_is_not_taken_for_one),
        cmocka_unit_test(every_row_names_a_variant_and_fits_the_page),
        cmocka_unit_test(a_tool_is_named_by_its_variable),
        cmocka_unit_test(a_missing_tool_says_how_to_come_by_it),
        cmocka_unit_test(a_figure_is_read_from_a_tool),
        cmocka_unit_test(a_tool_that_stalls_is_ended_with_all_it_started),
        cmocka_unit_test(a_tool_whose_server_is_not_ready_is_ended),
        cmocka_unit_test(what_a_tool_refuses_with_is_told),
        cmocka_unit_test(ours_goes_on_where_theirs_fails),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
