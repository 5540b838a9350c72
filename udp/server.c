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
#include "udp/executed.h"

enum {
    DATAGRAM_BYTES = 1 << 16 /* no datagram is longer */
};

struct server {
    struct echo_server base;
    struct echo_server_options options;
    bool any_address; /* bound to the wildcard: answer from the address that was asked */
    unsigned given, sockets;
    int socket[];
};

struct connection {
    struct echo_connection base;
    const struct server *server;
    uint8_t *bytes; /* one datagram in, and behind it one out */
    struct udp_executed *executed;
    uint8_t *reply;     /* what is owed: `bytes`, or behind it */
    size_t reply_bytes; /* 0: nothing is owed */
    struct sockaddr_storage from;
    struct msghdr envelope; /* who asked, and with any_address at which address of ours */
    struct iovec body;
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static struct server *of(struct echo_server *server) {
    return (struct server *)(void *)server;
}

static struct connection *on(struct echo_connection *connection) {
    return (struct connection *)(void *)connection;
}

static int set_options(int socket, const struct server *s) {
    /*
     * Never SO_REUSEADDR: no TIME_WAIT holds the port, and it would let a
     * second server take the datagrams of the first (socket(7)).
     */
    if (!s->any_address) return 0;
    const int on = 1;
    const bool ipv6 = s->options.address.any.sa_family == AF_INET6;
    const int failed = ipv6 ? setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on)
                            : setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    return failed == 0 ? 0 : -errno;
}

static int share_port(int socket) {
    const int on = 1;
    return setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 ? 0 : -errno;
}

/* The first socket shares only after it is bound, so that a second server is refused. */
static int bind_socket(struct server *s, unsigned i) {
    const int flags = SOCK_CLOEXEC | (s->options.nonblocking ? SOCK_NONBLOCK : 0);
    struct echo_address *address = &s->options.address;
    s->socket[i] = socket(address->any.sa_family, SOCK_DGRAM | flags, 0);
    if (s->socket[i] < 0) return -errno;
    int failed = set_options(s->socket[i], s);
    if (failed == 0 && i > 0) failed = share_port(s->socket[i]);
    if (failed == 0 && bind(s->socket[i], &address->any, address->size) != 0) failed = -errno;
    if (failed == 0 && i == 0 && s->options.sockets > 1) failed = share_port(s->socket[i]);
    return failed != 0 || i > 0 ? failed : echo_address_of_socket(address, s->socket[i]);
}

static int listen_server(struct echo_server **server, const struct echo_server_options *options) {
    const unsigned sockets = options->sockets == 0 ? 1 : options->sockets;
    struct server *s = calloc(1, sizeof *s + sockets * sizeof s->socket[0]);
    if (s == NULL) return -ENOMEM;
    s->base.steps = &udp_server_steps;
    s->options = *options;
    s->any_address = echo_address_is_wildcard(&options->address);
    if (echo_address_is_loopback(&options->address)) s->options.growing = true;
    int failed = 0;
    while (failed == 0 && s->sockets < sockets) {
        s->socket[s->sockets] = -1;
        s->sockets++;
        failed = bind_socket(s, s->sockets - 1);
    }
    s->base.socket = s->socket[0];
    if (failed != 0) {
        s->base.steps->release(&s->base);
        return failed;
    }
    *server = &s->base;
    return 0;
}

/* No client has a socket of its own here: all share the one, and it is handed out once. */
static int accept_connection(struct echo_server *server, struct echo_worker *worker,
                             struct echo_connection **connection) {
    (void)worker;
    struct server *s = of(server);
    struct connection *c = calloc(1, sizeof *c);
    uint8_t *bytes = malloc((size_t)2 * DATAGRAM_BYTES);
    struct udp_executed *executed = calloc(1, sizeof *executed);
    int failed = c == NULL || bytes == NULL || executed == NULL ? -ENOMEM : 0;
    /* Memory first: a socket that was given away and then not taken would never be served. */
    unsigned i = 0;
    if (failed == 0) i = __atomic_fetch_add(&s->given, 1, __ATOMIC_RELAXED);
    if (i >= s->sockets) failed = -ECANCELED;
    if (failed != 0) {
        free(c);
        free(bytes);
        free(executed);
        return failed;
    }
    c->base.socket = s->socket[i];
    c->server = s;
    c->bytes = bytes;
    c->executed = executed;
    *connection = &c->base;
    return 0;
}

/* A service time: work, not sleep. */
static void spend(uint64_t ns) {
    echo_clock_spin_until(echo_clock_ns() + ns);
}

/*
 * Does the work of a request. A datagram may be a retry, which is work once
 * more, unless it is not to be (dedup).
 */
