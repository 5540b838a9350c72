/* SPDX-License-Identifier: MIT */
/* The bare loop over UDP: what the system calls alone cost, see echo/service.h. */
#ifndef UDP_FLOOR_H
#define UDP_FLOOR_H

#include <sys/socket.h>

#include "echo/service.h"

extern const struct echo_floor_steps udp_floor_steps;
extern const struct echo_floor_steps udp_retry_floor_steps; /* of udp/retry.c: it polls */

/* ---- what udp/floor.c, udp/floor_many.c and udp/batch/floor.c share ---- */

enum {
    UDP_FLOOR_CALL = 64,      /* datagrams of one sendmmsg, segments of one sendmsg */
    UDP_FLOOR_BYTES = 1 << 17 /* that the shortest `bytes` has */
};

/* What the calls of one thread need. */
struct udp_floor_calls {
    const struct echo_client_options *options;
    size_t request, reply; /* bytes of a message */
    uint8_t *bytes;        /* room for a batch, there or back */
    struct mmsghdr headers[UDP_FLOOR_CALL];
    struct iovec bodies[UDP_FLOOR_CALL];
    struct sockaddr_storage from[UDP_FLOOR_CALL];
};

/* What a mode does in its own way. The functions say how many messages, or -errno. */
struct udp_floor_way {
    int (*prepare)(int socket);
    int (*send)(int socket, struct udp_floor_calls *calls, unsigned most);
    int (*receive)(int socket, struct udp_floor_calls *calls, unsigned most);
    /* Receives once and sends that back; -ESHUTDOWN: there will be no more. */
    int (*answer)(int listener, struct udp_floor_calls *calls);
};

/* The client's set-up, call for call. The socket, or -errno. */
int udp_floor_connect(const struct udp_floor_way *way, const struct echo_client_options *options);

/* NULL where memory is short; free with udp_floor_free, which ignores NULL. */
struct udp_floor_calls *udp_floor_calls(const struct echo_client_options *options);
void udp_floor_free(struct udp_floor_calls *calls);

/* The steps of service.h. */
int64_t udp_floor_exchange(const struct udp_floor_way *way,
                           const struct echo_client_options *options, const atomic_bool *stop,
                           uint64_t most);
void udp_floor_serve(const struct udp_floor_way *way, int listener,
                     const struct echo_client_options *options, const atomic_bool *stop);
int64_t udp_floor_exchange_many(const struct udp_floor_way *way,
                                const struct echo_client_options *options, unsigned connections,
                                const atomic_bool *stop, uint64_t most);
void udp_floor_serve_many(const struct udp_floor_way *way, int listener,
                          const struct echo_client_options *options, const atomic_bool *stop);

#endif
