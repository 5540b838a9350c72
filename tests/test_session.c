/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Result files: those of older programs are read and lose nothing on the way
 * through, those of a later schema are refused, and every field that is
 * written is described. The commands are those of $BUILD (default: build).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/run/parameters.h"
#include "bench/run/run.h"
#include "bench/run/status.h"
#include "bench/session/json.h"
#include "bench/session/session.h"
#include "tests/support.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROOM = 512, SKIPPED = 77 };

static const char schema_path[] = "bench/session/echolab.schema.json";
static char folder[] = "/tmp/echolab-session-XXXXXX";

static void shell(const char *before, const char *after) {
    char line[ROOM];
    (void)snprintf(line, sizeof line, "%s %s %s", before, folder, after);
    if (system(line) != 0) fail_msg("%s", line); /* NOLINT(cert-env33-c): the name is our own */
}

/* ---- older files ---- */

/* Calls it with every file of echolab that 8c329d9 wrote. */
static void for_each_older(void (*look)(const char *path)) {
    static const char *const machines[] = {"one-core", "two-cores"};
    int count = 0;
    for (size_t i = 0; i < 2; i++) {
        char results[ROOM];
        (void)snprintf(results, sizeof results, "%s/%s/results", folder, machines[i]);
        DIR *files = opendir(results);
        assert_non_null(files);
        for (const struct dirent *file; (file = readdir(files)) != NULL;) {
            char path[2 * ROOM];
            (void)snprintf(path, sizeof path, "%s/%s", results, file->d_name);
            if (file->d_name[0] == '.' || strncmp(file->d_name, "hyperfine", 9) == 0) continue;
            if (strcmp(file->d_name, "micro.json") == 0) continue;
            look(path);
            count++;
        }
        (void)closedir(files);
    }
    assert_in_range(count, 40, 100);
}

static struct session *read_session(const char *path) {
    char why[SESSION_WHY];
    struct session *session = session_read(path, why);
    if (session == NULL) fail_msg("%s", why);
    return session;
}

static json_t *read_json(const char *path) {
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) fail_msg("%s: %s", path, error.text);
    return root;
}

/* The session as it is written, read again. */
static json_t *written(const struct session *session) {
    char path[ROOM];
    (void)snprintf(path, sizeof path, "%s/written.json", folder);
    assert_int_equal(session_write(session, path), 0);
    return read_json(path);
}

static void lacks_what_is_usual(const char *path) {
    struct session *session = read_session(path);
    assert_null(session->argv);
    assert_null(session->started);
    assert_null(session->host);
    assert_true(session->environment.count > 20);
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        assert_int_equal(run->asked.per_connection, 0);
        assert_false(run->against);
        assert_int_equal(run->sent, run->ok + run->lost + run->failed);
        assert_true(run_is_floor(run) || run->samples.answered == run->ok);
    }
    session_free(session);
}

static void what_an_older_file_lacks_is_the_usual(void **state) {
    (void)state;
    for_each_older(lacks_what_is_usual);
}

/* Numbers have as many digits as older files kept. */
static bool is_kept(const json_t *old, const json_t *new) {
    if (!json_is_number(old) || !json_is_number(new)) return json_equal(old, new) != 0;
    const double one = json_number_value(old), other = json_number_value(new);
    return fabs(one - other) <= 1e-5 * fabs(one);
}

/* All of `old` is in `new`. */
static void assert_kept(const json_t *old, const json_t *new, const char *where) {
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)old, key, value) {
        char deeper[4 * ROOM];
        (void)snprintf(deeper, sizeof deeper, "%s.%s", where, key);
        if (json_object_get(new, key) == NULL) fail_msg("%s is lost", deeper);
        /* Of an open loop it was ok over elapsed; now it is what was answered in time. */
        if (strcmp(key, "throughput_per_s") == 0 &&
            json_is_object(json_object_get(new, "open_loop")))
            continue;
        /* Of one block there is no interval, though older files have one. */
        if (json_integer_value(json_object_get(old, "blocks")) == 1 && strstr(key, "ci_low"))
            continue;
        /* What was free is most recently used now. */
        if (strcmp(key, "assign") == 0 && json_is_string(value)) continue;
        assert_kept(value, json_object_get(new, key), deeper);
    }
    json_array_foreach(old, i, value) assert_kept(value, json_array_get(new, i), where);
    if (json_is_object(old) || is_kept(old, new)) return;
    if (json_is_array(old) && json_array_size(old) == json_array_size(new)) return;
    fail_msg("%s: %s became %s", where, json_dumps(old, JSON_ENCODE_ANY),
             json_dumps(new, JSON_ENCODE_ANY));
}

