/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Over a wire, how long a message takes by its size: slow start, measured beside predicted. */
#include <math.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/judge/models.h"
#include "bench/judge/series.h"
#include "bench/tell/fill.h"

/* In round trips that the wire applied. */
struct point {
    const char *variant;
    double size_bytes, model;
    struct middle latency_us, round_trips;
};

static const struct field fields[] = {{"variant", FIELD_AT(point, TEXT, variant)},
                                      {"size_bytes", FIELD_AT(point, REAL, size_bytes)},
                                      {"latency_us", FIELD_AT(point, REAL, latency_us.value)},
                                      {"runs", FIELD_AT(point, COUNT, latency_us.count)},
                                      {"round_trips", FIELD_AT(point, REAL, round_trips.value)},
                                      {"model", FIELD_AT(point, REAL, model)}};

static double round_trips(const struct run *run) {
    return metric_latency_us(run) * 1e3 / run->wire.applied_rtt_ns;
}

static bool loses_nothing(const struct session *session) {
    return session_is_on_wire(session) && !(session->runs.list[0]->asked.loss_percent > 0);
}

static void add_point(struct story *story, struct grid *grid, const struct series_table *table,
                      size_t series) {
    const struct parameters *asked = &table->first[series]->asked;
    const struct point point = {
        asked->variant->name, asked->size_bytes,
        message_round_trips(asked->variant, asked->size_bytes, asked->reply_bytes),
        series_middle(table, series, metric_latency_us), series_middle(table, series, round_trips)};
    const struct source source = {fields, sizeof fields / sizeof *fields, &point, NULL};
    grid_fill(grid,
              "`{variant}`|{size_bytes:count}|{latency_us:time~}|{round_trips}|{model:count}|"
              "{runs:count}",
              source);
    if (fabs(point.round_trips.value - point.model) > 0.5)
        story_fill(
            story,
            "`{variant}` takes {round_trips} round trips for {size_bytes:count} bytes, where "
            "{model:count} are predicted: its window may have grown less, as "
            "acknowledgments came late, or the packets themselves took long.",
            source);
}

void size_tell(struct story *story, const struct results *results) {
    const struct session *session = results_where(results, "sweep", "size", loses_nothing);
    if (session == NULL) return;
    struct series_table table = series_of(&session->runs);
    struct grid grid = grid_of("variant|bytes|latency|round trips|predicted|runs");
    story_say(story,
              "In round trips: what is larger than the window of a fresh connection, 10 segments "
              "or 14,480 bytes, waits for it to double with each (slow start), request and reply "
              "alike.");
    for (size_t i = 0; (i = series_next(&table, i, NULL)) < table.count; i++)
        add_point(story, &grid, &table, i);
    story_table(story, "numbers", &grid);
    series_free(&table);
}
