/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab compare and sweep: every variant, its floor and a second run of the
 * first, once per block in shuffled order; each a process of its own.
 */
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cli/axis.h"
#include "bench/cli/commands.h"
#include "bench/judge/compared.h"
#include "bench/judge/fits.h"
#include "bench/judge/open_loop.h"
#include "bench/judge/statistics.h"
#include "bench/run/child.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"
#include "echo/clock.h"

enum {
    COLUMNS_MAX = 400,
    TOGETHER_MAX = 16,
    MS = 1000000,
    WHY_BYTES = 512,
    CAPACITY_NS = 300 * MS /* of the closed loop that finds out what a variant can carry */
};

/* What is run once per block. */
struct column {
    unsigned index;
    const struct variant *variant;
    enum role role;
    bool against;           /* by the other program */
    struct options options; /* of the run */
    unsigned group;         /* the point: of those with the same some may run at once */
};

struct session {
    const struct options *options;
    gsl_rng *random;
    struct column columns[COLUMNS_MAX];
    unsigned column_count;
    json_t *runs;
    uint64_t start_ns;
    unsigned done, failed;
    char why[WHY_BYTES];                         /* of the last run that failed */
    double capacity_per_s[OPTIONS_VARIANTS_MAX]; /* of each variant in a closed loop; 0: unknown */
};

/* ---- what the variants can carry ---- */

/* Where along the rate each variant is asked, as shares of what it carries in a closed loop. */
static const double rate_shares[] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.1};

enum { RATE_SHARES = sizeof rate_shares / sizeof rate_shares[0] };

static bool needs_capacity(const struct options *o) {
    return o->rate_half || (o->axis != NULL && axis_is_rate(o->axis) && o->point_count == 0);
}

/* One closed loop over the same connections, at the same places. */
static int find_capacity(struct session *s, unsigned variant) {
    struct options options = *s->options;
    options.variants[0] = options.variants[variant];
    options.variant_count = 1;
    options.rate_per_s = 0;
    options.duration_ns = CAPACITY_NS;
    options.messages = 0;
    json_t *run = child_run("/proc/self/exe", &options, s->why, sizeof s->why);
    if (run == NULL) return complain("%s", s->why);
    s->capacity_per_s[variant] = result_number(run, "throughput_per_s", 0);
    json_decref(run);
    if (s->capacity_per_s[variant] >= 1) return EXIT_DONE;
    return complain("%s answered nothing in a closed loop: no rate can be chosen; give --rate",
                    options.variants[0]->name);
}

static int find_capacities(struct session *s) {
    int status = EXIT_DONE;
    for (unsigned i = 0; i < s->options->variant_count && status == EXIT_DONE; i++) {
        status = find_capacity(s, i);
    }
    return status;
}

static double capacity_of(const struct session *s, const struct variant *variant) {
    unsigned i = 0;
    while (s->options->variants[i] != variant) i++;
    return s->capacity_per_s[i];
}

/* Low enough that no variant is overloaded, so that tails can be compared at one rate. */
static double half_of_slowest(const struct session *s) {
    double slowest = s->capacity_per_s[0];
    for (unsigned i = 1; i < s->options->variant_count; i++) {
        slowest = fmin(slowest, s->capacity_per_s[i]);
    }
    return floor(slowest / 2);
}

static unsigned count_points(const struct options *o) {
    if (o->axis == NULL) return 1;
    return o->point_count == 0 ? RATE_SHARES : o->point_count;
}

static double point_of(const struct session *s, const struct variant *variant, unsigned point) {
    const struct options *o = s->options;
    if (o->point_count > 0) return o->points[point];
    return fmax(1, floor(rate_shares[point] * capacity_of(s, variant)));
}

/* ---- the plan ---- */

static struct column *add_column(struct session *s, const struct variant *variant, enum role role,
                                 unsigned point) {
    const struct options *o = s->options;
    struct column *column = &s->columns[s->column_count];
    *column = (struct column){
        .index = s->column_count, .variant = variant, .role = role, .options = *o, .group = point};
    column->options.variants[0] = variant;
    column->options.variant_count = 1;
    column->options.role = role == ROLE_FLOOR ? ROLE_FLOOR : ROLE_VARIANT;
    if (o->axis != NULL) axis_apply(o->axis, point_of(s, variant, point), &column->options);
    if (o->rate_half) column->options.rate_per_s = half_of_slowest(s);
    s->column_count++;
    return column;
}

