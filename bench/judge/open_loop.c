/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/open_loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/pooled.h"
#include "bench/judge/statistics.h"
#include "bench/run/result.h"
#include "bench/tell/lines.h"

/*
 * Where requests come at random and wait for one server, times grow as
 * 1 / (1 - utilisation): to 5 times at four fifths of what it can carry. The
 * least below, not that of the lowest rate: a CPU that hardly works falls
 * asleep between requests and is slower at first.
 */
static const double knee_times = 5;

static const char rule[] =
    "the highest rate up to which p99 is within 5 times the least p99 at a lower rate "
    "and at most half of the runs are overloaded";

bool open_loop_is(const json_t *run) {
    return result_number(run, "offered_per_s", NAN) > 0;
}

static bool is_valid(const json_t *run) {
    return json_is_true(json_object_get(run, "valid"));
}

static double deadline_us(const json_t *run) {
    return 1e3 * result_number(run, "deadline_ms", NAN);
}

/* ---- the messages of a run ---- */

static double missed_of(const json_t *run) {
    return result_number(run, "messages.lost", 0) + result_number(run, "messages.failed", 0);
}

static const char *path_of(double percent) {
    return percent < 90 ? "latency_us.p50" : "latency_us.p99";
}

double open_loop_percentile_us(const json_t *run, double percent) {
    if (missed_of(run) == 0) return result_number(run, path_of(percent), NAN);
    json_t *alone = json_pack("[O]", run);
    struct pooled pooled = pooled_of(alone);
    const double us = pooled_percentile_us(&pooled, percent);
    pooled_release(&pooled);
    json_decref(alone);
    return us;
}

double open_loop_waited_us(const json_t *run, double percent) {
    const double us = open_loop_percentile_us(run, percent);
    return isinf(us) ? deadline_us(run) : us;
}

/* ---- one variant at one rate ---- */

struct summary {
    unsigned runs, valid, overloaded; /* of the valid ones */
    double offered_per_s, capacity_per_s, answered_per_s, answered_percent;
    double p50, p99, p999;                     /* of all valid runs together */
    double lowest, highest;                    /* p99 of one run */
    double service_p50, service_p99, late_p99; /* medians of the runs' */
    double deadline_us;
};

static double median_at(const json_t *runs, const char *path) {
    double *values = calloc(json_array_size(runs) + 1, sizeof *values);
    size_t count = 0;
    for (size_t i = 0; values != NULL && i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        const double value = is_valid(run) ? result_number(run, path, NAN) : NAN;
        if (!isnan(value)) values[count++] = value;
    }
    const double median = count == 0 ? NAN : statistics_median(values, count);
    free(values);
    return median;
}

static void add_run(struct summary *s, json_t *pooled_runs, json_t *run) {
    s->offered_per_s = result_number(run, "offered_per_s", NAN);
    s->capacity_per_s = result_number(run, "capacity_per_s", NAN);
    s->deadline_us = deadline_us(run);
    s->runs++;
    if (!is_valid(run)) return;
    s->valid++;
    if (json_is_true(json_object_get(json_object_get(run, "open_loop"), "overloaded")))
        s->overloaded++;
    (void)json_array_append(pooled_runs, run);
    const double p99 = open_loop_percentile_us(run, 99);
    s->lowest = fmin(s->lowest, p99); /* of a number and NAN it is the number */
    s->highest = fmax(s->highest, p99);
}

static struct summary summary_of(const json_t *runs) {
    struct summary s = {.lowest = NAN, .highest = NAN};
    json_t *valid = json_array();
    for (size_t i = 0; i < json_array_size(runs); i++) add_run(&s, valid, json_array_get(runs, i));
    struct pooled pooled = pooled_of(valid);
    s.answered_percent = pooled.messages > 0 ? 100 * pooled.answered / pooled.messages : NAN;
    s.p50 = pooled_percentile_us(&pooled, 50);
    s.p99 = pooled_percentile_us(&pooled, 99);
    s.p999 = pooled_percentile_us(&pooled, 99.9);
    pooled_release(&pooled);
    json_decref(valid);
    s.service_p50 = median_at(runs, "service_us.p50");
    s.service_p99 = median_at(runs, "service_us.p99");
    s.late_p99 = median_at(runs, "open_loop.lateness_us.p99");
    s.answered_per_s = median_at(runs, "open_loop.answered_per_s");
    return s;
}

