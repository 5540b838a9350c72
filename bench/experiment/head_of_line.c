/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep loss --rate: one packet lost under traffic: who waits for it?
 * Each variant in an open loop over a wire, at each rate: once a single request
 * is lost, then packets at random. A stream delivers in order, so whatever was
 * sent behind the lost request on its connection waits with it (head-of-line
 * blocking); datagrams and connections of their own do not.
 *
 * The runs sleep most of the time, so several run beside each other, up to what
 * the machine can send without being late itself.
 */
#include <gsl/gsl_rng.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cli/commands.h"
#include "bench/judge/head_of_line.h"
#include "bench/run/child.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"

enum {
    PIECES_MAX = 2, /* see pieces() */
    WHY_BYTES = 256,
    LOSSES_WANTED = 20,    /* in a run that loses packets at random */
    TOGETHER_PER_S = 4000, /* packets/s and direction of all runs at once */
    HEAVIEST_PER_S = 2250, /* ... of which one takes no more, so that light ones run beside it */
    LIGHTEST_PER_S = 100   /* ... and none less: a process also costs something */
};

#define MS UINT64_C(1000000) /* in ns */

/* Lost by chance, in percent; 0: exactly one request instead. */
static const double losses[] = {0, 0.1, 1, 5};

/* A line of the table: a variant at a rate with a loss. */
struct row {
    const struct variant *variant;
    double rate_per_s, loss_percent;
    struct options options; /* of each of its runs, but for the seed */
    json_t *runs;           /* that count */
    struct who_waits_limits limits;
    struct who_waits sum;
};

struct session;

struct task {
    struct session *session;
    struct row *row;
    uint64_t seed;
    pthread_t thread;
    bool started;
};

struct session {
    const struct options *options;
    struct row *rows;
    unsigned row_count;
    struct task *tasks;
    unsigned task_count;
    json_t *runs; /* all, valid or not */
    pthread_mutex_t lock;
    pthread_cond_t room;
    double under_way_per_s; /* see TOGETHER_PER_S */
    unsigned done;
    char why[WHY_BYTES]; /* of the last run that gave no result, or none that counts */
};

/* ---- what a run is like ---- */

/* On one connection, or on one for each message. */
static bool keeps(const struct variant *variant) {
    return variant->depth > 0;
}

/* In one direction, for each message: a connection for it takes five. */
static double packets_each(const struct variant *variant) {
    return keeps(variant) ? 1 : 5;
}

static double clamp(double value, double least, double most) {
    return fmin(fmax(value, least), most);
}

/* One connection, and a window on it that never limits: twice what a deadline's time brings. */
static unsigned window(const struct options *o, double rate_per_s) {
    const double wanted = 2 * rate_per_s * (double)o->deadline_ns / 1e9;
    unsigned depth = 16;
    while (depth < wanted && depth < 4096) depth *= 2;
    return depth;
}

/* What comes while one of them waits for the timer of a lost SYN, 1 s, and a half more. */
static unsigned connections(double rate_per_s) {
    return (unsigned)clamp(1.5 * rate_per_s, 16, 1024);
}

/* In all: long enough for the losses that are wanted, where that can be waited for. */
static double duration_s(const struct row *row) {
    if (row->loss_percent <= 0) return row->rate_per_s < 100 ? 2 : 1;
    const double packets_per_s = 2 * packets_each(row->variant) * row->rate_per_s;
    const double most_s = row->rate_per_s < 100 ? 12 : 6;
    return clamp(LOSSES_WANTED / (packets_per_s * row->loss_percent / 100), 2, most_s);
}

/* One interruption by the machine is to spoil little: several short runs, not a long one. */
static unsigned pieces(const struct row *row) {
    const double piece_s = row->rate_per_s < 100 ? 6 : 3;
    return (unsigned)ceil(duration_s(row) / piece_s);
}

