/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages per connection: a connection (or socket) that stays carries so many
 * exchanges and is then made anew, whoever drives it; with one it is a
 * connection per message, call for call.
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
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANG_S = 120, MESSAGES = 50, SOME = 64 };

#define DEADLINE_NS ((uint64_t)TEST_DEADLINE_MS * 1000000)

static const uint32_t limits[] = {1, 2, 3, 7, MESSAGES, MESSAGES + 1};
enum { LIMITS = sizeof limits / sizeof *limits };

static uint64_t sockets_for(uint64_t messages, uint32_t limit) {
    return (messages + limit - 1) / limit;
}

static bool is_kept(const struct variant *variant) {
    return variant->lifetime == ECHO_PERSISTENT;
}

static bool is_stream(const struct variant *variant) {
    return variant->transport->payload_max == ECHO_PAYLOAD_MAX;
}

/* ---- one load: by every driver ---- */

enum driver { BLOCKING, SPINNING, POLLING, EPOLL, OPEN, DRIVERS };

static const char *const driver_names[DRIVERS] = {"blocking", "spinning", "polling", "epoll",
                                                  "open"};

static const struct load_schedule schedule = {.per_s = 20000, .seed = 1};

struct outcome {
    struct load_result *load;
    uint64_t counts[ECHO_COUNTS]; /* the server's */
};

static void run(struct outcome *o, const struct variant *variant, enum driver driver,
                uint32_t limit, uint32_t depth, unsigned connections) {
    struct served served;
    memset(o->counts, 0, sizeof o->counts);
    assert_int_equal(served_start(&served, variant->transport, &variant->server, false), 0);
    struct load_options load = {
        .transport = variant->transport,
        .client = test_client(variant, &served.address, SOME),
        .many = driver == EPOLL || driver == OPEN,
        .waiting = driver == SPINNING ? EXCHANGE_SPIN : EXCHANGE_BLOCK,
        .schedule = driver == OPEN ? &schedule : NULL,
        .connections = connections,
        .messages = MESSAGES * (uint64_t)connections,
        .deadline_ns = DEADLINE_NS,
        .server = -1,
    };
    load.client.nonblocking = driver != BLOCKING;
    load.client.depth = depth;
    load.client.per_connection = limit;
    assert_int_equal(load_run(&o->load, &load), 0);
    served_stop(&served, o->counts);
    const struct load_result *r = o->load;
    if (r->ok == load.messages && o->counts[ECHO_REPLIES] == load.messages) return;
    fail_msg("%s, %s, %u per connection, %u deep: %u ok, %u lost, %u failed, %u replies",
             variant->name, driver_names[driver], limit, depth, (unsigned)r->ok, (unsigned)r->lost,
             (unsigned)r->failed, (unsigned)o->counts[ECHO_REPLIES]);
}

static uint64_t errors_in(const struct load_result *r) {
    uint64_t sum = 0;
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 0; j < LOAD_ERRNOS; j++) sum += r->errors[i][j];
    }
    return sum;
}

static uint64_t counter(const struct load_result *r, const char *name) {
    for (unsigned i = 0; i < r->counter_count; i++) {
        if (strcmp(r->counters[i].name, name) == 0) return r->counters[i].value;
    }
    fail_msg("no counter %s", name);
    return 0;
}

static void connection_carries_so_many_and_is_made_anew(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_kept(&variants[v])) continue;
        for (int i = 0; i < LIMITS * DRIVERS; i++) {
            const uint32_t limit = limits[i / DRIVERS];
            struct outcome o;
            run(&o, &variants[v], i % DRIVERS, limit, 1, 1);
            const uint64_t sockets = sockets_for(MESSAGES, limit);
            assert_int_equal(o.load->sockets, sockets);
            assert_int_equal(o.counts[ECHO_ACCEPTED], is_stream(&variants[v]) ? sockets : 0);
            assert_int_equal(errors_in(o.load), 0);
            assert_int_equal(o.load->late + o.load->duplicate + o.load->corrupt, 0);
            assert_int_equal(o.counts[ECHO_REFUSED] + o.counts[ECHO_TRUNCATED], 0);
            assert_int_equal(o.counts[ECHO_BROKEN] + o.counts[ECHO_DRAINED], 0);
            /* Whoever had to connect, and whoever had to close, has that in its times. */
            const struct load_result *r = o.load;
            const bool waited = i % DRIVERS == BLOCKING; /* for connect itself */
            if (waited) assert_int_equal(r->durations[LOAD_CONNECT].count, sockets);
            assert_int_equal(r->durations[LOAD_CLOSE].count, MESSAGES / limit);
            load_free(o.load);
        }
    }
}

