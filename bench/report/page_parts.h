/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of the page, each a file; page.c has their order. */
#ifndef BENCH_PAGE_PARTS_H
#define BENCH_PAGE_PARTS_H

#include <stdbool.h>

#include "bench/report/figures.h"
#include "bench/tell/story.h"

typedef void page_part(struct story *story, const struct measured *measured);

/* page_situation.c: by round-trip time, what a fresh connection costs; the first screen */
page_part page_fresh_connection;
page_part page_situations;
page_part page_round_trips;
page_part page_what_would_change_it;

/* page_comparisons.c */
page_part page_answer;
page_part page_comparisons;

/* page_figures.c: all but that of page_round_trips; and one alone, if it was measured */
page_part page_figures;
bool page_figure(struct story *story, const struct measured *measured, const char *name);

/* The same with the finding between the title and what the figure shows. */
bool page_figure_led(struct story *story, const struct measured *measured, const char *name,
                     page_part *lead);

/* page_load.c: over connections and over the offered rate, and the tails at one rate */
page_part page_load;

/* page_batches.c: several messages outstanding, and a page of many objects */
page_part page_batches;

/* page_designs.c: how a server is built */
page_part page_designs;
bool page_has_silent(const struct measured *measured); /* whether a silent client was tried */
extern const char page_silent_command[];

/* page_placement.c: a wake-up, and what it does to the order of the variants */
page_part page_placement;

/* page_lost.c: a lone message, and one packet of it that is lost */
page_part page_lost;

/* page_keeping.c: idle connections, and what a long life is worth */
page_part page_keeping;

/* page_who_waits.c: the same under traffic */
page_part page_who_waits;

/* page_anatomy.c: packets, bytes, system calls, and ladders */
page_part page_anatomy;

/* page_ruler.c: controls, and the time of whole processes by another tool */
page_part page_ruler;

/* page_origin.c */
page_part page_excluded;
page_part page_not_run;
page_part page_commands;
page_part page_environment;

/* How many times as long `numerator` takes as `denominator`, and how much longer. */
struct page_ratio {
    double value, low, high;                   /* times */
    double diff_us, diff_low_us, diff_high_us; /* NAN where not known */
    double level, blocks;
    const char
        *verdict; /* on the comparison as it was made: "not decided" is so either way round */
};

/* Whichever of the two was the baseline. False: not compared at this placement. */
bool page_ratio_find(const struct measured *measured, const char *placement, const char *numerator,
                     const char *denominator, struct page_ratio *ratio);

/* "4.23 times (95 % interval 4.18 to 4.28, 15 blocks)" */
void page_put_ratio(FILE *out, const struct page_ratio *ratio);

/* "To repeat it: ..." */
void page_tell(struct story *story, const char *command);
void page_tell_command(struct story *story, const char *figure);

/* A command to propose: what stands for %s is the folder. To be freed. */
char *page_command(const struct story *story, const char *command);

#endif
