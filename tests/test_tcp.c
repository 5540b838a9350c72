/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is TCP's alone: a stream that may be cut anywhere, and connections that
 * end. The measured server is met with raw sockets, the measured client by a
 * server that the test plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/exchange.h"
#include "echo/clock.h"
#include "tcp/transport.h"
#include "tests/descriptors.h"
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANG_S = 120, ROOM = 4 << 20 };

static uint8_t bytes[ROOM], answer[ROOM];
/* ---- the measured server, met with raw sockets ---- */

static enum design design; /* of the server: each engine's in turn */
static struct served served;
static uint64_t counts[ECHO_COUNTS];

static void serve(void) {
    assert_int_equal(served_start_design(&served, &tcp_transport, NULL, design), 0);
}

static void stop(void) {
    memset(counts, 0, sizeof counts);
    served_stop(&served, counts);
}

static int reach(void) {
    const int fd = test_connect(&served.address, SOCK_STREAM);
    assert_true(fd >= 0);
    return fd;
}

static struct echo_message request(uint64_t sequence, uint32_t payload_bytes,
                                   uint32_t reply_bytes) {
    return (struct echo_message){.kind = ECHO_REQUEST,
                                 .payload_bytes = payload_bytes,
                                 .reply_bytes = reply_bytes,
                                 .session = TEST_SESSION,
                                 .sequence = sequence,
                                 .sent_ns = sequence * 1000};
}

static void send_all(int fd, const uint8_t *at, size_t size) {
    assert_int_equal(send(fd, at, size, MSG_NOSIGNAL), size);
}

static void assert_reply(int fd, const struct echo_message *asked) {
    const size_t size = ECHO_HEADER_BYTES + (size_t)asked->reply_bytes;
    assert_int_equal(test_receive(fd, answer, size), size);
    assert_true(test_is_reply(answer, size, asked));
}

/* The server's FIN: no reset, and not a byte more. */
static void assert_end(int fd) {
    assert_int_equal(test_receive(fd, answer, 1), 0);
}

static void joined_messages_are_answered_one_by_one(void **state) {
    (void)state;
    enum { MESSAGES = 7 };
    serve();
    const int fd = reach();
    size_t size = 0;
    for (uint32_t i = 1; i <= MESSAGES; i++) {
        const struct echo_message m = request(i, i * 100, i * 100);
        size += test_put(bytes + size, &m);
    }
    send_all(fd, bytes, size);
    for (uint32_t i = 1; i <= MESSAGES; i++) {
        const struct echo_message m = request(i, i * 100, i * 100);
        assert_reply(fd, &m);
    }
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_ACCEPTED], 1);
    assert_int_equal(counts[ECHO_REQUESTS], MESSAGES);
    assert_int_equal(counts[ECHO_REPLIES], MESSAGES);
}

static void message_may_come_byte_by_byte(void **state) {
    (void)state;
    serve();
    const int fd = reach();
    const int on = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    for (uint32_t i = 1; i <= 3; i++) {
        const struct echo_message m = request(i, 9, 9);
        const size_t size = test_put(bytes, &m);
        for (size_t at = 0; at < size; at++) send_all(fd, bytes + at, 1);
        assert_reply(fd, &m);
    }
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REPLIES], 3);
}

/* Every place where two messages can be cut in two. */
static void message_may_be_cut_anywhere(void **state) {
    (void)state;
    serve();
    const int fd = reach();
    const int on = 1;
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
    const struct echo_message first = request(1, 5, 5);
    const struct echo_message second = request(2, 0, 0);
    const size_t edge = test_put(bytes, &first);
    const size_t size = edge + test_put(bytes + edge, &second);
    for (size_t cut = 1; cut < size; cut++) {
        send_all(fd, bytes, cut);
        if (cut >= edge) assert_reply(fd, &first); /* so that the rest comes by itself */
        send_all(fd, bytes + cut, size - cut);
        if (cut < edge) assert_reply(fd, &first);
        assert_reply(fd, &second);
    }
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REFUSED] + counts[ECHO_TRUNCATED] + counts[ECHO_BROKEN], 0);
}

