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
#include <string.h>
#include <sys/socket.h>

#include "udp/batch/batch.h"
#include "udp/batch/server.h"

enum { SENT_MAX = ECHO_HEADER_BYTES + ECHO_UDP_PAYLOAD_MAX }; /* bytes of one call */

struct control {
    alignas(struct cmsghdr)
        uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

struct run {
    bool packed;              /* a datagram may hold more than one message */
    size_t segment;           /* datagrams of this size came together; the last may be shorter */
    size_t sent, ready, used; /* [sent, ready) are replies, [ready, used) not yet looked at */
    uint64_t owed;            /* replies in [sent, ready) */
    size_t skip;              /* after `ready`: refused, or answered by `other` ... */
    size_t other_bytes;       /* ... which goes after them, and by itself; 0: none */
    bool singly;              /* the kernel does not cut here: a call each */
    struct sockaddr_storage from;
    socklen_t from_bytes;
    struct control in, out; /* `out` is what a reply needs: the address of ours, then the cut */
    size_t address_bytes;   /* of `out` */
    uint8_t bytes[UDP_DATAGRAM_BYTES], other[UDP_DATAGRAM_BYTES];
};

static int listen_gso(struct echo_server **server, const struct echo_server_options *options) {
    struct echo_server *s;
    int failed = udp_batch_listen(&s, options, &udp_gso_server_steps);
    if (failed != 0) return failed;
    failed = udp_gso_prepare(s->socket); /* requests may come before anybody accepts */
    if (failed == 0) *server = s;
    if (failed != 0) udp_batch_release(s);
    return failed;
}

static int listen_packed(struct echo_server **server, const struct echo_server_options *options) {
    return udp_batch_listen(server, options, &udp_packed_server_steps);
}

static int accept_gso(struct echo_server *server, struct echo_worker *worker,
                      struct echo_connection **connection) {
    const int failed = udp_batch_accept(server, worker, connection, sizeof(struct run));
    /* Of several sockets the others; without it each datagram comes by itself. */
    if (failed == 0) (void)udp_gso_prepare((*connection)->socket);
    return failed;
}

static int accept_packed(struct echo_server *server, struct echo_worker *worker,
                         struct echo_connection **connection) {
    const int failed = udp_batch_accept(server, worker, connection, sizeof(struct run));
    if (failed == 0) ((struct run *)(*connection)->mode)->packed = true;
    return failed;
}

/* Notes how large the datagrams are, and what a reply must be sent with. */
static void read_control(struct run *r, struct msghdr *envelope, size_t got) {
    r->segment = got; /* alone */
    r->address_bytes = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(envelope); h != NULL; h = CMSG_NXTHDR(envelope, h)) {
        if (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == UDP_GRO) {
            int each;
            memcpy(&each, CMSG_DATA(h), sizeof each);
            r->segment = (size_t)each;
        } else {
            r->address_bytes = CMSG_SPACE(h->cmsg_len - CMSG_LEN(0));
            memcpy(r->out.bytes, h, h->cmsg_len);
        }
    }
    const uint16_t each = (uint16_t)r->segment;
    struct cmsghdr *cut = (struct cmsghdr *)(void *)(r->out.bytes + r->address_bytes);
    *cut = (struct cmsghdr){
        .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof each)};
    memcpy(CMSG_DATA(cut), &each, sizeof each);
}

static int receive(struct echo_connection *connection, struct echo_worker *worker) {
    struct run *r = connection->mode;
    struct echo_message none;
    struct iovec body = {.iov_base = r->bytes, .iov_len = sizeof r->bytes};
    struct msghdr envelope = {.msg_name = &r->from,
                              .msg_namelen = sizeof r->from,
                              .msg_iov = &body,
                              .msg_iovlen = 1,
                              .msg_control = &r->in,
                              .msg_controllen = sizeof r->in};
    const ssize_t got = recvmsg(connection->socket, &envelope, 0);
    if (got < 0) return -errno;
    if (got == 0 && envelope.msg_namelen == 0) return -ESHUTDOWN; /* see udp/server.c */
    worker->counts[ECHO_RECEIVES]++;
    r->from_bytes = envelope.msg_namelen;
    read_control(r, &envelope, (size_t)got);
    r->sent = r->ready = 0;
    r->used = (size_t)got;
    if (got == 0) (void)udp_server_execute(connection, r->bytes, 0, false, &none, worker);
    return 0;
}

/* The message at `ready`, of at most `size` bytes: what has another size does not stay in the run.
 */
