/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One run: its own network, its own server process, one load, one JSON object.
 * compare starts each of its runs as a process of this, so that no run sees
 * the memory, the ports or the counters of another.
 */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/cli/commands.h"
#include "bench/link/namespace.h"
#include "bench/link/profile.h"
#include "bench/link/wire.h"
#include "bench/load/beside.h"
#include "bench/load/load.h"
#include "bench/load/schedule.h"
#include "bench/run/caller.h"
#include "bench/run/result.h"
#include "bench/serve/server_process.h"
#include "echo/clock.h"

enum { SERIES_MAX = 100000 }; /* messages whose times a result holds */

struct run {
    const struct options *options;
    struct echo_client_options client;
    struct placement_cpus cpus;
    const char *network;
    struct server_process server;
    uint64_t counts[ECHO_COUNTS];
    struct counters counters;
    struct profile_values settings;
    struct ports ports;
    struct time_wait time_wait[2];
    struct wire wire; /* laid when options->wire */
    bool laid;
    struct wire_report packets;
    struct beside silent, idle;
    struct beside_memory memory[2]; /* before and after the idle ones were opened */
};

/*
 * Whoever came here by sudo gets a private network with root's rights and
 * measures with their own.
 */
static int drop_privileges(void) {
    uid_t uid;
    gid_t gid;
    if (!caller_find(&uid, &gid)) return 0;
    if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) return -errno;
    /* Changing the user has cleared this wish (prctl(2)). */
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : -errno;
}

static int prepare_network(struct run *run) {
    struct profile_values host;
    profile_read(&host);
    const bool entered = !run->options->shared_network && namespace_enter() == 0;
    run->network = entered ? "private" : "host";
    if (entered) profile_apply(run->options->profile, &host);
    profile_read(&run->settings);
    if (run->options->placement == PLACEMENT_AWAKE) {
        const int failed = placement_keep_awake();
        if (failed != 0) {
            return complain("awake holds /dev/cpu_dma_latency, which failed: %s; try sudo",
                            strerror(-failed));
        }
    }
    return EXIT_DONE;
}

/* The network is made, the wire is laid: the rest needs no rights. */
static int become_caller(void) {
    const int failed = drop_privileges();
    return failed == 0 ? EXIT_DONE
                       : complain("cannot go back to the caller's user: %s", strerror(-failed));
}

static void plan_ports(struct run *run) {
    const struct options *o = run->options;
    run->ports = ports_budget(o->variants[0], o->messages, o->warmup_ns + o->duration_ns);
    /* Only the loopback has addresses to spare. */
    if (o->wire || o->host != NULL) run->ports.sources = 0;
    run->client.sources = run->ports.sources;
    if (run->ports.sources > 0) (void)echo_address_find(&run->client.source, "127.0.0.2", 0);
}

static int lay_wire(struct run *run) {
    const struct options *o = run->options;
    if (!o->wire) return EXIT_DONE;
    if (strcmp(run->network, "private") != 0) {
        return complain("a wire needs a private network, which the system denies; "
                        "`sudo echolab ...` would do");
    }
    struct placement_cpus apart;
    const bool two = placement_choose(&apart, PLACEMENT_CROSS_CORE) == 0;
    const struct wire_rule rule = {
        .kind = (int)o->drop[0] - 1, .direction = (int)o->drop[1] - 1, .nth = o->drop[2]};
    const struct wire_options wanted = {
        .rtt_ns = (int64_t)o->rtt_ns,
        .loss_percent = o->loss_percent,
        .seed = o->seed,
        .mtu_bytes = o->mtu_bytes,
        .cpu = two ? apart.client : -1, /* beside client and server, not between them */
        .capture_path = o->pcap,
        .trace_packets = o->pcap != NULL ? 1000 : 0,
        .rules = &rule,
        .rule_count = o->drop[0] > 0 ? 1 : 0,
    };
    const int failed = wire_start(&run->wire, &wanted);
    run->laid = failed == 0;
    if (failed == 0) return EXIT_DONE;
    return complain("cannot lay the wire (%s): %s", run->wire.failed_at, strerror(-failed));
}

/* Waits for the last packets, FINs and ACKs, and counts. */
static int take_up_wire(struct run *run) {
    const uint64_t quiet_ns = run->options->rtt_ns + 50000000; /* an RTT and a delayed ACK */
    if (!run->laid) return EXIT_DONE;
    (void)wire_settle(&run->wire, quiet_ns, 4 * quiet_ns + 1000000000);
    const int failed = wire_stop(&run->wire, &run->packets);
    if (failed == 0 && run->packets.capture_failed) {
        return complain("cannot write %s whole: is the disk full?", run->options->pcap);
    }
    return failed == 0 ? EXIT_DONE : complain("the wire's process died");
}

