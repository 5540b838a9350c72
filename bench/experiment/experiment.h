/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An experiment is data: a row that says what it runs (a plan of columns),
 * what follows from the runs (findings of a session), and how that is told,
 * in a terminal and on the page. One runner does the rest for all: it
 * shuffles, runs, shows progress, is interrupted, keeps the results and
 * writes them.
 */
#ifndef BENCH_EXPERIMENT_H
#define BENCH_EXPERIMENT_H

#include <gsl/gsl_rng.h>

#include "bench/judge/difference.h"
#include "bench/run/parameters.h"
#include "bench/run/process.h"
#include "bench/run/status.h"
#include "bench/session/results.h"
#include "bench/tell/story.h"

enum {
    REQUEST_VARIANTS_MAX = 32,
    REQUEST_POINTS_MAX = 64,
    REQUEST_FILES_MAX = 64,
    COLUMNS_MAX = 1000
};

/* What was asked on the command line. */
struct request {
    struct parameters run; /* of each run, unless the plan says otherwise */
    const struct variant *variants[REQUEST_VARIANTS_MAX]; /* the usual ones unless named */
    unsigned variant_count;
    const char *axis; /* of sweep */
    double points[REQUEST_POINTS_MAX];
    unsigned point_count;
    const char *at; /* the same as text */
    unsigned blocks;
    double until_percent; /* --blocks until P: wide are the intervals at most; 0: so many blocks */
    uint64_t within_ns;   /* the longest of that */
    double margin_percent, min_effect_percent;
    enum difference_of of;
    bool rate_half;      /* half of what the slowest variant can carry, found out first */
    bool rates;          /* of sweep loss: under traffic, at the points */
    bool packet;         /* of sweep loss: each packet of a lone message */
    const char *against; /* another build of echolab */
    const char *json, *csv;
    const char *output;    /* of ladder: the folder for its files; of diff --history the picture */
    const char *directory; /* of report */
    const char *history, *metric;         /* of diff: the folder of all sessions */
    const char *files[REQUEST_FILES_MAX]; /* of diff: the base ones, then the new ones */
    unsigned file_count, base_count;
    const char *listen; /* of serve: where, NULL: 127.0.0.1 */
    unsigned port;
    bool quiet, text, names, predict, dry_run, raw, pipe, counts;
    const char *const *argv; /* the whole command line, ended by NULL */
};

/* What is run once per block. */
struct column {
    struct parameters run;   /* but for the seed, which every run has of its own */
    unsigned point;          /* of the axis */
    bool against;            /* by the other program */
    const char *lost_packet; /* see struct run */
    double waits_ns;         /* of the run, where that is more than its round trips; 0: those */
    double share;            /* of its variant's capacity is the rate; 0: the rate is given */
    bool again;              /* one more run of the column before it: a row of several runs */
    unsigned attempts;       /* at a run that does not count; 0: the plan's */
    const char *under;       /* a program that looks at the run, such as strace; or NULL */
};

enum order {
    ORDER_SHUFFLED,   /* all columns of a block, by chance; one block after the other */
    ORDER_AS_PLANNED, /* of all blocks together, the first columns first: the longest */
    ORDER_HEAVIEST    /* of a block, by weight and then by chance */
};

struct plan {
    struct column *columns; /* malloc'd */
    unsigned count;
    struct column nowhere; /* what is added where there is no memory; then `failed` */
    bool failed;
    unsigned blocks;
    enum order order;
    unsigned attempts; /* at a run that does not count; 0: 1 */
    /* Whether a run counts, beyond being valid; NULL: all that are valid do. */
    bool (*counts)(const struct column *column, const struct run *run);
    bool needs_capacity;     /* of each variant, in a closed loop before all */
    struct running *running; /* the runner's */
};

/* Behind the columns of the row that begins with this one. */
unsigned plan_row_end(const struct plan *plan, unsigned column);

struct lab;

struct experiment {
    const char *command; /* "compare" */
    const char *axis;    /* of `sweep`; NULL: every axis that has no row of its own */
    enum taker taker;    /* who takes which option: see the table of parameters */
    unsigned blocks;     /* unless told */

    /* At least one of the two. Exit statuses; EXIT_DONE goes on. */
    int (*plan)(struct lab *lab);    /* adds columns with lab_add */
    int (*measure)(struct lab *lab); /* drives itself, into lab->session: the plan is its own */
    void (*after)(struct lab *lab);  /* behind the plan: what was asked for beside it; or NULL */
    int (*preview)(struct lab *lab); /* of that, --dry-run: prints what it would do */
    bool reads_files;                /* and measures nothing: no seed, no environment */

    void (*conclude)(struct lab *lab); /* from the runs of the session to its findings; or NULL */
    /* Both tell the first session of `results` that they are about, if there is one. */
    void (*table)(struct story *story, const struct results *results); /* all numbers; or NULL */
    void (*tell)(struct story *story, const struct results *results);  /* the finding */
    int (*status)(const struct lab *lab); /* what it amounts to; NULL: done */
};

/* An experiment under way. */
struct lab {
    const struct experiment *experiment;
    const struct request *request;
    struct session *session;
    gsl_rng *random;
    struct plan plan;
    double capacity_per_s[REQUEST_VARIANTS_MAX]; /* of the request's variants; 0: unknown */
    unsigned done, failed;                       /* runs; failed: gave no result */
    char why[CHILD_WHY];                         /* of the last that failed, or did not count */
};

extern const struct experiment experiments[];
extern const unsigned experiment_count;

/* The row of a command and what stands behind it; NULL: there is none. */
const struct experiment *experiment_of(const char *command, const struct request *request);

/* The whole of it: an exit status, after at most one sentence on stderr. */
int experiment_run(const struct experiment *experiment, const struct request *request);

/*
 * A new column of the plan: the request's run by `variant`, in a role; its
 * address is good until the next. That there was no memory is the runner's to say.
 */
struct column *lab_add(struct lab *lab, const struct variant *variant, enum role role);

/* Runs one more, beyond the plan, now: it is the session's; NULL: lab->why says why. */
struct run *lab_run(struct lab *lab, const struct parameters *asked);

/*
 * What each variant of the request carries in a closed loop: the median of so
 * many valid runs, round by round one of each, so that all meet the same
 * machine. Into lab->capacity_per_s and the session's findings; an exit status.
 */
enum { CAPACITY_RUNS = 3 };
int capacity_find(struct lab *lab);

/* Such a run: over the same connections, at the same places, of enough round trips to count. */
struct parameters capacity_loop(const struct lab *lab, const struct variant *variant);

/* A line that is overwritten by the next, on a terminal alone; "" takes it away. */
void lab_progress(const struct lab *lab, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- axes: see axis.c ---- */

struct axis {
    const char *name;
    const char *option; /* the parameter that goes along it */
    const char *points; /* unless told, as --at takes them */
    double most;        /* of a point, where the parameter's bound is not right */
    bool wire;          /* at a round trip of 20 ms unless told */
    bool retries;       /* only for variants that send again */
    bool pipelines;     /* usually those that pipeline */
    bool kept;          /* only for variants whose connections are kept */
    bool floors;        /* beside each point its floor */
    void (*apply)(double point, struct parameters *run); /* more than its parameter; or NULL */
};

extern const struct axis axes[];
extern const unsigned axis_count;

const struct axis *axis_find(const char *name); /* NULL: there is none */

/* One point from text; 0, -EINVAL or -ERANGE. */
int axis_parse(const struct axis *axis, const char *text, double *point);

void axis_apply(const struct axis *axis, double point, struct parameters *run);

#endif
