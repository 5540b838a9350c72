/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The textbook programs as a student runs them, and as a stranger on the
 * network meets them. They are started from $BUILD (default: build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "echo/address.h"
#include "echo/message.h"
#include "tests/support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 4096, INTERRUPTED = 128 + SIGINT };

static const char *const transports[] = {"tcp", "udp"};

struct server {
    struct program program;
    struct echo_address address;
    char host_port[ECHO_ADDRESS_TEXT], port[8];
};

static char *built(char *path, const char *transport, const char *role) {
    const char *build = getenv("BUILD");
    (void)snprintf(path, ROOM, "%s/%s-%s", build != NULL ? build : "build", transport, role);
    return path;
}

/* Starts a server and waits until it says that it is ready. */
static void server_start(struct server *server, const char *transport, const char *port) {
    char path[ROOM], line[ROOM], expected[ROOM], copy[8];
    (void)snprintf(copy, sizeof copy, "%s", port);
    char *argv[] = {built(path, transport, "server"), copy, NULL};
    assert_int_equal(program_start(&server->program, argv), 0);
    assert_true(program_line(server->program.out, line, sizeof line, TEST_DEADLINE_MS) > 0);
    const char *host_port = strrchr(line, ' ');
    assert_non_null(host_port);
    (void)snprintf(expected, sizeof expected, "%s-server: listening on%.64s", transport, host_port);
    assert_string_equal(line, expected);
    assert_int_equal(echo_address_parse(&server->address, host_port + 1), 0);
    (void)echo_address_text(&server->address, server->host_port);
    (void)snprintf(server->port, sizeof server->port, "%u",
                   (unsigned)echo_address_port(&server->address));
}

static void server_stop(struct server *server) {
    assert_int_equal(program_stop(&server->program, SIGINT), INTERRUPTED);
}

static void assert_complaint(const struct server *server, const char *expected) {
    char line[ROOM];
    assert_true(program_line(server->program.err, line, sizeof line, TEST_DEADLINE_MS) > 0);
    if (strstr(line, expected) == NULL) fail_msg("'%s' does not say '%s'", line, expected);
}

/* Runs a client over `input`; its exit status. */
static int client_run(const char *transport, bool per_message, const char *host_port,
                      const char *input, char *out, char *err) {
    char path[ROOM], target[ECHO_ADDRESS_TEXT], mode[] = "--per-message";
    (void)snprintf(target, sizeof target, "%s", host_port);
    char *argv[4] = {built(path, transport, "client")};
    size_t words = 1;
    if (per_message) argv[words++] = mode;
    argv[words] = target;
    return program_run(argv, input, out, ROOM, err, ROOM);
}

static int type_of(const char *transport) {
    return strcmp(transport, "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM;
}

static int reach(const struct server *server, const char *transport) {
    const int fd = socket(AF_INET, type_of(transport) | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &server->address.any, server->address.size), 0);
    return fd;
}

/* A request with the payload "hello", changed by the tests to what they are about. */
static struct echo_message hello(void) {
    return (struct echo_message){
        .kind = ECHO_REQUEST, .payload_bytes = 5, .reply_bytes = 5, .session = 7, .sequence = 1};
}

static size_t put_hello(uint8_t *bytes, const struct echo_message *message) {
    echo_encode(bytes, message);
    memcpy(bytes + ECHO_HEADER_BYTES, "hello", 5);
    return ECHO_HEADER_BYTES + 5;
}

static void send_all(int fd, const uint8_t *bytes, size_t size) {
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

static bool becomes_ready(int fd, int timeout_ms) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    return poll(&ready, 1, timeout_ms) == 1;
}

/* What a recv brings within the deadline: bytes, 0 at end of file, -errno. */
static ssize_t receive(int fd, uint8_t *bytes, size_t size) {
    if (!becomes_ready(fd, TEST_DEADLINE_MS)) return -ETIMEDOUT;
    const ssize_t got = recv(fd, bytes, size, 0);
    return got < 0 ? -errno : got;
}

/* The reply to `request`, however many calls it takes; nothing is read beyond it. */
static void assert_reply(int fd, const struct echo_message *request) {
    uint8_t bytes[ROOM];
    const size_t size = ECHO_HEADER_BYTES + (size_t)request->reply_bytes;
    for (size_t have = 0; have < size;) {
        const ssize_t got = receive(fd, bytes + have, size - have);
        assert_true(got > 0);
        have += (size_t)got;
    }
    struct echo_message reply;
    assert_int_equal(echo_decode(&reply, bytes, size), ECHO_WHOLE);
    assert_int_equal(reply.kind, ECHO_REPLY);
    assert_int_equal(reply.payload_bytes, request->reply_bytes);
    assert_int_equal(reply.sequence, request->sequence);
    assert_true(reply.session == request->session);
    assert_memory_equal(bytes + ECHO_HEADER_BYTES, "hello", request->reply_bytes);
}

/* End of file, or a reset where bytes had not been read: not a byte of an answer. */
static void assert_closed(int fd) {
    uint8_t byte;
    const ssize_t got = receive(fd, &byte, 1);
    assert_true(got == 0 || got == -ECONNRESET);
}

static void every_line_comes_back(void **state) {
    (void)state;
    static const char lines[] = "one\n\nthree, a longer one\nno newline at the end";
    for (size_t i = 0; i < 4; i++) {
        struct server server;
        char out[ROOM], err[ROOM], expected[sizeof lines + 1];
        (void)snprintf(expected, sizeof expected, "%s\n", lines);
        server_start(&server, transports[i / 2], "0");
        for (int again = 0; again < 2; again++) {
            const bool per_message = i % 2 != 0;
            const int status =
                client_run(transports[i / 2], per_message, server.host_port, lines, out, err);
            assert_string_equal(err, "");
            assert_int_equal(status, 0);
            assert_string_equal(out, expected);
        }
        server_stop(&server);
    }
}

static void too_long_line_is_skipped_and_the_next_one_sent(void **state) {
    (void)state;
    static const size_t limits[] = {ECHO_PAYLOAD_MAX, ECHO_UDP_PAYLOAD_MAX};
    for (size_t i = 0; i < 2; i++) {
        struct server server;
        char out[ROOM], err[ROOM];
        char *input = malloc(limits[i] + 16);
        assert_non_null(input);
        memset(input, 'x', limits[i] + 1);
        memcpy(input + limits[i] + 1, "\nnext\n", sizeof "\nnext\n");
        server_start(&server, transports[i], "0");
        (void)client_run(transports[i], false, server.host_port, input, out, err);
        assert_string_equal(out, "next\n");
        assert_non_null(strstr(err, "skipped"));
        /* One byte less is the longest line there can be. */
        assert_int_equal(client_run(transports[i], true, server.host_port, input + 1, out, err), 0);
        assert_string_equal(err, "");
        assert_int_equal(out[0], 'x');
        server_stop(&server);
        free(input);
    }
}

static void taken_port_is_refused_with_advice(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server server;
        char path[ROOM], out[ROOM], err[ROOM], expected[ROOM];
        server_start(&server, transports[i], "0");
        char *argv[] = {built(path, transports[i], "server"), server.port, NULL};
        assert_int_equal(program_run(argv, NULL, out, sizeof out, err, sizeof err), 1);
        (void)snprintf(
            expected, sizeof expected,
            "%s-server: cannot bind %s: Address already in use; stop the other server or "
            "choose another port: %s-server %ld\n",
            transports[i], server.host_port, transports[i],
            strtol(server.port, NULL, 10) % UINT16_MAX + 1);
        assert_string_equal(err, expected);
        assert_string_equal(out, "");
        server_stop(&server);
    }
}

