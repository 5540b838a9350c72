/* SPDX-License-Identifier: MIT */
/*
 * What the further modes of the UDP client share: each is the plain client,
 * told apart by its steps, and keeps what it needs beside it at client->mode.
 */
#ifndef UDP_MODE_H
#define UDP_MODE_H

#include "udp/client.h"

/* Opens one with `steps`; the mode has `bytes` of its own, zeroed. */
int udp_mode_open(struct echo_client **client, const struct echo_client_options *options,
                  const struct echo_client_steps *steps, size_t bytes);

/* The steps of the plain client, for those in which a mode does not differ from it. */
int udp_mode_connect(struct echo_client *client);
int udp_mode_send(struct echo_client *client, uint64_t sequence, uint64_t sent_ns);
int udp_mode_finish(struct echo_client *client);
void udp_mode_abandon(struct echo_client *client);
void udp_mode_close(struct echo_client *client);

/* One more count, beside those that every client has. */
void udp_mode_count(struct echo_client *client, const char *name);

#endif
