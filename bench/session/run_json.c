/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/run.h"
#include "bench/session/json.h"
#include "bench/session/session.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- facts ---- */

json_t *fact_to_json(const struct fact *fact) {
    switch (fact->kind) {
    case FACT_TEXT: return json_string(fact->text);
    case FACT_TRUTH: return json_boolean(fact->number != 0);
    case FACT_NUMBER:
        return fact->number == (double)(json_int_t)fact->number
                   ? json_integer((json_int_t)fact->number)
                   : json_real(fact->number);
    case FACT_UNKNOWN: break;
    }
    return json_null();
}

/* "after.load" into the object "after"; "sysctls.net.core.somaxconn" has a name with dots. */
static void put_fact(json_t *object, const char *name, json_t *value) {
    const char *dot = strchr(name, '.');
    if (dot == NULL) {
        (void)json_object_set_new(object, name, value);
        return;
    }
    const size_t length = (size_t)(dot - name);
    if (json_object_getn(object, name, length) == NULL)
        (void)json_object_setn_new(object, name, length, json_object());
    object = json_object_getn(object, name, length);
    if (strncmp(name, "after.", length + 1) == 0)
        put_fact(object, dot + 1, value);
    else
        (void)json_object_set_new(object, dot + 1, value);
}

json_t *facts_to_json(const struct facts *facts) {
    json_t *object = json_object();
    for (size_t i = 0; i < facts->count; i++)
        put_fact(object, facts->list[i].name, fact_to_json(&facts->list[i]));
    return object;
}

static struct fact fact_from_json(const json_t *value) {
    if (json_is_string(value)) return fact_text(json_string_value(value));
    if (json_is_number(value)) return fact_number(json_number_value(value));
    return json_is_boolean(value) ? fact_truth(json_is_true(value)) : (struct fact){0};
}

void facts_from_json(struct facts *facts, const char *before, const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        char deeper[256];
        (void)snprintf(deeper, sizeof deeper, "%s%s.", before, key);
        if (json_is_object(value))
            facts_from_json(facts, deeper, value);
        else
            facts_take(facts, fact_from_json(value), "%s%s", before, key);
    }
}

/* ---- lists ---- */

static json_t *tallies_json(const struct tallies *tallies) {
    json_t *object = json_object();
    for (size_t i = 0; i < tallies->count; i++) {
        const uint64_t count = tallies->list[i].count;
        json_t *value = count == FIELD_UNKNOWN ? json_null() : json_integer((json_int_t)count);
        (void)json_object_set_new(object, tallies->list[i].name, value);
    }
    return object;
}

static bool read_tallies(const struct reading *reading, const char *where, const json_t *object,
                         const char *name, struct tallies *tallies) {
    const char *key;
    json_t *value;
    char text[64];
    if (!json_is_object(json_object_get(object, name)))
        return reading_wrong(reading, "%s.%s is missing; it has to be an object", where, name);
    json_object_foreach(json_object_get(object, name), key, value) {
        const bool null = json_is_null(value);
        if (!null && (!json_is_integer(value) || json_integer_value(value) < 0))
            return reading_wrong(reading, "%s.%s.%s is %s; a count is never negative", where, name,
                                 key, reading_shown(value, text, sizeof text));
        tallies_add(tallies, key, null ? FIELD_UNKNOWN : (uint64_t)json_integer_value(value));
    }
    return true;
}

static const struct field bucket_fields[] = {
    {NULL, FIELD_AT(samples_bucket, COUNT, upper_ns), .need = FIELD_SURE},
    {NULL, FIELD_AT(samples_bucket, COUNT, count), .need = FIELD_SURE}};
static const struct rows buckets = {sizeof(struct samples_bucket), bucket_fields, 2};

/* From the beginning of the counted time; null: no answer. */
static const struct field point_fields[] = {
    {NULL, FIELD_AT(load_point, TIME, due_ns), .unit = 1e3, .need = FIELD_SURE},
    {NULL, FIELD_AT(load_point, TIME, latency_ns), .unit = 1e3}};
