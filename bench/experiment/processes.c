/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hyperfine beside compare: see bench/process.sh. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/judge/series.h"
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

/* 0: it is no command of that variant. */
static double messages_of(const struct timed_command *command, const struct variant *variant) {
    const size_t length = strlen(variant->name);
    char *end = NULL;
    if (strncmp(command->command, variant->name, length) != 0) return 0;
    if (command->command[length] != ' ' || command->count == 0) return 0;
    const double messages = strtod(command->command + length + 1, &end);
    return *end == '\0' ? messages : 0;
}

static double median_s(const struct timed_command *command) {
    double *times = calloc(command->count + 1, sizeof *times);
    if (times == NULL) return NAN;
    memcpy(times, command->times_s, command->count * sizeof *times);
    const double median = statistics_median(times, command->count);
    free(times);
    return median;
}

/* That of twice as many messages in the same round; NULL: there is none. */
static const struct timed_command *twice(const struct results *results,
                                         const struct timed_command *once,
                                         const struct variant *variant) {
    const double messages = 2 * messages_of(once, variant);
    for (size_t i = 0; messages > 0 && i < results->command_count; i++) {
        if (results->commands[i].file != once->file) continue;
        if (messages_of(&results->commands[i], variant) == messages) return &results->commands[i];
    }
    return NULL;
}

static bool is_beside(const struct run *run, const void *variant) {
    return run->asked.variant == variant && series_is_of(run, NULL);
}

/* (t(2 N) - t(N)) / N is a message, 2 t(N) - t(2 N) the start of a process: by rounds. */
static void add_variant(struct grid *grid, const struct results *results,
                        const struct variant *variant, const struct runs *beside) {
    const size_t count = results->command_count;
    double *messages_us = calloc(2 * count + 1, sizeof *messages_us);
    double *starts_ms = messages_us + count;
    size_t rounds = 0;
    for (size_t i = 0; messages_us != NULL && i < count; i++) {
        const struct timed_command *once = &results->commands[i];
        const struct timed_command *other = twice(results, once, variant);
        if (other == NULL) continue;
        const double once_s = median_s(once), twice_s = median_s(other);
        messages_us[rounds] = 1e6 * (twice_s - once_s) / messages_of(once, variant);
        starts_ms[rounds++] = 1e3 * (2 * once_s - twice_s);
    }
    if (rounds > 0) {
        const struct middle message_us = statistics_middle(messages_us, rounds);
        const struct middle start_ms = statistics_middle(starts_ms, rounds);
        const struct middle compare_us =
            runs_middle(beside, metrics[METRIC_TIME].of, is_beside, variant);
        const double more_percent = 100 * (message_us.value / compare_us.value - 1);
        grid_add(grid, "`%s`", variant->name);
        add_counted(grid, &message_us, "round");
        add_counted(grid, &compare_us, "run");
        grid_add(grid, isfinite(more_percent) ? "%+.1f %%" : "-", more_percent);
        words_cell_middle(grid, &start_ms, words_number);
    }
    free(messages_us);
}

void processes_tell(struct story *story, const struct results *results) {
    struct grid grid = grid_of("variant|hyperfine, us per message|compare, us per message|"
                               "hyperfine over compare|a start, ms");
    const struct session *work = results_where(results, "compare", NULL, is_work);
    const struct runs none = {0};
    for (unsigned i = 0; i < variant_count; i++)
        add_variant(&grid, results, &variants[i], work == NULL ? &none : &work->runs);
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
