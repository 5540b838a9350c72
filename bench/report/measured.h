/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What all result files of a folder say together: those of echolab, and what
 * Google Benchmark and hyperfine wrote. It reads and sorts; it computes nothing.
 */
#ifndef BENCH_MEASURED_H
#define BENCH_MEASURED_H

#include <jansson.h>

enum { REPORT_ERROR = 256 };

/* Arrays unless said. Objects that come from a file have its name in "file". */
struct measured {
    json_t *runs;             /* the valid ones of role "variant" */
    json_t *excluded;         /* those not valid, whatever their role */
    json_t *comparisons;      /* with "placement" and "engine" where its runs share one */
    json_t *open_comparisons; /* the same at one offered rate, which compare was given */
    json_t *fits;             /* lines through the points of a sweep */
    json_t *knees;            /* up to which rate a variant keeps its latency, a row a variant */
    json_t *checks;           /* of the ruler itself */
    json_t *lost;             /* a lone message that loses one packet, a row a packet */
    json_t *keeping;   /* {file, idle_points, idle_race, idle_beside, life}: of sweeps that keep */
    json_t *who_waits; /* who waits for a lost packet: variant, rate and loss, a row each */
    json_t *anatomy;   /* what a message consists of, a row a variant */
    json_t *environment; /* object: name, with dots, to the array of its distinct values */
    json_t *origins;     /* {file, environment}, a file each */
    json_t *commands;    /* {file, command, axis, placement, seed}, a file each */
    json_t *variants;    /* names; the index is the colour */
    json_t *benchmarks;  /* rows of Google Benchmark */
    json_t *processes;   /* results of hyperfine */
    size_t run_count;    /* of all roles, valid or not */

    json_t *tables;     /* object: figure to rows; absent: not measured. See figures.h */
    json_t *conditions; /* object: figure to what its runs share: "64 bytes, same-core" */
};

/*
 * Reads every *.json of `folder`; the file with the most blocks comes first,
 * so that its order is everybody's, and equals go by name. 0, or -errno with
 * one sentence in `error` that names the file; -EINVAL: a file is not what it
 * should be. `measured` is to be released in either case.
 */
int measured_read(const char *folder, struct measured *measured, char error[REPORT_ERROR]);

void measured_free(struct measured *measured);

/* Writes the sentence and returns `code`. */
int report_fail(char error[REPORT_ERROR], int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
