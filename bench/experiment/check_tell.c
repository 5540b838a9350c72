/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `echolab check` found: see check.c. */
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/tell/fill.h"

static unsigned count_failed(const struct session *session) {
    unsigned failed = 0;
    for (size_t i = 0; i < session->lists[LIST_CHECKS].count; i++) {
        failed += !SESSION_AT(session, LIST_CHECKS, struct checked, i)->pass;
    }
    return failed;
}

int check_status(const struct lab *lab) {
    return count_failed(lab->session) > 0 ? EXIT_REGRESSION : EXIT_DONE;
}

void check_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_CHECKS);
    if (session == NULL) return;
    struct grid grid = grid_of("control|injected|found|result");
    const size_t count = session->lists[LIST_CHECKS].count;
    story_say(story,
              "Known quantities, and what was found of them. A negative control is a case that "
              "the same detector must refuse; it passes when it was refused. %u of %zu failed.",
              count_failed(session), count);
    for (size_t i = 0; i < count; i++) {
        const struct checked *one = SESSION_AT(session, LIST_CHECKS, struct checked, i);
        grid_add(&grid, one->negative ? "%s (negative control)" : "%s", one->name);
        const char *line = one->pass ? "{injected}|{found}|pass" : "{injected}|{found}|FAIL";
        if (strncmp(one->found, "skipped", 7) == 0) line = "{injected}|{found}|-";
        grid_fill(&grid, line, fill_from(LIST_CHECKS, one));
    }
    story_table(story, "", &grid);
}
