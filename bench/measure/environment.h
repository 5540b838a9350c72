/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a result depends on besides the code: the kernel, the machine, and how
 * both are set up. It names no user, no host and no path of the machine, so
 * that a result file can be passed on.
 */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include "bench/measure/facts.h"

/* All, before the first run. What a line of a file says is text, also where it is a number. */
void environment_read(struct facts *facts);

/* After the last run: adds what changes by itself as it is now, "after.load" and the like. */
void environment_after(struct facts *facts);

/* Load, pressure and steal are never the same twice; nor is anything "after." */
bool environment_changes_by_itself(const char *name);

/*
 * The text without words that would name a user, a host or a place of this
 * machine: of "a=b c=/d" it leaves "a=b c=...". What follows "--" is for init,
 * not for the kernel, and is left out.
 */
struct fact environment_without_private(const char *text);

/* Of this build: "" where it was not built in a checkout. */
const char *environment_commit(void);

#endif
