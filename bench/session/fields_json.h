/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Described structs as JSON objects, and back. */
#ifndef BENCH_FIELDS_JSON_H
#define BENCH_FIELDS_JSON_H

#include <jansson.h>

#include "bench/run/field.h"

/* Where reading stands, and where its complaint goes. */
struct reading {
    const char *path; /* of the file, or what it is */
    char *why;
    size_t size;
    bool amounts; /* numbers below 0 are wrong */
    /* Keeps a text that was read; it is borrowed by the struct then. */
    const char *(*keep)(void *keeper, const char *text);
    void *keeper;
};

/* Always false: what was looked at is not right. */
bool reading_wrong(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value as the file has it, cut where it is long; `text` is returned. */
const char *reading_shown(const json_t *value, char *text, size_t size);

/* Adds the members that are described. */
void fields_write(json_t *object, const struct field *fields, size_t count, const void *structure);

/*
 * Reads them. `where` names the object in a complaint: "runs[3]". False: it
 * was complained.
 */
bool fields_read(const struct reading *reading, const char *where, const json_t *object,
                 const struct field *fields, size_t count, void *structure);

/* The value at `path`, dots between levels; NULL: none. Borrowed. */
json_t *json_at(const json_t *object, const char *path);

/* Puts a value there, making the objects on the way; steals it. */
void json_put(json_t *object, const char *path, json_t *value);

/* Takes it away, with the objects on the way that are empty then. */
void json_take_away(json_t *object, const char *path);

#endif
