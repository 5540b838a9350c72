/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/variant.h"

#include <string.h>

#include "bench/run/cost.h"
#include "bench/run/loss_model.h"
#include "tcp/transport.h"
#include "udp/transport.h"

#define BUFFERED .server = {.receive_bytes = ECHO_RECEIVE_BYTES}

const struct variant variants[] = {
    {"tcp-per-message", "connect, send, receive, the server closes (HTTP/1.0)", &tcp_transport,
     ECHO_SERVER_CLOSES, 2, .core = true, .cost = &cost_tcp_server_closes,
     .may_lose = loss_server_closes},
    {"tcp-persistent", "send, receive on one connection (keep-alive)", &tcp_transport,
     ECHO_PERSISTENT, 1, .core = true, .depth = 1, .cost = &cost_tcp_persistent,
     .may_lose = loss_kept},
    {"udp-per-message", "a fresh socket for every request", &udp_transport, ECHO_CLIENT_CLOSES, 1,
     .core = true, BUFFERED, .cost = &cost_udp_per_message, .may_lose = loss_datagrams},
    {"udp-persistent", "one connected socket", &udp_transport, ECHO_PERSISTENT, 1, .core = true,
     .depth = 1, BUFFERED, .cost = &cost_udp_persistent, .may_lose = loss_datagrams},
    {"tcp-client-close", "per message; the client closes first and keeps TIME_WAIT", &tcp_transport,
     ECHO_CLIENT_CLOSES, 2, .holds_ports = true, .cost = &cost_tcp_client_closes},
    {"tcp-reset", "per message; the client resets: no TIME_WAIT, no farewell", &tcp_transport,
     ECHO_CLIENT_RESETS, 2,
     .expects = {"kernel.TcpOutRsts", "kernel.TcpEstabResets", "server.broken"},
     .cost = &cost_tcp_client_resets},
    {"tcp-fastopen", "the request in the SYN (RFC 7413); a copied SYN runs it twice",
     &tcp_fastopen_transport, ECHO_SERVER_CLOSES, 1, .server = {.fastopen = true},
     .requires = {"kernel.TCPFastOpenActive", "fast open was not used, it fell back"},
     .cost = &cost_tcp_fastopen},
    {"udp-retry", "sent again until answered (RFC 6298): relying on UDP", &udp_retry_transport,
     ECHO_PERSISTENT, 1, .retries = true, .depth = 1, BUFFERED, .cost = &cost_udp_retry},
    {"tcp-pipelined", "many outstanding on one connection, in few calls", &tcp_transport,
     ECHO_PERSISTENT, 1, .depth = 32, .cost = &cost_tcp_persistent},
    {"udp-pipelined", "many outstanding on one socket, a call each", &udp_transport,
     ECHO_PERSISTENT, 1, .depth = 32, BUFFERED, .cost = &cost_udp_persistent},
    {"udp-mmsg", "many outstanding; sendmmsg, recvmmsg: many datagrams a call", &udp_mmsg_transport,
     ECHO_PERSISTENT, 1, .depth = 32, BUFFERED, .cost = &cost_udp_batch},
    {"udp-gso", "many outstanding; UDP_SEGMENT, UDP_GRO: the kernel cuts them", &udp_gso_transport,
     ECHO_PERSISTENT, 1, .depth = 32, BUFFERED, .cost = &cost_udp_batch},
    {"udp-packed", "several messages a datagram, as TCP does; for its own server",
     &udp_packed_transport, ECHO_PERSISTENT, 1, .depth = 32, BUFFERED}};

const unsigned variant_count = sizeof variants / sizeof variants[0];

const struct variant *variant_find(const char *name) {
    for (unsigned i = 0; i < variant_count; i++) {
        if (strcmp(variants[i].name, name) == 0) return &variants[i];
    }
    return NULL;
}
