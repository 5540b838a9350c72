/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The wire: what it counts, holds, loses and writes down, and that nothing of
 * it stays behind. Entering a network namespace is one-way, so each of these
 * tests runs in a child of its own; what it finds is told by CHECK, since an
 * assertion of cmocka would go on with the next test in the child.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/link/namespace.h"
#include "bench/link/wire.h"
#include "bench/load/exchange.h"
#include "bench/serve/design.h"
#include "echo/clock.h"
#include "tcp/transport.h"
#include "tests/support.h"
#include "udp/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pcap/pcap.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000) /* in ns */

enum { SKIPPED = 77, NOBODY = 65534 };

static const uint64_t deadline_ns = UINT64_C(5000000000);
static const uint64_t patience_ns = UINT64_C(20000000000); /* far more than anything here needs */

/* ---- a test in a child ---- */

#define CHECK(truth) check(__FILE__, __LINE__, #truth, (truth))
#define CHECK_EQUAL(one, other)                                                                    \
    check_equal(__FILE__, __LINE__, #one, (uint64_t)(one), (uint64_t)(other))

static void check(const char *file, int line, const char *what, bool truth) {
    if (truth) return;
    (void)fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    _exit(1);
}

static void check_equal(const char *file, int line, const char *what, uint64_t one,
                        uint64_t other) {
    if (one == other) return;
    (void)fprintf(stderr, "%s:%d: %s is %llu and not %llu\n", file, line, what,
                  (unsigned long long)one, (unsigned long long)other);
    _exit(1);
}

static int write_sysctl(const char *name, const char *value) {
    char path[128];
    (void)snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", name);
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    const int failed = write(file, value, strlen(value)) < 0 ? -errno : 0;
    (void)close(file);
    return failed;
}

/* The settings of bench/link/profile.c. */
static void lab_profile(void) {
    static const char *const profile[][2] = {
        {"tcp_no_metrics_save", "1"},
        {"tcp_slow_start_after_idle", "1"},
        {"tcp_tw_reuse", "1"},
        {"ip_local_port_range", "10000 60000"},
    };
    for (size_t i = 0; i < sizeof profile / sizeof *profile; i++) {
        const int failed = write_sysctl(profile[i][0], profile[i][1]);
        if (failed == 0) continue;
        (void)fprintf(stderr, "skipped: %s cannot be set: %s\n", profile[i][0], strerror(-failed));
        _exit(SKIPPED);
    }
    /* Refused where the host's tcp_allowed_congestion_control lacks it; no total depends on it. */
    (void)write_sysctl("tcp_congestion_control", "cubic");
}

static void enter(void) {
    const int failed = namespace_enter();
    if (failed != 0) {
        (void)fprintf(stderr, "skipped: no private network here: %s\n", strerror(-failed));
        _exit(SKIPPED);
    }
    lab_profile();
}

static void drop_privilege(void) {
    CHECK_EQUAL(setresgid(NOBODY, NOBODY, NOBODY), 0);
    CHECK_EQUAL(setresuid(NOBODY, NOBODY, NOBODY), 0);
    CHECK_EQUAL(prctl(PR_SET_DUMPABLE, 1), 0); /* else /proc/self stays root's; exec would do it */
}

static void in_child(void (*test)(void)) {
    const pid_t child = fork();
    if (child == 0) {
        test();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- a server, a client and the wire between them ---- */

struct link {
    struct wire wire;
    struct server_process server;
    struct echo_client *client;
    struct exchange exchange;
    uint8_t payload[2048];
};

struct link_options {
    const struct echo_transport *transport;
    enum echo_lifetime lifetime;
    uint32_t payload_bytes, per_connection;
    struct wire_options wire; /* .cpu is set to any */
};

static void link_start(struct link *link, const struct link_options *options) {
    struct wire_options wanted = options->wire;
    wanted.cpu = -1;
    *link = (struct link){0};
    CHECK_EQUAL(wire_start(&link->wire, &wanted), 0);
    struct design_options server = {.transport = options->transport, .cpu = -1};
    CHECK_EQUAL(echo_address_find(&server.server.address, WIRE_SERVER_HOST, 0), 0);
    CHECK_EQUAL(server_process_start(&link->server, &server), 0);
    const uint16_t port = echo_address_port(&link->server.address);
    wire_set_port(&link->wire, port);
    struct echo_client_options client = {.lifetime = options->lifetime,
                                         .session = 7,
                                         .payload = link->payload,
                                         .payload_bytes = options->payload_bytes,
                                         .reply_bytes = options->payload_bytes,
                                         .per_connection = options->per_connection,
                                         .patience_ns = deadline_ns};
    CHECK_EQUAL(echo_address_find(&client.server, WIRE_CLIENT_TARGET, port), 0);
    echo_address_set_port(&client.server, port);
    CHECK_EQUAL(options->transport->client->open(&link->client, &client), 0);
    (void)exchange_init(&link->exchange, link->client, client.session, deadline_ns, 1);
}

/* One exchange, in ns from its start to its reply. */
static uint64_t exchange_once(struct link *link) {
    const uint64_t now_ns = echo_clock_ns();
    exchange_start(&link->exchange, now_ns, now_ns);
    exchange_run(&link->exchange, EXCHANGE_BLOCK);
    CHECK_EQUAL(link->exchange.outcome, EXCHANGE_OK);
    return link->exchange.times.replied - link->exchange.times.start;
}

static void link_stop(struct link *link, const struct wire_report **report) {
    uint64_t counts[ECHO_COUNTS];
    const uint64_t quiet_ns = 60 * MS; /* longer than any delayed ACK and RTT here */
    link->client->steps->close(link->client);
    CHECK_EQUAL(wire_settle(&link->wire, quiet_ns, patience_ns), 0);
    CHECK_EQUAL(server_process_stop(&link->server, counts), 0);
    CHECK_EQUAL(wire_stop(&link->wire), 0);
    *report = link->wire.report;
    CHECK_EQUAL(if_nametoindex("wire0"), 0);
    CHECK_EQUAL((*report)->counts.device_drops, 0);
    CHECK_EQUAL((*report)->counts.foreign, 0);
}

static struct wire_tally total(const struct wire_report *report) {
    return wire_sum(&report->counts);
}

static uint64_t kind(const struct wire_report *report, enum wire_kind kind) {
    uint64_t packets = 0;
    for (int i = 0; i < WIRE_DIRECTIONS; i++) packets += report->counts.by[i][kind].packets;
    return packets;
}

/* ---- exact totals ---- */

/* TcpRetransSegs of this namespace. */
static uint64_t resent(void) {
    FILE *file = fopen("/proc/net/snmp", "re");
    CHECK(file != NULL);
    char line[1024];
    unsigned long long count = UINT64_MAX;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Tcp: %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &count) == 1)
            break;
    }
    if (file != NULL) (void)fclose(file);
    CHECK(count != UINT64_MAX);
    return count;
}

