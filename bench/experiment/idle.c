/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep idle: what it costs to keep a connection on which nothing
 * happens. The next message's latency against the time since the last; a
 * server that closes an idle connection just as the client sends; and what
 * many idle connections take of the memory, and of a load beside them.
 */
#include "bench/experiment/idle.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cli/axis.h"
#include "bench/cli/commands.h"
#include "bench/experiment/together.h"
#include "bench/judge/statistics.h"
#include "bench/load/beside.h"
#include "bench/run/child.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"

enum {
    SERIES_MAX = 2 * OPTIONS_VARIANTS_MAX,
    BLOCKS_MAX = 3, /* each waits as long as the others, and shows the same steps */
    FEW = 3,        /* messages of a run with long pauses ... */
    MORE = 9,       /* ... and with short ones */
    SAMPLES_MAX = MORE * BLOCKS_MAX,
    AT_ONCE = 36,
    WARM_TRIPS = 15,      /* round trips in which a window opens */
    LARGE_REPLY = 102400, /* 71 segments, of which a fresh connection may send 10 at once */
    COLUMNS = 4,          /* of a table of 80 columns */
    RACE_CONNECTIONS = 64,
    RACE_ROUNDS = 8, /* messages of each */
    IDLE_MOST = 19000,
    LOAD_CONNECTIONS = 64
};

#define RACE_TIMEOUT_NS UINT64_C(200000000)
#define LONG_NS 1e9

/* ---- arithmetic ---- */

size_t idle_latencies(const json_t *run, double *ms, size_t room) {
    size_t count = 0, i;
    json_t *pair;
    json_array_foreach(json_object_get(run, "histogram_ns"), i, pair) {
        const double latency_ms = json_number_value(json_array_get(pair, 0)) / 1e6;
        json_int_t left = json_integer_value(json_array_get(pair, 1));
        for (; left > 0 && count < room; left--) ms[count++] = latency_ms;
    }
    return count;
}

uint64_t idle_race_gap_ns(uint64_t idle_timeout_ns, uint64_t rtt_ns) {
    return idle_timeout_ns - rtt_ns / 4;
}

json_t *idle_race_of(const json_t *run) {
    const double sent = result_number(run, "messages.sent", 0);
    const double answered = result_number(run, "messages.ok", 0);
    const json_t *counters = json_object_get(run, "counters");
    const double executed = json_number_value(json_object_get(counters, "server.executed"));
    const double accepted = json_number_value(json_object_get(counters, "server.accepted"));
    const json_t *errors = json_object_get(run, "errors");
    return json_pack(
        "{s:f,s:f,s:f,s:i,s:I,s:I,s:I,s:I,s:I,s:b,s:O}", "rtt_ms", result_number(run, "rtt_ms", 0),
        "idle_timeout_ms", result_number(run, "idle_timeout_ms", 0), "gap_ms",
        result_number(run, "gap_ms", 0), "connections", (int)result_number(run, "connections", 0),
        "sent", (json_int_t)sent, "sent_after_pause", (json_int_t)(sent - accepted), "met_closed",
        (json_int_t)result_number(run, "messages.failed", 0), "answered", (json_int_t)answered,
        "executed", (json_int_t)executed, "retry_safe", executed <= answered, "errors", errors);
}

/* ---- the time since the last message ---- */

struct series {
    const struct variant *variant;
    uint32_t size_bytes, reply_bytes;
};

struct point {
    struct series series;
    double gap_ns;
    double ms[SAMPLES_MAX];
    size_t count;
};

struct plan {
    struct options options; /* with as many blocks as there will be */
    struct series series[SERIES_MAX];
    unsigned series_count;
    struct point *points; /* gap by gap, the longest first; within it series by series */
    unsigned point_count;
    json_t *runs;
    json_t *race, *beside;  /* or NULL */
    char why[TOGETHER_WHY]; /* no run of the points was had */
    char race_why[TOGETHER_WHY];
    char beside_why[TOGETHER_WHY];
    bool left_out; /* a variant that cannot carry the large reply */
};

