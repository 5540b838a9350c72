/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The time-sequence diagram of a run as a list of events in the order of time:
 * what each side called (as strace saw it) and what went over the wire. For
 * ladder.c, which draws it, and its test.
 */
#ifndef BENCH_LADDER_H
#define BENCH_LADDER_H

#include "bench/experiment/trace.h"
#include "bench/link/wire.h"

enum { LADDER_LABEL = 48 };

/* In the order in which they come where they have the same time. */
enum ladder_what {
    LADDER_CALL,   /* that returned at once */
    LADDER_ENTER,  /* one that waited begins, ... */
    LADDER_DEPART, /* a packet leaves its sender, ... */
    LADDER_ARRIVE, /* ... and reaches the other */
    LADDER_LOST,   /* a packet leaves, and the wire loses it */
    LADDER_RETURN, /* ... and ends */
    LADDER_WHATS
};

struct ladder_event {
    uint64_t at_ns; /* on the clock of the time of day */
    enum ladder_what what;
    enum trace_side side; /* where it happens: of an arrival, the receiver */
    unsigned item;        /* of a call or packet: its events share it */
    uint8_t tcp_flags;    /* of a packet; 0: it has none */
    unsigned bytes;       /* of its payload */
    double place;         /* downwards, in lines of the figure */
    char label[LADDER_LABEL];
};

struct ladder {
    struct ladder_event *events;
    size_t count;
    unsigned items, packets;
    uint64_t ip_bytes;
    uint64_t zero_ns; /* when the client began: its first call or packet */
    unsigned hidden;  /* calls on sockets that are not primitives: options, mostly */
    bool failed;      /* no memory */
};

/* What waited longer than `long_ns` is shown as beginning and end. */
void ladder_add_calls(struct ladder *ladder, const struct trace *trace, uint64_t long_ns);

/* Sorts: to be called when all is in it. 0 or -ENOMEM. */
int ladder_finish(struct ladder *ladder);

/* "SYN,ACK"; "" where no flag is set. */
const char *ladder_flags(uint8_t tcp_flags, char *text, size_t size);

#endif
