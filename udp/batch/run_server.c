/* SPDX-License-Identifier: MIT */
/*
 * The servers of gso and packed. What one call brings is a run of messages from
 * one sender; their replies, in the same places, are a run that goes in one
 * call, as far as nothing interrupts it: a message that is refused, or a reply
 * of another size than its request's, which goes by itself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "udp/batch/batch.h"
#include "udp/server.h"

enum { SENT_MAX = ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX }; /* bytes of one call */

struct control {
    alignas(struct cmsghdr)
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

struct connection {
    struct echo_connection base;
    struct udp_answering answering;
    size_t segment;           /* datagrams of this size came together; the last may be shorter */
    size_t sent, ready, used; /* [sent, ready) are replies, [ready, used) not yet looked at */
    size_t skip;              /* after `ready`: refused, or answered by `other` */
    struct udp_answer other;  /* to go after them, and by itself; none, where it has no bytes */
    uint64_t owed;            /* replies in [sent, ready) */
    bool singly;              /* the kernel does not cut here: a call each */
    struct sockaddr_storage from;
    socklen_t from_bytes;
    struct control in, out; /* `out` is what a reply needs: the address of ours, then the cut */
    size_t address_bytes;   /* of `out` */
    uint8_t bytes[UDP_DATAGRAM_BYTES];
};

static struct connection *on(struct echo_connection *connection) {
    return (struct connection *)(void *)connection;
}

static int listen_gso(struct echo_server **server, const struct echo_server_options *options) {
    return udp_server_listen(server, options, &udp_gso_server_steps, udp_gso_prepare);
}

static int listen_packed(struct echo_server **server, const struct echo_server_options *options) {
    return udp_server_listen(server, options, &udp_packed_server_steps, NULL);
}

static int accept_gso(struct echo_server *server, struct echo_worker *worker,
                      struct echo_connection **connection) {
    (void)worker;
    struct connection *c = calloc(1, sizeof *c);
    const int taken = c == NULL ? -ENOMEM : udp_server_accept(server, &c->answering);
    if (taken < 0) {
        free(c);
        return taken;
    }
    c->base.socket = taken;
    *connection = &c->base;
    return 0;
}

static int accept_packed(struct echo_server *server, struct echo_worker *worker,
                         struct echo_connection **connection) {
    const int failed = accept_gso(server, worker, connection);
    if (failed == 0) on(*connection)->answering.packed = true;
    return failed;
}

/* Notes how large the datagrams are, and what a reply must be sent with. */
static void read_control(struct connection *c, struct msghdr *envelope, size_t got) {
    c->segment = got; /* alone */
    c->address_bytes = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(envelope); h != NULL; h = CMSG_NXTHDR(envelope, h)) {
        if (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == UDP_GRO) {
            int each;
            memcpy(&each, CMSG_DATA(h), sizeof each);
            c->segment = (size_t)each;
        } else {
            c->address_bytes = CMSG_SPACE(h->cmsg_len - CMSG_LEN(0));
            memcpy(c->out.bytes, h, h->cmsg_len);
        }
    }
    const uint16_t each = (uint16_t)c->segment;
    struct cmsghdr *cut = (struct cmsghdr *)(void *)(c->out.bytes + c->address_bytes);
    *cut = (struct cmsghdr){
        .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof each)};
    memcpy(CMSG_DATA(cut), &each, sizeof each);
}

static int receive(struct connection *c, struct echo_worker *worker) {
    struct iovec body = {.iov_base = c->bytes, .iov_len = sizeof c->bytes};
    struct msghdr envelope = {.msg_name = &c->from,
                              .msg_namelen = sizeof c->from,
                              .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = &c->in,
                              .msg_controllen = sizeof c->in};
    const ssize_t got = recvmsg(c->base.socket, &envelope, 0);
    if (got < 0) return -errno;
    if (got == 0 && envelope.msg_namelen == 0) return -ESHUTDOWN; /* see udp/server.c */
    worker->counts[ECHO_RECEIVES]++;
    c->from_bytes = envelope.msg_namelen;
    read_control(c, &envelope, (size_t)got);
    c->sent = c->ready = 0;
    c->used = (size_t)got;
    if (got == 0) (void)udp_server_answer(&c->answering, c->bytes, 0, worker); /* refused */
    return 0;
}