static const struct rows points = {sizeof(struct load_point), point_fields, 2};

static bool read_samples(const struct reading *reading, const char *where, const json_t *object,
                         struct samples *samples) {
    const json_t *pairs = json_object_get(object, "histogram_ns");
    char text[64];
    if (!json_is_array(pairs))
        return reading_wrong(reading, "%s.histogram_ns is missing; it has to be a list", where);
    const size_t right = rows_read(&buckets, pairs, (void **)&samples->buckets);
    for (size_t i = 0; i < right; i++) {
        const struct samples_bucket *bucket = &samples->buckets[i];
        if (i > 0 && bucket->upper_ns <= bucket[-1].upper_ns) break;
        samples->answered += bucket->count;
        samples->count++;
    }
    if (samples->count == json_array_size(pairs)) return true;
    return reading_wrong(reading,
                         "%s.histogram_ns[%zu] is %s; it has to be [upper bound, count], two whole "
                         "numbers of 0 or more, ascending",
                         where, samples->count,
                         reading_shown(json_array_get(pairs, samples->count), text, sizeof text));
}

#define TALLY(member_)                                                                             \
    { #member_, FIELD_AT(wire_tally, COUNT, member_) }
static const struct field tally_fields[] = {TALLY(packets), TALLY(ip_bytes), TALLY(payload_bytes),
                                            TALLY(dropped)};

/* "syn": {"packets": 1, ...}: only what came up. */
static void add_kinds(json_t *wire, const struct run *run) {
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        json_t *kinds = json_object();
        for (int k = 0; k < WIRE_KINDS; k++) {
            if (run->wire.by[i][k].packets == 0) continue;
            json_t *tally = json_object();
            fields_write(tally, tally_fields, 4, &run->wire.by[i][k]);
            (void)json_object_set_new(kinds, wire_kind_names[k], tally);
        }
        (void)json_object_set_new(wire, wire_direction_names[i], kinds);
    }
}

static bool read_kinds(const struct reading *reading, const char *where, struct run *run,
                       const json_t *wire) {
    bool right = true;
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        const json_t *kinds = json_object_get(wire, wire_direction_names[i]);
        for (int k = 0; k < WIRE_KINDS && right; k++)
            right = fields_read(reading, where, json_object_get(kinds, wire_kind_names[k]),
                                tally_fields, 4, &run->wire.by[i][k]);
    }
    return right;
}

static json_t *reasons_json(const struct validity *validity) {
    json_t *because = json_array();
    for (unsigned i = 0; i < validity->count; i++)
        (void)json_array_append_new(because, json_string(validity->reason[i]));
    return because;
}

static bool read_reasons(const struct reading *reading, const char *where, const json_t *object,
                         struct validity *validity, bool valid) {
    const json_t *because = json_object_get(object, "invalid_because");
    if (!json_is_array(because))
        return reading_wrong(reading, "%s.invalid_because is missing; it has to be a list", where);
    const size_t count = json_array_size(because);
    for (size_t i = 0; i < count && i < VALIDITY_REASONS_MAX; i++) {
        const char *text = json_string_value(json_array_get(because, i));
        (void)snprintf(validity->reason[validity->count++], VALIDITY_REASON_BYTES, "%s",
                       text == NULL ? "?" : text);
    }
    if (!valid && count == 0) strcpy(validity->reason[validity->count++], "no reason given");
    return true;
}

/* ---- the whole ---- */

