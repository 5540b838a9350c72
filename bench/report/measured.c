/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/report/measured.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/query.h"
#include "bench/run/variant.h"

int report_fail(char error[REPORT_ERROR], int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, REPORT_ERROR, format, arguments);
    va_end(arguments);
    return code;
}

static int take_run(json_t *run, const char *file, size_t i, struct measured *measured,
                    char error[REPORT_ERROR]) {
    const char *const strings[] = {"variant", "role"};
    for (size_t k = 0; k < sizeof strings / sizeof *strings; k++) {
        if (json_is_string(query_field(run, strings[k]))) continue;
        return report_fail(error, -EINVAL, "%s: runs[%zu] has no text \"%s\".", file, i,
                           strings[k]);
    }
    if (!json_is_boolean(query_field(run, "valid"))) {
        return report_fail(error, -EINVAL, "%s: runs[%zu] has no true or false \"valid\".", file,
                           i);
    }
    measured->run_count++;
    json_object_set_new(run, "file", json_string(file));
    if (json_is_false(query_field(run, "valid"))) {
        json_array_append(measured->excluded, run);
    } else if (strcmp(query_text(run, "role", ""), "variant") == 0) {
        json_array_append(measured->runs, run);
    }
    return 0;
}

/* The one value that all runs of a file have here; null where there are several. */
static json_t *shared_value(const json_t *runs, const char *path) {
    json_t *values = query_values(runs, path);
    json_t *shared =
        json_array_size(values) == 1 ? json_incref(json_array_get(values, 0)) : json_null();
    json_decref(values);
    return shared;
}

/*
 * Where a comparison belongs: to the work on this machine, as the page tells
 * it; to one offered rate for all; or, over a wire and along what only its own
 * figure shows, to neither.
 */
static json_t *place_of(const json_t *root, const json_t *comparison, struct measured *measured) {
    static const char *const others[] = {"pipeline", "design", "rate", "loss", "idle", "life"};
    const char *axis = query_text(root, "axis", "");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i], axis) == 0) return NULL;
    if (json_is_number(query_field(comparison, "rtt_ms"))) return NULL;
    const bool open = query_number(comparison, "offered_per_s") > 0;
    return open ? measured->open_comparisons : measured->comparisons;
}

static void take_comparisons(json_t *root, const char *file, struct measured *measured) {
    static const char *const shared[] = {"placement", "engine"};
    const json_t *runs = query_field(root, "runs");
    size_t i;
    json_t *one;
    json_array_foreach(query_field(root, "comparisons"), i, one) {
        json_t *place = json_is_object(one) ? place_of(root, one, measured) : NULL;
        if (place == NULL) continue;
        json_object_set_new(one, "file", json_string(file));
        for (size_t k = 0; k < sizeof shared / sizeof *shared; k++) {
            if (json_is_null(query_field(one, shared[k])))
                json_object_set_new(one, shared[k], shared_value(runs, shared[k]));
        }
        json_array_append(place, one);
    }
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
        json_array_foreach(value, i, one) {
            flatten(name, one, into);
        }
        return;
    }
    if (*name == '\0') return;
    if (json_object_get(into, name) == NULL) json_object_set_new(into, name, json_array());
    query_add_distinct(json_object_get(into, name), value);
}

/* The objects of a list, with the name of the file; a list that is not there has none. */
static void take_all(const json_t *list, const char *file, json_t *into) {
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one) {
        if (!json_is_object(one)) continue;
        json_object_set_new(one, "file", json_string(file));
        json_array_append(into, one);
    }
}

/* What a sweep of "idle" or "life" found; the parts that a file does not have are null. */
static void take_keeping(const json_t *root, const char *file, struct measured *measured) {
    static const char *const parts[] = {"idle_points", "idle_race", "idle_beside", "life"};
    json_t *one = json_pack("{s:s}", "file", file);
    bool any = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_t *part = query_field(root, parts[i]);
        json_object_set(one, parts[i], part);
        any = any || !json_is_null(part);
    }
    if (any) json_array_append(measured->keeping, one);
    json_decref(one);
}

