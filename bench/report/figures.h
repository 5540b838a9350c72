/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From what was measured to the figures' data: each figure becomes one table,
 * build/data/NAME.tsv. All arithmetic that a figure needs happens here; gnuplot
 * only draws, the page only tells.
 *
 * Which variants, sizes, connections or placements there are is taken from
 * the files. Numbers ascend, names keep the order of their first appearance.
 *
 * To add a figure: a row of the table `figures` (and a function in
 * figures_runs.c or figures_tools.c, where medians per variant and axis are
 * not what it shows), and plots/NAME.gp.
 */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "bench/judge/summary.h"
#include "bench/report/measured.h"

enum { FIGURE_FIXED = 10, FIGURE_METRICS = 4, FIGURE_ORDER = 5 };

/* One number of a run, shown as a median over runs with its interval. */
struct figure_metric {
    const char *column;    /* its name in the data, with the unit */
    const char *path;      /* where a run has it, dots between levels */
    const char *otherwise; /* and where, if there it is null */
    const char *minus;     /* less this field, where given */
    const char *times;     /* multiplied by this field, where given */
    const char *over;      /* divided by this field, where given */
    double scale;          /* and by this; 0 means 1 */
};

/*
 * The columns of a table: who (mostly the variant), the axis where there is
 * one, then value, low and high of each metric, then how many samples that is.
 * A figure with a `header` of its own has other columns.
 */
struct figure {
    const char *name, *title;
    const char *caption;             /* a sentence; the page fills in what stands in {braces} */
    const char *unit;                /* of the first metric, in words */
    const char *command;             /* makes the data; %s is the folder */
    const char *who;                 /* first column; NULL: "variant" */
    const char *axis;                /* the field that varies; NULL: none */
    size_t points;                   /* fewer values of the axis than this are no figure */
    const char *order[FIGURE_ORDER]; /* of the axis' names, where that helps; others follow */
    const char *sweep;               /* only of sweeps along this; NULL: its axis', and compare */
    bool wire, loses;                /* of runs on a wire, that loses packets; else of no others */
    bool open;                       /* of runs in an open loop; else of no others */
    const char *fixed[FIGURE_FIXED]; /* fields that must not vary within the figure */
    struct figure_metric metrics[FIGURE_METRICS];
    const char *interval; /* what low and high are; NULL: the 95 % interval of the median */
    const char *samples;  /* last column; NULL: "runs" */
    const char *header;

    /* Rows, one array of cells each, appended to `rows`; none: not measured. `conditions`: what
     * all its runs share, in words. */
    void (*fill)(const struct figure *figure, const struct measured *measured, json_t *rows,
                 FILE *conditions);
};

extern const struct figure figures[]; /* ends with a name of NULL */

const struct figure *figure_find(const char *name);

/* Columns of the table "process", behind variant, messages, and the time with its interval. */
enum process_column {
    PROCESS_RUNS = 5,
    PROCESS_SLOPE_US, /* then low and high */
    PROCESS_START_MS = PROCESS_SLOPE_US + 3,
    PROCESS_FILES = PROCESS_START_MS + 3,
    PROCESS_COMPARE_US, /* then low and high */
    PROCESS_COMPARE_RUNS = PROCESS_COMPARE_US + 3,
    PROCESS_DIFFERENCE_PERCENT
};

/* Columns of the table "rtt". */
enum rtt_column { RTT_MS = 1, RTT_APPLIED_MS, RTT_LATENCY_US, RTT_MODEL_US = 6, RTT_RUNS };

/* Columns of the table "size_rtt". */
enum size_rtt_column { SIZE_RTT_LATENCY_US = 2, SIZE_RTT_ROUND_TRIPS = 5 };

/* Columns of the table "size_loss". */
enum size_loss_column {
    SIZE_LOSS_ANSWERED = 2,
    SIZE_LOSS_FRAGMENTS = SIZE_LOSS_ANSWERED + 3,
    SIZE_LOSS_PACKETS = SIZE_LOSS_FRAGMENTS + 3,
    SIZE_LOSS_PREDICTED = SIZE_LOSS_PACKETS + 3,
    SIZE_LOSS_MESSAGES = SIZE_LOSS_PREDICTED + 3
};