struct expected {
    uint64_t packets_fixed, packets_each, bytes_fixed, bytes_each; /* beside 2P each */
    uint64_t acks_fixed, acks_each;                                /* of those packets */
    uint32_t per_connection;                                       /* 0: no limit */
};

enum { COUNTED = 20 };

static struct exact run_once(const struct link_options *options, struct link *link,
                             const struct wire_report **report) {
    const uint64_t resent_before = resent();
    link_start(link, options);
    for (int n = 0; n < COUNTED; n++) (void)exchange_once(link);
    link_stop(link, report);
    return (struct exact){.packets = total(*report).packets,
                          .ip_bytes = total(*report).ip_bytes,
                          .acks = kind(*report, WIRE_ACK),
                          .resent = resent() - resent_before};
}

static void totals_are(const struct echo_transport *transport, enum echo_lifetime lifetime,
                       int64_t rtt_ns, const struct expected *expected) {
    static const uint32_t payloads[] = {0, 64, 1024};
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct link link;
        const struct wire_report *report;
        const struct link_options options = {.transport = transport,
                                             .lifetime = lifetime,
                                             .payload_bytes = payloads[i],
                                             .per_connection = expected->per_connection,
                                             .wire = {.rtt_ns = rtt_ns}};
        const uint64_t carried = 2 * (uint64_t)(ECHO_HEADER_BYTES + payloads[i]);
        const struct exact wanted = {
            .packets = expected->packets_fixed + expected->packets_each * COUNTED,
            .ip_bytes = expected->bytes_fixed + (expected->bytes_each + carried) * COUNTED,
            .acks = expected->acks_fixed + expected->acks_each * COUNTED};
        struct exact seen = run_once(&options, &link, &report);
        for (int attempt = 0; exact_again(attempt, &seen, &wanted, transport->name); attempt++) {
            wire_release(&link.wire);
            seen = run_once(&options, &link, &report);
        }
        CHECK_EQUAL(seen.packets, wanted.packets);
        CHECK_EQUAL(seen.ip_bytes, wanted.ip_bytes);
        CHECK_EQUAL(seen.acks, wanted.acks);
        CHECK_EQUAL(total(report).payload_bytes, carried * COUNTED);
        CHECK_EQUAL(kind(report, WIRE_REQUEST), COUNTED);
        CHECK_EQUAL(kind(report, WIRE_REPLY), COUNTED);
        CHECK_EQUAL(report->counts.by[WIRE_TO_SERVER][WIRE_REQUEST].packets, COUNTED);
        CHECK_EQUAL(report->counts.by[WIRE_TO_CLIENT][WIRE_REPLY].packets, COUNTED);
        for (int k = 0; k < WIRE_KINDS; k++)
            CHECK_EQUAL(report->counts.by[WIRE_ASTRAY][k].packets, 0);
        CHECK_EQUAL(report->delay.count, total(report).packets);
        wire_release(&link.wire);
    }
}

static const struct expected server_closes = {
    .packets_each = 10, .bytes_each = 536, .acks_each = 4};
static const struct expected client_resets = {.packets_each = 8, .bytes_each = 432, .acks_each = 3};
static const struct expected datagrams = {.packets_each = 2, .bytes_each = 56};
/* two SYN of 60, six others of 52: ACK, two FIN, and their ACKs, less what the messages bring */
static const struct expected keep_alive = {
    .packets_fixed = 8, .packets_each = 2, .bytes_fixed = 432, .bytes_each = 104, .acks_fixed = 4};

