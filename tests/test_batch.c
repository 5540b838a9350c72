/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Many messages at once: pipelines and batches. That every reply comes and is
 * right at any depth and size, how many system calls it takes where that is
 * exact, and that the wire stays that of plain UDP where it is said to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "tests/descriptors.h"
#include "tests/support.h"
#include "udp/batch/batch.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANG_S = 120, SOME = 64, MESSAGE_BYTES = ECHO_HEADER_BYTES + SOME };

static const struct variant *variant(const char *name) {
    const struct variant *found = variant_find(name);
    assert_non_null(found);
    return found;
}

/* ---- a client and a server, which need not be of one variant ---- */

struct lab {
    struct served served;
    struct echo_client_options options;
    struct echo_client *client;
    uint64_t counts[ECHO_COUNTS];
};

static void serve(struct lab *lab, const struct variant *server) {
    *lab = (struct lab){0};
    assert_int_equal(served_start(&lab->served, server->transport, &server->server, false), 0);
    lab->options = test_client(server, &lab->served.address, SOME);
}

static struct echo_client *open_client(const struct echo_client_options *options,
                                       const struct variant *variant) {
    struct echo_client *client;
    assert_int_equal(variant->transport->client->open(&client, options), 0);
    const int connected = client->steps->connect(client);
    assert_true(connected == 0 || connected == -EINPROGRESS);
    return client;
}

static void begin(struct lab *lab, const char *client, const char *server, uint32_t depth) {
    serve(lab, variant(server));
    lab->options.depth = depth;
    lab->client = open_client(&lab->options, variant(client));
}

static void end(struct lab *lab) {
    lab->client->steps->close(lab->client);
    served_stop(&lab->served, lab->counts);
}

static uint64_t counter(const struct echo_client *client, const char *name) {
    for (unsigned i = 0; i < client->counter_count; i++) {
        if (strcmp(client->counters[i].name, name) == 0) return client->counters[i].value;
    }
    fail_msg("no counter %s", name);
    return 0;
}

static bool ready(const struct echo_client *client, short events) {
    struct pollfd at = {.fd = client->socket, .events = events};
    assert_int_equal(poll(&at, 1, TEST_DEADLINE_MS), 1);
    return (at.revents & POLLIN) != 0;
}

/* All that one pass brings; how many. Every further one must come without a system call. */
static unsigned receive_some(struct echo_client *client, uint64_t answered) {
    unsigned got = 0;
    uint64_t calls = 0;
    do {
        struct echo_message reply;
        const int received = client->steps->receive(client, &reply);
        if (got > 0) assert_int_equal(counter(client, "receive_calls"), calls);
        calls = counter(client, "receive_calls");
        if (received == -EAGAIN && got == 0) return 0;
        assert_int_equal(received, 0);
        got++;
        assert_int_equal(reply.session, TEST_SESSION);
        assert_int_equal(reply.sequence, answered + got);
        assert_int_equal(reply.sent_ns, reply.sequence * 3);
    } while (client->more);
    return got;
}

/*
 * The rules of service.h for whoever has many outstanding. Either the window
 * slides, or a batch begins when the last one is answered.
 */
static void exchange(struct echo_client *client, unsigned messages, unsigned depth, bool slides) {
    unsigned sent = 0, answered = 0;
    int unsent = 0;
    while (answered < messages) {
        const bool may = slides || sent == answered;
        for (; may && sent < messages && sent - answered < depth; sent++) {
            assert_int_equal(client->steps->send(client, sent + 1, (sent + 1) * UINT64_C(3)), 0);
            unsent = -EAGAIN;
        }
        if (unsent == -EAGAIN) unsent = client->steps->flush(client);
        assert_true(unsent == 0 || unsent == -EAGAIN);
        if (ready(client, unsent == 0 ? POLLIN : POLLIN | POLLOUT)) {
            answered += receive_some(client, answered);
        }
        if (answered == sent) assert_false(client->more);
    }
}

/* ---- depths and sizes ---- */

static const uint32_t sizes[] = {0, 1, SOME, 1024, 1432, 60000};
static const uint32_t depths[] = {1, 2, 31, 32, 33, 64, 200};
enum { SIZES = sizeof sizes / sizeof *sizes, DEPTHS = sizeof depths / sizeof *depths };

