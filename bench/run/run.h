/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One run and what came of it: the sample of all statistics. The process that
 * made it fills it in (measure.c); it goes through a pipe to whoever asked
 * (process.h), and stays as it is up to the judge. Durations are whole
 * nanoseconds and counts are counts until they are printed.
 *
 * What is not known is FIELD_UNKNOWN, NAN or NULL.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <limits.h>
#include <stdio.h>

#include "bench/link/wire.h"
#include "bench/load/load.h"
#include "bench/measure/counters.h"
#include "bench/measure/facts.h"
#include "bench/run/parameters.h"
#include "bench/run/validity.h"

enum network { NETWORK_PRIVATE, NETWORK_HOST, NETWORK_REMOTE, NETWORKS };

extern const char *const network_names[NETWORKS];

/* Percentiles that were supported, in ns; FIELD_UNKNOWN where too few lay beyond. */
struct distribution {
    uint64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
    double mean_ns; /* NAN: of nothing */
};

/* How often something happened: "connect ECONNREFUSED", "kernel.TcpRetransSegs". */
struct tally {
    char name[48];
    uint64_t count; /* FIELD_UNKNOWN: cannot be read here */
};

struct tallies {
    struct tally *list; /* malloc'd */
    size_t count;
};

/* What the wire carried, by direction and kind; `known` is false where there was none. */
struct carried {
    bool known;
    struct wire_tally all;
    uint64_t foreign, device_drops;
    struct wire_tally by[WIRE_DIRECTIONS][WIRE_KINDS];
    struct distribution one_way, late;
    double applied_rtt_ns;     /* the mean that packets really waited, there and back */
    struct wire_packet *trace; /* malloc'd: one by one, where they were captured; or NULL */
    size_t trace_count;
};

/*
 * How many connections per second the ports allow. Whoever closes first keeps
 * the port in TIME_WAIT for a minute (RFC 9293, section 3.6.1); where that is
 * the client, a pair of addresses has no more than range / 60 s. On loopback
 * Linux lets a port be taken again after one second (tcp_tw_reuse).
 */
struct ports {
    unsigned range;        /* local ports; 0: ports do not limit this run */
    double loopback_per_s; /* connections from one address to one port, here ... */
    double network_per_s;  /* ... and on any network */
    unsigned sources;      /* addresses of 127.0.0.0/8 to be used in turn; 0: one suffices */
};

/* A column or point of a run that does not say: alone, or of an older file. */
#define RUN_NOWHERE UINT_MAX

struct run {
    struct parameters asked;
    unsigned depth; /* messages outstanding on a connection, as it was */

    /* Its place in the experiment; of a run alone all 0. */
    unsigned block, order, column, point;
    unsigned neighbours;     /* runs that went on beside it, at most: see the runner */
    bool against;            /* by the other program of compare --against */
    const char *lost_packet; /* of sweep loss --packet: which one; else NULL */
    const char *tool;        /* of crosscheck: which one it stood beside; else NULL */
    double capacity_per_s;   /* of its variant in a closed loop, where a rate was chosen by it */

    struct placement_cpus cpus; /* -1: any */
    enum network network;

    union {
        struct load_counts counts;
        struct {
            LOAD_COUNTS;
        };
    };
    struct tallies errors, early_errors; /* early: before anything counted */
    uint64_t elapsed_ns;
    uint64_t ok_by_half[2]; /* of the counted time, of a closed loop in a window; 0: not known */
    double outstanding;     /* the mean over the window of what was under way */
    /* Of the latency, with those lost or failed last: as long as the deadline, or longer. */
    struct distribution latency;
    struct distribution answered; /* the same of the answered ones alone */
    struct distribution cycle, service, connect, exchange, close;
    struct samples samples;               /* of the latency, without those missed */
    double packets, wire_bytes, syscalls; /* per message, over the whole run */
    double per_send, per_receive;         /* messages in a system call of the client, ... */
    double server_per_receive, server_per_send, per_packet; /* ... the server, and a packet */

    /* Of an open loop; offered is FIELD_UNKNOWN in a closed one. */
    uint64_t offered, taken_up, in_time, unsent;
    bool overloaded;
    struct distribution lateness;
    struct load_point *series; /* malloc'd, or NULL */
    size_t series_count;

    double disturbed; /* the share of the counted time that others took from it; NAN: not known */

    uint64_t idle_server_bytes, idle_kernel_bytes; /* of each idle connection */
    struct carried wire;
    struct tallies counters;
    uint64_t answered_in_all, executed, executed_twice; /* of a variant that retries */
    struct time_wait time_wait[2];                      /* before and after */
    struct ports ports;
    struct facts settings; /* of the network, as they were in force */

    struct validity validity;
    void *beside; /* of bench/session: what its file holds beyond this */
};

/*
 * Runs it here and now, with a network, a server process and a load of its
 * own; this process leaves its network and its CPUs for good. An exit status,
 * with *run the caller's if it is EXIT_DONE; else one sentence is on stderr.
 */
int measure_run(const struct parameters *asked, struct run **run);

/* Everything unknown. For run_free. */
struct run *run_new(void);
void run_free(struct run *run); /* NULL is ignored; `beside` is not touched */

bool run_is_valid(const struct run *run);
bool run_is_open(const struct run *run); /* a schedule was kept */
bool run_is_floor(const struct run *run);

/* NAN where it means nothing. */
double run_throughput_per_s(const struct run *run);
double run_time_ns(const struct run *run); /* per message, elapsed over answered */
double run_cpu_ns(const struct run *run);  /* per message, both sides */

/* Its latencies with those that were lost or failed: borrowed from the run. */
struct samples run_samples(const struct run *run);

uint64_t run_counter(const struct run *run, const char *name); /* FIELD_UNKNOWN: there is none */

/* With so many more that never ended: those rank last, as `never_ns`. */
struct distribution distribution_with(const struct histogram *histogram, uint64_t missed,
                                      uint64_t never_ns);
struct distribution distribution_of(const struct histogram *histogram);

/* To what is there of that name, which is cut to what a tally holds. */
void tallies_add(struct tallies *tallies, const char *name, uint64_t count);

/*
 * The run as bytes, for a reader that is the same program: 0 or -errno. What
 * is read keeps the reader's own parameters, of which texts are pointers.
 */
int run_write(const struct run *run, FILE *out);
struct run *run_read(const void *bytes, size_t size, const struct parameters *asked);

/* A list that grows; it owns its runs. */
struct runs {
    struct run **list;
    size_t count;
};

void runs_add(struct runs *runs, struct run *run); /* takes it, also without memory */
void runs_free(struct runs *runs);

/*
 * A run as a file, a finding or a sentence has it: what is derived from it, or
 * said in other words outside, beside it. It knows no format.
 */
struct outside {
    struct run run; /* a copy that owns nothing */
    const char *variant, *build, *placement;
    bool serves, retries, open, idles, placed, in_column, at_point; /* what is known depends on */
    double throughput_per_s, time_ns, cpu_ns, client_cpu_ns, server_cpu_ns;
    double offered_per_s, taken_up_per_s, answered_per_s; /* seen, not asked for */
    bool valid;
};

/* What is one value of a run, in the order of a file; places are in struct outside. */
extern const struct field run_fields[];
extern const unsigned run_field_count;

struct outside outside_of(const struct run *run); /* borrows from it */
void outside_apply(struct outside *outside);      /* what was read, into the run of it */

#endif
