/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a load is asked for, and what it counted: for its loops, and for all above. */
#ifndef BENCH_TERMS_H
#define BENCH_TERMS_H

#include <signal.h>
#include <sys/types.h>

#include "bench/load/exchange.h"
#include "bench/measure/histogram.h"
#include "bench/measure/interference.h"

enum {
    LOAD_FAILURES_MAX = 100, /* that many failures in a row end a run */
    LOAD_ERRNOS = 134,       /* Linux knows no higher */
    LOAD_COUNTERS_MAX = ECHO_CLIENT_COUNTS_MAX
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

/* When the requests of an open loop are due, and who takes them. */
struct load_schedule {
    double per_s;
    bool fixed;    /* every 1 / per_s; else a Poisson process */
    uint64_t seed; /* of that */
    bool own;    /* request k is for connection k modulo their number: clients of their own; ... */
    bool oldest; /* ... else for the free one that was used longest ago, or last: a pool */
    bool sleeps; /* never spins until one is due: the server is on this CPU */
    bool keeps_series; /* what became of each, in load_open.series */
    uint64_t series_max;
};

struct load_options {
    const struct echo_transport *transport;
    struct echo_client_options client;        /* `session` is that of the first connection */
    bool many;                                /* one loop over all connections: epoll */
    enum exchange_waiting waiting;            /* otherwise: how each thread waits */
    unsigned connections;                     /* at least 1 */
    uint64_t gap_ns;                          /* from the end of an exchange to the next */
    const struct load_schedule *schedule;     /* of an open loop, else NULL */
    uint64_t warmup_ns;                       /* from when all are connected; 0: count at once */
    uint64_t duration_ns;                     /* of what is counted, unless `messages` is given */
    uint64_t messages;                        /* in all; 0: as many as the duration holds */
    uint64_t deadline_ns;                     /* of each exchange */
    pid_t server;                             /* whose CPU time is read; -1: not here */
    pid_t wire;                               /* likewise; 0: none */
    const volatile sig_atomic_t *interrupted; /* ends the run early */
};

/* One message of a series. */
struct load_point {
    uint64_t due_ns;     /* from the beginning of the counted time */
    uint64_t latency_ns; /* UINT64_MAX: lost or failed */
};

/* What only an open loop has. */
struct load_open {
    uint64_t offered;          /* requests that were due in the counted time ... */
    uint64_t taken_up;         /* ... and seen to be due before it was over */
    uint64_t in_time;          /* ... and answered before it was over */
    uint64_t unsent;           /* lost because no connection was free within their deadline */
    struct histogram lateness; /* of the generator: from when one was due to when it saw that */
    struct load_point *series; /* malloc'd, or NULL */
    uint64_t series_count;
};

/* What is counted of a load, which struct run has as members of its own, too. */
#define LOAD_COUNTS                                                                                \
    uint64_t sent, ok, lost, failed;        /* sent = ok + lost + failed */                        \
    uint64_t late, duplicate, corrupt;      /* replies beside those */                             \
    uint64_t drained;                       /* after the window: how many ended ... */             \
    uint64_t waiting;                       /* ... and were under way: never answered */           \
    uint64_t drain_ns;                      /* until the last of them had ended */                 \
    uint64_t connecting_ns;                 /* until each connection had brought a message */      \
    uint64_t client_cpu_ns, server_cpu_ns;  /* in the counted time; UINT64_MAX: not known */       \
    uint64_t usage_ns;                      /* between the readings of these, and of: */           \
    uint64_t softirq_ns, server_softirq_ns; /* the kernel's for what is put off, on their CPUs */  \
    struct side_time client_side, server_side, wire_side; /* likewise */                           \
    struct throttled throttled

struct load_counts {
    LOAD_COUNTS;
};

struct load_result {
    /* Up to drain_ns sums over the threads, all uint64_t: see load.c. */
    uint64_t errors[EXCHANGE_DONE][LOAD_ERRNOS];       /* by phase and errno ... */
    uint64_t early_errors[EXCHANGE_DONE][LOAD_ERRNOS]; /* ... before anything counted */
    uint64_t ok_by_half[2];                            /* of the counted time */
    uint64_t busy_ns;    /* what was under way in the counted time, over it: also by parts */
    uint64_t waiting_ns; /* the part of those that were never answered */
    uint64_t cycles_ns;  /* of the whole cycles of those counted; of lost ones the part therein */
    uint64_t exchanges;  /* begun in all, the warm-up's too ... */
    uint64_t answered;   /* ... and of those answered */
    uint64_t sockets;    /* made, in all */
    union {
        struct load_counts counts;
        struct {
            LOAD_COUNTS;
        };
    };
    uint64_t start_ns, end_ns;                       /* the counted time */
    uint64_t longest_ns;                             /* of all that were under way in it */
    struct echo_counter counters[LOAD_COUNTERS_MAX]; /* of all clients, since they were opened */
    unsigned counter_count;
    unsigned connections, depth;
    bool gave_up; /* LOAD_FAILURES_MAX was reached */
    struct histogram durations[LOAD_DURATIONS];
    struct load_open open; /* zero in a closed loop */
};

#endif
