/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is UDP's alone: datagrams that get lost, come late, twice, damaged or
 * from somebody else. The measured client is met by a server that the test
 * plays, the measured server with raw sockets.
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
#include "udp/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANG_S = 120, ROOM = 1 << 17, SMALL = 300 };

#define DEADLINE_NS ((uint64_t)TEST_DEADLINE_MS * 1000000)
#define SOON_NS ((uint64_t)20 * 1000000) /* of an exchange that is to be lost */

static uint8_t bytes[ROOM], answer[ROOM];
/* ---- the measured client, met by a server that the test plays ---- */

struct scene {
    const struct variant *variant;
    struct echo_address address, from; /* of the server; of the client's socket */
    int server;
    struct echo_client_options options;
    struct echo_client *client;
    struct exchange x;
    size_t size; /* of the request, and of its reply, in `answer` */
};

static void scene_begin(struct scene *s, const struct variant *variant) {
    *s = (struct scene){.variant = variant};
    s->server = test_bind(&s->address, SOCK_DGRAM);
    assert_true(s->server >= 0);
    s->options = test_client(variant, &s->address, SMALL);
    s->options.nonblocking = true; /* so that one thread can play both sides */
    assert_int_equal(variant->transport->client->open(&s->client, &s->options), 0);
    (void)exchange_init(&s->x, s->client, TEST_SESSION, DEADLINE_NS, 1);
}

static void scene_finish(struct scene *s) {
    s->client->steps->close(s->client);
    (void)close(s->server);
}

/* The client asks; its request has arrived and become a reply, in `answer`. */
static void scene_ask(struct scene *s) {
    const uint64_t now_ns = echo_clock_ns();
    exchange_start(&s->x, now_ns, now_ns);
    assert_int_equal(exchange_advance(&s->x, 0), -EAGAIN);
    assert_int_equal(s->x.phase, EXCHANGE_RECEIVE);
    s->from.size = sizeof s->from.storage;
    const ssize_t got = recvfrom(s->server, answer, sizeof answer, 0, &s->from.any, &s->from.size);
    s->size = ECHO_HEADER_BYTES + SMALL;
    assert_int_equal(got, s->size);
    struct echo_message asked;
    assert_int_equal(echo_decode(&asked, answer, s->size), ECHO_WHOLE);
    assert_int_equal(asked.kind, ECHO_REQUEST);
    assert_int_equal(asked.flags, 0);
    assert_int_equal(asked.sequence, s->x.sequence);
    echo_make_reply(answer);
}

static void scene_send(const struct scene *s, const uint8_t *datagram, size_t size) {
    assert_int_equal(sendto(s->server, datagram, size, 0, &s->from.any, s->from.size), size);
}

static void scene_run_ok(struct scene *s) {
    exchange_run(&s->x, EXCHANGE_BLOCK);
    assert_int_equal(s->x.outcome, EXCHANGE_OK);
    assert_int_equal(s->x.error, 0);
}

static void scene_answer(struct scene *s) {
    scene_send(s, answer, s->size);
    scene_run_ok(s);
}

/* Nobody answers in time. The request, and where it came from, are those of the lost one. */
static void scene_lose(struct scene *s) {
    s->x.deadline_after_ns = SOON_NS;
    scene_ask(s);
    exchange_run(&s->x, EXCHANGE_BLOCK);
    assert_int_equal(s->x.outcome, EXCHANGE_LOST);
    assert_int_equal(s->x.error, ETIMEDOUT);
    s->x.deadline_after_ns = DEADLINE_NS;
}

static void assert_strangers(const struct scene *s, uint64_t late, uint64_t duplicate,
                             uint64_t corrupt) {
    assert_int_equal(s->x.late, late);
    assert_int_equal(s->x.duplicate, duplicate);
    assert_int_equal(s->x.corrupt, corrupt);
}

/* The next variant over UDP from *v on, or NULL. */
static const struct variant *next_variant(unsigned *v) {
    while (*v < variant_count) {
        const struct variant *variant = &variants[(*v)++];
        if (variant->transport->client == &udp_client_steps) return variant;
    }
    return NULL;
}

static void for_each_variant(void (*play)(struct scene *)) {
    unsigned v = 0;
    for (const struct variant *variant; (variant = next_variant(&v)) != NULL;) {
        struct scene s;
        scene_begin(&s, variant);
        play(&s);
        scene_finish(&s);
    }
}

static void play_loss(struct scene *s) {
    scene_lose(s);
    scene_lose(s);
    scene_ask(s);
    scene_answer(s);
    assert_strangers(s, 0, 0, 0);
}