static void add_series(struct plan *plan, uint32_t size_bytes, uint32_t reply_bytes) {
    for (unsigned i = 0; i < plan->options.variant_count; i++) {
        const struct variant *variant = plan->options.variants[i];
        if (reply_bytes > variant->transport->payload_max) {
            plan->left_out = true;
            continue;
        }
        plan->series[plan->series_count++] = (struct series){variant, size_bytes, reply_bytes};
    }
}

/* A short question with a short answer and with a long one, unless a size was given. */
static void plan_series(struct plan *plan) {
    const struct options *o = &plan->options;
    const uint32_t usual = 64;
    add_series(plan, o->size_bytes, o->reply_bytes);
    if (o->size_bytes == usual && o->reply_bytes == usual) add_series(plan, usual, LARGE_REPLY);
}

static int descending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The longest wait first, so that the others go on beside it. */
static bool plan_points(struct plan *plan) {
    struct options *o = &plan->options;
    qsort(o->points, o->point_count, sizeof o->points[0], descending);
    plan->points = calloc((size_t)o->point_count * plan->series_count + 1, sizeof *plan->points);
    for (unsigned i = 0; plan->points != NULL && i < o->point_count; i++) {
        for (unsigned k = 0; k < plan->series_count; k++) {
            plan->points[plan->point_count++] =
                (struct point){.series = plan->series[k], .gap_ns = o->points[i]};
        }
    }
    return plan->points != NULL;
}

/* The first connects, and with it those of the first round trips are not counted: a window opens.
 */
static struct options options_of(const struct options *options, const struct point *point) {
    struct options one = *options;
    one.variants[0] = point->series.variant;
    one.variant_count = 1;
    one.size_bytes = point->series.size_bytes;
    one.reply_bytes = point->series.reply_bytes;
    one.engine = ENGINE_BLOCKING;
    one.messages = point->gap_ns < LONG_NS ? MORE : FEW;
    one.warmup_ns = WARM_TRIPS * options->rtt_ns;
    one.role = ROLE_CONTROL;
    axis_apply("idle", point->gap_ns, &one);
    return one;
}

static void keep(struct plan *plan, json_t *run) {
    if (run != NULL) (void)json_array_append_new(plan->runs, run);
}

static void measure_points(struct plan *plan, gsl_rng *random) {
    const unsigned blocks = plan->options.blocks, count = plan->point_count * blocks;
    struct together *tasks = calloc((size_t)count + 1, sizeof *tasks);
    for (unsigned i = 0; tasks != NULL && i < count; i++) {
        tasks[i].options = options_of(&plan->options, &plan->points[i / blocks]);
        tasks[i].options.seed = gsl_rng_get(random);
    }
    if (tasks != NULL) together_run(tasks, count, AT_ONCE);
    for (unsigned i = 0; tasks != NULL && i < count; i++) {
        struct point *point = &plan->points[i / blocks];
        point->count +=
            idle_latencies(tasks[i].run, point->ms + point->count, SAMPLES_MAX - point->count);
        if (tasks[i].run == NULL) memcpy(plan->why, tasks[i].why, sizeof plan->why);
        keep(plan, tasks[i].run);
    }
    free(tasks);
}

/* ---- the race ---- */

static void measure_race(struct plan *plan, gsl_rng *random) {
    struct options one = plan->options;
    one.variants[0] = variant_find("tcp-persistent");
    one.variant_count = 1;
    one.size_bytes = one.reply_bytes = 64;
    one.engine = ENGINE_BLOCKING;
    one.connections = RACE_CONNECTIONS;
    one.messages = (uint64_t)RACE_CONNECTIONS * RACE_ROUNDS;
    one.warmup_ns = 0;
    one.role = ROLE_CONTROL;
    one.idle_timeout_ns = 4 * one.rtt_ns > RACE_TIMEOUT_NS ? 4 * one.rtt_ns : RACE_TIMEOUT_NS;
    one.gap_ns = idle_race_gap_ns(one.idle_timeout_ns, one.rtt_ns);
    one.seed = gsl_rng_get(random);
    json_t *run = child_run("/proc/self/exe", &one, plan->race_why, sizeof plan->race_why);
    if (run != NULL) plan->race = idle_race_of(run);
    keep(plan, run);
}

