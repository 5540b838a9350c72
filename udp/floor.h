/* SPDX-License-Identifier: MIT */
/* The bare loop over UDP: what the system calls alone cost, see echo/service.h. */
#ifndef UDP_FLOOR_H
#define UDP_FLOOR_H

#include "echo/service.h"

extern const struct echo_floor_steps udp_floor_steps;
extern const struct echo_floor_way udp_floor_plain, udp_floor_polling; /* udp/retry.c polls */

#endif