/* Nothing holds a UDP sender back: what the smallest usual buffer does not hold would be lost. */
static bool fits(const struct variant *variant, uint32_t depth, uint32_t size) {
    enum { OVERHEAD_BYTES = 1300, ROOM_BYTES = 400000 };
    if (variant->transport->payload_max >= ECHO_PAYLOAD_MAX) return true;
    return depth * (uint64_t)(size + OVERHEAD_BYTES) <= ROOM_BYTES;
}

static bool is_batch(const struct variant *variant) {
    return variant->depth > 1;
}

static void answer_all(const struct variant *variant, bool nonblocking) {
    struct lab lab;
    uint64_t messages = 0;
    serve(&lab, variant);
    lab.options.nonblocking = nonblocking;
    for (int i = 0; i < SIZES * DEPTHS; i++) {
        const uint32_t depth = depths[i / SIZES], size = sizes[i % SIZES];
        if (!fits(variant, depth, size)) continue;
        lab.options.depth = depth;
        lab.options.payload_bytes = lab.options.reply_bytes = size;
        struct echo_client *client = open_client(&lab.options, variant);
        exchange(client, 3 * depth + 1, depth, false);
        exchange(client, 3 * depth + 1, depth, true);
        messages += UINT64_C(2) * (3 * depth + 1);
        client->steps->close(client);
    }
    served_stop(&lab.served, lab.counts);
    assert_int_equal(lab.counts[ECHO_REQUESTS], messages);
    assert_int_equal(lab.counts[ECHO_REPLIES], messages);
    assert_int_equal(lab.counts[ECHO_REFUSED] + lab.counts[ECHO_BROKEN], 0);
}

static void every_reply_comes_at_any_depth_and_size(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_batch(&variants[v])) continue;
        answer_all(&variants[v], false);
        answer_all(&variants[v], true);
    }
}

/* A window that slides while a flush is unfinished: who sent long ago makes room in the queue. */
static void sliding_window_of_large_messages_finds_room(void **state) {
    (void)state;
    enum { DEPTH = 8, MESSAGES = 50 };
    struct lab lab;
    serve(&lab, variant("tcp-pipelined"));
    lab.options.depth = DEPTH;
    lab.options.payload_bytes = lab.options.reply_bytes = ECHO_PAYLOAD_MAX;
    lab.client = open_client(&lab.options, variant("tcp-pipelined"));
    exchange(lab.client, MESSAGES, DEPTH, true);
    end(&lab);
    assert_int_equal(lab.counts[ECHO_REPLIES], MESSAGES);
}

static void replies_of_another_size_come_in_a_batch_as_well(void **state) {
    (void)state;
    static const uint32_t shapes[][2] = {{SOME, 3}, {3, SOME}, {0, 1000}, {1000, 0}};
    enum { DEPTH = 33, SHAPES = sizeof shapes / sizeof *shapes };
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_batch(&variants[v])) continue;
        struct lab lab;
        serve(&lab, &variants[v]);
        lab.options.depth = DEPTH;
        for (int i = 0; i < SHAPES; i++) {
            lab.options.payload_bytes = shapes[i][0];
            lab.options.reply_bytes = shapes[i][1];
            struct echo_client *client = open_client(&lab.options, &variants[v]);
            exchange(client, 2 * DEPTH, DEPTH, false);
            client->steps->close(client);
        }
        served_stop(&lab.served, lab.counts);
        assert_int_equal(lab.counts[ECHO_REPLIES], SHAPES * 2 * DEPTH);
    }
}

/* ---- system calls ---- */

/* Of a batch of so many messages of SOME bytes; 0: not exact, as a server may wake too early. */
struct calls {
    const char *name;
    uint32_t depth;
    unsigned client_sends, server_receives, server_sends, client_receives;
};

static const struct calls every_calls[] = {
    {"tcp-pipelined", 32, 1, 1, 1, 1},
    {"udp-pipelined", 32, 32, 32, 32, 32},
    {"udp-mmsg", 32, 1, 0, 0, 0},
    {"udp-mmsg", 200, 4, 0, 0, 0}, /* 64, 64, 64, 8 */
    {"udp-gso", 32, 1, 1, 1, 1},
    {"udp-gso", 64, 1, 1, 1, 1},
    {"udp-gso", 200, 4, 4, 4, 4},
    {"udp-packed", 32, 3, 3, 3, 3}, /* 1,472 bytes hold 14 of 104 */
    {"udp-packed", 14, 1, 1, 1, 1},
};

