/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/iterative_server.h"

#include <errno.h>
#include <stdlib.h>

struct iterative_server {
    pthread_t id;
    struct serving serving;
};

static void *work(void *argument) {
    struct iterative_server *s = argument;
    struct echo_connection *connection;
    while (serving_accept(&s->serving, &connection) == 0) serving_run(&s->serving, connection);
    return NULL;
}

int iterative_server_start(struct iterative_server **server,
                           const struct serving_options *options) {
    struct iterative_server *s = calloc(1, sizeof *s);
    if (s == NULL) return -ENOMEM;
    serving_init(&s->serving, options);
    const int failed = pthread_create(&s->id, NULL, work, s);
    if (failed != 0) {
        serving_release(&s->serving, NULL);
        free(s);
        return -failed;
    }
    *server = s;
    return 0;
}

void iterative_server_stop(struct iterative_server *server, uint64_t *counts) {
    struct echo_server *listening = server->serving.options.server;
    serving_end(&server->serving);
    listening->steps->stop(listening);
    (void)pthread_join(server->id, NULL);
    serving_release(&server->serving, counts);
    free(server);
}