/* Fixed arrivals make the saw-tooth readable; chance must not meet their rhythm. */
static struct options options_of(const struct options *options, const struct row *row) {
    struct options one = *options;
    const bool single = row->loss_percent <= 0;
    one.variants[0] = row->variant;
    one.variant_count = 1;
    one.engine = ENGINE_EPOLL;
    one.design = DESIGN_EPOLL;
    one.rate_per_s = row->rate_per_s;
    one.arrivals = single ? ARRIVALS_FIXED : ARRIVALS_POISSON;
    one.series = true;
    /* What the generator is late alone makes no message late. */
    one.late_max_ns = (uint64_t)(row->limits.slack_ms * 1e6);
    one.messages = 0;
    one.warmup_ns = 5 * options->rtt_ns;
    one.duration_ns = (uint64_t)(duration_s(row) / pieces(row) * 1e9);
    one.loss_percent = row->loss_percent;
    if (options->connections <= 1 && !keeps(row->variant)) {
        one.connections = connections(row->rate_per_s);
    }
    if (options->pipeline == 0 && keeps(row->variant)) {
        one.pipeline = window(options, row->rate_per_s);
    }
    if (single) {
        const double before_s = ((double)one.warmup_ns + (double)one.duration_ns / 2) / 1e9;
        one.drop[0] = WIRE_REQUEST + 1;
        one.drop[1] = WIRE_TO_SERVER + 1;
        one.drop[2] = (unsigned)(before_s * row->rate_per_s) + 1;
    }
    return one;
}

/* On each connection, at most. */
static unsigned outstanding(const struct row *row) {
    return keeps(row->variant) ? row->options.pipeline : 1;
}

/* ---- running them ---- */

static double load_of(const struct row *row) {
    return clamp(row->rate_per_s * packets_each(row->variant), LIGHTEST_PER_S, HEAVIEST_PER_S);
}

/*
 * Where one packet is lost nothing else may make a message late: a generator
 * that stood still for so long would, and look like a connection that waits.
 */
static bool counts(const struct row *row, const json_t *run) {
    if (!json_is_true(json_object_get(run, "valid"))) return false;
    if (row->loss_percent > 0) return true;
    const double late_ms = result_number(run, "open_loop.lateness_us.max", 0) / 1e3;
    return result_number(run, "wire.dropped", 0) == 1 && late_ms < row->limits.slack_ms;
}

/* A run may be kept twice, but its series, which is long, only where it counts. */
static bool keep(struct task *task, json_t *run) {
    struct session *s = task->session;
    const bool good = counts(task->row, run);
    (void)json_object_set_new(run, "role", json_string(role_names[ROLE_CONTROL]));
    if (good) (void)json_array_append_new(task->row->runs, json_deep_copy(run));
    const json_t *because = json_array_get(json_object_get(run, "invalid_because"), 0);
    if (because != NULL) (void)snprintf(s->why, sizeof s->why, "%s", json_string_value(because));
    (void)json_object_del(json_object_get(run, "open_loop"), "series_us");
    (void)json_array_append_new(s->runs, run);
    return good;
}

/* The lone runs carry the figure; of the others there are several. */
static unsigned attempts(const struct row *row) {
    return row->loss_percent > 0 ? 2 : 4;
}

