/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/wire.h"

#include <errno.h>
#include <gsl/gsl_rng.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/measure/system.h"
#include "echo/clock.h"
#include "echo/message.h"

/* ---- what a packet is ---- */

const char *const wire_kind_names[WIRE_KINDS] = {
    [WIRE_RST] = "rst",    [WIRE_SYN] = "syn",         [WIRE_SYN_ACK] = "syn_ack",
    [WIRE_FIN] = "fin",    [WIRE_REQUEST] = "request", [WIRE_REPLY] = "reply",
    [WIRE_DATA] = "data",  [WIRE_ACK] = "ack",         [WIRE_FRAGMENT] = "fragment",
    [WIRE_OTHER] = "other"};

const char *const wire_direction_names[WIRE_DIRECTIONS] = {"to_server", "to_client", "astray"};

enum { IP_BYTES = 20, TCP_BYTES = 20, UDP_BYTES = 8, MORE_FRAGMENTS = 0x2000, OFFSET = 0x1fff };

static uint16_t get16(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static enum wire_kind kind_of_payload(const uint8_t *payload, size_t size) {
    struct echo_message message;
    if (echo_decode(&message, payload, size) != ECHO_WHOLE) return WIRE_DATA;
    return message.kind == ECHO_REQUEST ? WIRE_REQUEST : WIRE_REPLY;
}

static enum wire_kind kind_of_segment(unsigned flags, const uint8_t *payload, size_t size) {
    if ((flags & TH_RST) != 0) return WIRE_RST;
    if ((flags & TH_SYN) != 0) return (flags & TH_ACK) != 0 ? WIRE_SYN_ACK : WIRE_SYN;
    if ((flags & TH_FIN) != 0) return WIRE_FIN;
    return size > 0 ? kind_of_payload(payload, size) : WIRE_ACK;
}

static void look_at_ports(struct wire_packet *seen, const uint8_t *transport, uint16_t port) {
    if (get16(transport) == port) seen->direction = WIRE_TO_CLIENT;
    if (get16(transport + 2) == port) seen->direction = WIRE_TO_SERVER;
}

static void look_at_segment(struct wire_packet *seen, const uint8_t *tcp, size_t size) {
    const size_t header = (size_t)(tcp[12] >> 4) * 4;
    if (header < TCP_BYTES || header > size) return;
    seen->tcp_flags = tcp[13];
    seen->sequence = get32(tcp + 4);
    seen->acknowledged = get32(tcp + 8);
    seen->payload_bytes = (uint16_t)(size - header);
    seen->kind = (uint8_t)kind_of_segment(tcp[13], tcp + header, size - header);
}

/*
 * Both ends are one host and draw their identifications from one counter, so
 * that those of the two directions do not meet.
 */
static void look_at_fragment(struct wire_packet *seen, const uint8_t *ip, size_t header,
                             struct wire_fragments *fragments) {
    const uint16_t id = get16(ip + 4);
    const size_t slot = id % (sizeof fragments->direction);
    const bool first = (get16(ip + 6) & OFFSET) == 0;
    if (first) {
        fragments->id[slot] = id;
        fragments->direction[slot] = (uint8_t)(seen->direction + 1);
    } else if (fragments->direction[slot] != 0 && fragments->id[slot] == id) {
        seen->direction = (uint8_t)(fragments->direction[slot] - 1);
    }
    seen->kind = WIRE_FRAGMENT;
    seen->tcp_flags = 0;
    seen->sequence = seen->acknowledged = 0;
    if (!first) seen->payload_bytes = (uint16_t)(seen->ip_bytes - header);
}

bool wire_look(struct wire_packet *seen, const uint8_t *packet, size_t size, uint16_t server_port,
               struct wire_fragments *fragments) {
    if (size < IP_BYTES || packet[0] >> 4 != 4) return false;
    const size_t header = (size_t)(packet[0] & 15) * 4;
    const size_t total = get16(packet + 2);
    if (header < IP_BYTES || total < header || total > size) return false;
    *seen = (struct wire_packet){
        .kind = WIRE_OTHER, .direction = WIRE_ASTRAY, .ip_bytes = (uint16_t)total};
    const unsigned fragment = get16(packet + 6);
    const uint8_t *transport = packet + header;
    const size_t left = total - header;
    if ((fragment & OFFSET) == 0 && packet[9] == IPPROTO_TCP && left >= TCP_BYTES) {
        look_at_ports(seen, transport, server_port);
        look_at_segment(seen, transport, left);
    } else if ((fragment & OFFSET) == 0 && packet[9] == IPPROTO_UDP && left >= UDP_BYTES) {
        look_at_ports(seen, transport, server_port);
        seen->payload_bytes = (uint16_t)(left - UDP_BYTES);
        seen->kind = (uint8_t)kind_of_payload(transport + UDP_BYTES, left - UDP_BYTES);
    }
    if ((fragment & (OFFSET | MORE_FRAGMENTS)) != 0) {
        look_at_fragment(seen, packet, header, fragments);
    }
    return true;
}

static void turn_round(uint8_t *packet) {
    uint8_t source[4];
    memcpy(source, packet + 12, sizeof source);
    memcpy(packet + 12, packet + 16, sizeof source);
    memcpy(packet + 16, source, sizeof source);
}

/* ---- the process ---- */

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
    struct wire_report *report;
    const struct wire_options *options;
    int control;
    pcap_t *packets;               /* at the far end */
    struct held_list held, unused; /* first in, first out; and room for more */
    size_t held_bytes, frame_most;
    struct wire_fragments fragments;
    unsigned such;   /* as the one to be dropped, that have come */
    gsl_rng *chance; /* NULL: nothing is lost by it */
    uint64_t one_way_ns, spin_ns;
    uint64_t last_due_ns;
    int64_t day_ns;         /* what the time of day is ahead of the clock */
    pcap_dumper_t *capture; /* NULL: none */
};