/* A connection that stays, and may carry one message. */
static const struct expected one_each = {
    .packets_each = 10, .bytes_each = 536, .acks_each = 4, .per_connection = 1};

static void limited(void) {
    enter();
    totals_are(&tcp_transport, ECHO_PERSISTENT, 0, &one_each);
    totals_are(&tcp_transport, ECHO_PERSISTENT, 20 * MS, &one_each);
}

static void per_message(void) {
    enter();
    totals_are(&tcp_transport, ECHO_SERVER_CLOSES, 0, &server_closes);
    totals_are(&tcp_transport, ECHO_SERVER_CLOSES, 20 * MS, &server_closes);
}

static void client_closes(void) {
    enter();
    totals_are(&tcp_transport, ECHO_CLIENT_CLOSES, 0, &server_closes);
    totals_are(&tcp_transport, ECHO_CLIENT_CLOSES, 20 * MS, &server_closes);
}

static void persistent(void) {
    enter();
    totals_are(&tcp_transport, ECHO_PERSISTENT, 0, &keep_alive);
    totals_are(&tcp_transport, ECHO_PERSISTENT, 20 * MS, &keep_alive);
}

static void reset(void) {
    enter();
    totals_are(&tcp_transport, ECHO_CLIENT_RESETS, 0, &client_resets);
    totals_are(&tcp_transport, ECHO_CLIENT_RESETS, 20 * MS, &client_resets);
}

static void udp(void) {
    enter();
    totals_are(&udp_transport, ECHO_PERSISTENT, 0, &datagrams);
    totals_are(&udp_transport, ECHO_PERSISTENT, 20 * MS, &datagrams);
    totals_are(&udp_transport, ECHO_CLIENT_CLOSES, 0, &datagrams);
}

static void unprivileged(void) {
    if (geteuid() == 0) drop_privilege();
    enter();
    totals_are(&tcp_transport, ECHO_SERVER_CLOSES, 0, &server_closes);
    totals_are(&udp_transport, ECHO_PERSISTENT, 0, &datagrams);
}

static void tcp_per_message_takes_10_packets(void **state) {
    (void)state;
    in_child(per_message);
}

static void tcp_connection_of_one_message_takes_10_packets_too(void **state) {
    (void)state;
    in_child(limited);
}

static void tcp_per_message_takes_10_packets_when_the_client_closes(void **state) {
    (void)state;
    in_child(client_closes);
}

static void tcp_persistent_takes_2_packets_and_8_for_the_connection(void **state) {
    (void)state;
    in_child(persistent);
}

static void tcp_reset_takes_8_packets(void **state) {
    (void)state;
    in_child(reset);
}

static void udp_takes_2_packets(void **state) {
    (void)state;
    in_child(udp);
}

static void no_privilege_is_needed(void **state) {
    (void)state;
    in_child(unprivileged);
}

/* ---- delay ---- */

static void delay(void) {
    enum { MESSAGES = 200 };
    const uint64_t wanted_ns = 5 * MS, far_too_late_ns = 20 * MS;
    struct link link;
    const struct wire_report *report;
    enter();
    link_start(&link, &(struct link_options){
                          .transport = &udp_transport,
                          .payload_bytes = 64,
                          .wire = {.rtt_ns = 2 * (int64_t)wanted_ns, .trace_packets = 3}});
    for (int i = 0; i < MESSAGES; i++) CHECK(exchange_once(&link) >= 2 * wanted_ns);
    link_stop(&link, &report);
    print_message("RTT 10 ms: late by %.1f us (p50), %.1f us (most)\n",
                  histogram_percentile_ns(&report->late, 50) / 1e3,
                  (double)report->late.max_ns / 1e3);
    CHECK_EQUAL(report->delay.count, 2 * MESSAGES);
    CHECK_EQUAL(report->delay.sum_ns - report->late.sum_ns, wanted_ns * 2 * MESSAGES);
    CHECK(histogram_percentile_ns(&report->late, 50) < (double)far_too_late_ns);
    CHECK_EQUAL(report->trace_count, 3);
    CHECK(report->trace[0].delay_ns >= wanted_ns);
    wire_release(&link.wire);
}

static void every_packet_is_held_for_half_the_round_trip(void **state) {
    (void)state;
    in_child(delay);
}

static void round_trip(void) {
    enum { MESSAGES = 20 };
    struct link link;
    const struct wire_report *report;
    uint64_t best_ns = UINT64_MAX;
    enter();
    link_start(&link, &(struct link_options){.transport = &udp_transport,
                                             .payload_bytes = 64,
                                             .wire = {.rtt_ns = 20 * MS}});
    for (int i = 0; i < MESSAGES; i++) {
        const uint64_t took_ns = exchange_once(&link);
        if (took_ns < best_ns) best_ns = took_ns;
    }
    link_stop(&link, &report);
    print_message("RTT 20 ms: the quickest exchange took %.3f ms\n", (double)best_ns / 1e6);
    CHECK(best_ns >= 20 * MS);
    CHECK(best_ns < 22 * MS);
    wire_release(&link.wire);
}

static void udp_waits_for_one_round_trip(void **state) {
    (void)state;
    in_child(round_trip);
}

