/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/session.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cli/options.h"
#include "bench/run/variant.h"

/* What a field can be. A count is a whole number; neither it nor an amount is ever negative. */
enum kind { TEXT, COUNT, AMOUNT, AMOUNT_OR_NULL, TRUTH, OBJECT, LIST };

static const char *const kind_names[] = {
    [TEXT] = "a text",
    [COUNT] = "a whole number of 0 or more",
    [AMOUNT] = "a number of 0 or more",
    [AMOUNT_OR_NULL] = "a number of 0 or more, or null",
    [TRUTH] = "true or false",
    [OBJECT] = "an object",
    [LIST] = "a list",
};

struct field {
    const char *path; /* dots between levels */
    enum kind kind;
};

/* An object stands before its members. Other fields may be there: they are added, not renamed. */
static const struct field run_fields[] = {
    {"variant", TEXT},
    {"role", TEXT},
    {"size_bytes", COUNT},
    {"reply_bytes", COUNT},
    {"connections", COUNT},
    {"pipeline", COUNT},
    {"engine", TEXT},
    {"placement", TEXT},
    {"rtt_ms", AMOUNT_OR_NULL},
    {"loss_percent", AMOUNT_OR_NULL},
    {"offered_per_s", AMOUNT_OR_NULL},
    {"deadline_ms", AMOUNT_OR_NULL},
    {"block", COUNT},
    {"order", COUNT},
    {"messages", OBJECT},
    {"messages.sent", COUNT},
    {"messages.ok", COUNT},
    {"messages.lost", COUNT},
    {"messages.failed", COUNT},
    {"messages.late", COUNT},
    {"messages.duplicate", COUNT},
    {"messages.corrupt", COUNT},
    {"errors", OBJECT},
    {"elapsed_s", AMOUNT},
    {"throughput_per_s", AMOUNT},
    {"time_per_message_us", AMOUNT_OR_NULL},
    {"latency_us", OBJECT},
    {"latency_us.p50", AMOUNT_OR_NULL},
    {"latency_us.mean", AMOUNT_OR_NULL},
    {"per_message", OBJECT},
    {"per_message.packets", AMOUNT_OR_NULL},
    {"per_message.wire_bytes", AMOUNT_OR_NULL},
    {"per_message.syscalls", AMOUNT_OR_NULL},
    {"per_message.cpu_us", AMOUNT_OR_NULL},
    {"histogram_ns", LIST},
    {"counters", OBJECT},
    {"valid", TRUTH},
    {"invalid_because", LIST},
};

/* Objects of which each member is a count, whatever its name. */
static const char *const counted[] = {"messages", "errors", "counters"};

/* Where a complaint goes, and what it begins with. */
struct complaint {
    const char *path;
    char *why;
    size_t size;
};

static bool wrong(const struct complaint *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Always false: what was looked at is not right. */
static bool wrong(const struct complaint *to, const char *format, ...) {
    va_list values;
    const int head = snprintf(to->why, to->size, "%s: ", to->path);
    if (head < 0 || (size_t)head >= to->size) return false;
    va_start(values, format);
    (void)vsnprintf(to->why + head, to->size - (size_t)head, format, values);
    va_end(values);
    return false;
}

static bool is_kind(const json_t *value, enum kind kind) {
    switch (kind) {
    case TEXT: return json_is_string(value);
    case COUNT: return json_is_integer(value) && json_integer_value(value) >= 0;
    case AMOUNT: return json_is_number(value) && json_number_value(value) >= 0;
    case AMOUNT_OR_NULL: return json_is_null(value) || is_kind(value, AMOUNT);
    case TRUTH: return json_is_boolean(value);
    case OBJECT: return json_is_object(value);
    case LIST: return json_is_array(value);
    }
    return false;
}

/* The value as the file has it, with escapes, cut where it is long. */
static const char *shown(const json_t *value, char *text, size_t size) {
    char *whole = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    const bool fits = whole != NULL && strlen(whole) < size;
    (void)snprintf(text, size, "%.*s%s", (int)(fits ? size : size - sizeof "..."),
                   whole == NULL ? "?" : whole, fits ? "" : "...");
    free(whole);
    return text;
}

static const json_t *member(const json_t *object, const char *path) {
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        object = json_object_getn(object, path, (size_t)(dot - path));
    }
    return json_object_get(object, path);
}

static bool check_field(const struct complaint *to, const json_t *run, size_t number,
                        const struct field *field) {
    const json_t *value = member(run, field->path);
    char text[64];
    if (value == NULL) {
        return wrong(to, "runs[%zu].%s is missing; it has to be %s", number, field->path,
                     kind_names[field->kind]);
    }
    return is_kind(value, field->kind) ||
           wrong(to, "runs[%zu].%s is %s; it has to be %s", number, field->path,
                 shown(value, text, sizeof text), kind_names[field->kind]);
}

static bool check_counts(const struct complaint *to, const json_t *run, size_t number,
                         const char *name) {
    const char *key;
    json_t *value;
    char text[64];
    json_object_foreach(json_object_get(run, name), key, value) {
        if (json_is_number(value) && json_number_value(value) < 0) {
            return wrong(to, "runs[%zu].%s.%s is %s; a count is never negative", number, name, key,
                         shown(value, text, sizeof text));
        }
    }
    return true;
}

