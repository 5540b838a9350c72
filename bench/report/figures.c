/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/figures.h"

#include <dirent.h>
#include <errno.h>
#include <gsl/gsl_cdf.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/report/output.h"

__attribute__((format(printf, 3, 4))) static int fail(char error[FIGURES_ERROR], int code,
                                                      const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, FIGURES_ERROR, format, arguments);
    va_end(arguments);
    return code;
}

/* JSON */

json_t *figure_field(const json_t *object, const char *path) {
    const size_t length = strcspn(path, ".");
    json_t *value = json_object_getn(object, path, length);
    if (value == NULL) return json_null();
    return path[length] == '.' ? figure_field(value, path + length + 1) : value;
}

static const char *text_at(const json_t *object, const char *path) {
    const char *text = json_string_value(figure_field(object, path));
    return text == NULL ? "" : text;
}

static bool contains(const json_t *array, const json_t *value) {
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) if (json_equal(one, value)) return true;
    return false;
}

static void add_distinct(json_t *array, json_t *value) {
    if (!contains(array, value)) json_array_append(array, value);
}

/* The objects of `array` in which `path` has this value. */
static json_t *select_where(const json_t *array, const char *path, const json_t *value) {
    json_t *selected = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) {
        if (json_equal(figure_field(one, path), value)) json_array_append(selected, one);
    }
    return selected;
}

/* Before the numbers that are larger; anything else at the end. */
static void insert_in_order(json_t *values, json_t *value) {
    size_t at = json_array_size(values);
    while (json_is_number(value) && at > 0 &&
           json_number_value(json_array_get(values, at - 1)) > json_number_value(value)) {
        at--;
    }
    json_array_insert(values, at, value);
}

/* The values that `path` takes: numbers ascend, names keep the order of their appearance. */
static json_t *values_of(const json_t *array, const char *path) {
    json_t *values = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(array, i, one) {
        json_t *value = figure_field(one, path);
        if (!contains(values, value)) insert_in_order(values, value);
    }
    return values;
}

/* Medians */

struct summary {
    double median, low, high;
    size_t count;
    bool has_interval;
};

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * The interval lies between the k-th smallest and the k-th largest value, with
 * the largest k for which at least 95 % is kept whatever the distribution.
 * Fewer than six values have none.
 */
static struct summary summarise(double *values, size_t count) {
    struct summary summary = {.count = count};
    if (count == 0) return summary;
    qsort(values, count, sizeof *values, by_value);
    summary.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    unsigned k = 0;
    while (gsl_cdf_binomial_P(k, 0.5, (unsigned)count) <= 0.025) k++;
    if (k == 0) return summary;
    summary.has_interval = true;
    summary.low = values[k - 1];
    summary.high = values[count - k];
    return summary;
}

/* Of the numbers in an array; what is not a number is left out. */
static struct summary summarise_array(const json_t *numbers) {
    double *values = calloc(json_array_size(numbers) + 1, sizeof *values);
    if (values == NULL) return (struct summary){.count = 0};
    size_t count = 0, i;
    json_t *one;
    json_array_foreach(numbers, i, one) {
        if (json_is_number(one)) values[count++] = json_number_value(one);
    }
    const struct summary summary = summarise(values, count);
    free(values);
    return summary;
}

static struct summary summarise_metric(const json_t *runs, const struct figure_metric *metric) {
    json_t *numbers = json_array();
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run) {
        const json_t *value = figure_field(run, metric->path);
        const json_t *factor = metric->times == NULL ? NULL : figure_field(run, metric->times);
        if (!json_is_number(value) || (factor != NULL && !json_is_number(factor))) continue;
        json_array_append_new(numbers, json_real(json_number_value(value) *
                                                 (factor == NULL ? 1 : json_number_value(factor)) *
                                                 (metric->scale > 0 ? metric->scale : 1)));
    }
    const struct summary summary = summarise_array(numbers);
    json_decref(numbers);
    return summary;
}

