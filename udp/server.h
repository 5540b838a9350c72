/* SPDX-License-Identifier: MIT */
/* The measured UDP server: the steps of echo/service.h on datagram sockets. */
#ifndef UDP_SERVER_H
#define UDP_SERVER_H

#include "echo/service.h"

extern const struct echo_server_steps udp_server_steps;

#endif
