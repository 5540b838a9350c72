/* SPDX-License-Identifier: MIT */
#include "udp/rto.h"

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static void set(struct udp_rto *rto, uint64_t rto_ns) {
    rto->rto_ns = smaller(larger(rto_ns, rto->floor_ns), UDP_RTO_CAP_NS);
}

void udp_rto_init(struct udp_rto *rto, uint64_t floor_ns, uint64_t granularity_ns) {
    *rto = (struct udp_rto){.floor_ns = floor_ns == 0 ? UDP_RTO_FLOOR_NS : floor_ns,
                            .granularity_ns = granularity_ns};
    set(rto, UDP_RTO_INITIAL_NS);
}

void udp_rto_sample(struct udp_rto *rto, uint64_t round_trip_ns) {
    const uint64_t r = smaller(round_trip_ns, UDP_RTO_CAP_NS); /* so that no sum overflows */
    if (!rto->sampled) {
        rto->sampled = true;
        rto->srtt_ns = r; /* (2.2) */
        rto->rttvar_ns = r / 2;
    } else {
        const uint64_t off = r > rto->srtt_ns ? r - rto->srtt_ns : rto->srtt_ns - r;
        rto->rttvar_ns = (3 * rto->rttvar_ns + off) / 4; /* (2.3), before SRTT moves */
        rto->srtt_ns = (7 * rto->srtt_ns + r) / 8;
    }
    set(rto, rto->srtt_ns + larger(rto->granularity_ns, 4 * rto->rttvar_ns));
}

void udp_rto_back_off(struct udp_rto *rto) {
    set(rto, 2 * rto->rto_ns);
}
