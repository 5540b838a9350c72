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

/*
 * Listens and starts to serve; 0 or -errno, and then nothing is left. On
 * success *address is where it listens.
 */
int design_start(struct design_server **server, const struct design_options *options,
                 struct echo_address *address);

/*
 * Ends every connection, joins or reaps whoever served, and releases it.
 * `counts` (ECHO_COUNTS entries, or NULL) gets the sums.
 */
void design_stop(struct design_server *server, uint64_t *counts);

/*
 * So many servers on one port, whose address is `address`. 0, or -errno and
 * NULL for those that were made. Each is the caller's to release.
 */
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

/*
 * Ends it and waits. `counts` gets ECHO_COUNTS sums; 0, or -EIO when the server
 * did not live to tell them.
 */
int server_process_stop(struct server_process *process, uint64_t *counts);

/* ---- what designs are made of: for bench/serve and its test only ---- */

struct design_server {
    struct design_options options;
    const struct design_way *way;
    void *state; /* the way's */
    unsigned count;
    struct echo_server *servers[]; /* listening; released behind the way's stop */
};

/* 0 or -errno; `stop` as design_stop, after a start that succeeded. */
struct design_way {
    int (*start)(struct design_server *d);
    void (*stop)(struct design_server *d, uint64_t *counts);
    bool polls; /* each worker has a server of its own, which does not block */
};

extern const struct design_way epoll_way;

#endif
