/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/model.h"
#include "bench/judge/pooled.h"
#include "bench/judge/query.h"
#include "bench/report/figures_fill.h"
#include "bench/run/variant.h"
#include "bench/tell/words.h"

/* Which runs belong in one figure */

/*
 * The runs that share one value of `field`: the value under which most points
 * of the axis were run; of two that are equal in this, the one with more runs.
 */
static json_t *keep_usual(json_t *runs, const char *field, const char *axis) {
    json_t *values = query_values(runs, field), *best = json_array(), *value;
    size_t i, best_points = 0;
    json_array_foreach(values, i, value) {
        json_t *some = query_where(runs, field, value);
        json_t *points = axis == NULL ? NULL : query_values(some, axis);
        const size_t n = json_array_size(points);
        if (n > best_points ||
            (n == best_points && json_array_size(some) > json_array_size(best))) {
            best_points = n;
            json_decref(best);
            best = json_incref(some);
        }
        json_decref(points);
        json_decref(some);
    }
    json_decref(values);
    return best;
}

/* What the session of this run varied; NULL: nothing, or it does not say. */
static const char *swept(const struct measured *measured, const json_t *run) {
    json_t *files = query_where(measured->commands, "file", query_field(run, "file"));
    const char *axis = query_text(json_array_get(files, 0), "axis", NULL);
    json_decref(files);
    return axis;
}

/* A sweep is of its own axis ("size" is that of "size_bytes") and stays there. */
static bool may_show(const struct figure *figure, const char *axis) {
    if (figure->sweep != NULL) return axis != NULL && strcmp(figure->sweep, axis) == 0;
    if (axis == NULL) return true;
    return figure->axis != NULL && strncmp(figure->axis, axis, strlen(axis)) == 0;
}

/* On a wire or not, with loss or without, in an open loop or a closed one: never both. */
json_t *figure_runs(const struct figure *figure, const struct measured *measured) {
    json_t *runs = json_array(), *run;
    size_t i;
    json_array_foreach(measured->runs, i, run) {
        const bool wire = json_is_number(query_field(run, "rtt_ms"));
        const bool loses = query_number(run, "loss_percent") > 0;
        const bool open = query_number(run, "offered_per_s") > 0;
        if (wire != figure->wire || loses != figure->loses || open != figure->open) continue;
        /* Of clients that say nothing there is a sentence, and no time to compare. */
        if (query_number(run, "silent_connections") > 0) continue;
        if (may_show(figure, swept(measured, run))) json_array_append(runs, run);
    }
    return runs;
}

json_t *figure_comparable(const struct figure *figure, json_t *runs, FILE *conditions) {
    json_incref(runs);
    for (size_t i = 0; i < FIGURE_FIXED && figure->fixed[i] != NULL; i++) {
        json_t *fewer = keep_usual(runs, figure->fixed[i], figure->axis);
        json_decref(runs);
        runs = fewer;
        if (json_array_size(runs) == 0) continue;
        char *words = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&words, &length);
        if (out == NULL) continue;
        words_condition(out, figure->fixed[i],
                        query_field(json_array_get(runs, 0), figure->fixed[i]));
        (void)fclose(out);
        if (length > 0) (void)fprintf(conditions, "%s%s", ftell(conditions) > 0 ? ", " : "", words);
        free(words);
    }
    return runs;
}

/* How many messages are outstanding belongs to the variant: each has its own usual depth. */
json_t *figure_runs_of(json_t *runs, const json_t *variant, const char *axis) {
    json_t *all = query_where(runs, "variant", variant);
    if (axis != NULL && strcmp(axis, "pipeline") == 0) return all;
    json_t *usual = keep_usual(all, "pipeline", axis);
    json_decref(all);
    return usual;
}

/* The figures */

/* What a run has of this metric; null where a part of it is not there. */
static json_t *metric_of(const json_t *run, const struct figure_metric *metric) {
    const json_t *value = query_field(run, metric->path);
    if (json_is_null(value) && metric->otherwise != NULL)
        value = query_field(run, metric->otherwise);
    const json_t *over = metric->over == NULL ? NULL : query_field(run, metric->over);
    const json_t *less = metric->minus == NULL ? NULL : query_field(run, metric->minus);
    const json_t *factor = metric->times == NULL ? NULL : query_field(run, metric->times);
    if (!json_is_number(value)) return json_null();
    if (less != NULL && !json_is_number(less)) return json_null();
    if (factor != NULL && !json_is_number(factor)) return json_null();
    if (over != NULL && !(json_number_value(over) > 0)) return json_null();
    return json_real((json_number_value(value) - json_number_value(less)) *
                     (factor == NULL ? 1 : json_number_value(factor)) /
                     (over == NULL ? 1 : json_number_value(over)) *
                     (metric->scale > 0 ? metric->scale : 1));
}

