/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session, and its file: the envelope around runs and findings. */
#include "bench/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/judge/compared.h"
#include "bench/measure/system.h"
#include "bench/run/run.h"
#include "bench/session/json.h"

struct session *session_new(const char *command, const char *axis) {
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) return NULL;
    session->command = command;
    session->axis = axis;
    session->seed = FIELD_UNKNOWN;
    session->rtt_ms = session->reference_us = NAN;
    return session;
}

void session_free(struct session *session) {
    if (session == NULL) return;
    for (size_t i = 0; i < session->runs.count; i++) run_forget_beside(session->runs.list[i]);
    runs_free(&session->runs);
    for (int i = 0; i < LISTS; i++) free(session->lists[i].items);
    facts_free(&session->environment);
    environment_differences_free(&session->around);
    for (size_t i = 0; i < session->memory_count; i++) free(session->memory[i]);
    free(session->memory);
    free(session->file);
    json_decref(session->beside);
    free(session);
}

void *session_keep(struct session *session, void *memory) {
    void **more = reallocarray(session->memory, session->memory_count + 1, sizeof *more);
    if (more != NULL) session->memory = more;
    if (more == NULL || memory == NULL) {
        free(memory);
        return NULL;
    }
    return more[session->memory_count++] = memory;
}

void *session_memory(struct session *session, size_t count, size_t size) {
    return session_keep(session, calloc(count + 1, size));
}

const char *session_text(struct session *session, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) text = NULL;
    va_end(values);
    text = session_keep(session, text);
    return text == NULL ? "" : text;
}

/* What is one value of it, in the order of a file. */
#define AT(kind_, member_) FIELD_AT(session, kind_, member_)
static const struct field head_fields[] = {{"command", AT(TEXT, command), .need = FIELD_SURE},
                                           {"axis", AT(TEXT, axis)},
                                           {"started", AT(TEXT, started)},
                                           {"host", AT(TEXT, host)},
                                           {"server", AT(TEXT, server)},
                                           {"seed", AT(COUNT, seed)},
                                           {"interrupted", AT(TRUTH, interrupted)},
                                           {"reference_us", AT(REAL, reference_us)},
                                           {"rtt_ms", AT(REAL, rtt_ms)}};
enum { HEAD_COUNT = sizeof head_fields / sizeof head_fields[0] };

/* ---- files ---- */

/* "PATH.XXXXXX", malloc'd, and in *file the file that was made of it; NULL and -errno. */
static char *create_beside(const char *path, int *file) {
    char *name = NULL;
    *file = -ENOMEM;
    if (asprintf(&name, "%s.XXXXXX", path) < 0) return NULL;
    *file = mkostemp(name, O_CLOEXEC);
    if (*file >= 0) return name;
    *file = -errno;
    free(name);
    return NULL;
}

/* Where its links lead (symlink(7)), also if nothing is there yet: malloc'd; NULL and errno. */
static char *follow(const char *path) {
    enum { LINKS_MOST = 40 };
    char target[PATH_MAX], *at = strdup(path);
    for (int links = 0; at != NULL && links < LINKS_MOST; links++) {
        const ssize_t got = readlink(at, target, sizeof target - 1);
        if (got < 0) return at;
        target[got] = '\0';
        const char *slash = *target == '/' ? NULL : strrchr(at, '/');
        const int folder = slash == NULL ? 0 : (int)(slash + 1 - at);
        char *next = NULL;
        if (asprintf(&next, "%.*s%s", folder, at, target) < 0) next = NULL;
        free(at);
        at = next;
    }
    free(at);
    errno = at == NULL ? ENOMEM : ELOOP;
    return NULL;
}

