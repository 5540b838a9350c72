/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comparing and printing share: the runs as a table of series and blocks,
 * and what is compared with what.
 */
#ifndef BENCH_COMPARED_PARTS_H
#define BENCH_COMPARED_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { COMPARED_METRICS = 5 };

/* What is compared: smaller is better for each. */
struct compared_metric {
    const char *name;
    const char *path;                  /* in the run, unless it is ... */
    double percent;                    /* ... this percentile of the latency in an open loop */
    const char *noun;                  /* in the table */
    const char *subject, *verb, *than; /* of the sentence; NULL: none is said */
    bool closed, open;                 /* in which loops it means something */
};

/* The first of a loop is the one that an A/A alarm goes by. */
extern const struct compared_metric compared_metrics[COMPARED_METRICS];

/* One column of the experiment: the runs of one variant in one role at one point. */
struct series {
    const char *variant, *role;
    const char *build; /* "against" for the runs of the other program, else "" */
    const char *engine, *design;
    double point;         /* of the axis; -1 in older files */
    double offered_per_s; /* NAN in a closed loop */
    double capacity_per_s;
    double size_bytes, connections, pipeline;
    double rto_floor_ms;         /* 0 where nothing is sent again */
    double rtt_ms, loss_percent; /* of the wire; NAN on the loopback */
};

/* Of a run, or of a comparison, which has the fields that tell series apart. Borrows from it. */
struct series series_of(const json_t *run);

bool series_is_open(const struct series *series);
bool series_is_floor(const struct series *series);
bool series_is_other_build(const struct series *series);
bool series_same_point(const struct series *a, const struct series *b);
bool series_same(const struct series *a, const struct series *b);

struct cell {
    json_t *run; /* NULL: there was none */
};

/* All runs, by series and block. */
struct table {
    struct series *list;
    size_t count, blocks;
    struct cell *cells; /* count x blocks */
};

/* Borrows from `runs`. Without memory it is empty. For table_free. */
struct table table_of(const json_t *runs);
void table_free(struct table *table);

json_t *table_run(const struct table *table, const struct series *series, size_t block);

/* NULL: not one that is valid. */
const json_t *table_valid_run(const struct table *table, const struct series *series, size_t block);

bool compared_metric_is_for(const struct compared_metric *metric, const struct series *series);

/* A floor keeps no schedule: it is compared in a closed loop, by its time. */
const struct compared_metric *compared_floor_metric(void);

/*
 * The first variant of the same point; or, where two builds are compared, the
 * other build's. Of the first variant it is itself. NULL: there is none.
 */
const struct series *compared_baseline_of(const struct table *table, const struct series *variant);

/* Whether the percentile was lost by both in some block: two unknowns have no ratio. */
bool compared_both_missed(const struct table *table, const struct series *one,
                          const struct series *other, const struct compared_metric *metric);

#endif
