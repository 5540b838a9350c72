/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One thread of a server that blocks: accepts, serves a connection to its end,
 * and can be ended from outside in the middle of either. What the designs
 * pool, iterative, thread and fork have in common; how connections reach
 * threads is theirs.
 */
#ifndef BENCH_SERVING_H
#define BENCH_SERVING_H

#include <pthread.h>

#include "echo/service.h"

struct serving_options {
    struct echo_server *server; /* listening; stays the caller's */
    bool spin;                  /* never sleeps; needs a non-blocking server */
    uint64_t idle_timeout_ns;   /* ends a connection that was idle for so long; 0, or spin: never */
};

struct serving {
    struct serving_options options;
    struct echo_worker worker;
    bool timed; /* the connection accepted last has a timeout on its socket */
    atomic_bool ending;
    pthread_mutex_t lock;
    int socket; /* -1, or what is being served; under the lock */
};

void serving_init(struct serving *s, const struct serving_options *options);

/*
 * Waits for the next connection, as long as it takes; where descriptors or
 * memory are short it tries again. 0, or -ECANCELED: there will be no more.
 */
int serving_accept(struct serving *s, struct echo_connection **connection);

/* Serves it to its end and drops it. */
void serving_run(struct serving *s, struct echo_connection *connection);

/*
 * From another thread: shuts down the socket that is being served, and nothing
 * more will be. Who waits in accept is woken by the server's own stop.
 */
void serving_end(struct serving *s);

/* Adds to `counts` (ECHO_COUNTS entries, or NULL) and gives back what it holds. */
void serving_release(struct serving *s, uint64_t *counts);

#endif
