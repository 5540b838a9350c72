/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/model.h"
#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

/* A connection per message against one that is kept */

static const json_t *fit_of(const struct measured *measured, const char *variant) {
    size_t i;
    json_t *one;
    json_array_foreach(measured->fits, i, one) {
        if (strcmp(query_text(one, "variant", ""), variant) == 0 &&
            strcmp(query_text(one, "metric", ""), "latency") == 0 &&
            json_is_number(query_field(one, "round_trips")))
            return one;
    }
    return NULL;
}

/* "2.006, 95 % interval 2.002 to 2.010, 30 runs" */
static void put_fit(FILE *out, const json_t *fit) {
    (void)fprintf(out, "%.3f", query_number(fit, "round_trips"));
    if (json_is_number(query_field(fit, "ci_low")) && json_is_number(query_field(fit, "level")))
        (void)fprintf(out, ", %.3g %% interval %.3f to %.3f", 100 * query_number(fit, "level"),
                      query_number(fit, "ci_low"), query_number(fit, "ci_high"));
    if (json_is_number(query_field(fit, "runs")))
        (void)fprintf(out, ", %.0f runs", query_number(fit, "runs"));
}

static void put_added_round_trips(FILE *out, const struct measured *measured) {
    const json_t *one = fit_of(measured, fresh), *other = fit_of(measured, kept);
    const double model = model_round_trips(fresh) - model_round_trips(kept);
    if (one == NULL || other == NULL) {
        (void)fprintf(out, "%.0f round trip (by the model, not measured)", model);
        return;
    }
    (void)fprintf(out, "%.3f round trips (",
                  query_number(one, "round_trips") - query_number(other, "round_trips"));
    put_fit(out, one);
    (void)fputs(", instead of ", out);
    put_fit(out, other);
    (void)fprintf(out, "; by the model %.0f)", model);
}

/*
 * Of both directions, by the kernel's own count over what the server was
 * asked; only in a network of our own, where nobody else's packets are.
 */
static json_t *packets_of(const json_t *run) {
    const json_t *counted = query_field(run, "per_message.packets");
    const double requests = query_number(run, "counters.server.requests");
    if (json_is_number(counted)) return json_real(json_number_value(counted));
    if (strcmp(query_text(run, "network", ""), "private") != 0 || requests <= 0) return json_null();
    return json_real((query_number(run, "counters.kernel.TcpOutSegs") +
                      query_number(run, "counters.kernel.UdpOutDatagrams")) /
                     requests);
}

/* Of the smallest size: a larger one may need more packets. */
static struct summary packets_per_message(const struct measured *measured, const char *variant) {
    json_t *runs = query_where_text(measured->runs, "variant", variant), *run;
    json_t *packets = json_array();
    size_t i;
    json_array_foreach(runs, i, run) {
        if (query_number(run, "size_bytes") <= 1024 && query_number(run, "loss_percent") == 0)
            json_array_append_new(packets, packets_of(run));
    }
    const struct summary summary = summary_of(packets);
    json_decref(packets);
    json_decref(runs);
    return summary;
}

static void put_added_packets(FILE *out, const struct measured *measured) {
    const struct summary one = packets_per_message(measured, fresh),
                         other = packets_per_message(measured, kept);
    if (one.count == 0 || other.count == 0) {
        (void)fputs("packets that were not counted", out);
        return;
    }
    (void)fprintf(out, "%.3g packets (%.3g instead of %.3g, counted in %zu and %zu runs)",
                  one.median - other.median, one.median, other.median, one.count, other.count);
}

static void put_added_work(FILE *out, const struct measured *measured) {
    struct page_ratio ratio;
    if (!page_ratio_find(measured, "same-core", fresh, kept, &ratio) || isnan(ratio.diff_us)) {
        (void)fputs("work that was not measured", out);
        return;
    }
    (void)fprintf(out, "%s us of work on one core (", words_number(ratio.diff_us).text);
    if (ratio.blocks > 1 && isfinite(ratio.diff_low_us) && isfinite(ratio.diff_high_us))
        (void)fprintf(out, "%.3g %% interval %s to %s, ", 100 * ratio.level,
                      words_number(ratio.diff_low_us).text, words_number(ratio.diff_high_us).text);
    (void)fprintf(out, "%.0f block%s%s%s), %s times the time of a kept one", ratio.blocks,
                  ratio.blocks == 1 ? "" : "s",
                  strcmp(ratio.verdict, "not decided") == 0 ? ": " : "",
                  strcmp(ratio.verdict, "not decided") == 0 ? ratio.verdict : "",
                  words_ratio(ratio.value).text);
}

