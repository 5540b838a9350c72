/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two sides of sessions, and what may be said about the difference: a session
 * is the sample, its value the median over its valid runs.
 *
 * Packets and system calls come first: they do not wobble, so they are
 * compared as numbers. Then the times: over the floor of the same block, which
 * leaves out what the machine did between the sessions, and as they are.
 *
 * In an open loop the times are p50 and p99, from when a request was due; what
 * was lost took as long as the deadline.
 *
 * The verdict on a time comes from Welch's t interval of the logarithms, at
 * one simultaneous level for all times of the command (Bonferroni, 95 %). An
 * exact permutation test stands beside it and has no vote: its p cannot be
 * below 2 in the number of arrangements, 0.002 of 6 and 6, and a test that
 * speaks only from some number of sessions on would make more say less.
 *
 * A regression is a variant that is slower by more than `min_effect`: the near
 * end of the interval lies beyond it. What may be one follows what is tracked.
 * Of builds of echolab it is time over the floor, as time alone goes with the
 * machine's good and bad days; without a floor, it is the times. Of a host (its
 * kernel, a driver, a setting) it is the times, and time over an exchange
 * through pipes in the same session: the floor, of the same system calls, would
 * be as slow as the rest. Counts are of both. All else is shown, and shares
 * no level.
 */
#ifndef BENCH_DIFFERENCE_H
#define BENCH_DIFFERENCE_H

#include "bench/judge/findings.h"
#include "bench/judge/series.h"

/* A side: fewer are not judged, but shown; fewer than that have no interval. */
enum { DIFFERENCE_SESSIONS_MIN = 6, DIFFERENCE_SESSIONS_SHOWN = 3 };

/*
 * Counts within it are equal: opening and closing a persistent connection is
 * shared by however many messages a run had time for.
 */
#define DIFFERENCE_COUNT_STEP 0.01

/* What is tracked, and how a command and a file call it. */
enum difference_of { DIFFERENCE_OF_BUILD, DIFFERENCE_OF_HOST, DIFFERENCE_OFS };

extern const char *const difference_of_names[DIFFERENCE_OFS];

/* What of a session is compared. */
struct side_session {
    const struct runs *runs;
    double reference_us; /* an exchange through pipes; NAN: not known */
};

struct side {
    const struct side_session *sessions;
    size_t count;
};

/* What counts as a difference of what. */
struct difference_terms {
    enum difference_of of;
    double margin, min_effect;
};

/*
 * Fills the lists of what changed, of the columns that one side has alone, and
 * of the counts. Their texts are names of the program's tables.
 */
void difference_conclude(struct findings lists[LISTS], const struct side *base,
                         const struct side *new, struct difference_terms terms);

/* A column that sessions of one side have, and its value in each; NAN: it has none. */
struct tracked {
    struct described column;
    double *values; /* malloc'd */
};

/*
 * Of all columns, by a metric's name such as "time_per_floor": malloc'd, and so
 * are the values of each. NULL without memory, and *count is 0.
 */
struct tracked *difference_tracked(const struct side *side, const char *metric, size_t *count);

/* The names of all such metrics, ended by NULL. */
extern const char *const difference_metrics[];

/* ---- the arithmetic ---- */

/*
 * Two-sided permutation test of "both are of one kind", by the difference of
 * the means: exact up to 200,000 arrangements, else 100,000 random ones with a
 * fixed seed. At least 1 of each.
 */
double difference_permutation(const double *base, size_t base_count, const double *new,
                              size_t new_count);

/* The p that even the clearest difference cannot get below; equal sides have a mirror image. */
double difference_least_p(size_t base_count, size_t new_count);

/* From how many sessions a side on the permutation test could reach this level. */
size_t difference_sessions_to_speak(double level);

#endif
