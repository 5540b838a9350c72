/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of all variants: the one place to add one. Help, results, plots
 * and the contract tests follow from a row.
 */
#ifndef BENCH_VARIANT_H
#define BENCH_VARIANT_H

#include "echo/service.h"

enum { VARIANT_EXPECTS_MAX = 4 };

/* A counter that every exchange raises, but for the first of a connection; else ... */
struct variant_requirement {
    const char *counter;
    const char *otherwise; /* ... this is what happened, in words */
};

struct variant {
    const char *name;
    const char *what; /* for each message, in a line */
    const struct echo_transport *transport;
    enum echo_lifetime lifetime;
    double round_trips; /* that a message waits; its model, from the protocol alone */
    bool core;          /* in the default of every command */
    bool holds_ports;   /* its client keeps TIME_WAIT: ports limit its rate */
    bool retries;       /* sends again: a request may be executed twice */
    unsigned depth;     /* messages outstanding unless --pipeline says; 0: one, and no pipeline */
    struct echo_server_options server;        /* what its server needs beyond the usual */
    const char *expects[VARIANT_EXPECTS_MAX]; /* counters it raises and that void other runs */
    struct variant_requirement requires;      /* without it a run is not valid */
    const struct cost_model *cost;            /* cost.h; NULL: not predicted yet */
    const struct lost_packet *may_lose;       /* loss_model.h; NULL: likewise */
};

extern const struct variant variants[];
extern const unsigned variant_count;

const struct variant *variant_find(const char *name); /* NULL: none of that name */

#endif