static struct summary summarise_metric(const json_t *runs, const struct figure_metric *metric) {
    json_t *numbers = json_array(), *run;
    size_t i;
    json_array_foreach(runs, i, run) {
        json_array_append_new(numbers, metric_of(run, metric));
    }
    const struct summary summary = summary_of(numbers);
    json_decref(numbers);
    return summary;
}

static void add_median_row(const struct figure *figure, json_t *rows, const json_t *runs,
                           json_t *variant, json_t *point) {
    if (json_array_size(runs) == 0) return;
    json_t *row = json_array();
    json_array_append(row, variant);
    if (point != NULL) json_array_append(row, point);
    size_t count = 0;
    for (size_t i = 0; i < FIGURE_METRICS && figure->metrics[i].column != NULL; i++) {
        const struct summary summary = summarise_metric(runs, &figure->metrics[i]);
        if (summary.count > count) count = summary.count;
        summary_append(row, &summary);
    }
    json_array_append_new(row, json_integer((json_int_t)count));
    if (count > 0) json_array_append(rows, row);
    json_decref(row);
}

/* The names that the figure puts first; the others behind them. */
static json_t *in_order(const struct figure *figure, json_t *points) {
    json_t *ordered = json_array(), *point;
    size_t i;
    for (size_t k = 0; k < FIGURE_ORDER && figure->order[k] != NULL; k++) {
        if (query_contains_text(points, figure->order[k]))
            json_array_append_new(ordered, json_string(figure->order[k]));
    }
    json_array_foreach(points, i, point) {
        query_add_distinct(ordered, point);
    }
    json_decref(points);
    return ordered;
}

/* The values of the axis that were run; none if they are too few to be a figure. */
json_t *figure_points(const struct figure *figure, const json_t *runs) {
    json_t *points = query_values(runs, figure->axis);
    if (json_array_size(points) < figure->points) json_array_clear(points);
    for (size_t i = json_array_size(points); i-- > 0;) {
        if (json_is_null(json_array_get(points, i))) json_array_remove(points, i);
    }
    return in_order(figure, points);
}

void figure_fill_medians(const struct figure *figure, const struct measured *measured, json_t *rows,
                         FILE *conditions) {
    json_t *all_runs = figure_runs(figure, measured), *variant, *point;
    json_t *runs = figure_comparable(figure, all_runs, conditions);
    json_t *points = figure->axis == NULL ? NULL : figure_points(figure, runs);
    size_t i, k;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = figure_runs_of(runs, variant, figure->axis);
        if (figure->axis == NULL) add_median_row(figure, rows, own, variant, NULL);
        json_array_foreach(points, k, point) {
            json_t *all = query_where(own, figure->axis, point);
            /* Where the engine may vary along the axis, it still does not within a point. */
            json_t *here = keep_usual(all, "engine", NULL);
            add_median_row(figure, rows, here, variant, point);
            json_decref(here);
            json_decref(all);
        }
        json_decref(own);
    }
    json_decref(points);
    json_decref(runs);
    json_decref(all_runs);
}

static void add_tail_rows(json_t *rows, json_t *variant, const json_t *runs) {
    struct pooled pool = pooled_of(runs);
    double longer = pool.messages, shown = 1, shown_us = 0;
    for (size_t i = 0; i < pool.count; i++) {
        const struct pooled_bucket *bucket = &pool.buckets[i];
        longer -= bucket->count;
        if (i + 1 < pool.count && bucket[1].upper_ns <= bucket->upper_ns) continue;
        if (longer < POOLED_BEYOND) break;
        /* Steps finer than a pixel only make the file large. */
        const double us = bucket->upper_ns / 1000, share = longer / pool.messages;
        if (us < shown_us * 1.005 && share > shown * 0.98) continue;
        json_t *row = json_array();
        json_array_append(row, variant);
        json_array_append_new(row, json_real(us));
        json_array_append_new(row, json_real(100 * share));
        json_array_append_new(row, json_integer((json_int_t)pool.messages));
        json_array_append_new(rows, row);
        shown_us = us;
        shown = share;
    }
    pooled_release(&pool);
}