static bool check_histogram(const struct complaint *to, const json_t *run, size_t number) {
    size_t i;
    json_t *pair;
    char text[64];
    json_array_foreach(json_object_get(run, "histogram_ns"), i, pair) {
        if (json_array_size(pair) == 2 && is_kind(json_array_get(pair, 0), COUNT) &&
            is_kind(json_array_get(pair, 1), COUNT)) {
            continue;
        }
        return wrong(to,
                     "runs[%zu].histogram_ns[%zu] is %s; it has to be [upper bound, count], "
                     "two whole numbers of 0 or more",
                     number, i, shown(pair, text, sizeof text));
    }
    return true;
}

static bool check_names(const struct complaint *to, const json_t *run, size_t number) {
    const json_t *variant = json_object_get(run, "variant");
    const json_t *role = json_object_get(run, "role");
    bool known = false;
    char text[64];
    for (int i = 0; i < ROLES; i++) {
        known = known || strcmp(role_names[i], json_string_value(role)) == 0;
    }
    if (!known) {
        return wrong(to, "runs[%zu].role is %s, which is no role", number,
                     shown(role, text, sizeof text));
    }
    return variant_find(json_string_value(variant)) != NULL ||
           wrong(to,
                 "runs[%zu].variant is %s, which this echolab does not have; "
                 "`echolab variants` lists what it has",
                 number, shown(variant, text, sizeof text));
}

static bool check_sum(const struct complaint *to, const json_t *run, size_t number) {
    const json_t *messages = json_object_get(run, "messages");
    const json_int_t sent = json_integer_value(json_object_get(messages, "sent"));
    const json_int_t ok = json_integer_value(json_object_get(messages, "ok"));
    const json_int_t lost = json_integer_value(json_object_get(messages, "lost"));
    const json_int_t failed = json_integer_value(json_object_get(messages, "failed"));
    /* By differences, which cannot overflow where all are 0 or more. */
    return (ok <= sent && lost <= sent - ok && failed == sent - ok - lost) ||
           wrong(to,
                 "runs[%zu].messages: sent is %lld, but ok + lost + failed is "
                 "%lld + %lld + %lld",
                 number, (long long)sent, (long long)ok, (long long)lost, (long long)failed);
}

static bool check_run(const struct complaint *to, const json_t *run, size_t number) {
    if (!json_is_object(run)) return wrong(to, "runs[%zu] is no object", number);
    for (size_t i = 0; i < sizeof run_fields / sizeof run_fields[0]; i++) {
        if (!check_field(to, run, number, &run_fields[i])) return false;
    }
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        if (!check_counts(to, run, number, counted[i])) return false;
    }
    return check_histogram(to, run, number) && check_names(to, run, number) &&
           check_sum(to, run, number);
}

static bool check_session(const struct complaint *to, const json_t *session) {
    const json_t *schema = json_object_get(session, "schema");
    const json_t *runs = json_object_get(session, "runs");
    char text[64];
    if (!json_is_string(schema)) {
        return wrong(to, "it has no \"schema\", so it is no result file of echolab");
    }
    if (strcmp(json_string_value(schema), "echolab/1") != 0) {
        return wrong(to, "its schema is %s; this echolab reads \"echolab/1\"",
                     shown(schema, text, sizeof text));
    }
    if (!json_is_string(json_object_get(session, "command"))) {
        return wrong(to, "\"command\" is missing; it has to be a text");
    }
    if (!json_is_object(json_object_get(session, "environment"))) {
        return wrong(to, "\"environment\" is missing; it has to be an object");
    }
    if (!json_is_array(runs)) return wrong(to, "\"runs\" is missing; it has to be a list");
    if (json_array_size(runs) == 0) {
        return wrong(to, "\"runs\" is empty: it is no session of `compare` or `sweep`");
    }
    for (size_t i = 0; i < json_array_size(runs); i++) {
        if (!check_run(to, json_array_get(runs, i), i)) return false;
    }
    return true;
}

json_t *session_load(const char *path, char *why, size_t size) {
    struct complaint to = {.path = path, .size = size};
    json_error_t problem;
    to.why = why;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)wrong(&to, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    json_t *session = json_loadf(file, JSON_REJECT_DUPLICATES, &problem);
    const bool broken = ferror(file) != 0;
    (void)fclose(file);
    if (session == NULL) {
        const bool ends = json_error_code(&problem) == json_error_premature_end_of_input;
        if (broken) {
            (void)wrong(&to, "cannot be read");
        } else if (ends) {
            (void)wrong(&to, "it is truncated: it ends in line %d, before the JSON does",
                        problem.line);
        } else {
            (void)wrong(&to, "it is not JSON: line %d, column %d: %s", problem.line, problem.column,
                        problem.text);
        }
        return NULL;
    }
    if (check_session(&to, session)) return session;
    json_decref(session);
    return NULL;
}
