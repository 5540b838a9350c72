/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a message costs: every count that is predicted is measured here and
 * compared with ==. The built program is run ($BUILD, default: build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/cli/options.h"
#include "bench/experiment/anatomy_trace.h"
#include "bench/run/child.h"
#include "bench/run/cost.h"
#include "bench/run/result.h"
#include "bench/run/variant.h"
#include "tests/support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/echolab-test-XXXXXX";

/* LeakSanitizer, where a build has it, cannot work in a program that is traced. */
static void look_for_leaks(bool look) {
    assert_int_equal(setenv("ASAN_OPTIONS", look ? "detect_leaks=1" : "detect_leaks=0", 1), 0);
}

/* ---- the model ---- */

struct formula {
    const char *variant;
    uint64_t fixed_packets, packets; /* of a run of N: fixed + N x each */
    uint64_t fixed_bytes, bytes;     /* beside the messages: fixed + N x (each + 2 P) */
};

/* Fast Open's first connection fetches the cookie: 2 packets more. */
static const struct formula formulas[] = {
    {"tcp-per-message", 0, 10, 0, 536}, {"tcp-client-close", 0, 10, 0, 536},
    {"tcp-reset", 0, 8, 0, 432},        {"tcp-persistent", 8, 2, 432, 104},
    {"tcp-fastopen", 2, 8, 108, 444},   {"udp-per-message", 0, 2, 0, 56},
    {"udp-persistent", 0, 2, 0, 56},    {"udp-retry", 0, 2, 0, 56},
};

static void the_models_add_up_to_the_formulas(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        const struct formula *f = &formulas[i];
        for (uint64_t n = 1; n < 100; n += 7) {
            struct cost cost;
            const uint64_t message = 40 + 64;
            assert_null(cost_predict(&cost, variant_find(f->variant)->cost, 64, 64, n, 1));
            assert_int_equal(cost.all_packets, f->fixed_packets + n * f->packets);
            assert_int_equal(cost.ip_bytes, f->fixed_bytes + n * (f->bytes + 2 * message));
        }
    }
}

static void every_variant_that_is_old_enough_has_a_model(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formulas / sizeof formulas[0]; i++) {
        assert_non_null(variant_find(formulas[i].variant)->cost);
    }
    for (unsigned i = 0; i < variant_count; i++) {
        if (variants[i].core) assert_non_null(variants[i].cost);
    }
}

static void what_does_not_fit_a_packet_is_not_predicted(void **state) {
    (void)state;
    struct cost cost;
    assert_null(cost_predict(&cost, &cost_tcp_server_closes, 1408, 1408, 3, 1));
    assert_non_null(cost_predict(&cost, &cost_tcp_server_closes, 1409, 64, 3, 1));
    assert_non_null(cost_predict(&cost, &cost_tcp_server_closes, 64, 1409, 3, 1));
    assert_null(cost_predict(&cost, &cost_udp_persistent, 1432, 1432, 3, 1));
    assert_non_null(cost_predict(&cost, &cost_udp_persistent, 1433, 1432, 3, 1));
    assert_non_null(cost_predict(&cost, NULL, 0, 0, 1, 1));
    assert_int_equal(cost.all_packets, 0);
}

static void a_sysctl_chooses_the_model(void **state) {
    (void)state;
    assert_ptr_equal(cost_in_force(&cost_tcp_fastopen, 3), &cost_tcp_fastopen);
    assert_ptr_equal(cost_in_force(&cost_tcp_fastopen, 2), &cost_tcp_server_closes);
    assert_ptr_not_equal(cost_in_force(&cost_tcp_fastopen, 1), &cost_tcp_fastopen);
    assert_ptr_equal(cost_in_force(&cost_tcp_persistent, 0), &cost_tcp_persistent);
    assert_null(cost_in_force(NULL, 3));
}

/* ---- the lines of strace ---- */

