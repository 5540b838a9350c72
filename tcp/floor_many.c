/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp/floor_parts.h"

enum { EVENTS = 256, GLANCE_MS = 100 }; /* *stop is looked at so often when nothing happens */

/* A connection of the client. */
struct one {
    int socket;        /* -1: to be made */
    uint32_t watched;  /* what epoll was told to look for; 0: it does not know the socket */
    uint64_t messages; /* of its batch; 0: none is left for it */
    uint64_t left;     /* that its connection may carry beyond them */
    size_t sent, took; /* bytes of the batch */
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

/* A stream takes any part of the batch. */
static int send_some(const struct many *m, struct one *one) {
    const size_t all = one->messages * m->floor.request;
    const ssize_t sent =
        send(one->socket, m->floor.bytes, all - one->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINPROGRESS && errno != EINTR) return -errno;
    if (sent > 0) one->sent += (size_t)sent;
    return watch(m, one, one->sent < all ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static int begin(struct many *m, struct one *one) {
    if (one->socket < 0) one->left = echo_per_connection(m->floor.options);
    one->messages = tcp_floor_batch(&m->floor, m->most - m->begun, one->left);
    one->sent = one->took = 0;
    if (one->messages == 0) return 0;
    m->begun += one->messages;
    one->left -= one->messages;
    if (one->socket < 0) {
        one->socket = tcp_floor_connect(&m->floor);
        one->watched = 0;
    }
    return one->socket < 0 ? one->socket : send_some(m, one);
}

static void drop(const struct many *m, struct one *one) {
    const struct linger reset = {.l_onoff = 1};
    if (m->floor.options->lifetime == ECHO_CLIENT_RESETS) {
        (void)setsockopt(one->socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    (void)close(one->socket); /* epoll forgets it */
    one->socket = -1;
}

/* Part of a batch, or the end of file that ends a connection that has carried all it may. */
static int receive_some(struct many *m, struct one *one) {
    const bool server_closes = one->left == 0 && tcp_floor_server_closes(&m->floor);
    const size_t all = one->messages * m->floor.reply;
    const size_t left = all - one->took;
    const ssize_t got = recv(one->socket, m->floor.bytes, left > 0 ? left : 1, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    one->took += (size_t)got;
    if (got == 0 && !(server_closes && left == 0)) return -ESHUTDOWN;
    if (one->took < all || (server_closes && got > 0)) return 0;
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

int64_t tcp_floor_exchange_many(const struct echo_floor_way *way,
                                const struct echo_client_options *options, unsigned connections,
                                const atomic_bool *stop, uint64_t most) {
    struct many m = {.most = most,
                     .epoll = epoll_create1(EPOLL_CLOEXEC),
                     .ones = calloc(connections, sizeof(struct one))};
    int failed = tcp_floor_init(&m.floor, way, options);
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
