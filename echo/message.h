/* SPDX-License-Identifier: MIT */
/*
 * The wire format, version 1: what both transports carry.
 *
 * A message is a 40-byte header in network byte order and then its payload.
 * Everything here works on bytes the caller owns: no I/O, no clock, no
 * allocation, so that the cost of the codec can be measured by itself.
 *
 *    0  magic 0x4543      2  version 1        3  kind
 *    4  check             6  flags            7  attempt
 *    8  payload_bytes    12  reply_bytes     16  session
 *   24  sequence         32  sent_ns
 */
#ifndef ECHO_MESSAGE_H
#define ECHO_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ECHO_MAGIC = 0x4543, /* "EC" */
    ECHO_VERSION = 1,
    ECHO_HEADER_BYTES = 40,
    ECHO_PAYLOAD_MAX = 1048576,                      /* bytes, whatever carries it */
    ECHO_UDP_PAYLOAD_MAX = 65507 - ECHO_HEADER_BYTES /* the largest IPv4 datagram */
};

/* Kinds 3 and 4 are reserved for control and refused today. */
enum echo_kind { ECHO_REQUEST = 1, ECHO_REPLY = 2 };

/* The server closes the connection after its reply: HTTP's "Connection: close". */
enum echo_flag { ECHO_CLOSE = 1 };

struct echo_message {
    uint8_t kind;           /* enum echo_kind */
    uint8_t flags;          /* enum echo_flag; all other bits are 0 */
    uint8_t attempt;        /* 0 for the first send, counted up by a retry */
    uint32_t payload_bytes; /* bytes that follow the header, at most ECHO_PAYLOAD_MAX */
    uint32_t reply_bytes;   /* payload wanted back, at most ECHO_PAYLOAD_MAX */
    uint64_t session;       /* random per client: an old reply is never taken for a new one */
    uint64_t sequence;      /* counts up per session */
    uint64_t sent_ns;       /* the client's clock; the server does not look at it */
};

enum echo_decoded {
    ECHO_WHOLE,   /* a header; its payload may still be on the way */
    ECHO_PARTIAL, /* fewer than ECHO_HEADER_BYTES, and so far nothing wrong */
    ECHO_BAD      /* not a header of this version: no more of it will help */
};

/* Writes ECHO_HEADER_BYTES bytes, check included. */
void echo_encode(uint8_t *header, const struct echo_message *message);

/* Like echo_encode, with the check left 0, "not computed". */
void echo_encode_unchecked(uint8_t *header, const struct echo_message *message);

/*
 * Reads a header from the first `size` bytes. `message` is written only when
 * the answer is ECHO_WHOLE. A check of 0 means "not computed", as in UDP's
 * own checksum (RFC 768), and is accepted.
 */
enum echo_decoded echo_decode(struct echo_message *message, const uint8_t *bytes, size_t size);

/*
 * Which rule the first `size` bytes of a reply break, in words for a sentence;
 * NULL: none that can be seen in them.
 */
const char *echo_fault(const uint8_t *bytes, size_t size);

/*
 * Turns the header of a request, in place, into that of its reply: kind 2,
 * payload_bytes = reply_bytes, and the check brought up to date without
 * summing the rest again (RFC 1624, equation 3). `header` must have been
 * decoded as a request.
 */
void echo_make_reply(uint8_t *header);

/*
 * The whole reply where its request stands, whole: ECHO_HEADER_BYTES +
 * reply_bytes, for which there must be room. `request` is what was decoded.
 */
void echo_write_reply(uint8_t *bytes, const struct echo_message *request);

/*
 * The payload of a reply: the request's, cut off where the reply is shorter,
 * repeated where it is longer, zeros where there is nothing to repeat.
 * echo_expand writes it; echo_matches says whether `reply` is that, and looks
 * at every byte. The two ranges must not overlap.
 */
void echo_expand(uint8_t *reply, size_t reply_bytes, const uint8_t *payload, size_t payload_bytes);
bool echo_matches(const uint8_t *reply, size_t reply_bytes, const uint8_t *payload,
                  size_t payload_bytes);

#endif
