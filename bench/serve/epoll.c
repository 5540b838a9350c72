/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/design.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/param.h>
#include <unistd.h>

#include "echo/clock.h"

enum {
    EVENTS_MAX = 128, /* taken at a time */
    ACCEPTS_MAX = 16, /* at a time: a flood of new connections is not to starve the old */
    STEPS_MAX = 64,   /* at a time, on a socket that all clients share */
    BURST_FULL = 8    /* so often in a row it must be used up before it grows */
};

/* After an accept for which descriptors or memory are short; between looks at those that drain. */
static const uint64_t retry_ns = 10000000, drain_ns = 100000000;

static struct watched *first(struct watched *list) {
    return list->after == list ? NULL : list->after;
}

static int watch(const struct epoll_worker *w, int how, int socket, uint32_t events, void *what) {
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(w->epoll, how, socket, &event) == 0 ? 0 : -errno;
}

/* To the end of that list. */
static void move(struct epoll_worker *w, struct watched *one, enum watched_list list) {
    remque(one);
    insque(one, w->lists[list].before);
}

/* Closing takes the socket out of epoll too. */
static void drop(struct epoll_worker *w, struct watched *one) {
    remque(one);
    w->server->steps->drop(one->connection, &w->echo);
    free(w->unused);
    w->unused = one;
}

/*
 * A wait for each costs more than a try that finds nothing, but where there is
 * one at a time every second try would find nothing. So it grows slowly, and
 * falls to what was there.
 */
static void learn(struct burst *burst, unsigned found, unsigned most) {
    if (found < burst->size) {
        *burst = (struct burst){.size = (uint8_t)(found > 1 ? found : 1)};
    } else if (++burst->full == BURST_FULL) {
        const unsigned more = 2U * burst->size;
        *burst = (struct burst){.size = (uint8_t)(more < most ? more : most)};
    }
}

/*
 * One step when ready, and no second one to hear that there was no more: epoll
 * says so again where there is. But where all clients share a socket the next
 * message may be another client's.
 */
static int take_steps(struct epoll_worker *w, struct watched *one) {
    unsigned done = 0;
    int result = 0;
    while (result == 0 && done < one->steps.size) {
        result = w->server->steps->step(one->connection, &w->echo);
        done += result == 0;
    }
    if (one->shared) learn(&one->steps, done, STEPS_MAX);
    return result;
}

/* It may wait for its time to be up, which epoll does not report: look after it now and then. */
static void begin_drain(struct epoll_worker *w, struct watched *one) {
    w->now_ns = echo_clock_ns();
    w->drain_ns = MIN(w->drain_ns, w->now_ns + drain_ns);
    move(w, one, WATCHED_DRAINING);
    one->draining = true;
}

static void serve(struct epoll_worker *w, struct watched *one) {
    int result = take_steps(w, one);
    const bool room = one->connection->wants_room;
    if ((result == 0 || result == -EAGAIN) && room != one->room) {
        one->room = room;
        result = watch(w, EPOLL_CTL_MOD, one->connection->socket, room ? EPOLLOUT : EPOLLIN, one);
    }
    if (result != 0 && result != -EAGAIN) {
        drop(w, one);
    } else if (one->connection->wake_ns != 0 && !one->draining) {
        begin_drain(w, one);
    } else if (w->idle_timeout_ns > 0 && !one->shared && !one->draining) {
        move(w, one, WATCHED_IDLE);
        one->since_ns = w->now_ns;
    }
}

/* ---- the listening socket ---- */

static int accept_one(struct epoll_worker *w) {
    /* Memory first: a socket that all share is handed out only once. */
    if (w->unused == NULL) w->unused = calloc(1, sizeof *w->unused);
    if (w->unused == NULL) return -ENOMEM;
    const uint64_t accepted = w->echo.counts[ECHO_ACCEPTED];
    struct echo_connection *connection;
    const int failed = w->server->steps->accept(w->server, &w->echo, &connection);
    if (failed == -EINTR || failed == -ECONNABORTED) return 0;
    if (failed != 0) return failed;
    struct watched *one = w->unused;
    w->unused = NULL;
    const bool shared = w->echo.counts[ECHO_ACCEPTED] == accepted;
    *one = (struct watched){
        .connection = connection, .since_ns = w->now_ns, .shared = shared, .steps = {.size = 1}};
    insque(one, w->lists[!shared && w->idle_timeout_ns > 0 ? WATCHED_IDLE : WATCHED_KEPT].before);
    const int unwatched = watch(w, EPOLL_CTL_ADD, connection->socket, EPOLLIN, one);
    if (unwatched != 0) drop(w, one);
    return unwatched;
}

