/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <errno.h>
#include <gsl/gsl_rng.h>
#include <linux/if_ether.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "echo/clock.h"

enum { NS_PER_S = 1000000000, SPIN_NS = 150000 };

enum armed_state { RULE_FREE, RULE_FILLING, RULE_ARMED };

struct process {
    struct wire_shared *shared;
    struct wire_ring *ring;
    struct wire_queue queue;
    struct wire_fragments fragments;
    gsl_rng *chance; /* NULL: nothing is lost by it */
    double loss;     /* 0 to 1 */
    uint64_t one_way_ns, spin_ns;
    uint64_t last_due_ns;
    int64_t day_ns; /* what the time of day is ahead of the clock */
    pcap_t *format;
    pcap_dumper_t *capture; /* NULL: none */
    int wake;
};

/* ---- what is shared: one writer, so an odd version tells readers to come again ---- */

static void counts_open(struct wire_shared *shared) {
    (void)atomic_fetch_add_explicit(&shared->version, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void counts_close(struct wire_shared *shared) {
    (void)atomic_fetch_add_explicit(&shared->version, 1, memory_order_release);
}

int wire_shared_arm(struct wire_shared *shared, const struct wire_rule *rule) {
    if (rule->nth == 0 || rule->kind < WIRE_ANY || rule->kind >= WIRE_KINDS ||
        rule->direction < WIRE_ANY || rule->direction >= WIRE_DIRECTIONS) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < WIRE_RULES; i++) {
        struct wire_armed *armed = &shared->armed[i];
        int expected = RULE_FREE;
        if (!atomic_compare_exchange_strong(&armed->state, &expected, RULE_FILLING)) continue;
        armed->rule = *rule;
        armed->seen = 0;
        atomic_store_explicit(&armed->state, RULE_ARMED, memory_order_release);
        return 0;
    }
    return -ENOBUFS;
}

/* ---- packets that come ---- */

static bool rule_fires(struct wire_armed *armed, const struct wire_packet *seen) {
    if (atomic_load_explicit(&armed->state, memory_order_acquire) != RULE_ARMED) return false;
    const struct wire_rule *rule = &armed->rule;
    if (rule->kind != WIRE_ANY && rule->kind != seen->kind) return false;
    if (rule->direction != WIRE_ANY && rule->direction != seen->direction) return false;
    if (++armed->seen < rule->nth) return false;
    atomic_store_explicit(&armed->state, RULE_FREE, memory_order_release);
    return true;
}

static bool lost_by_rule(struct process *p, const struct wire_packet *seen) {
    bool lost = false;
    for (unsigned i = 0; i < WIRE_RULES; i++) {
        if (rule_fires(&p->shared->armed[i], seen)) lost = true; /* the others count it too */
    }
    return lost;
}

/* One draw a packet whatever becomes of it, so that a seed means the same packets. */
static bool lost_by_chance(const struct process *p) {
    return p->chance != NULL && gsl_rng_uniform(p->chance) < p->loss;
}

static void count(struct process *p, const struct wire_packet *seen, bool by_rule) {
    struct wire_counts *counts = &p->shared->counts;
    struct wire_tally *tally = &counts->by[seen->kind][seen->direction];
    counts_open(p->shared);
    tally->packets++;
    tally->ip_bytes += seen->ip_bytes;
    tally->payload_bytes += seen->payload_bytes;
    if (seen->dropped) tally->dropped++;
    if (seen->dropped && by_rule) counts->dropped_by_rule++;
    if (seen->dropped && !by_rule) counts->dropped_by_chance++;
    counts_close(p->shared);
}

static void count_one(struct process *p, uint64_t *counter) {
    counts_open(p->shared);
    ++*counter;
    counts_close(p->shared);
}

static struct wire_packet *trace(struct wire_shared *shared, const struct wire_packet *seen) {
    if (shared->trace_count == shared->trace_room) {
        shared->trace_missed++;
        return NULL;
    }
    struct wire_packet *kept = &shared->trace[shared->trace_count++];
    *kept = *seen;
    return kept;
}

/* libpcap calls the fraction microseconds; the file's head says that it is nanoseconds. */
static void capture(const struct process *p, const uint8_t *packet, size_t size,
                    uint64_t stamp_ns) {
    const struct pcap_pkthdr header = {
        .ts = {.tv_sec = (time_t)(stamp_ns / NS_PER_S),
               .tv_usec = (suseconds_t)(stamp_ns % NS_PER_S)},
        .caplen = (bpf_u_int32)size,
        .len = (bpf_u_int32)size,
    };
    pcap_dump((u_char *)p->capture, &header, packet);
}

static void hold(struct process *p, const struct wire_frame *frame, uint64_t arrived_ns,
                 struct wire_packet *kept) {
    struct wire_held *held = wire_queue_push(&p->queue);
    if (held == NULL) {
        count_one(p, &p->shared->counts.device_drops);
        return;
    }
    /* Two CPUs may stamp in another order than they deliver: the order stays. */
    uint64_t due_ns = arrived_ns + p->one_way_ns;
    if (due_ns < p->last_due_ns) due_ns = p->last_due_ns;
    p->last_due_ns = due_ns;
    held->arrived_ns = arrived_ns;
    held->due_ns = due_ns;
    held->trace = kept;
    held->size = frame->size;
    memcpy(held->frame, frame->bytes, frame->size);
}

static bool is_ipv4(const struct wire_frame *frame) {
    const uint8_t *type = frame->bytes + 12; /* behind two addresses */
    return frame->whole && frame->size >= ETH_HLEN && (type[0] << 8 | type[1]) == ETH_P_IP;
}

static void take(struct process *p, const struct wire_frame *frame) {
    struct wire_packet seen;
    uint8_t *packet = frame->bytes + ETH_HLEN;
    const uint16_t port = atomic_load_explicit(&p->shared->server_port, memory_order_relaxed);
    if (!is_ipv4(frame) || !wire_look(&seen, packet, frame->size - ETH_HLEN, port, &p->fragments)) {
        count_one(p, &p->shared->counts.foreign);
        return;
    }
    const uint64_t now_ns = echo_clock_ns();
    seen.sent_ns = frame->stamp_ns - (uint64_t)p->day_ns;
    if (seen.sent_ns > now_ns) seen.sent_ns = now_ns; /* someone has set the time of day */
    const bool by_chance = lost_by_chance(p);
    const bool by_rule = lost_by_rule(p, &seen);
    seen.dropped = by_chance || by_rule;
    count(p, &seen, by_rule);
    struct wire_packet *kept = trace(p->shared, &seen);
    /* In the capture the client is at the far end's address, in both directions. */
    const bool turn_first = seen.direction == WIRE_TO_SERVER;
    if (turn_first) wire_turn_round(packet);
    if (p->capture != NULL) capture(p, packet, seen.ip_bytes, frame->stamp_ns);
    if (!turn_first) wire_turn_round(packet);
    if (!seen.dropped) hold(p, frame, seen.sent_ns, kept);
}

/*
 * The kernel stamps packets with the time of day, which can be set; the lab
 * lives on the monotonic clock. Their distance is read anew for every batch,
 * between two readings of the other clock so that nothing came between.
 */
static void read_day(struct process *p) {
    for (int attempt = 0; attempt < 10; attempt++) {
        struct timespec day;
        const uint64_t before_ns = echo_clock_ns();
        (void)clock_gettime(CLOCK_REALTIME, &day);
        const uint64_t after_ns = echo_clock_ns();
        const int64_t day_ns = (int64_t)day.tv_sec * NS_PER_S + day.tv_nsec;
        p->day_ns = day_ns - (int64_t)before_ns;
        if (after_ns - before_ns < 1000) return;
    }
}

static void take_all(struct process *p) {
    struct wire_frame frame;
    if (!wire_ring_peek(p->ring, &frame)) return;
    read_day(p);
    /* No more than what may have come by now: those held must not wait for the end of a flood. */
    for (int i = 0; i < 64 && wire_ring_peek(p->ring, &frame); i++) {
        take(p, &frame);
        wire_ring_advance(p->ring);
    }
}

/* ---- packets that go ---- */

static void give_back(struct process *p, const struct wire_held *held, uint64_t now_ns) {
    struct wire_counts *counts = &p->shared->counts;
    const uint64_t delay_ns = now_ns - held->arrived_ns;
    /* First the books: the receiver may look into them before send returns. */
    counts_open(p->shared);
    counts->returned++;
    counts->delay_ns += delay_ns;
    counts_close(p->shared);
    histogram_record(&p->shared->delay, delay_ns);
    histogram_record(&p->shared->late, delay_ns - p->one_way_ns);
    if (held->trace != NULL) held->trace->delay_ns = delay_ns;
    ssize_t sent;
    do {
        sent = send(p->ring->socket, held->frame, held->size, 0);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return;
    counts_open(p->shared);
    counts->returned--;
    counts->delay_ns -= delay_ns;
    counts->device_drops++;
    counts_close(p->shared);
}

static void give_back_due(struct process *p) {
    const struct wire_held *held;
    while ((held = wire_queue_first(&p->queue)) != NULL) {
        const uint64_t now_ns = echo_clock_ns();
        if (held->due_ns > now_ns) return;
        give_back(p, held, now_ns);
        wire_queue_pop(&p->queue);
    }
}

/* ---- and the time between ---- */

/* Sleeps until a packet comes, someone wakes us, or `left` has gone (NULL: never). */
static void sleep_for(const struct process *p, const struct timespec *left) {
    struct pollfd at[] = {{.fd = p->ring->socket, .events = POLLIN},
                          {.fd = p->wake, .events = POLLIN}};
    (void)ppoll(at, 2, left, NULL);
}

static void wait(struct process *p) {
    const struct wire_held *held = wire_queue_first(&p->queue);
    struct wire_frame frame;
    if (wire_ring_peek(p->ring, &frame)) return;
    if (held == NULL) {
        sleep_for(p, NULL);
        return;
    }
    const uint64_t now_ns = echo_clock_ns();
    if (held->due_ns > now_ns + p->spin_ns) {
        const struct timespec left = echo_clock_timespec(held->due_ns - now_ns - p->spin_ns);
        sleep_for(p, &left);
        return;
    }
    while (echo_clock_ns() < held->due_ns) {
        /* What comes meanwhile has its stamp and can wait. */
    }
}

static void loop(struct process *p) {
    while (!atomic_load_explicit(&p->shared->stopping, memory_order_acquire)) {
        take_all(p);
        give_back_due(p);
        wait(p);
    }
}

/* ---- from the fork to the end ---- */

static bool two_cpus(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) > 1;
}

static int open_capture(struct process *p, void *file) {
    if (file == NULL) return 0;
    p->format = pcap_open_dead_with_tstamp_precision(DLT_RAW, 65535, PCAP_TSTAMP_PRECISION_NANO);
    if (p->format == NULL) return -ENOMEM;
    p->capture = pcap_dump_fopen(p->format, file);
    return p->capture != NULL ? 0 : -EIO;
}

static int open_chance(struct process *p, const struct wire_options *options) {
    if (options->loss_percent <= 0) return 0;
    p->loss = options->loss_percent / 100;
    p->chance = gsl_rng_alloc(gsl_rng_mt19937);
    if (p->chance == NULL) return -ENOMEM;
    gsl_rng_set(p->chance, (unsigned long)options->seed);
    return 0;
}

static int prepare(struct process *p, const struct wire_options *options, void *file) {
    p->one_way_ns = (uint64_t)options->rtt_ns / 2;
    const bool spins = p->one_way_ns > 0 && !options->never_spins && two_cpus();
    p->spin_ns = spins ? SPIN_NS : 0;
    p->shared->spun = spins;
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    int failed = options->cpu >= 0 ? placement_pin(options->cpu) : 0;
    if (failed == 0) failed = open_chance(p, options);
    if (failed == 0) failed = open_capture(p, file);
    const size_t mtu_bytes = options->mtu_bytes > 0 ? options->mtu_bytes : WIRE_MTU;
    if (failed == 0) failed = wire_queue_open(&p->queue, ETH_HLEN + mtu_bytes);
    return failed;
}

static void finish(struct process *p) {
    if (p->capture != NULL) {
        p->shared->capture_failed =
            pcap_dump_flush(p->capture) != 0 || ferror(pcap_dump_file(p->capture)) != 0;
        pcap_dump_close(p->capture);
        pcap_close(p->format);
    }
    wire_queue_close(&p->queue);
    if (p->chance != NULL) gsl_rng_free(p->chance);
}

_Noreturn void wire_live(struct wire_shared *shared, const struct wire_options *options,
                         struct wire_ring *ring, void *capture_file, int wake, int ready) {
    struct process process = {.shared = shared, .ring = ring, .wake = wake};
    const int failed = prepare(&process, options, capture_file);
    const bool told = write(ready, &failed, sizeof failed) == sizeof failed;
    if (failed != 0 || !told) _exit(1);
    loop(&process);
    finish(&process);
    _exit(0);
}
