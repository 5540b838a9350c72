/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/session.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/session/run_json.h"

struct session *session_new(const char *command, const char *axis) {
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL) return NULL;
    session->command = command;
    session->axis = axis;
    session->seed = FIELD_UNKNOWN;
    session->rtt_ms = NAN;
    return session;
}

static void free_findings(struct session *session) {
    struct findings *losses = &session->lists[LIST_BEHIND_LOSS];
    for (size_t i = 0; i < losses->count; i++) {
        free(((struct behind_loss *)losses->items)[i].series);
    }
    for (int i = 0; i < LISTS; i++) free(session->lists[i].items);
}

void session_free(struct session *session) {
    if (session == NULL) return;
    for (size_t i = 0; i < session->runs.count; i++) run_forget_beside(session->runs.list[i]);
    runs_free(&session->runs);
    free_findings(session);
    facts_free(&session->environment);
    environment_differences_free(&session->around);
    for (size_t i = 0; i < session->memory_count; i++) free(session->memory[i]);
    free(session->memory);
    free(session->file);
    json_decref(session->beside);
    free(session);
}

/* Takes it. */
static void *keep(struct session *session, void *memory) {
    void **more = reallocarray(session->memory, session->memory_count + 1, sizeof *more);
    if (more != NULL) session->memory = more;
    if (more == NULL || memory == NULL) {
        free(memory);
        return NULL;
    }
    return more[session->memory_count++] = memory;
}

void *session_memory(struct session *session, size_t count, size_t size) {
    return keep(session, calloc(count + 1, size));
}

const char *session_text(struct session *session, const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0) text = NULL;
    va_end(values);
    text = keep(session, text);
    return text == NULL ? "" : text;
}
