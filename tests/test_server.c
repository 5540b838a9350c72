/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pool of the blocking engine, and the server in a process of its own:
 * many clients, rude clients, and the end in the middle of everything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/load.h"
#include "bench/serve/design.h"
#include "echo/clock.h"
#include "tcp/transport.h"
#include "tests/descriptors.h"
#include "tests/support.h"
#include "udp/transport.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 120, SMALL = 300, CROWD = 50 };

#define DEADLINE_NS ((uint64_t)TEST_DEADLINE_MS * 1000000)

static struct load_options load_for(const struct variant *variant,
                                    const struct echo_address *server, unsigned connections,
                                    uint64_t messages) {
    return (struct load_options){.transport = variant->transport,
                                 .client = test_client(variant, server, SMALL),
                                 .connections = connections,
                                 .messages = messages,
                                 .deadline_ns = DEADLINE_NS,
                                 .server = -1};
}

/* All are answered, or the test fails. */
static void load_ok(const struct load_options *load) {
    struct load_result *result;
    assert_int_equal(load_run(&result, load), 0);
    assert_int_equal(result->sent, load->messages);
    assert_int_equal(result->ok, load->messages);
    load_free(result);
}

/* ---- raw TCP clients ---- */

static size_t put_request(uint8_t *bytes) {
    const struct echo_message m = {.kind = ECHO_REQUEST,
                                   .payload_bytes = SMALL,
                                   .reply_bytes = SMALL,
                                   .session = TEST_SESSION,
                                   .sequence = 1};
    return test_put(bytes, &m);
}

static int reach(const struct served *served) {
    const int fd = test_connect(&served->address, SOCK_STREAM);
    assert_true(fd >= 0);
    return fd;
}

static void assert_answers(int fd) {
    uint8_t bytes[ECHO_HEADER_BYTES + SMALL];
    const size_t size = put_request(bytes);
    struct echo_message m;
    assert_int_equal(echo_decode(&m, bytes, size), ECHO_WHOLE);
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
    assert_int_equal(test_receive(fd, bytes, size), size);
    assert_true(test_is_reply(bytes, size, &m));
}

static void send_part(int fd, size_t most) {
    uint8_t bytes[ECHO_HEADER_BYTES + SMALL];
    (void)put_request(bytes);
    assert_int_equal(send(fd, bytes, most, MSG_NOSIGNAL), most);
}

/* ---- the pool ---- */

static void crowd_is_answered_at_once(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct served served;
        uint64_t counts[ECHO_COUNTS] = {0};
        assert_int_equal(served_start(&served, variants[v].transport, NULL, false), 0);
        const struct load_options load =
            load_for(&variants[v], &served.address, CROWD, CROWD * UINT64_C(10));
        load_ok(&load);
        served_stop(&served, counts);
        assert_int_equal(counts[ECHO_REPLIES], load.messages);
    }
}

static void pool_grows_while_all_are_busy(void **state) {
    (void)state;
    struct served served;
    uint64_t counts[ECHO_COUNTS] = {0};
    int held[CROWD];
    assert_int_equal(served_start(&served, &tcp_transport, NULL, false), 0);
    for (int i = 0; i < CROWD; i++) { /* each answered while all before it stay connected */
        held[i] = reach(&served);
        assert_answers(held[i]);
    }
    for (int i = 0; i < CROWD; i++) assert_answers(held[i]);
    for (int i = 0; i < CROWD; i++) (void)close(held[i]);
    served_stop(&served, counts);
    assert_int_equal(counts[ECHO_ACCEPTED], CROWD);
    assert_int_equal(counts[ECHO_REPLIES], 2 * CROWD);
}

static void resets_harm_nobody_else(void **state) {
    (void)state;
    struct served served;
    uint64_t counts[ECHO_COUNTS] = {0};
    assert_int_equal(served_start(&served, &tcp_transport, NULL, false), 0);
    const int other = reach(&served);
    for (size_t i = 0; i < CROWD; i++) {
        const int fd = reach(&served);
        if (i > 0) send_part(fd, i * 7 % (ECHO_HEADER_BYTES + SMALL));
        test_reset(fd);
        assert_answers(other);
    }
    (void)close(other);
    const int later = reach(&served);
    assert_answers(later);
    (void)close(later);
    served_stop(&served, counts);
    assert_int_equal(counts[ECHO_REQUESTS], CROWD + 1);
    assert_int_equal(counts[ECHO_REFUSED], 0);
}

