/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The pure steps of the core variants' clients and servers, joined by memory:
 * no socket, no thread, no clock decides what arrives when, so that a stream is
 * cut at every byte and a datagram lost, doubled or late at will.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "tcp/transport.h"
#include "tests/descriptors.h"
#include "tests/support.h"
#include "udp/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HANG_S = 120, SOME = 10, DEPTH = 3, WAY_BYTES = 1 << 23, WAY_DATAGRAMS = 64 };

/* ---- what is under way in one direction ---- */

struct way {
    bool stream;
    uint8_t *bytes; /* WAY_BYTES of room */
    size_t begin, end;
    size_t datagrams[WAY_DATAGRAMS]; /* sizes, one behind the other; a stream has no such edges */
    unsigned first, last;
};

static void way_put(struct way *w, const uint8_t *bytes, size_t size) {
    assert_true(w->end + size <= WAY_BYTES && w->last < WAY_DATAGRAMS);
    memcpy(w->bytes + w->end, bytes, size);
    w->end += size;
    if (!w->stream) w->datagrams[w->last++] = size;
}

static size_t way_left(const struct way *w) {
    return w->end - w->begin;
}

/* What one receive brings: of a stream at most `most` bytes. */
static size_t way_take(struct way *w, uint8_t *room, size_t size, size_t most) {
    const size_t whole = w->stream ? way_left(w) : w->datagrams[w->first++];
    const size_t limit = w->stream && most < size ? most : size;
    const size_t got = whole < limit ? whole : limit;
    memcpy(room, w->bytes + w->begin, got);
    w->begin += w->stream ? got : whole;
    if (w->begin == w->end) w->begin = w->end = w->first = w->last = 0;
    return got;
}

/* ---- the pair ---- */

struct core {
    const char *name;
    const struct echo_client_pure *client;
    const struct echo_server_pure *server;
};

static const struct core cores[] = {
    {"tcp-per-message", &tcp_client_pure, &tcp_server_pure},
    {"tcp-persistent", &tcp_client_pure, &tcp_server_pure},
    {"udp-per-message", &udp_client_pure, &udp_server_pure},
    {"udp-persistent", &udp_client_pure, &udp_server_pure},
};
enum { CORES = sizeof cores / sizeof *cores };

struct pair {
    const struct core *core;
    const struct echo_transport *transport;
    struct echo_client_options options;
    struct echo_server_options server_options;
    struct echo_client *client;
    struct echo_connection *connection;
    struct echo_worker worker;
    struct way there, back;
    uint64_t asked, answered; /* sequences */
};

static void pair_make(struct pair *p, const struct core *core, uint32_t payload_bytes,
                      uint32_t reply_bytes) {
    const struct variant *variant = variant_find(core->name);
    const struct echo_address none = {0};
    *p = (struct pair){.core = core, .transport = variant->transport};
    p->options = test_client(variant, &none, payload_bytes);
    p->options.reply_bytes = reply_bytes;
    p->options.depth = DEPTH;
    p->server_options.growing = true;
    p->there.stream = p->back.stream = p->transport->payload_max == ECHO_PAYLOAD_MAX;
    p->there.bytes = malloc(WAY_BYTES);
    p->back.bytes = malloc(WAY_BYTES);
    assert_true(p->there.bytes != NULL && p->back.bytes != NULL);
    assert_int_equal(p->transport->client->open(&p->client, &p->options), 0);
    p->connection = core->server->make(&p->server_options);
    assert_non_null(p->connection);
}

static void pair_free(struct pair *p) {
    assert_int_equal(p->client->socket, -1);
    assert_int_equal(p->connection->socket, -1);
    p->client->steps->close(p->client);
    p->transport->server->drop(p->connection, &p->worker);
    free(p->worker.spare);
    free(p->there.bytes);
    free(p->back.bytes);
}

/* Asks once more, if the window and the connection take it. */
static bool ask(struct pair *p) {
    const int failed = p->client->steps->send(p->client, p->asked + 1, 0);
    assert_true(failed == 0 || failed == -ENOBUFS);
    p->asked += failed == 0;
    return failed == 0;
}

static void client_sends(struct pair *p, size_t most) {
    uint8_t *bytes;
    for (size_t size; (size = p->core->client->queued(p->client, &bytes)) > 0;) {
        if (p->there.stream && size > most) size = most;
        way_put(&p->there, bytes, size);
        p->core->client->went(p->client, size);
    }
}

