/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run as a process of its own, so that no run sees the memory, the ports or
 * the counters of another.
 */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include "bench/run/process.h"
#include "bench/run/run.h"

enum { CHILD_WHY = 512 };

/*
 * Starts this program for a run and waits for its result, the caller's; or
 * NULL. Then `why` (CHILD_WHY bytes) says in a sentence what happened. The
 * process is gone when this returns, also after a signal (status.h).
 */
struct run *child_run(const struct parameters *asked, char *why);
struct run *child_run_of(const char *program, const struct parameters *asked, char *why);

/*
 * The same by another program, such as strace: its words, up to NULL, come
 * before a run's, and the last of them is what to run. How it ended is the
 * caller's to explain. For process_free in either case.
 */
struct run *child_run_by(char *const tool[], const struct parameters *asked,
                         struct process_end *end);

/* Any build: it prints the result as JSON. For process_free. */
void child_start(const char *program, const struct parameters *asked, struct process_end *end);

#endif
