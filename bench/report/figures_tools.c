/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/report/figures_fill.h"

/* "encode/64" is the operation encode at 64; null where the name ends in no number. */
static json_t *split_number(const char *name, char separator, json_t **number) {
    const char *last = strrchr(name, separator);
    char *end = NULL;
    const long long value = last == NULL ? 0 : strtoll(last + 1, &end, 10);
    const bool found = last != NULL && end > last + 1 && *end == '\0';
    *number = found ? json_integer(value) : json_null();
    return json_stringn(name, found ? (size_t)(last - name) : strlen(name));
}

static double nanoseconds_per(const char *time_unit) {
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(units[i].name, time_unit) == 0) return units[i].ns;
    }
    return 1;
}

/* Of an operation that waits for another process the CPU time is only our half. */
static bool waits(const char *name) {
    const char *const prefixes[] = {"exchange/", "wakeup/"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
    }
    return false;
}

static double time_ns(const json_t *row) {
    const char *field = waits(query_text(row, "run_name", "")) ? "real_time" : "cpu_time";
    return query_number(row, field) * nanoseconds_per(query_text(row, "time_unit", ""));
}

static double aggregate_ns(const json_t *rows, const char *name) {
    json_t *own = query_where_text(rows, "aggregate_name", name);
    const double ns = json_array_size(own) > 0 ? time_ns(json_array_get(own, 0)) : 0;
    json_decref(own);
    return ns;
}

/* The median of the repetitions, and one standard deviation to either side. */
static void add_benchmark(json_t *rows, const json_t *own, const char *name) {
    json_t *bytes, *row = json_array();
    const double median = aggregate_ns(own, "median"), deviation = aggregate_ns(own, "stddev");
    json_array_append_new(row, split_number(name, '/', &bytes));
    json_array_append_new(row, bytes);
    json_array_append_new(row, json_real(median));
    json_array_append_new(row, json_real(median > deviation ? median - deviation : 0));
    json_array_append_new(row, json_real(median + deviation));
    json_array_append(row, query_field(json_array_get(own, 0), "repetitions"));
    if (median > 0) json_array_append(rows, row);
    json_decref(row);
}

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The program runs them shuffled; this is the order in which it has them. */
static double place_of(const json_t *row) {
    return 1e6 * query_number(row, "family_index") + query_number(row, "per_family_instance_index");
}

static json_t *aggregates_in_order(const struct measured *measured) {
    json_t *all = query_where_text(measured->benchmarks, "run_type", "aggregate");
    json_t *ordered = json_array(), *row;
    size_t i;
    json_array_foreach(all, i, row) {
        size_t at = json_array_size(ordered);
        while (at > 0 && place_of(json_array_get(ordered, at - 1)) > place_of(row)) at--;
        json_array_insert(ordered, at, row);
    }
    json_decref(all);
    return ordered;
}

/* Those that begin with `prefix`, and not those that begin with `but`, where it is given. */
static void add_benchmarks(json_t *rows, const struct measured *measured, const char *prefix,
                           const char *but) {
    json_t *all = aggregates_in_order(measured);
    json_t *names = query_values(all, "run_name"), *name;
    size_t i;
    json_array_foreach(names, i, name) {
        const char *text = json_string_value(name);
        if (text == NULL || !starts_with(text, prefix)) continue;
        if (but != NULL && starts_with(text, but)) continue;
        json_t *own = query_where(all, "run_name", name);
        add_benchmark(rows, own, text + strlen(prefix));
        json_decref(own);
    }
    json_decref(names);
    json_decref(all);
}

json_t *figure_benchmarks(const struct measured *measured, const char *prefix) {
    json_t *rows = json_array();
    add_benchmarks(rows, measured, prefix, NULL);
    return rows;
}

void figure_fill_micro(const struct figure *figure, const struct measured *measured, json_t *rows,
                       FILE *conditions) {
    (void)figure, (void)conditions;
    add_benchmarks(rows, measured, "", "wakeup/");
}

/* Processes */

/* hyperfine runs in rounds, a file each: for the picture the times of equal commands are one. */
static json_t *times_of(const json_t *processes, const json_t *command) {
    json_t *own = query_where(processes, "command", command), *times = json_array(), *one;
    size_t i;
    json_array_foreach(own, i, one) {
        (void)json_array_extend(times, query_field(one, "times"));
    }
    json_decref(own);
    return times;
}

