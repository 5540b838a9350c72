/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/query.h"
#include "bench/report/figures_fill.h"
#include "bench/tell/words.h"

enum { KIB = 1024 };

/* The part of this name of the first file that has one. */
static const json_t *part_of(const struct measured *measured, const char *name) {
    size_t i;
    json_t *one;
    json_array_foreach(measured->keeping, i, one) {
        const json_t *part = query_field(one, name);
        if (json_array_size(part) > 0) return part;
    }
    return NULL;
}

/* "tcp-persistent,64", "20ms,16k": a size as --size takes it. */
static json_t *series_name(const char *first, double bytes) {
    const long whole = (long)bytes;
    if (whole >= KIB && whole % KIB == 0) return words_string("%s,%ldk", first, whole / KIB);
    return words_string("%s,%ld", first, whole);
}

static void append_fields(json_t *row, const json_t *one, const char *const *fields) {
    for (; *fields != NULL; fields++) json_array_append(row, query_field(one, *fields));
}

/* One array for each series, in the order of their appearance. */
static void append_by_series(json_t *rows, json_t *unsorted) {
    json_t *names = json_array(), *row, *name;
    size_t i, k;
    json_array_foreach(unsorted, i, row) {
        query_add_distinct(names, json_array_get(row, 0));
    }
    json_array_foreach(names, k, name) {
        json_array_foreach(unsorted, i, row) {
            if (json_equal(json_array_get(row, 0), name)) json_array_append(rows, row);
        }
    }
    json_decref(names);
    json_decref(unsorted);
}

/* The sweep waits for the longest first; a table ascends. */
static json_t *ascending(const json_t *points, const char *field) {
    json_t *values = query_values(points, field), *value, *all = json_array(), *one;
    size_t i, k;
    json_array_foreach(values, i, value) {
        json_t *some = query_where(points, field, value);
        json_array_foreach(some, k, one) {
            json_array_append(all, one);
        }
        json_decref(some);
    }
    json_decref(values);
    return all;
}

void figure_fill_idle(const struct figure *figure, const struct measured *measured, json_t *rows,
                      FILE *conditions) {
    static const char *const fields[] = {"gap_ms",      "latency_ms", "low_ms",  "high_ms",
                                         "round_trips", "samples",    "variant", "reply_bytes",
                                         "rtt_ms",      NULL};
    const json_t *points = part_of(measured, "idle_points");
    json_t *sorted = ascending(points, figure->axis), *unsorted = json_array(), *one;
    size_t i;
    json_array_foreach(sorted, i, one) {
        json_t *row = json_pack(
            "[o]", series_name(query_text(one, "variant", "?"), query_number(one, "reply_bytes")));
        append_fields(row, one, fields);
        json_array_append_new(unsorted, row);
    }
    one = json_array_get(points, 0);
    if (one != NULL) {
        words_condition(conditions, "rtt_ms", query_field(one, "rtt_ms"));
        (void)fprintf(conditions, ", requests of %.0f bytes, replies as named",
                      query_number(one, "size_bytes"));
    }
    json_decref(sorted);
    append_by_series(rows, unsorted);
}

void figure_fill_life(const struct figure *figure, const struct measured *measured, json_t *rows,
                      FILE *conditions) {
    static const char *const fields[] = {"messages",    "share_percent",    "measured_percent",
                                         "low_percent", "high_percent",     "setup_ms",
                                         "exchange_ms", "below_10_percent", NULL};
    const json_t *points = part_of(measured, "life");
    json_t *sorted = ascending(points, figure->axis), *unsorted = json_array(), *one;
    size_t i;
    json_array_foreach(sorted, i, one) {
        const bool wire = json_is_true(query_field(one, "wire"));
        json_t *where =
            wire ? words_string("%gms", query_number(one, "rtt_ms")) : json_string("loopback");
        json_t *row = json_pack(
            "[o]", series_name(json_string_value(where), query_number(one, "size_bytes")));
        append_fields(row, one, fields);
        json_array_append_new(row, wire ? json_incref(query_field(one, "rtt_ms")) : json_null());
        json_array_append(row, query_field(one, "size_bytes"));
        json_array_append(row, query_field(one, "runs"));
        json_array_append_new(unsorted, row);
        json_decref(where);
    }
    if (points != NULL)
        (void)fputs("by round-trip time, and by payload of request and reply in bytes", conditions);
    json_decref(sorted);
    append_by_series(rows, unsorted);
}
