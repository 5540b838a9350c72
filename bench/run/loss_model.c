/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/loss_model.h"

#include <math.h>
#include <time.h>

#include "bench/measure/system.h"

enum { INITIAL_RTO_MS = 1000 }; /* RFC 6298, 2.1 */

/*
 * The handshake's last ACK is repeated by the request behind it, a lost pure
 * ACK by the next segment. Where the server closes, its FIN follows a lost
 * reply: the client's answer to it shows the gap after one round trip, and a
 * quarter of one later the reply is sent again (RACK, RFC 8985, 6.2). If the
 * answer comes later than the tail loss probe, that resends the FIN, of which
 * no answer tells which of the two it is for: the reply waits for the RTO.
 */
const struct lost_packet loss_server_closes[] = {
    {"the SYN", WIRE_SYN, WIRE_TO_SERVER, 1, 2, 1, 0, false, false},
    {"the SYN-ACK", WIRE_SYN_ACK, WIRE_TO_CLIENT, 1, 2, 1, 0, false, false},
    {"the handshake's ACK", WIRE_ACK, WIRE_TO_SERVER, 1, 2, 0, 0, false, false},
    {"the request", WIRE_REQUEST, WIRE_TO_SERVER, 1, 2, 0, 1, false, false},
    {"the reply", WIRE_REPLY, WIRE_TO_CLIENT, 1, 2, 0, 0, false, true},
    {"the server's FIN", WIRE_FIN, WIRE_TO_CLIENT, 1, 2, 0, 0, false, false},
    {.what = NULL}};

const struct lost_packet loss_kept[] = {
    {"the request", WIRE_REQUEST, WIRE_TO_SERVER, 2, 1, 0, 1, false, false},
    {"the reply", WIRE_REPLY, WIRE_TO_CLIENT, 2, 1, 0, 1, false, false},
    {.what = NULL}};

const struct lost_packet loss_datagrams[] = {
    {"the request", WIRE_REQUEST, WIRE_TO_SERVER, 2, 0, 0, 0, true, false},
    {"the reply", WIRE_REPLY, WIRE_TO_CLIENT, 2, 0, 0, 0, true, false},
    {.what = NULL}};

struct loss_timers loss_timers_read(void) {
    struct loss_timers timers = {200, 10}; /* TCP_RTO_MIN, where it is no setting yet; and 1/HZ */
    struct timespec tick;
    unsigned us;
    if (system_scan("/proc/sys/net/ipv4/tcp_rto_min_us", 1, "%u", &us))
        timers.minimum_rto_ms = us / 1e3;
    /* The coarse clock goes by the tick. */
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) == 0)
        timers.tick_ms = (double)tick.tv_nsec / 1e6;
    return timers;
}

struct wait {
    double low_ms, high_ms;
};

/*
 * Rounded up to a tick, and then to a slot of the timer wheel
 * (kernel/time/timer.c): 63 of one tick, then of 8, then of 64.
 */
static void add_timer(struct wait *wait, double timeout_ms, double tick_ms) {
    double slot_ms = tick_ms;
    while (timeout_ms > 63 * slot_ms) slot_ms *= 8;
    wait->low_ms += timeout_ms;
    wait->high_ms += timeout_ms + tick_ms + slot_ms;
}

static struct wait wait_of(double low_ms) {
    const double slack_ms = 5; /* of processes that wake up, on either side */
    return (struct wait){low_ms, low_ms + slack_ms};
}

struct loss_prediction loss_model_predict(const struct lost_packet *lost,
                                          const struct loss_timers *timers, double rtt_ms,
                                          double deadline_ms) {
    const double least_ms = 2; /* TCP_TIMEOUT_MIN_US */
    const double tick_ms = timers->tick_ms, rto_ms = rtt_ms + timers->minimum_rto_ms;
    struct wait wait = wait_of(lost->unanswered ? deadline_ms : lost->round_trips * rtt_ms);
    struct wait probed = lost->followed ? wait : (struct wait){NAN, NAN};
    if (lost->initial_rto > 0) add_timer(&wait, INITIAL_RTO_MS, tick_ms);
    if (lost->minimum_rto > 0) add_timer(&wait, rto_ms, tick_ms);
    if (lost->followed) {
        wait = wait_of(wait.low_ms + rtt_ms);
        add_timer(&wait, rtt_ms / 4 + least_ms, tick_ms);
        add_timer(&probed, fmin(2 * rtt_ms + least_ms, rto_ms), tick_ms);
        add_timer(&probed, rto_ms, tick_ms);
    } else if (lost->initial_rto + lost->minimum_rto == 0 && !lost->unanswered) {
        wait.high_ms += tick_ms;
    }
    return (struct loss_prediction){wait.low_ms, wait.high_ms, probed.low_ms, probed.high_ms};
}

bool loss_is_predicted(const struct loss_prediction *predicted, double ms, bool probed) {
    const double clock_ms = 1; /* by which what is measured may seem shorter */
    const bool other = probed && !isnan(predicted->probed_low_ms);
    const double low_ms = other ? predicted->probed_low_ms : predicted->low_ms,
                 high_ms = other ? predicted->probed_high_ms : predicted->high_ms;
    return ms >= low_ms - clock_ms && ms <= high_ms;
}