static void take_origin(json_t *root, const char *file, json_t *placement,
                        struct measured *measured) {
    json_t *environment = query_field(root, "environment");
    flatten("", environment, measured->environment);
    json_array_append_new(measured->origins,
                          json_pack("{s:s, s:O}", "file", file, "environment", environment));
    json_array_append_new(measured->commands,
                          json_pack("{s:s, s:O, s:O, s:O, s:O}", "file", file, "command",
                                    query_field(root, "command"), "axis", query_field(root, "axis"),
                                    "placement", placement, "seed", query_field(root, "seed")));
}

/* Files of `check` have no runs, those of `compare` no checks. */
static int take_echolab(json_t *root, const char *file, struct measured *measured,
                        char error[REPORT_ERROR]) {
    size_t i;
    json_t *one, *runs = query_field(root, "runs");
    if (!json_is_array(runs) && !json_is_null(runs))
        return report_fail(error, -EINVAL, "%s: \"runs\" is not a list.", file);
    if (json_is_null(runs) && !json_is_array(query_field(root, "checks")))
        return report_fail(error, -EINVAL, "%s has neither \"runs\" nor \"checks\".", file);
    json_t *placement = shared_value(runs, "placement");
    take_comparisons(root, file, measured);
    take_all(query_field(root, "fits"), file, measured->fits);
    take_all(query_field(root, "lost_packets"), file, measured->lost);
    take_all(query_field(root, "who_waits"), file, measured->who_waits);
    take_all(query_field(root, "anatomy"), file, measured->anatomy);
    take_keeping(root, file, measured);
    take_all(query_field(root, "knees"), file, measured->knees);
    take_all(query_field(root, "checks"), file, measured->checks);
    take_origin(root, file, placement, measured);
    json_decref(placement);
    json_array_foreach(runs, i, one) {
        const int result = take_run(one, file, i, measured, error);
        if (result != 0) return result;
    }
    return 0;
}

static int take_file(json_t *root, const char *file, struct measured *measured,
                     char error[REPORT_ERROR]) {
    if (strcmp(query_text(root, "schema", ""), "echolab/1") == 0)
        return take_echolab(root, file, measured, error);
    json_t *benchmarks = query_field(root, "benchmarks"), *results = query_field(root, "results");
    take_all(benchmarks, file, measured->benchmarks);
    take_all(results, file, measured->processes);
    if (json_is_array(benchmarks) || json_is_array(results)) return 0;
    return report_fail(error, -EINVAL,
                       "%s is no result file: it has neither \"schema\": \"echolab/1\" nor the "
                       "\"benchmarks\" of Google Benchmark nor the \"results\" of hyperfine.",
                       file);
}

/* A file as it was read, until all are there and their order is known. */
struct file {
    char *path;
    json_t *root; /* NULL until it is read */
    double blocks;
};

static double blocks_of(const json_t *root) {
    double blocks = 0;
    size_t i;
    json_t *run;
    json_array_foreach(query_field(root, "runs"), i, run) {
        const json_t *block = query_field(run, "block");
        if (json_is_number(block) && json_number_value(block) + 1 > blocks)
            blocks = json_number_value(block) + 1;
    }
    return blocks;
}

static int load_file(struct file *file, const char *folder, const char *name,
                     char error[REPORT_ERROR]) {
    if (asprintf(&file->path, "%s/%s", folder, name) < 0) {
        file->path = NULL;
        return report_fail(error, -ENOMEM, "There is not enough memory.");
    }
    json_error_t problem;
    file->root = json_load_file(file->path, JSON_REJECT_DUPLICATES, &problem);
    if (file->root != NULL) {
        file->blocks = blocks_of(file->root);
        return 0;
    }
    if (json_error_code(&problem) == json_error_cannot_open_file)
        return report_fail(error, -ENOENT, "%s cannot be read: %s.", file->path, strerror(errno));
    return report_fail(error, -EINVAL, "%s, line %d: %s.", file->path, problem.line, problem.text);
}

/* strcmp and not alphasort, whose order depends on the locale. */
static int by_blocks(const void *a, const void *b) {
    const struct file *x = a, *y = b;
    if (x->blocks != y->blocks) return (x->blocks < y->blocks) - (x->blocks > y->blocks);
    return strcmp(x->path, y->path);
}

