/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/results.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/session/json.h"

/* ---- other tools ---- */

static double ns_per(const char *unit) {
    return strcmp(unit, "us") == 0 ? 1e3 : strcmp(unit, "ms") == 0 ? 1e6 : 1;
}

/* Of an operation that waits for another process the CPU time is only our half. */
static const char *clock_of(const char *name) {
    const bool waits = strncmp(name, "exchange/", 9) == 0 || strncmp(name, "wakeup/", 7) == 0;
    return waits ? "real_time" : "cpu_time";
}

static struct benchmark *find_benchmark(struct results *results, const char *name) {
    for (size_t i = 0; i < results->benchmark_count; i++)
        if (strcmp(results->benchmarks[i].name, name) == 0) return &results->benchmarks[i];
    struct benchmark *more =
        reallocarray(results->benchmarks, results->benchmark_count + 1, sizeof *more);
    if (more == NULL) return NULL;
    results->benchmarks = more;
    more[results->benchmark_count] = (struct benchmark){.name = strdup(name)};
    return &more[results->benchmark_count++];
}

/* Google Benchmark writes aggregates as rows of their own: the median, and the deviation. */
static void take_benchmark(struct results *results, json_t *row) {
    const char *name = "", *kind = "", *unit = "ns", *aggregate = "";
    int repetitions = 0, family = 0, instance = 0;
    (void)json_unpack(row, "{s?s,s?s,s?s,s?s,s?i,s?i,s?i}", "run_name", &name, "run_type", &kind,
                      "time_unit", &unit, "aggregate_name", &aggregate, "repetitions", &repetitions,
                      "family_index", &family, "per_family_instance_index", &instance);
    struct benchmark *one = strcmp(kind, "aggregate") == 0 ? find_benchmark(results, name) : NULL;
    if (one == NULL) return;
    const double ns = json_number_value(json_object_get(row, clock_of(name))) * ns_per(unit);
    one->repetitions = (unsigned)repetitions;
    one->place = ((unsigned)family << 16U) + (unsigned)instance;
    if (strcmp(aggregate, "median") == 0) one->ns = ns;
    if (strcmp(aggregate, "stddev") == 0) one->deviation_ns = ns;
}

