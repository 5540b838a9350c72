/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When the requests of an open loop are due: all of it laid down before the
 * first, so that nothing that happens can change it. Equal distances, or a
 * Poisson process (exponential distances, by GSL).
 */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include "bench/load/terms.h"

/* So many requests at most: their times alone are 400 MB. */
enum { SCHEDULE_MAX = 50000000 };

struct schedule {
    uint64_t *due_ns; /* ascending, from the beginning of the schedule */
    uint64_t count;
};

/*
 * Those due within `length_ns`, or `most` if that is not 0 (then however long
 * they take). 0 (release with schedule_free), -E2BIG or -ENOMEM.
 */
int schedule_make(struct schedule *schedule, const struct load_schedule *wanted, uint64_t length_ns,
                  uint64_t most);
void schedule_free(struct schedule *schedule);

#endif