/*
 * A remote server is no floor server; and where two builds or many points are
 * compared the time is better spent on them.
 */
static bool with_floors(const struct options *options) {
    if (options->rate_per_s > 0 || options->rate_half) return false; /* a floor keeps no schedule */
    return options->host == NULL && options->axis == NULL && options->against == NULL;
}

static int plan(struct session *s) {
    const struct options *o = s->options;
    const unsigned points = count_points(o);
    const unsigned each = o->variant_count * (1U + (o->against != NULL) + with_floors(o)) + 1;
    if (points * each > COLUMNS_MAX) {
        return complain("%u runs in every block are too many: leave out points or variants",
                        points * each);
    }
    for (unsigned p = 0; p < points; p++) {
        for (unsigned i = 0; i < o->variant_count; i++) {
            (void)add_column(s, o->variants[i], ROLE_VARIANT, p);
        }
        for (unsigned i = 0; i < o->variant_count && o->against != NULL; i++) {
            add_column(s, o->variants[i], ROLE_VARIANT, p)->against = true;
        }
        for (unsigned i = 0; i < o->variant_count && with_floors(o); i++) {
            (void)add_column(s, o->variants[i], ROLE_FLOOR, p);
        }
        if (o->axis == NULL) (void)add_column(s, o->variants[0], ROLE_A_A, p);
    }
    return EXIT_DONE;
}

/* ---- progress ---- */

static void show_progress(const struct session *s, unsigned block, const struct column *column) {
    if (s->options->quiet || isatty(STDERR_FILENO) == 0) return;
    const unsigned all = s->options->blocks * s->column_count;
    const double gone_s = (double)(echo_clock_ns() - s->start_ns) / 1e9;
    const double left_s = s->done == 0 ? 0 : gone_s / s->done * (all - s->done);
    (void)fprintf(stderr, "\r\033[Kblock %u/%u  run %u/%u  %s %s %u B  %.0f s left", block + 1,
                  s->options->blocks, s->done + 1, all, column->variant->name,
                  role_names[column->role], column->options.size_bytes, left_s);
}

static void clear_progress(const struct session *s) {
    if (!s->options->quiet && isatty(STDERR_FILENO) != 0) (void)fputs("\r\033[K", stderr);
}

/* ---- running ---- */

/* One run, in a thread where several go on at once. */
struct task {
    const struct session *session;
    const struct column *column;
    struct options options;
    unsigned order;
    json_t *run; /* NULL: none, and why */
    char why[WHY_BYTES];
    pthread_t thread;
};

static void *run_task(void *argument) {
    struct task *task = argument;
    const bool against = task->column->against;
    const char *program = against ? task->session->options->against : "/proc/self/exe";
    task->run = child_run(program, &task->options, task->why, sizeof task->why);
    return NULL;
}

static void keep_result(struct session *s, unsigned block, struct task *task) {
    json_t *run = task->run;
    if (options_interrupted) {
        json_decref(run);
        return;
    }
    s->done++;
    if (run == NULL) {
        s->failed++;
        (void)snprintf(s->why, sizeof s->why, "%s", task->why);
        return;
    }
    const struct column *column = task->column;
    (void)json_object_set_new(run, "role", json_string(role_names[column->role]));
    if (column->against) (void)json_object_set_new(run, "build", json_string("against"));
    (void)json_object_set_new(run, "block", json_integer(block));
    (void)json_object_set_new(run, "order", json_integer(task->order));
    (void)json_object_set_new(run, "column", json_integer(column->index));
    (void)json_object_set_new(run, "point", json_integer(column->group));
    const double capacity_per_s = capacity_of(s, column->variant);
    if (capacity_per_s > 0) {
        (void)json_object_set_new(run, "capacity_per_s", json_real(capacity_per_s));
    }
    (void)json_array_append_new(s->runs, run);
}

