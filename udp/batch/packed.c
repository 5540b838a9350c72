/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "udp/batch/client.h"
#include "udp/client.h"
#include "udp/server.h"

size_t udp_packed_count(const struct echo_address *to, size_t message_bytes) {
    const size_t room = to->any.sa_family == AF_INET6 ? UDP_PACKED_IPV6_BYTES : UDP_PACKED_BYTES;
    return message_bytes < room ? room / message_bytes : 1;
}

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    return udp_batch_open(client, options, &udp_packed_steps, UDP_DATAGRAM_BYTES, 0, UDP_BATCH_GSO);
}

static int connect_client(struct echo_client *client) {
    return udp_batch_connect(client, NULL);
}

static int flush_client(struct echo_client *client) {
    struct udp_batch *c = udp_batch_of(client);
    const size_t fit = udp_packed_count(&c->options.server, c->request_bytes);
    uint8_t *first;
    for (size_t queued; (queued = udp_client_queued(c->plain, &first)) > 0;) {
        const size_t count = queued < fit ? queued : fit;
        const ssize_t sent =
            send(client->socket, first, count * c->request_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return -errno;
        c->counters[UDP_BATCH_SENDS].value++;
        udp_client_sent(c->plain, count);
    }
    return 0;
}

/* A whole message, or damage that loses the edge of all behind it, in this datagram only. */
static size_t message_size(const uint8_t *at, size_t left) {
    struct echo_message message;
    if (echo_decode(&message, at, left) != ECHO_WHOLE) return left;
    const size_t size = ECHO_HEADER_BYTES + (size_t)message.payload_bytes;
    return size < left ? size : left;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    struct udp_batch *c = udp_batch_of(client);
    if (c->in_taken == c->in_end) {
        const ssize_t got = recv(client->socket, c->in, UDP_DATAGRAM_BYTES, 0);
        if (got < 0) return errno == EINTR ? -EAGAIN : -errno;
        c->counters[UDP_BATCH_RECEIVES].value++;
        c->in_taken = 0;
        c->in_end = (size_t)got;
    }
    const uint8_t *at = c->in + c->in_taken;
    const size_t left = c->in_end - c->in_taken;
    /* The usual size is tried first: whether it is right, taking it will say. */
    const bool usual = left > 0 && left % c->reply_bytes == 0;
    const size_t size = usual ? c->reply_bytes : message_size(at, left);
    c->in_taken += size;
    client->more = c->in_taken < c->in_end;
    return udp_client_take(c->plain, at, size, reply);
}

const struct echo_client_steps udp_packed_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = udp_batch_send,
    .flush = flush_client,
    .receive = receive_client,
    .finish = udp_batch_finish,
    .abandon = udp_batch_abandon,
    .close = udp_batch_close,
};
