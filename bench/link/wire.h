/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A wire without hardware: one process that stands in the path of the packets
 * of a private network. It holds each IPv4 packet for half the round trip,
 * loses what it was told to lose, counts all of them and writes them to a file.
 *
 * Both ends are the host's one address. The server listens on WIRE_SERVER_HOST
 * and the client connects to WIRE_CLIENT_TARGET, an address that nobody has:
 * what is sent there reaches the process, which swaps source and destination
 * (checksums stay right, addition commutes) and gives it back. So each end
 * sees a peer called 10.9.0.2, and which end sent a packet shows in its ports
 * alone: say the server's with wire_set_port before the first packet.
 *
 *     namespace_enter();
 *     wire_start(&wire, &(struct wire_options){.rtt_ns = 20000000, .cpu = -1});
 *     ... start a server on WIRE_SERVER_HOST ...
 *     wire_set_port(&wire, port);
 *     ... exchange messages with WIRE_CLIENT_TARGET:port ...
 *     wire_settle(&wire, quiet_ns, limit_ns);
 *     wire_stop(&wire);
 *     ... use wire.report ...
 *     wire_release(&wire);
 *
 * It has no bandwidth limit, never reorders and never duplicates. UDP
 * segmentation offload (UDP_SEGMENT) on a device without checksum offload, as
 * this one is, needs Linux 6.11.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "bench/measure/histogram.h"

#define WIRE_SERVER_HOST "10.9.0.1"   /* where the server listens */
#define WIRE_CLIENT_TARGET "10.9.0.2" /* what the client connects to */
#define WIRE_FAR_END "wire1"          /* the device at which the process stands */

enum { WIRE_MTU = 1500 /* unless told */, WIRE_MTU_MIN = 576, WIRE_MTU_MAX = 65535 };

#define WIRE_RTT_MAX_NS INT64_C(10000000000)

/* What a packet is for. A segment with several flags is the first that applies. */
enum wire_kind {
    WIRE_RST,
    WIRE_SYN, /* also one that carries a request (RFC 7413) */
    WIRE_SYN_ACK,
    WIRE_FIN,      /* also one that carries data */
    WIRE_REQUEST,  /* TCP or UDP: a message of echo/message.h begins with its payload */
    WIRE_REPLY,    /* likewise */
    WIRE_DATA,     /* any other payload: the middle of a message, or none of ours */
    WIRE_ACK,      /* a segment without payload */
    WIRE_FRAGMENT, /* of an IP packet that did not fit the MTU, the first one too */
    WIRE_OTHER,    /* IPv4, but neither TCP nor UDP: ICMP says that something is wrong */
    WIRE_KINDS
};

enum wire_direction {
    WIRE_TO_SERVER,
    WIRE_TO_CLIENT,
    WIRE_ASTRAY, /* neither port is the server's */
    WIRE_DIRECTIONS
};

extern const char *const wire_kind_names[WIRE_KINDS];
extern const char *const wire_direction_names[WIRE_DIRECTIONS];

/* "Lose the nth such packet." */
struct drop {
    unsigned kind, direction; /* enum wire_kind, enum wire_direction */
    unsigned nth;             /* 0: none */
};

struct wire_options {
    int64_t rtt_ns;           /* 0 to WIRE_RTT_MAX_NS; each way is held for half of it */
    double loss_percent;      /* 0 to 100: every packet, both ways, by chance */
    uint64_t seed;            /* of that chance */
    unsigned mtu_bytes;       /* WIRE_MTU_MIN to WIRE_MTU_MAX; 0 means WIRE_MTU */
    int cpu;                  /* to stay on; -1: any */
    const char *capture_path; /* NULL: no capture */
    size_t trace_packets;     /* so many of the first packets are kept one by one */
    struct drop drop;
};

/* Sums over packets; "sent" is by either end, whether or not it was lost then. */
struct wire_tally {
    uint64_t packets;       /* sent */
    uint64_t ip_bytes;      /* of those, IP header included */
    uint64_t payload_bytes; /* of those, what TCP or UDP carries */
    uint64_t dropped;       /* of those packets, as told or by chance */
};

