/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An independent ruler: hyperfine times whole client processes, at N and at
 * 2 N messages one after the other in each round. (t(2 N) - t(N)) / N is then a
 * message with nothing of our own clocks in it, 2 t(N) - t(2 N) what starting a
 * process costs: medians over the rounds.
 */
#ifndef BENCH_PROCESSES_H
#define BENCH_PROCESSES_H

#include "bench/judge/statistics.h"
#include "bench/run/run.h"

/* A command timed by hyperfine: "VARIANT MESSAGES". */
struct timed_command {
    char *command;
    size_t file; /* which of hyperfine's files, a round each */
    double *times_s;
    size_t count;
};

struct process_line {
    struct middle message_us, start_ms; /* of the rounds in which there were both N and 2 N */
    struct middle compare_us;           /* of the runs beside */
    double more_percent;                /* a message by hyperfine over one by compare */
};

/* Beside the time per message of the variant's valid runs among `runs` (NULL: none). */
struct process_line processes_line(const struct timed_command *commands, size_t count,
                                   const struct variant *variant, const struct runs *runs);

#endif
