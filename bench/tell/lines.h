/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text for a terminal of 80 columns: broken at spaces, and within a word where it has none. */
#ifndef BENCH_LINES_H
#define BENCH_LINES_H

#include <stdio.h>

enum { LINES_WIDTH = 80 };

/*
 * Like fprintf, with `indent` before every line and a newline at the end; what
 * a file may have in it by mistake, control characters, becomes '?'.
 */
void lines_print(FILE *out, const char *indent, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

enum { LINES_TIME = 24 };

/*
 * A time as a table has it, in us unless it says otherwise: 12.3, 123, 4567,
 * 12.3ms, 123ms, 1.23s; below 1,000 s at most `width` characters, 5 or 6.
 * `text` is returned.
 */
const char *lines_time(char text[LINES_TIME], double us, int width);

#endif