static void wrong_usage_exits_64(void **state) {
    (void)state;
    static const struct {
        const char *role, *word;
    } cases[] = {{"server", "x"},  {"server", ""},   {"server", "65536"},       {"server", "-1"},
                 {"server", "7x"}, {"client", "-x"}, {"client", "127.0.0.1:0"}, {"client", "h:x"}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        char path[ROOM], out[ROOM], err[ROOM], word[32];
        (void)snprintf(word, sizeof word, "%s", cases[i / 2].word);
        char *argv[] = {built(path, transports[i % 2], cases[i / 2].role), word, NULL};
        assert_int_equal(program_run(argv, NULL, out, sizeof out, err, sizeof err), 64);
        assert_memory_equal(err, "usage: ", 7);
    }
}

static void client_without_server_says_so(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct server server;
        char out[ROOM], err[ROOM];
        server_start(&server, transports[i / 2], "0"); /* only to learn a port that is free after */
        server_stop(&server);
        const int status =
            client_run(transports[i / 2], i % 2 != 0, server.host_port, "hello\n", out, err);
        assert_int_equal(status, 1);
        assert_string_equal(out, "");
        assert_non_null(strstr(err, "Connection refused"));
        assert_non_null(strstr(err, server.host_port));
        assert_ptr_equal(strchr(err, '\n'), err + strlen(err) - 1); /* one sentence */
    }
}

