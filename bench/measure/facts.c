/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/facts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fact fact_of(char *text) {
    if (text != NULL && *text != '\0') return (struct fact){.kind = FACT_TEXT, .text = text};
    free(text);
    return (struct fact){0};
}

struct fact fact_text(const char *text) {
    return fact_of(text == NULL ? NULL : strdup(text));
}

struct fact fact_format(const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    return fact_of(length < 0 ? NULL : text);
}

struct fact fact_number(double number) {
    if (!isfinite(number)) return (struct fact){0};
    return (struct fact){.kind = FACT_NUMBER, .number = number};
}

struct fact fact_truth(bool truth) {
    return (struct fact){.kind = FACT_TRUTH, .number = truth};
}

void facts_take(struct facts *facts, struct fact fact, const char *name_format, ...) {
    struct fact *more = reallocarray(facts->list, facts->count + 1, sizeof *more);
    va_list arguments;
    if (more != NULL) facts->list = more;
    va_start(arguments, name_format);
    if (more == NULL || vasprintf(&fact.name, name_format, arguments) < 0) {
        free(fact.text);
    } else {
        facts->list[facts->count++] = fact;
    }
    va_end(arguments);
}

void facts_add_text(struct facts *facts, const char *name, const char *text) {
    facts_take(facts, fact_text(text), "%s", name);
}

const struct fact *facts_find(const struct facts *facts, const char *name) {
    for (size_t i = 0; i < facts->count; i++) {
        if (strcmp(facts->list[i].name, name) == 0) return &facts->list[i];
    }
    return NULL;
}

const char *facts_text(const struct facts *facts, const char *name) {
    const struct fact *fact = facts_find(facts, name);
    return fact != NULL && fact->kind == FACT_TEXT ? fact->text : "";
}

bool fact_equal(const struct fact *one, const struct fact *other) {
    if (one->kind != other->kind) return false;
    return one->kind == FACT_TEXT ? strcmp(one->text, other->text) == 0
                                  : one->number == other->number;
}

void facts_free(struct facts *facts) {
    for (size_t i = 0; i < facts->count; i++) {
        free(facts->list[i].name);
        free(facts->list[i].text);
    }
    free(facts->list);
    *facts = (struct facts){0};
}
