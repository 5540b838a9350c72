/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From what a load and the kernel counted to a run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/measure.h"

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
    const struct wire_report *packets = &m->packets;
    struct carried *wire = &run->wire;
    if (!m->laid) return;
    wire->known = true;
    wire->all = wire_sum(&packets->counts, WIRE_ANY, WIRE_ANY);
    wire->foreign = packets->counts.foreign;
    wire->device_drops = packets->counts.device_drops;
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        for (int k = 0; k < WIRE_KINDS; k++) wire->by[i][k] = packets->counts.by[k][i];
    }
    wire->trace = calloc(packets->trace_count + 1, sizeof *wire->trace);
    if (wire->trace != NULL) wire->trace_count = packets->trace_count;
    for (size_t i = 0; i < wire->trace_count; i++) wire->trace[i] = packets->trace[i];
    wire->one_way = distribution_of(packets->delay);
    wire->late = distribution_of(packets->late);
    wire->applied_rtt_ns = 2 * histogram_mean_ns(packets->delay);
    /* Over the whole run, warm-up, opening and closing included. */
    if (m->asked->idle + m->asked->silent > 0) return;
    run->packets = per(wire->all.packets, load->exchanges);
    run->wire_bytes = per(wire->all.ip_bytes, load->exchanges);
}

static bool loses_packets(const struct parameters *asked) {
    return asked->loss_percent > 0 || asked->drop.nth > 0;
}

static void fill_open(struct run *run, struct load_result *load) {
    struct load_open *open = &load->open;
    run->offered = open->offered;
    run->taken_up = open->taken_up;
    run->in_time = open->in_time;
    run->unsent = open->unsent;
    run->overloaded = load_is_overloaded(load, loses_packets(&run->asked));
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
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        if (!sides[i]->known) continue;
        uint64_t kin_ns = 0; /* the other side on the same CPU */
        if (i < 2 && run->cpus[0] == run->cpus[1]) kin_ns = sides[1 - i]->run_ns;
        const uint64_t own_ns = sides[i]->others_ns > kin_ns ? sides[i]->others_ns - kin_ns : 0;
        others_ns = fmax(others_ns, (double)own_ns); /* of a number and NAN it is the number */
    }
    return others_ns / elapsed_ns;
}

static void judge(struct run *run, const struct measure *m, const struct load_result *load) {
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
        .may_lose = loses_packets(asked) || asked->stall_ns > 0,
        .has_window =
            asked->messages == 0 && (asked->per_connection == 0 || asked->engine == ENGINE_EPOLL),
        .private_network = run->network == NETWORK_PRIVATE,
        .shared_cpu = m->cpus.client == m->cpus.server,
        .latencies = load->durations[LOAD_LATENCY].count,
        .loses_packets = m->laid && loses_packets(asked),
        .late_max_ns = asked->late_max_ns,
        .device_drops = run->wire.device_drops,
        .disturbed = run->disturbed};
    validity_check(&run->validity, &input);
}

void outcome_fill(const struct measure *m, struct load_result *load) {
    struct run *run = m->run;
    const struct beside_memory *memory = m->memory;
    run->cpus[0] = m->cpus.client;
    run->cpus[1] = m->cpus.server;
    run->thread_siblings = m->cpus.siblings;
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
    if (run_is_open(run) && !run_is_floor(run)) fill_open(run, load);
    /*
     * What a connection takes on which nothing happens: memory of the server's
     * process, and of the kernel for both ends, which are on this machine.
     */
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
    judge(run, m, load);
}
