/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the loops of bench/load share: a thread, what it counts, and when. */
#ifndef BENCH_THREAD_H
#define BENCH_THREAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/load/terms.h"

struct load;

struct load_thread {
    struct load *load;
    pthread_t id;
    unsigned index;
    bool begun;                          /* what starts now counts, where bounds are its own */
    struct thread_time at_begin, at_end; /* when its counted time begins, and when it ends */
    int failed;                          /* -errno of what kept it from running at all */
    struct load_result *result;
};

struct load {
    const struct load_options *options;
    atomic_uint up;                        /* connections over which a first message has gone */
    atomic_uint ended;                     /* threads whose body has returned */
    atomic_uint_least64_t warm_ns, end_ns; /* the window; UINT64_MAX: not known yet */
    atomic_bool warm, stop;                /* for the floor, which reads no clock */
    void *(*body)(void *);
    struct load_thread *threads;
};

/* Bodies of threads; `argument` is a load_thread. */
void *closed_body(void *argument); /* one connection, blocking or spinning */
void *floor_body(void *argument);  /* one, or all, without codec, checks or clocks */
void *many_body(void *argument);   /* all, in one loop; closed, or open */

/*
 * Whether counted time is one window for all, [warm_ns, end_ns), in which what
 * ends counts. Otherwise a number of messages is counted, or whole connections:
 * then what starts from a thread's own begin on counts.
 */
bool load_has_window(const struct load *load);

/* A thread's own bounds, where there is no window. */
void load_begin(struct load_thread *t, uint64_t now_ns);
void load_end(struct load_thread *t, uint64_t now_ns);

/* The client of the connection of this index, and its exchanges. 0 or -errno. */
int load_open_client(const struct load_thread *t, unsigned index, bool nonblocking,
                     struct exchange *x);

void load_close_client(struct load_thread *t, struct exchange *x); /* adds what it has counted */

/*
 * The exchange that `x` says ended last has ended: counts it where it counts;
 * *failures is that of those in a row, *up whether a message has come back.
 */
void load_note_end(struct load_thread *t, const struct exchange *x, unsigned *failures, bool *up);

/* Counts it; for the open loop, which knows by itself what counts. */
void load_record(struct load_thread *t, const struct exchange *x);

void load_add_counters(struct load_result *r, const struct echo_counter *counters, unsigned count);
bool load_interrupted(const struct load *load);

#endif
