/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a result depends on besides the code: the kernel, the machine, and how
 * both are set up. Read once per session; what is not to be had is null.
 */
#ifndef BENCH_ENVIRONMENT_H
#define BENCH_ENVIRONMENT_H

#include <jansson.h>

/* A new object, the caller's; NULL without memory. */
json_t *environment_read(void);

#endif
