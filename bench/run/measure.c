/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/measure.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/link/namespace.h"
#include "bench/measure/system.h"
#include "bench/run/status.h"
#include "echo/clock.h"

enum { SERIES_MAX = 100000 }; /* messages whose times a result holds */

/*
 * Whoever came here by sudo gets a private network with root's rights and
 * measures with their own.
 */
static int drop_privileges(void) {
    uid_t uid;
    gid_t gid;
    if (!system_caller(&uid, &gid)) return 0;
    if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(uid) != 0) return -errno;
    /* Changing the user has cleared this wish (prctl(2)). */
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 ? 0 : -errno;
}

static int done_or(int failed, const char *what) {
    return failed == 0 ? EXIT_DONE : complain("%s: %s", what, strerror(-failed));
}

static int prepare_network(struct measure *m) {
    const bool entered = !m->asked->shared_network && profile_enter(m->asked->profile) == 0;
    const int failed = m->asked->placement == PLACEMENT_AWAKE ? placement_keep_awake() : 0;
    m->run->network = entered ? NETWORK_PRIVATE : NETWORK_HOST;
    return done_or(failed < 0 ? failed : 0, "awake holds /dev/cpu_dma_latency (try sudo)");
}

/* The network is made, the wire is laid: the rest needs no rights. */
static int become_caller(struct measure *m) {
    (void)m;
    return done_or(drop_privileges(), "cannot go back to the caller's user");
}

static int plan_ports(struct measure *m) {
    const struct parameters *o = m->asked;
    struct ports *ports = &m->run->ports;
    *ports = ports_budget(o, o->warmup_ns + o->duration_ns);
    /* Only the loopback has addresses to spare. */
    if (o->wire || (o->host != NULL && !echo_address_is_loopback(&m->client.server)))
        ports->sources = 0;
    m->client.sources = ports->sources;
    if (ports->sources > 0) (void)echo_address_find(&m->client.source, "127.0.0.2", 0);
    return EXIT_DONE;
}

static int lay_wire(struct measure *m) {
    const struct parameters *o = m->asked;
    if (!o->wire) return EXIT_DONE;
    if (m->run->network != NETWORK_PRIVATE) {
        return complain("a wire needs a private network, which the system denies; "
                        "`sudo echolab ...` would do");
    }
    struct placement_cpus apart;
    const bool two = placement_choose(&apart, PLACEMENT_CROSS_CORE) == 0;
    const struct wire_rule rule = {
        .kind = (int)o->drop.kind, .direction = (int)o->drop.direction, .nth = o->drop.nth};
    const struct wire_options wanted = {
        .rtt_ns = (int64_t)o->rtt_ns,
        .loss_percent = o->loss_percent,
        .seed = o->seed,
        .mtu_bytes = o->mtu_bytes,
        .cpu = two ? apart.client : -1, /* beside client and server, not between them */
        .capture_path = o->pcap,
        .trace_packets = o->pcap != NULL ? 100000 : 0,
        .rules = &rule,
        .rule_count = o->drop.nth > 0 ? 1 : 0};
    const int failed = wire_start(&m->wire, &wanted);
    m->laid = failed == 0;
    if (failed == 0) return EXIT_DONE;
    return complain("cannot lay the wire (%s): %s", m->wire.failed_at, strerror(-failed));
}

/* Waits for the last packets, FINs and ACKs, and counts. */
static int take_up_wire(struct measure *m) {
    const uint64_t quiet_ns = m->asked->rtt_ns + 50000000; /* an RTT and a delayed ACK */
    if (!m->laid) return EXIT_DONE;
    (void)wire_settle(&m->wire, quiet_ns, 4 * quiet_ns + 1000000000);
    const int failed = wire_stop(&m->wire, &m->packets);
    if (failed == 0 && m->packets.capture_failed) {
        return complain("cannot write %s whole: is the disk full?", m->asked->pcap);
    }
    return failed == 0 ? EXIT_DONE : complain("the wire's process died");
}

static int start_server(struct measure *m) {
    const struct parameters *o = m->asked;
    const bool spin = o->placement == PLACEMENT_SPIN;
    struct design_options wanted = {.transport = o->variant->transport,
                                    .server = o->variant->server,
                                    .cpu = m->cpus.server,
                                    .spin = spin,
                                    .design = o->design,
                                    .workers = o->workers,
                                    .idle_timeout_ns = o->idle_timeout_ns,
                                    .floor = o->role == ROLE_FLOOR ? &m->client : NULL,
                                    .many = o->engine == ENGINE_EPOLL,
                                    .floor_threads = o->connections};
    wanted.server.nonblocking = spin;
    wanted.server.growing = true;
    wanted.server.delay_ns = o->delay_ns;
    wanted.server.dedup = o->dedup;
    const char *host = m->laid ? WIRE_SERVER_HOST : "127.0.0.1";
    (void)echo_address_find(&wanted.server.address, host, 0);
    const int failed = server_process_start(&m->server, &wanted);
    if (failed != 0) return done_or(failed, "the server did not start");
    m->client.server = m->server.address;
    if (m->laid) {
        const uint16_t port = echo_address_port(&m->server.address);
        wire_set_port(&m->wire, port);
        (void)echo_address_find(&m->client.server, WIRE_CLIENT_TARGET, port);
    }
    return EXIT_DONE;
}

