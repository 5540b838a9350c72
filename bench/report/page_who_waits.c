/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

static const char kept[] = "tcp-persistent";

static bool is_single(const json_t *entry) {
    return query_number(entry, "loss_percent") <= 0;
}

/* Of one file: two sessions are not one table. A new array. */
static json_t *entries_of(const struct measured *measured) {
    const json_t *first = json_array_get(measured->who_waits, 0);
    return query_where(measured->who_waits, "file", query_field(first, "file"));
}

static const json_t *find(const json_t *entries, const json_t *variant, double per_s,
                          double loss_percent) {
    size_t i;
    const json_t *one;
    json_array_foreach(entries, i, one) {
        if (json_equal(query_field(one, "variant"), variant) &&
            query_number(one, "rate_per_s") == per_s &&
            query_number(one, "loss_percent") == loss_percent)
            return one;
    }
    return NULL;
}

/* How many wait, and how long; in a run where there are several. */
static void put_waiting(FILE *out, const json_t *entry) {
    const double runs = query_number(entry, "runs");
    const double late = query_number(entry, "delayed") / runs;
    const double gone = query_number(entry, "unanswered") / runs;
    if (gone > 0) (void)fprintf(out, "%.3g never answered, ", gone);
    if (late <= 0) {
        (void)fputs("none late", out);
        return;
    }
    (void)fprintf(out, "%.3g late, the worst by %.0f ms", late, query_number(entry, "worst_ms"));
}

static double highest_rate(const json_t *entries) {
    double highest = 0;
    size_t i;
    json_t *one;
    json_array_foreach(entries, i, one) {
        highest = fmax(highest, query_number(one, "rate_per_s"));
    }
    return highest;
}

/* "At 1,000 messages/s and a round-trip time of 20 ms: ..." */
static void put_at_highest(FILE *out, const json_t *entries) {
    const double highest = highest_rate(entries);
    const char *between = ": ";
    size_t i;
    json_t *one;
    (void)fputs("One request is lost while others follow, at ", out);
    words_count(out, highest);
    (void)fprintf(out, " messages/s and a round-trip time of %g ms",
                  query_number(json_array_get(entries, 0), "rtt_ms"));
    json_array_foreach(entries, i, one) {
        if (!is_single(one) || query_number(one, "rate_per_s") < highest) continue;
        (void)fprintf(out, "%s`%s`: ", between, query_text(one, "variant", "?"));
        put_waiting(out, one);
        between = "; ";
    }
    (void)fputs(".", out);
}

/* The same loss on the kept connection, over the rate. */
static void put_over_rates(FILE *out, const json_t *entries) {
    json_t *rates = query_values(entries, "rate_per_s"), *name = json_string(kept), *rate;
    const char *between = " On `tcp-persistent` one lost request makes ";
    size_t i;
    if (json_array_size(rates) < 2) json_array_clear(rates);
    json_array_foreach(rates, i, rate) {
        const json_t *entry = find(entries, name, json_number_value(rate), 0);
        if (entry == NULL) continue;
        (void)fputs(between, out);
        put_waiting(out, entry);
        (void)fputs(" at ", out);
        words_count(out, json_number_value(rate));
        (void)fputs("/s", out);
        between = "; ";
    }
    if (strcmp(between, "; ") == 0) {
        (void)fputs(
            ". The acknowledgements of later requests tell of the gap (fast retransmit), so "
            "the faster they follow the sooner it is filled, but the more of them wait; "
            "behind a last one only the timer (RTO) does.",
            out);
    }
    json_decref(rates);
    json_decref(name);
}

static char *lead_text(const json_t *entries) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    put_at_highest(out, entries);
    (void)fputs(" TCP hands over bytes in their order: the requests behind the lost one have "
                "arrived, and still wait in the server's kernel until it was sent again "
                "(head-of-line blocking). That is the saw-tooth. A datagram waits for no other, "
                "nor does a connection of its own; but what UDP has lost stays lost, unless the "
                "application asks again.",
                out);
    put_over_rates(out, entries);
    (void)fclose(out);
    return text;
}

static void lead(struct story *story, const struct measured *measured) {
    json_t *entries = entries_of(measured);
    char *text = lead_text(entries);
    if (text != NULL) story_paragraph(story, "p", text);
    free(text);
    json_decref(entries);
}

