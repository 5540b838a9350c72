/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One loop of the epoll engine's server: a listening socket, the connections
 * that came from it, and an epoll instance that watches them (epoll(7), level
 * triggered: what is left for later is reported again).
 */
#ifndef BENCH_EPOLL_H
#define BENCH_EPOLL_H

#include <pthread.h>
#include <stdalign.h>

#include "bench/serve/design.h"

/* How much to take at a time from where there may be more: as much as there used to be. */
struct burst {
    uint8_t size; /* at least 1 */
    uint8_t full; /* so often in a row it was used up */
};

/* A connection as its worker sees it; in one list at a time. */
struct watched {
    struct watched *after, *before; /* in a ring, for insque(3) */
    struct echo_connection *connection;
    uint64_t since_ns; /* of the last activity; kept in the list that asks for it */
    bool draining;     /* in the list of those */
    bool room;         /* epoll waits until it can send, not until something comes */
    bool shared;       /* a socket of all clients, no connection of one */
    struct burst steps;
};

enum watched_list {
    WATCHED_KEPT,     /* nothing is to happen to them but what epoll reports */
    WATCHED_IDLE,     /* longest idle first: to be closed in the end */
    WATCHED_DRAINING, /* wait for the client's end of file, or for their time to be up */
    WATCHED_LISTS
};

/* Each begins a cache line: no worker writes where another reads. */
struct epoll_worker {
    alignas(64) struct echo_server *server; /* its own; released by whoever made it */
    const atomic_bool *stopping;            /* set before `wake` becomes readable */
    int wake;                               /* watched too; nobody reads from it */
    uint64_t idle_timeout_ns;
    pthread_t thread;
    int epoll;
    bool listening; /* the listening socket is watched */
    struct burst accepts;
    uint64_t retry_ns; /* when to try accept again, which failed; UINT64_MAX: it did not */
    uint64_t drain_ns; /* when to look after those that drain, likewise */
    uint64_t now_ns;   /* of this wake-up, where a time matters */
    struct watched lists[WATCHED_LISTS]; /* rings; these are where they begin and end */
    struct watched *unused;
    struct echo_worker echo;
};

/* With the first four filled in. 0 or -errno; on success the caller owes a close. */
int epoll_worker_open(struct epoll_worker *w);
void epoll_worker_run(struct epoll_worker *w); /* until *stopping */

/* Ends every connection. `counts` (ECHO_COUNTS entries, or NULL) gets the sums. */
void epoll_worker_close(struct epoll_worker *w, uint64_t *counts);

#endif
