/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What two sides of sessions and all of a folder have in common. */
#ifndef BENCH_DIFF_PARTS_H
#define BENCH_DIFF_PARTS_H

#include "bench/session/session.h"
#include "bench/tell/words.h"

/* "tcp-persistent: 64 bytes there, 64 back, 1 connection, ..."; malloc'd, NULL without memory. */
char *diff_column_text(const struct described *column);

/* Of a metric by its name, as a narrow table has it: "time / floor". */
struct number diff_label(const char *metric);

/* A copy of a session is no second session: no two take as many nanoseconds, run by run. */
bool diff_is_copy(const struct session *one, const struct session *other);

/* Whether what is to be written there would overwrite this file. NULL: it is not to be. */
bool diff_would_overwrite(const char *path, const char *file);

/* Servers are what is compared, or what has to be the same: an exit status. */
int diff_check_server(const struct session *session, const struct session *first);

#endif