/* ---- cells ---- */

enum { CELL = LINES_TIME };

/* ">2s", rounded down so that it stays true. */
static void write_beyond(char cell[CELL], double us) {
    if (us < 1e4) {
        (void)snprintf(cell, CELL, ">%.0f", floor(us));
    } else if (us < 1e6) {
        (void)snprintf(cell, CELL, ">%.0fms", floor(us / 1e3));
    } else if (us < 1e7) {
        (void)snprintf(cell, CELL, ">%gs", floor(us / 1e4) / 100);
    } else {
        (void)snprintf(cell, CELL, ">%.0fs", floor(us / 1e6));
    }
}

static const char *time_cell(char cell[CELL], const struct summary *s, double us, int width) {
    if (isnan(us)) {
        (void)snprintf(cell, CELL, "-");
    } else if (isinf(us)) {
        write_beyond(cell, s->deadline_us);
    } else {
        (void)lines_time(cell, us, width);
    }
    return cell;
}

/* In a column of at least 6, one of them a space. */
static void print_time(FILE *out, int width, const struct summary *s, double us) {
    char cell[CELL];
    (void)fprintf(out, "%*s", width, time_cell(cell, s, us, width - 1));
}

/* "[123, 4567]", the 99th percentiles of single runs. */
static void print_spread(FILE *out, int width, const struct summary *s) {
    char low[CELL];
    char high[CELL];
    char cell[2 * CELL + 8] = "-";
    if (!isnan(s->lowest)) {
        (void)time_cell(low, s, s->lowest, 5);
        (void)time_cell(high, s, s->highest, 5);
        const bool tight = strlen(low) + strlen(high) > 10;
        (void)snprintf(cell, sizeof cell, "[%s,%s%s]", low, tight ? "" : " ", high);
    }
    (void)fprintf(out, "%*s", width, cell);
}

static const char *rate_cell(char cell[CELL], double per_s) {
    if (isnan(per_s)) {
        (void)snprintf(cell, CELL, "-");
    } else {
        (void)snprintf(cell, CELL, per_s < 999999.5 ? "%.0f" : "%.3gM",
                       per_s < 999999.5 ? per_s : per_s / 1e6);
    }
    return cell;
}

static void print_rate(FILE *out, int width, double per_s) {
    char cell[CELL];
    (void)fprintf(out, "%*s", width, rate_cell(cell, per_s));
}

/* Rounded down: 99.999 % are not all. */
static void print_percent(FILE *out, int width, double percent) {
    if (isnan(percent)) {
        (void)fprintf(out, "%*s", width, "-");
    } else {
        (void)fprintf(out, "%*.2f", width, floor(100 * percent + 1e-9) / 100);
    }
}

/* ---- the table of a point ---- */

void open_loop_print_head(FILE *out) {
    (void)fputs("variant          offered  answ.    p50    p99 [of one run]  p99.9  serv.  late\n"
                "                   per s      %     us     us            us     us    p99   p99\n",
                out);
}

void open_loop_print_row(FILE *out, const char *name, const json_t *runs) {
    const struct summary s = summary_of(runs);
    (void)fprintf(out, "%-17s", name);
    print_rate(out, 7, s.offered_per_s);
    print_percent(out, 7, s.answered_percent);
    print_time(out, 7, &s, s.p50);
    print_time(out, 7, &s, s.p99);
    print_spread(out, 15, &s);
    print_time(out, 7, &s, s.p999);
    print_time(out, 7, &s, s.service_p99);
    print_time(out, 6, &s, s.late_p99);
    (void)fputc('\n', out);
    if (s.valid == 0) (void)fputs("  no valid run\n", out);
    if (s.overloaded == 0) return;
    (void)fprintf(out, "  overloaded in %u of %u runs: not answered at the rate it came\n",
                  s.overloaded, s.valid);
}

void open_loop_print_notes(FILE *out) {
    lines_print(out, "",
                "Open loop: latency counts from when a request was due. Percentiles are over the "
                "messages of all runs, in brackets the lowest and the highest p99 of one run; - "
                "where fewer than 20 messages lie beyond. Lost ones rank above all others (in a "
                "verdict: as long as the deadline). serv.: from the first byte sent, late: the "
                "generator's own lateness, both medians of the runs'.");
}

