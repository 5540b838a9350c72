/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/pooled.h"
#include "bench/judge/query.h"
#include "bench/report/figures_fill.h"

static json_t *real_or_null(double value) {
    return isnan(value) ? json_null() : json_real(value);
}

static void append(json_t *row, double value) {
    json_array_append_new(row, real_or_null(value));
}

static double number_at(const json_t *run, const char *path) {
    const json_t *value = query_field(run, path);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double median_of(const json_t *runs, const char *path) {
    const struct summary summary = summary_of_field(runs, path);
    return summary.count == 0 ? NAN : summary.median;
}

/* How long one waited for an answer, or for the deadline; NAN: too few lie beyond. */
static double waited_us(const json_t *runs, double percent, double deadline_us) {
    struct pooled pooled = pooled_of(runs);
    const double us = pooled_percentile_us(&pooled, percent);
    pooled_release(&pooled);
    return isinf(us) ? deadline_us : us;
}

struct tail {
    double us, run_low_us, run_high_us; /* of all runs together; of single ones */
};

static struct tail tail_of(const json_t *runs, double percent, double deadline_us) {
    struct tail tail = {.run_low_us = NAN, .run_high_us = NAN};
    tail.us = waited_us(runs, percent, deadline_us);
    for (size_t i = 0; i < json_array_size(runs); i++) {
        json_t *alone = json_pack("[O]", json_array_get(runs, i));
        const double us = waited_us(alone, percent, deadline_us);
        tail.run_low_us = fmin(tail.run_low_us, us); /* of a number and NAN it is the number */
        tail.run_high_us = fmax(tail.run_high_us, us);
        json_decref(alone);
    }
    return tail;
}

static void append_tail(json_t *row, const struct tail *tail) {
    append(row, tail->us);
    append(row, tail->run_low_us);
    append(row, tail->run_high_us);
}

static double messages_of(const json_t *runs, double *answered_percent) {
    struct pooled pooled = pooled_of(runs);
    const double messages = pooled.messages;
    *answered_percent = messages > 0 ? 100 * pooled.answered / messages : NAN;
    pooled_release(&pooled);
    return messages;
}

static double deadline_us(const json_t *runs) {
    return 1e3 * number_at(json_array_get(runs, 0), "deadline_ms");
}

/* Along the rate */

static bool most_are_overloaded(const json_t *runs) {
    size_t i, overloaded = 0;
    json_t *run;
    json_array_foreach(runs, i, run) {
        if (json_is_true(query_field(run, "open_loop.overloaded"))) overloaded++;
    }
    return 2 * overloaded > json_array_size(runs);
}

/* That of the file the runs are from; NAN: not known, or not within the rates. */
static double knee_of(const struct measured *measured, const json_t *runs) {
    const json_t *run = json_array_get(runs, 0);
    size_t i;
    json_t *knee;
    json_array_foreach(measured->knees, i, knee) {
        if (json_equal(query_field(knee, "variant"), query_field(run, "variant")) &&
            json_equal(query_field(knee, "file"), query_field(run, "file")))
            return number_at(knee, "knee_per_s");
    }
    return NAN;
}

static void add_rate_row(json_t *rows, json_t *variant, json_t *rate, const json_t *runs,
                         double knee_per_s) {
    double answered_percent;
    const double deadline = deadline_us(runs);
    if (messages_of(runs, &answered_percent) <= 0) return;
    const struct tail half = tail_of(runs, 50, deadline), slow = tail_of(runs, 99, deadline);
    json_t *row = json_array();
    json_array_append(row, variant);
    json_array_append(row, rate);
    append(row, json_number_value(rate) / median_of(runs, "capacity_per_s"));
    append(row, half.us);
    append_tail(row, &slow);
    append(row, median_of(runs, "service_us.p50"));
    append(row, median_of(runs, "service_us.p99"));
    append(row, median_of(runs, "open_loop.answered_per_s"));
    append(row, answered_percent);
    json_array_append_new(row, json_integer(most_are_overloaded(runs)));
    append(row, knee_per_s);
    append(row, deadline);
    json_array_append_new(row, json_integer((json_int_t)json_array_size(runs)));
    json_array_append_new(rows, row);
}

void figure_fill_rate(const struct figure *figure, const struct measured *measured, json_t *rows,
                      FILE *conditions) {
    json_t *all = figure_runs(figure, measured), *variant, *rate;
    json_t *runs = figure_comparable(figure, all, conditions);
    size_t i, k;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = query_where(runs, "variant", variant);
        json_t *rates = query_values(own, figure->axis);
        const double knee_per_s = knee_of(measured, own);
        json_array_foreach(rates, k, rate) {
            json_t *here = query_where(own, figure->axis, rate);
            add_rate_row(rows, variant, rate, here, knee_per_s);
            json_decref(here);
        }
        json_decref(rates);
        json_decref(own);
    }
    json_decref(runs);
    json_decref(all);
}