static void run_together(struct session *s, unsigned block, struct task *tasks, unsigned count) {
    unsigned started = 0;
    while (started < count &&
           pthread_create(&tasks[started].thread, NULL, run_task, &tasks[started]) == 0) {
        started++;
    }
    for (unsigned i = 0; i < started; i++) (void)pthread_join(tasks[i].thread, NULL);
    for (unsigned i = started; i < count; i++) (void)run_task(&tasks[i]);
    for (unsigned i = 0; i < count; i++) keep_result(s, block, &tasks[i]);
}

/* Those that mostly wait may wait together: the variants of a point, on a wire with delay. */
static bool may_join(const struct task *first, const struct column *column) {
    return first->column->group == column->group && first->options.rtt_ns >= MS &&
           column->role != ROLE_FLOOR;
}

/* Takes a task for `at`, and for all that may run beside it; how many. */
static unsigned take_tasks(struct session *s, const unsigned *shuffled, unsigned at,
                           struct task *tasks) {
    unsigned count = 0;
    for (unsigned i = at; i < s->column_count && count < TOGETHER_MAX; i++) {
        const struct column *column = &s->columns[shuffled[i]];
        if (count > 0 && !may_join(&tasks[0], column)) break;
        tasks[count] =
            (struct task){.session = s, .column = column, .options = column->options, .order = i};
        tasks[count].options.seed = gsl_rng_get(s->random);
        count++;
    }
    return count;
}

/* Shuffled; where points may run together, point by point and shuffled within. */
static void shuffle(struct session *s, unsigned *shuffled) {
    const bool together = s->options->axis != NULL && axis_waits(s->options->axis);
    unsigned from = 0;
    for (unsigned i = 0; i < s->column_count; i++) shuffled[i] = i;
    for (unsigned to = 1; together && to <= s->column_count; to++) {
        if (to < s->column_count && s->columns[to].group == s->columns[from].group) continue;
        gsl_ran_shuffle(s->random, shuffled + from, to - from, sizeof shuffled[0]);
        from = to;
    }
    if (!together) gsl_ran_shuffle(s->random, shuffled, s->column_count, sizeof shuffled[0]);
}

static void run_blocks(struct session *s) {
    unsigned shuffled[COLUMNS_MAX];
    struct task *tasks = calloc(TOGETHER_MAX, sizeof *tasks);
    s->start_ns = echo_clock_ns();
    for (unsigned block = 0; tasks != NULL && block < s->options->blocks; block++) {
        shuffle(s, shuffled);
        for (unsigned i = 0; i < s->column_count;) {
            const unsigned count = take_tasks(s, shuffled, i, tasks);
            show_progress(s, block, tasks[0].column);
            run_together(s, block, tasks, count);
            i += count;
            /* The first run that cannot even start says what is wrong with all. */
            const bool hopeless = s->failed > 0 && json_array_size(s->runs) == 0;
            if (options_interrupted || hopeless) {
                free(tasks);
                return;
            }
        }
    }
    free(tasks);
}

/* ---- what came out ---- */

static json_t *result_file(const struct session *s, json_t *environment, json_t *comparisons) {
    const struct options *o = s->options;
    json_t *file = json_object();
    (void)json_object_set_new(file, "schema", json_string("echolab/1"));
    (void)json_object_set_new(file, "command", json_string(o->axis == NULL ? "compare" : "sweep"));
    (void)json_object_set_new(file, "axis", o->axis == NULL ? json_null() : json_string(o->axis));
    (void)json_object_set_new(file, "seed", json_integer((json_int_t)o->seed));
    (void)json_object_set_new(file, "interrupted", json_boolean(options_interrupted != 0));
    (void)json_object_set_new(file, "environment", json_incref(environment));
    (void)json_object_set_new(file, "runs", json_incref(s->runs));
    (void)json_object_set_new(file, "comparisons", json_incref(comparisons));
    if (o->axis != NULL && axis_is_rate(o->axis)) {
        (void)json_object_set_new(file, "knees", open_loop_knees(s->runs));
    }
    if (o->axis != NULL && axis_waits(o->axis)) {
        (void)json_object_set_new(file, "fits", fits_list(s->runs));
    }
    return file;
}