static int is_json(const struct dirent *entry) {
    const char *end = strrchr(entry->d_name, '.');
    return end != NULL && end != entry->d_name && strcmp(end, ".json") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_files(const char *folder, struct dirent **entries, size_t count,
                      struct measured *measured, char error[REPORT_ERROR]) {
    struct file *files = calloc(count, sizeof *files);
    if (files == NULL) return report_fail(error, -ENOMEM, "There is not enough memory.");
    int result = 0;
    size_t loaded = 0;
    while (result == 0 && loaded < count) {
        result = load_file(&files[loaded], folder, entries[loaded]->d_name, error);
        loaded++;
    }
    if (result == 0) qsort(files, count, sizeof *files, by_blocks);
    for (size_t i = 0; i < loaded; i++) {
        if (result == 0) result = take_file(files[i].root, files[i].path, measured, error);
        json_decref(files[i].root);
        free(files[i].path);
    }
    free(files);
    return result;
}

static int read_folder(const char *folder, struct measured *measured, char error[REPORT_ERROR]) {
    struct dirent **entries;
    const int count = scandir(folder, &entries, is_json, by_name);
    if (count < 0) {
        const int code = errno;
        return report_fail(error, -code,
                           "%s cannot be read: %s. `make bench` measures and fills it.", folder,
                           strerror(code));
    }
    int result = count > 0
                     ? read_files(folder, entries, (size_t)count, measured, error)
                     : report_fail(error, -ENOENT,
                                   "%s has no *.json: `make bench` measures and fills it.", folder);
    for (int i = 0; i < count; i++) free(entries[i]);
    free(entries);
    return result;
}

/*
 * Comparisons first: theirs is the order that was asked for. Then the order of
 * the variants' table: runs are shuffled, and the colours of two reports
 * should not differ by that.
 */
static void order_variants(struct measured *measured) {
    json_t *run_names = query_values(measured->runs, "variant"), *one;
    const char *const ends[] = {"baseline", "variant"};
    size_t i;
    json_array_foreach(measured->comparisons, i, one) {
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
            json_t *name = query_field(one, ends[k]);
            if (query_contains(run_names, name)) query_add_distinct(measured->variants, name);
        }
    }
    for (unsigned k = 0; k < variant_count; k++) {
        json_t *name = json_string(variants[k].name);
        if (query_contains(run_names, name)) query_add_distinct(measured->variants, name);
        json_decref(name);
    }
    json_array_foreach(run_names, i, one) {
        query_add_distinct(measured->variants, one);
    }
    json_decref(run_names);
}

int measured_read(const char *folder, struct measured *measured, char error[REPORT_ERROR]) {
    *measured = (struct measured){
        .runs = json_array(),
        .excluded = json_array(),
        .comparisons = json_array(),
        .open_comparisons = json_array(),
        .fits = json_array(),
        .lost = json_array(),
        .who_waits = json_array(),
        .anatomy = json_array(),
        .keeping = json_array(),
        .knees = json_array(),
        .checks = json_array(),
        .environment = json_object(),
        .origins = json_array(),
        .commands = json_array(),
        .variants = json_array(),
        .benchmarks = json_array(),
        .processes = json_array(),
        .tables = json_object(),
        .conditions = json_object(),
    };
    const int result = read_folder(folder, measured, error);
    if (result == 0) order_variants(measured);
    return result;
}

void measured_free(struct measured *measured) {
    json_t **const all[] = {&measured->runs,        &measured->excluded,
                            &measured->comparisons, &measured->open_comparisons,
                            &measured->fits,        &measured->lost,
                            &measured->who_waits,   &measured->anatomy,
                            &measured->knees,       &measured->checks,
                            &measured->environment, &measured->origins,
                            &measured->commands,    &measured->variants,
                            &measured->benchmarks,  &measured->processes,
                            &measured->keeping,     &measured->tables,
                            &measured->conditions};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        json_decref(*all[i]);
        *all[i] = NULL;
    }
}
