/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/cost.h"

#include <string.h>

#include "echo/message.h"

/* Bytes of IP and transport headers. A SYN has 20 bytes of options, a segment 12: timestamps. */
enum {
    SYN = 60,
    SYN_ASKING = 64, /* for a Fast Open cookie: an empty option (RFC 7413, section 4.1.1) */
    SYN_COOKIE = 72, /* with a cookie of 8 bytes, either way */
    SEGMENT = 52,
    DATAGRAM = 28,
    MTU = 1500,
    SYN_OPTIONS_ROOM = 40 /* that the kernel leaves in a SYN with data, used or not */
};

/* ---- one connection per message ---- */

const struct cost_model cost_tcp_server_closes = {
    .each = {{WIRE_SYN, WIRE_TO_SERVER, 1, SYN, false},
             {WIRE_REQUEST, WIRE_TO_SERVER, 1, SEGMENT, true},
             {WIRE_ACK, WIRE_TO_SERVER, 2, SEGMENT, false}, /* of SYN-ACK and reply */
             {WIRE_FIN, WIRE_TO_SERVER, 1, SEGMENT, false}, /* acknowledges the other */
             {WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, SYN, false},
             {WIRE_ACK, WIRE_TO_CLIENT, 2, SEGMENT, false}, /* of request and FIN */
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, SEGMENT, true},
             {WIRE_FIN, WIRE_TO_CLIENT, 1, SEGMENT, false}},
    .client = {{"socket", 1},
               {"setsockopt", 3}, /* TCP_NODELAY, and both timeouts */
               {"connect", 1},
               {"sendto", 1},
               {"recvfrom", 2}, /* the reply, and the end of file */
               {"close", 1}},
    .server = {{"accept4", 1}, {"recvfrom", 1}, {"sendto", 1}, {"ioctl", 1}, {"close", 1}},
    .waits_first = 2,
    .waits = 2,
    .message_bytes_max = MTU - SEGMENT,
};

const struct cost_model cost_tcp_client_closes = {
    .each = {{WIRE_SYN, WIRE_TO_SERVER, 1, SYN, false},
             {WIRE_REQUEST, WIRE_TO_SERVER, 1, SEGMENT, true},
             {WIRE_ACK, WIRE_TO_SERVER, 3, SEGMENT, false}, /* of SYN-ACK, reply and FIN */
             {WIRE_FIN, WIRE_TO_SERVER, 1, SEGMENT, false},
             {WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, SYN, false},
             {WIRE_ACK, WIRE_TO_CLIENT, 1, SEGMENT, false}, /* of the request */
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, SEGMENT, true},
             {WIRE_FIN, WIRE_TO_CLIENT, 1, SEGMENT, false}},
    .client = {{"socket", 1},
               {"setsockopt", 3},
               {"connect", 1},
               {"sendto", 1},
               {"recvfrom", 1},
               {"close", 1}},
    .server = {{"accept4", 1}, {"recvfrom", 2}, {"sendto", 1}, {"close", 1}},
    .waits_first = 2,
    .waits = 2,
    .message_bytes_max = MTU - SEGMENT,
};

const struct cost_model cost_tcp_client_resets = {
    .each = {{WIRE_SYN, WIRE_TO_SERVER, 1, SYN, false},
             {WIRE_REQUEST, WIRE_TO_SERVER, 1, SEGMENT, true},
             {WIRE_ACK, WIRE_TO_SERVER, 2, SEGMENT, false},
             {WIRE_RST, WIRE_TO_SERVER, 1, SEGMENT, false}, /* that nobody acknowledges */
             {WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, SYN, false},
             {WIRE_ACK, WIRE_TO_CLIENT, 1, SEGMENT, false},
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, SEGMENT, true}},
    .client = {{"socket", 1},
               {"setsockopt", 4}, /* SO_LINGER, too */
               {"connect", 1},
               {"sendto", 1},
               {"recvfrom", 1},
               {"close", 1}},
    .server = {{"accept4", 1}, {"recvfrom", 2}, {"sendto", 1}, {"close", 1}},
    .waits_first = 2,
    .waits = 2,
    .message_bytes_max = MTU - SEGMENT,
};

