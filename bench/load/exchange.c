/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "echo/clock.h"

const char *const exchange_phase_names[EXCHANGE_DONE] = {"connect", "send", "receive", "close"};

static struct exchange_message *at(const struct exchange *x, uint64_t sequence) {
    return &x->messages[sequence & x->ring_mask];
}

int exchange_init(struct exchange *x, struct echo_client *client, uint64_t session,
                  uint64_t deadline_ns, unsigned depth) {
    uint64_t places = 1;
    while (places < depth) places *= 2; /* a power of two, so that a place is found by a mask */
    *x = (struct exchange){.client = client,
                           .session = session,
                           .deadline_after_ns = deadline_ns,
                           .depth = depth > 1 ? depth : 1,
                           .ring_mask = places - 1,
                           .messages = &x->one,
                           .phase = EXCHANGE_DONE};
    if (places > 1) x->messages = calloc(places, sizeof *x->messages);
    return x->messages == NULL ? -ENOMEM : 0;
}

void exchange_free(struct exchange *x) {
    if (x->messages != &x->one) free(x->messages);
    x->messages = &x->one;
}

int exchange_start(struct exchange *x, uint64_t due_ns, uint64_t now_ns) {
    struct exchange_message *m = at(x, x->sequence + 1);
    if (x->outstanding == x->depth || m->open) return -EAGAIN;
    /* Queued before connecting, as a transport may send it along. */
    const int failed = x->client->steps->send(x->client, x->sequence + 1, now_ns);
    if (failed != 0) return failed;
    x->sequence++;
    x->answered <<= 1;
    m->sequence = x->sequence;
    m->deadline_ns = due_ns + x->deadline_after_ns;
    m->times = (struct echo_times){.start = due_ns, .first_byte = now_ns};
    m->open = true;
    if (x->outstanding++ == 0) {
        x->oldest = x->sequence;
        x->deadline_ns = m->deadline_ns;
    }
    x->phase = x->client->socket < 0 ? EXCHANGE_CONNECT : EXCHANGE_SEND;
    return 0;
}

bool exchange_has_room(const struct exchange *x) {
    return x->outstanding < x->depth && x->client->left > 0;
}

/* `m` has ended; the driver is told, and the fields of x say how. */
static void end(struct exchange *x, struct exchange_message *m, enum exchange_outcome outcome) {
    m->open = false;
    x->outcome = outcome;
    x->times = m->times;
    const uint64_t ago = x->sequence - m->sequence;
    if (outcome == EXCHANGE_OK && ago < 64) x->answered |= UINT64_C(1) << ago;
    while (x->oldest <= x->sequence && !at(x, x->oldest)->open) x->oldest++;
    x->deadline_ns = at(x, x->oldest)->deadline_ns;
    if (--x->outstanding == 0) x->phase = EXCHANGE_DONE;
    if (x->ended != NULL) x->ended(x);
}

/* All that are under way have failed together. */
static int fail(struct exchange *x, int failed) {
    x->error = -failed;
    x->failed_in = x->phase;
    x->client->steps->abandon(x->client);
    const uint64_t now_ns = echo_clock_ns();
    for (uint64_t s = x->oldest; x->outstanding > 0; s++) {
        struct exchange_message *m = at(x, s);
        m->times.closed = now_ns;
        if (m->open) end(x, m, EXCHANGE_FAILED);
    }
    return 0;
}

/*
 * A connection that still has younger ones under way goes on: their replies
 * may be in time, and the next deadline is theirs.
 */
void exchange_expire(struct exchange *x) {
    const uint64_t now_ns = echo_clock_ns();
    const bool answered = x->phase == EXCHANGE_CLOSE; /* only the end of file is missing */
    const uint64_t first = x->oldest;
    x->error = ETIMEDOUT;
    x->failed_in = x->phase;
    for (uint64_t s = first; x->outstanding > 0; s++) {
        struct exchange_message *m = at(x, s);
        if (!m->open) continue;
        if (s > first && m->deadline_ns > now_ns) break;
        if (x->outstanding == 1) x->client->steps->abandon(x->client);
        m->times.closed = echo_clock_ns();
        end(x, m, answered ? EXCHANGE_OK : EXCHANGE_LOST);
    }
}