static void own_cost(void) {
    enum { MESSAGES = 2000 };
    struct link link;
    const struct wire_report *report;
    enter();
    link_start(&link, &(struct link_options){.transport = &udp_transport, .payload_bytes = 64});
    for (int i = 0; i < MESSAGES; i++) (void)exchange_once(&link);
    link_stop(&link, &report);
    print_message("RTT 0: the wire's own delay is %.1f us (p50), %.1f us (p99) each way\n",
                  histogram_percentile_ns(&report->delay, 50) / 1e3,
                  histogram_percentile_ns(&report->delay, 99) / 1e3);
    CHECK_EQUAL(report->delay.sum_ns, report->late.sum_ns);
    wire_release(&link.wire);
}

static void at_rtt_0_its_own_cost_is_recorded(void **state) {
    (void)state;
    in_child(own_cost);
}

/* ---- many at once: datagrams from a plain socket to another ---- */

struct pair {
    int from, to;
};

static void pair_open(struct pair *pair, struct wire *wire) {
    struct echo_address at, target;
    const int room = 1 << 20;
    pair->to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    pair->from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(pair->to, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    CHECK_EQUAL(echo_address_find(&at, WIRE_SERVER_HOST, 0), 0);
    CHECK_EQUAL(bind(pair->to, &at.any, at.size), 0);
    CHECK_EQUAL(echo_address_of_socket(&at, pair->to), 0);
    CHECK_EQUAL(echo_address_find(&target, WIRE_CLIENT_TARGET, echo_address_port(&at)), 0);
    CHECK_EQUAL(connect(pair->from, &target.any, target.size), 0);
    wire_set_port(wire, echo_address_port(&at));
}

static void pair_send(const struct pair *pair, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        CHECK_EQUAL(send(pair->from, &i, sizeof i, 0), sizeof i);
    }
}

/* What is there now: the number each datagram carries. */
static unsigned pair_receive(const struct pair *pair, unsigned *numbers, unsigned room) {
    unsigned count = 0;
    while (count < room && recv(pair->to, &numbers[count], sizeof *numbers, MSG_DONTWAIT) ==
                               (ssize_t)sizeof *numbers) {
        count++;
    }
    return count;
}

static void wire_up(struct wire *wire, struct pair *pair, const struct wire_options *options) {
    CHECK_EQUAL(wire_start(wire, options), 0);
    pair_open(pair, wire);
}

static void wire_down(struct wire *wire, struct pair *pair, const struct wire_report **report) {
    CHECK_EQUAL(wire_settle(wire, 5 * MS, patience_ns), 0);
    CHECK_EQUAL(wire_stop(wire), 0);
    *report = wire->report;
    (void)close(pair->from);
    (void)close(pair->to);
}

static void burst(void) {
    enum { PACKETS = 1000 };
    struct wire wire;
    struct pair pair;
    const struct wire_report *report;
    enter();
    static const int64_t rtts_ns[] = {0, 4 * MS};
    for (int i = 0; i < 2; i++) {
        wire_up(&wire, &pair, &(struct wire_options){.rtt_ns = rtts_ns[i], .cpu = -1});
        pair_send(&pair, PACKETS);
        wire_down(&wire, &pair, &report);
        CHECK_EQUAL(report->counts.device_drops, 0);
        CHECK_EQUAL(report->counts.by[WIRE_TO_SERVER][WIRE_DATA].packets, PACKETS);
        CHECK_EQUAL(report->delay.count, PACKETS);
        wire_release(&wire);
    }
}

static void a_burst_of_1000_packets_is_not_dropped(void **state) {
    (void)state;
    in_child(burst);
}

/* Also a restart in one namespace: the numbers that came through, with their order. */
static unsigned survivors(uint64_t seed, unsigned *numbers, unsigned count) {
    struct wire wire;
    struct pair pair;
    const struct wire_report *report;
    wire_up(&wire, &pair, &(struct wire_options){.loss_percent = 20, .seed = seed, .cpu = -1});
    pair_send(&pair, count);
    CHECK_EQUAL(wire_settle(&wire, 5 * MS, patience_ns), 0);
    const unsigned got = pair_receive(&pair, numbers, count);
    wire_down(&wire, &pair, &report);
    CHECK_EQUAL(report->counts.device_drops, 0);
    CHECK_EQUAL(total(report).dropped, count - got);
    wire_release(&wire);
    return got;
}

static void chance(void) {
    enum { PACKETS = 500 };
    static unsigned one[PACKETS], again[PACKETS], other[PACKETS];
    enter();
    const unsigned got = survivors(1, one, PACKETS);
    CHECK(got > PACKETS * 7 / 10);
    CHECK(got < PACKETS * 9 / 10);
    CHECK_EQUAL(survivors(1, again, PACKETS), got);
    CHECK(memcmp(one, again, got * sizeof *one) == 0);
    const unsigned got_other = survivors(2, other, PACKETS);
    CHECK(got_other != got || memcmp(one, other, got * sizeof *one) != 0);
}

static void random_loss_is_the_same_for_the_same_seed(void **state) {
    (void)state;
    in_child(chance);
}