static void answer(struct echo_connection *connection, size_t size, struct echo_worker *worker) {
    struct run *r = connection->mode;
    struct echo_message request;
    uint8_t *at = r->bytes + r->ready;
    r->skip = size;
    if (!udp_server_execute(connection, at, size, r->packed, &request, worker)) return;
    r->skip = ECHO_HEADER_BYTES + (size_t)request.payload_bytes;
    if (request.reply_bytes == request.payload_bytes) {
        echo_write_reply(at, &request);
        r->ready += r->skip;
        r->owed++;
        r->skip = 0;
    } else {
        memcpy(r->other, at, r->skip);
        echo_write_reply(r->other, &request);
        r->other_bytes = ECHO_HEADER_BYTES + (size_t)request.reply_bytes;
    }
}

/* Answers on while the replies stand side by side. */
static void answer_run(struct echo_connection *connection, struct echo_worker *worker) {
    const struct run *r = connection->mode;
    while (r->ready < r->used && r->skip == 0) {
        const size_t left = r->used - r->ready;
        answer(connection, r->packed || left < r->segment ? left : r->segment, worker);
    }
}

static ssize_t send_bytes(int socket, struct run *r, uint8_t *bytes, size_t size, bool cut) {
    struct iovec body = {.iov_base = bytes, .iov_len = size};
    const struct msghdr envelope = {.msg_name = &r->from,
                                    .msg_namelen = r->from_bytes,
                                    .msg_iov = &body,
                                    .msg_iovlen = 1,
                                    .msg_control = &r->out,
                                    .msg_controllen = r->address_bytes +
                                                      (cut ? CMSG_SPACE(sizeof(uint16_t)) : 0)};
    return sendmsg(socket, &envelope, MSG_NOSIGNAL);
}

/* One call. 0, -EAGAIN, -EINTR, or -EMSGSIZE: not in one. */
static int send_once(struct echo_connection *connection, uint8_t *bytes, size_t size, bool cut,
                     uint64_t replies, struct echo_worker *worker) {
    const ssize_t sent = send_bytes(connection->socket, connection->mode, bytes, size, cut);
    const int failed = sent < 0 ? errno : 0;
    connection->wants_room = failed == EAGAIN;
    if (failed == EAGAIN || failed == EINTR) return -failed;
    if (cut && (failed == EMSGSIZE || failed == EINVAL || failed == EIO)) return -EMSGSIZE;
    worker->counts[ECHO_SENDS] += failed == 0;
    /* What cannot go is lost, as on the way; the next client is not to suffer. */
    worker->counts[failed == 0 ? ECHO_REPLIES : ECHO_BROKEN] += failed == 0 ? replies : 1;
    return 0;
}

/* Of a run, what one call takes. */
static int send_part(struct echo_connection *connection, struct echo_worker *worker) {
    struct run *r = connection->mode;
    size_t size = r->ready - r->sent, count = r->owed;
    if (!r->packed) {
        size_t most = SENT_MAX / r->segment;
        if (most > UDP_BATCH_CALL) most = UDP_BATCH_CALL;
        if (r->singly || most == 0) most = 1;
        if (count > most) count = most;
        if (size > count * r->segment) size = count * r->segment;
    }
    const bool cut = !r->packed && count > 1;
    const int failed = send_once(connection, r->bytes + r->sent, size, cut, count, worker);
    if (failed == -EMSGSIZE) r->singly = true; /* no call like this one will ever go */
    if (failed != 0) return failed == -EAGAIN ? failed : 0;
    r->sent += size;
    r->owed -= count;
    return 0;
}

static int send_owed(struct echo_connection *connection, struct echo_worker *worker) {
    struct run *r = connection->mode;
    while (r->sent < r->ready) {
        const int failed = send_part(connection, worker);
        if (failed != 0) return failed;
    }
    while (r->other_bytes > 0) {
        const int failed = send_once(connection, r->other, r->other_bytes, false, 1, worker);
        if (failed == -EAGAIN) return failed;
        if (failed == 0) r->other_bytes = 0;
    }
    r->ready += r->skip;
    r->sent = r->ready;
    r->skip = 0;
    return 0;
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    const struct run *r = connection->mode;
    const bool owing = r->sent < r->ready || r->other_bytes > 0;
    int failed = owing ? 0 : receive(connection, worker);
    if (failed == -EINTR) return 0;
    if (failed == -EAGAIN || failed == -ESHUTDOWN) return failed;
    if (failed != 0) {
        /* What cannot be received is lost, as on the way; the others are not to suffer. */
        worker->counts[ECHO_BROKEN]++;
        return 0;
    }
    do {
        answer_run(connection, worker);
        failed = send_owed(connection, worker);
    } while (failed == 0 && r->ready < r->used);
    return failed;
}

const struct echo_server_steps udp_gso_server_steps = {
    .listen = listen_gso,
    .accept = accept_gso,
    .step = step,
    .drop = udp_batch_drop,
    .stop = udp_batch_stop,
    .release = udp_batch_release,
};

const struct echo_server_steps udp_packed_server_steps = {
    .listen = listen_packed,
    .accept = accept_packed,
    .step = step,
    .drop = udp_batch_drop,
    .stop = udp_batch_stop,
    .release = udp_batch_release,
};
