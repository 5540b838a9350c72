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

#include "bench/experiment/all.h"
#include "bench/experiment/trace.h"
#include "bench/run/cost.h"
#include "bench/session/session.h"
#include "tests/support.h"

#include <math.h>
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

static struct run *run_over_wire(const struct variant *variant, uint32_t size, uint64_t messages,
                                 unsigned depth) {
    char why[CHILD_WHY] = "";
    struct parameters asked;
    parameters_usual(&asked);
    asked.variant = variant;
    asked.size_bytes = asked.reply_bytes = size;
    asked.pipeline = variant->depth > 0 ? depth : 0;
    asked.messages = messages;
    asked.warmup_ns = 0;
    asked.deadline_ns = UINT64_C(5000000000);
    asked.rto_floor_ns = UINT64_C(1000000000);
    asked.seed = 1;
    asked.wire = true;
    struct run *run = run_built(&asked, why);
    if (run == NULL && strstr(why, "private network") != NULL) {
        print_message("skipped: %s\n", why);
        skip();
    }
    if (run == NULL) fail_msg("%s: %s", variant->name, why);
    return run;
}

static struct exact seen_of(const struct run *run) {
    const uint64_t resent = run_counter(run, "kernel.TcpRetransSegs");
    struct exact exact = {.packets = run->wire.all.packets,
                          .ip_bytes = run->wire.all.ip_bytes,
                          .resent = resent == FIELD_UNKNOWN ? 0 : resent};
    for (int i = 0; i < WIRE_DIRECTIONS; i++) exact.acks += run->wire.by[i][WIRE_ACK].packets;
    return exact;
}

static struct exact wanted_of(const struct cost *cost) {
    struct exact exact = {.packets = cost->all_packets, .ip_bytes = cost->ip_bytes};
    for (int i = 0; i < WIRE_DIRECTIONS; i++) exact.acks += cost->packets[i][WIRE_ACK];
    return exact;
}

static void assert_equal(const struct run *run, const struct cost *cost, const char *what) {
    bool equal = true;
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const int direction = i / WIRE_KINDS, kind = i % WIRE_KINDS;
        const uint64_t seen = run->wire.by[direction][kind].packets;
        const uint64_t wanted = cost->packets[direction][kind];
        if (seen == wanted) continue;
        equal = false;
        print_message("%s %s: %llu, not %llu\n", wire_direction_names[direction],
                      wire_kind_names[kind], (unsigned long long)seen, (unsigned long long)wanted);
    }
    if (!equal) fail_msg("%s", what);
    assert_int_equal(run->wire.all.packets, cost->all_packets);
    assert_int_equal(run->wire.all.ip_bytes, cost->ip_bytes);
}

