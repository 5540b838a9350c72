/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a lone message waits when exactly one packet of it is lost: the model,
 * from RFC 6298 and the kernel's timers. A sum of round trips and of timeouts.
 */
#ifndef BENCH_LOSS_MODEL_H
#define BENCH_LOSS_MODEL_H

#include <stdint.h>

#include "bench/link/wire.h"

struct lost_packet {
    const char *what; /* "the SYN" */
    enum wire_kind kind;
    enum wire_direction direction;
    unsigned nth;         /* of that kind: 2 is the second message of a connection */
    double round_trips;   /* that pass without the timeouts */
    unsigned initial_rto; /* timeouts before a round trip was ever measured (1 s) */
    unsigned minimum_rto; /* timeouts of a measured one: its round trip + tcp_rto_min */
    bool unanswered;      /* nobody repeats it: the deadline ends it */
};

/* The packets of `variant` that may be lost, ended by what == NULL; NULL: no model. */
const struct lost_packet *loss_model_find(const char *variant);

struct loss_prediction {
    double low_ms, high_ms; /* the kernel's timers end on a tick, never before */
};

/* Reads tcp_rto_min_us and the tick of this kernel. */
struct loss_prediction loss_model_predict(const struct lost_packet *lost, double rtt_ms,
                                          double deadline_ms);

#endif
