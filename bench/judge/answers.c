/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/answers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/compared.h"

bool answers_of_work(const struct compared *c) {
    return !(c->offered_per_s > 0) && isnan(c->rtt_ms) && isnan(c->per_connection);
}

static bool is_complete(const struct compared *c) {
    return c->ratio > 0 && isfinite(c->level);
}

void answers_add(struct answers *answers, const struct findings *comparisons, bool only_work) {
    const struct compared *all = comparisons->items;
    const struct compared **more = reallocarray(
        answers->list, answers->count + comparisons->count + 1, sizeof(const struct compared *));
    if (more == NULL) return;
    answers->list = more;
    for (size_t i = 0; i < comparisons->count; i++) {
        if (!is_complete(&all[i]) || (only_work && !answers_of_work(&all[i]))) continue;
        more[answers->count++] = &all[i];
    }
}

void answers_free(struct answers *answers) {
    free(answers->list);
    *answers = (struct answers){0};
}

const struct compared *answers_most(const struct answers *answers) {
    const struct compared *most = NULL;
    for (size_t i = 0; i < answers->count; i++) {
        if (most == NULL || answers->list[i]->blocks > most->blocks) most = answers->list[i];
    }
    return most;
}

static bool same_text(const char *one, const char *other) {
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool same_number(double one, double other) {
    return one == other || (isnan(one) && isnan(other));
}

/* Of as many bytes, over as many connections, by the same engine. */
static bool same_point(const struct compared *a, const struct compared *b) {
    return same_number(a->size_bytes, b->size_bytes) &&
           same_number(a->connections, b->connections) &&
           same_number(a->per_connection, b->per_connection) && same_text(a->engine, b->engine);
}

static bool asks_the_same(const struct compared *a, const struct compared *b) {
    return same_point(a, b) && same_text(a->metric, b->metric) &&
           same_text(a->variant, b->variant) && same_text(a->baseline, b->baseline) &&
           same_text(a->role, b->role) && same_text(a->placement, b->placement);
}

/* Of those that ask the same, the one with the most blocks answers; of equals the first. */
static bool is_best(const struct answers *answers, const struct compared *c) {
    bool before = true;
    for (size_t i = 0; i < answers->count; i++) {
        const struct compared *other = answers->list[i];
        if (other == c) before = false;
        if (other == c || !asks_the_same(other, c)) continue;
        if (other->blocks > c->blocks || (other->blocks == c->blocks && before)) return false;
    }
    return true;
}

bool answers_central(const struct answers *answers, const struct compared *c) {
    return same_point(c, answers_most(answers)) && same_text(c->role, role_names[ROLE_VARIANT]) &&
           !compared_with_floor(c) && is_best(answers, c);
}

const struct metric *answers_metric(const struct answers *answers) {
    /* The time a message takes; where a schedule gives that, its tail. */
    static const enum metric_id order[] = {METRIC_TIME, METRIC_P99, METRIC_P50, METRIC_CPU};
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = 0; i < answers->count; i++) {
            if (same_text(answers->list[i]->metric, metrics[order[k]].name) &&
                answers_central(answers, answers->list[i])) {
                return &metrics[order[k]];
            }
        }
    }
    return NULL;
}

static struct interval turned_round(struct interval i, double (*turn)(double)) {
    return (struct interval){turn(i.value), turn(i.high), turn(i.low)};
}

static double inverse(double x) {
    return x > 0 ? 1 / x : INFINITY;
}

static double negative(double x) {
    return -x;
}

static struct ratio as_made(const struct compared *c) {
    return (struct ratio){.times = {c->ratio, c->low, c->high},
                          .diff_us = {c->diff, c->diff_low, c->diff_high},
                          .level = c->level,
                          .blocks = c->blocks,
                          .decided = c->verdict != VERDICT_NOT_DECIDED};
}

bool answers_ratio(const struct answers *answers, const char *placement, const char *numerator,
                   const char *denominator, struct ratio *ratio) {
    const struct compared *most = answers_most(answers);
    const struct compared *found = NULL;
    for (size_t i = 0; i < answers->count; i++) {
        const struct compared *c = answers->list[i];
        const bool same = same_text(c->variant, numerator) && same_text(c->baseline, denominator);
        const bool other = same_text(c->variant, denominator) && same_text(c->baseline, numerator);
        if (!same_text(c->metric, metrics[METRIC_TIME].name) || !(same || other)) continue;
        if (!same_text(c->role, role_names[ROLE_VARIANT]) || !same_point(c, most)) continue;
        if (!same_text(c->placement, placement)) continue;
        if (found != NULL && found->blocks >= c->blocks) continue;
        found = c;
        *ratio = as_made(c);
        if (same) continue;
        ratio->times = turned_round(ratio->times, inverse);
        ratio->diff_us = turned_round(ratio->diff_us, negative);
    }
    return found != NULL;
}
