/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who waits for a packet that was lost: the arithmetic on runs of an open loop
 * that kept every message (open_loop.series_us). A message is
 *
 *     delayed     answered, but longer after it was due than a message of that
 *                 variant at that rate usually takes, and `slack_ms` more;
 *                 Where a single packet is lost: due after the message that lost
 *                 it, and before that one was answered; nothing else can wait for it;
 *     unanswered  never answered within the deadline, and so not delayed;
 *     in time     answered within `within_ms`, which is the same for all variants.
 */
#ifndef BENCH_WHO_WAITS_H
#define BENCH_WHO_WAITS_H

#include <jansson.h>
#include <stdbool.h>

#include "bench/judge/statistics.h"

struct who_waits_limits {
    double usual_ms; /* median of a run that loses one packet; NAN: each run's own */
    double slack_ms;
    double within_ms;
    bool single; /* one packet is lost, and only what could have waited for it is late */
};

/* The limits where messages take so long: what is late on one wire is not on another. */
struct who_waits_limits who_waits_limits(double rtt_ms);

/* Sums over runs. */
struct who_waits {
    unsigned runs;
    double sent, answered, unanswered, delayed, in_time, packets_lost;
    double usual_ms;   /* of the limits, or the mean of the runs' own */
    double worst_ms;   /* beyond the usual, of the answered */
    double miss_pairs; /* of messages not in time: the square of how many come in a row, summed */
};

/* The median latency of the answered messages; NAN: none was. */
double who_waits_median_ms(const json_t *run);

void who_waits_add(struct who_waits *sum, const json_t *run, const struct who_waits_limits *limits);

/*
 * The share of the messages that were in time. Exact binomial interval
 * (Clopper and Pearson), in which messages that miss in a row count as one: they
 * wait for the same packet, and are no independent witnesses.
 */
struct interval who_waits_share(const struct who_waits *sum, double level);

/*
 * [[ms, latency in ms or null], ...] in the order in which they were due, with
 * time 0 at the message that suffered most: the first unanswered one, else the
 * slowest. Only those due from `before_ms` before it to `after_ms` after it.
 * A new array.
 */
json_t *who_waits_near(const json_t *run, double before_ms, double after_ms);

#endif