static void all_lost(void) {
    struct wire wire;
    struct pair pair;
    const struct wire_report *report;
    unsigned number;
    enter();
    wire_up(&wire, &pair, &(struct wire_options){.loss_percent = 100, .cpu = -1});
    pair_send(&pair, 100);
    CHECK_EQUAL(wire_settle(&wire, 5 * MS, patience_ns), 0);
    CHECK_EQUAL(pair_receive(&pair, &number, 1), 0);
    wire_down(&wire, &pair, &report);
    CHECK_EQUAL(total(report).dropped, 100);
    CHECK_EQUAL(report->delay.count, 0);
    wire_release(&wire);
}

static void at_100_percent_nothing_arrives(void **state) {
    (void)state;
    in_child(all_lost);
}

/* ---- exactly that packet ---- */

static void nth_of_20(unsigned nth) {
    enum { PACKETS = 20 };
    struct wire wire;
    struct pair pair;
    const struct wire_report *report;
    unsigned numbers[PACKETS];
    wire_up(&wire, &pair,
            &(struct wire_options){
                .drop = {WIRE_DATA, WIRE_TO_SERVER, nth}, .trace_packets = PACKETS, .cpu = -1});
    pair_send(&pair, PACKETS);
    CHECK_EQUAL(wire_settle(&wire, 5 * MS, patience_ns), 0);
    CHECK_EQUAL(pair_receive(&pair, numbers, PACKETS), PACKETS - 1);
    for (unsigned i = 0; i + 1 < PACKETS; i++) CHECK_EQUAL(numbers[i], i + 1 < nth ? i : i + 1);
    wire_down(&wire, &pair, &report);
    CHECK_EQUAL(total(report).dropped, 1);
    for (unsigned i = 0; i < PACKETS; i++) CHECK_EQUAL(report->trace[i].dropped, i + 1 == nth);
    wire_release(&wire);
}

static void nth(void) {
    enter();
    nth_of_20(1);
    nth_of_20(3);
    nth_of_20(20);
}

static void the_nth_packet_is_dropped_and_no_other(void **state) {
    (void)state;
    in_child(nth);
}

struct loss {
    struct drop drop;  /* of two messages, in the second */
    uint64_t least_ms; /* a message takes at least so long then */
};

/* Which timer a lone message waits for shows which packet was lost. */
static void kinds(void) {
    static const struct loss losses[] = {
        {{WIRE_SYN, WIRE_TO_SERVER, 2}, 900},     {{WIRE_SYN_ACK, WIRE_TO_CLIENT, 2}, 900},
        {{WIRE_REQUEST, WIRE_TO_SERVER, 2}, 200}, {{WIRE_FIN, WIRE_TO_CLIENT, 2}, 20},
        {{WIRE_ACK, WIRE_TO_SERVER, 3}, 20},
    };
    enter();
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        const struct loss *loss = &losses[i];
        struct link link;
        const struct wire_report *report;
        link_start(&link, &(struct link_options){.transport = &tcp_transport,
                                                 .lifetime = ECHO_SERVER_CLOSES,
                                                 .payload_bytes = 64,
                                                 .wire = {.rtt_ns = 10 * MS, .drop = loss->drop}});
        CHECK(exchange_once(&link) < 100 * MS);
        CHECK(exchange_once(&link) >= loss->least_ms / 2 * MS);
        link_stop(&link, &report);
        CHECK_EQUAL(total(report).dropped, 1);
        CHECK_EQUAL(report->counts.by[loss->drop.direction][loss->drop.kind].dropped, 1);
        wire_release(&link.wire);
    }
}

static void the_next_packet_of_a_kind_is_dropped_and_no_other(void **state) {
    (void)state;
    in_child(kinds);
}

static void midway(void) {
    struct link link;
    const struct wire_report *report;
    enter();
    link_start(&link, &(struct link_options){.transport = &tcp_transport,
                                             .payload_bytes = 64,
                                             .wire = {.rtt_ns = 10 * MS,
                                                      .trace_packets = 100,
                                                      .drop = {WIRE_REQUEST, WIRE_TO_SERVER, 7}}});
    for (int i = 0; i < 6; i++) CHECK(exchange_once(&link) < 150 * MS);
    CHECK(exchange_once(&link) > 150 * MS);
    link_stop(&link, &report);
    CHECK_EQUAL(total(report).dropped, 1);
    CHECK_EQUAL(report->counts.by[WIRE_TO_SERVER][WIRE_REQUEST].packets, 8); /* one again */
    /* The lost one also acknowledged the reply before it, which may come again too. */
    CHECK(report->counts.by[WIRE_TO_CLIENT][WIRE_REPLY].packets >= 7);
    /* The trace shows the lost one, and the same bytes of the stream again. */
    const struct wire_packet *lost = NULL, *again = NULL;
    for (size_t i = 0; i < report->trace_count; i++) {
        const struct wire_packet *packet = &report->trace[i];
        if (lost != NULL && again == NULL && packet->kind == WIRE_REQUEST) again = packet;
        if (packet->dropped) lost = packet;
    }
    CHECK(lost != NULL && again != NULL);
    if (lost == NULL || again == NULL) return; /* CHECK has ended that; analyzers do not know */
    CHECK_EQUAL(lost->kind, WIRE_REQUEST);
    CHECK_EQUAL(lost->delay_ns, 0);
    CHECK_EQUAL(again->sequence, lost->sequence);
    CHECK_EQUAL(again->payload_bytes, lost->payload_bytes);
    wire_release(&link.wire);
}

