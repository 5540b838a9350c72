/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A load on one server, in three forms of one state machine (exchange.h).
 *
 * Closed loop: a connection starts its next exchange when the last has ended,
 * so outstanding = connections x depth, and the load follows the server's
 * speed: right for throughput and for the typical latency, wrong for tails
 * (coordinated omission). By a thread per connection (blocking), or by one loop
 * over all connections (epoll).
 *
 * Open loop: requests are due by a schedule that knows nothing of the server,
 * and latency counts from when one was due (one loop over all connections).
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/load/terms.h"

/* Runs to the end. 0 with *result (the caller's, for load_free), or -errno. */
int load_run(struct load_result **result, const struct load_options *options);

/* The same load by the transport's floor: only sent, ok, times and CPU are filled in. */
int load_floor(struct load_result **result, const struct load_options *options);

/*
 * The requests of an open loop were taken up and yet not answered at the rate
 * at which they came: a hundredth is missing, those under way at the end aside,
 * and on a path that loses packets those that were lost, which is no overload.
 */
bool load_is_overloaded(const struct load_result *result, bool loses_packets);

void load_free(struct load_result *result); /* NULL is ignored */

/* ---- when requests are due: laid down before the first, so that nothing can change it ---- */

/* So many requests at most: their times alone are 400 MB. */
enum { SCHEDULE_MAX = 50000000 };

struct schedule {
    uint64_t *due_ns; /* ascending, from the beginning of the schedule */
    uint64_t count;
};

/*
 * Those due within `length_ns`, or `most` if that is not 0 (then however long
 * they take). 0 (release with schedule_free), -E2BIG or -ENOMEM.
 */
int schedule_make(struct schedule *schedule, const struct load_schedule *wanted, uint64_t length_ns,
                  uint64_t most);
void schedule_free(struct schedule *schedule);

#endif