static void add_summary(json_t *row, const struct summary *summary) {
    json_array_append_new(row, summary->count > 0 ? json_real(summary->median) : json_null());
    json_array_append_new(row, summary->has_interval ? json_real(summary->low) : json_null());
    json_array_append_new(row, summary->has_interval ? json_real(summary->high) : json_null());
}

/* Which runs belong in one figure */

static const struct condition {
    const char *field, *before, *one, *many;
    bool zero_goes_without_saying;
} conditions_in_words[] = {
    {"size_bytes", "", " byte", " bytes", false},
    {"bytes", "", " byte", " bytes", false},
    {"connections", "", " connection", " connections", false},
    {"messages", "", " message", " messages", false},
    {"placement", "", "", "", false},
    {"engine", "", " engine", " engine", false},
    {"rtt_ms", "a round-trip time of ", " ms", " ms", true},
    {"loss_percent", "", " % loss", " % loss", true},
    {"offered_per_s", "", " offered/s", " offered/s", true},
};

void figure_count(FILE *out, double value) {
    if (value != floor(value) || value < 1000) {
        (void)fprintf(out, "%.10g", value);
        return;
    }
    figure_count(out, floor(value / 1000));
    (void)fprintf(out, ",%03.0f", fmod(value, 1000));
}

void figure_condition(FILE *out, const char *field, const json_t *value) {
    const struct condition *words = conditions_in_words;
    const struct condition *end = words + sizeof conditions_in_words / sizeof *words;
    while (words < end && strcmp(words->field, field) != 0) words++;
    const double number = json_number_value(value);
    if (words == end || json_is_null(value)) return;
    if (json_is_number(value) && number == 0 && words->zero_goes_without_saying) return;
    (void)fputs(words->before, out);
    if (json_is_string(value))
        (void)fputs(json_string_value(value), out);
    else
        figure_count(out, number);
    (void)fputs(json_is_number(value) && number == 1 ? words->one : words->many, out);
}

/*
 * The runs that share one value of `field`: the value under which most points
 * of the axis were run; of two that are equal in this, the one with more runs.
 */
static json_t *keep_usual(json_t *runs, const char *field, const char *axis) {
    json_t *values = values_of(runs, field), *best = json_array(), *value;
    size_t i, best_points = 0;
    json_array_foreach(values, i, value) {
        json_t *some = select_where(runs, field, value);
        json_t *points = axis == NULL ? NULL : values_of(some, axis);
        const size_t n = json_array_size(points);
        if (n > best_points ||
            (n == best_points && json_array_size(some) > json_array_size(best))) {
            best_points = n;
            json_decref(best);
            best = json_incref(some);
        }
        json_decref(points);
        json_decref(some);
    }
    json_decref(values);
    return best;
}

static json_t *comparable_runs(const struct figure *figure, const struct measured *measured,
                               FILE *conditions) {
    json_t *runs = json_incref(measured->runs);
    for (size_t i = 0; i < FIGURE_FIXED && figure->fixed[i] != NULL; i++) {
        json_t *fewer = keep_usual(runs, figure->fixed[i], figure->axis);
        json_decref(runs);
        runs = fewer;
        if (json_array_size(runs) == 0) continue;
        char *words = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&words, &length);
        if (out == NULL) continue;
        figure_condition(out, figure->fixed[i],
                         figure_field(json_array_get(runs, 0), figure->fixed[i]));
        (void)fclose(out);
        if (length > 0) (void)fprintf(conditions, "%s%s", ftell(conditions) > 0 ? ", " : "", words);
        free(words);
    }
    return runs;
}

/* How many messages are outstanding belongs to the variant: each has its own usual depth. */
static json_t *runs_of(json_t *runs, const json_t *variant, const char *axis) {
    json_t *all = select_where(runs, "variant", variant);
    if (axis != NULL && strcmp(axis, "pipeline") == 0) return all;
    json_t *usual = keep_usual(all, "pipeline", axis);
    json_decref(all);
    return usual;
}

