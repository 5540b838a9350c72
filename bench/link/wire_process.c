/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <errno.h>
#include <gsl/gsl_rng.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/measure/system.h"
#include "echo/clock.h"

enum { NS_PER_S = 1000000000, SPIN_NS = 150000, TAKEN_MOST = 64 };
static const size_t held_bytes_most = (size_t)1 << 30;

/* A packet that is held. */
struct held {
    STAILQ_ENTRY(held) next;
    uint64_t arrived_ns, due_ns;
    struct wire_packet *trace; /* NULL: not in the trace */
    size_t size;
    uint8_t frame[];
};
STAILQ_HEAD(held_list, held);

struct process {
    struct wire_shared *shared;
    int control;
    pcap_t *packets;               /* at the far end */
    struct held_list held, unused; /* first in, first out; and room for more */
    size_t held_bytes, frame_most;
    struct wire_fragments fragments;
    gsl_rng *chance; /* NULL: nothing is lost by it */
    double loss;     /* 0 to 1 */
    uint64_t one_way_ns, spin_ns;
    uint64_t last_due_ns;
    int64_t day_ns;         /* what the time of day is ahead of the clock */
    pcap_dumper_t *capture; /* NULL: none */
};

/* ---- what is shared: one writer, so an odd version tells readers to come again ---- */

