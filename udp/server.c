/* SPDX-License-Identifier: MIT */
#include "udp/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "udp/executed.h"

struct server {
    struct echo_server base;
    unsigned given, sockets;
    int socket[];
};

struct connection {
    struct echo_connection base;
    const struct echo_server_options *options;
    size_t ready;     /* bytes of the reply that is owed: as long as one is, no other comes */
    bool any_address; /* bound to the wildcard: answer from the address that was asked */
    struct sockaddr_storage from;
    struct msghdr envelope; /* who asked, and with any_address at which address of ours */
    struct iovec body;
    alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct udp_executed executed;
    uint8_t bytes[UDP_DATAGRAM_BYTES]; /* one datagram, and its reply */
};

static struct server *of(struct echo_server *server) {
    return (struct server *)(void *)server;
}

static struct connection *on(struct echo_connection *connection) {
    return (struct connection *)(void *)connection;
}

/* ---- without a system call ---- */

static struct echo_connection *make(const struct echo_server_options *options) {
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->base.socket = -1;
    c->options = options;
    c->any_address = echo_address_is_wildcard(&options->address);
    return &c->base;
}

static size_t room(struct echo_connection *connection, struct echo_worker *worker,
                   uint8_t **bytes) {
    (void)worker; /* There is one socket, so its buffer need not be lent. */
    *bytes = on(connection)->bytes;
    return UDP_DATAGRAM_BYTES;
}

/* Does the work of a request. It may be a retry: work once more, unless told not to (dedup). */
static void execute(struct connection *c, const struct echo_message *request,
                    struct echo_worker *worker) {
    uint64_t *times = udp_executed_times(&c->executed, request->session, request->sequence);
    if (*times > 0) worker->counts[ECHO_REPEATED]++;
    if (*times > 0 && c->options->dedup) return;
    if (*times == 1) worker->counts[ECHO_TWICE]++;
    ++*times;
    worker->counts[ECHO_EXECUTED]++;
    echo_worker_work(worker, c->options->delay_ns);
}

/* Whether a datagram may be answered. A longer reply would help whoever forges a sender. */
static bool acceptable(const struct connection *c, const struct echo_message *request, size_t size,
                       bool packed) {
    const size_t whole = ECHO_HEADER_BYTES + (size_t)request->payload_bytes;
    if (request->kind != ECHO_REQUEST || request->flags != 0) return false;
    if (packed ? size < whole : size != whole) return false;
    if (request->reply_bytes > ECHO_UDP_PAYLOAD_MAX) return false;
    return request->reply_bytes <= request->payload_bytes || c->options->growing;
}

bool udp_server_execute(struct echo_connection *connection, const uint8_t *at, size_t size,
                        bool packed, struct echo_message *request, struct echo_worker *worker) {
    bool good = echo_decode(request, at, size) == ECHO_WHOLE;
    if (good) good = acceptable(on(connection), request, size, packed);
    worker->counts[good ? ECHO_REQUESTS : ECHO_REFUSED]++;
    if (good) execute(on(connection), request, worker);
    return good;
}

/* Answers in place: there is room for the longest. An empty one is no end of file. */
static void arrived(struct echo_connection *connection, struct echo_worker *worker, size_t size) {
    struct connection *c = on(connection);
    struct echo_message request;
    c->ready = c->options->raw ? size : 0;
    if (c->options->raw) return;
    if (!udp_server_execute(connection, c->bytes, size, false, &request, worker)) return;
    echo_write_reply(c->bytes, &request);
    c->ready = ECHO_HEADER_BYTES + (size_t)request.reply_bytes;
}

static size_t owed(struct echo_connection *connection, uint8_t **bytes) {
    *bytes = on(connection)->bytes;
    return on(connection)->ready;
}

static void went(struct echo_connection *connection, struct echo_worker *worker, size_t size) {
    (void)size; /* a datagram goes whole */
    on(connection)->ready = 0;
    worker->counts[ECHO_REPLIES]++;
}

/* ---- the calls around it ---- */

/*
 * Never SO_REUSEADDR: no TIME_WAIT holds the port, and it would let a second
 * server take the datagrams of the first (socket(7)).
 */