/* The figures */

static void add_median_row(const struct figure *figure, json_t *rows, const json_t *runs,
                           json_t *variant, json_t *point) {
    if (json_array_size(runs) == 0) return;
    json_t *row = json_array();
    json_array_append(row, variant);
    if (point != NULL) json_array_append(row, point);
    size_t count = 0;
    for (size_t i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        const struct summary summary = summarise_metric(runs, &figure->metrics[i]);
        if (summary.count > count) count = summary.count;
        add_summary(row, &summary);
    }
    json_array_append_new(row, json_integer((json_int_t)count));
    if (count > 0) json_array_append(rows, row);
    json_decref(row);
}

/* The values of the axis that were run; none if they are too few to be a figure. */
static json_t *points_of(const struct figure *figure, const json_t *runs) {
    json_t *points = values_of(runs, figure->axis);
    if (json_array_size(points) < figure->points) json_array_clear(points);
    for (size_t i = json_array_size(points); i-- > 0;) {
        if (json_is_null(json_array_get(points, i))) json_array_remove(points, i);
    }
    return points;
}

/* A median for every variant and point of the axis. */
static void fill_medians(const struct figure *figure, const struct measured *measured, json_t *rows,
                         FILE *conditions) {
    json_t *runs = comparable_runs(figure, measured, conditions), *variant, *point;
    json_t *points = figure->axis == NULL ? NULL : points_of(figure, runs);
    size_t i, k;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = runs_of(runs, variant, figure->axis);
        if (figure->axis == NULL) add_median_row(figure, rows, own, variant, NULL);
        json_array_foreach(points, k, point) {
            json_t *all = select_where(own, figure->axis, point);
            /* Where the engine may vary along the axis, it still does not within a point. */
            json_t *here = keep_usual(all, "engine", NULL);
            add_median_row(figure, rows, here, variant, point);
            json_decref(here);
            json_decref(all);
        }
        json_decref(own);
    }
    json_decref(points);
    json_decref(runs);
}

struct bucket {
    double upper_ns, count;
};

static int by_bound(const void *a, const void *b) {
    const struct bucket *x = a, *y = b;
    return (x->upper_ns > y->upper_ns) - (x->upper_ns < y->upper_ns);
}

/* All buckets of all runs in ascending order (to be freed), and all messages, answered or not. */
static struct bucket *pool_histograms(const json_t *runs, size_t *buckets, double *messages) {
    size_t i, k, most = 0;
    json_t *run, *pair;
    json_array_foreach(runs, i, run) most += json_array_size(figure_field(run, "histogram_ns"));
    struct bucket *pool = calloc(most + 1, sizeof *pool);
    *buckets = 0;
    *messages = 0;
    if (pool == NULL) return NULL;
    json_array_foreach(runs, i, run) {
        json_array_foreach(figure_field(run, "histogram_ns"), k, pair) {
            const struct bucket one = {json_number_value(json_array_get(pair, 0)),
                                       json_number_value(json_array_get(pair, 1))};
            pool[(*buckets)++] = one;
            *messages += one.count;
        }
        /* One without a reply took longer than any that had one. */
        *messages += json_number_value(figure_field(run, "messages.lost"));
    }
    qsort(pool, *buckets, sizeof *pool, by_bound);
    return pool;
}

enum { BEYOND = 20 }; /* a share is shown while so many messages still took longer */

static void add_tail_rows(json_t *rows, json_t *variant, const json_t *runs) {
    size_t buckets;
    double messages, shown_us = 0;
    struct bucket *pool = pool_histograms(runs, &buckets, &messages);
    double longer = messages, shown = 1;
    for (size_t i = 0; pool != NULL && i < buckets; i++) {
        longer -= pool[i].count;
        if (i + 1 < buckets && pool[i + 1].upper_ns <= pool[i].upper_ns) continue;
        if (longer < BEYOND) break;
        /* Steps finer than a pixel only make the file large. */
        const double us = pool[i].upper_ns / 1000, share = longer / messages;
        if (us < shown_us * 1.005 && share > shown * 0.98) continue;
        json_t *row = json_array();
        json_array_append(row, variant);
        json_array_append_new(row, json_real(us));
        json_array_append_new(row, json_real(100 * share));
        json_array_append_new(row, json_integer((json_int_t)messages));
        json_array_append_new(rows, row);
        shown_us = us;
        shown = share;
    }
    free(pool);
}