static void keeps_everything(const char *path) {
    struct session *session = read_session(path);
    json_t *old = read_json(path), *new = written(session);
    assert_kept(old, new, path);
    json_decref(old);
    json_decref(new);
    session_free(session);
}

static void an_older_file_written_anew_has_all_it_had(void **state) {
    (void)state;
    for_each_older(keeps_everything);
}

static void reads_the_same_again(const char *path) {
    char again[ROOM];
    struct session *first = read_session(path);
    json_t *once = written(first);
    (void)snprintf(again, sizeof again, "%s/written.json", folder);
    struct session *second = read_session(again);
    json_t *twice = written(second);
    assert_int_equal(first->runs.count, second->runs.count);
    for (int i = 0; i < LISTS; i++) {
        assert_int_equal(first->lists[i].count, second->lists[i].count);
    }
    if (json_equal(once, twice) == 0) fail_msg("%s: it reads in another way when written", path);
    json_decref(once);
    json_decref(twice);
    session_free(first);
    session_free(second);
}

static void what_is_written_is_read_the_same(void **state) {
    (void)state;
    for_each_older(reads_the_same_again);
}

static void a_later_schema_is_refused_by_name(void **state) {
    (void)state;
    static const char later[] = "{\"schema\": \"echolab/2\", \"command\": \"compare\", "
                                "\"environment\": {}, \"runs\": []}";
    char path[ROOM], why[SESSION_WHY] = "";
    (void)snprintf(path, sizeof path, "%s/later.json", folder);
    assert_int_equal(output_write(path, later, strlen(later)), 0);
    assert_null(session_read(path, why));
    const char *behind = why + strlen(path);
    assert_string_equal(behind, ": its schema is \"echolab/2\"; this echolab reads \"echolab/1\"");
}

/* ---- findings of files ---- */

static void findings_of_diff_and_crosscheck_are_read_again(void **state) {
    (void)state;
    struct session *session = session_new("crosscheck", NULL);
    char path[ROOM];
    struct tool_beside *tool = findings_add(&session->lists[LIST_TOOLS], LIST_TOOLS);
    tool->tool = "qperf";
    tool->theirs_us = session_memory(session, 2, sizeof(double));
    tool->ours_us = session_memory(session, 2, sizeof(double));
    tool->blocks = 2;
    tool->theirs_us[1] = NAN;
    tool->ours_us[1] = 12.5;
    tool->notes[0] = "half an exchange";
    struct agreed *agreed = findings_add(&session->lists[LIST_AGREEMENTS], LIST_AGREEMENTS);
    agreed->agreement = "agree";
    agreed->comparison.ratio.value = 1.01;
    struct missing *missing = findings_add(&session->lists[LIST_MISSING], LIST_MISSING);
    missing->what = "ab: not installed";
    json_decref(written(session));
    session_free(session);
    (void)snprintf(path, sizeof path, "%s/written.json", folder);
    session = read_session(path);
    assert_int_equal(session->lists[LIST_COMPARISONS].count, 0);
    tool = SESSION_AT(session, LIST_TOOLS, struct tool_beside, 0);
    assert_string_equal(tool->tool, "qperf");
    assert_int_equal(tool->blocks, 2);
    assert_true(isnan(tool->theirs_us[1]) && tool->ours_us[1] == 12.5);
    assert_string_equal(tool->notes[0], "half an exchange");
    assert_null(tool->notes[1]);
    agreed = SESSION_AT(session, LIST_AGREEMENTS, struct agreed, 0);
    assert_string_equal(agreed->agreement, "agree");
    assert_true(agreed->comparison.ratio.value == 1.01);
    assert_string_equal(SESSION_AT(session, LIST_MISSING, struct missing, 0)->what,
                        "ab: not installed");
    session_free(session);
}

/* ---- the schema ---- */

/* What it refers to; of what may be null what else it may be. */
static const json_t *resolve(const json_t *schema, const json_t *node) {
    const char *prefix = "#/$defs/";
    for (const char *to; (to = json_string_value(json_object_get(node, "$ref"))) != NULL;) {
        assert_memory_equal(to, prefix, strlen(prefix));
        node = json_object_get(json_object_get(schema, "$defs"), to + strlen(prefix));
        assert_non_null(node);
    }
    return node;
}