static void assert_as_predicted(const struct variant *variant, uint32_t size, uint64_t batches) {
    /* Of a pipeline as many as fit one packet. */
    const unsigned fit = variant->cost->message_bytes_max / (ECHO_HEADER_BYTES + size);
    const unsigned depth = variant->depth <= 1 ? 1 : fit < 8 ? fit : 8;
    const uint64_t messages = batches * depth;
    struct cost cost;
    char what[128];
    (void)snprintf(what, sizeof what, "%s, %u bytes, %llu messages", variant->name, size,
                   (unsigned long long)messages);
    assert_null(cost_predict(&cost, variant->cost, size, size, messages, depth));
    const struct exact wanted = wanted_of(&cost);
    struct run *run = run_over_wire(variant, size, messages, depth);
    for (int attempt = 0;; attempt++) {
        const struct exact seen = seen_of(run);
        if (!exact_again(attempt, &seen, &wanted, what)) break;
        run_free(run);
        run = run_over_wire(variant, size, messages, depth);
    }
    assert_equal(run, &cost, what);
    run_free(run);
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

/* What is not NULL, or `why`. */
static struct session *whole(struct session *session, const char *why) {
    if (session != NULL) return session;
    fail_msg("%s", why);
    abort(); /* not reached, as cmocka leaves the test; its prototype does not say so */
}

/* Takes the file away. */
static struct session *take_session_of(const char *command, const char *path) {
    char why[SESSION_WHY];
    struct session *session = whole(session_read(path, why), why);
    (void)unlink(path);
    assert_string_equal(session->command, command);
    return session;
}

static struct session *take_session(const char *path) {
    return take_session_of("anatomy", path);
}

static struct session *anatomy_of(const char *words) {
    static struct ran ran;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/anatomy.json", folder);
    echolab_run(&ran, "anatomy --json %s %s", path, words);
    assert_int_equal(ran.status, 0);
    return take_session(path);
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
static void assert_calls(const struct counted_call *calls, const char *wanted) {
    char seen[512] = "";
    size_t length = 0;
    for (; calls->name != NULL; calls++) {
        length += (size_t)snprintf(seen + length, sizeof seen - length, "%s%s %g",
                                   length > 0 ? " " : "", calls->name, calls->per_message.measured);
        assert_true(length < sizeof seen);
        assert_true(calls->per_message.equal);
    }
    assert_string_equal(seen, wanted);
}

static void system_calls_of_the_core_are_exact(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char words[64];
        (void)snprintf(words, sizeof words, "--messages 20 %s", expected[i].variant);
        look_for_leaks(false);
        struct session *session = anatomy_of(words);
        look_for_leaks(true);
        assert_int_equal(session->lists[LIST_ANATOMY].count, 1);
        const struct consists *one = SESSION_AT(session, LIST_ANATOMY, struct consists, 0);
        assert_string_equal(one->variant, expected[i].variant);
        if (one->calls_skipped_because != NULL) {
            print_message("skipped: %s\n", one->calls_skipped_because);
            session_free(session);
            skip();
        }
        assert_calls(one->calls[TRACE_CLIENT], expected[i].client);
        assert_calls(one->calls[TRACE_SERVER], expected[i].server);
        session_free(session);
    }
}

/* Whether its runs count or not: it is busy here. */
static void a_session_counts_packets_and_calls(void **state) {
    (void)state;
    static struct ran ran;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/counts.json", folder);
    look_for_leaks(false);
    echolab_run(&ran,
                "compare --counts --blocks 1 --messages 200 --json %s tcp-persistent "
                "udp-per-message",
                path);
    look_for_leaks(true);
    struct session *session = take_session_of("compare", path);
    const struct findings *list = &session->lists[LIST_ANATOMY];
    assert_int_equal(list->count, 2);
    assert_non_null(strstr(ran.out, "counted apart, per message"));
    const bool wire = ((struct consists *)list->items)->wire_skipped_because == NULL;
    const bool traced = ((struct consists *)list->items)->calls_skipped_because == NULL;
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        const bool tcp = strcmp(run->asked.variant->name, "tcp-persistent") == 0;
        const double packets = tcp ? 2.16 : 2, calls = tcp ? 4 : 8; /* 8 packets of 50 messages */
        assert_int_equal(isnan(run->packets), run_is_floor(run) || !wire);
        assert_int_equal(isnan(run->syscalls), run_is_floor(run) || !traced);
        if (!isnan(run->packets)) assert_true(fabs(run->packets - packets) < 1e-9);
        if (!isnan(run->syscalls)) assert_true(fabs(run->syscalls - calls) < 1e-9);
    }
    assert_true(session->reference_us > 0);
    session_free(session);
}

/* One object of a file of 8c329d9, and the same after it has been read and written. */
static const char recorded[] =
    "{\"schema\": \"echolab/1\", \"command\": \"anatomy\", \"environment\": {}, \"runs\": [], "
    "\"anatomy\": [{\"variant\": \"tcp-pipelined\", \"size_bytes\": 64, \"reply_bytes\": 64, "
    "\"messages\": 2, "
    "\"packets\": {\"predicted\": null, \"measured\": 10, \"equal\": null}, "
    "\"kinds\": {\"to_server\": {\"ack\": {\"predicted\": null, \"measured\": 3, \"equal\": "
    "null}}, "
    "\"to_client\": {}, \"astray\": {}}, "
    "\"ip_bytes\": {\"predicted\": 1056, \"measured\": 1057, \"equal\": false}, "
    "\"payload_percent\": 24.2, \"packets_per_message\": 5.0, \"ip_bytes_per_message\": 528.5, "
    "\"packets_later_message\": 2.0, \"ip_bytes_later_message\": 312.0, "
    "\"round_trips_waited_first\": {\"predicted\": 2, \"measured\": 2.01, \"equal\": true}, "
    "\"round_trips_waited\": {\"predicted\": 1, \"measured\": null, \"equal\": false}, "
    "\"round_trips_of_time\": {\"predicted\": 0.03125, \"measured\": 0.03, \"equal\": false}, "
    "\"not_predicted_because\": \"beyond one packet\", \"wire_skipped_because\": null, "
    "\"explanation\": null, "
    "\"syscalls\": {\"client\": {\"sendto\": {\"predicted\": 1, \"measured\": 0.5, \"equal\": "
    "false}}, \"server\": {}}, "
    "\"syscalls_per_message\": {\"client\": 0.5, \"server\": 0.0}, "
    "\"syscalls_skipped_because\": null, \"context_switches_per_message\": 2.0, "
    "\"cpu_us_per_message\": {\"client\": 8.5, \"server\": 7.5}, "
    "\"phases_us\": {\"connect\": {\"p50\": null, \"mean\": 130.5}, "
    "\"exchange\": {\"p50\": 15.5, \"mean\": 16.5}, \"close\": {\"p50\": null, \"mean\": null}}}]}";

