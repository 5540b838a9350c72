/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a lone message waits when exactly one packet of it is lost: the model,
 * from RFC 6298 and the kernel's timers. A sum of round trips and of timeouts,
 * as data that a variant's row names; here it is only added up.
 */
#ifndef BENCH_LOSS_MODEL_H
#define BENCH_LOSS_MODEL_H

#include <stdbool.h>

#include "bench/link/wire.h"

/* One that may be lost; a list of them ends with what == NULL. */
struct lost_packet {
    const char *what; /* "the SYN" */
    enum wire_kind kind;
    enum wire_direction direction;
    unsigned nth;         /* of that kind: 2 is the second message of a connection */
    double round_trips;   /* that pass without the timeouts */
    unsigned initial_rto; /* timeouts before a round trip was ever measured (1 s) */
    unsigned minimum_rto; /* timeouts of a measured one: its round trip + tcp_rto_min */
    bool unanswered;      /* nobody repeats it: the deadline ends it */
    bool followed;        /* by a segment whose answer shows the gap, or a tail loss probe's turn */
};

extern const struct lost_packet loss_server_closes[];
extern const struct lost_packet loss_kept[];
extern const struct lost_packet loss_datagrams[];

/* Of a kernel: timers end on a tick, never before their time. */
struct loss_timers {
    double minimum_rto_ms, tick_ms;
};

/* Reads tcp_rto_min_us and the tick of this one. */
struct loss_timers loss_timers_read(void);

/* In ms; where a tail loss probe decides, also what it takes after one. */
struct loss_prediction {
    double low_ms, high_ms;
    double probed_low_ms, probed_high_ms; /* NAN: a probe changes nothing */
};

struct loss_prediction loss_model_predict(const struct lost_packet *lost,
                                          const struct loss_timers *timers, double rtt_ms,
                                          double deadline_ms);

/* Whether a message took what is predicted; `probed`: a tail loss probe was sent. */
bool loss_is_predicted(const struct loss_prediction *predicted, double ms, bool probed);

#endif
