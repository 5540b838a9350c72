/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/models.h"

#include <math.h>
#include <stdlib.h>

#include "bench/judge/metric.h"
#include "bench/judge/series.h"
#include "bench/run/cost.h"
#include "echo/message.h"

/* ---- round trips ---- */

static double time_us(const struct run *run) {
    return metrics[METRIC_TIME].of(run);
}

/* What a message waits, and what it takes in all. */
static const struct {
    const char *name;
    double (*of_us)(const struct run *run);
} kinds[] = {{"latency", metric_latency_us}, {"time_per_message", time_us}};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/*
 * A CPU that slept does the same work in more time, the longer it slept: some
 * 0.1 ms of it after none, 0.2 after 5 ms, 0.4 from 20 ms on. That is no round
 * trip: those are told by points at which it sleeps alike, if there are two.
 */
static uint64_t least_rtt_ns(const struct runs *runs) {
    const uint64_t long_ns = 10000000;
    uint64_t least_ns = UINT64_MAX, most_ns = 0;
    for (size_t i = 0; i < runs->count; i++) {
        const uint64_t rtt_ns = runs->list[i]->asked.rtt_ns;
        if (rtt_ns < long_ns) continue;
        if (rtt_ns < least_ns) least_ns = rtt_ns;
        if (rtt_ns > most_ns) most_ns = rtt_ns;
    }
    return least_ns < most_ns ? long_ns : 0;
}

/* The valid runs of a variant as points (applied RTT, time), both in us, by the RTT asked for. */
static size_t collect(const struct runs *runs, const struct variant *variant,
                      double (*of_us)(const struct run *run), struct slope_point *points) {
    const uint64_t least_ns = least_rtt_ns(runs);
    size_t count = 0;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (run->asked.variant != variant || !run_is_valid(run)) continue;
        if (run->asked.rtt_ns < least_ns) continue;
        points[count] = (struct slope_point){run->wire.applied_rtt_ns / 1e3, of_us(run),
                                             (double)run->asked.rtt_ns};
        if (isfinite(points[count].x + points[count].y)) count++;
    }
    return count;
}

static unsigned count_variants(const struct runs *runs) {
    unsigned count = 0;
    for (unsigned v = 0; v < variant_count; v++) {
        size_t i = 0;
        while (i < runs->count && runs->list[i]->asked.variant != &variants[v]) i++;
        count += i < runs->count;
    }
    return count;
}

void fits_list(struct findings *list, const struct runs *runs) {
    struct slope_point *points = calloc(runs->count + 1, sizeof *points);
    const double level = 1 - 0.05 / (KINDS * (double)count_variants(runs));
    for (unsigned i = 0; points != NULL && i < variant_count * KINDS; i++) {
        const struct variant *variant = &variants[i / KINDS];
        const size_t count = collect(runs, variant, kinds[i % KINDS].of_us, points);
        const struct slope line = slope_of(points, count, level);
        struct fit *fit = isnan(line.slope.value) ? NULL : findings_add(list, LIST_FITS);
        if (fit == NULL) continue;
        fit->variant = variant->name;
        fit->metric = kinds[i % KINDS].name;
        fit->line = line;
        fit->model = variant->round_trips;
    }
    free(points);
}

/* ---- round trips of the model ---- */

struct on_wire {
    const struct variant *variant;
    double rtt_ns;
};

static bool is_on_wire(const struct run *run, const void *key) {
    const struct on_wire *at = key;
    return series_is_of(run, at->variant->name) && run->asked.wire &&
           !(run->asked.loss_percent > 0) && fabs((double)run->asked.rtt_ns - at->rtt_ns) < 1;
}

static double applied_us(const struct run *run) {
    return run->wire.applied_rtt_ns / 1e3;
}

static double work_us(const struct run *run) {
    return metric_latency_us(run) - run->asked.variant->round_trips * applied_us(run);
}

double wire_work_us(const struct runs *runs, const struct variant *variant, double bare_us) {
    const struct on_wire none = {variant, 0};
    const struct middle work = runs_middle(runs, work_us, is_on_wire, &none);
    return work.count > 0 ? work.value : bare_us;
}

double latency_model_us(const struct runs *runs, const struct variant *variant, double rtt_ms,
                        double bare_us) {
    const struct on_wire here = {variant, 1e6 * rtt_ms};
    const struct middle delay = runs_middle(runs, applied_us, is_on_wire, &here);
    return wire_work_us(runs, variant, bare_us) +
           variant->round_trips * (delay.count > 0 ? delay.value : 1e3 * rtt_ms);
}

enum { SEGMENT_BYTES = 1448, WINDOW_SEGMENTS = 10 };

static double segments_of(double bytes) {
    return ceil(bytes / SEGMENT_BYTES);
}

double slow_start_rounds(double bytes, double *window) {
    double left = segments_of(bytes), rounds = 0;
    while (left > 0) {
        const double sent = fmin(left, *window);
        left -= sent;
        *window += sent;
        rounds++;
    }
    return rounds;
}

static bool is_made_each_time(const struct variant *variant) {
    return variant->cost != NULL && variant->cost->each[0].kind == WIRE_SYN;
}

static bool is_kept(const struct variant *variant) {
    return variant->cost != NULL && variant->cost->once[0].ip_bytes > 0;
}

