/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What echo/service.h promises, asked of every row of the table of variants,
 * whatever carries it: a new row is tested without an edit here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/load.h"
#include "echo/clock.h"
#include "tests/descriptors.h"
#include "tests/support.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HANG_S = 120 }; /* the whole program; SIGALRM ends it */

#define DEADLINE_NS ((uint64_t)TEST_DEADLINE_MS * 1000000)

static const uint32_t sizes[] = {0, 1, 64, 1024, 60000, ECHO_PAYLOAD_MAX};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- one client and its server ---- */

struct lab {
    const struct variant *variant;
    struct served served;
    struct echo_client_options options;
    struct echo_client *client;
    struct exchange x;
};

static enum design design; /* of the server: each engine's in turn */

static int use_epoll(void **state) {
    (void)state;
    design = DESIGN_EPOLL;
    return 0;
}

static void serve(struct lab *lab, const struct variant *variant) {
    *lab = (struct lab){.variant = variant};
    assert_int_equal(
        served_start_design(&lab->served, variant->transport, &variant->server, design), 0);
    lab->options = test_client(variant, &lab->served.address, 64);
}

static void open_client(struct lab *lab) {
    assert_int_equal(lab->variant->transport->client->open(&lab->client, &lab->options), 0);
    assert_int_equal(lab->client->socket, -1);
    (void)exchange_init(&lab->x, lab->client, TEST_SESSION, DEADLINE_NS, 1);
}

static void close_client(struct lab *lab) {
    lab->client->steps->close(lab->client);
    lab->client = NULL;
}

static void start(struct exchange *x) {
    const uint64_t now_ns = echo_clock_ns();
    exchange_start(x, now_ns, now_ns);
}

static void assert_ok(const struct lab *lab) {
    const struct exchange *x = &lab->x;
    if (x->outcome != EXCHANGE_OK || x->error != 0) {
        fail_msg("%s, %u bytes, exchange %u: outcome %d, %s in phase %d", lab->variant->name,
                 lab->options.payload_bytes, (unsigned)x->sequence, (int)x->outcome,
                 strerror(x->error), (int)x->failed_in);
    }
    assert_true(x->times.start <= x->times.first_byte);
    assert_true(x->times.connected <= x->times.first_byte);
    assert_true(x->times.first_byte <= x->times.replied);
    assert_true(x->times.replied <= x->times.closed);
    assert_int_equal(x->late + x->duplicate + x->corrupt, 0);
}

static void run_blocking(struct exchange *x) {
    exchange_run(x, EXCHANGE_BLOCK);
}

static void run_spinning(struct exchange *x) {
    exchange_run(x, EXCHANGE_SPIN);
}

/* A driver of the test's own: only what exchange.h promises to such. */
static void run_polled(struct exchange *x) {
    short ready = 0;
    while (exchange_advance(x, ready) == -EAGAIN) {
        struct pollfd at = {.fd = x->client->socket, .events = x->wait};
        assert_true(x->wait != 0);
        assert_int_equal(poll(&at, 1, TEST_DEADLINE_MS), 1);
        ready = at.revents;
    }
}

static void answer_every_size(bool nonblocking, void (*run)(struct exchange *)) {
    for (unsigned v = 0; v < variant_count; v++) {
        struct lab lab;
        serve(&lab, &variants[v]);
        lab.options.nonblocking = nonblocking;
        for (int i = 0; i < SIZES && sizes[i] <= variants[v].transport->payload_max; i++) {
            lab.options.payload_bytes = lab.options.reply_bytes = sizes[i];
            open_client(&lab);
            for (int exchanges = 0; exchanges < 3; exchanges++) {
                start(&lab.x);
                run(&lab.x);
                assert_ok(&lab);
            }
            const bool kept = variants[v].lifetime == ECHO_PERSISTENT;
            assert_int_equal(lab.client->sockets_made, kept ? 1 : 3);
            assert_int_equal(lab.client->socket >= 0, kept);
            close_client(&lab);
        }
        served_stop(&lab.served, NULL);
    }
}

