/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a fresh connection adds to a message: by round-trip time, measured and by
 * the model; and by how many messages share one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/models.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

static double round_trips_of(const char *variant) {
    return variant_find(variant)->round_trips;
}

static const struct fit *fit_of(const struct results *results, const char *variant) {
    const struct fit key = {.variant = variant, .metric = "latency"};
    const struct fit *fit = NULL;
    for (size_t i = 0; i < results->count && fit == NULL; i++) {
        fit = findings_first(&results->sessions[i]->lists[LIST_FITS], LIST_FITS, "variant metric",
                             &key);
    }
    return fit != NULL && isfinite(fit->line.slope.value) ? fit : NULL;
}

/*
 * Of both directions: as the wire counted, or the kernel, over what the server
 * was asked; that only in a network of our own, where nobody else's are.
 */
static double packets_of(const struct run *run) {
    static const char *const names[] = {"kernel.TcpOutSegs", "kernel.UdpOutDatagrams",
                                        "server.requests"};
    double counts[3];
    if (isfinite(run->packets)) return run->packets;
    for (int i = 0; i < 3; i++) {
        const uint64_t count = run_counter(run, names[i]);
        counts[i] = count == FIELD_UNKNOWN ? (double)NAN : (double)count;
    }
    return run->network == NETWORK_PRIVATE ? (counts[0] + counts[1]) / counts[2] : (double)NAN;
}

/* A variant over a wire with such a delay; or, NAN, by small messages: large ones take packets. */
struct situation {
    const char *variant;
    double rtt_ms;
};

static bool is_situation(const struct run *run, const void *key) {
    const struct situation *at = key;
    const struct parameters *asked = &run->asked;
    return series_is_of(run, at->variant) && !(asked->loss_percent > 0) &&
           asked->per_connection == 0 &&
           (isnan(at->rtt_ms)
                ? asked->size_bytes <= 1024
                : asked->wire && fabs((double)asked->rtt_ns / 1e6 - at->rtt_ms) < 1e-6);
}

/* All sessions' together, as one list that borrows them. */
static struct middle packets_per_message(const struct results *results, const char *variant) {
    const struct situation anywhere = {variant, NAN};
    struct runs all = {0};
    for (size_t i = 0; i < results->count; i++) all.count += results->sessions[i]->runs.count;
    all.list = calloc(all.count + 1, sizeof(struct run *));
    if (all.list == NULL) return statistics_middle(NULL, 0);
    struct run **next = all.list;
    for (size_t i = 0; i < results->count; i++) {
        const struct runs *runs = &results->sessions[i]->runs;
        for (size_t k = 0; k < runs->count; k++) *next++ = runs->list[k];
    }
    const struct middle packets = runs_middle(&all, packets_of, is_situation, &anywhere);
    free(all.list);
    return packets;
}

static void put_headline(FILE *out, const void *what) {
    const struct results *results = what;
    const struct fit *one = fit_of(results, fresh), *other = fit_of(results, kept);
    const struct middle more = packets_per_message(results, fresh);
    const struct middle less = packets_per_message(results, kept);
    struct compared work;
    const bool counted = more.count > 0 && less.count > 0;
    const bool worked = compare_ratio(results, "same-core", fresh, kept, &work) &&
                        isfinite(work.comparison.diff.value);
    /* What is by the model alone goes with what was measured, or goes without saying. */
    if ((one == NULL || other == NULL) && !counted && !worked) return;
    static const char words[] = "{round_trips:%.3f}[, {level:percent} % interval {ci_low:%.3f} to "
                                "{ci_high:%.3f}][, {runs:run}]";
    const double model = round_trips_of(fresh) - round_trips_of(kept);
    (void)fputs("A fresh TCP connection for every message adds ", out);
    if (one != NULL && other != NULL) {
        (void)fprintf(out, "%.3f round trips (", one->line.slope.value - other->line.slope.value);
        fill_put(out, words, fill_from(LIST_FITS, one));
        (void)fputs(", instead of ", out);
        fill_put(out, words, fill_from(LIST_FITS, other));
        (void)fprintf(out, "; by the model %.0f)", model);
    } else {
        (void)fprintf(out, "%s (by the model, not measured)",
                      words_counted(model, "round trip").text);
    }
    if (counted) {
        (void)fprintf(out, "%s%.3g packets (%.3g instead of %.3g, counted in %zu and %zu runs)",
                      worked ? ", " : " and ", more.value - less.value, more.value, less.value,
                      more.count, less.count);
    }
    if (worked) {
        compare_put(out, " and {diff} us of work on one core", "{diff_ci_low} to {diff_ci_high}",
                    &work);
        (void)fprintf(out, ", %s times the time of a kept one%s",
                      words_ratio(work.comparison.ratio.value).text,
                      work.comparison.verdict == VERDICT_NOT_DECIDED ? " (not decided)" : "");
    }
    (void)fputs(".", out);
}

