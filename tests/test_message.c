/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The codec against oracles that share none of its tricks: bytes written by
 * hand, and RFC 1071 summed 16 bits at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "echo/message.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20000, CHECK_AT = 4, SENT_LOW_AT = 38 };

/* splitmix64 from a fixed seed: a failure comes back in every run. */
static uint64_t random_state;

static uint64_t random_next(void) {
    uint64_t mixed = random_state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

static int seed(void **state) {
    (void)state;
    random_state = 7007;
    return 0;
}

static struct echo_message random_message(uint8_t kind) {
    return (struct echo_message){
        .kind = kind,
        .flags = random_next() % 2 != 0 ? ECHO_CLOSE : 0,
        .attempt = (uint8_t)random_next(),
        .payload_bytes = (uint32_t)(random_next() % (ECHO_PAYLOAD_MAX + 1)),
        .reply_bytes = (uint32_t)(random_next() % (ECHO_PAYLOAD_MAX + 1)),
        .session = random_next(),
        .sequence = random_next(),
        .sent_ns = random_next(),
    };
}

static void assert_same(const struct echo_message *a, const struct echo_message *b) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->attempt, b->attempt);
    assert_int_equal(a->payload_bytes, b->payload_bytes);
    assert_int_equal(a->reply_bytes, b->reply_bytes);
    assert_true(a->session == b->session);
    assert_true(a->sequence == b->sequence);
    assert_true(a->sent_ns == b->sent_ns);
}

/* Decodes from a buffer of exactly `size` bytes: ASan sees the first byte read beyond. */
static enum echo_decoded decode_exactly(struct echo_message *message, const uint8_t *bytes,
                                        size_t size) {
    uint8_t *exact = size > 0 ? malloc(size) : NULL;
    assert_true(exact != NULL || size == 0);
    if (size > 0) memcpy(exact, bytes, size);
    const enum echo_decoded decoded = echo_decode(message, exact != NULL ? exact : bytes, size);
    free(exact);
    return decoded;
}

/* RFC 1071 as its text says it: 16-bit words, most significant byte first, carries added back. */
static uint16_t oracle_sum(const uint8_t *header) {
    uint32_t sum = 0;
    for (size_t at = 0; at < ECHO_HEADER_BYTES; at += 2) {
        sum += (uint32_t)header[at] << 8 | header[at + 1];
        if (sum > 0xffff) sum = (sum & 0xffff) + 1;
    }
    return (uint16_t)sum;
}

static void oracle_put_check(uint8_t *header) {
    header[CHECK_AT] = header[CHECK_AT + 1] = 0;
    uint16_t check = (uint16_t)~oracle_sum(header);
    if (check == 0) check = 0xffff;
    header[CHECK_AT] = (uint8_t)(check >> 8);
    header[CHECK_AT + 1] = (uint8_t)check;
}

/* Changes sent_ns so that the words of the header, its check left out, sum to 0xffff: check 0. */
static void make_sum_full(struct echo_message *message) {
    uint8_t header[ECHO_HEADER_BYTES];
    message->sent_ns &= ~(uint64_t)0xffff;
    echo_encode_unchecked(header, message);
    message->sent_ns |= (uint64_t)(0xffff - oracle_sum(header));
    echo_encode_unchecked(header, message);
    assert_int_equal(oracle_sum(header), 0xffff);
}

static void header_is_the_bytes_of_the_specification(void **state) {
    (void)state;
    /* The words but the check sum to 0x5779, so the check is 0xa886. */
    static const uint8_t by_hand[ECHO_HEADER_BYTES] = {
        0x45, 0x43, 1, 1, 0xa8, 0x86, 1, 2,  /* magic version kind check flags attempt */
        0,    0,    0, 5, 0,    0,    0, 7,  /* payload_bytes reply_bytes */
        1,    2,    3, 4, 5,    6,    7, 8,  /* session */
        0,    0,    0, 0, 0,    0,    0, 9,  /* sequence */
        0,    0,    0, 0, 0,    0,    0, 10, /* sent_ns */
    };
    const struct echo_message message = {.kind = ECHO_REQUEST,
                                         .flags = ECHO_CLOSE,
                                         .attempt = 2,
                                         .payload_bytes = 5,
                                         .reply_bytes = 7,
                                         .session = 0x0102030405060708,
                                         .sequence = 9,
                                         .sent_ns = 10};
    uint8_t header[ECHO_HEADER_BYTES];
    echo_encode(header, &message);
    assert_memory_equal(header, by_hand, sizeof header);
    struct echo_message decoded;
    assert_int_equal(decode_exactly(&decoded, by_hand, sizeof by_hand), ECHO_WHOLE);
    assert_same(&decoded, &message);

    /* In the reply kind grows by 1 and payload_bytes by 2, so the check shrinks by 3. */
    uint8_t reply[ECHO_HEADER_BYTES];
    memcpy(reply, by_hand, sizeof reply);
    reply[3] = 2, reply[5] = 0x83, reply[11] = 7;
    echo_make_reply(header);
    assert_memory_equal(header, reply, sizeof header);
}

