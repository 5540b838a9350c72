/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/json.h"
#include "bench/session/session.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US 1e3
#define MS 1e6
#define S 1e9

/* A run as a file has it: what is derived from it, or said in other words outside, beside it. */
struct outside {
    struct run run; /* a copy that owns nothing */
    const char *variant, *build, *placement;
    bool serves, retries, open, idles, placed, in_column, at_point; /* what is known depends on */
    double throughput_per_s, time_ns, cpu_ns, client_cpu_ns, server_cpu_ns;
    double offered_per_s, taken_up_per_s, answered_per_s; /* seen, not asked for */
    bool valid;
};

#define AT(kind_, member_) .kind = FIELD_##kind_, .offset = offsetof(struct outside, member_)
#define RUN(kind_, member_) AT(kind_, run.member_)
#define KNOWN(member_) .known = offsetof(struct outside, member_)
#define NAMED(names_, count_) .choices = (names_), .choice_count = (count_)
#define SURE .need = FIELD_SURE
#define PROMISED .need = FIELD_PROMISED

/* NOLINTBEGIN(bugprone-macro-parentheses): names of members and literals that join */
#define TIMES(name_, member_)                                                                      \
    {name_ ".p50", RUN(TIME, member_.p50_ns), .unit = US},                                         \
        {name_ ".p90", RUN(TIME, member_.p90_ns), .unit = US},                                     \
        {name_ ".p99", RUN(TIME, member_.p99_ns), .unit = US},                                     \
        {name_ ".p999", RUN(TIME, member_.p999_ns), .unit = US},                                   \
        {name_ ".max", RUN(TIME, member_.max_ns), .unit = US}, MEAN(name_, member_)
#define MEAN(name_, member_)                                                                       \
    { name_ ".mean", RUN(REAL, member_.mean_ns), .unit = US }
#define PHASE(name_, member_)                                                                      \
    {"phases_us." name_ ".p50", RUN(TIME, member_.p50_ns), .unit = US},                            \
        MEAN("phases_us." name_, member_)
#define ON_WIRE(name_, member_)                                                                    \
    {"wire." name_ ".p50", RUN(TIME, wire.member_.p50_ns), .unit = US},                            \
        {"wire." name_ ".p99", RUN(TIME, wire.member_.p99_ns), .unit = US},                        \
        MEAN("wire." name_, wire.member_)
