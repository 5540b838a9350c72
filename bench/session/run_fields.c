/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/run_fields.h"

#include <math.h>
#include <string.h>

#define US 1e3
#define MS 1e6

#define PLACE(member_) .offset = offsetof(struct outside, member_)
#define OBJECT(name_)                                                                              \
    { .name = (name_), .kind = FIELD_OBJECT }
#define OBJECT_OR_NULL(name_)                                                                      \
    { .name = (name_), .kind = FIELD_OBJECT, .nullable = true }
#define TEXT(name_, member_)                                                                       \
    { .name = (name_), .kind = FIELD_TEXT, PLACE(member_) }
#define REAL(name_, member_)                                                                       \
    { .name = (name_), .kind = FIELD_REAL, PLACE(member_) }
#define COUNT(name_, member_)                                                                      \
    { .name = (name_), .kind = FIELD_COUNT, PLACE(member_) }
#define TRUTH(name_, member_)                                                                      \
    { .name = (name_), .kind = FIELD_TRUTH, PLACE(member_) }
#define SURE(name_, kind_, member_)                                                                \
    { .name = (name_), .kind = (kind_), PLACE(member_), .need = FIELD_SURE }
#define PROMISED(name_, kind_, member_)                                                            \
    { .name = (name_), .kind = (kind_), PLACE(member_), .need = FIELD_PROMISED }
#define TIME(name_, member_)                                                                       \
    { .name = (name_), .kind = FIELD_TIME, PLACE(member_), .unit = US }
#define MEAN(name_, member_)                                                                       \
    { .name = (name_), .kind = FIELD_REAL, PLACE(member_), .unit = US }

#define DISTRIBUTION(name_, member_, need_)                                                        \
    {.name = (name_), .kind = FIELD_OBJECT, .need = (need_)},                                      \
        TIME(name_ ".p50", run.member_.p50_ns), TIME(name_ ".p90", run.member_.p90_ns),            \
        TIME(name_ ".p99", run.member_.p99_ns), TIME(name_ ".p999", run.member_.p999_ns),          \
        TIME(name_ ".max", run.member_.max_ns), MEAN(name_ ".mean", run.member_.mean_ns)

#define PHASE(name_, member_)                                                                      \
    TIME("phases_us." name_ ".p50", run.member_.p50_ns),                                           \
        MEAN("phases_us." name_ ".mean", run.member_.mean_ns)

#define SIDE(name_, member_)                                                                       \
    REAL("interference." name_ "_run_ms", member_.run_ms),                                         \
        REAL("interference." name_ "_wait_ms", member_.wait_ms)

#define ASKED(member_) PLACE(run.asked.member_)
#define CHOICE(name_, member_, names_, count_)                                                     \
    {                                                                                              \
        .name = (name_), .kind = FIELD_CHOICE, PLACE(member_), .choices = (names_),                \
        .choice_count = (count_), .need = FIELD_SURE                                               \
    }

