/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One run: its own network, its own server process, one load, one JSON object.
 * compare starts each of its runs as a process of this, so that no run sees
 * the memory, the ports or the counters of another.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "bench/commands.h"
#include "bench/link/namespace.h"
#include "bench/load/closed.h"
#include "bench/load/server_process.h"
#include "bench/report/result.h"

struct run {
    const struct options *options;
    struct echo_client_options client;
    struct placement_cpus cpus;
    const char *network;
    struct server_process server;
    uint64_t counts[ECHO_COUNTS];
};

static int start_server(struct run *run) {
    const struct options *options = run->options;
    const bool spin = options->placement == PLACEMENT_SPIN;
    struct server_process_options wanted = {
        .transport = options->variants[0]->transport,
        .server = {.nonblocking = spin, .growing = true},
        .cpu = run->cpus.server,
        .spin = spin,
        .floor = options->role == ROLE_FLOOR ? &run->client : NULL,
        .floor_threads = options->connections,
    };
    (void)echo_address_find(&wanted.server.address, "127.0.0.1", 0);
    const int failed = server_process_start(&run->server, &wanted);
    if (failed != 0) return complain("the server did not start: %s", strerror(-failed));
    run->client.server = run->server.address;
    return EXIT_DONE;
}

static int choose_cpus(struct run *run) {
    const enum placement placement = run->options->placement;
    const int failed = placement_choose(&run->cpus, placement);
    if (failed == -ENODEV) {
        return complain("%s needs two CPUs and there is one; same-core works",
                        placement_names[placement]);
    }
    return failed == 0 ? EXIT_DONE : complain("cannot choose a CPU: %s", strerror(-failed));
}

/* After the server has been forked, which has its own place. */
static int take_place(const struct run *run) {
    const int failed = placement_pin(run->cpus.client);
    return failed == 0 ? EXIT_DONE : complain("cannot stay on one CPU: %s", strerror(-failed));
}

static int find_host(struct run *run) {
    const char *host = run->options->host;
    run->network = "remote";
    const int failed = echo_address_parse(&run->client.server, host);
    if (failed == -EINVAL) return complain("--host %s: the port must be 1 to 65535", host);
    return failed == 0 ? EXIT_DONE : complain("--host %s: no such host", host);
}

static int load(const struct run *run, struct load_result **result) {
    const struct options *options = run->options;
    const struct load_options wanted = {
        .transport = options->variants[0]->transport,
        .client = run->client,
        .waiting = options->placement == PLACEMENT_SPIN ? EXCHANGE_SPIN : EXCHANGE_BLOCK,
        .connections = options->connections,
        .warmup_ns = options->warmup_ns,
        .duration_ns = options->duration_ns,
        .messages = options->messages,
        .deadline_ns = options->deadline_ns,
        .server = run->server.pid > 0 ? run->server.pid : -1,
    };
    const bool floor = options->role == ROLE_FLOOR;
    const int failed = floor ? load_floor(result, &wanted) : load_closed(result, &wanted);
    return failed == 0 ? EXIT_DONE : complain("the load did not run: %s", strerror(-failed));
}

static int print(const struct run *run, const struct load_result *result) {
    const struct result_context context = {.options = run->options,
                                           .load = result,
                                           .cpus = &run->cpus,
                                           .network = run->network,
                                           .server_counts =
                                               run->server.pid > 0 ? run->counts : NULL};
    json_t *object = result_of_run(&context);
    const int failed = object == NULL ? -1 : json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
    (void)putchar('\n');
    return failed == 0 ? EXIT_DONE : complain("cannot write the result of the run");
}

static int run_here(struct run *run) {
    int status = EXIT_DONE;
    if (run->options->host != NULL) {
        status = find_host(run);
    } else {
        run->network = namespace_enter() == 0 ? "private" : "host";
        status = choose_cpus(run);
        if (status == EXIT_DONE) status = start_server(run);
        if (status == EXIT_DONE) status = take_place(run);
    }
    if (status != EXIT_DONE) return status;
    struct load_result *result = NULL;
    status = load(run, &result);
    if (run->server.pid > 0 && server_process_stop(&run->server, run->counts) != 0) {
        status = complain("the server of the run died");
    }
    if (status == EXIT_DONE) status = print(run, result);
    free(result);
    return status;
}

int command_run(const struct options *options) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    uint8_t *payload = make_payload(options);
    if (payload == NULL)
        return complain("no memory for a payload of %u bytes", options->size_bytes);
    struct run run = {.options = options,
                      .client = client_options(options, payload),
                      .cpus = {.client = -1, .server = -1}};
    const int status = run_here(&run);
    free(payload);
    return status;
}
