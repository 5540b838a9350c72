/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A network of the run's own: a fresh namespace with nothing but a loopback,
 * so that no counter, port, route metric or TIME_WAIT of another run is in it.
 * It goes when the last process in it has gone.
 */
#ifndef BENCH_NAMESPACE_H
#define BENCH_NAMESPACE_H

#include "bench/measure/facts.h"

/*
 * Moves the calling process (which must have one thread) into a new network
 * namespace, through a user namespace where it is not root, and brings the
 * loopback up. 0 or -errno: -EPERM, -ENOSPC, -EINVAL and -EACCES mean that the
 * system denies it (user_namespaces(7)); nothing has changed then.
 */
int namespace_enter(void);

/* Whether it would work; tried in a child, so nothing changes. */
bool namespace_allowed(void);

/*
 * Whose network settings a private network has: the lab's own, or those of the
 * host. A fresh namespace has the kernel's defaults or the host's, depending on
 * the setting and the kernel: so all that matter are written, and what is then
 * in force is recorded.
 */
enum profile { PROFILE_LAB, PROFILE_HOST, PROFILES };

extern const char *const profile_names[PROFILES];

/* As namespace_enter, with these settings. What cannot be written stays as it is. */
int profile_enter(enum profile profile);

/* Adds what is in force where the caller is. */
void profile_read(struct facts *facts);

#endif
