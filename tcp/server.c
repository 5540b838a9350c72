/* SPDX-License-Identifier: MIT */
#include "tcp/server.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp/drain.h"
#include "tcp/fastopen.h"

/* What a connection borrows; a longer message gets a longer buffer. */
enum { SPARE_BYTES = DRAIN_BYTES };

/* A step that does not block sends so much at the most: the next connection's turn comes soon. */
enum { STEP_BYTES = 65536 };

struct connection {
    struct echo_connection base;
    const struct echo_server_options *options;
    uint8_t *bytes;           /* borrowed from the worker while anything is in it */
    size_t size, charged;     /* of it to options->memory */
    size_t sent, ready, used; /* [sent, ready) are replies, [ready, used) not yet looked at */
    uint64_t replies;         /* that the kernel does not have yet, or not whole */
    bool closing;             /* it is over because CLOSE was asked for */
    struct drain drain;
};

static struct connection *on(struct echo_connection *connection) {
    return (struct connection *)(void *)connection;
}

/* ---- without a system call ---- */

static struct echo_connection *make(const struct echo_server_options *options) {
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->base.socket = -1;
    c->options = options;
    return &c->base;
}

/* All that is not read by who asked for it may not take more than was allowed in all. */
static int charge(struct connection *c, size_t size) {
    const long more = (long)size - (long)(SPARE_BYTES + c->charged);
    if (c->options->memory == NULL || more <= 0) return 0;
    if (atomic_fetch_sub(c->options->memory, more) < more) {
        (void)atomic_fetch_add(c->options->memory, more);
        return -ENOBUFS;
    }
    c->charged += (size_t)more;
    return 0;
}

/* Moves what is not yet looked at to the front and makes room for a message of `size`. */
static int make_room(struct connection *c, size_t size) {
    if (c->ready > 0) memmove(c->bytes, c->bytes + c->ready, c->used - c->ready);
    c->used -= c->ready;
    c->sent = c->ready = 0;
    if (size <= c->size) return 0;
    if (charge(c, size) != 0) return -ENOBUFS;
    uint8_t *longer = realloc(c->bytes, size);
    if (longer == NULL) return -ENOMEM;
    c->bytes = longer;
    c->size = size;
    return 0;
}

static size_t room(struct echo_connection *connection, struct echo_worker *worker,
                   uint8_t **bytes) {
    struct connection *c = on(connection);
    if (echo_worker_borrow(worker, SPARE_BYTES, &c->bytes, &c->size) != 0) return 0;
    (void)make_room(c, c->size);
    *bytes = c->bytes + c->used;
    return c->size - c->used;
}

/* Does the work of a request. The kernel hands out each byte once: no request is a copy. */
static void execute(const struct connection *c, struct echo_worker *worker) {
    worker->counts[ECHO_EXECUTED]++;
    echo_worker_work(worker, c->options->delay_ns);
}

/* Where a whole message stands and nothing is owed: so much longer; what is behind it moves. */
static int resize(struct connection *c, size_t whole, size_t wanted) {
    const size_t behind = c->used - c->ready - whole;
    const int failed = make_room(c, wanted + behind);
    if (failed != 0) return failed;
    memmove(c->bytes + wanted, c->bytes + whole, behind);
    c->used = wanted + behind;
    return 0;
}

/*
 * Answers all that is whole, in place; a reply of another size than its
 * request's begins it, and where each takes a service time it is one.
 */
static void answer(struct connection *c, struct echo_worker *worker) {
    if (c->options->raw) c->ready = c->used;
    while (c->ready < c->used && c->base.over == 0) {
        struct echo_message request;
        const size_t size = c->used - c->ready;
        const enum echo_decoded decoded = echo_decode(&request, c->bytes + c->ready, size);
        if (decoded == ECHO_PARTIAL) return;
        if (decoded == ECHO_BAD || request.kind != ECHO_REQUEST) {
            worker->counts[ECHO_REFUSED]++;
            c->base.over = -EPROTO; /* every reply owed is sent */
            return;
        }
        const size_t whole = ECHO_HEADER_BYTES + (size_t)request.payload_bytes;
        const size_t reply = ECHO_HEADER_BYTES + (size_t)request.reply_bytes;
        if (size < whole || reply != whole) {
            if (c->sent < c->ready) return; /* those before it go first */
            c->base.over = size < whole ? make_room(c, whole) : resize(c, whole, reply);
            if (size < whole || c->base.over != 0) return;
        }
        worker->counts[ECHO_REQUESTS]++;
        execute(c, worker);
        echo_write_reply(c->bytes + c->ready, &request);
        c->ready += reply;
        c->replies++;
        c->closing = (request.flags & ECHO_CLOSE) != 0;
        if (c->closing) c->base.over = -ESHUTDOWN;
        if (c->options->delay_ns > 0) return;
    }
}

static void arrived(struct echo_connection *connection, struct echo_worker *worker, size_t size) {
    struct connection *c = on(connection);
    c->used += size;
    answer(c, worker);
    if (size > 0) return;
    const bool between = c->used == c->ready; /* messages came the end of file */
    worker->counts[ECHO_TRUNCATED] += !between;
    c->base.over = between ? -ESHUTDOWN : -ECONNABORTED;
}

static size_t owed(struct echo_connection *connection, uint8_t **bytes) {
    const struct connection *c = on(connection);
    *bytes = c->bytes;
    if (c->sent < c->ready) *bytes += c->sent;
    return c->ready - c->sent;
}

static void went(struct echo_connection *connection, struct echo_worker *worker, size_t size) {
    struct connection *c = on(connection);
    c->sent += size;
    if (c->sent < c->ready) return;
    worker->counts[ECHO_REPLIES] += c->replies;
    c->replies = 0;
    answer(c, worker); /* what had to wait for them */
}

