/* SPDX-License-Identifier: MIT */
/* What variants of this transport are made of. */
#ifndef UDP_TRANSPORT_H
#define UDP_TRANSPORT_H

#include "udp/batch/batch.h"
#include "udp/client.h"
#include "udp/floor.h"
#include "udp/retry.h"
#include "udp/server.h"

static const struct echo_transport udp_transport = {
    .name = "udp",
    .payload_max = ECHO_UDP_PAYLOAD_MAX,
    .client = &udp_client_steps,
    .server = &udp_server_steps,
    .floor = &udp_floor_steps,
    .floor_way = &udp_floor_plain,
};

static const struct echo_transport udp_retry_transport = {
    .name = "udp",
    .payload_max = ECHO_UDP_PAYLOAD_MAX,
    .client = &udp_retry_steps,
    .server = &udp_server_steps,
    .floor = &udp_floor_steps,
    .floor_way = &udp_floor_polling,
};

static const struct echo_transport udp_mmsg_transport = {
    .name = "udp",
    .payload_max = ECHO_UDP_PAYLOAD_MAX,
    .client = &udp_mmsg_steps,
    .server = &udp_mmsg_server_steps,
    .floor = &udp_floor_steps,
    .floor_way = &udp_floor_mmsg,
};

static const struct echo_transport udp_gso_transport = {
    .name = "udp",
    .payload_max = ECHO_UDP_PAYLOAD_MAX,
    .client = &udp_gso_steps,
    .server = &udp_gso_server_steps,
    .floor = &udp_floor_steps,
    .floor_way = &udp_floor_gso,
};

static const struct echo_transport udp_packed_transport = {
    .name = "udp",
    .payload_max = ECHO_UDP_PAYLOAD_MAX,
    .client = &udp_packed_steps,
    .server = &udp_packed_server_steps,
    .floor = &udp_floor_steps,
    .floor_way = &udp_floor_packed,
};

#endif