/* A window each way; what fits goes with the round trips of the mode. */
struct windows {
    double up, down;
};

static double round_trips_within(const struct variant *variant, struct windows *windows,
                                 double messages, double request_bytes, double reply_bytes) {
    return variant->round_trips - 2 +
           slow_start_rounds(messages * (ECHO_HEADER_BYTES + request_bytes), &windows->up) +
           slow_start_rounds(messages * (ECHO_HEADER_BYTES + reply_bytes), &windows->down);
}

double message_round_trips(const struct variant *variant, double request_bytes,
                           double reply_bytes) {
    struct windows new = {WINDOW_SEGMENTS, WINDOW_SEGMENTS};
    if (!is_made_each_time(variant)) return variant->round_trips;
    return round_trips_within(variant, &new, 1, request_bytes, reply_bytes);
}

/* Slow start has left it at what was sent, beyond that of a new connection (tcp_cwnd_restart). */
static double window_after(double bytes, double timeouts) {
    const double window = WINDOW_SEGMENTS + segments_of(ECHO_HEADER_BYTES + bytes);
    return fmax(WINDOW_SEGMENTS, floor(ldexp(window, -(int)fmin(timeouts, WINDOW_SEGMENTS))));
}

double idle_round_trips(const struct variant *variant, double request_bytes, double reply_bytes,
                        double gap_ms, double rtt_ms, double minimum_rto_ms) {
    /* Either side has sent last one round trip before it sends again after the pause. */
    const double timeouts = floor((gap_ms + rtt_ms) / (rtt_ms + minimum_rto_ms));
    struct windows windows = {window_after(request_bytes, timeouts),
                              window_after(reply_bytes, timeouts)};
    if (!is_kept(variant)) return message_round_trips(variant, request_bytes, reply_bytes);
    return round_trips_within(variant, &windows, 1, request_bytes, reply_bytes);
}

double page_round_trips(const struct variant *variant, double messages, double depth,
                        double request_bytes, double reply_bytes) {
    struct windows windows = {WINDOW_SEGMENTS, WINDOW_SEGMENTS};
    double trips = 1; /* to connect */
    if (!is_kept(variant))
        return ceil(messages / depth) * message_round_trips(variant, request_bytes, reply_bytes);
    while (messages > 0) {
        const double batch = fmin(messages, depth);
        trips += round_trips_within(variant, &windows, batch, request_bytes, reply_bytes);
        messages -= batch;
    }
    return trips;
}

double page_run_round_trips(const struct run *run) {
    const struct parameters *asked = &run->asked;
    return page_round_trips(asked->variant, ceil((double)run->sent / asked->connections),
                            run->depth, asked->size_bytes, asked->reply_bytes);
}

/* ---- shares ---- */

double pipeline_model(double alone, double deep, double deepest, double depth) {
    const double own = (deep * deepest - alone) / (deepest - 1);
    return own + (alone - own) / depth;
}

double per_connection_model(double fresh, double kept, double messages) {
    return kept + (fresh - kept) / messages;
}

double per_connection_share(double fresh, double kept, double messages) {
    const double all = per_connection_model(fresh, kept, messages);
    return all > 0 ? 100 * (all - kept) / all : 0;
}

double per_connection_below(double fresh, double kept, double percent) {
    const double messages = (fresh - kept) * (100 / percent - 1) / kept;
    return messages < 1 ? 1 : floor(messages) + 1;
}

/* What a message of a variant takes at so many a connection, in us; NAN: it was not measured. */
static double time_at(const struct series_table *table, const char *variant, unsigned messages) {
    size_t i = 0;
    while ((i = series_next(table, i, variant)) < table->count &&
           table->first[i]->asked.per_connection != messages) {
        i++;
    }
    return i == table->count ? (double)NAN : series_middle(table, i, metrics[METRIC_TIME].of).value;
}

static void add_point(struct findings *list, const struct series_table *table, size_t series) {
    const struct parameters *asked = &table->first[series]->asked;
    const char *variant = asked->variant->name;
    const double fresh_us = time_at(table, variant, 1), kept_us = time_at(table, variant, 0);
    const unsigned messages = asked->per_connection;
    struct per_connection *point = findings_add(list, LIST_PER_CONNECTION);
    if (point == NULL) return;
    findings_describe(LIST_PER_CONNECTION, point, table->first[series]);
    if (messages > 0) point->messages = messages;
    point->time_us = series_middle(table, series, metrics[METRIC_TIME].of);
    point->model_us =
        per_connection_model(fresh_us, kept_us, messages > 0 ? messages : (double)INFINITY);
    point->share_percent = 100 * (1 - kept_us / point->time_us.value);
    if (isfinite(fresh_us) && kept_us > 0) {
        point->below_10_percent = per_connection_below(fresh_us, kept_us, 10);
    }
}

void per_connection_list(struct findings *list, const struct runs *runs) {
    struct series_table table = series_of(runs);
    for (unsigned v = 0; v < variant_count; v++) {
        size_t i = 0;
        for (; (i = series_next(&table, i, variants[v].name)) < table.count; i++) {
            add_point(list, &table, i);
        }
    }
    series_free(&table);
}
