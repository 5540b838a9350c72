/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/cost.h"

#include "echo/message.h"

/* Bytes of IP and transport headers. A SYN has 20 bytes of options, a segment 12: timestamps. */
enum {
    SYN_BYTES = 60,
    SYN_ASKING_BYTES = 64, /* for a Fast Open cookie: an empty option (RFC 7413, section 4.1.1) */
    SYN_COOKIE_BYTES = 72, /* with a cookie of 8 bytes, either way */
    SEGMENT = 52,
    DATAGRAM = 28,
    MTU = 1500,
    SYN_OPTIONS_ROOM = 40 /* that the kernel leaves in a SYN with data, used or not */
};

/* clang-format off */
#define SYN              {WIRE_SYN, WIRE_TO_SERVER, SYN_BYTES, false}
#define SYN_ASKING       {WIRE_SYN, WIRE_TO_SERVER, SYN_ASKING_BYTES, false}
#define SYN_WITH_REQUEST {WIRE_SYN, WIRE_TO_SERVER, SYN_COOKIE_BYTES, true}
#define SYN_ACK          {WIRE_SYN_ACK, WIRE_TO_CLIENT, SYN_BYTES, false}
#define SYN_ACK_COOKIE   {WIRE_SYN_ACK, WIRE_TO_CLIENT, SYN_COOKIE_BYTES, false}
#define REQUEST          {WIRE_REQUEST, WIRE_TO_SERVER, SEGMENT, true}
#define REPLY            {WIRE_REPLY, WIRE_TO_CLIENT, SEGMENT, true}
#define ACK_UP           {WIRE_ACK, WIRE_TO_SERVER, SEGMENT, false}
#define ACK_DOWN         {WIRE_ACK, WIRE_TO_CLIENT, SEGMENT, false}
#define FIN_UP           {WIRE_FIN, WIRE_TO_SERVER, SEGMENT, false}
#define FIN_DOWN         {WIRE_FIN, WIRE_TO_CLIENT, SEGMENT, false}
#define RST_UP           {WIRE_RST, WIRE_TO_SERVER, SEGMENT, false} /* that nobody acknowledges */
#define DATAGRAM_UP      {WIRE_REQUEST, WIRE_TO_SERVER, DATAGRAM, true}
#define DATAGRAM_DOWN    {WIRE_REPLY, WIRE_TO_CLIENT, DATAGRAM, true}
#define CONNECTED        SYN, SYN_ACK, ACK_UP
#define ANSWERED         REQUEST, ACK_DOWN, REPLY, ACK_UP
#define SERVER_CLOSED    FIN_DOWN, FIN_UP, ACK_DOWN /* the second acknowledges the first */

/* The calls for a socket of one message: so many options, so many receives. */
#define FRESH(options_, receives_) \
    {"socket", 1}, {"setsockopt", (options_)}, {"connect", 1}, \
    {"sendto", 1}, {"recvfrom", (receives_)}, {"close", 1}
/* clang-format on */

/* ---- one connection per message ---- */

#define TWO_ROUND_TRIPS .waits = {2, 2}, .message_bytes_max = MTU - SEGMENT

const struct cost_model cost_tcp_server_closes = {
    .each = {CONNECTED, ANSWERED, SERVER_CLOSED},
    .client = {FRESH(3, 2)}, /* TCP_NODELAY, both timeouts; the reply, end of file */
    .server = {{"accept4", 1}, {"recvfrom", 1}, {"sendto", 1}, {"ioctl", 1}, {"close", 1}},
    TWO_ROUND_TRIPS};

const struct cost_model cost_tcp_client_closes = {
    .each = {CONNECTED, ANSWERED, FIN_UP, FIN_DOWN, ACK_UP},
    .client = {FRESH(3, 1)},
    .server = {{"accept4", 1}, {"recvfrom", 2}, {"sendto", 1}, {"close", 1}},
    TWO_ROUND_TRIPS};

const struct cost_model cost_tcp_client_resets = {
    .each = {CONNECTED, ANSWERED, RST_UP},
    .client = {FRESH(4, 1)}, /* SO_LINGER, too */
    .server = {{"accept4", 1}, {"recvfrom", 2}, {"sendto", 1}, {"close", 1}},
    TWO_ROUND_TRIPS};

/* The client asks for a cookie each time, and a server that may not gives it none. */
static const struct cost_model asked_in_vain = {
    .each = {SYN_ASKING, SYN_ACK, ACK_UP, ANSWERED, SERVER_CLOSED}, TWO_ROUND_TRIPS};