static void port_can_be_bound_again_at_once(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server first, second;
        char out[ROOM], err[ROOM];
        server_start(&first, transports[i], "0");
        assert_int_equal(client_run(transports[i], true, first.host_port, "a\nb\n", out, err), 0);
        server_stop(&first);
        /* That there is something to overcome: a plain bind meets the TIME_WAIT, in TCP only. */
        const int plain = socket(AF_INET, type_of(transports[i]) | SOCK_CLOEXEC, 0);
        const int bound = bind(plain, &first.address.any, first.address.size);
        (void)close(plain);
        assert_int_equal(bound, type_of(transports[i]) == SOCK_STREAM ? -1 : 0);
        server_start(&second, transports[i], first.port);
        assert_string_equal(second.host_port, first.host_port);
        assert_int_equal(client_run(transports[i], true, second.host_port, "c\n", out, err), 0);
        assert_string_equal(out, "c\n");
        server_stop(&second);
    }
}

static void servers_run_side_by_side(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server first, second;
        char out[ROOM], err[ROOM];
        server_start(&first, transports[i], "0");
        server_start(&second, transports[i], "0");
        assert_string_not_equal(first.port, second.port);
        assert_int_equal(client_run(transports[i], false, first.host_port, "1\n", out, err), 0);
        assert_string_equal(out, "1\n");
        assert_int_equal(client_run(transports[i], false, second.host_port, "2\n", out, err), 0);
        assert_string_equal(out, "2\n");
        server_stop(&first);
        server_stop(&second);
    }
}

static void descriptors_are_given_back(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server server;
        struct program client;
        char path[ROOM], line[ROOM], mode[] = "--per-message";
        server_start(&server, transports[i], "0");
        const int server_before = program_descriptors(server.program.pid);
        char *argv[] = {built(path, transports[i], "client"), mode, server.host_port, NULL};
        assert_int_equal(program_start(&client, argv), 0);
        int client_before = 0;
        for (int message = 0; message < 51; message++) {
            assert_int_equal(write(client.in, "line\n", 5), 5);
            assert_int_equal(program_line(client.out, line, sizeof line, TEST_DEADLINE_MS), 4);
            if (message == 0) client_before = program_descriptors(client.pid);
        }
        /* The last reply may be printed a moment before its socket is closed. */
        assert_true(client_before > 0);
        assert_in_range(program_descriptors(client.pid), 1, client_before + 1);
        assert_int_equal(program_stop(&client, 0), 0);
        /* The client has seen the server close: no moment is left there. */
        assert_int_equal(program_descriptors(server.program.pid), server_before);
        server_stop(&server);
    }
}