/* ---- many of them, beside a load ---- */

struct beside_sums {
    double server[BLOCKS_MAX], kernel[BLOCKS_MAX], alone_us[BLOCKS_MAX], beside_us[BLOCKS_MAX];
    size_t servers, kernels, alones, besides;
};

static void take_number(const json_t *run, const char *path, double *numbers, size_t *count) {
    const double number = result_number(run, path, NAN);
    if (isfinite(number) && *count < BLOCKS_MAX) numbers[(*count)++] = number;
}

static json_t *run_beside(struct plan *plan, gsl_rng *random, unsigned idle) {
    struct options one = plan->options;
    struct placement_cpus cpus;
    one.variants[0] = variant_find("tcp-persistent");
    one.variant_count = 1;
    one.size_bytes = one.reply_bytes = 64;
    one.wire = false;
    one.rtt_ns = 0;
    one.engine = ENGINE_EPOLL;
    one.design = DESIGN_EPOLL;
    one.connections = LOAD_CONNECTIONS;
    one.messages = 0;
    one.role = ROLE_CONTROL;
    one.idle = idle;
    one.seed = gsl_rng_get(random);
    const bool two = placement_choose(&cpus, PLACEMENT_CROSS_CORE) == 0;
    one.placement = two ? PLACEMENT_CROSS_CORE : PLACEMENT_SAME_CORE;
    return child_run("/proc/self/exe", &one, plan->beside_why, sizeof plan->beside_why);
}

static void measure_beside(struct plan *plan, gsl_rng *random) {
    const unsigned room = beside_most();
    const unsigned idle =
        room > IDLE_MOST + LOAD_CONNECTIONS ? IDLE_MOST : room - room / 8 - LOAD_CONNECTIONS;
    struct beside_sums sums = {0};
    if (room <= 4 * LOAD_CONNECTIONS) return;
    for (unsigned i = 0; i < plan->options.blocks && !options_interrupted; i++) {
        json_t *alone = run_beside(plan, random, 0), *beside = run_beside(plan, random, idle);
        if (json_is_true(json_object_get(alone, "valid"))) {
            take_number(alone, "latency_us.p99", sums.alone_us, &sums.alones);
        }
        if (json_is_true(json_object_get(beside, "valid"))) {
            take_number(beside, "latency_us.p99", sums.beside_us, &sums.besides);
        }
        /* Memory is taken before the load begins: whatever becomes of that. */
        take_number(beside, "idle.server_bytes_per_connection", sums.server, &sums.servers);
        take_number(beside, "idle.kernel_bytes_per_connection", sums.kernel, &sums.kernels);
        keep(plan, alone);
        keep(plan, beside);
    }
    if (sums.servers == 0) return;
    plan->beside =
        json_pack("{s:i,s:i,s:f}", "connections", (int)idle, "load_connections", LOAD_CONNECTIONS,
                  "server_bytes_per_connection", statistics_median(sums.server, sums.servers));
    const bool both = sums.alones > 0 && sums.besides > 0;
    (void)json_object_set_new(
        plan->beside, "kernel_bytes_per_connection",
        sums.kernels > 0 ? json_real(statistics_median(sums.kernel, sums.kernels)) : json_null());
    (void)json_object_set_new(plan->beside, "p99_alone_us",
                              both ? json_real(statistics_median(sums.alone_us, sums.alones))
                                   : json_null());
    (void)json_object_set_new(plan->beside, "p99_beside_us",
                              both ? json_real(statistics_median(sums.beside_us, sums.besides))
                                   : json_null());
    (void)json_object_set_new(plan->beside, "runs", json_integer((json_int_t)sums.servers));
}

/* ---- telling ---- */

/* Of a handful of messages the interval is from the least to the most. */
static struct interval middle_of(struct point *point) {
    return statistics_median_interval(point->ms, point->count, 0.95);
}

