/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By round-trip time: what a fresh connection adds, measured and by the model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/experiment/gather.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

static double round_trips_of(const char *variant) {
    return variant_find(variant)->round_trips;
}

/* ---- a connection per message against one that is kept ---- */

static const struct fit *fit_of(const struct results *results, const char *variant) {
    for (size_t i = 0; i < results->count; i++) {
        for (size_t k = 0; k < results->sessions[i]->lists[LIST_FITS].count; k++) {
            const struct fit *fit = SESSION_AT(results->sessions[i], LIST_FITS, struct fit, k);
            if (strcmp(fit->variant, variant) == 0 && strcmp(fit->metric, "latency") == 0 &&
                isfinite(fit->round_trips)) {
                return fit;
            }
        }
    }
    return NULL;
}

/* "2.006, 95 % interval 2.002 to 2.010, 30 runs" */
static void put_fit(FILE *out, const struct fit *fit) {
    (void)fprintf(out, "%.3f", fit->round_trips);
    if (isfinite(fit->low) && isfinite(fit->level)) {
        (void)fprintf(out, ", %.3g %% interval %.3f to %.3f", 100 * fit->level, fit->low,
                      fit->high);
    }
    if (fit->runs != FIELD_UNKNOWN) {
        (void)fprintf(out, ", %s", words_counted((double)fit->runs, "run").text);
    }
}

static bool put_added_round_trips(FILE *out, const struct results *results) {
    const struct fit *one = fit_of(results, fresh), *other = fit_of(results, kept);
    const double model = round_trips_of(fresh) - round_trips_of(kept);
    if (one == NULL || other == NULL) {
        (void)fprintf(out, "%s (by the model, not measured)",
                      words_counted(model, "round trip").text);
        return false;
    }
    (void)fprintf(out, "%.3f round trips (", one->round_trips - other->round_trips);
    put_fit(out, one);
    (void)fputs(", instead of ", out);
    put_fit(out, other);
    (void)fprintf(out, "; by the model %.0f)", model);
    return true;
}

/*
 * Of both directions: as the wire counted, or the kernel, over what the server
 * was asked; that only in a network of our own, where nobody else's are.
 */
static double packets_of(const struct run *run) {
    const uint64_t tcp = run_counter(run, "kernel.TcpOutSegs");
    const uint64_t udp = run_counter(run, "kernel.UdpOutDatagrams");
    const uint64_t requests = run_counter(run, "server.requests");
    if (isfinite(run->packets)) return run->packets;
    if (run->network != NETWORK_PRIVATE || tcp == FIELD_UNKNOWN || udp == FIELD_UNKNOWN) return NAN;
    if (requests == FIELD_UNKNOWN || requests == 0) return NAN;
    return (double)(tcp + udp) / (double)requests;
}

/* Of small messages: larger ones may need more packets. */
static bool is_small(const struct run *run, const void *variant) {
    const struct parameters *asked = &run->asked;
    return strcmp(asked->variant->name, variant) == 0 && asked->size_bytes <= 1024 &&
           !(asked->loss_percent > 0) && asked->per_connection == 0;
}

/* All sessions' together, as one list that borrows them. */
static struct middle packets_per_message(const struct results *results, const char *variant) {
    struct runs all = {0};
    for (size_t i = 0; i < results->count; i++) all.count += results->sessions[i]->runs.count;
    all.list = calloc(all.count + 1, sizeof(struct run *));
    size_t at = 0;
    for (size_t i = 0; all.list != NULL && i < results->count; i++) {
        const struct runs *runs = &results->sessions[i]->runs;
        for (size_t k = 0; k < runs->count; k++) all.list[at++] = runs->list[k];
    }
    all.count = at;
    const struct middle packets = typical_of(&all, packets_of, is_small, variant);
    free(all.list);
    return packets;
}

