/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/micro/micro.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench/link/namespace.h"
#include "bench/load/exchange.h"
#include "bench/measure/histogram.h"
#include "bench/measure/placement.h"
#include "bench/run/variant.h"
#include "bench/serve/design.h"
#include "echo/clock.h"
#include "echo/message.h"

/* ---- the codec, without sockets: a header, and a whole exchange in memory ---- */

static struct echo_message message;
static uint8_t payload[ECHO_PAYLOAD_MAX];                  /* what was sent */
static uint8_t wire[ECHO_HEADER_BYTES + ECHO_PAYLOAD_MAX]; /* a message as it arrives */
static size_t payload_bytes;

static int set_up_codec(const struct micro_row *row, size_t size) {
    (void)row;
    payload_bytes = size;
    message = (struct echo_message){.kind = ECHO_REQUEST,
                                    .payload_bytes = (uint32_t)size,
                                    .reply_bytes = (uint32_t)size,
                                    .session = 0x0123456789abcdef};
    for (size_t i = 0; i < size; i++) payload[i] = (uint8_t)(i * 31);
    echo_encode(wire, &message);
    memcpy(wire + ECHO_HEADER_BYTES, payload, size);
    return 0;
}

static int run_encode(uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) {
        message.sequence = i;
        echo_encode(wire, &message);
        micro_touch(wire);
    }
    return 0;
}

static int run_decode(uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) {
        if (echo_decode(&message, wire, ECHO_HEADER_BYTES + payload_bytes) != ECHO_WHOLE) {
            return -EBADMSG;
        }
        micro_touch(wire);
    }
    return 0;
}

/* All that both sides do to one message and its echo, except to send it. */
static int run_codec(uint64_t iterations) {
    const size_t size = ECHO_HEADER_BYTES + payload_bytes;
    const uint8_t *back = wire + ECHO_HEADER_BYTES;
    for (uint64_t i = 0; i < iterations; i++) {
        struct echo_message request, reply;
        message.sequence = i;
        echo_encode(wire, &message);
        micro_touch(wire);
        if (echo_decode(&request, wire, size) != ECHO_WHOLE) return -EBADMSG;
        echo_make_reply(wire);
        micro_touch(wire);
        if (echo_decode(&reply, wire, size) != ECHO_WHOLE) return -EBADMSG;
        if (reply.kind != ECHO_REPLY || reply.sequence != i) return -EBADMSG;
        if (!echo_matches(back, reply.payload_bytes, payload, payload_bytes)) return -EBADMSG;
    }
    return 0;
}

/* ---- what measuring costs ---- */

enum {
    DURATIONS = 1024, /* a power of two */
    HISTOGRAMS = 4    /* latency, cycle, service, exchange: what a persistent exchange records */
};

static struct histogram histogram;
static uint64_t durations_ns[DURATIONS];

/* Durations like those of exchanges on one core: from 4 to 8 us, in no order. */
static int set_up_durations(const struct micro_row *row, size_t size) {
    (void)row, (void)size;
    histogram = (struct histogram){0};
    for (uint64_t i = 0; i < DURATIONS; i++) {
        durations_ns[i] = 4000 + i * 2654435761 % 4000;
        histogram_record(&histogram, durations_ns[i]);
    }
    return 0;
}

static int run_empty(uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) micro_use(i);
    return 0;
}

static int run_clock(uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) micro_use(echo_clock_ns());
    return 0;
}

static int run_record(uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) {
        histogram_record(&histogram, durations_ns[i % DURATIONS]);
        micro_touch(&histogram);
    }
    return 0;
}

static int run_percentile(uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) {
        micro_use((uint64_t)histogram_percentile_ns(&histogram, 99));
        micro_touch(&histogram);
    }
    return 0;
}

/*
 * What the measured client adds to an exchange of 64 B besides the codec: one
 * reading of the clock, the histograms of bench/load/thread.c, the comparison.
 */
static int run_ruler(uint64_t iterations) {
    static uint8_t sent[64], received[64];
    for (uint64_t i = 0; i < iterations; i++) {
        micro_touch(received);
        micro_use(echo_matches(received, sizeof received, sent, sizeof sent));
        const uint64_t ns = durations_ns[i % DURATIONS];
        micro_use(echo_clock_ns());
        for (int duration = 0; duration < HISTOGRAMS; duration++) {
            histogram_record(&histogram, ns);
            micro_touch(&histogram);
        }
    }
    return 0;
}