static void lines_of_strace_are_read(void **state) {
    (void)state;
    struct trace_call call;
    assert_true(trace_parse(&call, "1795360638.843502217 recvfrom(7, \"EC\"..., 64, 0, NULL, NULL) "
                                   "= 104 <0.000049273>\n"));
    assert_string_equal(call.name, "recvfrom");
    assert_int_equal(call.descriptor, 7);
    assert_int_equal(call.result, 104);
    assert_string_equal(call.error, "");
    assert_int_equal(call.start_ns, UINT64_C(1795360638843502217));
    assert_int_equal(call.end_ns - call.start_ns, 49273);
    assert_true(trace_parse(&call, "1.000000001 recvfrom(7, 0x7f, 64, 0, NULL, NULL) = -1 "
                                   "ECONNRESET (Connection reset by peer) <0.000000002>\n"));
    assert_string_equal(call.error, "ECONNRESET");
    assert_true(trace_parse(&call, "1.000000001 sendto(3, \" = 7 <\"..., 9, 0, NULL, 0) = 9 "
                                   "<0.000000002>\n"));
    assert_int_equal(call.result, 9);
    assert_true(trace_parse(&call, "1.000000001 exit_group(0) = ?\n"));
    assert_int_equal(call.end_ns, 0);
    assert_true(trace_parse(&call, "1.000000001 socket(AF_INET, SOCK_STREAM, 0) = 3 "
                                   "<0.000000002>\n"));
    assert_int_equal(call.descriptor, -1);
}

static void lines_that_are_no_call_are_left_out(void **state) {
    (void)state;
    static const char *const lines[] = {
        "",
        "\n",
        "+++ exited with 0 +++\n",
        "1795360638.886443161 +++ exited with 0 +++\n",
        "1795360638.884567794 --- SIGCHLD {si_signo=SIGCHLD} ---\n",
        "1795360638.88 close(3) = 0 <0.1>\n",
        "strace: Process 12 attached\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct trace_call call;
        assert_false(trace_parse(&call, lines[i]));
    }
}

/* ---- measured ---- */

static json_t *run_over_wire(const struct variant *variant, uint32_t size, uint64_t messages,
                             unsigned depth) {
    char program[256];
    char why[320];
    const struct options options = {
        .variants = {variant},
        .variant_count = 1,
        .size_bytes = size,
        .reply_bytes = size,
        .connections = 1,
        .pipeline = variant->depth > 0 ? depth : 0,
        .messages = messages,
        .duration_ns = 1000000, /* unused, but said */
        .deadline_ns = UINT64_C(5000000000),
        .rto_floor_ns = UINT64_C(1000000000),
        .engine = ENGINE_BLOCKING,
        .seed = 1,
        .wire = true,
    };
    json_t *run =
        child_run(program_built(program, sizeof program, "echolab"), &options, why, sizeof why);
    if (run == NULL && strstr(why, "private network") != NULL) {
        print_message("skipped: %s\n", why);
        skip();
    }
    if (run == NULL) fail_msg("%s: %s", variant->name, why);
    return run;
}

static bool as_predicted(const json_t *run, const struct cost *cost, bool says) {
    bool equal = result_number(run, "wire.packets", -1) == (double)cost->all_packets &&
                 result_number(run, "wire.ip_bytes", -1) == (double)cost->ip_bytes;
    for (int kind = 0; kind < WIRE_KINDS; kind++) {
        for (int direction = 0; direction < WIRE_DIRECTIONS; direction++) {
            char path[64];
            (void)snprintf(path, sizeof path, "wire.%s.%s.packets", wire_direction_names[direction],
                           wire_kind_names[kind]);
            const double seen = result_number(run, path, 0);
            const double wanted = (double)cost->packets[kind][direction];
            if (says && seen != wanted) print_message("%s: %g, not %g\n", path, seen, wanted);
            equal = equal && seen == wanted;
        }
    }
    return equal;
}

/*
 * A pause of the machine that is longer than the delayed-ACK timer (40 ms)
 * adds packets, rightly: such a run, and no other, is made again.
 */
