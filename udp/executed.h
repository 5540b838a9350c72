/* SPDX-License-Identifier: MIT */
/*
 * What a server has executed, by session and sequence, so that a retry can be
 * told from a new request. Bounded: of the few places that a request may have,
 * a new one takes the one longest not used, so to be found here is certain, not
 * to be found may mean forgotten. TCP has no such file: the kernel throws a
 * segment's second copy away.
 *
 * It keeps no replies, as an echo's is made of its request. A service whose
 * reply is not would keep the bytes here too.
 *
 * The sender's address is no part of the key: a session is random, and a retry
 * may come through a NAT from another port.
 */
#ifndef UDP_EXECUTED_H
#define UDP_EXECUTED_H

#include <stdint.h>

enum {
    UDP_EXECUTED_WAYS = 4, /* places that one request may have */
    UDP_EXECUTED_SETS = 4096,
    UDP_EXECUTED_ENTRIES = UDP_EXECUTED_SETS * UDP_EXECUTED_WAYS
};

struct udp_executed {
    struct udp_executed_entry {
        uint64_t session, sequence;
        uint64_t times; /* 0: an empty place */
        uint64_t used;  /* counts up with every look */
    } entry[UDP_EXECUTED_SETS][UDP_EXECUTED_WAYS];
    uint64_t looks;
};

/*
 * How often this one was executed, as far as is remembered: the caller's to
 * count up, and 0 for a new one, which has taken another's place. Zero the
 * whole before first use.
 */
uint64_t *udp_executed_times(struct udp_executed *executed, uint64_t session, uint64_t sequence);

#endif