static void every_size_is_answered_on_a_blocking_socket(void **state) {
    (void)state;
    answer_every_size(false, run_blocking);
}

static void every_size_is_answered_on_a_polled_socket(void **state) {
    (void)state;
    answer_every_size(true, run_polled);
    answer_every_size(true, run_blocking);
}

static void every_size_is_answered_spinning(void **state) {
    (void)state;
    answer_every_size(true, run_spinning);
}

static void largest_message_is_answered(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct lab lab;
        serve(&lab, &variants[v]);
        lab.options.payload_bytes = lab.options.reply_bytes = variants[v].transport->payload_max;
        open_client(&lab);
        start(&lab.x);
        run_blocking(&lab.x);
        assert_ok(&lab);
        close_client(&lab);
        served_stop(&lab.served, NULL);
    }
}

static void reply_may_be_shorter_or_longer_than_its_request(void **state) {
    (void)state;
    static const uint32_t shapes[][2] = {{0, 1},     {1, 0},     {64, 3},       {3, 64},
                                         {0, 60000}, {60000, 0}, {7000, 60000}, {60000, 7000}};
    for (unsigned v = 0; v < variant_count; v++) {
        struct lab lab;
        serve(&lab, &variants[v]);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            lab.options.payload_bytes = shapes[i][0];
            lab.options.reply_bytes = shapes[i][1];
            lab.options.nonblocking = i % 2 != 0;
            open_client(&lab);
            for (int exchanges = 0; exchanges < 2; exchanges++) {
                start(&lab.x);
                run_blocking(&lab.x);
                assert_ok(&lab);
            }
            close_client(&lab);
        }
        uint64_t counts[ECHO_COUNTS] = {0};
        served_stop(&lab.served, counts);
        assert_int_equal(counts[ECHO_REQUESTS], 2 * sizeof shapes / sizeof *shapes);
        assert_int_equal(counts[ECHO_REPLIES], counts[ECHO_REQUESTS]);
    }
}

/* ---- many clients in one loop: the shape of an epoll engine ---- */

enum { CLIENTS = 24, EXCHANGES_EACH = 10, INDEX_BITS = 16 };

struct one {
    struct echo_client *client;
    struct exchange x;
    int left;
    uint64_t watched; /* sockets_made of the socket that epoll knows */
};

/* Keyed by a count of sockets, because descriptor numbers come back. */
static void watch(int epoll, struct one *one, unsigned index) {
    const uint64_t made = one->client->sockets_made;
    struct epoll_event event = {.events = (uint32_t)one->x.wait | EPOLLONESHOT,
                                .data.u64 = made << INDEX_BITS | index};
    const int how = one->watched == made ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    assert_int_equal(epoll_ctl(epoll, how, one->client->socket, &event), 0);
    one->watched = made;
}

/* Whether it goes on; its exchanges follow each other without a pause. */
static bool go_on(int epoll, struct one *one, unsigned index, short ready) {
    while (exchange_advance(&one->x, ready) == 0) {
        assert_int_equal(one->x.outcome, EXCHANGE_OK);
        assert_int_equal(one->x.error, 0);
        ready = 0;
        if (--one->left == 0) return false;
        start(&one->x);
    }
    watch(epoll, one, index);
    return true;
}

static void drive(int epoll, struct one *ones) {
    unsigned running = 0;
    for (unsigned i = 0; i < CLIENTS; i++) {
        start(&ones[i].x);
        running += go_on(epoll, &ones[i], i, 0);
    }
    while (running > 0) {
        struct epoll_event events[CLIENTS];
        const int ready = epoll_wait(epoll, events, CLIENTS, TEST_DEADLINE_MS);
        assert_true(ready > 0);
        for (int i = 0; i < ready; i++) {
            const unsigned index = events[i].data.u64 & ((1U << INDEX_BITS) - 1);
            struct one *one = &ones[index];
            if (events[i].data.u64 >> INDEX_BITS != one->client->sockets_made) continue;
            if (one->left == 0) continue;
            running -= !go_on(epoll, one, index, (short)events[i].events);
        }
    }
}