/*
 * ---- a whole exchange of a core variant over loopback: the measured client
 * and the measured server, one process each, on one CPU. What the rows above
 * must be small beside. Read the real time: the CPU time is the client's alone.
 */

static const uint64_t DEADLINE_NS = 1000000000;
static const uint8_t asked[64] = "the payload of an exchange";

static struct server_process server;
static struct echo_client *client; /* NULL until it is open */
static struct exchange exchange;

static int run_exchange(uint64_t iterations) {
    uint64_t now_ns = echo_clock_ns();
    for (uint64_t i = 0; i < iterations; i++) {
        exchange_start(&exchange, now_ns, now_ns);
        exchange_run(&exchange, EXCHANGE_BLOCK);
        if (exchange.outcome != EXCHANGE_OK) return exchange.error != 0 ? -exchange.error : -EIO;
        now_ns = exchange.times.closed;
    }
    return 0;
}

static void tear_down_exchange(void) {
    uint64_t counts[ECHO_COUNTS];
    if (client != NULL) client->steps->close(client);
    client = NULL;
    (void)server_process_stop(&server, counts);
}

static int set_up_exchange(const struct micro_row *row, size_t size) {
    (void)size;
    const struct variant *variant = row->subject;
    struct design_options wanted = {.transport = variant->transport, .cpu = -1};
    if (echo_address_find(&wanted.server.address, "127.0.0.1", 0) != 0) return -EADDRNOTAVAIL;
    int failed = server_process_start(&server, &wanted); /* on our CPU: see micro_pin */
    if (failed != 0) return failed;
    const struct echo_client_options options = {
        .server = server.address,
        .lifetime = variant->lifetime,
        .session = echo_clock_ns(), /* no two clients of ours are opened in one nanosecond */
        .payload = asked,
        .payload_bytes = sizeof asked,
        .reply_bytes = sizeof asked,
        .patience_ns = DEADLINE_NS};
    failed = variant->transport->client->open(&client, &options);
    if (failed == 0) {
        (void)exchange_init(&exchange, client, options.session, DEADLINE_NS, 1);
        failed = run_exchange(1); /* a connection that stays is there before the clock runs */
    }
    if (failed != 0) tear_down_exchange();
    return failed;
}

/*
 * ---- what it costs to wake another thread: a ping-pong through two eventfds,
 * both sides blocking, on the CPUs of each placement. No protocol is in it, and
 * every message of a blocking exchange waits for two of them. An iteration is
 * one wake-up, in one direction. Read the real time: the CPU time is ours alone.
 */

static struct place {
    enum placement placement;
    struct placement_cpus cpus;
} places[] = {{.placement = PLACEMENT_SAME_CORE},
              {.placement = PLACEMENT_CROSS_CORE},
              {.placement = PLACEMENT_AWAKE}};

static struct pair {
    pthread_t partner;
    bool answers;     /* it is there */
    cpu_set_t before; /* where our thread might run */
    int ping, pong;   /* eventfds: to the partner, and from it */
    int latency;      /* /dev/cpu_dma_latency, held open; -1 where it is not */
    int cpu;          /* the partner's */
    int failed;       /* the partner's errno */
} pair;

static const uint64_t ring = 1, stop = 2; /* what the partner is sent */

static int send_value(int file, uint64_t value) {
    return write(file, &value, sizeof value) == sizeof value ? 0 : -errno;
}

static int wait_value(int file, uint64_t *value) {
    return read(file, value, sizeof *value) == sizeof *value ? 0 : -errno;
}

/* The first answer says that it is where it should be, or why not. */
static void *answer(void *nothing) {
    uint64_t value = ring;
    pair.failed = placement_pin(pair.cpu);
    while (value < stop && send_value(pair.pong, ring) == 0) {
        if (wait_value(pair.ping, &value) != 0) break;
    }
    return nothing;
}

static int run_wakeup(uint64_t iterations) {
    uint64_t value;
    int failed = 0;
    for (uint64_t i = 0; i < iterations && failed == 0; i += 2) {
        failed = send_value(pair.ping, ring);
        if (failed == 0) failed = wait_value(pair.pong, &value);
    }
    return failed;
}

static void tear_down_wakeup(void) {
    if (pair.answers) (void)send_value(pair.ping, stop);
    if (pair.answers) (void)pthread_join(pair.partner, NULL);
    (void)sched_setaffinity(0, sizeof pair.before, &pair.before);
    if (pair.ping >= 0) (void)close(pair.ping);
    if (pair.pong >= 0) (void)close(pair.pong);
    if (pair.latency >= 0) (void)close(pair.latency); /* idle CPUs may sleep again */
}

