/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo/clock.h"

static bool options_right(const struct wire_options *o) {
    if (o->rtt_ns < 0 || o->rtt_ns > WIRE_RTT_MAX_NS) return false;
    if (!(o->loss_percent >= 0 && o->loss_percent <= 100)) return false; /* also not a number */
    if (o->mtu_bytes != 0 && (o->mtu_bytes < WIRE_MTU_MIN || o->mtu_bytes > WIRE_MTU_MAX)) {
        return false;
    }
    return o->rule_count <= WIRE_RULES && o->cpu >= -1;
}

/* The counters, the rules and the trace, in memory that the process will share. */
static int share(struct wire *wire, const struct wire_options *options) {
    const size_t most = (SIZE_MAX - sizeof *wire->shared) / sizeof *wire->shared->trace;
    if (options->trace_packets > most) return -ENOMEM;
    wire->shared_bytes =
        sizeof *wire->shared + options->trace_packets * sizeof *wire->shared->trace;
    void *memory =
        mmap(NULL, wire->shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -errno;
    wire->shared = memory;
    wire->shared->trace_room = options->trace_packets;
    atomic_store(&wire->shared->server_port, options->server_port);
    int failed = 0;
    for (unsigned i = 0; failed == 0 && i < options->rule_count; i++) {
        failed = wire_shared_arm(wire->shared, &options->rules[i]);
    }
    return failed;
}

static int reap(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* Starts the process and waits until it says that it is ready, or why not. */
static int start_process(struct wire *wire, const struct wire_options *options,
                         struct wire_ring *ring, FILE *capture) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0) return -errno;
    const pid_t parent = getpid();
    const pid_t child = fork();
    int failed = child < 0 ? -errno : 0;
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1); /* it died before we asked to be told */
        (void)signal(SIGINT, SIG_IGN);     /* of a terminal: our parent decides */
        (void)close(ready[0]);
        wire_live(wire->shared, options, ring, capture, wire->wake, ready[1]);
    }
    (void)close(ready[1]);
    if (failed == 0 && read(ready[0], &failed, sizeof failed) != sizeof failed) failed = -EIO;
    (void)close(ready[0]);
    if (child > 0 && failed != 0) (void)reap(child);
    wire->pid = failed == 0 ? child : -1;
    return failed;
}

/* What needs undoing in reverse order stands one inside the other. */
static int start_on_device(struct wire *wire, const struct wire_options *options, FILE *capture) {
    struct wire_ring ring;
    wire->failed_at = "opening a packet socket";
    int failed = wire_ring_open(&ring, options->mtu_bytes > 0 ? options->mtu_bytes : WIRE_MTU);
    if (failed != 0) return failed;
    wire->socket = ring.socket;
    wire->failed_at = "starting the wire's process";
    wire->wake = eventfd(0, EFD_CLOEXEC);
    failed = wire->wake < 0 ? -errno : start_process(wire, options, &ring, capture);
    wire_ring_unmap(&ring);
    if (failed == 0) return 0;
    if (wire->wake >= 0) (void)close(wire->wake);
    (void)close(wire->socket);
    return failed;
}

static int start_with_device(struct wire *wire, const struct wire_options *options, FILE *capture) {
    wire->failed_at = "making a pair of virtual Ethernet devices";
    int failed = wire_device_make(options->mtu_bytes > 0 ? options->mtu_bytes : WIRE_MTU);
    if (failed != 0) return failed;
    failed = start_on_device(wire, options, capture);
    if (failed != 0) wire_device_remove();
    return failed;
}

static int start_with_capture(struct wire *wire, const struct wire_options *options) {
    if (options->capture_path == NULL) return start_with_device(wire, options, NULL);
    wire->failed_at = "writing the capture file";
    FILE *capture = fopen(options->capture_path, "we");
    if (capture == NULL) return -errno;
    const int failed = start_with_device(wire, options, capture);
    (void)fclose(capture); /* the process has its own; nothing was written through this one */
    return failed;
}

int wire_start(struct wire *wire, const struct wire_options *options) {
    *wire = (struct wire){.pid = -1, .wake = -1, .socket = -1};
    wire->failed_at = "reading the wire's options";
    if (!options_right(options)) return -EINVAL;
    int failed = share(wire, options);
    if (failed == 0) failed = start_with_capture(wire, options);
    if (failed == 0) wire->failed_at = NULL;
    if (failed != 0) wire_release(wire);
    return failed;
}

void wire_set_port(struct wire *wire, uint16_t port) {
    atomic_store(&wire->shared->server_port, port);
}

int wire_drop(struct wire *wire, const struct wire_rule *rule) {
    return wire_shared_arm(wire->shared, rule);
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
    struct tpacket_stats socket_counts = {0};
    socklen_t size = sizeof socket_counts;
    copy_counts(wire->shared, counts);
    /* Reading them sets them back to 0. */
    if (getsockopt(wire->socket, SOL_PACKET, PACKET_STATISTICS, &socket_counts, &size) == 0) {
        wire->socket_drops += socket_counts.tp_drops;
    }
    counts->device_drops += wire->socket_drops + wire_device_drops();
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
    const uint64_t one = 1;
    atomic_store_explicit(&shared->stopping, true, memory_order_release);
    const bool woken = write(wire->wake, &one, sizeof one) == sizeof one;
    if (!woken) (void)kill(wire->pid, SIGKILL);
    const int status = reap(wire->pid);
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
    (void)close(wire->wake);
    (void)close(wire->socket);
    wire_device_remove();
    wire->pid = wire->wake = wire->socket = -1;
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

struct wire_counts wire_since(const struct wire_counts *now, const struct wire_counts *before) {
    enum { NUMBERS = sizeof *now / sizeof(uint64_t) }; /* it has nothing else in it */
    uint64_t numbers[NUMBERS], earlier[NUMBERS];
    struct wire_counts since;
    memcpy(numbers, now, sizeof numbers);
    memcpy(earlier, before, sizeof earlier);
    for (size_t i = 0; i < NUMBERS; i++) numbers[i] -= earlier[i];
    memcpy(&since, numbers, sizeof since);
    return since;
}
