/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Head-of-line blocking: who waits for a packet that was lost. The arithmetic
 * on runs of an open loop that kept every message. A message is
 *
 *     delayed     answered, but longer after it was due than a message of that
 *                 variant at that rate usually takes, and `slack_ms` more.
 *                 Where a single packet is lost: due after the message that lost
 *                 it, and before that one was answered; nothing else can wait for it;
 *     unanswered  never answered within the deadline, and so not delayed;
 *     in time     answered within `within_ms`, which is the same for all variants.
 */
#ifndef BENCH_HEAD_OF_LINE_H
#define BENCH_HEAD_OF_LINE_H

#include "bench/judge/findings.h"
#include "bench/run/run.h"

struct head_of_line_limits {
    double usual_ms; /* median of runs that lose one packet; NAN: each run's own */
    double slack_ms;
    double within_ms;
    bool single; /* one packet is lost, and only what could have waited for it is late */
};

/* The limits where messages take so long: what is late on one wire is not on another. */
struct head_of_line_limits head_of_line_limits(double rtt_ms);

/* The median latency of the answered messages; NAN: none was. */
double head_of_line_median_ms(const struct run *run);

void head_of_line_add(struct head_of_line *sum, const struct run *run,
                      const struct head_of_line_limits *limits);

/*
 * The share of the messages that were in time. Exact binomial interval
 * (Clopper and Pearson), in which messages that miss in a row count as one: they
 * wait for the same packet, and are no independent witnesses.
 */
struct interval head_of_line_share(const struct head_of_line *sum, double level);

/*
 * The messages due from `before_ms` before to `after_ms` after the one that
 * suffered most (the first unanswered one, else the slowest), which is due at
 * time 0; in the order in which they were due. malloc'd; NULL: there are none.
 */
struct near_loss *head_of_line_near(const struct run *run, double before_ms, double after_ms,
                                    size_t *count);

#endif
