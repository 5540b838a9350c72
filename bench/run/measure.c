/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/run.h"

#include <errno.h>
#include <grp.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/link/namespace.h"
#include "bench/load/beside.h"
#include "bench/measure/system.h"
#include "bench/run/status.h"
#include "bench/serve/design.h"
#include "echo/clock.h"

enum { SERIES_MAX = 100000 }; /* messages whose times a result holds */

/* A run under way. */
struct measure {
    const struct parameters *asked;
    struct run *run; /* what comes of it */
    struct echo_client_options client;
    struct server_process server; /* its pid is 0 where it is not ours */
    uint64_t counts[ECHO_COUNTS];
    struct counters counters;
    struct wire wire;
    bool laid; /* the wire is */
    struct beside silent, idle;
    struct beside_memory memory[2]; /* before and after the idle ones were opened */
};

/* ---- what stands before the load ---- */

static int done_or(int failed, const char *what) {
    return failed == 0 ? EXIT_DONE : complain("%s: %s", what, strerror(-failed));
}

static int prepare_network(struct measure *m) {
    const bool entered = !m->asked->shared_network && profile_enter(m->asked->profile) == 0;
    const int failed = m->asked->placement == PLACEMENT_AWAKE ? placement_hold_awake() : 0;
    m->run->network = entered ? NETWORK_PRIVATE : NETWORK_HOST;
    return done_or(failed < 0 ? failed : 0, "awake holds /dev/cpu_dma_latency (try sudo)");
}

/* Once the wire is laid: whoever came here by sudo measures with their own rights. */
static int become_caller(struct measure *m) {
    uid_t uid;
    gid_t gid;
    (void)m;
    if (!system_caller(&uid, &gid)) return EXIT_DONE;
    /* Changing the user clears the wish to die with the parent (prctl(2)). */
    const bool done = setgroups(1, &gid) == 0 && setgid(gid) == 0 && setuid(uid) == 0 &&
                      prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    return done_or(done ? 0 : -errno, "cannot go back to the caller's user");
}

/* How many local ports connect chooses from: the range in force. */
static unsigned ports_range(void) {
    unsigned first, last;
    const char *path = "/proc/sys/net/ipv4/ip_local_port_range";
    if (!system_scan(path, 2, "%u %u", &first, &last)) return 60999 - 32768 + 1;
    return last < first ? 1 : last - first + 1;
}

static bool on_loopback(const struct parameters *o) {
    return !o->wire && o->host == NULL;
}

/*
 * Over how many addresses so many are to be spread; 0: one suffices. connect
 * tries every second port first and beyond those searches for ever longer: a
 * third of the range each keeps that out of the measurement.
 */
static unsigned addresses_for(uint64_t connections) {
    enum { MOST = 250 };
    const uint64_t addresses = connections * 3 / ports_range();
    return addresses == 0 ? 0 : addresses > MOST ? MOST : (unsigned)addresses + 1;
}

static int plan_ports(struct measure *m) {
    enum { TIME_WAIT_S = 60, LOOPBACK_REUSE_S = 1, CONNECTIONS_PER_S = 60000 };
    const struct parameters *o = m->asked;
    const double range = ports_range(), seconds = (double)(o->warmup_ns + o->duration_ns) / 1e9;
    const bool local =
        on_loopback(o) || (o->host != NULL && echo_address_is_loopback(&m->client.server));
    /* With a server that runs already it also meets what that keeps of fresh connections. */
    const bool fresh = o->host != NULL && o->variant->lifetime != ECHO_PERSISTENT;
    const double most = o->messages > 0 ? (double)o->messages : seconds * CONNECTIONS_PER_S;
    struct ports ports = {.loopback_per_s = NAN, .network_per_s = NAN};
    ports.sources =
        addresses_for(o->variant->holds_ports || fresh ? (uint64_t)most : o->connections);
    if (o->variant->holds_ports || ports.sources > 0) ports.range = (unsigned)range;
    if (o->variant->holds_ports) {
        ports.loopback_per_s = range / LOOPBACK_REUSE_S;
        ports.network_per_s = range / TIME_WAIT_S;
    }
    if (!local) ports.sources = 0; /* no other network has addresses to spare */
    m->run->ports = ports;
    m->client.sources = ports.sources;
    if (ports.sources > 0) (void)echo_address_find(&m->client.source, "127.0.0.2", 0);
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
    const struct wire_options wanted = {
        .rtt_ns = (int64_t)o->rtt_ns,
        .loss_percent = o->loss_percent,
        .seed = o->seed,
        .mtu_bytes = o->mtu_bytes,
        .cpu = two ? apart.client : -1, /* beside client and server, not between them */
        .capture_path = o->pcap,
        .trace_packets = o->pcap != NULL ? 100000 : 0,
        .drop = o->drop};
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
    const int failed = wire_stop(&m->wire);
    if (failed == 0 && m->wire.report->capture_failed) {
        return complain("cannot write %s whole: is the disk full?", m->asked->pcap);
    }
    return failed == 0 ? EXIT_DONE : complain("the wire's process died");
}

