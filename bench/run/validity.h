/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a run may be believed. Every check is an identity that a sound run
 * keeps, or a counter that a sound run does not raise; each says in words what
 * it found. None of them looks at how fast the run was.
 */
#ifndef BENCH_VALIDITY_H
#define BENCH_VALIDITY_H

#include "bench/load/load.h"
#include "bench/measure/counters.h"
#include "bench/run/variant.h"

enum {
    VALIDITY_REASONS_MAX = 16,
    VALIDITY_REASON_BYTES = 192,
    VALIDITY_DISTURBED_PERCENT = 5 /* that others may take of what is measured */
};

struct validity_input {
    const struct load_result *load;
    const struct variant *variant;
    const struct counters *counters; /* differences over the run; NULL: not read */
    const uint64_t *server_counts;   /* ECHO_COUNTS, or NULL: not ours */
    bool floor;                      /* nothing was verified or timed singly */
    bool open;                       /* a schedule was kept: other laws hold */
    bool pauses;                     /* between exchanges nothing is outstanding */
    bool has_window;                 /* what ended inside it was counted, over it */
    bool private_network;            /* counters are the run's own */
    bool shared_cpu;                 /* client and server take turns on one */
    bool loses_packets;              /* the wire was told to: retransmissions are no surprise */
    bool may_lose;                   /* messages, by what was asked for: packets, or a pause */
    bool closes_idle;                /* the server was told to: some meet a closed connection */
    uint64_t late_max_ns;            /* that a generator may be late; 0: 5 % of the latency */
    uint64_t device_drops;           /* packets that the wire lost without being told */
    double disturbed;                /* share of the time that others took from it; NAN: unknown */
    uint64_t latencies;              /* that the histogram holds */
};

struct validity {
    unsigned count; /* 0: valid */
    char reason[VALIDITY_REASONS_MAX][VALIDITY_REASON_BYTES];
};

/* One reason more; what does not fit is cut, and more than there is room for are left out. */
__attribute__((format(printf, 2, 3))) void validity_refuse(struct validity *validity,
                                                           const char *format, ...);

/* By more than chance and a quarter. */
bool validity_halves_differ(uint64_t first, uint64_t second);

void validity_check(struct validity *validity, const struct validity_input *input);

/* Whether two reasons differ in their numbers alone. */
bool validity_same_reason(const char *one, const char *other);

#endif
