/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON, between the files of this room: described structs, a run, a session, its findings. */
#ifndef BENCH_SESSION_JSON_H
#define BENCH_SESSION_JSON_H

#include <jansson.h>

#include "bench/run/run.h"

struct session;

/* ---- described structs as objects: fields_json.c ---- */

/* Where reading stands, and where its complaint goes. */
struct reading {
    const char *path;        /* of the file, or what it is */
    char *why;               /* SESSION_WHY bytes */
    bool amounts;            /* numbers below 0 are wrong */
    struct session *session; /* keeps the texts that are read; NULL: they are borrowed */
};

/* Always false: what was looked at is not right. */
bool reading_wrong(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The value as the file has it, cut where it is long; `text` is returned. */
const char *reading_shown(const json_t *value, char *text, size_t size);

/* NULL of what is no text. */
const char *reading_text(const struct reading *reading, const json_t *value);

/* Adds the members that are described. */
void fields_write(json_t *object, const struct field *fields, size_t count, const void *structure);

/* Reads them. `where` names the object in a complaint: "runs[3]". False: it was complained. */
bool fields_read(const struct reading *reading, const char *where, const json_t *object,
                 const struct field *fields, size_t count, void *structure);

/* Structs as a list of lists, [[1, 2], [3, null]], of the described members; of one: [1, 3]. */
struct rows {
    size_t size; /* of the struct */
    const struct field *fields;
    size_t field_count;
};
json_t *rows_json(const struct rows *rows, const void *items, size_t count);

/* In *items, malloc'd; how many, up to the first that is not right. */
size_t rows_read(const struct rows *rows, const json_t *list, void **items);

/* NAN is null. */
json_t *json_number(double value);
double json_number_or_nan(const json_t *value);

/* The value at `path`, dots between levels; NULL: none. Borrowed. */
json_t *json_at(const json_t *object, const char *path);

/* Puts a value there, making the objects on the way; steals it. */
void json_put(json_t *object, const char *path, json_t *value);

/* Adds what `to` lacks, at all levels of objects. */
void json_add_missing(json_t *to, const json_t *from);

/* ---- a run: run_json.c ---- */

/* A new object; NULL without memory. */
json_t *run_to_json(const struct run *run);

/* A new run, or NULL after a complaint that names it `where`. It may change the object. */
struct run *run_from_json(const struct reading *reading, const char *where, json_t *object);

/* What the run holds beyond its struct, and owns. */
void run_forget_beside(struct run *run);

/* Facts as nested objects, and back: a name is cut at its first dot. */
json_t *fact_to_json(const struct fact *fact);
json_t *facts_to_json(const struct facts *facts);
void facts_from_json(struct facts *facts, const char *before, const json_t *object);

/* ---- a session: session.c, findings_json.c ---- */

/* NULL after a complaint. */
json_t *reading_load(const struct reading *reading);

/* NULL after a complaint; takes the root. */
struct session *session_from_json(struct reading *reading, json_t *root);

/* Its findings: a list that has nothing is left out, but comparisons and what is of a command. */
void findings_write(json_t *file, const struct session *session);

/* False: it was complained. */
bool findings_read(const struct reading *reading, const json_t *file);

#endif