void headline_tell(struct story *story, const struct results *results) {
    story_tell_as(story, "p class=\"headline\"", put_headline, results);
}

static const struct way {
    const char *name, *variant;
} ways[] = {{"UDP", "udp-persistent"}, {"TCP, kept", kept}, {"TCP, fresh", fresh}};

enum { WAYS = sizeof ways / sizeof ways[0] };

static const double rtts_ms[] = {NAN, 0.2, 5, 20, 100}; /* NAN: no wire, on one machine */

enum { RTTS = sizeof rtts_ms / sizeof rtts_ms[0] };

/* Measured beside predicted (NAN: it is not). */
static void add_latency(struct grid *grid, const struct middle *measured, double predicted_us) {
    char predicted[80] = "", within[160] = "";
    if (!isnan(predicted_us))
        (void)snprintf(predicted, sizeof predicted, " / %s", words_time(predicted_us).text);
    if (!isnan(measured->low))
        (void)snprintf(within, sizeof within, "%s to %s, ", words_time(measured->low).text,
                       words_time(measured->high).text);
    if (measured->count == 0)
        grid_add(grid, "-%s", predicted);
    else
        grid_add(grid, "%s (%s%s)%s", words_time(measured->value).text, within,
                 words_counted((double)measured->count, "run").text, predicted);
}

/* What is predicted: work on one core, then the round trips. */
static struct grid situation_grid(const struct results *results) {
    static const struct runs none = {0};
    const struct session *sweep = results_where(results, "sweep", "rtt", NULL);
    const struct runs *runs = sweep == NULL ? &none : &sweep->runs;
    struct middle work[WAYS], measured[WAYS];
    struct grid grid = grid_of("round-trip time");
    for (int k = 0; k < WAYS; k++) {
        grid_head(&grid, "%s", ways[k].name);
        work[k] = compare_work(results, ways[k].variant, metrics[METRIC_P50].of);
    }
    for (int i = 0; i < RTTS; i++) {
        size_t known = 0;
        for (int k = 0; k < WAYS; k++) {
            const struct situation at = {ways[k].variant, rtts_ms[i]};
            measured[k] =
                i == 0 ? work[k] : runs_middle(runs, metric_latency_us, is_situation, &at);
            known += measured[k].count + work[k].count;
        }
        if (known == 0) continue;
        if (i == 0)
            grid_add(&grid, "same machine (work only)");
        else
            grid_add(&grid, "%g ms", rtts_ms[i]);
        for (int k = 0; k < WAYS; k++)
            add_latency(
                &grid, &measured[k],
                latency_model_us(runs, variant_find(ways[k].variant), rtts_ms[i], work[k].value));
    }
    return grid;
}

void situations_tell(struct story *story, const struct results *results) {
    /*
     * Protocols that the lab does not carry, by round trips alone: what their
     * cryptography costs was not measured here. TLS 1.3 takes one round trip of
     * its own behind TCP's (RFC 8446, section 2); QUIC's handshake is both in one,
     * and a known server is sent the request at once (RFC 9001, section 1).
     * Certificates too large for the first flight of an unknown client add one
     * (RFC 9000, section 8.1).
     */
    static const double round_trips[] = {1, 3, 2, 1};
    struct grid situations = situation_grid(results);
    struct grid models = grid_of("by model, not measured|TLS 1.3, kept|TLS 1.3, fresh|QUIC, fresh|"
                                 "QUIC, fresh, 0-RTT");
    const bool any = grid_rows(&situations) > 1;
    grid_add(&models, "round trips");
    for (int k = 0; k < 4; k++) grid_add(&models, "%.0f", round_trips[k]);
    for (int i = 1; i < RTTS; i++) {
        grid_add(&models, "%g ms", rtts_ms[i]);
        for (int k = 0; k < 4; k++) grid_add(&models, "%g ms", rtts_ms[i] * round_trips[k]);
    }
    if (any)
        story_say(story,
                  "How long one message and its answer take: measured (95 %% interval, runs) / "
                  "predicted as the work, over the wire without delay where that was measured, and "
                  "the round trips of the mode (UDP 1, TCP kept 1, TCP fresh 2) at the delay that "
                  "the wire applied.");
    story_table(story, "situations", &situations);
    if (any) {
        story_table(story, "grey", &models);
        story_say(story, "The second table is round trips alone, by RFC 8446 and RFC 9001: the "
                         "work of TLS 1.3 and QUIC was not measured.");
    }
    grid_free(&models);
}

