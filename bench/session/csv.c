/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSV: a row per run, a column for each member of a run that is one value, in
 * the order of the JSON, dots between levels. The columns are always the same:
 * what a run does not have is empty. Which counters there are depends on the
 * run, so all are one column.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/run.h"
#include "bench/session/json.h"
#include "bench/session/output.h"
#include "bench/session/session.h"

static void put_quoted(FILE *out, const char *text) {
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') (void)fputc('"', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void put_value(FILE *out, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_TRUE: (void)fputs("true", out); break;
    case JSON_FALSE: (void)fputs("false", out); break;
    case JSON_STRING: put_quoted(out, json_string_value(value)); break;
    case JSON_REAL: (void)fprintf(out, "%.17g", json_real_value(value)); break;
    case JSON_INTEGER:
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    default: break;
    }
}

/* One after the other. */
static void put_reasons(FILE *out, const struct validity *validity) {
    char text[VALIDITY_REASONS_MAX * (VALIDITY_REASON_BYTES + 2)] = "";
    for (unsigned i = 0, at = 0; i < validity->count; i++) {
        at += (unsigned)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? "; " : "",
                                 validity->reason[i]);
    }
    put_quoted(out, text);
}

/* "server.requests=12 server.replies=12" */
static void put_counters(FILE *out, json_t *counters) {
    const char *of, *name, *before = "";
    json_t *group, *value;
    json_object_foreach(counters, of, group) {
        json_object_foreach(group, name, value) {
            (void)fprintf(out, "%s%s.%s=%.17g", before, of, name, json_number_value(value));
            before = " ";
        }
    }
}

static void put_row(FILE *out, const struct session *session, const struct run *run) {
    json_t *object = run_to_json(run);
    for (unsigned i = 0; i < run_field_count; i++) {
        const json_t *value = json_at(object, run_fields[i].name);
        if (run_fields[i].kind == FIELD_OBJECT) continue;
        if (value != NULL) put_value(out, value);
        (void)fputc(',', out);
    }
    put_counters(out, json_at(object, "counters"));
    json_decref(object);
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
    for (unsigned i = 0; i < run_field_count; i++) {
        if (run_fields[i].kind != FIELD_OBJECT) (void)fprintf(out, "%s,", run_fields[i].name);
    }
    (void)fputs("counters,invalid_because,axis,session_seed\n", out);
    for (size_t i = 0; i < session->runs.count; i++) put_row(out, session, session->runs.list[i]);
    const int failed = fclose(out) == 0 ? output_write(path, text, size) : -ENOMEM;
    free(text);
    return failed;
}
