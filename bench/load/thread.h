/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loops of bench/load share: a thread, what it counts, and when. */
#ifndef BENCH_THREAD_H
#define BENCH_THREAD_H

#include <pthread.h>

#include "bench/load/load.h"

struct load;

struct load_thread {
    struct load *load;
    pthread_t id;
    unsigned index;
    bool counting;
    int failed; /* -errno of what kept it from running at all */
    struct load_result *result;
};

struct load {
    const struct load_options *options;
    uint64_t warm_ns, half_ns, end_ns; /* when counting begins, is half over, ends */
    atomic_bool warm, stop;            /* for the floor, which reads no clock */
    struct load_thread *threads;
};

/* The counted time begins and ends; the first thread reads the CPU times. */
void load_begin(struct load_thread *t, uint64_t now_ns);
void load_end(struct load_thread *t, uint64_t now_ns);

/* An exchange has ended, counted or not; *failures is that of those in a row. */
void load_note_end(struct load_thread *t, const struct exchange *x, unsigned *failures);

/* Counts the exchange that `x` says ended last. */
void load_record(struct load_thread *t, const struct exchange *x);

bool load_interrupted(const struct load *load);

/* Adds a client's named counters to those of the result. */
void load_add_counters(struct load_result *r, const struct echo_client *client);

/* The bodies of threads; `argument` is a load_thread. */
void *closed_body(void *argument); /* closed.c: one connection */
void *many_body(void *argument);   /* many.c: all connections */
void *floor_body(void *argument);  /* closed.c: one, or all, without any of it */

#endif