static void server_receives(struct pair *p, size_t most) {
    uint8_t *room;
    const size_t size = p->core->server->room(p->connection, &p->worker, &room);
    assert_true(size > 0);
    const size_t got = way_take(&p->there, room, size, most);
    p->core->server->arrived(p->connection, &p->worker, got);
}

static void server_sends(struct pair *p, size_t most) {
    uint8_t *bytes;
    for (size_t size; (size = p->core->server->owed(p->connection, &bytes)) > 0;) {
        if (p->back.stream && size > most) size = most;
        way_put(&p->back, bytes, size);
        p->core->server->went(p->connection, &p->worker, size);
    }
}

static int client_receives(struct pair *p, size_t most, struct echo_message *reply) {
    uint8_t *room;
    const size_t size = p->core->client->room(p->client, &room);
    p->core->client->arrived(p->client, way_take(&p->back, room, size, most));
    return p->core->client->take(p->client, reply);
}

/* All replies that are there, of which each is the next; what came last says why not. */
static int count_replies(struct pair *p, int said, struct echo_message *reply) {
    while (said == 0) {
        assert_int_equal(reply->session, TEST_SESSION);
        assert_int_equal(reply->sequence, ++p->answered);
        assert_int_equal(reply->payload_bytes, p->options.reply_bytes);
        said = p->core->client->take(p->client, reply);
    }
    return said;
}

/* Takes what is under way as far as it goes; nothing travels in larger pieces than `most`. */
static void carry(struct pair *p, size_t most) {
    struct echo_message reply;
    client_sends(p, most);
    while (way_left(&p->there) > 0) {
        server_receives(p, most);
        server_sends(p, most);
    }
    while (way_left(&p->back) > 0) {
        assert_int_equal(count_replies(p, client_receives(p, most, &reply), &reply), -EAGAIN);
    }
}

/* What the drivers do where a connection is spent: it ends on both sides, and another begins. */
static void renew(struct pair *p) {
    uint8_t *bytes;
    assert_int_equal(p->client->left, 0);
    assert_int_equal(p->core->server->owed(p->connection, &bytes), 0);
    p->core->client->forget(p->client);
    if (!p->there.stream) return; /* the server has no connection that could end */
    assert_int_equal(p->connection->over, -ESHUTDOWN);
    p->transport->server->drop(p->connection, &p->worker);
    p->connection = p->core->server->make(&p->server_options);
    assert_non_null(p->connection);
}

static const uint32_t shapes[][2] = {{0, 0}, {1, 1}, {64, 64}, {3, 100}, {100, 3}, {0, 50}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* ---- */

static void core_variants_exchange_without_a_socket(void **state) {
    (void)state;
    enum { EXCHANGES = 100 };
    static const uint32_t limits[] = {0, 1, 2, 7};
    for (int i = 0; i < CORES * SHAPES * 4; i++) {
        struct pair p;
        pair_make(&p, &cores[i / 4 / SHAPES], shapes[i / 4 % SHAPES][0], shapes[i / 4 % SHAPES][1]);
        p.transport->client->close(p.client);
        p.options.per_connection = limits[i % 4];
        assert_int_equal(p.transport->client->open(&p.client, &p.options), 0);
        while (p.asked < EXCHANGES) {
            while (p.asked < EXCHANGES && ask(&p)) {
            }
            carry(&p, SIZE_MAX);
            assert_int_equal(p.answered, p.asked);
            if (p.client->left == 0) renew(&p);
        }
        assert_int_equal(p.worker.counts[ECHO_REQUESTS], EXCHANGES);
        assert_int_equal(p.worker.counts[ECHO_REPLIES], EXCHANGES);
        assert_int_equal(p.worker.counts[ECHO_EXECUTED], EXCHANGES);
        assert_int_equal(p.worker.counts[ECHO_REFUSED], 0);
        pair_free(&p);
    }
}

/* A whole window goes in two pieces, there and back, cut at every place; and in equal pieces. */
static void stream_may_be_cut_anywhere(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        const size_t longer = shapes[i][0] > shapes[i][1] ? shapes[i][0] : shapes[i][1];
        const size_t all = DEPTH * (ECHO_HEADER_BYTES + longer);
        struct pair p;
        pair_make(&p, &cores[1], shapes[i][0], shapes[i][1]);
        for (size_t cut = 1; cut <= all; cut++) {
            struct echo_message reply;
            while (ask(&p)) {
            }
            client_sends(&p, cut);
            server_receives(&p, cut);
            server_sends(&p, SIZE_MAX);
            while (way_left(&p.there) > 0) server_receives(&p, SIZE_MAX);
            server_sends(&p, cut);
            assert_int_equal(count_replies(&p, client_receives(&p, cut, &reply), &reply), -EAGAIN);
            while (way_left(&p.back) > 0) {
                const int said = client_receives(&p, SIZE_MAX, &reply);
                assert_int_equal(count_replies(&p, said, &reply), -EAGAIN);
            }
            assert_int_equal(p.answered, p.asked);
            while (ask(&p)) {
            }
            carry(&p, cut);
            assert_int_equal(p.answered, p.asked);
        }
        assert_int_equal(p.connection->over, 0);
        assert_int_equal(p.worker.counts[ECHO_REPLIES], p.asked);
        pair_free(&p);
    }
}

