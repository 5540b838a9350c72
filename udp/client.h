/* SPDX-License-Identifier: MIT */
/* The measured UDP client: the steps of echo/service.h on one datagram socket. */
#ifndef UDP_CLIENT_H
#define UDP_CLIENT_H

#include "echo/service.h"

extern const struct echo_client_steps udp_client_steps;

#endif
