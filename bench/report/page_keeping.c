/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/table.h"
#include "bench/tell/words.h"

/* The part of this name of the first file that has one; NULL: none was measured. */
static const json_t *part_of(const struct measured *measured, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(measured->keeping, i, one) {
        if (!json_is_null(query_field(one, name))) return query_field(one, name);
    }
    return NULL;
}

/* ---- the time since the last message ---- */

/* The rows of a series, which ascend in the gap. */
static json_t *rows_of(const json_t *table, const json_t *series) {
    json_t *rows = json_array(), *row;
    size_t i;
    json_array_foreach(table, i, row) {
        if (json_equal(json_array_get(row, 0), series)) json_array_append(rows, row);
    }
    return rows;
}

/* The series that a pause costs the most, as how many times its first latency. */
static json_t *most_grown(const json_t *table) {
    json_t *names = json_array(), *most = NULL, *name, *row;
    double most_times = 0;
    size_t i;
    json_array_foreach(table, i, row) {
        query_add_distinct(names, json_array_get(row, 0));
    }
    json_array_foreach(names, i, name) {
        json_t *rows = rows_of(table, name);
        const double first = table_cell(json_array_get(rows, 0), IDLE_LATENCY_MS);
        const double times =
            table_cell(table_highest(rows, IDLE_LATENCY_MS), IDLE_LATENCY_MS) / first;
        if (times > most_times) {
            most_times = times;
            json_decref(most);
            most = json_incref(rows);
        }
        json_decref(rows);
    }
    json_decref(names);
    return most;
}

static void put_latency(FILE *out, const json_t *row) {
    const double gap_ms = table_cell(row, IDLE_GAP_MS);
    (void)fprintf(out, "%.1f ms after a pause of %g %s (%.1f round trips)",
                  table_cell(row, IDLE_LATENCY_MS), gap_ms < 1e3 ? gap_ms : gap_ms / 1e3,
                  gap_ms < 1e3 ? "ms" : "s", table_cell(row, IDLE_ROUND_TRIPS));
}

static void put_idle(FILE *out, const struct measured *measured) {
    json_t *rows = most_grown(json_object_get(measured->tables, "idle"));
    const json_t *first = json_array_get(rows, 0);
    const json_t *highest = table_highest(rows, IDLE_LATENCY_MS);
    if (first != NULL &&
        table_cell(highest, IDLE_ROUND_TRIPS) > table_cell(first, IDLE_ROUND_TRIPS) + 0.5) {
        (void)fprintf(out, "A connection that is kept saves the handshake of the next message, "
                           "but not for ever all that it has learned. A reply of ");
        words_count(out, table_cell(first, IDLE_REPLY_BYTES));
        (void)fprintf(out, " bytes by `%s` takes ", story_cell(first, IDLE_VARIANT));
        put_latency(out, first);
        (void)fputs(", and ", out);
        put_latency(out, highest);
        (void)fputs(".", out);
    } else if (first != NULL) {
        (void)fputs("No pause that was tried makes the next message slower.", out);
    }
    json_decref(rows);
}

static json_t *cell_at(const json_t *table, const json_t *series, const json_t *gap) {
    size_t i;
    json_t *row;
    json_array_foreach(table, i, row) {
        if (!json_equal(json_array_get(row, 0), series)) continue;
        if (!json_equal(json_array_get(row, IDLE_GAP_MS), gap)) continue;
        return words_string("%.1f", table_cell(row, IDLE_LATENCY_MS));
    }
    return json_string("-");
}

/* A row for each series, a column for each pause: medians. */
static json_t *idle_numbers(const json_t *table) {
    json_t *series = json_array(), *gaps = json_array(), *row, *gap, *one;
    json_t *head = json_pack("[s]", "median ms after"), *rows = json_pack("[O]", head);
    size_t i, k;
    json_array_foreach(table, i, row) {
        query_add_distinct(series, json_array_get(row, 0));
        query_add_distinct(gaps, json_array_get(row, IDLE_GAP_MS));
    }
    json_array_foreach(gaps, i, gap) {
        const double us = 1e3 * json_number_value(gap);
        json_array_append_new(head, us < 1e6 ? words_string("%g ms", us / 1e3)
                                             : words_string("%g s", us / 1e6));
    }
    json_array_foreach(series, i, one) {
        row = json_pack("[o]", words_string("`%s`", json_string_value(one)));
        json_array_foreach(gaps, k, gap) {
            json_array_append_new(row, cell_at(table, one, gap));
        }
        json_array_append_new(rows, row);
    }
    json_decref(head);
    json_decref(series);
    json_decref(gaps);
    return rows;
}

