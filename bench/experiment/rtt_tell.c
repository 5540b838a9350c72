/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By round-trip time: what a fresh connection adds, measured and by the model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"

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

static void put_round_trips(FILE *out, const struct fit *one, const struct fit *other) {
    static const char words[] = "{round_trips:%.3f}[, {level:percent} % interval {ci_low:%.3f} to "
                                "{ci_high:%.3f}][, {runs:run}]";
    const double model = round_trips_of(fresh) - round_trips_of(kept);
    if (one == NULL || other == NULL) {
        (void)fprintf(out, "%s (by the model, not measured)",
                      words_counted(model, "round trip").text);
        return;
    }
    (void)fprintf(out, "%.3f round trips (", one->line.slope.value - other->line.slope.value);
    fill_put(out, words, fill_from(LIST_FITS, one));
    (void)fputs(", instead of ", out);
    fill_put(out, words, fill_from(LIST_FITS, other));
    (void)fprintf(out, "; by the model %.0f)", model);
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
    (void)fputs("A fresh TCP connection for every message adds ", out);
    put_round_trips(out, one, other);
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
    const struct session *sweep = results_find(results, "sweep", "rtt");
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
            measured[k] = i == 0 ? work[k]
                                 : runs_middle(sweep == NULL ? &none : &sweep->runs,
                                               metric_latency_us, is_situation, &at);
            known += measured[k].count + work[k].count;
        }
        if (known == 0) continue;
        if (i == 0)
            grid_add(&grid, "same machine (work only)");
        else
            grid_add(&grid, "%g ms", rtts_ms[i]);
        for (int k = 0; k < WAYS; k++)
            add_latency(&grid, &measured[k],
                        work[k].value + 1e3 * rtts_ms[i] * round_trips_of(ways[k].variant));
    }
    return grid;
}

/*
 * Protocols that the lab does not carry, by round trips alone: what their
 * cryptography costs was not measured here. TLS 1.3 takes one round trip of its
 * own behind TCP's (RFC 8446, section 2); QUIC's handshake is both in one, and a
 * known server is sent the request at once (RFC 9001, section 1). Certificates
 * too large for the first flight of an unknown client add one (RFC 9000,
 * section 8.1).
 */
static struct grid model_grid(void) {
    static const double round_trips[] = {1, 3, 2, 1};
    struct grid grid = grid_of("by model, not measured|TLS 1.3, kept|TLS 1.3, fresh|QUIC, fresh|"
                               "QUIC, fresh, 0-RTT");
    grid_add(&grid, "round trips");
    for (int k = 0; k < 4; k++) grid_add(&grid, "%.0f", round_trips[k]);
    for (int i = 1; i < RTTS; i++) {
        grid_add(&grid, "%g ms", rtts_ms[i]);
        for (int k = 0; k < 4; k++) grid_add(&grid, "%g ms", rtts_ms[i] * round_trips[k]);
    }
    return grid;
}

void situations_tell(struct story *story, const struct results *results) {
    struct grid situations = situation_grid(results), models = model_grid();
    if (grid_rows(&situations) > 1) {
        story_say(story,
                  "How long one message and its answer take: measured (95 %% interval, runs) / "
                  "predicted as the work on this machine and the round trips of the mode, UDP 1, "
                  "TCP kept 1, TCP fresh 2.");
        story_table(story, "situations", &situations);
        story_table(story, "grey", &models);
        story_say(story, "The second table is round trips alone, by RFC 8446 and RFC 9001: the "
                         "work of TLS 1.3 and QUIC was not measured.");
        return;
    }
    grid_free(&situations);
    grid_free(&models);
}

void round_trips_tell(struct story *story, const struct results *results) {
    struct grid grid = grid_of("variant|metric|round trips, interval|model|without delay|r2|runs");
    for (size_t i = 0; i < results->count; i++) {
        for (size_t k = 0; k < results->sessions[i]->lists[LIST_FITS].count; k++) {
            grid_fill(
                &grid,
                "`{variant}`|{metric}|{round_trips:%.3f}[ ({ci_low:%.3f} to {ci_high:%.3f})]|"
                "{model:%.4g}|{intercept_us:time}|{r2:%.4f}|{runs:count}",
                fill_from(LIST_FITS, SESSION_AT(results->sessions[i], LIST_FITS, struct fit, k)));
        }
    }
    if (grid_rows(&grid) > 1) {
        story_say(story, "The slope of time over the delay that the wire really applied, in round "
                         "trips:");
    }
    story_table(story, "numbers", &grid);
}

/* What the wire itself does: late by how much, and what it costs without a delay. */
static void tell_wire(struct story *story, const struct runs *runs) {
    double worst_us = 0, sum_us[2] = {0}; /* without a delay, and with one */
    unsigned count[2] = {0};
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
}

void rtt_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    compare_put_head(story, session);
    round_trips_tell(story, results);
    tell_wire(story, &session->runs);
    compare_put_foot(story, session);
}

/* What two cores do to the ratio of one. */
static const char *conclusion_of(const struct interval *same, const struct interval *cross) {
    if (cross->high < 1) return "The order is inverted";
    if (cross->low <= 1) return "Which of the two is faster across cores is not decided";
    if (cross->high < same->low) return "The order stays, and the ratio shrinks";
    return "The order stays";
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
        (void)fprintf(out, " across two cores, where every message waits for wake-ups. %s.",
                      conclusion_of(&same.comparison.ratio, &cross.comparison.ratio));
    } else if (one) {
        (void)fputs("Where both sides run changes this answer most on one machine: `make bench` "
                    "with two CPUs measures it.",
                    out);
    }
}

/* The run that knows its ports, else the range of the machine. */
static double port_range(const struct results *results) {
    double range = 0;
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        for (size_t k = 0; k < session->runs.count; k++) {
            const struct ports *ports = &session->runs.list[k]->ports;
            if (ports->range > 0) return ports->range;
        }
        unsigned low = 0, high = 0;
        if (range == 0 &&
            sscanf(facts_text(&session->environment, "local_ports"), "%u %u", &low, &high) == 2 &&
            high > low)
            range = high - low + 1;
    }
    return range;
}

static void put_ports(FILE *out, const void *what) {
    enum { TIME_WAIT_S = 60 };
    const double range = port_range(what);
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
