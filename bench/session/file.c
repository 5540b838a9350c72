/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Result files: the envelope around runs and findings. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/compared.h"
#include "bench/session/findings_json.h"
#include "bench/session/output.h"
#include "bench/session/run_json.h"
#include "bench/session/session.h"

/* ---- writing ---- */

static json_t *words_json(const char *const *words) {
    if (words == NULL) return json_null();
    json_t *list = json_array();
    for (; *words != NULL; words++) (void)json_array_append_new(list, json_string(*words));
    return list;
}

/* "echolab sweep rtt --at 0ms,5ms": as it would be typed again. */
static void put_text(json_t *file, const char *name, const char *text) {
    json_put(file, name, text == NULL ? NULL : json_string(text));
}

static json_t *file_json(const struct session *session) {
    json_t *file = json_object();
    json_t *runs = json_array();
    put_text(file, "schema", SESSION_SCHEMA);
    put_text(file, "command", session->command);
    put_text(file, "axis", session->axis);
    json_put(file, "argv", words_json(session->argv));
    put_text(file, "started", session->started);
    put_text(file, "host", session->host);
    put_text(file, "server", session->server);
    json_put(file, "seed",
             session->seed == FIELD_UNKNOWN ? NULL : json_integer((json_int_t)session->seed));
    json_put(file, "interrupted", json_boolean(session->interrupted));
    json_put(file, "rtt_ms", json_real(session->rtt_ms));
    json_put(file, "environment",
             session->environment.count == 0 ? NULL : facts_to_json(&session->environment));
    for (size_t i = 0; i < session->runs.count; i++) {
        (void)json_array_append_new(runs, run_to_json(session->runs.list[i]));
    }
    json_put(file, "runs", runs);
    findings_write(file, session);
    if (session->beside != NULL) (void)json_object_update_recursive(file, session->beside);
    return file;
}

int session_write(const struct session *session, const char *path) {
    json_t *file = file_json(session);
    char *text = file == NULL ? NULL : json_dumps(file, JSON_INDENT(1));
    const int failed = text == NULL ? -ENOMEM : output_write(path, text, strlen(text));
    free(text);
    json_decref(file);
    return failed;
}

int session_print_run(const struct run *run) {
    json_t *object = run_to_json(run);
    const int failed = object == NULL ? -ENOMEM : json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
    (void)putchar('\n');
    return failed == 0 ? 0 : -EIO;
}

/* ---- reading ---- */

static const char *keep_text(void *keeper, const char *text) {
    return session_text(keeper, "%s", text);
}

static bool read_runs(const struct reading *reading, struct session *session, const json_t *runs) {
    size_t i;
    json_t *object;
    json_array_foreach(runs, i, object) {
        char where[32];
        (void)snprintf(where, sizeof where, "runs[%zu]", i);
        struct run *run = run_from_json(reading, where, object);
        if (run == NULL) return false;
        runs_add(&session->runs, run);
    }
    return true;
}

static const char *const *read_words(struct session *session, const json_t *list) {
    size_t i;
    json_t *word;
    if (!json_is_array(list)) return NULL;
    const char **words = session_memory(session, json_array_size(list), sizeof *words);
    if (words == NULL) return NULL;
    json_array_foreach(list, i, word) {
        const char *text = json_string_value(word);
        words[i] = session_text(session, "%s", text == NULL ? "" : text);
    }
    return words;
}

static const char *text_at(struct session *session, const json_t *root, const char *name) {
    const char *text = json_string_value(json_object_get(root, name));
    return text == NULL ? NULL : session_text(session, "%s", text);
}

static void read_head(struct session *session, const json_t *root) {
    const json_t *seed = json_object_get(root, "seed");
    const json_t *rtt = json_object_get(root, "rtt_ms");
    session->command = text_at(session, root, "command");
    session->axis = text_at(session, root, "axis");
    session->started = text_at(session, root, "started");
    session->host = text_at(session, root, "host");
    session->server = text_at(session, root, "server");
    session->argv = read_words(session, json_object_get(root, "argv"));
    session->seed = json_is_integer(seed) ? (uint64_t)json_integer_value(seed) : FIELD_UNKNOWN;
    session->rtt_ms = json_is_number(rtt) ? json_number_value(rtt) : (double)NAN;
    session->interrupted = json_is_true(json_object_get(root, "interrupted"));
    facts_from_json(&session->environment, json_object_get(root, "environment"));
}

/* All that this program gives a place; the rest is kept as it is. */
static void keep_beside(struct session *session, const json_t *root) {
    static const char *const known[] = {"schema",      "command", "axis",   "argv",
                                        "started",     "host",    "server", "seed",
                                        "interrupted", "rtt_ms",  "runs",   "environment"};
    json_t *rest = json_copy((json_t *)root);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        (void)json_object_del(rest, known[i]);
    }
    findings_take_away(rest, session->command);
    session->beside = rest;
}

