/* SPDX-License-Identifier: MIT */
#include "tcp/drain.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "echo/clock.h"

bool drain_needed(int socket) {
    int waiting = 0;
    return ioctl(socket, FIONREAD, &waiting) == 0 && waiting > 0;
}

void drain_begin(struct drain *drain, int socket) {
    const struct timeval patience = {.tv_sec = DRAIN_NS / 1000000000};
    (void)shutdown(socket, SHUT_WR);
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    drain->until_ns = echo_clock_ns() + DRAIN_NS;
}

int drain_step(struct drain *drain, int socket, uint8_t *bytes, uint64_t *drained) {
    const ssize_t got = recv(socket, bytes, DRAIN_BYTES - drain->bytes, 0);
    const bool late = echo_clock_ns() >= drain->until_ns;
    if (got < 0 && errno == EINTR) return 0;
    if (got < 0 && errno == EAGAIN && !late) return -EAGAIN;
    if (got <= 0) return -ESHUTDOWN;
    drain->bytes += (size_t)got;
    *drained += (size_t)got;
    return late || drain->bytes >= DRAIN_BYTES ? -ESHUTDOWN : 0;
}