static int write_files(const struct session *s, json_t *environment, json_t *comparisons) {
    const struct options *o = s->options;
    int status = EXIT_DONE;
    if (o->json != NULL) {
        json_t *file = result_file(s, environment, comparisons);
        const int failed = output_write_json(o->json, file);
        json_decref(file);
        if (failed != 0) status = complain("cannot write %s: %s", o->json, strerror(-failed));
    }
    if (o->csv != NULL) {
        const int failed = output_write_csv(o->csv, s->runs);
        if (failed != 0) status = complain("cannot write %s: %s", o->csv, strerror(-failed));
    }
    return status;
}

static void print_head(const struct session *s) {
    const struct options *o = s->options;
    const json_t *run = json_array_get(s->runs, 0);
    const char *network = result_text(run, "network");
    const char *where =
        strcmp(network, "private") == 0 ? "a private network for every run"
        : strcmp(network, "host") == 0
            ? "the host's loopback: NOT ISOLATED, as the system denies a private network;\n"
              "`sudo echolab compare ...` would be (and measures as your own user)"
            : o->host;
    const bool open =
        o->rate_per_s > 0 || o->rate_half || (o->axis != NULL && axis_is_rate(o->axis));
    printf("%s loop, %s, %s engine, %u blocks, seed %llu\non %s\n", open ? "open" : "closed",
           placement_names[o->placement], engine_names[o->engine], o->blocks,
           (unsigned long long)o->seed, where);
    if (o->delay_ns > 0) {
        printf("the server spends %.6g us on each message\n", (double)o->delay_ns / 1e3);
    }
}

/* How many connections the ports allow, where a variant's client keeps them. */
static void print_ports(const struct session *s) {
    size_t i;
    json_t *run;
    json_array_foreach(s->runs, i, run) {
        const json_t *ports = json_object_get(run, "ports");
        if (json_object_size(ports) == 0) continue;
        printf("ports: the client of %s keeps each for 60 s in TIME_WAIT; %lld of them allow\n"
               "%.0f connections/s to one address on loopback (reused after 1 s; here spread\n"
               "over %lld addresses) and %.0f/s on a network\n",
               result_text(run, "variant"),
               (long long)json_integer_value(json_object_get(ports, "range")),
               result_number(ports, "loopback_per_s", 0),
               (long long)json_integer_value(json_object_get(ports, "sources")),
               result_number(ports, "network_per_s", 0));
        return;
    }
}

/* What a retry costs the server, which the client's figures do not show. */
static void print_executions(const struct session *s) {
    for (unsigned i = 0; i < s->options->variant_count; i++) {
        const struct variant *variant = s->options->variants[i];
        double answered = 0;
        double executed = 0;
        size_t j;
        json_t *run;
        json_array_foreach(s->runs, j, run) {
            if (strcmp(result_text(run, "variant"), variant->name) != 0) continue;
            answered += result_number(run, "executions.answered", 0);
            executed += result_number(run, "executions.executed", 0);
        }
        if (!variant->retries || executed == 0) continue;
        printf("%s: answered once: %.0f; executed: %.0f (%s)\n", variant->name, answered, executed,
               s->options->dedup ? "at most once: the server remembers, --dedup"
                                 : "a retry is at-least-once; --dedup: at most once");
    }
}

/* Grey on a terminal: shown, and in no verdict. */
static void print_invalid(const struct session *s) {
    const bool grey = isatty(STDOUT_FILENO) != 0;
    size_t i;
    json_t *run;
    json_array_foreach(s->runs, i, run) {
        const json_t *because = json_object_get(run, "invalid_because");
        if (json_is_true(json_object_get(run, "valid"))) continue;
        printf("%snot valid: block %.0f, %s %s: %s%s\n", grey ? "\033[2m" : "",
               result_number(run, "block", 0) + 1, result_text(run, "variant"),
               result_text(run, "role"), json_string_value(json_array_get(because, 0)),
               grey ? "\033[0m" : "");
    }
}