static void python_client_understands_both_servers(void **state) {
    (void)state;
    char out[ROOM], err[ROOM];
    char *version[] = {"python3", "--version", NULL};
    if (program_run(version, NULL, out, sizeof out, err, sizeof err) != 0) {
        print_message("skipped: no python3 here; apt install python3\n");
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        struct server server;
        char transport[4];
        (void)snprintf(transport, sizeof transport, "%s", transports[i]);
        server_start(&server, transports[i], "0");
        char *argv[] = {"python3",   "tests/client.py",         transport, "127.0.0.1",
                        server.port, "gr\xc3\xbc\xc3\x9f dich", NULL};
        const int status = program_run(argv, NULL, out, sizeof out, err, sizeof err);
        assert_string_equal(err, "");
        assert_int_equal(status, 0);
        assert_string_equal(out, "gr\xc3\xbc\xc3\x9f dich\n");
        server_stop(&server);
    }
}

/* What no server may answer, with what the server says of it. */
struct refused {
    uint8_t bytes[128];
    size_t size;
    const char *tcp, *udp; /* NULL: not a case for this transport */
};

enum { REFUSED = 9 };

static void make_refused(struct refused refused[REFUSED]) {
    static const char *const words[REFUSED][2] = {
        {"not a message", "not a message"},        /* garbage */
        {"not a message", "not a message"},        /* another version */
        {"not a message", "not a message"},        /* a wrong check */
        {"not a request", "not a request"},        /* a reply */
        {"reply longer", "reply longer"},          /* more back than sent */
        {"end of file inside", "not a message"},   /* half a header */
        {"end of file inside", "size its header"}, /* half a payload */
        {NULL, "size its header"},                 /* more than a message */
        {NULL, "CLOSE"},
    };
    for (size_t i = 0; i < REFUSED; i++) {
        struct echo_message message = hello();
        struct refused *one = &refused[i];
        if (i == 3) message.kind = ECHO_REPLY;
        if (i == 4) message.reply_bytes = 6;
        if (i == 8) message.flags = ECHO_CLOSE;
        *one = (struct refused){.tcp = words[i][0], .udp = words[i][1]};
        one->size = put_hello(one->bytes, &message);
        if (i == 0) memcpy(one->bytes, "GET / HTTP/1.0", 14);
        if (i == 1) one->bytes[2] = 2;
        if (i == 2) one->bytes[20] ^= 1;
        if (i == 5) one->size = 20;
        if (i == 6) one->size -= 2;
        if (i == 7) one->size += 1;
    }
}

/* Datagrams keep their order here, so if the last is answered first, nothing else was. */
static void udp_server_is_silent_to_what_is_not_a_request(void **state) {
    (void)state;
    struct server server;
    struct refused refused[REFUSED];
    make_refused(refused);
    server_start(&server, "udp", "0");
    const int fd = reach(&server, "udp");
    assert_int_equal(send(fd, "", 0, 0), 0);
    assert_complaint(&server, "not a message");
    for (size_t i = 0; i < REFUSED; i++) {
        send_all(fd, refused[i].bytes, refused[i].size);
        assert_complaint(&server, refused[i].udp);
    }
    uint8_t bytes[128];
    struct echo_message message = hello();
    message.sequence = 99;
    send_all(fd, bytes, put_hello(bytes, &message));
    assert_reply(fd, &message);
    assert_false(becomes_ready(fd, 0));
    (void)close(fd);
    server_stop(&server);
}

static void tcp_server_closes_on_what_is_not_a_request(void **state) {
    (void)state;
    struct server server;
    struct refused refused[REFUSED];
    make_refused(refused);
    server_start(&server, "tcp", "0");
    for (size_t i = 0; i < REFUSED; i++) {
        if (refused[i].tcp == NULL) continue;
        const int fd = reach(&server, "tcp");
        send_all(fd, refused[i].bytes, refused[i].size);
        (void)shutdown(fd, SHUT_WR);
        assert_closed(fd);
        assert_complaint(&server, refused[i].tcp);
        (void)close(fd);
    }
    server_stop(&server);
}