json_t *run_to_json(const struct run *run) {
    const struct outside outside = outside_of(run);
    json_t *object = json_object(), *settings = json_object();
    fields_write(object, run_fields, run_field_count, &outside);
    json_put(object, "cpus",
             run->cpus.client < 0 ? NULL : json_pack("[i,i]", run->cpus.client, run->cpus.server));
    json_put(object, "errors", tallies_json(&run->errors));
    json_put(object, "warmup_errors", tallies_json(&run->early_errors));
    json_put(object, "histogram_ns", rows_json(&buckets, run->samples.buckets, run->samples.count));
    if (run->series != NULL)
        json_put(object, "open_loop.series_us", rows_json(&points, run->series, run->series_count));
    if (run->wire.known) add_kinds(json_object_get(object, "wire"), run);
    if (run->idle_server_bytes != FIELD_UNKNOWN)
        json_put(object, "idle.kernel_source",
                 json_string("Slab of /proc/meminfo: of the machine, both ends"));
    json_put(object, "counters", tallies_json(&run->counters));
    for (size_t i = 0; i < run->settings.count; i++) { /* their dots are part of the name */
        const struct fact *fact = &run->settings.list[i];
        (void)json_object_set_new(settings, fact->name, fact_to_json(fact));
    }
    json_put(object, "settings", settings);
    json_put(object, "invalid_because", reasons_json(&run->validity));
    json_add_missing(object, run->beside);
    return object;
}

static bool check_sum(const struct reading *reading, const char *where, const struct run *run) {
    /* By differences, which cannot overflow where all are 0 or more. */
    return (run->ok <= run->sent && run->lost <= run->sent - run->ok &&
            run->failed == run->sent - run->ok - run->lost) ||
           reading_wrong(reading,
                         "%s.messages: sent is %" PRIu64 ", but ok + lost + failed is %" PRIu64
                         " + %" PRIu64 " + %" PRIu64,
                         where, run->sent, run->ok, run->lost, run->failed);
}

static bool is_off(double value, double wanted, double share) {
    return fabs(value - wanted) > share * wanted; /* of NAN: no */
}

/* Ascending, but for what buckets round; where messages are missing the largest is of the rest. */
static bool check_order(const struct reading *reading, const char *where, const char *name,
                        const struct distribution *of, bool missing) {
    const double rounded = 1.002;
    const struct {
        const char *name;
        uint64_t ns;
    } steps[] = {{"p50", of->p50_ns},
                 {"p90", of->p90_ns},
                 {"p99", of->p99_ns},
                 {"p999", of->p999_ns},
                 {"max", missing ? FIELD_UNKNOWN : of->max_ns}};
    uint64_t least_ns = 0;
    const char *least = "";
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i].ns == FIELD_UNKNOWN) continue;
        if ((double)least_ns > rounded * (double)steps[i].ns) {
            return reading_wrong(reading, "%s contradicts itself: %s.%s is %g and %s only %g",
                                 where, name, least, (double)least_ns / 1e3, steps[i].name,
                                 (double)steps[i].ns / 1e3);
        }
        least = steps[i].name;
        least_ns = steps[i].ns;
    }
    return of->max_ns == FIELD_UNKNOWN || !(of->mean_ns > rounded * (double)of->max_ns) ||
           reading_wrong(reading, "%s contradicts itself: %s.mean is %g and max only %g", where,
                         name, of->mean_ns / 1e3, (double)of->max_ns / 1e3);
}

/* What follows from the counts, in a closed loop, where nothing is due. */
static bool check_throughput(const struct reading *reading, const char *where,
                             const struct outside *outside) {
    const struct run *run = &outside->run;
    const double per_s = outside->throughput_per_s, time_ns = outside->time_ns;
    const double n = (double)run->sent / fmax(1, (double)run->asked.connections * run->depth);
    const bool steady = outside->valid && !run_is_floor(run) && run->asked.gap_ns == 0 &&
                        run->asked.idle_timeout_ns == 0 && run->ok == run->sent && n >= 10 &&
                        (run->waiting == 0 || run->waiting == FIELD_UNKNOWN);
    if (run_is_open(run)) return true;
    if (is_off(per_s, run_throughput_per_s(run), 0.01) || is_off(time_ns, run_time_ns(run), 0.01)) {
        return reading_wrong(reading,
                             "%s contradicts itself: throughput_per_s is %g and "
                             "time_per_message_us %g, of %" PRIu64 " messages in %g s",
                             where, per_s, time_ns / 1e3, run->ok, (double)run->elapsed_ns / 1e9);
    }
    const double kept = per_s * run->cycle.mean_ns / 1e9;
    return !steady || !is_off(kept, run->outstanding, fmax(0.05, 2 / n)) ||
           reading_wrong(reading,
                         "%s contradicts itself: throughput_per_s x cycle_us.mean is %g, and "
                         "outstanding %g",
                         where, kept, run->outstanding);
}

