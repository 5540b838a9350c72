/* SPDX-License-Identifier: MIT */
/* What the files of UDP's floor share, those of the batches too. */
#ifndef UDP_FLOOR_PARTS_H
#define UDP_FLOOR_PARTS_H

#include <sys/socket.h>

#include "echo/service.h"

struct floor;

/* What a mode does in its own way. The functions say how many messages, or -errno. */
struct echo_floor_way {
    int (*prepare)(int socket); /* on a new socket, as in udp_client_connect; or NULL */
    int (*send)(int socket, struct floor *f, unsigned most);
    int (*receive)(int socket, struct floor *f, unsigned most);
    /* Receives once and sends that back; -ESHUTDOWN: there will be no more. */
    int (*answer)(int listener, struct floor *f);
};

enum {
    FLOOR_CALL = 64,      /* datagrams of one sendmmsg, segments of one sendmsg */
    FLOOR_BYTES = 1 << 17 /* that the shortest `bytes` has */
};

/* What one thread works with. */
struct floor {
    const struct echo_floor_way *way;
    const struct echo_client_options *options;
    size_t request, reply; /* bytes of a message */
    uint8_t *bytes;        /* room for a batch, there or back; to be freed */
    struct mmsghdr headers[FLOOR_CALL];
    struct iovec bodies[FLOOR_CALL];
    struct sockaddr_storage from[FLOOR_CALL];
};

int udp_floor_init(struct floor *f, const struct echo_floor_way *way,
                   const struct echo_client_options *options); /* 0 or -ENOMEM */

/* The client's set-up, call for call. The socket, or -errno. */
int udp_floor_connect(struct floor *f);

/* Messages of the next batch, of the `most` still to be made and the `left` of a socket. */
uint64_t udp_floor_batch(const struct floor *f, uint64_t most, uint64_t left);

/* For who makes a call for each message. */
int udp_floor_send_one(int socket, struct floor *f, unsigned most);

/* exchange_many and serve_many of service.h. */
int64_t udp_floor_exchange_many(const struct echo_floor_way *way,
                                const struct echo_client_options *options, unsigned connections,
                                const atomic_bool *stop, uint64_t most);
void udp_floor_serve_many(const struct echo_floor_way *way, int listener,
                          const struct echo_client_options *options, const atomic_bool *stop);

#endif
