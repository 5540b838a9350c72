/* SPDX-License-Identifier: MIT */
#include "tcp/server.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo/clock.h"
#include "tcp/drain.h"
#include "tcp/fastopen.h"

/* What a connection borrows; a longer message gets a longer buffer. */
enum { SPARE_BYTES = DRAIN_BYTES };

struct server {
    struct echo_server base;
    struct echo_server_options options;
};

struct connection {
    struct echo_connection base;
    const struct server *server;
    uint8_t *bytes; /* borrowed from the worker while anything is in it */
    size_t size;
    size_t sent, ready, used; /* [sent, ready) are replies, [ready, used) not yet looked at */
    uint8_t *other;           /* a reply whose size is not its request's; malloc'd, else NULL */
    size_t other_sent, other_end;
    uint64_t owed; /* replies that the kernel does not have yet, or not whole */
    bool closing;  /* CLOSE was asked for: nothing more will be answered */
    struct drain drain;
};

static struct server *of(struct echo_server *server) {
    return (struct server *)(void *)server;
}

static struct connection *on(struct echo_connection *connection) {
    return (struct connection *)(void *)connection;
}

static int set_options(int socket) {
    const int on = 1;
    /* Connections that this port had may be in TIME_WAIT for a minute yet: bind all the same. */
    if (setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) return -errno;
    /* Accepted sockets inherit this: a call less for each (tcp(7)). */
    return setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 ? 0 : -errno;
}

static int share_port(int socket) {
    const int on = 1;
    return setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 ? 0 : -errno;
}

/* Who shares the port does so only once it has it, so that a stranger's is refused. */
static int bind_socket(int socket, const struct echo_server_options *options) {
    const struct echo_address *address = &options->address;
    int failed = set_options(socket);
    if (failed == 0 && options->fastopen) failed = tcp_fastopen_take(socket);
    if (failed == 0 && options->sharing == ECHO_JOINS_PORT) failed = share_port(socket);
    if (failed == 0 && bind(socket, &address->any, address->size) != 0) failed = -errno;
    if (failed == 0 && options->sharing == ECHO_SHARES_PORT) failed = share_port(socket);
    /* The kernel cuts the backlog to net.core.somaxconn: the system's maximum. */
    if (failed == 0 && listen(socket, INT_MAX) != 0) failed = -errno;
    return failed;
}

static int listen_server(struct echo_server **server, const struct echo_server_options *options) {
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL) return -ENOMEM;
    s->base.steps = &tcp_server_steps;
    s->options = *options;
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    s->base.socket = socket(options->address.any.sa_family, SOCK_STREAM | flags, 0);
    int failed = s->base.socket < 0 ? -errno : bind_socket(s->base.socket, options);
    if (failed != 0) {
        s->base.steps->release(&s->base);
        return failed;
    }
    *server = &s->base;
    return 0;
}

/* A socket of its own for every client, while the listening one keeps waiting. */
static int accept_connection(struct echo_server *server, struct echo_worker *worker,
                             struct echo_connection **connection) {
    const struct server *s = of(server);
    const int flags = SOCK_CLOEXEC | (s->options.nonblocking ? SOCK_NONBLOCK : 0);
    const int made = accept4(server->socket, NULL, NULL, flags);
    if (made < 0) return errno == EINVAL ? -ECANCELED : -errno; /* EINVAL: shut down by stop */
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        (void)close(made);
        return -ENOMEM;
    }
    c->base.socket = made;
    c->server = s;
    worker->counts[ECHO_ACCEPTED]++;
    *connection = &c->base;
    return 0;
}

static void give_back(struct connection *c, struct echo_worker *worker) {
    echo_worker_give_back(worker, c->bytes, c->size);
    c->bytes = NULL;
    c->sent = c->ready = c->used = 0;
}

/* Moves what is not yet looked at to the front and makes room for a message of `size`. */
static int make_room(struct connection *c, size_t size) {
    if (c->ready > 0) memmove(c->bytes, c->bytes + c->ready, c->used - c->ready);
    c->used -= c->ready;
    c->sent = c->ready = 0;
    if (size <= c->size) return 0;
    uint8_t *longer = realloc(c->bytes, size);
    if (longer == NULL) return -ENOMEM;
    c->bytes = longer;
    c->size = size;
    return 0;
}

/* Does the work of a request. The kernel hands out each byte once: no request is a copy. */
static void execute(const struct connection *c, struct echo_worker *worker) {
    worker->counts[ECHO_EXECUTED]++;
    const uint64_t delay_ns = c->server->options.delay_ns; /* a service time: work, not sleep */
    if (delay_ns > 0) echo_clock_spin_until(echo_clock_ns() + delay_ns);
}

/* A reply that does not fit where its request stands. */
static int answer_elsewhere(struct connection *c, const struct echo_message *request) {
    uint8_t *at = c->bytes + c->ready;
    const size_t size = ECHO_HEADER_BYTES + (size_t)request->reply_bytes;
    c->other = malloc(size);
    if (c->other == NULL) return -ENOMEM;
    echo_write_reply(c->other, at, request);
    c->other_sent = 0;
    c->other_end = size;
    c->sent = c->ready = c->ready + ECHO_HEADER_BYTES + request->payload_bytes;
    return 0;
}

/*
 * Answers all that is whole: in place, up to the first that does not fit in
 * place. 0, -EPROTO when a header is refused, or -ENOMEM.
 */
