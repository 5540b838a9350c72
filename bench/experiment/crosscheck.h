/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Other people's tools as a second opinion on our figures: a table of what can
 * be asked of them, and one run of one of them with its own server, on the
 * CPUs and in a network like those of our runs. Nothing of theirs is kept, and
 * whatever they do (stall, refuse, print nonsense) is an outcome, not an error.
 */
#ifndef BENCH_CROSSCHECK_H
#define BENCH_CROSSCHECK_H

#include "bench/judge/metric.h"
#include "bench/link/namespace.h"
#include "bench/measure/placement.h"

enum { TOOL_NOTES = 5, TOOL_TEXT = 160, TOOL_PATH = 512 };

enum tool_program {
    TOOL_SOCKPERF,
    TOOL_QPERF,
    TOOL_NETPERF,
    TOOL_NETSERVER,
    TOOL_TCP_RR,
    TOOL_UDP_RR,
    TOOL_TCP_CRR,
    TOOL_NGINX,
    TOOL_AB,
    TOOL_PROGRAMS
};

/*
 * What their number means, to be turned into microseconds per whole exchange: a
 * time with its unit, the same of half an exchange, or exchanges in a second.
 */
enum tool_figure { TOOL_ROUND_TRIP, TOOL_ONE_WAY, TOOL_PER_SECOND };

/*
 * One thing to ask. The commands are a shell's, in a directory of their own:
 * $0 is the program, which it becomes, $PORT and $OTHER are two free ports,
 * $BYTES a message on the wire and $PAYLOAD what of it is ours to choose.
 */
struct tool_row {
    const char *tool, *test;
    enum tool_program server, client;
    const char *serve, *ask;
    bool udp;           /* ready when $PORT is bound for UDP; else when it listens for TCP */
    const char *before; /* begins the line of the figure, which follows it */
    enum tool_figure figure;
    unsigned flows;                /* 0: one. More: epoll on both sides, a core each */
    const char *variant;           /* of ours, to compare it with */
    enum metric_id ours;           /* our figure */
    const char *notes[TOOL_NOTES]; /* how the definitions differ: lines of at most 76 columns */
};

extern const struct tool_row tool_rows[];
extern const unsigned tool_row_count;

/*
 * Where the program is: named by its variable, or found through PATH (and
 * /usr/sbin). On failure -ENOENT, and `path` holds instead a sentence on how to
 * come by it.
 */
int tool_find(enum tool_program program, char path[TOOL_PATH]);

/* Microseconds per exchange from what the tool printed; NAN where it is not there. */
double tool_parse(const struct tool_row *row, const char *output);

struct tool_job {
    const struct tool_row *row;
    const char *server, *client; /* paths */
    const char *directory;       /* to work in, absolute */
    struct placement_cpus cpus;
    enum profile profile; /* of the private network */
    uint32_t payload_bytes;
    unsigned seconds;             /* they count in whole ones */
    uint64_t ready_ns, figure_ns; /* patience with the server; with the client after `seconds` */
};

struct tool_outcome {
    double us;               /* per exchange, where `problem` is empty */
    char problem[TOOL_TEXT]; /* what happened instead, in a few words */
};

/*
 * Runs server and client once. When this returns, also after a signal
 * (status.h), both are gone, with all that they started.
 */
void tool_run(const struct tool_job *job, struct tool_outcome *outcome);

#endif
