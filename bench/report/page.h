/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was measured, told in order, for two readers: an HTML page, and a
 * terminal of 80 columns. The page is one file that loads nothing but the
 * figures beside it. It does not draw them: `make plots` does.
 */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include "bench/report/figure.h"
#include "bench/tell/story.h"

/*
 * malloc'd; NULL without memory. `directory` stands in the commands that are
 * proposed.
 */
char *page_text(const struct drawing *drawings, const char *directory, bool html);

/* ---- origin.c: its end ---- */

void origin_tell_excluded(struct story *story, const struct results *results);
void origin_tell_commands(struct story *story, const struct results *results);
void origin_tell_environment(struct story *story, const struct results *results);

/* How a session was made, as it would be typed again; malloc'd. NULL: its file is older than that.
 */
char *origin_command(const struct session *session);

#endif
