/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep life: what share of its cost a connection still is after n
 * messages. The cost of having one is what a message on a fresh connection
 * takes beyond one on a kept connection: connecting, closing, and a window that
 * has not opened yet. From these two the share is computed; over a wire, where
 * it can be seen on a single connection, it is measured too.
 */
#include "bench/experiment/life.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cli/axis.h"
#include "bench/cli/commands.h"
#include "bench/experiment/together.h"
#include "bench/judge/statistics.h"
#include "bench/run/child.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"

enum {
    RTTS_MAX = 3,
    SIZES_MAX = 2,
    CASES_MAX = RTTS_MAX * SIZES_MAX,
    BLOCKS_MAX = 3,  /* each shows the same: what varies is how busy the machine is */
    STEADY = 10,     /* messages of a run over a wire that say what one costs */
    WARM_TRIPS = 15, /* round trips in which a window opens */
    AT_ONCE = 20,
    LARGE = 16384, /* 12 segments, of which a fresh connection may send 10 at once */
    LITTLE = 10    /* percent: what is said to be little */
};

double life_share(double setup_ms, double exchange_ms, double messages) {
    const double all_ms = setup_ms + messages * exchange_ms;
    return all_ms > 0 ? 100 * setup_ms / all_ms : 0;
}

double life_share_measured(double elapsed_ms, double exchange_ms, double messages) {
    return elapsed_ms > 0 ? 100 * (1 - messages * exchange_ms / elapsed_ms) : 0;
}

double life_messages_below(double setup_ms, double exchange_ms, double percent) {
    const double messages = setup_ms * (100 / percent - 1) / exchange_ms;
    return messages < 1 ? 1 : floor(messages) + 1;
}

/* ---- the plan ---- */

/* A round-trip time and a size: one curve. */
struct life_case {
    bool wire;
    uint64_t rtt_ns;
    uint32_t size_bytes;
    double fresh_ms[BLOCKS_MAX], kept_ms[BLOCKS_MAX]; /* of a message: a cycle */
    size_t fresh_count, kept_count;
    double elapsed_ms[OPTIONS_POINTS_MAX][BLOCKS_MAX]; /* on one connection, from connecting on */
    size_t elapsed_count[OPTIONS_POINTS_MAX];
};

struct plan {
    struct options options;
    struct life_case cases[CASES_MAX];
    unsigned case_count;
    const struct variant *fresh, *kept;
    json_t *runs;
    char why[TOGETHER_WHY];
};

/* Which number a run is for. */
struct purpose {
    struct life_case *of;
    double *into; /* BLOCKS_MAX of them */
    size_t *count;
    const char *path; /* of the number in the run */
    double scale;     /* to ms */
};

static void add_cases(struct plan *plan, bool wire, uint64_t rtt_ns) {
    const struct options *o = &plan->options;
    const uint32_t usual = 64;
    const bool one = o->size_bytes != usual;
    const uint32_t sizes[SIZES_MAX] = {o->size_bytes, LARGE};
    for (unsigned i = 0; i < (one ? 1 : SIZES_MAX); i++) {
        plan->cases[plan->case_count++] =
            (struct life_case){.wire = wire, .rtt_ns = rtt_ns, .size_bytes = sizes[i]};
    }
}

static void plan_cases(struct plan *plan) {
    static const uint64_t usual_ns[] = {20000000, 100000000};
    if (plan->options.wire) {
        add_cases(plan, true, plan->options.rtt_ns);
        return;
    }
    add_cases(plan, false, 0);
    for (size_t i = 0; i < sizeof usual_ns / sizeof usual_ns[0]; i++) {
        add_cases(plan, true, usual_ns[i]);
    }
}

static struct options options_of(const struct plan *plan, const struct life_case *c,
                                 const struct variant *variant, gsl_rng *random) {
    struct options one = plan->options;
    one.variants[0] = variant;
    one.variant_count = 1;
    one.size_bytes = one.reply_bytes = c->size_bytes;
    one.engine = ENGINE_BLOCKING;
    one.connections = 1;
    one.wire = c->wire;
    one.rtt_ns = c->rtt_ns;
    one.messages = 0;
    one.role = ROLE_CONTROL;
    one.seed = gsl_rng_get(random);
    return one;
}

