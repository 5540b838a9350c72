/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab serve: both transports on one port number, until a signal ends it. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/commands.h"
#include "bench/load/pool.h"
#include "tcp/transport.h"
#include "udp/transport.h"

enum { SIDES = 2, PORT_TRIES = 20 };

static const struct echo_transport *const transports[SIDES] = {&tcp_transport, &udp_transport};

struct side {
    struct echo_server *server;
    struct pool *pool;
};

static void release(struct side *sides) {
    for (int i = 0; i < SIDES; i++) {
        if (sides[i].pool != NULL) pool_stop(sides[i].pool, NULL);
        transports[i]->server->release(sides[i].server);
        sides[i] = (struct side){0};
    }
}

/* The second transport takes the port number that the first one got. */
static int listen_both(struct side *sides, const struct echo_server_options *wanted,
                       struct echo_address *address) {
    *address = wanted->address;
    for (int i = 0; i < SIDES; i++) {
        struct echo_server_options options = *wanted;
        options.address = *address;
        int failed = transports[i]->server->listen(&sides[i].server, &options);
        if (failed == 0) failed = echo_address_of_socket(address, sides[i].server->socket);
        if (failed == 0) continue;
        release(sides);
        return failed;
    }
    return 0;
}

/* A port that is free for the first may be taken for the second: where any will do, try again. */
static int listen_somewhere(struct side *sides, const struct echo_server_options *wanted,
                            struct echo_address *address) {
    int failed = -EADDRINUSE;
    for (int tries = 0; tries < PORT_TRIES && failed == -EADDRINUSE; tries++) {
        failed = listen_both(sides, wanted, address);
        if (echo_address_port(&wanted->address) != 0) break;
    }
    return failed;
}

static int start_pools(struct side *sides) {
    for (int i = 0; i < SIDES; i++) {
        const struct pool_options options = {.server = sides[i].server};
        const int failed = pool_start(&sides[i].pool, &options);
        if (failed != 0) return failed;
    }
    return 0;
}

static int cannot_listen(const struct echo_address *address, int failed) {
    char text[ECHO_ADDRESS_TEXT];
    (void)echo_address_text(address, text);
    if (failed == -EADDRINUSE) {
        return complain("cannot listen on %s: the port is taken; stop the other server or choose "
                        "another with --port",
                        text);
    }
    return complain("cannot listen on %s: %s", text, strerror(-failed));
}

int command_serve(const struct options *options) {
    struct side sides[SIDES] = {{0}};
    struct echo_server_options wanted = {
        .sockets = options->workers,
        .raw = options->raw,
        .delay_ns = options->delay_ns,
        .dedup = options->dedup,
        .fastopen =
            true, /* any client may ask for a cookie; nothing changes for those who do not */
    };
    const int unknown = echo_address_find(&wanted.address, options->host, options->port);
    if (unknown != 0)
        return complain("no address for --host %s: %s", options->host, gai_strerror(unknown));
    if (options->raw && !echo_address_is_loopback(&wanted.address)) {
        return complain("--raw answers anything, so it listens on loopback only; leave out --host");
    }

    /* Blocked before any thread starts, so that all inherit it and sigwait gets them. */
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);

    struct echo_address address;
    int failed = listen_somewhere(sides, &wanted, &address);
    if (failed != 0) return cannot_listen(&wanted.address, failed);
    failed = start_pools(sides);
    if (failed != 0) {
        release(sides);
        return complain("cannot start serving: %s", strerror(-failed));
    }
    char text[ECHO_ADDRESS_TEXT];
    printf("echolab: listening on %s (tcp and udp)\n", echo_address_text(&address, text));
    (void)fflush(stdout);
    int number;
    (void)sigwait(&ends, &number);
    release(sides);
    return EXIT_DONE;
}