static json_t *point_json(const struct plan *plan, struct point *point) {
    const struct interval ms = middle_of(point);
    return json_pack("{s:s,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:i,s:f}", "variant",
                     point->series.variant->name, "size_bytes",
                     (json_int_t)point->series.size_bytes, "reply_bytes",
                     (json_int_t)point->series.reply_bytes, "gap_ms", point->gap_ns / 1e6, "rtt_ms",
                     (double)plan->options.rtt_ns / 1e6, "latency_ms", ms.value, "low_ms", ms.low,
                     "high_ms", ms.high, "samples", (int)point->count, "round_trips",
                     ms.value / ((double)plan->options.rtt_ns / 1e6));
}

static struct point *point_at(const struct plan *plan, double gap_ns, const struct series *series) {
    for (unsigned i = 0; i < plan->point_count; i++) {
        struct point *point = &plan->points[i];
        const bool same = point->series.variant == series->variant &&
                          point->series.reply_bytes == series->reply_bytes;
        if (same && point->gap_ns == gap_ns) return point;
    }
    return NULL;
}

static void print_gap(double gap_ns) {
    if (gap_ns >= 1e9) {
        printf("%8.4g s", gap_ns / 1e9);
    } else {
        printf("%7.4g ms", gap_ns / 1e6);
    }
}

static void print_cell(const struct plan *plan, struct point *point) {
    char cell[64] = "-";
    if (point != NULL && point->count > 0) {
        const double ms = middle_of(point).value;
        (void)snprintf(cell, sizeof cell, "%.1f (%.1f RTT)", ms,
                       ms / ((double)plan->options.rtt_ns / 1e6));
    }
    printf("%17s", cell);
}

/* Series of one size, as many as a line holds. */
static void print_table(const struct plan *plan, const struct series *first, unsigned count) {
    printf("\na request of %u bytes, a reply of %u: median ms\nsince last", first->size_bytes,
           first->reply_bytes);
    for (unsigned k = 0; k < count; k++) printf("%17s", first[k].variant->name);
    putchar('\n');
    for (unsigned i = plan->options.point_count; i-- > 0;) {
        print_gap(plan->options.points[i]);
        for (unsigned k = 0; k < count; k++) {
            print_cell(plan, point_at(plan, plan->options.points[i], &first[k]));
        }
        putchar('\n');
    }
}

static void print_tables(const struct plan *plan) {
    for (unsigned from = 0, to; from < plan->series_count; from = to) {
        const struct series *first = &plan->series[from];
        to = from + 1;
        while (to < plan->series_count && to - from < COLUMNS &&
               plan->series[to].reply_bytes == first->reply_bytes) {
            to++;
        }
        print_table(plan, first, to - from);
    }
    puts("After a retransmission timeout without traffic TCP no longer trusts its window:\n"
         "Linux halves it for each that has passed, down to what a fresh connection may\n"
         "send (RFC 5681 section 4.1). So a long reply takes more round trips again.");
    if (plan->left_out) puts("A datagram holds at most 65,467 bytes: UDP has no such reply.");
}

static void print_race(const struct plan *plan) {
    const json_t *race = plan->race;
    const char *name;
    const json_t *number;
    if (race == NULL) {
        printf("\nThe race was not measured: %s.\n", plan->race_why);
        return;
    }
    const bool safe = json_is_true(json_object_get(race, "retry_safe"));
    printf("\nThe race: the server closes what was idle for %g ms, the client sends %g ms\n"
           "after the reply, RTT %g ms. Of %.0f messages sent after such a pause %.0f met a\n"
           "closed connection (",
           result_number(race, "idle_timeout_ms", 0), result_number(race, "gap_ms", 0),
           result_number(race, "rtt_ms", 0), result_number(race, "sent_after_pause", 0),
           result_number(race, "met_closed", 0));
    bool first = true;
    json_object_foreach(json_object_get(race, "errors"), name, number) {
        printf("%s%s: %.0f", first ? "" : ", ", name, json_number_value(number));
        first = false;
    }
    printf("%s).\nThe server executed %.0f messages, and %.0f were answered: ", first ? "none" : "",
           result_number(race, "executed", 0), result_number(race, "answered", 0));
    puts(safe ? "to send the\nothers again was safe here. But the client cannot know that (RFC "
                "9112 section\n9.5), and may repeat by itself only what may be done twice (RFC "
                "9110, 9.2.2)."
              : "some\nthat failed were executed: to send them again does them twice (RFC 9110, "
                "9.2.2).");
}

