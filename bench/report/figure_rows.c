/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/figure_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/compare_parts.h"
#include "bench/judge/metric.h"
#include "bench/judge/models.h"
#include "bench/judge/open_loop.h"
#include "bench/judge/series.h"

#define US 1e3
#define MS 1e6

/* ---- the wire ---- */

static double applied_ms(const struct run *run) {
    return run->wire.applied_rtt_ns / MS;
}

static const struct runs *runs_by_rtt(const struct results *results) {
    static const struct runs none;
    const struct session *sweep = results_find(results, "sweep", "rtt");
    return sweep == NULL ? &none : &sweep->runs;
}

static double bare_us(const struct drawing *drawing, const struct variant *variant) {
    return compare_work(drawing->results, variant->name, metrics[METRIC_P50].of).value;
}

/* What the wire applied, else what it was asked for. */
static double delay_us(const struct selection *here) {
    const struct middle applied = selection_middle(here, applied_ms);
    return applied.count > 0 ? US * applied.value : (double)here->list[0].run->asked.rtt_ns / US;
}

void figure_row_rtt(struct drawing *drawing, const struct selection *here) {
    const struct parameters *asked = &here->list[0].run->asked;
    const struct middle latency = selection_middle(here, metric_latency_us);
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0].run);
    table_number(&drawing->table, delay_us(here) / US);
    table_middle(&drawing->table, latency);
    table_number(&drawing->table,
                 latency_model_us(runs_by_rtt(drawing->results), asked->variant,
                                  (double)asked->rtt_ns / MS, bare_us(drawing, asked->variant)));
    table_number(&drawing->table, (double)latency.count);
}

/* What the model has beyond the round trips of the mode is work, as it is of small messages. */
void figure_row_size_rtt(struct drawing *drawing, const struct selection *here) {
    const struct parameters *asked = &here->list[0].run->asked;
    const struct middle latency = selection_middle(here, metric_latency_us);
    const double trips = message_round_trips(asked->variant, asked->size_bytes, asked->reply_bytes);
    const double work_us = wire_work_us(runs_by_rtt(drawing->results), asked->variant,
                                        bare_us(drawing, asked->variant));
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0].run);
    table_middle(&drawing->table, latency);
    table_number(&drawing->table, latency.value * US / (double)asked->rtt_ns);
    table_number(&drawing->table, (isnan(work_us) ? 0 : work_us) + trips * delay_us(here));
    table_number(&drawing->table, (double)latency.count);
}

static double elapsed_ms(const struct run *run) {
    return (double)run->elapsed_ns / MS;
}

static double all_packets(const struct run *run) {
    return run->packets * (double)run->sent;
}

void figure_row_objects(struct drawing *drawing, const struct selection *here) {
    const struct run *run = here->list[0].run;
    const struct middle page = selection_middle(here, elapsed_ms);
    table_place(&drawing->table, drawing->figure->runs.axis, run);
    table_middle(&drawing->table, page);
    table_middle(&drawing->table, selection_middle(here, all_packets));
    table_number(&drawing->table, page_run_round_trips(run) * delay_us(here) / US);
    table_number(&drawing->table, (double)page.count);
}

/* ---- how many take how long ---- */

void figure_row_tail(struct drawing *drawing, const struct selection *here) {
    struct samples all = selection_samples(here);
    const double messages = (double)(all.answered + all.missed);
    double longer = messages, shown = 1, shown_us = 0;
    for (size_t i = 0; i < all.count; i++) {
        longer -= (double)all.buckets[i].count;
        if (longer < SAMPLES_BEYOND) break;
        /* Steps finer than a pixel only make the file large. */
        const double us = (double)all.buckets[i].upper_ns / US, share = longer / messages;
        if (us < shown_us * 1.005 && share > shown * 0.98) continue;
        table_place(&drawing->table, NULL, here->list[0].run);
        table_number(&drawing->table, us);
        table_number(&drawing->table, 100 * share);
        table_number(&drawing->table, messages);
        shown_us = us;
        shown = share;
    }
    samples_free(&all);
}