static void keep(struct plan *plan, const struct purpose *purpose, json_t *run, const char *why) {
    if (run == NULL) {
        (void)snprintf(plan->why, sizeof plan->why, "%s", why);
        return;
    }
    const double number = result_number(run, purpose->path, NAN) * purpose->scale;
    const bool all = result_number(run, "messages.ok", 0) == result_number(run, "messages.sent", 1);
    if (all && isfinite(number) && *purpose->count < BLOCKS_MAX) {
        purpose->into[(*purpose->count)++] = number;
    }
    (void)json_array_append_new(plan->runs, run);
}

static struct purpose of_fresh(struct life_case *c) {
    return (struct purpose){c, c->fresh_ms, &c->fresh_count, "cycle_us.mean", 1e-3};
}

static struct purpose of_kept(struct life_case *c) {
    return (struct purpose){c, c->kept_ms, &c->kept_count, "cycle_us.mean", 1e-3};
}

/* ---- measuring ---- */

/* On the loopback work counts: one run after the other, the two in turns. */
static void measure_loopback(struct plan *plan, gsl_rng *random) {
    for (unsigned i = 0; i < plan->case_count; i++) {
        struct life_case *c = &plan->cases[i];
        for (unsigned block = 0; !c->wire && block < plan->options.blocks; block++) {
            const struct purpose purposes[] = {of_fresh(c), of_kept(c)};
            const struct variant *both[] = {plan->fresh, plan->kept};
            for (unsigned k = 0; k < 2 && !options_interrupted; k++) {
                char why[TOGETHER_WHY] = "";
                const struct options one = options_of(plan, c, both[k], random);
                keep(plan, &purposes[k], child_run("/proc/self/exe", &one, why, sizeof why), why);
            }
        }
    }
}

/* What a message costs on each, as long as it lasts, the first and those of an opening window
 * aside. */
static struct options steady_options(const struct plan *plan, const struct life_case *c,
                                     const struct variant *variant, gsl_rng *random) {
    struct options one = options_of(plan, c, variant, random);
    one.messages = STEADY;
    one.warmup_ns = 1 + WARM_TRIPS * c->rtt_ns;
    return one;
}

/* All that a connection of so many messages takes. */
static struct options life_options(const struct plan *plan, const struct life_case *c, double point,
                                   gsl_rng *random) {
    struct options one = options_of(plan, c, plan->kept, random);
    one.warmup_ns = 0;
    axis_apply("life", point, &one);
    return one;
}

struct wire_plan {
    struct together *tasks;
    struct purpose *purposes;
    unsigned count;
};

static void add_task(struct wire_plan *w, struct options options, struct purpose purpose) {
    w->tasks[w->count].options = options;
    w->purposes[w->count++] = purpose;
}

static void add_steady(struct plan *plan, struct wire_plan *w, struct life_case *c,
                       gsl_rng *random) {
    add_task(w, steady_options(plan, c, plan->fresh, random), of_fresh(c));
    add_task(w, steady_options(plan, c, plan->kept, random), of_kept(c));
}

static void add_life(struct plan *plan, struct wire_plan *w, struct life_case *c, unsigned point,
                     gsl_rng *random) {
    const struct purpose elapsed = {c, c->elapsed_ms[point], &c->elapsed_count[point], "elapsed_s",
                                    1e3};
    add_task(w, life_options(plan, c, plan->options.points[point], random), elapsed);
}

/* The longest first: most messages, and the longest round trip, which is the last of the cases. */
static void add_all(struct plan *plan, struct wire_plan *w, gsl_rng *random) {
    for (unsigned point = plan->options.point_count + 1; point-- > 0;) {
        for (unsigned i = plan->case_count; i-- > 0;) {
            struct life_case *c = &plan->cases[i];
            for (unsigned block = 0; c->wire && block < plan->options.blocks; block++) {
                if (point > 0) add_life(plan, w, c, point - 1, random);
                if (point == 0) add_steady(plan, w, c, random);
            }
        }
    }
}

static void measure_wire(struct plan *plan, gsl_rng *random) {
    const size_t most =
        (size_t)plan->options.blocks * plan->case_count * (plan->options.point_count + 2) + 1;
    struct wire_plan w = {.tasks = calloc(most, sizeof *w.tasks),
                          .purposes = calloc(most, sizeof *w.purposes)};
    if (w.tasks != NULL && w.purposes != NULL) {
        add_all(plan, &w, random);
        together_run(w.tasks, w.count, AT_ONCE);
        for (unsigned i = 0; i < w.count; i++) {
            keep(plan, &w.purposes[i], w.tasks[i].run, w.tasks[i].why);
        }
    }
    free(w.tasks);
    free(w.purposes);
}

