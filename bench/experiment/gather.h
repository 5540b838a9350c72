/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several experiments tell of all sessions of a folder together. */
#ifndef BENCH_GATHER_H
#define BENCH_GATHER_H

#include "bench/judge/answers.h"
#include "bench/judge/typical.h"
#include "bench/session/results.h"

/*
 * The comparisons that are an answer: those of work on this machine, without
 * sweeps of what only their own figures show; where there are none, those of
 * the first session. For answers_free.
 */
struct answers gather_answers(const struct results *results);

/*
 * A number of a variant's runs where nothing but work counts: on one core, in a
 * closed loop without a wire, at the point that was looked at most closely.
 */
struct middle gather_work(const struct results *results, const char *variant,
                          double (*number)(const struct run *run));

#endif
