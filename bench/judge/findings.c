/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/run/run_fields.h"

#define COUNT(fields_) (sizeof(fields_) / sizeof *(fields_))

#define T(name_, member_)                                                                          \
    { .name = (name_), .kind = FIELD_TEXT, .offset = offsetof(struct S, member_) }
#define R(name_, member_)                                                                          \
    { .name = (name_), .kind = FIELD_REAL, .offset = offsetof(struct S, member_) }
#define W(name_, member_)                                                                          \
    { .name = (name_), .kind = FIELD_WHOLE, .offset = offsetof(struct S, member_) }
#define C(name_, member_)                                                                          \
    { .name = (name_), .kind = FIELD_COUNT, .offset = offsetof(struct S, member_) }
#define B(name_, member_)                                                                          \
    { .name = (name_), .kind = FIELD_TRUTH, .offset = offsetof(struct S, member_) }
#define V(name_, member_)                                                                          \
    {                                                                                              \
        .name = (name_), .kind = FIELD_CHOICE, .offset = offsetof(struct S, member_),              \
        .choices = verdict_names, .choice_count = VERDICTS                                         \
    }

#define E(name_, member_)                                                                          \
    {                                                                                              \
        .name = (name_), .kind = FIELD_CHOICE, .offset = offsetof(struct S, member_),              \
        .choices = estimate_names, .choice_count = ESTIMATE_METHODS                                \
    }

/* Counts of statistics stand in findings as they are. */
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a size_t is no FIELD_COUNT");

#define COMPARISON                                                                                 \
    R("ratio", comparison.ratio.value), R("ci_low", comparison.ratio.low),                         \
        R("ci_high", comparison.ratio.high), R("level", comparison.level),                         \
        R("diff", comparison.diff.value), R("diff_ci_low", comparison.diff.low),                   \
        R("diff_ci_high", comparison.diff.high), E("estimate", comparison.estimate),               \
        R("detectable", comparison.detectable), R("p", comparison.p),                              \
        R("margin", comparison.margin), V("verdict", comparison.verdict)

#define S compared
static const struct field compared_fields[] = {T("metric", metric),
                                               T("baseline", baseline),
                                               T("variant", variant),
                                               T("role", role),
                                               T("placement", placement),
                                               T("engine", engine),
                                               T("design", design),
                                               W("size_bytes", size_bytes),
                                               W("connections", connections),
                                               W("per_connection", per_connection),
                                               R("rtt_ms", rtt_ms),
                                               R("loss_percent", loss_percent),
                                               W("point", point),
                                               W("pipeline", pipeline),
                                               R("rto_floor_ms", rto_floor_ms),
                                               R("offered_per_s", offered_per_s),
                                               R("baseline_offered_per_s", baseline_offered_per_s),
                                               C("blocks", comparison.blocks),
                                               COMPARISON,
                                               C("blocks_needed", comparison.blocks_needed)};
#undef S

#define S fit
static const struct field fit_fields[] = {T("variant", variant),
                                          T("metric", metric),
                                          C("runs", line.count),
                                          R("round_trips", line.slope.value),
                                          R("ci_low", line.slope.low),
                                          R("ci_high", line.slope.high),
                                          R("level", line.level),
                                          R("intercept_us", line.intercept),
                                          R("r2", line.r2),
                                          R("model", model)};
#undef S

#define S per_connection
static const struct field per_connection_fields[] = {T("variant", variant),
                                                     W("size_bytes", size_bytes),
                                                     R("rtt_ms", rtt_ms),
                                                     W("messages", messages),
                                                     C("runs", time_us.count),
                                                     R("time_us", time_us.value),
                                                     R("ci_low", time_us.low),
                                                     R("ci_high", time_us.high),
                                                     R("model_us", model_us),
                                                     R("share_percent", share_percent),
                                                     W("below_10_percent", below_10_percent)};
#undef S

#define S knee
static const struct field knee_fields[] = {
    T("variant", variant),           T("build", build),     R("capacity_per_s", capacity_per_s),
    R("knee_per_s", knee_per_s),     R("share", share),     R("held_per_s", held_per_s),
    R("broken_per_s", broken_per_s), T("because", because), T("rule", rule)};
#undef S

