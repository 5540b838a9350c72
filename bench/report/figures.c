/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/judge/models.h"
#include "bench/judge/open_loop.h"
#include "bench/judge/series.h"
#include "bench/report/figure.h"

#define US 1e3
#define MS 1e6

/* ---- axes ---- */

static double depth_at(const struct run *run) {
    return run->depth;
}

/* No delay has no place on its axis. */
static double rtt_at(const struct run *run) {
    return run->asked.rtt_ns == 0 ? (double)NAN : (double)run->asked.rtt_ns / MS;
}

/* From the simplest on; and from the least waiting on. */
static const char *const designs[] = {"iterative", "pool", "thread", "fork", "epoll", NULL};
static const char *const placements[] = {"same-core", "cross-core", "awake", "spin", NULL};

static const struct selection_axis along_size = {"size_bytes", "size", NULL, NULL},
                                   along_connections = {"connections", "connections", NULL, NULL},
                                   along_rate = {"offered_per_s", "rate", NULL, NULL},
                                   along_pipeline = {"pipeline", "pipeline", depth_at, NULL},
                                   along_rtt = {"rtt_ms", "rtt", rtt_at, NULL},
                                   along_design = {"design", "design", NULL, designs},
                                   along_placement = {"placement", "placement", NULL, placements};

/* ---- numbers of a run ---- */

static double p50_us(const struct run *run) {
    return metrics[METRIC_P50].of(run);
}

static double time_us(const struct run *run) {
    return metrics[METRIC_TIME].of(run);
}

static double payload_mb_per_s(const struct run *run) {
    return run_throughput_per_s(run) * run->asked.size_bytes * 1e-6;
}

static double round_trips(const struct run *run) {
    return run->asked.rtt_ns == 0 ? (double)NAN
                                  : metric_latency_us(run) * US / (double)run->asked.rtt_ns;
}

/*
 * A message is sent and received, and so is its reply: four times a part of a
 * call. NAN: one of the four was not counted.
 */
static double messages_per_call(const struct run *run) {
    return 4 / (1 / run->per_send + 1 / run->per_receive + 1 / run->server_per_receive +
                1 / run->server_per_send);
}

static double elapsed_ms(const struct run *run) {
    return (double)run->elapsed_ns / MS;
}

static double all_packets(const struct run *run) {
    return run->packets * (double)run->sent;
}

/*
 * Means, because only means add up: to that of the cycle. And per message: a
 * connection that is kept was made once, so the mean of the phase itself would
 * be another thing.
 */
static double connect_us(const struct run *run) {
    return (run->latency.mean_ns - run->exchange.mean_ns) / US;
}

static double exchange_us(const struct run *run) {
    return run->exchange.mean_ns / US;
}

static double close_us(const struct run *run) {
    return (run->cycle.mean_ns - run->latency.mean_ns) / US;
}

/* ---- the wire ---- */

static double applied_ms(const struct run *run) {
    return run->wire.applied_rtt_ns / MS;
}

static const struct runs *runs_by_rtt(const struct results *results) {
    static const struct runs none;
    const struct session *sweep = results_where(results, "sweep", "rtt", NULL);
    return sweep == NULL ? &none : &sweep->runs;
}

static double bare_us(const struct drawing *drawing, const struct variant *variant) {
    return compare_work(drawing->results, variant->name, metrics[METRIC_P50].of).value;
}

/* What the wire applied, else what it was asked for. */
static double delay_us(const struct runs *here) {
    const struct middle applied = runs_middle(here, applied_ms, NULL, NULL);
    return applied.count > 0 ? US * applied.value : (double)here->list[0]->asked.rtt_ns / US;
}

static void row_rtt(struct drawing *drawing, const struct runs *here) {
    const struct parameters *asked = &here->list[0]->asked;
    const struct middle latency = runs_middle(here, metric_latency_us, NULL, NULL);
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0]);
    table_number(&drawing->table, delay_us(here) / US);
    table_middle(&drawing->table, latency);
    table_number(&drawing->table,
                 latency_model_us(runs_by_rtt(drawing->results), asked->variant,
                                  (double)asked->rtt_ns / MS, bare_us(drawing, asked->variant)));
    table_number(&drawing->table, (double)latency.count);
}

/* What it has beyond round trips is work, as it is of small messages. */
static double size_model_us(const struct drawing *drawing, const struct runs *here) {
    const struct parameters *asked = &here->list[0]->asked;
    const double work_us = wire_work_us(runs_by_rtt(drawing->results), asked->variant,
                                        bare_us(drawing, asked->variant));
    return (isnan(work_us) ? 0 : work_us) +
           delay_us(here) *
               message_round_trips(asked->variant, asked->size_bytes, asked->reply_bytes);
}

