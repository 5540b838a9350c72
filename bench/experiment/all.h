/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the rows of table.c name, a line an experiment's file, and what these files share. */
#ifndef BENCH_ALL_H
#define BENCH_ALL_H

#include "bench/experiment/experiment.h"
#include "bench/judge/compared.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

typedef int lab_step(struct lab *lab);
typedef void lab_conclude(struct lab *lab);
typedef int lab_status(const struct lab *lab);
typedef void results_tell(struct story *story, const struct results *results);

lab_step compare_plan, head_of_line_plan, idle_plan, loss_plan; /* compare: also of most sweeps */
lab_step anatomy_plan, anatomy_measure, ladder_measure, diff_measure, history_measure;
lab_step check_measure, check_preview, crosscheck_measure, crosscheck_preview;
lab_conclude compare_conclude, rtt_conclude, per_connection_conclude, rate_conclude;
lab_conclude loss_conclude, head_of_line_conclude, idle_conclude, crosscheck_conclude;
lab_conclude anatomy_count; /* packets and calls alone, into the runs of the session as well */
lab_status anatomy_status, check_status, diff_status, crosscheck_status;

results_tell compare_table, compare_tell, comparisons_tell;
results_tell placement_tell; /* what a wake-up costs */
results_tell processes_tell; /* hyperfine beside compare */
results_tell rtt_table, rtt_tell;
results_tell headline_tell;    /* what a fresh connection adds */
results_tell situations_tell;  /* how long a message takes, by round-trip time */
results_tell round_trips_tell; /* the slopes */
results_tell changes_tell;     /* what would change the answer */
results_tell size_tell;        /* size_tell.c: over a wire */
results_tell per_connection_table, per_connection_tell;
results_tell rate_table, rate_tell;
results_tell rate_numbers;            /* the tables without what stands around them in a terminal */
results_tell tails_tell, tails_table; /* of `compare --rate` */
/* A sweep tells both that follow it, which are parts of a page each. */
results_tell sweep_connections_tell, connections_tell, objects_tell;
results_tell sweep_design_tell, designs_tell, silent_tell;
results_tell pipeline_tell, loss_tell, head_of_line_table, head_of_line_tell;
results_tell idle_tell, idle_tell_points, idle_tell_race, idle_tell_beside; /* the first: all */
results_tell anatomy_table, anatomy_tell, ladders_tell, check_tell;
results_tell diff_table, diff_tell, history_tell, crosscheck_tell;
void counts_tell(struct story *story, const struct session *session); /* of that */

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
/* Commands that are no experiments. */
int command_serve(const struct request *request);
int command_send(const struct request *request);

/* ---- what two sides of sessions and all of a folder have in common: diff.c ---- */

/* "tcp-persistent: 64 bytes there, 64 back, 1 connection, ..."; malloc'd, NULL without memory. */
char *diff_column_text(const struct described *column);

/* Of a metric by its name, as a narrow table has it: "time / floor". */
struct number diff_label(const char *metric);

/* A copy of a session is no second session: no two take as many nanoseconds, run by run. */
bool diff_is_copy(const struct session *one, const struct session *other);

/* Whether what is to be written there would overwrite this file. NULL: it is not to be. */
bool diff_would_overwrite(const char *path, const char *file);

/* Servers are what is compared, or what has to be the same: an exit status. */
int diff_check_server(const struct session *session, const struct session *first);

/* ---- of comparisons: what the terminal shows of each, and the sentence of one ---- */

/* Which loop, where, how often: above the tables. */
void compare_put_head(struct story *story, const struct session *session);

/* What retries cost the server, and the runs that are in no verdict: below them. */
void compare_put_foot(struct story *story, const struct session *session);

/* "On the same core a message by X takes 4.23 times (...) as long as one by Y, ...: slower." */
void compare_put_sentence(FILE *out, const void *compared);

/* "not decided (finds 3.1 %; about 26 blocks would)" */
struct number compare_verdict(const struct compared *compared);

/* Cells of it; NULL: dashes. */
void compare_fill(struct grid *grid, const char *cells, const struct compared *compared);

/* "... (99.7 % interval 4.18 to 4.28, 15 blocks)", the words and the interval being filled. */
void compare_put(FILE *out, const char *words, const char *low_to_high,
                 const struct compared *compared);

/*
 * How many times as long one variant takes as another, and how much longer, at
 * this placement, there where the lab looked most closely: whichever was the
 * baseline (the verdict is as it was made). False: they were not compared.
 */
bool compare_ratio(const struct results *results, const char *placement, const char *numerator,
                   const char *denominator, struct compared *ratio);

/*
 * A number of a variant's runs where nothing but work counts: on one core, in a
 * closed loop without a wire, at the point that was looked at most closely.
 */
struct middle compare_work(const struct results *results, const char *variant,
                           double (*of)(const struct run *run));

/*
 * Of an open loop, the table of the point that `series` is of: a row for each
 * of its series but floors, called by `name` (NULL: it is left out); and what is
 * wrong with some of them. What its columns mean: once, below all. open_tell.c
 */
void open_point_table(struct story *story, const struct series_table *table, size_t series,
                      const char *(*name)(const struct run *run));
void open_notes(struct story *story);

/*
 * ---- another build of echolab, whose runs go into the same blocks ----
 *
 * It is told what to do by the arguments of `run`, and read by the JSON that it
 * prints: both are kept as they were, so that builds of different days meet.
 */

/* What `--version` says first: builds that say the same understand each other's runs. */
#define ECHOLAB_VERSION "echolab, wire format 1, results echolab/1"

/* Whether `program` is such a build: 0, or -1 with a sentence in `why` (CHILD_WHY bytes). */
int against_check(const char *program, char *why);

/* Like child_run, by `program`. */
struct run *against_run(const char *program, const struct parameters *asked, char *why);

#endif
