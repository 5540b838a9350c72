/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/per_connection.h"

#include <math.h>

#include "bench/judge/metric.h"
#include "bench/judge/series.h"
#include "bench/judge/typical.h"

double per_connection_model(double fresh, double kept, double messages) {
    return kept + (fresh - kept) / messages;
}

double per_connection_share(double fresh, double kept, double messages) {
    const double all = per_connection_model(fresh, kept, messages);
    return all > 0 ? 100 * (all - kept) / all : 0;
}

double per_connection_below(double fresh, double kept, double percent) {
    const double messages = (fresh - kept) * (100 / percent - 1) / kept;
    return messages < 1 ? 1 : floor(messages) + 1;
}

/* A variant, at so many messages a connection. */
struct point {
    const struct variant *variant;
    unsigned messages;
};

static bool is_at(const struct run *run, const void *key) {
    const struct point *point = key;
    return run->asked.variant == point->variant && run->asked.per_connection == point->messages;
}

static struct middle time_at(const struct runs *runs, const struct variant *variant,
                             unsigned messages) {
    const struct point point = {variant, messages};
    return typical_of(runs, metrics[METRIC_TIME].of, is_at, &point);
}

static void add(struct findings *list, const struct runs *runs, const struct run *first) {
    const struct parameters *asked = &first->asked;
    const struct middle time = time_at(runs, asked->variant, asked->per_connection);
    const double fresh_us = time_at(runs, asked->variant, 1).value;
    const double kept_us = time_at(runs, asked->variant, 0).value;
    const double messages = asked->per_connection > 0 ? asked->per_connection : (double)INFINITY;
    struct per_connection *point = findings_add(list, LIST_PER_CONNECTION);
    if (point == NULL) return;
    point->variant = asked->variant->name;
    point->size_bytes = asked->size_bytes;
    point->rtt_ms = asked->wire ? (double)asked->rtt_ns / 1e6 : (double)NAN;
    point->messages = isfinite(messages) ? messages : (double)NAN;
    point->runs = time.count;
    point->time_us = time.value;
    point->low_us = time.low;
    point->high_us = time.high;
    point->model_us = per_connection_model(fresh_us, kept_us, messages);
    point->share_percent = 100 * (1 - kept_us / time.value);
    if (isfinite(fresh_us) && kept_us > 0) {
        point->below_10_percent = per_connection_below(fresh_us, kept_us, 10);
    }
}

void per_connection_list(struct findings *list, const struct runs *runs) {
    struct series_table table = series_of(runs);
    for (unsigned v = 0; v < variant_count; v++) {
        size_t i = 0;
        for (; (i = series_next(&table, i, variants[v].name)) < table.count; i++) {
            add(list, runs, table.first[i]);
        }
    }
    series_free(&table);
}