static void many_clients_share_one_epoll_loop(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct lab lab;
        struct one ones[CLIENTS] = {{0}};
        serve(&lab, &variants[v]);
        lab.options.nonblocking = true;
        lab.options.payload_bytes = lab.options.reply_bytes = 2000;
        for (unsigned i = 0; i < CLIENTS; i++) {
            lab.options.session = TEST_SESSION + i;
            assert_int_equal(variants[v].transport->client->open(&ones[i].client, &lab.options), 0);
            (void)exchange_init(&ones[i].x, ones[i].client, TEST_SESSION + i, DEADLINE_NS, 1);
            ones[i].left = EXCHANGES_EACH;
        }
        const int epoll = epoll_create1(EPOLL_CLOEXEC);
        assert_true(epoll >= 0);
        drive(epoll, ones);
        (void)close(epoll);
        for (unsigned i = 0; i < CLIENTS; i++) ones[i].client->steps->close(ones[i].client);
        uint64_t counts[ECHO_COUNTS] = {0};
        served_stop(&lab.served, counts);
        assert_int_equal(counts[ECHO_REPLIES], CLIENTS * EXCHANGES_EACH);
    }
}

/* ---- the server's steps in one loop: the shape of an epoll server ---- */

enum { LOOP_CONNECTIONS = 16 };

struct loop {
    struct echo_server *server;
    struct echo_worker worker;
    struct echo_connection *connections[LOOP_CONNECTIONS];
    bool over; /* accept said there will be no more */
    /* A non-blocking socket does not say that it was stopped: the driver of a loop must know. */
    atomic_bool stopping;
};

static void accept_all(struct loop *loop) {
    int failed = 0;
    for (int i = 0; i < LOOP_CONNECTIONS && failed == 0; i++) {
        if (loop->connections[i] != NULL) continue;
        failed = loop->server->steps->accept(loop->server, &loop->worker, &loop->connections[i]);
        if (failed != 0) loop->connections[i] = NULL;
    }
    loop->over = loop->over || failed == -ECANCELED;
}

static void drop(struct loop *loop, int i) {
    if (loop->connections[i] != NULL) {
        loop->server->steps->drop(loop->connections[i], &loop->worker);
    }
    loop->connections[i] = NULL;
}

static void serve_one(struct loop *loop, int i) {
    int result = 0;
    while (result == 0) {
        result = loop->server->steps->step(loop->connections[i], &loop->worker);
    }
    if (result != -EAGAIN) drop(loop, i);
}

/* Until it is stopped; NULL, or where no socket became ready in time, something else. */
static void *run_loop(void *argument) {
    struct loop *loop = argument;
    int ready = 1;
    while (ready > 0 && !atomic_load(&loop->stopping)) {
        struct pollfd at[LOOP_CONNECTIONS + 1];
        for (int i = 0; i < LOOP_CONNECTIONS; i++) {
            const struct echo_connection *connection = loop->connections[i];
            at[i].fd = connection == NULL ? -1 : connection->socket;
            at[i].events = connection != NULL && connection->wants_room ? POLLOUT : POLLIN;
        }
        at[LOOP_CONNECTIONS] =
            (struct pollfd){.fd = loop->over ? -1 : loop->server->socket, .events = POLLIN};
        ready = poll(at, LOOP_CONNECTIONS + 1, TEST_DEADLINE_MS);
        for (int i = 0; i < LOOP_CONNECTIONS && ready > 0; i++) {
            if (at[i].fd >= 0 && at[i].revents != 0) serve_one(loop, i);
        }
        if (ready > 0 && at[LOOP_CONNECTIONS].revents != 0) accept_all(loop);
    }
    for (int i = 0; i < LOOP_CONNECTIONS; i++) drop(loop, i);
    return ready > 0 ? NULL : loop;
}

