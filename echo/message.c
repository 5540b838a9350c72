/* SPDX-License-Identifier: MIT */
#include "echo/message.h"

#include <endian.h>
#include <string.h>

enum { MAGIC_AT = 0, VERSION_AT = 2, KIND_AT = 3, CHECK_AT = 4, FLAGS_AT = 6, ATTEMPT_AT = 7 };
enum { PAYLOAD_AT = 8, REPLY_AT = 12, SESSION_AT = 16, SEQUENCE_AT = 24, SENT_AT = 32 };

/* memcpy is how C spells an access that need not be aligned: one instruction each. */
static void put16(uint8_t *at, uint16_t value) {
    value = htobe16(value);
    memcpy(at, &value, sizeof value);
}

static void put32(uint8_t *at, uint32_t value) {
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value) {
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

static uint32_t get32(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static uint64_t get64(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

static uint16_t fold(uint64_t sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/*
 * The one's complement sum of the header, in the byte order of this machine:
 * the sum does not depend on it (RFC 1071, section 2 B), so wide words may be
 * added as they lie in memory.
 */
static uint16_t header_sum(const uint8_t *header) {
    uint64_t sum = 0;
    for (size_t at = 0; at < ECHO_HEADER_BYTES; at += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, header + at, sizeof word);
        sum += word;
    }
    return fold(sum);
}

/* 0 is taken for "not computed", so a check that comes out as 0 is sent as its other zero. */
static void put_check(uint8_t *header, uint16_t check) {
    if (check == 0) check = 0xffff;
    memcpy(header + CHECK_AT, &check, sizeof check);
}

void echo_encode_unchecked(uint8_t *header, const struct echo_message *message) {
    put16(header + MAGIC_AT, ECHO_MAGIC);
    header[VERSION_AT] = ECHO_VERSION;
    header[KIND_AT] = message->kind;
    put16(header + CHECK_AT, 0);
    header[FLAGS_AT] = message->flags;
    header[ATTEMPT_AT] = message->attempt;
    put32(header + PAYLOAD_AT, message->payload_bytes);
    put32(header + REPLY_AT, message->reply_bytes);
    put64(header + SESSION_AT, message->session);
    put64(header + SEQUENCE_AT, message->sequence);
    put64(header + SENT_AT, message->sent_ns);
}

void echo_encode(uint8_t *header, const struct echo_message *message) {
    echo_encode_unchecked(header, message);
    put_check(header, (uint16_t)~header_sum(header));
}

static bool right_start(const uint8_t *bytes, size_t size) {
    static const uint8_t start[] = {ECHO_MAGIC >> 8, ECHO_MAGIC & 0xff, ECHO_VERSION};
    return memcmp(bytes, start, size < sizeof start ? size : sizeof start) == 0;
}

static bool right_check(const uint8_t *header) {
    uint16_t check;
    memcpy(&check, header + CHECK_AT, sizeof check);
    return check == 0 || header_sum(header) == 0xffff;
}

enum echo_decoded echo_decode(struct echo_message *message, const uint8_t *bytes, size_t size) {
    if (!right_start(bytes, size)) return ECHO_BAD;
    if (size < ECHO_HEADER_BYTES) return ECHO_PARTIAL;
    const struct echo_message read = {
        .kind = bytes[KIND_AT],
        .flags = bytes[FLAGS_AT],
        .attempt = bytes[ATTEMPT_AT],
        .payload_bytes = get32(bytes + PAYLOAD_AT),
        .reply_bytes = get32(bytes + REPLY_AT),
        .session = get64(bytes + SESSION_AT),
        .sequence = get64(bytes + SEQUENCE_AT),
        .sent_ns = get64(bytes + SENT_AT),
    };
    const bool known = read.kind == ECHO_REQUEST || read.kind == ECHO_REPLY;
    if (!known || (read.flags & ~ECHO_CLOSE) != 0) return ECHO_BAD;
    if (read.payload_bytes > ECHO_PAYLOAD_MAX || read.reply_bytes > ECHO_PAYLOAD_MAX)
        return ECHO_BAD;
    if (!right_check(bytes)) return ECHO_BAD;
    *message = read;
    return ECHO_WHOLE;
}

const char *echo_fault(const uint8_t *bytes, size_t size) {
    if (size < VERSION_AT + 1) return right_start(bytes, size) ? NULL : "the magic is not 0x4543";
    if (!right_start(bytes, VERSION_AT)) return "the magic is not 0x4543";
    if (bytes[VERSION_AT] != ECHO_VERSION) return "the version is not 1";
    if (size < ECHO_HEADER_BYTES) return "the header is cut off";
    if (bytes[KIND_AT] == ECHO_REQUEST) return "it is a request";
    if (bytes[KIND_AT] != ECHO_REPLY) return "the kind is not that of a reply";
    if ((bytes[FLAGS_AT] & ~ECHO_CLOSE) != 0) return "a flag is set that is none";
    if (get32(bytes + PAYLOAD_AT) > ECHO_PAYLOAD_MAX || get32(bytes + REPLY_AT) > ECHO_PAYLOAD_MAX)
        return "a length is beyond 1 MiB";
    return right_check(bytes) ? NULL : "the check is wrong";
}

/* The sum of the 16-bit words that become different in a reply. */
static uint32_t changing_sum(const uint8_t *header) {
    uint16_t word[3];
    memcpy(&word[0], header + VERSION_AT, sizeof word[0]); /* version and kind */
    memcpy(&word[1], header + PAYLOAD_AT, 2 * sizeof word[1]);
    return (uint32_t)word[0] + word[1] + word[2];
}

void echo_make_reply(uint8_t *header) {
    uint16_t check;
    memcpy(&check, header + CHECK_AT, sizeof check);
    const uint32_t before = changing_sum(header);
    header[KIND_AT] = ECHO_REPLY;
    memcpy(header + PAYLOAD_AT, header + REPLY_AT, sizeof(uint32_t));
    if (check == 0) return; /* not computed by the client: not for us to begin */
    /* HC' = ~(~HC + ~m + m'); three words m, so ~m is 3 x 0xffff less their sum. */
    const uint64_t sum = (uint16_t)~check + (3 * 0xffffU - before) + changing_sum(header);
    put_check(header, (uint16_t)~fold(sum));
}

void echo_expand(uint8_t *reply, size_t reply_bytes, const uint8_t *payload, size_t payload_bytes) {
    if (payload_bytes == 0) {
        memset(reply, 0, reply_bytes);
        return;
    }
    memcpy(reply, payload, payload_bytes < reply_bytes ? payload_bytes : reply_bytes);
    /* What is there already, doubled: a payload of a byte would be copied a million times. */
    for (size_t have = payload_bytes; have < reply_bytes; have *= 2) {
        const size_t left = reply_bytes - have;
        memcpy(reply + have, reply, left < have ? left : have);
    }
}

static bool all_zero(const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size; at++) {
        if (bytes[at] != 0) return false;
    }
    return true;
}

bool echo_matches(const uint8_t *reply, size_t reply_bytes, const uint8_t *payload,
                  size_t payload_bytes) {
    if (payload_bytes == 0) return all_zero(reply, reply_bytes);
    if (reply_bytes <= payload_bytes) return memcmp(reply, payload, reply_bytes) == 0;
    /* The first is the payload, and each byte behind it the one a payload before. */
    return memcmp(reply, payload, payload_bytes) == 0 &&
           memcmp(reply + payload_bytes, reply, reply_bytes - payload_bytes) == 0;
}

void echo_write_reply(uint8_t *bytes, const struct echo_message *request) {
    uint8_t *payload = bytes + ECHO_HEADER_BYTES;
    const uint32_t have = request->payload_bytes; /* the beginning stands there already */
    echo_make_reply(bytes);
    if (request->reply_bytes > have) {
        echo_expand(payload + have, request->reply_bytes - have, payload, have);
    }
}
