/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a server is built around the steps of echo/service.h: who waits in
 * accept, who serves a connection, and what it costs to hand one over. The
 * classic comparison; DESIGN_POOL is the blocking engine, DESIGN_EPOLL the
 * epoll engine. Where connections do not exist, all but the epoll loop are a
 * plain receive loop.
 */
#ifndef BENCH_DESIGN_H
#define BENCH_DESIGN_H

#include <stdalign.h>
#include <sys/types.h>

#include "echo/service.h"

enum design {
    /*
     * Threads that each accept, serve that connection to its end, and accept
     * again. When the last idle one is taken a further one starts, so that
     * somebody always waits in accept. To spin it has one thread.
     */
    DESIGN_POOL,
    /*
     * Each worker is a thread that waits for all of its connections at once.
     * Workers share the port and nothing else: the kernel deals connections and
     * datagrams out to them. An idle connection costs memory, but no thread.
     */
    DESIGN_EPOLL,
    DESIGN_ITERATIVE, /* one after the other: whoever is silent keeps all others waiting */
    /*
     * A process per connection, the oldest way: nothing is shared, and each
     * costs a fork. The thread that starts it must live until it has been
     * stopped: the processes die with it (prctl(2), PR_SET_PDEATHSIG).
     */
    DESIGN_FORK,
    DESIGN_THREAD, /* one accepts and starts a new one for each, which is made and joined */
    DESIGNS
};

extern const char *const design_names[DESIGNS];

struct design_options {
    enum design design;
    const struct echo_transport *transport;
    struct echo_server_options server; /* nonblocking, sharing and sockets are the design's */
    unsigned workers;                  /* threads that each have a socket of their own; 0 means 1 */
    bool spin;                         /* poll instead of blocking */
    uint64_t idle_timeout_ns; /* closes a connection that has been idle for so long; 0: never */

    const struct echo_client_options *floor; /* not NULL: the bare loop for such clients, ... */
    bool many;              /* ... that of the epoll engine, one per worker; else ... */
    unsigned floor_threads; /* ... as many as there are connections */
    int cpu;                /* of a server_process: to stay on; -1: any */
};

struct design_server;

/* Listens, at *address then, and starts to serve; 0 or -errno, and then nothing is left. */
int design_start(struct design_server **server, const struct design_options *options,
                 struct echo_address *address);

/* Ends every connection and whoever served. `counts` (ECHO_COUNTS, or NULL) gets the sums. */
void design_stop(struct design_server *server, uint64_t *counts);

/* So many servers on one port, each the caller's to release. 0; or -errno and none. */
int design_listen(struct echo_server **servers, unsigned count,
                  const struct echo_transport *transport, const struct echo_server_options *options,
                  struct echo_address *address);

/* A connection costs a descriptor: raises this process's soft limit as far as it may. */
void design_raise_descriptors(void);

/* The server of one run, in a process of its own, which cannot outlive its parent. */
struct server_process {
    pid_t pid;
    int control; /* shutting it down ends the server, which then says its counts here */
    struct echo_address address;
};

/* 0, or -errno of what failed, in the child too; nothing is left behind then. */
int server_process_start(struct server_process *process, const struct design_options *options);

/* Ends it. `counts` gets ECHO_COUNTS sums; 0, or -EIO: it did not live to tell them. */
int server_process_stop(struct server_process *process, uint64_t *counts);

/*
 * ---- one loop of the epoll engine's server: a listening socket, the connections
 * that came from it, and an epoll instance that watches them (epoll(7), level
 * triggered: what is left for later is reported again); for bench/serve and its
 * test only ----
 */

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