static void one_loop_serves_many_connections(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        const struct variant *variant = &variants[v];
        struct lab lab = {.variant = variant};
        struct loop loop = {0};
        struct echo_server_options wanted = {.nonblocking = true};
        assert_int_equal(echo_address_find(&wanted.address, NULL, 0), 0);
        assert_int_equal(variant->transport->server->listen(&loop.server, &wanted), 0);
        struct echo_address address;
        assert_int_equal(echo_address_of_socket(&address, loop.server->socket), 0);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run_loop, &loop), 0);

        struct load_result *result;
        const struct load_options load = {
            .transport = variant->transport,
            /* Not the largest: two at once overflow a UDP socket's buffer. */
            .client = test_client(variant, &address, 20000),
            .connections = 4,
            .messages = 100,
            .deadline_ns = DEADLINE_NS,
            .server = -1,
        };
        assert_int_equal(load_run(&result, &load), 0);
        assert_int_equal(result->ok, 100);
        load_free(result);

        lab.options = test_client(variant, &address, variant->transport->payload_max);
        open_client(&lab);
        start(&lab.x);
        run_blocking(&lab.x);
        assert_ok(&lab);
        close_client(&lab);

        void *stuck;
        atomic_store(&loop.stopping, true);
        loop.server->steps->stop(loop.server);
        assert_int_equal(pthread_join(thread, &stuck), 0);
        assert_null(stuck);
        assert_int_equal(loop.worker.counts[ECHO_REPLIES], 101);
        free(loop.worker.spare);
        loop.server->steps->release(loop.server);
    }
}

/* ---- accounting ---- */

static uint64_t errors_in(const struct load_result *result) {
    uint64_t sum = 0;
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 0; j < LOAD_ERRNOS; j++) sum += result->errors[i][j];
    }
    return sum;
}

static void assert_adds_up(const struct load_result *r) {
    assert_int_equal(r->sent, r->ok + r->lost + r->failed);
    /* Halves are of a time; a number of messages has none. */
    assert_int_equal(0, r->ok_by_half[0] + r->ok_by_half[1]);
    static const enum load_duration every[] = {LOAD_LATENCY, LOAD_CYCLE, LOAD_SERVICE,
                                               LOAD_EXCHANGE};
    for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
        const struct histogram *h = &r->durations[every[i]];
        uint64_t sum = 0;
        for (int bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) sum += h->bucket[bucket];
        assert_int_equal(sum, r->ok);
        assert_int_equal(h->count, r->ok);
    }
    assert_true(r->end_ns >= r->start_ns);
}

static bool expects(const struct variant *variant, enum echo_count count) {
    for (int i = 0; i < VARIANT_EXPECTS_MAX && variant->expects[i] != NULL; i++) {
        const char *dot = strchr(variant->expects[i], '.');
        if (dot != NULL && strcmp(dot + 1, echo_count_names[count]) == 0) return true;
    }
    return false;
}

static void assert_nothing_unexpected(const struct variant *variant, const uint64_t *counts) {
    static const enum echo_count bad[] = {ECHO_REFUSED, ECHO_TRUNCATED, ECHO_BROKEN, ECHO_DRAINED};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (counts[bad[i]] > 0 && !expects(variant, bad[i])) {
            fail_msg("%s: the server counted %s", variant->name, echo_count_names[bad[i]]);
        }
    }
}

static void sent_is_the_sum_of_what_became_of_it(void **state) {
    (void)state;
    static const unsigned connections[] = {1, 4};
    enum { MESSAGES = 203 };
    for (unsigned v = 0; v < variant_count; v++) {
        for (size_t i = 0; i < sizeof connections / sizeof *connections; i++) {
            struct lab lab;
            serve(&lab, &variants[v]);
            const struct load_options load = {
                .transport = variants[v].transport,
                .client = lab.options,
                .connections = connections[i],
                .messages = MESSAGES,
                .deadline_ns = DEADLINE_NS,
                .server = -1,
            };
            struct load_result *result;
            assert_int_equal(load_run(&result, &load), 0);
            uint64_t counts[ECHO_COUNTS] = {0};
            served_stop(&lab.served, counts);
            assert_adds_up(result);
            assert_int_equal(result->sent, MESSAGES);
            assert_int_equal(result->ok, MESSAGES);
            assert_int_equal(errors_in(result), 0);
            assert_int_equal(counts[ECHO_REQUESTS], MESSAGES);
            assert_int_equal(counts[ECHO_REPLIES], MESSAGES);
            assert_nothing_unexpected(&variants[v], counts);
            assert_false(result->gave_up);
            load_free(result);
        }
    }
}

