/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What experiments conclude, as lists of a result file, and back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/session/json.h"
#include "bench/session/session.h"

/* In the session's memory; NULL and 0: an empty list, or none. */
static void *read_rows(const struct reading *reading, const struct rows *rows, const json_t *list,
                       size_t *count) {
    void *items = NULL;
    *count = json_array_size(list) == 0 ? 0 : rows_read(rows, list, &items);
    items = session_keep(reading->session, items);
    if (items == NULL) *count = 0;
    return items;
}

/* ---- a message near a loss ---- */

static const struct field near_fields[] = {{NULL, FIELD_AT(near_loss, REAL, due_ms)},
                                           {NULL, FIELD_AT(near_loss, REAL, latency_ms)}};
static const struct rows near_losses = {sizeof(struct near_loss), near_fields, 2};

static void write_behind_loss(json_t *object, const void *item) {
    const struct behind_loss *one = item;
    json_put(object, "series_ms",
             one->series == NULL ? NULL : rows_json(&near_losses, one->series, one->series_count));
}

static void read_behind_loss(const struct reading *reading, const json_t *object, void *item) {
    struct behind_loss *one = item;
    one->series =
        read_rows(reading, &near_losses, json_object_get(object, "series_ms"), &one->series_count);
}

/* ---- what the race met: {"receive ECONNRESET": 12} ---- */

static void write_race(json_t *object, const void *item) {
    const struct idle_race *race = item;
    json_t *errors = json_object();
    char name[64];
    long long count;
    int length = 0;
    for (const char *at = race->errors; at != NULL; at += length) {
        if (sscanf(at, " %63[^:]: %lld%n,", name, &count, &length) != 2) break;
        (void)json_object_set_new(errors, name, json_integer(count));
        if (at[length] == ',') length++;
    }
    json_put(object, "errors", errors);
}

static void read_race(const struct reading *reading, const json_t *object, void *item) {
    struct idle_race *race = item;
    const char *key;
    json_t *count;
    race->errors = "";
    json_object_foreach(json_object_get(object, "errors"), key, count) {
        race->errors =
            session_text(reading->session, "%s%s%s: %.0f", race->errors,
                         *race->errors == '\0' ? "" : ", ", key, json_number_value(count));
    }
}

/* ---- counts beside what was predicted ---- */

static const char *const side_paths[] = {"syscalls.client", "syscalls.server"};

typedef void visit_count(json_t *object, const char *path, struct counted *count, bool on_wire);

/* All, by their paths in a file. */
static void visit_counts(struct consists *one, visit_count *visit, json_t *object) {
    char path[64];
    visit(object, "packets", &one->packets, true);
    visit(object, "ip_bytes", &one->ip_bytes, true);
    visit(object, "round_trips_waited_first", &one->waited_first, false);
    visit(object, "round_trips_waited", &one->waited, false);
    visit(object, "round_trips_of_time", &one->of_time, false);
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        (void)snprintf(path, sizeof path, "kinds.%s.%s", wire_direction_names[i / WIRE_KINDS],
                       wire_kind_names[i % WIRE_KINDS]);
        visit(object, path, &one->kinds[i / WIRE_KINDS][i % WIRE_KINDS], true);
    }
    for (int side = 0; side < 2; side++) {
        for (struct counted_call *call = one->calls[side]; call->name != NULL; call++) {
            (void)snprintf(path, sizeof path, "%s.%s", side_paths[side], call->name);
            visit(object, path, &call->per_message, false);
        }
    }
}

static json_t *whole_or_real(double value, bool whole) {
    return isfinite(value) && whole ? json_integer((json_int_t)value) : json_number(value);
}

