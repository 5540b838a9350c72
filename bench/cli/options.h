/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: which command there is, and what goes with what. The
 * options of runs are those of bench/run/parameters.h; here are the rest.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench/experiment/experiment.h"

/*
 * Fills *request from argv, whose argv[0] is the command's name. Prints and
 * exits (64) on wrong usage, (0) after --help. False: there is no such command.
 */
bool options_parse(struct request *request, int argc, char **argv);

#endif
