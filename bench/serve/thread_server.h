/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A thread per connection: one thread accepts and starts a new one for each,
 * which ends with it. Its price is a thread made, and joined, per connection;
 * pool.h keeps them. Where connections do not exist the one socket gets one
 * thread, and the design is a receive loop.
 */
#ifndef BENCH_THREAD_SERVER_H
#define BENCH_THREAD_SERVER_H

#include "bench/serve/serving.h"

struct thread_server;

/* As pool_start and pool_stop. */
int thread_server_start(struct thread_server **server, const struct serving_options *options);
void thread_server_stop(struct thread_server *server, uint64_t *counts);

#endif
