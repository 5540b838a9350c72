/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp/floor.h"

enum { EVENTS = 256, GLANCE_MS = 100 }; /* *stop is looked at so often when nothing happens */

/* A connection of the server, found by its descriptor. */
struct peer {
    bool open;
    size_t have;   /* bytes of a request that is not whole yet */
    size_t owed;   /* bytes of replies that found no room */
    uint64_t left; /* replies until this side closes */
};

struct house {
    const struct echo_client_options *options;
    size_t request, reply; /* bytes of a message */
    int epoll;
    uint8_t *bytes;
    struct peer *peers;
    size_t places;
};

static void leave(struct house *h, int socket) {
    h->peers[socket].open = false;
    (void)close(socket);
}

static int invite(struct house *h, int listener) {
    const int made = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (made < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
    if ((size_t)made >= h->places) {
        struct peer *more = realloc(h->peers, 2 * (size_t)made * sizeof *more);
        if (more == NULL) {
            (void)close(made);
            return -ENOMEM;
        }
        for (size_t i = h->places; i < 2 * (size_t)made; i++) more[i].open = false;
        h->peers = more;
        h->places = 2 * (size_t)made;
    }
    const bool closes = tcp_floor_server_closes(h->options);
    h->peers[made] =
        (struct peer){.open = true, .left = closes ? echo_per_connection(h->options) : UINT64_MAX};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = made};
    return epoll_ctl(h->epoll, EPOLL_CTL_ADD, made, &event) == 0 ? 0 : -errno;
}

/* What is owed; where it finds no room, the rest later. */
static void pay(struct house *h, int socket, bool waited) {
    struct peer *p = &h->peers[socket];
    const ssize_t sent = send(socket, h->bytes, p->owed, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        leave(h, socket);
        return;
    }
    if (sent > 0) p->owed -= (size_t)sent;
    struct epoll_event event = {.events = p->owed > 0 ? EPOLLOUT : EPOLLIN, .data.fd = socket};
    if (waited != (p->owed > 0)) (void)epoll_ctl(h->epoll, EPOLL_CTL_MOD, socket, &event);
    if (p->owed == 0 && p->left == 0) leave(h, socket);
}

static void serve_ready(struct house *h, int socket) {
    struct peer *p = &h->peers[socket];
    if (p->owed > 0) {
        pay(h, socket, true);
        return;
    }
    const size_t depth = h->options->depth > 1 ? h->options->depth : 1;
    const ssize_t got = recv(socket, h->bytes, depth * h->request - p->have, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        leave(h, socket);
        return;
    }
    p->have += (size_t)got;
    const size_t whole = p->have / h->request;
    p->have %= h->request;
    p->owed = whole * h->reply;
    p->left -= whole;
    if (p->owed > 0) pay(h, socket, false);
}

void tcp_floor_serve_many(const struct tcp_floor_way *way, int listener,
                          const struct echo_client_options *options, const atomic_bool *stop) {
    (void)way;
    struct house h = {.options = options,
                      .request = ECHO_HEADER_BYTES + (size_t)options->payload_bytes,
                      .reply = ECHO_HEADER_BYTES + (size_t)options->reply_bytes,
                      .epoll = epoll_create1(EPOLL_CLOEXEC),
                      .bytes = calloc(1, tcp_floor_bytes(options)),
                      .peers = calloc(EVENTS, sizeof(struct peer)),
                      .places = EVENTS};
    struct epoll_event events[EVENTS] = {{.events = EPOLLIN, .data.fd = listener}};
    int failed = h.epoll < 0 || h.bytes == NULL || h.peers == NULL ? -ENOMEM : 0;
    if (failed == 0 && epoll_ctl(h.epoll, EPOLL_CTL_ADD, listener, events) != 0) failed = -errno;
    while (failed == 0 && !atomic_load_explicit(stop, memory_order_relaxed)) {
        const int ready = epoll_wait(h.epoll, events, EVENTS, GLANCE_MS);
        if (ready < 0 && errno != EINTR) failed = -errno;
        for (int i = 0; i < ready && failed == 0; i++) {
            if (events[i].data.fd == listener) {
                failed = invite(&h, listener);
            } else {
                serve_ready(&h, events[i].data.fd);
            }
        }
    }
    for (size_t i = 0; h.peers != NULL && i < h.places; i++) {
        if (h.peers[i].open) (void)close((int)i);
    }
    free(h.peers);
    free(h.bytes);
    if (h.epoll >= 0) (void)close(h.epoll);
}