static unsigned count_invalid(const struct session *s) {
    unsigned invalid = s->failed;
    size_t i;
    json_t *run;
    json_array_foreach(s->runs, i, run) {
        if (!json_is_true(json_object_get(run, "valid"))) invalid++;
    }
    return invalid;
}

/* Too few: a column has lost half of its runs, so that its blocks are no longer a sample. */
static bool too_few(const struct session *s) {
    unsigned valid[COLUMNS_MAX] = {0};
    size_t i;
    json_t *run;
    json_array_foreach(s->runs, i, run) {
        const double column = result_number(run, "column", 0);
        if (json_is_true(json_object_get(run, "valid"))) valid[(unsigned)column]++;
    }
    for (unsigned c = 0; c < s->column_count; c++) {
        if (2 * valid[c] <= s->options->blocks) return true;
        if (s->options->blocks >= STATISTICS_BLOCKS_MIN && valid[c] < STATISTICS_BLOCKS_MIN) {
            return true;
        }
    }
    return false;
}

static int conclude(const struct session *s, json_t *environment) {
    if (json_array_size(s->runs) == 0) {
        return options_interrupted ? EXIT_INTERRUPTED : complain("%s", s->why);
    }
    const struct options *o = s->options;
    const bool along_rtt = o->axis != NULL && axis_waits(o->axis);
    json_t *comparisons = along_rtt ? json_array() : compared_list(s->runs, o->margin);
    /* Files first: who reads the table may go away in the middle of it (`| head`). */
    int status = write_files(s, environment, comparisons);
    print_head(s);
    print_ports(s);
    if (along_rtt) {
        fits_print(stdout, s->runs);
    } else if (o->axis != NULL && axis_is_rate(o->axis)) {
        open_loop_print_rates(stdout, s->runs);
    } else {
        compared_print(stdout, s->runs, comparisons);
    }
    print_executions(s);
    print_invalid(s);
    const unsigned invalid = count_invalid(s);
    if (s->failed > 0) (void)complain("%u runs gave no result: %s", s->failed, s->why);
    if (status == EXIT_DONE && !options_interrupted && too_few(s)) {
        (void)complain("%u of %u runs are not valid: too few are left", invalid, s->done);
        status = EXIT_NOT_VALID;
    }
    json_decref(comparisons);
    return options_interrupted ? EXIT_INTERRUPTED : status;
}

static int check_outputs(const struct options *options) {
    const char *const paths[] = {options->json, options->csv};
    for (int i = 0; i < 2; i++) {
        const int failed = paths[i] == NULL ? 0 : output_check(paths[i]);
        if (failed != 0) return complain("cannot write %s: %s", paths[i], strerror(-failed));
    }
    return EXIT_DONE;
}

int command_compare(const struct options *options) {
    if (options->axis != NULL && strcmp(options->axis, "idle") == 0) return command_idle(options);
    if (options->axis != NULL && strcmp(options->axis, "life") == 0) return command_life(options);
    if (options->who_waits) return command_who_waits(options);
    if (options->packet) return command_loss(options);
    /* Better now than after a minute of measuring. */
    int status = check_outputs(options);
    if (status != EXIT_DONE) return status;
    char why[WHY_BYTES];
    if (options->against != NULL && child_is_echolab(options->against, why, sizeof why) != 0) {
        return complain("--against: %s", why);
    }
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) return complain("no memory for a session");
    s->options = options;
    s->random = gsl_rng_alloc(gsl_rng_mt19937);
    s->runs = json_array();
    json_t *environment = environment_read();
    if (s->random != NULL) gsl_rng_set(s->random, options->seed);
    options_catch_signals();
    status = needs_capacity(options) ? find_capacities(s) : EXIT_DONE;
    if (status == EXIT_DONE) status = plan(s);
    if (status == EXIT_DONE) run_blocks(s);
    clear_progress(s);
    environment_after(environment);
    if (status == EXIT_DONE) status = conclude(s, environment);
    json_decref(environment);
    json_decref(s->runs);
    gsl_rng_free(s->random);
    free(s);
    return status;
}
