/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/placement.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/measure/system.h"

const char *const placement_names[PLACEMENTS] = {"same-core", "cross-core", "spin", "awake"};

/* By the kernel's own text for the group of threads that a CPU belongs to. */
static bool same_core(int one, int other) {
    char *a = system_line("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", one);
    char *b = system_line("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", other);
    const bool same = a != NULL && b != NULL && strcmp(a, b) == 0; /* unknown: each is its own */
    free(a);
    free(b);
    return same;
}

int placement_choose(struct placement_cpus *cpus, enum placement placement) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return -errno;
    *cpus = (struct placement_cpus){.client = -1, .server = -1};
    int sibling = -1;
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
        if (!CPU_ISSET((size_t)cpu, &allowed)) continue;
        if (cpus->server < 0) {
            cpus->server = cpu;
        } else if (same_core(cpu, cpus->server)) {
            sibling = sibling < 0 ? cpu : sibling;
        } else if (cpus->client < 0) {
            cpus->client = cpu;
        }
    }
    if (placement == PLACEMENT_SAME_CORE) cpus->client = cpus->server;
    if (cpus->client >= 0) return 0;
    cpus->client = sibling;
    cpus->siblings = true;
    return sibling < 0 ? -ENODEV : 0;
}

int placement_pin(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 ? 0 : -errno;
}

int placement_hold_awake(void) {
    const int32_t latency_us = 0;
    const int file = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    if (write(file, &latency_us, sizeof latency_us) == sizeof latency_us) return file;
    const int failed = -errno;
    (void)close(file);
    return failed;
}
