/* SPDX-License-Identifier: MIT */
/* What variants of this transport are made of. */
#ifndef TCP_TRANSPORT_H
#define TCP_TRANSPORT_H

#include "tcp/client.h"
#include "tcp/fastopen.h"
#include "tcp/floor.h"
#include "tcp/server.h"

static const struct echo_transport tcp_transport = {
    .name = "tcp",
    .payload_max = ECHO_PAYLOAD_MAX,
    .client = &tcp_client_steps,
    .server = &tcp_server_steps,
    .floor = &tcp_floor_steps,
    .floor_way = &tcp_floor_plain,
};

static const struct echo_transport tcp_fastopen_transport = {
    .name = "tcp",
    .payload_max = ECHO_PAYLOAD_MAX,
    .client = &tcp_fastopen_steps,
    .server = &tcp_server_steps,
    .floor = &tcp_floor_steps,
    .floor_way = &tcp_floor_fastopen,
};

#endif
