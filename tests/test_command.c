/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How commands end: well, badly, and when they are interrupted. The built
 * program ($BUILD, default: build) is run; where it matters when something
 * happens, the test plays the server and so knows.
 *
 * The test adopts what its programs leave behind (PR_SET_CHILD_SUBREAPER): so
 * that nothing is left can be seen, not only hoped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/cli/options.h"
#include "bench/run/variant.h"
#include "echo/address.h"
#include "echo/clock.h"
#include "echo/message.h"
#include "tests/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROOM = 4096, PATH_ROOM = 256, CHILDREN = 16, KILLED = 128 + SIGKILL };

static char folder[] = "/tmp/echolab-test-XXXXXX";

static const char *in_folder(char *path, const char *name) {
    (void)snprintf(path, PATH_ROOM, "%s/%s", folder, name);
    return path;
}

static int entries(const char *path) {
    int count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count;
}

/* Exactly one line, "echolab: ...", that has all the words, which are separated by '|'. */
static void assert_sentence(const char *said, const char *words) {
    char copy[ROOM], *rest = copy;
    (void)snprintf(copy, sizeof copy, "%s", words);
    if (strncmp(said, "echolab: ", 9) != 0) fail_msg("no sentence: '%s'", said);
    if (strchr(said, '\n') != said + strlen(said) - 1) fail_msg("more than a sentence: %s", said);
    for (const char *word = strsep(&rest, "|"); word != NULL; word = strsep(&rest, "|")) {
        if (strstr(said, word) == NULL) fail_msg("'%s' is not in: %s", word, said);
    }
}

static void assert_status(const struct ran *ran, int status) {
    if (ran->status != status) fail_msg("ended with %d: %s%s", ran->status, ran->out, ran->err);
}

/* Waits for what was adopted, and says whether all of it ended by itself. */
static bool nothing_is_left(void) {
    pid_t left[CHILDREN];
    bool ended = true;
    for (int count; (count = program_children(getpid(), left, CHILDREN)) > 0;) {
        for (int i = 0; i < count; i++) {
            const bool in_time = program_ends(left[i], TEST_DEADLINE_MS);
            if (!in_time) (void)kill(left[i], SIGKILL);
            ended = ended && in_time;
            (void)waitpid(left[i], NULL, 0);
        }
    }
    return ended;
}

/* ---- serve ---- */

struct server {
    struct program program;
    struct echo_address address;
    char host_port[ECHO_ADDRESS_TEXT], port[8];
};

static void server_start(struct server *server, const char *options) {
    char line[ROOM];
    assert_int_equal(echolab_start(&server->program, "serve %s", options), 0);
    assert_true(program_line(server->program.out, line, sizeof line, TEST_DEADLINE_MS) > 0);
    char *rest = line;
    assert_string_equal(strsep(&rest, " "), "echolab:");
    assert_string_equal(strsep(&rest, " "), "listening");
    assert_string_equal(strsep(&rest, " "), "on");
    (void)snprintf(server->host_port, sizeof server->host_port, "%s", strsep(&rest, " "));
    assert_string_equal(rest, "(tcp and udp)");
    assert_int_equal(echo_address_parse(&server->address, server->host_port), 0);
    (void)snprintf(server->port, sizeof server->port, "%u",
                   (unsigned)echo_address_port(&server->address));
}

static void serve_ends_well_on_a_signal_and_frees_its_port(void **state) {
    (void)state;
    struct server server;
    static struct ran ran;
    char options[64] = "--port 0";
    for (int round = 0; round < 4; round++) {
        server_start(&server, options);
        /* The same port from the second round on, with connections behind it that just ended. */
        if (round > 0) assert_non_null(strstr(options, server.port));
        (void)snprintf(options, sizeof options, "--port %s", server.port);
        echolab_run(&ran, "send tcp-persistent --messages 5 --host %s", server.host_port);
        assert_status(&ran, 0);
        assert_int_equal(program_stop(&server.program, round % 2 == 0 ? SIGINT : SIGTERM), 0);
    }
}

