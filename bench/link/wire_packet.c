/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#include "echo/message.h"

const char *const wire_kind_names[WIRE_KINDS] = {
    [WIRE_RST] = "rst",    [WIRE_SYN] = "syn",         [WIRE_SYN_ACK] = "syn_ack",
    [WIRE_FIN] = "fin",    [WIRE_REQUEST] = "request", [WIRE_REPLY] = "reply",
    [WIRE_DATA] = "data",  [WIRE_ACK] = "ack",         [WIRE_FRAGMENT] = "fragment",
    [WIRE_OTHER] = "other"};

const char *const wire_direction_names[WIRE_DIRECTIONS] = {"to_server", "to_client", "astray"};

enum { IP_BYTES = 20, TCP_BYTES = 20, UDP_BYTES = 8, MORE_FRAGMENTS = 0x2000, OFFSET = 0x1fff };

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static enum wire_kind kind_of_payload(const uint8_t *payload, size_t size) {
    struct echo_message message;
    if (echo_decode(&message, payload, size) != ECHO_WHOLE) return WIRE_DATA;
    return message.kind == ECHO_REQUEST ? WIRE_REQUEST : WIRE_REPLY;
}

static enum wire_kind kind_of_segment(unsigned flags, const uint8_t *payload, size_t size) {
    if ((flags & TH_RST) != 0) return WIRE_RST;
    if ((flags & TH_SYN) != 0) return (flags & TH_ACK) != 0 ? WIRE_SYN_ACK : WIRE_SYN;
    if ((flags & TH_FIN) != 0) return WIRE_FIN;
    return size > 0 ? kind_of_payload(payload, size) : WIRE_ACK;
}

static void look_at_ports(struct wire_packet *seen, const uint8_t *transport, uint16_t port) {
    const uint16_t from = get16(transport);
    const uint16_t to = get16(transport + 2);
    seen->direction = WIRE_ASTRAY;
    if (from == port) seen->direction = WIRE_TO_CLIENT;
    if (to == port) seen->direction = WIRE_TO_SERVER;
    seen->client_port = seen->direction == WIRE_TO_CLIENT ? to : from;
}

static void look_at_segment(struct wire_packet *seen, const uint8_t *tcp, size_t size) {
    const size_t header = (size_t)(tcp[12] >> 4) * 4;
    if (header < TCP_BYTES || header > size) return;
    seen->tcp_flags = tcp[13];
    seen->sequence = get32(tcp + 4);
    seen->acknowledged = get32(tcp + 8);
    seen->payload_bytes = (uint16_t)(size - header);
    seen->kind = (uint8_t)kind_of_segment(tcp[13], tcp + header, size - header);
}

static void look_at_datagram(struct wire_packet *seen, const uint8_t *udp, size_t size) {
    seen->payload_bytes = (uint16_t)(size - UDP_BYTES);
    seen->kind = (uint8_t)kind_of_payload(udp + UDP_BYTES, size - UDP_BYTES);
}

/*
 * Both ends are one host and draw their identifications from one counter, so
 * that those of the two directions do not meet.
 */
static void look_at_fragment(struct wire_packet *seen, const uint8_t *ip, size_t header,
                             struct wire_fragments *fragments) {
    const uint16_t id = get16(ip + 4);
    const size_t slot = id % (sizeof fragments->direction);
    const bool first = (get16(ip + 6) & OFFSET) == 0;
    if (first) {
        fragments->id[slot] = id;
        fragments->direction[slot] = (uint8_t)(seen->direction + 1);
    } else if (fragments->direction[slot] != 0 && fragments->id[slot] == id) {
        seen->direction = (uint8_t)(fragments->direction[slot] - 1);
    }
    seen->kind = WIRE_FRAGMENT;
    seen->tcp_flags = 0;
    seen->sequence = seen->acknowledged = 0;
    if (!first) seen->payload_bytes = (uint16_t)(seen->ip_bytes - header);
}

bool wire_look(struct wire_packet *seen, const uint8_t *packet, size_t size, uint16_t server_port,
               struct wire_fragments *fragments) {
    if (size < IP_BYTES || packet[0] >> 4 != 4) return false;
    const size_t header = (size_t)(packet[0] & 15) * 4;
    const size_t total = get16(packet + 2);
    if (header < IP_BYTES || total < header || total > size) return false;
    *seen = (struct wire_packet){
        .kind = WIRE_OTHER, .direction = WIRE_ASTRAY, .ip_bytes = (uint16_t)total};
    const unsigned fragment = get16(packet + 6);
    const uint8_t *transport = packet + header;
    const size_t left = total - header;
    if ((fragment & OFFSET) == 0 && packet[9] == IPPROTO_TCP && left >= TCP_BYTES) {
        look_at_ports(seen, transport, server_port);
        look_at_segment(seen, transport, left);
    } else if ((fragment & OFFSET) == 0 && packet[9] == IPPROTO_UDP && left >= UDP_BYTES) {
        look_at_ports(seen, transport, server_port);
        look_at_datagram(seen, transport, left);
    }
    if ((fragment & (OFFSET | MORE_FRAGMENTS)) != 0) {
        look_at_fragment(seen, packet, header, fragments);
    }
    return true;
}

void wire_turn_round(uint8_t *packet) {
    uint8_t source[4];
    memcpy(source, packet + 12, sizeof source);
    memcpy(packet + 12, packet + 16, sizeof source);
    memcpy(packet + 16, source, sizeof source);
}
