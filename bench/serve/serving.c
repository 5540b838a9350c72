/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/design.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "echo/clock.h"

enum { RETRY_NS = 10000000 }; /* after an accept that failed for want of descriptors or memory */

void serving_init(struct serving *s, const struct design_server *design) {
    *s = (struct serving){.design = design, .socket = -1};
    (void)pthread_mutex_init(&s->lock, NULL);
}

/* Nobody watches a socket that blocks: the kernel has to say that nothing came (socket(7)). */
static void set_timeout(int socket, uint64_t timeout_ns) {
    const uint64_t us = timeout_ns < 1000 ? 1 : timeout_ns / 1000; /* 0 would mean for ever */
    const struct timeval idle = {.tv_sec = (time_t)(us / 1000000),
                                 .tv_usec = (suseconds_t)(us % 1000000)};
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    (void)setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof idle);
}

int serving_accept(struct serving *s, struct echo_connection **connection) {
    const struct design_options *options = &s->design->options;
    struct echo_server *server = s->design->servers[0];
    const uint64_t accepted = s->worker.counts[ECHO_ACCEPTED];
    while (!atomic_load(&s->ending)) {
        const int failed = server->steps->accept(server, &s->worker, connection);
        if (failed == -ECANCELED) return failed;
        if (failed == -EAGAIN || failed == -EINTR || failed == -ECONNABORTED) continue;
        if (failed != 0) {
            echo_clock_sleep_until(echo_clock_ns() + RETRY_NS);
            continue;
        }
        /* A socket that all clients share is no connection of anybody's, and never idle. */
        s->timed = options->idle_timeout_ns > 0 && !options->spin &&
                   s->worker.counts[ECHO_ACCEPTED] > accepted;
        if (s->timed) set_timeout((*connection)->socket, options->idle_timeout_ns);
        return 0;
    }
    return -ECANCELED;
}

static void note_socket(struct serving *s, int socket) {
    (void)pthread_mutex_lock(&s->lock);
    s->socket = socket;
    (void)pthread_mutex_unlock(&s->lock);
}

void serving_run(struct serving *s, struct echo_connection *connection) {
    const struct echo_server_steps *steps = s->design->servers[0]->steps;
    int result = 0;
    note_socket(s, connection->socket);
    /* -EAGAIN: it spins; or a socket with a timeout has been idle for so long. */
    while ((result == 0 || (result == -EAGAIN && !s->timed)) &&
           !atomic_load_explicit(&s->ending, memory_order_relaxed)) {
        result = steps->step(connection, &s->worker);
    }
    note_socket(s, -1); /* before the number can be another's */
    steps->drop(connection, &s->worker);
}

void serving_end(struct serving *s) {
    atomic_store(&s->ending, true);
    (void)pthread_mutex_lock(&s->lock);
    if (s->socket >= 0) (void)shutdown(s->socket, SHUT_RDWR);
    (void)pthread_mutex_unlock(&s->lock);
}

void serving_release(struct serving *s, uint64_t *counts) {
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += s->worker.counts[i];
    free(s->worker.spare);
    (void)pthread_mutex_destroy(&s->lock);
}