static int set_options(int socket, const struct echo_server_options *options) {
    const int on = 1;
    const uint32_t *room = &options->receive_bytes;
    const bool ipv6 = options->address.any.sa_family == AF_INET6;
    if (*room > 0 && setsockopt(socket, SOL_SOCKET, SO_RCVBUF, room, sizeof *room) != 0) {
        return -errno;
    }
    if (!echo_address_is_wildcard(&options->address)) return 0;
    const int failed = ipv6 ? setsockopt(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on)
                            : setsockopt(socket, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    return failed == 0 ? 0 : -errno;
}

static int share_port(int socket) {
    const int on = 1;
    return setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 ? 0 : -errno;
}

/* Who shares the port does so only once it has it, so that a stranger's is refused. */
static int bind_socket(int socket, const struct echo_server_options *options, bool first) {
    const struct echo_address *address = &options->address;
    const bool joins = !first || options->sharing == ECHO_JOINS_PORT;
    const bool shares = options->sockets > 1 || options->sharing == ECHO_SHARES_PORT;
    int failed = set_options(socket, options);
    if (failed == 0 && joins) failed = share_port(socket);
    if (failed == 0 && bind(socket, &address->any, address->size) != 0) failed = -errno;
    if (failed == 0 && shares && !joins) failed = share_port(socket);
    /* Nobody listens: what comes to the port is there to be received. */
    return failed;
}

/* Several where each of several workers is to have its own; the kernel deals out the datagrams. */
static int open_sockets(struct server *s) {
    struct echo_server_options *options = &s->base.options;
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    int failed;
    do {
        const bool first = s->sockets == 0;
        const int made = socket(options->address.any.sa_family, SOCK_DGRAM | flags, 0);
        if (made < 0) return -errno;
        s->socket[s->sockets++] = made;
        failed = bind_socket(made, options, first);
        if (failed == 0 && first) failed = echo_address_of_socket(&options->address, made);
    } while (failed == 0 && s->sockets < options->sockets);
    return failed;
}

static int listen_server(struct echo_server **server, const struct echo_server_options *options) {
    struct server *s = calloc(1, sizeof *s + (options->sockets + 1) * sizeof s->socket[0]);
    if (s == NULL) return -ENOMEM;
    s->base.steps = &udp_server_steps;
    s->base.options = *options;
    if (echo_address_is_loopback(&options->address)) s->base.options.growing = true;
    const int failed = open_sockets(s);
    if (failed != 0) {
        s->base.steps->release(&s->base);
        return failed;
    }
    s->base.socket = s->socket[0];
    *server = &s->base;
    return 0;
}

/* No client has a socket of its own here: all share the one, and it is handed out once. */
static int accept_connection(struct echo_server *server, struct echo_worker *worker,
                             struct echo_connection **connection) {
    (void)worker;
    struct server *s = of(server);
    /* Memory first: a socket that was given away and then not taken would never be served. */
    struct echo_connection *c = make(&server->options);
    if (c == NULL) return -ENOMEM;
    const unsigned i = __atomic_fetch_add(&s->given, 1, __ATOMIC_RELAXED);
    if (i >= s->sockets) {
        free(c);
        return -ECANCELED;
    }
    c->socket = s->socket[i];
    *connection = c;
    return 0;
}

static ssize_t receive_datagram(struct connection *c, uint8_t *bytes, size_t size) {
    c->envelope = (struct msghdr){.msg_name = &c->from, .msg_namelen = sizeof c->from};
    if (!c->any_address) {
        return recvfrom(c->base.socket, bytes, size, 0, (struct sockaddr *)&c->from,
                        &c->envelope.msg_namelen);
    }
    c->body = (struct iovec){.iov_base = bytes, .iov_len = size};
    c->envelope.msg_iov = &c->body;
    c->envelope.msg_iovlen = 1;
    c->envelope.msg_control = c->control;
    c->envelope.msg_controllen = sizeof c->control;
    return recvmsg(c->base.socket, &c->envelope, 0);
}

static int receive(struct connection *c, struct echo_worker *worker) {
    uint8_t *bytes;
    const size_t size = room(&c->base, worker, &bytes);
    const ssize_t got = receive_datagram(c, bytes, size);
    if (got < 0) return -errno;
    /* After shutdown recv says 0 with no sender; an empty datagram has one. */
    if (got == 0 && c->envelope.msg_namelen == 0) return -ESHUTDOWN;
    worker->counts[ECHO_RECEIVES]++;
    arrived(&c->base, worker, (size_t)got);
    return 0;
}

static ssize_t send_datagram(struct connection *c, uint8_t *bytes, size_t size) {
    if (!c->any_address) {
        return sendto(c->base.socket, bytes, size, MSG_NOSIGNAL, (const struct sockaddr *)&c->from,
                      c->envelope.msg_namelen);
    }
    /* The control data that came with the request names the address that was asked. */
    c->body = (struct iovec){.iov_base = bytes, .iov_len = size};
    return sendmsg(c->base.socket, &c->envelope, MSG_NOSIGNAL);
}

static int send_owed(struct connection *c, struct echo_worker *worker) {
    uint8_t *bytes;
    for (size_t size; (size = owed(&c->base, &bytes)) > 0;) {
        const ssize_t sent = send_datagram(c, bytes, size);
        if (sent < 0 && errno == EINTR) continue;
        c->base.wants_room = sent < 0 && errno == EAGAIN;
        if (sent < 0 && errno != EAGAIN) c->ready = 0;
        if (sent < 0) return -errno;
        worker->counts[ECHO_SENDS]++;
        went(&c->base, worker, (size_t)sent);
    }
    return 0;
}

static int advance(struct connection *c, struct echo_worker *worker) {
    int failed = c->ready > 0 ? 0 : receive(c, worker);
    if (failed == 0) failed = send_owed(c, worker);
    return failed == -EINTR ? 0 : failed;
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    const int result = advance(on(connection), worker);
    if (result == 0 || result == -EAGAIN || result == -ESHUTDOWN) return result;
    /* What cannot be received or sent is lost, as on the way; the others are not to suffer. */
    worker->counts[ECHO_BROKEN]++;
    return 0;
}

/* The socket is the server's: others may be talking through it. */
static void drop(struct echo_connection *connection, struct echo_worker *worker) {
    (void)worker;
    free(connection->mode);
    free(on(connection));
}

static void stop(struct echo_server *server) {
    struct server *s = of(server);
    /* ENOTCONN, as none is connected; whoever waits in recv wakes all the same. */
    for (unsigned i = 0; i < s->sockets; i++) (void)shutdown(s->socket[i], SHUT_RDWR);
}

static void release(struct echo_server *server) {
    if (server == NULL) return;
    struct server *s = of(server);
    for (unsigned i = 0; i < s->sockets; i++) (void)close(s->socket[i]);
    free(s);
}

const struct echo_server_pure udp_server_pure = {
    .make = make,
    .room = room,
    .arrived = arrived,
    .owed = owed,
    .went = went,
};

const struct echo_server_steps udp_server_steps = {
    .listen = listen_server,
    .accept = accept_connection,
    .step = step,
    .drop = drop,
    .stop = stop,
    .release = release,
};
