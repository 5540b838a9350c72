/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/pool.h"

#include <errno.h>
#include <stdlib.h>

struct thread {
    struct pool *pool;
    struct thread *next;
    pthread_t id;
    struct serving serving;
};

struct pool {
    struct serving_options options;
    atomic_int idle;
    pthread_mutex_t lock; /* the threads, and whether there may be more */
    struct thread *threads;
    bool stopping;
};

static int grow(struct pool *pool);

static void *work(void *argument) {
    struct thread *t = argument;
    struct pool *pool = t->pool;
    struct echo_connection *connection;
    while (serving_accept(&t->serving, &connection) == 0) {
        /* Who cannot be joined by another thread serves alone: late is better than not. */
        if (atomic_fetch_sub(&pool->idle, 1) == 1 && !pool->options.spin) (void)grow(pool);
        serving_run(&t->serving, connection);
        (void)atomic_fetch_add(&pool->idle, 1);
    }
    return NULL;
}

static int grow(struct pool *pool) {
    struct thread *t = calloc(1, sizeof *t);
    if (t == NULL) return -ENOMEM;
    t->pool = pool;
    serving_init(&t->serving, &pool->options);
    (void)atomic_fetch_add(&pool->idle, 1);
    (void)pthread_mutex_lock(&pool->lock);
    const int failed = pool->stopping ? ECANCELED : pthread_create(&t->id, NULL, work, t);
    if (failed == 0) {
        t->next = pool->threads;
        pool->threads = t;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    if (failed == 0) return 0;
    (void)atomic_fetch_sub(&pool->idle, 1);
    serving_release(&t->serving, NULL);
    free(t);
    return -failed;
}

int pool_start(struct pool **pool, const struct serving_options *options) {
    struct pool *p = calloc(1, sizeof *p);
    if (p == NULL) return -ENOMEM;
    p->options = *options;
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

static void end_all(struct pool *pool) {
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    for (struct thread *t = pool->threads; t != NULL; t = t->next) serving_end(&t->serving);
    (void)pthread_mutex_unlock(&pool->lock);
    pool->options.server->steps->stop(pool->options.server);
}

void pool_stop(struct pool *pool, uint64_t *counts) {
    end_all(pool);
    /* No thread is added after `stopping`, so the list is ours. */
    for (struct thread *t = pool->threads; t != NULL;) {
        struct thread *next = t->next;
        (void)pthread_join(t->id, NULL);
        serving_release(&t->serving, counts);
        free(t);
        t = next;
    }
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}
