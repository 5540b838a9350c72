/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ladder: that what it shows is in the order in which it happened, and is
 * what others see in the same capture. The built program is run ($BUILD,
 * default: build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/all.h"
#include "bench/experiment/trace.h"
#include "tests/support.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_MAX = 200, PATH_ROOM = 256 };

static char folder[] = "/tmp/echolab-test-XXXXXX";
static struct ran ran;

/* LeakSanitizer, where a build has it, cannot work in a program that is traced. */
static void look_for_leaks(bool look) {
    assert_int_equal(setenv("ASAN_OPTIONS", look ? "detect_leaks=1" : "detect_leaks=0", 1), 0);
}

/* ---- what the ladder wrote ---- */

struct row {
    char what[16], side[16], label[64];
    double from, to;
    unsigned flags, bytes;
};

struct rows {
    unsigned count;
    struct row of[ROWS_MAX];
};

static void remove_files(const char *variant) {
    static const char *const kinds[] = {"txt", "tsv", "pcap"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[PATH_ROOM];
        (void)snprintf(path, sizeof path, "%s/%s.%s", folder, variant, kinds[i]);
        (void)unlink(path);
    }
}

/* Skips the test where there can be no ladder. */
static void ladder_of(const char *variant, const char *words) {
    echolab_run(&ran, "ladder %s --output %s %s", variant, folder, words);
    if (ran.status != 0 && strstr(ran.err, "private network") != NULL) {
        print_message("skipped: %s", ran.err);
        skip();
    }
    if (ran.status != 0) fail_msg("%s", ran.err);
}

static void read_rows(struct rows *rows, const char *variant) {
    char path[PATH_ROOM], line[512];
    (void)snprintf(path, sizeof path, "%s/%s.tsv", folder, variant);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    rows->count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        struct row *row = &rows->of[rows->count];
        const int read = sscanf(
            line, "%15[^\t]\t%15[^\t]\t%lf\t%lf\t%*[^\t]\t%*[^\t]\t%x\t%u\t%63[^\n]", row->what,
            row->side, &row->from, &row->to, &row->flags, &row->bytes, row->label);
        if (read == 7) rows->count++; /* the head, title and caption have no numbers */
        assert_true(rows->count < ROWS_MAX);
    }
    (void)fclose(file);
}

static bool is_packet(const struct row *row) {
    return strcmp(row->what, "packet") == 0 || strcmp(row->what, "lost") == 0;
}

static bool has_calls(const struct rows *rows) {
    for (unsigned i = 0; i < rows->count; i++) {
        if (!is_packet(&rows->of[i])) return true;
    }
    return false;
}

/*
 * The rows have these, in this order, with anything between: "side what label",
 * a '|' between two, where a label may be only begun. What "ends" is a call that
 * returned, at once or after a wait.
 */
static void assert_order(const struct rows *rows, const char *wanted) {
    char copy[1024], *rest = copy;
    unsigned i = 0;
    (void)snprintf(copy, sizeof copy, "%s", wanted);
    for (const char *one = strsep(&rest, "|"); one != NULL; one = strsep(&rest, "|")) {
        char seen[128];
        do {
            if (i == rows->count) fail_msg("not there, or not in this order: %s", one);
            const struct row *row = &rows->of[i++];
            const bool ends = strcmp(row->what, "call") == 0 || strcmp(row->what, "return") == 0;
            const bool either = ends && strstr(one, " ends ") != NULL;
            (void)snprintf(seen, sizeof seen, "%s %s %s", row->side, either ? "ends" : row->what,
                           row->label);
        } while (strncmp(seen, one, strlen(one)) != 0);
    }
}

static void a_handshake_comes_before_the_request(void **state) {
    (void)state;
    struct rows rows;
    look_for_leaks(false);
    ladder_of("tcp-per-message", "--rtt 20ms");
    look_for_leaks(true);
    read_rows(&rows, "tcp-per-message");
    remove_files("tcp-per-message");
    assert_order(&rows, "client packet SYN 0|server packet SYN,ACK 0|client packet ACK 0|"
                        "client packet PSH,ACK 104|server packet PSH,ACK 104|"
                        "server packet FIN,ACK 0|client packet FIN,ACK 0|server packet ACK 0");
    if (!has_calls(&rows)) skip();
    assert_order(&rows, "server call socket|server call bind|server call listen|"
                        "client call socket|client enter connect|client packet SYN|"
                        "server packet SYN,ACK|client return connect = 0|"
                        "client call sendto = 104|client packet PSH,ACK|"
                        "server call recvfrom = 104|server call sendto = 104|"
                        "server packet PSH,ACK|client return recvfrom = 104");
    assert_order(&rows, "server packet FIN,ACK|client ends recvfrom = 0|client call close = 0");
}