static bool has_word(const json_t *list, const char *word) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), word) == 0) return true;
    }
    return false;
}

/* A field has a sentence, is promised where the program insists on it, and is null only if it may.
 */
static void assert_described(const json_t *schema, const json_t *object, const char *where,
                             const struct field *field) {
    char name[64];
    const char *path = field->name;
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        (void)snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        object = resolve(
            schema, json_object_get(json_object_get(resolve(schema, object), "properties"), name));
        if (object == NULL) fail_msg("%s.%s: %s is not in the schema", where, field->name, name);
    }
    object = resolve(schema, object);
    const json_t *found = json_object_get(json_object_get(object, "properties"), path);
    const char *sentence = json_string_value(json_object_get(found, "description"));
    if (found == NULL) fail_msg("%s.%s is not in the schema", where, field->name);
    if (sentence == NULL || sentence[strlen(sentence) - 1] != '.') {
        fail_msg("%s.%s has no sentence in the schema", where, field->name);
    }
    if (field->need != FIELD_MAY_LACK && !has_word(json_object_get(object, "required"), path)) {
        fail_msg("%s.%s is promised, but not in the schema", where, field->name);
    }
    const json_t *type = json_object_get(resolve(schema, found), "type");
    if (field->need == FIELD_SURE && has_word(type, "null")) {
        fail_msg("%s.%s is never null, but may be in the schema", where, field->name);
    }
}

static void every_field_of_a_run_is_described(void **state) {
    (void)state;
    json_t *schema = read_json(schema_path);
    const json_t *run = json_object_get(json_object_get(schema, "$defs"), "run");
    for (unsigned i = 0; i < run_field_count; i++) {
        assert_described(schema, run, "run", &run_fields[i]);
    }
    for (unsigned i = 0; i < parameter_count; i++) {
        if (parameters[i].field.name != NULL) {
            assert_described(schema, run, "run", &parameters[i].field);
        }
    }
    json_decref(schema);
}

/* What a finding of the kind looks like in the schema. */
static const json_t *shape_of(const json_t *schema, const struct finding_kind *kind) {
    const json_t *defs = json_object_get(schema, "$defs");
    if (kind->name == NULL) return schema;
    const json_t *found = json_object_get(json_object_get(schema, "properties"), kind->name);
    if (found == NULL) fail_msg("%s is not in the schema", kind->name);
    if (strcmp(kind->name, "comparisons") == 0) {
        return json_object_get(defs, kind->command == NULL                ? "compared"
                                     : strcmp(kind->command, "diff") == 0 ? "changed"
                                                                          : "agreed");
    }
    return kind->single ? found : json_object_get(found, "items");
}

static void every_field_of_a_finding_is_described(void **state) {
    (void)state;
    json_t *schema = read_json(schema_path);
    for (int i = 0; i < LISTS; i++) {
        const struct finding_kind *kind = &finding_kinds[i];
        const json_t *shape = shape_of(schema, kind);
        for (unsigned k = 0; k < kind->field_count && !kind->texts; k++) {
            assert_described(schema, shape, kind->name == NULL ? "file" : kind->name,
                             &kind->fields[k]);
        }
    }
    json_decref(schema);
}

/* Runs the command with --json FOLDER/made-NAME. What it finds is not judged here. */
static int make_file(const char *name, const char *words) {
    static struct ran ran;
    const char *behind = words + strcspn(words, " ");
    echolab_run(&ran, "%.*s --json %s/made-%s.json%s", (int)(behind - words), words, folder, name,
                behind);
    if (ran.status != EXIT_DONE && ran.status != EXIT_REGRESSION && ran.status != EXIT_NOT_VALID) {
        fail_msg("%s: %d: %s", words, ran.status, ran.err);
    }
    return ran.status;
}

