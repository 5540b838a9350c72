/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a connection for every message (HTTP/1.0) to one that is kept: what a
 * message takes when a connection carries N of them. What it costs to have one
 * is shared by all that it carries, so the model is a line between the two
 * ends: kept + (fresh - kept) / N.
 */
#ifndef BENCH_PER_CONNECTION_H
#define BENCH_PER_CONNECTION_H

#include "bench/judge/findings.h"
#include "bench/run/run.h"

/* `fresh` and `kept` are what a message takes at N = 1 and without limit. */
double per_connection_model(double fresh, double kept, double messages);

/* What share of a message's time is spent on having a connection, in percent. */
double per_connection_share(double fresh, double kept, double messages);

/* The least number of messages at which that is below `percent`. */
double per_connection_below(double fresh, double kept, double percent);

/* Adds to a LIST_PER_CONNECTION: variant by variant, each at its points as they were planned. */
void per_connection_list(struct findings *list, const struct runs *runs);

#endif
