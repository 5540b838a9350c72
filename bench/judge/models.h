/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Models beside what was measured.
 *
 * Round trips as a slope: latency, and time per message, over the delay that
 * the wire really applied, by a line that disturbed runs do not turn (statistics.h).
 * The slope depends on no machine; what a machine adds is the intercept.
 *
 * From a connection for every message (HTTP/1.0) to one that is kept: what it
 * costs to have one is shared by all N messages that it carries, so a message
 * takes kept + (fresh - kept) / N, a line between the two ends.
 *
 * Messages over a wire as round trips: those of the mode (struct variant), and
 * of what does not fit into the window of a TCP connection those of slow start.
 */
#ifndef BENCH_MODELS_H
#define BENCH_MODELS_H

#include "bench/judge/findings.h"
#include "bench/run/run.h"

/* Adds to a LIST_FITS: two a variant, all at one simultaneous level (Bonferroni at 95 %). */
void fits_list(struct findings *list, const struct runs *runs);

/* ---- round trips ---- */

/*
 * What a message of a variant takes in us when nothing delays it: as the runs
 * without delay on the wire had it, else what it took on one core without a
 * wire (NAN: not known).
 */
double wire_work_us(const struct runs *runs, const struct variant *variant, double bare_us);

/*
 * With this round-trip time: that, and the round trips of the mode at the delay
 * that the wire applied, where there are such runs.
 */
double latency_model_us(const struct runs *runs, const struct variant *variant, double rtt_ms,
                        double bare_us);

/*
 * In how many `bytes` go, one way, from a window of so many segments (10 of a
 * new connection, RFC 6928; each fills an MTU of 1,500), which grows by what
 * was acknowledged.
 */
double slow_start_rounds(double bytes, double *window);

/*
 * That a message waits, from the payload of the request and of the reply: on a
 * connection that is kept the window is as large as it has to be.
 */
double message_round_trips(const struct variant *variant, double request_bytes, double reply_bytes);

/*
 * The same after a pause: for each retransmission timeout that has passed Linux
 * halves the window, down to that of a new connection.
 */
double idle_round_trips(const struct variant *variant, double request_bytes, double reply_bytes,
                        double gap_ms, double rtt_ms, double minimum_rto_ms);

/* Of a connection that is made and then carries so many messages, a batch of `depth` at a time. */
double page_round_trips(const struct variant *variant, double messages, double depth,
                        double request_bytes, double reply_bytes);

double page_run_round_trips(const struct run *run); /* of its longest connection */

/* ---- shares ---- */

/*
 * What a message takes with `depth` outstanding: waiting and system calls are
 * shared by a batch, its own part is not. From what it takes alone and at the
 * deepest: depth / round-trip time at first, and then the cost of a message.
 */
double pipeline_model(double alone, double deep, double deepest, double depth);

/* `fresh` and `kept` are what a message takes at N = 1 and without limit. */
double per_connection_model(double fresh, double kept, double messages);

/* What share of a message's time is spent on having a connection, in percent. */
double per_connection_share(double fresh, double kept, double messages);

/* The least number of messages at which that is below `percent`. */
double per_connection_below(double fresh, double kept, double percent);

/* Adds to a LIST_PER_CONNECTION: variant by variant, each at its points as they were planned. */
void per_connection_list(struct findings *list, const struct runs *runs);

#endif
