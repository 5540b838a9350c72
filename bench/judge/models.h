/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two models beside what was measured.
 *
 * Round trips as a slope: latency, and time per message, over the delay that
 * the wire really applied, by a line that disturbed runs do not turn (slope.h).
 * The slope depends on no machine; what a machine adds is the intercept.
 *
 * From a connection for every message (HTTP/1.0) to one that is kept: what it
 * costs to have one is shared by all N messages that it carries, so a message
 * takes kept + (fresh - kept) / N, a line between the two ends.
 */
#ifndef BENCH_MODELS_H
#define BENCH_MODELS_H

#include "bench/judge/findings.h"
#include "bench/run/run.h"

/* Adds to a LIST_FITS: two a variant, all at one simultaneous level (Bonferroni at 95 %). */
void fits_list(struct findings *list, const struct runs *runs);

/* `fresh` and `kept` are what a message takes at N = 1 and without limit. */
double per_connection_model(double fresh, double kept, double messages);

/* What share of a message's time is spent on having a connection, in percent. */
double per_connection_share(double fresh, double kept, double messages);

/* The least number of messages at which that is below `percent`. */
double per_connection_below(double fresh, double kept, double percent);

/* Adds to a LIST_PER_CONNECTION: variant by variant, each at its points as they were planned. */
void per_connection_list(struct findings *list, const struct runs *runs);

#endif