static void print_beside(const struct plan *plan) {
    const json_t *beside = plan->beside;
    if (beside == NULL) {
        printf("\nIdle connections beside a load were not measured: %s.\n", plan->beside_why);
        return;
    }
    printf("\n%.0f idle connections: each takes %.0f bytes of the server",
           result_number(beside, "connections", 0),
           result_number(beside, "server_bytes_per_connection", 0));
    const double kernel = result_number(beside, "kernel_bytes_per_connection", NAN);
    if (isfinite(kernel)) printf(",\nand %.0f of the kernel (both ends)", kernel);
    puts(".");
    const double alone_us = result_number(beside, "p99_alone_us", NAN);
    const double beside_us = result_number(beside, "p99_beside_us", NAN);
    if (!isfinite(alone_us) || !isfinite(beside_us)) return;
    printf("The p99 of %.0f busy ones is %.0f us beside them, %.0f us alone: %.2f times.\n",
           result_number(beside, "load_connections", 0), beside_us, alone_us, beside_us / alone_us);
}

static int write_json(const struct plan *plan) {
    const struct options *o = &plan->options;
    if (o->json == NULL) return EXIT_DONE;
    json_t *points = json_array();
    for (unsigned i = 0; i < plan->point_count; i++) {
        if (plan->points[i].count == 0) continue;
        (void)json_array_append_new(points, point_json(plan, &plan->points[i]));
    }
    json_t *file = json_pack("{s:s,s:s,s:s,s:I,s:f,s:o,s:O,s:[],s:o,s:O*,s:O*}", "schema",
                             "echolab/1", "command", "sweep", "axis", "idle", "seed",
                             (json_int_t)o->seed, "rtt_ms", (double)o->rtt_ns / 1e6, "environment",
                             environment_read(), "runs", plan->runs, "comparisons", "idle_points",
                             points, "idle_race", plan->race, "idle_beside", plan->beside);
    const int failed = output_write_json(o->json, file);
    json_decref(file);
    return failed == 0 ? EXIT_DONE : complain("cannot write %s: %s", o->json, strerror(-failed));
}

static int measure_and_tell(struct plan *plan, gsl_rng *random) {
    const struct options *o = &plan->options;
    measure_points(plan, random);
    if (options_interrupted) return EXIT_INTERRUPTED;
    if (json_array_size(plan->runs) == 0) return complain("%s", plan->why);
    measure_race(plan, random);
    measure_beside(plan, random);
    if (options_interrupted) return EXIT_INTERRUPTED;
    printf("the next message after a pause, RTT %g ms, %u run%s each, seed %llu\n",
           (double)o->rtt_ns / 1e6, o->blocks, o->blocks == 1 ? "" : "s",
           (unsigned long long)o->seed);
    print_tables(plan);
    print_race(plan);
    print_beside(plan);
    return write_json(plan);
}

int command_idle(const struct options *options) {
    const int failed = options->json == NULL ? 0 : output_check(options->json);
    if (failed != 0) return complain("cannot write %s: %s", options->json, strerror(-failed));
    struct plan plan = {.options = *options, .runs = json_array()};
    if (plan.options.blocks > BLOCKS_MAX) plan.options.blocks = BLOCKS_MAX;
    plan_series(&plan);
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    int status = EXIT_FAILED;
    if (plan.series_count == 0) {
        status =
            complain("none of these variants can carry a reply of %u bytes", options->reply_bytes);
    } else if (random == NULL || !plan_points(&plan)) {
        status = complain("no memory for the plan");
    } else {
        gsl_rng_set(random, options->seed);
        options_catch_signals();
        status = measure_and_tell(&plan, random);
    }
    json_decref(plan.race);
    json_decref(plan.beside);
    json_decref(plan.runs);
    free(plan.points);
    if (random != NULL) gsl_rng_free(random);
    return status;
}
