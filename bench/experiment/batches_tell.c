/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What runs say of several messages at once: outstanding on a connection, and a page of many. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/judge/series.h"
#include "bench/tell/words.h"

enum { USUAL_DEPTH = 32 };

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

/* A variant at the depth that is told. */
struct batch {
    const char *variant;
    unsigned depth;
    struct middle per_s, per_call, per_packet;
};

struct batches {
    struct batch list[REQUEST_VARIANTS_MAX];
    size_t count;
    bool packets; /* of some it is known how many share one */
};

/* The usual depth; the largest there is, if that is not there. */
static unsigned depth_of(const struct series_table *table) {
    unsigned deepest = 0;
    for (size_t i = 0; (i = series_next(table, i, NULL)) < table->count; i++) {
        if (table->first[i]->depth == USUAL_DEPTH) return USUAL_DEPTH;
        if (table->first[i]->depth > deepest) deepest = table->first[i]->depth;
    }
    return deepest;
}

/* On the loopback a packet is what the kernel hands over whole: only a wire shows how it is cut. */
static struct middle packets_of(const struct series_table *wire, const struct run *like) {
    for (size_t i = 0; (i = series_next(wire, i, like->asked.variant->name)) < wire->count; i++) {
        if (wire->first[i]->depth == like->depth)
            return series_middle(wire, i, messages_per_packet);
    }
    return statistics_middle(NULL, 0);
}

static void take_batches(struct batches *all, const struct series_table *table,
                         const struct series_table *wire) {
    const unsigned depth = depth_of(table);
    for (size_t i = 0; (i = series_next(table, i, NULL)) < table->count; i++) {
        const struct run *run = table->first[i];
        struct batch batch = {.variant = run->asked.variant->name, .depth = run->depth};
        batch.per_s = series_middle(table, i, metrics[METRIC_THROUGHPUT].of);
        batch.per_call = series_middle(table, i, messages_per_call);
        batch.per_packet = packets_of(wire, run);
        if (run->depth != depth || batch.per_s.count == 0) continue;
        if (all->count == REQUEST_VARIANTS_MAX) return;
        all->packets = all->packets || !isnan(batch.per_packet.value);
        all->list[all->count++] = batch;
    }
}

static struct batches batches_of(const struct results *results) {
    const struct session *wire = results_where(results, "sweep", "pipeline", session_is_on_wire);
    const struct session *session =
        results_where(results, "sweep", "pipeline", session_is_on_loopback);
    struct batches all = {.count = 0};
    struct series_table on_wire = {0};
    if (session == NULL) session = wire;
    if (session == NULL) return all;
    struct series_table table = series_of(&session->runs);
    if (wire != NULL) on_wire = series_of(&wire->runs);
    take_batches(&all, &table, &on_wire);
    series_free(&on_wire);
    series_free(&table);
    return all;
}

static void put_batch(FILE *out, const struct batch *batch) {
    (void)fprintf(out, "%s messages/s", words_number(batch->per_s.value).text);
    words_put_support(out, &batch->per_s, words_number);
    (void)fprintf(out, " by `%s`", batch->variant);
    if (!isnan(batch->per_call.value)) {
        (void)fprintf(out, ", %s of them in a system call",
                      words_number(batch->per_call.value).text);
    }
    if (!isnan(batch->per_packet.value)) {
        (void)fprintf(out, " and %s in a packet", words_number(batch->per_packet.value).text);
    }
}

static void put_pipeline(FILE *out, const void *what) {
    const struct batches *all = what;
    const struct batch *most = all->list, *least = all->list;
    for (size_t i = 0; i < all->count; i++) {
        if (all->list[i].per_s.value > most->per_s.value) most = &all->list[i];
        if (all->list[i].per_s.value < least->per_s.value) least = &all->list[i];
    }
    if (most == least) return;
    (void)fprintf(out, "With %u outstanding the most is ", most->depth);
    put_batch(out, most);
    (void)fputs(", and the least ", out);
    put_batch(out, least);
    (void)fputs(": they differ in what they batch as much as in the protocol.", out);
}