static void what_is_encoded_is_decoded(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        const struct echo_message message = random_message(round % 2 ? ECHO_REQUEST : ECHO_REPLY);
        struct echo_message decoded;
        uint8_t header[ECHO_HEADER_BYTES], oracle[ECHO_HEADER_BYTES];
        echo_encode_unchecked(header, &message);
        assert_int_equal(header[CHECK_AT] | header[CHECK_AT + 1], 0);
        assert_int_equal(decode_exactly(&decoded, header, sizeof header), ECHO_WHOLE);
        assert_same(&decoded, &message);
        memcpy(oracle, header, sizeof oracle);
        oracle_put_check(oracle);
        echo_encode(header, &message);
        assert_memory_equal(header, oracle, sizeof header);
        assert_int_equal(decode_exactly(&decoded, header, sizeof header), ECHO_WHOLE);
        assert_same(&decoded, &message);
    }
}

static void check_that_comes_out_as_zero_is_sent_as_ffff(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct echo_message message = random_message(ECHO_REQUEST), decoded;
        make_sum_full(&message);
        uint8_t header[ECHO_HEADER_BYTES];
        echo_encode(header, &message);
        assert_int_equal(header[CHECK_AT] << 8 | header[CHECK_AT + 1], 0xffff);
        assert_int_equal(decode_exactly(&decoded, header, sizeof header), ECHO_WHOLE);
        header[SENT_LOW_AT] ^= 1; /* and it is a check, not a second "not computed" */
        assert_int_equal(decode_exactly(&decoded, header, sizeof header), ECHO_BAD);
    }
}

static void every_truncation_is_partial(void **state) {
    (void)state;
    const struct echo_message message = random_message(ECHO_REQUEST);
    uint8_t header[ECHO_HEADER_BYTES];
    echo_encode(header, &message);
    for (size_t size = 0; size < sizeof header; size++) {
        struct echo_message decoded = {.sequence = 42};
        assert_int_equal(decode_exactly(&decoded, header, size), ECHO_PARTIAL);
        assert_int_equal(decoded.sequence, 42); /* not written */
    }
}

static void wrong_magic_or_version_is_bad_as_soon_as_it_is_there(void **state) {
    (void)state;
    const struct echo_message message = random_message(ECHO_REQUEST);
    for (size_t wrong = 0; wrong < 3; wrong++) {
        uint8_t header[ECHO_HEADER_BYTES];
        echo_encode_unchecked(header, &message);
        header[wrong] ^= 0x10;
        for (size_t size = 0; size <= sizeof header; size++) {
            struct echo_message decoded;
            const enum echo_decoded expected = size <= wrong ? ECHO_PARTIAL : ECHO_BAD;
            assert_int_equal(decode_exactly(&decoded, header, size), expected);
        }
    }
}

/* Of the 40 x 255 changed headers, how many are taken; each must have the check "not computed". */
static int changes_accepted(const uint8_t *header) {
    int accepted = 0;
    for (size_t at = 0; at < ECHO_HEADER_BYTES; at++) {
        for (unsigned change = 1; change < 256; change++) {
            uint8_t changed[ECHO_HEADER_BYTES];
            memcpy(changed, header, sizeof changed);
            changed[at] ^= (uint8_t)change;
            struct echo_message decoded;
            if (decode_exactly(&decoded, changed, sizeof changed) == ECHO_BAD) continue;
            assert_int_equal(changed[CHECK_AT] | changed[CHECK_AT + 1], 0);
            accepted++;
        }
    }
    return accepted;
}

/*
 * A change of one byte changes the sum, by less than 0xffff. The exception: a
 * check with one byte 0 whose other byte becomes 0 says "not computed".
 */
static void every_changed_byte_of_a_header_is_seen(void **state) {
    (void)state;
    int without_zero = 0, high_zero = 0, low_zero = 0;
    while (without_zero < 4 || high_zero < 4 || low_zero < 4) {
        const struct echo_message message =
            random_message(random_next() % 2 ? ECHO_REQUEST : ECHO_REPLY);
        uint8_t header[ECHO_HEADER_BYTES];
        echo_encode(header, &message);
        const bool high = header[CHECK_AT] == 0, low = header[CHECK_AT + 1] == 0;
        int *const seen = high ? &high_zero : low ? &low_zero : &without_zero;
        if ((*seen)++ < 4) assert_int_equal(changes_accepted(header), high || low ? 1 : 0);
    }
}

