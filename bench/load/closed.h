/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The closed loop: every connection has a thread that starts its next exchange
 * when the last has ended. So outstanding = connections, and the load follows
 * the server's speed: right for throughput and for the typical latency, wrong
 * for tails (coordinated omission).
 */
#ifndef BENCH_CLOSED_H
#define BENCH_CLOSED_H

#include <signal.h>
#include <sys/types.h>

#include "bench/load/exchange.h"
#include "bench/measure/histogram.h"

enum {
    LOAD_FAILURES_MAX = 100, /* that many failures in a row end a run */
    LOAD_ERRNOS = 134,       /* Linux knows no higher */
    LOAD_COUNTERS_MAX = 16   /* that a client may have */
};

/* Which durations are kept, each in a histogram; see README, Result files. */
enum load_duration {
    LOAD_LATENCY,
    LOAD_CYCLE,
    LOAD_SERVICE,
    LOAD_CONNECT,
    LOAD_EXCHANGE,
    LOAD_CLOSE,
    LOAD_DURATIONS
};

struct load_options {
    const struct echo_transport *transport;
    struct echo_client_options client; /* `session` is that of the first connection */
    enum exchange_waiting waiting;
    unsigned connections;                     /* at least 1 */
    uint64_t warmup_ns;                       /* before anything is counted */
    uint64_t duration_ns;                     /* of what is counted, unless `messages` is given */
    uint64_t messages;                        /* in all; 0: as many as the duration holds */
    uint64_t deadline_ns;                     /* of each exchange */
    pid_t server;                             /* whose CPU time is read; -1: not here */
    const volatile sig_atomic_t *interrupted; /* ends the run early */
};

struct load_result {
    uint64_t sent, ok, lost, failed;             /* sent = ok + lost + failed */
    uint64_t late, duplicate, corrupt;           /* replies beside those */
    uint64_t errors[EXCHANGE_DONE][LOAD_ERRNOS]; /* by phase and errno */
    uint64_t ok_by_half[2];                      /* of the counted time */
    uint64_t busy_ns;   /* sum of all cycles, those of lost and failed ones too */
    uint64_t window_ns; /* sum over connections of the time each was counted for */
    uint64_t exchanges; /* begun in all, the warm-up's too ... */
    uint64_t answered;  /* ... and of those answered */
    struct echo_counter counters[LOAD_COUNTERS_MAX]; /* of all clients, since they were opened */
    unsigned counter_count;
    unsigned connections;
    uint64_t start_ns, end_ns;             /* the counted time */
    uint64_t client_cpu_ns, server_cpu_ns; /* in it; UINT64_MAX: not known */
    bool gave_up;                          /* LOAD_FAILURES_MAX was reached */
    struct histogram durations[LOAD_DURATIONS];
};

/* Runs to the end. 0 with *result (the caller's, free it), or -errno. */
int load_closed(struct load_result **result, const struct load_options *options);

/* The same load by the transport's floor: only sent, ok, times and CPU are filled in. */
int load_floor(struct load_result **result, const struct load_options *options);

#endif