static void close_is_asked_for_wherever_the_stream_is_cut(void **state) {
    (void)state;
    const size_t whole = ECHO_HEADER_BYTES + (size_t)SOME;
    for (size_t cut = 1; cut <= whole; cut++) {
        struct pair p;
        pair_make(&p, &cores[0], SOME, SOME);
        assert_true(ask(&p));
        assert_false(ask(&p)); /* one per message */
        carry(&p, cut);
        assert_int_equal(p.answered, 1);
        renew(&p);
        pair_free(&p);
    }
}

static void message_longer_than_the_buffer_that_is_lent_is_answered(void **state) {
    (void)state;
    static const uint32_t large[][2] = {
        {ECHO_PAYLOAD_MAX, ECHO_PAYLOAD_MAX}, {10, ECHO_PAYLOAD_MAX}, {ECHO_PAYLOAD_MAX, 10}};
    for (int i = 0; i < 3; i++) {
        struct pair p;
        pair_make(&p, &cores[1], large[i][0], large[i][1]);
        while (ask(&p)) {
        }
        carry(&p, 100003); /* goes into no power of two */
        assert_int_equal(p.answered, DEPTH);
        pair_free(&p);
    }
}

/* ---- the ends of a stream ---- */

static void end_of_file_is_told_from_one_inside_a_message(void **state) {
    (void)state;
    const size_t whole = ECHO_HEADER_BYTES + SOME;
    for (size_t came = 0; came <= 2 * whole; came++) {
        struct pair p;
        uint8_t *bytes;
        pair_make(&p, &cores[1], SOME, SOME);
        while (p.asked < 2) (void)ask(&p);
        client_sends(&p, SIZE_MAX);
        if (came > 0) server_receives(&p, came);
        p.core->server->arrived(p.connection, &p.worker, 0);
        const bool between = came % whole == 0;
        assert_int_equal(p.connection->over, between ? -ESHUTDOWN : -ECONNABORTED);
        assert_int_equal(p.worker.counts[ECHO_TRUNCATED], !between);
        /* Every reply owed is sent. */
        assert_int_equal(p.core->server->owed(p.connection, &bytes), came / whole * whole);
        pair_free(&p);
    }
}

static void damaged_stream_ends_after_the_replies_that_are_owed(void **state) {
    (void)state;
    struct pair p;
    struct echo_message reply;
    pair_make(&p, &cores[1], SOME, SOME);
    while (ask(&p)) {
    }
    client_sends(&p, SIZE_MAX);
    p.there.bytes[ECHO_HEADER_BYTES + SOME] ^= 1; /* the magic of the second */
    server_receives(&p, SIZE_MAX);
    assert_int_equal(p.connection->over, -EPROTO);
    assert_int_equal(p.worker.counts[ECHO_REFUSED], 1);
    server_sends(&p, SIZE_MAX);
    assert_int_equal(count_replies(&p, client_receives(&p, SIZE_MAX, &reply), &reply), -EAGAIN);
    assert_int_equal(p.answered, 1);
    pair_free(&p);
}

