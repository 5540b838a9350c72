/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server of one run, in a process of its own: started before the client
 * measures, told to end when it has, asked then what it counted. It cannot
 * outlive its parent.
 */
#ifndef BENCH_SERVER_PROCESS_H
#define BENCH_SERVER_PROCESS_H

#include <sys/types.h>

#include "bench/serve/design.h"

struct server_process_options {
    const struct echo_transport *transport;
    struct echo_server_options server;
    int cpu;                                 /* to stay on; -1: any */
    bool spin;                               /* poll instead of blocking */
    enum design design;                      /* how it is built; a floor has none */
    unsigned workers;                        /* see design.h; 0 means 1 */
    uint64_t idle_timeout_ns;                /* see design.h */
    const struct echo_client_options *floor; /* not NULL: the bare loop for such clients */
    bool many;              /* that of the epoll engine: one per worker; else ... */
    unsigned floor_threads; /* ... as many as there are connections */
};

struct server_process {
    pid_t pid;
    int control; /* shutting it down ends the server */
    int report;
    struct echo_address address;
};

/* 0, or -errno of what failed, in the child too; nothing is left behind then. */
int server_process_start(struct server_process *process,
                         const struct server_process_options *options);

/*
 * Ends it and waits. `counts` gets ECHO_COUNTS sums; 0, or -EIO when the server
 * did not live to tell them.
 */
int server_process_stop(struct server_process *process, uint64_t *counts);

#endif
