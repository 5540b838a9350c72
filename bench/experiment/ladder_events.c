/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/ladder_events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKETS_MAX = 4096 };

static void add(struct ladder *ladder, const struct ladder_event *event) {
    struct ladder_event *more = reallocarray(ladder->events, ladder->count + 1, sizeof *more);
    ladder->failed = ladder->failed || more == NULL;
    if (more == NULL) return;
    ladder->events = more;
    more[ladder->count++] = *event;
}

/* ---- packets ---- */

const char *ladder_flags(uint8_t tcp_flags, char *text, size_t size) {
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {
        {TH_SYN, "SYN"}, {TH_FIN, "FIN"}, {TH_RST, "RST"}, {TH_PUSH, "PSH"}, {TH_ACK, "ACK"}};
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((tcp_flags & names[i].bit) == 0 || length + 5 > size) continue;
        length += (size_t)snprintf(text + length, size - length, "%s%s", length > 0 ? "," : "",
                                   names[i].name);
    }
    return text;
}

static void label_packet(struct ladder_event *event, const struct wire_packet *seen) {
    char flags[32];
    const bool segment = seen->tcp_flags != 0;
    (void)snprintf(event->label, sizeof event->label, "%s %u B",
                   segment ? ladder_flags(seen->tcp_flags, flags, sizeof flags)
                           : wire_kind_names[seen->kind],
                   seen->payload_bytes);
}

static void add_packet(struct ladder *ladder, const struct wire_packet *seen, uint64_t sent_ns,
                       uint64_t one_way_ns) {
    const bool up = seen->direction == WIRE_TO_SERVER;
    struct ladder_event event = {
        .at_ns = sent_ns,
        .what = seen->dropped ? LADDER_LOST : LADDER_DEPART,
        .side = up ? TRACE_CLIENT : TRACE_SERVER,
        .item = ladder->items++,
        .tcp_flags = seen->tcp_flags,
        .bytes = seen->payload_bytes,
    };
    label_packet(&event, seen);
    ladder->packets++;
    ladder->ip_bytes += seen->ip_bytes;
    add(ladder, &event);
    if (seen->dropped) return;
    event.at_ns += one_way_ns; /* the wire is never early, and late by far less than it shows */
    event.what = LADDER_ARRIVE;
    event.side = up ? TRACE_SERVER : TRACE_CLIENT;
    add(ladder, &event);
}

/* The port of whoever has the server's address in the capture; 0: nobody. */
static uint16_t port_of_server(const uint8_t *packet, size_t size) {
    uint8_t address[4];
    if (size < 24 || inet_pton(AF_INET, WIRE_SERVER_HOST, address) != 1) return 0;
    const size_t header = (size_t)(packet[0] & 15) * 4;
    if (size < header + 4) return 0;
    const bool to = memcmp(packet + 16, address, 4) == 0;
    const uint8_t *port = packet + header + (to ? 2 : 0);
    return (uint16_t)(port[0] << 8 | port[1]);
}

static bool is_lost(const struct wire_packet *seen, const struct drop *drop, unsigned *matched) {
    if (seen->kind != drop->kind || seen->direction != drop->direction) return false;
    return ++*matched == drop->nth;
}