static int listen_on(struct epoll_worker *w, bool on) {
    if (w->listening == on) return 0;
    const int failed = watch(w, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->server->socket, EPOLLIN, w);
    if (failed == 0) w->listening = on;
    return failed;
}

/*
 * What fails for want of descriptors would fail again at once, and be reported
 * again at once: so nobody listens for a while.
 */
static void accept_some(struct epoll_worker *w, unsigned most) {
    unsigned accepted = 0;
    int failed = 0;
    while (failed == 0 && accepted < most) {
        failed = accept_one(w);
        accepted += failed == 0;
    }
    learn(&w->accepts, accepted, ACCEPTS_MAX);
    w->retry_ns = UINT64_MAX;
    if (failed == 0 || failed == -EAGAIN) failed = listen_on(w, true);
    if (failed == 0) return;
    (void)listen_on(w, false);
    if (failed == -ECANCELED) return;
    w->now_ns = echo_clock_ns();
    w->retry_ns = w->now_ns + retry_ns;
}

/* ---- time, which is read only where something waits for it ---- */

/* Until what is due next, for epoll_wait; -1: nothing is. */
static int wait_ms(struct epoll_worker *w) {
    const uint64_t longest_ms = 60000;
    const struct watched *idle = first(&w->lists[WATCHED_IDLE]);
    uint64_t next_ns = MIN(w->retry_ns, w->drain_ns);
    if (idle != NULL) next_ns = MIN(next_ns, idle->since_ns + w->idle_timeout_ns);
    if (next_ns == UINT64_MAX) return -1;
    return next_ns <= w->now_ns ? 0
                                : (int)MIN((next_ns - w->now_ns + 999999) / 1000000, longest_ms);
}

static void look_after_draining(struct epoll_worker *w) {
    struct watched *list = &w->lists[WATCHED_DRAINING];
    for (struct watched *one = list->after, *after; one != list; one = after) {
        after = one->after;
        serve(w, one); /* which may drop it */
    }
    w->drain_ns = first(list) != NULL ? w->now_ns + drain_ns : UINT64_MAX;
}

static void do_what_is_due(struct epoll_worker *w) {
    struct watched *idle;
    if (w->now_ns >= w->retry_ns) accept_some(w, ACCEPTS_MAX);
    if (w->now_ns >= w->drain_ns) look_after_draining(w);
    while ((idle = first(&w->lists[WATCHED_IDLE])) != NULL &&
           idle->since_ns + w->idle_timeout_ns <= w->now_ns) {
        drop(w, idle);
    }
}

void epoll_worker_run(struct epoll_worker *w) {
    struct epoll_event events[EVENTS_MAX];
    w->now_ns = echo_clock_ns();
    /* A socket that all clients share has to be asked for: no event tells of it. */
    accept_some(w, ACCEPTS_MAX);
    while (!atomic_load(w->stopping)) {
        const int left_ms = wait_ms(w);
        const int ready = epoll_wait(w->epoll, events, EVENTS_MAX, left_ms);
        const bool timed = w->idle_timeout_ns > 0 || left_ms >= 0;
        if (timed) w->now_ns = echo_clock_ns();
        for (int i = 0; i < ready; i++) {
            void *what = events[i].data.ptr; /* NULL: woken, the loop sees why */
            if (what == w) accept_some(w, w->accepts.size);
            if (what != w && what != NULL) serve(w, what);
        }
        if (timed) do_what_is_due(w);
    }
}

int epoll_worker_open(struct epoll_worker *w) {
    for (int i = 0; i < WATCHED_LISTS; i++) {
        w->lists[i].before = w->lists[i].after = &w->lists[i];
    }
    w->accepts.size = 1;
    w->retry_ns = w->drain_ns = UINT64_MAX;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll < 0) return -errno;
    const int failed = watch(w, EPOLL_CTL_ADD, w->wake, EPOLLIN, NULL);
    if (failed != 0) (void)close(w->epoll);
    return failed;
}

void epoll_worker_close(struct epoll_worker *w, uint64_t *counts) {
    for (int i = 0; i < WATCHED_LISTS; i++) {
        while (first(&w->lists[i]) != NULL) drop(w, first(&w->lists[i]));
    }
    (void)close(w->epoll);
    free(w->unused);
    free(w->echo.spare);
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += w->echo.counts[i];
}