/* Tails */

static void add_tails_rows(json_t *rows, json_t *variant, const json_t *runs) {
    static const double percents[] = {50, 90, 99, 99.9};
    double answered_percent;
    const double deadline = deadline_us(runs), messages = messages_of(runs, &answered_percent);
    for (size_t i = 0; i < sizeof percents / sizeof *percents && messages > 0; i++) {
        const struct tail tail = tail_of(runs, percents[i], deadline);
        json_t *row = json_array();
        json_array_append(row, variant);
        append(row, percents[i]);
        append_tail(row, &tail);
        append(row, number_at(json_array_get(runs, 0), "offered_per_s"));
        append(row, answered_percent);
        append(row, deadline);
        json_array_append_new(row, json_integer((json_int_t)messages));
        json_array_append_new(row, json_integer((json_int_t)json_array_size(runs)));
        if (!isnan(tail.us)) json_array_append(rows, row);
        json_decref(row);
    }
}

void figure_fill_tails(const struct figure *figure, const struct measured *measured, json_t *rows,
                       FILE *conditions) {
    json_t *all = figure_runs(figure, measured), *variant;
    json_t *runs = figure_comparable(figure, all, conditions);
    size_t i;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = query_where(runs, "variant", variant);
        add_tails_rows(rows, variant, own);
        json_decref(own);
    }
    json_decref(runs);
    json_decref(all);
}

/* Several at once */

/*
 * A message is sent and received, and so is its reply: four times a part of a
 * call. NAN: one of the four was not counted.
 */
static double messages_per_call(const json_t *run) {
    static const char *const paths[] = {"messages_per.client_send", "messages_per.client_receive",
                                        "messages_per.server_receive", "messages_per.server_send"};
    double calls = 0;
    for (size_t i = 0; i < 4; i++) calls += 1 / number_at(run, paths[i]);
    return 4 / calls;
}

static struct summary summarise_calls(const json_t *runs) {
    json_t *numbers = json_array(), *run;
    size_t i;
    json_array_foreach(runs, i, run) {
        json_array_append_new(numbers, real_or_null(messages_per_call(run)));
    }
    const struct summary summary = summary_of(numbers);
    json_decref(numbers);
    return summary;
}

static void add_pipeline_row(json_t *rows, json_t *variant, json_t *depth, const json_t *runs,
                             const json_t *wire_runs) {
    const struct summary per_s = summary_of_field(runs, "throughput_per_s"),
                         per_call = summarise_calls(runs),
                         per_packet = summary_of_field(wire_runs, "messages_per.packet");
    if (per_s.count == 0) return;
    json_t *row = json_array();
    json_array_append(row, variant);
    json_array_append(row, depth);
    summary_append(row, &per_s);
    summary_append(row, &per_call);
    summary_append(row, &per_packet);
    json_array_append_new(row, json_integer((json_int_t)per_s.count));
    json_array_append_new(rows, row);
}

/* On the loopback a packet is what the kernel hands over whole: only a wire shows how it is cut. */
static json_t *wire_runs_of(const struct figure *figure, const struct measured *measured) {
    struct figure on_wire = *figure;
    FILE *nowhere = fopen("/dev/null", "we");
    on_wire.wire = true;
    json_t *all = figure_runs(&on_wire, measured);
    json_t *runs = nowhere == NULL ? json_array() : figure_comparable(&on_wire, all, nowhere);
    if (nowhere != NULL) (void)fclose(nowhere);
    json_decref(all);
    return runs;
}

void figure_fill_pipeline(const struct figure *figure, const struct measured *measured,
                          json_t *rows, FILE *conditions) {
    json_t *all = figure_runs(figure, measured), *variant, *depth;
    json_t *runs = figure_comparable(figure, all, conditions);
    json_t *depths = figure_points(figure, runs), *wire_runs = wire_runs_of(figure, measured);
    size_t i, k;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = query_where(runs, "variant", variant);
        json_t *own_wire = query_where(wire_runs, "variant", variant);
        json_array_foreach(depths, k, depth) {
            json_t *here = query_where(own, figure->axis, depth);
            json_t *there = query_where(own_wire, figure->axis, depth);
            add_pipeline_row(rows, variant, depth, here, there);
            json_decref(there);
            json_decref(here);
        }
        json_decref(own_wire);
        json_decref(own);
    }
    json_decref(wire_runs);
    json_decref(depths);
    json_decref(runs);
    json_decref(all);
}
