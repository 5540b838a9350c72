/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gsl/gsl_rng.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/measure/system.h"
#include "echo/clock.h"

enum { NS_PER_S = 1000000000, SPIN_NS = 150000 };
static const size_t held_bytes_most = (size_t)1 << 30;

/* Packets as the kernel lays them down (packet(7), TPACKET_V2): no call per packet. */
struct ring {
    uint8_t *frames;
    size_t frame_bytes;
    unsigned frame_count, next;
};

struct frame {
    uint8_t *bytes; /* the Ethernet frame; valid until ring_advance */
    size_t size;
    bool whole;        /* else it was too long for the ring */
    uint64_t stamp_ns; /* when it arrived, on the clock of the time of day */
};

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
    int socket, wake;
    struct ring ring;
    struct held_list held, unused; /* first in, first out; and room for more */
    size_t held_bytes, frame_most;
    struct wire_fragments fragments;
    gsl_rng *chance; /* NULL: nothing is lost by it */
    double loss;     /* 0 to 1 */
    uint64_t one_way_ns, spin_ns;
    uint64_t last_due_ns;
    int64_t day_ns; /* what the time of day is ahead of the clock */
    pcap_t *format;
    pcap_dumper_t *capture; /* NULL: none */
};

/* ---- packet(7) ---- */

enum {
    RING_BYTES = 16 << 20, /* 8,192 packets of 1,500: 80 ms unread at 100,000 a second */
    FRAMES_LEAST = 512,
    BLOCK_BYTES = 1 << 16 /* a multiple of a page; holds whole frames */
};

static int ring_open(struct ring *ring, int socket, unsigned mtu_bytes) {
    const size_t heads = sizeof(struct tpacket2_hdr) + sizeof(struct sockaddr_ll) + ETH_HLEN;
    const size_t longest = heads + 3UL * TPACKET_ALIGNMENT + mtu_bytes; /* each is aligned */
    ring->frame_bytes = 2048;
    while (ring->frame_bytes < longest) ring->frame_bytes *= 2;
    ring->frame_count = (unsigned)(RING_BYTES / ring->frame_bytes);
    if (ring->frame_count < FRAMES_LEAST) ring->frame_count = FRAMES_LEAST;
    const size_t block = ring->frame_bytes > BLOCK_BYTES ? ring->frame_bytes : BLOCK_BYTES;
    const size_t size = ring->frame_bytes * ring->frame_count;
    const struct tpacket_req wanted = {.tp_block_size = (unsigned)block,
                                       .tp_block_nr = (unsigned)(size / block),
                                       .tp_frame_size = (unsigned)ring->frame_bytes,
                                       .tp_frame_nr = ring->frame_count};
    const struct sockaddr_ll far = {.sll_family = AF_PACKET,
                                    .sll_protocol = htons(ETH_P_ALL), /* foreign ones count */
                                    .sll_ifindex = (int)if_nametoindex(WIRE_FAR_END)};
    const int version = TPACKET_V2, on = 1;
    if (setsockopt(socket, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
        setsockopt(socket, SOL_PACKET, PACKET_RX_RING, &wanted, sizeof wanted) != 0) {
        return -errno;
    }
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, socket, 0);
    if (map == MAP_FAILED) return -errno;
    ring->frames = map;
    return bind(socket, (const struct sockaddr *)&far, sizeof far) == 0 ? 0 : -errno;
}

static struct tpacket2_hdr *current(const struct ring *ring) {
    return (struct tpacket2_hdr *)(void *)(ring->frames + ring->next * ring->frame_bytes);
}

