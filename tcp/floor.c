/* SPDX-License-Identifier: MIT */
#include "tcp/floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo/clock.h"
#include "tcp/floor_parts.h"

enum { GLANCE_MS = 100 }; /* *stop is looked at so often when nothing happens */

static int put_off_syn(int socket) {
    const int on = 1;
    return setsockopt(socket, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}

const struct echo_floor_way tcp_floor_plain = {.prepare = NULL};
const struct echo_floor_way tcp_floor_fastopen = {.prepare = put_off_syn};

int tcp_floor_init(struct floor *f, const struct echo_floor_way *way,
                   const struct echo_client_options *options) {
    *f = (struct floor){.way = way,
                        .options = options,
                        .request = ECHO_HEADER_BYTES + (size_t)options->payload_bytes,
                        .reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes};
    const size_t longer = f->request > f->reply ? f->request : f->reply;
    f->bytes = calloc(options->depth > 1 ? options->depth : 1, longer);
    return f->bytes == NULL ? -ENOMEM : 0;
}

uint64_t tcp_floor_batch(const struct floor *f, uint64_t most, uint64_t left) {
    const uint64_t depth = f->options->depth > 1 ? f->options->depth : 1;
    const uint64_t batch = most < depth ? most : depth;
    return batch < left ? batch : left;
}

/* See tcp/client.c. */
int tcp_floor_connect(struct floor *f) {
    const struct echo_client_options *options = f->options;
    const int on = 1;
    const struct timeval patience = {.tv_sec = (time_t)(options->patience_ns / 1000000000),
                                     .tv_usec =
                                         (suseconds_t)(options->patience_ns % 1000000000 / 1000)};
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    const int made = socket(options->server.any.sa_family, SOCK_STREAM | flags, 0);
    if (made < 0) return -errno;
    (void)setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!options->nonblocking) {
        (void)setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        (void)setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    if (f->way->prepare != NULL) (void)f->way->prepare(made);
    if (options->sources > 0) {
        struct echo_address source = options->source;
        echo_address_advance(&source, (uint32_t)(f->made++ % options->sources));
        (void)setsockopt(made, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        (void)bind(made, &source.any, source.size);
    }
    if (connect(made, &options->server.any, options->server.size) != 0 && errno != EINPROGRESS) {
        const int failed = -errno;
        (void)close(made);
        return failed;
    }
    return made;
}

static bool stopped(const atomic_bool *stop) {
    return atomic_load_explicit(stop, memory_order_relaxed);
}

/* What is under way is not cut off at once, and what never comes is not waited for. */
static bool given_up(const atomic_bool *stop, uint64_t *until_ns) {
    const uint64_t grace_ns = 100000000;
    if (!stopped(stop)) return false;
    const uint64_t now_ns = echo_clock_ns();
    if (*until_ns == 0) *until_ns = now_ns + grace_ns;
    return now_ns >= *until_ns;
}

/* A stream: as many calls as it takes. 0, or -errno; -ESHUTDOWN at the end of file. */
static int receive_all(const struct floor *f, int socket, size_t size, const atomic_bool *stop) {
    uint64_t until_ns = 0;
    for (size_t at = 0; at < size;) {
        const ssize_t got = recv(socket, f->bytes + at, size - at, 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR) return -errno;
        if (got < 0 && given_up(stop, &until_ns)) return -ECANCELED;
        if (got == 0) return -ESHUTDOWN;
        if (got > 0) at += (size_t)got;
    }
    return 0;
}

/*
 * While not all is sent it also receives: with more under way than the sockets
 * hold, who only sends would wait for a server that waits as well.
 */
static int send_all(const struct floor *f, int socket, size_t size, size_t *got_meanwhile,
                    const atomic_bool *stop) {
    for (size_t at = 0; at < size;) {
        const ssize_t sent = send(socket, f->bytes + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) at += (size_t)sent;
        if (sent >= 0 || errno == EINTR) continue;
        if (errno != EAGAIN && errno != EINPROGRESS) return -errno;
        if (stopped(stop)) return -ECANCELED;
        struct pollfd either = {.fd = socket, .events = POLLIN | POLLOUT};
        if (poll(&either, 1, GLANCE_MS) <= 0 || (either.revents & POLLIN) == 0) continue;
        const ssize_t got = recv(socket, f->bytes + at, size - at, MSG_DONTWAIT);
        if (got == 0) return -ESHUTDOWN;
        if (got > 0) *got_meanwhile += (size_t)got;
    }
    return 0;
}

/* A batch there and back, on one connection. */
static int exchange_batch(const struct floor *f, int socket, uint64_t messages,
                          const atomic_bool *stop) {
    size_t got = 0;
    const int failed = send_all(f, socket, messages * f->request, &got, stop);
    return failed != 0 ? failed : receive_all(f, socket, messages * f->reply - got, stop);
}

bool tcp_floor_server_closes(const struct floor *f) {
    const enum echo_lifetime lifetime = f->options->lifetime;
    return lifetime == ECHO_PERSISTENT || lifetime == ECHO_SERVER_CLOSES;
}

/* As tcp/client.c ends a connection that has carried all it may. */
static int finish(const struct floor *f, int socket, const atomic_bool *stop) {
    const struct linger reset = {.l_onoff = 1};
    const int ended = tcp_floor_server_closes(f) ? receive_all(f, socket, 1, stop) : -ESHUTDOWN;
    if (f->options->lifetime == ECHO_CLIENT_RESETS) {
        (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    (void)close(socket);
    return ended == -ESHUTDOWN ? 0 : ended;
}

static int64_t exchange(const struct echo_floor_way *way, const struct echo_client_options *options,
                        const atomic_bool *stop, uint64_t most) {
    struct floor f;
    int socket = -1;
    uint64_t done = 0, left = 0; /* for this connection to carry */
    int failed = tcp_floor_init(&f, way, options);
    while (failed == 0 && !stopped(stop) && done < most) {
        if (socket < 0) {
            socket = tcp_floor_connect(&f);
            left = echo_per_connection(options);
        }
        const uint64_t messages = tcp_floor_batch(&f, most - done, left);
        failed = socket < 0 ? socket : exchange_batch(&f, socket, messages, stop);
        if (failed != 0) break;
        done += messages;
        left -= messages;
        if (left > 0) continue;
        failed = finish(&f, socket, stop);
        socket = -1;
    }
    if (socket >= 0) (void)close(socket);
    free(f.bytes);
    return failed != 0 && failed != -ECANCELED ? failed : (int64_t)done;
}

/* Replies to what has come whole. The client of the floor reads while it sends. */
static int send_replies(int socket, const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t sent = send(socket, bytes + at, size - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return -errno;
        if (sent > 0) at += (size_t)sent;
    }
    return 0;
}

/* One connection to its end; once it has carried all it may, this side closes first. */
static void serve_one(const struct floor *f, int socket, const atomic_bool *stop) {
    const size_t room = (f->options->depth > 1 ? f->options->depth : 1) * f->request;
    uint64_t left = tcp_floor_server_closes(f) ? echo_per_connection(f->options) : UINT64_MAX;
    for (size_t have = 0; left > 0;) {
        const ssize_t got = recv(socket, f->bytes, room - have, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR) && !stopped(stop)) continue;
        if (got <= 0) break;
        have += (size_t)got;
        const size_t whole = have / f->request;
        have %= f->request;
        if (whole == 0) continue;
        if (send_replies(socket, f->bytes, whole * f->reply) != 0) break;
        left -= whole;
    }
    (void)close(socket);
}

static void serve(const struct echo_floor_way *way, int listener,
                  const struct echo_client_options *options, const atomic_bool *stop) {
    struct floor f;
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    int failed = tcp_floor_init(&f, way, options);
    while (failed == 0 && !stopped(stop)) {
        const int made = accept4(listener, NULL, NULL, flags);
        if (made < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) failed = -errno;
        if (made >= 0) serve_one(&f, made, stop);
    }
    free(f.bytes);
}

const struct echo_floor_steps tcp_floor_steps = {.exchange = exchange,
                                                 .serve = serve,
                                                 .exchange_many = tcp_floor_exchange_many,
                                                 .serve_many = tcp_floor_serve_many};
