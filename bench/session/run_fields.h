/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run as a file has it: the run itself, and what is derived from it or said
 * in other words outside.
 */
#ifndef BENCH_RUN_FIELDS_H
#define BENCH_RUN_FIELDS_H

#include "bench/run/run.h"

struct outside_side {
    double run_ms, wait_ms;
};

struct outside {
    struct run run; /* a copy that owns nothing */

    const char *variant, *build, *placement, *design, *arrivals, *assign;
    double rtt_ms, rtt_applied_ms, loss_percent, rto_floor_ms;
    double throughput_per_s, time_ns, cpu_ns, client_cpu_ns, server_cpu_ns;
    double offered_per_s, taken_up_per_s, answered_per_s; /* seen, not asked for */
    uint64_t workers, mtu_bytes, idle_connections, ports_range, ports_sources;
    uint64_t block, order, column, point;
    struct outside_side client_side, server_side, wire_side;
    double throttled_periods, throttled_ms;
    bool valid;
};

/* In the order of the file; the parameters of a run are among them. */
extern const struct field run_fields[];
extern const unsigned run_field_count;

/* What is shown of a run; borrows from it. */
struct outside outside_of(const struct run *run);

/* What was read, into the run of it: parameters from what a file says of them. */
void outside_apply(struct outside *outside);

#endif
