/* SPDX-License-Identifier: MIT */
/* What the files of TCP's floor share. */
#ifndef TCP_FLOOR_PARTS_H
#define TCP_FLOOR_PARTS_H

#include "echo/service.h"

/* What a mode does in its own way. */
struct echo_floor_way {
    int (*prepare)(int socket); /* on a new socket, as in tcp_client_connect; or NULL */
};

/* What one thread works with. */
struct floor {
    const struct echo_floor_way *way;
    const struct echo_client_options *options;
    size_t request, reply; /* bytes of a message */
    uint8_t *bytes;        /* room for a batch, there or back; to be freed */
    uint64_t made;         /* connections */
};

int tcp_floor_init(struct floor *f, const struct echo_floor_way *way,
                   const struct echo_client_options *options); /* 0 or -ENOMEM */

/* The client's set-up, call for call. The socket, or -errno. */
int tcp_floor_connect(struct floor *f);

/* Messages of the next batch, of the `most` still to be made and the `left` of a connection. */
uint64_t tcp_floor_batch(const struct floor *f, uint64_t most, uint64_t left);

/* Whether the server closes a connection that has carried all it may. */
bool tcp_floor_server_closes(const struct floor *f);

/* exchange_many and serve_many of service.h. */
int64_t tcp_floor_exchange_many(const struct echo_floor_way *way,
                                const struct echo_client_options *options, unsigned connections,
                                const atomic_bool *stop, uint64_t most);
void tcp_floor_serve_many(const struct echo_floor_way *way, int listener,
                          const struct echo_client_options *options, const atomic_bool *stop);

#endif
