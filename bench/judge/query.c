/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/query.h"

#include <string.h>

json_t *query_field(const json_t *object, const char *path) {
    json_t *value = json_object_get(object, path);
    if (value != NULL) return value;
    const size_t length = strcspn(path, ".");
    value = path[length] == '.' ? json_object_getn(object, path, length) : NULL;
    return value == NULL ? json_null() : query_field(value, path + length + 1);
}

const char *query_text(const json_t *object, const char *path, const char *otherwise) {
    const char *text = json_string_value(query_field(object, path));
    return text == NULL ? otherwise : text;
}

double query_number(const json_t *object, const char *path) {
    return json_number_value(query_field(object, path));
}

bool query_contains(const json_t *array, const json_t *value) {
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) {
        if (json_equal(one, value)) return true;
    }
    return false;
}

bool query_contains_text(const json_t *array, const char *text) {
    json_t *value = json_string(text);
    const bool found = query_contains(array, value);
    json_decref(value);
    return found;
}

void query_add_distinct(json_t *array, json_t *value) {
    if (!query_contains(array, value)) json_array_append(array, value);
}

json_t *query_where(const json_t *array, const char *path, const json_t *value) {
    json_t *selected = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) {
        if (json_equal(query_field(one, path), value)) json_array_append(selected, one);
    }
    return selected;
}

json_t *query_where_text(const json_t *array, const char *path, const char *text) {
    json_t *value = json_string(text);
    json_t *selected = query_where(array, path, value);
    json_decref(value);
    return selected;
}

/* Before the numbers that are larger; anything else at the end. */
static void insert_in_order(json_t *values, json_t *value) {
    size_t at = json_array_size(values);
    while (json_is_number(value) && at > 0 &&
           json_number_value(json_array_get(values, at - 1)) > json_number_value(value)) {
        at--;
    }
    json_array_insert(values, at, value);
}

json_t *query_values(const json_t *array, const char *path) {
    json_t *values = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) {
        json_t *value = query_field(one, path);
        if (!query_contains(values, value)) insert_in_order(values, value);
    }
    return values;
}