static int wait_for(struct exchange *x, short events) {
    x->wait = events;
    return -EAGAIN;
}

static int connect_phase(struct exchange *x) {
    const int failed = x->client->steps->connect(x->client);
    if (failed != 0 && failed != -EINPROGRESS) return fail(x, failed);
    const uint64_t now_ns = echo_clock_ns();
    for (uint64_t s = x->oldest; s <= x->sequence; s++) {
        at(x, s)->times.first_byte = now_ns;
        if (failed == 0) at(x, s)->times.connected = now_ns;
    }
    x->phase = EXCHANGE_SEND;
    return 0;
}

/* Not awaited: late if its exchange was given up, else its second. */
static void count_stranger(struct exchange *x, const struct echo_message *reply) {
    if (reply->session == x->session && reply->sequence > x->sequence) {
        x->corrupt++; /* to a question not yet asked */
        return;
    }
    const uint64_t ago = x->sequence - reply->sequence;
    const bool twice = reply->session == x->session && ago < 64 && (x->answered >> ago & 1) != 0;
    ++*(twice ? &x->duplicate : &x->late);
}

/* Whose reply it is; NULL: nobody awaits it. */
static struct exchange_message *find(const struct exchange *x, const struct echo_message *reply) {
    struct exchange_message *m = at(x, reply->sequence);
    const bool awaited = m->open && m->sequence == reply->sequence && reply->session == x->session;
    return awaited ? m : NULL;
}

/* The client wants to send again. */
static bool wake_is_due(const struct exchange *x) {
    const uint64_t wake_ns = x->client->wake_ns;
    return wake_ns != 0 && echo_clock_ns() >= wake_ns;
}

/* The last reply that this connection will bring. */
static void begin_close(struct exchange *x, struct exchange_message *m) {
    m->open = true;
    x->oldest = m->sequence;
    x->deadline_ns = m->deadline_ns;
    x->phase = EXCHANGE_CLOSE;
}

/* The time by which the replies of a pass are received and verified: one reading for all. */
static void settle(struct exchange *x, struct exchange_message *arrived) {
    const uint64_t now_ns = echo_clock_ns();
    x->error = 0;
    for (struct exchange_message *m = arrived; m != NULL; m = m->also) {
        const bool closes = x->outstanding == 1 && x->client->left == 0;
        m->times.replied = m->times.closed = now_ns;
        if (now_ns > m->deadline_ns) {
            /* The right one, and too late: who had a deadline has gone on. */
            x->late++;
            x->error = ETIMEDOUT;
            x->failed_in = x->phase;
            if (x->depth == 1 || closes) x->client->steps->abandon(x->client);
            end(x, m, EXCHANGE_LOST);
            x->error = 0;
        } else if (closes) {
            begin_close(x, m);
        } else {
            end(x, m, EXCHANGE_OK);
        }
    }
}

/*
 * One pass: what a single recv brings. Where it brings no reply that is awaited
 * the driver waits for the next, as a blocking socket would begin its patience
 * anew: the deadline holds however many strangers come.
 */
static int receive_phase(struct exchange *x) {
    struct exchange_message *arrived = NULL, **last = &arrived;
    int failed;
    do {
        struct echo_message reply;
        failed = x->client->steps->receive(x->client, &reply);
        if (failed == -EBADMSG || failed == -EPROTO) x->corrupt++;
        if (failed != 0) continue;
        struct exchange_message *m = find(x, &reply);
        if (m == NULL) {
            count_stranger(x, &reply);
            continue;
        }
        m->open = false; /* a second reply of this pass is a stranger */
        m->also = NULL;
        *last = m;
        last = &m->also;
    } while ((failed == 0 || failed == -EBADMSG) && x->client->more && !(x->depth == 1 && arrived));
    if (arrived != NULL) settle(x, arrived);
    if (x->phase == EXCHANGE_CLOSE) return 0;
    if (arrived != NULL && (failed == 0 || failed == -EBADMSG)) return 0;
    /* Only now, as a reply that lay there already makes another request needless. */
    if (failed == -EAGAIN && x->phase == EXCHANGE_RECEIVE && wake_is_due(x)) {
        x->phase = EXCHANGE_SEND;
        return 0;
    }
    if (failed == 0 || failed == -EAGAIN || failed == -EBADMSG) return wait_for(x, POLLIN);
    return x->outstanding > 0 ? fail(x, failed) : 0;
}

