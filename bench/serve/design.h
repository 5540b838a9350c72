/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a server is built around the steps of echo/service.h: who waits in
 * accept, who serves a connection, and what it costs to hand one over. The
 * classic comparison; DESIGN_POOL is the blocking engine, DESIGN_EPOLL the
 * epoll engine.
 */
#ifndef BENCH_DESIGN_H
#define BENCH_DESIGN_H

#include "echo/service.h"

enum design {
    DESIGN_POOL,      /* waiting threads, see bench/serve/pool.h */
    DESIGN_EPOLL,     /* a loop over all connections, see bench/serve/epoll_server.h */
    DESIGN_ITERATIVE, /* one connection after the other, in one thread */
    DESIGN_FORK,      /* a process per connection */
    DESIGN_THREAD,    /* a new thread per connection */
    DESIGNS
};

extern const char *const design_names[DESIGNS];

struct design_options {
    enum design design;
    const struct echo_transport *transport;
    struct echo_server_options server;
    unsigned workers;         /* threads that each have a socket of their own; 0 means 1 */
    bool spin;                /* poll instead of blocking */
    uint64_t idle_timeout_ns; /* closes a connection that has been idle for so long; 0: never */
};

/* A server that runs. */
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

/* A connection costs a descriptor: raises this process's soft limit as far as it may. */
void design_raise_descriptors(void);

#endif