static void different_sizes_in_one_batch_keep_their_order(void **state) {
    (void)state;
    static const uint32_t shapes[][2] = {
        {5, 5},       {5, 0},          {0, 0},           {5, 1000},  {0, 100}, {1000, 10},
        {10, 1000},   {70000, 5},      {3, 3},           {5, 70000}, {7, 7},   {8, 8},
        {1, 1048576}, {1048576, 1000}, {200000, 200000}, {2, 1},
    };
    enum { SHAPES = sizeof shapes / sizeof *shapes };
    serve();
    const int fd = reach();
    size_t size = 0;
    for (uint32_t i = 0; i < SHAPES; i++) {
        const struct echo_message m = request(i, shapes[i][0], shapes[i][1]);
        size += test_put(bytes + size, &m);
    }
    /* Written and read at once, as neither side buffers it all. */
    size_t sent = 0;
    size_t have = 0;
    size_t wanted = 0;
    for (uint32_t i = 0; i < SHAPES; i++) wanted += ECHO_HEADER_BYTES + (size_t)shapes[i][1];
    while (have < wanted) {
        struct pollfd at = {.fd = fd, .events = sent < size ? POLLIN | POLLOUT : POLLIN};
        assert_int_equal(poll(&at, 1, TEST_DEADLINE_MS), 1);
        if ((at.revents & POLLOUT) != 0) {
            const ssize_t put = send(fd, bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            assert_true(put > 0);
            sent += (size_t)put;
        }
        if ((at.revents & POLLIN) != 0) {
            const ssize_t got = recv(fd, answer + have, wanted - have, 0);
            assert_true(got > 0);
            have += (size_t)got;
        }
    }
    size_t at = 0;
    for (uint32_t i = 0; i < SHAPES; i++) {
        const struct echo_message m = request(i, shapes[i][0], shapes[i][1]);
        const size_t whole = ECHO_HEADER_BYTES + (size_t)m.reply_bytes;
        assert_true(test_is_reply(answer + at, whole, &m));
        at += whole;
    }
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REPLIES], SHAPES);
}

static void end_of_file_between_messages_leaves_no_reply_owed(void **state) {
    (void)state;
    enum { MESSAGES = 20, SIZE = 50000 };
    serve();
    const int fd = reach();
    size_t size = 0;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        const struct echo_message m = request(i, SIZE, SIZE);
        size += test_put(bytes + size, &m);
    }
    send_all(fd, bytes, size);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        const struct echo_message m = request(i, SIZE, SIZE);
        assert_reply(fd, &m);
    }
    assert_end(fd);
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REPLIES], MESSAGES);
    assert_int_equal(counts[ECHO_TRUNCATED], 0);
}

static void end_of_file_inside_a_message_is_counted(void **state) {
    (void)state;
    static const size_t missing[] = {1, 5, 6, 25, 44}; /* of 45: in the payload, in the header */
    enum { CUTS = sizeof missing / sizeof *missing };
    serve();
    for (size_t i = 0; i < CUTS; i++) {
        const int fd = reach();
        const struct echo_message whole = request(1, 5, 5);
        size_t size = test_put(bytes, &whole);
        size += test_put(bytes + size, &whole);
        send_all(fd, bytes, size - missing[i]);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_reply(fd, &whole);
        assert_end(fd);
        (void)close(fd);
    }
    stop();
    assert_int_equal(counts[ECHO_REPLIES], CUTS);
    assert_int_equal(counts[ECHO_TRUNCATED], CUTS);
}