void page_fresh_connection(struct story *story, const struct measured *measured) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    (void)fputs("A fresh TCP connection for every message adds ", out);
    put_added_round_trips(out, measured);
    (void)fputs(", ", out);
    put_added_packets(out, measured);
    (void)fputs(" and ", out);
    put_added_work(out, measured);
    (void)fputs(".", out);
    (void)fclose(out);
    story_paragraph(story, "p class=\"headline\"", text);
    free(text);
}

/* By situation */

static const struct way {
    const char *name, *variant;
} ways[] = {{"UDP", "udp-persistent"}, {"TCP, kept", kept}, {"TCP, fresh", fresh}};

enum { WAYS = sizeof ways / sizeof *ways };

static const double rtts_ms[] = {0.2, 5, 20, 100};

enum { RTTS = sizeof rtts_ms / sizeof *rtts_ms };

/* "11.2 us (11 to 11.4, 14 runs)" */
static json_t *measured_cell(const struct summary *latency) {
    if (latency->count == 0) return json_string("-");
    const char *runs = latency->count == 1 ? "run" : "runs";
    const struct number value = words_time(latency->median);
    if (!latency->has_interval)
        return words_string("%s (%zu %s)", value.text, latency->count, runs);
    return words_string("%s (%s to %s, %zu %s)", value.text, words_time(latency->low).text,
                        words_time(latency->high).text, latency->count, runs);
}

/* What an rtt sweep has for this variant at this delay. */
static struct summary latency_at(const struct measured *measured, const char *variant,
                                 double rtt_ms) {
    const json_t *rows = json_object_get(measured->tables, "rtt");
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (strcmp(story_cell(row, 0), variant) != 0) continue;
        if (fabs(json_number_value(json_array_get(row, RTT_MS)) - rtt_ms) > 1e-6) continue;
        const json_t *low = json_array_get(row, RTT_LATENCY_US + 1);
        return (struct summary){.median = json_number_value(json_array_get(row, RTT_LATENCY_US)),
                                .low = json_number_value(low),
                                .high = json_number_value(json_array_get(row, RTT_LATENCY_US + 2)),
                                .has_interval = json_is_number(low),
                                .count = (size_t)json_integer_value(json_array_get(row, RTT_RUNS))};
    }
    return (struct summary){.count = 0};
}

static json_t *situation_cell(const struct measured *measured, const struct way *way,
                              double rtt_ms) {
    const struct summary work = figure_work(measured, way->variant, "latency_us.p50"),
                         latency = latency_at(measured, way->variant, rtt_ms);
    json_t *found = measured_cell(&latency);
    json_t *cell = words_string(
        "%s / %s", json_string_value(found),
        work.count == 0 ? "-"
                        : words_time(model_latency_us(way->variant, work.median, rtt_ms)).text);
    json_decref(found);
    return cell;
}

