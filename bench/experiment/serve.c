/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab serve: both transports on one port number, until a signal ends it. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "tcp/transport.h"
#include "udp/transport.h"

enum { SIDES = 2, PORT_TRIES = 20 };

static const struct echo_transport *const transports[SIDES] = {&tcp_transport, &udp_transport};

/* The second transport takes the port number that the first one got. 0 or -errno: then none runs.
 */
static int start_both(struct design_server *servers[SIDES], struct design_options options,
                      struct echo_address *address) {
    for (int i = 0; i < SIDES; i++) {
        options.transport = transports[i];
        const int failed = design_start(&servers[i], &options, address);
        if (failed != 0 && i > 0) design_stop(servers[0], NULL);
        if (failed != 0) return failed;
        options.server.address = *address;
    }
    return 0;
}

static int cannot_listen(const struct echo_address *address, int failed) {
    char text[ECHO_ADDRESS_TEXT];
    return complain("cannot listen on %s: %s", echo_address_text(address, text),
                    failed == -EADDRINUSE
                        ? "the port is taken; stop the other server or choose another with --port"
                        : strerror(-failed));
}

/* The usual line is what scripts wait for, so only what is not usual adds to it. */
static void print_address(const struct echo_address *address, const struct request *request) {
    char text[ECHO_ADDRESS_TEXT];
    printf("echolab: listening on %s (tcp and udp)", echo_address_text(address, text));
    if (request->run.design != DESIGN_POOL) printf(", %s", design_names[request->run.design]);
    if (request->run.workers > 1) printf(", %u workers", request->run.workers);
    putchar('\n');
    (void)fflush(stdout);
}

int command_serve(const struct request *request) {
    struct design_server *servers[SIDES];
    struct design_options wanted = {
        .design = request->run.design,
        .server = {.receive_bytes = ECHO_RECEIVE_BYTES,
                   .raw = request->raw,
                   .delay_ns = request->run.delay_ns,
                   .dedup = request->run.dedup,
                   /* Any client may ask for a cookie; nothing changes for those who do not. */
                   .fastopen = true},
        .workers = request->run.workers,
        .idle_timeout_ns = request->run.idle_timeout_ns};
    struct echo_address *where = &wanted.server.address;
    const int unknown = echo_address_find(where, request->listen, (uint16_t)request->port);
    if (unknown != 0)
        return complain("no address for --host %s: %s", request->listen, gai_strerror(unknown));
    if (request->raw && !echo_address_is_loopback(where))
        return complain("--raw answers anything, so it listens on loopback only; leave out --host");

    /* Blocked before any thread starts, so that all inherit it and sigwait gets them. */
    sigset_t ends;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);

    design_raise_descriptors();
    struct echo_address address;
    int failed = -EADDRINUSE;
    /* A port that is free for the first may be taken for the second: where any will do, try again.
     */
    for (int tries = request->port == 0 ? PORT_TRIES : 1; tries > 0 && failed == -EADDRINUSE;
         tries--)
        failed = start_both(servers, wanted, &address);
    if (failed != 0) return cannot_listen(where, failed);
    print_address(&address, request);
    int number;
    (void)sigwait(&ends, &number);
    for (int i = 0; i < SIDES; i++) design_stop(servers[i], NULL);
    return EXIT_DONE;
}