bool output_is_stdout(const char *path) {
    struct stat there, here;
    if (path == NULL) return false;
    if (strcmp(path, "-") == 0) return true;
    return stat(path, &there) == 0 && fstat(STDOUT_FILENO, &here) == 0 &&
           there.st_dev == here.st_dev && there.st_ino == here.st_ino &&
           (!S_ISCHR(there.st_mode) || isatty(STDOUT_FILENO) != 0); /* not /dev/null */
}

/* A device or a pipe is written to: a file in its place would be none. */
static bool is_written_to(const char *path) {
    struct stat there;
    return stat(path, &there) == 0 && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode);
}

int output_check(const char *path) {
    struct stat there;
    if (output_is_stdout(path)) return 0;
    if (is_written_to(path)) return access(path, W_OK) == 0 ? 0 : -errno;
    if (stat(path, &there) == 0 && S_ISDIR(there.st_mode)) return -EISDIR;
    char *real = follow(path);
    if (real == NULL) return -errno;
    int file;
    char *name = create_beside(real, &file);
    free(real);
    if (name == NULL) return file;
    (void)close(file);
    (void)unlink(name);
    free(name);
    return 0;
}

/* Under sudo the results are the caller's, who will want to write there again. */
static void give_to_caller(int file) {
    uid_t uid;
    gid_t gid;
    if (!system_caller(&uid, &gid)) return;
    if (fchown(file, uid, gid) != 0) return; /* then it stays root's, and readable */
}

static int write_whole(FILE *out, const char *text, size_t size) {
    return out != NULL && fwrite(text, 1, size, out) == size && fflush(out) == 0 ? 0 : -errno;
}

/* Not without a reader, for whom nobody would wait for ever. */
static int write_to(const char *path, const char *text, size_t size) {
    const int file = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return -errno;
    (void)fcntl(file, F_SETFL, 0);
    FILE *out = fdopen(file, "w");
    const int failed = write_whole(out, text, size);
    if (out == NULL ? close(file) : fclose(out)) return failed != 0 ? failed : -errno;
    return failed;
}

static int replace(const char *path, const char *text, size_t size) {
    int file;
    char *name = create_beside(path, &file);
    if (name == NULL) return file;
    FILE *out = fdopen(file, "w");
    int failed = write_whole(out, text, size);
    if (failed == 0 && (fsync(file) != 0 || fchmod(file, 0644) != 0)) failed = -errno;
    give_to_caller(file);
    if ((out == NULL ? close(file) : fclose(out)) != 0 && failed == 0) failed = -errno;
    if (failed == 0 && rename(name, path) != 0) failed = -errno;
    if (failed != 0) (void)unlink(name);
    free(name);
    return failed;
}

int output_write(const char *path, const char *text, size_t size) {
    if (output_is_stdout(path)) return write_whole(stdout, text, size);
    if (is_written_to(path)) return write_to(path, text, size);
    char *real = follow(path);
    const int failed = real == NULL ? -errno : replace(real, text, size);
    free(real);
    return failed;
}

/* ---- writing ---- */

static json_t *file_json(const struct session *session) {
    json_t *file = json_pack("{s:s}", "schema", SESSION_SCHEMA), *runs = json_array();
    json_t *words = session->argv == NULL ? json_null() : json_array();
    const bool known = session->environment.count > 0;
    fields_write(file, head_fields, HEAD_COUNT, session);
    for (const char *const *word = session->argv; word != NULL && *word != NULL; word++)
        (void)json_array_append_new(words, json_string(*word));
    json_put(file, "argv", words);
    json_put(file, "environment", known ? facts_to_json(&session->environment) : NULL);
    for (size_t i = 0; i < session->runs.count; i++)
        (void)json_array_append_new(runs, run_to_json(session->runs.list[i]));
    json_put(file, "runs", runs);
    findings_write(file, session);
    json_add_missing(file, session->beside);
    return file;
}

int session_write(const struct session *session, const char *path) {
    json_t *file = file_json(session);
    char *text = json_dumps(file, JSON_INDENT(1));
    const int failed = text == NULL ? -ENOMEM : output_write(path, text, strlen(text));
    free(text);
    json_decref(file);
    return failed;
}

