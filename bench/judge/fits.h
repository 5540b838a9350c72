/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Round trips as a slope: latency, and time per message, over the delay that
 * the wire really applied, by a line that disturbed runs do not turn (slope.h).
 * The slope depends on no machine; what a machine adds is the intercept.
 */
#ifndef BENCH_FITS_H
#define BENCH_FITS_H

#include "bench/judge/findings.h"
#include "bench/run/run.h"

/* Adds to a LIST_FITS: two a variant, all at one simultaneous level (Bonferroni at 95 %). */
void fits_list(struct findings *list, const struct runs *runs);

#endif
