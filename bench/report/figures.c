/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/figures.h"

#include <errno.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report/figures_fill.h"
#include "bench/session/output.h"

const struct figure figures[] = {
    {.name = "rtt",
     .title = "Latency over the round-trip time",
     .caption = "Points are measured, lines are the model: the work on one core, and the round "
                "trips that a message waits. {rtt}.",
     .unit = "us",
     .command = "echolab sweep rtt --json %s/results/rtt.json",
     .axis = "rtt_ms",
     .wire = true,
     .fixed = {"loss_percent", "offered_per_s", "placement", "connections", "size_bytes", "engine"},
     .header = "variant\trtt_ms\trtt_applied_ms\tlatency_us\tci_low\tci_high\tmodel_us\truns",
     .fill = figure_fill_rtt},
    {.name = "who_waits",
     .title = "One packet lost: who waits?",
     .caption = "Each point is a message: when it was due, and how long it took until its answer. "
                "Above the panel's end only the time is given. One request is lost at time 0, and "
                "the same load goes on in all panels.",
     .command = "echolab sweep loss --rate --blocks 1 --json %s/results/who-waits.json",
     .header = "variant\tdue_ms\tlatency_ms\tshown_ms\tlabel\tpanel\ttop_ms",
     .fill = figure_fill_who_waits},
    {.name = "throughput",
     .title = "Throughput and latency over the number of connections",
     .caption = "All connections are in one loop on either side, and each has one message "
                "outstanding: what one more of them adds to the throughput until a CPU is busy, it "
                "adds to the latency from there on.",
     .unit = "messages/s",
     .command = "echolab sweep connections --engine epoll --placement cross-core "
                "--json %s/results/connections.json",
     .axis = "connections",
     .points = 2,
     .sweep = "connections",
     .fixed = {"placement", "size_bytes", "engine", "design", "workers"},
     .metrics = {{.column = "throughput_per_s", .path = "throughput_per_s"},
                 {.column = "latency_p50_us", .path = "latency_us.p50"}},
     .fill = figure_fill_medians},
    {.name = "rate",
     .title = "Latency over the offered rate",
     .caption = "An open loop: requests come when they come, and latency counts from when one was "
                "due. The service time, the thin lines, counts from its first byte sent, and so "
                "leaves out what it waited before: what a closed loop never shows. Hollow: "
                "overloaded, not answered at the rate it came.",
     .unit = "us",
     .command = "echolab sweep rate tcp-per-message tcp-persistent udp-persistent --delay 100us "
                "--connections 8 "
                "--json %s/results/rate.json",
     .axis = "offered_per_s",
     .sweep = "rate",
     .open = true,
     .fixed = {"delay_us", "placement", "connections", "size_bytes", "engine", "design",
               "deadline_ms"},
     .header = "variant\toffered_per_s\tshare\tp50_us\tp99_us\trun_low\trun_high\t"
               "service_p50_us\tservice_p99_us\tanswered_per_s\tanswered_percent\toverloaded\t"
               "knee_per_s\tdeadline_us\truns",
     .fill = figure_fill_rate},
    {.name = "tails",
     .title = "Tails at one rate for all",
     .caption = "An open loop at the same rate for every variant: disturbances come per second, so "
                "only at a common rate do they meet the same share of the messages. A point is of "
                "all runs together, its bar from the lowest to the highest of single runs. One "
                "that was lost counts as longer than all; a percentile needs 20 messages beyond "
                "it.",
     .unit = "us",
     .command = "echolab compare --rate half --arrivals fixed --json %s/results/tails.json",
     .open = true,
     .fixed = {"placement", "connections", "size_bytes", "engine", "design", "offered_per_s",
               "deadline_ms"},
     .header = "variant\tpercent\tlatency_us\trun_low\trun_high\toffered_per_s\t"
               "answered_percent\tdeadline_us\tmessages\truns",
     .fill = figure_fill_tails},
    {.name = "pipeline",
     .title = "Messages per second over the number outstanding",
     .caption = "One connection, and so many messages on it before the first answer. The panel "
                "below says how many share a system call, counted over the sends and receives of "
                "both sides: what batching is, and why these lines part.",
     .unit = "messages/s",
     .command = "echolab sweep pipeline --json %s/results/pipeline.json",
     .axis = "pipeline",
     .points = 2,
     .sweep = "pipeline",
     .fixed = {"placement", "connections", "size_bytes", "engine", "design"},
     .metrics = {{.column = "throughput_per_s"},
                 {.column = "messages_per_call"},
                 {.column = "messages_per_packet"}},
     .fill = figure_fill_pipeline},
    {.name = "objects",
     .title = "A page of many objects",
     .caption = "Equal work: the same objects, of which each connection asks for its share. Above "
                "the time until the last has come, below the packets of both directions.",
     .unit = "ms",
     .command = "echolab sweep connections tcp-per-message tcp-persistent tcp-pipelined --at 1,4,6 "
                "--messages 43 --size 64 --reply-size 4k --rtt 90ms --warmup 0s "
                "--json %s/results/objects.json",
     .axis = "connections",
     .sweep = "connections",
     .wire = true,
     .fixed = {"rtt_ms", "messages.sent", "reply_bytes", "size_bytes", "file"}, /* of one session */
     .metrics = {{.column = "page_ms", .path = "elapsed_s", .scale = 1e3},
                 {.column = "packets", .path = "per_message.packets", .times = "messages.sent"}},
     .fill = figure_fill_medians},
    {.name = "designs",
     .title = "A message by the design of the server",
     .caption = "The same client and the same bytes; what differs is who serves a connection: one "
                "thread after the other's end (iterative), waiting threads (pool), one made for it "
                "(thread), a process made for it (fork), or a loop over all (epoll).",
     .unit = "us",
     .command = "echolab sweep design tcp-per-message tcp-persistent --json "
                "%s/results/designs.json",
     .axis = "design",
     .points = 2,
     .order = {"iterative", "pool", "thread", "fork", "epoll"},
     .sweep = "design",
     .fixed = {"placement", "connections", "size_bytes", "engine"},
     .metrics = {{.column = "time_per_message_us", .path = "time_per_message_us"}},
     .fill = figure_fill_medians},
    {.name = "latency",
     .title = "How many messages take how long",
     .caption = "Half of the messages, and 1 in 100, took longer than: {tails}.",
     .command = "echolab compare --json %s/results/core.json",
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "placement", "connections", "size_bytes",
               "engine"},
     .header = "variant\tlatency_us\tlonger_percent\tmessages",
     .fill = figure_fill_tail},
    {.name = "size",
     .title = "Latency and throughput over the size of the payload",
     .caption = "The median latency goes from {lowest} to {highest}.",
     .unit = "us",
     .command = "echolab sweep size --json %s/results/size.json",
     .axis = "size_bytes",
     .points = 2,
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "placement", "connections", "engine"},
     .metrics = {{.column = "latency_p50_us", .path = "latency_us.p50"},
                 {.column = "throughput_per_s", .path = "throughput_per_s"},
                 {.column = "payload_MB_per_s",
                  .path = "throughput_per_s",
                  .times = "size_bytes",
                  .scale = 1e-6}},
     .fill = figure_fill_medians},
    {.name = "size_rtt",
     .title = "Latency over the size of the payload: slow start",
     .caption = "A fresh connection may send 10 segments, 14,480 bytes, and then twice as many "
                "with each round trip; the reply, as large as the request, does so too: the steps. "
                "{steps}.",
     .unit = "us",
     .command = "echolab sweep size tcp-per-message tcp-persistent --at "
                "64,4k,14k,15k,32k,64k,128k,256k,512k,1M --rtt 20ms --messages 6 --blocks 3 "
                "--json %s/results/size-rtt.json",
     .axis = "size_bytes",
     .points = 2,
     .wire = true,
     .fixed = {"rtt_ms", "mtu_bytes", "offered_per_s", "placement", "connections", "engine"},
     /* Of so few messages there is no median, but a mean. */
     .metrics = {{.column = "latency_us", .path = "latency_us.p50", .otherwise = "latency_us.mean"},
                 {.column = "round_trips",
                  .path = "latency_us.p50",
                  .otherwise = "latency_us.mean",
                  .over = "rtt_ms",
                  .scale = 1e-3}},
     .fill = figure_fill_medians},
    {.name = "size_loss",
     .title = "Answered within the deadline, over the size of the payload",
     .caption = "A payload of 1,432 bytes and its header of 40 are a datagram of 1,472: with 28 of "
                "UDP and IP the largest in one packet (the mark). A larger one is cut, and lost "
                "with any of its fragments. {answered}.",
     .unit = "%",
     .command = "echolab sweep size udp-persistent tcp-persistent --at "
                "64,1k,1432,1433,4k,16k,60k --rtt 2ms --loss 1% --messages 60 --deadline 2s "
                "--blocks 3 --json %s/results/size-loss.json",
     .axis = "size_bytes",
     .points = 2,
     .wire = true,
     .loses = true,
     .fixed = {"loss_percent", "rtt_ms", "deadline_ms", "offered_per_s", "placement", "connections",
               "engine"},
     .metrics = {{.column = "answered_percent"},
                 {.column = "fragments_per_request"},
                 {.column = "packets_per_request"},
                 {.column = "predicted_percent"}},
     .interval = "95 % interval",
     .samples = "messages",
     .fill = figure_fill_loss},
    {.name = "idle",
     .title = "Latency over the time since the last message",
     .caption = "A connection that was kept and not used forgets how much it may send: beyond a "
                "retransmission timeout Linux halves its congestion window for each that has "
                "passed, down to that of a fresh one (RFC 5681, section 4.1). A short reply fits "
                "into any window.",
     .unit = "ms",
     .command = "echolab sweep idle --json %s/results/idle.json",
     .who = "series",
     .axis = "gap_ms",
     .header = "series\tgap_ms\tlatency_ms\tci_low\tci_high\tround_trips\tmessages\tvariant\t"
               "reply_bytes\trtt_ms",
     .fill = figure_fill_idle},
    {.name = "life",
     .title = "The cost of a connection, shared by its messages",
     .caption = "Lines are computed from what a message takes on a fresh connection and on a kept "
                "one; points are measured, each on one connection that carried so many messages "
                "one after the other.",
     .unit = "%",
     .command = "echolab sweep life --json %s/results/life.json",
     .who = "series",
     .axis = "messages",
     .header = "series\tmessages\tshare_percent\tmeasured_percent\tleast_percent\tmost_percent\t"
               "setup_ms\texchange_ms\tbelow_10_percent\trtt_ms\tsize_bytes\truns",
     .fill = figure_fill_life},
    {.name = "phases",
     .title = "Where the time of a message goes",
     .caption = "In the mean, {largest_overhead}.",
     .unit = "us",
     .command = "echolab compare --json %s/results/core.json",
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "placement", "connections", "size_bytes",
               "engine"},
     /*
      * Means, because only means add up: to that of the cycle. And per message: a connection
      * that is kept was made once, so the mean of the phase itself would be another thing.
      */
     .metrics = {{.column = "connect_us",
                  .path = "latency_us.mean",
                  .minus = "phases_us.exchange.mean"},
                 {.column = "exchange_us", .path = "phases_us.exchange.mean"},
                 {.column = "close_us", .path = "cycle_us.mean", .minus = "latency_us.mean"}},
     .fill = figure_fill_medians},
    {.name = "placement",
     .title = "Where client and server run",
     .caption = "The shortest median latency is {lowest}, the longest {highest}.",
     .unit = "us",
     .command = "echolab compare --placement cross-core --json %s/results/cross-core.json",
     .axis = "placement",
     .points = 2,
     .order = {"same-core", "cross-core", "awake", "spin"},
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "connections", "size_bytes"},
     .metrics = {{.column = "latency_p50_us", .path = "latency_us.p50"}},
     .fill = figure_fill_medians},
    {.name = "codec",
     .title = "What the message format itself costs",
     .caption = "An operation takes from {lowest} to {highest}.",
     .unit = "ns",
     .command = "make bench",
     .who = "operation",
     .axis = "bytes",
     .metrics = {{.column = "time_ns"}},
     .interval = "one standard deviation",
     .samples = "repetitions",
     .fill = figure_fill_micro},
    {.name = "process",
     .title = "A whole client process, timed from outside",
     .caption = "The slope of a line is a message, where it begins is the start of a process: "
                "{slopes}.",
     .unit = "s",
     .command = "make bench",
     .axis = "messages",
     /* Columns from the seventh on: enum process_column. */
     .header = "variant\tmessages\ttime_s\tci_low\tci_high\truns\t"
               "per_message_us\tper_message_low\tper_message_high\t"
               "start_ms\tstart_low\tstart_high\tfiles\t"
               "compare_us\tcompare_low\tcompare_high\tcompare_runs\tdifference_percent",
     .fill = figure_fill_processes},
    {.name = NULL},
};

