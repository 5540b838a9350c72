/* SPDX-License-Identifier: MIT */
#include "tcp/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
    struct echo_client base;
    struct echo_client_options options; /* payload is not ours and not used after open */
    size_t request_bytes, reply_bytes;  /* on the wire, header included */
    uint8_t *out;                       /* depth requests, one behind the other */
    size_t out_sent, out_end;           /* [out_sent, out_end) is queued */
    uint8_t *in;                        /* A stream has no messages: what one recv brings may
                                           end anywhere, so the rest must have a place. */
    size_t in_size, in_taken, in_end;   /* [in_taken, in_end) is not yet looked at */
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
    c->base = (struct echo_client){.steps = &tcp_client_steps,
                                   .socket = -1,
                                   .counters = {{"send_calls", 0}, {"receive_calls", 0}},
                                   .counter_count = ECHO_CLIENT_COUNTS};
    c->options = *options;
    if (c->options.depth == 0) c->options.depth = 1;
    c->request_bytes = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
    c->reply_bytes = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    c->out = calloc(c->options.depth, c->request_bytes);
    c->in_size = c->options.depth * c->reply_bytes; /* one recv may bring many */
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
    const size_t gone =
        c->out_sent - c->out_sent % c->request_bytes; /* one may have gone in part */
    if (gone > 0) memmove(c->out, c->out + gone, c->out_end - gone);
    c->out_sent -= gone;
    c->out_end -= gone;
}

/* A connection that is kept ends as one per message does, once it has carried all it may. */
static bool server_closes(const struct client *c) {
    return c->options.lifetime == ECHO_PERSISTENT || c->options.lifetime == ECHO_SERVER_CLOSES;
}

static int send_client(struct echo_client *client, uint64_t sequence, uint64_t sent_ns) {
    struct client *c = of(client);
    if (c->out_end == c->options.depth * c->request_bytes) close_ranks(c);
    if (c->out_end == c->options.depth * c->request_bytes || client->left == 0) return -ENOBUFS;
    client->left--;
    const struct echo_message request = {
        .kind = ECHO_REQUEST,
        /* Over TCP the server can be asked to close when it has answered. */
        .flags = client->left == 0 && server_closes(c) ? ECHO_CLOSE : 0,
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
    return c->out_end - c->out_sent; /* The stream has no edges: all of it in one call. */
}

static void went(struct echo_client *client, size_t size) {
    struct client *c = of(client);
    c->out_sent += size;
    if (c->out_sent == c->out_end) c->out_sent = c->out_end = 0;
}

/* What is left is the beginning of a message: to the front, so that its end finds room. */
static size_t room(struct echo_client *client, uint8_t **bytes) {
    struct client *c = of(client);
    if (c->in_taken > 0) memmove(c->in, c->in + c->in_taken, c->in_end - c->in_taken);
    c->in_end -= c->in_taken;
    c->in_taken = 0;
    *bytes = c->in + c->in_end;
    return c->in_size - c->in_end;
}

static void arrived(struct echo_client *client, size_t size) {
    of(client)->in_end += size;
}

static int take(struct echo_client *client, struct echo_message *reply) {
    struct client *c = of(client);
    const uint8_t *at = c->in + c->in_taken;
    const size_t size = c->in_end - c->in_taken;
    if (size == 0) return -EAGAIN;
    const enum echo_decoded decoded = echo_decode(reply, at, size);
    if (decoded == ECHO_PARTIAL) return -EAGAIN;
    /* A damaged length loses the edge of every message that follows. */
    if (decoded == ECHO_BAD || reply->kind != ECHO_REPLY) return -EPROTO;
    if (reply->payload_bytes != c->options.reply_bytes) return -EPROTO;
    if (size < c->reply_bytes) return -EAGAIN; /* the rest is still on its way */
    c->in_taken += c->reply_bytes;
    client->more = size - c->reply_bytes >= c->reply_bytes;
    const bool right = echo_matches(at + ECHO_HEADER_BYTES, reply->payload_bytes,
                                    c->out + ECHO_HEADER_BYTES, c->options.payload_bytes);
    return right ? 0 : -EBADMSG;
}

/* ---- the calls around it ---- */

/*
 * A timeout on the socket costs one call per connection; polling before each
 * recv would cost one per message (setsockopt in socket(7), SO_RCVTIMEO).
 * SO_SNDTIMEO is what bounds a connect.
 */
static int set_patience(int socket, uint64_t patience_ns) {
    const struct timeval patience = {.tv_sec = (time_t)(patience_ns / 1000000000),
                                     .tv_usec = (suseconds_t)(patience_ns % 1000000000 / 1000)};
    if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) return -errno;
    if (setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0) return -errno;
    return 0;
}