static int start_server(struct measure *m) {
    const struct parameters *o = m->asked;
    const bool spin = o->placement == PLACEMENT_SPIN;
    struct design_options wanted = {.design = o->design,
                                    .transport = o->variant->transport,
                                    .server = o->variant->server,
                                    .cpu = m->run->cpus.server,
                                    .spin = spin,
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
    const int failed = placement_choose(&m->run->cpus, placement);
    if (failed == -ENODEV) {
        return complain("%s needs two CPUs and there is one; same-core works",
                        placement_names[placement]);
    }
    return done_or(failed, "cannot choose a CPU");
}

/* After the server has been forked, which has its own place. */
static int take_place(struct measure *m) {
    return done_or(placement_pin(m->run->cpus.client), "cannot stay on one CPU");
}

static int find_host(struct measure *m) {
    const char *host = m->asked->host;
    m->run->network = NETWORK_REMOTE;
    const int failed = echo_address_parse(&m->client.server, host);
    return failed == 0 ? EXIT_DONE : complain("--host %s: %s", host, echo_address_problem(failed));
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

/* Each connection costs a descriptor here and one in the server, whose limit is the same. */
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
        client.sources = 1 + addresses_for(count);
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
    beside_settle(server);
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
        o->variant->transport, .client = m->client, .many = o->engine == ENGINE_EPOLL,
        .schedule = o->rate_per_s > 0 ? &schedule : NULL, .gap_ns = o->gap_ns,
        .waiting = o->placement == PLACEMENT_SPIN ? EXCHANGE_SPIN : EXCHANGE_BLOCK,
        .connections = o->connections, .warmup_ns = o->warmup_ns, .duration_ns = o->duration_ns,
        .messages = o->messages, .deadline_ns = o->deadline_ns, .wire = m->laid ? m->wire.pid : 0,
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

/* ---- from what the load and the kernel counted to a run ---- */

static void fill_errors(struct tallies *tallies, uint64_t errors[EXCHANGE_DONE][LOAD_ERRNOS]) {
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 1; j < LOAD_ERRNOS; j++) {
            char name[sizeof(struct tally)];
            if (errors[i][j] == 0) continue;
            (void)snprintf(name, sizeof name, "%s %s", exchange_phase_names[i], strerrorname_np(j));
            tallies_add(tallies, name, errors[i][j]);
        }
    }
}

static void fill_durations(struct run *run, const struct load_result *load) {
    struct distribution *const places[LOAD_DURATIONS] = {
        [LOAD_LATENCY] = &run->latency,   [LOAD_CYCLE] = &run->cycle,
        [LOAD_SERVICE] = &run->service,   [LOAD_CONNECT] = &run->connect,
        [LOAD_EXCHANGE] = &run->exchange, [LOAD_CLOSE] = &run->close};
    for (int i = 0; i < LOAD_DURATIONS; i++) *places[i] = distribution_of(&load->durations[i]);
    run->answered = run->latency;
    run->latency = distribution_with(&load->durations[LOAD_LATENCY], load->lost + load->failed,
                                     run->asked.deadline_ns);
    if (!run_is_floor(run)) run->samples = samples_of(&load->durations[LOAD_LATENCY]);
}

static void add_count(struct run *run, const char *before, const char *name, uint64_t count) {
    char whole[sizeof(struct tally)];
    (void)snprintf(whole, sizeof whole, "%s%s", before, name);
    tallies_add(&run->counters, whole, count);
}

static void fill_counters(struct run *run, const struct measure *m,
                          const struct load_result *load) {
    for (int i = 0; m->server.pid > 0 && i < ECHO_COUNTS; i++) {
        add_count(run, "server.", echo_count_names[i], m->counts[i]);
    }
    for (unsigned i = 0; i < load->counter_count; i++) {
        add_count(run, "client.", load->counters[i].name, load->counters[i].value);
    }
    for (unsigned i = 0; i < counter_count; i++) {
        add_count(run, "", counter_rows[i].name, m->counters.value[i]);
    }
    if (m->server.pid > 0) profile_read(&run->settings);
}

