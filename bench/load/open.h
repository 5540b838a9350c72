/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The open loop: one loop over many connections (many.h) that keeps a schedule. */
#ifndef BENCH_OPEN_H
#define BENCH_OPEN_H

#include "bench/load/many.h"

void *open_body(void *argument); /* of the thread; `argument` is a load_thread */

#endif
