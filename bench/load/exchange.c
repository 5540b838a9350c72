/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/exchange.h"

#include <errno.h>
#include <poll.h>

#include "echo/clock.h"

const char *const exchange_phase_names[EXCHANGE_DONE] = {"connect", "send", "receive", "close"};

void exchange_init(struct exchange *x, struct echo_client *client, uint64_t session,
                   uint64_t deadline_ns) {
    *x = (struct exchange){.client = client,
                           .session = session,
                           .deadline_after_ns = deadline_ns,
                           .phase = EXCHANGE_DONE};
}

void exchange_start(struct exchange *x, uint64_t due_ns, uint64_t now_ns) {
    x->answered <<= 1;
    if (x->sequence > 0 && x->outcome == EXCHANGE_OK) x->answered |= 1;
    x->sequence++;
    x->times = (struct echo_times){.start = due_ns, .first_byte = now_ns};
    x->deadline_ns = due_ns + x->deadline_after_ns;
    x->error = 0;
    x->phase = x->client->socket < 0 ? EXCHANGE_CONNECT : EXCHANGE_SEND;
    /* Queued before connecting, as a transport may send it along; there is room for one. */
    (void)x->client->steps->send(x->client, x->sequence, now_ns);
}

static int end(struct exchange *x, enum exchange_outcome outcome) {
    x->outcome = outcome;
    x->phase = EXCHANGE_DONE;
    return 0;
}

static int fail(struct exchange *x, int failed) {
    x->error = -failed;
    x->failed_in = x->phase;
    x->client->steps->abandon(x->client);
    x->times.closed = echo_clock_ns();
    return end(x, EXCHANGE_FAILED);
}

void exchange_expire(struct exchange *x) {
    x->error = ETIMEDOUT;
    x->failed_in = x->phase;
    const bool answered = x->phase == EXCHANGE_CLOSE; /* only the end of file is missing */
    x->client->steps->abandon(x->client);
    x->times.closed = echo_clock_ns();
    (void)end(x, answered ? EXCHANGE_OK : EXCHANGE_LOST);
}

static int wait_for(struct exchange *x, short events) {
    x->wait = events;
    return -EAGAIN;
}

static int connect_phase(struct exchange *x) {
    const int failed = x->client->steps->connect(x->client);
    if (failed != 0 && failed != -EINPROGRESS) return fail(x, failed);
    x->times.first_byte = echo_clock_ns();
    if (failed == 0) x->times.connected = x->times.first_byte;
    x->phase = EXCHANGE_SEND;
    return 0;
}

/* An earlier exchange's reply: late if that one was given up, else its second. */
static void count_stranger(struct exchange *x, const struct echo_message *reply) {
    if (reply->session == x->session && reply->sequence > x->sequence) {
        x->corrupt++; /* to a question not yet asked */
        return;
    }
    const uint64_t ago = x->sequence - reply->sequence;
    const bool twice = reply->session == x->session && ago >= 1 && ago <= 64 &&
                       (x->answered >> (ago - 1) & 1) != 0;
    if (twice) {
        x->duplicate++;
    } else {
        x->late++;
    }
}

/* The client wants to send again. */
static bool wake_is_due(const struct exchange *x) {
    const uint64_t wake_ns = x->client->wake_ns;
    return wake_ns != 0 && echo_clock_ns() >= wake_ns;
}

/*
 * Not the reply. The driver waits for the next, as a blocking socket would
 * begin its patience anew: the deadline holds however many of them come.
 */
static int look_further(struct exchange *x) {
    return wait_for(x, POLLIN);
}

