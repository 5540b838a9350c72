/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `echolab sweep` can go along: a table of axes, each with its unit, its
 * range, the points it takes unless told, and what a point changes in a run.
 */
#ifndef BENCH_AXIS_H
#define BENCH_AXIS_H

#include "bench/cli/options.h"

/* The names, with commas between: for help and messages. */
extern const char axis_names[];

bool axis_exists(const char *name);

/* One point of an axis from text, in bytes, ns or just a number; 0, -EINVAL or -ERANGE. */
int axis_parse(const char *name, const char *text, double *point);

/* Fills options->points with the axis' own. */
void axis_default_points(const char *name, struct options *options);

void axis_apply(const char *name, double point, struct options *options);

/* Loss, of each packet of a lone message (bench/experiment/loss.c), or under traffic
 * (bench/experiment/head_of_line.c). */
bool axis_is_loss(const char *name);

/* Over a wire, at a round trip of 20 ms unless told. */
bool axis_needs_wire(const char *name);

/* Whether only variants that send again have points along it. */
bool axis_retries(const char *name);

/* Along the rate every variant may have points of its own: shares of what it can carry. */
bool axis_is_rate(const char *name);

/* Whether runs along it mostly wait, so that several can go on at once. */
bool axis_waits(const char *name);

#endif