/* Answers on while the replies stand side by side. */
static void answer_run(struct connection *c, struct echo_worker *worker) {
    while (c->ready < c->used && c->skip == 0) {
        const size_t left = c->used - c->ready;
        const size_t size = c->answering.packed || left < c->segment ? left : c->segment;
        uint8_t *at = c->bytes + c->ready;
        const struct udp_answer a = udp_server_answer(&c->answering, at, size, worker);
        if (a.reply_bytes > 0 && a.reply == at) {
            c->ready += a.reply_bytes;
            c->owed++;
        } else {
            c->other = a;
            c->skip = a.request_bytes;
        }
    }
}

static ssize_t send_bytes(struct connection *c, uint8_t *bytes, size_t size, bool cut) {
    struct iovec body = {.iov_base = bytes, .iov_len = size};
    const struct msghdr envelope = {.msg_name = &c->from,
                                    .msg_namelen = c->from_bytes,
                                    .msg_iov = &body,
                                    .msg_iovlen = 1,
                                    .msg_control = &c->out,
                                    .msg_controllen = c->address_bytes +
                                                      (cut ? CMSG_SPACE(sizeof(uint16_t)) : 0)};
    return sendmsg(c->base.socket, &envelope, MSG_NOSIGNAL);
}

/* One call. 0, -EAGAIN, -EINTR, or -EMSGSIZE: not in one. */
static int send_once(struct connection *c, uint8_t *bytes, size_t size, bool cut, uint64_t replies,
                     struct echo_worker *worker) {
    const ssize_t sent = send_bytes(c, bytes, size, cut);
    const int failed = sent < 0 ? errno : 0;
    c->base.wants_room = failed == EAGAIN;
    if (failed == EAGAIN || failed == EINTR) return -failed;
    if (cut && (failed == EMSGSIZE || failed == EINVAL || failed == EIO)) return -EMSGSIZE;
    worker->counts[ECHO_SENDS] += failed == 0;
    /* What cannot go is lost, as on the way; the next client is not to suffer. */
    worker->counts[failed == 0 ? ECHO_REPLIES : ECHO_BROKEN] += failed == 0 ? replies : 1;
    return 0;
}

/* Of a run, what one call takes. */
static int send_part(struct connection *c, struct echo_worker *worker) {
    const size_t run = c->ready - c->sent;
    size_t size = run, count = c->owed;
    if (!c->answering.packed) {
        size_t most = SENT_MAX / c->segment;
        if (most > UDP_BATCH_CALL) most = UDP_BATCH_CALL;
        if (c->singly || most == 0) most = 1;
        if (count > most) count = most;
        if (size > count * c->segment) size = count * c->segment;
    }
    const bool cut = !c->answering.packed && count > 1;
    const int failed = send_once(c, c->bytes + c->sent, size, cut, count, worker);
    if (failed == -EMSGSIZE) c->singly = true; /* no call like this one will ever go */
    if (failed != 0) return failed == -EAGAIN ? failed : 0;
    c->sent += size;
    c->owed -= count;
    return 0;
}

static int send_owed(struct connection *c, struct echo_worker *worker) {
    while (c->sent < c->ready) {
        const int failed = send_part(c, worker);
        if (failed != 0) return failed;
    }
    while (c->other.reply_bytes > 0) {
        const int failed = send_once(c, c->other.reply, c->other.reply_bytes, false, 1, worker);
        if (failed == -EAGAIN) return failed;
        if (failed == 0) c->other.reply_bytes = 0;
    }
    c->ready += c->skip;
    c->sent = c->ready;
    c->skip = 0;
    return 0;
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    const bool owing = c->sent < c->ready || c->other.reply_bytes > 0;
    int failed = owing ? 0 : receive(c, worker);
    if (failed == -EINTR) return 0;
    if (failed == -EAGAIN || failed == -ESHUTDOWN) return failed;
    if (failed != 0) {
        /* What cannot be received is lost, as on the way; the others are not to suffer. */
        worker->counts[ECHO_BROKEN]++;
        return 0;
    }
    do {
        answer_run(c, worker);
        failed = send_owed(c, worker);
    } while (failed == 0 && c->ready < c->used);
    return failed;
}

/* The socket is the server's: others may be talking through it. */
static void drop(struct echo_connection *connection, struct echo_worker *worker) {
    (void)worker;
    struct connection *c = on(connection);
    udp_server_drop(&c->answering);
    free(c);
}

const struct echo_server_steps udp_gso_server_steps = {
    .listen = listen_gso,
    .accept = accept_gso,
    .step = step,
    .drop = drop,
    .stop = udp_server_stop,
    .release = udp_server_release,
};

const struct echo_server_steps udp_packed_server_steps = {
    .listen = listen_packed,
    .accept = accept_packed,
    .step = step,
    .drop = drop,
    .stop = udp_server_stop,
    .release = udp_server_release,
};
