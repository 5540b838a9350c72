/* SPDX-License-Identifier: MIT */
/* The measured UDP server: the steps of echo/service.h on datagram sockets. */
#ifndef UDP_SERVER_H
#define UDP_SERVER_H

#include "echo/service.h"

extern const struct echo_server_steps udp_server_steps;
extern const struct echo_server_pure udp_server_pure;

enum { UDP_DATAGRAM_BYTES = 1 << 16 }; /* no datagram is longer */

/*
 * For further modes of this server, which receive and send in another way:
 * whether the `size` bytes at `at` are a request (or, `packed`, begin with
 * one). If so its work is done and *request is it, for a reply to be written.
 */
bool udp_server_execute(struct echo_connection *connection, const uint8_t *at, size_t size,
                        bool packed, struct echo_message *request, struct echo_worker *worker);

#endif