struct wire_counts {
    struct wire_tally by[WIRE_DIRECTIONS][WIRE_KINDS];
    uint64_t foreign;      /* packets that are not IPv4: not given back. Should be 0 */
    uint64_t device_drops; /* lost by device, socket or memory. Not 0: the run is void */
};

/* One packet of the trace. Times are on the clock of echo/clock.h. */
struct wire_packet {
    uint64_t sent_ns;  /* when it reached the wire; it left it at sent_ns + delay_ns */
    uint64_t delay_ns; /* 0 while it is held, and when dropped */
    uint32_t sequence, acknowledged; /* TCP's; 0 in any other */
    uint16_t ip_bytes, payload_bytes;
    uint8_t tcp_flags; /* the byte of the header: TH_SYN ... of netinet/tcp.h */
    uint8_t kind;      /* enum wire_kind */
    uint8_t direction; /* enum wire_direction */
    bool dropped;
};

/* What the process tells, in memory that it shares; to be read when it has stopped. */
struct wire_report {
    struct wire_counts counts;
    struct histogram delay; /* that every packet that was given back really had, one way */
    struct histogram late;  /* the part beyond half the RTT; never early */
    bool capture_failed;    /* the file is not whole: no room on the disk, perhaps */
    atomic_bool stopping;
    atomic_uint_least16_t server_port;
    atomic_uint_least64_t events; /* packets that came or went, ... */
    atomic_uint_least64_t held;   /* ... and those that are held */
    size_t trace_count, trace_room;
    struct wire_packet trace[]; /* in the order they were sent */
};

struct wire {
    pid_t pid;
    int control; /* shutting it down wakes the process */
    struct wire_report *report;
    size_t report_bytes;
    const char *failed_at; /* after a start that failed: what was being tried, in a few words */
};

/*
 * Lays the wire in the calling process's network namespace, which must be a
 * private one (namespace_enter), and starts its process, which dies with the
 * calling thread. To be called before there are threads. 0 or -errno, with
 * nothing left behind: -EINVAL for options out of range, that of open(2) where
 * the capture cannot be written, -EEXIST where a wire is already laid.
 *
 * A sleeping process is woken some 50 us late. So where it may use two CPUs
 * and there is a delay, it sleeps until 150 us before a packet is due and
 * spins the rest.
 *
 * The capture is a pcap file of IP packets with nanoseconds. Every packet is
 * in it once, as it was sent and when it was sent, those that were lost too;
 * the client is 10.9.0.2 and the server 10.9.0.1, as the server sees it. The
 * arrival is half the RTT later.
 */
int wire_start(struct wire *wire, const struct wire_options *options);

/* The server's, by which directions are told; packets before it are WIRE_ASTRAY. */
void wire_set_port(struct wire *wire, uint16_t port);

/* Waits until nothing is held and nothing has come for `quiet_ns`. 0, or -ETIMEDOUT. */
int wire_settle(struct wire *wire, uint64_t quiet_ns, uint64_t limit_ns);

/*
 * Ends the process (packets still held are lost) and takes the device away;
 * wire->report is then whole. 0, or -EIO when the process did not live to the
 * end: it has what was counted until then.
 */
int wire_stop(struct wire *wire);

void wire_release(struct wire *wire); /* frees the report, after wire_stop */

struct wire_tally wire_sum(const struct wire_counts *counts); /* all kinds and directions */

/* ---- for bench/link and its test only: looks at packets; pure ---- */

/* Later fragments have no ports: remembers where the first of a packet was going. */
struct wire_fragments {
    uint16_t id[64];
    uint8_t direction[64]; /* + 1; 0: none */
};

/* Fills all of `seen` but times and dropped. False: not a whole IPv4 packet, nothing is filled. */
bool wire_look(struct wire_packet *seen, const uint8_t *packet, size_t size, uint16_t server_port,
               struct wire_fragments *fragments);

/* ---- wire_device.c, likewise: the veth pair ---- */

int wire_device_make(unsigned mtu_bytes); /* 0 or -errno, with nothing left behind */
void wire_device_remove(void);
uint64_t wire_device_drops(void);

#endif