static void close_is_answered_whole_though_bytes_lie_behind_it(void **state) {
    (void)state;
    enum { TIMES = 10, BEHIND = 5000, SIZE = 2000 };
    serve();
    for (int i = 0; i < TIMES; i++) {
        const int fd = reach();
        struct echo_message m = request(1, SIZE, i % 2 == 0 ? SIZE : SIZE / 2);
        m.flags = ECHO_CLOSE;
        const size_t size = test_put(bytes, &m);
        memset(bytes + size, 'x', BEHIND);
        send_all(fd, bytes, size + BEHIND);
        assert_reply(fd, &m);
        assert_end(fd);
        (void)close(fd);
    }
    stop();
    assert_int_equal(counts[ECHO_REQUESTS], TIMES);
    assert_int_equal(counts[ECHO_REPLIES], TIMES);
    assert_int_equal(counts[ECHO_DRAINED], TIMES * BEHIND);
    assert_int_equal(counts[ECHO_REFUSED], 0);
}

static void request_behind_close_is_not_answered(void **state) {
    (void)state;
    serve();
    const int fd = reach();
    struct echo_message m = request(1, 10, 10);
    m.flags = ECHO_CLOSE;
    const struct echo_message behind = request(2, 10, 10);
    size_t size = test_put(bytes, &m);
    size += test_put(bytes + size, &behind);
    send_all(fd, bytes, size);
    assert_reply(fd, &m);
    assert_end(fd);
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REQUESTS], 1);
}

/*
 * Who sends for ever behind a CLOSE is not read for ever: at some point the
 * connection is gone, and a longer buffer does not make it later.
 */
static void close_with_much_behind_it_ends(void **state) {
    (void)state;
    static const uint32_t sizes[] = {10, 900000};
    enum { PIECE = 100000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        serve();
        const int fd = reach();
        struct echo_message m = request(1, sizes[i], 10);
        m.flags = ECHO_CLOSE;
        const size_t size = test_put(bytes, &m);
        memset(bytes + size, 'x', PIECE);
        const uint64_t until_ns = echo_clock_ns() + (uint64_t)TEST_DEADLINE_MS * 1000000;
        ssize_t sent = send(fd, bytes, size + PIECE, MSG_NOSIGNAL);
        while (sent > 0 && echo_clock_ns() < until_ns) {
            sent = send(fd, bytes + size, PIECE, MSG_NOSIGNAL);
        }
        assert_int_equal(sent, -1);
        assert_true(errno == EPIPE || errno == ECONNRESET);
        (void)close(fd);
        stop();
        assert_int_equal(counts[ECHO_REPLIES], 1);
        assert_in_range(counts[ECHO_DRAINED], 1, 2 << 16);
    }
}

/* Neither sends nor closes: only the time limit of the drain ends it. */
static void close_with_bytes_behind_it_ends_though_the_client_lingers(void **state) {
    (void)state;
    serve();
    const int fd = reach();
    struct echo_message m = request(1, 10, 10);
    m.flags = ECHO_CLOSE;
    const size_t size = test_put(bytes, &m);
    send_all(fd, bytes, size + 1);
    assert_reply(fd, &m);
    assert_end(fd);
    /* The server's half is shut; once it has closed, what we send is answered by a reset. */
    struct pollfd at = {.fd = fd, .events = POLLERR};
    const uint64_t until_ns = echo_clock_ns() + (uint64_t)TEST_DEADLINE_MS * 1000000;
    while (echo_clock_ns() < until_ns && poll(&at, 1, 50) == 0) {
        if (send(fd, bytes, 1, MSG_NOSIGNAL) < 0) break;
    }
    assert_true(send(fd, bytes, 1, MSG_NOSIGNAL) < 0);
    (void)close(fd);
    stop();
}

