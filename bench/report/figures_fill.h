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

/* figures_load.c: from runs under load */
figure_fill figure_fill_rate;     /* latency from when a request was due, over the rate */
figure_fill figure_fill_tails;    /* percentiles at one rate for all, with those of single runs */
figure_fill figure_fill_pipeline; /* messages per second, per system call and per packet */

/* figures_keeping.c: from sweeps of how long a connection was idle, and how long it lives */
figure_fill figure_fill_idle; /* the next message's latency over the time since the last */
figure_fill figure_fill_life; /* what share of its cost a connection still is */

/* figures_loss.c: one message after the other, around the one that was lost */
figure_fill figure_fill_who_waits;

/* figures_tools.c: from other tools' results */
figure_fill figure_fill_micro;     /* Google Benchmark: what needs no other process */
figure_fill figure_fill_processes; /* hyperfine: times, slopes, and compare's time beside them */

/* Which runs a figure shows; new arrays. */

/* Those of its sweep, its loop and its network; of compare, where it shows no sweep. */
json_t *figure_runs(const struct figure *figure, const struct measured *measured);

/*
 * Of those the ones that share all that must not vary; what that is goes to
 * `conditions`, in words.
 */
json_t *figure_comparable(const struct figure *figure, json_t *runs, FILE *conditions);

/* Of those one variant's, at its usual depth. */
json_t *figure_runs_of(json_t *runs, const json_t *variant, const char *axis);

/* The values of its axis among them; none, if they are too few to be a figure. */
json_t *figure_points(const struct figure *figure, const json_t *runs);

#endif
