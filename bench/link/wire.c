/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/system.h"
#include "echo/clock.h"

static bool options_right(const struct wire_options *o) {
    if (o->rtt_ns < 0 || o->rtt_ns > WIRE_RTT_MAX_NS) return false;
    if (!(o->loss_percent >= 0 && o->loss_percent <= 100)) return false; /* also not a number */
    if (o->mtu_bytes < WIRE_MTU_MIN || o->mtu_bytes > WIRE_MTU_MAX) return false;
    return o->rule_count <= WIRE_RULES && o->cpu >= -1;
}

/* The counters, the rules and the trace, in memory that the process will share. */
static int share(struct wire *wire, const struct wire_options *options) {
    wire->shared_bytes =
        sizeof *wire->shared + options->trace_packets * sizeof *wire->shared->trace;
    void *memory =
        mmap(NULL, wire->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -errno;
    wire->shared = memory;
    wire->shared->trace_room = options->trace_packets;
    int failed = 0;
    for (unsigned i = 0; failed == 0 && i < options->rule_count; i++) {
        failed = wire_drop(wire, &options->rules[i]);
    }
    return failed;
}

static int start(struct wire *wire, const struct wire_options *options) {
    FILE *capture = NULL;
    wire->failed_at = "writing the capture file";
    if (options->capture_path != NULL) capture = fopen(options->capture_path, "we");
    if (options->capture_path != NULL && capture == NULL) return -errno;
    wire->failed_at = "making a pair of virtual Ethernet devices";
    int failed = wire_device_make(options->mtu_bytes);
    if (failed == 0) {
        wire->failed_at = "starting the wire's process";
        failed = wire_process_start(wire, options, capture);
        if (failed != 0) wire_device_remove();
    }
    /* The process has its own; nothing was written through this one. */
    if (capture != NULL) (void)fclose(capture);
    return failed;
}

int wire_start(struct wire *wire, const struct wire_options *options) {
    struct wire_options wanted = *options;
    if (wanted.mtu_bytes == 0) wanted.mtu_bytes = WIRE_MTU;
    *wire = (struct wire){.pid = -1};
    wire->failed_at = "reading the wire's options";
    if (!options_right(&wanted)) return -EINVAL;
    int failed = share(wire, &wanted);
    if (failed == 0) failed = start(wire, &wanted);
    if (failed == 0) wire->failed_at = NULL;
    if (failed != 0) wire_release(wire);
    return failed;
}

void wire_set_port(struct wire *wire, uint16_t port) {
    atomic_store(&wire->shared->server_port, port);
}

int wire_drop(struct wire *wire, const struct wire_rule *rule) {
    if (rule->nth == 0 || rule->kind < WIRE_ANY || rule->kind >= WIRE_KINDS ||
        rule->direction < WIRE_ANY || rule->direction >= WIRE_DIRECTIONS) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < WIRE_RULES; i++) {
        struct wire_armed *armed = &wire->shared->armed[i];
        int expected = WIRE_RULE_FREE;
        if (!atomic_compare_exchange_strong(&armed->state, &expected, WIRE_RULE_FILLING)) continue;
        armed->rule = *rule;
        armed->seen = 0;
        atomic_store_explicit(&armed->state, WIRE_RULE_ARMED, memory_order_release);
        return 0;
    }
    return -ENOBUFS;
}

/* A copy that was not written meanwhile; a process killed in the middle ends the trying. */
static void copy_counts(struct wire_shared *shared, struct wire_counts *counts) {
    for (unsigned attempt = 0; attempt < 1000000; attempt++) {
        const unsigned before = atomic_load_explicit(&shared->version, memory_order_acquire);
        memcpy(counts, &shared->counts, sizeof *counts);
        atomic_thread_fence(memory_order_acquire);
        const unsigned after = atomic_load_explicit(&shared->version, memory_order_relaxed);
        if (before == after && before % 2 == 0) return;
    }
}

void wire_snapshot(struct wire *wire, struct wire_counts *counts) {
    copy_counts(wire->shared, counts);
    counts->device_drops += wire_device_drops();
}

static uint64_t held(const struct wire_counts *counts, uint64_t sent) {
    return sent - counts->returned - counts->dropped_by_rule - counts->dropped_by_chance;
}

int wire_settle(struct wire *wire, uint64_t quiet_ns, uint64_t limit_ns) {
    const uint64_t glance_ns = 500000;
    const uint64_t start_ns = echo_clock_ns();
    uint64_t last_sent = 0, since_ns = start_ns;
    for (uint64_t now_ns = start_ns; now_ns - start_ns < limit_ns; now_ns = echo_clock_ns()) {
        struct wire_counts counts;
        copy_counts(wire->shared, &counts);
        const uint64_t sent = wire_sum(&counts, WIRE_ANY, WIRE_ANY).packets;
        if (sent != last_sent || held(&counts, sent) > counts.device_drops) since_ns = now_ns;
        if (now_ns - since_ns >= quiet_ns) return 0;
        last_sent = sent;
        echo_clock_sleep_until(now_ns + glance_ns);
    }
    return -ETIMEDOUT;
}

int wire_stop(struct wire *wire, struct wire_report *report) {
    struct wire_shared *shared = wire->shared;
    atomic_store_explicit(&shared->stopping, true, memory_order_release);
    (void)shutdown(wire->control, SHUT_WR); /* wakes it */
    const int status = system_reap(wire->pid);
    if (report != NULL) {
        *report = (struct wire_report){.delay = &shared->delay,
                                       .late = &shared->late,
                                       .trace = shared->trace,
                                       .trace_count = shared->trace_count,
                                       .trace_missed = shared->trace_missed,
                                       .capture_failed = shared->capture_failed,
                                       .spun = shared->spun};
        wire_snapshot(wire, &report->counts);
    }
    (void)close(wire->control);
    wire_device_remove();
    wire->pid = -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

void wire_release(struct wire *wire) {
    if (wire->shared != NULL) (void)munmap(wire->shared, wire->shared_bytes);
    wire->shared = NULL;
}

struct wire_tally wire_sum(const struct wire_counts *counts, int kind, int direction) {
    struct wire_tally sum = {0};
    for (int k = 0; k < WIRE_KINDS; k++) {
        for (int d = 0; d < WIRE_DIRECTIONS; d++) {
            const bool wanted =
                (kind == WIRE_ANY || kind == k) && (direction == WIRE_ANY || direction == d);
            if (!wanted) continue;
            const struct wire_tally *one = &counts->by[k][d];
            sum.packets += one->packets;
            sum.ip_bytes += one->ip_bytes;
            sum.payload_bytes += one->payload_bytes;
            sum.dropped += one->dropped;
        }
    }
    return sum;
}
