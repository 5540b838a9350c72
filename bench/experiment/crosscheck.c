/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab crosscheck: every tool that is here beside the variant it can be
 * compared with, back to back, in shuffled blocks. A tool that stalls or refuses
 * is said to, and ours goes on.
 */
#include "bench/experiment/crosscheck.h"

#include <errno.h>
#include <ftw.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/cli/commands.h"
#include "bench/judge/statistics.h"
#include "bench/run/child.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"
#include "echo/clock.h"
#include "echo/message.h"

enum { PAIRS_MAX = 32, WHY_BYTES = 512, MISSES_MAX = 2 };

/* One row of the table, and what both sides have shown so far. */
struct pair {
    const struct tool_row *row;
    double *theirs, *ours; /* us, by block; NAN where there is none */
    unsigned missed;       /* runs of theirs without a figure */
    unsigned missed_in_a_row;
    char problem[TOOL_TEXT]; /* of the last of them */
};

struct session {
    const struct options *options;
    gsl_rng *random;
    char paths[TOOL_PROGRAMS][TOOL_PATH]; /* or why there is none */
    bool here[TOOL_PROGRAMS];
    char directory[32];                /* for the tools to work in */
    struct placement_cpus cpus, apart; /* for one flow; for many */
    struct pair pairs[PAIRS_MAX];
    unsigned pair_count;
    json_t *runs;
    uint64_t start_ns;
    unsigned done, failed; /* of ours */
    bool shared;           /* theirs had no network of their own */
    char why[WHY_BYTES];   /* of ours that failed last */
};

/* ---- the plan ---- */

static double *no_figures(unsigned blocks) {
    double *figures = calloc(blocks, sizeof *figures);
    for (unsigned i = 0; figures != NULL && i < blocks; i++) figures[i] = NAN;
    return figures;
}

static int plan(struct session *s) {
    for (int i = 0; i < TOOL_PROGRAMS; i++) {
        s->here[i] = tool_find((enum tool_program)i, s->paths[i]) == 0;
    }
    for (unsigned i = 0; i < tool_row_count && s->pair_count < PAIRS_MAX; i++) {
        const struct tool_row *row = &tool_rows[i];
        if (!s->here[row->server] || !s->here[row->client]) continue;
        if (row->flows > 1 && s->apart.client < 0) continue;
        struct pair *pair = &s->pairs[s->pair_count++];
        pair->row = row;
        pair->theirs = no_figures(s->options->blocks);
        pair->ours = no_figures(s->options->blocks);
        if (pair->theirs == NULL || pair->ours == NULL) return complain("no memory for a session");
    }
    return EXIT_DONE;
}

static int prepare(struct session *s) {
    const struct options *o = s->options;
    int failed = o->json == NULL ? 0 : output_check(o->json);
    if (failed != 0) return complain("cannot write %s: %s", o->json, strerror(-failed));
    failed = placement_choose(&s->cpus, o->placement);
    if (failed != 0) return complain("cannot choose a CPU: %s", strerror(-failed));
    /* With one CPU there are no rows that need two. */
    if (placement_choose(&s->apart, PLACEMENT_CROSS_CORE) != 0) s->apart.client = -1;
    (void)snprintf(s->directory, sizeof s->directory, "/tmp/echolab-XXXXXX");
    if (mkdtemp(s->directory) == NULL) {
        s->directory[0] = '\0';
        return complain("no directory for the tools in /tmp: %s", strerror(errno));
    }
    return plan(s);
}

