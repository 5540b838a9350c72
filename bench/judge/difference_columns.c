/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/difference_parts.h"
#include "bench/judge/query.h"
#include "bench/link/wire.h"
#include "bench/run/result.h"

struct field {
    const char *name;
    const char *path; /* in the run; NULL: its name */
    bool of_server;   /* which the floor's knows nothing of */
    bool optional;    /* older files lack it: then it had ... */
    double usual;     /* ... this value, or ... */
    const char *usual_text;
};

/* The first two tell variants apart, the others points. */
static const struct field fields[] = {
    {.name = "variant"},
    {.name = "build"},
    {.name = "size_bytes"},
    {.name = "reply_bytes"},
    {.name = "connections"},
    {.name = "pipeline"},
    {.name = "engine"},
    {.name = "placement"},
    {.name = "network"},
    {.name = "profile"},
    {.name = "rtt_ms"},
    {.name = "loss_percent"},
    {.name = "offered_per_s"},
    {.name = "point"},
    {.name = "deadline_ms"},
    {.name = "rto_floor_ms"},
    {.name = "design", .of_server = true, .optional = true}, /* usual: the engine's own */
    {.name = "workers", .of_server = true, .optional = true, .usual = 1},
    {.name = "dedup", .path = "executions.dedup", .of_server = true, .optional = true},
    {.name = "idle_timeout_ms", .of_server = true},
    {.name = "delay_us", .of_server = true, .optional = true},
    {.name = "idle_connections", .optional = true},
    {.name = "silent_connections", .optional = true},
    {.name = "gap_ms", .optional = true},
    {.name = "mtu_bytes", .optional = true, .usual = WIRE_MTU},
    {.name = "arrivals", .path = "open_loop.arrivals", .optional = true, .usual_text = "poisson"},
    {.name = "assign", .path = "open_loop.assign", .optional = true, .usual_text = "free"},
};

enum { POINT_FIELDS_FROM = 2, FIELDS = sizeof fields / sizeof fields[0] };