static void assert_calls(const char *what, const struct calls *calls, uint64_t made,
                         uint64_t expected) {
    if (expected != 0 && made != expected) {
        fail_msg("%s, depth %u: %u %s instead of %u", calls->name, calls->depth, (unsigned)made,
                 what, (unsigned)expected);
    }
}

static void batch_takes_the_calls_it_says(void **state) {
    (void)state;
    const uint64_t batches = 20;
    for (size_t i = 0; i < sizeof every_calls / sizeof *every_calls; i++) {
        const struct calls *calls = &every_calls[i];
        struct lab lab;
        begin(&lab, calls->name, calls->name, calls->depth);
        exchange(lab.client, (unsigned)batches * calls->depth, calls->depth, false);
        const uint64_t sends = counter(lab.client, "send_calls");
        const uint64_t receives = counter(lab.client, "receive_calls");
        end(&lab);
        /* The end of file is one to receive more, where the server still saw it. */
        const bool stream = variant(calls->name)->transport->payload_max == ECHO_PAYLOAD_MAX;
        const bool ended = stream && lab.counts[ECHO_RECEIVES] > batches * calls->server_receives;
        assert_calls("sends", calls, sends, batches * calls->client_sends);
        assert_calls("receives", calls, receives, batches * calls->client_receives);
        assert_calls("sends of the server", calls, lab.counts[ECHO_SENDS],
                     batches * calls->server_sends);
        assert_calls("receives of the server", calls, lab.counts[ECHO_RECEIVES] - ended,
                     batches * calls->server_receives);
        assert_true(lab.counts[ECHO_SENDS] <= lab.counts[ECHO_REPLIES]);
        assert_true(lab.counts[ECHO_RECEIVES] <= lab.counts[ECHO_REQUESTS] + stream);
    }
}

static void message_alone_takes_a_call_each_way(void **state) {
    (void)state;
    enum { MESSAGES = 20 };
    for (unsigned v = 0; v < variant_count; v++) {
        if (variants[v].lifetime != ECHO_PERSISTENT || variants[v].retries) continue;
        struct lab lab;
        begin(&lab, variants[v].name, variants[v].name, 1);
        exchange(lab.client, MESSAGES, 1, false);
        assert_int_equal(counter(lab.client, "send_calls"), MESSAGES);
        assert_int_equal(counter(lab.client, "receive_calls"), MESSAGES);
        end(&lab);
        assert_int_equal(lab.counts[ECHO_SENDS], MESSAGES);
    }
}

/* ---- who meets whom ---- */

static void batches_are_plain_datagrams_on_the_wire(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"udp-mmsg", "udp-persistent"},  {"udp-gso", "udp-persistent"},
        {"udp-pipelined", "udp-mmsg"},   {"udp-pipelined", "udp-gso"},
        {"udp-pipelined", "udp-packed"}, {"udp-mmsg", "udp-gso"},
        {"udp-gso", "udp-mmsg"},         {"udp-gso", "udp-packed"}};
    enum { DEPTH = 40 };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct lab lab;
        begin(&lab, pairs[i][0], pairs[i][1], DEPTH);
        exchange(lab.client, 5 * DEPTH, DEPTH, i % 2 == 0);
        end(&lab);
        assert_int_equal(lab.counts[ECHO_REPLIES], 5 * DEPTH);
        assert_int_equal(lab.counts[ECHO_REFUSED], 0);
    }
}

static void packed_datagram_is_refused_by_a_plain_server(void **state) {
    (void)state;
    struct lab lab;
    begin(&lab, "udp-packed", "udp-persistent", 4);
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(lab.client->steps->send(lab.client, i, 0), 0);
    }
    assert_int_equal(lab.client->steps->flush(lab.client), 0);
    /* Alone it is a plain one, so its answer tells that the three are done with. */
    assert_int_equal(lab.client->steps->send(lab.client, 4, 0), 0);
    assert_int_equal(lab.client->steps->flush(lab.client), 0);
    struct echo_message reply;
    assert_true(ready(lab.client, POLLIN));
    assert_int_equal(lab.client->steps->receive(lab.client, &reply), 0);
    assert_int_equal(reply.sequence, 4);
    end(&lab);
    assert_int_equal(lab.counts[ECHO_REFUSED], 1);
    assert_int_equal(lab.counts[ECHO_REQUESTS], 1);
}