static bool check_head(const struct reading *reading, const json_t *root) {
    const json_t *schema = json_object_get(root, "schema");
    const json_t *runs = json_object_get(root, "runs");
    const json_t *environment = json_object_get(root, "environment");
    char text[64];
    if (!json_is_string(schema)) {
        return reading_wrong(reading, "it has no \"schema\", so it is no result file of echolab");
    }
    if (strcmp(json_string_value(schema), SESSION_SCHEMA) != 0) {
        return reading_wrong(reading, "its schema is %s; this echolab reads \"%s\"",
                             reading_shown(schema, text, sizeof text), SESSION_SCHEMA);
    }
    if (!json_is_string(json_object_get(root, "command"))) {
        return reading_wrong(reading, "\"command\" is missing; it has to be a text");
    }
    if (!json_is_object(environment) && !json_is_null(environment)) {
        return reading_wrong(reading, "\"environment\" is missing; it has to be an object");
    }
    if (!json_is_array(runs) && !json_is_array(json_object_get(root, "checks"))) {
        return reading_wrong(reading, "\"runs\" is missing; it has to be a list");
    }
    return true;
}

static struct session *session_of(struct reading *reading, const json_t *root) {
    struct session *session = session_new(NULL, NULL);
    if (session == NULL) {
        (void)reading_wrong(reading, "no memory");
        return NULL;
    }
    reading->keeper = session;
    if (check_head(reading, root)) {
        read_head(session, root);
        reading->amounts = true;
        const bool right = read_runs(reading, session, json_object_get(root, "runs"));
        reading->amounts = false;
        if (right && findings_read(reading, session, root)) {
            compared_complete(&session->lists[LIST_COMPARISONS], &session->runs);
            keep_beside(session, root);
            return session;
        }
    }
    session_free(session);
    return NULL;
}

static struct session *session_parsed(struct reading *reading, json_t *root,
                                      const json_error_t *problem) {
    if (root == NULL) {
        if (json_error_code(problem) == json_error_premature_end_of_input) {
            (void)reading_wrong(reading,
                                "it is truncated: it ends in line %d, before the JSON does",
                                problem->line);
        } else {
            (void)reading_wrong(reading, "it is not JSON: line %d, column %d: %s", problem->line,
                                problem->column, problem->text);
        }
        return NULL;
    }
    struct session *session = session_of(reading, root);
    json_decref(root);
    return session;
}

struct session *session_read(const char *path, char *why) {
    struct reading reading = {.path = path, .why = why, .size = SESSION_WHY, .keep = keep_text};
    json_error_t problem;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)reading_wrong(&reading, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    const bool broken = ferror(file) != 0;
    (void)fclose(file);
    if (broken) {
        json_decref(root);
        (void)reading_wrong(&reading, "cannot be read");
        return NULL;
    }
    struct session *session = session_parsed(&reading, root, &problem);
    if (session != NULL) session->file = strdup(path);
    return session;
}

struct session *session_read_text(const char *text, char *why) {
    struct reading reading = {.path = "text", .why = why, .size = SESSION_WHY, .keep = keep_text};
    json_error_t problem;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    return session_parsed(&reading, root, &problem);
}

bool session_has_runs(const struct session *session, char *why) {
    const struct runs *runs = &session->runs;
    for (size_t i = 0; i < runs->count; i++) {
        if (runs->list[i]->column != RUN_NOWHERE || runs->list[i]->block > 0) return true;
    }
    (void)snprintf(why, SESSION_WHY,
                   "%s: \"runs\" is empty%s: it is no session of `compare` or `sweep`",
                   session->file == NULL ? "text" : session->file,
                   runs->count == 0 ? "" : " of runs that have a block");
    return false;
}

/* A run alone has few texts, all of which are names of this program. */
static const char *keep_nothing(void *keeper, const char *text) {
    (void)keeper;
    return text;
}

struct run *session_run_of(const char *text, size_t length, const struct parameters *asked,
                           char *why) {
    struct reading reading = {.path = "its result",
                              .why = why,
                              .size = SESSION_WHY,
                              .amounts = true,
                              .keep = keep_nothing};
    json_error_t problem;
    json_t *object = json_loadb(text, length, 0, &problem);
    if (object == NULL) {
        (void)reading_wrong(&reading, "it is not JSON: line %d: %s", problem.line, problem.text);
        return NULL;
    }
    struct run *run = run_from_json(&reading, "run", object);
    json_decref(object);
    if (run == NULL) return NULL;
    run_forget_beside(run);
    run->asked = *asked;
    return run;
}