#define S lost_message
static const struct field lost_fields[] = {T("variant", variant),
                                           T("lost", lost),
                                           R("predicted_low_ms", predicted_low_ms),
                                           R("predicted_high_ms", predicted_high_ms),
                                           R("measured_ms", measured_ms.value),
                                           R("low_ms", measured_ms.low),
                                           R("high_ms", measured_ms.high),
                                           C("runs", measured_ms.count),
                                           B("answered", answered)};
#undef S

#define S behind_loss
static const struct field behind_loss_fields[] = {T("variant", variant),
                                                  R("rate_per_s", rate_per_s),
                                                  T("situation", situation),
                                                  R("loss_percent", loss_percent),
                                                  C("runs", sum.runs),
                                                  R("sent", sum.sent),
                                                  R("answered", sum.answered),
                                                  R("unanswered", sum.unanswered),
                                                  R("packets_lost", sum.packets_lost),
                                                  R("delayed", sum.delayed),
                                                  R("delayed_per_loss", delayed_per_loss),
                                                  R("median_ms", sum.usual_ms),
                                                  R("worst_ms", sum.worst_ms),
                                                  R("delayed_beyond_ms", delayed_beyond_ms),
                                                  R("within_ms", within_ms),
                                                  R("lateness_max_ms", lateness_max_ms),
                                                  R("within_share", within_share.value),
                                                  R("ci_low", within_share.low),
                                                  R("ci_high", within_share.high),
                                                  R("level", level),
                                                  R("rtt_ms", rtt_ms),
                                                  R("deadline_ms", deadline_ms),
                                                  R("connections", connections),
                                                  R("pipeline", pipeline),
                                                  R("duration_s", duration_s),
                                                  T("arrivals", arrivals)};
#undef S

#define S idle_point
static const struct field idle_point_fields[] = {
    T("variant", variant),        C("size_bytes", size_bytes),   C("reply_bytes", reply_bytes),
    R("gap_ms", gap_ms),          R("rtt_ms", rtt_ms),           R("latency_ms", latency_ms.value),
    R("low_ms", latency_ms.low),  R("high_ms", latency_ms.high), C("samples", latency_ms.count),
    R("round_trips", round_trips)};
#undef S

#define S idle_race
static const struct field idle_race_fields[] = {R("rtt_ms", rtt_ms),
                                                R("idle_timeout_ms", idle_timeout_ms),
                                                R("gap_ms", gap_ms),
                                                C("connections", connections),
                                                C("sent", sent),
                                                C("sent_after_pause", sent_after_pause),
                                                C("met_closed", met_closed),
                                                C("answered", answered),
                                                C("executed", executed),
                                                B("retry_safe", retry_safe)};
#undef S

#define S idle_beside
static const struct field idle_beside_fields[] = {C("connections", connections),
                                                  C("load_connections", load_connections),
                                                  R("server_bytes_per_connection", server_bytes),
                                                  R("kernel_bytes_per_connection", kernel_bytes),
                                                  R("p99_alone_us", p99_alone_us),
                                                  R("p99_beside_us", p99_beside_us),
                                                  C("runs", runs)};
#undef S

#define COLUMN                                                                                     \
    T("variant", column.variant), T("build", column.build), R("size_bytes", column.size_bytes),    \
        R("reply_bytes", column.reply_bytes), R("connections", column.connections),                \
        R("per_connection", column.per_connection), R("pipeline", column.pipeline),                \
        T("engine", column.engine), T("placement", column.placement),                              \
        T("network", column.network), T("profile", column.profile), R("rtt_ms", column.rtt_ms),    \
        R("loss_percent", column.loss_percent), R("offered_per_s", column.offered_per_s),          \
        R("point", column.point), R("deadline_ms", column.deadline_ms),                            \
        R("rto_floor_ms", column.rto_floor_ms), T("design", column.design),                        \
        R("workers", column.workers), B("dedup", column.dedup),                                    \
        R("idle_timeout_ms", column.idle_timeout_ms), R("delay_us", column.delay_us),              \
        R("idle_connections", column.idle_connections),                                            \
        R("silent_connections", column.silent_connections), R("gap_ms", column.gap_ms),            \
        R("mtu_bytes", column.mtu_bytes), T("arrivals", column.arrivals),                          \
        T("assign", column.assign), T("lost_packet", column.lost_packet)

