/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs say of much at once: connections, messages outstanding, a page of
 * objects; and of how a server is built, and of a silent client beside.
 */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/judge/models.h"
#include "bench/judge/series.h"
#include "bench/tell/words.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

static void tell_series(struct story *story, const struct session *session,
                        void (*put)(FILE *out, const void *table)) {
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    story_tell(story, put, &table);
    series_free(&table);
}

/* Those that have a number: the first, the last, and that of the least and the most. */
struct range {
    size_t first, last, least, most; /* all the same where there is only one, or none */
};

/* Of a variant (NULL: of any), at a depth and over connections (0: any). */
static struct range range_of(const struct series_table *table, const char *variant, unsigned depth,
                             unsigned connections, double (*of)(const struct run *run)) {
    struct range range = {table->count, table->count, table->count, table->count};
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; (i = series_next(table, i, variant)) < table->count; i++) {
        const struct run *run = table->first[i];
        const double value = series_middle(table, i, of).value;
        if (isnan(value) || (depth > 0 && run->depth != depth)) continue;
        if (connections > 0 && run->asked.connections != connections) continue;
        if (range.first == table->count) range.first = i;
        range.last = i;
        if (value < least) range.least = i;
        if (value > most) range.most = i;
        least = fmin(least, value);
        most = fmax(most, value);
    }
    return range;
}

static struct number counted(const struct series_table *table, size_t series) {
    return words_counted(table->first[series]->asked.connections, "connection");
}

/* ---- over the number of connections ---- */

static struct number p50(const struct series_table *table, size_t series) {
    return words_time(series_middle(table, series, metrics[METRIC_P50].of).value);
}

static void put_over_connections(FILE *out, const struct series_table *table, const char *variant) {
    const struct range at = range_of(table, variant, 0, 0, run_throughput_per_s);
    if (at.first == at.last) return;
    const struct middle first = series_middle(table, at.first, run_throughput_per_s),
                        most = series_middle(table, at.most, run_throughput_per_s);
    (void)fprintf(out, "%s`%s` carries %s messages/s%s over %s", ftell(out) > 0 ? " " : "", variant,
                  words_number(first.value).text, words_support(&first, words_number).text,
                  counted(table, at.first).text);
    if (at.most == at.first)
        (void)fputs(", and over more of them less", out);
    else
        (void)fprintf(out, ", and at most %s%s over %s", words_number(most.value).text,
                      words_support(&most, words_number).text,
                      words_count(table->first[at.most]->asked.connections).text);
    (void)fprintf(out, "; its median latency goes from %s to %s over %s.",
                  p50(table, at.first).text, p50(table, at.last).text,
                  words_count(table->first[at.last]->asked.connections).text);
}

static void put_connections(FILE *out, const void *table) {
    put_over_connections(out, table, kept);
    put_over_connections(out, table, fresh);
}

void connections_tell(struct story *story, const struct results *results) {
    tell_series(story, results_where(results, "sweep", "connections", session_is_on_loopback),
                put_connections);
}

/* ---- several outstanding ---- */

/*
 * A message is sent and received, and so is its reply: four times a part of a
 * call. NAN: one of the four was not counted.
 */
static double messages_per_call(const struct run *run) {
    return 4 / (1 / run->per_send + 1 / run->per_receive + 1 / run->server_per_receive +
                1 / run->server_per_send);
}

static double messages_per_packet(const struct run *run) {
    return run->per_packet;
}

struct batches {
    struct series_table table, wire; /* on the loopback a packet is what the kernel hands over
                                        whole: only a wire shows how it is cut */
    unsigned depth;                  /* the usual one; the largest, where that is not there */
};

static unsigned depth_of(const struct series_table *table) {
    const unsigned usual = 32;
    unsigned deepest = 0;
    for (size_t i = 0; (i = series_next(table, i, NULL)) < table->count; i++) {
        if (table->first[i]->depth == usual) return usual;
        if (table->first[i]->depth > deepest) deepest = table->first[i]->depth;
    }
    return deepest;
}

static struct middle packets_of(const struct batches *all, size_t series) {
    const char *variant = all->table.first[series]->asked.variant->name;
    const struct range at = range_of(&all->wire, variant, all->depth, 0, messages_per_packet);
    return at.first < all->wire.count ? series_middle(&all->wire, at.first, messages_per_packet)
                                      : statistics_middle(NULL, 0);
}

