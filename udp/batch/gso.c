/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>

#include "udp/batch/batch.h"
#include "udp/mode.h"
#include "udp/server.h"

enum { SENT_MAX = ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX }; /* bytes of one call */

enum count {
    GSO = ECHO_CLIENT_COUNTS, /* calls that took more than one datagram */
    FALLBACKS /* 1 once a call was refused that would have: a call each since then */
};

/* What one call brought: of [taken, end) datagrams of this size are not yet looked at. */
struct gso {
    size_t taken, end, segment;
    uint8_t in[UDP_DATAGRAM_BYTES];
};

int udp_gso_prepare(int socket) {
    const int on = 1;
    if (setsockopt(socket, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0) return 0;
    return errno == ENOPROTOOPT ? 0 : -errno;
}

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    const int failed = udp_mode_open(client, options, &udp_gso_steps, sizeof(struct gso));
    if (failed != 0) return failed;
    udp_mode_count(*client, "gso_batches");
    udp_mode_count(*client, "gso_fallbacks");
    return 0;
}

static int connect_client(struct echo_client *client) {
    return udp_client_connect(client, udp_gso_prepare);
}

/* One buffer, cut into datagrams of one size below the stack. */
static ssize_t send_segments(int socket, uint8_t *bytes, size_t size, size_t segment) {
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    struct iovec body = {.iov_base = bytes, .iov_len = size};
    const struct msghdr envelope = {.msg_iov = &body,
                                    .msg_iovlen = 1,
                                    .msg_control = control,
                                    .msg_controllen = sizeof control};
    struct cmsghdr *cut = CMSG_FIRSTHDR(&envelope);
    const uint16_t each = (uint16_t)segment;
    *cut = (struct cmsghdr){
        .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof each)};
    memcpy(CMSG_DATA(cut), &each, sizeof each);
    return sendmsg(socket, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* How many, of `each` bytes, may go in one call. */
static size_t batch(struct echo_client *client, size_t each) {
    const size_t fit = SENT_MAX / each;
    size_t count = udp_client_waiting(client);
    if (client->counters[FALLBACKS].value > 0) return 1;
    if (count > UDP_BATCH_CALL) count = UDP_BATCH_CALL;
    return count < fit ? count : fit;
}

/*
 * A segment that the path does not take whole, or a device without checksum
 * offload: no call like this one will ever go.
 */
static bool fall_back(struct echo_client *client, size_t count) {
    const bool refused = errno == EMSGSIZE || errno == EINVAL || errno == EIO;
    if (count == 1 || !refused) return false;
    client->counters[FALLBACKS].value++;
    return true;
}

static int flush_client(struct echo_client *client) {
    uint8_t *first;
    for (size_t each; (each = udp_client_pure.queued(client, &first)) > 0;) {
        const size_t count = batch(client, each);
        const ssize_t sent = count == 1
                                 ? send(client->socket, first, each, MSG_DONTWAIT | MSG_NOSIGNAL)
                                 : send_segments(client->socket, first, count * each, each);
        if (sent < 0 && (errno == EINTR || fall_back(client, count))) continue;
        if (sent < 0) return -errno;
        client->counters[ECHO_CLIENT_SENDS].value++;
        client->counters[GSO].value += count > 1;
        udp_client_pure.went(client, count * each);
    }
    return 0;
}

/* Datagrams that came together have one size, but for the last, which may be shorter. */
static ssize_t receive_segments(int socket, struct gso *g) {
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct iovec body = {.iov_base = g->in, .iov_len = sizeof g->in};
    struct msghdr envelope = {.msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(socket, &envelope, 0);
    if (got < 0) return got;
    int each = (int)got; /* alone */
    const struct cmsghdr *cut = CMSG_FIRSTHDR(&envelope);
    if (cut != NULL && cut->cmsg_level == IPPROTO_UDP && cut->cmsg_type == UDP_GRO) {
        memcpy(&each, CMSG_DATA(cut), sizeof each);
    }
    g->segment = (size_t)each;
    g->taken = 0;
    g->end = (size_t)got;
    return got;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    struct gso *g = client->mode;
    if (g->taken == g->end) {
        if (receive_segments(client->socket, g) < 0) return errno == EINTR ? -EAGAIN : -errno;
        client->counters[ECHO_CLIENT_RECEIVES].value++;
    }
    const uint8_t *at = g->in + g->taken;
    const size_t left = g->end - g->taken;
    const size_t size = left < g->segment ? left : g->segment;
    g->taken += size;
    client->more = g->taken < g->end;
    return udp_client_judge(client, at, size, reply);
}

const struct echo_client_steps udp_gso_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = udp_mode_send,
    .flush = flush_client,
    .receive = receive_client,
    .finish = udp_mode_finish,
    .abandon = udp_mode_abandon,
    .close = udp_mode_close,
};
