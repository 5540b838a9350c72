/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The blocking engine's server: threads that each accept, serve that
 * connection to its end, and accept again. When the last idle one is taken a
 * further one starts, so that somebody always waits in accept. A thread made
 * per connection would cost more than the connection.
 */
#ifndef BENCH_POOL_H
#define BENCH_POOL_H

#include "bench/serve/serving.h"

struct pool;

/* 0 or -errno. To spin it has one thread. */
int pool_start(struct pool **pool, const struct serving_options *options);

/*
 * Stops the server, ends every connection, joins the threads and releases the
 * pool. `counts` (ECHO_COUNTS entries, or NULL) gets the sums.
 */
void pool_stop(struct pool *pool, uint64_t *counts);

#endif
