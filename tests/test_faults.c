/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The n-th call fails, for n = 1, 2, 3 ... until a run ends untouched: on the
 * client's side and on the server's, for every variant. Whatever fails, a run
 * ends in time, its sums hold, at most one exchange pays, and nothing is left
 * open (memory: the sanitizers' run).
 *
 * To be linked with (gcc and clang alike):
 * -Wl,--wrap=send,--wrap=sendto,--wrap=sendmsg,--wrap=recv,--wrap=recvfrom,--wrap=recvmsg
 * -Wl,--wrap=connect,--wrap=accept4,--wrap=socket,--wrap=bind,--wrap=listen,--wrap=setsockopt
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=pthread_create,--wrap=ppoll
 * -Wl,--wrap=socketpair,--wrap=fork
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/load.h"
#include "bench/serve/design.h"
#include "echo/clock.h"
#include "tests/descriptors.h"
#include "tests/faults.h"
#include "tests/support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 120, EXCHANGES = 4, CALLS_MAX = 2000 };

#define DEADLINE_NS ((uint64_t)200 * 1000000) /* of an exchange that a fault may lose */

/* What a call may say, and whether whoever called it makes up for it without a loss. */
struct way {
    enum fault_call call;
    int error;
    bool harmless;
};

struct shape {
    uint32_t payload_bytes, reply_bytes;
    uint32_t per_connection;
};

static const struct shape shapes[] = {{64, 64, 0}, {100, 300, 2}, {100000, 100000, 0}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static enum design design; /* of the server: each engine's in turn */

static int nothing_fails_any_more(void **state) {
    fault_arm(NULL);
    fault_arm_threads(NULL);
    return descriptors_are_given_back(state);
}

/* ---- one run ---- */

struct trial {
    const struct variant *variant;
    const struct way *way;
    struct shape shape;
    bool nonblocking;
    struct fault fault;
    unsigned ok, lost, failed;
    uint64_t counts[ECHO_COUNTS];
};

static void explain(const struct trial *r, const char *what) {
    fail_msg("%s, %u bytes, %s: %s number %u says '%s': %s (ok %u, lost %u, failed %u)",
             r->variant->name, r->shape.payload_bytes, r->nonblocking ? "polled" : "blocking",
             fault_names[r->way->call], r->fault.nth,
             r->way->error == FAULT_SHORT ? "one byte" : strerror(r->way->error), what, r->ok,
             r->lost, r->failed);
}

static void record(struct trial *r, const struct exchange *x) {
    r->ok += x->outcome == EXCHANGE_OK;
    r->lost += x->outcome == EXCHANGE_LOST;
    r->failed += x->outcome == EXCHANGE_FAILED;
}

/* Some exchanges of one client in this thread; -errno when it could not be opened. */
static int exchange_some(struct trial *r, const struct echo_address *server) {
    struct echo_client_options options = test_client(r->variant, server, r->shape.payload_bytes);
    options.reply_bytes = r->shape.reply_bytes;
    options.per_connection = r->shape.per_connection;
    options.nonblocking = r->nonblocking;
    options.patience_ns = DEADLINE_NS;
    struct echo_client *client;
    const int failed = r->variant->transport->client->open(&client, &options);
    if (failed != 0) return failed;
    struct exchange x;
    (void)exchange_init(&x, client, TEST_SESSION, DEADLINE_NS, 1);
    for (int i = 0; i < EXCHANGES; i++) {
        const uint64_t now_ns = echo_clock_ns();
        exchange_start(&x, now_ns, now_ns);
        exchange_run(&x, EXCHANGE_BLOCK);
        record(r, &x);
    }
    client->steps->close(client);
    return 0;
}

static bool is_stream(const struct variant *variant) {
    return variant->transport->payload_max == ECHO_PAYLOAD_MAX;
}

static bool fits(const struct variant *variant, const struct way *way, struct shape shape) {
    if (shape.payload_bytes > variant->transport->payload_max) return false;
    /* A datagram is never sent or received in part: there it would be damage. */
    return way->error != FAULT_SHORT || is_stream(variant);
}

/* Calls `run_once` with n = 1, 2, 3 ... until nothing happened; how often something did. */
static unsigned until_untouched(const struct trial *wanted, void (*run_once)(struct trial *)) {
    for (unsigned nth = 1; nth < CALLS_MAX; nth++) {
        struct trial r = {
            .variant = wanted->variant,
            .way = wanted->way,
            .shape = wanted->shape,
            .nonblocking = wanted->nonblocking,
            .fault = {.call = wanted->way->call, .nth = nth, .error = wanted->way->error}};
        run_once(&r);
        const unsigned sent = r.ok + r.lost + r.failed;
        if (sent == 0 && fault_happened(&r.fault)) continue; /* it said that it could not start */
        if (sent != EXCHANGES) explain(&r, "the sums do not hold");
        if (!fault_happened(&r.fault)) {
            if (r.ok != EXCHANGES) explain(&r, "untouched, and yet not all was answered");
            return nth - 1;
        }
        if (r.way->harmless && r.ok != EXCHANGES) explain(&r, "this should have done no harm");
        if (r.lost + r.failed > 1) explain(&r, "more than one exchange paid for it");
    }
    fail_msg("there is no end to it");
    return 0;
}

/*
 * All variants, shapes and kinds of the client's socket (or of these the first,
 * where the calls do not depend on them: what is lost costs a deadline each
 * time). Every way must have happened somewhere.
 */
static void try_all(const struct way *ways, size_t count, bool every_shape,
                    void (*run_once)(struct trial *)) {
    for (size_t w = 0; w < count; w++) {
        unsigned happened = 0;
        for (unsigned i = 0; i < variant_count * SHAPES * 2; i++) {
            const struct trial wanted = {.way = &ways[w],
                                         .variant = &variants[i / SHAPES / 2],
                                         .shape = shapes[i / 2 % SHAPES],
                                         .nonblocking = i % 2 != 0};
            if (!fits(wanted.variant, wanted.way, wanted.shape)) continue;
            const bool by_size = ways[w].call == FAULT_MEMORY || ways[w].error == FAULT_SHORT;
            if (!every_shape && i % (SHAPES * 2) > 0 && !by_size) continue;
            happened += until_untouched(&wanted, run_once);
        }
        if (happened == 0) fail_msg("%s was never called", fault_names[ways[w].call]);
    }
}

/* ---- the client's side ---- */

static const struct way client_ways[] = {
    {FAULT_SEND, EINTR, true},
    {FAULT_SEND, EAGAIN, true},
    {FAULT_SEND, FAULT_SHORT, true},
    {FAULT_SEND, ECONNRESET, false},
    {FAULT_SEND, ENOBUFS, false},
    {FAULT_RECEIVE, EINTR, true},
    {FAULT_RECEIVE, EAGAIN, true},
    {FAULT_RECEIVE, FAULT_SHORT, true},
    {FAULT_RECEIVE, ECONNRESET, false},
    {FAULT_RECEIVE, ENOMEM, false},
    {FAULT_CONNECT, ECONNREFUSED, false},
    {FAULT_CONNECT, EADDRNOTAVAIL, false},
    {FAULT_CONNECT, EINTR, false},
    {FAULT_SOCKET, EMFILE, false},
    {FAULT_SOCKET, ENOMEM, false},
    {FAULT_OPTION, ENOMEM, false},
    {FAULT_MEMORY, ENOMEM, false},
    {FAULT_POLL, EINTR, true},
};

static void run_faulty_client(struct trial *r) {
    struct served served; /* untouched */
    assert_int_equal(served_start(&served, r->variant->transport, NULL, false), 0);
    fault_arm(&r->fault);
    const int failed = exchange_some(r, &served.address);
    fault_arm(NULL);
    served_stop(&served, NULL);
    if (failed == 0) return;
    /* Only memory is needed to open one. */
    assert_int_equal(r->way->call, FAULT_MEMORY);
    assert_int_equal(failed, -ENOMEM);
    assert_true(fault_happened(&r->fault));
}

static void client_survives_whatever_fails(void **state) {
    (void)state;
    try_all(client_ways, sizeof client_ways / sizeof *client_ways, true, run_faulty_client);
}

/* ---- the server's side ---- */

static const struct way server_ways[] = {
    {FAULT_SEND, EINTR, true},
    {FAULT_SEND, FAULT_SHORT, true},
    {FAULT_SEND, ECONNRESET, false},
    {FAULT_RECEIVE, EINTR, true},
    {FAULT_RECEIVE, FAULT_SHORT, true},
    {FAULT_RECEIVE, ECONNRESET, false},
    {FAULT_RECEIVE, ENOMEM, false},
    {FAULT_ACCEPT, EINTR, true},
    {FAULT_ACCEPT, ECONNABORTED, true},
    {FAULT_ACCEPT, EMFILE, true}, /* waits a little, then tries again */
    {FAULT_ACCEPT, ENOMEM, true},
    {FAULT_MEMORY, ENOMEM, false},
    {FAULT_THREAD, EAGAIN, true}, /* who cannot be joined by another serves alone */
};

/* Listening and all threads of the server: what fails at once must leave nothing behind. */
static void run_faulty_server(struct trial *r) {
    struct served served;
    fault_arm(&r->fault);
    fault_arm_threads(&r->fault);
    const int failed = served_start_design(&served, r->variant->transport, NULL, design);
    fault_arm(NULL);
    fault_arm_threads(NULL);
    if (failed != 0) {
        assert_int_equal(failed, -r->way->error);
        assert_true(fault_happened(&r->fault));
        return;
    }
    assert_int_equal(exchange_some(r, &served.address), 0);
    served_stop(&served, r->counts);
    if (r->counts[ECHO_REPLIES] < r->ok) explain(r, "fewer replies than answers");
    if (r->counts[ECHO_REPLIES] > r->counts[ECHO_REQUESTS]) explain(r, "replies to nothing");
    if (r->counts[ECHO_REFUSED] > 0) explain(r, "a good request was refused");
}

static void server_survives_whatever_fails(void **state) {
    (void)state;
    try_all(server_ways, sizeof server_ways / sizeof *server_ways, false, run_faulty_server);
}

/* ---- the beginning of a server ---- */

static const struct way listen_ways[] = {
    {FAULT_SOCKET, EMFILE, false}, {FAULT_BIND, EADDRINUSE, false}, {FAULT_OPTION, ENOMEM, false},
    {FAULT_MEMORY, ENOMEM, false}, {FAULT_THREAD, EAGAIN, false},
};

static void server_that_cannot_start_leaves_nothing(void **state) {
    (void)state;
    for (size_t w = 0; w < sizeof listen_ways / sizeof *listen_ways; w++) {
        unsigned happened = 0;
        for (unsigned i = 0; i < variant_count * 2; i++) {
            const struct echo_transport *transport = variants[i / 2].transport;
            struct echo_server_options wanted = {.sockets = 3};
            /* With the wildcard a server may have more to set up. */
            const char *host = i % 2 == 0 ? "127.0.0.1" : "0.0.0.0";
            assert_int_equal(echo_address_find(&wanted.address, host, 0), 0);
            int failed = -1;
            for (unsigned nth = 1; failed != 0; nth++) {
                struct served served;
                struct fault fault = {
                    .call = listen_ways[w].call, .nth = nth, .error = listen_ways[w].error};
                fault_arm(&fault);
                failed = served_start_design(&served, transport, &wanted, design);
                fault_arm(NULL);
                assert_int_equal(failed, fault_happened(&fault) ? -listen_ways[w].error : 0);
                happened += fault_happened(&fault);
                if (failed == 0) served_stop(&served, NULL);
                assert_int_equal(descriptors_are_given_back(NULL), 0);
            }
        }
        assert_true(happened > 0);
    }
}

static void server_process_that_cannot_start_leaves_nothing(void **state) {
    (void)state;
    static const struct way ways[] = {
        {FAULT_PAIR, EMFILE, false},
        {FAULT_FORK, EAGAIN, false},
        {FAULT_SOCKET, EMFILE, false},
        {FAULT_THREAD, EAGAIN, false}, /* in the child */
    };
    for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
        struct design_options wanted = {
            .transport = variants[0].transport, .design = design, .cpu = -1};
        assert_int_equal(echo_address_find(&wanted.server.address, NULL, 0), 0);
        unsigned failures = 0;
        int failed = -1;
        for (unsigned nth = 1; failed != 0; nth++) {
            struct server_process process;
            uint64_t counts[ECHO_COUNTS];
            struct fault fault = {.call = ways[w].call, .nth = nth, .error = ways[w].error};
            fault_arm(&fault);
            failed = server_process_start(&process, &wanted);
            fault_arm(NULL);
            if (failed == 0) {
                const int ended = server_process_stop(&process, counts);
                if (ended == 0) break;         /* untouched */
                assert_int_equal(ended, -EIO); /* it was up, but could not serve */
                failed = ended;
            } else {
                assert_int_equal(failed, -ways[w].error);
            }
            failures++;
            assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
            assert_int_equal(descriptors_are_given_back(NULL), 0);
        }
        assert_true(failures > 0);
    }
}

/* ---- a whole load ---- */

/* Either the caller's own calls fail, or those of the threads that make the exchanges. */
static void load_with(const struct way *way, bool in_threads) {
    struct served served;
    assert_int_equal(served_start(&served, variants[0].transport, NULL, false), 0);
    const struct load_options load = {
        .transport = variants[0].transport,
        .client = test_client(&variants[0], &served.address, 64),
        .connections = 3,
        .messages = 12,
        .deadline_ns = DEADLINE_NS,
        .server = -1,
    };
    bool happened = true;
    unsigned times = 0;
    for (unsigned nth = 1; happened && nth < CALLS_MAX; nth++) {
        struct fault fault = {.call = way->call, .nth = nth, .error = way->error};
        struct load_result *result = NULL;
        if (in_threads) fault_arm_threads(&fault);
        if (!in_threads) fault_arm(&fault);
        const int failed = load_run(&result, &load);
        fault_arm(NULL);
        fault_arm_threads(NULL);
        happened = fault_happened(&fault);
        times += happened;
        if (failed != 0) {
            assert_int_equal(failed, -way->error);
            assert_true(happened);
            assert_null(result);
            continue;
        }
        assert_int_equal(result->sent, load.messages);
        assert_int_equal(result->sent, result->ok + result->lost + result->failed);
        assert_true(result->ok + happened >= result->sent);
        assert_int_equal(result->durations[LOAD_LATENCY].count, result->ok);
        load_free(result);
    }
    assert_false(happened);
    assert_true(times > 0);
    served_stop(&served, NULL);
}

static void load_that_cannot_start_leaves_nothing(void **state) {
    (void)state;
    load_with(&(struct way){FAULT_MEMORY, ENOMEM, false}, false);
    load_with(&(struct way){FAULT_THREAD, EAGAIN, false}, false);
}

static void load_goes_on_when_an_exchange_fails(void **state) {
    (void)state;
    load_with(&(struct way){FAULT_MEMORY, ENOMEM, false}, true);
    load_with(&(struct way){FAULT_SOCKET, EMFILE, false}, true);
    load_with(&(struct way){FAULT_RECEIVE, ECONNRESET, false}, true);
}

/* ---- a byte at a time ---- */

static void stream_of_single_bytes_is_understood(void **state) {
    (void)state;
    static const enum fault_call calls[] = {FAULT_SEND, FAULT_RECEIVE};
    for (unsigned i = 0; i < variant_count * 4; i++) {
        const struct way way = {calls[i % 2], FAULT_SHORT, true};
        const bool server_side = i / 2 % 2 != 0;
        struct trial r = {.variant = &variants[i / 4],
                          .way = &way,
                          .shape = {300, 500, 3},
                          .fault = {.call = way.call, .nth = 0, .error = FAULT_SHORT}};
        if (!is_stream(r.variant)) continue;
        struct served served;
        if (server_side) fault_arm_threads(&r.fault);
        assert_int_equal(served_start_design(&served, r.variant->transport, NULL, design), 0);
        fault_arm_threads(NULL);
        if (!server_side) fault_arm(&r.fault);
        assert_int_equal(exchange_some(&r, &served.address), 0);
        fault_arm(NULL);
        served_stop(&served, NULL);
        assert_true(fault_happened(&r.fault));
        if (r.ok != EXCHANGES) explain(&r, "bytes one by one were not understood");
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, count_descriptors, nothing_fails_any_more)

/* What is asked of a server is asked of each engine's. */
static int use_epoll(void **state) {
    (void)state;
    design = DESIGN_EPOLL;
    return 0;
}

int main(void) {
    const struct CMUnitTest client_tests[] = {
        TEST(client_survives_whatever_fails),
        TEST(load_that_cannot_start_leaves_nothing),
        TEST(load_goes_on_when_an_exchange_fails),
    };
    const struct CMUnitTest server_tests[] = {
        TEST(server_survives_whatever_fails),
        TEST(server_that_cannot_start_leaves_nothing),
        TEST(server_process_that_cannot_start_leaves_nothing),
        TEST(stream_of_single_bytes_is_understood),
    };
    (void)test_payload(); /* filled before there are threads */
    (void)alarm(HANG_S);
    int failed = cmocka_run_group_tests_name("client", client_tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("pool", server_tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("epoll", server_tests, use_epoll, NULL);
}
