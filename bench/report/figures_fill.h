/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rows of each kind of figure: what `fill` in the table of figures may be. */
#ifndef BENCH_FIGURES_FILL_H
#define BENCH_FIGURES_FILL_H

#include "bench/report/figures.h"

typedef void figure_fill(const struct figure *figure, const struct measured *measured, json_t *rows,
                         FILE *conditions);

/* figures_runs.c: from runs of the lab */
figure_fill figure_fill_medians; /* a median for every variant and point of the axis */
figure_fill figure_fill_tail;    /* what share of all messages took longer than so many us */
figure_fill figure_fill_rtt;     /* latency over the round-trip time, beside the model */
figure_fill figure_fill_loss;    /* what share of the messages was answered, over the size */

/* figures_tools.c: from other tools' results */
figure_fill figure_fill_micro;     /* Google Benchmark: what needs no other process */
figure_fill figure_fill_processes; /* hyperfine: times, slopes, and compare's time beside them */

#endif
