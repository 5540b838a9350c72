/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bare loops of echo/service.h as a design: of the blocking engine, and of the epoll engine. */
#include <errno.h>
#include <stdlib.h>

#include "bench/serve/design.h"

struct floor_thread {
    pthread_t id;
    const struct design_server *design;
    int listener; /* its own, or one that all share */
    const atomic_bool *stop;
};

struct floor {
    atomic_bool stop;
    unsigned started;
    struct floor_thread threads[];
};

static void *serve(void *argument) {
    const struct floor_thread *t = argument;
    const struct design_options *o = &t->design->options;
    const struct echo_floor_steps *steps = o->transport->floor;
    (o->many ? steps->serve_many : steps->serve)(o->transport->floor_way, t->listener, o->floor,
                                                 t->stop);
    return NULL;
}

static void stop(struct design_server *d, uint64_t *counts) {
    struct floor *f = d->state;
    (void)counts; /* it counts nothing */
    atomic_store(&f->stop, true);
    for (unsigned i = 0; i < d->count; i++) d->servers[i]->steps->stop(d->servers[i]);
    for (unsigned i = 0; i < f->started; i++) (void)pthread_join(f->threads[i].id, NULL);
    free(f);
}

static int start(struct design_server *d) {
    const unsigned threads = d->options.many ? d->count : d->options.floor_threads;
    struct floor *f = calloc(1, sizeof *f + threads * sizeof f->threads[0]);
    int failed = 0;
    if (f == NULL) return -ENOMEM;
    d->state = f;
    while (failed == 0 && f->started < threads) {
        struct floor_thread *t = &f->threads[f->started];
        t->design = d;
        t->listener = d->servers[f->started % d->count]->socket;
        t->stop = &f->stop;
        failed = -pthread_create(&t->id, NULL, serve, t);
        f->started += failed == 0;
    }
    if (failed != 0) stop(d, NULL);
    return failed;
}

const struct design_way floor_way = {.start = start, .stop = stop};
const struct design_way floor_many_way = {.start = start, .stop = stop, .polls = true};
