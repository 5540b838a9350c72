/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The figures. */
#include <math.h>
#include <string.h>

#include "bench/judge/metric.h"
#include "bench/report/figure_rows.h"

#define US 1e3
#define MS 1e6

/* ---- axes ---- */

static double size_at(const struct run *run) {
    return run->asked.size_bytes;
}

static double connections_at(const struct run *run) {
    return run->asked.connections;
}

static double rate_at(const struct run *run) {
    return run->asked.rate_per_s;
}

static double depth_at(const struct run *run) {
    return run->depth;
}

/* No delay has no place on its axis. */
static double rtt_at(const struct run *run) {
    return run->asked.rtt_ns == 0 ? (double)NAN : (double)run->asked.rtt_ns / MS;
}

/* From the simplest on; and from the least waiting on. */
static const char *const designs[] = {"iterative", "pool", "thread", "fork", "epoll"};
static const char *const placements[] = {"same-core", "cross-core", "awake", "spin"};

static double place_in(const char *const *names, size_t count, const char *name) {
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0) i++;
    return i < count ? (double)i : (double)NAN;
}

static double design_at(const struct run *run) {
    return place_in(designs, DESIGNS, design_names[run->asked.design]);
}

static double placement_at(const struct run *run) {
    return run->asked.host != NULL
               ? (double)NAN
               : place_in(placements, PLACEMENTS, placement_names[run->asked.placement]);
}

static const struct selection_axis along_size = {"size_bytes", "size", size_at, NULL},
                                   along_connections = {"connections", "connections",
                                                        connections_at, NULL},
                                   along_rate = {"offered_per_s", "rate", rate_at, NULL},
                                   along_pipeline = {"pipeline", "pipeline", depth_at, NULL},
                                   along_rtt = {"rtt_ms", "rtt", rtt_at, NULL},
                                   along_design = {"design", "design", design_at, designs},
                                   along_placement = {"placement", "placement", placement_at,
                                                      placements};

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

/* ---- the table ---- */

