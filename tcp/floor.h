/* SPDX-License-Identifier: MIT */
/* The bare loop over TCP: what the system calls alone cost, see echo/service.h. */
#ifndef TCP_FLOOR_H
#define TCP_FLOOR_H

#include "echo/service.h"

extern const struct echo_floor_steps tcp_floor_steps;
extern const struct echo_floor_way tcp_floor_plain, tcp_floor_fastopen;

#endif
