/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glob.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

/* "10 / 10 =": measured beside predicted. */
static json_t *count_cell(const json_t *one, const char *measured, const char *pair) {
    const json_t *both = query_field(one, pair);
    const double value = query_number(one, measured);
    const bool equal = json_is_true(query_field(both, "equal"));
    if (json_is_null(query_field(both, "predicted"))) return words_string("%.4g", value);
    return words_string("%.4g %s", value, equal ? "=" : "(predicted otherwise)");
}

static json_t *trips_cell(const json_t *one) {
    const json_t *trips = query_field(one, "round_trips_waited");
    if (!json_is_number(query_field(trips, "measured"))) return json_string("-");
    return words_string("%.2f / %.0f", query_number(trips, "measured"),
                        query_number(trips, "predicted"));
}

static json_t *calls_cell(const json_t *one) {
    const json_t *calls = query_field(one, "syscalls_per_message");
    if (!json_is_number(query_field(calls, "client"))) return json_string("-");
    return words_string("%.4g + %.4g", query_number(calls, "client"),
                        query_number(calls, "server"));
}

static void tell_counts(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s, s, s, s]]", "variant", "packets per message", "IP bytes",
                             "payload", "calls, client + server", "round trips / model");
    size_t i;
    json_t *one;
    json_array_foreach(measured->anatomy, i, one) {
        json_array_append_new(
            rows,
            json_pack("[o, o, o, o, o, o]", words_string("`%s`", query_text(one, "variant", "?")),
                      count_cell(one, "packets_per_message", "packets"),
                      count_cell(one, "ip_bytes_per_message", "ip_bytes"),
                      words_string("%.0f %%", query_number(one, "payload_percent")),
                      calls_cell(one), trips_cell(one)));
    }
    story_say(story,
              "Counted on the wire and by strace, in runs of their own of %.0f messages, opening "
              "and closing included. `=`: the total is exactly what the protocol predicts.",
              query_number(json_array_get(measured->anatomy, 0), "messages"));
    story_table(story, "numbers", rows);
    json_decref(rows);
}

/* One exchange of each variant, side by side; the drawings are `make plots`'. */
static void tell_ladders(struct story *story) {
    glob_t found = {0};
    json_t *pattern = words_string("%s/ladder/*.tsv", story->directory);
    if (glob(json_string_value(pattern), 0, NULL, &found) == 0) {
        story_say(story, "One exchange of each, primitive by primitive and packet by packet "
                         "(`echolab ladder VARIANT`), at a round-trip time of 20 ms:");
        if (story->html) (void)fputs("<div class=\"ladders\">\n", story->out);
        for (size_t i = 0; i < found.gl_pathc && story->html; i++) {
            const char *name = strrchr(found.gl_pathv[i], '/') + 1;
            const int length = (int)strcspn(name, ".");
            (void)fprintf(story->out,
                          "<a href=\"ladder-%.*s.png\"><img src=\"ladder-%.*s.svg\" "
                          "alt=\"time-sequence diagram of %.*s\"></a>\n",
                          length, name, length, name, length, name);
        }
        if (story->html) (void)fputs("</div>\n", story->out);
    }
    globfree(&found);
    json_decref(pattern);
}

void page_anatomy(struct story *story, const struct measured *measured) {
    story_heading(story, 2, "What a message consists of");
    if (json_array_size(measured->anatomy) == 0) {
        story_say(story, "Not run: `echolab anatomy --json %s/results/anatomy.json`.",
                  story->directory);
    } else {
        tell_counts(story, measured);
    }
    tell_ladders(story);
}
