/* SPDX-License-Identifier: MIT */
/*
 * udp-retry: what it takes to rely on UDP. A request that is not answered in
 * time is sent again, with the timer of RFC 6298 (udp/rto.h), doubled each
 * time; any reply of its session and sequence answers it, to whichever attempt.
 *
 * Two limits bound it: the driver's deadline in time, `attempts` in datagrams.
 * After the last attempt nothing more is sent, and a reply may still come until
 * the deadline. An ICMP refusal is an answer, too: -ECONNREFUSED at once, and
 * no retry.
 *
 * A retry is at-least-once: where the request arrived and its reply did not,
 * the server does its work again, unless it remembers (udp/executed.h).
 */
#ifndef UDP_RETRY_H
#define UDP_RETRY_H

#include "echo/service.h"

enum { UDP_RETRY_ATTEMPTS = 8 }; /* datagrams of one request, unless told */

/*
 * As udp_client_steps, and besides: every datagram carries the time at which
 * it was itself sent, not the one given to send; wake_ns is the retry timer.
 * Two replies to one request: the second is handed out, for the driver to drop.
 */
extern const struct echo_client_steps udp_retry_steps;

#endif
