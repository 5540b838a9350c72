/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `echolab diff --history` on a folder of sessions made here, of which the answer is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/run/status.h"
#include "tests/made.h"
#include "tests/support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SESSIONS = 24, CHANGE = 14, ROOM = 512 };

static const char *path_of(char *path, const char *name) {
    (void)snprintf(path, ROOM, "%s/%s", own_folder, name);
    return path;
}

/* Nine hours after the one before; the first variant is 6 % slower from the CHANGE-th on. */
static void write_session(const char *folder, int number, const char *started, const char *server) {
    static const double wobble[] = {0.4, -1, 1, -0.6, 0.5, -0.3, 0.1};
    struct session *session = session_new("compare", NULL);
    const double slow = number >= CHANGE ? 1.06 : 1, own = 1 + 0.01 * wobble[number % 7];
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 21 * slow * own, .point = NOWHERE},
        {.variant = "udp-persistent", .us = 21 * own, .point = NOWHERE},
        {.variant = "tcp-persistent", .us = 20, .point = NOWHERE, .role = ROLE_FLOOR},
        {.variant = "udp-persistent", .us = 20, .point = NOWHERE, .role = ROLE_FLOOR}};
    char path[ROOM], day[32];
    for (unsigned i = 0; i < 4; i++) {
        struct run *run = made_column(session, &columns[i], 0, i);
        run->elapsed_ns += (uint64_t)number; /* no two sessions are copies */
    }
    (void)snprintf(day, sizeof day, "2026-10-%02dT%02d:00:00Z", 1 + number * 9 / 24,
                   number * 9 % 24);
    session->started = started == NULL ? day : started;
    session->server = server;
    (void)snprintf(path, ROOM, "%s/%s/%c%02d.json", own_folder, folder, 'z' - number % 20, number);
    assert_int_equal(session_write(session, path), 0);
    session_free(session);
}

static void write_folder(const char *folder) {
    char path[ROOM];
    assert_int_equal(mkdir(path_of(path, folder), 0700), 0);
    for (int i = 0; i < SESSIONS; i++) write_session(folder, i, NULL, NULL);
}

/* `echolab diff --history FOLDER OPTIONS` */
static const struct ran *run_history(const char *folder, const char *options) {
    static struct ran ran;
    echolab_run(&ran, "diff --history %s/%s %s", own_folder, folder, options);
    return &ran;
}

static void assert_picture(const char *name) {
    char path[ROOM], begins[8] = "";
    FILE *file = fopen(path_of(path, name), "re");
    assert_non_null(file);
    assert_int_equal(fread(begins, 1, sizeof begins, file), sizeof begins);
    assert_memory_equal(begins, "\x89PNG\r\n\x1a\n", sizeof begins);
    (void)fclose(file);
}

static const char *text_of(const json_t *stretch, const char *name) {
    return json_string_value(json_object_get(stretch, name));
}

/* Whatever the files are called: by the start of the sessions. */
static void the_change_is_where_it_was(void **state) {
    (void)state;
    char path[ROOM], options[ROOM + 16];
    (void)snprintf(options, sizeof options, "--json %s", path_of(path, "history.json"));
    write_folder("change");
    const struct ran *ran = run_history("change", options);
    assert_int_equal(ran->status, EXIT_DONE);
    assert_says(ran->out, "Change point: from 2026-10-06T06:00:00Z on,");
    assert_says(ran->out, "In a hundred sessions without a change");
    assert_picture("change/history.png");
    json_t *json = json_load_file(path, 0, NULL), *list = json_object_get(json, "history");
    assert_int_equal(json_array_size(list), 3);
    const json_t *before = json_array_get(list, 0), *after = json_array_get(list, 1);
    assert_string_equal(text_of(after, "variant"), "tcp-persistent");
    assert_string_equal(text_of(after, "metric"), "time_per_floor");
    assert_string_equal(text_of(after, "from"), "2026-10-06T06:00:00Z");
    assert_non_null(strstr(text_of(after, "file"), "14.json"));
    assert_int_equal(json_integer_value(json_object_get(before, "sessions")), CHANGE);
    assert_int_equal(json_integer_value(json_object_get(after, "sessions")), SESSIONS - CHANGE);
    assert_near(json_number_value(json_object_get(after, "ratio")), 1.06, 0.01);
    assert_true(json_is_null(json_object_get(before, "ratio")));
    assert_string_equal(text_of(json_array_get(list, 2), "variant"), "udp-persistent");
    json_decref(json);
}