static void put_batch(FILE *out, const struct batches *all, size_t series) {
    const struct middle per_s = series_middle(&all->table, series, run_throughput_per_s);
    const double per_call = series_middle(&all->table, series, messages_per_call).value,
                 per_packet = packets_of(all, series).value;
    (void)fprintf(out, "%s messages/s%s by `%s`", words_number(per_s.value).text,
                  words_support(&per_s, words_number).text,
                  all->table.first[series]->asked.variant->name);
    if (!isnan(per_call))
        (void)fprintf(out, ", %s of them in a system call", words_number(per_call).text);
    if (!isnan(per_packet))
        (void)fprintf(out, " and %s in a packet", words_number(per_packet).text);
}

static void put_batches(FILE *out, const void *what) {
    const struct batches *all = what;
    const struct range at = range_of(&all->table, NULL, all->depth, 0, run_throughput_per_s);
    if (at.most == at.least) return;
    (void)fprintf(out, "With %u outstanding the most is ", all->depth);
    put_batch(out, all, at.most);
    (void)fputs(", and the least ", out);
    put_batch(out, all, at.least);
    (void)fputs(": they differ in what they batch as much as in the protocol.", out);
}

static void tell_batches(struct story *story, const struct batches *all) {
    struct grid grid = grid_of("variant|outstanding|messages/s|messages per system call|messages "
                               "per packet|runs");
    const char *note = NULL;
    bool carried = false;
    for (size_t i = 0; (i = series_next(&all->table, i, NULL)) < all->table.count; i++) {
        const struct run *run = all->table.first[i];
        const struct middle of[] = {series_middle(&all->table, i, run_throughput_per_s),
                                    series_middle(&all->table, i, messages_per_call),
                                    packets_of(all, i)};
        if (run->depth != all->depth || of[0].count == 0) continue;
        carried = carried || of[2].count > 0;
        grid_add(&grid, "`%s`", run->asked.variant->name);
        grid_add(&grid, "%u", run->depth);
        for (int k = 0; k < 3; k++) words_cell_middle(&grid, &of[k], words_number);
        grid_add(&grid, "%zu", of[0].count);
    }
    story_tell(story, put_batches, all);
    if (grid_rows(&grid) > 1)
        note = carried ? "Packets are those of a run over a wire with an MTU of 1,500, as it "
                         "carried them after segmentation, acknowledgments included: on the "
                         "loopback a batch would pass as one."
                       : "How many share a packet shows only on a wire: `echolab sweep pipeline "
                         "--wire --at 32 --blocks 1 --messages 3200`.";
    story_table(story, "numbers", &grid);
    if (note != NULL) story_say(story, "%s", note);
}

void pipeline_tell(struct story *story, const struct results *results) {
    static const struct runs none;
    const struct session *wire = results_where(results, "sweep", "pipeline", session_is_on_wire);
    const struct session *session =
        results_where(results, "sweep", "pipeline", session_is_on_loopback);
    if (session == NULL) session = wire;
    if (session == NULL) return;
    struct batches all = {series_of(&session->runs), series_of(wire == NULL ? &none : &wire->runs),
                          0};
    all.depth = depth_of(&all.table);
    tell_batches(story, &all);
    series_free(&all.table);
    series_free(&all.wire);
}

/* ---- a page of many objects ---- */

static double elapsed_us(const struct run *run) {
    return (double)run->elapsed_ns / 1e3;
}

static double packets(const struct run *run) {
    return run->packets * (double)run->sent;
}

/* Of the delay that the wire applied. */
static double elapsed_round_trips(const struct run *run) {
    return (double)run->elapsed_ns / run->wire.applied_rtt_ns;
}

/* "3.96 s (1 run) and 215 packets by `tcp-persistent` over 1 connection", if it is there. */
static void put_page(FILE *out, const char *before, const struct series_table *table,
                     size_t series) {
    if (series == table->count) return;
    const struct middle time = series_middle(table, series, elapsed_us),
                        carried = series_middle(table, series, packets);
    (void)fprintf(out, "%s%s%s", before, words_time(time.value).text,
                  words_support(&time, words_time).text);
    if (carried.count > 0) (void)fprintf(out, " and %.0f packets", carried.value);
    (void)fprintf(out, " by `%s` over %s", table->first[series]->asked.variant->name,
                  counted(table, series).text);
    const double trips = series_middle(table, series, elapsed_round_trips).value;
    if (!isnan(trips))
        (void)fprintf(out, " (%s round trips, %.0f predicted)", words_number(trips).text,
                      page_run_round_trips(table->first[series]));
}