const struct figure *figure_find(const char *name) {
    const struct figure *figure = figures;
    while (figure->name != NULL && strcmp(figure->name, name) != 0) figure++;
    return figure;
}

/* Writing */

int figure_save(const char *folder, const char *name, const char *text, size_t size,
                char error[REPORT_ERROR]) {
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        const int code = errno;
        return report_fail(error, -code, "%s cannot be made: %s.", folder, strerror(code));
    }
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        return report_fail(error, -ENOMEM, "There is not enough memory.");
    }
    const int result = output_write(path, text, size);
    if (result != 0)
        (void)report_fail(error, result, "%s cannot be written: %s.", path, strerror(-result));
    free(path);
    return result;
}

/* "-" is what the plots know as missing; a tab or a new line would end the cell. */
static void write_cell(FILE *out, const json_t *cell) {
    if (json_is_integer(cell))
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(cell));
    else if (json_is_real(cell))
        (void)fprintf(out, "%.7g", json_real_value(cell));
    else if (!json_is_string(cell))
        (void)fputc('-', out);
    else
        for (const char *c = json_string_value(cell); *c != '\0'; c++)
            (void)fputc(*c < ' ' && *c > 0 ? ' ' : *c, out);
}

static int write_table(const char *data_dir, const char *name, const char *header,
                       const json_t *rows, char error[REPORT_ERROR]) {
    char file_name[256], *text = NULL;
    size_t length = 0, i, k;
    json_t *row, *cell;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return report_fail(error, -ENOMEM, "There is not enough memory.");
    (void)fprintf(out, "%s\n", header);
    json_array_foreach(rows, i, row) {
        json_array_foreach(row, k, cell) {
            if (k > 0) (void)fputc('\t', out);
            write_cell(out, cell);
        }
        (void)fputc('\n', out);
    }
    (void)fclose(out);
    (void)snprintf(file_name, sizeof file_name, "%s.tsv", name);
    const int result = figure_save(data_dir, file_name, text, length, error);
    free(text);
    return result;
}