/* ---- several outstanding ---- */

/* NAN: one of the four was not counted. */
static double messages_per_call(const struct run *run) {
    return 4 / (1 / run->per_send + 1 / run->per_receive + 1 / run->server_per_receive +
                1 / run->server_per_send);
}

void figure_row_pipeline(struct drawing *drawing, const struct selection *here) {
    const struct middle per_s = selection_middle(here, run_throughput_per_s);
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0].run);
    table_middle(&drawing->table, per_s);
    table_middle(&drawing->table, selection_middle(here, messages_per_call));
    table_number(&drawing->table, (double)NAN); /* by the ends: see below */
    table_number(&drawing->table, (double)per_s.count);
}

/* Of each variant between the first row and the last. */
void figure_model_pipeline(struct table *table) {
    const char *at = "pipeline", *of = "throughput_per_s";
    const size_t model = table->width - 2;
    for (size_t row = 0, first = 0; row < table_rows(table); row++) {
        if (!table_goes_on(table, row)) first = row;
        size_t last = row;
        while (last + 1 < table_rows(table) && table_goes_on(table, last + 1)) last++;
        if (table_get(table, first, at) != 1 || last == first) continue;
        table->cells[row * table->width + model].number =
            1 / pipeline_model(1 / table_get(table, first, of), 1 / table_get(table, last, of),
                               table_get(table, last, at), table_get(table, row, at));
    }
}

/* ---- loss ---- */

enum { HEADERS = 40 + 8, IP_HEADER = 20, FRAGMENT_UNIT = 8 }; /* in bytes */

/* All packets of both ways have to arrive; who sends again has no such limit. */
static double predicted_percent(const struct parameters *asked) {
    const int most = (WIRE_MTU - IP_HEADER) / FRAGMENT_UNIT * FRAGMENT_UNIT;
    const bool datagram = strncmp(asked->variant->name, "udp-", 4) == 0 && !asked->variant->retries;
    const double packets = asked->size_bytes <= FIGURE_ONE_PACKET
                               ? 1
                               : ceil((double)(asked->size_bytes + HEADERS) / most);
    return datagram ? 100 * pow(1 - asked->loss_percent / 100, 2 * packets) : (double)NAN;
}

void figure_row_loss(struct drawing *drawing, const struct selection *here) {
    double sent = 0, ok = 0, fragments = 0, packets = 0, exchanges = 0;
    for (size_t i = 0; i < here->count; i++) {
        const struct run *run = here->list[i].run;
        const struct wire_tally *to_server = run->wire.by[WIRE_TO_SERVER];
        sent += (double)run->sent;
        ok += (double)run->ok;
        if (!(run->packets > 0)) continue;
        /* Packets are counted over the whole run, warm-up included, and so are its exchanges. */
        exchanges += (double)run->wire.all.packets / run->packets;
        fragments += (double)to_server[WIRE_FRAGMENT].packets;
        packets += (double)(to_server[WIRE_FRAGMENT].packets + to_server[WIRE_REQUEST].packets +
                            to_server[WIRE_DATA].packets);
    }
    if (sent <= 0) return;
    const struct interval share = statistics_share_interval(ok, sent - ok, 0.95);
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0].run);
    table_interval(&drawing->table, 100 * share.value, 100 * share.low, 100 * share.high);
    table_number(&drawing->table, fragments / exchanges);
    table_number(&drawing->table, packets / exchanges);
    table_number(&drawing->table, predicted_percent(&here->list[0].run->asked));
    table_number(&drawing->table, sent);
}

