/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Micro-benchmarks as rows of a C table; shim.cc hands them to Google
 * Benchmark, which chooses how often to run each, shuffles them and does the
 * statistics. Nothing here reads a clock.
 *
 * A row has its loop inside, so that no call through a pointer stands beside
 * an operation of a few nanoseconds. What the loop itself costs is the row
 * `empty`: the floor under all the others. One row runs at a time, so what it
 * works on is static.
 */
#ifndef BENCH_MICRO_H
#define BENCH_MICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

static const int64_t micro_sizes[] = {0, 64, 1024, 16384, 61440, 1048576}; /* bytes */

struct micro_row {
    const char *name;
    bool sized;          /* run once for each of micro_sizes, and shown as NAME/SIZE */
    bool touches_bytes;  /* looks at all of them, so that bytes per second mean something */
    const void *subject; /* for set_up: what the rows of a family differ in */

    /* 0, or -errno: the row is reported as failed. NULL: nothing to do. */
    int (*set_up)(const struct micro_row *row, size_t size);
    int (*run)(uint64_t iterations); /* likewise; the only part that is timed */
    void (*tear_down)(void);         /* only after a set_up that succeeded; NULL: nothing to do */
};

struct micro_table {
    const struct micro_row *rows;
    size_t count;
};

/* All that can be had here. Before micro_pin, as it has to see all CPUs that it may use. */
struct micro_table micro_rows(void);

/*
 * Keeps the program on the CPU of the placement `same-core` and in a private
 * network, and with it every server that a row starts. 0 or -errno.
 */
int micro_pin(void);

/* The compiler must have `value` ready here: the work behind it cannot be removed. */
static inline void micro_use(uint64_t value) {
    __asm__ volatile("" : : "r"(value));
}

/* For all the compiler knows the bytes at `memory` are read here, and written. */
static inline void micro_touch(void *memory) {
    __asm__ volatile("" : : "r"(memory) : "memory");
}

#ifdef __cplusplus
}
#endif

#endif