static void byte_counts_up_to_the_limit_are_taken(void **state) {
    (void)state;
    static const struct {
        uint32_t payload_bytes, reply_bytes;
        enum echo_decoded expected;
    } cases[] = {
        {0, 0, ECHO_WHOLE},
        {ECHO_PAYLOAD_MAX, ECHO_PAYLOAD_MAX, ECHO_WHOLE},
        {ECHO_PAYLOAD_MAX, 0, ECHO_WHOLE},
        {0, ECHO_PAYLOAD_MAX, ECHO_WHOLE},
        {ECHO_PAYLOAD_MAX + 1, 0, ECHO_BAD},
        {0, ECHO_PAYLOAD_MAX + 1, ECHO_BAD},
        {UINT32_MAX, 0, ECHO_BAD},
        {0, UINT32_MAX, ECHO_BAD},
        {0x80000000, 0x80000000, ECHO_BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct echo_message message = random_message(ECHO_REQUEST), decoded;
        message.payload_bytes = cases[i].payload_bytes;
        message.reply_bytes = cases[i].reply_bytes;
        uint8_t header[ECHO_HEADER_BYTES];
        echo_encode(header, &message);
        assert_int_equal(decode_exactly(&decoded, header, sizeof header), cases[i].expected);
        echo_encode_unchecked(header, &message);
        assert_int_equal(decode_exactly(&decoded, header, sizeof header), cases[i].expected);
    }
}

static void reserved_kinds_and_flags_are_bad(void **state) {
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        struct echo_message message = random_message((uint8_t)value), decoded;
        uint8_t header[ECHO_HEADER_BYTES];
        const bool known = value == ECHO_REQUEST || value == ECHO_REPLY;
        echo_encode(header, &message);
        assert_int_equal(decode_exactly(&decoded, header, sizeof header),
                         known ? ECHO_WHOLE : ECHO_BAD);
        message.kind = ECHO_REQUEST;
        message.flags = (uint8_t)value;
        echo_encode(header, &message);
        assert_int_equal(decode_exactly(&decoded, header, sizeof header),
                         value <= ECHO_CLOSE ? ECHO_WHOLE : ECHO_BAD);
    }
}

/* The reply of `request`, made in place, against the same reply encoded by the oracle. */
static void assert_reply(const struct echo_message *request, bool checked) {
    struct echo_message reply = *request;
    reply.kind = ECHO_REPLY;
    reply.payload_bytes = request->reply_bytes;
    uint8_t expected[ECHO_HEADER_BYTES], header[ECHO_HEADER_BYTES];
    echo_encode_unchecked(expected, &reply);
    if (checked) oracle_put_check(expected);
    if (checked) {
        echo_encode(header, request);
    } else {
        echo_encode_unchecked(header, request);
    }
    echo_make_reply(header);
    assert_memory_equal(header, expected, sizeof header);
    struct echo_message decoded;
    assert_int_equal(decode_exactly(&decoded, header, sizeof header), ECHO_WHOLE);
    assert_same(&decoded, &reply);
}

static void reply_made_in_place_equals_one_encoded(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct echo_message request = random_message(ECHO_REQUEST);
        if (round % 2 == 0) request.reply_bytes = request.payload_bytes;
        assert_reply(&request, true);
        assert_reply(&request, false);
    }
}

/* The corners of one's complement: it has two zeros, and here one of them means something else. */
static void reply_is_right_where_a_check_passes_through_zero(void **state) {
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct echo_message request = random_message(ECHO_REQUEST);
        make_sum_full(&request); /* the request's check is 0xffff */
        assert_reply(&request, true);
        struct echo_message reply = request;
        reply.kind = ECHO_REPLY;
        reply.payload_bytes = reply.reply_bytes;
        make_sum_full(&reply); /* the reply's is */
        request.sent_ns = reply.sent_ns;
        assert_reply(&request, true);
    }
}

static const struct {
    size_t payload_bytes, reply_bytes;
} shapes[] = {
    {0, 0}, {0, 1}, {0, 100}, {1, 0},   {1, 1},   {1, 7},    {7, 3},
    {7, 7}, {7, 8}, {7, 14},  {7, 100}, {64, 64}, {100, 64}, {64, 1000},
};

/* Ranges of exactly their size, with the payload random and the reply what echo_expand makes. */
static void make_shape(size_t i, uint8_t **payload, uint8_t **reply) {
    *payload = malloc(shapes[i].payload_bytes);
    *reply = malloc(shapes[i].reply_bytes);
    assert_non_null(*payload); /* glibc gives a pointer for 0 bytes too */
    assert_non_null(*reply);
    for (size_t at = 0; at < shapes[i].payload_bytes; at++) (*payload)[at] = (uint8_t)random_next();
    memset(*reply, 0xa5, shapes[i].reply_bytes);
    echo_expand(*reply, shapes[i].reply_bytes, *payload, shapes[i].payload_bytes);
}

