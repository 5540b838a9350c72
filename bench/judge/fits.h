/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Round trips as a slope: latency, and time per message, regressed on the
 * delay that the wire really applied. The slope depends on no machine; what a
 * machine adds is the intercept.
 */
#ifndef BENCH_FITS_H
#define BENCH_FITS_H

#include <jansson.h>
#include <stdio.h>

/* For "fits": two rows a variant, see README. A new array. */
json_t *fits_list(const json_t *runs);

/* The table, within 80 columns. */
void fits_print(FILE *out, const json_t *runs);

#endif
