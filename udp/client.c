/* SPDX-License-Identifier: MIT */
#include "udp/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo/clock.h"

struct client {
    struct echo_client base;
    struct echo_client_options options; /* payload is not ours and not used after open */
    size_t request_bytes, reply_bytes;  /* on the wire, header included */
    uint8_t *out;                       /* depth requests, one behind the other */
    size_t out_sent, out_end;           /* [out_sent, out_end) is queued */
    uint8_t *in;                        /* A datagram comes whole or not at all: room for one,
                                           and a byte more that shows when it is too long. */
    size_t in_size, in_taken, in_end;   /* [in_taken, in_end) is not yet looked at */
    int late_socket;                    /* -1, or one whose exchange was lost: */
    uint64_t late_until_ns;             /* a reply may still come, and shall be seen */
};

static struct client *of(struct echo_client *client) {
    return (struct client *)(void *)client;
}

/* ---- without a system call ---- */

static void forget(struct echo_client *client) {
    struct client *c = of(client);
    c->out_sent = c->out_end = 0;
    c->in_taken = c->in_end = 0;
    client->more = false;
    client->left = echo_per_connection(&c->options);
}

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    struct client *c = calloc(1, sizeof *c);
    if (c == NULL) return -ENOMEM;
    c->base = (struct echo_client){.steps = &udp_client_steps,
                                   .socket = -1,
                                   .counters = {{"send_calls", 0}, {"receive_calls", 0}},
                                   .counter_count = ECHO_CLIENT_COUNTS};
    c->late_socket = -1;
    c->options = *options;
    if (c->options.depth == 0) c->options.depth = 1;
    c->request_bytes = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
    c->reply_bytes = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    c->out = calloc(c->options.depth, c->request_bytes);
    c->in_size = c->reply_bytes + 1; /* one recv brings one: `more` is never set */
    c->in = malloc(c->in_size);
    forget(&c->base);
    if (c->out == NULL || c->in == NULL) {
        c->base.steps->close(&c->base);
        return -ENOMEM;
    }
    /* All requests carry the same payload, so it is laid down once and for all. */
    for (uint32_t i = 0; i < c->options.depth && options->payload_bytes > 0; i++) {
        memcpy(c->out + i * c->request_bytes + ECHO_HEADER_BYTES, options->payload,
               options->payload_bytes);
    }
    *client = &c->base;
    return 0;
}

/* Requests that went long ago make room; every place has its payload already. */
static void close_ranks(struct client *c) {
    const size_t gone = c->out_sent; /* a datagram goes whole */
    if (gone > 0) memmove(c->out, c->out + gone, c->out_end - gone);
    c->out_sent -= gone;
    c->out_end -= gone;
}

static int send_client(struct echo_client *client, uint64_t sequence, uint64_t sent_ns) {
    struct client *c = of(client);
    if (c->out_end == c->options.depth * c->request_bytes) close_ranks(c);
    if (c->out_end == c->options.depth * c->request_bytes || client->left == 0) return -ENOBUFS;
    client->left--;
    const struct echo_message request = {
        .kind = ECHO_REQUEST,
        /* No flag: there is no connection that the server could close. */
        .payload_bytes = c->options.payload_bytes,
        .reply_bytes = c->options.reply_bytes,
        .session = c->options.session,
        .sequence = sequence,
        .sent_ns = sent_ns,
    };
    echo_encode(c->out + c->out_end, &request);
    c->out_end += c->request_bytes;
    return 0;
}

static size_t queued(struct echo_client *client, uint8_t **bytes) {
    const struct client *c = of(client);
    *bytes = c->out + c->out_sent;
    return c->out_sent < c->out_end ? c->request_bytes : 0; /* A datagram and a call each. */
}

static void went(struct echo_client *client, size_t size) {
    struct client *c = of(client);
    c->out_sent += size;
    if (c->out_sent == c->out_end) c->out_sent = c->out_end = 0;
}

size_t udp_client_waiting(struct echo_client *client) {
    const struct client *c = of(client);
    return (c->out_end - c->out_sent) / c->request_bytes;
}

/* Nothing is left: what came before was whole. */
static size_t room(struct echo_client *client, uint8_t **bytes) {
    struct client *c = of(client);
    *bytes = c->in;
    return c->in_size;
}

static void arrived(struct echo_client *client, size_t size) {
    of(client)->in_taken = 0;
    of(client)->in_end = size;
}

int udp_client_judge(struct echo_client *client, const uint8_t *at, size_t size,
                     struct echo_message *reply) {
    const struct client *c = of(client);
    /* One datagram is one message; what is wrong with it harms no other. */
    if (echo_decode(reply, at, size) != ECHO_WHOLE || reply->kind != ECHO_REPLY) return -EBADMSG;
    if (size != ECHO_HEADER_BYTES + (size_t)reply->payload_bytes) return -EBADMSG;
    /* A reply to another session may have any size: the driver will count it as late. */
    if (reply->session != c->options.session) return 0;
    if (size != c->reply_bytes) return -EBADMSG;
    const bool right = echo_matches(at + ECHO_HEADER_BYTES, reply->payload_bytes,
                                    c->out + ECHO_HEADER_BYTES, c->options.payload_bytes);
    return right ? 0 : -EBADMSG;
}

static int take(struct echo_client *client, struct echo_message *reply) {
    struct client *c = of(client);
    const uint8_t *at = c->in + c->in_taken;
    const size_t size = c->in_end - c->in_taken;
    if (size == 0) return -EAGAIN;
    c->in_taken = c->in_end;
    return udp_client_judge(client, at, size, reply);
}