static void tell_idle(struct story *story, const struct measured *measured) {
    const json_t *table = json_object_get(measured->tables, "idle");
    if (table == NULL) return;
    table_tell(story, put_idle, measured);
    (void)page_figure(story, measured, "idle");
    json_t *rows = idle_numbers(table);
    table_tell_folded(story, rows);
    json_decref(rows);
}

/* ---- memory ---- */

static void put_beside(FILE *out, const struct measured *measured) {
    const json_t *beside = part_of(measured, "idle_beside");
    const json_t *kernel = query_field(beside, "kernel_bytes_per_connection");
    const double alone_us = query_number(beside, "p99_alone_us");
    if (beside == NULL) return;
    (void)fputs("An idle connection takes ", out);
    words_count(out, query_number(beside, "server_bytes_per_connection"));
    (void)fputs(" bytes of a server with one loop for all: it borrows a buffer only while bytes of "
                "it are under way.",
                out);
    if (json_is_number(kernel)) {
        (void)fputs(" The kernel keeps ", out);
        words_count(out, json_number_value(kernel));
        (void)fputs(" bytes for it, both ends together (`Slab` of /proc/meminfo).", out);
    }
    (void)fputs(" Measured with ", out);
    words_count(out, query_number(beside, "connections"));
    (void)fputs(" of them.", out);
    if (alone_us <= 0) return;
    (void)fprintf(out, " Beside them 1 in 100 messages of %.0f busy connections takes longer than ",
                  query_number(beside, "load_connections"));
    (void)fprintf(out, "%s, ", words_time(query_number(beside, "p99_beside_us")).text);
    (void)fprintf(out, "and without them than %s", words_time(alone_us).text);
    /* A tail of few messages wobbles by more than the connections cost. */
    (void)fputs(query_number(beside, "p99_beside_us") <= 1.2 * alone_us
                    ? ": the loop looks at who is ready, not at who is there."
                    : ".",
                out);
}

/* ---- the race ---- */

static void put_errors(FILE *out, const json_t *race) {
    const char *name, *between = "";
    json_t *number;
    json_object_foreach(query_field(race, "errors"), name, number) {
        (void)fprintf(out, "%s`%s` %.0f times", between, name, json_number_value(number));
        between = ", ";
    }
}

static void put_race(FILE *out, const struct measured *measured) {
    const json_t *race = part_of(measured, "idle_race");
    if (race == NULL) return;
    (void)fprintf(
        out,
        "A server does not keep idle connections for ever, and may close one just as the client "
        "sends on it. Here it closes after %.4g ms, the client sends %.4g ms after the last reply, "
        "and both are under way, half a round trip of %.4g ms each. Of %.0f messages sent after "
        "such a pause %.0f met a closed connection",
        query_number(race, "idle_timeout_ms"), query_number(race, "gap_ms"),
        query_number(race, "rtt_ms"), query_number(race, "sent_after_pause"),
        query_number(race, "met_closed"));
    if (query_number(race, "met_closed") > 0) {
        (void)fputs(" (", out);
        put_errors(out, race);
        (void)fputc(')', out);
    }
    (void)fprintf(out, ". The server executed %.0f and answered %.0f of all: ",
                  query_number(race, "executed"), query_number(race, "answered"));
    (void)fputs(json_is_true(query_field(race, "retry_safe"))
                    ? "none of those that failed was executed, so to send them again was safe "
                      "here. But the client cannot see that: it looks the same when the server "
                      "has done the work and the reply is lost. So by itself a client repeats only "
                      "what may be done twice (RFC 9110, section 9.2.2; RFC 9112, sections 9.3.1 "
                      "and 9.5)."
                    : "some that failed were executed all the same, and to send them again does "
                      "them twice. By itself a client repeats only what may be done twice (RFC "
                      "9110, section 9.2.2).",
                out);
}