static void what_is_no_request_closes_and_is_counted(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } damage[] = {
        {0, 'X'}, /* magic */
        {2, 2},   /* version */
        {3, 0},   /* kind: none, a reply (never answered), reserved ones */
        {3, 2},     {3, 3}, {3, 4}, {6, 2}, {6, 0x80}, /* reserved flags */
        {8, 0x7f},                                     /* payload_bytes beyond the limit */
        {12, 0x7f},                                    /* reply_bytes beyond the limit */
    };
    enum { WAYS = sizeof damage / sizeof *damage };
    serve();
    for (size_t i = 0; i < WAYS; i++) {
        const int fd = reach();
        const struct echo_message m = request(1, 5, 5);
        const size_t good = test_put(bytes, &m);
        const size_t size = good + test_put(bytes + good, &m);
        bytes[good + damage[i].at] = damage[i].value;
        bytes[good + 4] = bytes[good + 5] = 0; /* "not computed", so that not the check tells */
        send_all(fd, bytes, size);
        assert_reply(fd, &m);
        assert_end(fd);
        (void)close(fd);
    }
    stop();
    assert_int_equal(counts[ECHO_REPLIES], WAYS);
    assert_int_equal(counts[ECHO_REFUSED], WAYS);
    assert_int_equal(counts[ECHO_BROKEN] + counts[ECHO_TRUNCATED], 0);
}

static void wrong_check_closes_and_is_counted(void **state) {
    (void)state;
    serve();
    const int fd = reach();
    const struct echo_message m = request(1, 5, 5);
    const size_t size = test_put(bytes, &m);
    bytes[20] ^= 1;
    send_all(fd, bytes, size);
    assert_end(fd);
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REFUSED], 1);
    assert_int_equal(counts[ECHO_REPLIES], 0);
}

static void slow_reader_does_not_stop_other_clients(void **state) {
    (void)state;
    enum { SIZE = 1 << 20 };
    serve();
    const int slow = reach();
    const struct echo_message m = request(1, SIZE, SIZE);
    const size_t size = test_put(bytes, &m);
    /* Until our side and the server's are both full: it is stuck in send then. */
    size_t sent = 0;
    for (int stuck = 0; stuck == 0;) {
        struct pollfd at = {.fd = slow, .events = POLLOUT};
        const ssize_t put =
            send(slow, bytes + sent % size, size - sent % size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put > 0) sent += (size_t)put;
        if (put < 0) stuck = poll(&at, 1, 100) == 0;
    }
    assert_true(sent > size);
    for (uint32_t i = 1; i <= 3; i++) {
        const int other = reach();
        const struct echo_message small = request(i, 100, 100);
        uint8_t few[200];
        send_all(other, few, test_put(few, &small));
        assert_reply(other, &small);
        (void)close(other);
    }
    for (size_t i = 0; i < sent / size; i++) assert_reply(slow, &m);
    (void)close(slow);
    stop();
}

static void raw_server_sends_back_whatever_comes(void **state) {
    (void)state;
    const struct echo_server_options raw = {.raw = true};
    assert_int_equal(served_start_design(&served, &tcp_transport, &raw, design), 0);
    const int fd = reach();
    send_all(fd, (const uint8_t *)"hello", 5);
    assert_int_equal(test_receive(fd, answer, 5), 5);
    assert_memory_equal(answer, "hello", 5);
    assert_int_equal(send(fd, test_payload(), 300000, MSG_NOSIGNAL | MSG_DONTWAIT) > 0, 1);
    assert_int_equal(test_receive(fd, answer, 1000), 1000);
    assert_memory_equal(answer, test_payload(), 1000);
    (void)close(fd);
    stop();
}

/* ---- the measured client, met by a server that the test plays ---- */

enum { SMALL = 300, PATIENCE_MS = 5000 };

struct scene {
    const struct variant *variant;
    struct echo_address address;
    int listener, peer; /* peer: -1 while there is no connection */
    struct echo_client_options options;
    struct echo_client *client;
    struct exchange x;
    struct echo_message asked;
    size_t size; /* of the request, and of its reply, in `answer` */
};

