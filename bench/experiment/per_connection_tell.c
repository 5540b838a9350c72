/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a connection for every message to one that is kept, in words and numbers. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/models.h"

/* Of a list, the point of the same variant with so many messages; NULL: no run of it is valid. */
static const struct per_connection *point_at(const struct findings *list,
                                             const struct per_connection *like, double messages) {
    const struct per_connection key = {.variant = like->variant, .messages = messages};
    const struct per_connection *point =
        findings_first(list, LIST_PER_CONNECTION, "variant messages", &key);
    return point != NULL && isfinite(point->time_us.value) ? point : NULL;
}

static void put_shares(FILE *out, const struct per_connection *fresh,
                       const struct per_connection *kept) {
    (void)fputs(". With N messages on a connection each bears an N-th of that: ", out);
    for (int n = 1; n <= 100; n *= 10)
        (void)fprintf(
            out, "%s%s %%%s with %d", n == 1 ? "" : ", ",
            words_number(per_connection_share(fresh->time_us.value, kept->time_us.value, n)).text,
            n == 1 ? " of its time" : "", n);
    if (fresh->below_10_percent > 1)
        fill_put(out, ", and less than a tenth from {below_10_percent:count} on",
                 fill_from(LIST_PER_CONNECTION, fresh));
}

/* The largest distance between the line and a point of the variant, in percent of the point. */
static double furthest_percent(const struct findings *list, const char *variant) {
    const struct per_connection *all = list->items;
    double most = NAN;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(all[i].variant, variant) != 0 || !(all[i].messages > 1)) continue;
        most = fmax(most, fabs(100 * (all[i].time_us.value / all[i].model_us - 1)));
    }
    return most;
}

struct curve {
    const struct findings *list;
    const struct per_connection *first;
};

static void put_curve(FILE *out, const void *what) {
    const struct curve *curve = what;
    const struct per_connection *fresh = point_at(curve->list, curve->first, 1),
                                *kept = point_at(curve->list, curve->first, NAN);
    if (fresh == NULL || kept == NULL) return;
    fill_put(out,
             "[Over a round-trip time of {rtt_ms:%.4g} ms ]`{variant}` takes "
             "{time_us:time}{time_us:time+} for a message when each has a connection of its own, "
             "and ",
             fill_from(LIST_PER_CONNECTION, fresh));
    fill_put(out, "{time_us:time}{time_us:time+} when all share one: ",
             fill_from(LIST_PER_CONNECTION, kept));
    const double low_us = fresh->time_us.low, high_us = kept->time_us.high;
    /* Whether the ends are further apart than either is sure. */
    if ((isfinite(low_us) ? low_us : fresh->time_us.value) <=
        (isfinite(high_us) ? high_us : kept->time_us.value)) {
        (void)fputs("what a connection costs is not told apart from nothing here.", out);
        return;
    }
    (void)fprintf(out, "to have one costs %s",
                  words_time(fresh->time_us.value - kept->time_us.value).text);
    put_shares(out, fresh, kept);
    const double off = furthest_percent(curve->list, fresh->variant);
    if (isfinite(off)) {
        (void)fprintf(
            out, ". Measured and this model, kept + (fresh - kept) / N, are at most %s %% apart",
            words_number(off).text);
    }
    (void)fputs(".", out);
}

static struct grid curve_grid(const struct session *session, const struct per_connection *first) {
    const struct findings *list = &session->lists[LIST_PER_CONNECTION];
    const struct per_connection *all = list->items;
    struct grid grid =
        grid_of("`%s`|us a message|model|for the connection|/floor|runs", first->variant);
    for (size_t i = 0; i < list->count; i++) {
        const struct source source = fill_from(LIST_PER_CONNECTION, &all[i]);
        if (strcmp(all[i].variant, first->variant) != 0) continue;
        grid_fill(&grid, isnan(all[i].messages) ? "all messages" : "{messages:message}", source);
        grid_fill(&grid, "{time_us:~}|{model_us}|{share_percent} %", source);
        const struct compared floor = {
            .variant = first->variant, .baseline = "floor", .per_connection = all[i].messages};
        compare_fill(&grid, "{ratio:ratio}",
                     findings_first(&session->lists[LIST_COMPARISONS], LIST_COMPARISONS,
                                    "variant baseline per_connection", &floor));
        grid_fill(&grid, "{runs:count}", source);
    }
    return grid;
}

/* Curve by curve, of which a session has one for each variant: numbers, or what they say. */
static void tell_curves(struct story *story, const struct session *session, bool words) {
    const struct findings *list = &session->lists[LIST_PER_CONNECTION];
    const struct per_connection *all = list->items;
    for (size_t i = 0; i < list->count; i++) {
        if (findings_first(list, LIST_PER_CONNECTION, "variant", &all[i]) != &all[i]) continue;
        struct grid grid = curve_grid(session, &all[i]);
        if (words) story_tell(story, put_curve, &(struct curve){list, &all[i]});
        if (!words)
            story_table(story, "numbers", &grid);
        else if (story->html)
            story_numbers(story, &grid);
        else
            grid_free(&grid); /* the terminal has the numbers already */
    }
}

void per_connection_table(struct story *story, const struct results *results) {
    compare_put_head(story, results->sessions[0]);
    tell_curves(story, results->sessions[0], false);
    compare_put_foot(story, results->sessions[0]);
}

void per_connection_tell(struct story *story, const struct results *results) {
    if (results_with(results, LIST_PER_CONNECTION) == NULL) return;
    story_say(story, "From HTTP/1.0 to keep-alive: a connection (over UDP a socket) that carries N "
                     "messages is made once for all of them.");
    for (size_t i = 0; i < results->count; i++) tell_curves(story, results->sessions[i], true);
}