static int answer(struct connection *c, struct echo_worker *worker) {
    if (c->server->options.raw) {
        c->ready = c->used;
        return 0;
    }
    while (!c->closing && c->other == NULL) {
        struct echo_message request;
        uint8_t *at = c->bytes + c->ready;
        const size_t size = c->used - c->ready;
        if (size == 0) return 0;
        const enum echo_decoded decoded = echo_decode(&request, at, size);
        if (decoded == ECHO_PARTIAL) return 0;
        if (decoded == ECHO_BAD || request.kind != ECHO_REQUEST) return -EPROTO;
        const size_t whole = ECHO_HEADER_BYTES + (size_t)request.payload_bytes;
        if (size < whole) {
            return c->sent < c->ready || whole <= c->size ? 0 : make_room(c, whole);
        }
        const bool in_place = request.reply_bytes == request.payload_bytes;
        if (!in_place && c->sent < c->ready) return 0; /* those before it go first */
        worker->counts[ECHO_REQUESTS]++;
        execute(c, worker);
        c->closing = (request.flags & ECHO_CLOSE) != 0;
        c->owed++;
        if (!in_place) return answer_elsewhere(c, &request);
        echo_make_reply(at);
        c->ready += whole;
    }
    return 0;
}

static int send_part(struct connection *c, const uint8_t *bytes, size_t *from, size_t end,
                     struct echo_worker *worker) {
    while (*from < end) {
        const ssize_t sent = send(c->base.socket, bytes + *from, end - *from, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        c->base.wants_room = sent < 0 && errno == EAGAIN;
        if (sent < 0) return -errno;
        worker->counts[ECHO_SENDS]++;
        *from += (size_t)sent;
    }
    return 0;
}

static int send_replies(struct connection *c, struct echo_worker *worker) {
    int failed = send_part(c, c->bytes, &c->sent, c->ready, worker);
    if (failed == 0 && c->other != NULL) {
        failed = send_part(c, c->other, &c->other_sent, c->other_end, worker);
    }
    if (failed != 0) return failed;
    free(c->other);
    c->other = NULL;
    worker->counts[ECHO_REPLIES] += c->owed;
    c->owed = 0;
    return 0;
}

/* A reply is out and the connection shall close: at once, where nothing unread is in the way. */
static int finish(struct connection *c, struct echo_worker *worker) {
    if (c->used == c->ready && !drain_needed(c->base.socket)) return -ESHUTDOWN;
    worker->counts[ECHO_DRAINED] += c->used - c->ready; /* came along with the request */
    c->used = c->ready = c->sent = 0;
    drain_begin(&c->drain, c->base.socket);
    return 0;
}

static int drain(struct connection *c, struct echo_worker *worker) {
    const size_t before = c->drain.bytes;
    const int result = drain_step(&c->drain, c->base.socket, c->bytes);
    worker->counts[ECHO_DRAINED] += c->drain.bytes - before;
    return result;
}

static int receive(struct connection *c, struct echo_worker *worker) {
    if (c->ready > 0 || c->used == c->size) {
        const int failed = make_room(c, c->size);
        if (failed != 0) return failed;
    }
    const ssize_t got = recv(c->base.socket, c->bytes + c->used, c->size - c->used, 0);
    if (got < 0) return -errno;
    worker->counts[ECHO_RECEIVES]++;
    c->used += (size_t)got;
    if (got > 0) return 0;
    if (c->used == c->ready) return -ESHUTDOWN; /* the end of file, between messages */
    worker->counts[ECHO_TRUNCATED]++;
    return -ECONNABORTED;
}

static int answer_and_send(struct connection *c, struct echo_worker *worker) {
    do {
        const int failed = answer(c, worker);
        if (failed == -EPROTO) {
            worker->counts[ECHO_REFUSED]++;
            (void)send_replies(c, worker); /* every reply owed is sent */
        }
        if (failed != 0) return failed;
        const bool more = c->sent < c->ready || c->other != NULL;
        const int sent = send_replies(c, worker);
        if (sent != 0) return sent;
        if (!more) return 0;
    } while (c->used > c->ready && !c->closing);
    return 0;
}

static int advance(struct connection *c, struct echo_worker *worker) {
    if (c->drain.until_ns != 0) return drain(c, worker);
    const bool owing = c->sent < c->ready || c->other != NULL;
    const int received = owing ? 0 : receive(c, worker);
    if (received != 0) return received == -EINTR ? 0 : received;
    const int sent = owing ? send_replies(c, worker) : 0;
    const int failed = sent != 0 ? sent : answer_and_send(c, worker);
    return failed != 0 || !c->closing ? failed : finish(c, worker);
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    int result = echo_worker_borrow(worker, SPARE_BYTES, &c->bytes, &c->size);
    if (result == 0) result = advance(c, worker);
    const bool broken = result != 0 && result != -EAGAIN && result != -ESHUTDOWN;
    if (broken && result != -EPROTO && result != -ECONNABORTED) worker->counts[ECHO_BROKEN]++;
    const bool idle = c->ready == c->used && c->sent == c->ready && c->other == NULL;
    if (idle && c->drain.until_ns == 0) give_back(c, worker);
    return result;
}

static void drop(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    give_back(c, worker);
    free(c->other);
    (void)close(c->base.socket); /* sends FIN where none was sent; the port stays in TIME_WAIT */
    free(c);
}

static void stop(struct echo_server *server) {
    (void)shutdown(server->socket, SHUT_RDWR);
}

static void release(struct echo_server *server) {
    if (server == NULL) return;
    struct server *s = of(server);
    if (s->base.socket >= 0) (void)close(s->base.socket);
    free(s);
}

const struct echo_server_steps tcp_server_steps = {
    .listen = listen_server,
    .accept = accept_connection,
    .step = step,
    .drop = drop,
    .stop = stop,
    .release = release,
};
