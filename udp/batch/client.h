/* SPDX-License-Identifier: MIT */
/* What the clients of udp/batch/batch.h share: all but how requests go and replies come. */
#ifndef UDP_BATCH_CLIENT_H
#define UDP_BATCH_CLIENT_H

#include "udp/batch/batch.h"

enum udp_batch_count {
    UDP_BATCH_SENDS,
    UDP_BATCH_RECEIVES,
    UDP_BATCH_GSO,       /* calls that took more than one datagram */
    UDP_BATCH_FALLBACKS, /* 1 once a call was refused that would have: a call each since then */
    UDP_BATCH_COUNTS
};

struct udp_batch {
    struct echo_client base;
    struct echo_client *plain; /* its socket is ours; it connects, encodes, queues and verifies */
    struct echo_client_options options;
    size_t request_bytes, reply_bytes; /* on the wire, header included */
    uint8_t *in;                       /* what one call brought */
    size_t in_taken, in_end;           /* [in_taken, in_end) is not yet looked at */
    size_t segment;                    /* of gso: datagrams of this size lie in it */
    void *calls;                       /* of mmsg: malloc'd */
    struct echo_counter counters[UDP_BATCH_COUNTS];
};

static inline struct udp_batch *udp_batch_of(struct echo_client *client) {
    return (struct udp_batch *)(void *)client;
}

/*
 * The steps that do not differ. `in_bytes` is the size of `in`; `call_bytes`
 * that of `calls`, zeroed; `counts` how many of the counters the mode has.
 */
int udp_batch_open(struct echo_client **client, const struct echo_client_options *options,
                   const struct echo_client_steps *steps, size_t in_bytes, size_t call_bytes,
                   unsigned counts);
int udp_batch_connect(struct echo_client *client, int (*prepare)(int socket));
int udp_batch_send(struct echo_client *client, uint64_t sequence, uint64_t sent_ns);
int udp_batch_finish(struct echo_client *client);
void udp_batch_abandon(struct echo_client *client);
void udp_batch_close(struct echo_client *client);

#endif
