/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a figure shows, as a sentence: its caption, with what stands in {braces} told of its data.
 */
#ifndef BENCH_CAPTIONS_H
#define BENCH_CAPTIONS_H

#include "bench/report/figure.h"
#include "bench/tell/story.h"

/* malloc'd; NULL without memory. */
char *caption_of(const struct drawing *drawing);

/* Its data as a table to read: intervals in one cell with what they are of. */
struct grid caption_numbers(const struct drawing *drawing);

#endif
