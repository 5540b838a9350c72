/* SPDX-License-Identifier: MIT */
#include "udp/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo/clock.h"

struct server {
    struct echo_server base;
    struct echo_server_options options;
    bool any_address; /* bound to the wildcard: answer from the address that was asked */
    unsigned given, sockets;
    int socket[];
};

struct connection {
    struct echo_connection base;
    struct udp_answering answering;
    struct udp_answer owed; /* none, where it has no bytes */
    struct sockaddr_storage from;
    struct msghdr envelope; /* who asked, and with any_address at which address of ours */
    struct iovec body;
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    uint8_t bytes[]; /* one datagram */
};

static struct server *of(struct echo_server *server) {
    return (struct server *)(void *)server;
}

static struct connection *on(struct echo_connection *connection) {
    return (struct connection *)(void *)connection;
}

static int set_room(int socket, uint32_t bytes) {
    return setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) == 0 ? 0 : -errno;
}

static int set_options(int socket, const struct server *s) {
    const int on = 1;
    const bool ipv6 = s->options.address.any.sa_family == AF_INET6;
    /*
     * Never SO_REUSEADDR: no TIME_WAIT holds the port, and it would let a
     * second server take the datagrams of the first (socket(7)).
     */
    int failed = s->options.receive_bytes > 0 ? set_room(socket, s->options.receive_bytes) : 0;
    if (failed != 0 || !s->any_address) return failed;
    failed = ipv6 ? setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on)
                  : setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    return failed == 0 ? 0 : -errno;
}

static int share_port(int socket) {
    const int on = 1;
    return setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 ? 0 : -errno;
}

/* Who shares the port does so only once it has it, so that a stranger's is refused. */
static int bind_socket(struct server *s, unsigned i, int (*prepare)(int socket)) {
    const int flags = SOCK_CLOEXEC | (s->options.nonblocking ? SOCK_NONBLOCK : 0);
    struct echo_address *address = &s->options.address;
    const bool joins = i > 0 || s->options.sharing == ECHO_JOINS_PORT;
    const bool shares = s->options.sockets > 1 || s->options.sharing == ECHO_SHARES_PORT;
    s->socket[i] = socket(address->any.sa_family, SOCK_DGRAM | flags, 0);
    if (s->socket[i] < 0) return -errno;
    int failed = set_options(s->socket[i], s);
    if (failed == 0 && prepare != NULL) failed = prepare(s->socket[i]);
    if (failed == 0 && joins) failed = share_port(s->socket[i]);
    if (failed == 0 && bind(s->socket[i], &address->any, address->size) != 0) failed = -errno;
    if (failed == 0 && shares && !joins) failed = share_port(s->socket[i]);
    return failed != 0 || i > 0 ? failed : echo_address_of_socket(address, s->socket[i]);
}

int udp_server_listen(struct echo_server **server, const struct echo_server_options *options,
                      const struct echo_server_steps *steps, int (*prepare)(int socket)) {
    const unsigned sockets = options->sockets == 0 ? 1 : options->sockets;
    struct server *s = calloc(1, sizeof *s + sockets * sizeof s->socket[0]);
    if (s == NULL) return -ENOMEM;
    s->base.steps = steps;
    s->options = *options;
    s->any_address = echo_address_is_wildcard(&options->address);
    if (echo_address_is_loopback(&options->address)) s->options.growing = true;
    int failed = 0;
    while (failed == 0 && s->sockets < sockets) {
        s->socket[s->sockets] = -1;
        s->sockets++;
        failed = bind_socket(s, s->sockets - 1, prepare);
    }
    s->base.socket = s->socket[0];
    if (failed != 0) {
        s->base.steps->release(&s->base);
        return failed;
    }
    *server = &s->base;
    return 0;
}

static int listen_server(struct echo_server **server, const struct echo_server_options *options) {
    return udp_server_listen(server, options, &udp_server_steps, NULL);
}

