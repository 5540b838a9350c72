/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a connection for every message to one that is kept, in words and numbers. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/judge/compared.h"
#include "bench/judge/per_connection.h"
#include "bench/tell/words.h"

/* The points of one variant: a part of the session's list. */
struct curve {
    const struct per_connection *points;
    size_t count;
};

static struct curve curve_at(const struct session *session, size_t from) {
    const struct findings *list = &session->lists[LIST_PER_CONNECTION];
    struct curve curve = {SESSION_AT(session, LIST_PER_CONNECTION, struct per_connection, from), 0};
    while (from + curve.count < list->count &&
           strcmp(curve.points[curve.count].variant, curve.points->variant) == 0) {
        curve.count++;
    }
    return curve;
}

/* NULL: it was not run, or no run of it is valid. */
static const struct per_connection *point_at(const struct curve *curve, double messages) {
    for (size_t i = 0; i < curve->count; i++) {
        const struct per_connection *point = &curve->points[i];
        const bool same =
            point->messages == messages || (isnan(point->messages) && isnan(messages));
        if (same && isfinite(point->time_us)) return point;
    }
    return NULL;
}

/* Whether the ends are further apart than either is sure. */
static bool is_seen(const struct per_connection *fresh, const struct per_connection *kept) {
    const double low_us = isfinite(fresh->low_us) ? fresh->low_us : fresh->time_us;
    const double high_us = isfinite(kept->high_us) ? kept->high_us : kept->time_us;
    return low_us > high_us;
}

static void put_shares(FILE *out, const struct per_connection *fresh,
                       const struct per_connection *kept) {
    static const double some[] = {1, 10, 100};
    const double below = fresh->below_10_percent;
    (void)fputs(". With N messages on a connection each bears an N-th of that: ", out);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        const double share = per_connection_share(fresh->time_us, kept->time_us, some[i]);
        (void)fprintf(out, "%s%s %%%s with %.0f", i == 0 ? "" : ", ", words_number(share).text,
                      i == 0 ? " of its time" : "", some[i]);
    }
    if (below > 1) {
        (void)fprintf(out, ", and less than a tenth from %s on", words_count(below).text);
    }
}

/* The largest distance between the line and a point, in percent of the point. */
static double furthest_percent(const struct curve *curve) {
    double most = NAN;
    for (size_t i = 0; i < curve->count; i++) {
        const struct per_connection *point = &curve->points[i];
        if (isnan(point->messages) || point->messages == 1) continue;
        most = fmax(most, fabs(100 * (point->time_us / point->model_us - 1)));
    }
    return most;
}

static void put_time(FILE *out, const struct per_connection *point) {
    const struct middle time = {point->time_us, point->low_us, point->high_us, point->runs};
    (void)fprintf(out, "%s%s", words_time(time.value).text, words_support(&time, words_time).text);
}

static void put_curve(FILE *out, const void *what) {
    const struct curve *curve = what;
    const struct per_connection *fresh = point_at(curve, 1), *kept = point_at(curve, NAN);
    if (fresh == NULL || kept == NULL) return;
    if (isfinite(fresh->rtt_ms)) {
        (void)fprintf(out, "Over a round-trip time of %.4g ms ", fresh->rtt_ms);
    }
    (void)fprintf(out, "`%s` takes ", fresh->variant);
    put_time(out, fresh);
    (void)fputs(" for a message when each has a connection of its own, and ", out);
    put_time(out, kept);
    (void)fputs(" when all share one: ", out);
    if (!is_seen(fresh, kept)) {
        (void)fputs("what a connection costs is not told apart from nothing here.", out);
        return;
    }
    (void)fprintf(out, "to have one costs %s", words_time(fresh->time_us - kept->time_us).text);
    put_shares(out, fresh, kept);
    const double off = furthest_percent(curve);
    if (isfinite(off)) {
        (void)fprintf(
            out, ". Measured and this model, kept + (fresh - kept) / N, are at most %s %% apart",
            words_number(off).text);
    }
    (void)fputs(".", out);
}

/* The floor of a point, as often as it: from the comparisons. */
static const struct compared *floor_of(const struct session *session,
                                       const struct per_connection *point) {
    for (size_t i = 0; i < session->lists[LIST_COMPARISONS].count; i++) {
        const struct compared *c = SESSION_AT(session, LIST_COMPARISONS, struct compared, i);
        const bool same = c->per_connection == point->messages ||
                          (isnan(c->per_connection) && isnan(point->messages));
        if (same && compared_with_floor(c) && strcmp(c->variant, point->variant) == 0) return c;
    }
    return NULL;
}

static struct grid curve_grid(const struct session *session, const struct curve *curve) {
    struct grid grid = grid_of("");
    grid_head(&grid, "`%s`", curve->points->variant);
    grid_head(&grid, "us a message");
    grid_head(&grid, "model");
    grid_head(&grid, "for the connection");
    grid_head(&grid, "/floor");
    grid_head(&grid, "runs");
    for (size_t i = 0; i < curve->count; i++) {
        const struct per_connection *point = &curve->points[i];
        const struct compared *floor = floor_of(session, point);
        const struct interval us = {point->time_us, point->low_us, point->high_us};
        const bool all = isnan(point->messages), known = isfinite(point->share_percent);
        grid_add(&grid, "%s",
                 all ? "all messages" : words_counted(point->messages, "message").text);
        grid_add(&grid, "%s", words_interval(us, words_number).text);
        grid_add(&grid, "%s", words_number(point->model_us).text);
        grid_add(&grid, "%s%s", words_number(point->share_percent).text, known ? " %" : "");
        grid_add(&grid, "%s", floor == NULL ? "-" : words_ratio(floor->ratio).text);
        grid_add(&grid, "%.0f", (double)point->runs);
    }
    return grid;
}

/* Curve by curve, of which a session has one for each variant. */
static bool next_curve(const struct session *session, struct curve *curve) {
    const struct findings *list = &session->lists[LIST_PER_CONNECTION];
    const size_t from =
        curve->count == 0
            ? 0
            : (size_t)(curve->points + curve->count - (const struct per_connection *)list->items);
    if (from >= list->count) return false;
    *curve = curve_at(session, from);
    return true;
}

void per_connection_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    struct curve curve = {0};
    compare_put_head(story, session);
    while (next_curve(session, &curve)) {
        struct grid grid = curve_grid(session, &curve);
        story_table(story, "numbers", &grid);
    }
    compare_put_foot(story, session);
}

void per_connection_tell(struct story *story, const struct results *results) {
    if (results_with(results, LIST_PER_CONNECTION) == NULL) return;
    story_say(story, "From HTTP/1.0 to keep-alive: a connection (over UDP a socket) that carries N "
                     "messages is made once for all of them.");
    for (size_t i = 0; i < results->count; i++) {
        struct curve curve = {0};
        while (next_curve(results->sessions[i], &curve)) {
            story_tell(story, put_curve, &curve);
            if (!story->html) continue; /* the terminal has the numbers already */
            struct grid grid = curve_grid(results->sessions[i], &curve);
            story_numbers(story, &grid);
        }
    }
}