static int start_server(struct run *run) {
    const struct options *options = run->options;
    const bool spin = options->placement == PLACEMENT_SPIN;
    struct server_process_options wanted = {
        .transport = options->variants[0]->transport,
        .server = options->variants[0]->server,
        .cpu = run->cpus.server,
        .spin = spin,
        .design = options->design,
        .workers = options->workers,
        .idle_timeout_ns = options->idle_timeout_ns,
        .floor = options->role == ROLE_FLOOR ? &run->client : NULL,
        .many = options->engine == ENGINE_EPOLL,
        .floor_threads = options->connections,
    };
    wanted.server.nonblocking = spin;
    wanted.server.growing = true;
    wanted.server.delay_ns = options->delay_ns;
    wanted.server.dedup = options->dedup;
    const char *host = run->laid ? WIRE_SERVER_HOST : "127.0.0.1";
    (void)echo_address_find(&wanted.server.address, host, 0);
    const int failed = server_process_start(&run->server, &wanted);
    if (failed != 0) return complain("the server did not start: %s", strerror(-failed));
    run->client.server = run->server.address;
    if (run->laid) {
        const uint16_t port = echo_address_port(&run->server.address);
        wire_set_port(&run->wire, port);
        (void)echo_address_find(&run->client.server, WIRE_CLIENT_TARGET, port);
    }
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
    plan_ports(run);
    const int failed = echo_address_parse(&run->client.server, host);
    if (failed == -EINVAL) return complain("--host %s: the port must be 1 to 65535", host);
    return failed == 0 ? EXIT_DONE : complain("--host %s: no such host", host);
}

/* A server that hangs for a while, and goes on: a fault whose length is known. */
static void *stall_server(void *argument) {
    const struct run *run = argument;
    const struct options *o = run->options;
    const uint64_t middle_ns = o->warmup_ns + o->duration_ns / 2 - o->stall_ns / 2;
    echo_clock_sleep_until(echo_clock_ns() + middle_ns);
    (void)kill(run->server.pid, SIGSTOP);
    echo_clock_sleep_until(echo_clock_ns() + o->stall_ns);
    (void)kill(run->server.pid, SIGCONT);
    return NULL;
}

static bool on_loopback(const struct options *o) {
    return !o->wire && o->host == NULL;
}

/* Each connection costs a descriptor here and one in the server, whose limit is the same. */
static int check_limits(const struct run *run) {
    const struct options *o = run->options;
    const unsigned all = o->connections + o->idle + o->silent;
    /* On the loopback those beside the load have addresses of their own: see open_some. */
    const unsigned ported = on_loopback(o) ? o->connections : all;
    if (all > beside_most()) {
        return complain("%u connections at once are more than the limit of open files (ulimit -Hn) "
                        "allows, %u; raise it with `ulimit -n` as root, or ask for fewer",
                        all, beside_most());
    }
    if (ported > ports_range() && run->client.sources == 0) {
        return complain("%u connections at once are more than there are local ports to one "
                        "address, %u (net.ipv4.ip_local_port_range); ask for fewer",
                        ported, ports_range());
    }
    design_raise_descriptors();
    return EXIT_DONE;
}

static int open_some(const struct run *run, struct beside *beside, unsigned count,
                     const char *kind) {
    struct echo_client_options client = run->client;
    client.patience_ns = run->options->deadline_ns;
    /* connect tries every second port first: beyond those it searches for ever longer. */
    if (on_loopback(run->options)) {
        (void)echo_address_find(&client.source, "127.0.0.2", 0);
        client.sources = 1 + count * 4 / ports_range();
    }
    const int failed = beside_open(beside, run->options->variants[0]->transport, &client, count);
    if (failed == 0) return EXIT_DONE;
    return complain("only %u of %u %s connections could be opened: %s", beside->count, count, kind,
                    strerror(-failed));
}

/*
 * Whoever is silent was there first: a server that serves one at a time waits
 * for him. What the idle ones take is measured when the server has them all.
 */