static void clients_of_several_sizes_share_a_server(void **state) {
    (void)state;
    enum { CLIENTS = 5, DEPTH = 20, ROUNDS = 20 };
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_batch(&variants[v])) continue;
        struct lab lab;
        struct echo_client *clients[CLIENTS];
        serve(&lab, &variants[v]);
        lab.options.depth = DEPTH;
        for (unsigned i = 0; i < CLIENTS; i++) {
            lab.options.payload_bytes = lab.options.reply_bytes = i * 100;
            clients[i] = open_client(&lab.options, &variants[v]);
        }
        for (unsigned i = 0; i < ROUNDS * CLIENTS; i++) {
            /* Two are under way at any time, so that their datagrams meet in the server. */
            struct echo_client *one = clients[i % CLIENTS], *two = clients[(i + 1) % CLIENTS];
            for (uint64_t s = 1; s <= DEPTH; s++) {
                assert_int_equal(one->steps->send(one, s, s * 3), 0);
            }
            assert_int_equal(one->steps->flush(one), 0);
            exchange(two, DEPTH, DEPTH, false);
            for (unsigned got = 0; got < DEPTH;) {
                assert_true(ready(one, POLLIN));
                got += receive_some(one, got);
            }
        }
        for (unsigned i = 0; i < CLIENTS; i++) clients[i]->steps->close(clients[i]);
        served_stop(&lab.served, lab.counts);
        assert_int_equal(lab.counts[ECHO_REPLIES], 2 * ROUNDS * CLIENTS * DEPTH);
    }
}

/* ---- what is damaged harms no neighbour ---- */

enum { DAMAGED = 2, SHORTER = 4, HAND_MADE = 6 };

static const struct echo_message hand_made = {
    .kind = ECHO_REQUEST, .payload_bytes = SOME, .reply_bytes = SOME, .session = TEST_SESSION};

/* Requests of one size side by side: one is damaged, and one wants a shorter reply. */
static void make_by_hand(uint8_t *bytes, struct echo_message *requests) {
    for (int i = 0; i < HAND_MADE; i++) {
        requests[i] = hand_made;
        requests[i].sequence = (uint64_t)i;
        if (i == SHORTER) requests[i].reply_bytes = 3;
        (void)test_put(bytes + (size_t)i * MESSAGE_BYTES, &requests[i]);
    }
    bytes[(size_t)DAMAGED * MESSAGE_BYTES] ^= 0xff;
}

/* As gso would: cut by the kernel, the last one shorter. */
static void send_cut(int socket, uint8_t *bytes, size_t size) {
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))] = {0};
    struct iovec body = {.iov_base = bytes, .iov_len = size};
    const struct msghdr envelope = {.msg_iov = &body,
                                    .msg_iovlen = 1,
                                    .msg_control = control,
                                    .msg_controllen = sizeof control};
    const uint16_t each = MESSAGE_BYTES;
    struct cmsghdr *cut = CMSG_FIRSTHDR(&envelope);
    cut->cmsg_level = IPPROTO_UDP;
    cut->cmsg_type = UDP_SEGMENT;
    cut->cmsg_len = CMSG_LEN(sizeof each);
    memcpy(CMSG_DATA(cut), &each, sizeof each);
    assert_int_equal(sendmsg(socket, &envelope, 0), size);
}

static void damaged_datagram_harms_no_neighbour(void **state) {
    (void)state;
    static const char *const names[] = {"udp-gso", "udp-mmsg", "udp-persistent"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        struct lab lab;
        struct echo_message requests[HAND_MADE + 1];
        uint8_t bytes[(HAND_MADE + 1) * MESSAGE_BYTES], reply[2 * MESSAGE_BYTES];
        serve(&lab, variant(names[n]));
        make_by_hand(bytes, requests);
        /* And one behind them that is shorter by itself. */
        requests[HAND_MADE] = hand_made;
        requests[HAND_MADE].payload_bytes = requests[HAND_MADE].reply_bytes = 10;
        const size_t last =
            test_put(bytes + (size_t)HAND_MADE * MESSAGE_BYTES, &requests[HAND_MADE]);
        const int socket = test_connect(&lab.served.address, SOCK_DGRAM);
        send_cut(socket, bytes, (size_t)HAND_MADE * MESSAGE_BYTES + last);
        for (int i = 0; i <= HAND_MADE; i++) {
            if (i == DAMAGED) continue;
            const ssize_t got = recv(socket, reply, sizeof reply, 0);
            assert_true(got > 0);
            assert_true(test_is_reply(reply, (size_t)got, &requests[i]));
        }
        (void)close(socket);
        served_stop(&lab.served, lab.counts);
        assert_int_equal(lab.counts[ECHO_REFUSED], 1);
        assert_int_equal(lab.counts[ECHO_REQUESTS], HAND_MADE);
        assert_int_equal(lab.counts[ECHO_REPLIES], HAND_MADE);
    }
}

