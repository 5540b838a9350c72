/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/load.h"

#include <errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>

/* So many that more are hardly ever needed: the mean, and ten standard deviations. */
static double room_for(double expected) {
    return expected + 10 * sqrt(expected) + 16;
}

int schedule_make(struct schedule *schedule, const struct load_schedule *wanted, uint64_t length_ns,
                  uint64_t most) {
    const double expected = most > 0 ? (double)most : wanted->per_s * (double)length_ns / 1e9;
    const double room = most > 0 ? expected : room_for(expected);
    *schedule = (struct schedule){0};
    if (room > SCHEDULE_MAX) return -E2BIG;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    schedule->due_ns = calloc((size_t)room + 1, sizeof *schedule->due_ns);
    if (random == NULL || schedule->due_ns == NULL) {
        gsl_rng_free(random);
        schedule_free(schedule);
        return -ENOMEM;
    }
    gsl_rng_set(random, wanted->seed);
    const double mean_ns = 1e9 / wanted->per_s;
    double due_ns = 0;
    while ((double)schedule->count < room) {
        /* Not a sum where the distances are equal, which would drift. */
        due_ns = wanted->fixed ? mean_ns * (double)schedule->count
                               : due_ns + gsl_ran_exponential(random, mean_ns);
        if (most == 0 && due_ns >= (double)length_ns) break;
        schedule->due_ns[schedule->count++] = (uint64_t)due_ns;
    }
    gsl_rng_free(random);
    return 0;
}

void schedule_free(struct schedule *schedule) {
    free(schedule->due_ns);
    *schedule = (struct schedule){0};
}
