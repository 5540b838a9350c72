/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hyperfine beside compare: see bench/process.sh. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/tell/words.h"

/* Whether work alone counts, as it does in what hyperfine times. */
static bool is_work(const struct session *session) {
    const struct run *run = session->runs.count == 0 ? NULL : session->runs.list[0];
    return run != NULL && run->asked.placement == PLACEMENT_SAME_CORE && !run->asked.wire &&
           run->asked.host == NULL && !run_is_open(run);
}

struct process_line process_line_of(const struct results *results, const struct variant *variant) {
    const struct runs *runs = NULL;
    for (size_t i = 0; i < results->count && runs == NULL; i++) {
        const struct session *session = results->sessions[i];
        if (strcmp(session->command, "compare") == 0 && is_work(session)) runs = &session->runs;
    }
    return processes_line(results->commands, results->command_count, variant, runs);
}

/* "60.6 (59.1 to 62)"; behind it, of how many. */
static void add_range(struct grid *grid, const struct interval *range, const char *counted) {
    if (isnan(range->low))
        grid_add(grid, "%s%s", words_number(range->value).text, counted);
    else
        grid_add(grid, "%s (%s to %s)%s", words_number(range->value).text,
                 words_number(range->low).text, words_number(range->high).text, counted);
}

static void add_counted(struct grid *grid, const struct interval *range, size_t count,
                        const char *one) {
    char counted[64] = "";
    if (count > 0) {
        (void)snprintf(counted, sizeof counted, ", %s", words_counted((double)count, one).text);
    }
    add_range(grid, range, counted);
}

void processes_tell(struct story *story, const struct results *results) {
    struct grid grid = grid_of("variant|hyperfine, us per message|compare, us per message|"
                               "hyperfine over compare|a start, ms");
    for (unsigned i = 0; i < variant_count; i++) {
        const struct process_line line = process_line_of(results, &variants[i]);
        if (line.rounds == 0) continue;
        grid_add(&grid, "`%s`", variants[i].name);
        add_counted(&grid, &line.message_us, line.rounds, "round");
        add_counted(&grid, &line.compare_us, line.runs, "run");
        grid_add(&grid, isfinite(line.more_percent) ? "%+.1f %%" : "-", line.more_percent);
        add_range(&grid, &line.start_ms, "");
    }
    if (grid_rows(&grid) > 1) {
        story_say(story,
                  "An independent ruler: hyperfine times whole client processes, at N and at 2 N "
                  "messages one after the other in each round. (t(2 N) - t(N)) / N is then a "
                  "message, 2 t(N) - t(2 N) what starting a process costs. The median of the "
                  "rounds, with its 95 %% interval from six rounds on, else with the lowest and "
                  "the highest; compare's is that of the runs on the same core.");
    }
    story_table(story, "numbers", &grid);
}