static void scene_begin(struct scene *s, const struct variant *variant, uint32_t size) {
    *s = (struct scene){.variant = variant, .peer = -1};
    s->listener = test_bind(&s->address, SOCK_STREAM);
    assert_true(s->listener >= 0);
    s->options = test_client(variant, &s->address, size);
    s->options.nonblocking = true; /* so that one thread can play both sides */
    assert_int_equal(variant->transport->client->open(&s->client, &s->options), 0);
    (void)exchange_init(&s->x, s->client, TEST_SESSION, PATIENCE_MS * UINT64_C(1000000), 1);
}

static void scene_finish(struct scene *s) {
    s->client->steps->close(s->client);
    if (s->peer >= 0) (void)close(s->peer);
    (void)close(s->listener);
}

static void scene_start(struct scene *s) {
    const uint64_t now_ns = echo_clock_ns();
    exchange_start(&s->x, now_ns, now_ns);
    assert_int_equal(exchange_advance(&s->x, 0), -EAGAIN);
    if (s->peer < 0) s->peer = test_accept(s->listener);
    assert_true(s->peer >= 0);
    if (s->x.phase == EXCHANGE_SEND) (void)exchange_advance(&s->x, POLLOUT);
}

/* The client asks; its request has arrived and become a reply, in `answer`. */
static void scene_ask(struct scene *s) {
    scene_start(s);
    s->size = ECHO_HEADER_BYTES + (size_t)s->options.payload_bytes;
    assert_int_equal(test_receive(s->peer, answer, s->size), s->size);
    assert_int_equal(echo_decode(&s->asked, answer, s->size), ECHO_WHOLE);
    assert_int_equal(s->asked.sequence, s->x.sequence);
    assert_true(echo_matches(answer + ECHO_HEADER_BYTES, s->asked.payload_bytes, test_payload(),
                             s->asked.payload_bytes));
    echo_make_reply(answer);
}

static void scene_hang_up(struct scene *s) {
    (void)close(s->peer);
    s->peer = -1;
}

/* As the client runs to the end, the connection ends if it is one per message. */
static void scene_run(struct scene *s) {
    const bool kept = s->variant->lifetime == ECHO_PERSISTENT;
    if (s->peer >= 0 && !kept) assert_int_equal(shutdown(s->peer, SHUT_WR), 0);
    exchange_run(&s->x, EXCHANGE_BLOCK);
    if (s->peer >= 0 && s->client->socket < 0) scene_hang_up(s);
}

static void scene_run_ok(struct scene *s) {
    scene_run(s);
    assert_int_equal(s->x.outcome, EXCHANGE_OK);
    assert_int_equal(s->x.error, 0);
}

static void scene_run_failed(struct scene *s, int error) {
    scene_run(s);
    assert_int_equal(s->x.outcome, EXCHANGE_FAILED);
    assert_int_equal(s->x.error, error);
    assert_int_equal(s->client->socket, -1);
}

/* An exchange as it should be; after a failure it must make a new connection. */
static void scene_recovers(struct scene *s) {
    const uint64_t before = s->client->sockets_made;
    const bool reconnects = s->client->socket < 0;
    if (s->peer >= 0 && reconnects) scene_hang_up(s);
    scene_ask(s);
    send_all(s->peer, answer, s->size);
    scene_run_ok(s);
    assert_int_equal(s->client->sockets_made, before + reconnects);
}

/* The next variant over TCP from *v on, or NULL. */
static const struct variant *next_variant(unsigned *v) {
    while (*v < variant_count) {
        const struct variant *variant = &variants[(*v)++];
        if (variant->transport->client == &tcp_client_steps) return variant;
    }
    return NULL;
}

static void for_each_variant(void (*play)(struct scene *), uint32_t size) {
    unsigned v = 0;
    for (const struct variant *variant; (variant = next_variant(&v)) != NULL;) {
        struct scene s;
        scene_begin(&s, variant, size);
        play(&s);
        scene_finish(&s);
    }
}