static void assert_as_predicted(const struct variant *variant, uint32_t size, uint64_t batches) {
    /* Of a pipeline as many as fit one packet. */
    const unsigned fit = variant->cost->message_bytes_max / (ECHO_HEADER_BYTES + size);
    const unsigned depth = variant->depth <= 1 ? 1 : fit < 8 ? fit : 8;
    const uint64_t messages = batches * depth;
    struct cost cost;
    const double pause_us = 30000;
    assert_null(cost_predict(&cost, variant->cost, size, size, messages, depth));
    for (int attempt = 0;; attempt++) {
        json_t *run = run_over_wire(variant, size, messages, depth);
        const bool paused = result_number(run, "cycle_us.max", 0) > pause_us;
        const bool last = !paused || attempt == 4;
        const bool equal = as_predicted(run, &cost, last);
        json_decref(run);
        if (equal) return;
        if (last) {
            fail_msg("%s, %u bytes, %llu messages", variant->name, size,
                     (unsigned long long)messages);
        }
    }
}

static void packets_and_bytes_of_every_variant_are_as_predicted(void **state) {
    (void)state;
    static const uint32_t sizes[] = {0, 64, 1024};
    static const uint64_t messages[] = {1, 10};
    for (unsigned i = 0; i < variant_count; i++) {
        if (variants[i].cost == NULL) print_message("no model yet: %s\n", variants[i].name);
        for (size_t j = 0; j < 6 && variants[i].cost != NULL; j++) {
            assert_as_predicted(&variants[i], sizes[j / 2], messages[j % 2]);
        }
    }
}

static void the_largest_message_that_fits_is_still_as_predicted(void **state) {
    (void)state;
    for (unsigned i = 0; i < variant_count; i++) {
        if (variants[i].cost == NULL) continue;
        assert_as_predicted(&variants[i], variants[i].cost->message_bytes_max - 40, 3);
    }
}

/* ---- the command ---- */

static json_t *anatomy_of(const char *words) {
    static struct ran ran;
    char path[256];
    json_error_t error;
    (void)snprintf(path, sizeof path, "%s/anatomy.json", folder);
    echolab_run(&ran, "anatomy --json %s %s", path, words);
    assert_int_equal(ran.status, 0);
    json_t *file = json_load_file(path, 0, &error);
    assert_non_null(file);
    assert_string_equal(result_text(file, "command"), "anatomy");
    json_t *list = json_incref(json_object_get(file, "anatomy"));
    json_decref(file);
    (void)unlink(path);
    return list;
}

struct expected_calls {
    const char *variant, *client, *server; /* "name count ..." */
};

static const struct expected_calls expected[] = {
    {"tcp-per-message", "socket 1 setsockopt 3 connect 1 sendto 1 recvfrom 2 close 1",
     "accept4 1 recvfrom 1 sendto 1 ioctl 1 close 1"},
    {"tcp-persistent", "sendto 1 recvfrom 1", "recvfrom 1 sendto 1"},
    {"udp-per-message", "socket 1 setsockopt 1 connect 1 sendto 1 recvfrom 1 close 1",
     "recvfrom 1 sendto 1"},
    {"udp-persistent", "sendto 1 recvfrom 1", "recvfrom 1 sendto 1"},
};

/* The names in their order, and counts that are whole. */
static void assert_calls(const json_t *anatomy, const char *side, const char *wanted) {
    char seen[512] = "";
    size_t length = 0;
    const char *name;
    json_t *calls = json_object_get(json_object_get(anatomy, "syscalls"), side);
    json_t *call;
    json_object_foreach(calls, name, call) {
        length +=
            (size_t)snprintf(seen + length, sizeof seen - length, "%s%s %g", length > 0 ? " " : "",
                             name, result_number(call, "measured", -1));
        assert_true(length < sizeof seen);
    }
    assert_string_equal(seen, wanted);
}

