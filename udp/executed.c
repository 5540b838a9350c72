/* SPDX-License-Identifier: MIT */
#include "udp/executed.h"

/*
 * The sequences of a session lie side by side, so that one session alone uses
 * every place before it forgets; where it begins is the session's random bits.
 */
static unsigned set_of(uint64_t session, uint64_t sequence) {
    /* Sessions that differ by 1 are not to begin side by side (Fibonacci hashing). */
    const uint64_t spread = session * UINT64_C(0x9e3779b97f4a7c15);
    return (unsigned)((spread >> 32) + sequence) % UDP_EXECUTED_SETS;
}

uint64_t *udp_executed_times(struct udp_executed *executed, uint64_t session, uint64_t sequence) {
    struct udp_executed_entry *set = executed->entry[set_of(session, sequence)];
    struct udp_executed_entry *place = &set[0];
    executed->looks++;
    for (int way = 0; way < UDP_EXECUTED_WAYS; way++) {
        struct udp_executed_entry *e = &set[way];
        if (e->session == session && e->sequence == sequence && e->times > 0) {
            e->used = executed->looks;
            return &e->times;
        }
        if (e->used < place->used) place = e;
    }
    *place = (struct udp_executed_entry){
        .session = session, .sequence = sequence, .used = executed->looks};
    return &place->times;
}