/*
 * Connections from one address to one port are as many as there are local
 * ports. IP_BIND_ADDRESS_NO_PORT leaves the choice of the port to connect,
 * which can then use a port once per address (ip(7)).
 */
static int take_source(const struct client *c, int socket) {
    struct echo_address source = c->options.source;
    const int on = 1;
    if (c->options.sources == 0) return 0;
    echo_address_advance(&source, (uint32_t)(c->base.sockets_made % c->options.sources));
    if (setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) return -errno;
    return bind(socket, &source.any, source.size) == 0 ? 0 : -errno;
}

static int set_options(const struct client *c, int socket) {
    /* Nagle's algorithm would hold back the tail of a request until the ACK of its head. */
    const int on = 1;
    if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) return -errno;
    if (c->options.nonblocking || c->options.patience_ns == 0) return 0;
    return set_patience(socket, c->options.patience_ns);
}

int tcp_client_connect(struct echo_client *client, int (*prepare)(int socket)) {
    struct client *c = of(client);
    const struct echo_address *server = &c->options.server;
    const int flags = SOCK_CLOEXEC | (c->options.nonblocking ? SOCK_NONBLOCK : 0);
    const int made = socket(server->any.sa_family, SOCK_STREAM | flags, 0);
    if (made < 0) return -errno;
    int failed = set_options(c, made);
    if (failed == 0 && prepare != NULL) failed = prepare(made);
    if (failed == 0) failed = take_source(c, made);
    /* Connecting is a round trip: SYN out, SYN-ACK back. */
    if (failed == 0 && connect(made, &server->any, server->size) != 0) failed = -errno;
    if (failed == -EINPROGRESS && !c->options.nonblocking) failed = -ETIMEDOUT; /* patience ended */
    if (failed != 0 && failed != -EINPROGRESS) {
        (void)close(made);
        return failed;
    }
    client->socket = made;
    client->sockets_made++;
    return failed;
}

static int connect_client(struct echo_client *client) {
    return tcp_client_connect(client, NULL);
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

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    uint8_t *bytes;
    const int taken = take(client, reply);
    if (taken != -EAGAIN) return taken;
    const size_t size = room(client, &bytes);
    const ssize_t got = recv(client->socket, bytes, size, 0);
    if (got < 0) return errno == EINTR ? -EAGAIN : -errno;
    client->counters[ECHO_CLIENT_RECEIVES].value++;
    if (got == 0) return -ESHUTDOWN; /* the server's FIN */
    arrived(client, (size_t)got);
    return take(client, reply);
}

static void drop_socket(struct client *c) {
    if (c->base.socket >= 0) (void)close(c->base.socket);
    c->base.socket = -1;
    forget(&c->base);
}

/* Reads on until the server's FIN has come; whoever closes first keeps TIME_WAIT. */
static int wait_for_end(struct client *c) {
    struct echo_message second; /* that nobody asked for */
    const int ended = receive_client(&c->base, &second);
    if (c->in_taken < c->in_end || ended == 0 || ended == -EBADMSG) return -EPROTO;
    return ended == -ESHUTDOWN ? 0 : ended;
}

/* Nothing waits to be sent, so a close with no time to linger sends RST: no TIME_WAIT stays. */
static void reset_on_close(int socket) {
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static int finish_client(struct echo_client *client) {
    struct client *c = of(client);
    int failed = 0;
    if (client->left > 0) return 0;
    if (server_closes(c)) failed = wait_for_end(c);
    if (failed == -EAGAIN) return failed;
    if (c->options.lifetime == ECHO_CLIENT_RESETS) reset_on_close(client->socket);
    drop_socket(c);
    return failed;
}

/* Whatever still comes on this connection belongs to the lost exchange: end it. */
static void abandon_client(struct echo_client *client) {
    drop_socket(of(client));
}

static void close_client(struct echo_client *client) {
    if (client == NULL) return;
    struct client *c = of(client);
    drop_socket(c);
    free(client->mode);
    free(c->out);
    free(c->in);
    free(c);
}

const struct echo_client_pure tcp_client_pure = {
    .queued = queued,
    .went = went,
    .room = room,
    .arrived = arrived,
    .take = take,
    .forget = forget,
};

const struct echo_client_steps tcp_client_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = send_client,
    .flush = flush_client,
    .receive = receive_client,
    .finish = finish_client,
    .abandon = abandon_client,
    .close = close_client,
};
