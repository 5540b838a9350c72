/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts with places in {braces} that are filled when they are shown. */
#ifndef BENCH_TEMPLATE_H
#define BENCH_TEMPLATE_H

#include <stdbool.h>
#include <stdio.h>

/* Writes what stands for `name`; false: it knows no such place, and the braces stay. */
typedef bool template_put(FILE *out, const char *name, const void *what);

/* malloc'd; NULL without memory. */
char *template_filled(const char *text, template_put *put, const void *what);

/* ---- what is compiled in: page.html and plots/plan.tsv, each ended by 0 ---- */

extern const char template_page[], template_plan[];

/* The part of page.html that follows the comment of this name; malloc'd, NULL without memory. */
char *template_part(const char *name);

/* What stands between two marks of `text`, malloc'd; "" where they do not. */
char *template_between(const char *text, const char *before, const char *behind);

#endif
