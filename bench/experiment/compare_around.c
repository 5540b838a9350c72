/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands above and below the tables of a terminal. */
#include "bench/experiment/all.h"
#include "bench/experiment/compare_parts.h"
#include "bench/run/run.h"

static void put_where(FILE *out, const void *what) {
    static const char *const networks[NETWORKS] = {
        [NETWORK_PRIVATE] = "a private network for every run",
        [NETWORK_HOST] = "the host's loopback: NOT ISOLATED, as the system denies a private "
                         "network; `sudo echolab ...` would be (and measures as your own user)"};
    const struct session *session = what;
    const struct run *run = session->runs.list[0];
    const struct outside outside = outside_of(run);
    const struct source source = {run_fields, run_field_count, &outside};
    const char *server = session->server == NULL ? "a host" : session->server;
    (void)fputs(run_is_open(run) ? "Open loop, " : "Closed loop, ", out);
    if (run->network != NETWORK_REMOTE) fill_put(out, "{placement}, ", source);
    fill_put(out, "{engine} engine, ", source);
    struct series_table table = series_of(&session->runs);
    (void)fprintf(out, "%s, ", words_counted((double)table.blocks, "block").text);
    series_free(&table);
    if (session->seed != FIELD_UNKNOWN) (void)fprintf(out, "seed %.0f, ", (double)session->seed);
    (void)fprintf(out, "on %s.", run->network == NETWORK_REMOTE ? server : networks[run->network]);
    if (run->asked.delay_ns > 0)
        fill_put(out, " The server spends {delay_us:time} on each message.", source);
}

void compare_put_head(struct story *story, const struct session *session) {
    story_tell(story, put_where, session);
    /* How many connections the ports allow, where a variant's client keeps them. */
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct outside outside = outside_of(session->runs.list[i]);
        if (story_fill(story,
                       "Ports: the client of `{variant}` keeps each for 60 s in TIME_WAIT; "
                       "{ports.range:count} of them allow {ports.loopback_per_s} connections/s to "
                       "one address on loopback (reused after 1 s; here spread over "
                       "{ports.sources:count} addresses) and {ports.network_per_s}/s on a network.",
                       (struct source){run_fields, run_field_count, &outside})) {
            return;
        }
    }
}

/* ---- below ---- */

/* What a retry costs the server, which the client's figures do not show. */
static void tell_executions(struct story *story, const struct session *session,
                            const struct variant *variant) {
    double answered = 0, executed = 0;
    bool dedup = false;
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        if (run->asked.variant != variant || run->executed == FIELD_UNKNOWN) continue;
        answered += (double)run->answered_in_all;
        executed += (double)run->executed;
        dedup = run->asked.dedup;
    }
    if (executed == 0) return;
    story_say(story, "`%s`: answered once: %s; executed: %s (%s)", variant->name,
              words_count(answered).text, words_count(executed).text,
              dedup ? "at most once: the server remembers, --dedup"
                    : "a retry is at-least-once; --dedup: at most once");
}

/* Whether they do not count for reasons that differ in their numbers alone. */
static bool same_reason(const struct run *one, const struct run *other) {
    return !run_is_valid(one) && !run_is_valid(other) &&
           validity_same_reason(one->validity.reason[0], other->validity.reason[0]);
}

/* Runs that do not count, a line a reason. */
static void tell_invalid(struct story *story, const struct runs *runs) {
    bool first = true;
    for (size_t i = 0; i < runs->count; i++) {
        size_t before = 0, count = 0;
        for (size_t k = 0; k < runs->count; k++) {
            const bool same = same_reason(runs->list[k], runs->list[i]);
            before += same && k < i;
            count += same;
        }
        if (count == 0 || before > 0) continue;
        if (first) story_say(story, "Not valid, and in no verdict:");
        first = false;
        story_item(story, "%s%s by `%s`: %s", words_counted((double)count, "run").text,
                   count == 1 ? "" : ", the first", runs->list[i]->asked.variant->name,
                   runs->list[i]->validity.reason[0]);
    }
}

void compare_put_foot(struct story *story, const struct session *session) {
    for (unsigned i = 0; i < variant_count; i++) {
        if (variants[i].retries) tell_executions(story, session, &variants[i]);
    }
    tell_invalid(story, &session->runs);
    counts_tell(story, session);
}