/* Three bytes are enough to know: somebody who waits for an answer is not left waiting. */
static void tcp_server_closes_as_soon_as_it_cannot_be_a_message(void **state) {
    (void)state;
    struct server server;
    server_start(&server, "tcp", "0");
    const int fd = reach(&server, "tcp");
    send_all(fd, (const uint8_t *)"hi\n", 3);
    assert_closed(fd);
    (void)close(fd);
    server_stop(&server);
}

static void joined_and_split_messages_are_answered_one_by_one(void **state) {
    (void)state;
    struct server server;
    server_start(&server, "tcp", "0");
    const int fd = reach(&server, "tcp");
    uint8_t bytes[128];
    struct echo_message first = hello(), second = hello();
    second.sequence = 2;
    second.reply_bytes = 2;
    const size_t half = put_hello(bytes, &first);
    const size_t size = half + put_hello(bytes + half, &second);
    send_all(fd, bytes, size);
    assert_reply(fd, &first);
    assert_reply(fd, &second);
    for (size_t at = 0; at < size; at++) send_all(fd, bytes + at, 1);
    assert_reply(fd, &first);
    assert_reply(fd, &second);
    (void)close(fd);
    server_stop(&server);
}

static void shorter_reply_is_the_beginning(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server server;
        server_start(&server, transports[i], "0");
        const int fd = reach(&server, transports[i]);
        uint8_t bytes[128];
        struct echo_message message = hello();
        for (message.reply_bytes = 0; message.reply_bytes <= 5; message.reply_bytes++) {
            send_all(fd, bytes, put_hello(bytes, &message));
            assert_reply(fd, &message);
        }
        (void)close(fd);
        server_stop(&server);
    }
}

static void tcp_server_closes_after_the_reply_to_close(void **state) {
    (void)state;
    struct server server;
    server_start(&server, "tcp", "0");
    const int fd = reach(&server, "tcp");
    uint8_t bytes[128];
    struct echo_message message = hello();
    message.flags = ECHO_CLOSE;
    send_all(fd, bytes, put_hello(bytes, &message));
    assert_reply(fd, &message);
    assert_int_equal(receive(fd, bytes, 1), 0);
    (void)close(fd);
    server_stop(&server);
}

static void tcp_server_serves_one_client_after_the_other(void **state) {
    (void)state;
    struct server server;
    server_start(&server, "tcp", "0");
    const int first = reach(&server, "tcp");
    const int second = reach(&server, "tcp"); /* connected by the kernel, not yet accepted */
    uint8_t bytes[128];
    const struct echo_message message = hello();
    const size_t size = put_hello(bytes, &message);
    send_all(second, bytes, size);
    send_all(first, bytes, size);
    assert_reply(first, &message);
    assert_false(becomes_ready(second, 0));
    (void)close(first);
    assert_reply(second, &message);
    (void)close(second);
    server_stop(&server);
}

/* A UDP server played by the test: a socket on a port of its own. */
static int play_server(struct server *server) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(echo_address_find(&server->address, NULL, 0), 0);
    assert_int_equal(bind(fd, &server->address.any, server->address.size), 0);
    assert_int_equal(echo_address_of_socket(&server->address, fd), 0);
    (void)echo_address_text(&server->address, server->host_port);
    return fd;
}

static size_t receive_request(int fd, uint8_t *bytes, struct echo_address *client) {
    client->size = sizeof client->storage;
    assert_true(becomes_ready(fd, TEST_DEADLINE_MS));
    const ssize_t got = recvfrom(fd, bytes, ROOM, 0, &client->any, &client->size);
    assert_true(got >= ECHO_HEADER_BYTES);
    return (size_t)got;
}

static void send_changed(int fd, const uint8_t *reply, size_t size,
                         const struct echo_address *client, size_t at) {
    uint8_t bytes[ROOM];
    memcpy(bytes, reply, size);
    bytes[at] ^= 1;
    bytes[4] = bytes[5] = 0; /* "not computed", so that not the check alone gives it away */
    assert_int_equal(sendto(fd, bytes, size, 0, &client->any, client->size), size);
}