static int prepare(const struct place *place) {
    uint64_t value;
    pair.ping = eventfd(0, EFD_CLOEXEC);
    pair.pong = eventfd(0, EFD_CLOEXEC);
    if (pair.ping < 0 || pair.pong < 0) return -errno;
    /* Not longer than this row: they are shuffled, and the next one may want idle CPUs to sleep. */
    if (place->placement == PLACEMENT_AWAKE) pair.latency = placement_hold_awake();
    if (place->placement == PLACEMENT_AWAKE && pair.latency < 0) return pair.latency;
    int failed = placement_pin(place->cpus.client);
    if (failed == 0) failed = -pthread_create(&pair.partner, NULL, answer, NULL);
    pair.answers = failed == 0;
    if (failed == 0) failed = wait_value(pair.pong, &value);
    return failed == 0 ? pair.failed : failed;
}

static int set_up_wakeup(const struct micro_row *row, size_t size) {
    (void)size;
    const struct place *place = row->subject;
    pair = (struct pair){.ping = -1, .pong = -1, .latency = -1, .cpu = place->cpus.server};
    if (sched_getaffinity(0, sizeof pair.before, &pair.before) != 0) return -errno;
    const int failed = prepare(place);
    if (failed != 0) tear_down_wakeup();
    return failed;
}

/* Whether this placement can be had here; says why not. */
static bool available(struct place *place) {
    const char *name = placement_names[place->placement];
    if (placement_choose(&place->cpus, place->placement) != 0) {
        (void)fprintf(stderr, "wakeup/%s needs two CPUs and there is one: skipped\n", name);
        return false;
    }
    if (place->placement != PLACEMENT_AWAKE) return true;
    const int file = placement_hold_awake();
    if (file >= 0) return close(file) == 0;
    (void)fprintf(stderr, "wakeup/%s: /dev/cpu_dma_latency cannot be held (%s): skipped%s\n", name,
                  strerror(-file), file == -EACCES ? ", root can" : "");
    return false;
}

/* ---- the table ---- */

enum { ROWS_MOST = 64, NAME_BYTES = 64 };

/* Encode and decode look at the header alone: their rows are flat, and that is the result. */
static struct micro_row rows[ROWS_MOST] = {
    {"empty", .run = run_empty},
    {"clock", .run = run_clock},
    {"histogram_record", .set_up = set_up_durations, .run = run_record},
    {"ruler", .set_up = set_up_durations, .run = run_ruler},
    {"histogram_percentile", .set_up = set_up_durations, .run = run_percentile},
    {"encode", .sized = true, .set_up = set_up_codec, .run = run_encode},
    {"decode", .sized = true, .set_up = set_up_codec, .run = run_decode},
    {"codec", .sized = true, .touches_bytes = true, .set_up = set_up_codec, .run = run_codec}};
static char names[ROWS_MOST][NAME_BYTES]; /* of those that are added */

static void add(struct micro_row row, const char *group, const char *name, size_t *count) {
    if (*count == ROWS_MOST) return;
    (void)snprintf(names[*count], NAME_BYTES, "%s/%s", group, name);
    row.name = names[*count];
    rows[(*count)++] = row;
}

/* Made from the table of variants, so that a further core variant has its row at once. */
struct micro_table micro_rows(void) {
    size_t count = 0;
    while (rows[count].name != NULL) count++;
    for (unsigned i = 0; i < variant_count; i++) {
        const struct micro_row row = {.subject = &variants[i],
                                      .set_up = set_up_exchange,
                                      .run = run_exchange,
                                      .tear_down = tear_down_exchange};
        if (variants[i].core) add(row, "exchange", variants[i].name, &count);
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const struct micro_row row = {.subject = &places[i],
                                      .set_up = set_up_wakeup,
                                      .run = run_wakeup,
                                      .tear_down = tear_down_wakeup};
        const char *name = placement_names[places[i].placement];
        if (available(&places[i])) add(row, "wakeup", name, &count);
    }
    return (struct micro_table){rows, count};
}

int micro_pin(void) {
    struct placement_cpus cpus;
    (void)profile_enter(PROFILE_LAB); /* as compare's runs; where that is denied, on the host's */
    const int failed = placement_choose(&cpus, PLACEMENT_SAME_CORE);
    return failed != 0 ? failed : placement_pin(cpus.client);
}