int udp_server_accept(struct echo_server *server, struct udp_answering *answering) {
    struct server *s = of(server);
    /* Memory first: a socket that was given away and then not taken would never be served. */
    *answering = (struct udp_answering){.options = &s->options, .any_address = s->any_address};
    answering->executed = calloc(1, sizeof *answering->executed);
    answering->elsewhere = malloc(UDP_DATAGRAM_BYTES);
    int failed = answering->executed == NULL || answering->elsewhere == NULL ? -ENOMEM : 0;
    unsigned i = 0;
    if (failed == 0) i = __atomic_fetch_add(&s->given, 1, __ATOMIC_RELAXED);
    if (i >= s->sockets) failed = -ECANCELED;
    if (failed == 0) return s->socket[i];
    udp_server_drop(answering);
    return failed;
}

/* No client has a socket of its own here: all share the one, and it is handed out once. */
static int accept_connection(struct echo_server *server, struct echo_worker *worker,
                             struct echo_connection **connection) {
    (void)worker;
    struct connection *c = calloc(1, sizeof *c + UDP_DATAGRAM_BYTES);
    const int taken = c == NULL ? -ENOMEM : udp_server_accept(server, &c->answering);
    if (taken < 0) {
        free(c);
        return taken;
    }
    c->base.socket = taken;
    *connection = &c->base;
    return 0;
}

/*
 * Does the work of a request. A datagram may be a retry, which is work once
 * more, unless it is not to be (dedup).
 */
static void execute(const struct udp_answering *a, const struct echo_message *request,
                    struct echo_worker *worker) {
    uint64_t *times = udp_executed_times(a->executed, request->session, request->sequence);
    if (*times > 0) worker->counts[ECHO_REPEATED]++;
    if (*times > 0 && a->options->dedup) return;
    if (*times == 1) worker->counts[ECHO_TWICE]++;
    ++*times;
    worker->counts[ECHO_EXECUTED]++;
    const uint64_t delay_ns = a->options->delay_ns; /* a service time: work, not sleep */
    if (delay_ns > 0) echo_clock_spin_until(echo_clock_ns() + delay_ns);
}

/* Whether a datagram may be answered. A longer reply would help whoever forges a sender. */
static bool acceptable(const struct udp_answering *a, const struct echo_message *request,
                       size_t size) {
    const size_t whole = ECHO_HEADER_BYTES + (size_t)request->payload_bytes;
    if (request->kind != ECHO_REQUEST || request->flags != 0) return false;
    if (a->packed ? size < whole : size != whole) return false;
    if (request->reply_bytes > ECHO_UDP_PAYLOAD_MAX) return false;
    return request->reply_bytes <= request->payload_bytes || a->options->growing;
}

struct udp_answer udp_server_answer(const struct udp_answering *a, uint8_t *at, size_t size,
                                    struct echo_worker *worker) {
    struct echo_message request;
    if (a->options->raw) return (struct udp_answer){at, size, size};
    if (echo_decode(&request, at, size) != ECHO_WHOLE || !acceptable(a, &request, size)) {
        worker->counts[ECHO_REFUSED]++;
        return (struct udp_answer){at, 0, size};
    }
    worker->counts[ECHO_REQUESTS]++;
    execute(a, &request, worker);
    const size_t request_bytes = ECHO_HEADER_BYTES + (size_t)request.payload_bytes;
    const size_t reply_bytes = ECHO_HEADER_BYTES + (size_t)request.reply_bytes;
    if (request_bytes == reply_bytes) {
        echo_make_reply(at);
        return (struct udp_answer){at, reply_bytes, request_bytes};
    }
    echo_write_reply(a->elsewhere, at, &request); /* it does not fit where its request stands */
    return (struct udp_answer){a->elsewhere, reply_bytes, request_bytes};
}

