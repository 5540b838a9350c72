/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From result files to the figures' data: every *.json of a folder is read,
 * and each figure becomes one table, build/data/NAME.tsv. All arithmetic that
 * a figure needs happens here; gnuplot only draws, the page only tells.
 *
 * Which variants, sizes, connections or placements there are is taken from
 * the files. Numbers ascend, names keep the order of their first appearance.
 *
 * To add a figure: a row of the table `figures` (and a function, where
 * medians per variant and axis are not what it shows), and plots/NAME.gp.
 */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <jansson.h>
#include <stdio.h>

enum { FIGURES_ERROR = 256, FIGURE_FIXED = 8, FIGURE_METRICS = 4 };

/* One number of a run, shown as a median over runs with its interval. */
struct figure_metric {
    const char *column; /* its name in the data, with the unit */
    const char *path;   /* where a run has it, dots between levels */
    const char *times;  /* multiplied by this field, where given */
    double scale;       /* and by this; 0 means 1 */
};

struct measured;

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
    const char *fixed[FIGURE_FIXED]; /* fields that must not vary within the figure */
    struct figure_metric metrics[FIGURE_METRICS];
    const char *interval; /* what low and high are; NULL: the 95 % interval of the median */
    const char *samples;  /* last column; NULL: "runs" */
    const char *header;

    /* Rows, one array of cells each, appended to `rows`; none: not measured. `conditions`: see
     * below. */
    void (*fill)(const struct figure *figure, const struct measured *measured, json_t *rows,
                 FILE *conditions);
};

extern const struct figure figures[]; /* ends with a name of NULL */

/* What the files of a folder say together. Released with figures_free. */
struct measured {
    json_t *runs;     /* the valid ones of role "variant" */
    json_t *excluded; /* those not valid, whatever their role, with "file" added */
    json_t
        *comparisons; /* with "file" added, and "placement" where all runs of the file share it */
    json_t *environment; /* object: name, with dots, to the array of its distinct values */
    json_t *commands;    /* [file, command, seed] */
    json_t *variants;    /* names; the index is the colour */
    json_t *benchmarks;  /* rows of Google Benchmark */
    json_t *processes;   /* results of hyperfine */

    json_t *tables; /* object: figure to rows; absent: not measured */
    json_t
        *conditions; /* object: figure to what all its runs share, such as "64 bytes, same-core" */
};

/*
 * Reads `results_dir`; writes variants.tsv, figures.tsv (name, title,
 * conditions) and one NAME.tsv for each figure that has data into `data_dir`,
 * and removes the others, which would show an older measurement. With NULL
 * as `data_dir` nothing is written.
 *
 * 0, or -errno with one sentence in `error` that names the file; -EINVAL: a
 * file is not what it should be. `measured` is the caller's on success only.
 */
int figures_write(const char *results_dir, const char *data_dir, struct measured *measured,
                  char error[FIGURES_ERROR]);

void figures_free(struct measured *measured);

/* "64 bytes", "1 connection", "same-core"; nothing for what goes without saying, such as no loss.
 */
void figure_condition(FILE *out, const char *field, const json_t *value);

/* Exact, with commas between thousands: 1,048,576. */
void figure_count(FILE *out, double value);

/* The value at `path`, dots between levels; a JSON null where there is none. Borrowed. */
json_t *figure_field(const json_t *object, const char *path);

/* Replaces folder/name whole or not at all; makes the folder. 0, or -errno and a sentence. */
int figure_save(const char *folder, const char *name, const char *text, size_t size,
                char error[FIGURES_ERROR]);

#endif
