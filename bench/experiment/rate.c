/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab sweep rate: an open loop along the offered rate, up to what a variant carries and beyond.
 */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/experiment/open_tell.h"

/* Where each variant is asked unless told, as shares of what it carries in a closed loop. */
static const double shares[] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.1};

int rate_plan(struct lab *lab) {
    const struct request *r = lab->request;
    if (r->point_count > 0) return compare_plan(lab);
    lab->plan.needs_capacity = true;
    for (unsigned p = 0; p < sizeof shares / sizeof shares[0]; p++) {
        for (unsigned i = 0; i < r->variant_count; i++) {
            struct column *column = lab_add(lab, r->variants[i], ROLE_VARIANT);
            if (column == NULL) return complain("no memory for the plan");
            column->point = p;
            column->share = shares[p];
        }
    }
    return EXIT_DONE;
}

void rate_conclude(struct lab *lab) {
    compare_conclude(lab);
    open_knees(&lab->session->lists[LIST_KNEES], &lab->session->runs);
}

/* ---- all numbers ---- */

static const struct knee *knee_of(const struct session *session, const struct open_rates *rates) {
    for (size_t i = 0; i < session->lists[LIST_KNEES].count; i++) {
        const struct knee *knee = SESSION_AT(session, LIST_KNEES, struct knee, i);
        if (strcmp(knee->variant, rates->first->asked.variant->name) == 0) return knee;
    }
    return NULL;
}

static void put_knee(FILE *out, const void *what) {
    const struct knee *knee = what;
    const bool overloaded = knee->because != NULL && strcmp(knee->because, "overloaded") == 0;
    const char *how = overloaded ? "overloaded" : "beyond in p99";
    const struct number held = words_count(knee->held_per_s);
    const struct number broken = words_count(knee->broken_per_s);
    (void)fprintf(out, "`%s`: ", knee->variant);
    if (!isnan(knee->capacity_per_s)) {
        (void)fprintf(out, "capacity in a closed loop %s/s; ",
                      words_number(knee->capacity_per_s).text);
    }
    if (!isnan(knee->knee_per_s)) {
        (void)fprintf(out, "knee: %s/s", held.text);
        if (!isnan(knee->share)) (void)fprintf(out, ", %.2f of its capacity", knee->share);
        (void)fprintf(out, " (at %s/s %s).", broken.text, how);
    } else if (!isnan(knee->broken_per_s)) {
        (void)fprintf(out, "no knee inside these rates: already at %s/s %s.", broken.text, how);
    } else if (!isnan(knee->held_per_s)) {
        (void)fprintf(out, "no knee inside these rates: it is above %s/s%s.", held.text,
                      knee->because == NULL ? "" : ", as far as runs are valid");
    } else {
        (void)fputs("no knee: too few messages for a p99, or no valid run.", out);
    }
}

static void tell_variant(struct story *story, const struct session *session,
                         const struct open_rates *rates) {
    const struct knee *knee = knee_of(session, rates);
    if (knee != NULL) {
        story_tell(story, put_knee, knee);
    } else {
        story_say(story, "`%s`:", rates->first->asked.variant->name);
    }
    open_rates_table(story, rates);
}

void rate_numbers(struct story *story, const struct results *results) {
    const struct session *session = results_find(results, "sweep", "rate");
    if (session == NULL) return;
    struct open_variants all = open_variants_of(&session->runs);
    for (size_t i = 0; i < all.count; i++) tell_variant(story, session, &all.list[i]);
    if (session->lists[LIST_KNEES].count > 0) {
        const struct knee *knee = SESSION_AT(session, LIST_KNEES, struct knee, 0);
        story_say(story,
                  "knee: %s. over: of so many runs that many were overloaded, not answered at the "
                  "rate requests came.",
                  knee->rule);
    }
    if (all.count > 0) open_notes(story);
    open_variants_free(&all);
}

void rate_table(struct story *story, const struct results *results) {
    compare_put_head(story, results->sessions[0]);
    rate_numbers(story, results);
    compare_put_foot(story, results->sessions[0]);
}

/* ---- in words ---- */

/* Up to its knee; without one the highest rate at which it is not overloaded; -1: none. */
static long last_held(const struct open_rates *rates, double knee_per_s) {
    long held = -1;
    for (size_t i = 0; i < rates->count; i++) {
        const struct open_point *point = &rates->points[i];
        if (point->valid == 0) continue;
        if (open_point_is_overloaded(point)) break;
        if (point->offered_per_s > knee_per_s) break;
        held = (long)i;
    }
    return held;
}

static const struct open_point *last_valid(const struct open_rates *rates) {
    size_t i = rates->count;
    while (i > 0 && rates->points[i - 1].valid == 0) i--;
    return i == 0 ? NULL : &rates->points[i - 1];
}

struct telling {
    const struct session *session;
    const struct open_variants *all;
};

static void put_variant(FILE *out, const struct session *session, const struct open_rates *rates) {
    const struct knee *knee = knee_of(session, rates);
    const double knee_per_s = knee == NULL ? (double)NAN : knee->knee_per_s;
    const long held = last_held(rates, knee_per_s);
    if (held < 0) return;
    const struct open_point *point = &rates->points[held], *last = last_valid(rates);
    /* Short runs have no messages enough for a p99. */
    const bool tail = !isnan(point->latency_us[OPEN_P99].value + last->latency_us[OPEN_P99].value);
    const enum open_percent percent = tail ? OPEN_P99 : OPEN_P50;
    (void)fprintf(out, "%s%s %s requests/s", ftell(out) > 0 ? " " : "",
                  isnan(knee_per_s) ? "Offered" : "Up to its knee,",
                  words_number(point->offered_per_s).text);
    if (!isnan(point->share)) {
        (void)fprintf(out, ", %.2f times what it carries in a closed loop", point->share);
    }
    (void)fprintf(out, ", `%s` has a %s of %s", rates->first->asked.variant->name,
                  tail ? "p99" : "median", open_time(point, point->latency_us[percent].value).text);
    open_put_runs(out, point, percent);
    if (last != point) {
        (void)fprintf(out, "; offered %s/s it is %s, of which the service time has %s",
                      words_number(last->offered_per_s).text,
                      open_time(last, last->latency_us[percent].value).text,
                      words_time(tail ? last->service_p99_us : last->service_p50_us).text);
    }
    (void)fputc('.', out);
}

static void put_all(FILE *out, const void *what) {
    const struct telling *telling = what;
    for (size_t i = 0; i < telling->all->count; i++) {
        put_variant(out, telling->session, &telling->all->list[i]);
    }
}

void rate_tell(struct story *story, const struct results *results) {
    const struct session *session = results_find(results, "sweep", "rate");
    if (session == NULL) return;
    struct open_variants all = open_variants_of(&session->runs);
    story_tell(story, put_all, &(struct telling){session, &all});
    open_variants_free(&all);
}
