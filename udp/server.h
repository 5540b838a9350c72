/* SPDX-License-Identifier: MIT */
/* The measured UDP server: the steps of echo/service.h on datagram sockets. */
#ifndef UDP_SERVER_H
#define UDP_SERVER_H

#include "echo/service.h"
#include "udp/executed.h"

extern const struct echo_server_steps udp_server_steps;

/* ---- for further modes, which receive and send in another way and answer as it does ---- */

enum { UDP_DATAGRAM_BYTES = 1 << 16 }; /* no datagram is longer */

/* What is needed to answer what comes to one socket. */
struct udp_answering {
    const struct echo_server_options *options; /* the server's */
    bool any_address; /* bound to the wildcard: answer from the address that was asked */
    bool packed;      /* a datagram may hold more than one message */
    struct udp_executed *executed;
    uint8_t *elsewhere; /* room for one reply */
};

/* As listen, accept, drop, stop and release of service.h; accept returns the socket or -errno.
   `prepare` (or NULL) is called on each new socket before it is bound: 0 or -errno. */
int udp_server_listen(struct echo_server **server, const struct echo_server_options *options,
                      const struct echo_server_steps *steps, int (*prepare)(int socket));
int udp_server_accept(struct echo_server *server, struct udp_answering *answering);
void udp_server_drop(struct udp_answering *answering);
void udp_server_stop(struct echo_server *server);
void udp_server_release(struct echo_server *server);

/* What became of a message. */
struct udp_answer {
    uint8_t *reply;       /* where it came, or `elsewhere` until the next */
    size_t reply_bytes;   /* 0: none, it was refused */
    size_t request_bytes; /* that it took: all, but where it is packed */
};

/* Answers the message at `at`, of at most `size` bytes, and counts it. */
struct udp_answer udp_server_answer(const struct udp_answering *answering, uint8_t *at, size_t size,
                                    struct echo_worker *worker);

#endif