void figure_fill_tail(const struct figure *figure, const struct measured *measured, json_t *rows,
                      FILE *conditions) {
    json_t *all = figure_runs(figure, measured), *variant;
    json_t *runs = figure_comparable(figure, all, conditions);
    size_t i;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = figure_runs_of(runs, variant, figure->axis);
        add_tail_rows(rows, variant, own);
        json_decref(own);
    }
    json_decref(runs);
    json_decref(all);
}

/* One core and no wire */

static json_t *where_null(json_t *runs, const char *path) {
    json_t *null = json_null(), *some = query_where(runs, path, null);
    json_decref(runs);
    return some;
}

/* Without sweeps of what else can make a message dear: the rate, the depth, the design. */
static json_t *runs_of_work(const struct measured *measured) {
    json_t *runs = json_array(), *run;
    size_t i;
    json_array_foreach(measured->runs, i, run) {
        const char *axis = swept(measured, run);
        const bool usual =
            axis == NULL || strcmp(axis, "size") == 0 || strcmp(axis, "connections") == 0;
        if (usual && strcmp(query_text(run, "placement", ""), "same-core") == 0)
            json_array_append(runs, run);
    }
    return runs;
}

struct summary figure_work(const struct measured *measured, const char *variant, const char *path) {
    static const struct figure usual = {
        .fixed = {"connections", "size_bytes", "engine", "design", "file"}}; /* of one session */
    json_t *name = json_string(variant), *some, *own;
    char *words = NULL;
    size_t length = 0;
    json_t *runs = runs_of_work(measured);
    const char *const absent[] = {"rtt_ms", "loss_percent", "offered_per_s"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) runs = where_null(runs, absent[i]);
    FILE *nowhere = open_memstream(&words, &length);
    if (nowhere == NULL) {
        json_decref(name);
        json_decref(runs);
        return (struct summary){.count = 0};
    }
    some = figure_comparable(&usual, runs, nowhere);
    (void)fclose(nowhere);
    free(words);
    own = figure_runs_of(some, name, NULL);
    const struct summary summary = summary_of_field(own, path);
    json_decref(own);
    json_decref(some);
    json_decref(runs);
    json_decref(name);
    return summary;
}

/* The wire */

static json_t *runs_with_a_delay(const struct figure *figure, const struct measured *measured) {
    json_t *all = figure_runs(figure, measured), *runs = json_array(), *run;
    size_t i;
    json_array_foreach(all, i, run) {
        if (query_number(run, "rtt_ms") > 0) json_array_append(runs, run);
    }
    json_decref(all);
    return runs;
}

/*
 * The median of each run; its mean where the run is too short to have one, as
 * a message of 100 ms and more is rarely waited for 40 times.
 */
static struct summary typical_latency(const json_t *runs) {
    json_t *numbers = json_array(), *run;
    size_t i;
    json_array_foreach(runs, i, run) {
        json_t *median = query_field(run, "latency_us.p50");
        json_array_append(numbers,
                          json_is_number(median) ? median : query_field(run, "latency_us.mean"));
    }
    const struct summary summary = summary_of(numbers);
    json_decref(numbers);
    return summary;
}

/* One delay of one variant: what was applied, what a message took, what the model says. */
static void add_rtt_row(json_t *rows, json_t *variant, json_t *rtt_ms, const json_t *runs,
                        const struct summary *work) {
    const struct summary latency = typical_latency(runs),
                         applied = summary_of_field(runs, "rtt_applied_ms");
    const char *name = json_string_value(variant);
    const double delay_ms = applied.count > 0 ? applied.median : json_number_value(rtt_ms);
    if (latency.count == 0) return;
    json_t *row = json_array();
    json_array_append(row, variant);
    json_array_append(row, rtt_ms);
    json_array_append_new(row, json_real(delay_ms));
    summary_append(row, &latency);
    const bool known = work->count > 0 && model_round_trips(name) > 0;
    json_array_append_new(row, known ? json_real(model_latency_us(name, work->median, delay_ms))
                                     : json_null());
    json_array_append_new(row, json_integer((json_int_t)latency.count));
    json_array_append_new(rows, row);
}

void figure_fill_rtt(const struct figure *figure, const struct measured *measured, json_t *rows,
                     FILE *conditions) {
    json_t *all = runs_with_a_delay(figure, measured), *variant, *point;
    json_t *runs = figure_comparable(figure, all, conditions);
    json_t *points = figure_points(figure, runs);
    size_t i, k;
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = figure_runs_of(runs, variant, figure->axis);
        const struct summary work =
            figure_work(measured, json_string_value(variant), "latency_us.p50");
        json_array_foreach(points, k, point) {
            json_t *here = query_where(own, figure->axis, point);
            add_rtt_row(rows, variant, point, here, &work);
            json_decref(here);
        }
        json_decref(own);
    }
    json_decref(points);
    json_decref(runs);
    json_decref(all);
}

