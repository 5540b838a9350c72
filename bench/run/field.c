/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/field.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static double unit_of(const struct field *field) {
    return field->unit > 0 ? field->unit : 1;
}

static struct field_value whole(uint64_t count) {
    if (count == FIELD_UNKNOWN) return (struct field_value){.number = NAN};
    return (struct field_value){.number = (double)count, .count = count, .whole = true};
}

struct field_value field_get(const struct field *field, const void *structure) {
    const void *place = (const char *)structure + field->offset;
    struct field_value value = {.number = NAN};
    if (field->known > 0 && !((const bool *)structure)[field->known]) return value;
    switch (field->kind) {
    case FIELD_OBJECT: break;
    case FIELD_TEXT: value.text = *(const char *const *)place; break;
    case FIELD_CHOICE:
        if (*(const unsigned *)place < field->choice_count)
            value.text = field->choices[*(const unsigned *)place];
        break;
    case FIELD_TRUTH:
        value.number = *(const bool *)place;
        value.truth = true;
        break;
    case FIELD_UNSIGNED:
        if (!field->nullable || *(const unsigned *)place > 0)
            return whole(*(const unsigned *)place);
        break;
    case FIELD_COUNT: return whole(*(const uint64_t *)place);
    case FIELD_TIME:
        value = whole(*(const uint64_t *)place);
        value.whole = false;
        if (field->nullable && value.number == 0) value.number = NAN;
        value.number /= unit_of(field);
        break;
    case FIELD_REAL: value.number = *(const double *)place / unit_of(field); break;
    case FIELD_WHOLE:
        value.number = *(const double *)place;
        if (!isnan(value.number)) return whole((uint64_t)value.number);
    }
    return value;
}

const struct field *field_find(const struct field *fields, size_t count, const char *name,
                               size_t length) {
    for (const struct field *field = fields; field < fields + count; field++) {
        if (strncmp(field->name, name, length) == 0 && field->name[length] == '\0') return field;
    }
    return NULL;
}

bool field_value_is_null(struct field_value value) {
    return value.text == NULL && isnan(value.number);
}

static int set_choice(const struct field *field, unsigned *place, const char *text) {
    for (unsigned i = 0; text != NULL && i < field->choice_count; i++) {
        if (strcmp(field->choices[i], text) != 0) continue;
        *place = i;
        return 0;
    }
    return -EINVAL;
}

int field_set(const struct field *field, void *structure, struct field_value value) {
    void *place = (char *)structure + field->offset;
    const bool known = !isnan(value.number);
    const double real = value.number * unit_of(field);
    if (field->known > 0) {
        if (field_value_is_null(value)) return 0;
        ((bool *)structure)[field->known] = true;
    }
    switch (field->kind) {
    case FIELD_OBJECT: break;
    case FIELD_TEXT: *(const char **)place = value.text; break;
    case FIELD_CHOICE: return set_choice(field, place, value.text);
    case FIELD_TRUTH: *(bool *)place = known && value.number != 0; break;
    case FIELD_UNSIGNED: *(unsigned *)place = known ? (unsigned)value.number : 0; break;
    case FIELD_COUNT:
    case FIELD_TIME:
        *(uint64_t *)place = !known ? (field->nullable ? 0 : FIELD_UNKNOWN)
                             : value.whole && field->kind == FIELD_COUNT ? value.count
                                                                         : (uint64_t)round(real);
        break;
    case FIELD_WHOLE:
    case FIELD_REAL: *(double *)place = real;
    }
    return 0;
}

void field_clear(const struct field *fields, size_t count, void *structure) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind != FIELD_CHOICE)
            (void)field_set(&fields[i], structure, (struct field_value){.number = NAN});
        else if (fields[i].known == 0)
            *(unsigned *)(void *)((char *)structure + fields[i].offset) = 0;
    }
}
