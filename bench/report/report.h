/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `echolab report DIR`: from DIR/results/ to the figures' data in DIR/data/
 * and the page DIR/report/index.html, one file that loads nothing but the
 * figures beside it; the same in a terminal of 80 columns. Drawing is `make
 * plots`, before or after.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/experiment/experiment.h"
#include "bench/report/figure.h"

/*
 * Prints what it wrote and what it could not show, or with --text the page
 * itself, and then writes nothing. The exit status, after at most one sentence
 * on stderr.
 */
int command_report(const struct request *request);

/* malloc'd; NULL without memory. `directory` stands in the commands that are proposed. */
char *page_text(const struct drawing *drawings, const char *directory, bool html);

/*
 * What measures a part of the plan of `make bench` in the usual five minutes
 * (plots/plan.tsv, as it was when this was built), its results going to
 * `directory`; malloc'd. NULL: there is no such part.
 */
char *plan_command(const char *name, const char *directory);

/* How a session was made, as it would be typed again; malloc'd. NULL: an older file. */
char *origin_command(const struct session *session);

/* ---- captions.c: what a figure shows, as a sentence and as a table to read ---- */

/* A template, such as its caption, with what stands in {braces}; malloc'd, NULL without memory. */
char *drawing_text(const struct drawing *drawing, const char *template);

/* Its data, intervals in one cell with what they are of. */
struct grid caption_numbers(const struct drawing *drawing);

#endif
