/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/findings_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/session/run_json.h"

/* ---- a message near a loss ---- */

static json_t *real_or_null(double value) {
    json_t *real = json_real(value);
    return real == NULL ? json_null() : real;
}

static void write_behind_loss(json_t *object, const void *item) {
    const struct behind_loss *one = item;
    json_t *series = one->series == NULL ? json_null() : json_array();
    for (size_t i = 0; one->series != NULL && i < one->series_count; i++) {
        (void)json_array_append_new(series, json_pack("[f,o]", one->series[i].due_ms,
                                                      real_or_null(one->series[i].latency_ms)));
    }
    json_put(object, "series_ms", series);
}

static void read_behind_loss(const struct reading *reading, const json_t *object, void *item) {
    struct behind_loss *one = item;
    const json_t *series = json_object_get(object, "series_ms");
    size_t i;
    json_t *pair;
    (void)reading;
    if (json_array_size(series) == 0) return;
    one->series = calloc(json_array_size(series), sizeof *one->series);
    json_array_foreach(series, i, pair) {
        const json_t *latency = json_array_get(pair, 1);
        if (one->series == NULL) return;
        one->series[one->series_count++] = (struct near_loss){
            .due_ms = json_number_value(json_array_get(pair, 0)),
            .latency_ms = json_is_number(latency) ? json_number_value(latency) : (double)NAN};
    }
}

/* ---- what the race met: {"receive ECONNRESET": 12} ---- */

static void write_race(json_t *object, const void *item) {
    const struct idle_race *race = item;
    json_t *errors = json_object();
    const char *at = race->errors;
    while (at != NULL && *at != '\0') {
        const size_t length = strcspn(at, ",");
        const char *colon = memchr(at, ':', length);
        if (colon != NULL) {
            (void)json_object_setn_new(errors, at, (size_t)(colon - at),
                                       json_integer(atoll(colon + 1)));
        }
        at += length;
        at += strspn(at, ", ");
    }
    json_put(object, "errors", errors);
}

static void read_race(const struct reading *reading, const json_t *object, void *item) {
    struct idle_race *race = item;
    const char *key, *between = "";
    json_t *count;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    json_object_foreach(json_object_get(object, "errors"), key, count) {
        (void)fprintf(out, "%s%s: %.0f", between, key, json_number_value(count));
        between = ", ";
    }
    (void)fclose(out);
    race->errors = reading->keep(reading->keeper, text);
    free(text);
}

/* ---- counts beside what was predicted ---- */

static json_t *whole_or_real(double value, bool whole) {
    return isfinite(value) && whole ? json_integer((json_int_t)value) : real_or_null(value);
}

static json_t *counted_json(const struct counted *counted, bool whole) {
    const double predicted = counted->predicted;
    return json_pack("{s:o,s:o,s:o}", "predicted",
                     whole_or_real(predicted, predicted == floor(predicted)), "measured",
                     whole_or_real(counted->measured, whole), "equal",
                     isfinite(predicted) ? json_boolean(counted->equal) : json_null());
}

static struct counted counted_of(const json_t *object) {
    const json_t *predicted = json_object_get(object, "predicted");
    const json_t *measured = json_object_get(object, "measured");
    return (struct counted){
        .predicted = json_is_number(predicted) ? json_number_value(predicted) : (double)NAN,
        .measured = json_is_number(measured) ? json_number_value(measured) : (double)NAN,
        .equal = json_is_true(json_object_get(object, "equal"))};
}

static const char *const side_names[] = {"client", "server"};

static void write_kinds(json_t *object, const struct consists *one) {
    json_t *all = json_object();
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        json_t *kinds = json_object();
        for (int k = 0; k < WIRE_KINDS; k++) {
            const struct counted *counted = &one->kinds[i][k];
            const double predicted = isfinite(counted->predicted) ? counted->predicted : 0;
            if (predicted == 0 && !(counted->measured > 0)) continue;
            (void)json_object_set_new(kinds, wire_kind_names[k], counted_json(counted, true));
        }
        (void)json_object_set_new(all, wire_direction_names[i], kinds);
    }
    json_put(object, "kinds", all);
}

