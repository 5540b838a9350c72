/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab check: the ruler tested with known quantities. Every control has a
 * negative one: the same detector on a case that it must refuse, as a test
 * that cannot fail proves nothing.
 */
#include "bench/experiment/check.h"

#include <string.h>

#include "bench/link/namespace.h"

static const char *is_negative(bool negative) {
    return negative ? " (negative control)" : "";
}

/* Whether the detector says what it must. */
static void look_once(struct lab *lab, const struct control *control, bool negative) {
    struct look look = {.lab = lab, .negative = negative};
    lab_progress(lab, "control %u/%u  %s%s", ++lab->done, 2 * CONTROLS, control->name,
                 is_negative(negative));
    control->look(&look);
    struct checked *one = NULL;
    if (!interrupted) one = findings_add(&lab->session->lists[LIST_CHECKS], LIST_CHECKS);
    if (one == NULL) return;
    if (look.broken)
        (void)snprintf(look.found, LOOK_TEXT, "no result: %.*s", LOOK_TEXT - 20, lab->why);
    one->name = control->name;
    one->negative = negative;
    one->injected = session_text(lab->session, "%s", look.injected);
    one->found = session_text(lab->session, "%s", look.found);
    one->detected = look.detected;
    one->pass = !look.broken && look.detected != negative;
}

int check_measure(struct lab *lab) {
    const bool network = namespace_allowed();
    for (int i = 0; i < CONTROLS; i++) {
        if (controls[i].needs_network && !network) continue;
        for (int negative = 0; negative < 2 && !interrupted; negative++) {
            look_once(lab, &controls[i], negative != 0);
        }
    }
    lab_progress(lab, "%s", "");
    return EXIT_DONE;
}

int check_preview(struct lab *lab) {
    for (int i = 0; i < CONTROLS; i++) printf("%s, and its negative control\n", controls[i].name);
    printf("%d controls, about %.0f s, seed %llu\n", 2 * CONTROLS,
           controls_seconds(lab->request->blocks), (unsigned long long)lab->request->run.seed);
    return EXIT_DONE;
}

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

static bool was_made(const struct session *session, const struct control *control) {
    for (size_t i = 0; i < session->lists[LIST_CHECKS].count; i++) {
        const struct checked *one = SESSION_AT(session, LIST_CHECKS, struct checked, i);
        if (strcmp(one->name, control->name) == 0) return true;
    }
    return false;
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
        grid_add(&grid, "%s%s", one->name, is_negative(one->negative));
        grid_add(&grid, "%s", one->injected);
        grid_add(&grid, "%s", one->found);
        grid_add(&grid, "%s", one->pass ? "pass" : "FAIL");
    }
    story_table(story, "", &grid);
    for (int i = 0; i < CONTROLS && !session->interrupted; i++) {
        if (was_made(session, &controls[i]) || !controls[i].needs_network) continue;
        story_say(story,
                  "Skipped: %s, as the system denies private networks; try `sudo echolab "
                  "check`.",
                  controls[i].name);
    }
}
