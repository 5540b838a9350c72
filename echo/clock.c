/* SPDX-License-Identifier: MIT */
#include "echo/clock.h"

#include <errno.h>

enum { NS_PER_S = 1000000000 };

static uint64_t read_ns(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) return UINT64_MAX;
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t echo_clock_ns(void) {
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t echo_clock_cpu_ns(pid_t pid) {
    clockid_t clock;
    return clock_getcpuclockid(pid, &clock) == 0 ? read_ns(clock) : UINT64_MAX;
}

struct timespec echo_clock_timespec(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

void echo_clock_sleep_until(uint64_t when_ns) {
    const struct timespec when = echo_clock_timespec(when_ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR) {
    }
}

void echo_clock_spin_until(uint64_t when_ns) {
    while (echo_clock_ns() < when_ns) {
    }
}