/* A connection that is open and says nothing must not keep the server. */
static void serve_ends_with_a_silent_connection_open(void **state) {
    (void)state;
    struct server server;
    server_start(&server, "--port 0");
    const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(silent, &server.address.any, server.address.size), 0);
    assert_int_equal(program_stop(&server.program, SIGTERM), 0);
    (void)close(silent);
}

static void taken_port_is_refused_with_advice(void **state) {
    (void)state;
    static struct ran ran;
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    struct server server;
    server_start(&server, "--port 0");
    echolab_run(&ran, "serve --port %s", server.port);
    assert_status(&ran, 1);
    assert_sentence(ran.err, "cannot listen on 127.0.0.1:|the port is taken|--port");
    assert_int_equal(program_stop(&server.program, SIGTERM), 0);
    /* One transport's port is enough: it serves both or none. */
    for (size_t i = 0; i < 2; i++) {
        struct echo_address address;
        const int taken = socket(AF_INET, types[i] | SOCK_CLOEXEC, 0);
        assert_int_equal(echo_address_find(&address, "127.0.0.1", 0), 0);
        assert_int_equal(bind(taken, &address.any, address.size), 0);
        if (types[i] == SOCK_STREAM) assert_int_equal(listen(taken, 1), 0);
        assert_int_equal(echo_address_of_socket(&address, taken), 0);
        echolab_run(&ran, "serve --port %u", (unsigned)echo_address_port(&address));
        assert_status(&ran, 1);
        assert_sentence(ran.err, "the port is taken");
        assert_string_equal(ran.out, "");
        (void)close(taken);
    }
}

static void serve_says_what_is_wrong_with_an_address(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "serve --port 0 --host no.such.host.invalid");
    assert_status(&ran, 1);
    assert_sentence(ran.err, "no.such.host.invalid");
    echolab_run(&ran, "serve --port 0 --host 192.0.2.1"); /* TEST-NET-1 is nobody's */
    assert_status(&ran, 1);
    assert_sentence(ran.err, "cannot listen on 192.0.2.1:|Cannot assign");
    echolab_run(&ran, "serve --port 0 --raw --host 0.0.0.0");
    assert_status(&ran, 1);
    assert_sentence(ran.err, "--raw|loopback");
}

/* ---- send ---- */

static void send_prints_one_line(void **state) {
    (void)state;
    static struct ran ran;
    struct server server;
    server_start(&server, "--port 0");
    for (unsigned i = 0; i < variant_count; i++) {
        char beginning[128];
        echolab_run(&ran, "send %s --messages 20 --size 1k --host %s", variants[i].name,
                    server.host_port);
        assert_status(&ran, 0);
        assert_string_equal(ran.err, "");
        (void)snprintf(beginning, sizeof beginning, "%s: 20 of 20 messages answered in ",
                       variants[i].name);
        assert_memory_equal(ran.out, beginning, strlen(beginning));
        assert_ptr_equal(strchr(ran.out, '\n'), ran.out + strlen(ran.out) - 1);
        assert_non_null(strstr(ran.out, "lost 0, failed 0"));
    }
    assert_int_equal(program_stop(&server.program, SIGTERM), 0);
}

static bool ipv6_is_here(void) {
    struct echo_address address;
    const int made = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool here = made >= 0 && echo_address_find(&address, "::1", 0) == 0 &&
                      bind(made, &address.any, address.size) == 0;
    if (made >= 0) (void)close(made);
    return here;
}

static void send_goes_through_ipv6(void **state) {
    (void)state;
    static struct ran ran;
    struct server server;
    if (!ipv6_is_here()) {
        print_message("skipped: no IPv6 loopback here; sysctl net.ipv6.conf.lo.disable_ipv6=0\n");
        skip();
    }
    server_start(&server, "--port 0 --host ::1");
    assert_memory_equal(server.host_port, "[::1]:", 6);
    static const char *const names[] = {"tcp-per-message", "udp-persistent"};
    for (size_t i = 0; i < 2; i++) {
        echolab_run(&ran, "send %s --messages 5 --host %s", names[i], server.host_port);
        assert_status(&ran, 0);
        assert_non_null(strstr(ran.out, "5 of 5"));
    }
    assert_int_equal(program_stop(&server.program, SIGTERM), 0);
}