static void set(json_t *object, const char *name, json_t *value) {
    (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
}

static const char *usual_text(const struct field *field, const json_t *run) {
    if (strcmp(field->name, "design") != 0) return field->usual_text;
    return strcmp(result_text(run, "engine"), "epoll") == 0 ? "epoll" : "pool";
}

static bool is_usual(const struct field *field, const json_t *run, const json_t *value) {
    const char *text = usual_text(field, run);
    if (!field->optional) return false;
    if (json_is_string(value)) return text != NULL && strcmp(json_string_value(value), text) == 0;
    return json_is_number(value) ? json_number_value(value) == field->usual : json_is_false(value);
}

static json_t *value_of(const struct field *field, const json_t *run) {
    const json_t *value = query_field(run, field->path == NULL ? field->name : field->path);
    if (is_usual(field, run, value)) return json_null();
    return json_is_number(value) ? json_real(json_number_value(value)) : json_deep_copy(value);
}

json_t *difference_column_of(const json_t *run) {
    json_t *column = json_object();
    for (int i = 0; i < FIELDS; i++) set(column, fields[i].name, value_of(&fields[i], run));
    const bool own_rate = result_number(run, "capacity_per_s", 0) > 0 &&
                          json_is_number(json_object_get(column, "offered_per_s"));
    set(column, own_rate ? "offered_per_s" : "point", json_null());
    return column;
}

bool difference_column_is_open(const json_t *column) {
    return json_is_number(json_object_get(column, "offered_per_s")) ||
           json_is_number(json_object_get(column, "point"));
}

bool difference_same_point(const json_t *one, const json_t *other) {
    for (int i = POINT_FIELDS_FROM; i < FIELDS; i++) {
        const json_t *left = json_object_get(one, fields[i].name);
        if (json_equal(left, json_object_get(other, fields[i].name)) == 0) return false;
    }
    return true;
}

bool difference_same_column(const json_t *one, const json_t *other) {
    return difference_same_point(one, other) &&
           strcmp(result_text(one, "variant"), result_text(other, "variant")) == 0 &&
           strcmp(result_text(one, "build"), result_text(other, "build")) == 0;
}

/* "floor {...}"; malloc'd. */
static char *key_of(const char *role, const json_t *column) {
    const bool floor = strcmp(role, "floor") == 0;
    json_t *told = json_copy((json_t *)column);
    for (int i = 0; i < FIELDS; i++) {
        if (floor && fields[i].of_server) (void)json_object_del(told, fields[i].name);
    }
    char *text = json_dumps(told, JSON_COMPACT);
    char *key = NULL;
    if (text == NULL || asprintf(&key, "%s %s", role, text) < 0) key = NULL;
    free(text);
    json_decref(told);
    return key;
}

static json_t *index_of(const json_t *session) {
    json_t *index = json_object();
    size_t i;
    json_t *run;
    json_array_foreach(json_object_get(session, "runs"), i, run) {
        json_t *column = difference_column_of(run);
        char *key = key_of(result_text(run, "role"), column);
        json_decref(column);
        if (key == NULL) continue;
        if (json_object_get(index, key) == NULL) set(index, key, json_array());
        (void)json_array_append(json_object_get(index, key), run);
        free(key);
    }
    return index;
}

json_t *difference_indexes(const json_t *sessions) {
    json_t *indexes = json_array();
    size_t i;
    json_t *session;
    json_array_foreach(sessions, i, session) {
        (void)json_array_append_new(indexes, index_of(session));
    }
    return indexes;
}

const json_t *difference_runs(const json_t *index, const char *role, const json_t *column) {
    char *key = key_of(role, column);
    const json_t *runs = key == NULL ? NULL : json_object_get(index, key);
    free(key);
    return runs;
}

struct place {
    const json_t *run;
    double column;
};

static int by_column(const void *a, const void *b) {
    const double left = ((const struct place *)a)->column;
    const double right = ((const struct place *)b)->column;
    return (left > right) - (left < right);
}

/* The columns of the variants, in the order of the plan: shuffled runs do not shuffle the table. */
static json_t *columns_of(const json_t *session) {
    const json_t *runs = json_object_get(session, "runs");
    struct place *places = calloc(json_array_size(runs) + 1, sizeof *places);
    json_t *columns = json_array();
    json_t *seen = json_object();
    size_t count = 0;
    for (size_t i = 0; places != NULL && i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (strcmp(result_text(run, "role"), "variant") != 0) continue;
        places[count++] = (struct place){run, result_number(run, "column", 0)};
    }
    if (count > 1) qsort(places, count, sizeof *places, by_column);
    for (size_t i = 0; i < count; i++) {
        json_t *column = difference_column_of(places[i].run);
        char *key = key_of("", column);
        if (key != NULL && json_object_get(seen, key) == NULL) {
            set(seen, key, json_true());
            (void)json_array_append(columns, column);
        }
        free(key);
        json_decref(column);
    }
    json_decref(seen);
    free(places);
    return columns;
}

json_t *difference_columns(const json_t *sessions) {
    json_t *columns = json_array();
    size_t i;
    json_t *session;
    json_array_foreach(sessions, i, session) {
        json_t *its = columns_of(session);
        for (size_t j = 0; j < json_array_size(its); j++) {
            json_t *column = json_array_get(its, j);
            if (!query_contains(columns, column)) (void)json_array_append(columns, column);
        }
        json_decref(its);
    }
    return columns;
}

char *difference_point_text(const json_t *column) {
    static const struct {
        const char *field, *format;
    } further[] = {
        {"rtt_ms", ", RTT %g ms"},
        {"loss_percent", ", loss %g %%"},
        {"mtu_bytes", ", MTU %g"},
        {"rto_floor_ms", ", timer from %g ms"},
        {"gap_ms", ", %g ms between messages"},
        {"idle_connections", ", %g idle beside"},
        {"silent_connections", ", %g silent beside"},
        {"idle_timeout_ms", ", closed after %g ms idle"},
        {"delay_us", ", %g us of service"},
        {"workers", ", %g workers"},
        {"offered_per_s", ", %.10g/s offered"},
    };
    static const char *const words[] = {"arrivals", "assign", "design"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return NULL;
    const double connections = result_number(column, "connections", 1);
    const double pipeline = result_number(column, "pipeline", 1);
    const double payload = result_number(column, "size_bytes", 0);
    const double reply = result_number(column, "reply_bytes", payload);
    (void)fprintf(out, "%.0f B payload", payload);
    if (reply != payload) (void)fprintf(out, " (reply %.0f)", reply);
    (void)fprintf(out, ", %.0f connection%s", connections, connections == 1 ? "" : "s");
    if (pipeline != 1) (void)fprintf(out, ", pipeline %.0f", pipeline);
    for (size_t i = 0; i < sizeof further / sizeof further[0]; i++) {
        const double value = result_number(column, further[i].field, NAN);
        if (!isnan(value)) (void)fprintf(out, further[i].format, value);
    }
    const double point = result_number(column, "point", NAN);
    if (!isnan(point)) (void)fprintf(out, ", offered: rate %.0f of each session's own", point + 1);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *word = result_text(column, words[i]);
        if (*word != '\0') (void)fprintf(out, ", %s %s", words[i], word);
    }
    if (json_is_true(json_object_get(column, "dedup"))) (void)fputs(", dedup", out);
    (void)fprintf(out, ", %s, %s engine", result_text(column, "placement"),
                  result_text(column, "engine"));
    (void)fclose(out);
    return text;
}