/* What share of all messages took longer than so many us, the runs of a variant pooled. */
static void fill_tail(const struct figure *figure, const struct measured *measured, json_t *rows,
                      FILE *conditions) {
    json_t *runs = comparable_runs(figure, measured, conditions), *variant;
    size_t i;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = runs_of(runs, variant, figure->axis);
        add_tail_rows(rows, variant, own);
        json_decref(own);
    }
    json_decref(runs);
}

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

static double cpu_ns(const json_t *row) {
    return json_number_value(figure_field(row, "cpu_time")) *
           nanoseconds_per(text_at(row, "time_unit"));
}

static double aggregate_ns(const json_t *rows, const char *name) {
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) if (strcmp(text_at(row, "aggregate_name"), name) ==
                                         0) return cpu_ns(row);
    return 0;
}

/* The median of the repetitions, and one standard deviation to either side. */
static void fill_micro(const struct figure *figure, const struct measured *measured, json_t *rows,
                       FILE *conditions) {
    (void)figure, (void)conditions;
    json_t *aggregate = json_string("aggregate");
    json_t *all = select_where(measured->benchmarks, "run_type", aggregate);
    json_t *names = values_of(all, "run_name"), *name;
    size_t i;
    json_array_foreach(names, i, name) {
        json_t *own = select_where(all, "run_name", name), *bytes, *row = json_array();
        const double median = aggregate_ns(own, "median"), deviation = aggregate_ns(own, "stddev");
        json_array_append_new(row, split_number(json_string_value(name), '/', &bytes));
        json_array_append_new(row, bytes);
        json_array_append_new(row, json_real(median));
        json_array_append_new(row, json_real(median > deviation ? median - deviation : 0));
        json_array_append_new(row, json_real(median + deviation));
        json_array_append(row, figure_field(json_array_get(own, 0), "repetitions"));
        if (median > 0) json_array_append(rows, row);
        json_decref(row);
        json_decref(own);
    }
    json_decref(names);
    json_decref(all);
    json_decref(aggregate);
}

/* hyperfine runs in rounds, a file each: the times of equal commands belong together. */
static json_t *times_of(const json_t *processes, const json_t *command) {
    json_t *own = select_where(processes, "command", command), *times = json_array(), *one;
    size_t i;
    json_array_foreach(own, i, one)(void) json_array_extend(times, figure_field(one, "times"));
    json_decref(own);
    return times;
}

static void fill_processes(const struct figure *figure, const struct measured *measured,
                           json_t *rows, FILE *conditions) {
    (void)figure, (void)conditions;
    json_t *commands = values_of(measured->processes, "command"), *command;
    size_t i;
    json_array_foreach(commands, i, command) {
        const char *name = json_string_value(command);
        json_t *times = times_of(measured->processes, command), *messages, *row = json_array();
        const struct summary seconds = summarise_array(times);
        json_array_append_new(row, split_number(name == NULL ? "" : name, ' ', &messages));
        json_array_append_new(row, messages);
        add_summary(row, &seconds);
        json_array_append_new(row, json_integer((json_int_t)seconds.count));
        if (seconds.count > 0) json_array_append(rows, row);
        json_decref(row);
        json_decref(times);
    }
    json_decref(commands);
}