/* ---- telling ---- */

struct costs {
    double setup_ms, exchange_ms;
    bool known;
};

static struct costs costs_of(struct life_case *c) {
    const double fresh_ms = statistics_median(c->fresh_ms, c->fresh_count);
    const double kept_ms = statistics_median(c->kept_ms, c->kept_count);
    return (struct costs){.setup_ms = fresh_ms > kept_ms ? fresh_ms - kept_ms : 0,
                          .exchange_ms = kept_ms,
                          .known = c->fresh_count > 0 && c->kept_count > 0 && kept_ms > 0};
}

/* The median of what was measured at this point, and the smallest and largest; NAN: nothing was. */
static struct interval measured_at(struct life_case *c, const struct costs *costs, unsigned point,
                                   double messages) {
    double *elapsed_ms = c->elapsed_ms[point];
    const size_t count = c->elapsed_count[point];
    if (count == 0) return (struct interval){NAN, NAN, NAN};
    const double middle_ms = statistics_median(elapsed_ms, count); /* which sorts them */
    return (struct interval){
        .value = life_share_measured(middle_ms, costs->exchange_ms, messages),
        .low = life_share_measured(elapsed_ms[0], costs->exchange_ms, messages),
        .high = life_share_measured(elapsed_ms[count - 1], costs->exchange_ms, messages)};
}

static json_t *number_or_null(double number) {
    return isfinite(number) ? json_real(number) : json_null();
}

static json_t *point_json(const struct plan *plan, struct life_case *c, const struct costs *costs,
                          unsigned point) {
    const double messages = plan->options.points[point];
    const struct interval measured = measured_at(c, costs, point, messages);
    return json_pack("{s:f,s:b,s:I,s:I,s:f,s:f,s:f,s:I,s:o,s:o,s:o,s:I}", "rtt_ms",
                     (double)c->rtt_ns / 1e6, "wire", (int)c->wire, "size_bytes",
                     (json_int_t)c->size_bytes, "messages", (json_int_t)messages, "setup_ms",
                     costs->setup_ms, "exchange_ms", costs->exchange_ms, "share_percent",
                     life_share(costs->setup_ms, costs->exchange_ms, messages), "below_10_percent",
                     (json_int_t)life_messages_below(costs->setup_ms, costs->exchange_ms, LITTLE),
                     "measured_percent", number_or_null(measured.value), "low_percent",
                     number_or_null(measured.low), "high_percent", number_or_null(measured.high),
                     "runs", (json_int_t)c->elapsed_count[point]);
}

static void put_where(char *text, size_t size, const struct life_case *c) {
    if (c->wire) {
        (void)snprintf(text, size, "%g ms", (double)c->rtt_ns / 1e6);
    } else {
        (void)snprintf(text, size, "loopback");
    }
}

static void print_costs(struct plan *plan) {
    puts("RTT       bytes    to have one ms   a message ms   less than 10 % left after");
    for (unsigned i = 0; i < plan->case_count; i++) {
        struct life_case *c = &plan->cases[i];
        const struct costs costs = costs_of(c);
        char where[32];
        put_where(where, sizeof where, c);
        if (!costs.known) {
            printf("%-9s %-6u   not measured\n", where, c->size_bytes);
            continue;
        }
        printf("%-9s %-6u %16.4g %14.4g   %.0f messages\n", where, c->size_bytes, costs.setup_ms,
               costs.exchange_ms, life_messages_below(costs.setup_ms, costs.exchange_ms, LITTLE));
    }
}

static void print_cell(struct plan *plan, struct life_case *c, unsigned point) {
    const struct costs costs = costs_of(c);
    const double messages = plan->options.points[point];
    char cell[32] = "-";
    if (costs.known) {
        const double share = life_share(costs.setup_ms, costs.exchange_ms, messages);
        const double measured = measured_at(c, &costs, point, messages).value;
        if (isfinite(measured)) {
            (void)snprintf(cell, sizeof cell, "%.0f (%.0f)", share, measured);
        } else {
            (void)snprintf(cell, sizeof cell, "%.0f", share);
        }
    }
    printf("%12s", cell);
}