/* ---- packets that come ---- */

static bool lost_as_told(struct process *p, const struct wire_packet *seen) {
    const struct drop *drop = &p->options->drop;
    if (seen->kind != drop->kind || seen->direction != drop->direction) return false;
    return ++p->such == drop->nth;
}

static void count(struct wire_counts *counts, const struct wire_packet *seen) {
    struct wire_tally *tally = &counts->by[seen->direction][seen->kind];
    tally->packets++;
    tally->ip_bytes += seen->ip_bytes;
    tally->payload_bytes += seen->payload_bytes;
    tally->dropped += seen->dropped;
}

/* Its place in the trace; NULL: that is full. */
static struct wire_packet *trace(struct wire_report *report, const struct wire_packet *seen) {
    if (report->trace_count == report->trace_room) return NULL;
    struct wire_packet *kept = &report->trace[report->trace_count++];
    *kept = *seen;
    return kept;
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
        p->report->counts.device_drops++;
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
    p->report->held++;
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
    p->report->events++;
    const uint16_t port = atomic_load_explicit(&p->report->server_port, memory_order_relaxed);
    if (!is_ipv4(header, frame) ||
        !wire_look(&seen, packet, header->len - ETH_HLEN, port, &p->fragments)) {
        p->report->counts.foreign++;
        return;
    }
    const uint64_t now_ns = echo_clock_ns();
    /* libpcap calls the fraction microseconds; it was asked for nanoseconds. */
    const uint64_t stamp_ns = (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec;
    seen.sent_ns = stamp_ns - (uint64_t)p->day_ns;
    if (seen.sent_ns > now_ns) seen.sent_ns = now_ns; /* someone has set the time of day */
    /* One draw a packet whatever becomes of it, so that a seed means the same packets. */
    const bool by_chance =
        p->chance != NULL && gsl_rng_uniform(p->chance) < p->options->loss_percent / 100;
    seen.dropped = lost_as_told(p, &seen) || by_chance;
    count(&p->report->counts, &seen);
    struct wire_packet *kept = trace(p->report, &seen);
    /* In the capture the client is at the far end's address, in both directions. */
    const bool turn_first = seen.direction == WIRE_TO_SERVER;
    if (turn_first) turn_round(packet);
    if (p->capture != NULL) {
        const struct pcap_pkthdr whole = {
            .ts = header->ts, .caplen = seen.ip_bytes, .len = seen.ip_bytes};
        pcap_dump((u_char *)p->capture, &whole, packet);
    }
    if (!turn_first) turn_round(packet);
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
    struct wire_report *report = p->report;
    const uint64_t delay_ns = now_ns - held->arrived_ns;
    int sent;
    do {
        sent = pcap_inject(p->packets, held->frame, held->size);
    } while (sent < 0 && errno == EINTR);
    if (held->trace != NULL) held->trace->delay_ns = delay_ns;
    if (sent < 0) {
        report->counts.device_drops++;
    } else {
        histogram_record(&report->delay, delay_ns);
        histogram_record(&report->late, delay_ns - p->one_way_ns);
    }
    report->events++;
    report->held--;
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

/* Until a packet comes, someone wakes us, or the first is due: its last part is not slept. */
static void wait_till_due(const struct process *p) {
    const struct held *held = STAILQ_FIRST(&p->held);
    const uint64_t now_ns = echo_clock_ns();
    if (held != NULL && held->due_ns <= now_ns + p->spin_ns) {
        while (echo_clock_ns() < held->due_ns) {
            /* What comes meanwhile has its stamp and can wait. */
        }
        return;
    }
    const uint64_t left_ns = held == NULL ? 0 : held->due_ns - now_ns - p->spin_ns;
    const struct timespec left = echo_clock_timespec(left_ns);
    struct pollfd at[] = {{.fd = pcap_get_selectable_fd(p->packets), .events = POLLIN},
                          {.fd = p->control, .events = POLLIN}};
    (void)ppoll(at, 2, held == NULL ? NULL : &left, NULL);
}

static void loop(struct process *p) {
    while (!atomic_load_explicit(&p->report->stopping, memory_order_acquire)) {
        give_back_due(p);
        read_day(p);
        /* No more than what may have come by now: those held must not wait for a flood's end. */
        const int taken = pcap_dispatch(p->packets, TAKEN_MOST, take, (u_char *)p);
        give_back_due(p);
        if (taken < TAKEN_MOST) wait_till_due(p);
    }
}

/* ---- from the fork to the end ---- */

/* Where packets come from and go to, without a call for each that comes (packet(7)). */
static int open_packets(struct process *p) {
    /* 10,000 packets of 1,500: 100 ms unread at 100,000 a second */
    const int ring_bytes = 16 << 20, frames_least = 512, on = 1;
    const int frame_bytes = (int)p->options->mtu_bytes + 128;
    char why[PCAP_ERRBUF_SIZE];
    p->packets = pcap_create(WIRE_FAR_END, why);
    if (p->packets == NULL) return -ENOMEM;
    (void)pcap_set_buffer_size(p->packets, MAX(ring_bytes, frames_least * frame_bytes));
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

static int prepare(struct process *p, FILE *capture) {
    cpu_set_t allowed;
    const struct wire_options *o = p->options;
    const bool two_cpus =
        sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) > 1;
    p->one_way_ns = (uint64_t)o->rtt_ns / 2;
    p->spin_ns = p->one_way_ns > 0 && two_cpus ? SPIN_NS : 0;
    p->frame_most = ETH_HLEN + o->mtu_bytes;
    STAILQ_INIT(&p->held);
    STAILQ_INIT(&p->unused);
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    (void)signal(SIGINT, SIG_IGN); /* of a terminal: our parent decides */
    if (o->loss_percent > 0) {
        p->chance = gsl_rng_alloc(gsl_rng_mt19937);
        if (p->chance == NULL) return -ENOMEM;
        gsl_rng_set(p->chance, (unsigned long)o->seed);
    }
    int failed = o->cpu >= 0 ? placement_pin(o->cpu) : 0;
    if (failed == 0) failed = open_packets(p);
    if (failed == 0 && capture != NULL) failed = open_capture(p, capture);
    return failed;
}

struct beginning {
    struct wire_report *report;
    const struct wire_options *options;
    FILE *capture;
};

/* The child: the end of the process gives back what it holds. */
static int live(const void *what, int control) {
    const struct beginning *b = what;
    struct process p = {.report = b->report, .options = b->options, .control = control};
    struct pcap_stat packets;
    const int failed = prepare(&p, b->capture);
    const bool told = write(control, &failed, sizeof failed) == sizeof failed;
    if (failed != 0 || !told) return 1;
    loop(&p);
    if (pcap_stats(p.packets, &packets) == 0) p.report->counts.device_drops += packets.ps_drop;
    p.report->capture_failed = p.capture != NULL && (pcap_dump_flush(p.capture) != 0 ||
                                                     ferror(pcap_dump_file(p.capture)) != 0);
    return 0;
}

static bool options_right(const struct wire_options *o) {
    if (o->rtt_ns < 0 || o->rtt_ns > WIRE_RTT_MAX_NS) return false;
    if (!(o->loss_percent >= 0 && o->loss_percent <= 100)) return false; /* also not a number */
    if (o->mtu_bytes < WIRE_MTU_MIN || o->mtu_bytes > WIRE_MTU_MAX) return false;
    return o->drop.kind < WIRE_KINDS && o->drop.direction < WIRE_DIRECTIONS && o->cpu >= -1;
}

static int share(struct wire *wire, size_t trace_packets) {
    wire->report_bytes = sizeof *wire->report + trace_packets * sizeof *wire->report->trace;
    void *memory =
        mmap(NULL, wire->report_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -errno;
    wire->report = memory;
    wire->report->trace_room = trace_packets;
    return 0;
}

static int start(struct wire *wire, const struct wire_options *options) {
    struct beginning what = {.report = wire->report, .options = options};
    wire->failed_at = "writing the capture file";
    if (options->capture_path != NULL) {
        what.capture = fopen(options->capture_path, "we");
        if (what.capture == NULL) return -errno;
    }
    wire->failed_at = "making a pair of virtual Ethernet devices";
    int failed = wire_device_make(options->mtu_bytes);
    if (failed == 0) {
        int began;
        wire->failed_at = "starting the wire's process";
        failed = system_start(&wire->pid, &wire->control, live, &what, &began, sizeof began);
        if (failed != 0) wire_device_remove();
    }
    /* The process has its own; nothing was written through this one. */
    if (what.capture != NULL) (void)fclose(what.capture);
    return failed;
}

int wire_start(struct wire *wire, const struct wire_options *options) {
    struct wire_options wanted = *options;
    if (wanted.mtu_bytes == 0) wanted.mtu_bytes = WIRE_MTU;
    *wire = (struct wire){.pid = -1};
    wire->failed_at = "reading the wire's options";
    if (!options_right(&wanted)) return -EINVAL;
    int failed = share(wire, wanted.trace_packets);
    if (failed == 0) failed = start(wire, &wanted);
    if (failed == 0) wire->failed_at = NULL;
    if (failed != 0) wire_release(wire);
    return failed;
}

void wire_set_port(struct wire *wire, uint16_t port) {
    atomic_store(&wire->report->server_port, port);
}

int wire_settle(struct wire *wire, uint64_t quiet_ns, uint64_t limit_ns) {
    const uint64_t glance_ns = 500000, start_ns = echo_clock_ns();
    uint64_t last = 0, since_ns = start_ns;
    for (uint64_t now_ns = start_ns; now_ns - start_ns < limit_ns; now_ns = echo_clock_ns()) {
        const uint64_t events = atomic_load(&wire->report->events);
        if (events != last || atomic_load(&wire->report->held) > 0) since_ns = now_ns;
        if (now_ns - since_ns >= quiet_ns) return 0;
        last = events;
        echo_clock_sleep_until(now_ns + glance_ns);
    }
    return -ETIMEDOUT;
}

int wire_stop(struct wire *wire) {
    atomic_store(&wire->report->stopping, true);
    (void)shutdown(wire->control, SHUT_WR); /* wakes it */
    const int status = system_reap(wire->pid);
    wire->report->counts.device_drops += wire_device_drops();
    (void)close(wire->control);
    wire_device_remove();
    wire->pid = -1;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

void wire_release(struct wire *wire) {
    if (wire->report != NULL) (void)munmap(wire->report, wire->report_bytes);
    wire->report = NULL;
}

struct wire_tally wire_sum(const struct wire_counts *counts) {
    struct wire_tally sum = {0};
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const struct wire_tally *one = &counts->by[i / WIRE_KINDS][i % WIRE_KINDS];
        sum.packets += one->packets;
        sum.ip_bytes += one->ip_bytes;
        sum.payload_bytes += one->payload_bytes;
        sum.dropped += one->dropped;
    }
    return sum;
}