/* A port that nobody has: the test holds it, without listening, as long as it lives. */
static int hold_port(int type, char *host_port) {
    struct echo_address address;
    const int held = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(echo_address_find(&address, "127.0.0.1", 0), 0);
    assert_int_equal(bind(held, &address.any, address.size), 0);
    assert_int_equal(echo_address_of_socket(&address, held), 0);
    (void)echo_address_text(&address, host_port);
    return held;
}

static void no_server_is_said_in_a_sentence(void **state) {
    (void)state;
    static struct ran ran;
    static const char *const names[] = {"tcp-per-message", "tcp-persistent", "udp-per-message",
                                        "udp-persistent"};
    for (size_t i = 0; i < 4; i++) {
        char host_port[ECHO_ADDRESS_TEXT];
        /* What is bound as the other type is refused as this one. */
        const int held = hold_port(i < 2 ? SOCK_DGRAM : SOCK_STREAM, host_port);
        echolab_run(&ran, "send %s --messages 5 --host %s", names[i], host_port);
        assert_status(&ran, 1);
        assert_sentence(ran.err,
                        "no server answers|at 127.0.0.1:|Connection refused|echolab serve");
        assert_string_equal(ran.out, "");
        echolab_run(&ran, "compare %s --blocks 1 --messages 5 --warmup 0s --host %s", names[i],
                    host_port);
        assert_status(&ran, 1); /* known before the first run */
        assert_sentence(ran.err,
                        "no server answers|at 127.0.0.1:|Connection refused|echolab serve");
        assert_string_equal(ran.out, "");
        (void)close(held);
    }
    static const char *const commands[] = {"send udp-persistent --messages 5",
                                           "compare udp-persistent --blocks 1"};
    for (size_t i = 0; i < 2; i++) {
        echolab_run(&ran, "%s --host no.such.host.invalid:7", commands[i]);
        assert_status(&ran, 1);
        assert_sentence(ran.err, "--host no.such.host.invalid:7|Name or service not known");
        echolab_run(&ran, "%s --host 127.0.0.1:0", commands[i]);
        assert_status(&ran, 1);
        assert_sentence(ran.err, "--host 127.0.0.1:0|1 to 65535");
    }
}

/* Found by either family's address, whichever the resolver names first; and by none other. */
static void a_server_is_found_by_the_name_that_everybody_types(void **state) {
    (void)state;
    static struct ran ran;
    struct server server;
    server_start(&server, "--port 0");
    echolab_run(&ran, "send tcp-persistent --messages 5 --host localhost:%s", server.port);
    assert_status(&ran, 0);
    echolab_run(&ran, "send tcp-persistent --messages 5 -4 --host localhost:%s", server.port);
    assert_status(&ran, 0);
    echolab_run(&ran, "send tcp-persistent --messages 5 -6 --host 127.0.0.1:%s", server.port);
    assert_status(&ran, 1);
    assert_sentence(ran.err, "--host 127.0.0.1:|Address family");
    echolab_run(&ran, "send tcp-persistent --messages 5 -4 -6 --host localhost:%s", server.port);
    assert_status(&ran, EXIT_WRONG_USAGE);
    echolab_run(&ran, "compare -4 --blocks 1");
    assert_status(&ran, EXIT_WRONG_USAGE);
    assert_int_equal(program_stop(&server.program, SIGTERM), 0);
}

/* Plain RFC 862, on either transport: an answer, but no reply. */
static void what_came_back_is_told_by_the_rule_that_it_breaks(void **state) {
    (void)state;
    static struct ran ran;
    struct server server;
    server_start(&server, "--raw --port 0");
    echolab_run(&ran, "send tcp-persistent --messages 1 --host %s", server.host_port);
    assert_status(&ran, 1);
    assert_sentence(ran.err, "no server answers|what came back is no reply|it is a request");
    echolab_run(&ran, "send udp-persistent --messages 1 --deadline 100ms --host %s",
                server.host_port);
    assert_status(&ran, 1);
    assert_sentence(ran.err, "no server answers|what came back is no reply|it is a request");
    assert_int_equal(program_stop(&server.program, SIGTERM), 0);
}

