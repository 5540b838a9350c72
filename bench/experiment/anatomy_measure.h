/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a message of a variant costs, measured: packets and bytes over the
 * wire, round trips by two delays, system calls under strace, switches and CPU
 * on the loopback. Each in runs of its own, so that none disturbs another. What
 * cannot be had here is left out, with the reason.
 */
#ifndef BENCH_ANATOMY_MEASURE_H
#define BENCH_ANATOMY_MEASURE_H

#include <jansson.h>

#include "bench/cli/options.h"
#include "bench/experiment/anatomy_trace.h"
#include "bench/run/cost.h"

enum { ANATOMY_WORDS = 320 };

struct anatomy {
    const struct variant *variant;
    uint32_t size_bytes, reply_bytes;
    uint64_t messages;

    const struct cost_model *model; /* in force under the run's settings; NULL: none */
    struct cost predicted;
    const char *unpredicted; /* NULL, or why there is no prediction of packets */

    json_t *wire; /* the run whose packets were counted; NULL: ... */
    char no_wire[ANATOMY_WORDS];
    double packets_later, ip_bytes_later; /* of a message after the first; NAN: not known */
    /* Round trips, NAN: not known. What the first message waits, what a later one does; and
       of time per later message, waiting or not. */
    double waits_first, waits, elapsed;

    bool traced; /* else ... */
    char no_trace[ANATOMY_WORDS];
    /* Of a run and of one twice as long: what differs is the messages'. */
    struct trace_counts calls[TRACE_SIDES][2];

    json_t *loop; /* on the loopback, many more messages; NULL: no_loop */
    char no_loop[ANATOMY_WORDS];
    double switches; /* context switches per message, both sides */
};

/* Fills *anatomy for one variant; to be given to anatomy_release. */
void anatomy_measure(struct anatomy *anatomy, const struct variant *variant,
                     const struct options *options);
void anatomy_release(struct anatomy *anatomy);

/* Packets of a kind and direction on the wire. */
uint64_t anatomy_packets(const struct anatomy *anatomy, int kind, int direction);

/* System calls per message; a whole number where they belong to the message. */
double anatomy_calls(const struct anatomy *anatomy, enum trace_side side, const char *name);

#endif
