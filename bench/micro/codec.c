/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the codec costs, without sockets: a header, and a whole exchange in memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/micro/micro.h"
#include "echo/message.h"

struct codec {
    struct echo_message message;
    size_t payload_bytes;
    uint8_t *payload; /* what was sent */
    uint8_t wire[];   /* a message as it arrives: header and payload */
};

static int set_up(void **state, const struct micro_row *row, int64_t size) {
    (void)row;
    const size_t payload_bytes = (size_t)size;
    struct codec *codec = calloc(1, sizeof *codec + ECHO_HEADER_BYTES + payload_bytes);
    if (codec == NULL) return -ENOMEM;
    codec->payload = malloc(payload_bytes + 1); /* malloc(0) may be NULL */
    if (codec->payload == NULL) {
        free(codec);
        return -ENOMEM;
    }
    for (size_t i = 0; i < payload_bytes; i++) codec->payload[i] = (uint8_t)(i * 31);
    codec->payload_bytes = payload_bytes;
    codec->message = (struct echo_message){.kind = ECHO_REQUEST,
                                           .payload_bytes = (uint32_t)payload_bytes,
                                           .reply_bytes = (uint32_t)payload_bytes,
                                           .session = 0x0123456789abcdef};
    echo_encode(codec->wire, &codec->message);
    memcpy(codec->wire + ECHO_HEADER_BYTES, codec->payload, payload_bytes);
    *state = codec;
    return 0;
}

static void tear_down(void *state) {
    struct codec *codec = state;
    free(codec->payload);
    free(codec);
}

static int run_encode(void *state, uint64_t iterations) {
    struct codec *codec = state;
    for (uint64_t i = 0; i < iterations; i++) {
        codec->message.sequence = i;
        echo_encode(codec->wire, &codec->message);
        micro_touch(codec);
    }
    return 0;
}

static int run_decode(void *state, uint64_t iterations) {
    struct codec *codec = state;
    const size_t size = ECHO_HEADER_BYTES + codec->payload_bytes;
    for (uint64_t i = 0; i < iterations; i++) {
        if (echo_decode(&codec->message, codec->wire, size) != ECHO_WHOLE) return -EBADMSG;
        micro_touch(codec);
    }
    return 0;
}

/* All that both sides do to one message and its echo, except to send it. */
static int run_codec(void *state, uint64_t iterations) {
    struct codec *codec = state;
    const size_t size = ECHO_HEADER_BYTES + codec->payload_bytes;
    const uint8_t *payload_back = codec->wire + ECHO_HEADER_BYTES;
    for (uint64_t i = 0; i < iterations; i++) {
        struct echo_message request, reply;
        codec->message.sequence = i;
        echo_encode(codec->wire, &codec->message);
        micro_touch(codec);
        if (echo_decode(&request, codec->wire, size) != ECHO_WHOLE) return -EBADMSG;
        echo_make_reply(codec->wire);
        micro_touch(codec);
        if (echo_decode(&reply, codec->wire, size) != ECHO_WHOLE) return -EBADMSG;
        if (reply.kind != ECHO_REPLY || reply.sequence != i) return -EBADMSG;
        const bool same =
            echo_matches(payload_back, reply.payload_bytes, codec->payload, codec->payload_bytes);
        if (!same) return -EBADMSG;
    }
    return 0;
}

static const int64_t sizes[] = {0, 64, 1024, 16384, 61440, 1048576};

enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Encode and decode look at the header alone: their rows are flat, and that is the result. */
static const struct micro_row rows[] = {
    {"encode", sizes, SIZES, false, NULL, set_up, run_encode, tear_down},
    {"decode", sizes, SIZES, false, NULL, set_up, run_decode, tear_down},
    {"codec", sizes, SIZES, true, NULL, set_up, run_codec, tear_down},
};

struct micro_table micro_codec(void) {
    return (struct micro_table){rows, sizeof rows / sizeof rows[0]};
}
