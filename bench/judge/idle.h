/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `echolab sweep idle` makes of its runs: the arithmetic, apart from the measuring. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include "bench/judge/findings.h"
#include "bench/run/run.h"

/* The latencies of a run in ms, from its histogram, at most `room`, ascending; their number. */
size_t idle_latencies(const struct run *run, double *ms, size_t room);

/*
 * When to send so that the server's FIN is on its way. The reply has been a
 * half round trip under way when the client's pause begins, and the FIN is one
 * when it ends: a request meets the closed connection if the pause is within a
 * round trip before the timeout. A quarter before it, as a server's timer is
 * rather late than early.
 */
uint64_t idle_race_gap_ns(uint64_t idle_timeout_ns, uint64_t rtt_ns);

/*
 * Adds what became of the messages of such a run to a race that is all zero
 * but for its texts, and its errors to theirs. Those sent after a pause are
 * all but the first of each connection. A retry was safe if the server
 * executed no more than were answered.
 */
void idle_race_add(struct idle_race *race, struct tallies *errors, const struct run *run);

#endif