static void a_connection_that_stays_is_shown_with_two_messages(void **state) {
    (void)state;
    struct rows rows;
    ladder_of("tcp-persistent", "--rtt 10ms");
    read_rows(&rows, "tcp-persistent");
    remove_files("tcp-persistent");
    assert_order(&rows, "client packet SYN|client packet PSH,ACK 104|server packet PSH,ACK 104|"
                        "client packet PSH,ACK 104|server packet PSH,ACK 104|"
                        "client packet FIN,ACK|server packet FIN,ACK");
}

static void datagrams_have_no_flags(void **state) {
    (void)state;
    struct rows rows;
    ladder_of("udp-per-message", "--size 10");
    read_rows(&rows, "udp-per-message");
    remove_files("udp-per-message");
    assert_order(&rows, "client packet request 50 B|server packet reply 50 B");
    for (unsigned i = 0; i < rows.count; i++) assert_int_equal(rows.of[i].flags, 0);
}

static void a_lost_packet_is_shown_and_so_is_the_one_sent_again(void **state) {
    (void)state;
    struct rows rows;
    ladder_of("tcp-persistent", "--drop request:to_server:2 --rtt 2ms");
    read_rows(&rows, "tcp-persistent");
    remove_files("tcp-persistent");
    assert_order(&rows, "client packet PSH,ACK 104|server packet PSH,ACK 104|"
                        "client lost PSH,ACK 104|client packet PSH,ACK 104|"
                        "server packet PSH,ACK 104");
    assert_non_null(strstr(ran.out, "X "));
}

static void places_go_downwards(void **state) {
    (void)state;
    struct rows rows;
    ladder_of("tcp-client-close", "--rtt 4ms");
    read_rows(&rows, "tcp-client-close");
    remove_files("tcp-client-close");
    for (unsigned i = 0; i < rows.count; i++) {
        if (i > 0) assert_true(rows.of[i].from >= rows.of[i - 1].from);
        if (is_packet(&rows.of[i])) assert_true(rows.of[i].to > rows.of[i].from);
    }
}