static void udp_client_ignores_what_is_not_its_reply(void **state) {
    (void)state;
    static const size_t changes[] = {ECHO_HEADER_BYTES, 3, 11, 16, 31};
    struct server server;
    struct program client;
    struct echo_address from;
    uint8_t bytes[ROOM];
    char path[ROOM], line[ROOM];
    const int fd = play_server(&server);
    char *argv[] = {built(path, "udp", "client"), server.host_port, NULL};
    assert_int_equal(program_start(&client, argv), 0);
    assert_int_equal(write(client.in, "hello\n", 6), 6);
    const size_t size = receive_request(fd, bytes, &from);
    echo_make_reply(bytes);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        send_changed(fd, bytes, size, &from, changes[i]);
    }
    assert_int_equal(sendto(fd, bytes, size - 1, 0, &from.any, from.size), size - 1);
    assert_int_equal(sendto(fd, bytes, size, 0, &from.any, from.size), size);
    assert_int_equal(program_line(client.out, line, sizeof line, TEST_DEADLINE_MS), 5);
    assert_string_equal(line, "hello");
    assert_int_equal(program_stop(&client, 0), 0);
    (void)close(fd);
}

static void udp_client_gives_up_on_a_line_and_ignores_its_late_reply(void **state) {
    (void)state;
    struct server server;
    struct program client;
    struct echo_address from;
    uint8_t late[ROOM], bytes[ROOM];
    char path[ROOM], line[ROOM];
    const int fd = play_server(&server);
    char *argv[] = {built(path, "udp", "client"), server.host_port, NULL};
    assert_int_equal(program_start(&client, argv), 0);
    assert_int_equal(write(client.in, "first\nagain\n", 12), 12);
    const size_t late_size = receive_request(fd, late, &from);
    assert_true(program_line(client.err, line, sizeof line, TEST_DEADLINE_MS) > 0);
    assert_non_null(strstr(line, "no answer within 2 s: lost, or no server at 127.0.0.1:"));
    const size_t size = receive_request(fd, bytes, &from);
    echo_make_reply(late);
    echo_make_reply(bytes);
    assert_int_equal(sendto(fd, late, late_size, 0, &from.any, from.size), late_size);
    assert_int_equal(sendto(fd, bytes, size, 0, &from.any, from.size), size);
    assert_int_equal(program_line(client.out, line, sizeof line, TEST_DEADLINE_MS), 5);
    assert_string_equal(line, "again");
    assert_int_equal(program_stop(&client, 0), 1); /* one line was not answered */
    (void)close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_comes_back),
        cmocka_unit_test(too_long_line_is_skipped_and_the_next_one_sent),
        cmocka_unit_test(taken_port_is_refused_with_advice),
        cmocka_unit_test(wrong_usage_exits_64),
        cmocka_unit_test(client_without_server_says_so),
        cmocka_unit_test(port_can_be_bound_again_at_once),
        cmocka_unit_test(servers_run_side_by_side),
        cmocka_unit_test(descriptors_are_given_back),
        cmocka_unit_test(python_client_understands_both_servers),
        cmocka_unit_test(udp_server_is_silent_to_what_is_not_a_request),
        cmocka_unit_test(tcp_server_closes_on_what_is_not_a_request),
        cmocka_unit_test(tcp_server_closes_as_soon_as_it_cannot_be_a_message),
        cmocka_unit_test(joined_and_split_messages_are_answered_one_by_one),
        cmocka_unit_test(shorter_reply_is_the_beginning),
        cmocka_unit_test(tcp_server_closes_after_the_reply_to_close),
        cmocka_unit_test(tcp_server_serves_one_client_after_the_other),
        cmocka_unit_test(udp_client_ignores_what_is_not_its_reply),
        cmocka_unit_test(udp_client_gives_up_on_a_line_and_ignores_its_late_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