static bool put_added_packets(FILE *out, const struct results *results) {
    const struct middle one = packets_per_message(results, fresh);
    const struct middle other = packets_per_message(results, kept);
    if (one.count == 0 || other.count == 0) return false;
    (void)fprintf(out, "%.3g packets (%.3g instead of %.3g, counted in %zu and %zu runs)",
                  one.value - other.value, one.value, other.value, one.count, other.count);
    return true;
}

static bool put_added_work(FILE *out, const struct results *results) {
    struct answers answers = gather_answers(results);
    struct ratio ratio;
    const bool found = answers_ratio(&answers, "same-core", fresh, kept, &ratio);
    answers_free(&answers);
    if (!found || !isfinite(ratio.diff_us.value)) return false;
    (void)fprintf(out, "%s us of work on one core", words_number(ratio.diff_us.value).text);
    compare_put_support(out, ratio.level, ratio.diff_us, ratio.blocks, words_number);
    (void)fprintf(out, ", %s times the time of a kept one%s", words_ratio(ratio.times.value).text,
                  ratio.decided ? "" : " (not decided)");
    return true;
}

static void put_headline(FILE *out, const void *what) {
    const struct results *results = what;
    static bool (*const parts[])(FILE * out, const struct results *results) = {
        put_added_round_trips, put_added_packets, put_added_work};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    char *texts[PARTS] = {NULL};
    unsigned known = 0, count = 0;
    for (int i = 0; i < PARTS; i++) {
        size_t length = 0;
        FILE *part = open_memstream(&texts[i], &length);
        if (part == NULL) continue;
        known += parts[i](part, results);
        (void)fclose(part);
        count += length > 0;
    }
    /* What is by the model alone goes with what was measured, or goes without saying. */
    if (known > 0) (void)fputs("A fresh TCP connection for every message adds ", out);
    for (unsigned i = 0, said = 0; i < PARTS; i++) {
        if (known > 0 && texts[i] != NULL && *texts[i] != '\0') {
            (void)fprintf(out, "%s%s",
                          said == 0           ? ""
                          : said + 1 == count ? " and "
                                              : ", ",
                          texts[i]);
            said++;
        }
        free(texts[i]);
    }
    if (known > 0) (void)fputs(".", out);
}

void headline_tell(struct story *story, const struct results *results) {
    story_tell_as(story, "p class=\"headline\"", put_headline, results);
}

/* ---- by situation ---- */

static const struct way {
    const char *name, *variant;
} ways[] = {{"UDP", "udp-persistent"}, {"TCP, kept", kept}, {"TCP, fresh", fresh}};

enum { WAYS = sizeof ways / sizeof ways[0] };

static const double rtts_ms[] = {0.2, 5, 20, 100};

enum { RTTS = sizeof rtts_ms / sizeof rtts_ms[0] };

struct situation {
    const char *variant;
    double rtt_ms;
};

static bool is_situation(const struct run *run, const void *key) {
    const struct situation *at = key;
    const struct parameters *asked = &run->asked;
    return strcmp(asked->variant->name, at->variant) == 0 && asked->wire &&
           !(asked->loss_percent > 0) && asked->per_connection == 0 &&
           fabs((double)asked->rtt_ns / 1e6 - at->rtt_ms) < 1e-6;
}

/* What a sweep of round-trip times has for this variant at this delay. */
static struct middle latency_at(const struct results *results, const char *variant, double rtt_ms) {
    const struct session *sweep = results_find(results, "sweep", "rtt");
    const struct situation at = {variant, rtt_ms};
    if (sweep == NULL) return (struct middle){.count = 0};
    return typical_of(&sweep->runs, typical_latency_us, is_situation, &at);
}

/* "11.2 us (11.0 us to 11.4 us, 14 runs)" */
static void put_measured(FILE *out, const struct middle *latency) {
    if (latency->count == 0) {
        (void)fputs("-", out);
        return;
    }
    (void)fprintf(out, "%s (", words_time(latency->value).text);
    if (isfinite(latency->low)) {
        (void)fprintf(out, "%s to %s, ", words_time(latency->low).text,
                      words_time(latency->high).text);
    }
    (void)fprintf(out, "%s)", words_counted((double)latency->count, "run").text);
}

