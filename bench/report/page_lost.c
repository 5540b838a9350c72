/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

static json_t *milliseconds(double ms) {
    return ms < 100 ? words_string("%.1f ms", ms) : words_string("%.0f ms", ms);
}

static json_t *rows_of(const json_t *lost) {
    json_t *rows = json_pack("[[s, s, s, s]]", "variant", "lost", "predicted", "measured");
    size_t i;
    json_t *one;
    json_array_foreach(lost, i, one) {
        const bool answered = json_is_true(query_field(one, "answered"));
        json_t *measured = milliseconds(query_number(one, "measured_ms"));
        json_t *cell =
            answered
                ? words_string("%s (%.1f to %.1f ms, %.0f runs)", json_string_value(measured),
                               query_number(one, "low_ms"), query_number(one, "high_ms"),
                               query_number(one, "runs"))
                : words_string("no answer within the deadline of %s", json_string_value(measured));
        json_t *predicted =
            answered ? words_string("%.0f to %.0f ms", query_number(one, "predicted_low_ms"),
                                    query_number(one, "predicted_high_ms"))
                     : json_string("never: only the application's own timer");
        json_array_append_new(rows, json_pack("[o, s, o, o]",
                                              words_string("`%s`", query_text(one, "variant", "?")),
                                              query_text(one, "lost", "?"), predicted, cell));
        json_decref(measured);
    }
    return rows;
}

/* The worst that one lost packet does to an answered message. */
static const json_t *worst(const json_t *lost) {
    const json_t *most = NULL;
    size_t i;
    const json_t *one;
    json_array_foreach(lost, i, one) {
        if (!json_is_true(query_field(one, "answered"))) continue;
        if (most == NULL || query_number(one, "measured_ms") > query_number(most, "measured_ms")) {
            most = one;
        }
    }
    return most;
}

void page_lost(struct story *story, const struct measured *measured) {
    const json_t *most = worst(measured->lost);
    story_heading(story, 3, "One packet lost, a lone message");
    if (most == NULL) {
        story_say(story, "Not run: `echolab sweep loss --packet --json %s/results/loss.json`.",
                  story->directory);
        return;
    }
    story_say(story,
              "A message that loses one packet waits for a timer, and which one depends on the "
              "packet. The worst is %s of `%s`: %.0f ms (median of %.0f runs). UDP repeats "
              "nothing: what is lost stays lost until the application asks again. Predicted from "
              "the round-trip time and the kernel's timers:",
              query_text(most, "lost", "?"), query_text(most, "variant", "?"),
              query_number(most, "measured_ms"), query_number(most, "runs"));
    json_t *rows = rows_of(measured->lost);
    story_table(story, "numbers", rows);
    json_decref(rows);
}