static double per(uint64_t messages, uint64_t calls) {
    const bool known = calls > 0 && calls != FIELD_UNKNOWN;
    return known ? (double)messages / (double)calls : (double)NAN;
}

/* What batching does, over the whole run: so that it is no unfair advantage in silence. */
static void fill_batching(struct run *run, const struct measure *m,
                          const struct load_result *load) {
    run->per_send = per(load->exchanges, run_counter(run, "client.send_calls"));
    run->per_receive = per(load->answered, run_counter(run, "client.receive_calls"));
    if (m->server.pid > 0) {
        run->server_per_receive = per(m->counts[ECHO_REQUESTS], m->counts[ECHO_RECEIVES]);
        run->server_per_send = per(m->counts[ECHO_REPLIES], m->counts[ECHO_SENDS]);
    }
    /* Requests and replies, in packets as they are on a wire: after segmentation. */
    if (m->laid) run->per_packet = per(2 * load->answered, run->wire.all.packets);
}

static void fill_wire(struct run *run, const struct measure *m, const struct load_result *load) {
    const struct wire_report *packets = m->wire.report;
    struct carried *wire = &run->wire;
    if (!m->laid) return;
    wire->known = true;
    memcpy(wire->by, packets->counts.by, sizeof wire->by);
    wire->foreign = packets->counts.foreign;
    wire->device_drops = packets->counts.device_drops;
    wire->all = wire_sum(&packets->counts);
    const size_t trace_bytes = packets->trace_count * sizeof *wire->trace;
    wire->trace = malloc(trace_bytes + 1);
    if (wire->trace != NULL) {
        memcpy(wire->trace, packets->trace, trace_bytes);
        wire->trace_count = packets->trace_count;
    }
    wire->one_way = distribution_of(&packets->delay);
    wire->late = distribution_of(&packets->late);
    wire->applied_rtt_ns = 2 * histogram_mean_ns(&packets->delay);
    /* Over the whole run, warm-up, opening and closing included. */
    if (m->asked->idle + m->asked->silent > 0) return;
    run->packets = per(wire->all.packets, load->exchanges);
    run->wire_bytes = per(wire->all.ip_bytes, load->exchanges);
}

static void fill_open(struct run *run, struct load_result *load, bool loses_packets) {
    struct load_open *open = &load->open;
    run->offered = open->offered;
    run->taken_up = open->taken_up;
    run->in_time = open->in_time;
    run->unsent = open->unsent;
    run->overloaded = load_is_overloaded(load, loses_packets);
    run->lateness = distribution_of(&open->lateness);
    run->series = open->series;
    run->series_count = open->series_count;
    open->series = NULL; /* it is the run's now */
}

static bool never_idles(const struct parameters *asked) {
    return asked->placement == PLACEMENT_SAME_CORE && !asked->wire && asked->gap_ns == 0 &&
           !(asked->rate_per_s > 0) && asked->host == NULL;
}

/*
 * On one core of which one side always has something to do, what neither took
 * was taken by others. Elsewhere it is the worst side's wait for others.
 */
static double disturbed_share(const struct run *run) {
    const struct side_time *sides[] = {&run->client_side, &run->server_side, &run->wire_side};
    const double elapsed_ns = (double)run->elapsed_ns;
    /* Below, reading the accounts takes a good part of it, the more so thread by thread. */
    const double least_ns = never_idles(&run->asked) ? 5e6 : 5e7;
    double others_ns = NAN;
    if (elapsed_ns < least_ns) return NAN;
    if (never_idles(&run->asked) && run->server_cpu_ns != FIELD_UNKNOWN && run->usage_ns > 0) {
        /* Of whole processes, with threads that have ended, between the two readings. */
        const uint64_t own_ns = run->client_cpu_ns + run->server_cpu_ns + run->softirq_ns;
        return fmax(0, 1 - (double)own_ns / (double)run->usage_ns);
    }
    const bool one_cpu = run->cpus.client >= 0 && run->cpus.client == run->cpus.server;
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        const bool shares = i < 2 && one_cpu;
        if (!sides[i]->known || (shares && !sides[1 - i]->known)) continue;
        /* What was put off is the run's own work, and so is the other side's on the same CPU. */
        uint64_t kin_ns = i == 0 ? run->softirq_ns : i == 1 ? run->server_softirq_ns : 0;
        if (shares) kin_ns += sides[1 - i]->run_ns;
        const uint64_t own_ns = sides[i]->others_ns > kin_ns ? sides[i]->others_ns - kin_ns : 0;
        others_ns = fmax(others_ns, (double)own_ns); /* of a number and NAN it is the number */
    }
    return others_ns / elapsed_ns;
}