static void print_shares(struct plan *plan) {
    char text[32];
    printf("\n%8s", "");
    for (unsigned i = 0; i < plan->case_count; i++) {
        put_where(text, sizeof text, &plan->cases[i]);
        printf("%12s", text);
    }
    printf("\n%-8s", "messages");
    for (unsigned i = 0; i < plan->case_count; i++) printf("%10u B", plan->cases[i].size_bytes);
    putchar('\n');
    for (unsigned point = 0; point < plan->options.point_count; point++) {
        printf("%8.0f", plan->options.points[point]);
        for (unsigned i = 0; i < plan->case_count; i++) print_cell(plan, &plan->cases[i], point);
        putchar('\n');
    }
}

static int write_json(struct plan *plan) {
    const struct options *o = &plan->options;
    if (o->json == NULL) return EXIT_DONE;
    json_t *list = json_array();
    for (unsigned i = 0; i < plan->case_count; i++) {
        const struct costs costs = costs_of(&plan->cases[i]);
        for (unsigned point = 0; costs.known && point < o->point_count; point++) {
            (void)json_array_append_new(list, point_json(plan, &plan->cases[i], &costs, point));
        }
    }
    json_t *file = json_pack("{s:s,s:s,s:s,s:I,s:o,s:O,s:[],s:o}", "schema", "echolab/1", "command",
                             "sweep", "axis", "life", "seed", (json_int_t)o->seed, "environment",
                             environment_read(), "runs", plan->runs, "comparisons", "life", list);
    const int failed = output_write_json(o->json, file);
    json_decref(file);
    return failed == 0 ? EXIT_DONE : complain("cannot write %s: %s", o->json, strerror(-failed));
}

static int measure_and_tell(struct plan *plan, gsl_rng *random) {
    measure_loopback(plan, random);
    measure_wire(plan, random);
    if (options_interrupted) return EXIT_INTERRUPTED;
    if (json_array_size(plan->runs) == 0) return complain("%s", plan->why);
    printf("what a connection costs, %u run%s each, seed %llu\n"
           "to have one: what a message of %s takes beyond one of %s\n\n",
           plan->options.blocks, plan->options.blocks == 1 ? "" : "s",
           (unsigned long long)plan->options.seed, plan->fresh->name, plan->kept->name);
    print_costs(plan);
    puts("\nshare of its cost in the time for so many messages, in %: computed from the above,\n"
         "and in brackets measured on one connection (without its closing)");
    print_shares(plan);
    if (*plan->why != '\0') printf("Not all was measured: %s.\n", plan->why);
    return write_json(plan);
}

static bool takes_default_variants(const struct options *options) {
    unsigned core = 0;
    for (unsigned i = 0; i < variant_count; i++) core += variants[i].core;
    for (unsigned i = 0; i < options->variant_count; i++) {
        if (!options->variants[i]->core) return false;
    }
    return options->variant_count == core;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int command_life(const struct options *options) {
    const int failed = options->json == NULL ? 0 : output_check(options->json);
    if (failed != 0) return complain("cannot write %s: %s", options->json, strerror(-failed));
    struct plan plan = {.options = *options,
                        .fresh = variant_find("tcp-per-message"),
                        .kept = variant_find("tcp-persistent")};
    if (!takes_default_variants(options)) {
        (void)complain("sweep life is about %s beside %s: it takes no variants", plan.fresh->name,
                       plan.kept->name);
        return EXIT_WRONG_USAGE;
    }
    if (options->host != NULL) {
        (void)complain("sweep life measures with a server of its own: it takes no --host");
        return EXIT_WRONG_USAGE;
    }
    if (plan.options.blocks > BLOCKS_MAX) plan.options.blocks = BLOCKS_MAX;
    qsort(plan.options.points, plan.options.point_count, sizeof plan.options.points[0], ascending);
    plan.runs = json_array();
    plan_cases(&plan);
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    int status = EXIT_FAILED;
    if (random == NULL) {
        status = complain("no memory for the plan");
    } else {
        gsl_rng_set(random, options->seed);
        options_catch_signals();
        status = measure_and_tell(&plan, random);
        gsl_rng_free(random);
    }
    json_decref(plan.runs);
    return status;
}