/* The window never holds more than the connection has left: else a request would go unanswered. */
static void window_ends_with_its_connection(void **state) {
    (void)state;
    static const uint32_t depths[] = {2, 5, 32};
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_kept(&variants[v])) continue;
        for (int i = 0; i < LIMITS * DRIVERS * 3; i++) {
            const uint32_t limit = limits[i / 3 / DRIVERS];
            struct outcome o;
            run(&o, &variants[v], i / 3 % DRIVERS, limit, depths[i % 3], 1);
            assert_int_equal(o.load->sockets, sockets_for(MESSAGES, limit));
            assert_int_equal(errors_in(o.load), 0);
            assert_int_equal(o.counts[ECHO_DRAINED] + o.counts[ECHO_BROKEN], 0);
            load_free(o.load);
        }
    }
}

static void every_connection_of_many_is_made_anew(void **state) {
    (void)state;
    enum { CONNECTIONS = 9, LIMIT = 7 };
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_kept(&variants[v])) continue;
        for (int driver = 0; driver < DRIVERS; driver++) {
            for (uint32_t depth = 1; depth <= 4; depth += 3) {
                struct outcome o;
                run(&o, &variants[v], driver, LIMIT, depth, CONNECTIONS);
                const uint64_t all = (uint64_t)MESSAGES * CONNECTIONS;
                /* How they share the messages is the driver's; each may end in the midst of one. */
                assert_true(o.load->sockets >= sockets_for(all, LIMIT));
                assert_true(o.load->sockets <= sockets_for(all, LIMIT) + CONNECTIONS);
                load_free(o.load);
            }
        }
    }
}

static void one_each_is_a_connection_per_message(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"tcp-persistent", "tcp-per-message"},
                                           {"udp-persistent", "udp-per-message"}};
    for (int i = 0; i < 2 * DRIVERS; i++) {
        struct outcome kept, fresh;
        run(&kept, variant_find(pairs[i % 2][0]), i / 2, 1, 1, 1);
        run(&fresh, variant_find(pairs[i % 2][1]), i / 2, 0, 1, 1);
        assert_int_equal(kept.load->sockets, fresh.load->sockets);
        assert_memory_equal(kept.counts, fresh.counts, sizeof kept.counts);
        assert_int_equal(counter(kept.load, "send_calls"), counter(fresh.load, "send_calls"));
        assert_int_equal(counter(kept.load, "receive_calls"), counter(fresh.load, "receive_calls"));
        load_free(kept.load);
        load_free(fresh.load);
    }
}

/* ---- the steps ---- */

static void start(struct exchange *x) {
    const uint64_t now_ns = echo_clock_ns();
    assert_int_equal(exchange_start(x, now_ns, now_ns), 0);
}

static void client_says_what_its_connection_has_left(void **state) {
    (void)state;
    enum { LIMIT = 3, DEPTH = 8 };
    for (unsigned v = 0; v < variant_count; v++) {
        struct served served;
        struct echo_client *client;
        struct exchange x;
        const uint64_t limit = is_kept(&variants[v]) ? LIMIT : 1;
        assert_int_equal(served_start(&served, variants[v].transport, &variants[v].server, false),
                         0);
        struct echo_client_options options = test_client(&variants[v], &served.address, SOME);
        options.depth = DEPTH;
        options.per_connection = LIMIT;
        assert_int_equal(echo_per_connection(&options), limit);
        assert_int_equal(variants[v].transport->client->open(&client, &options), 0);
        assert_int_equal(exchange_init(&x, client, TEST_SESSION, DEADLINE_NS, DEPTH), 0);
        for (uint64_t connection = 1; connection <= 3; connection++) {
            for (uint64_t i = 0; i < limit; i++) {
                assert_true(exchange_has_room(&x));
                assert_int_equal(client->left, limit - i);
                start(&x);
            }
            assert_int_equal(client->left, 0);
            assert_false(exchange_has_room(&x));
            assert_int_equal(exchange_start(&x, 1, 1), -ENOBUFS);
            exchange_run(&x, EXCHANGE_BLOCK);
            assert_int_equal(x.outcome, EXCHANGE_OK);
            assert_int_equal(client->socket, -1);
            assert_int_equal(client->sockets_made, connection);
        }
        exchange_free(&x);
        client->steps->close(client);
        served_stop(&served, NULL);
    }
}