static void play_pieces(struct scene *s) {
    for (size_t cut = 1; cut < ECHO_HEADER_BYTES + SMALL; cut += 13) {
        scene_ask(s);
        for (size_t at = 0; at < s->size; at += cut) {
            const size_t piece = s->size - at < cut ? s->size - at : cut;
            send_all(s->peer, answer + at, piece);
            if (at + piece < s->size) assert_int_equal(exchange_advance(&s->x, POLLIN), -EAGAIN);
        }
        scene_run_ok(s);
    }
}

static void reply_in_pieces_is_put_together(void **state) {
    (void)state;
    for_each_variant(play_pieces, SMALL);
}

static void play_corrupt_payload(struct scene *s) {
    for (size_t at = 0; at < SMALL; at += SMALL - 1) {
        const uint64_t before = s->x.corrupt;
        scene_ask(s);
        answer[ECHO_HEADER_BYTES + at] ^= 1;
        send_all(s->peer, answer, s->size);
        answer[ECHO_HEADER_BYTES + at] ^= 1;
        send_all(s->peer, answer, s->size);
        scene_run_ok(s);
        assert_int_equal(s->x.corrupt, before + 1);
    }
}

static void corrupt_payload_is_counted_and_the_right_reply_still_taken(void **state) {
    (void)state;
    for_each_variant(play_corrupt_payload, SMALL);
}

static void play_corrupt_header(struct scene *s) {
    static const size_t places[] = {0, 2, 3, 4, 8, 11, 12, 39};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        scene_ask(s);
        answer[places[i]] ^= 1;
        send_all(s->peer, answer, s->size);
        scene_run_failed(s, EPROTO);
        assert_int_equal(s->x.failed_in, EXCHANGE_RECEIVE);
        assert_int_equal(s->x.corrupt, i + 1);
        scene_recovers(s);
    }
}

static void corrupt_header_fails_and_the_next_exchange_reconnects(void **state) {
    (void)state;
    for_each_variant(play_corrupt_header, SMALL);
}

static void play_hang_up(struct scene *s) {
    for (size_t part = 0; part < ECHO_HEADER_BYTES + SMALL; part += 30) {
        scene_ask(s);
        send_all(s->peer, answer, part);
        scene_hang_up(s);
        scene_run_failed(s, ESHUTDOWN);
        scene_recovers(s);
    }
}

static void server_that_closes_instead_of_replying_is_a_failure(void **state) {
    (void)state;
    for_each_variant(play_hang_up, SMALL);
}

static void play_reset(struct scene *s) {
    scene_ask(s);
    test_reset(s->peer);
    s->peer = -1;
    scene_run_failed(s, ECONNRESET);
    scene_recovers(s);
}

static void reset_is_a_failure_and_the_next_exchange_reconnects(void **state) {
    (void)state;
    for_each_variant(play_reset, SMALL);
}

/* What stands behind a reply is read with the next exchange, or beside the end of file. */
static void play_second_reply(struct scene *s) {
    const bool kept = s->variant->lifetime == ECHO_PERSISTENT;
    const bool waits = s->variant->lifetime == ECHO_SERVER_CLOSES;
    scene_ask(s);
    memcpy(answer + s->size, answer, s->size);
    send_all(s->peer, answer, 2 * s->size);
    scene_run(s);
    assert_int_equal(s->x.outcome, EXCHANGE_OK);
    assert_int_equal(s->x.error, waits ? EPROTO : 0);
    scene_recovers(s);
    assert_int_equal(s->x.duplicate, kept);
    assert_int_equal(s->x.late + s->x.corrupt, 0);
}

static void second_reply_is_a_duplicate_or_spoils_the_close(void **state) {
    (void)state;
    for_each_variant(play_second_reply, SMALL);
}

