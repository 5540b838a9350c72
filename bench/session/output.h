/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are whole or absent: written under another name, flushed to the
 * disk, then renamed.
 */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include <stddef.h>

/* Whether a file could be written at `path`: 0 or -errno. Leaves nothing behind. */
int output_check(const char *path);

/* Replaces `path` by `text`. 0 or -errno; an older file stays untouched then. */
int output_write(const char *path, const char *text, size_t size);

#endif