/* The client asks for a cookie each time, and a server that may not gives it none. */
static const struct cost_model asked_in_vain = {
    .each = {{WIRE_SYN, WIRE_TO_SERVER, 1, SYN_ASKING, false},
             {WIRE_REQUEST, WIRE_TO_SERVER, 1, SEGMENT, true},
             {WIRE_ACK, WIRE_TO_SERVER, 2, SEGMENT, false},
             {WIRE_FIN, WIRE_TO_SERVER, 1, SEGMENT, false},
             {WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, SYN, false},
             {WIRE_ACK, WIRE_TO_CLIENT, 2, SEGMENT, false},
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, SEGMENT, true},
             {WIRE_FIN, WIRE_TO_CLIENT, 1, SEGMENT, false}},
    .waits_first = 2,
    .waits = 2,
    .message_bytes_max = MTU - SEGMENT,
};

/* The first connection fetches the cookie: a usual handshake with longer SYNs. */
const struct cost_model cost_tcp_fastopen = {
    .first = {{WIRE_SYN, WIRE_TO_SERVER, 1, SYN_ASKING, false},
              {WIRE_REQUEST, WIRE_TO_SERVER, 1, SEGMENT, true},
              {WIRE_ACK, WIRE_TO_SERVER, 2, SEGMENT, false},
              {WIRE_FIN, WIRE_TO_SERVER, 1, SEGMENT, false},
              {WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, SYN_COOKIE, false},
              {WIRE_ACK, WIRE_TO_CLIENT, 2, SEGMENT, false},
              {WIRE_REPLY, WIRE_TO_CLIENT, 1, SEGMENT, true},
              {WIRE_FIN, WIRE_TO_CLIENT, 1, SEGMENT, false}},
    .each = {{WIRE_SYN, WIRE_TO_SERVER, 1, SYN_COOKIE, true},
             {WIRE_ACK, WIRE_TO_SERVER, 2, SEGMENT, false},
             {WIRE_FIN, WIRE_TO_SERVER, 1, SEGMENT, false},
             {WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, SYN, false}, /* acknowledges the request */
             {WIRE_ACK, WIRE_TO_CLIENT, 1, SEGMENT, false},
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, SEGMENT, true},
             {WIRE_FIN, WIRE_TO_CLIENT, 1, SEGMENT, false}},
    .client = {{"socket", 1},
               {"setsockopt", 4}, /* TCP_FASTOPEN_CONNECT, too */
               {"connect", 1},    /* sends nothing */
               {"sendto", 1},
               {"recvfrom", 2},
               {"close", 1}},
    .server = {{"accept4", 1}, {"recvfrom", 1}, {"sendto", 1}, {"ioctl", 1}, {"close", 1}},
    .waits_first = 2,
    .waits = 1,
    .message_bytes_max = MTU - 40 - SYN_OPTIONS_ROOM,
    .setting = "net.ipv4.tcp_fastopen", /* bit 0: the client may; bit 1: the server may */
    .by_setting = {&cost_tcp_server_closes, &asked_in_vain, &cost_tcp_server_closes, NULL},
};

/* ---- one for all messages ---- */

const struct cost_model cost_tcp_persistent = {
    .once = {{WIRE_SYN, WIRE_TO_SERVER, 1, SYN, false},
             {WIRE_ACK, WIRE_TO_SERVER, 3, SEGMENT, false}, /* of SYN-ACK, a reply and FIN */
             {WIRE_FIN, WIRE_TO_SERVER, 1, SEGMENT, false},
             {WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, SYN, false},
             {WIRE_ACK, WIRE_TO_CLIENT, 1, SEGMENT, false}, /* of the first request */
             {WIRE_FIN, WIRE_TO_CLIENT, 1, SEGMENT, false}},
    .each = {{WIRE_REQUEST, WIRE_TO_SERVER, 1, SEGMENT, true}, /* acknowledges the last reply */
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, SEGMENT, true}},  /* acknowledges the request */
    .client = {{"sendto", 1}, {"recvfrom", 1}},
    .server = {{"recvfrom", 1}, {"sendto", 1}},
    .batched = true,
    .waits_first = 2,
    .waits = 1,
    .message_bytes_max = MTU - SEGMENT,
};

