/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where client and server run. On an idle second core every message wakes
 * somebody up, and on a virtual machine that costs more than the protocol: so
 * placement is a parameter, not an accident of the scheduler.
 */
#ifndef BENCH_PLACEMENT_H
#define BENCH_PLACEMENT_H

#include <stdbool.h>

enum placement {
    PLACEMENT_SAME_CORE,  /* both on one CPU: the work alone, which nobody deploys */
    PLACEMENT_CROSS_CORE, /* a CPU each, both block */
    PLACEMENT_SPIN,       /* a CPU each, both poll */
    PLACEMENT_AWAKE,      /* a CPU each, both block, and idle CPUs are kept from sleeping (root) */
    PLACEMENTS
};

extern const char *const placement_names[PLACEMENTS];

struct placement_cpus {
    int client, server;
    bool siblings; /* two threads of one core, for want of a second core */
};

/*
 * Chooses among the CPUs this process may use: the highest numbered ones, as
 * the first tends to have the interrupts. 0, or -ENODEV when two are needed
 * and there is one.
 */
int placement_choose(struct placement_cpus *cpus, enum placement placement);

/*
 * Forbids idle CPUs to sleep (the kernel's pm_qos_interface) until the file
 * that this returns is closed. Else -errno.
 */
int placement_hold_awake(void);

/* Keeps the calling process on one CPU. 0 or -errno. */
int placement_pin(int cpu);

#endif