/* Measured beside predicted: work on one core, then the round trips. */
static void add_situation(struct grid *grid, const struct middle *measured, double predicted_us) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    put_measured(out, measured);
    if (isfinite(predicted_us)) (void)fprintf(out, " / %s", words_time(predicted_us).text);
    (void)fclose(out);
    grid_add(grid, "%s", text);
    free(text);
}

static struct grid situation_grid(const struct results *results) {
    struct middle work[WAYS];
    struct grid grid = grid_of("round-trip time");
    bool worked = false;
    for (int k = 0; k < WAYS; k++) {
        grid_head(&grid, "%s", ways[k].name);
        work[k] = gather_work(results, ways[k].variant, metrics[METRIC_P50].of);
        worked = worked || work[k].count > 0;
    }
    if (worked) grid_add(&grid, "same machine (work only)");
    for (int k = 0; worked && k < WAYS; k++) add_situation(&grid, &work[k], NAN);
    for (int i = 0; i < RTTS; i++) {
        struct middle latency[WAYS];
        bool known = worked;
        for (int k = 0; k < WAYS; k++) {
            latency[k] = latency_at(results, ways[k].variant, rtts_ms[i]);
            known = known || latency[k].count > 0;
        }
        if (known) grid_add(&grid, "%g ms", rtts_ms[i]);
        for (int k = 0; known && k < WAYS; k++) {
            const double trips_us = 1e3 * rtts_ms[i] * round_trips_of(ways[k].variant);
            add_situation(&grid, &latency[k],
                          work[k].count > 0 ? work[k].value + trips_us : (double)NAN);
        }
    }
    return grid;
}

/*
 * Protocols that the lab does not carry. TLS 1.3 takes one round trip of its
 * own behind TCP's (RFC 8446, section 2); QUIC's handshake is both in one, and a
 * known server is sent the request at once (RFC 9001, section 1). Certificates
 * too large for the first flight of an unknown client add one (RFC 9000,
 * section 8.1).
 */
static const struct {
    const char *name;
    double round_trips;
} protocols[] = {
    {"TLS 1.3, kept", 1},
    {"TLS 1.3, fresh", 3},
    {"QUIC, fresh", 2},
    {"QUIC, fresh, 0-RTT", 1},
};

enum { PROTOCOLS = sizeof protocols / sizeof protocols[0] };

