/* SPDX-License-Identifier: MIT */
/*
 * How long to wait for a reply before asking again: the estimator of RFC 6298,
 * in nanoseconds. It reads no clock and sets no timer; it is told what a round
 * trip took and that a wait was in vain.
 *
 *     struct udp_rto rto;
 *     udp_rto_init(&rto, floor_ns, granularity_ns);
 *     wait rto.rto_ns; then udp_rto_sample(&rto, took_ns) or udp_rto_back_off(&rto)
 */
#ifndef UDP_RTO_H
#define UDP_RTO_H

#include <stdbool.h>
#include <stdint.h>

#define UDP_RTO_INITIAL_NS UINT64_C(1000000000) /* RFC 6298, (2.1) */
#define UDP_RTO_CAP_NS UINT64_C(60000000000)    /* (2.5): at least 60 s */

/* (2.4) asks for a floor of 1 s; Linux's TCP, and so this, takes 200 ms. */
#define UDP_RTO_FLOOR_NS UINT64_C(200000000)

struct udp_rto {
    uint64_t floor_ns, granularity_ns;
    bool sampled;                /* the next two say something */
    uint64_t srtt_ns, rttvar_ns; /* smoothed round trip, and how far samples lie from it */
    uint64_t rto_ns;             /* the retransmission timeout now; floor_ns to UDP_RTO_CAP_NS */
};

/* `floor_ns` 0: the usual. `granularity_ns` is the G of the RFC: below it no variance counts. */
void udp_rto_init(struct udp_rto *rto, uint64_t floor_ns, uint64_t granularity_ns);

/*
 * A round trip took so long. It must be known which datagram was answered: by
 * an echoed timestamp it is, after a retry too, so that Karn's rule (never
 * measure what was sent twice, section 3) has nothing to forbid. A sample ends
 * a back-off, as (5.7) allows.
 */
void udp_rto_sample(struct udp_rto *rto, uint64_t round_trip_ns);

/* The wait was in vain: twice as long the next time (5.5), up to the cap. */
void udp_rto_back_off(struct udp_rto *rto);

#endif
