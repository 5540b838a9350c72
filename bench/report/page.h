/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was measured, told in order: the question, the answer, the figures,
 * the comparisons, then what was left out, not run, and where it was measured.
 * One story for two readers: an HTML page, and a terminal of 80 columns.
 *
 * The page is one file that loads nothing but the figures beside it. It does
 * not draw them: `make plots` does.
 */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include "bench/report/figures.h"

/*
 * `directory` holds data/ and report/, and stands in the commands that the
 * page proposes. Writes report/index.html there. 0, or -errno and a sentence.
 */
int page_write(const struct measured *measured, const char *directory, char error[REPORT_ERROR]);

/* The same on a terminal, in plain text. */
void page_print(const struct measured *measured, const char *directory, FILE *out);

#endif