static int choose_cpus(struct measure *m) {
    const enum placement placement = m->asked->placement;
    const int failed = placement_choose(&m->cpus, placement);
    if (failed == -ENODEV) {
        return complain("%s needs two CPUs and there is one; same-core works",
                        placement_names[placement]);
    }
    return done_or(failed, "cannot choose a CPU");
}

/* After the server has been forked, which has its own place. */
static int take_place(struct measure *m) {
    return done_or(placement_pin(m->cpus.client), "cannot stay on one CPU");
}

static int find_host(struct measure *m) {
    const char *host = m->asked->host;
    m->run->network = NETWORK_REMOTE;
    const int failed = echo_address_parse(&m->client.server, host);
    return failed == 0 ? EXIT_DONE
                       : complain("--host %s: %s", host, echo_address_problem(failed));
}

/* A server that hangs for a while, and goes on: a fault whose length is known. */
static void *stall_server(void *argument) {
    const struct measure *m = argument;
    const struct parameters *o = m->asked;
    const uint64_t middle_ns = o->warmup_ns + o->duration_ns / 2 - o->stall_ns / 2;
    echo_clock_sleep_until(echo_clock_ns() + middle_ns);
    (void)kill(m->server.pid, SIGSTOP);
    echo_clock_sleep_until(echo_clock_ns() + o->stall_ns);
    (void)kill(m->server.pid, SIGCONT);
    return NULL;
}

static bool on_loopback(const struct parameters *o) {
    return !o->wire && o->host == NULL;
}

/* Each connection costs a descriptor here and one in the server, whose limit is the same. */
/* What runs before left in TIME_WAIT would make connect search, and run into the rest. */
static int wait_for_ports(struct measure *m) {
    const struct ports *ports = &m->run->ports;
    const uint16_t port = echo_address_port(&m->client.server);
    const uint64_t look_ns = 200000000, until_ns = echo_clock_ns() + UINT64_C(65000000000);
    uint64_t held;
    if (!m->asked->variant->holds_ports || ports->sources > 0) return EXIT_DONE;
    while ((held = counters_time_wait(port).client) > ports->range / 2) {
        if (echo_clock_ns() > until_ns) {
            return complain("%llu of %u local ports are still in TIME_WAIT to %s: stop what else "
                            "connects there, or ask for fewer messages",
                            (unsigned long long)held, ports->range, m->asked->host);
        }
        echo_clock_sleep_until(echo_clock_ns() + look_ns);
    }
    return EXIT_DONE;
}

static int check_limits(struct measure *m) {
    const struct parameters *o = m->asked;
    const unsigned all = o->connections + o->idle + o->silent;
    /* On the loopback those beside the load have addresses of their own: see open_some. */
    const unsigned ported = on_loopback(o) ? o->connections : all;
    if (all > beside_most()) {
        return complain("%u connections at once are more than the limit of open files (ulimit -Hn) "
                        "allows, %u; raise it with `ulimit -n` as root, or ask for fewer",
                        all, beside_most());
    }
    if (ported > ports_range() && m->client.sources == 0) {
        return complain("%u connections at once are more than there are local ports to one "
                        "address, %u (net.ipv4.ip_local_port_range); ask for fewer",
                        ported, ports_range());
    }
    design_raise_descriptors();
    return EXIT_DONE;
}

static int open_some(const struct measure *m, struct beside *beside, unsigned count,
                     const char *kind) {
    struct echo_client_options client = m->client;
    client.patience_ns = m->asked->deadline_ns;
    if (on_loopback(m->asked)) {
        (void)echo_address_find(&client.source, "127.0.0.2", 0);
        client.sources = 1 + ports_sources(count);
    }
    const int failed = beside_open(beside, m->asked->variant->transport, &client, count);
    if (failed == 0) return EXIT_DONE;
    return complain("only %u of %u %s connections could be opened: %s", beside->count, count, kind,
                    strerror(-failed));
}

/*
 * Whoever is silent was there first: a server that serves one at a time waits
 * for him. What the idle ones take is measured when the server has them all.
 */
static int open_beside(struct measure *m) {
    const struct parameters *o = m->asked;
    const pid_t server = m->server.pid;
    const bool measures = o->idle > 0 && server > 0;
    if (o->role == ROLE_FLOOR) return EXIT_DONE; /* it serves as many as the load has */
    int status = open_some(m, &m->silent, o->silent, "silent");
    if (measures) m->memory[0] = beside_memory(server);
    if (status == EXIT_DONE) status = open_some(m, &m->idle, o->idle, "idle");
    if (!measures || status != EXIT_DONE) return status;
    (void)beside_settle(server);
    m->memory[1] = beside_memory(server);
    return EXIT_DONE;
}