static void counts_open(struct wire_shared *shared) {
    (void)atomic_fetch_add_explicit(&shared->version, 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void counts_close(struct wire_shared *shared) {
    (void)atomic_fetch_add_explicit(&shared->version, 1, memory_order_release);
}

/* ---- packets that come ---- */

static bool rule_fires(struct wire_armed *armed, const struct wire_packet *seen) {
    if (atomic_load_explicit(&armed->state, memory_order_acquire) != WIRE_RULE_ARMED) return false;
    const struct wire_rule *rule = &armed->rule;
    if (rule->kind != WIRE_ANY && rule->kind != seen->kind) return false;
    if (rule->direction != WIRE_ANY && rule->direction != seen->direction) return false;
    if (++armed->seen < rule->nth) return false;
    atomic_store_explicit(&armed->state, WIRE_RULE_FREE, memory_order_release);
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

/* The stamp of a packet, in ns; libpcap calls the fraction microseconds, which it was asked for. */
static uint64_t stamp_ns(const struct pcap_pkthdr *header) {
    return (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec;
}

/* Room for a further one; NULL: no memory. */
static struct held *room(struct process *p) {
    struct held *held = STAILQ_FIRST(&p->unused);
    if (held != NULL) {
        STAILQ_REMOVE_HEAD(&p->unused, next);
        return held;
    }
    const size_t size = sizeof *held + p->frame_most;
    held = p->held_bytes + size > held_bytes_most ? NULL : malloc(size);
    if (held != NULL) p->held_bytes += size;
    return held;
}

static void hold(struct process *p, const uint8_t *frame, size_t size, uint64_t arrived_ns,
                 struct wire_packet *kept) {
    struct held *held = room(p);
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
    held->size = size;
    memcpy(held->frame, frame, size);
    STAILQ_INSERT_TAIL(&p->held, held, next);
}

static bool is_ipv4(const struct pcap_pkthdr *header, const uint8_t *frame) {
    const uint8_t *type = frame + 12; /* behind two addresses */
    return header->caplen == header->len && header->len >= ETH_HLEN &&
           (type[0] << 8 | type[1]) == ETH_P_IP;
}

/* A packet turned round, as it goes back; it is the ring's, which may be written to. */
static void take(u_char *process, const struct pcap_pkthdr *header, const u_char *bytes) {
    struct process *p = (struct process *)(void *)process;
    struct wire_packet seen;
    uint8_t *frame = (uint8_t *)bytes, *packet = frame + ETH_HLEN;
    const uint16_t port = atomic_load_explicit(&p->shared->server_port, memory_order_relaxed);
    if (!is_ipv4(header, frame) ||
        !wire_look(&seen, packet, header->len - ETH_HLEN, port, &p->fragments)) {
        count_one(p, &p->shared->counts.foreign);
        return;
    }
    const uint64_t now_ns = echo_clock_ns();
    seen.sent_ns = stamp_ns(header) - (uint64_t)p->day_ns;
    if (seen.sent_ns > now_ns) seen.sent_ns = now_ns; /* someone has set the time of day */
    const bool by_chance = lost_by_chance(p);
    const bool by_rule = lost_by_rule(p, &seen);
    seen.dropped = by_chance || by_rule;
    count(p, &seen, by_rule);
    struct wire_packet *kept = trace(p->shared, &seen);
    /* In the capture the client is at the far end's address, in both directions. */
    const bool turn_first = seen.direction == WIRE_TO_SERVER;
    if (turn_first) wire_turn_round(packet);
    if (p->capture != NULL) {
        const struct pcap_pkthdr whole = {
            .ts = header->ts, .caplen = seen.ip_bytes, .len = seen.ip_bytes};
        pcap_dump((u_char *)p->capture, &whole, packet);
    }
    if (!turn_first) wire_turn_round(packet);
    if (!seen.dropped) hold(p, frame, header->len, seen.sent_ns, kept);
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

/* ---- packets that go ---- */

static void give_back(struct process *p, const struct held *held, uint64_t now_ns) {
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
    int sent;
    do {
        sent = pcap_inject(p->packets, held->frame, held->size);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) return;
    counts_open(p->shared);
    counts->returned--;
    counts->delay_ns -= delay_ns;
    counts->device_drops++;
    counts_close(p->shared);
}

static void give_back_due(struct process *p) {
    struct held *held;
    while ((held = STAILQ_FIRST(&p->held)) != NULL) {
        const uint64_t now_ns = echo_clock_ns();
        if (held->due_ns > now_ns) return;
        give_back(p, held, now_ns);
        STAILQ_REMOVE_HEAD(&p->held, next);
        STAILQ_INSERT_HEAD(&p->unused, held, next);
    }
}

/* ---- and the time between ---- */

/* Sleeps until a packet comes, someone wakes us, or `left` has gone (NULL: never). */
static void sleep_for(const struct process *p, const struct timespec *left) {
    struct pollfd at[] = {{.fd = pcap_get_selectable_fd(p->packets), .events = POLLIN},
                          {.fd = p->control, .events = POLLIN}};
    (void)ppoll(at, 2, left, NULL);
}

static void wait(struct process *p) {
    const struct held *held = STAILQ_FIRST(&p->held);
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
        give_back_due(p);
        read_day(p);
        /* No more than what may have come by now: those held must not wait for a flood's end. */
        const int taken = pcap_dispatch(p->packets, TAKEN_MOST, take, (u_char *)p);
        give_back_due(p);
        if (taken < TAKEN_MOST) wait(p);
    }
}

/* ---- from the fork to the end ---- */

static bool two_cpus(void) {
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) > 1;
}

/* Where packets come from and go to, without a call for each that comes (packet(7)). */
static int open_packets(struct process *p, unsigned mtu_bytes) {
    const int ring_bytes =
        16 << 20; /* 10,000 packets of 1,500: 100 ms unread at 100,000 a second */
    const int frames_least = 512, on = 1;
    char why[PCAP_ERRBUF_SIZE];
    p->packets = pcap_create(WIRE_FAR_END, why);
    if (p->packets == NULL) return -ENOMEM;
    (void)pcap_set_buffer_size(p->packets, MAX(ring_bytes, frames_least * (int)(mtu_bytes + 128)));
    (void)pcap_set_immediate_mode(p->packets, 1);
    (void)pcap_set_tstamp_precision(p->packets, PCAP_TSTAMP_PRECISION_NANO);
    const int failed = pcap_activate(p->packets);
    if (failed < 0) return failed == PCAP_ERROR_PERM_DENIED ? -EPERM : -EIO;
    const int socket = pcap_fileno(p->packets);
    if (setsockopt(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0) return -errno;
    return pcap_setnonblock(p->packets, 1, why) == 0 ? 0 : -EIO;
}

static int open_capture(struct process *p, FILE *file) {
    pcap_t *format =
        pcap_open_dead_with_tstamp_precision(DLT_RAW, 65535, PCAP_TSTAMP_PRECISION_NANO);
    if (format == NULL) return -ENOMEM;
    p->capture = pcap_dump_fopen(format, file);
    return p->capture != NULL ? 0 : -EIO;
}

static int open_chance(struct process *p, const struct wire_options *options) {
    p->loss = options->loss_percent / 100;
    p->chance = gsl_rng_alloc(gsl_rng_mt19937);
    if (p->chance == NULL) return -ENOMEM;
    gsl_rng_set(p->chance, (unsigned long)options->seed);
    return 0;
}

static int prepare(struct process *p, const struct wire_options *options, FILE *capture) {
    p->one_way_ns = (uint64_t)options->rtt_ns / 2;
    p->shared->spun = p->one_way_ns > 0 && two_cpus();
    p->spin_ns = p->shared->spun ? SPIN_NS : 0;
    p->frame_most = ETH_HLEN + options->mtu_bytes;
    STAILQ_INIT(&p->held);
    STAILQ_INIT(&p->unused);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    (void)signal(SIGINT, SIG_IGN); /* of a terminal: our parent decides */
    int failed = options->cpu >= 0 ? placement_pin(options->cpu) : 0;
    if (failed == 0) failed = open_packets(p, options->mtu_bytes);
    if (failed == 0 && options->loss_percent > 0) failed = open_chance(p, options);
    if (failed == 0 && capture != NULL) failed = open_capture(p, capture);
    return failed;
}

struct beginning {
    struct wire_shared *shared;
    const struct wire_options *options;
    FILE *capture;
};

/* The child: the end of the process gives back what it holds. */
static int live(const void *what, int control) {
    const struct beginning *b = what;
    struct process p = {.shared = b->shared, .control = control};
    struct pcap_stat packets;
    const int failed = prepare(&p, b->options, b->capture);
    const bool told = write(control, &failed, sizeof failed) == sizeof failed;
    if (failed != 0 || !told) return 1;
    loop(&p);
    if (pcap_stats(p.packets, &packets) == 0) p.shared->counts.device_drops += packets.ps_drop;
    if (p.capture != NULL) {
        p.shared->capture_failed =
            pcap_dump_flush(p.capture) != 0 || ferror(pcap_dump_file(p.capture)) != 0;
    }
    return 0;
}

int wire_process_start(struct wire *wire, const struct wire_options *options, void *capture) {
    const struct beginning what = {wire->shared, options, capture};
    int failed;
    return system_start(&wire->pid, &wire->control, live, &what, &failed, sizeof failed);
}