static void unanswered_request_is_lost_and_the_next_one_is_answered(void **state) {
    (void)state;
    for_each_variant(play_loss);
}

/* Per message the old socket is still open, so that the late reply has somewhere to go. */
static void play_late(struct scene *s) {
    scene_lose(s);
    struct echo_address before = s->from;
    memcpy(bytes, answer, s->size);
    scene_ask(s);
    assert_int_equal(sendto(s->server, bytes, s->size, 0, &before.any, before.size), s->size);
    scene_answer(s);
    assert_strangers(s, 1, 0, 0);
    scene_ask(s);
    scene_answer(s);
    assert_strangers(s, 1, 0, 0);
}

static void late_reply_is_counted_late(void **state) {
    (void)state;
    for_each_variant(play_late);
}

/* At most one socket waits for late replies, and none for longer than the patience. */
static void play_late_socket(struct scene *s) {
    const int idle = program_descriptors(getpid());
    scene_lose(s);
    scene_lose(s);
    scene_lose(s);
    const int waiting = program_descriptors(getpid());
    assert_int_equal(waiting, idle + 1); /* the persistent one, or the one that waits */
    scene_ask(s);
    scene_answer(s);
    assert_int_equal(program_descriptors(getpid()), waiting);
}

static void one_socket_at_most_waits_for_a_late_reply(void **state) {
    (void)state;
    for_each_variant(play_late_socket);
}

static void socket_waits_no_longer_than_a_deadline_for_a_late_reply(void **state) {
    (void)state;
    unsigned v = 0;
    for (const struct variant *variant; (variant = next_variant(&v)) != NULL;) {
        struct scene s;
        scene_begin(&s, variant);
        s.client->steps->close(s.client);
        s.options.patience_ns = 1; /* over at once */
        assert_int_equal(variant->transport->client->open(&s.client, &s.options), 0);
        (void)exchange_init(&s.x, s.client, TEST_SESSION, DEADLINE_NS, 1);
        const int idle = program_descriptors(getpid());
        scene_lose(&s);
        scene_ask(&s);
        scene_answer(&s);
        const bool kept = variant->lifetime == ECHO_PERSISTENT;
        assert_int_equal(program_descriptors(getpid()), idle + kept);
        scene_finish(&s);
    }
}

/* Where the socket is gone with its exchange, the second reply meets nobody: no harm. */
static void play_duplicate(struct scene *s) {
    const bool kept = s->variant->lifetime == ECHO_PERSISTENT;
    scene_ask(s);
    scene_send(s, answer, s->size);
    scene_send(s, answer, s->size);
    scene_run_ok(s);
    scene_ask(s);
    scene_answer(s);
    assert_strangers(s, 0, kept, 0);
}

static void second_reply_is_counted_as_a_duplicate(void **state) {
    (void)state;
    for_each_variant(play_duplicate);
}

static void send_changed(const struct scene *s, size_t at) {
    memcpy(bytes, answer, s->size);
    bytes[at] ^= 2;
    bytes[4] = bytes[5] = 0; /* "not computed", so that not the check alone gives it away */
    scene_send(s, bytes, s->size);
}

/* One datagram is one message: what is wrong with it harms no other. */
static void play_damage(struct scene *s) {
    static const size_t wrong[] = {0,
                                   2,
                                   3,
                                   6,
                                   11, /* magic, version, kind, flags, size */
                                   30, /* a sequence not yet asked for */
                                   ECHO_HEADER_BYTES,
                                   ECHO_HEADER_BYTES + SMALL - 1};
    enum { WRONG = sizeof wrong / sizeof *wrong };
    scene_ask(s);
    scene_answer(s);
    scene_ask(s);
    for (size_t i = 0; i < WRONG; i++) {
        send_changed(s, wrong[i]);
    }
    assert_int_equal(exchange_advance(&s->x, POLLIN), -EAGAIN);
    scene_answer(s);
    assert_strangers(s, 0, 0, WRONG);
}

static void damaged_datagrams_are_counted_and_the_right_one_still_taken(void **state) {
    (void)state;
    for_each_variant(play_damage);
}

static void play_wrong_size(struct scene *s) {
    static const size_t sizes[] = {0, 1, ECHO_HEADER_BYTES - 1, ECHO_HEADER_BYTES,
                                   ECHO_HEADER_BYTES + SMALL - 1};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    scene_ask(s);
    for (size_t i = 0; i < SIZES; i++) scene_send(s, answer, sizes[i]);
    answer[s->size] = 'x';
    scene_send(s, answer, s->size + 1);
    scene_send(s, answer, 60000);
    scene_answer(s);
    assert_strangers(s, 0, 0, SIZES + 2);
}