/* Loss */

enum { HEADERS = 40 + 8, IP_HEADER = 20, MTU = 1500, FRAGMENT_UNIT = 8 }; /* in bytes */

static double packets_of_datagram(double size_bytes) {
    const int most = (MTU - IP_HEADER) / FRAGMENT_UNIT * FRAGMENT_UNIT;
    return size_bytes <= FIGURE_ONE_PACKET ? 1 : ceil((size_bytes + HEADERS) / most);
}

/* What a share of `all` may be by chance, 95 %: Wilson's interval, which holds near 100 % too. */
static void append_share(json_t *row, double some, double all) {
    const double z = 1.96, share = some / all, scale = 1 + z * z / all;
    const double middle = (share + z * z / (2 * all)) / scale;
    const double half = z / scale * sqrt(share * (1 - share) / all + z * z / (4 * all * all));
    json_array_append_new(row, json_real(100 * share));
    json_array_append_new(row, json_real(100 * fmax(0, middle - half)));
    json_array_append_new(row, json_real(100 * fmin(1, middle + half)));
}

static void append_alone(json_t *row, json_t *value) {
    json_array_append_new(row, value);
    json_array_append_new(row, json_null());
    json_array_append_new(row, json_null());
}

struct loss_sums {
    double sent, ok, fragments, packets, exchanges;
};

/* Packets are counted over the whole run, warm-up included, and so are its exchanges. */
static struct loss_sums loss_sums(const json_t *runs) {
    struct loss_sums sums = {0};
    size_t i;
    json_t *run;
    json_array_foreach(runs, i, run) {
        const double each = query_number(run, "per_message.packets");
        const double fragments = query_number(run, "wire.to_server.fragment.packets");
        sums.sent += query_number(run, "messages.sent");
        sums.ok += query_number(run, "messages.ok");
        if (each <= 0) continue;
        sums.exchanges += query_number(run, "wire.packets") / each;
        sums.fragments += fragments;
        sums.packets += fragments + query_number(run, "wire.to_server.request.packets") +
                        query_number(run, "wire.to_server.data.packets");
    }
    return sums;
}

/* All packets of both ways have to arrive; who sends again has no such limit. */
static json_t *predicted_share(const char *name, double size_bytes, double loss_percent) {
    const struct variant *variant = variant_find(name);
    if (variant == NULL || variant->retries || strncmp(name, "udp-", 4) != 0) return json_null();
    return json_real(100 * pow(1 - loss_percent / 100, 2 * packets_of_datagram(size_bytes)));
}

static void add_loss_row(json_t *rows, json_t *variant, json_t *size, const json_t *runs) {
    const struct loss_sums sums = loss_sums(runs);
    if (sums.sent <= 0) return;
    const bool counted = sums.exchanges > 0;
    json_t *row = json_array();
    json_array_append(row, variant);
    json_array_append(row, size);
    append_share(row, sums.ok, sums.sent);
    append_alone(row, counted ? json_real(sums.fragments / sums.exchanges) : json_null());
    append_alone(row, counted ? json_real(sums.packets / sums.exchanges) : json_null());
    append_alone(row, predicted_share(json_string_value(variant), json_number_value(size),
                                      query_number(json_array_get(runs, 0), "loss_percent")));
    json_array_append_new(row, json_integer((json_int_t)sums.sent));
    json_array_append_new(rows, row);
}

void figure_fill_loss(const struct figure *figure, const struct measured *measured, json_t *rows,
                      FILE *conditions) {
    json_t *all = figure_runs(figure, measured), *mtu = json_integer(MTU), *variant, *point;
    json_t *usual = query_where(all, "mtu_bytes", mtu);
    json_t *runs = figure_comparable(figure, usual, conditions);
    json_t *points = figure_points(figure, runs);
    size_t i, k;
    if (json_array_size(points) > 0)
        (void)fprintf(conditions, ", a deadline of %g ms",
                      query_number(json_array_get(runs, 0), "deadline_ms"));
    json_array_foreach(measured->variants, i, variant) {
        json_t *own = figure_runs_of(runs, variant, figure->axis);
        json_array_foreach(points, k, point) {
            json_t *here = query_where(own, figure->axis, point);
            add_loss_row(rows, variant, point, here);
            json_decref(here);
        }
        json_decref(own);
    }
    json_decref(points);
    json_decref(runs);
    json_decref(usual);
    json_decref(mtu);
    json_decref(all);
}