/*
 * While the request is not fully written the server may be waiting for us to
 * read: so wait for both, and read only what has surely arrived.
 */
static int send_phase(struct exchange *x, short *ready) {
    int failed = x->client->steps->flush(x->client);
    if (failed == 0) x->phase = EXCHANGE_RECEIVE;
    if (failed == 0) return 0;
    if (failed != -EAGAIN) return fail(x, failed);
    const bool readable = (*ready & POLLIN) != 0;
    *ready = 0;
    if (readable) failed = receive_phase(x);
    return failed == -EAGAIN ? wait_for(x, POLLIN | POLLOUT) : failed;
}

static int close_phase(struct exchange *x) {
    struct exchange_message *m = at(x, x->oldest);
    const int failed = x->client->steps->finish(x->client);
    if (failed == -EAGAIN) return wait_for(x, POLLIN);
    x->error = 0;
    if (failed != 0) {
        /* The message is answered; that its connection ended badly is counted beside it. */
        x->error = -failed;
        x->failed_in = EXCHANGE_CLOSE;
        x->client->steps->abandon(x->client);
    }
    m->times.closed = echo_clock_ns();
    end(x, m, EXCHANGE_OK);
    return 0;
}

/* Where the driver polls, a recv that it did not announce would only say no. */
static bool must_wait(const struct exchange *x, short ready) {
    return x->polled && (ready & ~POLLOUT) == 0 && !wake_is_due(x);
}

int exchange_advance(struct exchange *x, short ready) {
    int result = 0;
    while (result == 0 && x->phase != EXCHANGE_DONE) {
        if (x->phase == EXCHANGE_CONNECT) {
            result = connect_phase(x);
        } else if (x->phase == EXCHANGE_SEND) {
            result = send_phase(x, &ready);
        } else if (x->phase == EXCHANGE_RECEIVE) {
            result = must_wait(x, ready) ? wait_for(x, POLLIN) : receive_phase(x);
            ready = 0;
        } else {
            result = close_phase(x);
        }
    }
    return result;
}

void exchange_look(struct exchange *x) {
    if (receive_phase(x) == 0) x->client->steps->abandon(x->client);
}

uint64_t exchange_until_ns(const struct exchange *x) {
    const uint64_t wake_ns = x->client->wake_ns;
    return wake_ns != 0 && wake_ns < x->deadline_ns ? wake_ns : x->deadline_ns;
}

/* Sleeps until the socket is ready or `left_ns` have gone. What became ready. */
static short wait_for_socket(const struct exchange *x, uint64_t left_ns) {
    struct pollfd at = {.fd = x->client->socket, .events = x->wait};
    const struct timespec left = echo_clock_timespec(left_ns);
    (void)ppoll(&at, 1, &left, NULL);
    return at.revents; /* which stays 0 where nothing came of it */
}

void exchange_run(struct exchange *x, enum exchange_waiting waiting) {
    short ready = 0;
    while (exchange_advance(x, ready) == -EAGAIN) {
        const uint64_t now_ns = echo_clock_ns();
        if (now_ns >= x->deadline_ns) {
            exchange_expire(x);
            continue;
        }
        /* A blocking socket comes here only with a part of a message, or out of patience. */
        const uint64_t until_ns = exchange_until_ns(x);
        const uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        if (waiting == EXCHANGE_SPIN) {
            ready = POLLIN;
        } else {
            ready = wait_for_socket(x, left_ns);
            /* Not into recv again, which would wait as long once more. */
            if (ready == 0 && echo_clock_ns() >= x->deadline_ns) exchange_expire(x);
        }
    }
}