void round_trips_tell(struct story *story, const struct results *results) {
    struct grid grid = grid_of("variant|metric|round trips, interval|model|without delay|r2|runs");
    for (size_t i = 0; i < results->count; i++) {
        const struct findings *list = &results->sessions[i]->lists[LIST_FITS];
        for (size_t k = 0; k < list->count; k++)
            grid_fill(&grid,
                      "`{variant}`|{metric}|{round_trips:%.3f~}|{model:%.4g}|{intercept_us:time}|"
                      "{r2:%.4f}|{runs:count}",
                      fill_from(LIST_FITS, &((const struct fit *)list->items)[k]));
    }
    if (grid_rows(&grid) > 1)
        story_say(story, "The slope of time over the delay that the wire really applied, in round "
                         "trips:");
    story_table(story, "numbers", &grid);
}

void rtt_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    const struct runs *runs = &session->runs;
    /* What the wire itself does: late by how much, and what it costs without a delay. */
    double worst_us = 0, sum_us[2] = {0}; /* without a delay, and with one */
    unsigned count[2] = {0};
    compare_put_head(story, session);
    round_trips_tell(story, results);
    for (size_t i = 0; i < runs->count; i++) {
        const struct carried *wire = &runs->list[i]->wire;
        const bool delays = runs->list[i]->asked.rtt_ns > 0;
        const double us = (delays ? wire->late.mean_ns : 2 * wire->one_way.mean_ns) / 1e3;
        if (!isfinite(us)) continue;
        sum_us[delays] += us;
        count[delays]++;
        if (delays && wire->late.p99_ns != FIELD_UNKNOWN)
            worst_us = fmax(worst_us, (double)wire->late.p99_ns / 1e3);
    }
    if (count[1] > 0)
        story_say(story, "The wire gave packets back %s late on average over %s%s%s.",
                  words_time(sum_us[1] / count[1]).text, words_counted(count[1], "run").text,
                  worst_us > 0 ? ", its p99 at most " : "",
                  worst_us > 0 ? words_time(worst_us).text : "");
    if (count[0] > 0)
        story_say(story, "At round-trip time 0 it holds a packet for %s a round trip (%s).",
                  words_time(sum_us[0] / count[0]).text, words_counted(count[0], "run").text);
    compare_put_foot(story, session);
}

static void put_placements(FILE *out, const void *what) {
    static const char times[] = "{ratio:ratio} times",
                      interval[] = "{ci_low:ratio} to {ci_high:ratio}";
    struct compared same, cross;
    const bool one = compare_ratio(what, "same-core", fresh, kept, &same);
    const bool two = compare_ratio(what, "cross-core", fresh, kept, &cross);
    if (one && two) {
        (void)fputs("Where both sides run changes this answer: a connection for every message "
                    "takes ",
                    out);
        compare_put(out, times, interval, &same);
        (void)fputs(" as long as a kept one on the same core, and ", out);
        compare_put(out, times, interval, &cross);
        const struct interval *of_one = &same.comparison.ratio, *of_two = &cross.comparison.ratio;
        (void)fprintf(out, " across two cores, where every message waits for wake-ups. %s.",
                      of_two->high < 1   ? "The order is inverted"
                      : of_two->low <= 1 ? "Which of the two is faster across cores is not decided"
                      : of_two->high < of_one->low ? "The order stays, and the ratio shrinks"
                                                   : "The order stays");
    } else if (one) {
        (void)fputs("Where both sides run changes this answer most on one machine: `make bench` "
                    "with two CPUs measures it.",
                    out);
    }
}

