/* SPDX-License-Identifier: MIT */
/*
 * How to close a connection on which unread bytes wait. A plain close would
 * reset it, and a reset can destroy the reply on its way (RFC 2525, section
 * 2.17): so say that no more will be sent, then read what the client still
 * sends and throw it away, up to a limit. UDP has no twin of this file: there
 * is nothing to close, and no reply can be called back.
 */
#ifndef TCP_DRAIN_H
#define TCP_DRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DRAIN_BYTES = 1 << 16, /* at most so much ... */
    DRAIN_NS = 1000000000  /* ... and for so long */
};

struct drain {
    uint64_t until_ns; /* 0: not begun */
    size_t bytes;      /* thrown away so far */
};

/* Whether the kernel holds bytes that nobody has read. */
bool drain_needed(int socket);

void drain_begin(struct drain *drain, int socket);

/*
 * Reads once into `bytes`, which has room for DRAIN_BYTES, and adds how much to
 * *drained. 0: again; -EAGAIN: nothing there yet; -ESHUTDOWN: enough, close it.
 */
int drain_step(struct drain *drain, int socket, uint8_t *bytes, uint64_t *drained);

#endif