#define S only
static const struct field only_fields[] = {COLUMN};
#undef S

#define S changed
static const struct field changed_fields[] = {T("metric", metric),
                                              T("baseline", baseline),
                                              COLUMN,
                                              T("role", role),
                                              R("blocks", blocks),
                                              C("sessions_base", sessions_base),
                                              C("sessions_new", sessions_new),
                                              R("base", base),
                                              R("new", new),
                                              R("ratio", ratio),
                                              R("ci_low", low),
                                              R("ci_high", high),
                                              R("level", level),
                                              R("diff", diff),
                                              R("diff_ci_low", diff_low),
                                              R("diff_ci_high", diff_high),
                                              R("detectable", detectable),
                                              R("p", p),
                                              R("margin", margin),
                                              R("min_effect", min_effect),
                                              B("judged", judged),
                                              V("verdict", verdict),
                                              B("gates", gates),
                                              B("regression", regression),
                                              C("sessions_needed", sessions_needed)};
#undef S

#define S stretch
static const struct field stretch_fields[] = {
    T("variant", variant), T("column", column), T("metric", metric),     T("file", file),
    T("from", from),       T("to", to),         C("sessions", sessions), R("value", value),
    R("ratio", ratio),     R("p", p),           R("level", level)};
#undef S

#define S difference
static const struct field difference_fields[] = {T("of", of),
                                                 C("sessions_base", sessions_base),
                                                 C("sessions_new", sessions_new),
                                                 R("margin", margin),
                                                 R("min_effect", min_effect),
                                                 C("judged", judged),
                                                 C("regressions", regressions),
                                                 C("too_few_valid", too_few_valid)};
#undef S

#define S tool_beside
static const struct field tool_fields[] = {T("tool", tool), T("test", test), T("variant", variant),
                                           C("missed", missed), T("problem", problem)};
#undef S

#define S agreed
static const struct field agreed_fields[] = {
    T("metric", metric), T("baseline", baseline),  T("variant", variant), C("blocks", blocks),
    COMPARISON,          T("agreement", agreement)};
#undef S

#define S missing
static const struct field missing_fields[] = {T(NULL, what)};
#undef S

#define S checked
static const struct field checked_fields[] = {
    T("name", name),   B("negative_control", negative), T("injected", injected),
    T("found", found), B("detected", detected),         B("pass", pass)};
#undef S

#define S consists
static const struct field consists_fields[] = {
    T("variant", variant),
    C("size_bytes", size_bytes),
    C("reply_bytes", reply_bytes),
    C("messages", messages),
    R("payload_percent", payload_percent),
    R("packets_per_message", packets_per_message),
    R("ip_bytes_per_message", ip_bytes_per_message),
    R("packets_later_message", packets_later),
    R("ip_bytes_later_message", ip_bytes_later),
    T("not_predicted_because", not_predicted_because),
    T("wire_skipped_because", wire_skipped_because),
    T("explanation", explanation),
    {.name = "syscalls_per_message", .kind = FIELD_OBJECT, .nullable = true},
    R("syscalls_per_message.client", calls_client),
    R("syscalls_per_message.server", calls_server),
    T("syscalls_skipped_because", calls_skipped_because),
    R("context_switches_per_message", context_switches),
    {.name = "cpu_us_per_message", .kind = FIELD_OBJECT},
    R("cpu_us_per_message.client", client_cpu_us),
    R("cpu_us_per_message.server", server_cpu_us),
    {.name = "phases_us", .kind = FIELD_OBJECT, .nullable = true},
    R("phases_us.exchange.mean", exchange_us.mean),
    R("phases_us.exchange.p50", exchange_us.p50),
    R("phases_us.connect.p50", connect_us.p50),
    R("phases_us.connect.mean", connect_us.mean),
    R("phases_us.close.p50", close_us.p50),
    R("phases_us.close.mean", close_us.mean),
    T("loopback_skipped_because", loopback_skipped_because),
    R("guessed.packets", guessed[GUESS_PACKETS]),
    R("guessed.round_trips", guessed[GUESS_ROUND_TRIPS]),
    R("guessed.client_calls", guessed[GUESS_CALLS])};
#undef S

