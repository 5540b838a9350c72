/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts by name, in the order in which they were found: "cpus" is 2,
 * "haltpoll.ns" is "0". What is not to be had is a fact as well: that it is
 * not known. Where facts are written as objects, the first dot is a level, and
 * one more behind "after."; what dots follow belong to the name, as in
 * "sysctls.net.core.somaxconn". Text is as it was found, not always UTF-8.
 */
#ifndef BENCH_FACTS_H
#define BENCH_FACTS_H

#include <stdbool.h>
#include <stddef.h>

enum fact_kind { FACT_UNKNOWN, FACT_TEXT, FACT_NUMBER, FACT_TRUTH };

struct fact {
    char *name; /* malloc'd; NULL: none yet */
    enum fact_kind kind;
    char *text;    /* of FACT_TEXT, malloc'd */
    double number; /* of FACT_NUMBER; of FACT_TRUTH 0 or 1 */
};

struct facts {
    struct fact *list;
    size_t count;
};

/* A fact without a name, for facts_take. What is empty or not finite is not known. */
struct fact fact_text(const char *text); /* a copy of it; NULL: not known */
struct fact fact_of(char *text);         /* malloc'd, and from now on the fact's */
struct fact fact_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
struct fact fact_number(double number);
struct fact fact_truth(bool truth);

/* Names a fact and adds it. Without memory it is left out. */
void facts_take(struct facts *facts, struct fact fact, const char *name_format, ...)
    __attribute__((format(printf, 3, 4)));
void facts_add_text(struct facts *facts, const char *name, const char *text);

/* NULL: there is none of that name. */
const struct fact *facts_find(const struct facts *facts, const char *name);

/* "" where it is not known, or no text. */
const char *facts_text(const struct facts *facts, const char *name);

bool fact_equal(const struct fact *one, const struct fact *other); /* but for the name */
void facts_free(struct facts *facts);

#endif
