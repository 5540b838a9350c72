/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

static void tell_checks(struct story *story, const struct measured *measured) {
    json_t *rows = json_pack("[[s, s, s, s]]", "control", "injected", "found", "result"), *one;
    size_t i, failed = 0;
    json_array_foreach(measured->checks, i, one) {
        const bool pass = json_is_true(query_field(one, "pass"));
        failed += pass ? 0 : 1;
        json_array_append_new(
            rows, json_pack("[o, s, s, s]",
                            words_string("%s%s", query_text(one, "name", "?"),
                                         json_is_true(query_field(one, "negative_control"))
                                             ? " (negative control)"
                                             : ""),
                            query_text(one, "injected", "-"), query_text(one, "found", "-"),
                            pass ? "pass" : "FAIL"));
    }
    if (json_array_size(measured->checks) == 0) {
        story_say(
            story,
            "Not run: `echolab check --json %s/results/check.json` tests the ruler with known "
            "quantities.",
            story->directory);
    } else {
        story_say(
            story,
            "Known quantities, and what was found of them. A negative control is a case that "
            "the same detector must refuse; it passes when it was refused. %zu of %zu failed.",
            failed, json_array_size(measured->checks));
    }
    story_table(story, "", rows);
    json_decref(rows);
}

/* "60.6 (59.1 to 62)" */
static json_t *range_cell(const json_t *row, size_t column) {
    const json_t *low = json_array_get(row, column + 1), *high = json_array_get(row, column + 2);
    const struct number value = words_json(json_array_get(row, column));
    if (!json_is_number(low) || !json_is_number(high)) return json_string(value.text);
    return words_string("%s (%s to %s)", value.text, words_json(low).text, words_json(high).text);
}

/* With how many runs or rounds that is. */
static json_t *counted_cell(const json_t *row, size_t column, size_t counts, const char *what) {
    json_t *range = range_cell(row, column);
    const double count = json_number_value(json_array_get(row, counts));
    json_t *cell = count > 0 ? words_string("%s, %.0f %s%s", json_string_value(range), count, what,
                                            count == 1 ? "" : "s")
                             : json_string("-");
    json_decref(range);
    return cell;
}

static json_t *process_rows(const json_t *processes) {
    json_t *rows = json_pack("[[s, s, s, s, s]]", "variant", "hyperfine, us per message",
                             "compare, us per message", "hyperfine over compare", "a start, ms");
    const char *name = "";
    size_t i;
    json_t *row;
    json_array_foreach(processes, i, row) {
        if (strcmp(name, story_cell(row, 0)) == 0) continue;
        name = story_cell(row, 0);
        const json_t *percent = json_array_get(row, PROCESS_DIFFERENCE_PERCENT);
        if (json_number_value(json_array_get(row, PROCESS_FILES)) == 0) continue;
        json_array_append_new(
            rows,
            json_pack("[o, o, o, o, o]", words_string("`%s`", name),
                      counted_cell(row, PROCESS_SLOPE_US, PROCESS_FILES, "round"),
                      counted_cell(row, PROCESS_COMPARE_US, PROCESS_COMPARE_RUNS, "run"),
                      json_is_number(percent) ? words_string("%+.1f %%", json_number_value(percent))
                                              : json_string("-"),
                      range_cell(row, PROCESS_START_MS)));
    }
    return rows;
}

static void tell_processes(struct story *story, const struct measured *measured) {
    json_t *rows = process_rows(json_object_get(measured->tables, "process"));
    if (json_array_size(rows) > 1) {
        story_say(
            story,
            "An independent ruler: hyperfine times whole client processes, at N and at 2 N "
            "messages one after the other in each round. (t(2 N) - t(N)) / N is then a "
            "message, 2 t(N) - t(2 N) what starting a process costs. The median of the "
            "rounds, with its 95 %% interval from six rounds on, else with the lowest and the "
            "highest; compare's is that of the runs on the same core.");
        story_table(story, "numbers", rows);
    }
    json_decref(rows);
}

void page_ruler(struct story *story, const struct measured *measured) {
    story_heading(story, 2, "Is the ruler right?");
    tell_checks(story, measured);
    tell_processes(story, measured);
}
