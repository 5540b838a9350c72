/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "udp/batch/batch.h"
#include "udp/server.h"

/* Between places a bit more than a power of two, or all would meet in the same few cache lines. */
enum { PLACE_BYTES = UDP_DATAGRAM_BYTES + 192 };

struct control {
    alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct connection {
    struct echo_connection base;
    struct udp_answering answering;
    uint8_t *places; /* a datagram each, answered there */
    unsigned used;   /* headers of `in` that have to be made good before the next call */
    unsigned sent, owed;
    struct mmsghdr in[UDP_BATCH_CALL], out[UDP_BATCH_CALL]; /* [sent, owed) of out is owed */
    struct iovec in_bodies[UDP_BATCH_CALL], out_bodies[UDP_BATCH_CALL];
    struct sockaddr_storage from[UDP_BATCH_CALL];
    struct control control[UDP_BATCH_CALL];
};

static struct connection *on(struct echo_connection *connection) {
    return (struct connection *)(void *)connection;
}

static int listen_server(struct echo_server **server, const struct echo_server_options *options) {
    return udp_server_listen(server, options, &udp_mmsg_server_steps, NULL);
}

/* The call before wrote how much it used of each. */
static void make_good(struct connection *c) {
    for (unsigned i = 0; i < c->used; i++) {
        struct msghdr *h = &c->in[i].msg_hdr;
        h->msg_namelen = sizeof c->from[i];
        h->msg_controllen = c->answering.any_address ? sizeof c->control[i] : 0;
    }
    c->used = 0;
}

static void lay_out(struct connection *c) {
    for (unsigned i = 0; i < UDP_BATCH_CALL; i++) {
        c->in_bodies[i] = (struct iovec){.iov_base = c->places + (size_t)i * PLACE_BYTES,
                                         .iov_len = UDP_DATAGRAM_BYTES};
        c->in[i].msg_hdr =
            (struct msghdr){.msg_name = &c->from[i], .msg_iov = &c->in_bodies[i], .msg_iovlen = 1};
        if (c->answering.any_address) c->in[i].msg_hdr.msg_control = &c->control[i];
    }
    c->used = UDP_BATCH_CALL;
}

static int accept_connection(struct echo_server *server, struct echo_worker *worker,
                             struct echo_connection **connection) {
    (void)worker;
    struct connection *c = calloc(1, sizeof *c);
    uint8_t *places = malloc((size_t)UDP_BATCH_CALL * PLACE_BYTES); /* touched where it is used */
    const int taken =
        c == NULL || places == NULL ? -ENOMEM : udp_server_accept(server, &c->answering);
    if (taken < 0) {
        free(places);
        free(c);
        return taken;
    }
    c->base.socket = taken;
    c->places = places;
    lay_out(c);
    *connection = &c->base;
    return 0;
}

static bool ended(const struct mmsghdr *datagram) {
    return datagram->msg_len == 0 && datagram->msg_hdr.msg_namelen == 0; /* see udp/server.c */
}

/* Each by itself; what is refused leaves no gap. */
static void answer(struct connection *c, unsigned i, struct echo_worker *worker) {
    uint8_t *place = c->in_bodies[i].iov_base;
    const struct udp_answer a = udp_server_answer(&c->answering, place, c->in[i].msg_len, worker);
    if (a.reply_bytes == 0) return;
    if (a.reply != place) memcpy(place, a.reply, a.reply_bytes); /* it may be written over now */
    c->out_bodies[c->owed] = (struct iovec){.iov_base = place, .iov_len = a.reply_bytes};
    c->out[c->owed].msg_hdr = c->in[i].msg_hdr;
    c->out[c->owed].msg_hdr.msg_iov = &c->out_bodies[c->owed];
    c->owed++;
}

static int send_replies(struct connection *c, struct echo_worker *worker) {
    while (c->sent < c->owed) {
        const int sent =
            sendmmsg(c->base.socket, c->out + c->sent, c->owed - c->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        c->base.wants_room = sent < 0 && errno == EAGAIN;
        if (c->base.wants_room) return -EAGAIN;
        worker->counts[ECHO_SENDS] += sent >= 0;
        /* The first that cannot go is lost, as on the way; the others are not to suffer. */
        worker->counts[sent < 0 ? ECHO_BROKEN : ECHO_REPLIES] += sent < 0 ? 1 : (unsigned)sent;
        c->sent += sent < 0 ? 1 : (unsigned)sent;
    }
    c->sent = c->owed = 0;
    return 0;
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    if (c->sent < c->owed) return send_replies(c, worker);
    make_good(c);
    const int got = recvmmsg(c->base.socket, c->in, UDP_BATCH_CALL, MSG_WAITFORONE, NULL);
    if (got < 0 && errno == EINTR) return 0;
    if (got < 0 && errno == EAGAIN) return -EAGAIN;
    if (got < 0) {
        /* What cannot be received is lost, as on the way; the others are not to suffer. */
        worker->counts[ECHO_BROKEN]++;
        return 0;
    }
    c->used = (unsigned)got;
    if (ended(&c->in[0])) return -ESHUTDOWN;
    worker->counts[ECHO_RECEIVES]++;
    for (unsigned i = 0; i < c->used && !ended(&c->in[i]); i++) answer(c, i, worker);
    return send_replies(c, worker);
}

/* The socket is the server's: others may be talking through it. */
static void drop(struct echo_connection *connection, struct echo_worker *worker) {
    (void)worker;
    struct connection *c = on(connection);
    udp_server_drop(&c->answering);
    free(c->places);
    free(c);
}

const struct echo_server_steps udp_mmsg_server_steps = {
    .listen = listen_server,
    .accept = accept_connection,
    .step = step,
    .drop = drop,
    .stop = udp_server_stop,
    .release = udp_server_release,
};
