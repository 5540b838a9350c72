/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/table.h"
#include "bench/tell/words.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent",
                  pipelined[] = "tcp-pipelined";

/* Several outstanding */

enum { USUAL_DEPTH = 32 };

/* Of every variant the row at the usual depth; at the largest there is, if that is not there. */
static json_t *rows_at_depth(const struct measured *measured) {
    const json_t *all = json_object_get(measured->tables, "pipeline");
    const json_t *deepest = table_highest(all, PIPELINE_DEPTH);
    const bool usual = table_where(all, PIPELINE_DEPTH, USUAL_DEPTH) != NULL;
    const double depth = usual ? USUAL_DEPTH : table_cell(deepest, PIPELINE_DEPTH);
    json_t *rows = json_array(), *row;
    size_t i;
    json_array_foreach(all, i, row) {
        if (table_cell(row, PIPELINE_DEPTH) == depth) json_array_append(rows, row);
    }
    return rows;
}

static void put_batch(FILE *out, const json_t *row) {
    (void)fprintf(out, "%s messages/s", words_number(table_cell(row, PIPELINE_PER_S)).text);
    table_put_support(out, row, PIPELINE_PER_S, PIPELINE_RUNS);
    (void)fprintf(out, " by `%s`, %s of them in a system call", story_cell(row, 0),
                  words_number(table_cell(row, PIPELINE_PER_CALL)).text);
    if (!isnan(table_cell(row, PIPELINE_PER_PACKET)))
        (void)fprintf(out, " and %s in a packet",
                      words_number(table_cell(row, PIPELINE_PER_PACKET)).text);
}

static const json_t *lowest(const json_t *rows, size_t column) {
    const json_t *least = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (least == NULL || table_cell(row, column) < table_cell(least, column)) least = row;
    }
    return least;
}

static void put_pipeline(FILE *out, const struct measured *measured) {
    json_t *rows = rows_at_depth(measured);
    const json_t *best = table_highest(rows, PIPELINE_PER_S), *least = lowest(rows, PIPELINE_PER_S);
    if (best != NULL && best != least) {
        (void)fprintf(out, "With %.0f outstanding the most is ", table_cell(best, PIPELINE_DEPTH));
        put_batch(out, best);
        (void)fputs(", and the least ", out);
        put_batch(out, least);
        (void)fputs(": they differ in what they batch as much as in the protocol.", out);
    }
    json_decref(rows);
}

static json_t *batch_cell(const json_t *row, size_t column) {
    const double value = table_cell(row, column), low = table_cell(row, column + 1);
    if (isnan(value)) return json_string("-");
    if (isnan(low)) return json_string(words_number(value).text);
    return words_string("%s (%s to %s)", words_number(value).text, words_number(low).text,
                        words_number(table_cell(row, column + 2)).text);
}

static void tell_batches(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s, s, s, s]]", "variant", "outstanding", "messages/s",
                             "messages per system call", "messages per packet", "runs");
    json_t *all = rows_at_depth(measured), *row;
    bool packets = false;
    size_t i;
    json_array_foreach(all, i, row) {
        packets = packets || !isnan(table_cell(row, PIPELINE_PER_PACKET));
        json_array_append_new(
            rows, json_pack("[o, o, o, o, o, o]", words_string("`%s`", story_cell(row, 0)),
                            words_cell(json_array_get(row, PIPELINE_DEPTH)),
                            batch_cell(row, PIPELINE_PER_S), batch_cell(row, PIPELINE_PER_CALL),
                            batch_cell(row, PIPELINE_PER_PACKET),
                            words_cell(json_array_get(row, PIPELINE_RUNS))));
    }
    story_table(story, "numbers", rows);
    if (packets)
        story_say(story, "Packets are those of a run over a wire with an MTU of 1,500, as it "
                         "carried them after segmentation, acknowledgments included: on the "
                         "loopback a batch would pass as one.");
    else
        story_say(story,
                  "How many share a packet shows only on a wire: `echolab sweep pipeline --wire "
                  "--at 32 --blocks 1 --messages 3200 --json %s/results/pipeline-wire.json`.",
                  story->directory);
    json_decref(all);
    json_decref(rows);
}

/* A page of many objects */

static const json_t *page_row(const json_t *rows, double connections) {
    return table_where(rows, 1, connections);
}

/* "3.97 s and 223 packets by `tcp-persistent` on 1 connection (2 runs)" */
static void put_page(FILE *out, const json_t *row) {
    (void)fprintf(out, "%s by `%s` over ", words_time(1e3 * table_cell(row, OBJECTS_MS)).text,
                  story_cell(row, 0));
    table_put_count(out, table_cell(row, 1), "connection");
    (void)fputs(" (", out);
    if (!isnan(table_cell(row, OBJECTS_MS + 1)))
        (void)fprintf(out, "95 %% interval %s to %s, ",
                      words_time(1e3 * table_cell(row, OBJECTS_MS + 1)).text,
                      words_time(1e3 * table_cell(row, OBJECTS_MS + 2)).text);
    if (!isnan(table_cell(row, OBJECTS_PACKETS)))
        (void)fprintf(out, "%.0f packets, ", table_cell(row, OBJECTS_PACKETS));
    table_put_count(out, table_cell(row, OBJECTS_RUNS), "run");
    (void)fputc(')', out);
}

static void put_objects(FILE *out, const struct measured *measured) {
    json_t *many = table_rows(measured, "objects", fresh),
           *serial = table_rows(measured, "objects", kept),
           *batch = table_rows(measured, "objects", pipelined);
    const json_t *four = page_row(many, 4), *one = page_row(serial, 1), *same = page_row(serial, 4),
                 *piped = page_row(batch, 1);
    if (four != NULL && one != NULL) {
        const bool loses = table_cell(one, OBJECTS_MS) > table_cell(four, OBJECTS_MS);
        (void)fprintf(out, "The page (%s) takes ",
                      json_string_value(json_object_get(measured->conditions, "objects")));
        put_page(out, one);
        (void)fputs(" and ", out);
        put_page(out, four);
        (void)fprintf(out, ": kept, but one after the other, %s to four fresh ones at a time",
                      loses ? "loses" : "does not lose");
        if (same != NULL) {
            (void)fputs("; with as many at a time it is ", out);
            put_page(out, same);
        }
        if (piped != NULL) {
            (void)fputs(", and pipelined ", out);
            put_page(out, piped);
        }
        (void)fputc('.', out);
    }
    json_decref(many);
    json_decref(serial);
    json_decref(batch);
}

static void lead_pipeline(struct story *story, const struct measured *measured) {
    table_tell(story, put_pipeline, measured);
}

static void lead_objects(struct story *story, const struct measured *measured) {
    table_tell(story, put_objects, measured);
    story_say(story, "Nielsen et al. (SIGCOMM 1997) found so of HTTP: a persistent connection used "
                     "serially took longer than four parallel ones of HTTP/1.0, and pipelining "
                     "at least halved the packets.");
}

void page_batches(struct story *story, const struct measured *measured) {
    if (table_has(measured, "pipeline") || table_has(measured, "objects"))
        story_heading(story, 2, "Several at once");
    if (page_figure_led(story, measured, "pipeline", lead_pipeline)) {
        tell_batches(story, measured);
        page_tell_command(story, "pipeline");
    }
    if (page_figure_led(story, measured, "objects", lead_objects))
        page_tell_command(story, "objects");
}