static void assert_recorded(const struct session *session) {
    const struct consists *one = SESSION_AT(session, LIST_ANATOMY, struct consists, 0);
    assert_int_equal(session->lists[LIST_ANATOMY].count, 1);
    assert_true(isnan(one->packets.predicted) && one->packets.measured == 10);
    assert_true(one->kinds[WIRE_TO_SERVER][WIRE_ACK].measured == 3);
    assert_true(isnan(one->kinds[WIRE_TO_SERVER][WIRE_SYN].measured));
    assert_true(one->ip_bytes.predicted == 1056 && !one->ip_bytes.equal);
    assert_true(one->waited_first.equal && isnan(one->waited.measured));
    assert_true(one->of_time.predicted == 0.03125);
    assert_string_equal(one->not_predicted_because, "beyond one packet");
    assert_null(one->wire_skipped_because);
    assert_string_equal(one->calls[TRACE_CLIENT][0].name, "sendto");
    assert_true(one->calls[TRACE_CLIENT][0].per_message.measured == 0.5);
    assert_null(one->calls[TRACE_CLIENT][1].name);
    assert_true(one->calls_client == 0.5 && one->client_cpu_us == 8.5);
    assert_true(isnan(one->connect_us.p50) && one->connect_us.mean == 130.5);
    assert_true(one->exchange_us.p50 == 15.5 && isnan(one->close_us.mean));
}

static void what_was_counted_reads_as_it_was_written(void **state) {
    (void)state;
    char path[256], why[SESSION_WHY];
    (void)snprintf(path, sizeof path, "%s/anatomy.json", folder);
    assert_int_equal(output_write(path, recorded, strlen(recorded)), 0);
    struct session *session = whole(session_read(path, why), why);
    assert_recorded(session);
    assert_int_equal(session_write(session, path), 0);
    session_free(session);
    session = take_session(path);
    assert_recorded(session);
    session_free(session);
}

static void a_file_tells_what_the_run_told(void **state) {
    (void)state;
    static struct ran ran;
    char path[256];
    char *text = NULL;
    size_t length = 0;
    (void)snprintf(path, sizeof path, "%s/anatomy.json", folder);
    echolab_run(&ran, "anatomy tcp-persistent udp-mmsg --messages 32 --json %s", path);
    assert_int_equal(ran.status, 0);
    struct session *session = take_session(path);
    const struct results results = {.sessions = &session, .count = 1};
    struct story story = {.out = open_memstream(&text, &length), .apart = true};
    assert_non_null(story.out);
    anatomy_table(&story, &results);
    anatomy_tell(&story, &results);
    assert_int_equal(fclose(story.out), 0);
    assert_string_equal(text, ran.out);
    free(text);
    session_free(session);
}

static void a_plan_is_printed_and_nothing_is_run(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "anatomy udp-persistent --messages 7 --dry-run --json %s/no.json", folder);
    assert_int_equal(ran.status, 0);
    assert_non_null(strstr(ran.out, "udp-persistent variant"));
    assert_non_null(strstr(ran.out, "7 messages over 0 ms"));
    assert_non_null(strstr(ran.out, "14 messages under strace"));
    assert_non_null(strstr(ran.out, "9 runs"));
    assert_null(strstr(ran.out, "measured"));
    echolab_run(&ran, "anatomy --dry-run"); /* usually the core four */
    assert_int_equal(ran.status, 0);
    assert_non_null(strstr(ran.out, "36 runs"));
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
    assert_non_null(strstr(ran.out, "System calls: skipped, strace is not installed"));
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
        cmocka_unit_test(what_was_counted_reads_as_it_was_written),
        cmocka_unit_test(a_file_tells_what_the_run_told),
        cmocka_unit_test(a_plan_is_printed_and_nothing_is_run),
        cmocka_unit_test(no_line_is_longer_than_80_columns),
        cmocka_unit_test(a_session_counts_packets_and_calls),
        cmocka_unit_test(without_strace_the_rest_is_shown),
        cmocka_unit_test(the_reader_is_asked_first),
        cmocka_unit_test(no_number_at_all_is_a_failure),
        cmocka_unit_test(a_file_that_cannot_be_written_is_said_before_anything_is_run),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