static bool ring_peek(const struct ring *ring, struct frame *frame) {
    struct tpacket2_hdr *header = current(ring);
    if ((__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return false;
    *frame = (struct frame){
        .bytes = (uint8_t *)header + header->tp_mac,
        .size = header->tp_snaplen,
        .whole = header->tp_snaplen == header->tp_len,
        .stamp_ns = header->tp_sec * (uint64_t)NS_PER_S + header->tp_nsec,
    };
    return true;
}

static void ring_advance(struct ring *ring) {
    __atomic_store_n(&current(ring)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    ring->next = (ring->next + 1) % ring->frame_count;
}

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

static void hold(struct process *p, const struct frame *frame, uint64_t arrived_ns,
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
    held->size = frame->size;
    memcpy(held->frame, frame->bytes, frame->size);
    STAILQ_INSERT_TAIL(&p->held, held, next);
}

static bool is_ipv4(const struct frame *frame) {
    const uint8_t *type = frame->bytes + 12; /* behind two addresses */
    return frame->whole && frame->size >= ETH_HLEN && (type[0] << 8 | type[1]) == ETH_P_IP;
}

static void take(struct process *p, const struct frame *frame) {
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
    struct frame frame;
    if (!ring_peek(&p->ring, &frame)) return;
    read_day(p);
    /* No more than what may have come by now: those held must not wait for the end of a flood. */
    for (int i = 0; i < 64 && ring_peek(&p->ring, &frame); i++) {
        take(p, &frame);
        ring_advance(&p->ring);
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
    ssize_t sent;
    do {
        sent = send(p->socket, held->frame, held->size, 0);
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
    struct pollfd at[] = {{.fd = p->socket, .events = POLLIN}, {.fd = p->wake, .events = POLLIN}};
    (void)ppoll(at, 2, left, NULL);
}

static void wait(struct process *p) {
    const struct held *held = STAILQ_FIRST(&p->held);
    struct frame frame;
    if (ring_peek(&p->ring, &frame)) return;
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

static int open_capture(struct process *p, FILE *file) {
    p->format = pcap_open_dead_with_tstamp_precision(DLT_RAW, 65535, PCAP_TSTAMP_PRECISION_NANO);
    if (p->format == NULL) return -ENOMEM;
    p->capture = pcap_dump_fopen(p->format, file);
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
    if (failed == 0) failed = ring_open(&p->ring, p->socket, options->mtu_bytes);
    if (failed == 0 && options->loss_percent > 0) failed = open_chance(p, options);
    if (failed == 0 && capture != NULL) failed = open_capture(p, capture);
    return failed;
}

/* In the child; says on `ready` how it began. The end of the process gives back what it holds. */
static _Noreturn void live(struct process *p, const struct wire_options *options, FILE *capture,
                           int ready) {
    const int failed = prepare(p, options, capture);
    const bool told = write(ready, &failed, sizeof failed) == sizeof failed;
    if (failed != 0 || !told) _exit(1);
    loop(p);
    if (p->capture != NULL) {
        p->shared->capture_failed =
            pcap_dump_flush(p->capture) != 0 || ferror(pcap_dump_file(p->capture)) != 0;
    }
    _exit(0);
}

int wire_process_start(struct wire *wire, const struct wire_options *options, void *capture) {
    int ready[2];
    wire->failed_at = "opening a packet socket";
    wire->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (wire->socket < 0) return -errno;
    wire->failed_at = "starting the wire's process";
    wire->wake = eventfd(0, EFD_CLOEXEC);
    if (wire->wake < 0 || pipe2(ready, O_CLOEXEC) != 0) return -errno;
    wire->pid = system_fork();
    if (wire->pid == 0) {
        struct process p = {.shared = wire->shared, .socket = wire->socket, .wake = wire->wake};
        (void)close(ready[0]);
        live(&p, options, capture, ready[1]);
    }
    (void)close(ready[1]);
    int failed = wire->pid < 0 ? wire->pid : 0;
    if (failed == 0 && read(ready[0], &failed, sizeof failed) != sizeof failed) failed = -EIO;
    (void)close(ready[0]);
    if (failed != 0 && wire->pid > 0) (void)system_reap(wire->pid);
    return failed;
}
