/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "udp/floor_parts.h"

enum { EVENTS = 256, GLANCE_MS = 100 }; /* *stop is looked at so often when nothing happens */

/* A socket of the client. */
struct one {
    int socket;          /* -1: to be made */
    uint32_t watched;    /* what epoll was told to look for; 0: it does not know the socket */
    uint64_t messages;   /* of its batch; 0: none is left for it */
    uint64_t left;       /* that its socket may carry beyond them */
    uint64_t sent, took; /* messages of the batch */
};

struct many {
    struct floor floor;
    uint64_t most, begun, done;
    int epoll;
    struct one *ones;
};

static int watch(const struct many *m, struct one *one, uint32_t events) {
    if (one->watched == events) return 0;
    struct epoll_event event = {.events = events, .data.ptr = one};
    const int how = one->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    one->watched = events;
    return epoll_ctl(m->epoll, how, one->socket, &event) == 0 ? 0 : -errno;
}

/* A datagram goes whole or not at all. */
static int send_some(struct many *m, struct one *one) {
    int sent = 0;
    while (sent >= 0 && one->sent < one->messages) {
        const unsigned most = (unsigned)(one->messages - one->sent);
        sent = m->floor.way->send(one->socket, &m->floor, most);
        if (sent > 0) one->sent += (unsigned)sent;
    }
    if (sent < 0 && sent != -EAGAIN && sent != -EINTR) return sent;
    return watch(m, one, one->sent < one->messages ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static int begin(struct many *m, struct one *one) {
    if (one->socket < 0) one->left = echo_per_connection(m->floor.options);
    one->messages = udp_floor_batch(&m->floor, m->most - m->begun, one->left);
    one->sent = one->took = 0;
    if (one->messages == 0) return 0;
    m->begun += one->messages;
    one->left -= one->messages;
    if (one->socket < 0) {
        one->socket = udp_floor_connect(&m->floor);
        one->watched = 0;
    }
    return one->socket < 0 ? one->socket : send_some(m, one);
}

static void drop(const struct many *m, struct one *one) {
    (void)m;                  /* there is one way to end it */
    (void)close(one->socket); /* epoll forgets it */
    one->socket = -1;
}

/* Part of a batch; there is no end of file to wait for. */
static int receive_some(struct many *m, struct one *one) {
    int got = 1;
    while (got >= 0 && one->took < one->messages) {
        const unsigned most = (unsigned)(one->messages - one->took);
        got = m->floor.way->receive(one->socket, &m->floor, most);
        if (got > 0) one->took += (unsigned)got;
    }
    if (got < 0) return got == -EAGAIN || got == -EINTR ? 0 : got;
    m->done += one->messages;
    if (one->left == 0) drop(m, one);
    return begin(m, one);
}

static int exchange_ready(struct many *m, const struct epoll_event *event) {
    struct one *one = event->data.ptr;
    int failed = 0;
    if ((event->events & EPOLLOUT) != 0) failed = send_some(m, one);
    if (failed == 0 && (event->events & ~(uint32_t)EPOLLOUT) != 0) failed = receive_some(m, one);
    return failed;
}

static int loop(struct many *m, const atomic_bool *stop) {
    struct epoll_event events[EVENTS];
    uint64_t quiet_ns = 0;
    int failed = 0;
    while (failed == 0 && m->done < m->most) {
        /* None is begun any more; those under way are not cut off in the middle. */
        if (atomic_load_explicit(stop, memory_order_relaxed)) m->most = m->begun;
        if (m->done == m->most) break;
        const int ready = epoll_wait(m->epoll, events, EVENTS, GLANCE_MS);
        quiet_ns = ready == 0 ? quiet_ns + GLANCE_MS * UINT64_C(1000000) : 0;
        if (quiet_ns > 0 && quiet_ns >= m->floor.options->patience_ns) failed = -ETIMEDOUT;
        if (ready < 0 && errno != EINTR) failed = -errno;
        for (int i = 0; i < ready && failed == 0; i++) failed = exchange_ready(m, &events[i]);
    }
    return failed;
}

int64_t udp_floor_exchange_many(const struct echo_floor_way *way,
                                const struct echo_client_options *options, unsigned connections,
                                const atomic_bool *stop, uint64_t most) {
    struct many m = {.most = most,
                     .epoll = epoll_create1(EPOLL_CLOEXEC),
                     .ones = calloc(connections, sizeof(struct one))};
    int failed = udp_floor_init(&m.floor, way, options);
    if (m.epoll < 0) failed = -errno;
    if (m.ones == NULL) failed = -ENOMEM;
    for (unsigned i = 0; m.ones != NULL && i < connections; i++) m.ones[i].socket = -1;
    for (unsigned i = 0; failed == 0 && i < connections; i++) failed = begin(&m, &m.ones[i]);
    if (failed == 0) failed = loop(&m, stop);
    for (unsigned i = 0; m.ones != NULL && i < connections; i++) {
        if (m.ones[i].socket >= 0) drop(&m, &m.ones[i]);
    }
    if (m.epoll >= 0) (void)close(m.epoll);
    free(m.floor.bytes);
    free(m.ones);
    return failed != 0 ? failed : (int64_t)m.done;
}
