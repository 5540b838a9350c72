/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Other programs, run to their end: the processes of runs, strace, other
 * tools. None outlives us, hangs beyond its limit, or stays unreaped.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include "bench/run/run.h"

/* How a program ended. */
struct process_end {
    int failed; /* -errno: not started, -EINTR (interrupted), or -ETIMEDOUT and killed */
    int status; /* of waitpid, when not failed; 127 << 8: it could not be executed */
    char *text; /* its output, ended by 0; may be NULL. For process_free */
    size_t length;
    char words[512]; /* the first line it wrote on stderr */
};

/*
 * Runs argv[0] (searched in PATH where it has no slash), or `program` where
 * that is given, to its end, or to `limit_ns` from now.
 */
void process_run(const char *program, char *const argv[], uint64_t limit_ns,
                 struct process_end *end);
void process_free(struct process_end *end);
bool process_ended_well(const struct process_end *end);

/* One sentence, without its full stop, on why `what` did not: "the run", "strace". */
void process_explain(const struct process_end *end, const char *what, char *why, size_t size);

/* ---- in the background ---- */

/* A program to start; zero is the usual. */
struct process_start {
    const char *program; /* NULL: argv[0], searched in PATH */
    char *const *argv;
    int output, errors;                /* descriptors; 0: ours */
    void (*prepare)(const void *what); /* in the child, before it becomes the program */
    const void *what;
    bool guarded; /* all that it starts ends with it, too: to be ended by SIGTERM */
};

/*
 * Starts it and does not wait: it ends with us at the latest, and signals have
 * their usual effect on it. The caller's to reap; -errno.
 */
pid_t process_start(const struct process_start *start);

/* Waits for its end, and reaps it. 0; -EINTR (interrupted) or -ETIMEDOUT: it goes on. */
int process_wait(pid_t pid, uint64_t limit_ns, int *status);

/*
 * Calls `work` in a process of its own, which has all that we have and may go
 * into another network; whatever it starts is killed when it returns. The
 * `size` bytes at `result` come back as they were left there. 0; -errno: it
 * died, and they are as before.
 */
int process_apart(void (*work)(void *result), void *result, size_t size);

/* ---- runs, each in a process of its own: it sees no memory, ports or counters of another ---- */

enum { CHILD_WHY = 512 };

/*
 * Starts this program for a run and waits for its result, the caller's; or
 * NULL. Then `why` (CHILD_WHY bytes) says in a sentence what happened.
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
