/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/run.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const network_names[NETWORKS] = {"private", "host", "remote"};

struct run *run_new(void) {
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) return NULL;
    parameters_usual(&run->asked);
    struct distribution *const all[] = {&run->latency,  &run->cycle,     &run->service,
                                        &run->connect,  &run->exchange,  &run->close,
                                        &run->lateness, &run->wire.late, &run->wire.one_way};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        *all[i] = (struct distribution){FIELD_UNKNOWN, FIELD_UNKNOWN, FIELD_UNKNOWN,
                                        FIELD_UNKNOWN, FIELD_UNKNOWN, NAN};
    }
    run->capacity_per_s = run->packets = run->wire_bytes = run->syscalls = NAN;
    run->per_send = run->per_receive = run->server_per_receive = run->server_per_send = NAN;
    run->per_packet = run->wire.applied_rtt_ns = run->outstanding = NAN;
    run->disturbed = NAN;
    run->connecting_ns = run->drain_ns = run->drained = run->waiting = FIELD_UNKNOWN;
    run->client_cpu_ns = run->server_cpu_ns = run->offered = FIELD_UNKNOWN;
    run->idle_server_bytes = run->idle_kernel_bytes = FIELD_UNKNOWN;
    run->executed = run->executed_twice = run->answered_in_all = FIELD_UNKNOWN;
    run->time_wait[0].all = FIELD_UNKNOWN;
    run->cpus.client = run->cpus.server = -1;
    run->depth = 1;
    return run;
}

void run_free(struct run *run) {
    if (run == NULL) return;
    free(run->errors.list);
    free(run->early_errors.list);
    free(run->counters.list);
    free(run->series);
    free(run->wire.trace);
    samples_free(&run->samples);
    facts_free(&run->settings);
    free(run);
}

bool run_is_valid(const struct run *run) {
    return run->validity.count == 0;
}

bool run_is_open(const struct run *run) {
    return run->asked.rate_per_s > 0;
}

bool run_is_floor(const struct run *run) {
    return run->asked.role == ROLE_FLOOR;
}

double run_throughput_per_s(const struct run *run) {
    const uint64_t done = run->offered != FIELD_UNKNOWN ? run->in_time : run->ok;
    return run->elapsed_ns > 0 ? 1e9 * (double)done / (double)run->elapsed_ns : 0;
}

static double per(uint64_t count, uint64_t whole) {
    return count != FIELD_UNKNOWN && whole > 0 ? (double)count / (double)whole : (double)NAN;
}

double run_time_ns(const struct run *run) {
    return per(run->elapsed_ns, run->ok);
}

double run_cpu_ns(const struct run *run) {
    const bool known = run->client_cpu_ns != FIELD_UNKNOWN && run->server_cpu_ns != FIELD_UNKNOWN;
    return per(known ? run->client_cpu_ns + run->server_cpu_ns : FIELD_UNKNOWN, run->ok);
}

struct samples run_samples(const struct run *run) {
    struct samples samples = run->samples;
    samples.missed = run->lost + run->failed;
    return samples;
}

uint64_t run_counter(const struct run *run, const char *name) {
    for (size_t i = 0; i < run->counters.count; i++) {
        if (strcmp(run->counters.list[i].name, name) == 0) return run->counters.list[i].count;
    }
    return FIELD_UNKNOWN;
}

static uint64_t percentile(const struct samples *samples, double percent, uint64_t never_ns) {
    const double ns = samples_percentile_ns(samples, percent);
    return isinf(ns) ? never_ns : isnan(ns) ? FIELD_UNKNOWN : (uint64_t)ns;
}

struct distribution distribution_with(const struct histogram *histogram, uint64_t missed,
                                      uint64_t never_ns) {
    struct samples samples = samples_of(histogram);
    samples.missed = missed;
    const bool none = histogram->count == 0;
    const struct distribution distribution = {percentile(&samples, 50, never_ns),
                                              percentile(&samples, 90, never_ns),
                                              percentile(&samples, 99, never_ns),
                                              percentile(&samples, 99.9, never_ns),
                                              none ? FIELD_UNKNOWN : histogram->max_ns,
                                              none ? (double)NAN : histogram_mean_ns(histogram)};
    samples_free(&samples);
    return distribution;
}

struct distribution distribution_of(const struct histogram *histogram) {
    return distribution_with(histogram, 0, 0);
}

void tallies_add(struct tallies *tallies, const char *name, uint64_t count) {
    const size_t room = sizeof tallies->list->name - 1;
    for (size_t i = 0; i < tallies->count; i++) {
        if (strncmp(tallies->list[i].name, name, room) != 0) continue;
        tallies->list[i].count += count;
        return;
    }
    struct tally *more = reallocarray(tallies->list, tallies->count + 1, sizeof *more);
    if (more == NULL) return;
    tallies->list = more;
    struct tally *one = &more[tallies->count++];
    *one = (struct tally){.count = count};
    memcpy(one->name, name, strnlen(name, room));
}

/* ---- through a pipe ---- */

/*
 * The struct as it lies, then its lists in this order, then the settings as
 * texts that end with 0. Writer and reader are the same program.
 */
static const struct {
    size_t at, size; /* of a pointer and a count behind it, and of an item */
} lists[] = {{offsetof(struct run, errors), sizeof(struct tally)},
             {offsetof(struct run, early_errors), sizeof(struct tally)},
             {offsetof(struct run, samples), sizeof(struct samples_bucket)},
             {offsetof(struct run, series), sizeof(struct load_point)},
             {offsetof(struct run, wire.trace), sizeof(struct wire_packet)},
             {offsetof(struct run, counters), sizeof(struct tally)}};
