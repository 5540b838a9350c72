/* SPDX-License-Identifier: MIT */
#include "udp/floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "echo/clock.h"
#include "udp/client.h"

static int prepare_nothing(int socket) {
    (void)socket;
    return 0;
}

/* A datagram: a call each. */
static int send_one(int socket, struct udp_floor_calls *calls, unsigned most) {
    (void)most;
    return send(socket, calls->bytes, calls->request, MSG_NOSIGNAL) < 0 ? -errno : 1;
}

static int receive_one(int socket, struct udp_floor_calls *calls, unsigned most) {
    (void)most;
    return recv(socket, calls->bytes, calls->reply, 0) < 0 ? -errno : 1;
}

/* How udp/retry.c waits, which may have to send again before a reply comes. */
static int receive_polling(int socket, struct udp_floor_calls *calls, unsigned most) {
    struct pollfd at = {.fd = socket, .events = POLLIN};
    const struct timespec patience = echo_clock_timespec(calls->options->patience_ns);
    if (!calls->options->nonblocking && ppoll(&at, 1, &patience, NULL) <= 0) return -EAGAIN;
    return receive_one(socket, calls, most);
}

static int answer_one(int listener, struct udp_floor_calls *calls) {
    const size_t size = calls->request > calls->reply ? calls->request : calls->reply;
    struct sockaddr *from = (struct sockaddr *)&calls->from[0];
    socklen_t from_bytes = sizeof calls->from[0];
    const ssize_t got = recvfrom(listener, calls->bytes, size, 0, from, &from_bytes);
    if (got < 0) return -errno;
    if (got == 0 && from_bytes == 0) return -ESHUTDOWN;
    (void)sendto(listener, calls->bytes, calls->reply, MSG_NOSIGNAL, from, from_bytes);
    return 1;
}

static const struct udp_floor_way plain = {
    .prepare = prepare_nothing, .send = send_one, .receive = receive_one, .answer = answer_one};
static const struct udp_floor_way polling = {
    .prepare = prepare_nothing, .send = send_one, .receive = receive_polling, .answer = answer_one};

