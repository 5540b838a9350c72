/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/processes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/metric.h"
#include "bench/judge/series.h"

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
static const struct timed_command *twice(const struct timed_command *commands, size_t count,
                                         const struct timed_command *once,
                                         const struct variant *variant) {
    const double messages = 2 * messages_of(once, variant);
    for (size_t i = 0; messages > 0 && i < count; i++) {
        if (commands[i].file != once->file) continue;
        if (messages_of(&commands[i], variant) == messages) return &commands[i];
    }
    return NULL;
}

static bool is_beside(const struct run *run, const void *variant) {
    return run->asked.variant == variant && series_is_of(run, NULL);
}

struct process_line processes_line(const struct timed_command *commands, size_t count,
                                   const struct variant *variant, const struct runs *runs) {
    const struct runs none = {0};
    double *messages_us = calloc(2 * count + 1, sizeof *messages_us);
    double *starts_ms = messages_us + count;
    size_t rounds = 0;
    for (size_t i = 0; messages_us != NULL && i < count; i++) {
        const struct timed_command *other = twice(commands, count, &commands[i], variant);
        if (other == NULL) continue;
        const double once_s = median_s(&commands[i]), twice_s = median_s(other);
        messages_us[rounds] = 1e6 * (twice_s - once_s) / messages_of(&commands[i], variant);
        starts_ms[rounds++] = 1e3 * (2 * once_s - twice_s);
    }
    struct process_line line = {
        statistics_middle(messages_us, rounds), statistics_middle(starts_ms, rounds),
        runs_middle(runs == NULL ? &none : runs, metrics[METRIC_TIME].of, is_beside, variant), NAN};
    line.more_percent = 100 * (line.message_us.value / line.compare_us.value - 1);
    free(messages_us);
    return line;
}
