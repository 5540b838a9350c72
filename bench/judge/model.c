/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/model.h"

#include <stddef.h>

#include "bench/run/variant.h"

/*
 * TLS 1.3 takes one round trip of its own behind TCP's (RFC 8446, section 2);
 * QUIC's handshake is both in one, and a known server is sent the request at
 * once (RFC 9001, section 1). Certificates too large for the first flight of
 * an unknown client add one (RFC 9000, section 8.1).
 */
const struct model_protocol model_protocols[] = {
    {"TLS 1.3, kept", 1},
    {"TLS 1.3, fresh", 3},
    {"QUIC, fresh", 2},
    {"QUIC, fresh, 0-RTT", 1},
    {NULL, 0},
};

double model_round_trips(const char *variant) {
    const struct variant *known = variant_find(variant);
    return known == NULL ? 0 : known->round_trips;
}

double model_latency_us(const char *variant, double work_us, double rtt_ms) {
    return work_us + 1000 * rtt_ms * model_round_trips(variant);
}
