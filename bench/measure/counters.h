/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel counts while a run goes on: retransmissions, overflows,
 * drops, stolen time, migrations. A counter either explains a result or voids
 * the run; the table here says which.
 */
#ifndef BENCH_COUNTERS_H
#define BENCH_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

enum { COUNTERS_MAX = 32 };

struct counter_row {
    const char *name;       /* "kernel.TcpRetransSegs": of /proc/net/snmp or netstat, ... */
    uint64_t void_from;     /* as many void a run in a private network; 0: it only explains */
    uint64_t (*read)(void); /* ... unless read so */
    bool of_machine;        /* not of the namespace: the same on the host's loopback */
    /*
     * With several connections at once an ACK may be overtaken by the close it
     * belongs to, or be delayed until that is over, and draws a reset that harms
     * nobody: one that does is an error of its message, and counted there.
     */
    bool may_stray;
};

extern const struct counter_row counter_rows[];
extern const unsigned counter_count;

struct counters {
    uint64_t value[COUNTERS_MAX]; /* UINT64_MAX: cannot be read here */
};

/* Reads all, for the caller's network namespace. */
void counters_read(struct counters *counters);

/* `after` - `before`, entry by entry. */
void counters_subtract(struct counters *after, const struct counters *before);

/* Time that a hypervisor gave to others, since boot: of all CPUs, in ticks. */
uint64_t counters_steal_ticks(void);

/* Sockets in TIME_WAIT by whose they are: the side with the server's port, or the other. */
struct time_wait {
    uint64_t server, client;
    uint64_t all; /* in this network, of whatever ports */
};

struct time_wait counters_time_wait(uint16_t server_port);

#endif
