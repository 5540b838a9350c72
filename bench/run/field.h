/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members of a struct, described: what each is called outside, in which unit
 * it stands there, and where it lies. One description serves JSON, CSV and
 * the check of a file. It knows no format.
 *
 * A name has dots where it lies in an object: "latency_us.p50".
 */
#ifndef BENCH_FIELD_H
#define BENCH_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
    FIELD_OBJECT,   /* the members that follow begin with its name and a dot */
    FIELD_TEXT,     /* const char *; NULL: null */
    FIELD_COUNT,    /* uint64_t; FIELD_UNKNOWN: null */
    FIELD_UNSIGNED, /* unsigned */
    FIELD_TIME,     /* uint64_t in ns, outside in `unit` ns; FIELD_UNKNOWN: null */
    FIELD_REAL,     /* double, outside in `unit`; NAN: null */
    FIELD_WHOLE,    /* double that holds a whole number; NAN: null */
    FIELD_TRUTH,    /* bool */
    FIELD_CHOICE,   /* an enum that counts from 0, outside one of `choices` */
};

#define FIELD_UNKNOWN UINT64_MAX

/* What a file must say. What it lacks otherwise is not known, or 0. */
enum field_need {
    FIELD_MAY_LACK,
    FIELD_PROMISED, /* perhaps null */
    FIELD_SURE      /* and never null */
};

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    double unit; /* a value is divided by it on its way out; 0 means 1 */
    const char *const *choices;
    unsigned choice_count;
    bool nullable; /* FIELD_OBJECT: null where its first member is; FIELD_TIME, FIELD_UNSIGNED: 0 is
                      null */
    enum field_need need;
};

/*
 * A value as it is outside. `number` also of a truth (0 or 1); NAN and a text
 * of NULL are null. `whole`: to be written without a fraction.
 */
struct field_value {
    const char *text;
    double number;
    uint64_t count; /* of `whole` */
    bool whole, truth;
};

struct field_value field_get(const struct field *field, const void *structure);

/* 0; -EINVAL: no such choice. Texts are borrowed. */
int field_set(const struct field *field, void *structure, struct field_value value);

/* Of a FIELD_OBJECT, before its members: whether it is null. */
bool field_is_null(const struct field *object, const void *structure);

/* Whether the member's name begins with the object's and a dot. */
bool field_is_inside(const struct field *member, const struct field *object);

/* Makes all members unknown, or what stands for it. */
void field_clear(const struct field *fields, size_t count, void *structure);

#endif