static int load(struct measure *m, struct load_result **result) {
    const struct parameters *o = m->asked;
    const uint16_t port = echo_address_port(&m->client.server);
    const bool ours = m->server.pid > 0;
    const struct load_schedule schedule = {.per_s = o->rate_per_s,
                                           .fixed = o->arrivals == ARRIVALS_FIXED,
                                           .seed = o->seed,
                                           .own = o->assign == ASSIGN_CONNECTION,
                                           .oldest = o->assign == ASSIGN_LRU,
                                           .sleeps = o->placement == PLACEMENT_SAME_CORE,
                                           .keeps_series = o->series,
                                           .series_max = SERIES_MAX};
    const struct load_options wanted = {
        .transport = o->variant->transport,
        .client = m->client,
        .many = o->engine == ENGINE_EPOLL,
        .schedule = o->rate_per_s > 0 ? &schedule : NULL,
        .gap_ns = o->gap_ns,
        .waiting = o->placement == PLACEMENT_SPIN ? EXCHANGE_SPIN : EXCHANGE_BLOCK,
        .connections = o->connections,
        .warmup_ns = o->warmup_ns,
        .duration_ns = o->duration_ns,
        .messages = o->messages,
        .deadline_ns = o->deadline_ns,
        .wire = m->laid ? m->wire.pid : 0,
        /* What the children of a forking server take is not counted to its process. */
        .server = ours && o->design != DESIGN_FORK ? m->server.pid : -1};
    struct counters before;
    pthread_t stall;
    m->run->time_wait[0] = counters_time_wait(port);
    counters_read(&before);
    const bool stalls =
        o->stall_ns > 0 && ours && pthread_create(&stall, NULL, stall_server, m) == 0;
    const int failed =
        o->role == ROLE_FLOOR ? load_floor(result, &wanted) : load_run(result, &wanted);
    if (stalls) (void)pthread_join(stall, NULL);
    counters_read(&m->counters);
    counters_subtract(&m->counters, &before);
    m->run->time_wait[1] = counters_time_wait(port);
    /* Late replies are not to meet the run that comes next: the path falls silent. */
    if (o->host != NULL && failed == 0 && (*result)->lost > 0)
        echo_clock_sleep_until(echo_clock_ns() + o->deadline_ns);
    if (failed == -E2BIG) {
        return complain("%.0f requests a second are more than %d in this time, which a schedule "
                        "holds: lower --rate or --duration",
                        o->rate_per_s, SCHEDULE_MAX);
    }
    return done_or(failed, "the load did not run");
}

/* ---- where the server comes from ---- */

/*
 * What stands before the load and behind it: the network, the wire, the
 * server. `stop` is called once, also after a start that failed.
 */
struct server_source {
    int (*start[9])(struct measure *m); /* in this order, up to NULL */
    int (*stop)(struct measure *m);
};

static int stop_at_home(struct measure *m) {
    const int status = take_up_wire(m);
    if (m->server.pid <= 0 || server_process_stop(&m->server, m->counts) == 0) return status;
    return complain("the server of the run died");
}

/* One that runs already, whoever started it. */
static int leave_server(struct measure *m) {
    (void)m;
    return EXIT_DONE;
}

static const struct server_source at_home = {{prepare_network, choose_cpus, plan_ports,
                                              check_limits, lay_wire, become_caller, start_server,
                                              take_place},
                                             stop_at_home};
static const struct server_source elsewhere = {
    {find_host, plan_ports, wait_for_ports, check_limits}, leave_server};

static int run_with(struct measure *m) {
    const struct server_source *source = m->asked->host == NULL ? &at_home : &elsewhere;
    struct load_result *result = NULL;
    int status = EXIT_DONE;
    for (int i = 0; status == EXIT_DONE && source->start[i] != NULL; i++) {
        status = source->start[i](m);
    }
    if (status == EXIT_DONE) status = open_beside(m);
    if (status == EXIT_DONE) status = load(m, &result);
    beside_close(&m->idle);
    beside_close(&m->silent);
    const int stopped = source->stop(m);
    if (status == EXIT_DONE) status = stopped;
    if (status == EXIT_DONE) outcome_fill(m, result);
    load_free(result);
    return status;
}

int measure_run(const struct parameters *asked, struct run **run) {
    uint8_t *payload = parameters_payload(asked);
    struct measure m = {.asked = asked,
                        .run = run_new(),
                        .client = parameters_client(asked, payload),
                        .cpus = {.client = -1, .server = -1}};
    int status = EXIT_FAILED;
    if (payload == NULL || m.run == NULL) {
        (void)complain("no memory for a run of %u bytes", asked->size_bytes);
    } else {
        m.run->asked = *asked;
        status = run_with(&m);
    }
    if (m.laid) wire_release(&m.wire);
    free(payload);
    if (status == EXIT_DONE)
        *run = m.run;
    else
        run_free(m.run);
    return status;
}