static void run_against_nobody_gives_up_and_adds_up(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct lab lab;
        serve(&lab, &variants[v]);
        served_stop(&lab.served, NULL); /* now nobody listens there */
        const struct load_options load = {
            .transport = variants[v].transport,
            .client = lab.options,
            .connections = 1,
            .messages = 1000,
            .deadline_ns = DEADLINE_NS,
            .server = -1,
        };
        struct load_result *result;
        assert_int_equal(load_run(&result, &load), 0);
        assert_adds_up(result);
        assert_true(result->gave_up);
        assert_int_equal(result->failed, LOAD_FAILURES_MAX);
        assert_int_equal(result->sent, LOAD_FAILURES_MAX);
        assert_int_equal(errors_in(result), LOAD_FAILURES_MAX);
        uint64_t refused = 0;
        for (int i = 0; i < EXCHANGE_DONE; i++) refused += result->errors[i][ECONNREFUSED];
        assert_int_equal(refused, LOAD_FAILURES_MAX);
        load_free(result);
    }
}

/* ---- deadlines ---- */

/* The shortest of a few exchanges that nobody answers: what else runs here only adds to one. */
static uint64_t shortest_loss_ns(const struct variant *variant, uint64_t deadline_ns,
                                 bool nonblocking) {
    enum { TRIES = 2 };
    struct lab lab = {.variant = variant};
    struct echo_server *silent; /* listens, and never answers: nobody calls its steps */
    struct echo_server_options wanted = {0};
    struct echo_address address;
    assert_int_equal(echo_address_find(&wanted.address, NULL, 0), 0);
    assert_int_equal(variant->transport->server->listen(&silent, &wanted), 0);
    assert_int_equal(echo_address_of_socket(&address, silent->socket), 0);
    lab.options = test_client(variant, &address, 64);
    lab.options.nonblocking = nonblocking;
    lab.options.patience_ns = deadline_ns;
    open_client(&lab);
    lab.x.deadline_after_ns = deadline_ns;
    uint64_t shortest_ns = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        start(&lab.x);
        run_blocking(&lab.x);
        assert_int_equal(lab.x.outcome, EXCHANGE_LOST);
        assert_int_equal(lab.x.error, ETIMEDOUT);
        const uint64_t took_ns = lab.x.times.closed - lab.x.times.start;
        assert_true(took_ns >= deadline_ns);
        if (took_ns < shortest_ns) shortest_ns = took_ns;
    }
    close_client(&lab);
    silent->steps->release(silent);
    return shortest_ns;
}

static void short_deadline_ends_an_exchange_in_time(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        assert_true(shortest_loss_ns(&variants[v], 10000000, true) < UINT64_C(5) * 10000000);
    }
}

static void long_deadline_ends_a_blocking_exchange_in_time(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        assert_true(shortest_loss_ns(&variants[v], 200000000, false) < UINT64_C(5) * 200000000);
    }
}

/* ---- pipelining ---- */

/* The rule of service.h: while a flush is unfinished, wait for both directions and read. */
static void exchange_batch(struct echo_client *client, unsigned depth) {
    uint64_t next = 1;
    int unsent = -EAGAIN;
    for (unsigned i = 1; i <= depth; i++) assert_int_equal(client->steps->send(client, i, 0), 0);
    while (next <= depth) {
        if (unsent == -EAGAIN) unsent = client->steps->flush(client);
        assert_true(unsent == 0 || unsent == -EAGAIN);
        struct pollfd at = {.fd = client->socket,
                            .events = unsent == 0 ? POLLIN : POLLIN | POLLOUT};
        struct echo_message reply;
        int got = -EAGAIN;
        /* With all written a receive may block; it also hands out what it has already. */
        if (unsent == 0) got = client->steps->receive(client, &reply);
        if (got == -EAGAIN) {
            assert_int_equal(poll(&at, 1, TEST_DEADLINE_MS), 1);
            if ((at.revents & POLLIN) != 0) got = client->steps->receive(client, &reply);
        }
        assert_true(got == 0 || got == -EAGAIN);
        if (got == 0) assert_int_equal(reply.sequence, next++);
    }
}

