/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * CSV: a row per run, a column for each member of a run that is one value, in
 * the order of the JSON, dots between levels. The columns are always the same:
 * what a run does not have is empty.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/session/output.h"
#include "bench/session/run_fields.h"
#include "bench/session/session.h"

static void put_text(FILE *out, const char *text) {
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"') (void)fputc('"', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void put_value(FILE *out, struct field_value value) {
    if (value.text != NULL) {
        put_text(out, value.text);
    } else if (value.truth) {
        (void)fputs(value.number != 0 ? "true" : "false", out);
    } else if (value.whole) {
        (void)fprintf(out, "%" PRIu64, value.count);
    } else if (isfinite(value.number)) {
        (void)fprintf(out, "%.17g", value.number);
    }
}

static void put_head(FILE *out) {
    for (unsigned i = 0; i < run_field_count; i++) {
        if (run_fields[i].kind != FIELD_OBJECT) (void)fprintf(out, "%s,", run_fields[i].name);
    }
    (void)fputs("invalid_because,axis,session_seed\n", out);
}

static void put_reasons(FILE *out, const struct validity *validity) {
    char *text = NULL;
    size_t length = 0;
    FILE *all = open_memstream(&text, &length);
    if (all == NULL) return;
    for (unsigned i = 0; i < validity->count; i++) {
        (void)fprintf(all, "%s%s", i > 0 ? "; " : "", validity->reason[i]);
    }
    (void)fclose(all);
    put_text(out, text);
    free(text);
}

static void put_row(FILE *out, const struct session *session, const struct outside *outside) {
    const struct field *nothing = NULL; /* the object that this run does not have */
    for (unsigned i = 0; i < run_field_count; i++) {
        const struct field *field = &run_fields[i];
        if (field->kind == FIELD_OBJECT) {
            nothing = field_is_null(field, outside) ? field : NULL;
            continue;
        }
        if (nothing == NULL || !field_is_inside(field, nothing)) {
            put_value(out, field_get(field, outside));
        }
        (void)fputc(',', out);
    }
    put_reasons(out, &outside->run.validity);
    (void)fputc(',', out);
    if (session->axis != NULL) put_text(out, session->axis);
    (void)fputc(',', out);
    if (session->seed != FIELD_UNKNOWN) (void)fprintf(out, "%" PRIu64, session->seed);
    (void)fputc('\n', out);
}

int session_write_csv(const struct session *session, const char *path) {
    char *text = NULL;
    size_t size = 0;
    struct outside *outside = malloc(sizeof *outside);
    FILE *out = outside == NULL ? NULL : open_memstream(&text, &size);
    int failed = out == NULL ? -ENOMEM : 0;
    if (out != NULL) {
        put_head(out);
        for (size_t i = 0; i < session->runs.count; i++) {
            *outside = outside_of(session->runs.list[i]);
            put_row(out, session, outside);
        }
        if (fclose(out) != 0) failed = -ENOMEM;
    }
    if (failed == 0) failed = output_write(path, text, size);
    free(text);
    free(outside);
    return failed;
}