/* To be freed. With one metric its interval is ci_low and ci_high, with more it carries their
 * names. */
static char *header_of(const struct figure *figure) {
    if (figure->header != NULL) return strdup(figure->header);
    char *header = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&header, &length);
    if (out == NULL) return NULL;
    (void)fputs(figure->who == NULL ? "variant" : figure->who, out);
    if (figure->axis != NULL) (void)fprintf(out, "\t%s", figure->axis);
    const bool one = figure->metrics[1].column == NULL;
    const char *kind = figure->interval == NULL ? "ci_" : "";
    for (size_t i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        const char *column = figure->metrics[i].column, *owner = one ? "" : column,
                   *dash = one ? "" : "_";
        (void)fprintf(out, "\t%s\t%s%s%slow\t%s%s%shigh", column, owner, dash, kind, owner, dash,
                      kind);
    }
    (void)fprintf(out, "\t%s", figure->samples == NULL ? "runs" : figure->samples);
    (void)fclose(out);
    return header;
}

static int write_figure(const struct figure *figure, const struct measured *measured,
                        const char *data_dir, char error[REPORT_ERROR]) {
    const json_t *rows = json_object_get(measured->tables, figure->name);
    if (rows == NULL) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s.tsv", data_dir, figure->name);
        if (unlink(path) == 0 || errno == ENOENT) return 0;
        const int code = errno;
        return report_fail(error, -code, "%s is of an older measurement and cannot be removed: %s.",
                           path, strerror(code));
    }
    char *header = header_of(figure);
    if (header == NULL) return report_fail(error, -ENOMEM, "There is not enough memory.");
    const int result = write_table(data_dir, figure->name, header, rows, error);
    free(header);
    return result;
}