/* The first connection fetches the cookie: a usual handshake with longer SYNs. */
const struct cost_model cost_tcp_fastopen = {
    .first = {SYN_ASKING, SYN_ACK_COOKIE, ACK_UP, ANSWERED, SERVER_CLOSED},
    .each = {SYN_WITH_REQUEST, SYN_ACK, /* acknowledges the request */
             REPLY, FIN_DOWN, ACK_UP, ACK_UP, FIN_UP, ACK_DOWN},
    .client = {FRESH(4, 2)}, /* TCP_FASTOPEN_CONNECT, too: connect sends nothing */
    .server = {{"accept4", 1}, {"recvfrom", 1}, {"sendto", 1}, {"ioctl", 1}, {"close", 1}},
    .waits = {2, 1},
    .message_bytes_max = MTU - 40 - SYN_OPTIONS_ROOM,
    .setting = "net.ipv4.tcp_fastopen", /* bit 0: the client may; bit 1: the server may */
    .by_setting = {&cost_tcp_server_closes, &asked_in_vain, &cost_tcp_server_closes, NULL}};

/* ---- one for all messages ---- */

const struct cost_model cost_tcp_persistent = {
    .once = {CONNECTED, ACK_DOWN, /* of the first request */
             ACK_UP,              /* of a reply: nothing follows that would say so */
             FIN_UP, FIN_DOWN, ACK_UP},
    .each = {REQUEST, REPLY}, /* each acknowledges the other */
    .client = {{"sendto", 1}, {"recvfrom", 1}},
    .server = {{"recvfrom", 1}, {"sendto", 1}},
    .batched = true,
    .waits = {2, 1},
    .message_bytes_max = MTU - SEGMENT};

/* clang-format off */
#define DATAGRAMS \
    .each = {DATAGRAM_UP, DATAGRAM_DOWN}, .waits = {1, 1}, .message_bytes_max = MTU - DATAGRAM
/* clang-format on */
#define ECHOED .server = {{"recvfrom", 1}, {"sendto", 1}}

const struct cost_model cost_udp_persistent = {DATAGRAMS, ECHOED,
                                               .client = {{"sendto", 1}, {"recvfrom", 1}}};

/* A fresh socket costs calls and no packet: connect(2) only notes an address. */
const struct cost_model cost_udp_per_message = {DATAGRAMS, ECHOED, .client = {FRESH(1, 1)}};

/* It waits for reply or timer. */
const struct cost_model cost_udp_retry = {DATAGRAMS, ECHOED,
                                          .client = {{"sendto", 1}, {"ppoll", 1}, {"recvfrom", 1}}};

/* Several in a call, if there are several: how many varies with who is woken when. */
const struct cost_model cost_udp_batch = {DATAGRAMS};

static void add(struct cost *cost, const struct cost_packet *packet, const uint32_t *message_bytes,
                uint64_t times) {
    for (; packet->ip_bytes > 0; packet++) {
        cost->packets[packet->direction][packet->kind] += times;
        cost->all_packets += times;
        cost->ip_bytes +=
            times *
            (packet->ip_bytes + (packet->carries_message ? message_bytes[packet->direction] : 0));
    }
}

const char *cost_predict(struct cost *cost, const struct cost_model *model, uint32_t payload_bytes,
                         uint32_t reply_bytes, uint64_t messages, unsigned depth) {
    *cost = (struct cost){0};
    if (model == NULL) return "no model of this variant yet: shown, not predicted";
    const uint32_t batch = model->batched ? depth : 1;
    const uint32_t longest = payload_bytes > reply_bytes ? payload_bytes : reply_bytes;
    if ((uint64_t)batch * (ECHO_HEADER_BYTES + longest) > model->message_bytes_max)
        return "beyond one packet: shown, not predicted";
    if (messages % batch != 0) return "the last batch is a small one: shown, not predicted";
    const uint32_t message_bytes[WIRE_DIRECTIONS] = {
        [WIRE_TO_SERVER] = batch * (ECHO_HEADER_BYTES + payload_bytes),
        [WIRE_TO_CLIENT] = batch * (ECHO_HEADER_BYTES + reply_bytes)};
    add(cost, model->once, message_bytes, 1);
    add(cost, model->first[0].ip_bytes > 0 ? model->first : model->each, message_bytes, 1);
    add(cost, model->each, message_bytes, messages / batch - 1);
    return NULL;
}

const struct cost_model *cost_in_force(const struct cost_model *model, unsigned value) {
    if (model == NULL || model->setting == NULL) return model;
    const struct cost_model *other = model->by_setting[value & 3];
    return other == NULL ? model : other;
}

unsigned cost_packets_to(const struct cost_model *model, enum wire_direction direction) {
    unsigned count = 0;
    for (const struct cost_packet *packet = model->each; packet->ip_bytes > 0; packet++)
        count += packet->direction == direction;
    return count;
}