/* "0x000...07f000001", 83 characters: a host by a name that nobody would choose. */
static void a_long_name_of_a_host_keeps_its_port(void **state) {
    (void)state;
    static struct ran ran;
    struct server server;
    char name[84] = "0x";
    server_start(&server, "--port 0");
    memset(name + 2, '0', sizeof name - 3);
    memcpy(name + sizeof name - 9, "7f000001", 8);
    name[sizeof name - 1] = '\0';
    echolab_run(&ran, "compare udp-persistent --blocks 1 --messages 20 --warmup 0s --host %s:%s",
                name, server.port);
    if (ran.status != EXIT_NOT_VALID) assert_status(&ran, 0);
    assert_null(strstr(ran.out, "no message was answered"));
    assert_non_null(strstr(ran.out, server.port));
    assert_int_equal(program_stop(&server.program, SIGTERM), 0);
}

/* ---- output ---- */

static void variants_lists_all(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "variants");
    assert_status(&ran, 0);
    const char *line = ran.out;
    for (unsigned i = 0; i < variant_count; i++) {
        assert_memory_equal(line, variants[i].name, strlen(variants[i].name));
        assert_int_equal(line[strlen(variants[i].name)], ' ');
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
    echolab_run(&ran, "variants --names");
    assert_string_equal(ran.out,
                        "tcp-per-message\ntcp-persistent\nudp-per-message\nudp-persistent\n");
}

static void output_that_does_not_arrive_is_a_failure(void **state) {
    (void)state;
    static const char *const lines[] = {"--help", "variants", "compare --help",
                                        "compare udp-persistent --blocks 1 --dry-run"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char path[PATH_ROOM], script[ROOM], err[ROOM];
        (void)snprintf(script, sizeof script, "exec %s %s >/dev/full",
                       program_built(path, sizeof path, "echolab"), lines[i]);
        char shell[] = "sh", flag[] = "-c";
        char *argv[] = {shell, flag, script, NULL};
        assert_int_equal(program_run(argv, NULL, NULL, 0, err, sizeof err), 1);
        assert_sentence(err, "cannot write the output");
    }
}

static void progress_is_for_terminals(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "compare udp-persistent --blocks 1 --messages 5 --warmup 0s");
    if (ran.status != EXIT_NOT_VALID) {
        assert_status(&ran, 0);
        assert_string_equal(ran.err, "");
    }
    assert_null(strchr(ran.err, '\r'));
    assert_null(strchr(ran.out, '\r'));
}

static void file_that_cannot_be_written_is_told_before_measuring(void **state) {
    (void)state;
    static struct ran ran;
    static const char *const options[] = {"json", "csv"};
    for (size_t i = 0; i < 2; i++) {
        /* Measuring would take an hour, and the deadline of the test is shorter. */
        echolab_run(&ran, "compare --duration 3600s --%s /no/such/folder/x", options[i]);
        assert_status(&ran, 1);
        assert_sentence(ran.err, "cannot write /no/such/folder/x|No such file or directory");
        echolab_run(&ran, "compare --duration 3600s --%s %s", options[i], folder);
        assert_status(&ran, 1);
        assert_sentence(ran.err, "cannot write|Is a directory");
    }
    assert_int_equal(entries(folder), 0);
}

/* Who reads the table may go away in the middle of it; what was measured is not lost with it. */
static void closed_pipe_does_not_cost_the_file(void **state) {
    (void)state;
    struct program program;
    char path[PATH_ROOM];
    assert_int_equal(echolab_start(&program,
                                   "sweep size --at 0,1,2,3,4,5,6,7,8,9,10,11 --blocks 1 "
                                   "--messages 5 --warmup 0s --json %s",
                                   in_folder(path, "x.json")),
                     0);
    (void)close(program.out);
    program.out = -1;
    const int status = program_stop(&program, 0);
    assert_true(status == 128 + SIGPIPE || status == 1);
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(file);
    assert_int_equal(json_array_size(json_object_get(file, "runs")), 12 * 4);
    json_decref(file);
    (void)unlink(path);
}

