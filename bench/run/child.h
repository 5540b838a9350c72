/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run as a process: `PROGRAM run VARIANT ...`, whose output is one JSON object. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <jansson.h>

#include "bench/cli/options.h"

/*
 * Starts PROGRAM for options->variants[0] in options->role and waits for its
 * result: a new reference, or NULL. Then `why` says in a sentence what
 * happened. The process is gone when this returns, also after a signal
 * (options_interrupted).
 */
json_t *child_run(const char *program, const struct options *options, char *why, size_t why_size);

/*
 * Whether PROGRAM is echolab and speaks as this one does: 0, or -1 with a
 * sentence in `why`.
 */
int child_is_echolab(const char *program, char *why, size_t why_size);

#endif