const struct field run_fields[] = {
    SURE("variant", FIELD_TEXT, variant),
    CHOICE("role", run.asked.role, role_names, ROLES),
    TEXT("build", build),
    SURE("size_bytes", FIELD_UNSIGNED, run.asked.size_bytes),
    SURE("reply_bytes", FIELD_UNSIGNED, run.asked.reply_bytes),
    SURE("connections", FIELD_UNSIGNED, run.asked.connections),
    {.name = "per_connection", .kind = FIELD_UNSIGNED, ASKED(per_connection), .nullable = true},
    SURE("pipeline", FIELD_UNSIGNED, run.depth),
    CHOICE("engine", run.asked.engine, engine_names, ENGINES),
    TEXT("design", design),
    COUNT("workers", workers),
    {.name = "idle_connections", .kind = FIELD_UNSIGNED, ASKED(idle)},
    {.name = "silent_connections", .kind = FIELD_UNSIGNED, ASKED(silent)},
    {.name = "gap_ms", .kind = FIELD_TIME, ASKED(gap_ns), .unit = MS},
    {.name = "idle_timeout_ms",
     .kind = FIELD_TIME,
     ASKED(idle_timeout_ns),
     .unit = MS,
     .nullable = true},
    SURE("placement", FIELD_TEXT, placement),
    TRUTH("thread_siblings", run.thread_siblings),
    {.name = "network",
     .kind = FIELD_CHOICE,
     PLACE(run.network),
     .choices = network_names,
     .choice_count = NETWORKS},
    PROMISED("offered_per_s", FIELD_REAL, run.asked.rate_per_s),
    {.name = "delay_us", .kind = FIELD_TIME, ASKED(delay_ns), .unit = US},
    {.name = "deadline_ms",
     .kind = FIELD_TIME,
     ASKED(deadline_ns),
     .unit = MS,
     .need = FIELD_PROMISED},
    REAL("rto_floor_ms", rto_floor_ms),
    {.name = "messages", .kind = FIELD_OBJECT, .need = FIELD_SURE},
    SURE("messages.sent", FIELD_COUNT, run.sent),
    SURE("messages.ok", FIELD_COUNT, run.ok),
    SURE("messages.lost", FIELD_COUNT, run.lost),
    SURE("messages.failed", FIELD_COUNT, run.failed),
    SURE("messages.late", FIELD_COUNT, run.late),
    SURE("messages.duplicate", FIELD_COUNT, run.duplicate),
    SURE("messages.corrupt", FIELD_COUNT, run.corrupt),
    {.name = "elapsed_s",
     .kind = FIELD_TIME,
     PLACE(run.elapsed_ns),
     .unit = 1e9,
     .need = FIELD_SURE},
    {.name = "connecting_s", .kind = FIELD_TIME, PLACE(run.connecting_ns), .unit = 1e9},
    {.name = "drain_s", .kind = FIELD_TIME, PLACE(run.drain_ns), .unit = 1e9},
    COUNT("drained", run.drained),
    COUNT("waiting", run.waiting),
    REAL("outstanding", run.outstanding),
    SURE("throughput_per_s", FIELD_REAL, throughput_per_s),
    {.name = "time_per_message_us",
     .kind = FIELD_REAL,
     PLACE(time_ns),
     .unit = US,
     .need = FIELD_PROMISED},
    DISTRIBUTION("latency_us", latency, FIELD_PROMISED),
    DISTRIBUTION("answered_us", answered, FIELD_MAY_LACK),
    DISTRIBUTION("cycle_us", cycle, FIELD_MAY_LACK),
    DISTRIBUTION("service_us", service, FIELD_MAY_LACK),
    OBJECT("phases_us"),
    PHASE("connect", connect),
    PHASE("exchange", exchange),
    PHASE("close", close),
    {.name = "per_message", .kind = FIELD_OBJECT, .need = FIELD_SURE},
    PROMISED("per_message.packets", FIELD_REAL, run.packets),
    PROMISED("per_message.wire_bytes", FIELD_REAL, run.wire_bytes),
    PROMISED("per_message.syscalls", FIELD_REAL, run.syscalls),
    {.name = "per_message.cpu_us",
     .kind = FIELD_REAL,
     PLACE(cpu_ns),
     .unit = US,
     .need = FIELD_PROMISED},
    MEAN("per_message.client_cpu_us", client_cpu_ns),
    MEAN("per_message.server_cpu_us", server_cpu_ns),
    OBJECT("messages_per"),
    REAL("messages_per.client_send", run.per_send),
    REAL("messages_per.client_receive", run.per_receive),
    REAL("messages_per.server_receive", run.server_per_receive),
    REAL("messages_per.server_send", run.server_per_send),
    REAL("messages_per.packet", run.per_packet),
    OBJECT_OR_NULL("open_loop"),
    TEXT("open_loop.arrivals", arrivals),
    TEXT("open_loop.assign", assign),
    COUNT("open_loop.offered", run.offered),
    COUNT("open_loop.taken_up", run.taken_up),
    COUNT("open_loop.answered_in_time", run.in_time),
    COUNT("open_loop.unsent", run.unsent),
    REAL("open_loop.offered_per_s", offered_per_s),
    REAL("open_loop.taken_up_per_s", taken_up_per_s),
    REAL("open_loop.answered_per_s", answered_per_s),
    TRUTH("open_loop.overloaded", run.overloaded),
    TIME("open_loop.lateness_us.p50", run.lateness.p50_ns),
    TIME("open_loop.lateness_us.p90", run.lateness.p90_ns),
    TIME("open_loop.lateness_us.p99", run.lateness.p99_ns),
    TIME("open_loop.lateness_us.p999", run.lateness.p999_ns),
    TIME("open_loop.lateness_us.max", run.lateness.max_ns),
    MEAN("open_loop.lateness_us.mean", run.lateness.mean_ns),
    OBJECT_OR_NULL("interference"),
    REAL("interference.disturbed_share", run.disturbed),
    SIDE("client", client_side),
    SIDE("server", server_side),
    SIDE("wire", wire_side),
    REAL("interference.throttled_periods", throttled_periods),
    REAL("interference.throttled_ms", throttled_ms),
    OBJECT_OR_NULL("idle"),
    COUNT("idle.connections", idle_connections),
    COUNT("idle.server_bytes_per_connection", run.idle_server_bytes),
    COUNT("idle.kernel_bytes_per_connection", run.idle_kernel_bytes),
    PROMISED("rtt_ms", FIELD_REAL, rtt_ms),
    REAL("rtt_applied_ms", rtt_applied_ms),
    PROMISED("loss_percent", FIELD_REAL, loss_percent),
    COUNT("mtu_bytes", mtu_bytes),
    OBJECT_OR_NULL("wire"),
    COUNT("wire.packets", run.wire.all.packets),
    COUNT("wire.ip_bytes", run.wire.all.ip_bytes),
    COUNT("wire.payload_bytes", run.wire.all.payload_bytes),
    COUNT("wire.dropped", run.wire.all.dropped),
    COUNT("wire.foreign", run.wire.foreign),
    COUNT("wire.device_drops", run.wire.device_drops),
    TIME("wire.one_way_us.p50", run.wire.one_way.p50_ns),
    TIME("wire.one_way_us.p99", run.wire.one_way.p99_ns),
    MEAN("wire.one_way_us.mean", run.wire.one_way.mean_ns),
    TIME("wire.late_us.p50", run.wire.late.p50_ns),
    TIME("wire.late_us.p99", run.wire.late.p99_ns),
    MEAN("wire.late_us.mean", run.wire.late.mean_ns),
    OBJECT_OR_NULL("executions"),
    COUNT("executions.answered", run.answered_in_all),
    COUNT("executions.executed", run.executed),
    COUNT("executions.executed_twice", run.executed_twice),
    TRUTH("executions.dedup", run.asked.dedup),
    OBJECT_OR_NULL("time_wait"),
    COUNT("time_wait.all_before", run.time_wait[0].all),
    COUNT("time_wait.client_before", run.time_wait[0].client),
    COUNT("time_wait.client_after", run.time_wait[1].client),
    COUNT("time_wait.server_before", run.time_wait[0].server),
    COUNT("time_wait.server_after", run.time_wait[1].server),
    OBJECT_OR_NULL("ports"),
    COUNT("ports.range", ports_range),
    REAL("ports.loopback_per_s", run.ports.loopback_per_s),
    REAL("ports.network_per_s", run.ports.network_per_s),
    COUNT("ports.sources", ports_sources),
    {.name = "profile",
     .kind = FIELD_CHOICE,
     ASKED(profile),
     .choices = profile_names,
     .choice_count = PROFILES},
    SURE("valid", FIELD_TRUTH, valid),
    COUNT("block", block),
    COUNT("order", order),
    COUNT("column", column),
    COUNT("point", point),
    REAL("capacity_per_s", run.capacity_per_s),
    TEXT("lost_packet", run.lost_packet),
    TEXT("beside", run.tool),
    COUNT("seed", run.asked.seed)};

