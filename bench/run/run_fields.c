/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/run_fields.h"

#include <math.h>
#include <string.h>

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
    {"interference.neighbours", RUN(UNSIGNED, neighbours), KNOWN(placed)},
    SIDE("client", client_side),
    SIDE("server", server_side),
    SIDE("wire", wire_side),
    {"interference.softirq_ms", RUN(TIME, softirq_ns), .unit = MS},
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
