/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs and sessions made here, of which every number is known; and what is told of them. */
#ifndef TESTS_MADE_H
#define TESTS_MADE_H

#include "bench/session/results.h"
#include "bench/tell/story.h"

/* A valid run of 1,000 messages, all answered; the session's. */
struct run *made_run(struct session *session, const char *variant, unsigned block, unsigned column);

/* So many messages took so long; in ascending order. */
void made_took(struct run *run, uint64_t count, double us);

/* So many came within a second, and half of them took so long. */
void made_load(struct run *run, double per_s, double p50_us);

void made_invalid(struct run *run, const char *why);

/* What a column of a plan is made of; zero means the usual. */
struct making {
    const char *variant;
    enum role role;
    int point; /* NOWHERE: an older file, has none */
    unsigned size_bytes, connections, per_connection, pipeline;
    enum engine engine;
    enum design design;
    bool against, invalid, wired;
    double rate_per_s, capacity_per_s; /* of an open loop */
    double us;                         /* each message takes so long ... */
    unsigned slow;                     /* ... but so many of them ... */
    double slow_us;                    /* ... this long */
    unsigned ok, lost;                 /* 6,000; 0 */
};

enum { NOWHERE = -1 };

/* Of block and column only a wobble: two in a thousand, so that verdicts have something to weigh.
 */
struct run *made_column(struct session *session, const struct making *making, unsigned block,
                        unsigned column);

/*
 * What is told of `count` sessions in a terminal, to be freed; every line is
 * within 80 columns. In one line where `joined`, so that a sentence is found.
 */
char *made_told(void (*tell)(struct story *story, const struct results *results),
                struct session **sessions, size_t count, bool joined);

void assert_says(const char *text, const char *words);
void assert_says_not(const char *text, const char *words);
void assert_near(double found, double wanted, double within);

#endif