const struct figure figures[] = {
    {.name = "per_connection",
     .plan = "per-connection",
     .title = "A message, by how many its connection carries",
     .caption = "From a connection for every message, at the left (HTTP/1.0), to one that "
                "stays open, at the right (keep-alive). Points are measured, lines are the "
                "model between the two ends: the time on a kept connection, and of what a "
                "fresh one takes more the share of one message.",
     .unit = "us",
     .findings = &finding_kinds[LIST_PER_CONNECTION],
     .conditions = "{size_bytes:byte}",
     .columns = "variant|per_connection=[{messages:%.0f}]|rtt_ms=[{rtt_ms:%.4g}]|time_us|"
                "ci_low|ci_high|model_us|runs",
     .drawn = {{"time_us", true}}},
    {.name = "rtt",
     .plan = "rtt",
     .title = "Latency over the round-trip time",
     .caption = "Points are measured, lines are the model: the work, over the wire without delay "
                "where that was measured, and the round trips that a message waits. {model}.",
     .unit = "us",
     .runs = {.axis = &along_rtt, .wire = true},
     .columns = "variant|rtt_ms|rtt_applied_ms|latency_us|ci_low|ci_high|model_us|runs",
     .drawn = {{"rtt_applied_ms", true}, {"latency_us", true}},
     .row = figure_row_rtt,
     .why = "a CPU that has waited for long is slower to begin"},
    {.name = "who_waits",
     .plan = "who-waits",
     .title = "One packet lost: who waits?",
     .caption = "Each point is a message: when it was due, and how long it took until its "
                "answer. Above the panel's end only the time is given. One request is lost at "
                "time 0, and the same load goes on in all panels.",
     .findings = &finding_kinds[LIST_BEHIND_LOSS],
     .runs = {.one_session = true},
     .conditions = "{rate_per_s:count} messages/s, a round-trip time of {rtt_ms:count} ms",
     .columns = "variant|due_ms|latency_ms|top_ms|late|late_beyond_ms|lost",
     .drawn = {{"due_ms", false}, {"latency_ms", false}},
     .tell = figure_tell_who_waits},
    {.name = "throughput",
     .plan = "connections",
     .title = "Throughput and latency over the number of connections",
     .caption = "All connections are in one loop on either side, and each has one message "
                "outstanding: what one more of them adds to the throughput until a CPU is "
                "busy, it adds to the latency from there on.",
     .unit = "messages/s",
     .runs = {.axis = &along_connections, .sweep = true, .points = 2},
     .metrics = {{"throughput_per_s", run_throughput_per_s}, {"latency_p50_us", p50_us}},
     .numbers = true,
     .drawn = {{"connections", true}, {"throughput_per_s", true}, {"latency_p50_us", true}}},
    {.name = "rate",
     .plan = "rate",
     .title = "Latency over the offered rate",
     .caption = "An open loop: requests come when they come, and latency counts from when one "
                "was due. Points are means over the messages of a run, lines the curve of a "
                "queue through those below the capacity, and a bar across one is its knee with "
                "the interval. Dashed: p99. Below, the share that was answered within the "
                "deadline. Hollow: overloaded, not answered at the rate it came.",
     .unit = "us",
     .runs = {.axis = &along_rate, .sweep = true, .open = true, .one_session = true},
     .columns = "variant|offered_per_s|share|p50_us|p99_us|run_low|run_high|mean_us|"
                "service_p99_us|answered_per_s|answered_percent|overloaded|knee_per_s|"
                "knee_low|knee_high|capacity_per_s|idle_us|queue_us|deadline_us|runs",
     .drawn = {{"offered_per_s", true}, {"mean_us", true}},
     .row = figure_row_rate},
    {.name = "tails",
     .plan = "tails",
     .title = "Tails at one rate for all",
     .caption = "An open loop at the same rate for every variant: disturbances come per "
                "second, so only at a common rate do they meet the same share of the messages. "
                "A point is of all runs together, its bar from the lowest to the highest of "
                "single runs. One that was lost counts as longer than all.",
     .runs = {.open = true, .one_session = true},
     .columns = "variant|percent|latency_us|run_low|run_high|offered_per_s|answered_percent|"
                "deadline_us|messages|runs",
     .drawn = {{"percent", false}, {"latency_us", true}},
     .row = figure_row_tails},
    {.name = "pipeline",
     .plan = "pipeline",
     .title = "Messages per second over the number outstanding",
     .caption = "One connection, and so many messages on it before the first answer. The panel "
                "below says how many share a system call, counted over the sends and receives "
                "of both sides: what batching is, and why these lines part. Dotted is the model: "
                "waiting and calls are shared by a batch, between one message and the deepest. "
                "{model}.",
     .unit = "messages/s",
     .runs = {.axis = &along_pipeline, .sweep = true, .points = 2},
     .columns = "variant|pipeline|throughput_per_s|throughput_per_s_ci_low|"
                "throughput_per_s_ci_high|messages_per_call|messages_per_call_ci_low|"
                "messages_per_call_ci_high|model_per_s|runs",
     .numbers = true,
     .drawn = {{"pipeline", true}, {"throughput_per_s", true}, {"messages_per_call", true}},
     .row = figure_row_pipeline,
     .model = figure_model_pipeline,
     .why = "a batch and a message have one cost each there, and buffers fill"},
    {.name = "objects",
     .plan = "objects",
     .title = "A page of many objects",
     .caption = "Equal work: the same objects, of which each connection asks for its share. "
                "Above the time until the last has come, and as a mark the model: the round trips "
                "of the connection with the most. Below the packets of both directions. {model}.",
     .unit = "ms",
     .runs = {.axis = &along_connections, .sweep = true, .wire = true, .page = true},
     .columns = "variant|connections|page_ms|page_ms_ci_low|page_ms_ci_high|packets|"
                "packets_ci_low|packets_ci_high|model_ms|runs",
     .numbers = true,
     .drawn = {{"page_ms", false}, {"packets", false}},
     .row = figure_row_objects,
     .why = "the work on each object is left out there"},
    {.name = "designs",
     .plan = "designs",
     .title = "A message by the design of the server",
     .caption = "The same client and the same bytes; what differs is who serves a connection: "
                "one thread after the other's end (iterative), waiting threads (pool), one "
                "made for it (thread), a process made for it (fork), or a loop over all "
                "(epoll).",
     .unit = "us",
     .runs = {.axis = &along_design, .sweep = true, .points = 2},
     .metrics = {{"time_per_message_us", time_us}},
     .numbers = true,
     .drawn = {{"time_per_message_us", false}}},
    {.name = "latency",
     .plan = "core",
     .title = "How many messages take how long",
     .caption = "Half of the messages, and 1 in 100, took longer than: {tails}.",
     .columns = "variant|latency_us|longer_percent|messages",
     .drawn = {{"latency_us", true}, {"longer_percent", true}},
     .row = figure_row_tail},
    {.name = "size",
     .plan = "size",
     .title = "Latency and throughput over the size of the payload",
     .caption = "The median latency goes from {lowest} to {highest}.",
     .unit = "us",
     .runs = {.axis = &along_size, .points = 2},
     .metrics = {{"latency_p50_us", p50_us},
                 {"throughput_per_s", run_throughput_per_s},
                 {"payload_MB_per_s", payload_mb_per_s}},
     .numbers = true,
     .drawn = {{"size_bytes", false}, {"latency_p50_us", true}, {"payload_MB_per_s", true}}},
    {.name = "size_rtt",
     .plan = "size-rtt",
     .title = "Latency over the size of the payload: slow start",
     .caption = "A fresh connection may send 10 segments, 14,480 bytes, and then twice as many "
                "with each round trip; the reply, as large as the request, does so too: the "
                "steps, and the lines. {steps}. {model}.",
     .unit = "us",
     .runs = {.axis = &along_size, .points = 2, .wire = true},
     .columns = "variant|size_bytes|latency_us|ci_low|ci_high|round_trips|model_us|runs",
     .numbers = true,
     .drawn = {{"size_bytes", false}, {"latency_us", false}, {"round_trips", true}},
     .row = figure_row_size_rtt,
     .why = "the packets of a large message take time of a CPU, too"},
    {.name = "size_loss",
     .plan = "size-loss",
     .title = "Answered within the deadline, over the size of the payload",
     .caption = "A payload of 1,432 bytes and its header of 40 are a datagram of 1,472: with "
                "28 of UDP and IP the largest in one packet (the mark). A larger one is cut, "
                "and lost with any of its fragments. {answered}.",
     .unit = "%",
     .runs = {.axis = &along_size, .points = 2, .wire = true, .loses = true},
     .columns = "variant|size_bytes|answered_percent|ci_low|ci_high|fragments_per_request|"
                "packets_per_request|predicted_percent|messages",
     .numbers = true,
     .drawn = {{"size_bytes", false}, {"answered_percent", false}},
     .row = figure_row_loss},
    {.name = "idle",
     .plan = "idle",
     .title = "Latency over the time since the last message",
     .caption = "A connection that was kept and not used forgets how much it may send: beyond "
                "a retransmission timeout Linux halves its congestion window for each that has "
                "passed, down to that of a fresh one (RFC 5681, section 4.1). A short reply "
                "fits into any window. Dotted is the model: the round trips that the window left "
                "makes of it, without any work.",
     .unit = "ms",
     .findings = &finding_kinds[LIST_IDLE_POINTS],
     .runs = {.one_session = true},
     .conditions = "a round-trip time of {rtt_ms:count} ms, requests of {size_bytes:byte}, "
                   "replies as named",
     .columns = "series={variant},{reply_bytes:%.0f}|gap_ms|latency_ms|low_ms|high_ms|"
                "round_trips|model_ms|samples",
     .drawn = {{"gap_ms", true}, {"latency_ms", false}}},
    {.name = "phases",
     .plan = "core",
     .title = "Where the time of a message goes",
     .caption = "In the mean, {largest_overhead}.",
     .unit = "us",
     .metrics = {{"connect_us", connect_us}, {"exchange_us", exchange_us}, {"close_us", close_us}},
     .numbers = true,
     .drawn = {{"exchange_us", false}}},
    {.name = "placement",
     .plan = "cross-core",
     .title = "Where client and server run",
     .caption = "The shortest median latency is {lowest}, the longest {highest}.",
     .unit = "us",
     .runs = {.axis = &along_placement, .points = 2},
     .metrics = {{"latency_p50_us", p50_us}},
     .numbers = true,
     .drawn = {{"latency_p50_us", true}}},
    {.name = "codec",
     .plan = "micro",
     .title = "What the message format itself costs",
     .caption = "An operation takes from {lowest} to {highest}.",
     .unit = "ns",
     .columns = "operation|bytes|time_ns|low|high|repetitions",
     .numbers = true,
     .drawn = {{"bytes", false}, {"time_ns", true}},
     .fill = figure_fill_codec},
    {.name = "process",
     .plan = "hyperfine",
     .title = "A whole client process, timed from outside",
     .caption = "The slope of a line is a message, where it begins is the start of a process.",
     .unit = "s",
     .columns = "variant|messages|time_s|ci_low|ci_high|runs",
     .drawn = {{"messages", false}, {"time_s", false}},
     .fill = figure_fill_process}};

const unsigned figure_count = sizeof figures / sizeof figures[0];
