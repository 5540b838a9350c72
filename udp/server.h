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
    struct udp_executed *executed;
    uint8_t *elsewhere; /* room for one reply */
};

/* As listen, accept, drop, stop and release of service.h; accept returns the socket or -errno. */
int udp_server_listen(struct echo_server **server, const struct echo_server_options *options,
                      const struct echo_server_steps *steps);
int udp_server_accept(struct echo_server *server, struct udp_answering *answering);
void udp_server_drop(struct udp_answering *answering);
void udp_server_stop(struct echo_server *server);
void udp_server_release(struct echo_server *server);

/*
 * Answers one message and counts it. The size of its reply, and *reply, which
 * is `at` or `elsewhere` (good until the next); 0: it was refused.
 */
size_t udp_server_answer(const struct udp_answering *answering, uint8_t *at, size_t size,
                         uint8_t **reply, struct echo_worker *worker);

#endif
