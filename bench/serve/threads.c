/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The designs that serve a connection by a thread: they differ in what is done with one. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "bench/serve/design.h"

struct thread {
    struct thread *next, *previous; /* in a ring, for insque(3) */
    struct thread *next_ended;
    struct threads *all;
    pthread_t id;
    struct serving serving;
    struct echo_connection *connection; /* the one it is to serve; NULL: those that it accepts */
};

struct threads {
    const struct design_server *design;
    void (*take)(struct thread *t, struct echo_connection *connection); /* that it has accepted */
    atomic_int idle;                                                    /* of a pool */
    pthread_mutex_t lock; /* the ring, those that ended, and whether there may be more */
    struct thread ring;   /* where it begins; newest first, so the first of all comes last */
    struct thread *ended; /* wait to be joined */
    bool stopping;
    uint64_t counts[ECHO_COUNTS]; /* of those that were joined */
};

static void *accept_and_take(void *argument) {
    struct thread *t = argument;
    struct echo_connection *connection;
    while (serving_accept(&t->serving, &connection) == 0) t->all->take(t, connection);
    return NULL;
}

static void *serve_one(void *argument) {
    struct thread *t = argument;
    serving_run(&t->serving, t->connection);
    (void)pthread_mutex_lock(&t->all->lock);
    t->next_ended = t->all->ended;
    t->all->ended = t;
    (void)pthread_mutex_unlock(&t->all->lock);
    return NULL;
}

static void forget(struct thread *t, uint64_t *counts) {
    serving_release(&t->serving, counts);
    free(t);
}

static int start_thread(struct threads *all, struct echo_connection *connection, bool timed) {
    struct thread *t = calloc(1, sizeof *t);
    if (t == NULL) return -ENOMEM;
    t->all = all;
    t->connection = connection;
    serving_init(&t->serving, all->design);
    t->serving.timed = timed;
    void *(*work)(void *) = connection == NULL ? accept_and_take : serve_one;
    (void)pthread_mutex_lock(&all->lock);
    const int failed = all->stopping ? ECANCELED : pthread_create(&t->id, NULL, work, t);
    if (failed == 0) insque(t, &all->ring);
    (void)pthread_mutex_unlock(&all->lock);
    if (failed != 0) forget(t, NULL);
    return -failed;
}

static int start(struct design_server *d,
                 void (*take)(struct thread *t, struct echo_connection *connection)) {
    struct threads *all = calloc(1, sizeof *all);
    if (all == NULL) return -ENOMEM;
    all->design = d;
    all->take = take;
    all->ring.next = all->ring.previous = &all->ring;
    all->idle = 1;
    (void)pthread_mutex_init(&all->lock, NULL);
    d->state = all;
    const int failed = start_thread(all, NULL, false);
    if (failed == 0) return 0;
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
    return failed;
}

static void stop(struct design_server *d, uint64_t *counts) {
    struct threads *all = d->state;
    (void)pthread_mutex_lock(&all->lock);
    all->stopping = true;
    for (struct thread *t = all->ring.next; t != &all->ring; t = t->next) serving_end(&t->serving);
    (void)pthread_mutex_unlock(&all->lock);
    d->servers[0]->steps->stop(d->servers[0]);
    /* None is added after `stopping`; and none is taken out once the first, who accepts, ended. */
    for (struct thread *t = all->ring.previous, *before; t != &all->ring; t = before) {
        (void)pthread_join(t->id, NULL);
        before = t->previous;
        forget(t, counts);
    }
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += all->counts[i];
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

/* ---- one after the other ---- */

static void take_alone(struct thread *t, struct echo_connection *connection) {
    serving_run(&t->serving, connection);
}

static int start_iterative(struct design_server *d) {
    return start(d, take_alone);
}

const struct design_way iterative_way = {.start = start_iterative, .stop = stop};

/* ---- a pool ---- */

static void take_and_let_another_wait(struct thread *t, struct echo_connection *connection) {
    struct threads *all = t->all;
    /* Who cannot be joined by another thread serves alone: late is better than not. */
    if (atomic_fetch_sub(&all->idle, 1) == 1 && !all->design->options.spin) {
        (void)atomic_fetch_add(&all->idle, 1);
        if (start_thread(all, NULL, false) != 0) (void)atomic_fetch_sub(&all->idle, 1);
    }
    serving_run(&t->serving, connection);
    (void)atomic_fetch_add(&all->idle, 1);
}

static int start_pool(struct design_server *d) {
    return start(d, take_and_let_another_wait);
}

const struct design_way pool_way = {.start = start_pool, .stop = stop, .many_sockets = true};

/* ---- a thread per connection ---- */

static void join_ended(struct threads *all) {
    (void)pthread_mutex_lock(&all->lock);
    struct thread *t = all->ended;
    all->ended = NULL;
    for (struct thread *one = t; one != NULL; one = one->next_ended) remque(one);
    (void)pthread_mutex_unlock(&all->lock);
    while (t != NULL) {
        struct thread *next = t->next_ended;
        (void)pthread_join(t->id, NULL);
        forget(t, all->counts);
        t = next;
    }
}

static void hand_over(struct thread *t, struct echo_connection *connection) {
    join_ended(t->all);
    /* Where there can be no further thread this one serves: late is better than not. */
    if (start_thread(t->all, connection, t->serving.timed) != 0) {
        serving_run(&t->serving, connection);
    }
}

static int start_per_connection(struct design_server *d) {
    return start(d, hand_over);
}

const struct design_way thread_way = {.start = start_per_connection, .stop = stop};