/* Whether a run counts does not depend on who waited in it: so trying again is no choice. */
static void *run_task(void *argument) {
    struct task *task = argument;
    struct session *s = task->session;
    bool good = false;
    for (unsigned i = 0; i < attempts(task->row) && !good && !options_interrupted; i++) {
        struct options options = task->row->options;
        char why[WHY_BYTES] = "";
        options.seed = task->seed + i;
        json_t *run = child_run("/proc/self/exe", &options, why, sizeof why);
        (void)pthread_mutex_lock(&s->lock);
        if (run == NULL) memcpy(s->why, why, sizeof why);
        good = run == NULL || keep(task, run);
        (void)pthread_mutex_unlock(&s->lock);
    }
    (void)pthread_mutex_lock(&s->lock);
    s->under_way_per_s -= load_of(task->row);
    s->done++;
    (void)pthread_cond_signal(&s->room);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static void show_progress(const struct session *s) {
    if (s->options->quiet || isatty(STDERR_FILENO) == 0) return;
    (void)fprintf(stderr, "\r%u of %u runs\033[K", s->done, s->task_count);
}

static void clear_progress(const struct session *s) {
    if (s->options->quiet || isatty(STDERR_FILENO) == 0) return;
    (void)fputs("\r\033[K", stderr);
}

/* The first that still fits beside those under way; the heaviest stand first. */
static struct task *find_next(struct session *s) {
    for (unsigned i = 0; i < s->task_count; i++) {
        struct task *task = &s->tasks[i];
        if (!task->started && s->under_way_per_s + load_of(task->row) <= TOGETHER_PER_S) {
            return task;
        }
    }
    return NULL;
}

static struct task *wait_for_room(struct session *s) {
    (void)pthread_mutex_lock(&s->lock);
    struct task *task = find_next(s);
    while (task == NULL) {
        (void)pthread_cond_wait(&s->room, &s->lock);
        task = find_next(s);
    }
    s->under_way_per_s += load_of(task->row);
    show_progress(s);
    (void)pthread_mutex_unlock(&s->lock);
    return task;
}

static void run_all(struct session *s) {
    for (unsigned i = 0; i < s->task_count; i++) {
        struct task *task = wait_for_room(s);
        if (options_interrupted) break;
        task->started = pthread_create(&task->thread, NULL, run_task, task) == 0;
        if (!task->started) break;
    }
    for (unsigned i = 0; i < s->task_count; i++) {
        if (s->tasks[i].started) (void)pthread_join(s->tasks[i].thread, NULL);
    }
    clear_progress(s);
}

/* ---- the plan ---- */

/* A loss that was asked for is the only one by chance. */
static unsigned loss_count(const struct options *options) {
    return options->loss_percent > 0 ? 2 : sizeof losses / sizeof losses[0];
}

static void plan_rows(struct session *s) {
    const struct options *o = s->options;
    for (unsigned rate = 0; rate < o->point_count; rate++) {
        for (unsigned loss = 0; loss < loss_count(o); loss++) {
            for (unsigned v = 0; v < o->variant_count; v++) {
                struct row *row = &s->rows[s->row_count++];
                const bool told = loss > 0 && o->loss_percent > 0;
                row->variant = o->variants[v];
                row->rate_per_s = o->points[rate];
                row->loss_percent = told ? o->loss_percent : losses[loss];
                row->runs = json_array();
                row->limits = who_waits_limits((double)o->rtt_ns / 1e6);
                row->limits.single = row->loss_percent <= 0;
                row->options = options_of(o, row);
            }
        }
    }
}

/* The heaviest first, the others fill the room beside them. */
static int heaviest_first(const void *a, const void *b) {
    const struct task *x = a, *y = b;
    const double one = load_of(x->row), other = load_of(y->row);
    if (one != other) return one < other ? 1 : -1;
    return (x->seed > y->seed) - (x->seed < y->seed); /* else by chance */
}

static void plan_tasks(struct session *s, gsl_rng *random) {
    for (unsigned block = 0; block < s->options->blocks; block++) {
        struct task *first = &s->tasks[s->task_count];
        struct task *next = first;
        for (unsigned i = 0; i < s->row_count; i++) {
            struct row *row = &s->rows[i];
            for (unsigned piece = 0; piece < pieces(row); piece++) {
                *next++ = (struct task){.session = s, .row = row, .seed = gsl_rng_get(random)};
            }
        }
        qsort(first, (size_t)(next - first), sizeof *first, heaviest_first);
        s->task_count += (unsigned)(next - first);
    }
}

/* ---- what came of it ---- */

/* What a message usually takes: as where nothing but one packet is lost. */
static double usual_ms(const struct session *s, const struct row *of) {
    double sum = 0;
    unsigned count = 0;
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct row *row = &s->rows[i];
        if (row->variant != of->variant || row->rate_per_s != of->rate_per_s) continue;
        if (row->loss_percent > 0) continue;
        size_t k;
        json_t *run;
        json_array_foreach(row->runs, k, run) {
            sum += who_waits_median_ms(run);
            count++;
        }
    }
    return count == 0 ? (double)NAN : sum / count;
}

static void add_up(struct session *s) {
    for (unsigned i = 0; i < s->row_count; i++) {
        struct row *row = &s->rows[i];
        size_t k;
        json_t *run;
        row->limits.usual_ms = usual_ms(s, row);
        json_array_foreach(row->runs, k, run) {
            who_waits_add(&row->sum, run, &row->limits);
        }
    }
}

static const char *situation(const struct row *row) {
    return row->loss_percent > 0 ? "random" : "one request";
}

static double highest_rate(const struct session *s) {
    double highest = 0;
    for (unsigned i = 0; i < s->options->point_count; i++) {
        highest = fmax(highest, s->options->points[i]);
    }
    return highest;
}

