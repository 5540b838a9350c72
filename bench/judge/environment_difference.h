/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What differs between the environments of two sides. What changes by itself
 * is no difference: load, pressure, steal, and a clock whose cost is within 20 %.
 */
#ifndef BENCH_ENVIRONMENT_DIFFERENCE_H
#define BENCH_ENVIRONMENT_DIFFERENCE_H

#include "bench/measure/facts.h"

/*
 * A name and the distinct values of each side, at least one, in the order in
 * which they came; several: that side is not of one mind. What an environment
 * lacks is not known there. Of the cost of a clock it is the median.
 */
struct environment_difference {
    char *name;
    struct facts base, new; /* all of that name */
};

struct environment_differences {
    struct environment_difference *list;
    size_t count;
};

/*
 * Of two arrays of at least one environment each, which remain the caller's;
 * names in the order of the base, then what the new ones have besides. To be
 * freed. Without memory a difference is left out.
 */
struct environment_differences environment_differences(const struct facts *const *base,
                                                       size_t base_count,
                                                       const struct facts *const *new,
                                                       size_t new_count);

void environment_differences_free(struct environment_differences *differences);

#endif