bool ladder_add_packets(struct ladder *ladder, const struct parameters *asked, char *why) {
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *file =
        pcap_open_offline_with_tstamp_precision(asked->pcap, PCAP_TSTAMP_PRECISION_NANO, error);
    if (file == NULL) {
        (void)snprintf(why, CHILD_WHY, "cannot read the capture %s: %s", asked->pcap, error);
        return false;
    }
    struct wire_fragments fragments = {0};
    struct pcap_pkthdr *header;
    const u_char *bytes;
    uint16_t port = 0;
    unsigned matched = 0;
    while (pcap_next_ex(file, &header, &bytes) == 1) {
        struct wire_packet seen;
        if (port == 0) port = port_of_server(bytes, header->caplen);
        if (!wire_look(&seen, bytes, header->caplen, port, &fragments)) continue;
        seen.dropped = is_lost(&seen, &asked->drop, &matched);
        const uint64_t sent_ns = (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
                                 (uint64_t)header->ts.tv_usec; /* nanoseconds, as was asked */
        add_packet(ladder, &seen, sent_ns, asked->rtt_ns / 2);
    }
    pcap_close(file);
    return true;
}

/* ---- calls ---- */

/* The primitives, and what waits for them. */
static bool is_primitive(const char *name) {
    static const char *const names[] = {
        "socket",   "bind",    "listen",   "accept",   "accept4", "connect",  "sendto", "sendmsg",
        "sendmmsg", "recvmsg", "recvmmsg", "recvfrom", "close",   "shutdown", "poll",   "ppoll",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

struct sockets {
    bool open[TRACE_SIDES][SOCKETS_MAX];
};

/* Whether a call is on a socket, as files are closed, too; keeps the books. */
static bool on_socket(struct sockets *sockets, const struct trace_call *call) {
    const bool makes = strcmp(call->name, "socket") == 0 || strncmp(call->name, "accept", 6) == 0;
    const bool polls = strcmp(call->name, "poll") == 0 || strcmp(call->name, "ppoll") == 0;
    bool *open = sockets->open[call->side];
    if (makes && call->result >= 0 && call->result < SOCKETS_MAX) open[call->result] = true;
    if (makes || polls) return true;
    if (call->descriptor < 0 || call->descriptor >= SOCKETS_MAX) return false;
    const bool was = open[call->descriptor];
    if (strcmp(call->name, "close") == 0) open[call->descriptor] = false;
    return was;
}

static void add_call(struct ladder *ladder, const struct trace_call *call, uint64_t long_ns) {
    struct ladder_event event = {
        .at_ns = call->start_ns,
        .what = LADDER_ENTER,
        .side = call->side,
        .item = ladder->items++,
    };
    char result[LADDER_LABEL];
    if (call->error[0] != '\0') {
        (void)snprintf(result, sizeof result, "%s %s", call->name, call->error);
    } else {
        (void)snprintf(result, sizeof result, "%s = %lld", call->name, (long long)call->result);
    }
    if (call->end_ns - call->start_ns >= long_ns) {
        (void)snprintf(event.label, sizeof event.label, "%s ...", call->name);
        add(ladder, &event);
        event.at_ns = call->end_ns;
        event.what = LADDER_RETURN;
    } else {
        event.what = LADDER_CALL;
    }
    (void)snprintf(event.label, sizeof event.label, "%s", result);
    add(ladder, &event);
}

void ladder_add_calls(struct ladder *ladder, const struct trace *trace, uint64_t long_ns) {
    struct sockets *sockets = calloc(1, sizeof *sockets);
    if (sockets == NULL) ladder->failed = true;
    for (size_t i = 0; sockets != NULL && i < trace->count; i++) {
        const struct trace_call *call = &trace->calls[i];
        const bool belongs = on_socket(sockets, call);
        /* What was told to end has nothing to do with the messages any more. */
        if (!belongs || call->end_ns == 0 || trace_is_ending(trace, call)) continue;
        if (is_primitive(call->name)) {
            add_call(ladder, call, long_ns);
        } else {
            ladder->hidden++;
        }
    }
    free(sockets);
}

/* ---- order ---- */

static int by_time(const void *one, const void *other) {
    const struct ladder_event *a = one;
    const struct ladder_event *b = other;
    if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns ? -1 : 1;
    return (int)a->what - (int)b->what;
}

bool ladder_is_packet(const struct ladder_event *event) {
    return event->what == LADDER_DEPART || event->what == LADDER_ARRIVE ||
           event->what == LADDER_LOST;
}

int ladder_finish(struct ladder *ladder) {
    if (ladder->failed) return -ENOMEM;
    if (ladder->count == 0) return 0;
    qsort(ladder->events, ladder->count, sizeof *ladder->events, by_time);
    const struct ladder_event *first = NULL;
    for (size_t i = 0; i < ladder->count && first == NULL; i++) {
        if (ladder->events[i].side == TRACE_CLIENT) first = &ladder->events[i];
    }
    ladder->zero_ns = first == NULL ? ladder->events[0].at_ns : first->at_ns;
    for (size_t i = 0; i < ladder->count; i++) {
        ladder->events[i].before = ladder->events[i].at_ns < ladder->zero_ns;
    }
    return 0;
}

/* ---- places ---- */

void ladder_place(struct ladder *ladder, double per_ms) {
    enum { LANES = 6 };
    const double longest = 8; /* what a silence takes at most */
    double next[LANES] = {0}; /* where there is room again: for calls, departures, arrivals */
    double place = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        struct ladder_event *event = &ladder->events[i];
        const int kind = event->what == LADDER_ARRIVE ? 2 : ladder_is_packet(event) ? 1 : 0;
        const int lane = 3 * (int)event->side + kind;
        double step = 0;
        if (i > 0 && !event->before && !event[-1].before) {
            step = (double)(event->at_ns - event[-1].at_ns) / 1e6 * per_ms;
        }
        place += step > longest ? longest : step;
        if (place < next[lane]) place = next[lane];
        next[lane] = place + 1;
        event->place = place;
    }
}

void ladder_release(struct ladder *ladder) {
    free(ladder->events);
    *ladder = (struct ladder){0};
}
