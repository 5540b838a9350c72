/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A run as a JSON object, and back. */
#ifndef BENCH_RUN_JSON_H
#define BENCH_RUN_JSON_H

#include "bench/run/run.h"
#include "bench/session/fields_json.h"

/* A new object; NULL without memory. */
json_t *run_to_json(const struct run *run);

/*
 * A new run, or NULL after a complaint that names it `where`. `lax`: of a run
 * alone, which has no place in an experiment.
 */
struct run *run_from_json(const struct reading *reading, const char *where, const json_t *object);

/* What the run holds beyond its struct, and owns; NULL is ignored. */
void run_forget_beside(struct run *run);

/* Facts as nested objects, and back: a name is cut at its first dot. */
json_t *fact_to_json(const struct fact *fact);
json_t *facts_to_json(const struct facts *facts);
void facts_from_json(struct facts *facts, const json_t *object);

#endif