static bool check_sense(const struct reading *reading, const char *where,
                        const struct outside *outside) {
    const struct run *run = &outside->run;
    const bool counted = outside->valid && run->samples.answered > 0;
    if (outside->valid && run->validity.count > 0)
        return reading_wrong(reading, "%s contradicts itself: it is valid, and not because %s",
                             where, run->validity.reason[0]);
    if (counted && run->samples.answered != run->ok)
        return reading_wrong(reading,
                             "%s contradicts itself: histogram_ns has %" PRIu64
                             " messages and messages.ok is %" PRIu64,
                             where, run->samples.answered, run->ok);
    return check_order(reading, where, "latency_us", &run->latency, true) &&
           check_order(reading, where, "answered_us", &run->answered, false) &&
           check_order(reading, where, "cycle_us", &run->cycle, false) &&
           check_order(reading, where, "service_us", &run->service, false) &&
           check_throughput(reading, where, outside);
}

static bool check_variant(const struct reading *reading, const char *where, const json_t *object) {
    const json_t *name = json_object_get(object, "variant");
    char text[64];
    if (!json_is_string(name) || variant_find(json_string_value(name)) != NULL) return true;
    return reading_wrong(reading,
                         "%s.variant is %s, which this echolab does not have; `echolab variants` "
                         "lists what it has",
                         where, reading_shown(name, text, sizeof text));
}

static bool read_run(const struct reading *reading, const char *where, const json_t *object,
                     struct outside *outside) {
    struct run *run = &outside->run;
    const json_t *series = json_at(object, "open_loop.series_us");
    if (!json_is_object(object)) return reading_wrong(reading, "%s is no object", where);
    if (!check_variant(reading, where, object)) return false;
    if (!fields_read(reading, where, object, run_fields, run_field_count, outside)) return false;
    outside_apply(outside);
    run->samples.max_ns = run->latency.max_ns == FIELD_UNKNOWN ? 0 : run->latency.max_ns;
    if (series != NULL) run->series_count = rows_read(&points, series, (void **)&run->series);
    facts_from_json(&run->settings, "", json_object_get(object, "settings"));
    (void)json_unpack(json_object_get(object, "cpus"), "[i,i]", &run->cpus.client,
                      &run->cpus.server);
    const bool early = json_object_get(object, "warmup_errors") != NULL;
    return read_tallies(reading, where, object, "errors", &run->errors) &&
           (!early || read_tallies(reading, where, object, "warmup_errors", &run->early_errors)) &&
           read_tallies(reading, where, object, "counters", &run->counters) &&
           read_samples(reading, where, object, &run->samples) &&
           read_reasons(reading, where, object, &run->validity, outside->valid) &&
           read_kinds(reading, where, run, json_object_get(object, "wire")) &&
           check_sum(reading, where, run) && check_sense(reading, where, outside);
}

struct run *run_from_json(const struct reading *reading, const char *where, json_t *object) {
    struct run *run = run_new();
    struct outside outside = {.valid = false};
    if (run == NULL) {
        (void)reading_wrong(reading, "no memory");
        return NULL;
    }
    outside.run = *run;
    field_clear(run_fields, run_field_count, &outside);
    outside.run.asked = run->asked;
    outside.run.column = outside.run.point = RUN_NOWHERE;
    const bool right = read_run(reading, where, object, &outside);
    *run = outside.run;
    if (!right) {
        run_free(run);
        return NULL;
    }
    /* What has no place in the struct is not lost; what is long has one. */
    (void)json_object_del(object, "histogram_ns");
    (void)json_object_del(json_object_get(object, "open_loop"), "series_us");
    run->beside = json_incref(object);
    return run;
}

void run_forget_beside(struct run *run) {
    json_decref(run->beside);
    run->beside = NULL;
}
