/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What runs say of much at once: connections, messages outstanding, a page of
 * objects; and of how a server is built, and of a silent client beside.
 */
#include <math.h>
#include <stdlib.h>

#include "bench/experiment/all.h"
#include "bench/judge/models.h"

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

static void put_connections(FILE *out, const void *what) {
    const struct series_table *table = what;
    for (int i = 0; i < 2; i++) {
        const struct range at = range_of(table, i == 0 ? kept : fresh, 0, 0, run_throughput_per_s);
        if (at.first == at.last) continue;
        if (ftell(out) > 0) (void)fputc(' ', out);
        fill_put(out,
                 "`{variant}` carries {throughput_per_s} messages/s{throughput_per_s:+} over "
                 "{connections:connection}, and ",
                 fill_from_series(table, at.first));
        fill_put(out,
                 at.most == at.first
                     ? "over more of them less"
                     : "at most {throughput_per_s}{throughput_per_s:+} over {connections:count}",
                 fill_from_series(table, at.most));
        fill_put(out, "; its median latency goes from {latency_us.p50:time}",
                 fill_from_series(table, at.first));
        fill_put(out, " to {latency_us.p50:time} over {connections:count}.",
                 fill_from_series(table, at.last));
    }
}

void connections_tell(struct story *story, const struct results *results) {
    tell_series(story, results_where(results, "sweep", "connections", session_is_on_loopback),
                put_connections);
}

/*
 * A message is sent and received, and so is its reply: four times a part of a
 * call. NAN: one of the four was not counted.
 */
static double messages_per_call(const struct run *run) {
    return 4 / (1 / run->per_send + 1 / run->per_receive + 1 / run->server_per_receive +
                1 / run->server_per_send);
}

struct batches {
    struct series_table table, wire; /* on the loopback a packet is what the kernel hands over
                                        whole: only a wire shows how it is cut */
    unsigned depth;                  /* the usual one; the largest, where that is not there */
};

static double messages_per_packet(const struct run *run) {
    return run->per_packet;
}

/* The same variant over the wire, which knows "{messages_per.packet}". */
static struct source on_wire(const struct batches *all, size_t series) {
    static const struct source nothing;
    const char *variant = all->table.first[series]->asked.variant->name;
    const struct range at = range_of(&all->wire, variant, all->depth, 0, messages_per_packet);
    return at.first < all->wire.count ? fill_from_series(&all->wire, at.first) : nothing;
}

static void put_batch(FILE *out, const struct batches *all, size_t series) {
    const struct middle per_call = series_middle(&all->table, series, messages_per_call);
    fill_put(out, "{throughput_per_s} messages/s{throughput_per_s:+} by `{variant}`",
             fill_from_series(&all->table, series));
    if (per_call.count > 0)
        (void)fprintf(out, ", %s of them in a system call", words_number(per_call.value).text);
    fill_put(out, " and {messages_per.packet} in a packet", on_wire(all, series));
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

void pipeline_tell(struct story *story, const struct results *results) {
    static const struct runs none;
    const struct session *wire = results_where(results, "sweep", "pipeline", session_is_on_wire),
                         *session =
                             results_where(results, "sweep", "pipeline", session_is_on_loopback);
    if (session == NULL) session = wire;
    if (session == NULL) return;
    struct grid grid = grid_of("variant|outstanding|messages/s|messages per system call|messages "
                               "per packet|runs");
    bool carried = false;
    struct batches all = {series_of(&session->runs), series_of(wire == NULL ? &none : &wire->runs),
                          0};
    for (size_t i = 0; (i = series_next(&all.table, i, NULL)) < all.table.count; i++) {
        const unsigned usual = 32, depth = all.table.first[i]->depth;
        if (all.depth != usual && (depth == usual || depth > all.depth)) all.depth = depth;
    }
    story_tell(story, put_batches, &all);
    for (size_t i = 0; (i = series_next(&all.table, i, NULL)) < all.table.count; i++) {
        const struct middle per_call = series_middle(&all.table, i, messages_per_call);
        const size_t runs = series_middle(&all.table, i, run_throughput_per_s).count;
        if (all.table.first[i]->depth != all.depth || runs == 0) continue;
        carried = carried || on_wire(&all, i).table != NULL;
        grid_fill(&grid, "`{variant}`|{pipeline:count}|{throughput_per_s:~}",
                  fill_from_series(&all.table, i));
        words_cell_middle(&grid, &per_call, words_number);
        grid_fill(&grid, "{messages_per.packet:~}", on_wire(&all, i));
        grid_add(&grid, "%zu", runs);
    }
    if (story_table(story, "numbers", &grid))
        story_say(story, "%s",
                  carried ? "Packets are those of a run over a wire with an MTU of 1,500, as it "
                            "carried them after segmentation, acknowledgments included: on the "
                            "loopback a batch would pass as one."
                          : "How many share a packet shows only on a wire: `echolab sweep pipeline "
                            "--wire --at 32 --blocks 1 --messages 3200`.");
    series_free(&all.table);
    series_free(&all.wire);
}

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
    const struct source source = fill_from_series(table, series);
    const double carried = series_middle(table, series, packets).value;
    (void)fputs(before, out);
    fill_put(out, "{elapsed_s:time}{elapsed_s:time+}", source);
    if (!isnan(carried)) (void)fprintf(out, " and %.0f packets", carried);
    fill_put(out, " by `{variant}` over {connections:connection}", source);
    const double trips = series_middle(table, series, elapsed_round_trips).value;
    if (!isnan(trips))
        (void)fprintf(out, " (%s round trips, %.0f predicted)", words_number(trips).text,
                      page_run_round_trips(table->first[series]));
}

