/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process per connection, the oldest way: a process accepts, forks a child
 * for each connection, and closes its own copy. Nothing is shared, so nothing
 * one client does can harm another's server; its price is a fork per
 * connection. Where connections do not exist the one socket gets one child,
 * and the design is a receive loop.
 *
 * The thread that starts it must live until it has been stopped: the processes
 * die with it (prctl(2), PR_SET_PDEATHSIG).
 */
#ifndef BENCH_FORK_SERVER_H
#define BENCH_FORK_SERVER_H

#include "bench/serve/serving.h"

struct fork_server;

/* As pool_start and pool_stop; the latter reaps. */
int fork_server_start(struct fork_server **server, const struct serving_options *options);
void fork_server_stop(struct fork_server *server, uint64_t *counts);

#endif
