/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "udp/batch/batch.h"
#include "udp/mode.h"
#include "udp/server.h"

/* What one datagram brought: messages, of which those in [taken, end) are not yet looked at. */
struct packed {
    size_t fit;         /* requests of one datagram */
    size_t reply_bytes; /* on the wire, header included */
    size_t taken, end;
    uint8_t in[UDP_DATAGRAM_BYTES];
};

size_t udp_packed_count(const struct echo_address *to, size_t message_bytes) {
    const size_t room = to->any.sa_family == AF_INET6 ? UDP_PACKED_IPV6_BYTES : UDP_PACKED_BYTES;
    return message_bytes < room ? room / message_bytes : 1;
}

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    const int failed = udp_mode_open(client, options, &udp_packed_steps, sizeof(struct packed));
    if (failed != 0) return failed;
    struct packed *p = (*client)->mode;
    const size_t request_bytes = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
    p->fit = udp_packed_count(&options->server, request_bytes);
    p->reply_bytes = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    return 0;
}

static int flush_client(struct echo_client *client) {
    const struct packed *p = client->mode;
    uint8_t *first;
    for (size_t each; (each = udp_client_pure.queued(client, &first)) > 0;) {
        const size_t waiting = udp_client_waiting(client);
        const size_t size = each * (waiting < p->fit ? waiting : p->fit);
        const ssize_t sent = send(client->socket, first, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return -errno;
        client->counters[ECHO_CLIENT_SENDS].value++;
        udp_client_pure.went(client, size);
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
    struct packed *p = client->mode;
    if (p->taken == p->end) {
        const ssize_t got = recv(client->socket, p->in, sizeof p->in, 0);
        if (got < 0) return errno == EINTR ? -EAGAIN : -errno;
        client->counters[ECHO_CLIENT_RECEIVES].value++;
        p->taken = 0;
        p->end = (size_t)got;
    }
    const uint8_t *at = p->in + p->taken;
    const size_t left = p->end - p->taken;
    /* The usual size is tried first: whether it is right, taking it will say. */
    const bool usual = left > 0 && left % p->reply_bytes == 0;
    const size_t size = usual ? p->reply_bytes : message_size(at, left);
    p->taken += size;
    client->more = p->taken < p->end;
    return udp_client_judge(client, at, size, reply);
}

const struct echo_client_steps udp_packed_steps = {
    .open = open_client,
    .connect = udp_mode_connect,
    .send = udp_mode_send,
    .flush = flush_client,
    .receive = receive_client,
    .finish = udp_mode_finish,
    .abandon = udp_mode_abandon,
    .close = udp_mode_close,
};
