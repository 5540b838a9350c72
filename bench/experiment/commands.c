/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab serve: both transports on one port number, until a signal ends it; and send. */
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/load/load.h"
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

int command_serve(const struct request *request) {
    struct design_server *servers[SIDES];
    char text[ECHO_ADDRESS_TEXT];
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
    static atomic_long memory = 64L << 20; /* beyond loopback anybody may come */
    struct echo_address *where = &wanted.server.address;
    const int unknown = echo_address_find(where, request->listen, (uint16_t)request->port);
    if (unknown != 0)
        return complain("no address for --host %s: %s", request->listen, gai_strerror(unknown));
    if (request->raw && !echo_address_is_loopback(where))
        return complain("--raw answers anything, so it listens on loopback only; leave out --host");

    if (!echo_address_is_loopback(where)) wanted.server.memory = &memory;
    /* What was needed for a while goes back to the system: glibc learns otherwise. */
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 17);

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
    if (failed != 0)
        return complain("cannot listen on %s: %s", echo_address_text(where, text),
                        failed == -EADDRINUSE ? "the port is taken; stop the other server or "
                                                "choose another with --port"
                                              : strerror(-failed));
    /* The usual line is what scripts wait for, so only what is not usual adds to it. */
    printf("echolab: listening on %s (tcp and udp)", echo_address_text(&address, text));
    if (request->run.design != DESIGN_POOL) printf(", %s", design_names[request->run.design]);
    if (request->run.workers > 1) printf(", %u workers", request->run.workers);
    putchar('\n');
    (void)fflush(stdout);
    int number;
    (void)sigwait(&ends, &number);
    for (int i = 0; i < SIDES; i++) design_stop(servers[i], NULL);
    return EXIT_DONE;
}

static int tell(const struct request *request, const struct load_result *result) {
    const double elapsed_s = (double)(result->end_ns - result->start_ns) / 1e9;
    const uint64_t p50_ns = distribution_of(&result->durations[LOAD_LATENCY]).p50_ns;
    char median[32] = "- (too few samples)";
    if (p50_ns != FIELD_UNKNOWN)
        (void)snprintf(median, sizeof median, "%.2f us", (double)p50_ns / 1e3);
    printf("%s: %llu of %llu messages answered in %.6f s, %.0f per second, p50 %s; "
           "lost %llu, failed %llu\n",
           request->variants[0]->name, (unsigned long long)result->ok,
           (unsigned long long)result->sent, elapsed_s,
           elapsed_s > 0 ? (double)result->ok / elapsed_s : 0, median,
           (unsigned long long)result->lost, (unsigned long long)result->failed);
    return result->ok == result->sent ? EXIT_DONE : EXIT_FAILED;
}

/* A fixed number of messages to a server that runs already. */
int command_send(const struct request *request) {
    struct parameters asked = request->run;
    asked.variant = request->variants[0];
    uint8_t *payload = parameters_payload(&asked);
    if (payload == NULL) return complain("no memory for a payload of %u bytes", asked.size_bytes);
    struct load_options wanted = {.transport = asked.variant->transport,
                                  .client = parameters_client(&asked, payload),
                                  .many = asked.engine == ENGINE_EPOLL,
                                  .connections = asked.connections,
                                  .warmup_ns = asked.warmup_ns,
                                  .messages = asked.messages,
                                  .deadline_ns = asked.deadline_ns,
                                  .server = -1,
                                  .interrupted = &interrupted};
    struct load_result *result = NULL;
    int status, failed = echo_address_parse(&wanted.client.server, asked.host);
    if (failed != 0) {
        status = complain("--host %s: %s", asked.host, echo_address_problem(failed));
    } else {
        interrupt_catch();
        failed = load_run(&result, &wanted);
        status =
            failed != 0 ? complain("cannot send: %s", strerror(-failed)) : tell(request, result);
    }
    load_free(result);
    free(payload);
    return interrupted ? EXIT_INTERRUPTED : status;
}
