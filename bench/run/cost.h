/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a message is to cost: packets by kind and direction, IP bytes, system
 * calls of each side, round trips. A model is data that a variant's row names;
 * here it is only added up, before anything is measured. It knows nothing of
 * loss, of pauses longer than the delayed-ACK timer, or of messages that do
 * not fit one packet: what then differs is shown and not predicted.
 *
 * The counts hold on an MTU of 1,500 with TCP timestamps on, as in every fresh
 * network namespace (tcp(7)).
 */
#ifndef BENCH_COST_H
#define BENCH_COST_H

#include "bench/link/wire.h"

enum { COST_PACKETS_MAX = 12, COST_CALLS_MAX = 10 }; /* the last one ends a list */

struct cost_calls {
    const char *name; /* as strace has it; NULL ends a list */
    unsigned count;
};

struct cost_packet {
    enum wire_kind kind;
    enum wire_direction direction;
    unsigned ip_bytes;    /* of the headers; 0 ends a list */
    bool carries_message; /* its header and payload, of the request or of the reply */
};

/* Packets are in the order in which they go. */
struct cost_model {
    struct cost_packet once[COST_PACKETS_MAX];  /* per connection that stays */
    struct cost_packet first[COST_PACKETS_MAX]; /* of the first message, where it differs */
    struct cost_packet each[COST_PACKETS_MAX];
    struct cost_calls client[COST_CALLS_MAX]; /* per message, after the first, one at a time */
    struct cost_calls server[COST_CALLS_MAX];
    bool batched; /* a batch of messages goes in one packet, where they fit: `each` is of that */
    unsigned waits[2];          /* round trips that the first message waits, and later ones */
    unsigned message_bytes_max; /* header and payload that one packet takes */
    const char *setting;        /* NULL, or a sysctl whose lowest two bits choose another: */
    const struct cost_model *by_setting[4]; /* NULL: this one */
};

/* The model that holds where model->setting has this value. */
const struct cost_model *cost_in_force(const struct cost_model *model, unsigned value);

struct cost {
    uint64_t packets[WIRE_DIRECTIONS][WIRE_KINDS];
    uint64_t all_packets, ip_bytes;
};

/*
 * Adds up a run of `messages`, at least one, with `depth` outstanding. NULL, or the reason in words
 * why there is no prediction; *cost is zero then.
 */
const char *cost_predict(struct cost *cost, const struct cost_model *model, uint32_t payload_bytes,
                         uint32_t reply_bytes, uint64_t messages, unsigned depth);

/* Packets of each message in one direction. */
unsigned cost_packets_to(const struct cost_model *model, enum wire_direction direction);

extern const struct cost_model cost_tcp_server_closes, cost_tcp_client_closes,
    cost_tcp_client_resets, cost_tcp_persistent, cost_tcp_fastopen, cost_udp_per_message,
    cost_udp_persistent, cost_udp_retry;
extern const struct cost_model cost_udp_batch; /* a datagram for each message, in whatever calls */

#endif