static int open_beside(struct run *run) {
    const struct options *o = run->options;
    const pid_t server = run->server.pid;
    const bool measures = o->idle > 0 && server > 0;
    if (o->role == ROLE_FLOOR) return EXIT_DONE; /* it serves as many as the load has */
    int status = open_some(run, &run->silent, o->silent, "silent");
    if (measures) run->memory[0] = beside_memory(server);
    if (status == EXIT_DONE) status = open_some(run, &run->idle, o->idle, "idle");
    if (!measures || status != EXIT_DONE) return status;
    (void)beside_settle(server);
    run->memory[1] = beside_memory(server);
    return EXIT_DONE;
}

static void close_beside(struct run *run) {
    beside_close(&run->idle);
    beside_close(&run->silent);
}

static int load(struct run *run, struct load_result **result) {
    const struct options *options = run->options;
    const struct load_schedule schedule = {
        .per_s = options->rate_per_s,
        .fixed = options->arrivals == ARRIVALS_FIXED,
        .seed = options->seed,
        .own = options->assign == ASSIGN_CONNECTION,
        .sleeps = options->placement == PLACEMENT_SAME_CORE,
        .keeps_series = options->series,
        .series_max = SERIES_MAX,
    };
    const struct load_options wanted = {
        .transport = options->variants[0]->transport,
        .client = run->client,
        .many = options->engine == ENGINE_EPOLL,
        .schedule = options->rate_per_s > 0 ? &schedule : NULL,
        .gap_ns = options->gap_ns,
        .waiting = options->placement == PLACEMENT_SPIN ? EXCHANGE_SPIN : EXCHANGE_BLOCK,
        .connections = options->connections,
        .warmup_ns = options->warmup_ns,
        .duration_ns = options->duration_ns,
        .messages = options->messages,
        .deadline_ns = options->deadline_ns,
        /* What the children of a forking server take is not counted to its process. */
        .server = run->server.pid > 0 && options->design != DESIGN_FORK ? run->server.pid : -1,
    };
    const bool floor = options->role == ROLE_FLOOR;
    const uint16_t port = echo_address_port(&run->client.server);
    struct counters before;
    run->time_wait[0] = counters_time_wait(port);
    counters_read(&before);
    pthread_t stall;
    const bool stalls = options->stall_ns > 0 && run->server.pid > 0 &&
                        pthread_create(&stall, NULL, stall_server, run) == 0;
    const int failed = floor ? load_floor(result, &wanted) : load_run(result, &wanted);
    if (stalls) (void)pthread_join(stall, NULL);
    counters_read(&run->counters);
    counters_subtract(&run->counters, &before);
    run->time_wait[1] = counters_time_wait(port);
    if (failed == -E2BIG) {
        return complain("%.0f requests a second are more than %d in this time, which a schedule "
                        "holds: lower --rate or --duration",
                        options->rate_per_s, SCHEDULE_MAX);
    }
    return failed == 0 ? EXIT_DONE : complain("the load did not run: %s", strerror(-failed));
}

static int print(const struct run *run, const struct load_result *result) {
    const bool ours = run->server.pid > 0;
    const struct result_context context = {
        .options = run->options,
        .load = result,
        .cpus = &run->cpus,
        .network = run->network,
        .server_counts = ours ? run->counts : NULL,
        .counters = &run->counters,
        .settings = ours ? &run->settings : NULL,
        .ports = &run->ports,
        .time_wait = ours ? run->time_wait : NULL,
        .wire = run->laid ? &run->packets : NULL,
        .idle = run->memory[0].server > 0 ? run->memory : NULL,
    };
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
        if (status == EXIT_DONE) status = check_limits(run);
    } else {
        status = prepare_network(run);
        if (status == EXIT_DONE) status = choose_cpus(run);
        plan_ports(run);
        if (status == EXIT_DONE) status = check_limits(run);
        if (status == EXIT_DONE) status = lay_wire(run);
        if (status == EXIT_DONE) status = become_caller();
        if (status == EXIT_DONE) status = start_server(run);
        if (status == EXIT_DONE) status = take_place(run);
    }
    if (status != EXIT_DONE) return status;
    struct load_result *result = NULL;
    status = open_beside(run);
    if (status == EXIT_DONE) status = load(run, &result);
    close_beside(run);
    const int taken_up = take_up_wire(run);
    if (status == EXIT_DONE) status = taken_up;
    if (run->server.pid > 0 && server_process_stop(&run->server, run->counts) != 0) {
        status = complain("the server of the run died");
    }
    if (status == EXIT_DONE) status = print(run, result);
    load_free(result);
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
    if (run.laid) wire_release(&run.wire);
    free(payload);
    return status;
}
