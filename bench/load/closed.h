/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The closed loop of the blocking engine, and the floor: bodies of threads. */
#ifndef BENCH_CLOSED_H
#define BENCH_CLOSED_H

#include "bench/load/thread.h"

/* `argument` is a load_thread. */
void *closed_body(void *argument); /* one connection */
void *floor_body(void *argument);  /* one, or all, without codec, checks or clocks */

#endif
