/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/variant.h"

#include <string.h>

#include "bench/run/cost.h"
#include "tcp/transport.h"
#include "udp/transport.h"

const struct variant variants[] = {
    {
        .name = "tcp-per-message",
        .round_trips = 2,
        .what = "connect, send, receive, the server closes (HTTP/1.0)",
        .transport = &tcp_transport,
        .lifetime = ECHO_SERVER_CLOSES,
        .core = true,
        .cost = &cost_tcp_server_closes,
    },
    {
        .name = "tcp-persistent",
        .round_trips = 1,
        .what = "send, receive on one connection (keep-alive)",
        .transport = &tcp_transport,
        .lifetime = ECHO_PERSISTENT,
        .core = true,
        .depth = 1,
        .cost = &cost_tcp_persistent,
    },
    {
        .name = "udp-per-message",
        .round_trips = 1,
        .what = "a fresh socket for every request",
        .transport = &udp_transport,
        .lifetime = ECHO_CLIENT_CLOSES,
        .core = true,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES},
        .cost = &cost_udp_per_message,
    },
    {
        .name = "udp-persistent",
        .round_trips = 1,
        .what = "one connected socket",
        .transport = &udp_transport,
        .lifetime = ECHO_PERSISTENT,
        .core = true,
        .depth = 1,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES},
        .cost = &cost_udp_persistent,
    },
    {
        .name = "tcp-client-close",
        .round_trips = 2,
        .what = "per message; the client closes first and keeps TIME_WAIT",
        .transport = &tcp_transport,
        .lifetime = ECHO_CLIENT_CLOSES,
        .holds_ports = true,
        .cost = &cost_tcp_client_closes,
    },
    {
        .name = "tcp-reset",
        .round_trips = 2,
        .what = "per message; the client resets: no TIME_WAIT, no farewell",
        .transport = &tcp_transport,
        .lifetime = ECHO_CLIENT_RESETS,
        .expects = {"kernel.TcpOutRsts", "kernel.TcpEstabResets", "server.broken"},
        .cost = &cost_tcp_client_resets,
    },
    {
        .name = "tcp-fastopen",
        .round_trips = 1,
        .what = "per message, the request in the SYN (RFC 7413; a copied SYN may execute twice)",
        .transport = &tcp_fastopen_transport,
        .lifetime = ECHO_SERVER_CLOSES,
        .server = {.fastopen = true},
        .requires = {"kernel.TCPFastOpenActive", "fast open was not used, it fell back"},
        .cost = &cost_tcp_fastopen,
    },
    {
        .name = "udp-retry",
        .round_trips = 1,
        .what = "sent again until answered (RFC 6298): what it takes to rely on UDP",
        .transport = &udp_retry_transport,
        .lifetime = ECHO_PERSISTENT,
        .retries = true,
        .depth = 1,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES},
        .cost = &cost_udp_retry,
    },
    {
        .name = "tcp-pipelined",
        .round_trips = 1,
        .what = "many outstanding on one connection, written and answered in few calls",
        .transport = &tcp_transport,
        .lifetime = ECHO_PERSISTENT,
        .depth = 32,
        .cost = &cost_tcp_persistent,
    },
    {
        .name = "udp-pipelined",
        .round_trips = 1,
        .what = "many outstanding on one socket, a call each",
        .transport = &udp_transport,
        .lifetime = ECHO_PERSISTENT,
        .depth = 32,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES},
        .cost = &cost_udp_persistent,
    },
    {
        .name = "udp-mmsg",
        .round_trips = 1,
        .what = "many outstanding; sendmmsg, recvmmsg: many datagrams a call",
        .transport = &udp_mmsg_transport,
        .lifetime = ECHO_PERSISTENT,
        .depth = 32,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES},
        .cost = &cost_udp_batch,
    },
    {
        .name = "udp-gso",
        .round_trips = 1,
        .what =
            "many outstanding; UDP_SEGMENT, UDP_GRO: one buffer, cut into datagrams by the kernel",
        .transport = &udp_gso_transport,
        .lifetime = ECHO_PERSISTENT,
        .depth = 32,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES},
        .cost = &cost_udp_batch,
    },
    {
        .name = "udp-packed",
        .round_trips = 1,
        .what = "several messages in one datagram, as TCP does; only its own server takes such",
        .transport = &udp_packed_transport,
        .lifetime = ECHO_PERSISTENT,
        .depth = 32,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES},
    },
};

const unsigned variant_count = sizeof variants / sizeof variants[0];

const struct variant *variant_find(const char *name) {
    for (unsigned i = 0; i < variant_count; i++) {
        if (strcmp(variants[i].name, name) == 0) return &variants[i];
    }
    return NULL;
}
