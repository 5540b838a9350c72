/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run under strace: which system calls the client and the server of it made,
 * when, and what came of them. strace stops a program at every call, so what
 * it sees is exact in number and order, and slow: no time of such a run is
 * ever compared.
 */
#ifndef BENCH_ANATOMY_TRACE_H
#define BENCH_ANATOMY_TRACE_H

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

#include "bench/cli/options.h"

enum trace_side {
    TRACE_CLIENT, /* the threads that connect */
    TRACE_SERVER, /* the process that binds, all threads of it */
    TRACE_SIDES
};

struct trace_call {
    uint64_t start_ns, end_ns; /* on the clock of the time of day; end 0: it did not return */
    enum trace_side side;
    pid_t thread;
    bool leads; /* that thread is its process's first */
    int descriptor;
    int64_t result;
    char name[24], error[20]; /* "" or as in errno(3) */
};

struct trace {
    struct trace_call *calls; /* by start */
    size_t count;
    uint64_t stopped_ns; /* when the server was told to end; UINT64_MAX: never seen */
};

/* A folder for what lives as long as a command; whom a run drops to (SUDO_UID) may write in it. */
int trace_folder_make(char *path, size_t size);
void trace_folder_remove(const char *path); /* and the files in it */

/*
 * Runs options->variants[0] as `run` does, under strace with this filter
 * ("all", or names as -e trace takes them), and keeps its files in `folder`.
 * The run's result is a new reference; NULL: `why` is a sentence, and
 * *untraceable tells whether it is strace that was missing or not let.
 */
json_t *trace_run(struct trace *trace, const char *folder, const char *filter,
                  const struct options *options, bool *untraceable, char *why, size_t why_size);
void trace_release(struct trace *trace);

/* Whether a call of the server ended, if at all, because the server was told to. */
bool trace_is_ending(const struct trace *trace, const struct trace_call *call);

/*
 * Reads one line of `strace -ff` into *call, all but side, thread and leads.
 * False: a line that is no call.
 */
bool trace_parse(struct trace_call *call, const char *line);

/* Prints a reason, `indent` columns in, in lines of at most 80. */
void trace_say(FILE *out, int indent, const char *text);

/* ---- counts by name ---- */

enum { TRACE_NAMES_MAX = 64 };

struct trace_counts {
    unsigned count;
    struct {
        char name[24];
        uint64_t calls;
    } of[TRACE_NAMES_MAX];
};

/* Of one side. What the server was doing, or did, when it was told to end is not counted. */
void trace_count(struct trace_counts *counts, const struct trace *trace, enum trace_side side);
uint64_t trace_count_of(const struct trace_counts *counts, const char *name);

#endif