const unsigned run_field_count = sizeof run_fields / sizeof run_fields[0];

/* A part of the parameters that a file gives in other words. */
static double known_if(bool known, double value) {
    return known ? value : (double)NAN;
}

static uint64_t count_if(bool known, uint64_t count) {
    return known ? count : FIELD_UNKNOWN;
}

static double per_message(const struct run *run, uint64_t ns) {
    return known_if(ns != FIELD_UNKNOWN && run->ok > 0, (double)ns / (double)run->ok);
}

static double per_second(const struct run *run, uint64_t count) {
    return known_if(count != FIELD_UNKNOWN && run->elapsed_ns > 0,
                    1e9 * (double)count / (double)run->elapsed_ns);
}

static uint64_t whole(double value) {
    return isnan(value) ? FIELD_UNKNOWN : (uint64_t)round(value);
}

static struct outside_side side_of(const struct side_time *side) {
    return (struct outside_side){known_if(side->known, (double)side->run_ns / MS),
                                 known_if(side->known, (double)side->wait_ns / MS)};
}

static void apply_side(struct side_time *side, const struct outside_side *outside) {
    side->known = !isnan(outside->run_ms);
    if (!side->known) return;
    side->run_ns = whole(outside->run_ms * MS);
    side->wait_ns = whole(outside->wait_ms * MS);
}

static void show_parameters(struct outside *o) {
    const struct parameters *asked = &o->run.asked;
    const bool ours = asked->host == NULL && asked->role != ROLE_FLOOR;
    const bool laid = asked->wire;
    o->variant = asked->variant->name;
    o->build = o->run.against ? "against" : NULL;
    o->placement = asked->host != NULL ? "remote" : placement_names[asked->placement];
    o->design = ours ? design_names[asked->design] : NULL;
    o->workers = count_if(ours, asked->workers);
    o->rtt_ms = known_if(laid, (double)asked->rtt_ns / MS);
    o->loss_percent = known_if(laid, asked->loss_percent);
    o->mtu_bytes = count_if(laid, asked->mtu_bytes > 0 ? asked->mtu_bytes : WIRE_MTU);
    o->rto_floor_ms = known_if(asked->variant->retries, (double)asked->rto_floor_ns / MS);
    if (!(asked->rate_per_s > 0)) o->run.asked.rate_per_s = NAN;
}