static void write_consists(json_t *object, const void *item) {
    const struct consists *one = item;
    const bool wire = isfinite(one->packets.measured);
    json_put(object, "packets", wire ? counted_json(&one->packets, true) : NULL);
    json_put(object, "ip_bytes", wire ? counted_json(&one->ip_bytes, true) : NULL);
    if (wire)
        write_kinds(object, one);
    else
        json_put(object, "kinds", NULL);
    json_put(object, "round_trips_waited_first", counted_json(&one->waited_first, false));
    json_put(object, "round_trips_waited", counted_json(&one->waited, false));
    json_put(object, "round_trips_of_time", counted_json(&one->of_time, false));
    for (int side = 0; side < 2; side++) {
        json_t *calls = json_object();
        for (int i = 0; i < CALLS_MAX && one->calls[side][i].name != NULL; i++) {
            (void)json_object_set_new(calls, one->calls[side][i].name,
                                      counted_json(&one->calls[side][i].per_message, false));
        }
        char path[32];
        (void)snprintf(path, sizeof path, "syscalls.%s", side_names[side]);
        json_put(object, path, calls);
    }
}

static void read_calls(const struct reading *reading, const json_t *object,
                       struct counted_call calls[CALLS_MAX]) {
    int count = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        if (count == CALLS_MAX - 1) return;
        calls[count++] =
            (struct counted_call){reading->keep(reading->keeper, key), counted_of(value)};
    }
}

static void read_consists(const struct reading *reading, const json_t *object, void *item) {
    struct consists *one = item;
    one->packets = counted_of(json_object_get(object, "packets"));
    one->ip_bytes = counted_of(json_object_get(object, "ip_bytes"));
    one->waited_first = counted_of(json_object_get(object, "round_trips_waited_first"));
    one->waited = counted_of(json_object_get(object, "round_trips_waited"));
    one->of_time = counted_of(json_object_get(object, "round_trips_of_time"));
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        const json_t *kinds =
            json_object_get(json_object_get(object, "kinds"), wire_direction_names[i]);
        for (int k = 0; k < WIRE_KINDS; k++) {
            one->kinds[i][k] = counted_of(json_object_get(kinds, wire_kind_names[k]));
        }
    }
    for (int side = 0; side < 2; side++) {
        read_calls(reading, json_object_get(json_object_get(object, "syscalls"), side_names[side]),
                   one->calls[side]);
    }
}

/* ---- another tool ---- */

static json_t *reals_json(const double *values, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) (void)json_array_append_new(list, real_or_null(values[i]));
    return list;
}

static void write_tool(json_t *object, const void *item) {
    const struct tool_beside *one = item;
    json_t *notes = json_array();
    for (int i = 0; one->notes[i] != NULL; i++) {
        (void)json_array_append_new(notes, json_string(one->notes[i]));
    }
    json_put(object, "theirs_us", reals_json(one->theirs_us, one->blocks));
    json_put(object, "ours_us", reals_json(one->ours_us, one->blocks));
    json_put(object, "notes", notes);
}

