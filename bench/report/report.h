/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `echolab report DIR`: from DIR/results/ to the figures' data in DIR/data/
 * and the page DIR/report/index.html. Drawing is `make plots`, before or after.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>

/*
 * Prints what it wrote, or with `text` the page itself and writes nothing.
 * The exit status: 0, or 1 after one sentence on standard error.
 */
int report_command(const char *directory, bool text);

#endif