static void system_calls_of_the_core_are_exact(void **state) {
    (void)state;
    look_for_leaks(false);
    json_t *list = anatomy_of("--messages 20");
    look_for_leaks(true);
    assert_int_equal(json_array_size(list), 4);
    const char *why = result_text(json_array_get(list, 0), "syscalls_skipped_because");
    if (*why != '\0') {
        print_message("skipped: %s\n", why);
        json_decref(list);
        skip();
    }
    for (size_t i = 0; i < 4; i++) {
        const json_t *anatomy = json_array_get(list, i);
        assert_string_equal(result_text(anatomy, "variant"), expected[i].variant);
        assert_calls(anatomy, "client", expected[i].client);
        assert_calls(anatomy, "server", expected[i].server);
    }
    json_decref(list);
}

static void no_line_is_longer_than_80_columns(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "anatomy tcp-fastopen tcp-reset --messages 3");
    assert_int_equal(ran.status, 0);
    for (const char *line = ran.out; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (length > 80) fail_msg("%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* PATH is that of the program, too. */
static void without_strace_the_rest_is_shown(void **state) {
    (void)state;
    static struct ran ran;
    const char *usual = getenv("PATH");
    char *path = strdup(usual == NULL ? "" : usual);
    assert_non_null(path);
    char program[256];
    char *real = realpath(program_built(program, sizeof program, "echolab"), NULL);
    assert_non_null(real);
    free(real);
    assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
    echolab_run(&ran, "anatomy udp-persistent --messages 3");
    assert_int_equal(setenv("PATH", path, 1), 0);
    free(path);
    assert_int_equal(ran.status, 0);
    assert_non_null(strstr(ran.out, "system calls: skipped, strace is not installed"));
    assert_non_null(strstr(ran.out, "context switches"));
}

static int run_with_input(const char *input, char *out, size_t out_size, char *err,
                          size_t err_size) {
    char program[256];
    char *argv[] = {program_built(program, sizeof program, "echolab"),
                    "anatomy",
                    "--predict",
                    "--messages",
                    "3",
                    "udp-persistent",
                    NULL};
    return program_run(argv, input, out, out_size, err, err_size);
}

static void the_reader_is_asked_first(void **state) {
    (void)state;
    static char out[32768];
    static char err[4096];
    assert_int_equal(run_with_input("2\nno idea\n7\n", out, sizeof out, err, sizeof err), 0);
    const char *asked = strstr(out, "packets on the wire");
    const char *shown = strstr(out, "measured");
    assert_non_null(asked);
    assert_non_null(shown);
    assert_true(asked < shown);
    assert_non_null(strstr(out, "Your numbers:"));
    assert_null(strstr(strstr(out, "Your numbers:"), "round trips"));
}

static void no_number_at_all_is_a_failure(void **state) {
    (void)state;
    static char out[4096];
    static char err[4096];
    assert_int_equal(run_with_input("", out, sizeof out, err, sizeof err), 1);
    assert_non_null(strstr(err, "echolab: --predict got no number"));
}

static void a_file_that_cannot_be_written_is_said_before_anything_is_run(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "anatomy --json /nonexistent/a.json");
    assert_int_equal(ran.status, 1);
    assert_string_equal(ran.out, "");
    assert_non_null(strstr(ran.err, "echolab: cannot write /nonexistent/a.json"));
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_models_add_up_to_the_formulas),
        cmocka_unit_test(every_variant_that_is_old_enough_has_a_model),
        cmocka_unit_test(what_does_not_fit_a_packet_is_not_predicted),
        cmocka_unit_test(a_sysctl_chooses_the_model),
        cmocka_unit_test(lines_of_strace_are_read),
        cmocka_unit_test(lines_that_are_no_call_are_left_out),
        cmocka_unit_test(packets_and_bytes_of_every_variant_are_as_predicted),
        cmocka_unit_test(the_largest_message_that_fits_is_still_as_predicted),
        cmocka_unit_test(system_calls_of_the_core_are_exact),
        cmocka_unit_test(no_line_is_longer_than_80_columns),
        cmocka_unit_test(without_strace_the_rest_is_shown),
        cmocka_unit_test(the_reader_is_asked_first),
        cmocka_unit_test(no_number_at_all_is_a_failure),
        cmocka_unit_test(a_file_that_cannot_be_written_is_said_before_anything_is_run),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