/*
 * CSV: a row per run, a column for each member of a run that is one value, in
 * the order of the JSON, dots between levels. The columns are always the same:
 * what a run does not have is empty. Which counters there are depends on the
 * run, so all are one column.
 */

static void put_quoted(FILE *out, const char *text) {
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') (void)fputc('"', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void put_value(FILE *out, const json_t *value) {
    if (json_is_string(value))
        put_quoted(out, json_string_value(value));
    else if (json_is_real(value))
        (void)fprintf(out, "%.17g", json_real_value(value));
    else if (value != NULL && !json_is_null(value))
        (void)json_dumpf(value, out, JSON_ENCODE_ANY);
}

/* One after the other. */
static void put_reasons(FILE *out, const struct validity *validity) {
    char text[VALIDITY_REASONS_MAX * (VALIDITY_REASON_BYTES + 2)] = "";
    for (unsigned i = 0, at = 0; i < validity->count; i++)
        at += (unsigned)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? "; " : "",
                                 validity->reason[i]);
    put_quoted(out, text);
}

/* "server.requests=12 server.replies=12": what is known. */
static void put_counters(FILE *out, const struct tallies *counters) {
    const char *before = "";
    for (const struct tally *one = counters->list; one < counters->list + counters->count; one++) {
        if (one->count == FIELD_UNKNOWN) continue;
        (void)fprintf(out, "%s%s=%" PRIu64, before, one->name, one->count);
        before = " ";
    }
}

static void put_row(FILE *out, const struct session *session, const struct run *run) {
    json_t *object = run_to_json(run);
    for (unsigned i = 0; i < run_field_count; i++) {
        if (run_fields[i].kind == FIELD_OBJECT) continue;
        put_value(out, json_at(object, run_fields[i].name));
        (void)fputc(',', out);
    }
    json_decref(object);
    put_counters(out, &run->counters);
    (void)fputc(',', out);
    put_reasons(out, &run->validity);
    (void)fputc(',', out);
    if (session->axis != NULL) put_quoted(out, session->axis);
    (void)fputc(',', out);
    if (session->seed != FIELD_UNKNOWN) (void)fprintf(out, "%" PRIu64, session->seed);
    (void)fputc('\n', out);
}

int session_write_csv(const struct session *session, const char *path) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return -ENOMEM;
    for (unsigned i = 0; i < run_field_count; i++)
        if (run_fields[i].kind != FIELD_OBJECT) (void)fprintf(out, "%s,", run_fields[i].name);
    (void)fputs("counters,invalid_because,axis,session_seed\n", out);
    for (size_t i = 0; i < session->runs.count; i++) put_row(out, session, session->runs.list[i]);
    const int failed = fclose(out) == 0 ? output_write(path, text, size) : -ENOMEM;
    free(text);
    return failed;
}

int session_print_run(const struct run *run) {
    json_t *object = run_to_json(run);
    const int failed = json_dumpf(object, stdout, JSON_COMPACT);
    json_decref(object);
    (void)putchar('\n');
    return failed == 0 ? 0 : -EIO;
}

/* ---- reading ---- */

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

static bool check_head(const struct reading *reading, const json_t *root) {
    const json_t *schema = json_object_get(root, "schema");
    const json_t *environment = json_object_get(root, "environment");
    char text[64];
    if (!json_is_string(schema))
        return reading_wrong(reading, "it has no \"schema\", so it is no result file of echolab");
    if (strcmp(json_string_value(schema), SESSION_SCHEMA) != 0)
        return reading_wrong(reading, "its schema is %s; this echolab reads \"%s\"",
                             reading_shown(schema, text, sizeof text), SESSION_SCHEMA);
    if (!json_is_object(environment) && !json_is_null(environment))
        return reading_wrong(reading, "\"environment\" is missing; it has to be an object");
    return json_is_array(json_object_get(root, "runs")) ||
           json_is_array(json_object_get(root, "checks")) ||
           reading_wrong(reading, "\"runs\" is missing; it has to be a list");
}

