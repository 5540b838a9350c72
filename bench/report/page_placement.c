/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/page_parts.h"
#include "bench/tell/words.h"

static const char fresh[] = "tcp-per-message", kept[] = "tcp-persistent";

/* What two cores do to the ratio of one. */
static const char *conclusion_of(const struct page_ratio *same, const struct page_ratio *cross) {
    if (cross->high < 1) return "The order is inverted";
    if (cross->low <= 1) return "Which of the two is faster across cores is not decided";
    if (cross->high < same->low) return "The order stays, and the ratio shrinks";
    return "The order stays";
}

static void tell_order(struct story *story, const struct measured *measured) {
    struct page_ratio same, cross;
    char *text = NULL;
    size_t length = 0;
    if (!page_ratio_find(measured, "same-core", fresh, kept, &same)) return;
    if (!page_ratio_find(measured, "cross-core", fresh, kept, &cross)) return;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    (void)fputs("A connection for every message takes ", out);
    page_put_ratio(out, &same);
    (void)fputs(" as long as a kept one on the same core, and ", out);
    page_put_ratio(out, &cross);
    (void)fprintf(out, " across two cores. %s.", conclusion_of(&same, &cross));
    (void)fclose(out);
    story_paragraph(story, "p", text);
    free(text);
}

static json_t *wakeup_cell(const json_t *row) {
    const double us = json_number_value(json_array_get(row, 2)) / 1e3,
                 low = json_number_value(json_array_get(row, 3)) / 1e3,
                 high = json_number_value(json_array_get(row, 4)) / 1e3;
    return words_string("%s us (%s to %s)", words_number(us).text, words_number(low).text,
                        words_number(high).text);
}

static bool on_virtual_machine(const struct measured *measured) {
    size_t i;
    json_t *value, *values = json_object_get(measured->environment, "hypervisor");
    json_array_foreach(values, i, value) {
        const char *text = json_string_value(value);
        if (text != NULL && strcmp(text, "none") != 0) return true;
    }
    return false;
}

void page_placement(struct story *story, const struct measured *measured) {
    json_t *wakeups = figure_benchmarks(measured, "wakeup/"), *row;
    json_t *rows = json_pack("[[s, s, s]]", "to wake another thread",
                             "one way (one standard deviation)", "repetitions");
    size_t i;
    tell_order(story, measured);
    json_array_foreach(wakeups, i, row) {
        json_array_append_new(rows,
                              json_pack("[o, o, o]", words_string("`%s`", story_cell(row, 0)),
                                        wakeup_cell(row), words_cell(json_array_get(row, 5))));
    }
    story_table(story, "numbers", rows);
    if (json_array_size(wakeups) > 0) {
        story_say(
            story,
            "A wake-up is half of a ping-pong between two threads through eventfds, and every "
            "message waits for two. %s So what was compared may be the wake-ups, and not the "
            "protocols.",
            on_virtual_machine(measured)
                ? "This is a virtual machine: every wake-up of an idle CPU is an interrupt and "
                  "an exit to the hypervisor, which can be more than all of the protocol."
                : "An idle CPU sleeps, and has to leave its sleep first.");
    }
    json_decref(rows);
    json_decref(wakeups);
}