/* ---- the calls around it ---- */

/*
 * A timeout on the socket costs one call per socket; polling before each recv
 * would cost one per message (setsockopt in socket(7), SO_RCVTIMEO). There is
 * no connect to wait for, so nothing needs SO_SNDTIMEO.
 */
static int set_patience(int socket, uint64_t patience_ns) {
    const struct timeval patience = {.tv_sec = (time_t)(patience_ns / 1000000000),
                                     .tv_usec = (suseconds_t)(patience_ns % 1000000000 / 1000)};
    if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return -errno;
    return 0;
}

/*
 * Nobody holds a sender back, so what finds no room is lost. The kernel counts
 * its own structures, too, and cuts the wish to net.core.rmem_max (socket(7)).
 */
int udp_client_make_room(int socket, const struct echo_client_options *options) {
    enum { OVERHEAD_BYTES = 1024, ROOM_MAX = 1 << 30 };
    const uint64_t wanted = options->depth * ((uint64_t)options->reply_bytes + OVERHEAD_BYTES);
    const int room = wanted < ROOM_MAX ? (int)wanted : ROOM_MAX;
    int usual = 0;
    socklen_t size = sizeof usual;
    if (options->depth <= 1) return 0;
    if (getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &usual, &size) != 0) return -errno;
    if (room <= usual / 2) return 0; /* it says the double of what may be asked for */
    return setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0 ? 0 : -errno;
}

static int set_options(const struct client *c, int socket) {
    /* Nothing holds a datagram back: there is no Nagle to switch off. */
    if (c->options.nonblocking || c->options.patience_ns == 0) return 0;
    return set_patience(socket, c->options.patience_ns);
}

int udp_client_connect(struct echo_client *client, int (*prepare)(int socket)) {
    struct client *c = of(client);
    const struct echo_address *server = &c->options.server;
    const int flags = SOCK_CLOEXEC | (c->options.nonblocking ? SOCK_NONBLOCK : 0);
    const int made = socket(server->any.sa_family, SOCK_DGRAM | flags, 0);
    if (made < 0) return -errno;
    int failed = set_options(c, made);
    if (failed == 0 && prepare != NULL) failed = prepare(made);
    if (failed == 0) failed = udp_client_make_room(made, &c->options);
    /* Connecting sends nothing: it fixes the peer, filters foreigners and lets ICMP errors in. */
    if (failed == 0 && connect(made, &server->any, server->size) != 0) failed = -errno;
    if (failed != 0) {
        (void)close(made);
        return failed;
    }
    client->socket = made;
    client->sockets_made++;
    return 0;
}

static int connect_client(struct echo_client *client) {
    return udp_client_connect(client, NULL);
}

static int flush_client(struct echo_client *client) {
    uint8_t *bytes;
    for (size_t size; (size = queued(client, &bytes)) > 0;) {
        const ssize_t sent = send(client->socket, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return -errno;
        client->counters[ECHO_CLIENT_SENDS].value++;
        went(client, (size_t)sent);
    }
    return 0;
}

static void drop_late_socket(struct client *c) {
    if (c->late_socket >= 0) (void)close(c->late_socket);
    c->late_socket = -1;
}

/* A late reply, on the socket of the exchange that was lost. */
static ssize_t receive_late(struct client *c) {
    if (c->late_socket < 0) return -1;
    const ssize_t got = recv(c->late_socket, c->in, c->in_size, MSG_DONTWAIT);
    if (got < 0 && echo_clock_ns() > c->late_until_ns) drop_late_socket(c);
    return got;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    uint8_t *bytes;
    const size_t size = room(client, &bytes);
    ssize_t got = receive_late(of(client));
    if (got < 0) got = recv(client->socket, bytes, size, 0);
    if (got < 0) return errno == EINTR ? -EAGAIN : -errno;
    client->counters[ECHO_CLIENT_RECEIVES].value++;
    if (got == 0) return -EBADMSG; /* an empty datagram is a datagram, and no end of file */
    arrived(client, (size_t)got);
    return take(client, reply);
}

static void drop_socket(struct client *c) {
    if (c->base.socket >= 0) (void)close(c->base.socket);
    c->base.socket = -1;
    forget(&c->base);
}

static int finish_client(struct echo_client *client) {
    if (client->left > 0) return 0;
    /* Nobody need be told: the other side has no connection, and no TIME_WAIT stays. */
    drop_socket(of(client));
    return 0;
}

/* The socket of a lost exchange is good for the next; one that is spent waits once more. */
static void abandon_client(struct echo_client *client) {
    struct client *c = of(client);
    c->out_sent = c->out_end = 0;
    if (client->socket >= 0 && client->left > 0) return;
    drop_late_socket(c);
    c->late_socket = client->socket;
    c->late_until_ns = echo_clock_ns() + c->options.patience_ns;
    client->socket = -1;
    forget(client);
}

static void close_client(struct echo_client *client) {
    if (client == NULL) return;
    struct client *c = of(client);
    drop_late_socket(c);
    drop_socket(c);
    free(client->mode);
    free(c->out);
    free(c->in);
    free(c);
}

const struct echo_client_pure udp_client_pure = {
    .queued = queued,
    .went = went,
    .room = room,
    .arrived = arrived,
    .take = take,
    .forget = forget,
};

const struct echo_client_steps udp_client_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = send_client,
    .flush = flush_client,
    .receive = receive_client,
    .finish = finish_client,
    .abandon = abandon_client,
    .close = close_client,
};
