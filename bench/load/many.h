/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One loop over many connections: what its closed and its open form share. */
#ifndef BENCH_MANY_H
#define BENCH_MANY_H

#include "bench/load/schedule.h"
#include "bench/load/thread.h"

struct many;
struct slot;

/* What the two forms do differently; NULL where one does nothing. */
struct many_form {
    int (*begin)(struct many *m);      /* all are connected; 0 or -errno */
    bool (*take_more)(struct slot *s); /* starts what there is for a slot; whether there was any */
    void (*count)(struct slot *s);     /* the exchange of this slot that ended last */
    void (*note_room)(struct slot *s); /* it was taken as far as it goes */
    void (*wake_up)(struct many *m);   /* the loop has woken up */
    void (*arrive)(struct many *m);    /* hands out what has become due */
    uint64_t (*due_ns)(const struct many *m); /* when to look again; UINT64_MAX: never */
    bool (*over)(const struct many *m);
    void (*end)(struct many *m);
};

/* A connection (or socket), and the exchanges under way on it. */
struct slot {
    struct exchange x; /* first: who is told of an end finds the slot by it */
    struct many *many;
    uint64_t watched;  /* sockets_made of the socket that epoll knows: numbers come back */
    short watched_for; /* POLLIN, POLLOUT */
    unsigned failures; /* in a row */
    bool up;           /* a message has come back */
    bool fresh;        /* closed: no batch has gone yet: the loop's clock begins the first */
    bool listed;       /* open: among the free ones */
    uint64_t next;     /* open, own: the next request of this one */
};

struct many {
    const struct many_form *form;
    struct load_thread *thread;
    struct slot *slots;
    unsigned count;
    int epoll;
    uint64_t now_ns;    /* when the loop woke up last */
    uint64_t timer_ns;  /* no deadline and no wake-up is before it */
    uint64_t started;   /* messages, since counting began */
    unsigned begun;     /* slots that were told to connect ... */
    unsigned up;        /* ... and over which a message has come back */
    uint64_t under_way; /* of those */
    bool gave_up;

    bool (*take_more)(struct slot *s); /* of the form, once all are connected */

    /* open */
    struct schedule schedule;
    uint64_t base_ns;         /* when it begins */
    uint64_t warm_ns, end_ns; /* between them requests count */
    uint64_t arrived;         /* requests that are due ... */
    uint64_t taken;           /* ... and those a connection has taken */
    unsigned *free;           /* a ring of slots with room, in the order in which they got it */
    unsigned free_first, free_count;
};

/* Takes a slot as far as it goes; `ready` is what epoll said. */
void many_go_on(struct slot *s, short ready);

/* The thread's body in such a form. */
void *many_run(struct load_thread *t, const struct many_form *form);

/* The closed form: the next batch when the last has ended; `argument` is a load_thread. */
void *many_body(void *argument);

#endif