static json_t *situation_rows(const struct measured *measured) {
    json_t *rows = json_array(), *head = json_pack("[s]", "round-trip time");
    json_t *here = json_pack("[s]", "same machine (work only)");
    for (size_t k = 0; k < WAYS; k++) {
        const struct summary work = figure_work(measured, ways[k].variant, "latency_us.p50");
        json_array_append_new(head, json_string(ways[k].name));
        json_array_append_new(here, measured_cell(&work));
    }
    json_array_append_new(rows, head);
    json_array_append_new(rows, here);
    for (size_t i = 0; i < RTTS; i++) {
        json_t *row = json_array();
        json_array_append_new(row, words_string("%g ms", rtts_ms[i]));
        for (size_t k = 0; k < WAYS; k++)
            json_array_append_new(row, situation_cell(measured, &ways[k], rtts_ms[i]));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* Round trips alone: what the cryptography of these costs was not measured here. */
static json_t *model_rows(void) {
    json_t *rows = json_array(), *head = json_pack("[s]", "by model, not measured"),
           *trips = json_pack("[s]", "round trips");
    const struct model_protocol *one;
    for (one = model_protocols; one->name != NULL; one++) {
        json_array_append_new(head, json_string(one->name));
        json_array_append_new(trips, words_string("%.0f", one->round_trips));
    }
    json_array_append_new(rows, head);
    json_array_append_new(rows, trips);
    for (size_t i = 0; i < RTTS; i++) {
        json_t *row = json_array();
        json_array_append_new(row, words_string("%g ms", rtts_ms[i]));
        for (one = model_protocols; one->name != NULL; one++)
            json_array_append_new(row, words_string("%g ms", rtts_ms[i] * one->round_trips));
        json_array_append_new(rows, row);
    }
    return rows;
}

void page_situations(struct story *story, const struct measured *measured) {
    json_t *rows = situation_rows(measured), *models = model_rows();
    story_say(
        story,
        "How long one message and its answer take: measured (95 %% interval, runs) / predicted "
        "as the work on this machine and the round trips of the mode, UDP 1, TCP kept 1, TCP "
        "fresh 2.");
    story_table(story, "situations", rows);
    story_table(story, "grey", models);
    story_say(
        story,
        "The second table is round trips alone, by RFC 8446 and RFC 9001: the work of TLS 1.3 "
        "and QUIC was not measured.");
    json_decref(rows);
    json_decref(models);
}

/* Round trips */

static void tell_fits(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s, s, s, s, s]]", "variant", "metric",
                             "round trips, interval", "model", "without delay", "r2", "runs"),
           *one;
    size_t i;
    json_array_foreach(measured->fits, i, one) {
        const bool interval = json_is_number(query_field(one, "ci_low"));
        const json_t *intercept = query_field(one, "intercept_us");
        json_t *slope =
            interval ? words_string("%.3f (%.3f to %.3f)", query_number(one, "round_trips"),
                                    query_number(one, "ci_low"), query_number(one, "ci_high"))
                     : words_string("%.3f", query_number(one, "round_trips"));
        json_array_append_new(rows, json_pack("[o, o, o, o, s, o, o]",
                                              words_string("`%s`", query_text(one, "variant", "?")),
                                              words_cell(query_field(one, "metric")), slope,
                                              words_cell(query_field(one, "model")),
                                              json_is_number(intercept)
                                                  ? words_time(json_number_value(intercept)).text
                                                  : "-",
                                              json_is_number(query_field(one, "r2"))
                                                  ? words_string("%.4f", query_number(one, "r2"))
                                                  : json_string("-"),
                                              words_cell(query_field(one, "runs"))));
    }
    if (json_array_size(rows) > 1) {
        story_say(story, "The slope of time over the delay that the wire really applied, in round "
                         "trips:");
        story_table(story, "numbers", rows);
    }
    json_decref(rows);
}

void page_round_trips(struct story *story, const struct measured *measured) {
    if (!page_figure(story, measured, "rtt")) {
        char *command = page_command(story, figure_find("rtt")->command);
        story_say(story, "Round-trip times were not run: `%s` measures them.",
                  command == NULL ? "echolab sweep rtt" : command);
        free(command);
    }
    tell_fits(story, measured);
}

/* What would change the answer */

static void tell_placements(struct story *story, const struct measured *measured) {
    struct page_ratio same, cross;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    (void)fputs("Where both sides run changes this answer", out);
    if (page_ratio_find(measured, "same-core", fresh, kept, &same) &&
        page_ratio_find(measured, "cross-core", fresh, kept, &cross)) {
        (void)fputs(": fresh takes ", out);
        page_put_ratio(out, &same);
        (void)fputs(" as long as kept on the same core, and ", out);
        page_put_ratio(out, &cross);
        (void)fputs(" across two cores, where every message waits for wake-ups.", out);
    } else {
        (void)fputs(" most on one machine: `make bench` with two CPUs measures it.", out);
    }
    (void)fclose(out);
    story_paragraph(story, "p", text);
    free(text);
}

/* The run that knows its ports, else the range of the machine. */
static double port_range(const struct measured *measured) {
    enum { TIME_WAIT_S = 60 };
    size_t i;
    json_t *run, *range;
    json_array_foreach(measured->runs, i, run) {
        if (query_number(run, "ports.range") > 0) return query_number(run, "ports.range");
    }
    json_array_foreach(json_object_get(measured->environment, "local_ports"), i, range) {
        char *end = NULL;
        const char *text = json_string_value(range);
        const double low = text == NULL ? 0 : strtod(text, &end);
        const double high = text == NULL ? 0 : strtod(end, NULL);
        if (high > low && low > 0) return high - low + 1;
    }
    return 0;
}

static void tell_ports(struct story *story, const struct measured *measured) {
    enum { TIME_WAIT_S = 60 };
    const double range = port_range(measured);
    struct number ports = {""};
    if (range <= 0) return;
    FILE *out = fmemopen(ports.text, sizeof ports.text, "w");
    if (out == NULL) return;
    words_count(out, range);
    (void)fclose(out);
    story_say(story,
              "So do the ports: whoever closes first keeps its port for %d s, so between two "
              "addresses on a network %s ports / %d s = %.0f fresh connections a second, where the "
              "client closes first.",
              TIME_WAIT_S, ports.text, TIME_WAIT_S, floor(range / TIME_WAIT_S));
}

void page_what_would_change_it(struct story *story, const struct measured *measured) {
    tell_placements(story, measured);
    tell_ports(story, measured);
}
