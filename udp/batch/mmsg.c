/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "udp/batch/client.h"
#include "udp/client.h"

/* What the two calls work on; nothing in it but addresses and sizes changes. */
struct calls {
    struct mmsghdr out[UDP_BATCH_CALL], in[UDP_BATCH_CALL];
    struct iovec out_bodies[UDP_BATCH_CALL], in_bodies[UDP_BATCH_CALL];
    unsigned ask;             /* datagrams that a call asks for */
    unsigned looked, arrived; /* [looked, arrived) of `in` are not yet looked at */
};

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    const size_t place = ECHO_HEADER_BYTES + (size_t)options->reply_bytes + 1; /* too long: seen */
    const unsigned depth = options->depth > 1 ? options->depth : 1;
    const unsigned ask = depth < UDP_BATCH_CALL ? depth : UDP_BATCH_CALL;
    const int failed = udp_batch_open(client, options, &udp_mmsg_steps, ask * place,
                                      sizeof(struct calls), UDP_BATCH_GSO);
    if (failed != 0) return failed;
    const struct udp_batch *c = udp_batch_of(*client);
    struct calls *calls = c->calls;
    calls->ask = ask;
    for (unsigned i = 0; i < UDP_BATCH_CALL; i++) {
        calls->out[i].msg_hdr = (struct msghdr){.msg_iov = &calls->out_bodies[i], .msg_iovlen = 1};
        calls->out_bodies[i].iov_len = c->request_bytes;
        if (i >= ask) continue;
        calls->in[i].msg_hdr = (struct msghdr){.msg_iov = &calls->in_bodies[i], .msg_iovlen = 1};
        calls->in_bodies[i] = (struct iovec){.iov_base = c->in + i * place, .iov_len = place};
    }
    return 0;
}

static int connect_client(struct echo_client *client) {
    return udp_batch_connect(client, NULL);
}

static int flush_client(struct echo_client *client) {
    struct udp_batch *c = udp_batch_of(client);
    struct calls *calls = c->calls;
    uint8_t *first;
    for (size_t queued; (queued = udp_client_queued(c->plain, &first)) > 0;) {
        const unsigned count = queued < UDP_BATCH_CALL ? (unsigned)queued : UDP_BATCH_CALL;
        for (unsigned i = 0; i < count; i++) {
            calls->out_bodies[i].iov_base = first + i * c->request_bytes;
        }
        const int sent = sendmmsg(client->socket, calls->out, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return -errno;
        c->counters[UDP_BATCH_SENDS].value++;
        udp_client_sent(c->plain, (size_t)sent);
    }
    return 0;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    struct udp_batch *c = udp_batch_of(client);
    struct calls *calls = c->calls;
    if (calls->looked == calls->arrived) {
        /* Waits for the first only, where it waits (recvmmsg(2)). */
        const int got = recvmmsg(client->socket, calls->in, calls->ask, MSG_WAITFORONE, NULL);
        if (got < 0) return errno == EINTR ? -EAGAIN : -errno;
        c->counters[UDP_BATCH_RECEIVES].value++;
        calls->looked = 0;
        calls->arrived = (unsigned)got;
    }
    const unsigned i = calls->looked++;
    client->more = calls->looked < calls->arrived;
    return udp_client_take(c->plain, calls->in_bodies[i].iov_base, calls->in[i].msg_len, reply);
}

const struct echo_client_steps udp_mmsg_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = udp_batch_send,
    .flush = flush_client,
    .receive = receive_client,
    .finish = udp_batch_finish,
    .abandon = udp_batch_abandon,
    .close = udp_batch_close,
};