static void play_garbage_behind(struct scene *s) {
    if (s->variant->lifetime != ECHO_PERSISTENT) return; /* seen above */
    scene_ask(s);
    memset(answer + s->size, 'x', 10);
    send_all(s->peer, answer, s->size + 10);
    scene_run_ok(s);
    const uint64_t now_ns = echo_clock_ns();
    exchange_start(&s->x, now_ns, now_ns);
    scene_run_failed(s, EPROTO);
    assert_int_equal(s->x.corrupt, 1);
    scene_recovers(s);
}

static void garbage_behind_a_reply_fails_the_next_exchange(void **state) {
    (void)state;
    for_each_variant(play_garbage_behind, SMALL);
}

static void play_lost(struct scene *s) {
    s->x.deadline_after_ns = 20000000;
    scene_ask(s);
    exchange_run(&s->x, EXCHANGE_BLOCK);
    assert_int_equal(s->x.outcome, EXCHANGE_LOST);
    assert_int_equal(s->client->socket, -1); /* a late reply would be taken for the next */
    s->x.deadline_after_ns = PATIENCE_MS * UINT64_C(1000000);
    scene_recovers(s);
    assert_int_equal(s->x.late + s->x.duplicate + s->x.corrupt, 0);
}

static void lost_exchange_takes_its_connection_along(void **state) {
    (void)state;
    for_each_variant(play_lost, SMALL);
}

static void play_no_farewell(struct scene *s) {
    if (s->variant->lifetime != ECHO_SERVER_CLOSES) return;
    s->x.deadline_after_ns = 20000000;
    scene_ask(s);
    send_all(s->peer, answer, s->size);
    exchange_run(&s->x, EXCHANGE_BLOCK);
    assert_int_equal(s->x.outcome, EXCHANGE_OK);
    assert_int_equal(s->x.error, ETIMEDOUT);
    assert_int_equal(s->x.failed_in, EXCHANGE_CLOSE);
    assert_int_equal(s->client->socket, -1);
}

static void missing_end_of_file_is_counted_beside_the_answered_message(void **state) {
    (void)state;
    for_each_variant(play_no_farewell, SMALL);
}

/* The server reads on only because the client goes on writing after it has read a little. */
static void play_early_byte(struct scene *s) {
    const int little = 1; /* the kernel's least */
    const int connected = s->client->steps->connect(s->client);
    assert_true(connected == 0 || connected == -EINPROGRESS);
    assert_int_equal(setsockopt(s->client->socket, SOL_SOCKET, SO_SNDBUF, &little, sizeof little),
                     0);
    scene_start(s);
    assert_int_equal(s->x.phase, EXCHANGE_SEND); /* more than the sockets hold */
    struct echo_message reply = request(1, s->options.payload_bytes, s->options.payload_bytes);
    echo_encode(answer, &reply);
    echo_make_reply(answer);
    send_all(s->peer, answer, 1);
    struct pollfd at = {.fd = s->client->socket, .events = POLLIN};
    assert_int_equal(poll(&at, 1, TEST_DEADLINE_MS), 1);
    assert_int_equal(exchange_advance(&s->x, POLLIN), -EAGAIN);
    assert_int_equal(s->x.phase, EXCHANGE_SEND);
    assert_int_equal(s->x.wait, POLLIN | POLLOUT);
}

static void early_byte_does_not_stop_the_rest_of_a_request(void **state) {
    (void)state;
    for_each_variant(play_early_byte, ECHO_PAYLOAD_MAX);
}

