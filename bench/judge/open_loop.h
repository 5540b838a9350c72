/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the runs of an open loop say. A time per message is not among it: that
 * is the inverse of the rate that was asked for.
 *
 * Latency counts from when a request was due. A message that was lost or
 * failed ranks above all that were answered, so that to lose is never fast:
 * with 2 in 100 lost, the 99th percentile is beyond the deadline. A percentile
 * over all runs needs 20 messages beyond it, the lost ones included.
 */
#ifndef BENCH_OPEN_LOOP_H
#define BENCH_OPEN_LOOP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

bool open_loop_is(const json_t *run);

/* The percentile (0 to 100) of a run, in us; INFINITY: one that was lost; NAN: too few. */
double open_loop_percentile_us(const json_t *run, double percent);

/*
 * The same for arithmetic: how long one waited for an answer, or until it gave
 * up at the deadline.
 */
double open_loop_waited_us(const json_t *run, double percent);

/* ---- the table of a point ---- */

void open_loop_print_head(FILE *out);

/* `runs` are those of one variant at one rate; only the valid ones count. */
void open_loop_print_row(FILE *out, const char *name, const json_t *runs);

/* What the columns mean. */
void open_loop_print_notes(FILE *out);

/* ---- along the rate ---- */

/*
 * For each variant a table over its rates, and its knee: the highest rate that
 * it still carries, by the rule that is printed below.
 */
void open_loop_print_rates(FILE *out, const json_t *runs);

/*
 * [{variant, build, capacity_per_s, knee_per_s, share, held_per_s, broken_per_s,
 * because, rule}], one for each variant. held_per_s is the highest rate up to
 * which the rule holds and broken_per_s the first at which it does not;
 * knee_per_s is null unless both are there, as the knee lies between them. A new array.
 */
json_t *open_loop_knees(const json_t *runs);

#endif
