/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/run_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/session/run_fields.h"

/* What the described members cannot say; each is read and written below. */
static const char *const others[] = {
    "cpus",     "errors",   "warmup_errors",   "histogram_ns",
    "counters", "settings", "invalid_because", "time_per_message_us"};

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
    const char *after = "after.";
    const bool deeper = strncmp(name, after, strlen(after)) == 0;
    if (dot == NULL) {
        (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
        return;
    }
    const size_t length = (size_t)(dot - name);
    if (json_object_getn(object, name, length) == NULL) {
        (void)json_object_setn_new(object, name, length, json_object());
    }
    json_t *inner = json_object_getn(object, name, length);
    if (deeper) {
        put_fact(inner, dot + 1, value);
    } else {
        (void)json_object_set_new(inner, dot + 1, value == NULL ? json_null() : value);
    }
}

json_t *facts_to_json(const struct facts *facts) {
    json_t *object = json_object();
    for (size_t i = 0; i < facts->count; i++) {
        put_fact(object, facts->list[i].name, fact_to_json(&facts->list[i]));
    }
    return object;
}

static struct fact fact_from_json(const json_t *value) {
    if (json_is_string(value)) return fact_text(json_string_value(value));
    if (json_is_number(value)) return fact_number(json_number_value(value));
    return json_is_boolean(value) ? fact_truth(json_is_true(value)) : (struct fact){0};
}

static void add_facts(struct facts *facts, const char *before, const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        char *name = NULL;
        if (asprintf(&name, "%s%s%s", before, *before == '\0' ? "" : ".", key) < 0) return;
        if (json_is_object(value)) add_facts(facts, name, value);
        if (!json_is_object(value)) facts_take(facts, fact_from_json(value), "%s", name);
        free(name);
    }
}

void facts_from_json(struct facts *facts, const json_t *object) {
    add_facts(facts, "", object);
}

/* ---- lists ---- */

static json_t *tallies_json(const struct tallies *tallies) {
    json_t *object = json_object();
    for (size_t i = 0; i < tallies->count; i++) {
        const uint64_t count = tallies->list[i].count;
        (void)json_object_set_new(object, tallies->list[i].name,
                                  count == FIELD_UNKNOWN ? json_null()
                                                         : json_integer((json_int_t)count));
    }
    return object;
}

static bool read_tallies(const struct reading *reading, const char *where, const json_t *object,
                         const char *name, struct tallies *tallies) {
    const char *key;
    json_t *value;
    char text[64];
    if (!json_is_object(json_object_get(object, name))) {
        return reading_wrong(reading, "%s.%s is missing; it has to be an object", where, name);
    }
    json_object_foreach(json_object_get(object, name), key, value) {
        const bool right =
            json_is_null(value) || (json_is_integer(value) && json_integer_value(value) >= 0);
        if (!right) {
            return reading_wrong(reading, "%s.%s.%s is %s; a count is never negative", where, name,
                                 key, reading_shown(value, text, sizeof text));
        }
        tallies_add(tallies, key,
                    json_is_null(value) ? FIELD_UNKNOWN : (uint64_t)json_integer_value(value));
    }
    return true;
}

static json_t *samples_json(const struct samples *samples) {
    json_t *pairs = json_array();
    for (size_t i = 0; i < samples->count; i++) {
        (void)json_array_append_new(pairs,
                                    json_pack("[I,I]", (json_int_t)samples->buckets[i].upper_ns,
                                              (json_int_t)samples->buckets[i].count));
    }
    return pairs;
}

static bool read_samples(const struct reading *reading, const char *where, const json_t *object,
                         struct samples *samples) {
    const json_t *pairs = json_object_get(object, "histogram_ns");
    size_t i;
    json_t *pair;
    if (!json_is_array(pairs)) {
        return reading_wrong(reading, "%s.histogram_ns is missing; it has to be a list", where);
    }
    samples->buckets = calloc(json_array_size(pairs) + 1, sizeof *samples->buckets);
    json_array_foreach(pairs, i, pair) {
        json_int_t upper = -1;
        json_int_t count = -1;
        char text[64];
        const uint64_t before = i > 0 ? samples->buckets[i - 1].upper_ns : 0;
        const bool whole = json_unpack(pair, "[I,I!]", &upper, &count) == 0;
        if (!whole || upper < 0 || count < 0 || (i > 0 && (uint64_t)upper <= before)) {
            return reading_wrong(reading,
                                 "%s.histogram_ns[%zu] is %s; it has to be [upper bound, count], "
                                 "two whole numbers of 0 or more, ascending",
                                 where, i, reading_shown(pair, text, sizeof text));
        }
        samples->buckets[samples->count++] =
            (struct samples_bucket){(uint64_t)upper, (uint64_t)count};
        samples->answered += (uint64_t)count;
    }
    return true;
}

