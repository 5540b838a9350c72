/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which runs a figure shows: valid ones of variants, alike in all parameters
 * that make runs a series of their own (bench/run/parameters.h) but the one
 * along the axis. Of each the usual value counts: that under which most points
 * of the axis were run, and of two equal in this the one with more runs.
 */
#ifndef BENCH_SELECTION_H
#define BENCH_SELECTION_H

#include "bench/judge/statistics.h"
#include "bench/session/results.h"

/* Along which a figure goes. */
struct selection_axis {
    const char *column;                  /* in the data */
    const char *option;                  /* the parameter, and the sweep along it */
    double (*at)(const struct run *run); /* they ascend; INFINITY: without limit */
    const char *const *names;            /* by `at`; NULL: it is a number */
};

struct selection_rule {
    const struct selection_axis *axis; /* NULL: none */
    bool sweep;                        /* of sweeps along it alone, else of compare, too */
    unsigned points;                   /* fewer are no figure */
    bool wire, loses, open;            /* over a wire, that loses, in an open loop; else not */
    bool one_session;                  /* whose blocks are one series */
    bool page;                         /* of equally many messages, and of one session */
};

struct shown {
    const struct run *run;
    const struct session *from;
    size_t place; /* of the session among the results */
};

struct selection {
    struct shown *list; /* malloc'd; runs are borrowed */
    size_t count;
};

/* All that the rule lets in; or, not `valid`, those that it would if they counted. */
struct selection selection_of(const struct selection_rule *rule, const struct results *results,
                              bool valid);
void selection_free(struct selection *selection);

/* Leaves those that are alike. */
void selection_settle(struct selection *selection, const struct selection_axis *axis);

/* New ones: of a variant, at its usual depth; at a point of the axis. */
struct selection selection_of_variant(const struct selection *selection,
                                      const struct variant *variant,
                                      const struct selection_axis *axis);
struct selection selection_at(const struct selection *selection, const struct selection_axis *axis,
                              double value);

/* The points, which ascend; malloc'd, NULL without memory. */
double *selection_points(const struct selection *selection, const struct selection_axis *axis,
                         size_t *count);

/* What all share, in words: "same-core, 1 connection, 64 bytes". malloc'd. */
char *selection_conditions(const struct selection *selection, const struct selection_axis *axis);

struct middle selection_middle(const struct selection *selection,
                               double (*of)(const struct run *run));

/* The messages of all runs together; for samples_free. */
struct samples selection_samples(const struct selection *selection);

/* Every variant that has runs, as in the table; the core ones first. */
size_t results_variants(const struct results *results, const struct variant **list, size_t room);

#endif
