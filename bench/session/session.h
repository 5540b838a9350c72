/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A session, as `echolab compare` or `sweep` wrote it, read back. What comes
 * out of here can be worked with without another look: every field that is
 * promised is there and has a value that it can have. Nothing is repaired.
 */
#ifndef BENCH_SESSION_H
#define BENCH_SESSION_H

#include <jansson.h>
#include <stddef.h>

/*
 * A new object, or NULL: then `why` is a sentence that names the file, the
 * place in it and what is wrong there.
 */
json_t *session_load(const char *path, char *why, size_t size);

#endif
