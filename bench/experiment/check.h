/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `check` and its controls share. */
#ifndef BENCH_CHECK_H
#define BENCH_CHECK_H

#include "bench/experiment/all.h"

enum { LOOK_TEXT = 200, CONTROLS = 7 };

/* A detector at work. */
struct look {
    struct lab *lab;
    bool negative; /* what it looks for is not there */
    bool detected; /* what it says */
    bool broken;   /* a run gave no result: lab->why */
    char injected[LOOK_TEXT], found[LOOK_TEXT];
};

struct control {
    const char *name;
    void (*look)(struct look *look);
    bool needs_network; /* a private one */
};

extern const struct control controls[CONTROLS];

/* What all take together, roughly. */
double controls_seconds(unsigned blocks);

#endif
