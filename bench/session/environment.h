/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a result depends on besides the code: the kernel, the machine, and how
 * both are set up. It names no user, no host and no path of the machine, so
 * that a result file can be passed on.
 */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include <jansson.h>

/*
 * Read once, before the first run. What one line of a file says is text, also
 * where it is a number; what is not to be had is null. A new object, the
 * caller's; NULL without memory.
 */
json_t *environment_read(void);

/* After the last run: adds "after", with load, pressure and steal as they are now. */
void environment_after(json_t *environment);

/*
 * What differs between the environments of two sides, each an array of at
 * least one: a new array of {name, base, new}, the names with dots between
 * levels. A side that is not of one mind gives the list of its values. What
 * changes by itself is no difference: load, pressure, steal, and a clock whose
 * cost (the median of each side) is within 20 %. NULL without memory.
 */
json_t *environment_difference(const json_t *base, const json_t *new);

#endif
