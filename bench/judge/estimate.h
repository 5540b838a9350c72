/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The centre of paired differences, with an interval that disturbed blocks do
 * not widen. Which estimate is taken depends on how many there are, and was
 * chosen by simulation (tests/test_estimate.c; `make simulate` prints it):
 *
 *     from 20 on   Hodges-Lehmann, with the interval of Wilcoxon's signed ranks
 *     from 10 on   the mean without the outer tenths (Yuen's trimmed t)
 *     below        the mean, with Student's t
 *
 * With bursts on both sides alike all of them estimate the quiet ratio. Where
 * they fall on one variant alone, what is estimated is the centre of what was
 * measured, bursts included: no estimate can know the quiet one.
 */
#ifndef BENCH_ESTIMATE_H
#define BENCH_ESTIMATE_H

#include <stdbool.h>
#include <stddef.h>

enum estimate_method { ESTIMATE_T, ESTIMATE_TRIMMED, ESTIMATE_RANKS, ESTIMATE_METHODS };

extern const char *const estimate_names[ESTIMATE_METHODS];

struct estimate {
    enum estimate_method method;
    double value, low, high; /* low and high are NAN below two samples */
    double level;            /* that the interval attains: of ranks at least the one asked for */
    /*
     * The smallest difference from 0 that would be found with 80 % power, were
     * the noise as it is: some 1.4 half-widths.
     */
    double detectable;
};

/* Sorts `samples`. Where ranks have no interval at `level`, the trimmed mean is taken. */
struct estimate estimate_of(double *samples, size_t count, double level);

/* The mean of `new` less that of `base`, which are not paired: Welch's t. At least 2 of each. */
struct estimate estimate_welch(const double *base, size_t base_count, const double *new,
                               size_t new_count, double level);

/*
 * Whether an experiment that goes on until its intervals are narrow looks at
 * them after so many blocks. It stops on their width alone, so that they hold
 * the truth as often as ever (the simulation has it).
 */
enum { ESTIMATE_LOOK_FIRST = 15, ESTIMATE_LOOK_EACH = 5 };
static inline bool estimate_may_look(size_t blocks) {
    return blocks >= ESTIMATE_LOOK_FIRST && blocks % ESTIMATE_LOOK_EACH == 0;
}

/* One method, for the simulation that chooses. */
struct estimate estimate_by(enum estimate_method method, double *samples, size_t count,
                            double level);

/*
 * The share of all 2^count choices among `ranks` that have each sum, from 0 to
 * that of all: malloc'd, NULL without memory.
 */
double *estimate_rank_sums(const size_t *ranks, size_t count);

/*
 * How many samples would find a difference of `effect` with 80 % power, by
 * what `count` of them showed; never fewer than those. 0: cannot be told.
 */
size_t estimate_needed(const struct estimate *estimate, size_t count, double effect);

#endif
