/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a wake-up costs: what two cores add to a message, whatever the protocol. */
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/tell/words.h"

static bool on_virtual_machine(const struct results *results) {
    for (size_t i = 0; i < results->count; i++) {
        const char *text = facts_text(&results->sessions[i]->environment, "hypervisor");
        if (*text != '\0' && strcmp(text, "none") != 0) return true;
    }
    return false;
}

void placement_tell(struct story *story, const struct results *results) {
    static const char family[] = "wakeup/";
    struct grid grid =
        grid_of("to wake another thread|one way (one standard deviation)|repetitions");
    for (size_t i = 0; i < results->benchmark_count; i++) {
        const struct benchmark *row = &results->benchmarks[i];
        if (strncmp(row->name, family, strlen(family)) != 0) continue;
        const struct interval us = {row->ns / 1e3, (row->ns - row->deviation_ns) / 1e3,
                                    (row->ns + row->deviation_ns) / 1e3};
        grid_add(&grid, "`%s`", row->name + strlen(family));
        grid_add(&grid, "%s us (%s to %s)", words_number(us.value).text, words_number(us.low).text,
                 words_number(us.high).text);
        grid_add(&grid, "%u", row->repetitions);
    }
    const bool any = grid_rows(&grid) > 1;
    story_table(story, "numbers", &grid);
    if (!any) return;
    story_say(
        story,
        "A wake-up is half of a ping-pong between two threads through eventfds, and every "
        "message waits for two. %s So what was compared may be the wake-ups, and not the "
        "protocols.",
        on_virtual_machine(results)
            ? "This is a virtual machine: every wake-up of an idle CPU is an interrupt and an "
              "exit to the hypervisor, which can be more than all of the protocol."
            : "An idle CPU sleeps, and has to leave its sleep first.");
}