static void the_metric_may_be_chosen(void **state) {
    (void)state;
    char path[ROOM];
    const struct ran *ran = run_history("change", "--of host --quiet");
    assert_int_equal(ran->status, EXIT_WRONG_USAGE);
    ran = run_history("change", "--of host");
    assert_int_equal(ran->status, EXIT_DONE);
    assert_says(ran->out, "time_per_message of before (p");
    (void)unlink(path_of(path, "change/history.png"));
    ran = run_history("change", "--metric time_per_reference");
    assert_int_equal(ran->status, EXIT_FAILED);
    assert_says(ran->err, "no session in it has time_per_reference");
    assert_int_not_equal(access(path, F_OK), 0);
    ran = run_history("change", "--metric speed");
    assert_int_equal(ran->status, EXIT_WRONG_USAGE);
    assert_says(ran->err, "there are packets_per_message, ");
}

/* A name is a pipe, a command or a quotation mark for gnuplot only if it sees it. */
static void names_do_not_reach_gnuplot(void **state) {
    (void)state;
    static const char folder[] = "`touch$IFS'pwned'`\";system('touch_pwned');#";
    char options[ROOM + 16], path[ROOM];
    write_folder(folder);
    (void)snprintf(options, sizeof options, "--output %s", path_of(path, "|touch;'\"`touch`.png"));
    const struct ran *ran = run_history(folder, "--of build");
    assert_int_equal(ran->status, EXIT_DONE);
    (void)snprintf(path, sizeof path, "%s/history.png", folder);
    assert_picture(path);
    ran = run_history(folder, options);
    assert_int_equal(ran->status, EXIT_DONE);
    assert_picture("|touch;'\"`touch`.png");
    assert_int_not_equal(access("pwned", F_OK), 0);
    assert_int_not_equal(access("touch_pwned", F_OK), 0);
}

static void without_gnuplot_the_rest_is_told(void **state) {
    (void)state;
    const char *usual = getenv("PATH"); /* NOLINT(concurrency-mt-unsafe) */
    char *path = strdup(usual == NULL ? "" : usual);
    char picture[ROOM];
    (void)unlink(path_of(picture, "change/history.png"));
    assert_int_equal(setenv("PATH", own_folder, 1), 0); /* NOLINT(concurrency-mt-unsafe) */
    const struct ran *ran = run_history("change", "--of build");
    assert_int_equal(setenv("PATH", path, 1), 0); /* NOLINT(concurrency-mt-unsafe) */
    free(path);
    assert_int_equal(ran->status, EXIT_DONE);
    assert_says(ran->err, "the picture could not be drawn: ");
    assert_says(ran->out, "Change point: ");
    assert_int_not_equal(access(picture, F_OK), 0);
}

static void what_is_no_history_is_refused(void **state) {
    (void)state;
    char path[ROOM], session[ROOM], options[ROOM + 16];
    assert_says(run_history("absent", "--of build")->err,
                "absent: there are no sessions (*.json); `make sessions");
    assert_int_equal(mkdir(path_of(path, "empty"), 0700), 0);
    assert_says(run_history("empty", "--of build")->err,
                "there are no sessions (*.json); `make sessions");
    const struct ran *ran = run_history("change", "/tmp/a.json");
    assert_int_equal(ran->status, EXIT_WRONG_USAGE);
    (void)snprintf(options, sizeof options, "--json %s", path_of(session, "change/z00.json"));
    ran = run_history("change", options);
    assert_int_equal(ran->status, EXIT_FAILED);
    assert_says(ran->err, "would overwrite one of the sessions");
    write_session("empty", 1, "yesterday", NULL);
    write_session("empty", 2, NULL, NULL);
    ran = run_history("empty", "--of build");
    assert_int_equal(ran->status, EXIT_DONE);
    assert_says(ran->err, "it does not say when it began and is left out");
    assert_says(ran->out, "No change point was found.");
    write_session("empty", 3, NULL, "192.0.2.1:7007");
    ran = run_history("empty", "--of build");
    assert_int_equal(ran->status, EXIT_FAILED);
    assert_says(ran->err, "192.0.2.1:7007: sessions with one and the same server can");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_change_is_where_it_was),
        cmocka_unit_test(the_metric_may_be_chosen),
        cmocka_unit_test(names_do_not_reach_gnuplot),
        cmocka_unit_test(without_gnuplot_the_rest_is_told),
        cmocka_unit_test(what_is_no_history_is_refused),
    };
    return cmocka_run_group_tests_name("history", tests, own_folder_make, own_folder_remove);
}