static void reply_is_the_payload_cut_or_repeated(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const size_t size = shapes[i].payload_bytes;
        uint8_t *payload, *reply;
        make_shape(i, &payload, &reply);
        for (size_t at = 0; at < shapes[i].reply_bytes; at++) {
            assert_int_equal(reply[at], size > 0 ? payload[at % size] : 0);
        }
        assert_true(echo_matches(reply, shapes[i].reply_bytes, payload, size));
        free(payload);
        free(reply);
    }
}

/* In a buffer of exactly the longer one's size. */
static void whole_reply_is_written_where_its_request_stood(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct echo_message request = random_message(ECHO_REQUEST), reply;
        const size_t asked = shapes[i].payload_bytes, wanted = shapes[i].reply_bytes;
        uint8_t *expected, *payload;
        make_shape(i, &payload, &expected);
        uint8_t *bytes = malloc(ECHO_HEADER_BYTES + (asked > wanted ? asked : wanted));
        assert_non_null(bytes);
        request.payload_bytes = (uint32_t)asked;
        request.reply_bytes = (uint32_t)wanted;
        echo_encode(bytes, &request);
        memcpy(bytes + ECHO_HEADER_BYTES, payload, asked);
        echo_write_reply(bytes, &request);
        assert_int_equal(decode_exactly(&reply, bytes, ECHO_HEADER_BYTES), ECHO_WHOLE);
        assert_int_equal(reply.kind, ECHO_REPLY);
        assert_int_equal(reply.payload_bytes, wanted);
        assert_memory_equal(bytes + ECHO_HEADER_BYTES, expected, wanted);
        free(bytes);
        free(payload);
        free(expected);
    }
}

static void every_changed_byte_of_a_payload_is_seen(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        uint8_t *payload, *reply;
        make_shape(i, &payload, &reply);
        for (size_t at = 0; at < shapes[i].reply_bytes; at++) {
            for (unsigned change = 1; change < 256; change++) {
                reply[at] ^= (uint8_t)change;
                assert_false(
                    echo_matches(reply, shapes[i].reply_bytes, payload, shapes[i].payload_bytes));
                reply[at] ^= (uint8_t)change;
            }
        }
        free(payload);
        free(reply);
    }
}

/* Each broken alone. */
static void a_fault_is_named_by_the_rule_that_it_breaks(void **state) {
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        const char *fault;
    } cases[] = {{0, 'H', "the magic is not 0x4543"},  {2, 2, "the version is not 1"},
                 {3, ECHO_REQUEST, "it is a request"}, {3, 3, "the kind is not that of a reply"},
                 {6, 2, "a flag is set that is none"}, {8, 1, "a length is beyond 1 MiB"},
                 {31, 9, "the check is wrong"}};
    const struct echo_message reply = {.kind = ECHO_REPLY, .session = 7, .sequence = 1};
    uint8_t header[ECHO_HEADER_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        echo_encode(header, &reply);
        assert_null(echo_fault(header, sizeof header));
        header[cases[i].at] = cases[i].value;
        assert_string_equal(echo_fault(header, sizeof header), cases[i].fault);
    }
    echo_encode(header, &reply);
    assert_string_equal(echo_fault(header, 20), "the header is cut off");
    assert_null(echo_fault(header, 2));
    assert_null(echo_fault(header, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_is_named_by_the_rule_that_it_breaks),
        cmocka_unit_test_setup(header_is_the_bytes_of_the_specification, seed),
        cmocka_unit_test_setup(what_is_encoded_is_decoded, seed),
        cmocka_unit_test_setup(check_that_comes_out_as_zero_is_sent_as_ffff, seed),
        cmocka_unit_test_setup(every_truncation_is_partial, seed),
        cmocka_unit_test_setup(wrong_magic_or_version_is_bad_as_soon_as_it_is_there, seed),
        cmocka_unit_test_setup(every_changed_byte_of_a_header_is_seen, seed),
        cmocka_unit_test_setup(byte_counts_up_to_the_limit_are_taken, seed),
        cmocka_unit_test_setup(reserved_kinds_and_flags_are_bad, seed),
        cmocka_unit_test_setup(reply_made_in_place_equals_one_encoded, seed),
        cmocka_unit_test_setup(reply_is_right_where_a_check_passes_through_zero, seed),
        cmocka_unit_test_setup(reply_is_the_payload_cut_or_repeated, seed),
        cmocka_unit_test_setup(whole_reply_is_written_where_its_request_stood, seed),
        cmocka_unit_test_setup(every_changed_byte_of_a_payload_is_seen, seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