/* Round trips alone: what the cryptography of these costs was not measured here. */
static struct grid model_grid(void) {
    struct grid grid = grid_of("by model, not measured");
    for (int k = 0; k < PROTOCOLS; k++) grid_head(&grid, "%s", protocols[k].name);
    grid_add(&grid, "round trips");
    for (int k = 0; k < PROTOCOLS; k++) grid_add(&grid, "%.0f", protocols[k].round_trips);
    for (int i = 0; i < RTTS; i++) {
        grid_add(&grid, "%g ms", rtts_ms[i]);
        for (int k = 0; k < PROTOCOLS; k++) {
            grid_add(&grid, "%g ms", rtts_ms[i] * protocols[k].round_trips);
        }
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

/* ---- round trips as slopes ---- */

void round_trips_tell(struct story *story, const struct results *results) {
    struct grid grid = grid_of("variant|metric|round trips, interval|model|without delay|r2|runs");
    for (size_t i = 0; i < results->count; i++) {
        for (size_t k = 0; k < results->sessions[i]->lists[LIST_FITS].count; k++) {
            const struct fit *fit = SESSION_AT(results->sessions[i], LIST_FITS, struct fit, k);
            grid_add(&grid, "`%s`", fit->variant);
            grid_add(&grid, "%s", fit->metric);
            grid_add(&grid, isnan(fit->low) ? "%.3f" : "%.3f (%.3f to %.3f)", fit->round_trips,
                     fit->low, fit->high);
            grid_add(&grid, "%.4g", fit->model);
            grid_add(&grid, "%s", words_time(fit->intercept_us).text);
            grid_add(&grid, "%.4f", fit->r2);
            grid_add(&grid, "%.0f", (double)fit->runs);
        }
    }
    if (grid_rows(&grid) > 1) {
        story_say(story, "The slope of time over the delay that the wire really applied, in round "
                         "trips:");
    }
    story_table(story, "numbers", &grid);
}

/* What the wire itself does: late by how much, and what it costs without a delay. */
static void tell_wire(struct story *story, const struct session *session) {
    double worst_us = 0, late_us = 0, cost_us = 0;
    unsigned delayed = 0, bare = 0;
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        const struct distribution *late = &run->wire.late;
        if (run->asked.rtt_ns > 0 && isfinite(late->mean_ns)) {
            late_us += late->mean_ns / 1e3;
            if (late->p99_ns != FIELD_UNKNOWN)
                worst_us = fmax(worst_us, (double)late->p99_ns / 1e3);
            delayed++;
        } else if (run->asked.rtt_ns == 0 && isfinite(run->wire.one_way.mean_ns)) {
            cost_us += 2 * run->wire.one_way.mean_ns / 1e3;
            bare++;
        }
    }
    if (delayed > 0) {
        const struct number worst = words_time(worst_us);
        story_say(story, "The wire gave packets back %s late on average over %s%s%s.",
                  words_time(late_us / delayed).text, words_counted(delayed, "run").text,
                  worst_us > 0 ? ", its p99 at most " : "", worst_us > 0 ? worst.text : "");
    }
    if (bare > 0) {
        story_say(story, "At round-trip time 0 it holds a packet for %s a round trip (%s).",
                  words_time(cost_us / bare).text, words_counted(bare, "run").text);
    }
}

void rtt_table(struct story *story, const struct results *results) {
    const struct session *session = results->sessions[0];
    compare_put_head(story, session);
    round_trips_tell(story, results);
    tell_wire(story, session);
    compare_put_foot(story, session);
}

/* ---- what would change the answer ---- */

/* What two cores do to the ratio of one. */
static const char *conclusion_of(const struct ratio *same, const struct ratio *cross) {
    if (cross->times.high < 1) return "The order is inverted";
    if (cross->times.low <= 1) return "Which of the two is faster across cores is not decided";
    if (cross->times.high < same->times.low) return "The order stays, and the ratio shrinks";
    return "The order stays";
}

static void put_placements(FILE *out, const void *what) {
    struct answers answers = gather_answers(what);
    struct ratio same, cross;
    const bool one = answers_ratio(&answers, "same-core", fresh, kept, &same);
    const bool two = answers_ratio(&answers, "cross-core", fresh, kept, &cross);
    answers_free(&answers);
    if (one && two) {
        (void)fputs("Where both sides run changes this answer: a connection for every message "
                    "takes ",
                    out);
        compare_put_ratio(out, &same);
        (void)fputs(" as long as a kept one on the same core, and ", out);
        compare_put_ratio(out, &cross);
        (void)fprintf(out, " across two cores, where every message waits for wake-ups. %s.",
                      conclusion_of(&same, &cross));
    } else if (one) {
        (void)fputs("Where both sides run changes this answer most on one machine: `make bench` "
                    "with two CPUs measures it.",
                    out);
    }
}

/* The run that knows its ports, else the range of the machine. */
static double port_range(const struct results *results) {
    for (size_t i = 0; i < results->count; i++) {
        const struct runs *runs = &results->sessions[i]->runs;
        for (size_t k = 0; k < runs->count; k++) {
            if (runs->list[k]->ports.range > 0) return runs->list[k]->ports.range;
        }
    }
    for (size_t i = 0; i < results->count; i++) {
        const char *text = facts_text(&results->sessions[i]->environment, "local_ports");
        char *end = NULL;
        const double low = strtod(text, &end), high = strtod(end, NULL);
        if (high > low && low > 0) return high - low + 1;
    }
    return 0;
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