static void put_objects(FILE *out, const void *what) {
    const struct series_table *table = what;
    const size_t four = range_of(table, fresh, 0, 4, elapsed_us).first,
                 one = range_of(table, kept, 0, 1, elapsed_us).first,
                 same = range_of(table, kept, 0, 4, elapsed_us).first,
                 piped = range_of(table, "tcp-pipelined", 0, 1, elapsed_us).first;
    if (four == table->count || one == table->count) return;
    const struct parameters *asked = &table->first[one]->asked;
    const bool loses =
        series_middle(table, one, elapsed_us).value > series_middle(table, four, elapsed_us).value;
    (void)fprintf(out, "The page (%s of %s, %s, %s) takes ",
                  words_condition("messages", (double)table->first[one]->sent, NULL).text,
                  words_condition("size_bytes", asked->size_bytes, NULL).text,
                  words_condition("reply_bytes", asked->reply_bytes, NULL).text,
                  words_condition("rtt_ms", (double)asked->rtt_ns / 1e6, NULL).text);
    put_page(out, "", table, one);
    put_page(out, ", and ", table, four);
    (void)fprintf(out, ": kept, but one after the other, %s to four fresh ones at a time",
                  loses ? "loses" : "does not lose");
    put_page(out, "; with as many at a time it is ", table, same);
    put_page(out, ", and pipelined ", table, piped);
    (void)fputs(". Nielsen et al. (SIGCOMM 1997) found so of HTTP: a persistent connection used "
                "serially took longer than four parallel ones of HTTP/1.0, and pipelining at "
                "least halved the packets.",
                out);
}

void objects_tell(struct story *story, const struct results *results) {
    tell_series(story, results_where(results, "sweep", "connections", session_is_on_wire),
                put_objects);
}

void sweep_connections_tell(struct story *story, const struct results *results) {
    connections_tell(story, results);
    objects_tell(story, results);
}

/* ---- server designs ---- */

static bool has_silent(const struct session *session) {
    return session->runs.count > 0 && session->runs.list[0]->asked.silent > 0;
}

static bool has_none_silent(const struct session *session) {
    return session->runs.count > 0 && !has_silent(session);
}

static void put_design(FILE *out, const char *before, const struct series_table *table,
                       size_t series) {
    const struct middle time = series_middle(table, series, metrics[METRIC_TIME].of);
    (void)fprintf(out, "%s%s%s (`%s`)", before, words_time(time.value).text,
                  words_support(&time, words_time).text,
                  design_names[table->first[series]->asked.design]);
}

static void put_designs_of(FILE *out, const struct series_table *table, const char *variant,
                           const char *what) {
    const struct range at = range_of(table, variant, 0, 0, metrics[METRIC_TIME].of);
    if (at.least == at.most) return;
    (void)fprintf(out, "%s%s takes, by how the server is built,", ftell(out) > 0 ? " " : "", what);
    put_design(out, " ", table, at.least);
    put_design(out, " to ", table, at.most);
    (void)fputc('.', out);
}

static void put_designs(FILE *out, const void *table) {
    put_designs_of(out, table, fresh, "A message on a fresh connection");
    put_designs_of(out, table, kept, "A message on a kept one");
}

void designs_tell(struct story *story, const struct results *results) {
    tell_series(story, results_where(results, "sweep", "design", has_none_silent), put_designs);
}

/* A client that connects and says nothing. */
static void tell_behind(struct story *story, struct grid *grid, const struct series_table *table,
                        size_t series) {
    const struct parameters *asked = &table->first[series]->asked;
    double sent = 0, answered = 0, runs = 0;
    for (size_t block = 0; block < table->blocks; block++) {
        const struct run *run = series_run(table, series, block);
        if (run == NULL) continue; /* valid or not: that nobody is answered is what is shown */
        sent += (double)run->sent;
        answered += (double)run->ok;
        runs++;
    }
    grid_add(grid, "`%s`", design_names[asked->design]);
    grid_add(grid, "%s of %s", words_count(answered).text, words_count(sent).text);
    grid_add(grid, "%.0f", runs);
    if (asked->design != DESIGN_ITERATIVE || sent == 0) return;
    story_say(story,
              "Behind %s that connects and says nothing, an iterative server answered %s of %s "
              "messages within %s (%s): it serves one connection to its end, and this one does not "
              "end.",
              words_counted(asked->silent, "client").text, words_count(answered).text,
              words_count(sent).text, words_time((double)asked->deadline_ns / 1e3).text,
              words_counted(runs, "run").text);
}

void silent_tell(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "sweep", "design", has_silent);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    struct grid grid = grid_of("behind a silent client|answered in time|runs");
    for (size_t i = 0; (i = series_next(&table, i, NULL)) < table.count; i++)
        tell_behind(story, &grid, &table, i);
    story_table(story, "numbers", &grid);
    series_free(&table);
}

void sweep_design_tell(struct story *story, const struct results *results) {
    designs_tell(story, results);
    silent_tell(story, results);
}