struct outside outside_of(const struct run *run) {
    struct outside o = {.run = *run};
    const bool open = run->offered != FIELD_UNKNOWN;
    show_parameters(&o);
    o.arrivals = open ? arrivals_names[run->asked.arrivals] : NULL;
    o.assign = open ? assign_names[run->asked.assign] : NULL;
    o.rtt_applied_ms = run->wire.applied_rtt_ns / MS;
    o.throughput_per_s = run_throughput_per_s(run);
    o.time_ns = run_time_ns(run);
    o.cpu_ns = run_cpu_ns(run);
    o.client_cpu_ns = per_message(run, run->client_cpu_ns);
    o.server_cpu_ns = per_message(run, run->server_cpu_ns);
    o.offered_per_s = per_second(run, run->offered);
    o.taken_up_per_s = per_second(run, open ? run->taken_up : FIELD_UNKNOWN);
    o.answered_per_s = per_second(run, open ? run->in_time : FIELD_UNKNOWN);
    o.idle_connections = count_if(run->idle_server_bytes != FIELD_UNKNOWN, run->asked.idle);
    o.ports_range = count_if(run->ports.range > 0, run->ports.range);
    o.ports_sources = run->ports.sources;
    const bool placed = run->column != RUN_NOWHERE || run->block > 0;
    o.block = count_if(placed, run->block);
    o.order = count_if(placed, run->order);
    o.column = count_if(run->column != RUN_NOWHERE, run->column);
    o.point = count_if(run->point != RUN_NOWHERE, run->point);
    o.valid = run_is_valid(run);
    o.client_side = side_of(&run->client_side);
    o.server_side = side_of(&run->server_side);
    o.wire_side = side_of(&run->wire_side);
    o.throttled_periods = known_if(run->throttled.known, (double)run->throttled.periods);
    o.throttled_ms = known_if(run->throttled.known, (double)run->throttled.ns / MS);
    if (!run->wire.known) o.run.wire.all.packets = FIELD_UNKNOWN;
    return o;
}

static unsigned choice_of(const char *text, const char *const *names, unsigned count) {
    unsigned i = 0;
    while (i < count && (text == NULL || strcmp(text, names[i]) != 0)) i++;
    return i == count ? 0 : i;
}

static unsigned count_or(uint64_t count, unsigned otherwise) {
    return count == FIELD_UNKNOWN ? otherwise : (unsigned)count;
}

void outside_apply(struct outside *o) {
    struct run *run = &o->run;
    struct parameters *asked = &run->asked;
    asked->variant = variant_find(o->variant);
    run->against = o->build != NULL;
    asked->placement = (enum placement)choice_of(o->placement, placement_names, PLACEMENTS);
    asked->design = o->design == NULL ? engine_design(asked->engine)
                                      : (enum design)choice_of(o->design, design_names, DESIGNS);
    asked->workers = count_or(o->workers, 1);
    asked->wire = !isnan(o->rtt_ms);
    asked->rtt_ns = asked->wire ? whole(o->rtt_ms * MS) : 0;
    asked->loss_percent = isnan(o->loss_percent) ? 0 : o->loss_percent;
    asked->mtu_bytes = o->mtu_bytes == WIRE_MTU ? 0 : count_or(o->mtu_bytes, 0);
    if (!isnan(o->rto_floor_ms)) asked->rto_floor_ns = whole(o->rto_floor_ms * MS);
    if (isnan(asked->rate_per_s)) asked->rate_per_s = 0;
    asked->arrivals = (enum arrivals)choice_of(o->arrivals, arrivals_names, ARRIVALS);
    asked->assign = (enum assign)choice_of(o->assign, assign_names, ASSIGNS);
    if (strcmp(o->placement, "remote") == 0) asked->host = "remote";
    run->client_cpu_ns = whole(o->client_cpu_ns * (double)run->ok);
    run->server_cpu_ns = whole(o->server_cpu_ns * (double)run->ok);
    apply_side(&run->client_side, &o->client_side);
    apply_side(&run->server_side, &o->server_side);
    apply_side(&run->wire_side, &o->wire_side);
    run->throttled.known = !isnan(o->throttled_periods);
    if (run->throttled.known) {
        run->throttled.periods = whole(o->throttled_periods);
        run->throttled.ns = whole(o->throttled_ms * MS);
    }
    run->wire.known = run->wire.all.packets != FIELD_UNKNOWN;
    if (!run->wire.known) run->wire.all.packets = 0;
    run->wire.applied_rtt_ns = o->rtt_applied_ms * MS;
    run->ports.range = count_or(o->ports_range, 0);
    run->ports.sources = count_or(o->ports_sources, 0);
    run->block = count_or(o->block, 0);
    run->order = count_or(o->order, 0);
    run->column = count_or(o->column, RUN_NOWHERE);
    run->point = count_or(o->point, RUN_NOWHERE);
}