static void a_request_can_be_dropped_in_the_middle_of_a_connection(void **state) {
    (void)state;
    in_child(midway);
}

/* ---- MTU ---- */

static void fragments(void) {
    struct wire wire;
    struct pair pair;
    const struct wire_report *report;
    uint8_t large[4000] = {0}, back[sizeof large];
    enter();
    wire_up(&wire, &pair, &(struct wire_options){.mtu_bytes = 1500, .cpu = -1});
    CHECK_EQUAL(send(pair.from, large, sizeof large, 0), sizeof large);
    CHECK_EQUAL(recv(pair.to, back, sizeof back, 0), sizeof large);
    CHECK_EQUAL(send(pair.from, large, 1472, 0), 1472); /* just fits */
    wire_down(&wire, &pair, &report);
    CHECK_EQUAL(report->counts.by[WIRE_TO_SERVER][WIRE_FRAGMENT].packets, 3);
    CHECK_EQUAL(report->counts.by[WIRE_TO_SERVER][WIRE_FRAGMENT].payload_bytes, sizeof large);
    CHECK_EQUAL(report->counts.by[WIRE_TO_SERVER][WIRE_DATA].packets, 1);
    CHECK_EQUAL(report->counts.by[WIRE_TO_SERVER][WIRE_DATA].ip_bytes, 1500);
    CHECK_EQUAL(report->counts.device_drops, 0);
    wire_release(&wire);
}

static void a_datagram_above_the_mtu_goes_in_fragments(void **state) {
    (void)state;
    in_child(fragments);
}

static void segments(void) {
    struct link link;
    const struct wire_report *report;
    static const unsigned mtus[] = {WIRE_MTU_MIN, 9000, WIRE_MTU_MAX};
    enter();
    for (size_t i = 0; i < sizeof mtus / sizeof *mtus; i++) {
        link_start(&link,
                   &(struct link_options){.transport = &tcp_transport,
                                          .payload_bytes = 2048,
                                          .wire = {.mtu_bytes = mtus[i], .trace_packets = 100}});
        (void)exchange_once(&link);
        link_stop(&link, &report);
        for (size_t j = 0; j < report->trace_count; j++) {
            CHECK(report->trace[j].ip_bytes <= mtus[i]);
        }
        const uint64_t segment = mtus[i] - 52;
        const uint64_t each = (ECHO_HEADER_BYTES + 2048 + segment - 1) / segment;
        CHECK_EQUAL(kind(report, WIRE_REQUEST) + kind(report, WIRE_REPLY), 2);
        CHECK_EQUAL(kind(report, WIRE_DATA), 2 * (each - 1));
        CHECK_EQUAL(total(report).payload_bytes, UINT64_C(2) * (ECHO_HEADER_BYTES + 2048));
        wire_release(&link.wire);
    }
}

static void segments_are_counted_after_segmentation(void **state) {
    (void)state;
    in_child(segments);
}

/* ---- capture ---- */

static const char *temporary(char *path, size_t size, const char *name) {
    const char *directory = getenv("TMPDIR");
    (void)snprintf(path, size, "%s/echolab-%s-%d", directory != NULL ? directory : "/tmp", name,
                   (int)getpid());
    return path;
}

