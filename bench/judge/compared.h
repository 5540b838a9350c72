/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From runs to statements: pairs the runs of each block, compares, and prints
 * what came out. Works on the JSON of the runs alone.
 */
#ifndef BENCH_COMPARED_H
#define BENCH_COMPARED_H

#include <jansson.h>
#include <stdio.h>

/*
 * Where runs belong together: those of one point of the axis, which the runs
 * record as `point`; in older files, of one size and number of connections. An
 * open loop and a closed one are never the same point.
 */

/*
 * The comparisons of a session, for "comparisons": every variant with the
 * first one, by time per message, p50 and CPU per message, and with its own
 * floor by time per message; in an open loop by p50, p99 and CPU per message.
 * All at one simultaneous level (Bonferroni at 95 %). A new array, or NULL
 * without memory.
 */
json_t *compared_list(const json_t *runs, double margin);

/* The table and the sentences below it, within 80 columns. */
void compared_print(FILE *out, const json_t *runs, const json_t *comparisons);

#endif