/* For the figure, where the saw-tooth is finest. */
static json_t *series_of(const struct session *s, const struct row *row) {
    if (row->loss_percent > 0 || row->rate_per_s < highest_rate(s)) return json_null();
    const double rtt_ms = (double)s->options->rtt_ns / 1e6;
    const double gap_ms = 1e3 / row->rate_per_s;
    return who_waits_near(json_array_get(row->runs, 0), fmax(rtt_ms, 5 * gap_ms),
                          fmax(3 * rtt_ms, 15 * gap_ms));
}

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *row_json(const struct session *s, const struct row *row) {
    const double level = 0.95;
    const struct who_waits *sum = &row->sum;
    const struct interval share = who_waits_share(sum, level);
    const double lost = sum->packets_lost;
    json_t *object = json_pack(
        "{s:s,s:f,s:s,s:f,s:i,s:f,s:f,s:f,s:f,s:f}", "variant", row->variant->name, "rate_per_s",
        row->rate_per_s, "situation", situation(row), "loss_percent", row->loss_percent, "runs",
        (int)sum->runs, "sent", sum->sent, "answered", sum->answered, "unanswered", sum->unanswered,
        "packets_lost", lost, "delayed", sum->delayed);
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"delayed_per_loss", lost > 0 ? sum->delayed / lost : (double)NAN},
        {"median_ms", sum->usual_ms},
        {"worst_ms", sum->answered > 0 ? sum->worst_ms : (double)NAN},
        {"delayed_beyond_ms", sum->usual_ms + row->limits.slack_ms},
        {"within_ms", row->limits.within_ms},
        {"lateness_max_ms", row->limits.slack_ms},
        {"within_share", share.value},
        {"ci_low", share.low},
        {"ci_high", share.high},
        {"level", level},
        {"rtt_ms", (double)s->options->rtt_ns / 1e6},
        {"deadline_ms", (double)s->options->deadline_ns / 1e6},
        {"connections", row->options.connections},
        {"pipeline", outstanding(row)},
        {"duration_s", (double)row->options.duration_ns / 1e9},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)json_object_set_new(object, numbers[i].name, number(numbers[i].value));
    }
    (void)json_object_set_new(object, "arrivals",
                              json_string(arrivals_names[row->options.arrivals]));
    (void)json_object_set_new(object, "series_ms", series_of(s, row));
    return object;
}

