/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/fields_json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_at(const json_t *object, const char *path) {
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        object = json_object_getn(object, path, (size_t)(dot - path));
    }
    return json_object_get(object, path);
}

void json_put(json_t *object, const char *path, json_t *value) {
    const char *dot;
    while ((dot = strchr(path, '.')) != NULL) {
        const size_t length = (size_t)(dot - path);
        if (json_object_getn(object, path, length) == NULL) {
            (void)json_object_setn_new(object, path, length, json_object());
        }
        object = json_object_getn(object, path, length);
        path = dot + 1;
    }
    (void)json_object_set_new(object, path, value == NULL ? json_null() : value);
}

void json_take_away(json_t *object, const char *path) {
    const char *dot = strchr(path, '.');
    if (dot == NULL) {
        (void)json_object_del(object, path);
        return;
    }
    json_t *inner = json_object_getn(object, path, (size_t)(dot - path));
    json_take_away(inner, dot + 1);
    if (json_is_object(inner) && json_object_size(inner) == 0) {
        (void)json_object_deln(object, path, (size_t)(dot - path));
    }
}

/* ---- writing ---- */

static json_t *value_json(const struct field *field, const void *structure) {
    const struct field_value value = field_get(field, structure);
    if (value.truth) return json_boolean(value.number != 0);
    if (value.whole) return json_integer((json_int_t)value.count);
    if (value.text != NULL) return json_string(value.text);
    return json_real(value.number); /* NULL where it is not a number, which becomes null */
}

void fields_write(json_t *object, const struct field *fields, size_t count, const void *structure) {
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        if (field->kind != FIELD_OBJECT) {
            json_put(object, field->name, value_json(field, structure));
            continue;
        }
        const bool none = field_is_null(field, structure);
        json_put(object, field->name, none ? json_null() : json_object());
        while (none && i + 1 < count && field_is_inside(&fields[i + 1], field)) i++;
    }
}

/* ---- reading ---- */

bool reading_wrong(const struct reading *reading, const char *format, ...) {
    va_list values;
    const int head = snprintf(reading->why, reading->size, "%s: ", reading->path);
    if (head < 0 || (size_t)head >= reading->size) return false;
    va_start(values, format);
    (void)vsnprintf(reading->why + head, reading->size - (size_t)head, format, values);
    va_end(values);
    return false;
}

/* With escapes, so that no control character reaches a terminal. */
const char *reading_shown(const json_t *value, char *text, size_t size) {
    char *whole = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
    const bool fits = whole != NULL && strlen(whole) < size;
    (void)snprintf(text, size, "%.*s%s", (int)(fits ? size : size - sizeof "..."),
                   whole == NULL ? "?" : whole, fits ? "" : "...");
    free(whole);
    return text;
}

static const char *wanted(const struct reading *reading, const struct field *field) {
    const bool sure = field->need == FIELD_SURE;
    switch (field->kind) {
    case FIELD_OBJECT: return field->nullable ? "an object, or null" : "an object";
    case FIELD_TEXT: return sure ? "a text" : "a text, or null";
    case FIELD_CHOICE: return "a text";
    case FIELD_TRUTH: return "true or false";
    case FIELD_COUNT:
    case FIELD_UNSIGNED:
        return sure ? "a whole number of 0 or more" : "a whole number of 0 or more, or null";
    default: break;
    }
    if (!reading->amounts) return "a number, or null";
    return sure ? "a number of 0 or more" : "a number of 0 or more, or null";
}

static bool is_right(const struct reading *reading, const struct field *field,
                     const json_t *value) {
    const bool null = json_is_null(value) && field->need != FIELD_SURE;
    switch (field->kind) {
    case FIELD_OBJECT: return json_is_object(value) || (null && field->nullable);
    case FIELD_TEXT: return json_is_string(value) || null;
    case FIELD_CHOICE: return json_is_string(value);
    case FIELD_TRUTH: return json_is_boolean(value);
    case FIELD_UNSIGNED:
    case FIELD_COUNT: return null || (json_is_integer(value) && json_integer_value(value) >= 0);
    default: break;
    }
    return null || (json_is_number(value) && (!reading->amounts || json_number_value(value) >= 0));
}

static struct field_value value_of(const struct reading *reading, const json_t *value) {
    struct field_value outside = {.number = NAN};
    const char *text = json_string_value(value);
    if (text != NULL) outside.text = reading->keep(reading->keeper, text);
    if (json_is_number(value)) outside.number = json_number_value(value);
    if (json_is_boolean(value)) outside.number = json_is_true(value);
    if (json_is_integer(value)) {
        outside.whole = true;
        outside.count = (uint64_t)json_integer_value(value);
    }
    return outside;
}

static bool read_field(const struct reading *reading, const char *where, const json_t *object,
                       const struct field *field, void *structure) {
    const json_t *value = json_at(object, field->name);
    char text[64];
    if (value == NULL) {
        return field->need == FIELD_MAY_LACK ||
               reading_wrong(reading, "%s.%s is missing; it has to be %s", where, field->name,
                             wanted(reading, field));
    }
    if (!is_right(reading, field, value)) {
        return reading_wrong(reading, "%s.%s is %s; it has to be %s", where, field->name,
                             reading_shown(value, text, sizeof text), wanted(reading, field));
    }
    if (field_set(field, structure, value_of(reading, value)) == 0) return true;
    return reading_wrong(reading, "%s.%s is %s, which this echolab does not know", where,
                         field->name, reading_shown(value, text, sizeof text));
}

bool fields_read(const struct reading *reading, const char *where, const json_t *object,
                 const struct field *fields, size_t count, void *structure) {
    for (size_t i = 0; i < count; i++) {
        if (!read_field(reading, where, object, &fields[i], structure)) return false;
    }
    return true;
}