/* A connection whose exchange was lost is not counted on as if it were new. */
static void lost_exchange_counts_as_carried(void **state) {
    (void)state;
    enum { LIMIT = 3 };
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_kept(&variants[v]) || is_stream(&variants[v])) continue;
        struct echo_address address;
        struct echo_client *client;
        struct exchange x;
        const int silent = test_bind(&address, SOCK_DGRAM);
        assert_true(silent >= 0);
        struct echo_client_options options = test_client(&variants[v], &address, SOME);
        options.per_connection = LIMIT;
        options.patience_ns = 1000000;
        assert_int_equal(variants[v].transport->client->open(&client, &options), 0);
        (void)exchange_init(&x, client, TEST_SESSION, options.patience_ns, 1);
        for (uint64_t i = 0; i < UINT64_C(2) * LIMIT + 1; i++) {
            start(&x);
            exchange_run(&x, EXCHANGE_BLOCK);
            assert_int_equal(x.outcome, EXCHANGE_LOST);
            assert_int_equal(client->sockets_made, i / LIMIT + 1);
            assert_int_equal(client->socket < 0, i % LIMIT == LIMIT - 1);
        }
        client->steps->close(client);
        (void)close(silent);
    }
}

/* ---- the floor ---- */

/* Sends back what comes, and counts those who ask; it closes a stream after `limit`. */
struct counting {
    int socket;
    bool stream;
    uint32_t limit;
    uint64_t sockets; /* connections, or changes of the sender's port */
    pthread_t thread;
};

static void *serve_streams(void *argument) {
    struct counting *c = argument;
    uint8_t bytes[ECHO_HEADER_BYTES + SOME];
    for (int socket; (socket = accept(c->socket, NULL, NULL)) >= 0; (void)close(socket)) {
        c->sockets++;
        for (uint32_t i = 0; i < c->limit; i++) {
            if (test_receive(socket, bytes, sizeof bytes) != sizeof bytes) break;
            (void)send(socket, bytes, sizeof bytes, MSG_NOSIGNAL);
        }
    }
    return NULL;
}

static void *serve_datagrams(void *argument) {
    struct counting *c = argument;
    struct echo_address last = {0};
    for (;;) {
        uint8_t bytes[ECHO_HEADER_BYTES + SOME];
        struct echo_address from = {.size = sizeof from.storage};
        const ssize_t got = recvfrom(c->socket, bytes, sizeof bytes, 0, &from.any, &from.size);
        if (got <= 0) return NULL;
        c->sockets += echo_address_port(&from) != echo_address_port(&last);
        last = from;
        (void)sendto(c->socket, bytes, (size_t)got, MSG_NOSIGNAL, &from.any, from.size);
    }
}

static void floor_makes_its_sockets_anew_too(void **state) {
    (void)state;
    atomic_bool never = false;
    for (unsigned i = 0; i < variant_count * LIMITS * 2; i++) {
        const struct variant *variant = &variants[i / LIMITS / 2];
        if (!is_kept(variant)) continue;
        struct echo_address address;
        struct counting c = {.stream = is_stream(variant), .limit = limits[i / 2 % LIMITS]};
        c.socket = test_bind(&address, c.stream ? SOCK_STREAM : SOCK_DGRAM);
        assert_true(c.socket >= 0);
        assert_int_equal(
            pthread_create(&c.thread, NULL, c.stream ? serve_streams : serve_datagrams, &c), 0);
        struct echo_client_options options = test_client(variant, &address, SOME);
        options.per_connection = c.limit;
        options.nonblocking = i % 2 != 0;
        const struct echo_floor_steps *floor = variant->transport->floor;
        const struct echo_floor_way *way = variant->transport->floor_way;
        const int64_t done = i % 2 != 0 ? floor->exchange_many(way, &options, 1, &never, MESSAGES)
                                        : floor->exchange(way, &options, &never, MESSAGES);
        (void)shutdown(c.socket, SHUT_RDWR);
        assert_int_equal(pthread_join(c.thread, NULL), 0);
        (void)close(c.socket);
        assert_int_equal(done, MESSAGES);
        const uint64_t sockets = sockets_for(MESSAGES, c.limit);
        assert_true(c.sockets <= sockets);
        /* Now and then a fresh datagram socket gets the port of the one before. */
        assert_true(c.sockets + (c.stream ? 0 : 1) >= sockets);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(connection_carries_so_many_and_is_made_anew),
        TEST(window_ends_with_its_connection),
        TEST(every_connection_of_many_is_made_anew),
        TEST(one_each_is_a_connection_per_message),
        TEST(client_says_what_its_connection_has_left),
        TEST(lost_exchange_counts_as_carried),
        TEST(floor_makes_its_sockets_anew_too),
    };
    (void)test_payload(); /* filled before there are threads */
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
