/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Connections beside a load, on which nothing happens: kept ones that are idle,
 * or clients that never say what they want. What they cost is memory, on both
 * ends, and a descriptor on each. Over a transport without connections each is
 * a socket, of which the server knows nothing.
 */
#ifndef BENCH_BESIDE_H
#define BENCH_BESIDE_H

#include <sys/types.h>

#include "echo/service.h"

struct beside {
    struct echo_client **clients;
    unsigned count;
};

/* How many connections a process may have: RLIMIT_NOFILE, as far as it can be raised. */
unsigned beside_most(void);

/*
 * Opens so many like `client`, from its source addresses in turn, and says
 * nothing on them. 0, or -errno of the first that failed: then beside->count
 * are open. In either case the caller owes beside_close.
 */
int beside_open(struct beside *beside, const struct echo_transport *transport,
                const struct echo_client_options *client, unsigned count);
void beside_close(struct beside *beside);

/* Waits until the server's number of descriptors stands still, at most some seconds. */
void beside_settle(pid_t server);

/* In bytes; UINT64_MAX: not known. */
struct beside_memory {
    uint64_t server; /* the server's own: RssAnon in /proc/PID/status */
    uint64_t kernel; /* of the machine, both ends: Slab in /proc/meminfo */
};

struct beside_memory beside_memory(pid_t server);

/* Bytes that each of `count` took; UINT64_MAX: not known, or other programs gave some back. */
uint64_t beside_each(uint64_t before, uint64_t after, unsigned count);

#endif
