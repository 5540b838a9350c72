/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the rest of the machine did to a run: how long its threads waited for a
 * CPU though they could have run (the scheduler's own account, the file
 * schedstat of each thread), and how often their control group was throttled.
 *
 * A thread that waits while another of the same run has its CPU is no victim:
 * on one core two sides that take turns wait for each other by nature. So of a
 * thread's wait only what exceeds the time that its own kind had on its CPU is
 * the doing of others.
 */
#ifndef BENCH_INTERFERENCE_H
#define BENCH_INTERFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Since the thread began, in ns. */
struct thread_time {
    pid_t thread; /* 0: not known */
    uint64_t run_ns, wait_ns;
};

/* Of the calling thread. An ended thread's is gone, so each reads its own before it ends. */
struct thread_time thread_time_now(void);

/* Of all threads of a process, malloc'd; NULL: not known. */
struct thread_time *thread_times_of(pid_t process, size_t *count);

/*
 * What the kernel's softirq thread has run on the CPU of a process (0: the
 * caller) that stays on one, in ns: what is put off, such as the freeing of many
 * sockets, is done there in nobody's name. 0: not known, or it may run on
 * several. It remembers where to look: for one thread alone.
 */
uint64_t softirq_thread_ns(pid_t process);

/* What a side of the run took in the counted time. */
struct side_time {
    bool known;
    unsigned threads;
    uint64_t run_ns, wait_ns; /* sums over its threads */
    uint64_t others_ns;       /* waited for others than itself: the mean of its threads */
};

/* From two readings of the same threads; those that are not in both are left out. */
struct side_time side_time_of(const struct thread_time *before, size_t before_count,
                              const struct thread_time *after, size_t after_count);

/* Periods in which the control group (v1 or v2) of this process had used up its quota. */
struct throttled {
    bool known;
    uint64_t periods, ns;
};

struct throttled throttled_now(void);

#endif