/* "VARIANT MESSAGES"; 0 messages where it is no such command. */
static double messages_of(const json_t *process, const char *variant) {
    json_t *messages, *name = split_number(query_text(process, "command", ""), ' ', &messages);
    const bool own = strcmp(json_string_value(name), variant) == 0 && json_is_integer(messages);
    const double count = own ? json_number_value(messages) : 0;
    json_decref(name);
    json_decref(messages);
    return count;
}

static const json_t *process_with(const json_t *processes, const char *variant, double messages) {
    size_t i;
    json_t *one;
    json_array_foreach(processes, i, one) {
        if (messages_of(one, variant) == messages) return one;
    }
    return NULL;
}

/*
 * The line through t(N) and t(2N) of one file, which were measured one after
 * the other: its slope is a message, where it begins is the start of a process.
 */
static void add_line(const json_t *in_file, const char *variant, json_t *slopes_us,
                     json_t *starts_ms) {
    size_t i;
    json_t *one;
    json_array_foreach(in_file, i, one) {
        const double messages = messages_of(one, variant);
        const json_t *twice = messages > 0 ? process_with(in_file, variant, 2 * messages) : NULL;
        if (twice == NULL) continue;
        const double t1 = query_number(one, "median"), t2 = query_number(twice, "median");
        json_array_append_new(slopes_us, json_real(1e6 * (t2 - t1) / messages));
        json_array_append_new(starts_ms, json_real(1e3 * (2 * t1 - t2)));
    }
}

/* Below six values there is no interval: then the lowest and the highest. */
static void append_with_range(json_t *row, const json_t *numbers) {
    struct summary summary = summary_of(numbers);
    size_t i;
    json_t *one;
    if (!summary.has_interval && summary.count > 1) {
        summary.low = summary.high = summary.median;
        summary.has_interval = true;
        json_array_foreach(numbers, i, one) {
            const double value = json_number_value(one);
            if (value < summary.low) summary.low = value;
            if (value > summary.high) summary.high = value;
        }
    }
    summary_append(row, &summary);
}

/* What enum process_column names behind PROCESS_RUNS. */
static void append_lines(json_t *row, const struct measured *measured, const char *variant) {
    json_t *slopes_us = json_array(), *starts_ms = json_array(), *file;
    json_t *files = query_values(measured->processes, "file");
    size_t i;
    json_array_foreach(files, i, file) {
        json_t *in_file = query_where(measured->processes, "file", file);
        add_line(in_file, variant, slopes_us, starts_ms);
        json_decref(in_file);
    }
    const struct summary slope = summary_of(slopes_us),
                         compare = figure_work(measured, variant, "time_per_message_us");
    append_with_range(row, slopes_us);
    append_with_range(row, starts_ms);
    json_array_append_new(row, json_integer((json_int_t)slope.count));
    summary_append(row, &compare);
    json_array_append_new(row, json_integer((json_int_t)compare.count));
    const bool both = slope.count > 0 && compare.count > 0 && compare.median > 0;
    json_array_append_new(row, both ? json_real(100 * (slope.median / compare.median - 1))
                                    : json_null());
    json_decref(files);
    json_decref(slopes_us);
    json_decref(starts_ms);
}

void figure_fill_processes(const struct figure *figure, const struct measured *measured,
                           json_t *rows, FILE *conditions) {
    (void)figure, (void)conditions;
    json_t *commands = query_values(measured->processes, "command"), *command;
    size_t i;
    json_array_foreach(commands, i, command) {
        const char *text = json_string_value(command);
        json_t *times = times_of(measured->processes, command), *messages, *row = json_array();
        json_t *name = split_number(text == NULL ? "" : text, ' ', &messages);
        const struct summary seconds = summary_of(times);
        json_array_append(row, name);
        json_array_append_new(row, messages);
        summary_append(row, &seconds);
        json_array_append_new(row, json_integer((json_int_t)seconds.count));
        append_lines(row, measured, json_string_value(name));
        if (seconds.count > 0) json_array_append(rows, row);
        json_decref(name);
        json_decref(row);
        json_decref(times);
    }
    json_decref(commands);
}