/* ---- how long a connection lives ---- */

/* One row of each series: they say the same of what it costs. */
static json_t *firsts_of(const json_t *table) {
    json_t *names = json_array(), *rows = json_array(), *row;
    size_t i;
    json_array_foreach(table, i, row) {
        if (query_contains(names, json_array_get(row, 0))) continue;
        query_add_distinct(names, json_array_get(row, 0));
        json_array_append(rows, row);
    }
    json_decref(names);
    return rows;
}

static json_t *place_cell(const json_t *row) {
    const double rtt_ms = table_cell(row, LIFE_RTT_MS);
    return isnan(rtt_ms) ? json_string("loopback") : words_string("RTT %g ms", rtt_ms);
}

static json_t *life_numbers(const json_t *firsts) {
    json_t *rows = json_pack("[[s, s, s, s, s]]", "where", "bytes", "to have a connection",
                             "a message on it", "less than 10 % after"),
           *row;
    size_t i;
    json_array_foreach(firsts, i, row) {
        json_array_append_new(
            rows, json_pack("[o, o, s, s, o]", place_cell(row),
                            words_cell(json_array_get(row, LIFE_SIZE_BYTES)),
                            words_time(1e3 * table_cell(row, LIFE_SETUP_MS)).text,
                            words_time(1e3 * table_cell(row, LIFE_EXCHANGE_MS)).text,
                            words_string("%.0f messages", table_cell(row, LIFE_LITTLE))));
    }
    return rows;
}

/* The largest difference between a line and a point, in percent of the time. */
static double furthest(const json_t *table) {
    double most = NAN;
    size_t i;
    json_t *row;
    json_array_foreach(table, i, row) {
        const double off = fabs(table_cell(row, LIFE_MEASURED) - table_cell(row, LIFE_SHARE));
        if (!isnan(off) && !(off <= most)) most = off;
    }
    return most;
}

static void put_life(FILE *out, const struct measured *measured) {
    const json_t *table = json_object_get(measured->tables, "life");
    json_t *firsts = firsts_of(table);
    const json_t *least = NULL, *most = table_highest(firsts, LIFE_LITTLE);
    size_t i;
    json_t *row;
    json_array_foreach(firsts, i, row) {
        if (least == NULL || table_cell(row, LIFE_LITTLE) < table_cell(least, LIFE_LITTLE)) {
            least = row;
        }
    }
    if (least != NULL) {
        (void)fprintf(out,
                      "What it cost to have a connection is shared by all messages that it "
                      "carries. Less than 10 %% of their time is left of it after %.0f messages "
                      "(`%s`) to %.0f (`%s`).",
                      table_cell(least, LIFE_LITTLE), story_cell(least, 0),
                      table_cell(most, LIFE_LITTLE), story_cell(most, 0));
        const double off = furthest(table);
        if (!isnan(off)) {
            (void)fprintf(out, " Computed and measured are at most %.1f points apart.", off);
        }
    }
    json_decref(firsts);
}

static void tell_life(struct story *story, const struct measured *measured) {
    const json_t *table = json_object_get(measured->tables, "life");
    if (table == NULL) return;
    (void)page_figure(story, measured, "life");
    table_tell(story, put_life, measured);
    json_t *firsts = firsts_of(table), *rows = life_numbers(firsts);
    story_table(story, "numbers", rows);
    page_tell_command(story, "life");
    json_decref(rows);
    json_decref(firsts);
}

void page_keeping(struct story *story, const struct measured *measured) {
    if (json_array_size(measured->keeping) == 0) return;
    story_heading(story, 2, "The price of keeping");
    tell_idle(story, measured);
    if (part_of(measured, "idle_race") != NULL) {
        story_heading(story, 3, "Closed just as the next message is sent");
        table_tell(story, put_race, measured);
    }
    if (part_of(measured, "idle_beside") != NULL) {
        story_heading(story, 3, "What an idle connection holds");
        table_tell(story, put_beside, measured);
    }
    if (json_object_get(measured->tables, "idle") != NULL) page_tell_command(story, "idle");
    tell_life(story, measured);
}
