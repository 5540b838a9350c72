/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a change of the machine is told from a change of its network by: a byte
 * there and back through two pipes, between two processes. It wakes and
 * switches as an exchange does, and no socket is in it.
 */
#ifndef BENCH_REFERENCE_H
#define BENCH_REFERENCE_H

#include "bench/measure/placement.h"

/* The median over 100 ms, in us; both block, also where runs spin. NAN: cannot be had. */
double reference_us(enum placement placement);

#endif
