/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/all.h"

#include <stdio.h>
#include <string.h>

#include "bench/run/process.h"
#include "bench/session/session.h"

int against_check(const char *program, char *why) {
    const uint64_t patience_ns = UINT64_C(5000000000);
    char *const words[] = {(char *)"echolab", (char *)"--version", NULL};
    struct process_end end;
    process_run(program, words, patience_ns, &end);
    if (end.text != NULL) end.text[strcspn(end.text, "\n")] = '\0';
    const bool well = process_ended_well(&end) && end.text != NULL;
    const bool same = well && strcmp(end.text, ECHOLAB_VERSION) == 0;
    if (well && strncmp(end.text, "echolab", strlen("echolab")) == 0)
        (void)snprintf(why, CHILD_WHY, "%s is another version: it says '%s', and this is '%s'",
                       program, end.text, ECHOLAB_VERSION);
    else
        (void)snprintf(why, CHILD_WHY, "%s is not echolab, or cannot be run", program);
    process_free(&end);
    return same ? 0 : -1;
}

struct run *against_run(const char *program, const struct parameters *asked, char *why) {
    struct process_end end;
    char wrong[SESSION_WHY] = "";
    child_start(program, asked, &end);
    struct run *run =
        process_ended_well(&end) ? session_run_of(end.text, end.length, asked, wrong) : NULL;
    if (*wrong != '\0')
        (void)snprintf(why, CHILD_WHY, "%.*s", CHILD_WHY - 1, wrong);
    else if (run == NULL)
        process_explain(&end, "the run of the other build", why, CHILD_WHY);
    process_free(&end);
    return run;
}