/* Of the kinds of packets only what came up or was to; on the wire a count is whole. */
static void put_count(json_t *object, const char *path, struct counted *count, bool on_wire) {
    const double predicted = count->predicted;
    const bool came_up = predicted > 0 || count->measured > 0;
    if (!came_up && strncmp(path, "kinds.", strlen("kinds.")) == 0) return;
    json_put(object, path,
             on_wire && !isfinite(count->measured)
                 ? NULL
                 : json_pack("{s:o,s:o,s:o}", "predicted",
                             whole_or_real(predicted, predicted == floor(predicted)), "measured",
                             whole_or_real(count->measured, on_wire), "equal",
                             isfinite(predicted) ? json_boolean(count->equal) : json_null()));
}

static void get_count(json_t *object, const char *path, struct counted *count, bool on_wire) {
    const json_t *value = json_at(object, path);
    (void)on_wire;
    *count = (struct counted){json_number_or_nan(json_object_get(value, "predicted")),
                              json_number_or_nan(json_object_get(value, "measured")),
                              json_is_true(json_object_get(value, "equal"))};
}

static void write_consists(json_t *object, const void *item) {
    struct consists one = *(const struct consists *)item;
    json_t *empty = json_pack("{s:{},s:{s:{},s:{}}}", "kinds", "syscalls", "client", "server");
    for (int i = 0; i < WIRE_DIRECTIONS; i++)
        (void)json_object_set_new(json_object_get(empty, "kinds"), wire_direction_names[i],
                                  json_object());
    visit_counts(&one, put_count, object);
    if (!isfinite(one.packets.measured)) json_put(object, "kinds", NULL);
    json_add_missing(object, empty);
    json_decref(empty);
}

static void read_consists(const struct reading *reading, const json_t *object, void *item) {
    struct consists *one = item;
    for (int side = 0; side < 2; side++) {
        struct counted_call *call = one->calls[side], *last = call + CALLS_MAX - 1;
        const char *key;
        json_t *value;
        json_object_foreach(json_at(object, side_paths[side]), key, value) {
            if (call < last) (call++)->name = session_text(reading->session, "%s", key);
        }
    }
    visit_counts(one, get_count, (json_t *)object);
}

/* ---- another tool ---- */

static const struct field real_field = {NULL, .kind = FIELD_REAL};
static const struct rows reals = {sizeof(double), &real_field, 1};

static void write_tool(json_t *object, const void *item) {
    const struct tool_beside *one = item;
    json_t *notes = json_array();
    for (const char *const *note = one->notes; *note != NULL; note++)
        (void)json_array_append_new(notes, json_string(*note));
    json_put(object, "theirs_us", rows_json(&reals, one->theirs_us, one->blocks));
    json_put(object, "ours_us", rows_json(&reals, one->ours_us, one->blocks));
    json_put(object, "notes", notes);
}

static void read_tool(const struct reading *reading, const json_t *object, void *item) {
    struct tool_beside *one = item;
    const json_t *notes = json_object_get(object, "notes");
    const size_t most = sizeof one->notes / sizeof one->notes[0] - 1;
    size_t ours;
    one->theirs_us = read_rows(reading, &reals, json_object_get(object, "theirs_us"), &one->blocks);
    one->ours_us = read_rows(reading, &reals, json_object_get(object, "ours_us"), &ours);
    if (ours < one->blocks) one->blocks = ours;
    for (size_t i = 0; i < json_array_size(notes) && i < most; i++)
        one->notes[i] = reading_text(reading, json_array_get(notes, i));
}

/* ---- lists ---- */

/* What the described members of a kind do not say. */
static const struct {
    void (*write)(json_t *object, const void *item);
    void (*read)(const struct reading *reading, const json_t *object, void *item);
} extra[LISTS] = {[LIST_BEHIND_LOSS] = {write_behind_loss, read_behind_loss},
                  [LIST_IDLE_RACE] = {write_race, read_race},
                  [LIST_ANATOMY] = {write_consists, read_consists},
                  [LIST_TOOLS] = {write_tool, read_tool}};

static json_t *item_json(enum list kind, const void *item) {
    if (finding_kinds[kind].texts) return json_string(*(const char *const *)item);
    json_t *object = json_object();
    fields_write(object, finding_kinds[kind].fields, finding_kinds[kind].field_count, item);
    if (extra[kind].write != NULL) extra[kind].write(object, item);
    return object;
}