/* [[due, latency], ...] in us from the beginning of the counted time; null: no answer. */
static json_t *series_json(const struct run *run) {
    json_t *list = json_array();
    for (size_t i = 0; i < run->series_count; i++) {
        const struct load_point *point = &run->series[i];
        json_t *latency = point->latency_ns == FIELD_UNKNOWN
                              ? json_null()
                              : json_real((double)point->latency_ns / 1e3);
        (void)json_array_append_new(list, json_pack("[f,o]", (double)point->due_ns / 1e3, latency));
    }
    return list;
}

static void read_series(struct run *run, const json_t *list) {
    size_t i;
    json_t *pair;
    if (json_array_size(list) == 0) return;
    run->series = calloc(json_array_size(list), sizeof *run->series);
    json_array_foreach(list, i, pair) {
        const json_t *latency = json_array_get(pair, 1);
        if (run->series == NULL) return;
        run->series[run->series_count++] = (struct load_point){
            .due_ns = (uint64_t)(1e3 * json_number_value(json_array_get(pair, 0)) + 0.5),
            .latency_ns = json_is_number(latency)
                              ? (uint64_t)(1e3 * json_number_value(latency) + 0.5)
                              : FIELD_UNKNOWN};
    }
}

/* "syn": {"packets": 1, ...}: only what came up. */
static void add_kinds(json_t *wire, const struct run *run) {
    static const char *const names[] = {"packets", "ip_bytes", "payload_bytes", "dropped"};
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        json_t *kinds = json_object();
        for (int k = 0; k < WIRE_KINDS; k++) {
            const struct wire_tally *tally = &run->wire.by[i][k];
            if (tally->packets == 0) continue;
            (void)json_object_set_new(
                kinds, wire_kind_names[k],
                json_pack("{s:I,s:I,s:I,s:I}", names[0], (json_int_t)tally->packets, names[1],
                          (json_int_t)tally->ip_bytes, names[2], (json_int_t)tally->payload_bytes,
                          names[3], (json_int_t)tally->dropped));
        }
        (void)json_object_set_new(wire, wire_direction_names[i], kinds);
    }
}

static void read_kinds(struct run *run, const json_t *wire) {
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        for (int k = 0; k < WIRE_KINDS; k++) {
            json_int_t packets = 0, ip = 0, payload = 0, dropped = 0;
            const json_t *kinds = json_object_get(wire, wire_direction_names[i]);
            (void)json_unpack(json_object_get(kinds, wire_kind_names[k]), "{s:I,s:I,s:I,s:I}",
                              "packets", &packets, "ip_bytes", &ip, "payload_bytes", &payload,
                              "dropped", &dropped);
            run->wire.by[i][k] = (struct wire_tally){(uint64_t)packets, (uint64_t)ip,
                                                     (uint64_t)payload, (uint64_t)dropped};
        }
    }
}

static json_t *reasons_json(const struct validity *validity) {
    json_t *because = json_array();
    for (unsigned i = 0; i < validity->count; i++) {
        (void)json_array_append_new(because, json_string(validity->reason[i]));
    }
    return because;
}

/* ---- writing ---- */

json_t *run_to_json(const struct run *run) {
    struct outside *outside = malloc(sizeof *outside);
    json_t *object = json_object();
    if (outside == NULL || object == NULL) {
        free(outside);
        return object;
    }
    *outside = outside_of(run);
    fields_write(object, run_fields, run_field_count, outside);
    free(outside);
    json_put(object, "cpus",
             run->cpus[0] < 0 ? NULL : json_pack("[i,i]", run->cpus[0], run->cpus[1]));
    json_put(object, "errors", tallies_json(&run->errors));
    json_put(object, "warmup_errors", tallies_json(&run->early_errors));
    json_put(object, "histogram_ns", samples_json(&run->samples));
    if (run->series != NULL) json_put(object, "open_loop.series_us", series_json(run));
    if (run->wire.known) add_kinds(json_object_get(object, "wire"), run);
    if (run->idle_server_bytes != FIELD_UNKNOWN) {
        json_put(object, "idle.kernel_source",
                 json_string("Slab of /proc/meminfo: of the machine, both ends"));
    }
    json_put(object, "counters", tallies_json(&run->counters));
    json_put(object, "settings", facts_to_json(&(struct facts){0}));
    for (size_t i = 0; i < run->settings.count; i++) {
        (void)json_object_set_new(json_object_get(object, "settings"), run->settings.list[i].name,
                                  fact_to_json(&run->settings.list[i]));
    }
    json_put(object, "invalid_because", reasons_json(&run->validity));
    if (run->beside != NULL) (void)json_object_update_recursive(object, run->beside);
    return object;
}

