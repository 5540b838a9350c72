/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sentences and table rows with places in them, filled from a described struct
 * (bench/run/field.h): `At {rtt_ms} ms `{variant}` takes {latency_us:time}.`
 *
 *     {name}          a text as it is; a number with three digits that count
 *     {name:time}     a time with its unit; the name ends in _ns, _us, _ms or _s
 *     {name:narrow}   the same as a narrow column has it, in us unless it says
 *     {name:ratio}    near 1 with three decimals
 *     {name:percent}  of a share: 0.95 is 95; {name:share} with three digits that count, 95.0
 *     {name:count}    exact, with commas between thousands
 *     {name:each}     exact where it is whole, else four digits
 *     {name:WORD}     a count and its word: "1 run", "6 runs"
 *     {name:%.1f}     as printf has it
 *     {name:time~}    and its interval: "4.2 us (4.1 us to 4.3 us)"
 *     {name:time+}    how sure it is alone: " (95 % interval 4.1 us to 4.3 us, 6 runs)"
 *     [ ... ]         left out where a value in it is not known; [[ is a bracket
 *
 * Where a value outside brackets is not known, nothing is said at all: no
 * value, no sentence; a cell of a table is then a dash. What is infinite never
 * came: it is beyond the source's `deadline_us`. How sure it is is known of a
 * series, and of a member that is the value of a struct middle or, for `~`, of
 * an interval.
 */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include "bench/judge/findings.h"
#include "bench/judge/series.h"
#include "bench/run/run.h"
#include "bench/tell/story.h"

struct source {
    const struct field *fields;
    unsigned field_count;
    const void *item;
    const struct series_table *table; /* NULL: no series */
};

struct source fill_from(enum list kind, const void *finding);
struct source fill_from_run(const struct outside *run); /* by its names in a file */

/* The same names: the median over the valid runs of a series, and the texts of its first. */
struct source fill_from_series(const struct series_table *table, size_t series);

/* malloc'd; NULL where something is not known, or without memory. */
char *fill(const char *template, struct source source);

/* A part of a sentence: nothing where something is not known. */
void fill_put(FILE *out, const char *template, struct source source);

/* As a paragraph; whether it was said. */
bool story_fill(struct story *story, const char *template, struct source source);

/* A row of a grid: cells with bars between. */
void grid_fill(struct grid *grid, const char *cells, struct source source);

#endif