void figure_tell_who_waits(struct drawing *drawing, const void *behind_loss) {
    const struct behind_loss *one = behind_loss;
    for (size_t i = 0; i < one->series_count; i++) {
        table_text(&drawing->table, "%s", one->variant);
        table_number(&drawing->table, one->series[i].due_ms);
        if (isnan(one->series[i].latency_ms))
            table_text(&drawing->table, "never");
        else
            table_number(&drawing->table, one->series[i].latency_ms);
        table_number(&drawing->table, one->within_ms);
        table_number(&drawing->table, one->sum.delayed / (double)one->sum.runs);
        table_number(&drawing->table, one->delayed_beyond_ms);
        table_number(&drawing->table, one->sum.unanswered / (double)one->sum.runs);
    }
}

/* ---- an open loop ---- */

/* The runs are of one session, a block each: one series. */
static struct open_point point_of(const struct selection *here) {
    struct runs runs = {.list = calloc(here->count, sizeof(struct run *))};
    struct open_point point = {.messages = 0};
    if (runs.list == NULL) return point;
    for (size_t i = 0; i < here->count; i++)
        runs.list[runs.count++] = (struct run *)here->list[i].run;
    struct series_table table = series_of(&runs);
    if (table.count > 0) point = open_point_of(&table, 0);
    series_free(&table);
    free(runs.list);
    return point;
}

/* How long one waited for an answer, or for the deadline. */
static void add_waited(struct table *table, const struct open_point *point, double us) {
    table_number(table, isinf(us) ? point->deadline_us : us);
}

static void add_latency(struct table *table, const struct open_point *point,
                        enum open_percent percent) {
    add_waited(table, point, point->latency_us[percent].value);
    add_waited(table, point, point->latency_us[percent].low);
    add_waited(table, point, point->latency_us[percent].high);
}

static void add_knee(struct table *table, const struct shown *one) {
    static const struct knee none = {.capacity_per_s = {NAN, NAN, NAN},
                                     .knee_per_s = {NAN, NAN, NAN},
                                     .idle_us = NAN,
                                     .queue_us = NAN};
    const struct findings *list = &one->from->lists[LIST_KNEES];
    const struct knee *knee = list->items, *end = knee + list->count;
    while (knee < end && strcmp(knee->variant, one->run->asked.variant->name) != 0) knee++;
    if (knee == end) knee = &none;
    table_interval(table, knee->knee_per_s.value, knee->knee_per_s.low, knee->knee_per_s.high);
    table_number(table, knee->capacity_per_s.value);
    table_number(table, knee->idle_us);
    table_number(table, knee->queue_us);
}

void figure_row_rate(struct drawing *drawing, const struct selection *here) {
    const struct open_point point = point_of(here);
    if (point.messages == 0) return;
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0].run);
    table_number(&drawing->table, point.share);
    add_waited(&drawing->table, &point, point.latency_us[OPEN_P50].value);
    add_latency(&drawing->table, &point, OPEN_P99);
    table_number(&drawing->table, point.mean_us);
    table_number(&drawing->table, point.service_p99_us);
    table_number(&drawing->table, point.answered_per_s);
    table_number(&drawing->table, point.answered_percent);
    table_number(&drawing->table, open_point_is_overloaded(&point));
    add_knee(&drawing->table, here->list);
    table_number(&drawing->table, point.deadline_us);
    table_number(&drawing->table, point.valid);
}

void figure_row_tails(struct drawing *drawing, const struct selection *here) {
    const struct open_point point = point_of(here);
    for (int i = 0; i < OPEN_PERCENTS; i++) {
        if (point.messages == 0 || isnan(point.latency_us[i].value)) continue;
        table_place(&drawing->table, NULL, here->list[0].run);
        table_number(&drawing->table, open_percents[i]);
        add_latency(&drawing->table, &point, (enum open_percent)i);
        table_number(&drawing->table, point.offered_per_s);
        table_number(&drawing->table, point.answered_percent);
        table_number(&drawing->table, point.deadline_us);
        table_number(&drawing->table, (double)point.messages);
        table_number(&drawing->table, point.valid);
    }
}