/* See udp/client.c. */
int udp_floor_connect(const struct udp_floor_way *way, const struct echo_client_options *options) {
    const struct timeval patience = {.tv_sec = (time_t)(options->patience_ns / 1000000000),
                                     .tv_usec =
                                         (suseconds_t)(options->patience_ns % 1000000000 / 1000)};
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    const int made = socket(options->server.any.sa_family, SOCK_DGRAM | flags, 0);
    if (made < 0) return -errno;
    (void)udp_client_make_room(made, options);
    if (!options->nonblocking) {
        (void)setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    (void)way->prepare(made);
    if (connect(made, &options->server.any, options->server.size) != 0) {
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

/* A blocking socket that runs out of patience has lost it. */
static int receive_all(const struct udp_floor_way *way, int socket, struct udp_floor_calls *calls,
                       unsigned messages, const atomic_bool *stop) {
    uint64_t until_ns = 0;
    for (unsigned at = 0; at < messages;) {
        const int got = way->receive(socket, calls, messages - at);
        if (got == -EAGAIN && !calls->options->nonblocking) return -ETIMEDOUT;
        if (got < 0 && got != -EAGAIN && got != -EINTR) return got;
        if (got < 0 && given_up(stop, &until_ns)) return -ECANCELED;
        if (got > 0) at += (unsigned)got;
    }
    return 0;
}

static int send_all(const struct udp_floor_way *way, int socket, struct udp_floor_calls *calls,
                    unsigned messages, const atomic_bool *stop) {
    for (unsigned at = 0; at < messages;) {
        const int sent = way->send(socket, calls, messages - at);
        if (sent < 0 && sent != -EAGAIN && sent != -EINTR) return sent;
        if (sent < 0 && stopped(stop)) return -ECANCELED;
        if (sent > 0) at += (unsigned)sent;
    }
    return 0;
}

/* A batch there and back, on one socket. */
static int exchange_batch(const struct udp_floor_way *way, int socket,
                          struct udp_floor_calls *calls, unsigned messages,
                          const atomic_bool *stop) {
    const int failed = send_all(way, socket, calls, messages, stop);
    return failed != 0 ? failed : receive_all(way, socket, calls, messages, stop);
}

struct udp_floor_calls *udp_floor_calls(const struct echo_client_options *options) {
    const size_t batch = options->depth > UDP_FLOOR_CALL ? options->depth : UDP_FLOOR_CALL;
    struct udp_floor_calls *calls = calloc(1, sizeof *calls);
    if (calls == NULL) return NULL;
    calls->options = options;
    calls->request = ECHO_HEADER_BYTES + (size_t)options->payload_bytes;
    calls->reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes;
    const size_t longer = calls->request > calls->reply ? calls->request : calls->reply;
    calls->bytes = calloc(1, batch * longer > UDP_FLOOR_BYTES ? batch * longer : UDP_FLOOR_BYTES);
    if (calls->bytes != NULL) return calls;
    free(calls);
    return NULL;
}

void udp_floor_free(struct udp_floor_calls *calls) {
    if (calls != NULL) free(calls->bytes);
    free(calls);
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

int64_t udp_floor_exchange(const struct udp_floor_way *way,
                           const struct echo_client_options *options, const atomic_bool *stop,
                           uint64_t most) {
    const uint32_t depth = options->depth > 1 ? options->depth : 1;
    struct udp_floor_calls *calls = udp_floor_calls(options);
    if (calls == NULL) return -ENOMEM;
    int socket = -1;
    int failed = 0;
    uint64_t done = 0, left = 0; /* for this socket to carry */
    while (failed == 0 && !stopped(stop) && done < most) {
        if (socket < 0) {
            socket = udp_floor_connect(way, options);
            left = echo_per_connection(options);
        }
        const uint64_t messages = smaller(smaller(most - done, depth), left);
        failed = socket < 0 ? socket : exchange_batch(way, socket, calls, (unsigned)messages, stop);
        if (failed != 0) break;
        done += messages;
        left -= messages;
        if (left > 0) continue;
        (void)close(socket);
        socket = -1;
    }
    if (socket >= 0) (void)close(socket);
    udp_floor_free(calls);
    return failed != 0 && failed != -ECANCELED ? failed : (int64_t)done;
}

void udp_floor_serve(const struct udp_floor_way *way, int listener,
                     const struct echo_client_options *options, const atomic_bool *stop) {
    struct udp_floor_calls *calls = udp_floor_calls(options);
    int result = calls != NULL ? 0 : -ENOMEM;
    while ((result >= 0 || result == -EAGAIN || result == -EINTR) && !stopped(stop)) {
        result = way->answer(listener, calls);
    }
    udp_floor_free(calls);
}

static int64_t exchange(const struct echo_client_options *options, const atomic_bool *stop,
                        uint64_t most) {
    return udp_floor_exchange(&plain, options, stop, most);
}

static int64_t exchange_polling(const struct echo_client_options *options, const atomic_bool *stop,
                                uint64_t most) {
    return udp_floor_exchange(&polling, options, stop, most);
}

static int64_t exchange_many(const struct echo_client_options *options, unsigned connections,
                             const atomic_bool *stop, uint64_t most) {
    return udp_floor_exchange_many(&plain, options, connections, stop, most);
}

static void serve(int listener, const struct echo_client_options *options,
                  const atomic_bool *stop) {
    udp_floor_serve(&plain, listener, options, stop);
}

static void serve_many(int listener, const struct echo_client_options *options,
                       const atomic_bool *stop) {
    udp_floor_serve_many(&plain, listener, options, stop);
}

const struct echo_floor_steps udp_floor_steps = {
    .exchange = exchange, .serve = serve, .exchange_many = exchange_many, .serve_many = serve_many};
const struct echo_floor_steps udp_retry_floor_steps = {.exchange = exchange_polling,
                                                       .serve = serve,
                                                       .exchange_many = exchange_many,
                                                       .serve_many = serve_many};