/* ---- along the rate ---- */

/* Runs of one variant, by rate: the lowest first. */
struct rates {
    const char *variant, *build;
    struct summary *at;
    size_t count;
};

static bool is_of(const json_t *run, const char *variant, const char *build) {
    return open_loop_is(run) && strcmp(result_text(run, "role"), "variant") == 0 &&
           strcmp(result_text(run, "variant"), variant) == 0 &&
           strcmp(result_text(run, "build"), build) == 0;
}

static int by_number(const void *a, const void *b) {
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The distinct rates of a variant, ascending; how many. */
static size_t find_rates(const json_t *runs, const struct rates *of, double *rates) {
    size_t all = 0;
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        if (is_of(run, of->variant, of->build))
            rates[all++] = result_number(run, "offered_per_s", 0);
    }
    qsort(rates, all, sizeof *rates, by_number);
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (count == 0 || rates[count - 1] != rates[i]) rates[count++] = rates[i];
    }
    return count;
}

static struct summary summary_at(const json_t *runs, const struct rates *of, double per_s) {
    json_t *some = json_array();
    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *run = json_array_get(runs, i);
        if (!is_of(run, of->variant, of->build)) continue;
        if (result_number(run, "offered_per_s", 0) == per_s) (void)json_array_append(some, run);
    }
    const struct summary summary = summary_of(some);
    json_decref(some);
    return summary;
}

static struct rates rates_of(const json_t *runs, const json_t *like) {
    struct rates of = {.variant = result_text(like, "variant"),
                       .build = result_text(like, "build")};
    double *rates = calloc(json_array_size(runs) + 1, sizeof *rates);
    of.at = calloc(json_array_size(runs) + 1, sizeof *of.at);
    if (rates != NULL && of.at != NULL) of.count = find_rates(runs, &of, rates);
    for (size_t i = 0; i < of.count; i++) of.at[i] = summary_at(runs, &of, rates[i]);
    free(rates);
    return of;
}

/* The first run of each variant, in the order of the plan, which the runs record as `column`. */
static json_t *first_runs(const json_t *runs) {
    json_t *firsts = json_array();
    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *run = json_array_get(runs, i);
        if (!is_of(run, result_text(run, "variant"), result_text(run, "build"))) continue;
        const double column = result_number(run, "column", 0);
        size_t place = json_array_size(firsts);
        bool known = false;
        for (size_t j = json_array_size(firsts); j-- > 0;) {
            const json_t *first = json_array_get(firsts, j);
            known = known || is_of(first, result_text(run, "variant"), result_text(run, "build"));
            if (result_number(first, "column", 0) > column) place = j;
        }
        if (!known) (void)json_array_insert(firsts, place, run);
    }
    return firsts;
}

struct knee {
    double held_per_s, broken_per_s; /* NAN: there is none */
    const char *because;             /* what ended the search; NULL: the rates did */
};

static const char *why_broken(const struct summary *s, double least_p99) {
    if (2 * s->overloaded > s->valid) return "overloaded";
    if (isinf(s->p99) || s->p99 > knee_times * least_p99) return "p99";
    return NULL;
}

static struct knee find_knee(const struct rates *of) {
    struct knee knee = {.held_per_s = NAN, .broken_per_s = NAN};
    double least_p99 = INFINITY;
    for (size_t i = 0; i < of->count; i++) {
        const struct summary *s = &of->at[i];
        if (s->valid == 0) {
            knee.because =
                "not valid"; /* the generator may not keep up: what is above is unknown */
            return knee;
        }
        least_p99 = fmin(least_p99, s->p99);
        knee.because = why_broken(s, least_p99);
        if (knee.because != NULL) {
            knee.broken_per_s = s->offered_per_s;
            return knee;
        }
        if (!isnan(s->p99)) knee.held_per_s = s->offered_per_s; /* else: nothing is known */
    }
    return knee;
}

static bool knee_is_inside(const struct knee *knee) {
    return !isnan(knee->held_per_s) && !isnan(knee->broken_per_s);
}

static double capacity_of(const struct rates *of) {
    return of->count == 0 ? NAN : of->at[0].capacity_per_s;
}