static double page_model_ms(const struct drawing *drawing, const struct runs *here) {
    (void)drawing;
    return page_run_round_trips(here->list[0]) * delay_us(here) / US;
}

static bool is_so_deep(const struct run *run, const void *depth) {
    return run->depth == *(const unsigned *)depth;
}

/* Between the ends of its variant. */
static double pipeline_model_per_s(const struct drawing *drawing, const struct runs *here) {
    const unsigned one = 1;
    unsigned deepest = 1;
    for (size_t i = 0; i < drawing->own->count; i++)
        if (drawing->own->list[i]->depth > deepest) deepest = drawing->own->list[i]->depth;
    const double alone = runs_middle(drawing->own, run_throughput_per_s, is_so_deep, &one).value,
                 deep = runs_middle(drawing->own, run_throughput_per_s, is_so_deep, &deepest).value;
    return 1 / pipeline_model(1 / alone, 1 / deep, deepest, here->list[0]->depth);
}

/* ---- how many take how long ---- */

static void row_tail(struct drawing *drawing, const struct runs *here) {
    struct samples all = {0};
    for (size_t i = 0; i < here->count; i++) {
        const struct samples one = run_samples(here->list[i]);
        samples_add(&all, &one);
    }
    const double messages = (double)(all.answered + all.missed);
    double longer = messages, shown = 1, shown_us = 0;
    for (size_t i = 0; i < all.count; i++) {
        longer -= (double)all.buckets[i].count;
        if (longer < SAMPLES_BEYOND) break;
        /* Steps finer than a pixel only make the file large. */
        const double us = (double)all.buckets[i].upper_ns / US, share = longer / messages;
        if (us < shown_us * 1.005 && share > shown * 0.98) continue;
        table_place(&drawing->table, NULL, here->list[0]);
        table_number(&drawing->table, us);
        table_number(&drawing->table, 100 * share);
        table_number(&drawing->table, messages);
        shown_us = us;
        shown = share;
    }
    samples_free(&all);
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

static void row_loss(struct drawing *drawing, const struct runs *here) {
    double sent = 0, ok = 0, fragments = 0, packets = 0, exchanges = 0;
    for (size_t i = 0; i < here->count; i++) {
        const struct run *run = here->list[i];
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
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0]);
    table_interval(&drawing->table, 100 * share.value, 100 * share.low, 100 * share.high);
    table_number(&drawing->table, fragments / exchanges);
    table_number(&drawing->table, packets / exchanges);
    table_number(&drawing->table, predicted_percent(&here->list[0]->asked));
    table_number(&drawing->table, sent);
}