/* ---- tables: a column for each rate ---- */

static json_t *single_cell(const json_t *entry) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return json_null();
    put_waiting(out, entry);
    (void)fclose(out);
    json_t *cell = json_string(text);
    free(text);
    return cell;
}

static json_t *share_cell(const json_t *entry) {
    return words_string("%.1f %% (%.1f to %.1f)", 100 * query_number(entry, "within_share"),
                        100 * query_number(entry, "ci_low"), 100 * query_number(entry, "ci_high"));
}

static json_t *rate_head(const json_t *rate) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return json_null();
    words_count(out, json_number_value(rate));
    (void)fputs("/s", out);
    (void)fclose(out);
    json_t *cell = json_string(text);
    free(text);
    return cell;
}

/* A row for each variant with this loss; a point that was not measured is a dash. */
static void add_rows(json_t *rows, const json_t *entries, double loss_percent,
                     json_t *cell_of(const json_t *entry)) {
    json_t *rates = query_values(entries, "rate_per_s"), *names = query_values(entries, "variant");
    json_t *name, *rate;
    size_t i, k;
    json_array_foreach(names, i, name) {
        json_t *row = json_array();
        json_array_append_new(row, words_string("`%s`", json_string_value(name)));
        if (loss_percent > 0) json_array_append_new(row, words_string("%g %%", loss_percent));
        json_array_foreach(rates, k, rate) {
            const json_t *entry = find(entries, name, json_number_value(rate), loss_percent);
            json_array_append_new(row, entry == NULL ? json_string("-") : cell_of(entry));
        }
        json_array_append_new(rows, row);
    }
    json_decref(names);
    json_decref(rates);
}

static json_t *heads(const json_t *entries, bool with_loss) {
    json_t *rates = query_values(entries, "rate_per_s"), *rate;
    json_t *row = json_array(), *rows = json_array();
    size_t i;
    json_array_append_new(row, json_string("variant"));
    if (with_loss) json_array_append_new(row, json_string("loss"));
    json_array_foreach(rates, i, rate) {
        json_array_append_new(row, rate_head(rate));
    }
    json_array_append_new(rows, row);
    json_decref(rates);
    return rows;
}

static void tell_single(struct story *story, const json_t *entries) {
    const json_t *first = json_array_get(entries, 0);
    json_t *rows = heads(entries, false);
    story_say(
        story,
        "One request lost, by the rate. Late is what was answered, itself included, more than "
        "%g ms later than the median of its run (%.0f run%s each); never answered: not within %g "
        "ms.",
        query_number(first, "delayed_beyond_ms") - query_number(first, "median_ms"),
        query_number(first, "runs"), query_number(first, "runs") == 1 ? "" : "s",
        query_number(first, "deadline_ms"));
    add_rows(rows, entries, 0, single_cell);
    story_table(story, "numbers", rows);
    json_decref(rows);
}

static void tell_random(struct story *story, const json_t *entries) {
    const json_t *first = json_array_get(entries, 0);
    json_t *losses = query_values(entries, "loss_percent"), *loss, *rows = heads(entries, true);
    size_t i;
    json_array_foreach(losses, i, loss) {
        if (json_number_value(loss) > 0) {
            add_rows(rows, entries, json_number_value(loss), share_cell);
        }
    }
    if (json_array_size(rows) > 1) {
        story_say(story,
                  "Packets lost by chance in both directions: the share of the messages that were "
                  "answered within %g ms, three round trips, by the rate, with its 95 %% interval "
                  "(messages that miss in a row count as one in it: they wait for the same "
                  "packet). A connection for each message takes more packets, and so loses more.",
                  query_number(first, "within_ms"));
        story_table(story, "numbers", rows);
    }
    json_decref(losses);
    json_decref(rows);
}

void page_who_waits(struct story *story, const struct measured *measured) {
    if (json_array_size(measured->who_waits) == 0) return; /* page_not_run says so */
    if (!page_figure_led(story, measured, "who_waits", lead)) {
        story_heading(story, 3, figure_find("who_waits")->title);
        lead(story, measured);
    }
    json_t *entries = entries_of(measured);
    tell_single(story, entries);
    tell_random(story, entries);
    page_tell_command(story, "who_waits");
    json_decref(entries);
}
