/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What runs say over the number of connections, and of tails at one rate. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/experiment/open_tell.h"
#include "bench/judge/metric.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

/* ---- connections ---- */

static struct middle per_s(const struct series_table *table, size_t series) {
    return series_middle(table, series, metrics[METRIC_THROUGHPUT].of);
}

static struct number p50(const struct series_table *table, size_t series) {
    return words_time(series_middle(table, series, metrics[METRIC_P50].of).value);
}

/* A variant's first point, its last, and the one with the most messages per second. */
struct along {
    size_t first, last, best;
};

static bool find_ends(const struct series_table *table, const char *variant, struct along *along) {
    double most = 0;
    *along = (struct along){table->count, table->count, table->count};
    for (size_t i = 0; (i = series_next(table, i, variant)) < table->count; i++) {
        const double value = per_s(table, i).value;
        if (isnan(value)) continue;
        if (along->first == table->count) along->first = i;
        along->last = i;
        if (value > most) along->best = i;
        most = fmax(most, value);
    }
    return along->best < table->count && along->first != along->last;
}

static void put_over_connections(FILE *out, const struct series_table *table, const char *variant) {
    struct along at;
    if (!find_ends(table, variant, &at)) return;
    const struct middle first = per_s(table, at.first), best = per_s(table, at.best);
    (void)fprintf(out, "%s`%s` carries %s messages/s", ftell(out) > 0 ? " " : "", variant,
                  words_number(first.value).text);
    words_put_support(out, &first, words_number);
    (void)fprintf(out, " over %s",
                  words_counted(table->first[at.first]->asked.connections, "connection").text);
    if (at.best != at.first) {
        (void)fprintf(out, ", and at most %s", words_number(best.value).text);
        words_put_support(out, &best, words_number);
        (void)fprintf(out, " over %s", words_count(table->first[at.best]->asked.connections).text);
    } else {
        (void)fputs(", and over more of them less", out);
    }
    (void)fprintf(out, "; its median latency goes from %s to %s over %s.",
                  p50(table, at.first).text, p50(table, at.last).text,
                  words_count(table->first[at.last]->asked.connections).text);
}

static void put_connections(FILE *out, const void *what) {
    put_over_connections(out, what, kept);
    put_over_connections(out, what, fresh);
}

void connections_tell(struct story *story, const struct results *results) {
    const struct session *session =
        results_where(results, "sweep", "connections", session_is_on_loopback);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    story_tell(story, put_connections, &table);
    series_free(&table);
}

/* ---- tails ---- */

static bool keeps_a_schedule(const struct session *session) {
    return session->runs.count > 0 && run_is_open(session->runs.list[0]);
}

static const struct session *session_of_tails(const struct results *results) {
    return results_where(results, "compare", NULL, keeps_a_schedule);
}

static void put_tail_of(FILE *out, const struct series_table *table, const char *variant) {
    const size_t i = series_next(table, 0, variant);
    if (i == table->count) return;
    const struct open_point point = open_point_of(table, i);
    const struct interval *latency = point.latency_us;
    if (isnan(latency[OPEN_P99].value)) return;
    if (ftell(out) == 0) {
        (void)fprintf(out, "At %s requests/s for all a message takes",
                      words_number(point.offered_per_s).text);
    } else {
        (void)fputs(", and", out);
    }
    (void)fprintf(out, " %s in the median and %s in p99",
                  open_time(&point, latency[OPEN_P50].value).text,
                  open_time(&point, latency[OPEN_P99].value).text);
    open_put_runs(out, &point, OPEN_P99);
    (void)fprintf(out, " by `%s`", variant);
}

/* What compare concluded for these two; NULL: nothing. */
static const struct compared *find_verdict(const struct session *session) {
    for (size_t i = 0; i < session->lists[LIST_COMPARISONS].count; i++) {
        const struct compared *c = SESSION_AT(session, LIST_COMPARISONS, struct compared, i);
        if (strcmp(c->metric, metrics[METRIC_P99].name) != 0) continue;
        if (strcmp(c->variant, kept) == 0 && strcmp(c->baseline, fresh) == 0) return c;
    }
    return NULL;
}

static void put_tails(FILE *out, const void *what) {
    put_tail_of(out, what, kept);
    put_tail_of(out, what, fresh);
    if (ftell(out) > 0) (void)fputc('.', out);
}

/* Of a variant once, not again for the control. */
static const char *name_of(const struct run *run) {
    return run->asked.role == ROLE_VARIANT ? run->asked.variant->name : NULL;
}

void tails_tell(struct story *story, const struct results *results) {
    const struct session *session = session_of_tails(results);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    const struct compared *verdict = find_verdict(session);
    story_tell(story, put_tails, &table);
    if (verdict != NULL) story_tell(story, compare_put_sentence, verdict);
    series_free(&table);
}

void tails_table(struct story *story, const struct results *results) {
    const struct session *session = session_of_tails(results);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    open_point_table(story, &table, series_next(&table, 0, NULL), name_of);
    open_notes(story);
    series_free(&table);
}