static void datagrams_of_a_wrong_size_are_counted_corrupt(void **state) {
    (void)state;
    for_each_variant(play_wrong_size);
}

static void play_session(struct scene *s) {
    scene_ask(s);
    send_changed(s, 16);
    const struct echo_message other = {.kind = ECHO_REPLY, .session = 1, .sequence = 1};
    echo_encode(bytes, &other); /* another client's may have any size */
    scene_send(s, bytes, ECHO_HEADER_BYTES);
    scene_answer(s);
    assert_strangers(s, 2, 0, 0);
}

static void reply_to_another_session_is_counted_late(void **state) {
    (void)state;
    for_each_variant(play_session);
}

static void play_foreigner(struct scene *s) {
    struct echo_address elsewhere;
    const int foreigner = test_bind(&elsewhere, SOCK_DGRAM);
    assert_true(foreigner >= 0);
    scene_ask(s);
    assert_int_equal(sendto(foreigner, answer, s->size, 0, &s->from.any, s->from.size), s->size);
    assert_int_equal(exchange_advance(&s->x, POLLIN), -EAGAIN);
    scene_answer(s);
    assert_strangers(s, 0, 0, 0);
    (void)close(foreigner);
}

static void datagram_from_another_address_is_not_taken(void **state) {
    (void)state;
    for_each_variant(play_foreigner);
}

static void play_flood(struct scene *s) {
    scene_ask(s);
    for (int i = 0; i < 20; i++) send_changed(s, 16);
    s->x.one.deadline_ns = s->x.deadline_ns =
        echo_clock_ns(); /* already over: what has come must not matter */
    assert_int_equal(exchange_advance(&s->x, POLLIN), -EAGAIN);
    assert_int_equal(s->x.late, 1);
    exchange_expire(&s->x);
    assert_int_equal(s->x.outcome, EXCHANGE_LOST);
}

static void flood_of_strangers_does_not_outlast_the_deadline(void **state) {
    (void)state;
    for_each_variant(play_flood);
}

static void refusal_by_icmp_is_an_error_with_a_name(void **state) {
    (void)state;
    unsigned v = 0;
    for (const struct variant *variant; (variant = next_variant(&v)) != NULL;) {
        for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
            struct scene s = {.variant = variant};
            assert_int_equal(test_deserted(&s.address, SOCK_DGRAM), 0);
            s.options = test_client(variant, &s.address, SMALL);
            s.options.nonblocking = nonblocking != 0;
            assert_int_equal(variant->transport->client->open(&s.client, &s.options), 0);
            (void)exchange_init(&s.x, s.client, TEST_SESSION, DEADLINE_NS, 1);
            for (int i = 0; i < 3; i++) {
                const uint64_t now_ns = echo_clock_ns();
                exchange_start(&s.x, now_ns, now_ns);
                exchange_run(&s.x, EXCHANGE_BLOCK);
                assert_int_equal(s.x.outcome, EXCHANGE_FAILED);
                assert_int_equal(s.x.error, ECONNREFUSED);
            }
            s.client->steps->close(s.client);
        }
    }
}

/* ---- the measured server, met with raw sockets ---- */

static enum design design; /* of the server: each engine's in turn */
static struct served served;
static uint64_t counts[ECHO_COUNTS];

static void serve_at(const char *host, struct echo_server_options wanted) {
    assert_int_equal(echo_address_find(&wanted.address, host, 0), 0);
    assert_int_equal(served_start_design(&served, &udp_transport, &wanted, design), 0);
}

static void serve(void) {
    serve_at("127.0.0.1", (struct echo_server_options){0});
}

static void stop(void) {
    memset(counts, 0, sizeof counts);
    served_stop(&served, counts);
}

/* A socket connected to the server: at `host`, or (NULL) at the address it is bound to. */
static int reach(const char *host) {
    struct echo_address address = served.address;
    if (host != NULL) {
        assert_int_equal(echo_address_find(&address, host, echo_address_port(&served.address)), 0);
    }
    const int fd = test_connect(&address, SOCK_DGRAM);
    assert_true(fd >= 0);
    return fd;
}

static struct echo_message request(uint64_t sequence, uint32_t payload_bytes,
                                   uint32_t reply_bytes) {
    return (struct echo_message){.kind = ECHO_REQUEST,
                                 .payload_bytes = payload_bytes,
                                 .reply_bytes = reply_bytes,
                                 .session = TEST_SESSION,
                                 .sequence = sequence};
}

static void ask(int fd, const struct echo_message *m) {
    const size_t size = test_put(bytes, m);
    assert_int_equal(send(fd, bytes, size, 0), size);
}

