/* SPDX-License-Identifier: MIT */
/* The measured TCP client: the steps of echo/service.h on one stream socket. */
#ifndef TCP_CLIENT_H
#define TCP_CLIENT_H

#include "echo/service.h"

extern const struct echo_client_steps tcp_client_steps;
extern const struct echo_client_pure tcp_client_pure;

/*
 * The connect step for a further mode of this client: `prepare` (or NULL) is
 * called on the new socket before connect(2), and says 0 or -errno.
 */
int tcp_client_connect(struct echo_client *client, int (*prepare)(int socket));

#endif
