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

/* "60.6 (59.1 to 62), 6 rounds" */
static void add_counted(struct grid *grid, const struct middle *middle, const char *one) {
    grid_add(
        grid, middle->count > 0 ? "%s, %s" : "%s",
        words_interval((struct interval){middle->value, middle->low, middle->high}, words_number)
            .text,
        words_counted((double)middle->count, one).text);
}

void processes_tell(struct story *story, const struct results *results) {
    struct grid grid = grid_of("variant|hyperfine, us per message|compare, us per message|"
                               "hyperfine over compare|a start, ms");
    const struct session *work = results_where(results, "compare", NULL, is_work);
    for (unsigned i = 0; i < variant_count; i++) {
        const struct process_line line =
            processes_line(results->commands, results->command_count, &variants[i],
                           work == NULL ? NULL : &work->runs);
        if (line.message_us.count == 0) continue;
        grid_add(&grid, "`%s`", variants[i].name);
        add_counted(&grid, &line.message_us, "round");
        add_counted(&grid, &line.compare_us, "run");
        grid_add(&grid, isfinite(line.more_percent) ? "%+.1f %%" : "-", line.more_percent);
        words_cell_middle(&grid, &line.start_ms, words_number);
    }
    if (grid_rows(&grid) > 1) {
        story_say(story,
                  "An independent ruler: hyperfine times whole client processes, at N and at 2 N "
                  "messages one after the other in each round. (t(2 N) - t(N)) / N is then a "
                  "message, 2 t(N) - t(2 N) what starting a process costs. The median of the "
                  "rounds, with its 95 %% interval from six rounds on; compare's is that of the "
                  "runs on the same core.");
    }
    story_table(story, "numbers", &grid);
}
