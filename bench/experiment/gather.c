/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/gather.h"

#include <string.h>

/* What else can make a message dear: the rate, the depth, the design. */
static bool shows_work(const struct session *session) {
    return session->axis == NULL || strcmp(session->axis, "size") == 0 ||
           strcmp(session->axis, "connections") == 0;
}

struct answers gather_answers(const struct results *results) {
    struct answers answers = {0};
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        if (shows_work(session)) answers_add(&answers, &session->lists[LIST_COMPARISONS], true);
    }
    if (answers.count == 0 && results->count > 0)
        answers_add(&answers, &results->sessions[0]->lists[LIST_COMPARISONS], false);
    return answers;
}

struct work {
    const char *variant;
    const struct compared *most;
};

static bool is_work(const struct run *run, const void *key) {
    const struct work *work = key;
    const struct parameters *asked = &run->asked;
    const unsigned beside = asked->idle + asked->silent + asked->per_connection;
    return strcmp(asked->variant->name, work->variant) == 0 &&
           asked->placement == PLACEMENT_SAME_CORE && asked->host == NULL && !asked->wire &&
           !run_is_open(run) && beside == 0 && asked->delay_ns == 0 &&
           asked->design == engine_design(asked->engine) &&
           asked->size_bytes == work->most->size_bytes &&
           asked->connections == work->most->connections &&
           strcmp(engine_names[asked->engine], work->most->engine) == 0;
}

struct middle gather_work(const struct results *results, const char *variant,
                          double (*number)(const struct run *run)) {
    struct answers answers = gather_answers(results);
    const struct work work = {variant, answers_most(&answers)};
    struct middle typical = {.count = 0};
    const bool known = work.most != NULL && work.most->engine != NULL;
    for (size_t i = 0; known && i < results->count && typical.count == 0; i++) {
        const struct session *session = results->sessions[i];
        if (shows_work(session)) typical = typical_of(&session->runs, number, is_work, &work);
    }
    answers_free(&answers);
    return typical;
}
