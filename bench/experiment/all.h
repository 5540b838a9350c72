/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rows of table.c name, a line an experiment's file. */
#ifndef BENCH_ALL_H
#define BENCH_ALL_H

#include "bench/experiment/experiment.h"

typedef int lab_step(struct lab *lab);
typedef void lab_conclude(struct lab *lab);
typedef int lab_status(const struct lab *lab);
typedef void results_tell(struct story *story, const struct results *results);

lab_step compare_plan; /* compare.c: also of the sweeps along an ordinary axis */
lab_conclude compare_conclude;
results_tell compare_table; /* compare_table.c */
results_tell compare_tell;  /* compare_tell.c: the answer */
results_tell comparisons_tell;
results_tell placement_tell; /* what a wake-up costs */

lab_conclude rtt_conclude; /* rtt_tell.c */
results_tell rtt_table, rtt_tell;
results_tell headline_tell;    /* what a fresh connection adds */
results_tell situations_tell;  /* how long a message takes, by round-trip time */
results_tell round_trips_tell; /* the slopes */
results_tell changes_tell;     /* what would change the answer */

lab_conclude per_connection_conclude; /* per_connection_tell.c */
results_tell per_connection_table, per_connection_tell;

lab_conclude rate_conclude; /* open_tell.c */
results_tell rate_table, rate_tell;
results_tell rate_numbers;            /* the tables without what stands around them in a terminal */
results_tell tails_tell, tails_table; /* of `compare --rate` */
/* load_tell.c: a sweep tells both that follow it, which are parts of a page each. */
results_tell sweep_connections_tell, connections_tell, objects_tell;
results_tell sweep_design_tell, designs_tell, silent_tell, pipeline_tell;

lab_step loss_plan; /* loss.c */
lab_conclude loss_conclude;
results_tell loss_tell;

lab_step head_of_line_plan; /* head_of_line.c */
lab_conclude head_of_line_conclude;
results_tell head_of_line_table, head_of_line_tell; /* head_of_line_tell.c */

lab_step idle_plan; /* idle.c */
lab_conclude idle_conclude;
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
results_tell idle_tell; /* idle_tell.c: these three, which a page tells one by one */
results_tell idle_tell_points, idle_tell_race, idle_tell_beside;

lab_step anatomy_plan, anatomy_measure; /* anatomy.c */
lab_status anatomy_status;
results_tell anatomy_table, anatomy_tell; /* anatomy_tell.c */
lab_conclude anatomy_count; /* packets and calls alone, into the runs of the session as well */
void counts_tell(struct story *story, const struct session *session);
/*
 * A game, if it was asked for: the reader's numbers first; NAN where there is
 * none. An exit status: failed where nobody answers.
 */
int anatomy_ask(const struct request *request, double guessed[][GUESSES]);

lab_step ladder_measure; /* ladder.c */
results_tell ladders_tell;

lab_step history_measure; /* history.c */
results_tell history_tell;

lab_step check_measure, check_preview; /* check.c */
lab_status check_status;
results_tell check_tell;

lab_step diff_measure; /* diff.c */
lab_status diff_status;
results_tell diff_table, diff_tell;

lab_step crosscheck_measure, crosscheck_preview; /* crosscheck.c */
lab_conclude crosscheck_conclude;
lab_status crosscheck_status;
results_tell crosscheck_tell;

results_tell processes_tell; /* processes.c: hyperfine beside compare */

/* Commands that are no experiments. */
int command_serve(const struct request *request);
int command_send(const struct request *request);

#endif
