/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Figures from Google Benchmark and hyperfine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report/figure_rows.h"

/* Of an operation that is done for several sizes: "encode/64" is the operation encode at 64. */
static const char *number_in(const char *name, char separator, double *number) {
    const char *last = strrchr(name, separator);
    char *end = NULL;
    *number = last == NULL ? 0 : strtod(last + 1, &end);
    if (last != NULL && end > last + 1 && *end == '\0') return last;
    *number = NAN;
    return name + strlen(name);
}

void figure_fill_codec(struct drawing *drawing) {
    for (size_t i = 0; i < drawing->results->benchmark_count; i++) {
        const struct benchmark *one = &drawing->results->benchmarks[i];
        double bytes;
        const char *end = number_in(one->name, '/', &bytes);
        if (strncmp(one->name, "wakeup/", strlen("wakeup/")) == 0 || !(one->ns > 0)) continue;
        table_text(&drawing->table, "%.*s", (int)(end - one->name), one->name);
        table_number(&drawing->table, bytes);
        table_interval(&drawing->table, one->ns, fmax(0, one->ns - one->deviation_ns),
                       one->ns + one->deviation_ns);
        table_number(&drawing->table, one->repetitions);
    }
}

/* hyperfine runs in rounds, a file each: for the picture the times of equal commands are one. */
static void add_command(struct drawing *drawing, const struct timed_command *first) {
    const struct results *results = drawing->results;
    double *times = NULL, messages;
    size_t count = 0;
    const char *end = number_in(first->command, ' ', &messages);
    for (size_t i = 0; i < results->command_count; i++) {
        const struct timed_command *one = &results->commands[i];
        if (strcmp(one->command, first->command) != 0) continue;
        double *more = reallocarray(times, count + one->count + 1, sizeof *more);
        if (more == NULL) break;
        times = more;
        memcpy(times + count, one->times_s, one->count * sizeof *times);
        count += one->count;
    }
    const struct middle time = statistics_middle(times, count);
    free(times);
    if (count == 0) return;
    table_text(&drawing->table, "%.*s", (int)(end - first->command), first->command);
    table_number(&drawing->table, messages);
    table_middle(&drawing->table, time);
    table_number(&drawing->table, (double)count);
}

static bool came_before(const struct results *results, size_t command) {
    for (size_t i = 0; i < command; i++) {
        if (strcmp(results->commands[i].command, results->commands[command].command) == 0)
            return true;
    }
    return false;
}

void figure_fill_process(struct drawing *drawing) {
    for (size_t i = 0; i < drawing->results->command_count; i++) {
        if (!came_before(drawing->results, i)) add_command(drawing, &drawing->results->commands[i]);
    }
}
