/* SPDX-License-Identifier: MIT */
#include "udp/batch/client.h"

#include <errno.h>
#include <stdlib.h>

#include "udp/client.h"

/* What a driver looks at is the plain client's. */
static void mirror(struct udp_batch *c) {
    c->base.socket = c->plain->socket;
    c->base.sockets_made = c->plain->sockets_made;
    c->base.spent = c->plain->spent;
}

int udp_batch_open(struct echo_client **client, const struct echo_client_options *options,
                   const struct echo_client_steps *steps, size_t in_bytes, size_t call_bytes,
                   unsigned counts) {
    struct udp_batch *c = calloc(1, sizeof *c);
    if (c == NULL) return -ENOMEM;
    *c = (struct udp_batch){
        .base = {.steps = steps, .socket = -1, .counter_count = counts},
        .options = *options,
        .request_bytes = ECHO_HEADER_BYTES + (size_t)options->payload_bytes,
        .reply_bytes = ECHO_HEADER_BYTES + (size_t)options->reply_bytes,
        .counters = {{"send_calls", 0},
                     {"receive_calls", 0},
                     {"gso_batches", 0},
                     {"gso_fallbacks", 0}},
    };
    c->base.counters = c->counters;
    int failed = udp_client_steps.open(&c->plain, options);
    c->in = malloc(in_bytes);
    c->calls = call_bytes > 0 ? calloc(1, call_bytes) : NULL;
    if (c->in == NULL || (call_bytes > 0 && c->calls == NULL)) failed = -ENOMEM;
    if (failed != 0) {
        udp_batch_close(&c->base);
        return failed;
    }
    *client = &c->base;
    return 0;
}

int udp_batch_connect(struct echo_client *client, int (*prepare)(int socket)) {
    struct udp_batch *c = udp_batch_of(client);
    const int failed = udp_client_connect(c->plain, prepare);
    mirror(c);
    return failed;
}

int udp_batch_send(struct echo_client *client, uint64_t sequence, uint64_t sent_ns) {
    struct udp_batch *c = udp_batch_of(client);
    const int failed = udp_client_steps.send(c->plain, sequence, sent_ns);
    mirror(c);
    return failed;
}

int udp_batch_finish(struct echo_client *client) {
    struct udp_batch *c = udp_batch_of(client);
    const int failed = udp_client_steps.finish(c->plain);
    mirror(c);
    return failed;
}

/* Replies that lie here already are late, as those that lie in the socket. */
void udp_batch_abandon(struct echo_client *client) {
    struct udp_batch *c = udp_batch_of(client);
    udp_client_steps.abandon(c->plain);
    mirror(c);
}

void udp_batch_close(struct echo_client *client) {
    if (client == NULL) return;
    struct udp_batch *c = udp_batch_of(client);
    udp_client_steps.close(c->plain);
    free(c->in);
    free(c->calls);
    free(c);
}
