/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "udp/batch/batch.h"
#include "udp/mode.h"

/* What the two calls work on; nothing in it but addresses and sizes changes. */
struct mmsg {
    struct mmsghdr out[UDP_BATCH_CALL], in[UDP_BATCH_CALL];
    struct iovec out_bodies[UDP_BATCH_CALL], in_bodies[UDP_BATCH_CALL];
    unsigned ask;             /* datagrams that a call asks for */
    unsigned looked, arrived; /* [looked, arrived) of `in` are not yet looked at */
    uint8_t places[];         /* for so many */
};

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    const size_t place = ECHO_HEADER_BYTES + (size_t)options->reply_bytes + 1; /* too long: seen */
    const unsigned depth = options->depth > 1 ? options->depth : 1;
    const unsigned ask = depth < UDP_BATCH_CALL ? depth : UDP_BATCH_CALL;
    const int failed =
        udp_mode_open(client, options, &udp_mmsg_steps, sizeof(struct mmsg) + ask * place);
    if (failed != 0) return failed;
    struct mmsg *m = (*client)->mode;
    m->ask = ask;
    for (unsigned i = 0; i < UDP_BATCH_CALL; i++) {
        m->out[i].msg_hdr = (struct msghdr){.msg_iov = &m->out_bodies[i], .msg_iovlen = 1};
        m->out_bodies[i].iov_len = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
        if (i >= ask) continue;
        m->in[i].msg_hdr = (struct msghdr){.msg_iov = &m->in_bodies[i], .msg_iovlen = 1};
        m->in_bodies[i] = (struct iovec){.iov_base = m->places + i * place, .iov_len = place};
    }
    return 0;
}

static int flush_client(struct echo_client *client) {
    struct mmsg *m = client->mode;
    uint8_t *first;
    for (size_t each; (each = udp_client_pure.queued(client, &first)) > 0;) {
        const size_t waiting = udp_client_waiting(client);
        const unsigned count = waiting < UDP_BATCH_CALL ? (unsigned)waiting : UDP_BATCH_CALL;
        for (unsigned i = 0; i < count; i++) m->out_bodies[i].iov_base = first + i * each;
        const int sent = sendmmsg(client->socket, m->out, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return -errno;
        client->counters[ECHO_CLIENT_SENDS].value++;
        udp_client_pure.went(client, (size_t)sent * each);
    }
    return 0;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    struct mmsg *m = client->mode;
    if (m->looked == m->arrived) {
        /* Waits for the first only, where it waits (recvmmsg(2)). */
        const int got = recvmmsg(client->socket, m->in, m->ask, MSG_WAITFORONE, NULL);
        if (got < 0) return errno == EINTR ? -EAGAIN : -errno;
        client->counters[ECHO_CLIENT_RECEIVES].value++;
        m->looked = 0;
        m->arrived = (unsigned)got;
    }
    const unsigned i = m->looked++;
    client->more = m->looked < m->arrived;
    return udp_client_judge(client, m->in_bodies[i].iov_base, m->in[i].msg_len, reply);
}

const struct echo_client_steps udp_mmsg_steps = {
    .open = open_client,
    .connect = udp_mode_connect,
    .send = udp_mode_send,
    .flush = flush_client,
    .receive = receive_client,
    .finish = udp_mode_finish,
    .abandon = udp_mode_abandon,
    .close = udp_mode_close,
};