void pipeline_tell(struct story *story, const struct results *results) {
    const struct batches all = batches_of(results);
    if (all.count > 0) story_tell(story, put_pipeline, &all);
    struct grid grid = grid_of("variant|outstanding|messages/s|messages per system call|messages "
                               "per packet|runs");
    for (size_t i = 0; i < all.count; i++) {
        const struct batch *batch = &all.list[i];
        grid_add(&grid, "`%s`", batch->variant);
        grid_add(&grid, "%u", batch->depth);
        words_cell_middle(&grid, &batch->per_s, words_number);
        words_cell_middle(&grid, &batch->per_call, words_number);
        words_cell_middle(&grid, &batch->per_packet, words_number);
        grid_add(&grid, "%zu", batch->per_s.count);
    }
    story_table(story, "numbers", &grid);
    if (all.packets) {
        story_say(story, "Packets are those of a run over a wire with an MTU of 1,500, as it "
                         "carried them after segmentation, acknowledgments included: on the "
                         "loopback a batch would pass as one.");
    } else if (all.count > 0) {
        story_say(story, "How many share a packet shows only on a wire: `echolab sweep pipeline "
                         "--wire --at 32 --blocks 1 --messages 3200`.");
    }
}

/* ---- a page of many objects ---- */

static double elapsed_us(const struct run *run) {
    return (double)run->elapsed_ns / 1e3;
}

static double packets(const struct run *run) {
    return run->packets * (double)run->sent;
}

/* The series of a variant over so many connections, if it was valid; else table->count. */
static size_t find_page(const struct series_table *table, const char *variant,
                        unsigned connections) {
    for (size_t i = 0; (i = series_next(table, i, variant)) < table->count; i++) {
        if (table->first[i]->asked.connections != connections) continue;
        if (series_middle(table, i, elapsed_us).count > 0) return i;
    }
    return table->count;
}

/* "3.96 s (1 run) and 215 packets by `tcp-persistent` over 1 connection" */
static void put_page(FILE *out, const struct series_table *table, size_t series) {
    const struct run *run = table->first[series];
    const struct middle time = series_middle(table, series, elapsed_us);
    const struct middle carried = series_middle(table, series, packets);
    (void)fputs(words_time(time.value).text, out);
    words_put_support(out, &time, words_time);
    if (carried.count > 0) (void)fprintf(out, " and %.0f packets", carried.value);
    (void)fprintf(out, " by `%s` over %s", run->asked.variant->name,
                  words_counted(run->asked.connections, "connection").text);
}

static void put_conditions(FILE *out, const struct run *run) {
    const struct parameters *asked = &run->asked;
    (void)fprintf(out, "%s of %s, %s, %s",
                  words_condition("messages", (double)run->sent, NULL).text,
                  words_condition("size_bytes", asked->size_bytes, NULL).text,
                  words_condition("reply_bytes", asked->reply_bytes, NULL).text,
                  words_condition("rtt_ms", (double)asked->rtt_ns / 1e6, NULL).text);
}

static void put_objects(FILE *out, const void *what) {
    const struct series_table *table = what;
    const size_t four = find_page(table, "tcp-per-message", 4);
    const size_t one = find_page(table, "tcp-persistent", 1);
    const size_t same = find_page(table, "tcp-persistent", 4);
    const size_t piped = find_page(table, "tcp-pipelined", 1);
    if (four == table->count || one == table->count) return;
    const bool loses =
        series_middle(table, one, elapsed_us).value > series_middle(table, four, elapsed_us).value;
    (void)fputs("The page (", out);
    put_conditions(out, table->first[one]);
    (void)fputs(") takes ", out);
    put_page(out, table, one);
    (void)fputs(", and ", out);
    put_page(out, table, four);
    (void)fprintf(out, ": kept, but one after the other, %s to four fresh ones at a time",
                  loses ? "loses" : "does not lose");
    if (same < table->count) {
        (void)fputs("; with as many at a time it is ", out);
        put_page(out, table, same);
    }
    if (piped < table->count) {
        (void)fputs(", and pipelined ", out);
        put_page(out, table, piped);
    }
    (void)fputs(". Nielsen et al. (SIGCOMM 1997) found so of HTTP: a persistent connection used "
                "serially took longer than four parallel ones of HTTP/1.0, and pipelining at "
                "least halved the packets.",
                out);
}

void objects_tell(struct story *story, const struct results *results) {
    const struct session *session =
        results_where(results, "sweep", "connections", session_is_on_wire);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    story_tell(story, put_objects, &table);
    series_free(&table);
}

void sweep_connections_tell(struct story *story, const struct results *results) {
    connections_tell(story, results);
    objects_tell(story, results);
}