static uint16_t sum_of(const uint8_t *bytes, size_t size, uint32_t sum) {
    for (size_t i = 0; i + 1 < size; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    if (size % 2 == 1) sum += (uint32_t)(bytes[size - 1] << 8);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* The checksums of IPv4 and of the TCP segment in it: RFC 791, RFC 9293. */
static bool sums_right(const uint8_t *packet, uint32_t size) {
    const uint32_t pseudo = IPPROTO_TCP + size - 20 + sum_of(packet + 12, 8, 0);
    return sum_of(packet, 20, 0) == 0xffff && sum_of(packet + 20, size - 20, pseudo) == 0xffff;
}

/* What is in the file is what the trace has, each packet at its time. */
static void compare(pcap_t *file, const struct wire_report *report) {
    static const uint8_t client[] = {10, 9, 0, 2}, server[] = {10, 9, 0, 1};
    struct pcap_pkthdr *header;
    const uint8_t *packet;
    uint64_t count = 0, bytes = 0, first_ns = 0;
    for (; pcap_next_ex(file, &header, &packet) == 1; count++) {
        const struct wire_packet *traced = &report->trace[count];
        const bool forth = traced->direction == WIRE_TO_SERVER;
        const uint64_t at_ns =
            (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) + (uint64_t)header->ts.tv_usec;
        if (count == 0) first_ns = at_ns;
        const int64_t apart_ns =
            (int64_t)(at_ns - first_ns) - (int64_t)(traced->sent_ns - report->trace[0].sent_ns);
        CHECK(apart_ns < MS && apart_ns > -MS);
        CHECK_EQUAL(header->caplen, traced->ip_bytes);
        CHECK(memcmp(packet + 12, forth ? client : server, 4) == 0);
        CHECK(memcmp(packet + 16, forth ? server : client, 4) == 0);
        CHECK(sums_right(packet, header->caplen));
        bytes += header->len;
    }
    CHECK_EQUAL(count, total(report).packets);
    CHECK_EQUAL(bytes, total(report).ip_bytes);
}

static void capture(void) {
    char path[256], error[PCAP_ERRBUF_SIZE];
    struct link link;
    const struct wire_report *report;
    enter();
    (void)temporary(path, sizeof path, "capture.pcap");
    link_start(&link, &(struct link_options){
                          .transport = &tcp_transport,
                          .lifetime = ECHO_SERVER_CLOSES,
                          .payload_bytes = 63,
                          .wire = {.rtt_ns = 10 * MS, .capture_path = path, .trace_packets = 100}});
    for (int i = 0; i < 3; i++) (void)exchange_once(&link);
    link_stop(&link, &report);
    CHECK(!report->capture_failed);
    pcap_t *file = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
    CHECK(file != NULL);
    CHECK_EQUAL(pcap_datalink(file), DLT_RAW);
    compare(file, report);
    pcap_close(file);
    if (getenv("KEEP_CAPTURE") == NULL) (void)unlink(path);
    wire_release(&link.wire);
}

static void a_capture_has_every_packet_between_two_addresses(void **state) {
    (void)state;
    in_child(capture);
}

static void full_disk(void) {
    struct link link;
    const struct wire_report *report;
    enter();
    if (access("/dev/full", W_OK) != 0) _exit(SKIPPED);
    link_start(&link, &(struct link_options){.transport = &udp_transport,
                                             .wire = {.capture_path = "/dev/full"}});
    (void)exchange_once(&link);
    link_stop(&link, &report);
    CHECK(report->capture_failed);
    wire_release(&link.wire);
}

static void a_capture_on_a_full_disk_is_told(void **state) {
    (void)state;
    in_child(full_disk);
}

/* ---- bad options ---- */

static void refused(const struct wire_options *options, int expected) {
    struct wire wire;
    CHECK_EQUAL(-wire_start(&wire, options), expected);
    CHECK(wire.failed_at != NULL);
    CHECK_EQUAL(if_nametoindex("wire0"), 0);
}

static void options(void) {
    enter();
    refused(&(struct wire_options){.cpu = -1, .rtt_ns = -1}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .rtt_ns = WIRE_RTT_MAX_NS + 1}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .loss_percent = 100.1}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .loss_percent = -1}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .loss_percent = (double)NAN}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .mtu_bytes = WIRE_MTU_MIN - 1}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .mtu_bytes = WIRE_MTU_MAX + 1}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .drop = {.kind = WIRE_KINDS}}, EINVAL);
    refused(&(struct wire_options){.cpu = -1, .drop = {.direction = WIRE_DIRECTIONS}}, EINVAL);
    refused(&(struct wire_options){.cpu = -2}, EINVAL);
    refused(&(struct wire_options){.cpu = CPU_SETSIZE - 1}, EINVAL); /* no such CPU */
    refused(&(struct wire_options){.cpu = -1, .capture_path = "/nowhere/x.pcap"}, ENOENT);
    refused(&(struct wire_options){.cpu = -1, .capture_path = "/"}, EISDIR);
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void options_out_of_range_are_refused_and_leave_nothing(void **state) {
    (void)state;
    in_child(options);
}

static void twice(void) {
    struct wire one, other;
    enter();
    CHECK(wire_start(&one, &(struct wire_options){.cpu = -1}) == 0);
    CHECK(wire_start(&other, &(struct wire_options){.cpu = -1}) == -EEXIST);
    CHECK(wire_stop(&one) == 0);
    wire_release(&one);
    CHECK_EQUAL(if_nametoindex("wire0"), 0);
}

static void a_second_wire_is_refused(void **state) {
    (void)state;
    in_child(twice);
}

/* ---- nothing stays ---- */

static void wire_killed(void) {
    struct wire wire;
    const struct wire_report *report;
    struct pair pair;
    enter();
    wire_up(&wire, &pair, &(struct wire_options){.cpu = -1});
    pair_send(&pair, 1);
    CHECK_EQUAL(wire_settle(&wire, 5 * MS, patience_ns), 0);
    CHECK(kill(wire.pid, SIGKILL) == 0);
    CHECK(wire_stop(&wire) == -EIO);
    report = wire.report;
    CHECK_EQUAL(total(report).packets, 1);
    wire_release(&wire);
    CHECK_EQUAL(if_nametoindex("wire0"), 0);
    CHECK(wire_start(&wire, &(struct wire_options){.cpu = -1}) == 0); /* and it can begin anew */
    CHECK(wire_stop(&wire) == 0);
    wire_release(&wire);
}

static void a_killed_wire_is_told_and_its_device_goes(void **state) {
    (void)state;
    in_child(wire_killed);
}

/* Lays a wire, says who runs it, and waits to be killed. */
static _Noreturn void lay_and_wait(int out) {
    struct wire wire;
    enter();
    CHECK(wire_start(&wire, &(struct wire_options){.rtt_ns = 10 * MS, .cpu = -1}) == 0);
    CHECK(write(out, &wire.pid, sizeof wire.pid) == sizeof wire.pid);
    for (;;) (void)pause();
}

