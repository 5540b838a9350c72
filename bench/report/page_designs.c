/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/table.h"
#include "bench/tell/words.h"

enum { TIME_US = 2, RUNS = 5 }; /* columns */

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

static const json_t *cheapest(const json_t *rows) {
    const json_t *least = NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (least == NULL || table_cell(row, TIME_US) < table_cell(least, TIME_US)) least = row;
    }
    return least;
}

static void put_design(FILE *out, const json_t *row) {
    (void)fprintf(out, "%s us", words_number(table_cell(row, TIME_US)).text);
    table_put_support(out, row, TIME_US, RUNS);
    (void)fprintf(out, " (`%s`)", story_cell(row, 1));
}

/* The range over the designs, of one variant. */
static void put_range(FILE *out, const struct measured *measured, const char *variant,
                      const char *before) {
    json_t *rows = table_rows(measured, "designs", variant);
    const json_t *least = cheapest(rows), *most = table_highest(rows, TIME_US);
    if (least != NULL && least != most) {
        (void)fputs(before, out);
        put_design(out, least);
        (void)fputs(" to ", out);
        put_design(out, most);
        (void)fputc('.', out);
    }
    json_decref(rows);
}

static void put_designs(FILE *out, const struct measured *measured) {
    put_range(out, measured, fresh,
              "A message on a fresh connection takes, by how the server is built, ");
    put_range(out, measured, kept, " On a kept one it takes ");
}

static void lead_designs(struct story *story, const struct measured *measured) {
    table_tell(story, put_designs, measured);
}

/* A client that connects and says nothing */

const char page_silent_command[] =
    "echolab sweep design tcp-persistent --silent 1 --deadline 200ms --messages 10 --warmup 0s "
    "--blocks 1 --json %s/results/silent.json";

/* Of all runs beside a silent client, valid or not: that nobody is answered is what is shown. */
static json_t *silent_runs(const struct measured *measured) {
    const json_t *const lists[] = {measured->runs, measured->excluded};
    json_t *runs = json_array(), *run;
    size_t i;
    for (size_t k = 0; k < 2; k++) {
        json_array_foreach(lists[k], i, run) {
            if (query_number(run, "silent_connections") > 0 &&
                strcmp(query_text(run, "role", ""), "variant") == 0)
                json_array_append(runs, run);
        }
    }
    return runs;
}

static json_t *silent_row(const json_t *runs, const char *design) {
    double sent = 0, ok = 0;
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run) {
        sent += query_number(run, "messages.sent");
        ok += query_number(run, "messages.ok");
    }
    return json_pack("[o, o, o]", words_string("`%s`", design),
                     words_string("%.0f of %.0f", ok, sent),
                     words_string("%zu", json_array_size(runs)));
}

static void put_silent(FILE *out, const json_t *runs) {
    json_t *stopped = query_where_text(runs, "design", "iterative"), *run;
    double sent = 0, ok = 0;
    size_t i;
    json_array_foreach(stopped, i, run) {
        sent += query_number(run, "messages.sent");
        ok += query_number(run, "messages.ok");
    }
    run = json_array_get(stopped, 0);
    if (sent > 0) {
        (void)fputs("Behind ", out);
        table_put_count(out, query_number(run, "silent_connections"), "client");
        (void)fprintf(out,
                      " that connects and says nothing, an iterative server answered %.0f of %.0f "
                      "messages within %s (%zu run%s): it serves one connection to its end, and "
                      "this one does not end.",
                      ok, sent, words_time(1e3 * query_number(run, "deadline_ms")).text,
                      json_array_size(stopped), json_array_size(stopped) == 1 ? "" : "s");
    }
    json_decref(stopped);
}

static void tell_silent(struct story *story, const json_t *runs) {
    json_t *rows = json_pack("[[s, s, s]]", "behind a silent client", "answered in time", "runs");
    const char *const *order = figure_find("designs")->order;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out != NULL) {
        put_silent(out, runs);
        (void)fclose(out);
        if (length > 0) story_paragraph(story, "p", text);
        free(text);
    }
    for (size_t i = 0; i < FIGURE_ORDER && order[i] != NULL; i++) {
        json_t *some = query_where_text(runs, "design", order[i]);
        if (json_array_size(some) > 0) json_array_append_new(rows, silent_row(some, order[i]));
        json_decref(some);
    }
    story_table(story, "numbers", rows);
    page_tell(story, page_silent_command);
    json_decref(rows);
}

bool page_has_silent(const struct measured *measured) {
    json_t *runs = silent_runs(measured);
    const bool any = json_array_size(runs) > 0;
    json_decref(runs);
    return any;
}

void page_designs(struct story *story, const struct measured *measured) {
    json_t *silent = silent_runs(measured);
    const bool any = json_array_size(silent) > 0;
    if (any || table_has(measured, "designs")) story_heading(story, 2, "How a server is built");
    if (page_figure_led(story, measured, "designs", lead_designs))
        page_tell_command(story, "designs");
    if (any) tell_silent(story, silent);
    json_decref(silent);
}
