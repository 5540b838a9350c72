/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "udp/batch/batch.h"
#include "udp/floor.h"
#include "udp/server.h"

enum { SENT_MAX = ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX }; /* bytes of one call */

static int prepare_nothing(int socket) {
    (void)socket;
    return 0;
}

static unsigned at_most(unsigned messages, unsigned most) {
    return messages < most ? messages : most;
}

/* ---- mmsg ---- */

static void lay_out(struct udp_floor_calls *calls, unsigned count, size_t size, bool named) {
    for (unsigned i = 0; i < count; i++) {
        calls->bodies[i] = (struct iovec){.iov_base = calls->bytes + i * size, .iov_len = size};
        calls->headers[i].msg_hdr =
            (struct msghdr){.msg_name = named ? &calls->from[i] : NULL,
                            .msg_namelen = named ? sizeof calls->from[i] : 0,
                            .msg_iov = &calls->bodies[i],
                            .msg_iovlen = 1};
    }
}

static int send_mmsg(int socket, struct udp_floor_calls *calls, unsigned most) {
    const unsigned count = at_most(most, UDP_FLOOR_CALL);
    lay_out(calls, count, calls->request, false);
    const int sent = sendmmsg(socket, calls->headers, count, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

static int receive_mmsg(int socket, struct udp_floor_calls *calls, unsigned most) {
    const unsigned count = at_most(most, UDP_FLOOR_CALL);
    lay_out(calls, count, calls->reply, false);
    const int got = recvmmsg(socket, calls->headers, count, MSG_WAITFORONE, NULL);
    return got < 0 ? -errno : got;
}

static int answer_mmsg(int listener, struct udp_floor_calls *calls) {
    lay_out(calls, UDP_FLOOR_CALL, calls->request > calls->reply ? calls->request : calls->reply,
            true);
    const int got = recvmmsg(listener, calls->headers, UDP_FLOOR_CALL, MSG_WAITFORONE, NULL);
    if (got < 0) return -errno;
    if (calls->headers[0].msg_len == 0 && calls->headers[0].msg_hdr.msg_namelen == 0) {
        return -ESHUTDOWN;
    }
    for (int i = 0; i < got; i++) calls->bodies[i].iov_len = calls->reply;
    for (int sent = 0; sent < got;) {
        const int now =
            sendmmsg(listener, calls->headers + sent, (unsigned)(got - sent), MSG_NOSIGNAL);
        sent += now > 0 ? now : 1;
    }
    return got;
}

/* ---- gso ---- */

/* In one call where the kernel cuts, else one message. */
static ssize_t send_cut(int socket, const struct msghdr *to, size_t segment) {
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(uint16_t))];
    struct msghdr envelope = *to;
    const uint16_t each = (uint16_t)segment;
    const bool cuts = to->msg_iov->iov_len > segment;
    struct cmsghdr *cut = (struct cmsghdr *)(void *)control;
    *cut = (struct cmsghdr){
        .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof each)};
    memcpy(CMSG_DATA(cut), &each, sizeof each);
    envelope.msg_control = cuts ? control : NULL;
    envelope.msg_controllen = cuts ? sizeof control : 0;
    return sendmsg(socket, &envelope, MSG_NOSIGNAL);
}

static int send_gso(int socket, struct udp_floor_calls *calls, unsigned most) {
    const unsigned fit = (unsigned)(SENT_MAX / calls->request);
    const unsigned count = at_most(at_most(most, UDP_FLOOR_CALL), fit);
    if (count == 1)
        return send(socket, calls->bytes, calls->request, MSG_NOSIGNAL) < 0 ? -errno : 1;
    struct iovec body = {.iov_base = calls->bytes, .iov_len = count * calls->request};
    const struct msghdr envelope = {.msg_iov = &body, .msg_iovlen = 1};
    return send_cut(socket, &envelope, calls->request) < 0 ? -errno : (int)count;
}