/* The next datagram is the reply to `m`: so what was sent before it got none. */
static void assert_reply(int fd, const struct echo_message *m) {
    const ssize_t got = recv(fd, answer, sizeof answer, 0);
    assert_true(got >= 0);
    assert_true(test_is_reply(answer, (size_t)got, m));
}

static void assert_answers(int fd, uint64_t sequence) {
    const struct echo_message m = request(sequence, SMALL, SMALL);
    ask(fd, &m);
    assert_reply(fd, &m);
}

static void server_is_silent_to_what_is_no_request(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
    } damage[] = {
        {0, 'X'},  {2, 2},  {3, 0},    {3, 2},
        {3, 3},                                    /* magic, version, kinds; a reply is one */
        {6, 1},    {6, 2},  {6, 0x80},             /* CLOSE: nothing to close; reserved flags */
        {8, 0x7f}, {11, 4}, {11, 6},   {12, 0x7f}, /* sizes */
    };
    enum { WAYS = sizeof damage / sizeof *damage };
    serve();
    const int fd = reach(NULL);
    for (size_t i = 0; i < WAYS; i++) {
        const struct echo_message m = request(i, 5, 5);
        const size_t size = test_put(bytes, &m);
        bytes[damage[i].at] = damage[i].value;
        bytes[4] = bytes[5] = 0; /* "not computed", so that not the check tells */
        assert_int_equal(send(fd, bytes, size, 0), size);
        assert_answers(fd, 100 + i);
    }
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REFUSED], WAYS);
    assert_int_equal(counts[ECHO_REQUESTS], WAYS);
    assert_int_equal(counts[ECHO_REPLIES], WAYS);
}

static void server_is_silent_to_a_datagram_of_a_wrong_size(void **state) {
    (void)state;
    static const size_t sizes[] = {0,
                                   1,
                                   ECHO_HEADER_BYTES - 1,
                                   ECHO_HEADER_BYTES,
                                   ECHO_HEADER_BYTES + 4,
                                   ECHO_HEADER_BYTES + 6};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    serve();
    const int fd = reach(NULL);
    for (size_t i = 0; i < SIZES; i++) {
        const struct echo_message m = request(i, 5, 5);
        (void)test_put(bytes, &m);
        assert_int_equal(send(fd, bytes, sizes[i], 0), sizes[i]);
        assert_answers(fd, 100 + i);
    }
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REFUSED], SIZES);
    assert_int_equal(counts[ECHO_REPLIES], SIZES);
}

static void empty_datagram_does_not_end_the_server(void **state) {
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "0.0.0.0"};
    for (size_t i = 0; i < 2; i++) {
        serve_at(hosts[i], (struct echo_server_options){0});
        const int fd = reach("127.0.0.1");
        for (uint64_t times = 0; times < 3; times++) {
            assert_int_equal(send(fd, bytes, 0, 0), 0);
            assert_answers(fd, times);
        }
        (void)close(fd);
        stop();
        assert_int_equal(counts[ECHO_REFUSED], 3);
    }
}

static void only_loopback_and_who_was_told_so_answer_with_more_than_they_got(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool growing, grows;
    } cases[] = {
        {"127.0.0.1", false, true},
        {"0.0.0.0", false, false},
        {"0.0.0.0", true, true},
    };
    enum { CASES = sizeof cases / sizeof *cases };
    for (size_t i = 0; i < CASES; i++) {
        serve_at(cases[i].host, (struct echo_server_options){.growing = cases[i].growing});
        const int fd = reach("127.0.0.1");
        const struct echo_message more = request(1, 10, 11);
        const struct echo_message less = request(2, 10, 9);
        ask(fd, &more);
        if (cases[i].grows) assert_reply(fd, &more);
        ask(fd, &less);
        assert_reply(fd, &less);
        (void)close(fd);
        stop();
        assert_int_equal(counts[ECHO_REFUSED], !cases[i].grows);
    }
}

/* Our socket is connected: a reply from any other address would not reach it. */
static void wildcard_server_answers_from_the_address_that_was_asked(void **state) {
    (void)state;
    static const char *const asked[] = {"127.0.0.1", "127.0.0.2", "127.77.1.9"};
    serve_at("0.0.0.0", (struct echo_server_options){0});
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const int fd = reach(asked[i]);
        assert_answers(fd, i);
        const struct echo_message less = request(10 + i, 60000, 1000); /* not answered in place */
        ask(fd, &less);
        assert_reply(fd, &less);
        (void)close(fd);
    }
    stop();
}

