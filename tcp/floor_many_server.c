/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp/floor_parts.h"

enum { EVENTS = 256, GLANCE_MS = 100 }; /* *stop is looked at so often when nothing happens */

/* A connection of the server, found by its descriptor. */
struct peer {
    bool open;
    size_t have;   /* bytes of a request that is not whole yet */
    size_t owed;   /* bytes of replies that found no room */
    uint64_t left; /* replies until this side closes */
};

struct server {
    struct floor floor;
    int epoll;
    struct peer *peers;
    size_t places;
};

static void close_peer(struct server *s, int socket) {
    s->peers[socket].open = false;
    (void)close(socket);
}

static int accept_peer(struct server *s, int listener) {
    const int made = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (made < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
    if ((size_t)made >= s->places) {
        struct peer *more = realloc(s->peers, 2 * (size_t)made * sizeof *more);
        if (more == NULL) {
            (void)close(made);
            return -ENOMEM;
        }
        for (size_t i = s->places; i < 2 * (size_t)made; i++) more[i].open = false;
        s->peers = more;
        s->places = 2 * (size_t)made;
    }
    const bool closes = tcp_floor_server_closes(&s->floor);
    s->peers[made] = (struct peer){
        .open = true, .left = closes ? echo_per_connection(s->floor.options) : UINT64_MAX};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = made};
    return epoll_ctl(s->epoll, EPOLL_CTL_ADD, made, &event) == 0 ? 0 : -errno;
}

/* What is owed; where it finds no room, the rest later. */
static void send_owed(struct server *s, int socket, bool waited) {
    struct peer *p = &s->peers[socket];
    const ssize_t sent = send(socket, s->floor.bytes, p->owed, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        close_peer(s, socket);
        return;
    }
    if (sent > 0) p->owed -= (size_t)sent;
    struct epoll_event event = {.events = p->owed > 0 ? EPOLLOUT : EPOLLIN, .data.fd = socket};
    if (waited != (p->owed > 0)) (void)epoll_ctl(s->epoll, EPOLL_CTL_MOD, socket, &event);
    if (p->owed == 0 && p->left == 0) close_peer(s, socket);
}

static void serve_ready(struct server *s, int socket) {
    struct peer *p = &s->peers[socket];
    if (p->owed > 0) {
        send_owed(s, socket, true);
        return;
    }
    const size_t depth = s->floor.options->depth > 1 ? s->floor.options->depth : 1;
    const ssize_t got = recv(socket, s->floor.bytes, depth * s->floor.request - p->have, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        close_peer(s, socket);
        return;
    }
    p->have += (size_t)got;
    const size_t whole = p->have / s->floor.request;
    p->have %= s->floor.request;
    p->owed = whole * s->floor.reply;
    p->left -= whole;
    if (p->owed > 0) send_owed(s, socket, false);
}

void tcp_floor_serve_many(const struct echo_floor_way *way, int listener,
                          const struct echo_client_options *options, const atomic_bool *stop) {
    struct server s = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                       .peers = calloc(EVENTS, sizeof(struct peer)),
                       .places = EVENTS};
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};
    int failed = tcp_floor_init(&s.floor, way, options);
    if (s.epoll < 0) failed = -errno;
    if (s.peers == NULL) failed = -ENOMEM;
    if (failed == 0 && epoll_ctl(s.epoll, EPOLL_CTL_ADD, listener, events) != 0) failed = -errno;
    while (failed == 0 && !atomic_load_explicit(stop, memory_order_relaxed)) {
        const int ready = epoll_wait(s.epoll, events, EVENTS, GLANCE_MS);
        if (ready < 0 && errno != EINTR) failed = -errno;
        for (int i = 0; i < ready && failed == 0; i++) {
            const int socket = events[i].data.fd;
            if (socket == listener) failed = accept_peer(&s, listener);
            if (socket != listener) serve_ready(&s, socket);
        }
    }
    for (size_t i = 0; s.peers != NULL && i < s.places; i++) {
        if (s.peers[i].open) (void)close((int)i);
    }
    if (s.epoll >= 0) (void)close(s.epoll);
    free(s.floor.bytes);
    free(s.peers);
}
