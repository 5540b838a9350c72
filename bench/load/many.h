/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One loop over many connections: what its closed and its open form share. */
#ifndef BENCH_MANY_H
#define BENCH_MANY_H

#include "bench/load/schedule.h"
#include "bench/load/thread.h"

/* A connection (or socket), and the exchanges under way on it. */
struct slot {
    struct exchange x; /* first: who is told of an end finds the slot by it */
    struct many *many;
    uint64_t watched;           /* sockets_made of the socket that epoll knows: numbers come back */
    short watched_for;          /* POLLIN, POLLOUT */
    unsigned failures;          /* in a row */
    uint64_t batch;             /* closed: so many went out together ... */
    uint64_t batch_ns;          /* ... at this time */
    uint64_t first_ns, last_ns; /* closed: of what is counted */
    bool listed;                /* open: among the free ones */
    uint64_t next;              /* open, own: the next request of this one */
};

struct many {
    struct load_thread *thread;
    struct slot *slots;
    unsigned count;
    int epoll;
    uint64_t now_ns;    /* when the loop woke up last */
    uint64_t timer_ns;  /* no deadline and no wake-up is before it */
    uint64_t started;   /* messages */
    uint64_t under_way; /* of those */
    bool gave_up;

    /* Starts what there is for a slot; whether there was any. */
    bool (*take_more)(struct slot *s);

    /* open */
    struct schedule schedule;
    uint64_t base_ns;         /* when it begins */
    uint64_t warm_ns, end_ns; /* between them requests count */
    uint64_t arrived;         /* requests that are due ... */
    uint64_t taken;           /* ... and those a connection has taken */
    unsigned *free;           /* slots with room, the last used first */
    unsigned free_count;
};

/* Takes a slot as far as it goes; `ready` is what epoll said. */
void many_go_on(struct slot *s, short ready);

/* open.c */
int open_begin(struct many *m);
void open_arrive(struct many *m); /* hands out what has become due */
bool open_over(const struct many *m);
void open_count(struct slot *s); /* the exchange of this slot that ended last */
void open_note_room(struct slot *s);
uint64_t open_due_ns(const struct many *m); /* of the next request; UINT64_MAX: none */
void open_end(struct many *m);

#endif