const struct figure figures[] = {
    {.name = "throughput",
     .title = "Throughput over the number of connections",
     .caption = "The most is {highest}, the least {lowest}.",
     .unit = "messages/s",
     .command = "echolab sweep connections --json %s/results/connections.json",
     .axis = "connections",
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "placement", "size_bytes", "engine"},
     .metrics = {{.column = "throughput_per_s", .path = "throughput_per_s"}},
     .fill = fill_medians},
    {.name = "latency",
     .title = "How many messages take how long",
     .caption = "Half of the messages, and 1 in 100, took longer than: {tails}.",
     .command = "echolab compare --json %s/results/core.json",
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "placement", "connections", "size_bytes",
               "engine"},
     .header = "variant\tlatency_us\tlonger_percent\tmessages",
     .fill = fill_tail},
    {.name = "size",
     .title = "Latency and throughput over the size of the payload",
     .caption = "The median latency goes from {lowest} to {highest}.",
     .unit = "us",
     .command = "echolab sweep size --json %s/results/size.json",
     .axis = "size_bytes",
     .points = 2,
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "placement", "connections", "engine"},
     .metrics = {{.column = "latency_p50_us", .path = "latency_us.p50"},
                 {.column = "throughput_per_s", .path = "throughput_per_s"},
                 {.column = "payload_MB_per_s",
                  .path = "throughput_per_s",
                  .times = "size_bytes",
                  .scale = 1e-6}},
     .fill = fill_medians},
    {.name = "phases",
     .title = "Where the time of a message goes",
     .caption = "In the mean, {largest_overhead}.",
     .unit = "us",
     .command = "echolab compare --json %s/results/core.json",
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "placement", "connections", "size_bytes",
               "engine"},
     /* Means, because only means add up. */
     .metrics = {{.column = "connect_us", .path = "phases_us.connect.mean"},
                 {.column = "exchange_us", .path = "phases_us.exchange.mean"},
                 {.column = "close_us", .path = "phases_us.close.mean"}},
     .fill = fill_medians},
    {.name = "placement",
     .title = "Where client and server run",
     .caption = "The shortest median latency is {lowest}, the longest {highest}.",
     .unit = "us",
     .command = "echolab compare --placement spin --json %s/results/placement.json",
     .axis = "placement",
     .points = 2,
     .fixed = {"rtt_ms", "loss_percent", "offered_per_s", "connections", "size_bytes"},
     .metrics = {{.column = "latency_p50_us", .path = "latency_us.p50"}},
     .fill = fill_medians},
    {.name = "codec",
     .title = "What the message format itself costs",
     .caption = "An operation takes from {lowest} to {highest}.",
     .unit = "ns",
     .command = "make bench",
     .who = "operation",
     .axis = "bytes",
     .metrics = {{.column = "time_ns"}},
     .interval = "one standard deviation",
     .samples = "repetitions",
     .fill = fill_micro},
    {.name = "process",
     .title = "A whole client process, timed from outside",
     .caption = "A process takes from {lowest} to {highest}.",
     .unit = "s",
     .command = "make bench",
     .axis = "messages",
     .metrics = {{.column = "time_s"}},
     .fill = fill_processes},
    {.name = NULL},
};

/* Writing */

int figure_save(const char *folder, const char *name, const char *text, size_t size,
                char error[FIGURES_ERROR]) {
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        const int code = errno;
        return fail(error, -code, "%s cannot be made: %s.", folder, strerror(code));
    }
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        return fail(error, -ENOMEM, "There is not enough memory.");
    }
    const int result = output_write(path, text, size);
    if (result != 0)
        (void)fail(error, result, "%s cannot be written: %s.", path, strerror(-result));
    free(path);
    return result;
}

/* "-" is what the plots know as missing; a tab or a new line would end the cell. */
static void write_cell(FILE *out, const json_t *cell) {
    if (json_is_integer(cell))
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(cell));
    else if (json_is_real(cell))
        (void)fprintf(out, "%.7g", json_real_value(cell));
    else if (!json_is_string(cell))
        (void)fputc('-', out);
    else
        for (const char *c = json_string_value(cell); *c != '\0'; c++)
            (void)fputc(*c < ' ' && *c > 0 ? ' ' : *c, out);
}

