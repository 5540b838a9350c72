/* SPDX-License-Identifier: MIT */
/* The measured UDP client: the steps of echo/service.h on one datagram socket. */
#ifndef UDP_CLIENT_H
#define UDP_CLIENT_H

#include "echo/service.h"

extern const struct echo_client_steps udp_client_steps;

enum udp_client_count { UDP_SEND_CALLS, UDP_RECEIVE_CALLS, UDP_CLIENT_COUNTS };

/* Asks for a receive buffer that holds so many replies. 0 or -errno. */
int udp_client_make_room(int socket, uint32_t depth, uint32_t reply_bytes);

/*
 * For further modes, which have such a client inside. The connect step, where
 * `prepare` (or NULL) is called on the new socket before connect(2) and says 0
 * or -errno. That the socket carries one request more (-ENOBUFS: it is spent),
 * for who queues it otherwise. The requests that are queued, one behind the other, and that so
 * many of them have gone. What receive says of a datagram that came otherwise.
 */
int udp_client_connect(struct echo_client *client, int (*prepare)(int socket));
int udp_client_carry(struct echo_client *client);
size_t udp_client_queued(struct echo_client *client, uint8_t **first);
void udp_client_sent(struct echo_client *client, size_t requests);
int udp_client_take(const struct echo_client *client, const uint8_t *at, size_t size,
                    struct echo_message *reply);

#endif
