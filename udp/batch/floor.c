/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "udp/batch/batch.h"
#include "udp/floor_parts.h"
#include "udp/server.h"

enum { SENT_MAX = ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX }; /* bytes of one call */

static unsigned at_most(unsigned messages, unsigned most) {
    return messages < most ? messages : most;
}

/* ---- mmsg ---- */

static void lay_out(struct floor *f, unsigned count, size_t size, bool named) {
    for (unsigned i = 0; i < count; i++) {
        f->bodies[i] = (struct iovec){.iov_base = f->bytes + i * size, .iov_len = size};
        f->headers[i].msg_hdr = (struct msghdr){.msg_name = named ? &f->from[i] : NULL,
                                                .msg_namelen = named ? sizeof f->from[i] : 0,
                                                .msg_iov = &f->bodies[i],
                                                .msg_iovlen = 1};
    }
}

static int send_mmsg(int socket, struct floor *f, unsigned most) {
    const unsigned count = at_most(most, FLOOR_CALL);
    lay_out(f, count, f->request, false);
    const int sent = sendmmsg(socket, f->headers, count, MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

static int receive_mmsg(int socket, struct floor *f, unsigned most) {
    const unsigned count = at_most(most, FLOOR_CALL);
    lay_out(f, count, f->reply, false);
    const int got = recvmmsg(socket, f->headers, count, MSG_WAITFORONE, NULL);
    return got < 0 ? -errno : got;
}

static int answer_mmsg(int listener, struct floor *f) {
    lay_out(f, FLOOR_CALL, f->request > f->reply ? f->request : f->reply, true);
    const int got = recvmmsg(listener, f->headers, FLOOR_CALL, MSG_WAITFORONE, NULL);
    if (got < 0) return -errno;
    if (f->headers[0].msg_len == 0 && f->headers[0].msg_hdr.msg_namelen == 0) {
        return -ESHUTDOWN;
    }
    for (int i = 0; i < got; i++) f->bodies[i].iov_len = f->reply;
    for (int sent = 0; sent < got;) {
        const int now = sendmmsg(listener, f->headers + sent, (unsigned)(got - sent), MSG_NOSIGNAL);
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

static int send_gso(int socket, struct floor *f, unsigned most) {
    const unsigned fit = (unsigned)(SENT_MAX / f->request);
    const unsigned count = at_most(at_most(most, FLOOR_CALL), fit);
    if (count == 1) return udp_floor_send_one(socket, f, 1);
    struct iovec body = {.iov_base = f->bytes, .iov_len = count * f->request};
    const struct msghdr envelope = {.msg_iov = &body, .msg_iovlen = 1};
    return send_cut(socket, &envelope, f->request) < 0 ? -errno : (int)count;
}

static int receive_gso(int socket, struct floor *f, unsigned most) {
    (void)most;
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct iovec body = {.iov_base = f->bytes, .iov_len = UDP_DATAGRAM_BYTES};
    struct msghdr envelope = {.msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(socket, &envelope, 0);
    return got < 0 ? -errno : (int)((size_t)got / f->reply);
}

static int answer_gso(int listener, struct floor *f) {
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))];
    struct iovec body = {.iov_base = f->bytes, .iov_len = UDP_DATAGRAM_BYTES};
    struct msghdr envelope = {.msg_name = &f->from[0],
                              .msg_namelen = sizeof f->from[0],
                              .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof control};
    const ssize_t got = recvmsg(listener, &envelope, 0);
    if (got < 0) return -errno;
    if (got == 0 && envelope.msg_namelen == 0) return -ESHUTDOWN;
    const size_t count = (size_t)got / f->request;
    body.iov_len = count * f->reply;
    (void)send_cut(listener, &envelope, f->reply);
    return (int)count;
}

/* ---- packed ---- */

static int send_packed(int socket, struct floor *f, unsigned most) {
    const size_t fit = udp_packed_count(&f->options->server, f->request);
    const unsigned count = at_most(most, (unsigned)fit);
    return send(socket, f->bytes, count * f->request, MSG_NOSIGNAL) < 0 ? -errno : (int)count;
}

static int receive_packed(int socket, struct floor *f, unsigned most) {
    (void)most;
    const ssize_t got = recv(socket, f->bytes, UDP_DATAGRAM_BYTES, 0);
    return got < 0 ? -errno : (int)((size_t)got / f->reply);
}

static int answer_packed(int listener, struct floor *f) {
    struct sockaddr *from = (struct sockaddr *)&f->from[0];
    socklen_t from_bytes = sizeof f->from[0];
    const ssize_t got = recvfrom(listener, f->bytes, UDP_DATAGRAM_BYTES, 0, from, &from_bytes);
    if (got < 0) return -errno;
    if (got == 0 && from_bytes == 0) return -ESHUTDOWN;
    const size_t count = (size_t)got / f->request;
    (void)sendto(listener, f->bytes, count * f->reply, MSG_NOSIGNAL, from, from_bytes);
    return (int)count;
}

const struct echo_floor_way udp_floor_mmsg = {
    .send = send_mmsg, .receive = receive_mmsg, .answer = answer_mmsg};
const struct echo_floor_way udp_floor_gso = {
    .prepare = udp_gso_prepare, .send = send_gso, .receive = receive_gso, .answer = answer_gso};
const struct echo_floor_way udp_floor_packed = {
    .send = send_packed, .receive = receive_packed, .answer = answer_packed};
