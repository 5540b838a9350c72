/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/loss_model.h"

#include <time.h>

#include "bench/measure/system.h"

enum { INITIAL_RTO_MS = 1000 }; /* RFC 6298, 2.1 */

/*
 * The handshake's last ACK is repeated by the request behind it, a lost pure
 * ACK by the next segment. Where the server closes, its FIN follows a lost
 * reply: the client's answer to it shows the gap after one round trip, and a
 * quarter of one later the reply is sent again (RACK, RFC 8985).
 */
const struct lost_packet loss_server_closes[] = {
    {"the SYN", WIRE_SYN, WIRE_TO_SERVER, 1, 2, 1, 0, false},
    {"the SYN-ACK", WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, 2, 1, 0, false},
    {"the handshake's ACK", WIRE_ACK, WIRE_TO_SERVER, 1, 2, 0, 0, false},
    {"the request", WIRE_REQUEST, WIRE_TO_SERVER, 1, 2, 0, 1, false},
    {"the reply", WIRE_REPLY, WIRE_TO_CLIENT, 1, 3.25, 0, 0, false},
    {"the server's FIN", WIRE_FIN, WIRE_TO_CLIENT, 1, 2, 0, 0, false},
    {.what = NULL}};

const struct lost_packet loss_kept[] = {
    {"the request", WIRE_REQUEST, WIRE_TO_SERVER, 2, 1, 0, 1, false},
    {"the reply", WIRE_REPLY, WIRE_TO_CLIENT, 2, 1, 0, 1, false},
    {.what = NULL}};

const struct lost_packet loss_datagrams[] = {
    {"the request", WIRE_REQUEST, WIRE_TO_SERVER, 2, 0, 0, 0, true},
    {"the reply", WIRE_REPLY, WIRE_TO_CLIENT, 2, 0, 0, 0, true},
    {.what = NULL}};

static double minimum_rto_ms(void) {
    unsigned us;
    if (system_scan("/proc/sys/net/ipv4/tcp_rto_min_us", 1, "%u", &us)) return us / 1e3;
    return 200; /* the kernel's TCP_RTO_MIN, where it is no setting yet */
}

/* 1000 / HZ: the coarse clock goes by it. */
static double tick_ms(void) {
    struct timespec tick = {0};
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0) return 10;
    return (double)tick.tv_nsec / 1e6;
}

/* The timer wheel (kernel/time/timer.c): 63 slots of one tick, then of 8, then of 64. */
static double coarseness_ms(double timeout_ms) {
    double slot_ms = tick_ms();
    while (timeout_ms > 63 * slot_ms) slot_ms *= 8;
    return slot_ms;
}

struct loss_prediction loss_model_predict(const struct lost_packet *lost, double rtt_ms,
                                          double deadline_ms) {
    const double slack_ms = 5; /* of processes that wake up, on either side */
    if (lost->unanswered) return (struct loss_prediction){deadline_ms, deadline_ms + slack_ms};
    const double timeout_ms = rtt_ms + minimum_rto_ms();
    const double low_ms = rtt_ms * lost->round_trips + lost->initial_rto * (double)INITIAL_RTO_MS +
                          lost->minimum_rto * timeout_ms;
    double late_ms = slack_ms + tick_ms();
    if (lost->initial_rto > 0) late_ms += coarseness_ms(INITIAL_RTO_MS);
    if (lost->minimum_rto > 0) late_ms += coarseness_ms(timeout_ms);
    return (struct loss_prediction){low_ms, low_ms + late_ms};
}