static void put_ports(FILE *out, const void *what) {
    enum { TIME_WAIT_S = 60 };
    const struct results *results = what;
    double known = 0, range = 0; /* of the first run that knows its ports, else of the machine */
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        const char *ports = facts_text(&session->environment, "local_ports");
        unsigned low = 0, high = 0;
        for (size_t k = 0; k < session->runs.count && !(known > 0); k++)
            known = session->runs.list[k]->ports.range;
        if (range == 0 && sscanf(ports, "%u %u", &low, &high) == 2 && high > low)
            range = high - low + 1;
    }
    if (known > 0) range = known;
    if (range <= 0) return;
    (void)fprintf(out,
                  "So do the ports: whoever closes first keeps its port for %d s, so between two "
                  "addresses on a network %s ports / %d s = %.0f fresh connections a second, where "
                  "the client closes first.",
                  TIME_WAIT_S, words_count(range).text, TIME_WAIT_S, floor(range / TIME_WAIT_S));
}

void changes_tell(struct story *story, const struct results *results) {
    story_tell(story, put_placements, results);
    story_tell(story, put_ports, results);
}

void rtt_tell(struct story *story, const struct results *results) {
    headline_tell(story, results);
    situations_tell(story, results);
    changes_tell(story, results);
}

/* Of a list, the point of the same variant with so many messages; NULL: no run of it is valid. */
static const struct per_connection *point_at(const struct findings *list,
                                             const struct per_connection *like, double messages) {
    const struct per_connection key = {.variant = like->variant, .messages = messages};
    const struct per_connection *point =
        findings_first(list, LIST_PER_CONNECTION, "variant messages", &key);
    return point != NULL && isfinite(point->time_us.value) ? point : NULL;
}

struct curve {
    const struct findings *list;
    const struct per_connection *first;
};

/* How far points between the ends of a variant are from the line. */
static void put_distance(FILE *out, const struct findings *list, const char *variant) {
    const struct per_connection *all = list->items;
    double most_percent = NAN;
    size_t sure = 0, off = 0; /* points with an interval, and those that the line misses by more */
    for (size_t i = 0; i < list->count; i++) {
        const struct middle *time = &all[i].time_us;
        const double model_us = all[i].model_us;
        if (strcmp(all[i].variant, variant) != 0 || !(all[i].messages > 1)) continue;
        most_percent = fmax(most_percent, fabs(100 * (time->value / model_us - 1)));
        sure += time->low + time->high + model_us > 0;
        off += model_us < time->low || model_us > time->high;
    }
    if (isfinite(most_percent))
        (void)fprintf(
            out, ". Measured and this model, kept + (fresh - kept) / N, are at most %s %% apart",
            words_number(most_percent).text);
    if (off > 0)
        (void)fprintf(out,
                      ", %zu of %zu points by more than their interval, as the line has the noise "
                      "of its two ends",
                      off, sure);
}

static void put_curve(FILE *out, const void *what) {
    const struct curve *curve = what;
    const struct per_connection *alone = point_at(curve->list, curve->first, 1),
                                *shared = point_at(curve->list, curve->first, NAN);
    if (alone == NULL || shared == NULL) return;
    fill_put(out,
             "[Over a round-trip time of {rtt_ms:%.4g} ms ]`{variant}` takes "
             "{time_us:time}{time_us:time+} for a message when each has a connection of its own, "
             "and ",
             fill_from(LIST_PER_CONNECTION, alone));
    fill_put(out, "{time_us:time}{time_us:time+} when all share one: ",
             fill_from(LIST_PER_CONNECTION, shared));
    const double low_us = alone->time_us.low, high_us = shared->time_us.high;
    /* Whether the ends are further apart than either is sure. */
    if ((isfinite(low_us) ? low_us : alone->time_us.value) <=
        (isfinite(high_us) ? high_us : shared->time_us.value)) {
        (void)fputs("what a connection costs is not told apart from nothing here.", out);
        return;
    }
    (void)fprintf(out, "to have one costs %s",
                  words_time(alone->time_us.value - shared->time_us.value).text);
    (void)fputs(". With N messages on a connection each bears an N-th of that: ", out);
    for (int n = 1; n <= 100; n *= 10)
        (void)fprintf(
            out, "%s%s %%%s with %d", n == 1 ? "" : ", ",
            words_number(per_connection_share(alone->time_us.value, shared->time_us.value, n)).text,
            n == 1 ? " of its time" : "", n);
    if (alone->below_10_percent > 1)
        fill_put(out, ", and less than a tenth from {below_10_percent:count} on",
                 fill_from(LIST_PER_CONNECTION, alone));
    put_distance(out, curve->list, alone->variant);
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