static void no_line_is_longer_than_80_columns(void **state) {
    (void)state;
    ladder_of("tcp-fastopen", "--rtt 4ms");
    remove_files("tcp-fastopen");
    for (const char *line = ran.out; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (length > 80) fail_msg("%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* ---- what another program sees ---- */

/* "0x0012\t104" or "\t\t112", a line each: TCP's flags and length, UDP's length with its header. */
static void assert_same_as_tshark(const struct rows *rows, char *seen) {
    unsigned i = 0; /* the next row */
    char *rest = seen;
    for (const char *line = strsep(&rest, "\n"); line != NULL && *line != '\0';
         line = strsep(&rest, "\n")) {
        unsigned flags = 0;
        unsigned bytes = 0;
        unsigned datagram = 0;
        if (*line == '\t' || sscanf(line, "%x\t%u", &flags, &bytes) != 2) {
            assert_int_equal(sscanf(line, " %u", &datagram), 1);
            bytes = datagram - 8;
        }
        while (i < rows->count && !is_packet(&rows->of[i])) i++;
        if (i == rows->count) fail_msg("tshark sees more packets");
        assert_int_equal(rows->of[i].flags, flags);
        assert_int_equal(rows->of[i].bytes, bytes);
        i++;
    }
    while (i < rows->count && !is_packet(&rows->of[i])) i++;
    assert_int_equal(i, rows->count);
}

static void tshark_sees_the_same_packets(void **state) {
    (void)state;
    static char seen[16384], said[4096];
    for (unsigned i = 0; i < variant_count; i++) {
        char path[PATH_ROOM];
        struct rows rows = {0};
        ladder_of(variants[i].name, "--rtt 4ms");
        read_rows(&rows, variants[i].name);
        (void)snprintf(path, sizeof path, "%s/%s.pcap", folder, variants[i].name);
        char *argv[] = {"tshark",    "-r", path,      "-T", "fields",     "-e",
                        "tcp.flags", "-e", "tcp.len", "-e", "udp.length", NULL};
        const int status = program_run(argv, NULL, seen, sizeof seen, said, sizeof said);
        remove_files(variants[i].name);
        if (status != 0) {
            print_message("skipped: tshark is not here, or cannot read: %s\n", said);
            skip();
        }
        assert_true(*seen != '\0');
        assert_same_as_tshark(&rows, seen);
    }
}

/* ---- what goes wrong ---- */

static void without_strace_the_packets_are_shown(void **state) {
    (void)state;
    const char *usual = getenv("PATH");
    char *path = strdup(usual == NULL ? "" : usual);
    assert_non_null(path);
    assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
    echolab_run(&ran, "ladder udp-persistent --rtt 2ms");
    assert_int_equal(setenv("PATH", path, 1), 0);
    free(path);
    if (ran.status != 0 && strstr(ran.err, "private network") != NULL) skip();
    assert_int_equal(ran.status, 0);
    assert_non_null(strstr(ran.out, "request 104 B"));
    assert_non_null(strstr(ran.out, "The calls are missing: strace is not installed"));
    assert_null(strstr(ran.out, "sendto"));
}

static void a_capture_that_cannot_be_written_is_a_sentence(void **state) {
    (void)state;
    echolab_run(&ran, "ladder tcp-per-message --pcap /nonexistent/a.pcap");
    assert_int_equal(ran.status, 1);
    assert_string_equal(ran.out, "");
    assert_non_null(strstr(ran.err, "echolab: cannot write /nonexistent/a.pcap: No such file"));
    echolab_run(&ran, "ladder tcp-per-message --output /dev/null");
    assert_int_equal(ran.status, 1);
    assert_non_null(strstr(ran.err, "echolab: cannot write /dev/null/tcp-per-message.pcap"));
}

/* Far more than any buffer of a fixed size that such a path once went through. */
static void long_paths_are_written_whole(void **state) {
    (void)state;
    static const char *const kinds[] = {"txt", "tsv", "pcap"};
    char output[PATH_ROOM], capture[PATH_ROOM + 40];
    const char *usual = getenv("PATH");
    char *path = strdup(usual == NULL ? "" : usual);
    assert_non_null(path);
    (void)snprintf(output, sizeof output, "%s/%0200d", folder, 7);
    (void)snprintf(capture, sizeof capture, "%s/%s", output, "capture-with-a-longer-name.pcap");
    for (int traced = 0; traced < 2; traced++) { /* the calls' way to a run is another */
        echolab_run(&ran, "ladder udp-persistent --rtt 2ms --output %s", output);
        if (ran.status != 0 && strstr(ran.err, "private network") != NULL) skip();
        assert_int_equal(ran.status, 0);
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            char file[PATH_ROOM + 40];
            (void)snprintf(file, sizeof file, "%s/udp-persistent.%s", output, kinds[i]);
            assert_int_equal(unlink(file), 0);
        }
        echolab_run(&ran, "ladder udp-persistent --rtt 2ms --pcap %s", capture);
        assert_int_equal(ran.status, 0);
        assert_non_null(strstr(ran.out, capture));
        assert_int_equal(unlink(capture), 0);
        assert_int_equal(rmdir(output), 0); /* there is nothing else in it */
        assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
    }
    assert_int_equal(setenv("PATH", path, 1), 0);
    free(path);
}

static void too_many_messages_are_refused(void **state) {
    (void)state;
    echolab_run(&ran, "ladder tcp-per-message --messages 21");
    assert_int_equal(ran.status, 1);
    assert_non_null(strstr(ran.err, "cannot be read"));
}

/* ---- on the page ---- */

static void the_page_shows_each_ladder(void **state) {
    (void)state;
    char name[PATH_ROOM];
    char *text = NULL;
    size_t length = 0;
    const struct results nothing = {0};
    (void)snprintf(name, sizeof name, "%s/ladder", folder);
    assert_int_equal(mkdir(name, 0700), 0);
    (void)snprintf(name, sizeof name, "%s/ladder/tcp-reset.tsv", folder);
    FILE *file = fopen(name, "we");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    struct story story = {.out = open_memstream(&text, &length), .html = true};
    assert_non_null(story.out);
    ladders_tell(&story, &nothing); /* of no folder: one alone, which has shown itself */
    assert_int_equal(fflush(story.out), 0);
    assert_int_equal(length, 0);
    story.directory = folder;
    ladders_tell(&story, &nothing);
    assert_int_equal(fclose(story.out), 0);
    assert_non_null(strstr(text, "<img src=\"ladder-tcp-reset.svg\""));
    free(text);
    assert_int_equal(unlink(name), 0);
    (void)snprintf(name, sizeof name, "%s/ladder", folder);
    assert_int_equal(rmdir(name), 0);
}

/* ---- its parts ---- */

static void flags_are_spelt_in_the_usual_order(void **state) {
    (void)state;
    char text[32];
    assert_string_equal(ladder_flags(TH_SYN | TH_ACK, text, sizeof text), "SYN,ACK");
    assert_string_equal(ladder_flags(TH_FIN | TH_PUSH | TH_ACK, text, sizeof text), "FIN,PSH,ACK");
    assert_string_equal(ladder_flags(0, text, sizeof text), "");
    assert_string_equal(ladder_flags(0xff, text, sizeof text), "SYN,FIN,RST,PSH,ACK");
}

/* A trace with a file, a socket, an option, a wait, and what the end of the server cut off. */
static void only_primitives_on_sockets_are_shown(void **state) {
    (void)state;
    struct trace_call calls[] = {
        {.start_ns = 1000, .end_ns = 1010, .descriptor = 3, .name = "close"},
        {.start_ns = 2000, .end_ns = 2010, .descriptor = -1, .result = 3, .name = "socket"},
        {.start_ns = 3000, .end_ns = 3010, .descriptor = 3, .name = "setsockopt"},
        {.start_ns = 4000, .end_ns = 9000, .descriptor = 3, .name = "connect"},
        {.start_ns = 9500, .end_ns = 9510, .descriptor = 3, .name = "close"},
        {.start_ns = 9600, .end_ns = 9610, .descriptor = 3, .name = "close"},
        {.start_ns = 9700,
         .end_ns = 99000,
         .descriptor = -1,
         .name = "accept4",
         .side = TRACE_SERVER,
         .result = -1,
         .error = "EINVAL"},
    };
    const struct trace trace = {
        .calls = calls, .count = sizeof calls / sizeof calls[0], .stopped_ns = 50000};
    static const char *const wanted[] = {"socket = 3", "connect ...", "connect = 0", "close = 0"};
    struct ladder ladder = {0};
    ladder_add_calls(&ladder, &trace, 1000);
    assert_int_equal(ladder_finish(&ladder), 0);
    assert_int_equal(ladder.count, sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < ladder.count; i++) {
        assert_string_equal(ladder.events[i].label, wanted[i]);
    }
    assert_int_equal(ladder.hidden, 1);
    assert_int_equal(ladder.zero_ns, 2000);
    free(ladder.events);
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
        cmocka_unit_test(flags_are_spelt_in_the_usual_order),
        cmocka_unit_test(only_primitives_on_sockets_are_shown),
        cmocka_unit_test(a_handshake_comes_before_the_request),
        cmocka_unit_test(a_connection_that_stays_is_shown_with_two_messages),
        cmocka_unit_test(datagrams_have_no_flags),
        cmocka_unit_test(a_lost_packet_is_shown_and_so_is_the_one_sent_again),
        cmocka_unit_test(places_go_downwards),
        cmocka_unit_test(no_line_is_longer_than_80_columns),
        cmocka_unit_test(tshark_sees_the_same_packets),
        cmocka_unit_test(without_strace_the_packets_are_shown),
        cmocka_unit_test(a_capture_that_cannot_be_written_is_a_sentence),
        cmocka_unit_test(long_paths_are_written_whole),
        cmocka_unit_test(too_many_messages_are_refused),
        cmocka_unit_test(the_page_shows_each_ladder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
