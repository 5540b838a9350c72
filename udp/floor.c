/* SPDX-License-Identifier: MIT */
#include "udp/floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo/clock.h"
#include "udp/client.h"
#include "udp/floor_parts.h"

/* A datagram: a call each. */
int udp_floor_send_one(int socket, struct floor *f, unsigned most) {
    (void)most;
    return send(socket, f->bytes, f->request, MSG_NOSIGNAL) < 0 ? -errno : 1;
}

static int receive_one(int socket, struct floor *f, unsigned most) {
    (void)most;
    return recv(socket, f->bytes, f->reply, 0) < 0 ? -errno : 1;
}

/* How udp/retry.c waits, which may have to send again before a reply comes. */
static int receive_polling(int socket, struct floor *f, unsigned most) {
    struct pollfd at = {.fd = socket, .events = POLLIN};
    const struct timespec patience = echo_clock_timespec(f->options->patience_ns);
    if (!f->options->nonblocking && ppoll(&at, 1, &patience, NULL) <= 0) return -EAGAIN;
    return receive_one(socket, f, most);
}

static int answer_one(int listener, struct floor *f) {
    const size_t size = f->request > f->reply ? f->request : f->reply;
    struct sockaddr *from = (struct sockaddr *)&f->from[0];
    socklen_t from_bytes = sizeof f->from[0];
    const ssize_t got = recvfrom(listener, f->bytes, size, 0, from, &from_bytes);
    if (got < 0) return -errno;
    if (got == 0 && from_bytes == 0) return -ESHUTDOWN;
    (void)sendto(listener, f->bytes, f->reply, MSG_NOSIGNAL, from, from_bytes);
    return 1;
}

const struct echo_floor_way udp_floor_plain = {
    .send = udp_floor_send_one, .receive = receive_one, .answer = answer_one};
const struct echo_floor_way udp_floor_polling = {
    .send = udp_floor_send_one, .receive = receive_polling, .answer = answer_one};

int udp_floor_init(struct floor *f, const struct echo_floor_way *way,
                   const struct echo_client_options *options) {
    *f = (struct floor){.way = way,
                        .options = options,
                        .request = ECHO_HEADER_BYTES + (size_t)options->payload_bytes,
                        .reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes};
    const size_t longer = f->request > f->reply ? f->request : f->reply;
    const size_t room = longer * (options->depth > FLOOR_CALL ? options->depth : FLOOR_CALL);
    f->bytes = calloc(1, room > FLOOR_BYTES ? room : FLOOR_BYTES);
    return f->bytes == NULL ? -ENOMEM : 0;
}

uint64_t udp_floor_batch(const struct floor *f, uint64_t most, uint64_t left) {
    const uint64_t depth = f->options->depth > 1 ? f->options->depth : 1;
    const uint64_t batch = most < depth ? most : depth;
    return batch < left ? batch : left;
}

/* See udp/client.c. */
int udp_floor_connect(struct floor *f) {
    const struct echo_client_options *options = f->options;
    const struct timeval patience = {.tv_sec = (time_t)(options->patience_ns / 1000000000),
                                     .tv_usec =
                                         (suseconds_t)(options->patience_ns % 1000000000 / 1000)};
    const int flags = SOCK_CLOEXEC | (options->nonblocking ? SOCK_NONBLOCK : 0);
    const int made = socket(options->server.any.sa_family, SOCK_DGRAM | flags, 0);
    if (made < 0) return -errno;
    if (!options->nonblocking) {
        (void)setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    if (f->way->prepare != NULL) (void)f->way->prepare(made);
    (void)udp_client_make_room(made, options);
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

/* Datagrams, however many a call brings. A blocking socket that runs out of patience lost one. */
static int receive_all(struct floor *f, int socket, unsigned messages, const atomic_bool *stop) {
    uint64_t until_ns = 0;
    for (unsigned at = 0; at < messages;) {
        const int got = f->way->receive(socket, f, messages - at);
        if (got == -EAGAIN && !f->options->nonblocking) return -ETIMEDOUT;
        if (got < 0 && got != -EAGAIN && got != -EINTR) return got;
        if (got < 0 && given_up(stop, &until_ns)) return -ECANCELED;
        if (got > 0) at += (unsigned)got;
    }
    return 0;
}

/* Nobody holds a sender back: what finds no room is lost. */
static int send_all(struct floor *f, int socket, unsigned messages, const atomic_bool *stop) {
    for (unsigned at = 0; at < messages;) {
        const int sent = f->way->send(socket, f, messages - at);
        if (sent < 0 && sent != -EAGAIN && sent != -EINTR) return sent;
        if (sent < 0 && stopped(stop)) return -ECANCELED;
        if (sent > 0) at += (unsigned)sent;
    }
    return 0;
}

/* A batch there and back, on one socket. */
static int exchange_batch(struct floor *f, int socket, uint64_t messages, const atomic_bool *stop) {
    const int failed = send_all(f, socket, (unsigned)messages, stop);
    return failed != 0 ? failed : receive_all(f, socket, (unsigned)messages, stop);
}

/* As udp/client.c ends a socket that has carried all it may. */
static int finish(int socket) {
    (void)close(socket);
    return 0;
}

static int64_t exchange(const struct echo_floor_way *way, const struct echo_client_options *options,
                        const atomic_bool *stop, uint64_t most) {
    struct floor f;
    int socket = -1;
    uint64_t done = 0, left = 0; /* for this socket to carry */
    int failed = udp_floor_init(&f, way, options);
    while (failed == 0 && !stopped(stop) && done < most) {
        if (socket < 0) {
            socket = udp_floor_connect(&f);
            left = echo_per_connection(options);
        }
        const uint64_t messages = udp_floor_batch(&f, most - done, left);
        failed = socket < 0 ? socket : exchange_batch(&f, socket, messages, stop);
        if (failed != 0) break;
        done += messages;
        left -= messages;
        if (left > 0) continue;
        failed = finish(socket);
        socket = -1;
    }
    if (socket >= 0) (void)close(socket);
    free(f.bytes);
    return failed != 0 && failed != -ECANCELED ? failed : (int64_t)done;
}

static void serve(const struct echo_floor_way *way, int listener,
                  const struct echo_client_options *options, const atomic_bool *stop) {
    struct floor f;
    int failed = udp_floor_init(&f, way, options);
    while (failed == 0 && !stopped(stop)) {
        const int answered = way->answer(listener, &f);
        if (answered < 0 && answered != -EAGAIN && answered != -EINTR) failed = answered;
    }
    free(f.bytes);
}

const struct echo_floor_steps udp_floor_steps = {.exchange = exchange,
                                                 .serve = serve,
                                                 .exchange_many = udp_floor_exchange_many,
                                                 .serve_many = udp_floor_serve_many};