static int write_index(const struct measured *measured, const char *data_dir,
                       char error[REPORT_ERROR]) {
    json_t *variants = json_array(), *drawn = json_array(), *name;
    size_t i;
    json_array_foreach(measured->variants, i, name) {
        json_array_append_new(variants, json_pack("[O, I]", name, (json_int_t)i + 1));
    }
    for (const struct figure *figure = figures; figure->name != NULL; figure++) {
        json_t *conditions = json_object_get(measured->conditions, figure->name);
        if (conditions == NULL) continue;
        json_array_append_new(drawn,
                              json_pack("[s, s, O]", figure->name, figure->title, conditions));
    }
    int result = write_table(data_dir, "variants", "variant\tindex", variants, error);
    if (result == 0)
        result = write_table(data_dir, "figures", "figure\ttitle\tconditions", drawn, error);
    json_decref(variants);
    json_decref(drawn);
    return result;
}

static int fill_figure(const struct figure *figure, struct measured *measured) {
    char *conditions = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&conditions, &length);
    if (out == NULL) return -ENOMEM;
    json_t *rows = json_array();
    figure->fill(figure, measured, rows, out);
    (void)fclose(out);
    if (json_array_size(rows) > 0) {
        json_object_set(measured->tables, figure->name, rows);
        json_object_set_new(measured->conditions, figure->name, json_string(conditions));
    }
    json_decref(rows);
    free(conditions);
    return 0;
}

static int measure_figures(const char *results_dir, const char *data_dir, struct measured *measured,
                           char error[REPORT_ERROR]) {
    int result = measured_read(results_dir, measured, error);
    for (const struct figure *figure = figures; result == 0 && figure->name != NULL; figure++) {
        result = fill_figure(figure, measured);
        if (result != 0) report_fail(error, result, "There is not enough memory.");
    }
    if (data_dir == NULL) return result;
    if (result == 0) result = write_index(measured, data_dir, error);
    for (const struct figure *figure = figures; result == 0 && figure->name != NULL; figure++) {
        result = write_figure(figure, measured, data_dir, error);
    }
    return result;
}

int figures_write(const char *results_dir, const char *data_dir, struct measured *measured,
                  char error[REPORT_ERROR]) {
    const locale_t numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    const locale_t before = uselocale(numbers);
    const int result = measure_figures(results_dir, data_dir, measured, error);
    uselocale(before);
    freelocale(numbers);
    if (result != 0) measured_free(measured);
    return result;
}
