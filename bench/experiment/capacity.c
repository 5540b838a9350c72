/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What variants can carry, where rates are chosen by it: before anything else is run. */
#include <math.h>
#include <stdio.h>

#include "bench/experiment/experiment.h"

enum { ROUNDS = 9 };

struct parameters capacity_loop(const struct lab *lab, const struct variant *variant) {
    const double short_ns = 1e8, cycles = 20;
    struct parameters asked = lab->request->run;
    asked.variant = variant;
    asked.rate_per_s = 0;
    asked.duration_ns = (uint64_t)(short_ns + cycles * variant->round_trips * (double)asked.rtt_ns);
    asked.messages = 0;
    return asked;
}

static bool add_capacity(struct lab *lab, unsigned place, double *per_s, size_t count) {
    struct capacity *one = findings_add(&lab->session->lists[LIST_CAPACITIES], LIST_CAPACITIES);
    if (one == NULL) return false;
    lab->capacity_per_s[place] = statistics_median(per_s, count); /* sorts them */
    one->variant = lab->request->variants[place]->name;
    one->per_s = (struct interval){lab->capacity_per_s[place], per_s[0], per_s[count - 1]};
    one->runs = count;
    return true;
}

int capacity_find(struct lab *lab) {
    const struct request *request = lab->request;
    double per_s[REQUEST_VARIANTS_MAX][CAPACITY_RUNS], slowest = INFINITY;
    size_t count[REQUEST_VARIANTS_MAX] = {0};
    for (unsigned i = 0; i < ROUNDS * request->variant_count && !interrupted; i++) {
        const unsigned k = i % request->variant_count;
        if (count[k] == CAPACITY_RUNS) continue;
        struct parameters asked = capacity_loop(lab, request->variants[k]);
        asked.seed += i;
        lab_progress(lab, "what %s can carry", asked.variant->name);
        struct run *run = child_run(&asked, lab->why);
        if (run == NULL) return complain("%s", lab->why);
        if (run_is_valid(run))
            per_s[k][count[k]++] = run_throughput_per_s(run);
        else
            (void)snprintf(lab->why, sizeof lab->why, "%s", run->validity.reason[0]);
        run_free(run);
    }
    if (interrupted) return EXIT_INTERRUPTED;
    for (unsigned i = 0; i < request->variant_count; i++) {
        if (count[i] == 0) {
            (void)complain("what %s can carry is not known, as none of %d closed loops is valid "
                           "(%s): give %s",
                           request->variants[i]->name, ROUNDS, lab->why,
                           request->rate_half ? "a rate by --rate" : "rates by --at");
            return EXIT_NOT_VALID;
        }
        if (!add_capacity(lab, i, per_s[i], count[i])) return complain("no memory for a capacity");
        slowest = fmin(slowest, lab->capacity_per_s[i]);
    }
    /* Low enough that no variant is overloaded, so that tails can be compared at one rate. */
    for (unsigned i = 0; request->rate_half && i < lab->plan.count; i++) {
        lab->plan.columns[i].run.rate_per_s = floor(slowest / 2);
    }
    return EXIT_DONE;
}
