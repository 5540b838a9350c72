/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the table of environment.c consists of: how each fact is found out. */
#ifndef BENCH_ENVIRONMENT_PARTS_H
#define BENCH_ENVIRONMENT_PARTS_H

#include "bench/measure/facts.h"

/* Finds one fact; the argument is a path or a name, or means nothing. */
typedef struct fact environment_one(const char *argument);

/* Adds as many as there are, "limits.processes" and the like. */
typedef void environment_group(struct facts *facts);

/* ---- environment_text.c: what files say ---- */

/* The first line, its tabs as spaces. The caller's to free; NULL where there is none. */
char *environment_line(const char *path_format, ...) __attribute__((format(printf, 1, 2)));

environment_one environment_file;    /* the first line of this path */
environment_one environment_cpuinfo; /* behind the first such key */
environment_one environment_sysctl;  /* "net.core.somaxconn" */

/*
 * Words that would name a user, a host or a place of this machine are masked:
 * of "a=b c=/d" it leaves "a=b c=...". What follows "--" is for init, not for
 * the kernel, and is left out.
 */
environment_one environment_without_private;      /* of this text */
environment_one environment_file_without_private; /* of the first line of this path */

/* ---- environment_machine.c: what the machine says ---- */

environment_one environment_kernel, environment_kernel_build, environment_hypervisor,
    environment_cpu, environment_cpus, environment_thread_siblings, environment_clock_cost_ns,
    environment_cgroup_quota_cpus, environment_build_id, environment_steal_s;
environment_group environment_caches, environment_mitigations, environment_loopback_offloads,
    environment_limits;

#endif
