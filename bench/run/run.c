/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const network_names[NETWORKS] = {"private", "host", "remote"};

struct distribution distribution_unknown(void) {
    return (struct distribution){FIELD_UNKNOWN, FIELD_UNKNOWN, FIELD_UNKNOWN,
                                 FIELD_UNKNOWN, FIELD_UNKNOWN, NAN};
}

struct run *run_new(void) {
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) return NULL;
    parameters_usual(&run->asked);
    struct distribution *const all[] = {&run->latency,  &run->cycle,     &run->service,
                                        &run->connect,  &run->exchange,  &run->close,
                                        &run->lateness, &run->wire.late, &run->wire.one_way};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) *all[i] = distribution_unknown();
    run->capacity_per_s = run->packets = run->wire_bytes = run->syscalls = NAN;
    run->per_send = run->per_receive = run->server_per_receive = run->server_per_send = NAN;
    run->per_packet = run->wire.applied_rtt_ns = run->outstanding = NAN;
    run->disturbed = NAN;
    run->connecting_ns = run->drain_ns = run->drained = run->waiting = FIELD_UNKNOWN;
    run->client_cpu_ns = run->server_cpu_ns = run->offered = FIELD_UNKNOWN;
    run->idle_server_bytes = run->idle_kernel_bytes = FIELD_UNKNOWN;
    run->executed = run->executed_twice = run->answered_in_all = FIELD_UNKNOWN;
    run->time_wait[0].all = FIELD_UNKNOWN;
    run->cpus[0] = run->cpus[1] = -1;
    run->depth = 1;
    return run;
}

void run_free(struct run *run) {
    if (run == NULL) return;
    free(run->errors.list);
    free(run->early_errors.list);
    free(run->counters.list);
    free(run->series);
    free(run->wire.trace);
    samples_free(&run->samples);
    facts_free(&run->settings);
    free(run);
}

bool run_is_valid(const struct run *run) {
    return run->validity.count == 0;
}

bool run_is_open(const struct run *run) {
    return run->asked.rate_per_s > 0;
}

bool run_is_floor(const struct run *run) {
    return run->asked.role == ROLE_FLOOR;
}

double run_throughput_per_s(const struct run *run) {
    const uint64_t done = run->offered != FIELD_UNKNOWN ? run->in_time : run->ok;
    return run->elapsed_ns > 0 ? 1e9 * (double)done / (double)run->elapsed_ns : 0;
}

double run_time_ns(const struct run *run) {
    return run->ok > 0 ? (double)run->elapsed_ns / (double)run->ok : NAN;
}

double run_cpu_ns(const struct run *run) {
    if (run->client_cpu_ns == FIELD_UNKNOWN || run->server_cpu_ns == FIELD_UNKNOWN) return NAN;
    return run->ok > 0 ? ((double)run->client_cpu_ns + (double)run->server_cpu_ns) / (double)run->ok
                       : NAN;
}

struct samples run_samples(const struct run *run) {
    struct samples samples = run->samples;
    samples.missed = run->lost + run->failed;
    return samples;
}

uint64_t run_counter(const struct run *run, const char *name) {
    for (size_t i = 0; i < run->counters.count; i++) {
        if (strcmp(run->counters.list[i].name, name) == 0) return run->counters.list[i].count;
    }
    return FIELD_UNKNOWN;
}

static uint64_t percentile(const struct samples *samples, double percent, uint64_t never_ns) {
    const double ns = samples_percentile_ns(samples, percent);
    return isinf(ns) ? never_ns : isnan(ns) ? FIELD_UNKNOWN : (uint64_t)ns;
}

struct distribution distribution_with(const struct histogram *histogram, uint64_t missed,
                                      uint64_t never_ns) {
    struct samples samples = samples_of(histogram);
    samples.missed = missed;
    const bool none = histogram->count == 0;
    const struct distribution distribution = {.p50_ns = percentile(&samples, 50, never_ns),
                                              .p90_ns = percentile(&samples, 90, never_ns),
                                              .p99_ns = percentile(&samples, 99, never_ns),
                                              .p999_ns = percentile(&samples, 99.9, never_ns),
                                              .max_ns = none ? FIELD_UNKNOWN : histogram->max_ns,
                                              .mean_ns = none ? (double)NAN
                                                              : histogram_mean_ns(histogram)};
    samples_free(&samples);
    return distribution;
}

struct distribution distribution_of(const struct histogram *histogram) {
    return distribution_with(histogram, 0, 0);
}