static void tell_who_waits(struct drawing *drawing, const void *behind_loss) {
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
static struct open_point point_of(const struct runs *here) {
    struct series_table table = series_of(here);
    struct open_point point = {.messages = 0};
    if (table.count > 0) point = open_point_of(&table, 0);
    series_free(&table);
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

static void add_knee(struct drawing *drawing, const struct run *run) {
    static const struct knee none = {.capacity_per_s = {NAN, NAN, NAN},
                                     .knee_per_s = {NAN, NAN, NAN},
                                     .idle_us = NAN,
                                     .queue_us = NAN};
    const struct findings *list = &figure_session_of(drawing->results, run)->lists[LIST_KNEES];
    const struct knee *knee = list->items, *end = knee + list->count;
    while (knee < end && strcmp(knee->variant, run->asked.variant->name) != 0) knee++;
    if (knee == end) knee = &none;
    table_interval(&drawing->table, knee->knee_per_s.value, knee->knee_per_s.low,
                   knee->knee_per_s.high);
    table_number(&drawing->table, knee->capacity_per_s.value);
    table_number(&drawing->table, knee->idle_us);
    table_number(&drawing->table, knee->queue_us);
}

static void row_rate(struct drawing *drawing, const struct runs *here) {
    const struct open_point point = point_of(here);
    if (point.messages == 0) return;
    table_place(&drawing->table, drawing->figure->runs.axis, here->list[0]);
    table_number(&drawing->table, point.share);
    add_waited(&drawing->table, &point, point.latency_us[OPEN_P50].value);
    add_latency(&drawing->table, &point, OPEN_P99);
    table_number(&drawing->table, point.mean_us);
    table_number(&drawing->table, point.service_p99_us);
    table_number(&drawing->table, point.answered_per_s);
    table_number(&drawing->table, point.answered_percent);
    table_number(&drawing->table, open_point_is_overloaded(&point));
    add_knee(drawing, here->list[0]);
    table_number(&drawing->table, point.deadline_us);
    table_number(&drawing->table, point.valid);
}

static void row_tails(struct drawing *drawing, const struct runs *here) {
    const struct open_point point = point_of(here);
    for (int i = 0; i < OPEN_PERCENTS; i++) {
        if (point.messages == 0 || isnan(point.latency_us[i].value)) continue;
        table_place(&drawing->table, NULL, here->list[0]);
        table_number(&drawing->table, open_percents[i]);
        add_latency(&drawing->table, &point, (enum open_percent)i);
        table_number(&drawing->table, point.offered_per_s);
        table_number(&drawing->table, point.answered_percent);
        table_number(&drawing->table, point.deadline_us);
        table_number(&drawing->table, (double)point.messages);
        table_number(&drawing->table, point.valid);
    }
}

/* ---- Google Benchmark and hyperfine ---- */

/* Of an operation that is done for several sizes: "encode/64" is the operation encode at 64. */
static const char *number_in(const char *name, char separator, double *number) {
    const char *last = strrchr(name, separator);
    char *end = NULL;
    *number = last == NULL ? 0 : strtod(last + 1, &end);
    if (last != NULL && end > last + 1 && *end == '\0') return last;
    *number = NAN;
    return name + strlen(name);
}

static void fill_codec(struct drawing *drawing) {
    for (size_t i = 0; i < drawing->results->benchmark_count; i++) {
        const struct benchmark *one = &drawing->results->benchmarks[i];
        double bytes;
        const char *end = number_in(one->name, '/', &bytes);
        if (strncmp(one->name, "wakeup/", strlen("wakeup/")) == 0 || !(one->ns > 0)) continue;
        table_text(&drawing->table, "%.*s", (int)(end - one->name), one->name);
        table_number(&drawing->table, bytes);
        table_interval(&drawing->table, one->ns, fmax(0, one->ns - one->deviation_ns),
                       one->ns + one->deviation_ns);
        table_number(&drawing->table, one->repetitions);
    }
}

/* hyperfine runs in rounds, a file each: for the picture the times of equal commands are one. */
static void add_command(struct drawing *drawing, const struct timed_command *first) {
    const struct results *results = drawing->results;
    double *times = NULL, messages;
    size_t count = 0;
    const char *end = number_in(first->command, ' ', &messages);
    for (size_t i = 0; i < results->command_count; i++) {
        const struct timed_command *one = &results->commands[i];
        if (strcmp(one->command, first->command) != 0) continue;
        double *more = reallocarray(times, count + one->count + 1, sizeof *more);
        if (more == NULL) break;
        times = more;
        memcpy(times + count, one->times_s, one->count * sizeof *times);
        count += one->count;
    }
    const struct middle time = statistics_middle(times, count);
    free(times);
    if (count == 0) return;
    table_text(&drawing->table, "%.*s", (int)(end - first->command), first->command);
    table_number(&drawing->table, messages);
    table_middle(&drawing->table, time);
    table_number(&drawing->table, (double)count);
}

static bool came_before(const struct results *results, size_t command) {
    for (size_t i = 0; i < command; i++)
        if (strcmp(results->commands[i].command, results->commands[command].command) == 0)
            return true;
    return false;
}

static void fill_process(struct drawing *drawing) {
    for (size_t i = 0; i < drawing->results->command_count; i++)
        if (!came_before(drawing->results, i)) add_command(drawing, &drawing->results->commands[i]);
}

/* ---- the table ---- */

const struct figure figures[] = {
    {"per_connection", "per-connection", "us", false,
     "A message, by how many its connection carries",
     .caption = "From a connection for every message, at the left (HTTP/1.0), to one that "
                "stays open, at the right (keep-alive). Points are measured, lines are the "
                "model between the two ends: the time on a kept connection, and of what a "
                "fresh one takes more the share of one message.",
     .findings = &finding_kinds[LIST_PER_CONNECTION], .conditions = "{size_bytes:byte}",
     .columns = "variant|per_connection=[{messages:%.0f}]|rtt_ms=[{rtt_ms:%.4g}]|time_us|"
                "ci_low|ci_high|model_us|runs",
     .drawn = {{"time_us", true}}},
    {"rtt", "rtt", "us", false, "Latency over the round-trip time",
     .caption = "Points are measured, lines are the model: the work, over the wire without delay "
                "where that was measured, and the round trips that a message waits. {model}.",
     .runs = {.axis = &along_rtt, .wire = true},
     .columns = "variant|rtt_ms|rtt_applied_ms|latency_us|ci_low|ci_high|model_us|runs",
     .drawn = {{"rtt_applied_ms", true}, {"latency_us", true}}, .row = row_rtt,
     .model = {"model_us", "a CPU that has waited for long is slower to begin", NULL}},
    {"who_waits", "who-waits", NULL, false, "One packet lost: who waits?",
     .caption = "Each point is a message: when it was due, and how long it took until its "
                "answer. Above the panel's end only the time is given. One request is lost at "
                "time 0, and the same load goes on in all panels.",
     .findings = &finding_kinds[LIST_BEHIND_LOSS], .runs = {.one_session = true},
     .conditions = "{rate_per_s:count} messages/s, a round-trip time of {rtt_ms:count} ms",
     .columns = "variant|due_ms|latency_ms|top_ms|late|late_beyond_ms|lost",
     .drawn = {{"due_ms", false}, {"latency_ms", false}}, .tell = tell_who_waits},
    {"throughput", "connections", "messages/s", true,
     "Throughput and latency over the number of connections",
     .caption = "All connections are in one loop on either side, and each has one message "
                "outstanding: what one more of them adds to the throughput until a CPU is "
                "busy, it adds to the latency from there on.",
     .runs = {.axis = &along_connections, .sweep = true, .points = 2},
     .metrics = {{"throughput_per_s", run_throughput_per_s}, {"latency_p50_us", p50_us}},
     .drawn = {{"connections", true}, {"throughput_per_s", true}, {"latency_p50_us", true}}},
    {"rate", "rate", "us", false, "Latency over the offered rate",
     .caption = "An open loop: requests come when they come, and latency counts from when one "
                "was due. Points are means over the messages of a run, lines the curve of a "
                "queue through those below the capacity, and a bar across one is its knee with "
                "the interval. Dashed: p99. Below, the share that was answered within the "
                "deadline. Hollow: overloaded, not answered at the rate it came.",
     .runs = {.axis = &along_rate, .sweep = true, .open = true, .one_session = true},
     .columns = "variant|offered_per_s|share|p50_us|p99_us|run_low|run_high|mean_us|"
                "service_p99_us|answered_per_s|answered_percent|overloaded|knee_per_s|"
                "knee_low|knee_high|capacity_per_s|idle_us|queue_us|deadline_us|runs",
     .drawn = {{"offered_per_s", true}, {"mean_us", true}}, .row = row_rate},
    {"tails", "tails", NULL, false, "Tails at one rate for all",
     .caption = "An open loop at the same rate for every variant: disturbances come per "
                "second, so only at a common rate do they meet the same share of the messages. "
                "A point is of all runs together, its bar from the lowest to the highest of "
                "single runs. One that was lost counts as longer than all.",
     .runs = {.open = true, .one_session = true},
     .columns = "variant|percent|latency_us|run_low|run_high|offered_per_s|answered_percent|"
                "deadline_us|messages|runs",
     .drawn = {{"percent", false}, {"latency_us", true}}, .row = row_tails},
    {"pipeline", "pipeline", "messages/s", true, "Messages per second over the number outstanding",
     .caption = "One connection, and so many messages on it before the first answer. The panel "
                "below says how many share a system call, counted over the sends and receives "
                "of both sides: what batching is, and why these lines part. Dotted is the model: "
                "waiting and calls are shared by a batch, between one message and the deepest. "
                "{model}.",
     .runs = {.axis = &along_pipeline, .sweep = true, .points = 2},
     .metrics = {{"throughput_per_s", run_throughput_per_s},
                 {"messages_per_call", messages_per_call}},
     .model = {"model_per_s", "a batch and a message have one cost each there, and buffers fill",
               pipeline_model_per_s},
     .drawn = {{"pipeline", true}, {"throughput_per_s", true}, {"messages_per_call", true}}},
    {"objects", "objects", "ms", true, "A page of many objects",
     .caption = "Equal work: the same objects, of which each connection asks for its share. "
                "Above the time until the last has come, and as a mark the model: the round trips "
                "of the connection with the most. Below the packets of both directions. {model}.",
     .runs = {.axis = &along_connections, .sweep = true, .wire = true, .page = true},
     .metrics = {{"page_ms", elapsed_ms}, {"packets", all_packets}},
     .model = {"model_ms", "the work on each object is left out there", page_model_ms},
     .drawn = {{"page_ms", false}, {"packets", false}}},
    {"designs", "designs", "us", true, "A message by the design of the server",
     .caption = "The same client and the same bytes; what differs is who serves a connection: "
                "one thread after the other's end (iterative), waiting threads (pool), one "
                "made for it (thread), a process made for it (fork), or a loop over all "
                "(epoll).",
     .runs = {.axis = &along_design, .sweep = true, .points = 2},
     .metrics = {{"time_per_message_us", time_us}}, .drawn = {{"time_per_message_us", false}}},
    {"latency", "core", NULL, false, "How many messages take how long",
     .caption = "Half of the messages, and 1 in 100, took longer than: {tails}.",
     .columns = "variant|latency_us|longer_percent|messages",
     .drawn = {{"latency_us", true}, {"longer_percent", true}}, .row = row_tail},
    {"size", "size", "us", true, "Latency and throughput over the size of the payload",
     .caption = "The median latency goes from {lowest} to {highest}.",
     .runs = {.axis = &along_size, .points = 2},
     .metrics = {{"latency_p50_us", p50_us},
                 {"throughput_per_s", run_throughput_per_s},
                 {"payload_MB_per_s", payload_mb_per_s}},
     .drawn = {{"size_bytes", false}, {"latency_p50_us", true}, {"payload_MB_per_s", true}}},
    {"size_rtt", "size-rtt", "us", true, "Latency over the size of the payload: slow start",
     .caption = "A fresh connection may send 10 segments, 14,480 bytes, and then twice as many "
                "with each round trip; the reply, as large as the request, does so too: the "
                "steps, and the lines. {steps}. {model}.",
     .runs = {.axis = &along_size, .points = 2, .wire = true},
     .metrics = {{"latency_us", metric_latency_us}, {"round_trips", round_trips}},
     .model = {"model_us", "the packets of a large message take time of a CPU, too", size_model_us},
     .drawn = {{"size_bytes", false}, {"latency_us", false}, {"round_trips", true}}},
    {"size_loss", "size-loss", "%", true,
     "Answered within the deadline, over the size of the payload",
     .caption = "A payload of 1,432 bytes and its header of 40 are a datagram of 1,472: with "
                "28 of UDP and IP the largest in one packet (the mark). A larger one is cut, "
                "and lost with any of its fragments. {answered}.",
     .runs = {.axis = &along_size, .points = 2, .wire = true, .loses = true},
     .columns = "variant|size_bytes|answered_percent|ci_low|ci_high|fragments_per_request|"
                "packets_per_request|predicted_percent|messages",
     .drawn = {{"size_bytes", false}, {"answered_percent", false}}, .row = row_loss},
    {"idle", "idle", "ms", false, "Latency over the time since the last message",
     .caption = "A connection that was kept and not used forgets how much it may send: beyond "
                "a retransmission timeout Linux halves its congestion window for each that has "
                "passed, down to that of a fresh one (RFC 5681, section 4.1). A short reply "
                "fits into any window. Dotted is the model: the round trips that the window left "
                "makes of it, without any work.",
     .findings = &finding_kinds[LIST_IDLE_POINTS], .runs = {.one_session = true},
     .conditions = "a round-trip time of {rtt_ms:count} ms, requests of {size_bytes:byte}, "
                   "replies as named",
     .columns = "series={variant},{reply_bytes:%.0f}|gap_ms|latency_ms|low_ms|high_ms|"
                "round_trips|model_ms|samples",
     .drawn = {{"gap_ms", true}, {"latency_ms", false}}},
    {"phases", "core", "us", true, "Where the time of a message goes",
     .caption = "In the mean, {largest_overhead}.",
     .metrics = {{"connect_us", connect_us}, {"exchange_us", exchange_us}, {"close_us", close_us}},
     .drawn = {{"exchange_us", false}}},
    {"placement", "cross-core", "us", true, "Where client and server run",
     .caption = "The shortest median latency is {lowest}, the longest {highest}.",
     .runs = {.axis = &along_placement, .points = 2}, .metrics = {{"latency_p50_us", p50_us}},
     .drawn = {{"latency_p50_us", true}}},
    {"codec", "micro", "ns", true, "What the message format itself costs",
     .caption = "An operation takes from {lowest} to {highest}.",
     .columns = "operation|bytes|time_ns|low|high|repetitions",
     .drawn = {{"bytes", false}, {"time_ns", true}}, .fill = fill_codec},
    {"process", "hyperfine", "s", false, "A whole client process, timed from outside",
     .caption = "The slope of a line is a message, where it begins is the start of a process.",
     .columns = "variant|messages|time_s|ci_low|ci_high|runs",
     .drawn = {{"messages", false}, {"time_s", false}}, .fill = fill_process}};

const unsigned figure_count = sizeof figures / sizeof figures[0];