static int write_files(const struct session *s) {
    const struct options *o = s->options;
    json_t *list = json_array();
    for (unsigned i = 0; i < s->row_count; i++) {
        if (s->rows[i].sum.runs == 0) continue;
        (void)json_array_append_new(list, row_json(s, &s->rows[i]));
    }
    json_t *file = json_pack("{s:s,s:s,s:s,s:I,s:f,s:o,s:O,s:[],s:o}", "schema", "echolab/1",
                             "command", "sweep", "axis", "loss", "seed", (json_int_t)o->seed,
                             "rtt_ms", (double)o->rtt_ns / 1e6, "environment", environment_read(),
                             "runs", s->runs, "comparisons", "who_waits", list);
    int failed = o->json == NULL ? 0 : output_write_json(o->json, file);
    if (failed != 0) (void)complain("cannot write %s: %s", o->json, strerror(-failed));
    const int other = o->csv == NULL ? 0 : output_write_csv(o->csv, s->runs);
    if (other != 0) (void)complain("cannot write %s: %s", o->csv, strerror(-other));
    json_decref(file);
    return failed == 0 && other == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* ---- what a person reads ---- */

static void print_connections(const struct session *s) {
    for (unsigned v = 0; v < s->options->variant_count; v++) {
        const char *between = "";
        printf("  %-16s ", s->options->variants[v]->name);
        for (unsigned i = 0; i < s->row_count; i++) {
            const struct row *row = &s->rows[i];
            if (row->variant != s->options->variants[v] || row->loss_percent > 0) continue;
            printf("%s%u x %u", between, row->options.connections, outstanding(row));
            between = ", ";
        }
        (void)putchar('\n');
    }
}

static void print_head(const struct session *s) {
    const struct options *o = s->options;
    const struct who_waits_limits limits = s->rows[0].limits;
    printf("who waits for a loss: open loop, epoll, %s, RTT %g ms, seed %llu\n",
           placement_names[o->placement], (double)o->rtt_ns / 1e6, (unsigned long long)o->seed);
    puts("One request lost: at equal distances; random loss: a Poisson process.\n"
         "Connections x messages outstanding on each, at most, in the order of the rates:");
    print_connections(s);
    printf("late:  answered, but more than %g ms later than usual (the median of the run with\n"
           "       one loss), the lost one included; worst: the latest, in ms beyond usual\n"
           "gone:  no answer within %g ms; not counted as late\n"
           "in %g ms: the share answered so soon; in its interval misses in a row are one\n\n",
           limits.slack_ms, (double)o->deadline_ns / 1e6, limits.within_ms);
    printf("%-16s %5s %-8s %5s %4s %4s %5s %5s\n", "", "", "", "", "pkts", "", "late/", "worst");
    printf("%-16s %5s %-8s %5s %4s %4s %5s %5s in %g ms %% [95 %%]\n", "variant", "per s", "loss",
           "sent", "lost", "gone", "loss", "ms", limits.within_ms);
}

static void print_row(const struct row *row) {
    const struct who_waits *sum = &row->sum;
    const struct interval share = who_waits_share(sum, 0.95);
    char loss[16] = "1 packet", late[16] = "-";
    if (row->loss_percent > 0) (void)snprintf(loss, sizeof loss, "%g %%", row->loss_percent);
    if (sum->packets_lost > 0) {
        (void)snprintf(late, sizeof late, "%.1f", sum->delayed / sum->packets_lost);
    }
    if (sum->runs == 0) {
        printf("%-16s %5.0f %-8s no valid run\n", row->variant->name, row->rate_per_s, loss);
        return;
    }
    printf("%-16s %5.0f %-8s %5.0f %4.0f %4.0f %5s %5.0f %5.1f [%.3g, %.3g]\n", row->variant->name,
           row->rate_per_s, loss, sum->sent, sum->packets_lost, sum->unanswered, late,
           sum->answered > 0 ? sum->worst_ms : 0, 100 * share.value, 100 * share.low,
           100 * share.high);
}

/* One lost request at the highest rate, in words. */
static void print_words(const struct session *s) {
    for (unsigned i = 0; i < s->row_count; i++) {
        const struct row *row = &s->rows[i];
        const struct who_waits *sum = &row->sum;
        if (row->loss_percent > 0 || row->rate_per_s < highest_rate(s) || sum->runs == 0) continue;
        printf("%s at %.0f/s, one request lost: %.3g late (worst by %.0f ms), %.3g gone.\n",
               row->variant->name, row->rate_per_s, sum->delayed / sum->runs, sum->worst_ms,
               sum->unanswered / sum->runs);
    }
    puts("TCP hands over a connection's bytes in order: all behind the lost request wait\n"
         "(head-of-line blocking). A datagram waits for nobody, nor does a connection\n"
         "of its own.");
}

/* Every row needs a run that counts. */
static unsigned rows_without(const struct session *s) {
    unsigned without = 0;
    for (unsigned i = 0; i < s->row_count; i++) without += s->rows[i].sum.runs == 0;
    return without;
}

static int conclude(struct session *s) {
    if (options_interrupted) return EXIT_INTERRUPTED;
    if (json_array_size(s->runs) == 0) return complain("%s", s->why);
    add_up(s);
    const int status = write_files(s);
    print_head(s);
    for (unsigned i = 0; i < s->row_count; i++) print_row(&s->rows[i]);
    (void)putchar('\n');
    print_words(s);
    const unsigned without = rows_without(s);
    if (status != EXIT_DONE || without == 0) return status;
    (void)complain("%u of %u rows have no valid run; the last reason: %s", without, s->row_count,
                   s->why);
    return EXIT_NOT_VALID;
}

static int measure(struct session *s) {
    const struct options *o = s->options;
    const size_t rows = (size_t)o->point_count * loss_count(o) * o->variant_count;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    s->rows = calloc(rows, sizeof *s->rows);
    s->tasks = calloc(rows * o->blocks * PIECES_MAX, sizeof *s->tasks);
    s->runs = json_array();
    int status = EXIT_FAILED;
    if (random != NULL && s->rows != NULL && s->tasks != NULL && s->runs != NULL) {
        gsl_rng_set(random, o->seed);
        plan_rows(s);
        plan_tasks(s, random);
        options_catch_signals();
        run_all(s);
        status = conclude(s);
    } else {
        (void)complain("no memory for %zu rows", rows);
    }
    for (unsigned i = 0; i < s->row_count; i++) json_decref(s->rows[i].runs);
    json_decref(s->runs);
    free(s->tasks);
    free(s->rows);
    gsl_rng_free(random);
    return status;
}

int command_who_waits(const struct options *options) {
    if (options->messages > 0) {
        (void)complain("a run lasts as long as its losses take: leave out --messages");
        return EXIT_WRONG_USAGE;
    }
    const char *const paths[] = {options->json, options->csv};
    for (int i = 0; i < 2; i++) {
        const int failed = paths[i] == NULL ? 0 : output_check(paths[i]);
        if (failed != 0) return complain("cannot write %s: %s", paths[i], strerror(-failed));
    }
    struct session session = {
        .options = options, .lock = PTHREAD_MUTEX_INITIALIZER, .room = PTHREAD_COND_INITIALIZER};
    return measure(&session);
}