static void ipv6_server_answers(void **state) {
    (void)state;
    static const char *const hosts[] = {"::1", "::"};
    for (size_t i = 0; i < 2; i++) {
        struct echo_server_options wanted = {0};
        assert_int_equal(echo_address_find(&wanted.address, hosts[i], 0), 0);
        const int failed = served_start_design(&served, &udp_transport, &wanted, design);
        if (failed == -EADDRNOTAVAIL || failed == -EAFNOSUPPORT) {
            print_message("skipped: no IPv6 here (%s)\n", strerror(-failed));
            skip();
        }
        assert_int_equal(failed, 0);
        const int fd = reach("::1");
        assert_answers(fd, 1);
        (void)close(fd);
        stop();
    }
}

static void second_server_on_a_port_is_refused_with_workers_too(void **state) {
    (void)state;
    for (unsigned first = 1; first <= 2; first++) {
        serve_at("127.0.0.1", (struct echo_server_options){.sockets = first});
        for (unsigned second = 1; second <= 2; second++) {
            struct echo_server *server;
            const struct echo_server_options wanted = {.address = served.address,
                                                       .sockets = second};
            assert_int_equal(udp_server_steps.listen(&server, &wanted), -EADDRINUSE);
        }
        const int fd = reach(NULL);
        assert_answers(fd, first);
        (void)close(fd);
        stop();
    }
}

static void workers_share_the_port_and_serve_everybody(void **state) {
    (void)state;
    enum { CLIENTS = 32 };
    serve_at("127.0.0.1", (struct echo_server_options){.sockets = 3});
    for (unsigned i = 0; i < CLIENTS; i++) { /* the kernel spreads them by their ports */
        const int fd = reach(NULL);
        assert_answers(fd, i);
        (void)close(fd);
    }
    stop();
    assert_int_equal(counts[ECHO_REPLIES], CLIENTS);
}

static void client_that_is_gone_does_not_disturb_the_others(void **state) {
    (void)state;
    serve();
    const int fd = reach(NULL);
    for (uint64_t i = 0; i < 10; i++) {
        const int gone = reach(NULL);
        const struct echo_message m = request(i, SMALL, SMALL);
        ask(gone, &m);
        (void)close(gone); /* the reply meets a port where nobody is: ICMP to the server */
        assert_answers(fd, i);
    }
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REQUESTS], 20);
}

static void raw_server_sends_back_whatever_comes(void **state) {
    (void)state;
    serve_at("127.0.0.1", (struct echo_server_options){.raw = true});
    const int fd = reach(NULL);
    assert_int_equal(send(fd, "", 0, 0), 0);
    assert_int_equal(send(fd, "hello", 5, 0), 5);
    assert_int_equal(recv(fd, answer, sizeof answer, 0), 5);
    assert_memory_equal(answer, "hello", 5);
    (void)close(fd);
    stop();
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
    const struct CMUnitTest client_tests[] = {
        TEST(unanswered_request_is_lost_and_the_next_one_is_answered),
        TEST(late_reply_is_counted_late),
        TEST(one_socket_at_most_waits_for_a_late_reply),
        TEST(socket_waits_no_longer_than_a_deadline_for_a_late_reply),
        TEST(second_reply_is_counted_as_a_duplicate),
        TEST(damaged_datagrams_are_counted_and_the_right_one_still_taken),
        TEST(datagrams_of_a_wrong_size_are_counted_corrupt),
        TEST(reply_to_another_session_is_counted_late),
        TEST(datagram_from_another_address_is_not_taken),
        TEST(flood_of_strangers_does_not_outlast_the_deadline),
        TEST(refusal_by_icmp_is_an_error_with_a_name),
    };
    const struct CMUnitTest server_tests[] = {
        TEST(server_is_silent_to_what_is_no_request),
        TEST(server_is_silent_to_a_datagram_of_a_wrong_size),
        TEST(empty_datagram_does_not_end_the_server),
        TEST(only_loopback_and_who_was_told_so_answer_with_more_than_they_got),
        TEST(wildcard_server_answers_from_the_address_that_was_asked),
        TEST(ipv6_server_answers),
        TEST(second_server_on_a_port_is_refused_with_workers_too),
        TEST(workers_share_the_port_and_serve_everybody),
        TEST(client_that_is_gone_does_not_disturb_the_others),
        TEST(raw_server_sends_back_whatever_comes),
    };
    (void)alarm(HANG_S);
    int failed = cmocka_run_group_tests_name("client", client_tests, NULL, NULL);
    failed += cmocka_run_group_tests_name("pool", server_tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("epoll", server_tests, use_epoll, NULL);
}