void tallies_add(struct tallies *tallies, const char *name, uint64_t count) {
    const size_t room = sizeof tallies->list->name - 1;
    for (size_t i = 0; i < tallies->count; i++) {
        if (strncmp(tallies->list[i].name, name, room) != 0) continue;
        tallies->list[i].count += count;
        return;
    }
    struct tally *more = reallocarray(tallies->list, tallies->count + 1, sizeof *more);
    if (more == NULL) return;
    tallies->list = more;
    struct tally *one = &more[tallies->count++];
    *one = (struct tally){.count = count};
    memcpy(one->name, name, strnlen(name, room));
}

/* ---- through a pipe ---- */

/*
 * The struct as it lies, then its lists in this order, then the settings as
 * texts that end with 0. Writer and reader are the same program.
 */
#define LIST(list_, count_, type_)                                                                 \
    { offsetof(struct run, list_), offsetof(struct run, count_), sizeof(type_) }
static const struct {
    size_t list, count, size;
} lists[] = {LIST(errors.list, errors.count, struct tally),
             LIST(early_errors.list, early_errors.count, struct tally),
             LIST(samples.buckets, samples.count, struct samples_bucket),
             LIST(series, series_count, struct load_point),
             LIST(wire.trace, wire.trace_count, struct wire_packet),
             LIST(counters.list, counters.count, struct tally)};
enum { LIST_COUNT = sizeof lists / sizeof lists[0] };

int run_write(const struct run *run, FILE *out) {
    (void)fwrite(run, sizeof *run, 1, out);
    for (int i = 0; i < LIST_COUNT; i++) {
        const void *list;
        size_t count;
        memcpy(&list, (const char *)run + lists[i].list, sizeof list);
        memcpy(&count, (const char *)run + lists[i].count, sizeof count);
        if (count > 0) (void)fwrite(list, lists[i].size, count, out);
    }
    for (size_t i = 0; i < run->settings.count; i++) {
        const struct fact *fact = &run->settings.list[i];
        (void)fprintf(out, "%s%c%s%c", fact->name, 0, fact->text == NULL ? "" : fact->text, 0);
    }
    return fflush(out) != 0 || ferror(out) != 0 ? -EIO : 0;
}

/* What is left to be read. */
struct bytes {
    const char *at;
    size_t left;
};

/* A copy of so many items, malloc'd; NULL: none, or they are not there. */
static void *take(struct bytes *bytes, size_t count, size_t size) {
    if (count == 0 || count > bytes->left / size) return NULL;
    void *copy = malloc(count * size);
    if (copy != NULL) memcpy(copy, bytes->at, count * size);
    bytes->at += count * size;
    bytes->left -= count * size;
    return copy;
}

static const char *take_text(struct bytes *bytes) {
    const char *text = bytes->at;
    const size_t length = strnlen(text, bytes->left);
    if (length == bytes->left) return NULL;
    bytes->at += length + 1;
    bytes->left -= length + 1;
    return text;
}

struct run *run_read(const void *bytes, size_t size, const struct parameters *asked) {
    struct bytes left = {bytes, size};
    struct run *run = take(&left, 1, sizeof *run);
    if (run == NULL) return NULL;
    const size_t settings = run->settings.count;
    bool whole = true;
    run->asked = *asked;
    run->lost_packet = run->tool = NULL;
    run->beside = NULL;
    run->settings = (struct facts){0};
    for (int i = 0; i < LIST_COUNT; i++) {
        size_t count;
        memcpy(&count, (const char *)run + lists[i].count, sizeof count);
        void *list = take(&left, count, lists[i].size);
        memcpy((char *)run + lists[i].list, &list, sizeof list);
        whole = whole && (list != NULL || count == 0);
    }
    for (size_t i = 0; i < settings && whole; i++) {
        const char *name = take_text(&left), *text = name == NULL ? NULL : take_text(&left);
        whole = text != NULL;
        if (whole) facts_add_text(&run->settings, name, text);
    }
    if (whole && left.left == 0) return run;
    run_free(run);
    return NULL;
}

/* ---- a list ---- */

void runs_add(struct runs *runs, struct run *run) {
    struct run **more = reallocarray(runs->list, runs->count + 1, sizeof(struct run *));
    if (more == NULL) {
        run_free(run);
        return;
    }
    runs->list = more;
    more[runs->count++] = run;
}

void runs_free(struct runs *runs) {
    for (size_t i = 0; i < runs->count; i++) run_free(runs->list[i]);
    free(runs->list);
    *runs = (struct runs){0};
}
