/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "udp/floor_parts.h"

enum {
    GLANCE_MS = 100, /* *stop is looked at so often when nothing happens, ... */
    VISIT = 256,     /* ... and after so many receptions when much does */
    SHY = 16         /* wake-ups until a second reception is tried again, after one in vain */
};

/*
 * All clients share the one socket, so there are no peers to keep. After one
 * reception the next may find nothing and be a call too many, or save an
 * epoll_wait: it is tried while it pays.
 */
static int serve_ready(struct floor *f, int listener, unsigned *shy) {
    int result = f->way->answer(listener, f);
    if (result >= 0 && *shy > 0) {
        --*shy;
        return 0;
    }
    unsigned further = 0;
    while (result >= 0 && further < VISIT) {
        result = f->way->answer(listener, f);
        further += result > 0;
    }
    if (further == 0) *shy = SHY;
    return result == -EAGAIN || result == -EINTR || result > 0 ? 0 : result;
}

void udp_floor_serve_many(const struct echo_floor_way *way, int listener,
                          const struct echo_client_options *options, const atomic_bool *stop) {
    struct floor f;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    unsigned shy = 0;
    int failed = udp_floor_init(&f, way, options);
    if (epoll < 0) failed = -errno;
    if (failed == 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) failed = -errno;
    while (failed == 0 && !atomic_load_explicit(stop, memory_order_relaxed)) {
        const int ready = epoll_wait(epoll, &event, 1, GLANCE_MS);
        if (ready < 0 && errno != EINTR) failed = -errno;
        if (ready > 0) failed = serve_ready(&f, listener, &shy);
    }
    if (epoll >= 0) (void)close(epoll);
    free(f.bytes);
}