static void deep_batch_of_large_messages_does_not_deadlock(void **state) {
    (void)state;
    enum { DEPTH = 16, MODEST = 1024 };
    for (unsigned v = 0; v < variant_count; v++) {
        if (variants[v].lifetime != ECHO_PERSISTENT) continue;
        /* Where nothing holds a sender back, a batch of the largest would overflow the receiver. */
        const bool huge = variants[v].transport->payload_max >= ECHO_PAYLOAD_MAX;
        struct lab lab;
        serve(&lab, &variants[v]);
        for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
            lab.options.payload_bytes = huge ? ECHO_PAYLOAD_MAX : MODEST;
            lab.options.reply_bytes = lab.options.payload_bytes;
            lab.options.depth = DEPTH;
            lab.options.nonblocking = nonblocking != 0;
            open_client(&lab);
            const int connected = lab.client->steps->connect(lab.client);
            assert_true(connected == 0 || connected == -EINPROGRESS);
            exchange_batch(lab.client, DEPTH);
            exchange_batch(lab.client, DEPTH);
            close_client(&lab);
        }
        served_stop(&lab.served, NULL);
    }
}

static void full_queue_says_so(void **state) {
    (void)state;
    struct echo_address nowhere;
    assert_int_equal(echo_address_find(&nowhere, NULL, ECHO_PORT), 0);
    for (unsigned v = 0; v < variant_count; v++) {
        for (uint32_t depth = 0; depth < 5; depth++) {
            struct lab lab = {.variant = &variants[v]};
            lab.options = test_client(&variants[v], &nowhere, 64);
            lab.options.depth = depth;
            open_client(&lab);
            const bool kept = variants[v].lifetime == ECHO_PERSISTENT;
            const uint32_t fit = depth == 0 || !kept ? 1 : depth; /* one per message */
            for (uint32_t i = 1; i <= fit; i++) {
                assert_int_equal(lab.client->steps->send(lab.client, i, 0), 0);
            }
            assert_int_equal(lab.client->steps->send(lab.client, fit + 1, 0), -ENOBUFS);
            lab.client->steps->abandon(lab.client); /* empties it */
            assert_int_equal(lab.client->steps->send(lab.client, fit + 2, 0), 0);
            close_client(&lab);
        }
    }
}

static void closing_nothing_is_no_mistake(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        variants[v].transport->client->close(NULL);
        variants[v].transport->server->release(NULL);
    }
}

static void variants_are_found_by_their_names(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        assert_ptr_equal(variant_find(variants[v].name), &variants[v]);
    }
    assert_null(variant_find("carrier-pigeon"));
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

int main(void) {
    const struct CMUnitTest server_tests[] = {
        TEST(every_size_is_answered_on_a_blocking_socket),
        TEST(every_size_is_answered_on_a_polled_socket),
        TEST(every_size_is_answered_spinning),
        TEST(largest_message_is_answered),
        TEST(reply_may_be_shorter_or_longer_than_its_request),
        TEST(many_clients_share_one_epoll_loop),
        TEST(sent_is_the_sum_of_what_became_of_it),
        TEST(deep_batch_of_large_messages_does_not_deadlock),
    };
    const struct CMUnitTest other_tests[] = {
        TEST(one_loop_serves_many_connections),
        TEST(run_against_nobody_gives_up_and_adds_up),
        TEST(short_deadline_ends_an_exchange_in_time),
        TEST(long_deadline_ends_a_blocking_exchange_in_time),
        TEST(full_queue_says_so),
        TEST(closing_nothing_is_no_mistake),
        TEST(variants_are_found_by_their_names),
    };
    (void)alarm(HANG_S);
    int failed = cmocka_run_group_tests_name("pool", server_tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("epoll", server_tests, use_epoll, NULL);
    return failed + cmocka_run_group_tests_name("other", other_tests, NULL, NULL);
}