static void garbage_from_many_is_refused_one_by_one(void **state) {
    (void)state;
    struct served served;
    uint64_t counts[ECHO_COUNTS] = {0};
    int rude[CROWD];
    assert_int_equal(served_start(&served, &tcp_transport, NULL, false), 0);
    for (int i = 0; i < CROWD; i++) rude[i] = reach(&served);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(send(rude[i], test_payload() + i, 1000, MSG_NOSIGNAL), 1000);
    }
    const int good = reach(&served);
    assert_answers(good);
    (void)close(good);
    for (int i = 0; i < CROWD; i++) {
        uint8_t byte;
        assert_int_equal(test_receive(rude[i], &byte, 1), 0);
        (void)close(rude[i]);
    }
    served_stop(&served, counts);
    assert_int_equal(counts[ECHO_REFUSED], CROWD);
    assert_int_equal(counts[ECHO_REPLIES], 1);
}

static void stop_ends_connections_in_mid_message(void **state) {
    (void)state;
    enum { LARGE = 1 << 20 };
    struct served served;
    uint64_t counts[ECHO_COUNTS] = {0};
    int held[5];
    assert_int_equal(served_start(&served, &tcp_transport, NULL, false), 0);
    const int before = program_descriptors(getpid());
    for (int i = 0; i < 5; i++) held[i] = reach(&served);
    assert_answers(held[1]);
    send_part(held[2], 10);
    assert_answers(held[3]);
    send_part(held[3], ECHO_HEADER_BYTES + 10);
    /* Never reads: the server is stuck in send. */
    const struct echo_message m = {
        .kind = ECHO_REQUEST, .payload_bytes = LARGE, .reply_bytes = LARGE};
    uint8_t *bytes = malloc(ECHO_HEADER_BYTES + LARGE);
    assert_non_null(bytes);
    const size_t size = test_put(bytes, &m);
    ssize_t put = 1;
    for (size_t sent = 0; put > 0; sent += (size_t)put) {
        struct pollfd at = {.fd = held[4], .events = POLLOUT};
        if (poll(&at, 1, 100) == 0) break;
        put = send(held[4], bytes + sent % size, size - sent % size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    free(bytes);
    served_stop(&served, counts);
    assert_int_equal(program_descriptors(getpid()), before - 1 + 5); /* the clients' own */
    assert_int_equal(counts[ECHO_ACCEPTED], 5);
    for (int i = 0; i < 5; i++) (void)close(held[i]);
}

static void idle_pool_stops(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        for (int spin = 0; spin < 2; spin++) {
            struct served served;
            uint64_t counts[ECHO_COUNTS] = {0};
            const struct echo_server_options wanted = {.nonblocking = spin != 0};
            assert_int_equal(served_start(&served, variants[v].transport, &wanted, spin != 0), 0);
            served_stop(&served, counts);
            for (int i = 0; i < ECHO_COUNTS; i++) assert_int_equal(counts[i], 0);
        }
    }
}

static void spinning_pool_answers_a_spinning_client(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct served served;
        uint64_t counts[ECHO_COUNTS] = {0};
        const struct echo_server_options wanted = {.nonblocking = true};
        assert_int_equal(served_start(&served, variants[v].transport, &wanted, true), 0);
        /* Few: with both on one CPU each message costs two slices of the scheduler. */
        struct load_options load = load_for(&variants[v], &served.address, 1, 20);
        load.client.nonblocking = true;
        load.waiting = EXCHANGE_SPIN;
        load_ok(&load);
        served_stop(&served, counts);
        assert_int_equal(counts[ECHO_REPLIES], load.messages);
    }
}

static void spinning_pool_stops_with_a_client_connected(void **state) {
    (void)state;
    struct served served;
    const struct echo_server_options wanted = {.nonblocking = true};
    assert_int_equal(served_start(&served, &tcp_transport, &wanted, true), 0);
    const int fd = reach(&served);
    assert_answers(fd);
    send_part(fd, 10);
    served_stop(&served, NULL);
    (void)close(fd);
}

/* ---- ports ---- */

static void port_can_be_bound_again_at_once(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct echo_server_options wanted = {0};
        for (int times = 0; times < 3; times++) {
            struct served served;
            assert_int_equal(served_start(&served, variants[v].transport, &wanted, false), 0);
            wanted.address = served.address; /* the next one wants the very same */
            const struct load_options load = load_for(&variants[v], &served.address, 2, 10);
            load_ok(&load);
            served_stop(&served, NULL);
        }
    }
}

static void second_server_on_a_port_is_refused(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct served first;
        struct echo_server *second;
        assert_int_equal(served_start(&first, variants[v].transport, NULL, false), 0);
        const struct echo_server_options wanted = {.address = first.address};
        assert_int_equal(variants[v].transport->server->listen(&second, &wanted), -EADDRINUSE);
        served_stop(&first, NULL);
    }
}

/* ---- a process of its own ---- */

static struct design_options process_for(const struct echo_transport *transport) {
    struct design_options options = {.transport = transport, .cpu = -1};
    assert_int_equal(echo_address_find(&options.server.address, NULL, 0), 0);
    return options;
}

