/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/child.h"

#include <errno.h>

static const char child_pipe[] = "--pipe"; /* its bytes, see run_write */

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

/* Of `program`; NULL: of the first of the words before the run's. */
static struct run *run(const char *program, char *const before[], const struct parameters *asked,
                       const char *more, struct process_end *end) {
    char **words = parameters_arguments(asked, before, more);
    *end = (struct process_end){.failed = -ENOMEM};
    if (words != NULL) process_run(program, words, limit_ns(asked), end);
    arguments_free(words);
    return more != NULL && process_ended_well(end) ? run_read(end->text, end->length, asked) : NULL;
}

void child_start(const char *program, const struct parameters *asked, struct process_end *end) {
    (void)run(program, (char *[]){"echolab", NULL}, asked, NULL, end);
}

struct run *child_run_by(char *const tool[], const struct parameters *asked,
                         struct process_end *end) {
    return run(NULL, tool, asked, child_pipe, end);
}

struct run *child_run_of(const char *program, const struct parameters *asked, char *why) {
    struct process_end end;
    struct run *made = run(program, (char *[]){"echolab", NULL}, asked, child_pipe, &end);
    if (made == NULL) process_explain(&end, "the run", why, CHILD_WHY);
    process_free(&end);
    return made;
}

struct run *child_run(const struct parameters *asked, char *why) {
    return child_run_of("/proc/self/exe", asked, why);
}
