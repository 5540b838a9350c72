/* SPDX-License-Identifier: MIT */
#include "tcp/floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a mode calls on a new socket besides; as tcp_client_connect. */
typedef int prepare_function(int socket);

static int prepare_nothing(int socket) {
    (void)socket;
    return 0;
}

static int put_off_syn(int socket) {
    const int on = 1;
    return setsockopt(socket, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
}

/* The client's set-up, call for call: see tcp/client.c. */
static int connect_to(const struct echo_client_options *options, uint64_t made_before,
                      prepare_function *prepare) {
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
    (void)prepare(made);
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

/* A stream: as many calls as it takes. 0, or -errno; -ESHUTDOWN at the end of file. */
static int receive_all(int socket, uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t got = recv(socket, bytes + at, size - at, 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR) return -errno;
        if (got == 0) return -ESHUTDOWN;
        if (got > 0) at += (size_t)got;
    }
    return 0;
}

static int send_all(int socket, const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t sent = send(socket, bytes + at, size - at, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) return -errno;
        if (sent > 0) at += (size_t)sent;
    }
    return 0;
}

/* How the lifetime ends: as tcp/client.c ends it. */
static int finish(int socket, enum echo_lifetime lifetime) {
    uint8_t rest;
    int failed = 0;
    if (lifetime == ECHO_SERVER_CLOSES) failed = receive_all(socket, &rest, sizeof rest);
    const struct linger reset = {.l_onoff = 1};
    if (lifetime == ECHO_CLIENT_RESETS) {
        (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    (void)close(socket);
    return failed == -ESHUTDOWN ? 0 : failed;
}

static int exchange_one(const struct echo_client_options *options, int *socket,
                        uint64_t made_before, prepare_function *prepare, uint8_t *bytes) {
    if (*socket < 0) *socket = connect_to(options, made_before, prepare);
    if (*socket < 0) return *socket;
    int failed = send_all(*socket, bytes, ECHO_HEADER_BYTES + (size_t)options->payload_bytes);
    if (failed == 0) {
        failed = receive_all(*socket, bytes, ECHO_HEADER_BYTES + (size_t)options->reply_bytes);
    }
    if (failed != 0 || options->lifetime == ECHO_PERSISTENT) return failed;
    const int done = *socket;
    *socket = -1;
    return finish(done, options->lifetime);
}

static size_t longer_bytes(const struct echo_client_options *options) {
    const uint32_t longer = options->payload_bytes > options->reply_bytes ? options->payload_bytes
                                                                          : options->reply_bytes;
    return ECHO_HEADER_BYTES + (size_t)longer;
}

static int64_t exchange_with(prepare_function *prepare, const struct echo_client_options *options,
                             const atomic_bool *stop, uint64_t most) {
    uint8_t *bytes = calloc(1, longer_bytes(options));
    if (bytes == NULL) return -ENOMEM;
    int socket = -1;
    int failed = 0;
    uint64_t done = 0;
    while (failed == 0 && !atomic_load_explicit(stop, memory_order_relaxed) && done < most) {
        failed = exchange_one(options, &socket, done, prepare, bytes);
        if (failed == 0) done++;
    }
    if (socket >= 0) (void)close(socket);
    free(bytes);
    return failed != 0 ? failed : (int64_t)done;
}

static int64_t exchange(const struct echo_client_options *options, const atomic_bool *stop,
                        uint64_t most) {
    return exchange_with(prepare_nothing, options, stop, most);
}

static int64_t exchange_fastopen(const struct echo_client_options *options, const atomic_bool *stop,
                                 uint64_t most) {
    return exchange_with(put_off_syn, options, stop, most);
}

/* One connection to its end; where the lifetime says so, this side closes first. */
static void serve_one(int socket, const struct echo_client_options *options, uint8_t *bytes) {
    const size_t request = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
    const size_t reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    do {
        if (receive_all(socket, bytes, request) != 0) break;
        if (send_all(socket, bytes, reply) != 0) break;
    } while (options->lifetime != ECHO_SERVER_CLOSES);
    (void)close(socket);
}

static void serve(int listener, const struct echo_client_options *options,
                  const atomic_bool *stop) {
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    uint8_t *bytes = calloc(1, longer_bytes(options));
    while (bytes != NULL && !atomic_load_explicit(stop, memory_order_relaxed)) {
        const int made = accept4(listener, NULL, NULL, flags);
        if (made >= 0) {
            serve_one(made, options, bytes);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            break;
        }
    }
    free(bytes);
}

const struct echo_floor_steps tcp_floor_steps = {.exchange = exchange, .serve = serve};
const struct echo_floor_steps tcp_fastopen_floor_steps = {.exchange = exchange_fastopen,
                                                          .serve = serve};
