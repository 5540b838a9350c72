/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of all variants: the one place to add one. Help, results, plots
 * and the contract tests follow from a row.
 */
#ifndef BENCH_VARIANT_H
#define BENCH_VARIANT_H

#include "echo/service.h"

enum { VARIANT_EXPECTS_MAX = 4 };

struct variant {
    const char *name;
    const char *what; /* for each message, in a line */
    const struct echo_transport *transport;
    enum echo_lifetime lifetime;
    bool core;                                /* in the default of every command */
    bool holds_ports;                         /* its client keeps TIME_WAIT: ports limit its rate */
    const char *expects[VARIANT_EXPECTS_MAX]; /* counters it raises and that void other runs */
};

extern const struct variant variants[];
extern const unsigned variant_count;

const struct variant *variant_find(const char *name); /* NULL: none of that name */

#endif
