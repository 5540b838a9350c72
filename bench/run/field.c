/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/field.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char *place_of(const struct field *field, const void *structure) {
    return (const char *)structure + field->offset;
}

static double unit_of(const struct field *field) {
    return field->unit > 0 ? field->unit : 1;
}

static struct field_value whole(uint64_t count) {
    return count == FIELD_UNKNOWN
               ? (struct field_value){.number = NAN}
               : (struct field_value){.number = (double)count, .count = count, .whole = true};
}

struct field_value field_get(const struct field *field, const void *structure) {
    struct field_value value = {.number = NAN};
    const char *place = place_of(field, structure);
    uint64_t count;
    unsigned small;
    bool truth;
    switch (field->kind) {
    case FIELD_OBJECT: break;
    case FIELD_TEXT: memcpy(&value.text, place, sizeof value.text); break;
    case FIELD_COUNT: memcpy(&count, place, sizeof count); return whole(count);
    case FIELD_UNSIGNED:
        memcpy(&small, place, sizeof small);
        return whole(field->nullable && small == 0 ? FIELD_UNKNOWN : small);
    case FIELD_TIME:
        memcpy(&count, place, sizeof count);
        if (count == FIELD_UNKNOWN || (field->nullable && count == 0)) break;
        value.number = (double)count / unit_of(field);
        break;
    case FIELD_REAL:
        memcpy(&value.number, place, sizeof value.number);
        value.number /= unit_of(field);
        break;
    case FIELD_WHOLE:
        memcpy(&value.number, place, sizeof value.number);
        return whole(isnan(value.number) ? FIELD_UNKNOWN : (uint64_t)value.number);
    case FIELD_TRUTH:
        memcpy(&truth, place, sizeof truth);
        value.number = truth;
        value.truth = true;
        break;
    case FIELD_CHOICE:
        memcpy(&small, place, sizeof small);
        if (small < field->choice_count) value.text = field->choices[small];
        break;
    }
    return value;
}

bool field_is_inside(const struct field *member, const struct field *object) {
    const size_t length = strlen(object->name);
    return strncmp(member->name, object->name, length) == 0 && member->name[length] == '.';
}

bool field_is_null(const struct field *object, const void *structure) {
    const struct field_value first = field_get(object + 1, structure);
    return object->nullable && first.text == NULL && !isfinite(first.number);
}

static int set_choice(const struct field *field, void *place, const char *text) {
    for (unsigned i = 0; text != NULL && i < field->choice_count; i++) {
        if (strcmp(field->choices[i], text) != 0) continue;
        memcpy(place, &i, sizeof i);
        return 0;
    }
    return -EINVAL;
}

int field_set(const struct field *field, void *structure, struct field_value value) {
    char *place = (char *)structure + field->offset;
    const bool known = !isnan(value.number);
    uint64_t count = known ? (uint64_t)round(value.number * unit_of(field)) : FIELD_UNKNOWN;
    if (!known && field->nullable) count = 0;
    if (value.whole && field->kind == FIELD_COUNT) count = value.count;
    const unsigned small = known ? (unsigned)value.number : 0;
    const double real = value.number * unit_of(field);
    const bool truth = known && value.number != 0;
    switch (field->kind) {
    case FIELD_OBJECT: break;
    case FIELD_TEXT: memcpy(place, &value.text, sizeof value.text); break;
    case FIELD_COUNT:
    case FIELD_TIME: memcpy(place, &count, sizeof count); break;
    case FIELD_UNSIGNED: memcpy(place, &small, sizeof small); break;
    case FIELD_WHOLE:
    case FIELD_REAL: memcpy(place, &real, sizeof real); break;
    case FIELD_TRUTH: memcpy(place, &truth, sizeof truth); break;
    case FIELD_CHOICE: return set_choice(field, place, value.text);
    }
    return 0;
}

void field_clear(const struct field *fields, size_t count, void *structure) {
    for (size_t i = 0; i < count; i++) {
        const unsigned first = 0;
        char *place = (char *)structure + fields[i].offset;
        if (fields[i].kind == FIELD_CHOICE) {
            memcpy(place, &first, sizeof first);
        } else {
            (void)field_set(&fields[i], structure, (struct field_value){.number = NAN});
        }
    }
}