static ssize_t send_datagram(struct connection *c) {
    if (!c->answering.any_address) {
        return sendto(c->base.socket, c->owed.reply, c->owed.reply_bytes, MSG_NOSIGNAL,
                      (const struct sockaddr *)&c->from, c->envelope.msg_namelen);
    }
    /* The control data that came with the request names the address that was asked. */
    c->body = (struct iovec){.iov_base = c->owed.reply, .iov_len = c->owed.reply_bytes};
    return sendmsg(c->base.socket, &c->envelope, MSG_NOSIGNAL);
}

static int send_reply(struct connection *c, struct echo_worker *worker) {
    ssize_t sent;
    do {
        sent = send_datagram(c);
    } while (sent < 0 && errno == EINTR);
    c->base.wants_room = sent < 0 && errno == EAGAIN;
    if (c->base.wants_room) return -EAGAIN;
    c->owed.reply_bytes = 0;
    worker->counts[ECHO_SENDS] += sent >= 0;
    /* A datagram that cannot go is lost, as on the way; the next client is not to suffer. */
    worker->counts[sent < 0 ? ECHO_BROKEN : ECHO_REPLIES]++;
    return 0;
}

static ssize_t receive(struct connection *c) {
    c->envelope = (struct msghdr){.msg_name = &c->from, .msg_namelen = sizeof c->from};
    if (!c->answering.any_address) {
        return recvfrom(c->base.socket, c->bytes, UDP_DATAGRAM_BYTES, 0,
                        (struct sockaddr *)&c->from, &c->envelope.msg_namelen);
    }
    c->body = (struct iovec){.iov_base = c->bytes, .iov_len = UDP_DATAGRAM_BYTES};
    c->envelope.msg_iov = &c->body;
    c->envelope.msg_iovlen = 1;
    c->envelope.msg_control = c->control;
    c->envelope.msg_controllen = sizeof c->control;
    return recvmsg(c->base.socket, &c->envelope, 0);
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    if (c->owed.reply_bytes > 0) return send_reply(c, worker);
    const ssize_t got = receive(c);
    if (got < 0 && errno == EINTR) return 0;
    if (got < 0 && errno == EAGAIN) return -EAGAIN;
    if (got < 0) {
        /* What cannot be received is lost, as on the way; the others are not to suffer. */
        worker->counts[ECHO_BROKEN]++;
        return 0;
    }
    /* After shutdown recv says 0 with no sender; an empty datagram has one. */
    if (got == 0 && c->envelope.msg_namelen == 0) return -ESHUTDOWN;
    worker->counts[ECHO_RECEIVES]++;
    c->owed = udp_server_answer(&c->answering, c->bytes, (size_t)got, worker);
    return c->owed.reply_bytes > 0 ? send_reply(c, worker) : 0;
}

void udp_server_drop(struct udp_answering *answering) {
    free(answering->executed);
    free(answering->elsewhere);
}

/* The socket is the server's: others may be talking through it. */
static void drop(struct echo_connection *connection, struct echo_worker *worker) {
    (void)worker;
    struct connection *c = on(connection);
    udp_server_drop(&c->answering);
    free(c);
}

void udp_server_stop(struct echo_server *server) {
    struct server *s = of(server);
    /* ENOTCONN, as there is no connection to shut down; whoever waits in recv wakes all the same.
     */
    for (unsigned i = 0; i < s->sockets; i++) (void)shutdown(s->socket[i], SHUT_RDWR);
}

void udp_server_release(struct echo_server *server) {
    if (server == NULL) return;
    struct server *s = of(server);
    for (unsigned i = 0; i < s->sockets; i++) {
        if (s->socket[i] >= 0) (void)close(s->socket[i]);
    }
    free(s);
}

const struct echo_server_steps udp_server_steps = {
    .listen = listen_server,
    .accept = accept_connection,
    .step = step,
    .drop = drop,
    .stop = udp_server_stop,
    .release = udp_server_release,
};
