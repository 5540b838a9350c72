/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/json.h"
#include "bench/session/session.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *json_at(const json_t *object, const char *path) {
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1)
        object = json_object_getn(object, path, (size_t)(dot - path));
    return json_object_get(object, path);
}

void json_put(json_t *object, const char *path, json_t *value) {
    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        const size_t length = (size_t)(dot - path);
        if (json_object_getn(object, path, length) == NULL)
            (void)json_object_setn_new(object, path, length, json_object());
        object = json_object_getn(object, path, length);
    }
    (void)json_object_set_new(object, path, value == NULL ? json_null() : value);
}

void json_add_missing(json_t *to, const json_t *from) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)from, key, value) {
        json_t *mine = json_object_get(to, key);
        if (mine == NULL)
            (void)json_object_set(to, key, value);
        else
            json_add_missing(mine, value);
    }
}

json_t *json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

double json_number_or_nan(const json_t *value) {
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

/* ---- writing ---- */

static json_t *value_json(struct field_value value) {
    if (value.truth) return json_boolean(value.number != 0);
    if (value.whole) return json_integer((json_int_t)value.count);
    return value.text != NULL ? json_string(value.text) : json_number(value.number);
}

static bool is_inside(const struct field *member, const struct field *object) {
    const size_t length = strlen(object->name);
    return strncmp(member->name, object->name, length) == 0 && member->name[length] == '.';
}

void fields_write(json_t *object, const struct field *fields, size_t count, const void *structure) {
    for (size_t i = 0; i < count; i++) {
        const struct field *field = &fields[i];
        if (field->kind != FIELD_OBJECT) {
            json_put(object, field->name, value_json(field_get(field, structure)));
            continue;
        }
        const bool none = field->nullable && field_value_is_null(field_get(field + 1, structure));
        json_put(object, field->name, none ? json_null() : json_object());
        while (none && i + 1 < count && is_inside(&fields[i + 1], field)) i++;
    }
}

json_t *rows_json(const struct rows *rows, const void *items, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = rows->field_count == 1 ? list : json_array();
        for (size_t k = 0; k < rows->field_count; k++) {
            const void *item = (const char *)items + i * rows->size;
            (void)json_array_append_new(row, value_json(field_get(&rows->fields[k], item)));
        }
        if (row != list) (void)json_array_append_new(list, row);
    }
    return list;
}

/* ---- reading ---- */

bool reading_wrong(const struct reading *reading, const char *format, ...) {
    char what[SESSION_WHY];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(what, sizeof what, format, values);
    va_end(values);
    (void)snprintf(reading->why, SESSION_WHY, "%s: %.900s", reading->path, what);
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

const char *reading_text(const struct reading *reading, const json_t *value) {
    const char *text = json_string_value(value);
    if (text == NULL || reading->session == NULL) return text;
    return session_text(reading->session, "%s", text);
}

enum { WHOLE = 1U << JSON_INTEGER, NUMBER = WHOLE | 1U << JSON_REAL };

/* What a field of a kind has to be. */
static const struct {
    const char *wanted;
    unsigned types;
    bool amount; /* never negative */
} kinds[] = {[FIELD_OBJECT] = {"an object", 1U << JSON_OBJECT, false},
             [FIELD_TEXT] = {"a text", 1U << JSON_STRING, false},
             [FIELD_CHOICE] = {"a text", 1U << JSON_STRING, false},
             [FIELD_TRUTH] = {"true or false", 1U << JSON_TRUE | 1U << JSON_FALSE, false},
             [FIELD_COUNT] = {"a whole number of 0 or more", WHOLE, true},
             [FIELD_UNSIGNED] = {"a whole number of 0 or more", WHOLE, true},
             [FIELD_REAL] = {"a number", NUMBER, false},
             [FIELD_TIME] = {"a number of 0 or more", NUMBER, true},
             [FIELD_WHOLE] = {"a number", NUMBER, false}};

static bool may_be_null(const struct field *field) {
    if (field->kind == FIELD_OBJECT) return field->nullable;
    if (field->kind == FIELD_CHOICE || field->kind == FIELD_TRUTH) return field->known > 0;
    return field->need != FIELD_SURE;
}

static bool is_right(bool amounts, const struct field *field, const json_t *value) {
    if (json_is_null(value)) return may_be_null(field);
    return (kinds[field->kind].types >> json_typeof(value) & 1U) != 0 &&
           (!(amounts || kinds[field->kind].amount) || json_number_value(value) >= 0);
}

static struct field_value value_of(const struct reading *reading, const json_t *value) {
    struct field_value outside = {.number = json_number_or_nan(value)};
    if (reading != NULL) outside.text = reading_text(reading, value);
    if (json_is_boolean(value)) outside.number = json_is_true(value);
    outside.whole = json_is_integer(value);
    outside.count = (uint64_t)json_integer_value(value);
    return outside;
}

static bool read_field(const struct reading *reading, const char *where, const json_t *object,
                       const struct field *field, void *structure) {
    const json_t *value = json_at(object, field->name);
    const char *bound = field->kind == FIELD_REAL && reading->amounts ? " of 0 or more" : "";
    char text[64];
    if (value == NULL && field->need == FIELD_MAY_LACK) return true;
    if (value == NULL || !is_right(reading->amounts, field, value))
        return reading_wrong(reading, "%s.%s is %s; it has to be %s%s%s", where, field->name,
                             value == NULL ? "missing" : reading_shown(value, text, sizeof text),
                             kinds[field->kind].wanted, bound,
                             may_be_null(field) ? ", or null" : "");
    if (field_set(field, structure, value_of(reading, value)) == 0) return true;
    return reading_wrong(reading, "%s.%s is %s, which this echolab does not know", where,
                         field->name, reading_shown(value, text, sizeof text));
}

bool fields_read(const struct reading *reading, const char *where, const json_t *object,
                 const struct field *fields, size_t count, void *structure) {
    for (size_t i = 0; i < count; i++)
        if (!read_field(reading, where, object, &fields[i], structure)) return false;
    return true;
}

size_t rows_read(const struct rows *rows, const json_t *list, void **items) {
    char *all = calloc(json_array_size(list) + 1, rows->size);
    size_t i;
    json_t *row;
    *items = all;
    json_array_foreach(list, i, row) {
        const bool flat = rows->field_count == 1;
        if (all == NULL || (!flat && json_array_size(row) != rows->field_count)) return i;
        for (size_t k = 0; k < rows->field_count; k++) {
            const json_t *value = flat ? row : json_array_get(row, k);
            if (!is_right(false, &rows->fields[k], value)) return i;
            (void)field_set(&rows->fields[k], all + i * rows->size, value_of(NULL, value));
        }
    }
    return json_array_size(list);
}
