/* SPDX-License-Identifier: MIT */
#include "udp/executed.h"

#include <stdbool.h>

/*
 * The sequences of a session lie side by side, so that one session alone uses
 * every place before it forgets; where it begins is the session's random bits.
 */
static unsigned place_of(uint64_t session, uint64_t sequence) {
    return (unsigned)((session ^ session >> 32) + sequence) % UDP_EXECUTED_ENTRIES;
}

uint64_t *udp_executed_times(struct udp_executed *executed, uint64_t session, uint64_t sequence) {
    struct udp_executed_entry *e = &executed->entry[place_of(session, sequence)];
    const bool same = e->session == session && e->sequence == sequence;
    if (!same) *e = (struct udp_executed_entry){.session = session, .sequence = sequence};
    return &e->times;
}
