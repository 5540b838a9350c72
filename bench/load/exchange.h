/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One exchange at a time on one client: connect where needed, send, receive
 * the reply that belongs to it, finish. The phase lives here, so that
 * transports stay simple; how to wait is the driver's choice:
 *
 *     exchange_start(&x, due_ns, now_ns);
 *     exchange_run(&x, EXCHANGE_BLOCK);        one socket, blocking or not
 *     exchange_run(&x, EXCHANGE_SPIN);         one non-blocking socket, never sleeps
 *     while (exchange_advance(&x, ready) == -EAGAIN) { wait for x.wait }   many (epoll)
 */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include "echo/service.h"

/* All on the clock of echo/clock.h; 0: did not happen, or was not waited for. */
struct echo_times {
    uint64_t start;                 /* when it was due; closed loop: before any socket is made */
    uint64_t connected, first_byte; /* connect returned; before the first byte is sent */
    uint64_t replied, closed;       /* received and verified: latency ends; the cycle ends */
};

/* LOST: no reply within the deadline; FAILED: see error and failed_in. */
enum exchange_outcome { EXCHANGE_OK, EXCHANGE_LOST, EXCHANGE_FAILED };
enum exchange_waiting { EXCHANGE_BLOCK, EXCHANGE_SPIN };
enum exchange_phase {
    EXCHANGE_CONNECT,
    EXCHANGE_SEND,
    EXCHANGE_RECEIVE,
    EXCHANGE_CLOSE,
    EXCHANGE_DONE
};
extern const char *const exchange_phase_names[EXCHANGE_DONE];

/* One that is under way. */
struct exchange_message {
    uint64_t sequence, deadline_ns;
    struct echo_times times;
    bool open;                     /* neither replied to nor given up */
    struct exchange_message *also; /* arrived in the same pass */
};

struct exchange {
    struct echo_client *client; /* not owned */
    uint64_t session;
    uint64_t deadline_after_ns; /* from the start of each */
    bool polled;       /* the driver says when there is something to read: no recv before that */
    uint64_t sequence; /* of the latest; the first is 1 */
    enum exchange_phase phase;
    short wait;           /* POLLIN, POLLOUT: what would let it go on */
    uint64_t deadline_ns; /* of the oldest under way */
    unsigned depth, outstanding;
    uint64_t oldest;                   /* sequence; of those under way */
    uint64_t ring_mask;                /* the ring has so many places, less one */
    struct exchange_message *messages; /* of sequence s at s & ring_mask */
    struct exchange_message one;       /* the ring where the depth is 1 */

    void (*ended)(struct exchange *x); /* told of each that ended, described below; or NULL */
    struct echo_times times;           /* of the one that ended last */
    enum exchange_outcome outcome;     /* its ... */
    int error; /* errno of a failure; also of a close that failed after the reply */
    enum exchange_phase failed_in;
    uint64_t late, duplicate, corrupt; /* replies that were not awaited, since the beginning */
    uint64_t answered;                 /* bit i: the exchange i before the latest got its reply */
};

/*
 * `client` was opened with `session`, and for `depth`, up to which are under
 * way at any time: beyond 1 the caller owes exchange_free. Every exchange ends
 * within `deadline_ns` of its start. 0 or -ENOMEM.
 */
int exchange_init(struct exchange *x, struct echo_client *client, uint64_t session,
                  uint64_t deadline_ns, unsigned depth);
void exchange_free(struct exchange *x);

/*
 * Begins the next. `due_ns` is when latency begins, `now_ns` a fresh reading of
 * the clock. -EAGAIN: `depth` are under way; -ENOBUFS: the client's queue is
 * full until it is flushed, or its connection spent until those under way have
 * ended and it is closed. Neither where none is under way.
 *
 * So no more are ever under way on a connection than it has left to carry. Who
 * finds none has to connect within its latency; the close is in the cycle of
 * the one whose reply came last.
 */
int exchange_start(struct exchange *x, uint64_t due_ns, uint64_t now_ns);

/* Whether the connection takes a further one now, unless the queue is full. */
bool exchange_has_room(const struct exchange *x);

/*
 * Goes as far as it can. 0: none is under way any more. -EAGAIN: wait for
 * `wait` on the client's socket, at most until exchange_until_ns, and call
 * again; when deadline_ns has passed, call exchange_expire. `ready` is what
 * poll said, 0 at first.
 */
int exchange_advance(struct exchange *x, short ready);

/* Gives up those whose deadline is not after `deadline_ns`: at least the oldest. */
void exchange_expire(struct exchange *x);

/* Something came while none is under way: counts it, or abandons a connection that was closed. */
void exchange_look(struct exchange *x);

/* The deadline, or earlier where the client wants to be woken (wake_ns of service.h). */
uint64_t exchange_until_ns(const struct exchange *x);

/* Takes all that was started to its end. */
void exchange_run(struct exchange *x, enum exchange_waiting waiting);

#endif