static void server_process_counts_what_its_clients_count(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct server_process process;
        uint64_t counts[ECHO_COUNTS] = {0};
        const struct design_options options = process_for(variants[v].transport);
        assert_int_equal(server_process_start(&process, &options), 0);
        struct load_options load = load_for(&variants[v], &process.address, 2, 100);
        load.server = process.pid;
        load_ok(&load);
        assert_int_equal(server_process_stop(&process, counts), 0);
        assert_int_equal(counts[ECHO_REQUESTS], 100);
        assert_int_equal(counts[ECHO_REPLIES], 100);
        assert_int_equal(counts[ECHO_REFUSED] + counts[ECHO_TRUNCATED], 0);
    }
}

static void server_process_says_why_it_cannot_start(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct served first;
        struct server_process process;
        assert_int_equal(served_start(&first, variants[v].transport, NULL, false), 0);
        struct design_options options = process_for(variants[v].transport);
        options.server.address = first.address;
        assert_int_equal(server_process_start(&process, &options), -EADDRINUSE);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
        assert_int_equal(errno, ECHILD);
        served_stop(&first, NULL);
    }
}

static void killed_server_process_is_noticed(void **state) {
    (void)state;
    struct server_process process;
    uint64_t counts[ECHO_COUNTS] = {0};
    const struct design_options options = process_for(&tcp_transport);
    assert_int_equal(server_process_start(&process, &options), 0);
    assert_int_equal(kill(process.pid, SIGKILL), 0);
    assert_int_equal(server_process_stop(&process, counts), -EIO);
}

static void ask_floor(const struct variant *variant, bool many) {
    struct server_process process;
    uint64_t counts[ECHO_COUNTS] = {0};
    struct design_options options = process_for(variant->transport);
    struct echo_client_options client = test_client(variant, &options.server.address, SMALL);
    client.nonblocking = many;
    options.floor = &client;
    options.floor_threads = 2;
    options.many = many;
    options.workers = 2;
    assert_int_equal(server_process_start(&process, &options), 0);
    struct load_result *result;
    struct load_options load = load_for(variant, &process.address, 2, 101);
    load.many = many;
    load.client.nonblocking = many;
    assert_int_equal(load_floor(&result, &load), 0);
    assert_int_equal(result->sent, 101);
    assert_int_equal(result->ok, 101);
    load_free(result);
    assert_int_equal(server_process_stop(&process, counts), 0);
}

static void floor_makes_the_exchanges_asked_for(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count * 2; v++) ask_floor(&variants[v / 2], v % 2 != 0);
}

/* In a process that will be killed: starts a server, says which, and waits. */
static void be_a_parent(const struct design_options *options, int report) {
    struct server_process process;
    if (server_process_start(&process, options) != 0) _exit(1);
    if (write(report, &process, sizeof process) != sizeof process) _exit(1);
    for (;;) (void)pause();
}

static void server_process_dies_with_its_parent(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        const struct design_options options = process_for(variants[v].transport);
        int report[2];
        assert_int_equal(pipe(report), 0);
        const pid_t parent = fork();
        assert_true(parent >= 0);
        if (parent == 0) be_a_parent(&options, report[1]);
        (void)close(report[1]);
        struct server_process process;
        struct pollfd told = {.fd = report[0], .events = POLLIN};
        assert_int_equal(poll(&told, 1, TEST_DEADLINE_MS), 1);
        assert_int_equal(read(report[0], &process, sizeof process), sizeof process);
        const int server = (int)syscall(SYS_pidfd_open, process.pid, 0);
        assert_true(server >= 0);
        const struct load_options load = load_for(&variants[v], &process.address, 1, 3);
        load_ok(&load); /* it lives */
        assert_int_equal(kill(parent, SIGKILL), 0);
        assert_int_equal(waitpid(parent, NULL, 0), parent);
        struct pollfd gone = {.fd = server, .events = POLLIN};
        assert_int_equal(poll(&gone, 1, TEST_DEADLINE_MS), 1);
        struct served next; /* and its port is free */
        const struct echo_server_options wanted = {.address = process.address};
        assert_int_equal(served_start(&next, variants[v].transport, &wanted, false), 0);
        served_stop(&next, NULL);
        (void)close(server);
        (void)close(report[0]);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(crowd_is_answered_at_once),
        TEST(pool_grows_while_all_are_busy),
        TEST(resets_harm_nobody_else),
        TEST(garbage_from_many_is_refused_one_by_one),
        TEST(stop_ends_connections_in_mid_message),
        TEST(idle_pool_stops),
        TEST(spinning_pool_answers_a_spinning_client),
        TEST(spinning_pool_stops_with_a_client_connected),
        TEST(port_can_be_bound_again_at_once),
        TEST(second_server_on_a_port_is_refused),
        TEST(server_process_counts_what_its_clients_count),
        TEST(server_process_says_why_it_cannot_start),
        TEST(killed_server_process_is_noticed),
        TEST(floor_makes_the_exchanges_asked_for),
        TEST(server_process_dies_with_its_parent),
    };
    (void)test_payload(); /* filled before there are threads */
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
