/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/findings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Counts of statistics stand in findings as they are. */
_Static_assert(sizeof(size_t) == sizeof(uint64_t), "a size_t is no FIELD_COUNT");

/* clang-format off: it joins these lines */
#define TYPE(value_)                                                                               \
    _Generic((value_), const char *: FIELD_TEXT, double: FIELD_REAL, uint64_t: FIELD_COUNT,        \
             bool: FIELD_TRUTH)
/* clang-format on */

/* A member by its own name; by another; and a double that holds a whole number. */
#define F(struct_, member_) N(#member_, struct_, member_)
#define N(name_, struct_, member_)                                                                 \
    {                                                                                              \
        .name = (name_), .kind = TYPE(((struct struct_ *)0)->member_),                             \
        .offset = offsetof(struct struct_, member_)                                                \
    }
#define W(struct_, member_)                                                                        \
    { #member_, FIELD_AT(struct_, WHOLE, member_) }

/* NOLINTBEGIN(bugprone-macro-parentheses): names of members that join */
#define CHOICE(name_, struct_, member_, names_, count_)                                            \
    { (name_), FIELD_AT(struct_, CHOICE, member_), .choices = (names_), .choice_count = (count_) }
#define OBJECT(name_, nullable_)                                                                   \
    { .name = (name_), .kind = FIELD_OBJECT, .nullable = (nullable_) }
#define INTERVAL(name_, low_, high_, struct_, member_)                                             \
    N(name_, struct_, member_.value), N(low_, struct_, member_.low), N(high_, struct_, member_.high)
#define COMPARISON(struct_)                                                                        \
    INTERVAL("ratio", "ci_low", "ci_high", struct_, comparison.ratio),                             \
        N("level", struct_, comparison.level),                                                     \
        INTERVAL("diff", "diff_ci_low", "diff_ci_high", struct_, comparison.diff),                 \
        CHOICE("estimate", struct_, comparison.estimate, estimate_names, ESTIMATE_METHODS),        \
        N("detectable", struct_, comparison.detectable), N("p", struct_, comparison.p),            \
        N("margin", struct_, comparison.margin),                                                   \
        CHOICE("verdict", struct_, comparison.verdict, verdict_names, VERDICTS)
#define C(struct_, member_) N(#member_, struct_, column.member_)
#define COLUMN(struct_)                                                                            \
    C(struct_, variant), C(struct_, build), C(struct_, size_bytes), C(struct_, reply_bytes),       \
        C(struct_, connections), C(struct_, per_connection), C(struct_, pipeline),                 \
        C(struct_, engine), C(struct_, placement), C(struct_, network), C(struct_, profile),       \
        C(struct_, rtt_ms), C(struct_, loss_percent), C(struct_, offered_per_s),                   \
        C(struct_, point), C(struct_, deadline_ms), C(struct_, rto_floor_ms), C(struct_, design),  \
        C(struct_, workers), C(struct_, dedup), C(struct_, idle_timeout_ms), C(struct_, delay_us), \
        C(struct_, idle_connections), C(struct_, silent_connections), C(struct_, gap_ms),          \
        C(struct_, mtu_bytes), C(struct_, arrivals), C(struct_, assign), C(struct_, lost_packet)
/* NOLINTEND(bugprone-macro-parentheses) */

/* A list, its name in a file and its struct; and before: see struct finding_kind. */
#define KIND(...) KIND_OF(NULL, false, false, __VA_ARGS__)
#define KIND_OF(command_, single_, texts_, list_, name_, struct_, ...)                             \
    [list_] = {.name = (name_),                                                                    \
               .command = (command_),                                                              \
               .single = (single_),                                                                \
               .texts = (texts_),                                                                  \
               .size = sizeof(struct struct_),                                                     \
               .fields = (const struct field[]){__VA_ARGS__},                                      \
               .field_count = sizeof((const struct field[]){__VA_ARGS__}) / sizeof(struct field)}

const struct finding_kind finding_kinds[LISTS] = {
    KIND(LIST_COMPARISONS, "comparisons", compared, F(compared, metric), F(compared, baseline),
         F(compared, variant), F(compared, role), F(compared, placement), F(compared, engine),
         F(compared, design), W(compared, size_bytes), W(compared, connections),
         W(compared, per_connection), F(compared, rtt_ms), F(compared, loss_percent),
         W(compared, point), W(compared, pipeline), F(compared, rto_floor_ms),
         F(compared, offered_per_s), F(compared, baseline_offered_per_s),
         N("blocks", compared, comparison.blocks), COMPARISON(compared),
         N("blocks_needed", compared, comparison.blocks_needed)),
    KIND(LIST_FITS, "fits", fit, F(fit, variant), F(fit, metric), N("runs", fit, line.count),
         INTERVAL("round_trips", "ci_low", "ci_high", fit, line.slope), N("level", fit, line.level),
         N("intercept_us", fit, line.intercept), N("r2", fit, line.r2), F(fit, model)),
    KIND(LIST_PER_CONNECTION, "per_connection", per_connection, F(per_connection, variant),
         W(per_connection, size_bytes), F(per_connection, rtt_ms), W(per_connection, messages),
         N("runs", per_connection, time_us.count),
         INTERVAL("time_us", "ci_low", "ci_high", per_connection, time_us),
         F(per_connection, model_us), F(per_connection, share_percent),
         W(per_connection, below_10_percent)),
    KIND(LIST_CAPACITIES, "capacities", capacity, F(capacity, variant),
         INTERVAL("capacity_per_s", "least_per_s", "most_per_s", capacity, per_s),
         F(capacity, runs)),
    KIND(LIST_KNEES, "knees", knee, F(knee, variant), F(knee, build),
         INTERVAL("capacity_per_s", "capacity_least_per_s", "capacity_most_per_s", knee,
                  capacity_per_s),
         W(knee, capacity_runs), INTERVAL("knee_per_s", "ci_low", "ci_high", knee, knee_per_s),
         F(knee, share), F(knee, idle_us), F(knee, queue_us), W(knee, runs), F(knee, held_per_s),
         F(knee, broken_per_s), F(knee, because), F(knee, rule)),
    KIND(LIST_LOST, "lost_packets", lost_message, F(lost_message, variant), F(lost_message, lost),
         F(lost_message, predicted_low_ms), F(lost_message, predicted_high_ms),
         F(lost_message, probed_low_ms), F(lost_message, probed_high_ms),
         N("probed_runs", lost_message, probed), N("runs_as_predicted", lost_message, as_predicted),
         INTERVAL("measured_ms", "low_ms", "high_ms", lost_message, measured_ms),
         N("runs", lost_message, measured_ms.count), F(lost_message, answered)),
    KIND(LIST_BEHIND_LOSS, "who_waits", behind_loss, F(behind_loss, variant),
         F(behind_loss, rate_per_s), F(behind_loss, situation), F(behind_loss, loss_percent),
         N("runs", behind_loss, sum.runs), N("sent", behind_loss, sum.sent),
         N("answered", behind_loss, sum.answered), N("unanswered", behind_loss, sum.unanswered),
         N("packets_lost", behind_loss, sum.packets_lost), N("delayed", behind_loss, sum.delayed),
         F(behind_loss, delayed_per_loss), N("median_ms", behind_loss, sum.usual_ms),
         N("worst_ms", behind_loss, sum.worst_ms), F(behind_loss, delayed_beyond_ms),
         F(behind_loss, within_ms), F(behind_loss, lateness_max_ms),
         INTERVAL("within_share", "ci_low", "ci_high", behind_loss, within_share),
         F(behind_loss, level), F(behind_loss, rtt_ms), F(behind_loss, deadline_ms),
         F(behind_loss, connections), F(behind_loss, pipeline), F(behind_loss, duration_s),
         F(behind_loss, arrivals)),
    KIND(LIST_IDLE_POINTS, "idle_points", idle_point, F(idle_point, variant),
         F(idle_point, size_bytes), F(idle_point, reply_bytes), F(idle_point, gap_ms),
         F(idle_point, rtt_ms), INTERVAL("latency_ms", "low_ms", "high_ms", idle_point, latency_ms),
         N("samples", idle_point, latency_ms.count), F(idle_point, round_trips),
         F(idle_point, model_round_trips), F(idle_point, model_ms)),
    KIND_OF(NULL, true, false, LIST_IDLE_RACE, "idle_race", idle_race, F(idle_race, rtt_ms),
            F(idle_race, idle_timeout_ms), F(idle_race, gap_ms), F(idle_race, connections),
            F(idle_race, sent), F(idle_race, sent_after_pause), F(idle_race, met_closed),
            F(idle_race, answered), F(idle_race, executed), F(idle_race, retry_safe)),
    KIND_OF(NULL, true, false, LIST_IDLE_BESIDE, "idle_beside", idle_beside,
            F(idle_beside, connections), F(idle_beside, load_connections),
            N("server_bytes_per_connection", idle_beside, server_bytes),
            N("kernel_bytes_per_connection", idle_beside, kernel_bytes),
            F(idle_beside, p99_alone_us), F(idle_beside, p99_beside_us), F(idle_beside, runs)),
    KIND(LIST_CHECKS, "checks", checked, F(checked, name), N("negative_control", checked, negative),
         F(checked, injected), F(checked, found), F(checked, detected), F(checked, pass)),
    KIND(LIST_ANATOMY, "anatomy", consists, F(consists, variant), F(consists, size_bytes),
         F(consists, reply_bytes), F(consists, messages), F(consists, payload_percent),
         F(consists, packets_per_message), F(consists, ip_bytes_per_message),
         N("packets_later_message", consists, packets_later),
         N("ip_bytes_later_message", consists, ip_bytes_later), F(consists, not_predicted_because),
         F(consists, wire_skipped_because), F(consists, explanation),
         OBJECT("syscalls_per_message", true),
         N("syscalls_per_message.client", consists, calls_client),
         N("syscalls_per_message.server", consists, calls_server),
         N("syscalls_skipped_because", consists, calls_skipped_because),
         N("context_switches_per_message", consists, context_switches),
         OBJECT("cpu_us_per_message", false),
         N("cpu_us_per_message.client", consists, client_cpu_us),
         N("cpu_us_per_message.server", consists, server_cpu_us), OBJECT("phases_us", true),
         N("phases_us.exchange.mean", consists, exchange_us.mean),
         N("phases_us.exchange.p50", consists, exchange_us.p50),
         N("phases_us.connect.p50", consists, connect_us.p50),
         N("phases_us.connect.mean", consists, connect_us.mean),
         N("phases_us.close.p50", consists, close_us.p50),
         N("phases_us.close.mean", consists, close_us.mean), F(consists, loopback_skipped_because),
         N("guessed.packets", consists, guessed[GUESS_PACKETS]),
         N("guessed.round_trips", consists, guessed[GUESS_ROUND_TRIPS]),
         N("guessed.client_calls", consists, guessed[GUESS_CALLS])),
    KIND_OF("diff", false, false, LIST_CHANGES, "comparisons", changed, F(changed, metric),
            F(changed, baseline), COLUMN(changed), F(changed, role), F(changed, blocks),
            F(changed, sessions_base), F(changed, sessions_new), F(changed, base), F(changed, new),
            F(changed, ratio), N("ci_low", changed, low), N("ci_high", changed, high),
            F(changed, level), F(changed, diff), N("diff_ci_low", changed, diff_low),
            N("diff_ci_high", changed, diff_high), F(changed, detectable), F(changed, p),
            F(changed, margin), F(changed, min_effect), F(changed, judged),
            CHOICE("verdict", changed, verdict, verdict_names, VERDICTS), F(changed, gates),
            F(changed, regression), F(changed, sessions_needed)),
    KIND_OF("diff", false, false, LIST_ONLY_BASE, "only_base", only, COLUMN(only)),
    KIND_OF("diff", false, false, LIST_ONLY_NEW, "only_new", only, COLUMN(only)),
    KIND_OF("diff", true, false, LIST_DIFFERENCE, NULL, difference, F(difference, of),
            F(difference, sessions_base), F(difference, sessions_new), F(difference, margin),
            F(difference, min_effect), F(difference, judged), F(difference, regressions),
            F(difference, too_few_valid)),
    KIND_OF("diff", false, false, LIST_HISTORY, "history", stretch, F(stretch, variant),
            F(stretch, column), F(stretch, metric), F(stretch, file), F(stretch, from),
            F(stretch, to), F(stretch, sessions), F(stretch, value), F(stretch, ratio),
            F(stretch, p), F(stretch, level)),
    KIND_OF("crosscheck", false, false, LIST_TOOLS, "tools", tool_beside, F(tool_beside, tool),
            F(tool_beside, test), F(tool_beside, variant), F(tool_beside, missed),
            F(tool_beside, problem)),
    KIND_OF("crosscheck", false, false, LIST_AGREEMENTS, "comparisons", agreed, F(agreed, metric),
            F(agreed, baseline), F(agreed, variant), F(agreed, blocks), COMPARISON(agreed),
            F(agreed, agreement)),
    KIND_OF("crosscheck", false, true, LIST_MISSING, "missing", missing, N(NULL, missing, what))};

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
    for (size_t i = 0; i < findings->count; i++, item += finding_kinds[kind].size)
        if (findings_agree(kind, names, item, one)) return item;
    return NULL;
}