/* ---- reading ---- */

static bool read_reasons(const struct reading *reading, const char *where, const json_t *object,
                         struct validity *validity, bool valid) {
    const json_t *because = json_object_get(object, "invalid_because");
    size_t i;
    json_t *reason;
    if (!json_is_array(because)) {
        return reading_wrong(reading, "%s.invalid_because is missing; it has to be a list", where);
    }
    json_array_foreach(because, i, reason) {
        const char *text = json_string_value(reason);
        if (validity->count == VALIDITY_REASONS_MAX) break;
        (void)snprintf(validity->reason[validity->count++], VALIDITY_REASON_BYTES, "%s",
                       text == NULL ? "?" : text);
    }
    if (!valid && validity->count == 0) {
        (void)snprintf(validity->reason[validity->count++], VALIDITY_REASON_BYTES,
                       "no reason given");
    }
    return true;
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

static bool check_variant(const struct reading *reading, const char *where, const json_t *object) {
    const json_t *name = json_object_get(object, "variant");
    char text[64];
    if (!json_is_string(name) || variant_find(json_string_value(name)) != NULL) return true;
    return reading_wrong(reading,
                         "%s.variant is %s, which this echolab does not have; `echolab variants` "
                         "lists what it has",
                         where, reading_shown(name, text, sizeof text));
}

/* What a file says beyond what is read: kept, so that nothing is lost on the way. */
static json_t *beyond(const json_t *object) {
    json_t *rest = json_deep_copy(object);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        (void)json_object_del(rest, others[i]);
    }
    for (unsigned i = 0; i < run_field_count; i++) {
        if (run_fields[i].kind != FIELD_OBJECT)
            json_take_away(rest, run_fields[i].name);
        else if (json_is_null(json_at(rest, run_fields[i].name)))
            json_take_away(rest, run_fields[i].name);
    }
    for (int i = 0; i < WIRE_DIRECTIONS; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "wire.%s", wire_direction_names[i]);
        json_take_away(rest, path);
    }
    json_take_away(rest, "open_loop.series_us");
    json_take_away(rest, "idle.kernel_source");
    for (unsigned i = 0; i < run_field_count; i++) { /* objects of which nothing is left */
        json_t *inner = json_at(rest, run_fields[i].name);
        if (json_is_object(inner) && json_object_size(inner) == 0)
            json_take_away(rest, run_fields[i].name);
    }
    if (json_object_size(rest) > 0) return rest;
    json_decref(rest);
    return NULL;
}

static bool read_run(const struct reading *reading, const char *where, const json_t *object,
                     struct outside *outside) {
    struct run *run = &outside->run;
    int cpus[2] = {-1, -1};
    if (!json_is_object(object)) return reading_wrong(reading, "%s is no object", where);
    if (!check_variant(reading, where, object)) return false;
    if (!fields_read(reading, where, object, run_fields, run_field_count, outside)) return false;
    outside_apply(outside);
    if (!read_tallies(reading, where, object, "errors", &run->errors)) return false;
    if (json_object_get(object, "warmup_errors") != NULL &&
        !read_tallies(reading, where, object, "warmup_errors", &run->early_errors))
        return false;
    if (!read_tallies(reading, where, object, "counters", &run->counters)) return false;
    if (!read_samples(reading, where, object, &run->samples)) return false;
    if (!read_reasons(reading, where, object, &run->validity, outside->valid)) return false;
    run->samples.max_ns = run->latency.max_ns == FIELD_UNKNOWN ? 0 : run->latency.max_ns;
    read_series(run, json_at(object, "open_loop.series_us"));
    read_kinds(run, json_object_get(object, "wire"));
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(object, "settings"), key, value) {
        facts_add_text(&run->settings, key, json_string_value(value));
    }
    (void)json_unpack(json_object_get(object, "cpus"), "[i,i]", &cpus[0], &cpus[1]);
    memcpy(run->cpus, cpus, sizeof cpus);
    return check_sum(reading, where, run);
}

struct run *run_from_json(const struct reading *reading, const char *where, const json_t *object) {
    struct outside *outside = calloc(1, sizeof *outside);
    struct run *run = run_new();
    if (outside == NULL || run == NULL) {
        free(outside);
        run_free(run);
        (void)reading_wrong(reading, "no memory");
        return NULL;
    }
    outside->run = *run;
    field_clear(run_fields, run_field_count, outside);
    outside->run.asked = run->asked;
    const bool right = read_run(reading, where, object, outside);
    *run = outside->run;
    free(outside);
    if (right) {
        run->beside = beyond(object);
        return run;
    }
    run_free(run);
    return NULL;
}

void run_forget_beside(struct run *run) {
    json_decref(run->beside);
    run->beside = NULL;
}
