/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a figure has in a row, where that is no median for every variant and point. */
#ifndef BENCH_FIGURE_ROWS_H
#define BENCH_FIGURE_ROWS_H

#include "bench/report/figure.h"

typedef void figure_row(struct drawing *drawing, const struct selection *here);

/* The largest payload whose datagram is one packet of the wire. */
enum { FIGURE_ONE_PACKET = 1432 };

/* figure_rows.c: from runs */
figure_row figure_row_rtt;      /* latency over the delay, beside the model */
figure_row figure_row_size_rtt; /* the same over the size */
figure_row figure_row_objects;  /* the time of a page, and its packets, beside the model */
figure_row figure_row_pipeline; /* messages per second and per call, and a place for ... */
void figure_model_pipeline(struct table *table); /* ... the model */
figure_row figure_row_tail;                      /* what share of all messages took longer */
figure_row figure_row_loss;                      /* what share of the messages was answered */
figure_row figure_row_rate;                      /* latency from when a request was due */
figure_row figure_row_tails;                     /* percentiles, with those of single runs */

/* Each message near a loss. */
void figure_tell_who_waits(struct drawing *drawing, const void *behind_loss);

/* figure_tools.c: from other tools */
void figure_fill_codec(struct drawing *drawing);
void figure_fill_process(struct drawing *drawing);

#endif