static void put_objects(FILE *out, const void *what) {
    const struct series_table *table = what;
    const struct range four = range_of(table, fresh, 0, 4, elapsed_us),
                       one = range_of(table, kept, 0, 1, elapsed_us);
    if (four.first == table->count || one.first == table->count) return;
    const bool loses = series_middle(table, one.first, elapsed_us).value >
                       series_middle(table, four.first, elapsed_us).value;
    fill_put(out,
             "The page ({messages.sent:message} of {size_bytes:byte}, answers of "
             "{reply_bytes:byte}[, a round-trip time of {rtt_ms:count} ms]) takes ",
             fill_from_series(table, one.first));
    put_page(out, "", table, one.first);
    put_page(out, ", and ", table, four.first);
    (void)fprintf(out, ": kept, but one after the other, %s to four fresh ones at a time",
                  loses ? "loses" : "does not lose");
    put_page(out, "; with as many at a time it is ", table,
             range_of(table, kept, 0, 4, elapsed_us).first);
    put_page(out, ", and pipelined ", table,
             range_of(table, "tcp-pipelined", 0, 1, elapsed_us).first);
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

static bool has_silent(const struct session *session) {
    return session->runs.count > 0 && session->runs.list[0]->asked.silent > 0;
}

static bool has_none_silent(const struct session *session) {
    return session->runs.count > 0 && !has_silent(session);
}

static void put_designs(FILE *out, const void *what) {
    static const char design[] =
        "{time_per_message_us:time}{time_per_message_us:time+} (`{design}`)";
    const struct series_table *table = what;
    for (int i = 0; i < 2; i++) {
        const struct range at =
            range_of(table, i == 0 ? fresh : kept, 0, 0, metrics[METRIC_TIME].of);
        if (at.least == at.most) continue;
        (void)fprintf(out, "%sA message on a %s takes, by how the server is built, ",
                      ftell(out) > 0 ? " " : "", i == 0 ? "fresh connection" : "kept one");
        fill_put(out, design, fill_from_series(table, at.least));
        (void)fputs(" to ", out);
        fill_put(out, design, fill_from_series(table, at.most));
        (void)fputc('.', out);
    }
}

void designs_tell(struct story *story, const struct results *results) {
    tell_series(story, results_where(results, "sweep", "design", has_none_silent), put_designs);
}

/* A client that connects and says nothing. */
void silent_tell(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "sweep", "design", has_silent);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    struct grid grid = grid_of("behind a silent client|answered in time|runs");
    for (size_t i = 0; (i = series_next(&table, i, NULL)) < table.count; i++) {
        struct run sum = {.asked = table.first[i]->asked};
        double runs = 0;
        for (size_t block = 0; block < table.blocks; block++) {
            const struct run *run = series_run(&table, i, block);
            if (run == NULL) continue; /* valid or not: that nobody is answered is what is shown */
            sum.sent += run->sent;
            sum.ok += run->ok;
            runs++;
        }
        const struct outside outside = outside_of(&sum);
        const struct source source = fill_from_run(&outside);
        grid_fill(&grid, "`{design}`|{messages.ok:count} of {messages.sent:count}", source);
        grid_add(&grid, "%.0f", runs);
        if (sum.asked.design != DESIGN_ITERATIVE || sum.sent == 0) continue;
        char *text = fill("Behind {silent_connections:client} that connects and says nothing, an "
                          "iterative server answered {messages.ok:count} of {messages.sent:count} "
                          "messages within {deadline_ms:time}",
                          source);
        story_say(story, "%s (%s): it serves one connection to its end, and this one does not end.",
                  text, words_counted(runs, "run").text);
        free(text);
    }
    story_table(story, "numbers", &grid);
    series_free(&table);
}

void sweep_design_tell(struct story *story, const struct results *results) {
    designs_tell(story, results);
    silent_tell(story, results);
}
