/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the lab says of recorded results, to the letter. Two folders were
 * recorded by `make bench QUICK=1`, with a second core and without one, and
 * thinned to one run a series. What changes in an output changes in
 * tests/golden, in a commit that says why: `UPDATE=1 build/tests/test_golden`
 * writes the files anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */

#include "bench/session/session.h"
#include "tests/support.h"

enum { OUTPUT_BYTES = 1 << 20 };

static char *folder; /* where the recorded results lie unpacked */

/* Runs a line of shell in that folder, with $echolab; what it prints, to be freed. */
static char *print(const char *line) {
    char *text = malloc(OUTPUT_BYTES), errors[4096], *script = NULL, program[256];
    assert_non_null(text);
    program_built(program, sizeof program, "echolab");
    assert_true(asprintf(&script, "echolab=$(realpath %s); cd %s && %s", program, folder, line) >
                0);
    const int status = program_run((char *[]){"sh", "-c", script, NULL}, NULL, text, OUTPUT_BYTES,
                                   errors, sizeof errors);
    if (status != 0) fail_msg("%s: status %d: %s", line, status, errors);
    free(script);
    return text;
}

/* The line in which two texts part is all that a person wants to see. */
static void compare_texts(const char *name, const char *now, const char *pinned) {
    size_t at = 0, line = 1, begin = 0;
    while (now[at] != '\0' && now[at] == pinned[at]) {
        if (now[at++] != '\n') continue;
        begin = at;
        line++;
    }
    if (now[at] == pinned[at]) return;
    fail_msg("tests/golden/%s, line %zu:\n  pinned: %.*s\n  now:    %.*s", name, line,
             (int)strcspn(pinned + begin, "\n"), pinned + begin, (int)strcspn(now + begin, "\n"),
             now + begin);
}

static void check(const char *name, const char *line) {
    char path[256];
    char *now = print(line);
    (void)snprintf(path, sizeof path, "tests/golden/%s", name);
    if (getenv("UPDATE") != NULL) {
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        (void)fputs(now, file);
        assert_int_equal(fclose(file), 0);
    } else {
        char *pinned = calloc(1, OUTPUT_BYTES);
        FILE *file = fopen(path, "re");
        assert_non_null(pinned);
        if (file == NULL) fail_msg("%s is missing", path);
        (void)fread(pinned, 1, OUTPUT_BYTES - 1, file);
        (void)fclose(file);
        compare_texts(name, now, pinned);
        free(pinned);
    }
    free(now);
}

static void recorded_results_read_as_they_did(void **state) {
    (void)state;
    check("two-cores.txt", "$echolab report --text two-cores");
    check("one-core.txt", "$echolab report --text one-core");
}

static void the_page_tells_what_it_told(void **state) {
    (void)state;
    check("one-core.html", "$echolab report one-core > said && cat one-core/report/index.html");
}

static void figures_have_the_data_they_had(void **state) {
    (void)state;
    const char *line = "$echolab report %s > said && cd %s/data && tail -n +1 *.tsv";
    const char *const folders[] = {"two-cores", "one-core"};
    for (int i = 0; i < 2; i++) {
        char command[256], name[64];
        (void)snprintf(command, sizeof command, line, folders[i], folders[i]);
        (void)snprintf(name, sizeof name, "%s.tsv", folders[i]);
        check(name, command);
    }
}

static void every_command_explains_itself_as_it_did(void **state) {
    (void)state;
    check("help.txt", "$echolab --help && for command in $($echolab --help | sed -n "
                      "'/^  [a-z]/s/^  \\([a-z]*\\).*/\\1/p'); do $echolab $command --help || "
                      "exit; done");
}

/* Two runs of the recorded comparison, as `compare --csv` would write them. */
static void csv_has_the_columns_it_had(void **state) {
    (void)state;
    char path[256], why[SESSION_WHY];
    (void)snprintf(path, sizeof path, "%s/two-cores/results/core.json", folder);
    struct session *session = session_read(path, why);
    assert_non_null(session);
    assert_true(session->runs.count > 2);
    const size_t all = session->runs.count;
    session->runs.count = 2;
    (void)snprintf(path, sizeof path, "%s/core.csv", folder);
    assert_int_equal(session_write_csv(session, path), 0);
    check("core.csv", "cat core.csv");
    session->runs.count = all;
    session_free(session);
}

static int unpack(void **state) {
    (void)state;
    const char *build = getenv("BUILD");
    char *script = NULL, errors[1024];
    if (asprintf(&folder, "%s/golden", build == NULL ? "build" : build) < 0) return -1;
    if (asprintf(&script,
                 "rm -rf %s && mkdir -p %s && for file in tests/golden/*.tar.gz; do "
                 "tar -C %s -xzf $file || exit; done",
                 folder, folder, folder) < 0)
        return -1;
    const int status =
        program_run((char *[]){"sh", "-c", script, NULL}, NULL, NULL, 0, errors, sizeof errors);
    free(script);
    return status;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_results_read_as_they_did),
        cmocka_unit_test(the_page_tells_what_it_told),
        cmocka_unit_test(figures_have_the_data_they_had),
        cmocka_unit_test(every_command_explains_itself_as_it_did),
        cmocka_unit_test(csv_has_the_columns_it_had),
    };
    return cmocka_run_group_tests(tests, unpack, NULL);
}
