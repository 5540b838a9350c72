/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * To add a parameter is to add a row: this program is linked with a copy of
 * bench/run/parameters.c that the Makefile has given one row more, `--probe`,
 * and finds it everywhere. The copy borrows a member of the struct.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/cli/options.h"
#include "bench/judge/series.h"
#include "tests/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT = 16384 };

/* What the parser of options, which exits, says; its exit status. */
static int parse(char *text, const char *format, const char *word) {
    int ends[2];
    struct words words;
    struct request request;
    assert_int_equal(pipe(ends), 0);
    char **argv = words_split(&words, format, word);
    int count = 0, status = 0;
    while (argv[count] != NULL) count++;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)dup2(ends[1], STDERR_FILENO);
        exit(options_parse(&request, count, argv) ? EXIT_DONE : EXIT_FAILED);
    }
    (void)close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], text + length, TEXT - 1 - length)) > 0;) {
        length += (size_t)got;
    }
    text[length] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void it_is_in_the_help_of_those_that_take_it(void **state) {
    (void)state;
    static const struct {
        const char *command;
        bool takes;
    } rows[] = {{"compare", true}, {"run", true}, {"send", false}, {"serve", false}};
    static char text[TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse(text, "%s --help", rows[i].command), EXIT_DONE);
        if (!rows[i].takes) assert_null(strstr(text, "--probe"));
        if (rows[i].takes) assert_non_null(strstr(text, "--probe=N"));
        if (rows[i].takes) assert_non_null(strstr(text, "how deep to probe (3)"));
    }
}

static void others_refuse_it_and_its_bounds_are_kept(void **state) {
    (void)state;
    static char text[TEXT];
    assert_int_equal(parse(text, "compare --probe %s", "9"), EXIT_DONE);
    assert_int_equal(parse(text, "compare --probe %s", "11"), EXIT_WRONG_USAGE);
    assert_non_null(strstr(text, "--probe 11: give a whole number from 1 to 10"));
    assert_int_equal(parse(text, "sweep idle --probe %s", "9"), EXIT_WRONG_USAGE);
    assert_int_equal(parse(text, "serve --probe %s", "9"), EXIT_WRONG_USAGE);
}

static const char *told(const struct parameters *asked, char *text, size_t size) {
    char **words = parameters_arguments(asked, (char *[]){"echolab", NULL}, NULL);
    const char *found = NULL;
    assert_non_null(words);
    for (char **word = words; *word != NULL; word++) {
        if (strncmp(*word, "--probe", 7) != 0) continue;
        (void)snprintf(text, size, "%s", *word);
        found = text;
    }
    arguments_free(words);
    return found;
}

/* Usual value, command line, the run's process, and what it is there. */
static void it_goes_from_the_command_line_to_the_run(void **state) {
    (void)state;
    struct request request;
    struct words words;
    char text[64];
    assert_true(options_parse(&request, 2, words_split(&words, "compare --quiet")));
    request.run.variant = request.variants[0];
    assert_null(told(&request.run, text, sizeof text)); /* the usual goes without saying */
    assert_true(options_parse(&request, 2, words_split(&words, "compare --probe=9")));
    request.run.variant = request.variants[0];
    assert_string_equal(told(&request.run, text, sizeof text), "--probe=9");
    assert_true(options_parse(&request, 3, words_split(&words, "run tcp-persistent --probe=9")));
    const struct parameter *row = parameter_find("probe");
    assert_non_null(row);
    char *value = parameter_text(row, &request.run);
    assert_string_equal(value, "9");
    free(value);
}

/* Runs that differ in it are no one series. */
static void it_is_part_of_the_identity(void **state) {
    (void)state;
    struct run *runs[2] = {run_new(), run_new()};
    for (int i = 0; i < 2; i++) {
        assert_non_null(runs[i]);
        runs[i]->asked.variant = variant_find("tcp-persistent");
    }
    assert_true(series_same(runs[0], runs[1]));
    assert_int_equal(parameter_parse(parameter_find("probe"), "9", &runs[1]->asked), 0);
    assert_false(series_same(runs[0], runs[1]));
    for (int i = 0; i < 2; i++) run_free(runs[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_in_the_help_of_those_that_take_it),
        cmocka_unit_test(others_refuse_it_and_its_bounds_are_kept),
        cmocka_unit_test(it_goes_from_the_command_line_to_the_run),
        cmocka_unit_test(it_is_part_of_the_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