static void damage_in_a_packed_datagram_ends_it_there(void **state) {
    (void)state;
    struct lab lab;
    struct echo_message requests[HAND_MADE];
    uint8_t bytes[HAND_MADE * MESSAGE_BYTES], reply[sizeof bytes];
    serve(&lab, variant("udp-packed"));
    make_by_hand(bytes, requests);
    const int socket = test_connect(&lab.served.address, SOCK_DGRAM);
    assert_int_equal(send(socket, bytes, sizeof bytes, 0), sizeof bytes);
    assert_int_equal(recv(socket, reply, sizeof reply, 0), DAMAGED * MESSAGE_BYTES);
    for (size_t i = 0; i < DAMAGED; i++) {
        assert_true(test_is_reply(reply + i * MESSAGE_BYTES, MESSAGE_BYTES, &requests[i]));
    }
    /* What is behind it: four, of which the second wants less. */
    const size_t behind = (size_t)(DAMAGED + 1) * MESSAGE_BYTES;
    const ssize_t rest = (ssize_t)(sizeof bytes - behind);
    assert_int_equal(send(socket, bytes + behind, (size_t)rest, 0), rest);
    assert_int_equal(recv(socket, reply, sizeof reply, 0), MESSAGE_BYTES);
    assert_true(test_is_reply(reply, MESSAGE_BYTES, &requests[DAMAGED + 1]));
    const ssize_t got = recv(socket, reply, sizeof reply, 0);
    assert_true(got > 0 && test_is_reply(reply, (size_t)got, &requests[SHORTER]));
    assert_int_equal(recv(socket, reply, sizeof reply, 0), MESSAGE_BYTES);
    assert_true(test_is_reply(reply, MESSAGE_BYTES, &requests[SHORTER + 1]));
    (void)close(socket);
    served_stop(&lab.served, lab.counts);
    assert_int_equal(lab.counts[ECHO_REFUSED], 1);
    assert_int_equal(lab.counts[ECHO_REPLIES], HAND_MADE - 1);
}

static void empty_datagram_is_refused_and_no_end(void **state) {
    (void)state;
    static const char *const names[] = {"udp-gso", "udp-mmsg", "udp-packed"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        struct lab lab;
        begin(&lab, names[n], names[n], 4);
        const int socket = test_connect(&lab.served.address, SOCK_DGRAM);
        assert_int_equal(send(socket, "", 0, 0), 0);
        exchange(lab.client, 8, 4, false);
        (void)close(socket);
        end(&lab);
        assert_int_equal(lab.counts[ECHO_REFUSED], 1);
        assert_int_equal(lab.counts[ECHO_REPLIES], 8);
    }
}

/* A server played by hand: what a batch client takes from it. */
static void damaged_reply_harms_no_neighbour(void **state) {
    (void)state;
    static const char *const names[] = {"udp-gso", "udp-mmsg", "udp-packed"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        struct echo_address address;
        struct echo_message requests[HAND_MADE], reply;
        uint8_t bytes[HAND_MADE * MESSAGE_BYTES];
        const int server = test_bind(&address, SOCK_DGRAM);
        assert_true(server >= 0);
        struct echo_client_options options = test_client(variant(names[n]), &address, SOME);
        options.depth = HAND_MADE;
        struct echo_client *client = open_client(&options, variant(names[n]));
        struct echo_address from;
        assert_int_equal(echo_address_of_socket(&from, client->socket), 0);
        assert_int_equal(connect(server, &from.any, from.size), 0);
        make_by_hand(bytes, requests);
        for (size_t i = 0; i < HAND_MADE; i++) echo_make_reply(bytes + i * MESSAGE_BYTES);
        bytes[DAMAGED * MESSAGE_BYTES + MESSAGE_BYTES - 1] ^= 1; /* the last byte of its payload */
        if (n == 2) {
            assert_int_equal(send(server, bytes, sizeof bytes, 0), sizeof bytes);
        } else {
            send_cut(server, bytes, sizeof bytes);
        }
        assert_true(ready(client, POLLIN));
        for (int i = 0; i < HAND_MADE; i++) {
            const bool bad = i == DAMAGED || i == SHORTER; /* says that it is shorter, and is not */
            assert_int_equal(client->steps->receive(client, &reply), bad ? -EBADMSG : 0);
            if (!bad) assert_int_equal(reply.sequence, i);
        }
        assert_false(client->more);
        client->steps->close(client);
        (void)close(server);
    }
}

