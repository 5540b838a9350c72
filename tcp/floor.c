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
enum { GLANCE_MS = 100 }; /* *stop is looked at so often when nothing happens */

static int prepare_nothing(int socket) {
    (void)socket;
    return 0;
}

static int put_off_syn(int socket) {
    const int on = 1;
    return setsockopt(socket, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}

static const struct tcp_floor_way plain = {.prepare = prepare_nothing};
static const struct tcp_floor_way fastopen = {.prepare = put_off_syn};

/* See tcp/client.c. */
int tcp_floor_connect(const struct tcp_floor_way *way, const struct echo_client_options *options,
                      uint64_t made_before) {
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
    (void)way->prepare(made);
    if (options->sources > 0) {
        struct echo_address source = options->source;
        echo_address_advance(&source, (uint32_t)(made_before % options->sources));
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
static int receive_all(int socket, uint8_t *bytes, size_t size, const atomic_bool *stop) {
    uint64_t until_ns = 0;
    for (size_t at = 0; at < size;) {
        const ssize_t got = recv(socket, bytes + at, size - at, 0);
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
static int send_all(int socket, uint8_t *bytes, size_t size, size_t *got_meanwhile,
                    const atomic_bool *stop) {
    for (size_t at = 0; at < size;) {
        const ssize_t sent = send(socket, bytes + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) at += (size_t)sent;
        if (sent >= 0 || errno == EINTR) continue;
        if (errno != EAGAIN && errno != EINPROGRESS) return -errno;
        if (stopped(stop)) return -ECANCELED;
        struct pollfd either = {.fd = socket, .events = POLLIN | POLLOUT};
        if (poll(&either, 1, GLANCE_MS) <= 0 || (either.revents & POLLIN) == 0) continue;
        const ssize_t got = recv(socket, bytes + at, size - at, MSG_DONTWAIT);
        if (got == 0) return -ESHUTDOWN;
        if (got > 0) *got_meanwhile += (size_t)got;
    }
    return 0;
}

bool tcp_floor_server_closes(const struct echo_client_options *options) {
    return options->lifetime == ECHO_PERSISTENT || options->lifetime == ECHO_SERVER_CLOSES;
}

/* How a connection ends that has carried all it may: as tcp/client.c ends it. */
static int finish(int socket, const struct echo_client_options *options, const atomic_bool *stop) {
    uint8_t rest;
    int failed = 0;
    if (tcp_floor_server_closes(options)) failed = receive_all(socket, &rest, sizeof rest, stop);
    const struct linger reset = {.l_onoff = 1};
    if (options->lifetime == ECHO_CLIENT_RESETS) {
        (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    (void)close(socket);
    return failed == -ESHUTDOWN ? 0 : failed;
}

/* A batch there and back, on one connection. */
static int exchange_batch(const struct echo_client_options *options, int socket, uint64_t messages,
                          uint8_t *bytes, const atomic_bool *stop) {
    size_t got = 0;
    const size_t request = messages * (ECHO_HEADER_BYTES + (size_t)options->payload_bytes);
    const size_t reply = messages * (ECHO_HEADER_BYTES + (size_t)options->reply_bytes);
    const int failed = send_all(socket, bytes, request, &got, stop);
    return failed != 0 ? failed : receive_all(socket, bytes, reply - got, stop);
}

size_t tcp_floor_bytes(const struct echo_client_options *options) {
    const uint32_t longer = options->payload_bytes > options->reply_bytes ? options->payload_bytes
                                                                          : options->reply_bytes;
    const size_t depth = options->depth > 1 ? options->depth : 1;
    return depth * (ECHO_HEADER_BYTES + (size_t)longer);
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static int64_t exchange_with(const struct tcp_floor_way *way,
                             const struct echo_client_options *options, const atomic_bool *stop,
                             uint64_t most) {
    const uint64_t depth = options->depth > 1 ? options->depth : 1;
    uint8_t *bytes = calloc(1, tcp_floor_bytes(options));
    if (bytes == NULL) return -ENOMEM;
    int socket = -1;
    int failed = 0;
    uint64_t done = 0, made = 0, left = 0; /* for this connection to carry */
    while (failed == 0 && !stopped(stop) && done < most) {
        if (socket < 0) {
            socket = tcp_floor_connect(way, options, made++);
            left = echo_per_connection(options);
        }
        const uint64_t messages = smaller(smaller(most - done, depth), left);
        failed = socket < 0 ? socket : exchange_batch(options, socket, messages, bytes, stop);
        if (failed != 0) break;
        done += messages;
        left -= messages;
        if (left > 0) continue;
        failed = finish(socket, options, stop);
        socket = -1;
    }
    if (socket >= 0) (void)close(socket);
    free(bytes);
    return failed != 0 && failed != -ECANCELED ? failed : (int64_t)done;
}

static int64_t exchange(const struct echo_client_options *options, const atomic_bool *stop,
                        uint64_t most) {
    return exchange_with(&plain, options, stop, most);
}

static int64_t exchange_fastopen(const struct echo_client_options *options, const atomic_bool *stop,
                                 uint64_t most) {
    return exchange_with(&fastopen, options, stop, most);
}

static int64_t exchange_many(const struct echo_client_options *options, unsigned connections,
                             const atomic_bool *stop, uint64_t most) {
    return tcp_floor_exchange_many(&plain, options, connections, stop, most);
}

static int64_t exchange_many_fastopen(const struct echo_client_options *options,
                                      unsigned connections, const atomic_bool *stop,
                                      uint64_t most) {
    return tcp_floor_exchange_many(&fastopen, options, connections, stop, most);
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

/* One connection to its end; where the lifetime says so, this side closes first. */
static void serve_one(int socket, const struct echo_client_options *options,
                      const atomic_bool *stop, uint8_t *bytes) {
    const size_t request = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
    const size_t reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    const size_t room = (options->depth > 1 ? options->depth : 1) * request;
    uint64_t left = tcp_floor_server_closes(options) ? echo_per_connection(options) : UINT64_MAX;
    for (size_t have = 0; left > 0;) {
        const ssize_t got = recv(socket, bytes, room - have, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR) && !stopped(stop)) continue;
        if (got <= 0) break;
        have += (size_t)got;
        const size_t whole = have / request;
        have %= request;
        if (whole == 0) continue;
        if (send_replies(socket, bytes, whole * reply) != 0) break;
        left -= whole;
    }
    (void)close(socket);
}

static void serve(int listener, const struct echo_client_options *options,
                  const atomic_bool *stop) {
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    uint8_t *bytes = calloc(1, tcp_floor_bytes(options));
    while (bytes != NULL && !stopped(stop)) {
        const int made = accept4(listener, NULL, NULL, flags);
        if (made >= 0) {
            serve_one(made, options, stop, bytes);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            break;
        }
    }
    free(bytes);
}

static void serve_many(int listener, const struct echo_client_options *options,
                       const atomic_bool *stop) {
    tcp_floor_serve_many(&plain, listener, options, stop);
}

const struct echo_floor_steps tcp_floor_steps = {
    .exchange = exchange, .serve = serve, .exchange_many = exchange_many, .serve_many = serve_many};
const struct echo_floor_steps tcp_fastopen_floor_steps = {.exchange = exchange_fastopen,
                                                          .serve = serve,
                                                          .exchange_many = exchange_many_fastopen,
                                                          .serve_many = serve_many};