static void parent_killed(void) {
    int lines[2];
    pid_t wire = 0;
    CHECK(pipe(lines) == 0);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1UL) == 0); /* so that the orphan becomes ours */
    const pid_t parent = fork();
    if (parent == 0) lay_and_wait(lines[1]);
    (void)close(lines[1]);
    if (read(lines[0], &wire, sizeof wire) != sizeof wire) { /* it has skipped */
        int status = 0;
        (void)waitpid(parent, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    CHECK(kill(parent, SIGKILL) == 0);
    CHECK(waitpid(parent, NULL, 0) == parent);
    int status = 0;
    CHECK(waitpid(wire, &status, 0) == wire);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    /* Nobody has the pipe, so nobody is left in the namespace; it goes with its devices. */
    char byte;
    CHECK(read(lines[0], &byte, 1) == 0);
    CHECK(waitpid(-1, NULL, 0) < 0 && errno == ECHILD);
}

static void the_wire_dies_with_its_parent(void **state) {
    (void)state;
    in_child(parent_killed);
}

/* ---- looking at packets: pure ---- */

static void cut_or_foreign_packets_are_refused(void **state) {
    (void)state;
    struct wire_fragments fragments = {0};
    struct wire_packet seen;
    uint8_t packet[60] = {0x45, 0, 0, 60, 0, 0, 0, 0, 64, IPPROTO_TCP};
    packet[20 + 12] = 10 << 4;
    packet[20 + 13] = TH_SYN;
    packet[20 + 3] = 7; /* to port 7 */
    for (size_t size = 0; size < sizeof packet; size++) {
        uint8_t *cut = malloc(size + 1); /* ends where it ends: for the sanitizers */
        assert_non_null(cut);
        memcpy(cut, packet, size);
        assert_false(wire_look(&seen, cut, size, 7, &fragments));
        free(cut);
    }
    assert_true(wire_look(&seen, packet, sizeof packet, 7, &fragments));
    assert_int_equal(seen.kind, WIRE_SYN);
    assert_int_equal(seen.direction, WIRE_TO_SERVER);
    packet[0] = 0x65;
    assert_false(wire_look(&seen, packet, sizeof packet, 7, &fragments));
}

static void lengths_that_lie_are_not_believed(void **state) {
    (void)state;
    struct wire_fragments fragments = {0};
    struct wire_packet seen;
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned at = 0; at < 34; at++) {
            uint8_t *packet = calloc(1, 40);
            assert_non_null(packet);
            memcpy(packet, (const uint8_t[]){0x45, 0, 0, 40}, 4);
            packet[9] = byte % 2 == 0 ? IPPROTO_TCP : IPPROTO_UDP;
            packet[32] = 5 << 4;
            packet[at] = (uint8_t)byte;
            if (wire_look(&seen, packet, 40, 7, &fragments)) {
                assert_true(seen.ip_bytes <= 40);
                assert_true(seen.payload_bytes < seen.ip_bytes);
                assert_true(seen.kind < WIRE_KINDS && seen.direction < WIRE_DIRECTIONS);
            }
            free(packet);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_or_foreign_packets_are_refused),
        cmocka_unit_test(lengths_that_lie_are_not_believed),
        cmocka_unit_test(tcp_per_message_takes_10_packets),
        cmocka_unit_test(tcp_connection_of_one_message_takes_10_packets_too),
        cmocka_unit_test(tcp_per_message_takes_10_packets_when_the_client_closes),
        cmocka_unit_test(tcp_persistent_takes_2_packets_and_8_for_the_connection),
        cmocka_unit_test(tcp_reset_takes_8_packets),
        cmocka_unit_test(udp_takes_2_packets),
        cmocka_unit_test(no_privilege_is_needed),
        cmocka_unit_test(every_packet_is_held_for_half_the_round_trip),
        cmocka_unit_test(udp_waits_for_one_round_trip),
        cmocka_unit_test(at_rtt_0_its_own_cost_is_recorded),
        cmocka_unit_test(a_burst_of_1000_packets_is_not_dropped),
        cmocka_unit_test(random_loss_is_the_same_for_the_same_seed),
        cmocka_unit_test(at_100_percent_nothing_arrives),
        cmocka_unit_test(the_nth_packet_is_dropped_and_no_other),
        cmocka_unit_test(the_next_packet_of_a_kind_is_dropped_and_no_other),
        cmocka_unit_test(a_request_can_be_dropped_in_the_middle_of_a_connection),
        cmocka_unit_test(a_datagram_above_the_mtu_goes_in_fragments),
        cmocka_unit_test(segments_are_counted_after_segmentation),
        cmocka_unit_test(a_capture_has_every_packet_between_two_addresses),
        cmocka_unit_test(a_capture_on_a_full_disk_is_told),
        cmocka_unit_test(options_out_of_range_are_refused_and_leave_nothing),
        cmocka_unit_test(a_second_wire_is_refused),
        cmocka_unit_test(a_killed_wire_is_told_and_its_device_goes),
        cmocka_unit_test(the_wire_dies_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
