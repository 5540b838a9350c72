/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of JSON objects asked like tables: what has this value, which values
 * are there. What is not there is a JSON null, never a NULL.
 */
#ifndef BENCH_QUERY_H
#define BENCH_QUERY_H

#include <jansson.h>
#include <stdbool.h>

/* The value at `path`, dots between levels (a name may have dots itself). Borrowed. */
json_t *query_field(const json_t *object, const char *path);

const char *query_text(const json_t *object, const char *path, const char *otherwise);

/* 0 where it is no number. */
double query_number(const json_t *object, const char *path);

bool query_contains(const json_t *array, const json_t *value);
bool query_contains_text(const json_t *array, const char *text);
void query_add_distinct(json_t *array, json_t *value);

/* The objects in which `path` has this value; a new array. */
json_t *query_where(const json_t *array, const char *path, const json_t *value);
json_t *query_where_text(const json_t *array, const char *path, const char *text);

/* The distinct values: numbers ascend, names keep the order of their appearance. A new array. */
json_t *query_values(const json_t *array, const char *path);

#endif