static void client_sees_what_is_wrong_with_a_stream(void **state) {
    (void)state;
    for (int damage = 0; damage < 2; damage++) {
        struct pair p;
        struct echo_message reply;
        pair_make(&p, &cores[1], SOME, SOME);
        while (ask(&p)) {
        }
        client_sends(&p, SIZE_MAX);
        server_receives(&p, SIZE_MAX);
        server_sends(&p, SIZE_MAX);
        /* The first byte of a header loses all edges; the last of a payload harms one message. */
        p.back.bytes[damage == 0 ? 0 : ECHO_HEADER_BYTES + SOME - 1] ^= 1;
        assert_int_equal(client_receives(&p, SIZE_MAX, &reply), damage == 0 ? -EPROTO : -EBADMSG);
        p.answered = damage == 0 ? DEPTH : 1;
        const int next = p.core->client->take(p.client, &reply);
        if (damage == 0) assert_int_equal(next, -EPROTO);
        if (damage == 1) assert_int_equal(count_replies(&p, next, &reply), -EAGAIN);
        assert_int_equal(p.answered, DEPTH);
        pair_free(&p);
    }
}

/* ---- datagrams ---- */

static void datagram_that_is_lost_or_late_harms_no_other(void **state) {
    (void)state;
    struct pair p;
    struct echo_message reply;
    pair_make(&p, &cores[3], SOME, SOME);
    while (ask(&p)) {
    }
    client_sends(&p, SIZE_MAX);
    p.there.begin += p.there.datagrams[p.there.first++]; /* the first is lost */
    uint64_t expected = 2;
    while (way_left(&p.there) > 0) {
        server_receives(&p, SIZE_MAX);
        server_sends(&p, SIZE_MAX);
    }
    while (way_left(&p.back) > 0) {
        assert_int_equal(client_receives(&p, SIZE_MAX, &reply), 0);
        assert_int_equal(reply.sequence, expected++);
        assert_int_equal(p.core->client->take(p.client, &reply), -EAGAIN); /* one recv, one reply */
    }
    assert_int_equal(expected, DEPTH + 1);
    pair_free(&p);
}

static void doubled_datagram_is_executed_once_where_that_is_wanted(void **state) {
    (void)state;
    for (int dedup = 0; dedup < 2; dedup++) {
        struct pair p;
        pair_make(&p, &cores[3], SOME, SOME);
        p.server_options.dedup = dedup != 0;
        assert_true(ask(&p));
        client_sends(&p, SIZE_MAX);
        way_put(&p.there, p.there.bytes, way_left(&p.there));
        while (way_left(&p.there) > 0) {
            server_receives(&p, SIZE_MAX);
            server_sends(&p, SIZE_MAX);
        }
        assert_int_equal(p.worker.counts[ECHO_REPLIES], 2);
        assert_int_equal(p.worker.counts[ECHO_REPEATED], 1);
        assert_int_equal(p.worker.counts[ECHO_EXECUTED], dedup != 0 ? 1 : 2);
        pair_free(&p);
    }
}

static void damaged_datagram_is_refused_and_no_end(void **state) {
    (void)state;
    const size_t whole = ECHO_HEADER_BYTES + SOME;
    for (size_t size = 0; size < whole; size++) {
        struct pair p;
        struct echo_message reply;
        uint8_t *bytes;
        pair_make(&p, &cores[3], SOME, SOME);
        assert_true(ask(&p));
        client_sends(&p, SIZE_MAX);
        p.there.datagrams[0] = size; /* cut off on the way */
        server_receives(&p, SIZE_MAX);
        assert_int_equal(p.worker.counts[ECHO_REFUSED], 1);
        assert_int_equal(p.core->server->owed(p.connection, &bytes), 0);
        assert_int_equal(p.connection->over, 0);
        way_put(&p.back, p.there.bytes, size);
        if (size > 0) assert_int_equal(client_receives(&p, SIZE_MAX, &reply), -EBADMSG);
        pair_free(&p);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(core_variants_exchange_without_a_socket),
        TEST(stream_may_be_cut_anywhere),
        TEST(close_is_asked_for_wherever_the_stream_is_cut),
        TEST(message_longer_than_the_buffer_that_is_lent_is_answered),
        TEST(end_of_file_is_told_from_one_inside_a_message),
        TEST(damaged_stream_ends_after_the_replies_that_are_owed),
        TEST(client_sees_what_is_wrong_with_a_stream),
        TEST(datagram_that_is_lost_or_late_harms_no_other),
        TEST(doubled_datagram_is_executed_once_where_that_is_wanted),
        TEST(damaged_datagram_is_refused_and_no_end),
    };
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
