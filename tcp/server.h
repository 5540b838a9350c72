/* SPDX-License-Identifier: MIT */
/* The measured TCP server: the steps of echo/service.h on stream sockets. */
#ifndef TCP_SERVER_H
#define TCP_SERVER_H

#include "echo/service.h"

extern const struct echo_server_steps tcp_server_steps;
extern const struct echo_server_pure tcp_server_pure;

#endif
