/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simplest server: one thread accepts a connection, serves it to its end,
 * and only then accepts the next. Whoever is connected and silent keeps all
 * others waiting. Without connections it is a plain receive loop, and nothing
 * is wrong with it.
 */
#ifndef BENCH_ITERATIVE_SERVER_H
#define BENCH_ITERATIVE_SERVER_H

#include "bench/serve/serving.h"

struct iterative_server;

/* As pool_start and pool_stop. */
int iterative_server_start(struct iterative_server **server, const struct serving_options *options);
void iterative_server_stop(struct iterative_server *server, uint64_t *counts);

#endif
