/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The epoll engine's server: each worker is a thread that waits for all of its
 * connections at once and takes a step on those that are ready. Workers share
 * the port and nothing else: the kernel deals connections and datagrams out to
 * them. An idle connection costs memory, but no thread.
 */
#ifndef BENCH_EPOLL_SERVER_H
#define BENCH_EPOLL_SERVER_H

#include "echo/service.h"

struct epoll_server;

struct epoll_server_options {
    const struct echo_transport *transport;
    struct echo_server_options server; /* nonblocking, sharing and sockets are set here */
    unsigned workers;                  /* 0 means 1 */
    uint64_t idle_timeout_ns;          /* ends a connection that was idle for so long; 0: never */
};

/* Listens and starts; 0 or -errno, and then nothing is left. *address is where it listens. */
int epoll_server_start(struct epoll_server **server, const struct epoll_server_options *options,
                       struct echo_address *address);

/*
 * Ends every connection, joins the workers and releases it. `counts`
 * (ECHO_COUNTS entries, or NULL) gets the sums.
 */
void epoll_server_stop(struct epoll_server *server, uint64_t *counts);

/*
 * So many non-blocking servers on one port, whose address is `address`. 0, or
 * -errno and NULL for those that were made. Each is the caller's to release.
 */
int epoll_server_listen(struct echo_server **servers, unsigned count,
                        const struct echo_transport *transport,
                        const struct echo_server_options *options, struct echo_address *address);

#endif