static int receive_gso(int socket, struct udp_floor_calls *calls, unsigned most) {
    (void)most;
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct iovec body = {.iov_base = calls->bytes, .iov_len = UDP_DATAGRAM_BYTES};
    struct msghdr envelope = {.msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(socket, &envelope, 0);
    return got < 0 ? -errno : (int)((size_t)got / calls->reply);
}

static int answer_gso(int listener, struct udp_floor_calls *calls) {
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct iovec body = {.iov_base = calls->bytes, .iov_len = UDP_DATAGRAM_BYTES};
    struct msghdr envelope = {.msg_name = &calls->from[0],
                              .msg_namelen = sizeof calls->from[0],
                              .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(listener, &envelope, 0);
    if (got < 0) return -errno;
    if (got == 0 && envelope.msg_namelen == 0) return -ESHUTDOWN;
    const size_t count = (size_t)got / calls->request;
    body.iov_len = count * calls->reply;
    (void)send_cut(listener, &envelope, calls->reply);
    return (int)count;
}

/* ---- packed ---- */

static int send_packed(int socket, struct udp_floor_calls *calls, unsigned most) {
    const size_t fit = udp_packed_count(&calls->options->server, calls->request);
    const unsigned count = at_most(most, (unsigned)fit);
    return send(socket, calls->bytes, count * calls->request, MSG_NOSIGNAL) < 0 ? -errno
                                                                                : (int)count;
}

static int receive_packed(int socket, struct udp_floor_calls *calls, unsigned most) {
    (void)most;
    const ssize_t got = recv(socket, calls->bytes, UDP_DATAGRAM_BYTES, 0);
    return got < 0 ? -errno : (int)((size_t)got / calls->reply);
}

static int answer_packed(int listener, struct udp_floor_calls *calls) {
    struct sockaddr *from = (struct sockaddr *)&calls->from[0];
    socklen_t from_bytes = sizeof calls->from[0];
    const ssize_t got = recvfrom(listener, calls->bytes, UDP_DATAGRAM_BYTES, 0, from, &from_bytes);
    if (got < 0) return -errno;
    if (got == 0 && from_bytes == 0) return -ESHUTDOWN;
    const size_t count = (size_t)got / calls->request;
    (void)sendto(listener, calls->bytes, count * calls->reply, MSG_NOSIGNAL, from, from_bytes);
    return (int)count;
}

/* ---- their steps ---- */

static const struct udp_floor_way mmsg = {
    .prepare = prepare_nothing, .send = send_mmsg, .receive = receive_mmsg, .answer = answer_mmsg};
static const struct udp_floor_way gso = {
    .prepare = udp_gso_prepare, .send = send_gso, .receive = receive_gso, .answer = answer_gso};
static const struct udp_floor_way packed = {.prepare = prepare_nothing,
                                            .send = send_packed,
                                            .receive = receive_packed,
                                            .answer = answer_packed};

/* The four steps of a way. */
#define STEPS(way)                                                                                 \
    static int64_t exchange_##way(const struct echo_client_options *options,                       \
                                  const atomic_bool *stop, uint64_t most) {                        \
        return udp_floor_exchange(&(way), options, stop, most);                                    \
    }                                                                                              \
    static int64_t exchange_many_##way(const struct echo_client_options *options,                  \
                                       unsigned connections, const atomic_bool *stop,              \
                                       uint64_t most) {                                            \
        return udp_floor_exchange_many(&(way), options, connections, stop, most);                  \
    }                                                                                              \
    static void serve_##way(int listener, const struct echo_client_options *options,               \
                            const atomic_bool *stop) {                                             \
        udp_floor_serve(&(way), listener, options, stop);                                          \
    }                                                                                              \
    static void serve_many_##way(int listener, const struct echo_client_options *options,          \
                                 const atomic_bool *stop) {                                        \
        udp_floor_serve_many(&(way), listener, options, stop);                                     \
    }                                                                                              \
    const struct echo_floor_steps udp_##way##_floor_steps = {.exchange = exchange_##way,           \
                                                             .serve = serve_##way,                 \
                                                             .exchange_many = exchange_many_##way, \
                                                             .serve_many = serve_many_##way};

STEPS(mmsg)
STEPS(gso)
STEPS(packed)