/*
 * `script` with echolab as $1 and our folder as $2, under `unshare` with
 * `options`. False where namespaces are denied.
 */
static bool run_apart(struct ran *ran, const char *options, const char *script) {
    struct words words;
    char path[PATH_ROOM], text[ROOM], shell[] = "sh", flag[] = "-c", true_word[] = "true";
    char *argv[16];
    char **each = words_split(&words, "unshare --user%s", options);
    int count = 0;
    for (; each[count] != NULL; count++) argv[count] = each[count];
    argv[count] = true_word;
    argv[count + 1] = NULL;
    if (program_run(argv, NULL, NULL, 0, ran->err, sizeof ran->err) != 0) return false;
    (void)snprintf(text, sizeof text, "%s", script);
    char *const rest[] = {shell,  flag, text, shell, program_built(path, sizeof path, "echolab"),
                          folder, NULL};
    memcpy(&argv[count], rest, sizeof rest);
    ran->status = program_run(argv, NULL, ran->out, sizeof ran->out, ran->err, sizeof ran->err);
    return true;
}

static void full_disk_is_told_and_leaves_no_half_file(void **state) {
    (void)state;
    static struct ran ran;
    static const char script[] =
        "mount -t tmpfs -o size=16k none \"$2\" || exit 77\n"
        "echo old >\"$2/x.json\"\n"
        "head -c 8192 /dev/zero >\"$2/zeros\"\n"
        "\"$1\" compare --blocks 1 --messages 5 --warmup 0s --json \"$2/x.json\" >/dev/null\n"
        "status=$?; cat \"$2/x.json\"; ls -A \"$2\"; exit $status";
    if (!run_apart(&ran, " --map-root-user --mount", script) || ran.status == 77) {
        print_message("skipped: no tmpfs in a user namespace here (%s)\n", ran.err);
        skip();
    }
    assert_status(&ran, 1);
    assert_string_equal(ran.out, "old\nx.json\nzeros\n");
    assert_non_null(strstr(ran.err, "echolab: cannot write "));
    assert_non_null(strstr(ran.err, "No space left on device\n"));
}

static void without_private_networks_it_runs_on_the_hosts_and_says_so(void **state) {
    (void)state;
    static struct ran ran;
    static const char script[] = "for kind in net user; do\n"
                                 "echo 0 >/proc/sys/user/max_${kind}_namespaces || exit 77\n"
                                 "done\n"
                                 "exec \"$1\" compare udp-persistent tcp-per-message --blocks 1 "
                                 "--messages 20 --warmup 0s --json \"$2/x.json\"";
    char path[PATH_ROOM];
    if (!run_apart(&ran, " --map-root-user", script) || ran.status == 77) {
        print_message("skipped: user namespaces cannot be limited here (%s)\n", ran.err);
        skip();
    }
    assert_true(ran.status == 0 || ran.status == EXIT_NOT_VALID);
    assert_non_null(strcasestr(ran.out, "not isolated"));
    json_t *file = json_load_file(in_folder(path, "x.json"), 0, NULL);
    const json_t *runs = json_object_get(file, "runs");
    assert_int_equal(json_array_size(runs), 5);
    for (size_t i = 0; i < 5; i++) {
        const json_t *run = json_array_get(runs, i);
        assert_string_equal(json_string_value(json_object_get(run, "network")), "host");
        assert_int_equal(
            json_integer_value(json_object_get(json_object_get(run, "messages"), "ok")), 20);
    }
    json_decref(file);
    (void)unlink(path);
}

static void too_few_descriptors_are_told_and_nothing_hangs(void **state) {
    (void)state;
    static struct ran ran;
    static const char *const names[] = {"tcp-per-message", "tcp-persistent", "udp-per-message",
                                        "udp-persistent"};
    char program[PATH_ROOM];
    for (size_t i = 0; i < 4; i++) {
        struct words words;
        /* The hard limit too: a soft one would be raised. */
        char **argv = words_split(&words,
                                  "prlimit --nofile=64:64 %s compare %s --connections 64 --blocks "
                                  "1 --duration 20ms --warmup 0s --deadline 200ms",
                                  program_built(program, sizeof program, "echolab"), names[i]);
        ran.status = program_run(argv, NULL, ran.out, sizeof ran.out, ran.err, sizeof ran.err);
        assert_status(&ran, EXIT_FAILED);
        assert_sentence(ran.err, "64 connections at once|the limit of open files|ulimit -n");
        assert_true(nothing_is_left());
    }
}