static void execute(struct connection *c, const struct echo_message *request,
                    struct echo_worker *worker) {
    uint64_t *times = udp_executed_times(c->executed, request->session, request->sequence);
    if (*times > 0) worker->counts[ECHO_REPEATED]++;
    if (*times > 0 && c->server->options.dedup) return;
    if (*times == 1) worker->counts[ECHO_TWICE]++;
    ++*times;
    worker->counts[ECHO_EXECUTED]++;
    if (c->server->options.delay_ns > 0) spend(c->server->options.delay_ns);
}

/* A reply that does not fit where its request stands. */
static void answer_elsewhere(struct connection *c, const struct echo_message *request) {
    c->reply = c->bytes + DATAGRAM_BYTES;
    c->reply_bytes = ECHO_HEADER_BYTES + (size_t)request->reply_bytes;
    echo_write_reply(c->reply, c->bytes, request);
}

/* Whether a datagram may be answered. A longer reply would help whoever forges a sender. */
static bool acceptable(const struct connection *c, const struct echo_message *request,
                       size_t size) {
    if (request->kind != ECHO_REQUEST || request->flags != 0) return false;
    if (size != ECHO_HEADER_BYTES + (size_t)request->payload_bytes) return false;
    if (request->reply_bytes > ECHO_UDP_PAYLOAD_MAX) return false;
    return request->reply_bytes <= request->payload_bytes || c->server->options.growing;
}

/* A datagram is one message: answers it, or stays silent. */
static void answer(struct connection *c, size_t size, struct echo_worker *worker) {
    struct echo_message request;
    c->reply = c->bytes;
    c->reply_bytes = size;
    if (c->server->options.raw) return;
    if (echo_decode(&request, c->bytes, size) != ECHO_WHOLE || !acceptable(c, &request, size)) {
        worker->counts[ECHO_REFUSED]++;
        c->reply_bytes = 0;
        return;
    }
    worker->counts[ECHO_REQUESTS]++;
    execute(c, &request, worker);
    if (request.reply_bytes != request.payload_bytes) {
        answer_elsewhere(c, &request);
    } else {
        echo_make_reply(c->bytes);
    }
}

static ssize_t send_datagram(struct connection *c) {
    if (!c->server->any_address) {
        return sendto(c->base.socket, c->reply, c->reply_bytes, MSG_NOSIGNAL,
                      (const struct sockaddr *)&c->from, c->envelope.msg_namelen);
    }
    /* The control data that came with the request names the address that was asked. */
    c->body = (struct iovec){.iov_base = c->reply, .iov_len = c->reply_bytes};
    return sendmsg(c->base.socket, &c->envelope, MSG_NOSIGNAL);
}

static int send_reply(struct connection *c, struct echo_worker *worker) {
    ssize_t sent;
    do {
        sent = send_datagram(c);
    } while (sent < 0 && errno == EINTR);
    c->base.wants_room = sent < 0 && errno == EAGAIN;
    if (c->base.wants_room) return -EAGAIN;
    c->reply_bytes = 0;
    /* A datagram that cannot go is lost, as on the way; the next client is not to suffer. */
    worker->counts[sent < 0 ? ECHO_BROKEN : ECHO_REPLIES]++;
    return 0;
}

static ssize_t receive(struct connection *c) {
    c->envelope = (struct msghdr){.msg_name = &c->from, .msg_namelen = sizeof c->from};
    if (!c->server->any_address) {
        return recvfrom(c->base.socket, c->bytes, DATAGRAM_BYTES, 0, (struct sockaddr *)&c->from,
                        &c->envelope.msg_namelen);
    }
    c->body = (struct iovec){.iov_base = c->bytes, .iov_len = DATAGRAM_BYTES};
    c->envelope.msg_iov = &c->body;
    c->envelope.msg_iovlen = 1;
    c->envelope.msg_control = c->control;
    c->envelope.msg_controllen = sizeof c->control;
    return recvmsg(c->base.socket, &c->envelope, 0);
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    if (c->reply_bytes > 0) return send_reply(c, worker);
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
    answer(c, (size_t)got, worker);
    return c->reply_bytes > 0 ? send_reply(c, worker) : 0;
}

/* The socket is the server's: others may be talking through it. */
static void drop(struct echo_connection *connection, struct echo_worker *worker) {
    (void)worker;
    struct connection *c = on(connection);
    free(c->bytes);
    free(c->executed);
    free(c);
}

static void stop(struct echo_server *server) {
    struct server *s = of(server);
    /* ENOTCONN, as there is no connection to shut down; whoever waits in recv wakes all the same.
     */
    for (unsigned i = 0; i < s->sockets; i++) (void)shutdown(s->socket[i], SHUT_RDWR);
}

static void release(struct echo_server *server) {
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
    .stop = stop,
    .release = release,
};
