/* SPDX-License-Identifier: MIT */
/*
 * What the servers of batch.h share: each is the plain server, told apart by
 * its steps; a connection keeps what it needs beside it at connection->mode.
 */
#ifndef UDP_BATCH_SERVER_H
#define UDP_BATCH_SERVER_H

#include "udp/server.h"

/* Listens with `steps`; accepts with `bytes` of its own, zeroed. Else as the plain server's. */
int udp_batch_listen(struct echo_server **server, const struct echo_server_options *options,
                     const struct echo_server_steps *steps);
int udp_batch_accept(struct echo_server *server, struct echo_worker *worker,
                     struct echo_connection **connection, size_t bytes);
void udp_batch_drop(struct echo_connection *connection, struct echo_worker *worker);
void udp_batch_stop(struct echo_server *server);
void udp_batch_release(struct echo_server *server);

#endif