#define KIND_OF(command_, single_, name_, struct_, fields_)                                        \
    {                                                                                              \
        .name = (name_), .command = (command_), .single = (single_),                               \
        .size = sizeof(struct struct_), .fields = (fields_), .field_count = COUNT(fields_)         \
    }
#define KIND(name_, struct_, fields_) KIND_OF(NULL, false, name_, struct_, fields_)

const struct finding_kind finding_kinds[LISTS] = {
    [LIST_COMPARISONS] = KIND("comparisons", compared, compared_fields),
    [LIST_FITS] = KIND("fits", fit, fit_fields),
    [LIST_PER_CONNECTION] = KIND("per_connection", per_connection, per_connection_fields),
    [LIST_KNEES] = KIND("knees", knee, knee_fields),
    [LIST_LOST] = KIND("lost_packets", lost_message, lost_fields),
    [LIST_BEHIND_LOSS] = KIND("who_waits", behind_loss, behind_loss_fields),
    [LIST_IDLE_POINTS] = KIND("idle_points", idle_point, idle_point_fields),
    [LIST_IDLE_RACE] = KIND_OF(NULL, true, "idle_race", idle_race, idle_race_fields),
    [LIST_IDLE_BESIDE] = KIND_OF(NULL, true, "idle_beside", idle_beside, idle_beside_fields),
    [LIST_CHECKS] = KIND("checks", checked, checked_fields),
    [LIST_ANATOMY] = KIND("anatomy", consists, consists_fields),
    [LIST_CHANGES] = KIND_OF("diff", false, "comparisons", changed, changed_fields),
    [LIST_ONLY_BASE] = KIND_OF("diff", false, "only_base", only, only_fields),
    [LIST_ONLY_NEW] = KIND_OF("diff", false, "only_new", only, only_fields),
    [LIST_DIFFERENCE] = KIND_OF("diff", true, NULL, difference, difference_fields),
    [LIST_HISTORY] = KIND_OF("diff", false, "history", stretch, stretch_fields),
    [LIST_TOOLS] = KIND_OF("crosscheck", false, "tools", tool_beside, tool_fields),
    [LIST_AGREEMENTS] = KIND_OF("crosscheck", false, "comparisons", agreed, agreed_fields),
    [LIST_MISSING] = {.name = "missing",
                      .command = "crosscheck",
                      .texts = true,
                      .size = sizeof(struct missing),
                      .fields = missing_fields,
                      .field_count = COUNT(missing_fields)}};

void *findings_add(struct findings *findings, enum list kind) {
    const struct finding_kind *of = &finding_kinds[kind];
    void *more = reallocarray(findings->items, findings->count + 1, of->size);
    if (more == NULL) return NULL;
    findings->items = more;
    void *one = (char *)more + findings->count++ * of->size;
    memset(one, 0, of->size);
    field_clear(of->fields, of->field_count, one);
    return one;
}

void findings_describe(enum list kind, void *finding, const struct run *run) {
    const struct outside outside = outside_of(run);
    const struct finding_kind *of = &finding_kinds[kind];
    for (const struct field *field = of->fields; field < of->fields + of->field_count; field++) {
        const struct field *its =
            field_find(run_fields, run_field_count, field->name, strlen(field->name));
        if (its != NULL) (void)field_set(field, finding, field_get(its, &outside));
    }
}

bool findings_agree(enum list kind, const char *names, const void *one, const void *other) {
    const struct finding_kind *of = &finding_kinds[kind];
    for (const char *name = names; *name != '\0'; name += strspn(name, " ")) {
        const size_t length = strcspn(name, " ");
        const struct field *field = field_find(of->fields, of->field_count, name, length);
        const struct field_value a = field_get(field, one), b = field_get(field, other);
        const bool both = a.text != NULL && b.text != NULL;
        if (both ? strcmp(a.text, b.text) != 0 : a.text != b.text) return false;
        if (a.number != b.number && !(isnan(a.number) && isnan(b.number))) return false;
        name += length;
    }
    return true;
}

const void *findings_first(const struct findings *findings, enum list kind, const char *names,
                           const void *one) {
    const char *item = findings->items;
    for (size_t i = 0; i < findings->count; i++, item += finding_kinds[kind].size) {
        if (findings_agree(kind, names, item, one)) return item;
    }
    return NULL;
}
