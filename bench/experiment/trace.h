/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run under strace: which system calls the client and the server of it made,
 * when, and what came of them. strace stops a program at every call, so what
 * it sees is exact in number and order, and slow: no time of such a run is
 * ever compared. And the time-sequence diagram of it, a list of events in the
 * order of time: what each side called and what went over the wire.
 */
#ifndef BENCH_TRACE_H
#define BENCH_TRACE_H

#include "bench/link/wire.h"
#include "bench/run/process.h"

enum trace_side {
    TRACE_CLIENT, /* the threads that connect */
    TRACE_SERVER, /* those that bind, accept or learn who has sent */
    TRACE_SIDES
};

extern const char *const trace_side_names[TRACE_SIDES];

struct trace_call {
    uint64_t start_ns, end_ns; /* on the clock of the time of day; end 0: it did not return */
    enum trace_side side;
    int descriptor;
    int64_t result;
    char name[24], error[20]; /* "" or as in errno(3) */
};

struct trace {
    struct run *run;
    struct trace_call *calls; /* malloc'd, by start */
    size_t count;
    uint64_t stopped_ns; /* when the server was told to end; UINT64_MAX: never seen */
};

enum trace_end {
    TRACE_DONE,
    TRACE_FAILED,     /* the run did */
    TRACE_UNTRACEABLE /* there is no strace, or it is not let: without it the run may go */
};

/*
 * Makes a run under strace with this filter: "all", or names as -e trace takes
 * them. Unless done, `why` (CHILD_WHY bytes) is a sentence. *trace is for
 * trace_release in every case.
 */
enum trace_end trace_run(struct trace *trace, const char *filter, const struct parameters *asked,
                         char *why);
void trace_release(struct trace *trace);

/* Whether a call of the server ended, if at all, because the server was told to. */
bool trace_is_ending(const struct trace *trace, const struct trace_call *call);

/*
 * Reads one line of `strace -ff` into *call, all but the side.
 * False: a line that is no call.
 */
bool trace_parse(struct trace_call *call, const char *line);

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
