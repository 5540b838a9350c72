/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>

#include "bench/judge/query.h"
#include "bench/report/figures_fill.h"
#include "bench/tell/words.h"

/* The message at time 0 has a label: it is the one that suffered most. */
static json_t *label_of(const json_t *entry, double due_ms, const json_t *latency) {
    if (json_is_null(latency)) return json_string("never answered");
    const double ms = json_number_value(latency);
    const bool late = ms > query_number(entry, "delayed_beyond_ms");
    return due_ms == 0 && late ? words_string("%.0f ms", ms) : json_null();
}

/* "tcp-persistent: 19 late" is the heading of its panel. */
static json_t *heading_of(const json_t *entry) {
    const double runs = query_number(entry, "runs");
    const double late = query_number(entry, "delayed") / runs;
    const double lost = query_number(entry, "unanswered") / runs;
    const char *name = query_text(entry, "variant", "?");
    return lost > 0 ? words_string("%s: %.3g never answered, %.3g late", name, lost, late)
                    : words_string("%s: %.3g late", name, late);
}

/* What takes longer than the panel is high is drawn at its top, with its time beside it. */
static void add_rows(json_t *rows, const json_t *entry) {
    const json_t *series = query_field(entry, "series_ms");
    const double top_ms = query_number(entry, "within_ms");
    json_t *heading = heading_of(entry);
    size_t i;
    json_t *point;
    json_array_foreach(series, i, point) {
        json_t *latency = json_array_get(point, 1);
        const double due_ms = json_number_value(json_array_get(point, 0));
        const double ms = json_is_null(latency) ? top_ms : json_number_value(latency);
        json_array_append_new(
            rows, json_pack("[O, f, O, f, o, O, f]", query_field(entry, "variant"), due_ms, latency,
                            fmin(ms, top_ms), label_of(entry, due_ms, latency), heading, top_ms));
    }
    json_decref(heading);
}

void figure_fill_who_waits(const struct figure *figure, const struct measured *measured,
                           json_t *rows, FILE *conditions) {
    (void)figure;
    const json_t *first = NULL;
    size_t i;
    json_t *entry;
    json_array_foreach(measured->who_waits, i, entry) {
        if (!json_is_array(query_field(entry, "series_ms"))) continue;
        if (first == NULL) first = entry;
        if (!json_equal(query_field(entry, "file"), query_field(first, "file"))) continue;
        add_rows(rows, entry);
    }
    if (json_array_size(rows) == 0) return;
    words_count(conditions, query_number(first, "rate_per_s"));
    (void)fputs(" messages/s, ", conditions);
    words_condition(conditions, "rtt_ms", query_field(first, "rtt_ms"));
}