/* Columns of the table "rate". */
enum rate_column {
    RATE_OFFERED_PER_S = 1,
    RATE_SHARE, /* of what the variant carries in a closed loop */
    RATE_P50_US,
    RATE_P99_US, /* then the lowest and the highest of one run; the deadline: beyond it */
    RATE_SERVICE_P50_US = RATE_P99_US + 3,
    RATE_SERVICE_P99_US,
    RATE_ANSWERED_PER_S,
    RATE_ANSWERED_PERCENT,
    RATE_OVERLOADED, /* 1: most of the runs */
    RATE_KNEE_PER_S, /* of the variant, in each of its rows */
    RATE_DEADLINE_US,
    RATE_RUNS
};

/* Columns of the table "tails". */
enum tails_column {
    TAILS_PERCENT = 1,
    TAILS_US, /* then the lowest and the highest of one run; the deadline: beyond it */
    TAILS_OFFERED_PER_S = TAILS_US + 3,
    TAILS_ANSWERED_PERCENT,
    TAILS_DEADLINE_US,
    TAILS_MESSAGES,
    TAILS_RUNS
};

/* Columns of the table "pipeline": each with low and high behind it. */
enum pipeline_column {
    PIPELINE_DEPTH = 1,
    PIPELINE_PER_S,
    PIPELINE_PER_CALL = PIPELINE_PER_S + 3,
    PIPELINE_PER_PACKET = PIPELINE_PER_CALL + 3,
    PIPELINE_RUNS = PIPELINE_PER_PACKET + 3
};

/* Columns of the table "throughput". */
enum throughput_column { THROUGHPUT_PER_S = 2, THROUGHPUT_P50_US = 5, THROUGHPUT_RUNS = 8 };

/* Columns of the table "objects". */
enum objects_column { OBJECTS_MS = 2, OBJECTS_PACKETS = 5, OBJECTS_RUNS = 8 };

/* Columns of the table "idle". */
enum idle_column {
    IDLE_GAP_MS = 1,
    IDLE_LATENCY_MS, /* then low and high */
    IDLE_ROUND_TRIPS = IDLE_LATENCY_MS + 3,
    IDLE_MESSAGES,
    IDLE_VARIANT,
    IDLE_REPLY_BYTES,
    IDLE_RTT_MS
};

/* Columns of the table "life". */
enum life_column {
    LIFE_MESSAGES = 1,
    LIFE_SHARE,    /* computed, in percent */
    LIFE_MEASURED, /* then the least and the most */
    LIFE_SETUP_MS = LIFE_MEASURED + 3,
    LIFE_EXCHANGE_MS,
    LIFE_LITTLE, /* after so many messages it is less than 10 % */
    LIFE_RTT_MS, /* null: on the loopback */
    LIFE_SIZE_BYTES,
    LIFE_RUNS
};

/* The largest payload whose datagram is one packet of the wire. */
enum { FIGURE_ONE_PACKET = 1432 };

/* Rows [what follows PREFIX/, bytes or null, ns, low, high, repetitions] of Google Benchmark. */
json_t *figure_benchmarks(const struct measured *measured, const char *prefix);

/*
 * A number of a variant's runs where nothing but work counts: same core, no
 * wire, closed loop, the usual size and number of connections.
 */
struct summary figure_work(const struct measured *measured, const char *variant, const char *path);

/*
 * Reads `results_dir`; writes variants.tsv, figures.tsv (name, title,
 * conditions) and one NAME.tsv for each figure that has data into `data_dir`,
 * and removes the others, which would show an older measurement. With NULL
 * as `data_dir` nothing is written.
 *
 * 0, or -errno with one sentence in `error` that names the file. `measured` is
 * the caller's on success only, released with measured_free.
 */
int figures_write(const char *results_dir, const char *data_dir, struct measured *measured,
                  char error[REPORT_ERROR]);

/* Replaces folder/name whole or not at all; makes the folder. 0, or -errno and a sentence. */
int figure_save(const char *folder, const char *name, const char *text, size_t size,
                char error[REPORT_ERROR]);

#endif
