/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/idle.h"

#include <string.h>

size_t idle_latencies(const struct run *run, double *ms, size_t room) {
    size_t count = 0;
    for (size_t i = 0; i < run->samples.count; i++) {
        const struct samples_bucket *bucket = &run->samples.buckets[i];
        for (uint64_t left = bucket->count; left > 0 && count < room; left--) {
            ms[count++] = (double)bucket->upper_ns / 1e6;
        }
    }
    return count;
}

uint64_t idle_race_gap_ns(uint64_t idle_timeout_ns, uint64_t rtt_ns) {
    return idle_timeout_ns - rtt_ns / 4;
}

static uint64_t known(uint64_t count) {
    return count == FIELD_UNKNOWN ? 0 : count;
}

static void add_error(struct tallies *errors, const struct tally *error) {
    for (size_t i = 0; i < errors->count; i++) {
        if (strcmp(errors->list[i].name, error->name) != 0) continue;
        errors->list[i].count += error->count;
        return;
    }
    tallies_add(errors, error->name, error->count);
}

void idle_race_add(struct idle_race *race, struct tallies *errors, const struct run *run) {
    race->rtt_ms = (double)run->asked.rtt_ns / 1e6;
    race->idle_timeout_ms = (double)run->asked.idle_timeout_ns / 1e6;
    race->gap_ms = (double)run->asked.gap_ns / 1e6;
    race->connections = run->asked.connections;
    race->sent += run->sent;
    race->sent_after_pause += run->sent - known(run_counter(run, "server.accepted"));
    race->met_closed += run->failed;
    race->answered += run->ok;
    race->executed += known(run_counter(run, "server.executed"));
    race->retry_safe = race->executed <= race->answered;
    for (size_t i = 0; i < run->errors.count; i++) add_error(errors, &run->errors.list[i]);
}
