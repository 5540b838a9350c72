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
    uint64_t start;      /* when it was due; closed loop: before any socket is made */
    uint64_t connected;  /* connect returned */
    uint64_t first_byte; /* before the first byte is sent */
    uint64_t replied;    /* reply received and verified: latency ends */
    uint64_t closed;     /* cycle ends */
};

enum exchange_outcome {
    EXCHANGE_OK,
    EXCHANGE_LOST,  /* no reply within the deadline */
    EXCHANGE_FAILED /* an error: see error and failed_in */
};

enum exchange_phase {
    EXCHANGE_CONNECT,
    EXCHANGE_SEND,
    EXCHANGE_RECEIVE,
    EXCHANGE_CLOSE,
    EXCHANGE_DONE
};

extern const char *const exchange_phase_names[EXCHANGE_DONE];

struct exchange {
    struct echo_client *client; /* not owned */
    uint64_t session;
    uint64_t deadline_after_ns; /* from the start of each */

    uint64_t sequence; /* of the current one; the first is 1 */
    enum exchange_phase phase;
    short wait; /* POLLIN, POLLOUT: what would let it go on */
    uint64_t deadline_ns;
    struct echo_times times;

    enum exchange_outcome outcome; /* once the phase is EXCHANGE_DONE */
    int error; /* errno of a failure; also of a close that failed after the reply */
    enum exchange_phase failed_in;

    /* Replies that were not the one awaited, since the beginning. */
    uint64_t late, duplicate, corrupt;
    uint64_t answered; /* bit i: the exchange i + 1 before this one got its reply */
};

/* `client` was opened with `session`. Every exchange ends within `deadline_ns` of its start. */
void exchange_init(struct exchange *x, struct echo_client *client, uint64_t session,
                   uint64_t deadline_ns);

/* Begins the next. `due_ns` is when latency begins, `now_ns` a fresh reading of the clock. */
void exchange_start(struct exchange *x, uint64_t due_ns, uint64_t now_ns);

/*
 * Goes as far as it can. 0: it has ended. -EAGAIN: wait for `wait` on the
 * client's socket, at most until exchange_until_ns, and call again; when
 * deadline_ns has passed, call exchange_expire. `ready` is what poll said, 0 at
 * first.
 */
int exchange_advance(struct exchange *x, short ready);
void exchange_expire(struct exchange *x);

/* The deadline, or earlier where the client wants to be woken (wake_ns of service.h). */
uint64_t exchange_until_ns(const struct exchange *x);

enum exchange_waiting { EXCHANGE_BLOCK, EXCHANGE_SPIN };

/* Takes a started exchange to its end. */
void exchange_run(struct exchange *x, enum exchange_waiting waiting);

#endif
