/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How many connections per second the ports allow. Whoever closes first keeps
 * the port in TIME_WAIT for a minute (RFC 9293, section 3.6.1); where that is
 * the client, a pair of addresses has no more than range / 60 s. On loopback
 * Linux lets a port be taken again after one second (tcp_tw_reuse).
 */
#ifndef BENCH_PORTS_H
#define BENCH_PORTS_H

#include <stdint.h>

#include "bench/run/parameters.h"

struct ports {
    unsigned range;        /* local ports; 0: ports do not limit this run */
    double loopback_per_s; /* connections from one address to one port, here ... */
    double network_per_s;  /* ... and on any network */
    unsigned sources;      /* addresses of 127.0.0.0/8 to be used in turn; 0: one suffices */
};

/* How many local ports connect chooses from: the range in force. */
unsigned ports_range(void);

/*
 * Over how many addresses so many are to be spread; 0: one suffices. A third of
 * the range each keeps connect's search out of the measurement.
 */
unsigned ports_sources(uint64_t connections);

/*
 * The budget of a run of so many messages, or of `duration_ns` at the most that
 * loopback can make of it. One that shares its network with others, as with a
 * server that runs already, also meets what its server keeps. Reads the range
 * in force.
 */
struct ports ports_budget(const struct parameters *asked, uint64_t duration_ns);

#endif
