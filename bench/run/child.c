/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char child_pipe[] = "--pipe";

/* How long a run may take before it counts as hung. */
static uint64_t limit_ns(const struct parameters *asked) {
    const uint64_t second_ns = UINT64_C(1000000000);
    if (asked->messages > 0) return 3600 * second_ns; /* work, not time, was asked for */
    /* Connections of a limited life are counted whole: some of them at least. */
    const uint64_t lives_ns =
        UINT64_C(5) * asked->per_connection * (asked->rtt_ns + asked->delay_ns);
    return asked->warmup_ns + asked->duration_ns + lives_ns + 2 * asked->deadline_ns +
           20 * second_ns;
}

/* `tool` stands where the program's name did, `more` behind the rest; NULL without memory. */
static char **words_of(char *const tool[], const struct parameters *asked, const char *more) {
    char **words = parameters_arguments(asked);
    size_t count = 1;
    for (char *const *word = tool; *word != NULL; word++) count++;
    for (char **word = words; word != NULL && *word != NULL; word++) count++;
    char **all = words == NULL ? NULL : calloc(count, sizeof *all);
    if (all != NULL) {
        size_t at = 0;
        for (; *tool != NULL; tool++) all[at++] = strdup(*tool);
        for (char **word = words + 1; *word != NULL; word++) all[at++] = strdup(*word);
        if (more != NULL) all[at] = strdup(more);
    }
    arguments_free(words);
    return all;
}

static void start(const char *program, char *const tool[], const struct parameters *asked,
                  const char *more, struct process_end *end) {
    char **words = words_of(tool, asked, more);
    *end = (struct process_end){.failed = -ENOMEM};
    if (words != NULL) process_run(program, words, limit_ns(asked), end);
    arguments_free(words);
}

void child_start(const char *program, const struct parameters *asked, const char *more,
                 struct process_end *end) {
    start(program, (char *[]){(char *)"echolab", NULL}, asked, more, end);
}

static struct run *result_of(const struct process_end *end, const struct parameters *asked) {
    return process_ended_well(end) ? run_read(end->text, end->length, asked) : NULL;
}

struct run *child_run(const struct parameters *asked, char *why) {
    struct process_end end;
    child_start("/proc/self/exe", asked, child_pipe, &end);
    struct run *run = result_of(&end, asked);
    if (run == NULL) process_explain(&end, "the run", why, CHILD_WHY);
    process_free(&end);
    return run;
}

struct run *child_run_by(char *const tool[], const struct parameters *asked,
                         struct process_end *end) {
    start(NULL, tool, asked, child_pipe, end);
    return result_of(end, asked);
}
