/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The middle of several values, and how sure that is: no assumption on how they are spread. */
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The interval lies between the k-th smallest and the k-th largest value, with
 * the largest k for which at least 95 % is kept whatever the distribution.
 * Fewer than six values have none.
 */
struct summary {
    double median, low, high;
    size_t count;
    bool has_interval;
};

/* Of the numbers in an array; what is not a number is left out. */
struct summary summary_of(const json_t *numbers);

/* Of the numbers at `path` in an array of objects. */
struct summary summary_of_field(const json_t *objects, const char *path);

/* Three cells: median, low, high; null where there is none. */
void summary_append(json_t *row, const struct summary *summary);

#endif