static double *reals_of(const struct reading *reading, const json_t *list, size_t count) {
    double *values = session_memory(reading->keeper, count, sizeof *values);
    for (size_t i = 0; values != NULL && i < count; i++) {
        const json_t *value = json_array_get(list, i);
        values[i] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
    return values;
}

static void read_tool(const struct reading *reading, const json_t *object, void *item) {
    struct tool_beside *one = item;
    const json_t *theirs = json_object_get(object, "theirs_us");
    const json_t *notes = json_object_get(object, "notes");
    const size_t most = sizeof one->notes / sizeof one->notes[0] - 1;
    const size_t count = json_array_size(theirs);
    one->theirs_us = reals_of(reading, theirs, count);
    one->ours_us = reals_of(reading, json_object_get(object, "ours_us"), count);
    if (one->theirs_us != NULL && one->ours_us != NULL) one->blocks = count;
    for (size_t i = 0; i < json_array_size(notes) && i < most; i++) {
        const char *note = json_string_value(json_array_get(notes, i));
        if (note != NULL) one->notes[i] = reading->keep(reading->keeper, note);
    }
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

/* Whether it is read and written in the files of such a command. */
static bool is_of(enum list kind, const char *command) {
    const struct finding_kind *its = &finding_kinds[kind];
    if (its->command != NULL || its->name == NULL) {
        return its->command != NULL && strcmp(its->command, command) == 0;
    }
    for (int i = 0; i < LISTS; i++) { /* another of that name may be the command's own */
        const struct finding_kind *own = &finding_kinds[i];
        if (own->command == NULL || own->name == NULL || strcmp(own->command, command) != 0)
            continue;
        if (strcmp(own->name, its->name) == 0) return false;
    }
    return true;
}

static json_t *list_json(enum list kind, const struct findings *list) {
    json_t *objects = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const char *item = (const char *)list->items + i * finding_kinds[kind].size;
        (void)json_array_append_new(objects, item_json(kind, item));
    }
    return objects;
}

/* One value alone, several as a list. */
static json_t *values_json(const struct facts *facts) {
    json_t *list = json_array();
    if (facts->count == 1) {
        json_decref(list);
        return fact_to_json(facts->list);
    }
    for (size_t i = 0; i < facts->count; i++) {
        (void)json_array_append_new(list, fact_to_json(&facts->list[i]));
    }
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
    for (int i = 0; i < LISTS; i++) {
        const struct finding_kind *kind = &finding_kinds[i];
        const struct findings *list = &session->lists[i];
        const bool always = !kind->single && (kind->command != NULL || i == LIST_COMPARISONS);
        if (!is_of((enum list)i, session->command) || (list->count == 0 && !always)) continue;
        if (kind->name == NULL)
            fields_write(file, kind->fields, kind->field_count, list->items);
        else if (kind->single)
            json_put(file, kind->name, item_json((enum list)i, list->items));
        else
            json_put(file, kind->name, list_json((enum list)i, list));
    }
    if (is_of(LIST_DIFFERENCE, session->command)) {
        json_put(file, "environment_difference", around_json(&session->around));
    }
}

void findings_take_away(json_t *rest, const char *command) {
    for (int i = 0; i < LISTS; i++) {
        const struct finding_kind *kind = &finding_kinds[i];
        if (!is_of((enum list)i, command)) continue;
        if (kind->name != NULL) (void)json_object_del(rest, kind->name);
        for (unsigned k = 0; kind->name == NULL && k < kind->field_count; k++) {
            (void)json_object_del(rest, kind->fields[k].name);
        }
    }
}

static bool read_item(const struct reading *reading, struct session *session, enum list kind,
                      const char *where, const json_t *object) {
    void *item = findings_add(&session->lists[kind], kind);
    if (item == NULL) return reading_wrong(reading, "no memory");
    if (finding_kinds[kind].texts && json_is_string(object)) {
        *(const char **)item = reading->keep(reading->keeper, json_string_value(object));
        return true;
    }
    if (!json_is_object(object) || finding_kinds[kind].texts) {
        return reading_wrong(reading, "%s is no %s", where,
                             finding_kinds[kind].texts ? "text" : "object");
    }
    if (!fields_read(reading, where, object, finding_kinds[kind].fields,
                     finding_kinds[kind].field_count, item)) {
        return false;
    }
    if (extra[kind].read != NULL) extra[kind].read(reading, object, item);
    return true;
}

static bool read_list(const struct reading *reading, struct session *session, enum list kind,
                      const json_t *list) {
    const char *name = finding_kinds[kind].name;
    size_t i;
    json_t *object;
    if (!json_is_array(list)) return reading_wrong(reading, "\"%s\" is not a list", name);
    json_array_foreach(list, i, object) {
        char where[64];
        (void)snprintf(where, sizeof where, "%s[%zu]", name, i);
        if (!read_item(reading, session, kind, where, object)) return false;
    }
    return true;
}

bool findings_read(const struct reading *reading, struct session *session, const json_t *file) {
    for (int i = 0; i < LISTS; i++) {
        const enum list kind = (enum list)i;
        const char *name = finding_kinds[i].name;
        const json_t *list = name == NULL ? file : json_object_get(file, name);
        if (list == NULL || json_is_null(list) || !is_of(kind, session->command)) continue;
        const bool right = finding_kinds[i].single
                               ? read_item(reading, session, kind, name == NULL ? "it" : name, list)
                               : read_list(reading, session, kind, list);
        if (!right) return false;
    }
    return true;
}
