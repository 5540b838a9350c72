/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is done for a message without sockets: the codec, a header and a whole
 * exchange in memory; and measuring, the clock and the histogram.
 */
#include <errno.h>
#include <string.h>

#include "bench/measure/histogram.h"
#include "bench/micro/micro.h"
#include "echo/clock.h"
#include "echo/message.h"

/* ---- the codec ---- */

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
 * reading of the clock, the histograms of bench/load/closed.c, the comparison.
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

/* Encode and decode look at the header alone: their rows are flat, and that is the result. */
static const struct micro_row rows[] = {
    {"empty", .run = run_empty},
    {"clock", .run = run_clock},
    {"histogram_record", .set_up = set_up_durations, .run = run_record},
    {"ruler", .set_up = set_up_durations, .run = run_ruler},
    {"histogram_percentile", .set_up = set_up_durations, .run = run_percentile},
    {"encode", .sized = true, .set_up = set_up_codec, .run = run_encode},
    {"decode", .sized = true, .set_up = set_up_codec, .run = run_decode},
    {"codec", .sized = true, .touches_bytes = true, .set_up = set_up_codec, .run = run_codec}};

struct micro_table micro_work(void) {
    return (struct micro_table){rows, sizeof rows / sizeof rows[0]};
}
