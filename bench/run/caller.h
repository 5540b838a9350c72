/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who is behind sudo. Networks are made with root's rights; runs are measured,
 * and files left, as the person who called.
 */
#ifndef BENCH_CALLER_H
#define BENCH_CALLER_H

#include <stdbool.h>
#include <sys/types.h>

/* False: this is not root, or nobody called by sudo(8). */
bool caller_find(uid_t *user, gid_t *group);

#endif