static bool read_head(const struct reading *reading, struct session *session, const json_t *root) {
    const json_t *words = json_object_get(root, "argv");
    const size_t count = json_array_size(words);
    if (!check_head(reading, root)) return false;
    if (json_is_array(words)) {
        const char **argv = session_memory(session, count, sizeof *argv);
        for (size_t i = 0; argv != NULL && i < count; i++)
            argv[i] = reading_text(reading, json_array_get(words, i));
        session->argv = argv;
    }
    facts_from_json(&session->environment, "", json_object_get(root, "environment"));
    return fields_read(reading, "it", root, head_fields, HEAD_COUNT, session);
}

struct session *session_from_json(struct reading *reading, json_t *root) {
    struct session *session = session_new(NULL, NULL);
    bool right = session != NULL || reading_wrong(reading, "no memory");
    reading->session = session;
    right = right && read_head(reading, session, root);
    reading->amounts = true;
    right = right && read_runs(reading, session, json_object_get(root, "runs"));
    reading->amounts = false;
    right = right && findings_read(reading, root);
    if (right) {
        compared_complete(&session->lists[LIST_COMPARISONS], &session->runs);
        (void)json_object_del(root, "runs");
        session->file = strdup(reading->path);
        session->beside = root; /* what has no place in the struct is not lost */
        return session;
    }
    json_decref(root);
    session_free(session);
    return NULL;
}

/* NULL after a complaint. */
static json_t *checked(const struct reading *reading, json_t *root, const json_error_t *problem) {
    if (root != NULL) return root;
    if (json_error_code(problem) == json_error_premature_end_of_input) {
        (void)reading_wrong(reading, "it is truncated: it ends in line %d, before the JSON does",
                            problem->line);
    } else {
        (void)reading_wrong(reading, "it is not JSON: line %d, column %d: %s", problem->line,
                            problem->column, problem->text);
    }
    return NULL;
}

json_t *reading_load(const struct reading *reading) {
    json_error_t problem;
    FILE *file = fopen(reading->path, "re");
    json_t *root = file == NULL ? NULL : json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    const bool broken = file == NULL || ferror(file) != 0;
    if (broken) {
        (void)reading_wrong(reading, "cannot be read: %s", strerror(errno));
        json_decref(root);
    }
    if (file != NULL) (void)fclose(file);
    return broken ? NULL : checked(reading, root, &problem);
}

struct session *session_read(const char *path, char *why) {
    struct reading reading = {.path = path, .why = why};
    json_t *root = reading_load(&reading);
    return root == NULL ? NULL : session_from_json(&reading, root);
}

bool session_has_runs(const struct session *session, char *why) {
    const struct runs *runs = &session->runs;
    for (size_t i = 0; i < runs->count; i++)
        if (runs->list[i]->column != RUN_NOWHERE || runs->list[i]->block > 0) return true;
    (void)snprintf(why, SESSION_WHY,
                   "%s: \"runs\" is empty%s: it is no session of `compare` or `sweep`",
                   session->file, runs->count == 0 ? "" : " of runs that have a block");
    return false;
}

struct run *session_run_of(const char *text, size_t length, const struct parameters *asked,
                           char *why) {
    /* Its few texts are borrowed: all are names of this program. */
    const struct reading reading = {.path = "its result", .why = why, .amounts = true};
    json_error_t problem;
    json_t *object = checked(&reading, json_loadb(text, length, 0, &problem), &problem);
    struct run *run = object == NULL ? NULL : run_from_json(&reading, "run", object);
    if (run != NULL) {
        run_forget_beside(run);
        run->asked = *asked;
    }
    json_decref(object);
    return run;
}
