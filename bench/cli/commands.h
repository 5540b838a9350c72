/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is to type: the commands, and the options that are of no run. */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

#include "bench/run/parameters.h"

enum { COMPARES = BY_COMPARE | BY_SWEEP | BY_RTT | BY_RATE, BLOCKS_MOST = 10000 };

struct command {
    const char *name;
    int takers; /* as whom it takes options: sweep's are told apart by its axis */
    const char *arguments;
    const char *what;
};

extern const struct command commands[];
extern const unsigned command_count;

/* One line per command, and the exit statuses: `echolab --help`. */
void commands_print(void);

/* What is of a whole experiment (struct request), or of a command that makes no runs. */
extern const struct parameter other_options[];
extern const unsigned other_option_count;

#endif
