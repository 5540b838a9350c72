/* SPDX-License-Identifier: MIT */
#include "udp/batch/server.h"

#include <errno.h>
#include <stdlib.h>

int udp_batch_listen(struct echo_server **server, const struct echo_server_options *options,
                     const struct echo_server_steps *steps) {
    const int failed = udp_server_steps.listen(server, options);
    if (failed == 0) (*server)->steps = steps;
    return failed;
}

int udp_batch_accept(struct echo_server *server, struct echo_worker *worker,
                     struct echo_connection **connection, size_t bytes) {
    void *mode = calloc(1, bytes); /* memory first: see udp/server.c */
    if (mode == NULL) return -ENOMEM;
    const int failed = udp_server_steps.accept(server, worker, connection);
    if (failed == 0) (*connection)->mode = mode;
    if (failed != 0) free(mode);
    return failed;
}

void udp_batch_drop(struct echo_connection *connection, struct echo_worker *worker) {
    udp_server_steps.drop(connection, worker);
}

void udp_batch_stop(struct echo_server *server) {
    udp_server_steps.stop(server);
}

void udp_batch_release(struct echo_server *server) {
    udp_server_steps.release(server);
}