static int write_table(const char *data_dir, const char *name, const char *header,
                       const json_t *rows, char error[FIGURES_ERROR]) {
    char file_name[256], *text = NULL;
    size_t length = 0, i, k;
    json_t *row, *cell;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return fail(error, -ENOMEM, "There is not enough memory.");
    (void)fprintf(out, "%s\n", header);
    json_array_foreach(rows, i, row) {
        json_array_foreach(row, k, cell) {
            if (k > 0) (void)fputc('\t', out);
            write_cell(out, cell);
        }
        (void)fputc('\n', out);
    }
    (void)fclose(out);
    (void)snprintf(file_name, sizeof file_name, "%s.tsv", name);
    const int result = figure_save(data_dir, file_name, text, length, error);
    free(text);
    return result;
}

/* To be freed. With one metric its interval is ci_low and ci_high, with more it carries their
 * names. */
static char *header_of(const struct figure *figure) {
    if (figure->header != NULL) return strdup(figure->header);
    char *header = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&header, &length);
    if (out == NULL) return NULL;
    (void)fputs(figure->who == NULL ? "variant" : figure->who, out);
    if (figure->axis != NULL) (void)fprintf(out, "\t%s", figure->axis);
    const bool one = figure->metrics[1].column == NULL;
    const char *kind = figure->interval == NULL ? "ci_" : "";
    for (size_t i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        const char *column = figure->metrics[i].column, *owner = one ? "" : column,
                   *dash = one ? "" : "_";
        (void)fprintf(out, "\t%s\t%s%s%slow\t%s%s%shigh", column, owner, dash, kind, owner, dash,
                      kind);
    }
    (void)fprintf(out, "\t%s", figure->samples == NULL ? "runs" : figure->samples);
    (void)fclose(out);
    return header;
}

static int write_figure(const struct figure *figure, const struct measured *measured,
                        const char *data_dir, char error[FIGURES_ERROR]) {
    const json_t *rows = json_object_get(measured->tables, figure->name);
    if (rows == NULL) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s.tsv", data_dir, figure->name);
        if (unlink(path) == 0 || errno == ENOENT) return 0;
        const int code = errno;
        return fail(error, -code, "%s is of an older measurement and cannot be removed: %s.", path,
                    strerror(code));
    }
    char *header = header_of(figure);
    if (header == NULL) return fail(error, -ENOMEM, "There is not enough memory.");
    const int result = write_table(data_dir, figure->name, header, rows, error);
    free(header);
    return result;
}

static int write_index(const struct measured *measured, const char *data_dir,
                       char error[FIGURES_ERROR]) {
    json_t *variants = json_array(), *drawn = json_array(), *name;
    size_t i;
    json_array_foreach(measured->variants, i, name) {
        json_array_append_new(variants, json_pack("[O, I]", name, (json_int_t)i + 1));
    }
    for (const struct figure *figure = figures; figure->name != NULL; figure++) {
        json_t *conditions = json_object_get(measured->conditions, figure->name);
        if (conditions == NULL) continue;
        json_array_append_new(drawn,
                              json_pack("[s, s, O]", figure->name, figure->title, conditions));
    }
    int result = write_table(data_dir, "variants", "variant\tindex", variants, error);
    if (result == 0)
        result = write_table(data_dir, "figures", "figure\ttitle\tconditions", drawn, error);
    json_decref(variants);
    json_decref(drawn);
    return result;
}

static int fill_figure(const struct figure *figure, struct measured *measured) {
    char *conditions = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&conditions, &length);
    if (out == NULL) return -ENOMEM;
    json_t *rows = json_array();
    figure->fill(figure, measured, rows, out);
    (void)fclose(out);
    if (json_array_size(rows) > 0) {
        json_object_set(measured->tables, figure->name, rows);
        json_object_set_new(measured->conditions, figure->name, json_string(conditions));
    }
    json_decref(rows);
    free(conditions);
    return 0;
}