static int receive_phase(struct exchange *x) {
    struct echo_message reply;
    const int failed = x->client->steps->receive(x->client, &reply);
    /* Only now, as a reply that lay there already makes another request needless. */
    if (failed == -EAGAIN && x->phase == EXCHANGE_RECEIVE && wake_is_due(x)) {
        x->phase = EXCHANGE_SEND;
        return 0;
    }
    if (failed == -EAGAIN) return wait_for(x, POLLIN);
    if (failed == -EBADMSG || failed == -EPROTO) x->corrupt++;
    if (failed == -EBADMSG) return look_further(x);
    if (failed != 0) return fail(x, failed);
    if (reply.session != x->session || reply.sequence != x->sequence) {
        count_stranger(x, &reply);
        return look_further(x);
    }
    x->times.replied = echo_clock_ns();
    if (x->times.replied > x->deadline_ns) {
        /* The right one, and too late: who had a deadline has gone on. */
        x->late++;
        exchange_expire(x);
        return 0;
    }
    x->phase = EXCHANGE_CLOSE;
    return 0;
}

/*
 * While the request is not fully written the server may be waiting for us to
 * read: so wait for both, and read only what has surely arrived.
 */
static int send_phase(struct exchange *x, short ready) {
    int failed = x->client->steps->flush(x->client);
    if (failed == 0) x->phase = EXCHANGE_RECEIVE;
    if (failed == 0) return 0;
    if (failed != -EAGAIN) return fail(x, failed);
    if ((ready & POLLIN) != 0) failed = receive_phase(x);
    return failed == -EAGAIN ? wait_for(x, POLLIN | POLLOUT) : failed;
}

static int close_phase(struct exchange *x) {
    const int failed = x->client->steps->finish(x->client);
    if (failed == -EAGAIN) return wait_for(x, POLLIN);
    if (failed != 0) {
        /* The message is answered; that its connection ended badly is counted beside it. */
        x->error = -failed;
        x->failed_in = EXCHANGE_CLOSE;
        x->client->steps->abandon(x->client);
    }
    /* A connection that stays was not closed: the reply ended the cycle. */
    x->times.closed = x->client->socket >= 0 ? x->times.replied : echo_clock_ns();
    return end(x, EXCHANGE_OK);
}

int exchange_advance(struct exchange *x, short ready) {
    int result = 0;
    while (result == 0 && x->phase != EXCHANGE_DONE) {
        if (x->phase == EXCHANGE_CONNECT) {
            result = connect_phase(x);
        } else if (x->phase == EXCHANGE_SEND) {
            result = send_phase(x, ready);
            ready = 0;
        } else if (x->phase == EXCHANGE_RECEIVE) {
            result = receive_phase(x);
        } else {
            result = close_phase(x);
        }
    }
    return result;
}

uint64_t exchange_until_ns(const struct exchange *x) {
    const uint64_t wake_ns = x->client->wake_ns;
    return wake_ns != 0 && wake_ns < x->deadline_ns ? wake_ns : x->deadline_ns;
}

/* Sleeps until the socket is ready or `left_ns` have gone. What became ready. */
static short wait_for_socket(const struct exchange *x, uint64_t left_ns) {
    struct pollfd at = {.fd = x->client->socket, .events = x->wait};
    const struct timespec left = echo_clock_timespec(left_ns);
    if (ppoll(&at, 1, &left, NULL) <= 0) return 0;
    return at.revents;
}

void exchange_run(struct exchange *x, enum exchange_waiting waiting) {
    short ready = 0;
    while (exchange_advance(x, ready) == -EAGAIN) {
        const uint64_t now_ns = echo_clock_ns();
        if (now_ns >= x->deadline_ns) {
            exchange_expire(x);
            return;
        }
        /* A blocking socket comes here only with a part of a message, or out of patience. */
        const uint64_t until_ns = exchange_until_ns(x);
        const uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        if (waiting == EXCHANGE_SPIN) {
            ready = POLLIN;
        } else {
            ready = wait_for_socket(x, left_ns);
            /* Not into recv again, which would wait as long once more. */
            if (ready == 0 && echo_clock_ns() >= x->deadline_ns) {
                exchange_expire(x);
                return;
            }
        }
    }
}
