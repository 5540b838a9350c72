/* SPDX-License-Identifier: MIT */
/* The measured TCP client: the steps of echo/service.h on one stream socket. */
#ifndef TCP_CLIENT_H
#define TCP_CLIENT_H

#include "echo/service.h"

extern const struct echo_client_steps tcp_client_steps;

#endif