/* They were run shuffled. */
static int by_place(const void *a, const void *b) {
    const struct benchmark *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static void take_command(struct results *results, const json_t *row, size_t file) {
    const char *name = json_string_value(json_object_get(row, "command"));
    const json_t *times = json_object_get(row, "times");
    struct timed_command *more =
        reallocarray(results->commands, results->command_count + 1, sizeof *more);
    if (more == NULL) return;
    results->commands = more;
    struct timed_command *one = &more[results->command_count++];
    *one = (struct timed_command){.command = strdup(name == NULL ? "" : name),
                                  .file = file,
                                  .times_s = calloc(json_array_size(times) + 1, sizeof(double))};
    for (size_t i = 0; one->times_s != NULL && i < json_array_size(times); i++)
        one->times_s[one->count++] = json_number_value(json_array_get(times, i));
}

/* ---- files ---- */

static int take_session(struct results *results, struct reading *reading, json_t *root) {
    struct session *session = session_from_json(reading, root);
    if (session == NULL) return -EINVAL;
    struct session **more =
        reallocarray(results->sessions, results->count + 1, sizeof(struct session *));
    if (more == NULL) {
        session_free(session);
        (void)reading_wrong(reading, "no memory");
        return -ENOMEM;
    }
    results->sessions = more;
    more[results->count++] = session;
    return 0;
}

static int take_file(struct results *results, const char *path, size_t number, char *why) {
    struct reading reading = {.path = path, .why = why};
    json_t *root = reading_load(&reading);
    if (root == NULL) return -EINVAL;
    if (json_object_get(root, "schema") != NULL) return take_session(results, &reading, root);
    const json_t *benchmarks = json_object_get(root, "benchmarks");
    const json_t *commands = json_object_get(root, "results");
    const bool other = json_is_array(benchmarks) || json_is_array(commands);
    for (size_t i = 0; i < json_array_size(benchmarks); i++)
        take_benchmark(results, json_array_get(benchmarks, i));
    for (size_t i = 0; i < json_array_size(commands); i++)
        take_command(results, json_array_get(commands, i), number);
    json_decref(root);
    if (other) return 0;
    (void)reading_wrong(&reading, "it is no result file: it has neither \"schema\": \"echolab/1\" "
                                  "nor the \"benchmarks\" of Google Benchmark nor the \"results\" "
                                  "of hyperfine");
    return -EINVAL;
}

static unsigned blocks_of(const struct session *session) {
    unsigned blocks = 0;
    for (size_t i = 0; i < session->runs.count; i++) {
        const unsigned block = session->runs.list[i]->block;
        if (block + 1 > blocks) blocks = block + 1;
    }
    return blocks;
}

static int by_blocks(const void *a, const void *b) {
    const struct session *x = *(struct session *const *)a, *y = *(struct session *const *)b;
    const unsigned one = blocks_of(x), other = blocks_of(y);
    return one != other ? (one < other) - (one > other) : strcmp(x->file, y->file);
}

static int is_json(const struct dirent *entry) {
    const char *end = strrchr(entry->d_name, '.');
    return end != NULL && end != entry->d_name && strcmp(end, ".json") == 0;
}

/* strcmp and not alphasort, whose order depends on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

int results_read(const char *folder, struct results *results, char *why) {
    struct dirent **entries = NULL;
    *results = (struct results){0};
    const int count = scandir(folder, &entries, is_json, by_name);
    int failed = count > 0 ? 0 : count < 0 ? -errno : -ENOENT;
    if (failed != 0)
        (void)snprintf(why, SESSION_WHY, "%s %s%s. `make bench` measures and fills it.", folder,
                       count < 0 ? "cannot be read: " : "has no *.json",
                       count < 0 ? strerror(-failed) : "");
    for (int i = 0; i < count; i++) {
        char *path = NULL;
        if (failed == 0 && asprintf(&path, "%s/%s", folder, entries[i]->d_name) > 0) {
            failed = take_file(results, path, (size_t)i, why);
            free(path);
        }
        free(entries[i]);
    }
    free(entries);
    if (results->count > 0)
        qsort(results->sessions, results->count, sizeof(struct session *), by_blocks);
    if (results->benchmark_count > 0)
        qsort(results->benchmarks, results->benchmark_count, sizeof(struct benchmark), by_place);
    return failed;
}

void results_free(struct results *results) {
    for (size_t i = 0; i < results->count; i++) session_free(results->sessions[i]);
    for (size_t i = 0; i < results->benchmark_count; i++) free(results->benchmarks[i].name);
    for (size_t i = 0; i < results->command_count; i++) {
        free(results->commands[i].command);
        free(results->commands[i].times_s);
    }
    free(results->sessions);
    free(results->benchmarks);
    free(results->commands);
    *results = (struct results){0};
}

const struct session *results_where(const struct results *results, const char *command,
                                    const char *axis, bool (*fits)(const struct session *session)) {
    for (size_t i = 0; i < results->count; i++) {
        const struct session *session = results->sessions[i];
        const char *its = session->axis == NULL ? "" : session->axis;
        if (strcmp(session->command, command) != 0) continue;
        if (axis != NULL && strcmp(its, axis) != 0) continue;
        if (fits == NULL || fits(session)) return session;
    }
    return NULL;
}

bool session_is_on_wire(const struct session *session) {
    return session->runs.count > 0 && session->runs.list[0]->asked.wire;
}

bool session_is_on_loopback(const struct session *session) {
    return session->runs.count > 0 && !session->runs.list[0]->asked.wire;
}

const struct session *results_with(const struct results *results, enum list kind) {
    for (size_t i = 0; i < results->count; i++)
        if (results->sessions[i]->lists[kind].count > 0) return results->sessions[i];
    return NULL;
}
