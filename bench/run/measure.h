/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run, here and now: its own network, its own server process, one load. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "bench/load/beside.h"
#include "bench/run/run.h"
#include "bench/serve/design.h"

/*
 * Runs it in this process, which leaves its network and its CPUs for good. An
 * exit status, with *run the caller's if it is EXIT_DONE; else one sentence is
 * on stderr.
 */
int measure_run(const struct parameters *asked, struct run **run);

/* ---- between measure.c and outcome.c ---- */

/* A run under way. */
struct measure {
    const struct parameters *asked;
    struct run *run; /* what comes of it */
    struct echo_client_options client;
    struct placement_cpus cpus;
    struct server_process server; /* its pid is 0 where it is not ours */
    uint64_t counts[ECHO_COUNTS];
    struct counters counters;
    struct wire wire;
    bool laid; /* the wire is */
    struct beside silent, idle;
    struct beside_memory memory[2]; /* before and after the idle ones were opened */
};

/* Fills the run from all that, and judges it by validity.h; takes the load's series. */
void outcome_fill(const struct measure *measure, struct load_result *load);

#endif