enum { LIST_COUNT = sizeof lists / sizeof lists[0] };

struct list {
    void *items;
    size_t count;
};

int run_write(const struct run *run, FILE *out) {
    (void)fwrite(run, sizeof *run, 1, out);
    for (int i = 0; i < LIST_COUNT; i++) {
        struct list list;
        memcpy(&list, (const char *)run + lists[i].at, sizeof list);
        if (list.count > 0) (void)fwrite(list.items, lists[i].size, list.count, out);
    }
    for (size_t i = 0; i < run->settings.count; i++) {
        const struct fact *fact = &run->settings.list[i];
        (void)fprintf(out, "%s%c%s%c", fact->name, 0, fact->text == NULL ? "" : fact->text, 0);
    }
    return fflush(out) != 0 || ferror(out) != 0 ? -EIO : 0;
}

/* What is left to be read. */
struct bytes {
    const char *at;
    size_t left;
};

/* A copy of so many items, malloc'd; NULL: none, or they are not there. */
static void *take(struct bytes *bytes, size_t count, size_t size) {
    if (count == 0 || count > bytes->left / size) return NULL;
    void *copy = malloc(count * size);
    if (copy != NULL) memcpy(copy, bytes->at, count * size);
    bytes->at += count * size;
    bytes->left -= count * size;
    return copy;
}

static const char *take_text(struct bytes *bytes) {
    const char *text = bytes->at;
    const size_t length = strnlen(text, bytes->left);
    if (length == bytes->left) return NULL;
    bytes->at += length + 1;
    bytes->left -= length + 1;
    return text;
}

struct run *run_read(const void *bytes, size_t size, const struct parameters *asked) {
    struct bytes left = {bytes, size};
    struct run *run = take(&left, 1, sizeof *run);
    if (run == NULL) return NULL;
    const size_t settings = run->settings.count;
    bool whole = true;
    run->asked = *asked;
    run->lost_packet = run->tool = NULL;
    run->beside = NULL;
    run->settings = (struct facts){0};
    for (int i = 0; i < LIST_COUNT; i++) {
        struct list list;
        memcpy(&list, (const char *)run + lists[i].at, sizeof list);
        list.items = take(&left, list.count, lists[i].size);
        memcpy((char *)run + lists[i].at, &list, sizeof list);
        whole = whole && (list.items != NULL || list.count == 0);
    }
    for (size_t i = 0; i < settings && whole; i++) {
        const char *name = take_text(&left), *text = name == NULL ? NULL : take_text(&left);
        whole = text != NULL;
        if (whole) facts_add_text(&run->settings, name, text);
    }
    if (whole && left.left == 0) return run;
    run_free(run);
    return NULL;
}

/* ---- a list ---- */

void runs_add(struct runs *runs, struct run *run) {
    struct run **more = reallocarray(runs->list, runs->count + 1, sizeof(struct run *));
    if (more == NULL) {
        run_free(run);
        return;
    }
    runs->list = more;
    more[runs->count++] = run;
}

void runs_free(struct runs *runs) {
    for (size_t i = 0; i < runs->count; i++) run_free(runs->list[i]);
    free(runs->list);
    *runs = (struct runs){0};
}

/* ---- as one value after the other ---- */

#define US 1e3
#define MS 1e6
#define S 1e9

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
    {"thread_siblings", RUN(TRUTH, cpus.siblings)},
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
    {"interference.neighbours", RUN(UNSIGNED, neighbours), KNOWN(placed)},
    SIDE("client", client_side),
    SIDE("server", server_side),
    SIDE("wire", wire_side),
    {"interference.softirq_ms", RUN(TIME, softirq_ns), .unit = MS},
    {"interference.server_softirq_ms", RUN(TIME, server_softirq_ns), .unit = MS},
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

struct outside outside_of(const struct run *run) {
    const struct parameters *asked = &run->asked;
    struct outside o = {.run = *run, .variant = asked->variant->name};
    o.build = run->against ? "against" : NULL;
    o.placement = asked->host != NULL ? "remote" : placement_names[asked->placement];
    o.serves = asked->host == NULL && asked->role != ROLE_FLOOR;
    o.retries = asked->variant->retries;
    o.open = run->offered != FIELD_UNKNOWN;
    o.idles = run->idle_server_bytes != FIELD_UNKNOWN;
    o.in_column = run->column != RUN_NOWHERE;
    o.at_point = run->point != RUN_NOWHERE;
    o.placed = o.in_column || run->block > 0;
    o.throughput_per_s = run_throughput_per_s(run);
    o.time_ns = run_time_ns(run);
    o.cpu_ns = run_cpu_ns(run);
    o.client_cpu_ns = per(run->client_cpu_ns, run->ok);
    o.server_cpu_ns = per(run->server_cpu_ns, run->ok);
    o.offered_per_s = S * per(run->offered, run->elapsed_ns);
    o.taken_up_per_s = S * per(o.open ? run->taken_up : FIELD_UNKNOWN, run->elapsed_ns);
    o.answered_per_s = S * per(o.open ? run->in_time : FIELD_UNKNOWN, run->elapsed_ns);
    o.valid = run_is_valid(run);
    if (!run_is_open(run)) o.run.asked.rate_per_s = NAN;
    if (asked->mtu_bytes == 0) o.run.asked.mtu_bytes = WIRE_MTU;
    return o;
}

static uint64_t total(double each, uint64_t count) {
    return isnan(each) ? FIELD_UNKNOWN : (uint64_t)round(each * (double)count);
}

void outside_apply(struct outside *o) {
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
