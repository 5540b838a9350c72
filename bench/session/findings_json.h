/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The findings of a session as lists of a result file, and back. */
#ifndef BENCH_FINDINGS_JSON_H
#define BENCH_FINDINGS_JSON_H

#include "bench/session/fields_json.h"
#include "bench/session/session.h"

/* A list that has nothing is left out, but comparisons and what is of a command alone. */
void findings_write(json_t *file, const struct session *session);

/* False: it was complained. */
/* All that is read goes, so that the rest can be kept as it is. */
void findings_take_away(json_t *rest, const char *command);

bool findings_read(const struct reading *reading, struct session *session, const json_t *file);

#endif
