/* SPDX-License-Identifier: MIT */
/* The measured UDP client: the steps of echo/service.h on one datagram socket. */
#ifndef UDP_CLIENT_H
#define UDP_CLIENT_H

#include "echo/service.h"

extern const struct echo_client_steps udp_client_steps;
extern const struct echo_client_pure udp_client_pure;

/*
 * The connect step for a further mode of this client: `prepare` (or NULL) is
 * called on the new socket before connect(2), and says 0 or -errno.
 */
int udp_client_connect(struct echo_client *client, int (*prepare)(int socket));

/* Where many datagrams share a call: so many are queued, one behind the other ... */
size_t udp_client_waiting(struct echo_client *client);

/* ... and what receive says of one of those that came. */
int udp_client_judge(struct echo_client *client, const uint8_t *at, size_t size,
                     struct echo_message *reply);

/* Asks for a receive buffer that holds the replies of a window. 0 or -errno. */
int udp_client_make_room(int socket, const struct echo_client_options *options);

#endif