static int remove_entry(const char *path, const struct stat *its, int kind, struct FTW *where) {
    (void)its;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

static void clean_up(struct session *s) {
    const int descriptors = 8;
    if (s->directory[0] != '\0') {
        (void)nftw(s->directory, remove_entry, descriptors, FTW_DEPTH | FTW_PHYS);
    }
    for (unsigned i = 0; i < s->pair_count; i++) {
        free(s->pairs[i].theirs);
        free(s->pairs[i].ours);
    }
    json_decref(s->runs);
    gsl_rng_free(s->random);
    free(s);
}

/* ---- running ---- */

static void show_progress(const struct session *s, unsigned block, const struct tool_row *row) {
    if (s->options->quiet || isatty(STDERR_FILENO) == 0) return;
    const unsigned all = s->options->blocks * s->pair_count;
    const double gone_s = (double)(echo_clock_ns() - s->start_ns) / 1e9;
    const double left_s = s->done == 0 ? 0 : gone_s / s->done * (all - s->done);
    (void)fprintf(stderr, "\r\033[Kblock %u/%u  pair %u/%u  %s %s  %.0f s left", block + 1,
                  s->options->blocks, s->done + 1, all, row->tool, row->test, left_s);
}

static void run_theirs(struct session *s, unsigned block, struct pair *pair) {
    const uint64_t second_ns = 1000000000;
    if (pair->missed_in_a_row >= MISSES_MAX) return; /* each may cost many seconds */
    const struct tool_job job = {
        .row = pair->row,
        .server = s->paths[pair->row->server],
        .client = s->paths[pair->row->client],
        .directory = s->directory,
        .cpus = pair->row->flows > 1 ? s->apart : s->cpus,
        .profile = s->options->profile,
        .payload_bytes = s->options->size_bytes,
        .seconds = (unsigned)((s->options->duration_ns + second_ns - 1) / second_ns),
        .ready_ns = 5 * second_ns,
        .figure_ns = 5 * second_ns,
    };
    struct tool_outcome outcome;
    tool_run(&job, &outcome);
    if (options_interrupted) return;
    if (!outcome.isolated) s->shared = true;
    const bool missed = outcome.problem[0] != '\0';
    pair->missed += missed;
    pair->missed_in_a_row = missed ? pair->missed_in_a_row + 1 : 0;
    if (missed) memcpy(pair->problem, outcome.problem, sizeof pair->problem);
    if (!missed) pair->theirs[block] = outcome.us;
}

static void run_ours(struct session *s, unsigned block, struct pair *pair) {
    struct options one = *s->options;
    one.variants[0] = variant_find(pair->row->variant);
    one.variant_count = 1;
    one.role = ROLE_VARIANT;
    one.reply_bytes = one.size_bytes;
    one.seed = gsl_rng_get(s->random);
    if (pair->row->flows > 1) {
        one.connections = pair->row->flows;
        one.engine = ENGINE_EPOLL;
        one.design = DESIGN_EPOLL;
        one.placement = PLACEMENT_CROSS_CORE;
    }
    char why[WHY_BYTES];
    json_t *run = child_run("/proc/self/exe", &one, why, sizeof why);
    if (run != NULL && !json_is_true(json_object_get(run, "valid"))) {
        (void)snprintf(
            why, sizeof why, "%s",
            json_string_value(json_array_get(json_object_get(run, "invalid_because"), 0)));
    } else if (run != NULL) {
        pair->ours[block] = result_number(run, pair->row->ours, NAN);
    }
    if (!isfinite(pair->ours[block]) && !options_interrupted) {
        s->failed++;
        memcpy(s->why, why, sizeof s->why);
    }
    if (run == NULL) return;
    (void)json_object_set_new(run, "block", json_integer(block));
    (void)json_object_set_new(run, "beside",
                              json_sprintf("%s %s", pair->row->tool, pair->row->test));
    (void)json_array_append_new(s->runs, run);
}

static void run_blocks(struct session *s) {
    unsigned shuffled[PAIRS_MAX];
    for (unsigned i = 0; i < s->pair_count; i++) shuffled[i] = i;
    s->start_ns = echo_clock_ns();
    for (unsigned block = 0; block < s->options->blocks; block++) {
        gsl_ran_shuffle(s->random, shuffled, s->pair_count, sizeof shuffled[0]);
        for (unsigned i = 0; i < s->pair_count; i++) {
            struct pair *pair = &s->pairs[shuffled[i]];
            const bool theirs_first = gsl_rng_uniform_int(s->random, 2) == 0;
            show_progress(s, block, pair->row);
            if (theirs_first) run_theirs(s, block, pair);
            if (!options_interrupted) run_ours(s, block, pair);
            if (!theirs_first && !options_interrupted) run_theirs(s, block, pair);
            if (options_interrupted) return;
            s->done++;
        }
    }
}

/* ---- what came out ---- */

static struct comparison compare(const struct session *s, const struct pair *pair, double level) {
    const unsigned blocks = s->options->blocks;
    double *values = calloc(2 * (size_t)blocks, sizeof *values);
    size_t count = 0;
    for (unsigned i = 0; values != NULL && i < blocks; i++) {
        if (!isfinite(pair->ours[i]) || !isfinite(pair->theirs[i])) continue;
        values[count] = pair->ours[i];
        values[blocks + count++] = pair->theirs[i];
    }
    const struct comparison c =
        statistics_compare(values, values + blocks, count, level, s->options->margin);
    free(values);
    return c;
}

static double median(const double *figures, unsigned blocks) {
    double *sorted = calloc(blocks, sizeof *sorted);
    size_t count = 0;
    for (unsigned i = 0; sorted != NULL && i < blocks; i++) {
        if (isfinite(figures[i])) sorted[count++] = figures[i];
    }
    const double middle = count == 0 ? NAN : statistics_median(sorted, count);
    free(sorted);
    return middle;
}

/* Two tools agree when the whole interval lies within the margin. */
static const char *agreement(const struct comparison *c) {
    const double low = 1 - c->margin;
    const double high = 1 + c->margin;
    if (c->blocks < STATISTICS_BLOCKS_MIN) return "too few blocks to say";
    if (c->ratio.low >= low && c->ratio.high <= high) return "agree";
    return c->ratio.high < low || c->ratio.low > high ? "differ" : "not decided";
}

static double level_of(const struct session *s) {
    unsigned compared = 0;
    for (unsigned i = 0; i < s->pair_count; i++) {
        compared += compare(s, &s->pairs[i], 0.95).blocks > 0;
    }
    return 1 - 0.05 / (compared > 0 ? compared : 1);
}

/* ---- for a person ---- */

static void print_figure(int width, double us) {
    if (isfinite(us)) {
        printf("%*.2f", width, us);
    } else {
        printf("%*s", width, "-");
    }
}

static void print_pair(const struct session *s, const struct pair *pair, double level) {
    const unsigned blocks = s->options->blocks;
    const struct tool_row *row = pair->row;
    const struct comparison c = compare(s, pair, level);
    char name[32];
    (void)snprintf(name, sizeof name, "%s %s", row->tool, row->test);
    printf("%-16s %-15s", name, row->variant);
    print_figure(10, median(pair->theirs, blocks));
    print_figure(9, median(pair->ours, blocks));
    if (c.blocks > 2) { /* of two the interval spans everything */
        printf("  %.3f [%.3f, %.3f] %3zu", c.ratio.value, c.ratio.low, c.ratio.high, c.blocks);
    } else if (c.blocks > 0) {
        printf("  %.3f %18zu", c.ratio.value, c.blocks);
    }
    (void)putchar('\n');
    if (c.blocks > 0) printf("  within %g %%: %s\n", c.margin * 100, agreement(&c));
    if (pair->missed > 0) {
        printf("  theirs without a figure %u time%s%s:\n  %.76s\n", pair->missed,
               pair->missed == 1 ? "" : "s",
               pair->missed_in_a_row >= MISSES_MAX ? ", then left out" : "", pair->problem);
    }
    for (int i = 0; i < TOOL_NOTES && row->notes[i] != NULL; i++) printf("  %s\n", row->notes[i]);
}

static void print_missing(const struct session *s) {
    for (int i = 0; i < TOOL_PROGRAMS; i++) {
        if (!s->here[i]) printf("%s\n", s->paths[i]);
    }
}

static void print_all(const struct session *s) {
    const struct options *o = s->options;
    printf("other tools beside ours, %s, %u block%s of %g s, seed %llu\n",
           placement_names[o->placement], o->blocks, o->blocks == 1 ? "" : "s",
           (double)o->duration_ns / 1e9, (unsigned long long)o->seed);
    printf("%u bytes on the wire each way (nginx and ab: see there), on %s\n\n",
           ECHO_HEADER_BYTES + o->size_bytes,
           s->shared ? "the host's loopback\n(private networks are denied: not isolated)"
                     : "private networks");
    puts("theirs           ours             theirs us  ours us  ours/theirs          blocks");
    const double level = level_of(s);
    for (unsigned i = 0; i < s->pair_count; i++) print_pair(s, &s->pairs[i], level);
    printf("\nus per whole exchange, medians over blocks; intervals %.1f %%, together 95 %%\n",
           level * 100);
    print_missing(s);
}

/* ---- for a program ---- */

static json_t *number(double value) {
    json_t *real = isfinite(value) ? json_real(value) : NULL;
    return real == NULL ? json_null() : real;
}

static void set(json_t *object, const char *name, json_t *value) {
    (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
}

static json_t *figures_json(const double *figures, unsigned blocks) {
    json_t *list = json_array();
    for (unsigned i = 0; i < blocks; i++) (void)json_array_append_new(list, number(figures[i]));
    return list;
}

static json_t *comparison_json(const struct tool_row *row, const struct comparison *c) {
    json_t *object = json_object();
    set(object, "metric",
        json_string(strcmp(row->ours, "time_per_message_us") == 0 ? "time_per_message"
                                                                  : "mean_latency"));
    set(object, "baseline", json_sprintf("%s %s", row->tool, row->test));
    set(object, "variant", json_string(row->variant));
    set(object, "blocks", json_integer((json_int_t)c->blocks));
    set(object, "ratio", number(c->ratio.value));
    set(object, "ci_low", number(c->ratio.low));
    set(object, "ci_high", number(c->ratio.high));
    set(object, "level", number(c->level));
    set(object, "diff", number(c->diff.value));
    set(object, "diff_ci_low", number(c->diff.low));
    set(object, "diff_ci_high", number(c->diff.high));
    set(object, "p", number(c->p));
    set(object, "margin", number(c->margin));
    set(object, "verdict", json_string(verdict_names[c->verdict]));
    set(object, "agreement", json_string(agreement(c)));
    return object;
}

static json_t *tool_json(const struct session *s, const struct pair *pair) {
    json_t *object = json_object();
    json_t *notes = json_array();
    for (int i = 0; i < TOOL_NOTES && pair->row->notes[i] != NULL; i++) {
        (void)json_array_append_new(notes, json_string(pair->row->notes[i]));
    }
    set(object, "tool", json_string(pair->row->tool));
    set(object, "test", json_string(pair->row->test));
    set(object, "variant", json_string(pair->row->variant));
    set(object, "theirs_us", figures_json(pair->theirs, s->options->blocks));
    set(object, "ours_us", figures_json(pair->ours, s->options->blocks));
    set(object, "missed", json_integer(pair->missed));
    set(object, "problem", pair->missed > 0 ? json_string(pair->problem) : json_null());
    set(object, "notes", notes);
    return object;
}

static json_t *result_file(const struct session *s, json_t *environment) {
    json_t *file = json_object();
    json_t *tools = json_array();
    json_t *comparisons = json_array();
    json_t *missing = json_array();
    const double level = level_of(s);
    for (unsigned i = 0; i < s->pair_count; i++) {
        const struct comparison c = compare(s, &s->pairs[i], level);
        (void)json_array_append_new(tools, tool_json(s, &s->pairs[i]));
        if (c.blocks == 0) continue;
        (void)json_array_append_new(comparisons, comparison_json(s->pairs[i].row, &c));
    }
    for (int i = 0; i < TOOL_PROGRAMS; i++) {
        if (!s->here[i]) (void)json_array_append_new(missing, json_string(s->paths[i]));
    }
    set(file, "schema", json_string("echolab/1"));
    set(file, "command", json_string("crosscheck"));
    set(file, "seed", json_integer((json_int_t)s->options->seed));
    set(file, "interrupted", json_boolean(options_interrupted != 0));
    set(file, "environment", json_incref(environment));
    set(file, "runs", json_incref(s->runs));
    set(file, "tools", tools);
    set(file, "missing", missing);
    set(file, "comparisons", comparisons);
    return file;
}

/* ---- the whole ---- */

static int conclude(const struct session *s, json_t *environment) {
    int status = EXIT_DONE;
    if (s->pair_count == 0) {
        print_missing(s);
        puts("No other tool is here, so nothing was compared.");
    } else {
        print_all(s);
    }
    if (s->options->json != NULL) {
        json_t *file = result_file(s, environment);
        const int failed = output_write_json(s->options->json, file);
        json_decref(file);
        if (failed != 0) {
            status = complain("cannot write %s: %s", s->options->json, strerror(-failed));
        }
    }
    if (s->failed > 0) (void)complain("%u of our own runs are not valid: %s", s->failed, s->why);
    if (status == EXIT_DONE && 2 * s->failed > s->done) status = EXIT_NOT_VALID;
    return options_interrupted ? EXIT_INTERRUPTED : status;
}

int command_crosscheck(const struct options *options) {
    struct session *s = calloc(1, sizeof *s);
    if (s == NULL) return complain("no memory for a session");
    s->options = options;
    s->runs = json_array();
    s->random = gsl_rng_alloc(gsl_rng_mt19937);
    if (s->random != NULL) gsl_rng_set(s->random, options->seed);
    int status = s->random == NULL ? complain("no memory for a session") : prepare(s);
    if (status == EXIT_DONE) {
        json_t *environment = environment_read();
        options_catch_signals();
        run_blocks(s);
        if (!options->quiet && isatty(STDERR_FILENO) != 0) (void)fputs("\r\033[K", stderr);
        status = conclude(s, environment);
        json_decref(environment);
    }
    clean_up(s);
    return status;
}
