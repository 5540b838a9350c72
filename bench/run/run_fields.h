/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run as a file, a finding or a sentence has it: what is derived from it, or
 * said in other words outside, beside it. It knows no format.
 */
#ifndef BENCH_RUN_FIELDS_H
#define BENCH_RUN_FIELDS_H

#include "bench/run/run.h"

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

/* What is shown of a run; borrows from it. */
struct outside outside_of(const struct run *run);

/* What was read, into the run of it: parameters from what a file says of them. */
void outside_apply(struct outside *outside);

#endif
