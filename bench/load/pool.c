/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "echo/clock.h"

enum { RETRY_NS = 10000000 }; /* after an accept that failed for want of descriptors or memory */

struct thread {
    struct pool *pool;
    struct thread *next;
    pthread_t id;
    int socket; /* -1, or what it is serving; under the pool's lock */
    struct echo_worker worker;
};

struct pool {
    struct echo_server *server;
    bool spin;
    atomic_bool stopping;
    atomic_int idle;
    pthread_mutex_t lock; /* threads, and their sockets */
    struct thread *threads;
};

static int grow(struct pool *pool);

static bool goes_on(const struct thread *t, int result) {
    return result == 0 || (result == -EAGAIN && !atomic_load(&t->pool->stopping));
}

static void note_socket(struct thread *t, int socket) {
    (void)pthread_mutex_lock(&t->pool->lock);
    t->socket = socket;
    (void)pthread_mutex_unlock(&t->pool->lock);
}

static void serve(struct thread *t, struct echo_connection *connection) {
    const struct echo_server_steps *steps = t->pool->server->steps;
    note_socket(t, connection->socket);
    while (!atomic_load_explicit(&t->pool->stopping, memory_order_relaxed) &&
           goes_on(t, steps->step(connection, &t->worker))) {
    }
    note_socket(t, -1); /* before the number can be another's */
    steps->drop(connection, &t->worker);
}

static void *work(void *argument) {
    struct thread *t = argument;
    struct pool *pool = t->pool;
    while (!atomic_load(&pool->stopping)) {
        struct echo_connection *connection;
        const int failed = pool->server->steps->accept(pool->server, &t->worker, &connection);
        if (failed == -ECANCELED) break;
        if (failed == -EAGAIN || failed == -EINTR || failed == -ECONNABORTED) continue;
        if (failed != 0) {
            echo_clock_sleep_until(echo_clock_ns() + RETRY_NS);
            continue;
        }
        /* Who cannot be joined by another thread serves alone: late is better than not. */
        if (atomic_fetch_sub(&pool->idle, 1) == 1 && !pool->spin) (void)grow(pool);
        serve(t, connection);
        (void)atomic_fetch_add(&pool->idle, 1);
    }
    return NULL;
}

static int grow(struct pool *pool) {
    struct thread *t = calloc(1, sizeof *t);
    if (t == NULL) return -ENOMEM;
    t->pool = pool;
    t->socket = -1;
    (void)atomic_fetch_add(&pool->idle, 1);
    (void)pthread_mutex_lock(&pool->lock);
    const int failed =
        atomic_load(&pool->stopping) ? ECANCELED : pthread_create(&t->id, NULL, work, t);
    if (failed == 0) {
        t->next = pool->threads;
        pool->threads = t;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (failed == 0) return 0;
    (void)atomic_fetch_sub(&pool->idle, 1);
    free(t);
    return -failed;
}

int pool_start(struct pool **pool, const struct pool_options *options) {
    struct pool *p = calloc(1, sizeof *p);
    if (p == NULL) return -ENOMEM;
    p->server = options->server;
    p->spin = options->spin;
    (void)pthread_mutex_init(&p->lock, NULL);
    const int failed = grow(p);
    if (failed != 0) {
        (void)pthread_mutex_destroy(&p->lock);
        free(p);
        return failed;
    }
    *pool = p;
    return 0;
}

static void wake_all(struct pool *pool) {
    pool->server->steps->stop(pool->server);
    (void)pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stopping, true);
    for (const struct thread *t = pool->threads; t != NULL; t = t->next) {
        if (t->socket >= 0) (void)shutdown(t->socket, SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}

void pool_stop(struct pool *pool, uint64_t *counts) {
    wake_all(pool);
    /* No thread is added after `stopping`, so the list is ours. */
    for (struct thread *t = pool->threads; t != NULL;) {
        struct thread *next = t->next;
        (void)pthread_join(t->id, NULL);
        for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += t->worker.counts[i];
        free(t->worker.spare);
        free(t);
        t = next;
    }
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}
