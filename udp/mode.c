/* SPDX-License-Identifier: MIT */
#include "udp/mode.h"

#include <errno.h>
#include <stdlib.h>

int udp_mode_open(struct echo_client **client, const struct echo_client_options *options,
                  const struct echo_client_steps *steps, size_t bytes) {
    struct echo_client *plain;
    const int failed = udp_client_steps.open(&plain, options);
    if (failed != 0) return failed;
    plain->steps = steps;
    plain->mode = calloc(1, bytes);
    if (plain->mode == NULL) {
        udp_client_steps.close(plain);
        return -ENOMEM;
    }
    *client = plain;
    return 0;
}

int udp_mode_connect(struct echo_client *client) {
    return udp_client_steps.connect(client);
}

int udp_mode_send(struct echo_client *client, uint64_t sequence, uint64_t sent_ns) {
    return udp_client_steps.send(client, sequence, sent_ns);
}

int udp_mode_finish(struct echo_client *client) {
    return udp_client_steps.finish(client);
}

void udp_mode_abandon(struct echo_client *client) {
    udp_client_steps.abandon(client);
}

void udp_mode_close(struct echo_client *client) {
    udp_client_steps.close(client);
}

void udp_mode_count(struct echo_client *client, const char *name) {
    client->counters[client->counter_count++].name = name;
}