/* ---- offload that is not there ---- */

/* Without checksums the kernel refuses to cut: EINVAL, as where a path or a device cannot. */
static void refuse_to_cut(int socket) {
    const int on = 1;
    assert_int_equal(setsockopt(socket, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
}

static void client_falls_back_to_a_call_each_and_says_so(void **state) {
    (void)state;
    enum { DEPTH = 32 };
    struct lab lab;
    begin(&lab, "udp-gso", "udp-gso", DEPTH);
    exchange(lab.client, DEPTH, DEPTH, false);
    assert_int_equal(counter(lab.client, "gso_batches"), 1);
    assert_int_equal(counter(lab.client, "gso_fallbacks"), 0);
    refuse_to_cut(lab.client->socket);
    exchange(lab.client, 2 * DEPTH, DEPTH, false);
    assert_int_equal(counter(lab.client, "gso_batches"), 1);
    assert_int_equal(counter(lab.client, "gso_fallbacks"), 1);
    assert_int_equal(counter(lab.client, "send_calls"), 1 + 2 * DEPTH);
    end(&lab);
    assert_int_equal(lab.counts[ECHO_REPLIES], 3 * DEPTH);
}

/* A server without a driver: its socket is at hand. */
struct bare {
    struct echo_server *server;
    struct echo_worker worker;
};

static void *serve_bare(void *argument) {
    struct bare *b = argument;
    struct echo_connection *connection;
    if (b->server->steps->accept(b->server, &b->worker, &connection) != 0) return b;
    int result = 0;
    while (result == 0) result = b->server->steps->step(connection, &b->worker);
    b->server->steps->drop(connection, &b->worker);
    return result == -ESHUTDOWN ? NULL : b;
}

static void server_falls_back_to_a_call_each(void **state) {
    (void)state;
    enum { DEPTH = 32 };
    struct bare bare = {0};
    struct echo_server_options wanted = {0};
    struct echo_address address;
    pthread_t thread;
    assert_int_equal(echo_address_find(&wanted.address, NULL, 0), 0);
    assert_int_equal(udp_gso_server_steps.listen(&bare.server, &wanted), 0);
    assert_int_equal(echo_address_of_socket(&address, bare.server->socket), 0);
    refuse_to_cut(bare.server->socket);
    assert_int_equal(pthread_create(&thread, NULL, serve_bare, &bare), 0);
    struct echo_client_options options = test_client(variant("udp-gso"), &address, SOME);
    options.depth = DEPTH;
    struct echo_client *client = open_client(&options, variant("udp-gso"));
    exchange(client, 3 * DEPTH, DEPTH, false);
    client->steps->close(client);
    bare.server->steps->stop(bare.server);
    void *wrong;
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    bare.server->steps->release(bare.server);
    assert_int_equal(bare.worker.counts[ECHO_REPLIES], 3 * DEPTH);
    assert_int_equal(bare.worker.counts[ECHO_SENDS], 3 * DEPTH);
    assert_int_equal(bare.worker.counts[ECHO_RECEIVES], 3);
    assert_int_equal(bare.worker.counts[ECHO_BROKEN], 0);
}

/* More than one call can carry is no fallback: it is several calls. */
static void large_messages_go_in_as_many_calls_as_they_need(void **state) {
    (void)state;
    enum { DEPTH = 6, LARGE = 30000 }; /* two of them in 65,507 bytes */
    struct lab lab;
    serve(&lab, variant("udp-gso"));
    lab.options.depth = DEPTH;
    lab.options.payload_bytes = lab.options.reply_bytes = LARGE;
    lab.client = open_client(&lab.options, variant("udp-gso"));
    exchange(lab.client, DEPTH, DEPTH, false);
    assert_int_equal(counter(lab.client, "send_calls"), DEPTH / 2);
    assert_int_equal(counter(lab.client, "gso_batches"), DEPTH / 2);
    assert_int_equal(counter(lab.client, "gso_fallbacks"), 0);
    end(&lab);
}

/* ---- any address ---- */

static void ask_wildcard(const struct variant *variant, const char *wildcard, const char *asked) {
    enum { DEPTH = 32 };
    struct lab lab = {0};
    struct echo_server_options wanted = variant->server;
    struct echo_address address;
    assert_int_equal(echo_address_find(&wanted.address, wildcard, 0), 0);
    const int failed = served_start(&lab.served, variant->transport, &wanted, false);
    if (failed == -EAFNOSUPPORT) return; /* no IPv6 here */
    assert_int_equal(failed, 0);
    const uint16_t port = echo_address_port(&lab.served.address);
    assert_int_equal(echo_address_find(&address, asked, port), 0);
    lab.options = test_client(variant, &address, SOME);
    lab.options.depth = DEPTH;
    lab.client = open_client(&lab.options, variant);
    exchange(lab.client, 3 * DEPTH, DEPTH, false); /* connected: from elsewhere none would come */
    end(&lab);
    assert_int_equal(lab.counts[ECHO_REPLIES], 3 * DEPTH);
}

static void wildcard_server_answers_from_the_address_that_was_asked(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        if (!is_batch(&variants[v])) continue;
        ask_wildcard(&variants[v], "0.0.0.0", "127.0.0.2");
        ask_wildcard(&variants[v], "::", "::1");
    }
}

/* ---- one port ---- */

static int try_to_listen(const struct variant *variant, const struct echo_address *address,
                         enum echo_sharing sharing, struct echo_server **server) {
    const struct echo_server_options wanted = {.address = *address, .sharing = sharing};
    return variant->transport->server->listen(server, &wanted);
}

static void port_is_shared_by_those_who_say_so(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct echo_address address;
        struct echo_server *first, *second, *third;
        assert_int_equal(echo_address_find(&address, NULL, 0), 0);
        assert_int_equal(try_to_listen(&variants[v], &address, ECHO_SHARES_PORT, &first), 0);
        assert_int_equal(echo_address_of_socket(&address, first->socket), 0);
        assert_int_equal(try_to_listen(&variants[v], &address, ECHO_JOINS_PORT, &second), 0);
        assert_int_equal(try_to_listen(&variants[v], &address, ECHO_SHARES_PORT, &third),
                         -EADDRINUSE);
        assert_int_equal(try_to_listen(&variants[v], &address, ECHO_ALONE, &third), -EADDRINUSE);
        first->steps->release(first);
        second->steps->release(second);

        assert_int_equal(try_to_listen(&variants[v], &address, ECHO_ALONE, &first), 0);
        assert_int_equal(try_to_listen(&variants[v], &address, ECHO_JOINS_PORT, &second),
                         -EADDRINUSE);
        first->steps->release(first);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_reply_comes_at_any_depth_and_size),
        TEST(sliding_window_of_large_messages_finds_room),
        TEST(replies_of_another_size_come_in_a_batch_as_well),
        TEST(batch_takes_the_calls_it_says),
        TEST(message_alone_takes_a_call_each_way),
        TEST(batches_are_plain_datagrams_on_the_wire),
        TEST(packed_datagram_is_refused_by_a_plain_server),
        TEST(clients_of_several_sizes_share_a_server),
        TEST(damaged_datagram_harms_no_neighbour),
        TEST(damage_in_a_packed_datagram_ends_it_there),
        TEST(empty_datagram_is_refused_and_no_end),
        TEST(damaged_reply_harms_no_neighbour),
        TEST(client_falls_back_to_a_call_each_and_says_so),
        TEST(server_falls_back_to_a_call_each),
        TEST(large_messages_go_in_as_many_calls_as_they_need),
        TEST(wildcard_server_answers_from_the_address_that_was_asked),
        TEST(port_is_shared_by_those_who_say_so),
    };
    (void)test_payload(); /* filled before there are threads */
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