static void judge(struct run *run, const struct measure *m, const struct load_result *load,
                  bool loses_packets) {
    const struct parameters *asked = m->asked;
    const struct validity_input input = {
        .load = load,
        .variant = asked->variant,
        .counters = &m->counters,
        .server_counts = m->server.pid > 0 ? m->counts : NULL,
        .floor = run_is_floor(run),
        .open = run_is_open(run),
        .pauses = asked->gap_ns > 0,
        .closes_idle = asked->idle_timeout_ns > 0,
        .may_lose = loses_packets || asked->stall_ns > 0,
        .has_window =
            asked->messages == 0 && (asked->per_connection == 0 || asked->engine == ENGINE_EPOLL),
        .private_network = run->network == NETWORK_PRIVATE,
        .shared_cpu = m->run->cpus.client == m->run->cpus.server,
        .latencies = load->durations[LOAD_LATENCY].count,
        .loses_packets = loses_packets,
        .late_max_ns = asked->late_max_ns,
        .device_drops = run->wire.device_drops,
        .disturbed = run->disturbed};
    validity_check(&run->validity, &input);
}

static void fill(struct run *run, const struct measure *m, struct load_result *load) {
    const struct beside_memory *memory = m->memory;
    const bool loses_packets = m->laid && (m->asked->loss_percent > 0 || m->asked->drop.nth > 0);
    run->counts = load->counts;
    run->depth = load->depth;
    run->elapsed_ns = load->end_ns - load->start_ns;
    memcpy(run->ok_by_half, load->ok_by_half, sizeof run->ok_by_half);
    run->outstanding = per(load->busy_ns, run->elapsed_ns);
    fill_errors(&run->errors, load->errors);
    fill_errors(&run->early_errors, load->early_errors);
    fill_durations(run, load);
    fill_counters(run, m, load);
    fill_wire(run, m, load);
    fill_batching(run, m, load);
    if (run_is_open(run) && !run_is_floor(run)) fill_open(run, load, loses_packets);
    /* Of the server's process, and of the kernel for both ends, which are on this machine. */
    if (memory[0].server > 0) {
        run->idle_server_bytes = beside_each(memory[0].server, memory[1].server, m->asked->idle);
        run->idle_kernel_bytes = beside_each(memory[0].kernel, memory[1].kernel, m->asked->idle);
    }
    /* A retry is at-least-once: work was done as often as executed says, for so many answers. */
    if (m->server.pid > 0 && m->asked->variant->retries && !run_is_floor(run)) {
        run->answered_in_all = load->answered;
        run->executed = m->counts[ECHO_EXECUTED];
        run->executed_twice = m->counts[ECHO_TWICE];
    }
    run->disturbed = disturbed_share(run);
    judge(run, m, load, loses_packets);
}

/* ---- from the beginning to the end ---- */

static int stop_server(struct measure *m) {
    const int status = take_up_wire(m);
    if (m->server.pid <= 0 || server_process_stop(&m->server, m->counts) == 0) return status;
    return complain("the server of the run died");
}

/* One that runs already, whoever started it. */
static int leave_server(struct measure *m) {
    (void)m;
    return EXIT_DONE;
}

/* Where the server comes from: what stands before the load, in this order, and behind it. */
static const struct server_source {
    int (*start[10])(struct measure *m); /* up to NULL */
    int (*stop)(struct measure *m);      /* once, also after a start that failed */
} at_home = {{prepare_network, choose_cpus, plan_ports, check_limits, lay_wire, become_caller,
              start_server, take_place, open_beside},
             stop_server},
  elsewhere = {{find_host, plan_ports, wait_for_ports, check_limits, open_beside}, leave_server};

static int run_with(struct measure *m) {
    const struct server_source *source = m->asked->host == NULL ? &at_home : &elsewhere;
    struct load_result *result = NULL;
    int status = EXIT_DONE;
    for (int i = 0; status == EXIT_DONE && source->start[i] != NULL; i++) {
        status = source->start[i](m);
    }
    if (status == EXIT_DONE) status = load(m, &result);
    beside_close(&m->idle);
    beside_close(&m->silent);
    const int stopped = source->stop(m);
    if (status == EXIT_DONE) status = stopped;
    if (status == EXIT_DONE) fill(m->run, m, result);
    load_free(result);
    return status;
}

int measure_run(const struct parameters *asked, struct run **run) {
    uint8_t *payload = parameters_payload(asked);
    struct measure m = {
        .asked = asked, .run = run_new(), .client = parameters_client(asked, payload)};
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
