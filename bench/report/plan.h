/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The plan of `make bench`: plots/plan.tsv, as it was when this was built. A
 * part of it is a name, what it needs, a command, and the options it has in
 * the usual five minutes.
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

/* The whole command, its results going to `directory`; malloc'd. NULL: there is no such part. */
char *plan_command(const char *name, const char *directory);

/* What the machine must have, malloc'd: "two CPUs"; "" nothing. NULL: there is no such part. */
char *plan_needs(const char *name);

#endif