/* ---- interrupted ---- */

/* A server that is played: a datagram tells when a run is going on, and which. */
struct played {
    int socket;
    char host_port[ECHO_ADDRESS_TEXT];
};

static void played_start(struct played *played) {
    played->socket = hold_port(SOCK_DGRAM, played->host_port);
}

/* Takes a request; answers it if told so. Its session. */
static uint64_t played_take(const struct played *played, bool answer) {
    struct pollfd ready = {.fd = played->socket, .events = POLLIN};
    struct echo_address from = {.size = sizeof from.storage};
    struct echo_message message;
    uint8_t bytes[ROOM];
    assert_int_equal(poll(&ready, 1, TEST_DEADLINE_MS), 1);
    const ssize_t got = recvfrom(played->socket, bytes, sizeof bytes, 0, &from.any, &from.size);
    assert_true(got > 0);
    assert_int_equal(echo_decode(&message, bytes, (size_t)got), ECHO_WHOLE);
    if (answer) {
        echo_make_reply(bytes);
        assert_int_equal(sendto(played->socket, bytes, (size_t)got, 0, &from.any, from.size), got);
    }
    return message.session;
}

static void interrupted_compare_keeps_what_was_measured(void **state) {
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < 2; i++) {
        struct program program;
        struct played played;
        char json[PATH_ROOM], csv[PATH_ROOM];
        played_start(&played);
        assert_int_equal(echolab_start(&program,
                                       "compare udp-persistent --blocks 5 --messages 1 "
                                       "--warmup 0s --deadline 60s --host %s --json %s --csv %s",
                                       played.host_port, in_folder(json, "x.json"),
                                       in_folder(csv, "x.csv")),
                         0);
        (void)played_take(&played, true); /* is anybody there? */
        /* Three runs of one message; the fourth has begun and will get no answer. */
        uint64_t sessions[4];
        for (int run = 0; run < 4; run++) {
            sessions[run] = played_take(&played, run < 3);
            for (int j = 0; j < run; j++) assert_true(sessions[j] != sessions[run]);
        }
        pid_t child;
        assert_int_equal(program_children(program.pid, &child, 1), 1);
        assert_int_equal(program_stop(&program, signals[i]), EXIT_INTERRUPTED);
        assert_int_equal(kill(child, 0), -1); /* reaped, not only ended */
        assert_true(nothing_is_left());
        json_t *file = json_load_file(json, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(file);
        assert_true(json_is_true(json_object_get(file, "interrupted")));
        assert_int_equal(json_array_size(json_object_get(file, "runs")), 3);
        json_decref(file);
        assert_int_equal(entries(folder), 2);
        (void)unlink(json);
        (void)unlink(csv);
        (void)close(played.socket);
    }
}

/* Ctrl-C goes to the whole group: the run may be gone before compare knows why. */
static void interrupt_of_the_whole_group_is_no_failed_run(void **state) {
    (void)state;
    struct program program;
    struct played played;
    played_start(&played);
    assert_int_equal(echolab_start(&program,
                                   "compare udp-persistent --blocks 5 --messages 1 --warmup 0s "
                                   "--deadline 60s --host %s",
                                   played.host_port),
                     0);
    for (int i = 0; i < 2; i++) (void)played_take(&played, true);
    (void)played_take(&played, false);
    pid_t child;
    assert_int_equal(program_children(program.pid, &child, 1), 1);
    /* As the terminal does, to one after the other; compare cannot go on in between. */
    assert_int_equal(kill(program.pid, SIGSTOP), 0);
    assert_int_equal(kill(child, SIGINT), 0);
    assert_int_equal(kill(program.pid, SIGINT), 0);
    assert_int_equal(program_stop(&program, SIGCONT), EXIT_INTERRUPTED);
    assert_true(nothing_is_left());
    (void)close(played.socket);
}