/* Each control has its negative, and what fails is told by the exit status. */
static void look_at_checks(int status) {
    char path[ROOM];
    (void)snprintf(path, sizeof path, "%s/made-check.json", folder);
    struct session *session = read_session(path);
    const size_t count = session->lists[LIST_CHECKS].count;
    bool failed = false;
    assert_int_equal(count, 26); /* what cannot be tried here is told, too */
    for (size_t i = 0; i < count; i++) {
        const struct checked *one = SESSION_AT(session, LIST_CHECKS, struct checked, i);
        const struct checked *first = SESSION_AT(session, LIST_CHECKS, struct checked, i - i % 2);
        assert_int_equal(one->negative, i % 2);
        assert_string_equal(one->name, first->name);
        assert_true(one->pass == (one->detected != one->negative) ||
                    strncmp(one->found, "no result", strlen("no result")) == 0);
        if (strcmp(one->name, "broken identity") == 0) assert_true(one->pass);
        failed = failed || !one->pass;
    }
    assert_int_equal(status, failed ? EXIT_REGRESSION : EXIT_DONE);
    session_free(session);
}

static void hold_to_schema(const char *words) {
    char line[ROOM], out[8192], err[ROOM];
    (void)snprintf(line, sizeof line, "/usr/bin/python3 tests/schema.py %s %s", schema_path, words);
    const int status =
        program_run((char *[]){"sh", "-c", line, NULL}, NULL, out, sizeof out, err, sizeof err);
    if (status == SKIPPED || status == 127) {
        print_message("skipped: %s%s", out, err);
        skip();
    }
    if (status != 0) fail_msg("%s%s", out, err);
}

static void every_file_that_is_made_keeps_to_the_schema(void **state) {
    (void)state;
    static const char *const tools[] = {"SOCKPERF", "QPERF",   "NETPERF", "NETSERVER", "TCP_RR",
                                        "UDP_RR",   "TCP_CRR", "NGINX",   "AB"};
    char words[ROOM];
    (void)make_file("compare", "compare --blocks 2 --duration 10ms --warmup 1ms --quiet");
    (void)make_file("again", "compare --blocks 2 --duration 10ms --warmup 1ms --quiet");
    (void)make_file(
        "rate", "compare udp-persistent udp-retry --rate 2k --blocks 1 --duration 20ms --quiet");
    (void)make_file("size", "sweep size udp-packed --at 1,64 --blocks 1 --duration 10ms --quiet");
    (void)make_file("rtt", "sweep rtt --at 0ms,1ms,2ms --blocks 1 --messages 12 --quiet");
    (void)make_file("connection",
                    "sweep per-connection --at 1,2,none --blocks 1 --duration 10ms --quiet");
    (void)make_file("knee",
                    "sweep rate udp-persistent --at 1k,2k --blocks 1 --duration 20ms --quiet");
    (void)make_file("loss",
                    "sweep loss --packet tcp-persistent --deadline 300ms --blocks 1 --quiet");
    (void)make_file("anatomy", "anatomy --messages 10");
    look_at_checks(make_file("check", "check --blocks 1"));
    (void)snprintf(words, sizeof words, "diff %s/made-compare.json -- %s/made-again.json", folder,
                   folder);
    (void)make_file("diff", words);
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) (void)setenv(tools[i], "/none", 1);
    (void)make_file("crosscheck", "crosscheck --blocks 1 --quiet");
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) (void)unsetenv(tools[i]);
    (void)snprintf(words, sizeof words, "%s/made-*.json", folder);
    hold_to_schema(words);
}

static void older_files_keep_to_the_schema(void **state) {
    (void)state;
    char words[ROOM];
    (void)snprintf(words, sizeof words,
                   "--older $(ls %s/*/results/*.json | grep -v -e hyperfine -e micro)", folder);
    hold_to_schema(words);
}

/* ---- the folder ---- */

static int set_up(void **state) {
    (void)state;
    if (mkdtemp(folder) == NULL) return -1;
    shell("tar xzf tests/golden/one-core.tar.gz -C", "");
    shell("tar xzf tests/golden/two-cores.tar.gz -C", "");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    shell("rm -r", "");
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_older_file_lacks_is_the_usual),
        cmocka_unit_test(an_older_file_written_anew_has_all_it_had),
        cmocka_unit_test(what_is_written_is_read_the_same),
        cmocka_unit_test(a_later_schema_is_refused_by_name),
        cmocka_unit_test(findings_of_diff_and_crosscheck_are_read_again),
        cmocka_unit_test(every_field_of_a_run_is_described),
        cmocka_unit_test(every_field_of_a_finding_is_described),
        cmocka_unit_test(every_file_that_is_made_keeps_to_the_schema),
        cmocka_unit_test(older_files_keep_to_the_schema),
    };
    return cmocka_run_group_tests_name("session", tests, set_up, tear_down);
}