/* Reading */

static int take_run(json_t *run, const char *file, size_t i, struct measured *measured,
                    char error[FIGURES_ERROR]) {
    const char *const strings[] = {"variant", "role"};
    for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) {
        if (json_is_string(figure_field(run, strings[k]))) continue;
        return fail(error, -EINVAL, "%s: runs[%zu] has no text \"%s\".", file, i, strings[k]);
    }
    if (!json_is_boolean(figure_field(run, "valid"))) {
        return fail(error, -EINVAL, "%s: runs[%zu] has no true or false \"valid\".", file, i);
    }
    if (json_is_false(figure_field(run, "valid"))) {
        json_object_set_new(run, "file", json_string(file));
        json_array_append(measured->excluded, run);
    } else if (strcmp(text_at(run, "role"), "variant") == 0) {
        json_array_append(measured->runs, run);
    }
    return 0;
}

/* The one placement of all runs of a file; null where there are several. */
static json_t *shared_placement(const json_t *runs) {
    json_t *placements = values_of(runs, "placement");
    json_t *shared =
        json_array_size(placements) == 1 ? json_incref(json_array_get(placements, 0)) : json_null();
    json_decref(placements);
    return shared;
}

static void take_comparison(json_t *comparison, const char *file, json_t *placement,
                            struct measured *measured) {
    if (!json_is_object(comparison)) return;
    json_object_set_new(comparison, "file", json_string(file));
    if (json_is_null(figure_field(comparison, "placement")))
        json_object_set(comparison, "placement", placement);
    json_array_append(measured->comparisons, comparison);
}

/* Nested objects get names with dots; a name that several files give differently keeps all values.
 */
static void flatten(const char *name, json_t *value, json_t *into) {
    const char *key;
    size_t i;
    json_t *one;
    char *longer = NULL;
    if (json_is_object(value)) {
        json_object_foreach(value, key, one) {
            if (asprintf(&longer, "%s%s%s", name, *name == '\0' ? "" : ".", key) < 0) return;
            flatten(longer, one, into);
            free(longer);
        }
        return;
    }
    if (json_is_array(value)) {
        json_array_foreach(value, i, one) flatten(name, one, into);
        return;
    }
    if (*name == '\0') return;
    if (json_object_get(into, name) == NULL) json_object_set_new(into, name, json_array());
    add_distinct(json_object_get(into, name), value);
}

static int take_echolab(json_t *root, const char *file, struct measured *measured,
                        char error[FIGURES_ERROR]) {
    size_t i;
    json_t *one, *runs = figure_field(root, "runs");
    if (!json_is_array(runs)) return fail(error, -EINVAL, "%s: \"runs\" is not a list.", file);
    json_t *placement = shared_placement(runs);
    json_array_foreach(figure_field(root, "comparisons"), i, one)
        take_comparison(one, file, placement, measured);
    json_decref(placement);
    json_array_foreach(runs, i, one) {
        const int result = take_run(one, file, i, measured, error);
        if (result != 0) return result;
    }
    flatten("", figure_field(root, "environment"), measured->environment);
    json_array_append_new(
        measured->commands,
        json_pack("[s, O, O]", file, figure_field(root, "command"), figure_field(root, "seed")));
    return 0;
}

static int take_file(json_t *root, const char *file, struct measured *measured,
                     char error[FIGURES_ERROR]) {
    if (strcmp(text_at(root, "schema"), "echolab/1") == 0)
        return take_echolab(root, file, measured, error);
    json_t *benchmarks = figure_field(root, "benchmarks"), *results = figure_field(root, "results");
    if (json_is_array(benchmarks)) return json_array_extend(measured->benchmarks, benchmarks);
    if (json_is_array(results)) return json_array_extend(measured->processes, results);
    return fail(
        error, -EINVAL,
        "%s is no result file: it has neither \"schema\": \"echolab/1\" nor the \"benchmarks\" of "
        "Google Benchmark nor the \"results\" of hyperfine.",
        file);
}