/* Children and their children, at least `wanted` of them; waits until they are there. */
static int descendants(pid_t pid, pid_t *all, int wanted) {
    const uint64_t deadline_ns = echo_clock_ns() + TEST_DEADLINE_MS * UINT64_C(1000000);
    int count = 0;
    while (count < wanted && echo_clock_ns() < deadline_ns) {
        count = program_children(pid, all, CHILDREN);
        for (int i = 0; i < count && i < CHILDREN; i++) {
            count += program_children(all[i], all + count, CHILDREN - count);
        }
    }
    return count;
}

static void run_and_server_die_with_compare(void **state) {
    (void)state;
    static const int signals[] = {SIGKILL, SIGINT, SIGTERM};
    static const int statuses[] = {KILLED, EXIT_INTERRUPTED, EXIT_INTERRUPTED};
    for (size_t i = 0; i < 3; i++) {
        struct program program;
        pid_t all[CHILDREN];
        assert_int_equal(
            echolab_start(&program, "compare tcp-persistent --blocks 1 --duration 60s"), 0);
        const int count = descendants(program.pid, all, 2); /* the run, and its server */
        assert_in_range(count, 2, CHILDREN);
        assert_int_equal(program_stop(&program, signals[i]), statuses[i]);
        for (int j = 0; j < count; j++) assert_true(program_ends(all[j], TEST_DEADLINE_MS));
        assert_true(nothing_is_left());
    }
}

static void interrupted_send_says_how_far_it_came(void **state) {
    (void)state;
    struct program program;
    struct played played;
    char line[ROOM];
    played_start(&played);
    assert_int_equal(echolab_start(&program,
                                   "send udp-persistent --messages 1000000 --deadline 100ms "
                                   "--host %s",
                                   played.host_port),
                     0);
    for (int i = 0; i < 4; i++) (void)played_take(&played, true); /* the first asks who is there */
    (void)played_take(&played, false);
    assert_int_equal(kill(program.pid, SIGINT), 0);
    assert_true(program_line(program.out, line, sizeof line, TEST_DEADLINE_MS) > 0);
    assert_memory_equal(line, "udp-persistent: 3 of ", 21);
    assert_int_equal(program_stop(&program, 0), EXIT_INTERRUPTED);
    (void)close(played.socket);
}

static int set_up(void **state) {
    (void)state;
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return -1;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(folder) == 0 && nothing_is_left() ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serve_ends_well_on_a_signal_and_frees_its_port),
        cmocka_unit_test(serve_ends_with_a_silent_connection_open),
        cmocka_unit_test(taken_port_is_refused_with_advice),
        cmocka_unit_test(serve_says_what_is_wrong_with_an_address),
        cmocka_unit_test(send_prints_one_line),
        cmocka_unit_test(send_goes_through_ipv6),
        cmocka_unit_test(no_server_is_said_in_a_sentence),
        cmocka_unit_test(a_server_is_found_by_the_name_that_everybody_types),
        cmocka_unit_test(what_came_back_is_told_by_the_rule_that_it_breaks),
        cmocka_unit_test(a_long_name_of_a_host_keeps_its_port),
        cmocka_unit_test(variants_lists_all),
        cmocka_unit_test(output_that_does_not_arrive_is_a_failure),
        cmocka_unit_test(progress_is_for_terminals),
        cmocka_unit_test(file_that_cannot_be_written_is_told_before_measuring),
        cmocka_unit_test(closed_pipe_does_not_cost_the_file),
        cmocka_unit_test(full_disk_is_told_and_leaves_no_half_file),
        cmocka_unit_test(without_private_networks_it_runs_on_the_hosts_and_says_so),
        cmocka_unit_test(too_few_descriptors_are_told_and_nothing_hangs),
        cmocka_unit_test(interrupted_compare_keeps_what_was_measured),
        cmocka_unit_test(interrupt_of_the_whole_group_is_no_failed_run),
        cmocka_unit_test(run_and_server_die_with_compare),
        cmocka_unit_test(interrupted_send_says_how_far_it_came),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
