/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `echolab report DIR`: from DIR/results/ to the figures' data in DIR/data/
 * and the page DIR/report/index.html. Drawing is `make plots`, before or after.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/experiment/experiment.h"

/*
 * Prints what it wrote and what it could not show, or with --text the page
 * itself, and then writes nothing. The exit status, after at most one sentence
 * on stderr.
 */
int command_report(const struct request *request);

#endif
