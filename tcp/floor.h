/* SPDX-License-Identifier: MIT */
/* The bare loop over TCP: what the system calls alone cost, see echo/service.h. */
#ifndef TCP_FLOOR_H
#define TCP_FLOOR_H

#include "echo/service.h"

extern const struct echo_floor_steps tcp_floor_steps;
extern const struct echo_floor_steps tcp_fastopen_floor_steps; /* of tcp/fastopen.c */

/* ---- what tcp/floor.c and tcp/floor_many.c share ---- */

/* What a mode does in its own way: here a call on a new socket, as in tcp_client_connect. */
struct tcp_floor_way {
    int (*prepare)(int socket);
};

/* The client's set-up, call for call. The socket, or -errno. */
int tcp_floor_connect(const struct tcp_floor_way *way, const struct echo_client_options *options,
                      uint64_t made_before);

/* Whether the server closes a connection that has carried all it may. */
bool tcp_floor_server_closes(const struct echo_client_options *options);

/* Bytes that a batch needs, there or back. */
size_t tcp_floor_bytes(const struct echo_client_options *options);

/* exchange_many and serve_many of service.h. */
int64_t tcp_floor_exchange_many(const struct tcp_floor_way *way,
                                const struct echo_client_options *options, unsigned connections,
                                const atomic_bool *stop, uint64_t most);
void tcp_floor_serve_many(const struct tcp_floor_way *way, int listener,
                          const struct echo_client_options *options, const atomic_bool *stop);

#endif