const struct cost_model cost_udp_persistent = {
    .each = {{WIRE_REQUEST, WIRE_TO_SERVER, 1, DATAGRAM, true},
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, DATAGRAM, true}},
    .client = {{"sendto", 1}, {"recvfrom", 1}},
    .server = {{"recvfrom", 1}, {"sendto", 1}},
    .waits_first = 1,
    .waits = 1,
    .message_bytes_max = MTU - DATAGRAM,
};

/* A fresh socket costs calls and no packet: connect(2) only notes an address. */
const struct cost_model cost_udp_per_message = {
    .each = {{WIRE_REQUEST, WIRE_TO_SERVER, 1, DATAGRAM, true},
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, DATAGRAM, true}},
    .client = {{"socket", 1},
               {"setsockopt", 1},
               {"connect", 1},
               {"sendto", 1},
               {"recvfrom", 1},
               {"close", 1}},
    .server = {{"recvfrom", 1}, {"sendto", 1}},
    .waits_first = 1,
    .waits = 1,
    .message_bytes_max = MTU - DATAGRAM,
};

const struct cost_model cost_udp_retry = {
    .each = {{WIRE_REQUEST, WIRE_TO_SERVER, 1, DATAGRAM, true},
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, DATAGRAM, true}},
    .client = {{"sendto", 1}, {"ppoll", 1}, {"recvfrom", 1}}, /* waits for reply or timer */
    .server = {{"recvfrom", 1}, {"sendto", 1}},
    .waits_first = 1,
    .waits = 1,
    .message_bytes_max = MTU - DATAGRAM,
};

/* Several in a call, if there are several: how many varies with who is woken when. */
const struct cost_model cost_udp_batch = {
    .each = {{WIRE_REQUEST, WIRE_TO_SERVER, 1, DATAGRAM, true},
             {WIRE_REPLY, WIRE_TO_CLIENT, 1, DATAGRAM, true}},
    .waits_first = 1,
    .waits = 1,
    .message_bytes_max = MTU - DATAGRAM,
};

/* ---- sums ---- */

struct sizes {
    uint32_t message_bytes[WIRE_DIRECTIONS];
};

static void add(struct cost *cost, const struct cost_packets *packets, const struct sizes *sizes,
                uint64_t times) {
    for (int i = 0; i < COST_PACKETS_MAX && packets[i].count > 0; i++) {
        const struct cost_packets *p = &packets[i];
        const uint64_t count = p->count * times;
        const uint32_t message = p->carries_message ? sizes->message_bytes[p->direction] : 0;
        cost->packets[p->kind][p->direction] += count;
        cost->all_packets += count;
        cost->ip_bytes += count * (p->ip_bytes + message);
    }
}

const char *cost_predict(struct cost *cost, const struct cost_model *model, uint32_t payload_bytes,
                         uint32_t reply_bytes, uint64_t messages, unsigned depth) {
    *cost = (struct cost){0};
    if (model == NULL) return "no model of this variant yet: shown, not predicted";
    const uint64_t batch = model->batched ? depth : 1;
    struct sizes sizes = {{[WIRE_TO_SERVER] = ECHO_HEADER_BYTES + payload_bytes,
                           [WIRE_TO_CLIENT] = ECHO_HEADER_BYTES + reply_bytes}};
    const uint32_t longest = payload_bytes > reply_bytes ? payload_bytes : reply_bytes;
    if (batch * (ECHO_HEADER_BYTES + longest) > model->message_bytes_max) {
        return "beyond one packet: shown, not predicted";
    }
    if (messages % batch != 0) return "the last batch is a small one: shown, not predicted";
    for (int i = 0; i < WIRE_DIRECTIONS; i++) sizes.message_bytes[i] *= (uint32_t)batch;
    add(cost, model->once, &sizes, 1);
    add(cost, model->first[0].count > 0 ? model->first : model->each, &sizes, 1);
    add(cost, model->each, &sizes, messages / batch - 1);
    return NULL;
}

const struct cost_model *cost_in_force(const struct cost_model *model, unsigned value) {
    if (model == NULL || model->setting == NULL) return model;
    const struct cost_model *other = model->by_setting[value & 3];
    return other == NULL ? model : other;
}

unsigned cost_calls_of(const struct cost_calls *calls, const char *name) {
    for (int i = 0; i < COST_CALLS_MAX && calls[i].name != NULL; i++) {
        if (strcmp(calls[i].name, name) == 0) return calls[i].count;
    }
    return 0;
}