#define SIDE(name_, member_)                                                                       \
    {"interference." name_ "_run_ms", RUN(TIME, member_.run_ns), .unit = MS,                       \
     KNOWN(run.member_.known)},                                                                    \
    {                                                                                              \
        "interference." name_ "_wait_ms", RUN(TIME, member_.wait_ns), .unit = MS,                  \
                                                                      KNOWN(run.member_.known)     \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* The last is what older files call the first. */
static const char *const assigns[ASSIGNS + 1] = {"mru", "lru", "connection", "free"};

const struct field run_fields[] = {
    {"variant", AT(TEXT, variant), SURE},
    {"role", RUN(CHOICE, asked.role), NAMED(role_names, ROLES), SURE},
    {"build", AT(TEXT, build)},
    {"size_bytes", RUN(UNSIGNED, asked.size_bytes), SURE},
    {"reply_bytes", RUN(UNSIGNED, asked.reply_bytes), SURE},
    {"connections", RUN(UNSIGNED, asked.connections), SURE},
    {"per_connection", RUN(UNSIGNED, asked.per_connection), .nullable = true},
    {"pipeline", RUN(UNSIGNED, depth), SURE},
    {"engine", RUN(CHOICE, asked.engine), NAMED(engine_names, ENGINES), SURE},
    {"design", RUN(CHOICE, asked.design), NAMED(design_names, DESIGNS), KNOWN(serves)},
    {"workers", RUN(UNSIGNED, asked.workers), KNOWN(serves)},
    {"idle_connections", RUN(UNSIGNED, asked.idle)},
    {"silent_connections", RUN(UNSIGNED, asked.silent)},
    {"gap_ms", RUN(TIME, asked.gap_ns), .unit = MS},
    {"idle_timeout_ms", RUN(TIME, asked.idle_timeout_ns), .unit = MS, .nullable = true},
    {"placement", AT(TEXT, placement), SURE},
    {"thread_siblings", RUN(TRUTH, thread_siblings)},
    {"network", RUN(CHOICE, network), NAMED(network_names, NETWORKS)},
    {"offered_per_s", RUN(REAL, asked.rate_per_s), PROMISED},
    {"delay_us", RUN(TIME, asked.delay_ns), .unit = US},
    {"deadline_ms", RUN(TIME, asked.deadline_ns), .unit = MS, PROMISED},
    {"rto_floor_ms", RUN(TIME, asked.rto_floor_ns), .unit = MS, KNOWN(retries)},
    {"messages", .kind = FIELD_OBJECT, SURE},
    {"messages.sent", RUN(COUNT, sent), SURE},
    {"messages.ok", RUN(COUNT, ok), SURE},
    {"messages.lost", RUN(COUNT, lost), SURE},
    {"messages.failed", RUN(COUNT, failed), SURE},
    {"messages.late", RUN(COUNT, late), SURE},
    {"messages.duplicate", RUN(COUNT, duplicate), SURE},
    {"messages.corrupt", RUN(COUNT, corrupt), SURE},
    {"elapsed_s", RUN(TIME, elapsed_ns), .unit = S, SURE},
    {"connecting_s", RUN(TIME, connecting_ns), .unit = S},
    {"drain_s", RUN(TIME, drain_ns), .unit = S},
    {"drained", RUN(COUNT, drained)},
    {"waiting", RUN(COUNT, waiting)},
    {"outstanding", RUN(REAL, outstanding)},
    {"throughput_per_s", AT(REAL, throughput_per_s), SURE},
    {"time_per_message_us", AT(REAL, time_ns), .unit = US, PROMISED},
    {"latency_us", .kind = FIELD_OBJECT, PROMISED},
    TIMES("latency_us", latency),
    TIMES("answered_us", answered),
    TIMES("cycle_us", cycle),
    TIMES("service_us", service),
    PHASE("connect", connect),
    PHASE("exchange", exchange),
    PHASE("close", close),
    {"per_message", .kind = FIELD_OBJECT, SURE},
    {"per_message.packets", RUN(REAL, packets), PROMISED},
    {"per_message.wire_bytes", RUN(REAL, wire_bytes), PROMISED},
    {"per_message.syscalls", RUN(REAL, syscalls), PROMISED},
    {"per_message.cpu_us", AT(REAL, cpu_ns), .unit = US, PROMISED},
    {"per_message.client_cpu_us", AT(REAL, client_cpu_ns), .unit = US},
    {"per_message.server_cpu_us", AT(REAL, server_cpu_ns), .unit = US},
    {"messages_per.client_send", RUN(REAL, per_send)},
    {"messages_per.client_receive", RUN(REAL, per_receive)},
    {"messages_per.server_receive", RUN(REAL, server_per_receive)},
    {"messages_per.server_send", RUN(REAL, server_per_send)},
    {"messages_per.packet", RUN(REAL, per_packet)},
    {"open_loop", .kind = FIELD_OBJECT, .nullable = true},
    {"open_loop.arrivals", RUN(CHOICE, asked.arrivals), NAMED(arrivals_names, ARRIVALS),
     KNOWN(open)},
    {"open_loop.assign", RUN(CHOICE, asked.assign), NAMED(assigns, ASSIGNS + 1), KNOWN(open)},
    {"open_loop.offered", RUN(COUNT, offered)},
    {"open_loop.taken_up", RUN(COUNT, taken_up)},
    {"open_loop.answered_in_time", RUN(COUNT, in_time)},
    {"open_loop.unsent", RUN(COUNT, unsent)},
    {"open_loop.offered_per_s", AT(REAL, offered_per_s)},
    {"open_loop.taken_up_per_s", AT(REAL, taken_up_per_s)},
    {"open_loop.answered_per_s", AT(REAL, answered_per_s)},
    {"open_loop.overloaded", RUN(TRUTH, overloaded)},
    TIMES("open_loop.lateness_us", lateness),
    {"interference", .kind = FIELD_OBJECT, .nullable = true},
    {"interference.disturbed_share", RUN(REAL, disturbed)},
    SIDE("client", client_side),
    SIDE("server", server_side),
    SIDE("wire", wire_side),
    {"interference.throttled_periods", RUN(COUNT, throttled.periods), KNOWN(run.throttled.known)},
    {"interference.throttled_ms", RUN(TIME, throttled.ns), .unit = MS, KNOWN(run.throttled.known)},
    {"idle", .kind = FIELD_OBJECT, .nullable = true},
    {"idle.connections", RUN(UNSIGNED, asked.idle), KNOWN(idles)},
    {"idle.server_bytes_per_connection", RUN(COUNT, idle_server_bytes)},
    {"idle.kernel_bytes_per_connection", RUN(COUNT, idle_kernel_bytes)},
    {"rtt_ms", RUN(TIME, asked.rtt_ns), .unit = MS, PROMISED, KNOWN(run.asked.wire)},
    {"rtt_applied_ms", RUN(REAL, wire.applied_rtt_ns), .unit = MS},
    {"loss_percent", RUN(REAL, asked.loss_percent), PROMISED, KNOWN(run.asked.wire)},
    {"mtu_bytes", RUN(UNSIGNED, asked.mtu_bytes), KNOWN(run.asked.wire)},
    {"wire", .kind = FIELD_OBJECT, .nullable = true},
    {"wire.packets", RUN(COUNT, wire.all.packets), KNOWN(run.wire.known)},
    {"wire.ip_bytes", RUN(COUNT, wire.all.ip_bytes)},
    {"wire.payload_bytes", RUN(COUNT, wire.all.payload_bytes)},
    {"wire.dropped", RUN(COUNT, wire.all.dropped)},
    {"wire.foreign", RUN(COUNT, wire.foreign)},
    {"wire.device_drops", RUN(COUNT, wire.device_drops)},
    ON_WIRE("one_way_us", one_way),
    ON_WIRE("late_us", late),
    {"executions", .kind = FIELD_OBJECT, .nullable = true},
    {"executions.answered", RUN(COUNT, answered_in_all)},
    {"executions.executed", RUN(COUNT, executed)},
    {"executions.executed_twice", RUN(COUNT, executed_twice)},
    {"executions.dedup", RUN(TRUTH, asked.dedup)},
    {"time_wait", .kind = FIELD_OBJECT, .nullable = true},
    {"time_wait.all_before", RUN(COUNT, time_wait[0].all)},
    {"time_wait.client_before", RUN(COUNT, time_wait[0].client)},
    {"time_wait.client_after", RUN(COUNT, time_wait[1].client)},
    {"time_wait.server_before", RUN(COUNT, time_wait[0].server)},
    {"time_wait.server_after", RUN(COUNT, time_wait[1].server)},
    {"ports", .kind = FIELD_OBJECT, .nullable = true},
    {"ports.range", RUN(UNSIGNED, ports.range), .nullable = true},
    {"ports.loopback_per_s", RUN(REAL, ports.loopback_per_s)},
    {"ports.network_per_s", RUN(REAL, ports.network_per_s)},
    {"ports.sources", RUN(UNSIGNED, ports.sources)},
    {"profile", RUN(CHOICE, asked.profile), NAMED(profile_names, PROFILES)},
    {"valid", AT(TRUTH, valid), SURE},
    {"block", RUN(UNSIGNED, block), KNOWN(placed)},
    {"order", RUN(UNSIGNED, order), KNOWN(placed)},
    {"column", RUN(UNSIGNED, column), KNOWN(in_column)},
    {"point", RUN(UNSIGNED, point), KNOWN(at_point)},
    {"capacity_per_s", RUN(REAL, capacity_per_s)},
    {"lost_packet", RUN(TEXT, lost_packet)},
    {"beside", RUN(TEXT, tool)},
    {"seed", RUN(COUNT, asked.seed)}};
const unsigned run_field_count = sizeof run_fields / sizeof run_fields[0];

static double per(uint64_t count, uint64_t whole) {
    return count != FIELD_UNKNOWN && whole > 0 ? (double)count / (double)whole : (double)NAN;
}

static void show_outside(struct outside *o, const struct run *run) {
    const struct parameters *asked = &run->asked;
    *o = (struct outside){.run = *run, .variant = asked->variant->name};
    o->build = run->against ? "against" : NULL;
    o->placement = asked->host != NULL ? "remote" : placement_names[asked->placement];
    o->serves = asked->host == NULL && asked->role != ROLE_FLOOR;
    o->retries = asked->variant->retries;
    o->open = run->offered != FIELD_UNKNOWN;
    o->idles = run->idle_server_bytes != FIELD_UNKNOWN;
    o->in_column = run->column != RUN_NOWHERE;
    o->at_point = run->point != RUN_NOWHERE;
    o->placed = o->in_column || run->block > 0;
    o->throughput_per_s = run_throughput_per_s(run);
    o->time_ns = run_time_ns(run);
    o->cpu_ns = run_cpu_ns(run);
    o->client_cpu_ns = per(run->client_cpu_ns, run->ok);
    o->server_cpu_ns = per(run->server_cpu_ns, run->ok);
    o->offered_per_s = S * per(run->offered, run->elapsed_ns);
    o->taken_up_per_s = S * per(o->open ? run->taken_up : FIELD_UNKNOWN, run->elapsed_ns);
    o->answered_per_s = S * per(o->open ? run->in_time : FIELD_UNKNOWN, run->elapsed_ns);
    o->valid = run_is_valid(run);
    if (!run_is_open(run)) o->run.asked.rate_per_s = NAN;
    if (asked->mtu_bytes == 0) o->run.asked.mtu_bytes = WIRE_MTU;
}

static uint64_t total(double each, uint64_t count) {
    return isnan(each) ? FIELD_UNKNOWN : (uint64_t)round(each * (double)count);
}

/* What was read, into the run of it. */
static void apply_outside(struct outside *o) {
    struct run *run = &o->run;
    struct parameters *asked = &run->asked;
    asked->variant = variant_find(o->variant);
    run->against = o->build != NULL;
    for (unsigned i = 0; i < PLACEMENTS; i++) {
        if (strcmp(o->placement, placement_names[i]) == 0) asked->placement = (enum placement)i;
    }
    if (strcmp(o->placement, "remote") == 0) asked->host = "remote";
    if (!o->serves) asked->design = engine_design(asked->engine);
    if (asked->assign == ASSIGNS) asked->assign = ASSIGN_MRU;
    if (asked->mtu_bytes == WIRE_MTU) asked->mtu_bytes = 0;
    if (isnan(asked->rate_per_s)) asked->rate_per_s = 0;
    run->client_cpu_ns = total(o->client_cpu_ns, run->ok);
    run->server_cpu_ns = total(o->server_cpu_ns, run->ok);
}

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
    if (dot != NULL) {
        const size_t length = (size_t)(dot - name);
        if (json_object_getn(object, name, length) == NULL) {
            (void)json_object_setn_new(object, name, length, json_object());
        }
        object = json_object_getn(object, name, length);
        if (strncmp(name, after, strlen(after)) == 0) {
            put_fact(object, dot + 1, value);
            return;
        }
        name = dot + 1;
    }
    (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
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
    if (!json_is_object(json_object_get(object, name))) {
        return reading_wrong(reading, "%s.%s is missing; it has to be an object", where, name);
    }
    json_object_foreach(json_object_get(object, name), key, value) {
        const bool null = json_is_null(value);
        if (!null && (!json_is_integer(value) || json_integer_value(value) < 0)) {
            return reading_wrong(reading, "%s.%s.%s is %s; a count is never negative", where, name,
                                 key, reading_shown(value, text, sizeof text));
        }
        tallies_add(tallies, key, null ? FIELD_UNKNOWN : (uint64_t)json_integer_value(value));
    }
    return true;
}

static const struct field bucket_fields[] = {
    {NULL, FIELD_AT(samples_bucket, COUNT, upper_ns), SURE},
    {NULL, FIELD_AT(samples_bucket, COUNT, count), SURE}};
static const struct rows buckets = {sizeof(struct samples_bucket), bucket_fields, 2};

/* From the beginning of the counted time; null: no answer. */
static const struct field point_fields[] = {
    {NULL, FIELD_AT(load_point, TIME, due_ns), .unit = US, SURE},
    {NULL, FIELD_AT(load_point, TIME, latency_ns), .unit = US}};
static const struct rows points = {sizeof(struct load_point), point_fields, 2};

static bool read_samples(const struct reading *reading, const char *where, const json_t *object,
                         struct samples *samples) {
    const json_t *pairs = json_object_get(object, "histogram_ns");
    char text[64];
    if (!json_is_array(pairs)) {
        return reading_wrong(reading, "%s.histogram_ns is missing; it has to be a list", where);
    }
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
        for (int k = 0; k < WIRE_KINDS && right; k++) {
            right = fields_read(reading, where, json_object_get(kinds, wire_kind_names[k]),
                                tally_fields, 4, &run->wire.by[i][k]);
        }
    }
    return right;
}

