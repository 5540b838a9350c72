/* SPDX-License-Identifier: MIT */
#include "udp/floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo/clock.h"

/* The client's set-up, call for call: see udp/client.c. */
static int connect_to(const struct echo_client_options *options) {
    const struct timeval patience = {.tv_sec = (time_t)(options->patience_ns / 1000000000),
                                     .tv_usec =
                                         (suseconds_t)(options->patience_ns % 1000000000 / 1000)};
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    const int made = socket(options->server.any.sa_family, SOCK_DGRAM | flags, 0);
    if (made < 0) return -errno;
    if (!options->nonblocking) {
        (void)setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    if (connect(made, &options->server.any, options->server.size) != 0) {
        const int failed = -errno;
        (void)close(made);
        return failed;
    }
    return made;
}

/* How udp/retry.c waits, which may have to send again before a reply comes. */
static int wait_for_reply(int socket, uint64_t patience_ns) {
    struct pollfd at = {.fd = socket, .events = POLLIN};
    const struct timespec patience = echo_clock_timespec(patience_ns);
    return ppoll(&at, 1, &patience, NULL) > 0 ? 0 : -ETIMEDOUT;
}

/* A datagram: one call. A blocking socket that runs out of patience has lost it. */
static int receive_one(int socket, uint8_t *bytes, size_t size, bool nonblocking) {
    for (;;) {
        const ssize_t got = recv(socket, bytes, size, 0);
        if (got >= 0) return 0;
        if (errno == EAGAIN && !nonblocking) return -ETIMEDOUT;
        if (errno != EAGAIN && errno != EINTR) return -errno;
    }
}

static int exchange_one(const struct echo_client_options *options, int *socket, bool polls,
                        uint8_t *bytes) {
    if (*socket < 0) *socket = connect_to(options);
    if (*socket < 0) return *socket;
    const size_t request = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
    const size_t reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    if (send(*socket, bytes, request, MSG_NOSIGNAL) < 0) return -errno;
    int failed = polls ? wait_for_reply(*socket, options->patience_ns) : 0;
    if (failed == 0) failed = receive_one(*socket, bytes, reply, options->nonblocking);
    if (failed != 0 || options->lifetime == ECHO_PERSISTENT) return failed;
    (void)close(*socket);
    *socket = -1;
    return 0;
}

static size_t longer_bytes(const struct echo_client_options *options) {
    const uint32_t longer = options->payload_bytes > options->reply_bytes ? options->payload_bytes
                                                                          : options->reply_bytes;
    return ECHO_HEADER_BYTES + (size_t)longer;
}

static int64_t exchange_with(bool polls, const struct echo_client_options *options,
                             const atomic_bool *stop, uint64_t most) {
    uint8_t *bytes = calloc(1, longer_bytes(options));
    if (bytes == NULL) return -ENOMEM;
    int socket = -1;
    int failed = 0;
    uint64_t done = 0;
    while (failed == 0 && !atomic_load_explicit(stop, memory_order_relaxed) && done < most) {
        failed = exchange_one(options, &socket, polls, bytes);
        if (failed == 0) done++;
    }
    if (socket >= 0) (void)close(socket);
    free(bytes);
    return failed != 0 ? failed : (int64_t)done;
}

static int64_t exchange(const struct echo_client_options *options, const atomic_bool *stop,
                        uint64_t most) {
    return exchange_with(false, options, stop, most);
}

static int64_t exchange_polling(const struct echo_client_options *options, const atomic_bool *stop,
                                uint64_t most) {
    return exchange_with(!options->nonblocking, options, stop, most);
}

static void serve(int listener, const struct echo_client_options *options,
                  const atomic_bool *stop) {
    const size_t reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    const size_t size = longer_bytes(options);
    uint8_t *bytes = calloc(1, size);
    while (bytes != NULL && !atomic_load_explicit(stop, memory_order_relaxed)) {
        struct sockaddr_storage from;
        socklen_t from_bytes = sizeof from;
        const ssize_t got =
            recvfrom(listener, bytes, size, 0, (struct sockaddr *)&from, &from_bytes);
        if (got == 0 && from_bytes == 0) break; /* shut down */
        if (got >= 0) {
            (void)sendto(listener, bytes, reply, MSG_NOSIGNAL, (struct sockaddr *)&from,
                         from_bytes);
        } else if (errno != EAGAIN && errno != EINTR) {
            break;
        }
    }
    free(bytes);
}

const struct echo_floor_steps udp_floor_steps = {.exchange = exchange, .serve = serve};
const struct echo_floor_steps udp_retry_floor_steps = {.exchange = exchange_polling,
                                                       .serve = serve};
