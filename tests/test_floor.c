/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The floors: the bare loops do what they are asked, and end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "echo/clock.h"
#include "tests/descriptors.h"
#include "tests/support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANG_S = 120, SOME = 64 };

struct floor_server {
    const struct echo_transport *transport;
    struct echo_client_options options;
    struct echo_server *server;
    atomic_bool stop;
    bool many;
    pthread_t thread;
};

static void *serve_floor(void *argument) {
    struct floor_server *f = argument;
    const struct echo_floor_steps *steps = f->transport->floor;
    (f->many ? steps->serve_many : steps->serve)(f->transport->floor_way, f->server->socket,
                                                 &f->options, &f->stop);
    return NULL;
}

static void floor_start(struct floor_server *f, const struct variant *variant, uint32_t depth,
                        uint32_t payload_bytes, bool many, uint32_t per_connection) {
    struct echo_server_options wanted = variant->server;
    wanted.nonblocking = many;
    *f = (struct floor_server){.transport = variant->transport, .many = many};
    assert_int_equal(echo_address_find(&wanted.address, NULL, 0), 0);
    assert_int_equal(variant->transport->server->listen(&f->server, &wanted), 0);
    struct echo_address address;
    assert_int_equal(echo_address_of_socket(&address, f->server->socket), 0);
    f->options = test_client(variant, &address, payload_bytes);
    f->options.nonblocking = many;
    f->options.depth = depth;
    f->options.per_connection = per_connection;
    assert_int_equal(pthread_create(&f->thread, NULL, serve_floor, f), 0);
}

/* One that looks at `stop` only now and then has something to look at. */
static void wake(const struct floor_server *f) {
    int type = 0;
    socklen_t size = sizeof type;
    struct echo_address to;
    assert_int_equal(getsockopt(f->server->socket, SOL_SOCKET, SO_TYPE, &type, &size), 0);
    assert_int_equal(echo_address_of_socket(&to, f->server->socket), 0);
    const int any = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(any, &to.any, to.size), 0);
    (void)send(any, "", 1, MSG_NOSIGNAL);
    (void)close(any);
}

static void floor_stop(struct floor_server *f) {
    atomic_store(&f->stop, true);
    if (f->many) wake(f);
    if (!f->many) f->server->steps->stop(f->server);
    assert_int_equal(pthread_join(f->thread, NULL), 0);
    f->server->steps->release(f->server);
}

static int64_t run_floor(const struct floor_server *f, unsigned connections,
                         const atomic_bool *stop, uint64_t most) {
    const struct echo_floor_steps *steps = f->transport->floor;
    return f->many
               ? steps->exchange_many(f->transport->floor_way, &f->options, connections, stop, most)
               : steps->exchange(f->transport->floor_way, &f->options, stop, most);
}

static void floor_makes_exactly_the_exchanges_it_is_asked_for(void **state) {
    (void)state;
    enum { MOST = 101 };
    static const unsigned connections[] = {1, 5, MOST + 2};
    atomic_bool never = false;
    static const uint32_t limits[] = {0, 1, 7, 50}; /* of messages per connection */
    for (unsigned i = 0; i < variant_count * 8; i++) {
        const struct variant *v = &variants[i / 8];
        const uint32_t depth = i % 2 == 0 || v->depth == 0 ? 1 : 32;
        const uint32_t limit = limits[i / 2 % 4];
        struct floor_server f;
        floor_start(&f, v, depth, SOME, false, limit);
        assert_int_equal(run_floor(&f, 1, &never, MOST), MOST);
        assert_int_equal(run_floor(&f, 1, &never, 0), 0);
        floor_stop(&f);
        floor_start(&f, v, depth, SOME, true, limit);
        for (int n = 0; n < 3; n++) {
            assert_int_equal(run_floor(&f, connections[n], &never, MOST), MOST);
        }
        assert_int_equal(run_floor(&f, 3, &never, 0), 0);
        floor_stop(&f);
    }
}

/* Batches larger than all the buffers between the two: whoever only sent would wait for ever. */
static void floor_of_a_deep_stream_does_not_deadlock(void **state) {
    (void)state;
    enum { DEPTH = 16, MOST = 40 };
    atomic_bool never = false;
    for (int many = 0; many < 2; many++) {
        struct floor_server f;
        floor_start(&f, variant_find("tcp-pipelined"), DEPTH, ECHO_PAYLOAD_MAX, many != 0, 0);
        assert_int_equal(run_floor(&f, 2, &never, MOST), MOST);
        floor_stop(&f);
    }
}

struct stopper {
    const struct floor_server *floor;
    atomic_bool stop;
    int64_t done;
};

static void *run_until_stopped(void *argument) {
    struct stopper *s = argument;
    s->done = run_floor(s->floor, 4, &s->stop, UINT64_MAX);
    return NULL;
}

static void floor_ends_when_it_is_stopped(void **state) {
    (void)state;
    for (unsigned i = 0; i < variant_count * 2; i++) {
        struct floor_server f;
        struct stopper s = {.floor = &f};
        pthread_t thread;
        floor_start(&f, &variants[i / 2], 1, SOME, i % 2 != 0, 0);
        assert_int_equal(pthread_create(&thread, NULL, run_until_stopped, &s), 0);
        echo_clock_sleep_until(echo_clock_ns() + 10000000); /* for it to be in the midst of it */
        atomic_store(&s.stop, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(s.done >= 0);
        floor_stop(&f);
    }
}

/* Nobody answers: it is stopped all the same, or runs out of patience. */
static void floor_of_many_does_not_wait_for_a_silent_server(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct echo_address address;
        const bool stream = variants[v].transport->payload_max == ECHO_PAYLOAD_MAX;
        const int silent = test_bind(&address, stream ? SOCK_STREAM : SOCK_DGRAM);
        assert_true(silent >= 0);
        struct echo_client_options options = test_client(&variants[v], &address, SOME);
        options.nonblocking = true;
        options.patience_ns = 200000000;
        atomic_bool never = false;
        const struct echo_floor_steps *floor = variants[v].transport->floor;
        const struct echo_floor_way *way = variants[v].transport->floor_way;
        assert_int_equal(floor->exchange_many(way, &options, 2, &never, 10), -ETIMEDOUT);
        (void)close(silent);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(floor_makes_exactly_the_exchanges_it_is_asked_for),
        TEST(floor_of_a_deep_stream_does_not_deadlock),
        TEST(floor_ends_when_it_is_stopped),
        TEST(floor_of_many_does_not_wait_for_a_silent_server),
    };
    (void)test_payload(); /* filled before there are threads */
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