/* ---- the calls around it ---- */

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
    struct echo_server *s = calloc(1, sizeof *s);
    if (s == NULL) return -ENOMEM;
    s->steps = &tcp_server_steps;
    s->options = *options;
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    s->socket = socket(options->address.any.sa_family, SOCK_STREAM | flags, 0);
    const int failed = s->socket < 0 ? -errno : bind_socket(s->socket, options);
    if (failed != 0) {
        s->steps->release(s);
        return failed;
    }
    *server = s;
    return 0;
}

/* A socket of its own for every client, while the listening one keeps waiting. */
static int accept_connection(struct echo_server *server, struct echo_worker *worker,
                             struct echo_connection **connection) {
    const int flags = SOCK_CLOEXEC | (server->options.nonblocking ? SOCK_NONBLOCK : 0);
    const int made = accept4(server->socket, NULL, NULL, flags);
    if (made < 0) return errno == EINVAL ? -ECANCELED : -errno; /* EINVAL: shut down by stop */
    struct echo_connection *c = make(&server->options);
    if (c == NULL) {
        (void)close(made);
        return -ENOMEM;
    }
    c->socket = made;
    *connection = c;
    worker->counts[ECHO_ACCEPTED]++;
    return 0;
}

static int receive(struct connection *c, struct echo_worker *worker) {
    uint8_t *bytes;
    const size_t size = room(&c->base, worker, &bytes);
    if (size == 0) return -ENOMEM;
    const ssize_t got = recv(c->base.socket, bytes, size, 0);
    if (got < 0) return -errno;
    worker->counts[ECHO_RECEIVES]++;
    arrived(&c->base, worker, (size_t)got);
    return 0;
}

static int send_owed(struct connection *c, struct echo_worker *worker) {
    const bool shares = c->options->nonblocking; /* its thread with other connections */
    const size_t most = shares ? STEP_BYTES : SIZE_MAX;
    uint8_t *bytes;
    size_t all = 0;
    for (size_t size; (size = owed(&c->base, &bytes)) > 0;) {
        c->base.wants_room = all >= most || (all > 0 && c->options->delay_ns > 0);
        if (c->base.wants_room) return 0; /* it will have room, and its turn again */
        const ssize_t sent = send(c->base.socket, bytes, MIN(size, most - all), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        c->base.wants_room = sent < 0 && errno == EAGAIN;
        if (sent < 0) return -errno;
        worker->counts[ECHO_SENDS]++;
        all += (size_t)sent;
        went(&c->base, worker, (size_t)sent);
    }
    return 0;
}

/* A reply is out and the connection shall close: at once, where nothing unread is in the way. */
static int finish(struct connection *c, struct echo_worker *worker) {
    if (c->used == c->ready && !drain_needed(c->base.socket)) return -ESHUTDOWN;
    worker->counts[ECHO_DRAINED] += c->used - c->ready; /* came along with the request */
    c->used = c->ready = c->sent = 0;
    drain_begin(&c->drain, c->base.socket);
    c->base.wake_ns = c->drain.until_ns;
    return 0;
}

static int drain(struct connection *c, struct echo_worker *worker) {
    uint8_t *bytes;
    if (room(&c->base, worker, &bytes) == 0) return -ENOMEM;
    return drain_step(&c->drain, c->base.socket, bytes, &worker->counts[ECHO_DRAINED]);
}

static int advance(struct connection *c, struct echo_worker *worker) {
    if (c->base.wake_ns != 0) return drain(c, worker);
    int failed = c->sent < c->ready ? 0 : receive(c, worker);
    if (failed == 0) failed = send_owed(c, worker);
    if (failed != 0) return failed == -EINTR ? 0 : failed;
    if (c->sent < c->ready) return 0;
    return c->closing ? finish(c, worker) : c->base.over;
}

static void give_back(struct connection *c, struct echo_worker *worker) {
    if (c->charged > 0) { /* no worker keeps what is bounded */
        (void)atomic_fetch_add(c->options->memory, (long)c->charged);
        free(c->bytes);
        c->charged = 0;
    } else {
        echo_worker_give_back(worker, c->bytes, c->size);
    }
    c->bytes = NULL;
    c->sent = c->ready = c->used = 0;
}

static int step(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    const int result = advance(c, worker);
    const bool known =
        result == -ESHUTDOWN || result == -EPROTO || result == -ECONNABORTED || result == -ENOBUFS;
    worker->counts[ECHO_REFUSED] += result == -ENOBUFS;
    worker->counts[ECHO_BROKEN] += result != 0 && result != -EAGAIN && !known;
    if (c->sent == c->used) give_back(c, worker);
    return result;
}

static void drop(struct echo_connection *connection, struct echo_worker *worker) {
    struct connection *c = on(connection);
    give_back(c, worker);
    echo_worker_trim(worker, SPARE_BYTES);
    /* Sends FIN where none was sent; the port stays in TIME_WAIT. */
    if (connection->socket >= 0) (void)close(connection->socket);
    free(connection->mode);
    free(c);
}

static void stop(struct echo_server *server) {
    (void)shutdown(server->socket, SHUT_RDWR);
}

static void release(struct echo_server *server) {
    if (server == NULL) return;
    if (server->socket >= 0) (void)close(server->socket);
    free(server);
}

const struct echo_server_pure tcp_server_pure = {
    .make = make,
    .room = room,
    .arrived = arrived,
    .owed = owed,
    .went = went,
};

const struct echo_server_steps tcp_server_steps = {
    .listen = listen_server,
    .accept = accept_connection,
    .step = step,
    .drop = drop,
    .stop = stop,
    .release = release,
};