/* Replies to the last exchange without end: each is something, none is the one awaited. */
static void flood_of_strangers_does_not_outlast_the_deadline(void **state) {
    (void)state;
    enum { FLOOD = 20000 };
    unsigned v = 0;
    for (const struct variant *variant; (variant = next_variant(&v)) != NULL;) {
        struct scene s;
        scene_begin(&s, variant, 0);
        scene_ask(&s);
        echo_encode(answer, &(struct echo_message){.kind = ECHO_REPLY, .session = 1});
        for (int i = 1; i < FLOOD; i++) {
            memcpy(answer + (size_t)i * s.size, answer, s.size);
        }
        send_all(s.peer, answer, FLOOD / 10 * s.size);
        s.x.one.deadline_ns = s.x.deadline_ns =
            echo_clock_ns(); /* already over: what has come must not matter */
        assert_int_equal(exchange_advance(&s.x, POLLIN), -EAGAIN);
        assert_true(s.x.late < 3);
        exchange_expire(&s.x);
        assert_int_equal(s.x.outcome, EXCHANGE_LOST);
        scene_finish(&s);
    }
}

static void deserted_port_is_an_error_with_a_name(void **state) {
    (void)state;
    unsigned v = 0;
    for (const struct variant *variant; (variant = next_variant(&v)) != NULL;) {
        for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
            struct scene s = {.variant = variant};
            assert_int_equal(test_deserted(&s.address, SOCK_STREAM), 0);
            s.options = test_client(variant, &s.address, SMALL);
            s.options.nonblocking = nonblocking != 0;
            assert_int_equal(variant->transport->client->open(&s.client, &s.options), 0);
            (void)exchange_init(&s.x, s.client, TEST_SESSION, PATIENCE_MS * UINT64_C(1000000), 1);
            const uint64_t now_ns = echo_clock_ns();
            exchange_start(&s.x, now_ns, now_ns);
            exchange_run(&s.x, EXCHANGE_BLOCK);
            assert_int_equal(s.x.outcome, EXCHANGE_FAILED);
            assert_int_equal(s.x.error, ECONNREFUSED);
            s.client->steps->close(s.client);
        }
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

/* What is asked of a server is asked of each engine's. */
static int use_epoll(void **state) {
    (void)state;
    design = DESIGN_EPOLL;
    return 0;
}

int main(void) {
    const struct CMUnitTest server_tests[] = {
        TEST(joined_messages_are_answered_one_by_one),
        TEST(message_may_come_byte_by_byte),
        TEST(message_may_be_cut_anywhere),
        TEST(different_sizes_in_one_batch_keep_their_order),
        TEST(end_of_file_between_messages_leaves_no_reply_owed),
        TEST(end_of_file_inside_a_message_is_counted),
        TEST(close_is_answered_whole_though_bytes_lie_behind_it),
        TEST(request_behind_close_is_not_answered),
        TEST(close_with_much_behind_it_ends),
        TEST(close_with_bytes_behind_it_ends_though_the_client_lingers),
        TEST(what_is_no_request_closes_and_is_counted),
        TEST(wrong_check_closes_and_is_counted),
        TEST(slow_reader_does_not_stop_other_clients),
        TEST(raw_server_sends_back_whatever_comes),
    };
    const struct CMUnitTest client_tests[] = {
        TEST(reply_in_pieces_is_put_together),
        TEST(corrupt_payload_is_counted_and_the_right_reply_still_taken),
        TEST(corrupt_header_fails_and_the_next_exchange_reconnects),
        TEST(server_that_closes_instead_of_replying_is_a_failure),
        TEST(reset_is_a_failure_and_the_next_exchange_reconnects),
        TEST(second_reply_is_a_duplicate_or_spoils_the_close),
        TEST(garbage_behind_a_reply_fails_the_next_exchange),
        TEST(lost_exchange_takes_its_connection_along),
        TEST(missing_end_of_file_is_counted_beside_the_answered_message),
        TEST(early_byte_does_not_stop_the_rest_of_a_request),
        TEST(flood_of_strangers_does_not_outlast_the_deadline),
        TEST(deserted_port_is_an_error_with_a_name),
    };
    (void)alarm(HANG_S);
    int failed = cmocka_run_group_tests_name("pool", server_tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("epoll", server_tests, use_epoll, NULL);
    return failed + cmocka_run_group_tests_name("client", client_tests, NULL, NULL);
}
