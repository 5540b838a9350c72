/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/processes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Sorts them. */
static struct interval middle_of(double *values, size_t count, size_t least) {
    struct interval middle = {NAN, NAN, NAN};
    if (count > 0) middle = statistics_median_interval(values, count, 0.95);
    if (count < least) middle.low = middle.high = NAN;
    return middle;
}

/* What was measured one after the other: commands of one file. */
static void add_lines(struct process_line *line, const struct timed_command *commands, size_t count,
                      const struct variant *variant) {
    double *messages_us = calloc(count + 1, sizeof *messages_us);
    double *starts_ms = calloc(count + 1, sizeof *starts_ms);
    for (size_t i = 0; messages_us != NULL && starts_ms != NULL && i < count; i++) {
        const double messages = messages_of(&commands[i], variant);
        for (size_t k = 0; messages > 0 && k < count; k++) {
            if (commands[k].file != commands[i].file) continue;
            if (messages_of(&commands[k], variant) != 2 * messages) continue;
            const double once_s = median_s(&commands[i]), twice_s = median_s(&commands[k]);
            messages_us[line->rounds] = 1e6 * (twice_s - once_s) / messages;
            starts_ms[line->rounds++] = 1e3 * (2 * once_s - twice_s);
            break;
        }
    }
    line->message_us = middle_of(messages_us, line->rounds, 2);
    line->start_ms = middle_of(starts_ms, line->rounds, 2);
    free(messages_us);
    free(starts_ms);
}

static void add_runs(struct process_line *line, const struct runs *runs,
                     const struct variant *variant) {
    double *times_us = calloc(runs->count + 1, sizeof *times_us);
    for (size_t i = 0; times_us != NULL && i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (run->asked.variant != variant || run->asked.role != ROLE_VARIANT) continue;
        if (run->against || !run_is_valid(run)) continue;
        times_us[line->runs++] = run_time_ns(run) / 1e3;
    }
    line->compare_us = middle_of(times_us, line->runs, STATISTICS_BLOCKS_MIN);
    free(times_us);
}

struct process_line processes_line(const struct timed_command *commands, size_t count,
                                   const struct variant *variant, const struct runs *runs) {
    struct process_line line = {.compare_us = {NAN, NAN, NAN}};
    add_lines(&line, commands, count, variant);
    if (runs != NULL) add_runs(&line, runs, variant);
    line.more_percent = 100 * (line.message_us.value / line.compare_us.value - 1);
    return line;
}
