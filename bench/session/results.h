/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all result files of a folder say together: those of echolab, and what
 * Google Benchmark and hyperfine wrote; or one session alone, for the
 * terminal. It reads and sorts; it computes nothing.
 */
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "bench/session/session.h"

/*
 * A benchmark of bench/micro: the median of its repetitions with their standard
 * deviation, by the clock where it waits for another process, else by its own
 * CPU time.
 */
struct benchmark {
    char *name; /* "encode/64" */
    double ns, deviation_ns;
    unsigned repetitions;
    unsigned place; /* in the order of the program */
};

/* Timed by hyperfine: "VARIANT MESSAGES". */
struct timed_command {
    char *command;
    size_t file; /* which of its files, a round each */
    double *times_s;
    size_t count;
};

struct results {
    struct session **sessions; /* the one with the most blocks first, equals by name */
    size_t count;
    struct benchmark *benchmarks;
    size_t benchmark_count;
    struct timed_command *commands;
    size_t command_count;
};

/*
 * Reads every *.json of `folder`. 0, or -errno with one sentence in `why`
 * (SESSION_WHY bytes) that names the file; -EINVAL: a file is not what it
 * should be. For results_free in either case.
 */
int results_read(const char *folder, struct results *results, char *why);
void results_free(struct results *results);

/* The first session that has such findings; NULL: none. */
const struct session *results_with(const struct results *results, enum list kind);

/* The first session of a command and axis (NULL: any) that `fits` (NULL: all do); NULL: none. */
const struct session *results_where(const struct results *results, const char *command,
                                    const char *axis, bool (*fits)(const struct session *session));

/* For that: whose runs went over a wire, and whose did not. */
bool session_is_on_wire(const struct session *session);
bool session_is_on_loopback(const struct session *session);

#endif
