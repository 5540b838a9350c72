/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Members of a struct, described: what each is called outside, in which unit
 * it stands there, and where it lies. One description serves JSON, CSV, the
 * check of a file and the sentences. It knows no format.
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
    FIELD_CHOICE    /* an enum that counts from 0, outside one of `choices` */
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
    bool nullable; /* an object is null where its first member is; FIELD_TIME, FIELD_UNSIGNED: 0 */
    enum field_need need;
    size_t known; /* of a bool, without which it is null; what is read as null stays; 0: none */
};

#define FIELD_AT(struct_, kind_, member_)                                                          \
    .kind = FIELD_##kind_, .offset = offsetof(struct struct_, member_)

/* As it is outside. `number` also of a truth (0 or 1); NAN and a text of NULL are null. */
struct field_value {
    const char *text;
    double number;
    uint64_t count; /* of `whole`, which is written without a fraction */
    bool whole, truth;
};

struct field_value field_get(const struct field *field, const void *structure);
bool field_value_is_null(struct field_value value);

/* Of a name of so many characters; NULL: there is none. */
const struct field *field_find(const struct field *fields, size_t count, const char *name,
                               size_t length);

/* 0; -EINVAL: no such choice. Texts are borrowed. */
int field_set(const struct field *field, void *structure, struct field_value value);

/* Makes all members unknown, or what stands for it. */
void field_clear(const struct field *fields, size_t count, void *structure);

#endif
