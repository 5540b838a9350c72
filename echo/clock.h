/* SPDX-License-Identifier: MIT */
/*
 * The monotonic clock, in nanoseconds. The only place that reads one, so that
 * every time in the lab can be set beside every other.
 */
#ifndef ECHO_CLOCK_H
#define ECHO_CLOCK_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Nanoseconds since some fixed point; never goes back (CLOCK_MONOTONIC, clock_gettime(2)). */
uint64_t echo_clock_ns(void);

/*
 * CPU time that the whole process `pid` has used, user and system, all its
 * threads; 0 stands for the caller. UINT64_MAX when there is no such process.
 */
uint64_t echo_clock_cpu_ns(pid_t pid);

/* Returns when the clock has reached `when_ns`, whatever signals arrive. */
void echo_clock_sleep_until(uint64_t when_ns);

/* The same without sleeping: the CPU is kept busy. */
void echo_clock_spin_until(uint64_t when_ns);

struct timespec echo_clock_timespec(uint64_t ns);

#endif
