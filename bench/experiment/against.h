/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Another build of echolab, whose runs go into the same blocks. It is told
 * what to do by the arguments of `run`, and read by the JSON that it prints:
 * both are kept as they were, so that builds of different days meet.
 */
#ifndef BENCH_AGAINST_H
#define BENCH_AGAINST_H

#include "bench/run/run.h"

/* What `--version` says first: builds that say the same understand each other's runs. */
#define ECHOLAB_VERSION "echolab, wire format 1, results echolab/1"

/* Whether `program` is such a build: 0, or -1 with a sentence in `why` (CHILD_WHY bytes). */
int against_check(const char *program, char *why);

/* Like child_run, by `program`. */
struct run *against_run(const char *program, const struct parameters *asked, char *why);

#endif
