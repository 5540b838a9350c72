/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of difference.h share: the metrics, the columns that are
 * matched between the sides, and the arithmetic that the tests do not need.
 */
#ifndef BENCH_DIFFERENCE_PARTS_H
#define BENCH_DIFFERENCE_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* ---- metrics ---- */

/* How the values of a session come about. */
enum difference_measure { COUNTED, TIMED, OVER_FLOOR, OF_FLOOR };

struct difference_metric {
    const char *name; /* in the result file */
    const char *path;
    double percent;    /* in an open loop instead: this percentile of the latency */
    const char *label; /* in the table */
    enum difference_measure measure;
    bool closed, open; /* in which loops it means something */
};

extern const struct difference_metric difference_metrics[];
extern const size_t difference_metric_count;

/* ---- columns ---- */

/*
 * What, besides the role, tells one column of an experiment from another: an
 * object with each such field. Numbers are real, so that 20 and 20.0 are the
 * same; what a file does not tell is null, and so is the usual value of what
 * older files lack.
 *
 * A rate found out by a session itself, as a share of what a variant carried
 * in a closed loop, is never the same twice: then `offered_per_s` is null, and
 * `point` says which of the session's rates it was.
 */
json_t *difference_column_of(const json_t *run);

bool difference_column_is_open(const json_t *column);

/* Without variant and build; and with them. */
bool difference_same_point(const json_t *one, const json_t *other);
bool difference_same_column(const json_t *one, const json_t *other);

/* The columns of the variants of all sessions, in the order of the plan. A new array. */
json_t *difference_columns(const json_t *sessions);

/* Runs by role and column, for difference_runs, one index for each session. A new array. */
json_t *difference_indexes(const json_t *sessions);

/* Borrowed; NULL: there are none. A floor knows nothing of how the server is built. */
const json_t *difference_runs(const json_t *index, const char *role, const json_t *column);

/* "64 B payload, 1 connection, same-core, ..." malloc'd; NULL without memory. */
char *difference_point_text(const json_t *column);

/* ---- arithmetic ---- */

struct welch {
    double mean, error, freedom; /* of the difference of the means */
};

struct welch welch_of(const double *base, size_t base_count, const double *new, size_t new_count);

/* The p that even the clearest difference cannot get below; equal sides have a mirror image. */
double difference_least_p(size_t base_count, size_t new_count);

/* How many sessions a side would decide, if the noise stays as it is; 0: cannot be told. */
size_t difference_sessions_needed(const struct welch *w, size_t base_count, size_t new_count,
                                  double level, double margin);

/* From how many sessions a side on the permutation test could reach this level. */
size_t difference_sessions_to_speak(double level);

#endif