/* Whether it is in the files of such a command, which may have lists of its own. */
static bool is_of(enum list kind, const char *command) {
    const char *its = finding_kinds[kind].command;
    bool has_own = false;
    for (int i = 0; i < LISTS; i++)
        has_own = has_own || (finding_kinds[i].command != NULL &&
                              strcmp(finding_kinds[i].command, command) == 0);
    return its == NULL ? !has_own : strcmp(its, command) == 0;
}

static json_t *list_json(enum list kind, const struct findings *list) {
    json_t *objects = json_array();
    const char *item = list->items;
    for (size_t i = 0; i < list->count; i++, item += finding_kinds[kind].size)
        (void)json_array_append_new(objects, item_json(kind, item));
    return objects;
}

/* One value alone, several as a list. */
static json_t *values_json(const struct facts *facts) {
    if (facts->count == 1) return fact_to_json(facts->list);
    json_t *list = json_array();
    for (size_t i = 0; i < facts->count; i++)
        (void)json_array_append_new(list, fact_to_json(&facts->list[i]));
    return list;
}

static json_t *around_json(const struct environment_differences *around) {
    json_t *list = json_array();
    for (size_t i = 0; i < around->count; i++) {
        const struct environment_difference *one = &around->list[i];
        (void)json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "name", one->name, "base",
                                                    values_json(&one->base), "new",
                                                    values_json(&one->new)));
    }
    return list;
}

void findings_write(json_t *file, const struct session *session) {
    for (enum list i = 0; i < LISTS; i++) {
        const struct finding_kind *kind = &finding_kinds[i];
        const struct findings *list = &session->lists[i];
        const bool always = !kind->single && (kind->command != NULL || i == LIST_COMPARISONS);
        if (!is_of(i, session->command) || (list->count == 0 && !always)) continue;
        if (kind->name == NULL)
            fields_write(file, kind->fields, kind->field_count, list->items);
        else
            json_put(file, kind->name,
                     kind->single ? item_json(i, list->items) : list_json(i, list));
    }
    /* It is not read: that of a file stays as it is. */
    if (is_of(LIST_DIFFERENCE, session->command) && session->beside == NULL)
        json_put(file, "environment_difference", around_json(&session->around));
}

static bool read_item(const struct reading *reading, enum list kind, const char *where,
                      const json_t *object) {
    const struct finding_kind *its = &finding_kinds[kind];
    void *item = findings_add(&reading->session->lists[kind], kind);
    if (item == NULL) return reading_wrong(reading, "no memory");
    if (its->texts ? !json_is_string(object) : !json_is_object(object))
        return reading_wrong(reading, "%s is no %s", where, its->texts ? "text" : "object");
    if (its->texts) *(const char **)item = reading_text(reading, object);
    if (!its->texts && !fields_read(reading, where, object, its->fields, its->field_count, item))
        return false;
    if (extra[kind].read != NULL) extra[kind].read(reading, object, item);
    return true;
}

static bool read_list(const struct reading *reading, enum list kind, const json_t *list) {
    const char *name = finding_kinds[kind].name;
    char where[64];
    size_t i;
    json_t *object;
    if (finding_kinds[kind].single)
        return read_item(reading, kind, name == NULL ? "it" : name, list);
    if (!json_is_array(list)) return reading_wrong(reading, "\"%s\" is not a list", name);
    json_array_foreach(list, i, object) {
        (void)snprintf(where, sizeof where, "%s[%zu]", name, i);
        if (!read_item(reading, kind, where, object)) return false;
    }
    return true;
}

bool findings_read(const struct reading *reading, const json_t *file) {
    for (enum list kind = 0; kind < LISTS; kind++) {
        const char *name = finding_kinds[kind].name;
        const json_t *list = name == NULL ? file : json_object_get(file, name);
        const bool there = list != NULL && !json_is_null(list);
        if (there && is_of(kind, reading->session->command) && !read_list(reading, kind, list))
            return false;
    }
    return true;
}