static json_t *reasons_json(const struct validity *validity) {
    json_t *because = json_array();
    for (unsigned i = 0; i < validity->count; i++) {
        (void)json_array_append_new(because, json_string(validity->reason[i]));
    }
    return because;
}

static bool read_reasons(const struct reading *reading, const char *where, const json_t *object,
                         struct validity *validity, bool valid) {
    const json_t *because = json_object_get(object, "invalid_because");
    if (!json_is_array(because)) {
        return reading_wrong(reading, "%s.invalid_because is missing; it has to be a list", where);
    }
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
    struct outside *outside = malloc(sizeof *outside);
    json_t *object = json_object(), *settings = json_object();
    if (outside == NULL) return NULL;
    show_outside(outside, run);
    fields_write(object, run_fields, run_field_count, outside);
    free(outside);
    json_put(object, "cpus",
             run->cpus[0] < 0 ? NULL : json_pack("[i,i]", run->cpus[0], run->cpus[1]));
    json_put(object, "errors", tallies_json(&run->errors));
    json_put(object, "warmup_errors", tallies_json(&run->early_errors));
    json_put(object, "histogram_ns", rows_json(&buckets, run->samples.buckets, run->samples.count));
    if (run->series != NULL) {
        json_put(object, "open_loop.series_us", rows_json(&points, run->series, run->series_count));
    }
    if (run->wire.known) add_kinds(json_object_get(object, "wire"), run);
    if (run->idle_server_bytes != FIELD_UNKNOWN) {
        json_put(object, "idle.kernel_source",
                 json_string("Slab of /proc/meminfo: of the machine, both ends"));
    }
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
    const json_t *settings = json_object_get(object, "settings");
    const json_t *series = json_at(object, "open_loop.series_us");
    if (!json_is_object(object)) return reading_wrong(reading, "%s is no object", where);
    if (!check_variant(reading, where, object)) return false;
    if (!fields_read(reading, where, object, run_fields, run_field_count, outside)) return false;
    apply_outside(outside);
    if (!read_tallies(reading, where, object, "errors", &run->errors)) return false;
    if (json_object_get(object, "warmup_errors") != NULL &&
        !read_tallies(reading, where, object, "warmup_errors", &run->early_errors))
        return false;
    if (!read_tallies(reading, where, object, "counters", &run->counters)) return false;
    if (!read_samples(reading, where, object, &run->samples)) return false;
    if (!read_reasons(reading, where, object, &run->validity, outside->valid)) return false;
    if (!read_kinds(reading, where, run, json_object_get(object, "wire"))) return false;
    run->samples.max_ns = run->latency.max_ns == FIELD_UNKNOWN ? 0 : run->latency.max_ns;
    if (series != NULL) run->series_count = rows_read(&points, series, (void **)&run->series);
    facts_from_json(&run->settings, "", settings);
    (void)json_unpack(json_object_get(object, "cpus"), "[i,i]", &run->cpus[0], &run->cpus[1]);
    return check_sum(reading, where, run);
}

struct run *run_from_json(const struct reading *reading, const char *where, json_t *object) {
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
    outside->run.column = outside->run.point = RUN_NOWHERE;
    const bool right = read_run(reading, where, object, outside);
    *run = outside->run;
    free(outside);
    if (right) {
        /* What has no place in the struct is not lost; what is long has one. */
        (void)json_object_del(object, "histogram_ns");
        (void)json_object_del(json_object_get(object, "open_loop"), "series_us");
        run->beside = json_incref(object);
        return run;
    }
    run_free(run);
    return NULL;
}

void run_forget_beside(struct run *run) {
    json_decref(run->beside);
    run->beside = NULL;
}
