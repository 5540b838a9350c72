/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/interference.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/measure/system.h"

enum { PATH_BYTES = 512 };

static bool read_times(const char *path, struct thread_time *time) {
    return system_scan(path, 2, "%" SCNu64 " %" SCNu64, &time->run_ns, &time->wait_ns);
}

struct thread_time thread_time_now(void) {
    struct thread_time time = {.thread = gettid()};
    if (!read_times("/proc/thread-self/schedstat", &time)) time.thread = 0;
    return time;
}

struct thread_time *thread_times_of(pid_t process, size_t *count) {
    char path[PATH_BYTES];
    struct thread_time *times = NULL;
    *count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *folder = opendir(path);
    if (folder == NULL) return NULL;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct thread_time time = {.thread = atoi(entry->d_name)};
        (void)snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", (int)process, time.thread);
        if (time.thread <= 0 || !read_times(path, &time)) continue;
        struct thread_time *more = reallocarray(times, *count + 1, sizeof *more);
        if (more == NULL) continue;
        times = more;
        times[(*count)++] = time;
    }
    (void)closedir(folder);
    return times;
}

/* ksoftirqd/CPU, among the kernel's threads, which are the first processes; 0: not seen. */
static pid_t softirq_thread_of(int cpu) {
    char wanted[32];
    const int first = 2, most = 64 + 16 * (cpu + 1); /* some ten threads for each CPU */
    (void)snprintf(wanted, sizeof wanted, "ksoftirqd/%d", cpu);
    for (pid_t thread = first; thread < most; thread++) {
        char *name = system_line("/proc/%d/comm", (int)thread);
        const bool found = name != NULL && strcmp(name, wanted) == 0;
        free(name);
        if (found) return thread;
    }
    return 0;
}

/* -1: it may run on several. */
static int cpu_of(pid_t process) {
    cpu_set_t set;
    if (sched_getaffinity(process, sizeof set, &set) != 0 || CPU_COUNT(&set) != 1) return -1;
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &set)) cpu++;
    return (int)cpu;
}

uint64_t softirq_thread_ns(pid_t process) {
    static struct {
        int cpu; /* plus one; 0: none */
        pid_t thread;
    } known[2];
    char path[PATH_BYTES];
    struct thread_time time = {0};
    const int cpu = cpu_of(process), place = process == 0 ? 0 : 1;
    if (cpu < 0) return 0;
    if (known[place].cpu != cpu + 1) known[place].thread = softirq_thread_of(cpu);
    known[place].cpu = cpu + 1;
    (void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)known[place].thread);
    return known[place].thread > 0 && read_times(path, &time) ? time.run_ns : 0;
}

static const struct thread_time *find(const struct thread_time *times, size_t count, pid_t thread) {
    for (size_t i = 0; i < count; i++) {
        if (times[i].thread == thread && thread != 0) return &times[i];
    }
    return NULL;
}

struct side_time side_time_of(const struct thread_time *before, size_t before_count,
                              const struct thread_time *after, size_t after_count) {
    struct side_time side = {.known = false};
    uint64_t others_ns = 0;
    for (size_t i = 0; i < after_count; i++) {
        const struct thread_time *begun = find(before, before_count, after[i].thread);
        if (begun == NULL) continue;
        side.threads++;
        side.run_ns += after[i].run_ns - begun->run_ns;
        side.wait_ns += after[i].wait_ns - begun->wait_ns;
    }
    for (size_t i = 0; i < after_count; i++) {
        const struct thread_time *begun = find(before, before_count, after[i].thread);
        if (begun == NULL) continue;
        const uint64_t kin_ns = side.run_ns - (after[i].run_ns - begun->run_ns);
        const uint64_t wait_ns = after[i].wait_ns - begun->wait_ns;
        if (wait_ns > kin_ns) others_ns += wait_ns - kin_ns;
    }
    side.known = side.threads > 0;
    if (side.known) side.others_ns = others_ns / side.threads;
    return side;
}

/* ---- control groups ---- */

struct throttled throttled_now(void) {
    struct throttled throttled = {.known = false};
    for (int unified = 0; unified < 2 && !throttled.known; unified++) {
        char *group = system_cpu_group(unified != 0), path[PATH_BYTES];
        uint64_t us;
        (void)snprintf(path, sizeof path, "%s/cpu.stat", group != NULL ? group : "");
        free(group);
        throttled.known = system_scan(path, 1, "nr_throttled %" SCNu64, &throttled.periods);
        (void)system_scan(path, 1, "throttled_time %" SCNu64, &throttled.ns);
        if (system_scan(path, 1, "throttled_usec %" SCNu64, &us)) throttled.ns = 1000 * us;
    }
    return throttled;
}