static void print_rate_row(FILE *out, const struct summary *s) {
    print_rate(out, 9, s->offered_per_s);
    if (isnan(s->capacity_per_s)) {
        (void)fprintf(out, "%7s", "-");
    } else {
        (void)fprintf(out, "%7.2f", s->offered_per_s / s->capacity_per_s);
    }
    print_rate(out, 10, s->answered_per_s);
    print_time(out, 8, s, s->p50);
    print_time(out, 8, s, s->p99);
    print_spread(out, 15, s);
    print_time(out, 7, s, s->service_p50);
    print_time(out, 6, s, s->late_p99);
    if (s->valid == 0) {
        (void)fputs("  no valid", out);
    } else if (s->overloaded > 0) {
        (void)fprintf(out, "%6u/%u", s->overloaded, s->valid);
    }
    (void)fputc('\n', out);
}

static void print_knee(FILE *out, const struct rates *of, const struct knee *knee) {
    char held[CELL];
    char broken[CELL];
    const bool overloaded = knee->because != NULL && strcmp(knee->because, "overloaded") == 0;
    const char *what = overloaded ? "overloaded" : "beyond in p99";
    (void)rate_cell(held, knee->held_per_s);
    (void)rate_cell(broken, knee->broken_per_s);
    if (knee_is_inside(knee)) {
        (void)fprintf(out, "knee: %s/s", held);
        if (!isnan(capacity_of(of))) {
            (void)fprintf(out, ", %.2f of its capacity", knee->held_per_s / capacity_of(of));
        }
        (void)fprintf(out, " (at %s/s %s)\n", broken, what);
    } else if (!isnan(knee->broken_per_s)) {
        (void)fprintf(out, "no knee inside these rates: already at %s/s %s\n", broken, what);
    } else if (!isnan(knee->held_per_s)) {
        (void)fprintf(out, "no knee inside these rates: it is above %s/s%s\n", held,
                      knee->because == NULL ? "" : ", as far as runs are valid");
    } else {
        (void)fputs("no knee: too few messages for a p99, or no valid run\n", out);
    }
}

static void print_variant(FILE *out, const struct rates *of) {
    char capacity[CELL];
    const struct knee knee = find_knee(of);
    (void)fprintf(out, "\n%s%s", of->variant, *of->build == '\0' ? "" : " (the other build)");
    if (!isnan(capacity_of(of))) {
        (void)fprintf(out, ", capacity in a closed loop %s/s",
                      rate_cell(capacity, capacity_of(of)));
    }
    (void)fputs("\n  offered  share  answered     p50     p99   [of one run]  serv.  late  over-\n"
                "    per s            per s      us      us             us    p50   p99  loaded\n",
                out);
    for (size_t i = 0; i < of->count; i++) print_rate_row(out, &of->at[i]);
    print_knee(out, of, &knee);
}

void open_loop_print_rates(FILE *out, const json_t *runs) {
    json_t *firsts = first_runs(runs);
    for (size_t i = 0; i < json_array_size(firsts); i++) {
        struct rates of = rates_of(runs, json_array_get(firsts, i));
        print_variant(out, &of);
        free(of.at);
    }
    if (json_array_size(firsts) > 0) {
        (void)fputc('\n', out);
        lines_print(out, "", "knee: %s.", rule);
        open_loop_print_notes(out);
    }
    json_decref(firsts);
}

static json_t *number(double value) {
    json_t *real = json_real(value);
    return real == NULL ? json_null() : real;
}

static json_t *knee_json(const struct rates *of) {
    const struct knee knee = find_knee(of);
    const double knee_per_s = knee_is_inside(&knee) ? knee.held_per_s : NAN;
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s?, s:s}", "variant", of->variant,
                     "build", of->build, "capacity_per_s", number(capacity_of(of)), "knee_per_s",
                     number(knee_per_s), "share", number(knee_per_s / capacity_of(of)),
                     "held_per_s", number(knee.held_per_s), "broken_per_s",
                     number(knee.broken_per_s), "because", knee.because, "rule", rule);
}

json_t *open_loop_knees(const json_t *runs) {
    json_t *knees = json_array();
    json_t *firsts = first_runs(runs);
    for (size_t i = 0; i < json_array_size(firsts); i++) {
        struct rates of = rates_of(runs, json_array_get(firsts, i));
        (void)json_array_append_new(knees, knee_json(&of));
        free(of.at);
    }
    json_decref(firsts);
    return knees;
}
