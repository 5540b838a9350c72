/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <sys/socket.h>

#include "udp/batch/batch.h"
#include "udp/batch/server.h"

/* Between places a bit more than a power of two, or all would meet in the same few cache lines. */
enum { PLACE_BYTES = UDP_DATAGRAM_BYTES + 192 };

struct control {
    alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct mmsg {
    unsigned used; /* headers of `in` that have to be made good before the next call */
    unsigned sent, owed;
    struct mmsghdr in[UDP_BATCH_CALL], out[UDP_BATCH_CALL]; /* [sent, owed) of out is owed */
    struct iovec in_bodies[UDP_BATCH_CALL], out_bodies[UDP_BATCH_CALL];
    struct sockaddr_storage from[UDP_BATCH_CALL];
    struct control control[UDP_BATCH_CALL];
    uint8_t places[UDP_BATCH_CALL][PLACE_BYTES]; /* a datagram each, answered there */
};

static int listen_server(struct echo_server **server, const struct echo_server_options *options) {
    return udp_batch_listen(server, options, &udp_mmsg_server_steps);
}

/* The call before wrote how much it used of each. */
static void make_good(struct mmsg *m) {
    for (unsigned i = 0; i < m->used; i++) {
        m->in[i].msg_hdr.msg_namelen = sizeof m->from[i];
        m->in[i].msg_hdr.msg_controllen = sizeof m->control[i];
    }
    m->used = 0;
}

static int accept_connection(struct echo_server *server, struct echo_worker *worker,
                             struct echo_connection **connection) {
    const int failed = udp_batch_accept(server, worker, connection, sizeof(struct mmsg));
    if (failed != 0) return failed;
    struct mmsg *m = (*connection)->mode;
    for (unsigned i = 0; i < UDP_BATCH_CALL; i++) {
        m->in_bodies[i] = (struct iovec){.iov_base = m->places[i], .iov_len = UDP_DATAGRAM_BYTES};
        m->in[i].msg_hdr = (struct msghdr){.msg_name = &m->from[i],
                                           .msg_iov = &m->in_bodies[i],
                                           .msg_iovlen = 1,
                                           .msg_control = &m->control[i]};
    }
    m->used = UDP_BATCH_CALL;
    return 0;
}

static bool ended(const struct mmsghdr *datagram) {
    return datagram->msg_len == 0 && datagram->msg_hdr.msg_namelen == 0; /* see udp/server.c */
}

/* Each by itself; what is refused leaves no gap. */
static void answer(struct echo_connection *connection, unsigned i, struct echo_worker *worker) {
    struct mmsg *m = connection->mode;
    struct echo_message request;
    uint8_t *at = m->places[i];
    if (!udp_server_execute(connection, at, m->in[i].msg_len, false, &request, worker)) return;
    echo_write_reply(at, &request);
    m->out_bodies[m->owed] =
        (struct iovec){.iov_base = at, .iov_len = ECHO_HEADER_BYTES + (size_t)request.reply_bytes};
    m->out[m->owed].msg_hdr = m->in[i].msg_hdr;
    m->out[m->owed].msg_hdr.msg_iov = &m->out_bodies[m->owed];
    m->owed++;
}

static int send_replies(struct echo_connection *connection, struct echo_worker *worker) {
    struct mmsg *m = connection->mode;
    while (m->sent < m->owed) {
        const int sent =
            sendmmsg(connection->socket, m->out + m->sent, m->owed - m->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        connection->wants_room = sent < 0 && errno == EAGAIN;
        if (connection->wants_room) return -EAGAIN;
        worker->counts[ECHO_SENDS] += sent >= 0;
        /* The first that cannot go is lost, as on the way; the others are not to suffer. */
        worker->counts[sent < 0 ? ECHO_BROKEN : ECHO_REPLIES] += sent < 0 ? 1 : (unsigned)sent;
        m->sent += sent < 0 ? 1 : (unsigned)sent;
    }
    m->sent = m->owed = 0;
    return 0;
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    struct mmsg *m = connection->mode;
    if (m->sent < m->owed) return send_replies(connection, worker);
    make_good(m);
    const int got = recvmmsg(connection->socket, m->in, UDP_BATCH_CALL, MSG_WAITFORONE, NULL);
    if (got < 0 && errno == EINTR) return 0;
    if (got < 0 && errno == EAGAIN) return -EAGAIN;
    if (got < 0) {
        /* What cannot be received is lost, as on the way; the others are not to suffer. */
        worker->counts[ECHO_BROKEN]++;
        return 0;
    }
    m->used = (unsigned)got;
    if (ended(&m->in[0])) return -ESHUTDOWN;
    worker->counts[ECHO_RECEIVES]++;
    for (unsigned i = 0; i < m->used && !ended(&m->in[i]); i++) answer(connection, i, worker);
    return send_replies(connection, worker);
}

const struct echo_server_steps udp_mmsg_server_steps = {
    .listen = listen_server,
    .accept = accept_connection,
    .step = step,
    .drop = udp_batch_drop,
    .stop = udp_batch_stop,
    .release = udp_batch_release,
};