static int read_file(const char *folder, const char *name, struct measured *measured,
                     char error[FIGURES_ERROR]) {
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        return fail(error, -ENOMEM, "There is not enough memory.");
    json_error_t problem;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &problem);
    int result;
    if (root == NULL && json_error_code(&problem) == json_error_cannot_open_file) {
        result = fail(error, -ENOENT, "%s cannot be read: %s.", path, strerror(errno));
    } else if (root == NULL) {
        result = fail(error, -EINVAL, "%s, line %d: %s.", path, problem.line, problem.text);
    } else {
        result = take_file(root, path, measured, error);
    }
    json_decref(root);
    free(path);
    return result;
}

static int is_json(const struct dirent *entry) {
    const char *end = strrchr(entry->d_name, '.');
    return end != NULL && end != entry->d_name && strcmp(end, ".json") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort's order depends on the locale */
}

static int read_folder(const char *folder, struct measured *measured, char error[FIGURES_ERROR]) {
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_json, by_name);
    if (count < 0) {
        const int code = errno;
        return fail(error, -code, "%s cannot be read: %s. `make bench` measures and fills it.",
                    folder, strerror(code));
    }
    int result = count > 0 ? 0
                           : fail(error, -ENOENT,
                                  "%s has no *.json: `make bench` measures and fills it.", folder);
    for (int i = 0; i < count; i++) {
        if (result == 0) result = read_file(folder, entries[i]->d_name, measured, error);
        free(entries[i]);
    }
    free(entries);
    return result;
}

/*
 * Comparisons first: theirs is the order that was asked for. Runs are shuffled,
 * and the colours of two reports should not differ by that.
 */
static void order_variants(struct measured *measured) {
    json_t *run_names = values_of(measured->runs, "variant"), *one;
    const char *const ends[] = {"baseline", "variant"};
    size_t i;
    json_array_foreach(measured->comparisons, i, one) {
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
            json_t *name = figure_field(one, ends[k]);
            if (contains(run_names, name)) add_distinct(measured->variants, name);
        }
    }
    json_array_foreach(run_names, i, one) add_distinct(measured->variants, one);
    json_decref(run_names);
}

static int measure_figures(const char *results_dir, const char *data_dir, struct measured *measured,
                           char error[FIGURES_ERROR]) {
    int result = read_folder(results_dir, measured, error);
    order_variants(measured);
    for (const struct figure *figure = figures; result == 0 && figure->name != NULL; figure++) {
        result = fill_figure(figure, measured);
        if (result != 0) fail(error, result, "There is not enough memory.");
    }
    if (data_dir == NULL) return result;
    if (result == 0) result = write_index(measured, data_dir, error);
    for (const struct figure *figure = figures; result == 0 && figure->name != NULL; figure++) {
        result = write_figure(figure, measured, data_dir, error);
    }
    return result;
}

int figures_write(const char *results_dir, const char *data_dir, struct measured *measured,
                  char error[FIGURES_ERROR]) {
    *measured = (struct measured){
        .runs = json_array(),
        .excluded = json_array(),
        .comparisons = json_array(),
        .environment = json_object(),
        .commands = json_array(),
        .variants = json_array(),
        .benchmarks = json_array(),
        .processes = json_array(),
        .tables = json_object(),
        .conditions = json_object(),
    };
    const locale_t numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    const locale_t before = uselocale(numbers);
    const int result = measure_figures(results_dir, data_dir, measured, error);
    uselocale(before);
    freelocale(numbers);
    if (result != 0) figures_free(measured);
    return result;
}

void figures_free(struct measured *measured) {
    json_t **const all[] = {&measured->runs,        &measured->excluded,  &measured->comparisons,
                            &measured->environment, &measured->commands,  &measured->variants,
                            &measured->benchmarks,  &measured->processes, &measured->tables,
                            &measured->conditions};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        json_decref(*all[i]);
        *all[i] = NULL;
    }
}
