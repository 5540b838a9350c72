/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>

#include "udp/batch/client.h"
#include "udp/client.h"
#include "udp/server.h"

enum { SENT_MAX = ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX }; /* bytes of one call */

int udp_gso_prepare(int socket) {
    const int on = 1;
    if (setsockopt(socket, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0) return 0;
    return errno == ENOPROTOOPT ? 0 : -errno;
}

static int open_client(struct echo_client **client, const struct echo_client_options *options) {
    return udp_batch_open(client, options, &udp_gso_steps, UDP_DATAGRAM_BYTES, 0, UDP_BATCH_COUNTS);
}

static int connect_client(struct echo_client *client) {
    return udp_batch_connect(client, udp_gso_prepare);
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

/* How many may go in one call. */
static size_t batch(const struct udp_batch *c, size_t queued) {
    const size_t fit = SENT_MAX / c->request_bytes;
    if (c->counters[UDP_BATCH_FALLBACKS].value > 0) return 1;
    if (queued > UDP_BATCH_CALL) queued = UDP_BATCH_CALL;
    return queued < fit ? queued : fit;
}

/*
 * A segment that the path does not take whole, or a device without checksum
 * offload: no call like this one will ever go.
 */
static bool fall_back(struct udp_batch *c, size_t count) {
    const bool refused = errno == EMSGSIZE || errno == EINVAL || errno == EIO;
    if (count == 1 || !refused) return false;
    c->counters[UDP_BATCH_FALLBACKS].value++;
    return true;
}

static int flush_client(struct echo_client *client) {
    struct udp_batch *c = udp_batch_of(client);
    uint8_t *first;
    for (size_t queued; (queued = udp_client_queued(c->plain, &first)) > 0;) {
        const size_t count = batch(c, queued);
        const ssize_t sent =
            count == 1
                ? send(client->socket, first, c->request_bytes, MSG_DONTWAIT | MSG_NOSIGNAL)
                : send_segments(client->socket, first, count * c->request_bytes, c->request_bytes);
        if (sent < 0 && (errno == EINTR || fall_back(c, count))) continue;
        if (sent < 0) return -errno;
        c->counters[UDP_BATCH_SENDS].value++;
        if (count > 1) c->counters[UDP_BATCH_GSO].value++;
        udp_client_sent(c->plain, count);
    }
    return 0;
}

/* Datagrams that came together have one size, but for the last, which may be shorter. */
static ssize_t receive_segments(int socket, uint8_t *bytes, size_t size, size_t *segment) {
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct iovec body = {.iov_base = bytes, .iov_len = size};
    struct msghdr envelope = {.msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(socket, &envelope, 0);
    int each = (int)got; /* alone */
    const struct cmsghdr *cut = got < 0 ? NULL : CMSG_FIRSTHDR(&envelope);
    if (cut != NULL && cut->cmsg_level == IPPROTO_UDP && cut->cmsg_type == UDP_GRO) {
        memcpy(&each, CMSG_DATA(cut), sizeof each);
    }
    *segment = (size_t)each;
    return got;
}

static int receive_client(struct echo_client *client, struct echo_message *reply) {
    struct udp_batch *c = udp_batch_of(client);
    if (c->in_taken == c->in_end) {
        const ssize_t got =
            receive_segments(client->socket, c->in, UDP_DATAGRAM_BYTES, &c->segment);
        if (got < 0) return errno == EINTR ? -EAGAIN : -errno;
        c->counters[UDP_BATCH_RECEIVES].value++;
        c->in_taken = 0;
        c->in_end = (size_t)got;
    }
    const uint8_t *at = c->in + c->in_taken;
    const size_t left = c->in_end - c->in_taken;
    const size_t size = left < c->segment ? left : c->segment;
    c->in_taken += size;
    client->more = c->in_taken < c->in_end;
    return udp_client_take(c->plain, at, size, reply);
}

const struct echo_client_steps udp_gso_steps = {
    .open = open_client,
    .connect = connect_client,
    .send = udp_batch_send,
    .flush = flush_client,
    .receive = receive_client,
    .finish = udp_batch_finish,
    .abandon = udp_batch_abandon,
    .close = udp_batch_close,
};
