/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands above and below the tables of a terminal. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/compare_parts.h"

static unsigned count_blocks(const struct session *session) {
    unsigned blocks = 0;
    for (size_t i = 0; i < session->runs.count; i++) {
        const unsigned block = session->runs.list[i]->block + 1;
        if (block > blocks) blocks = block;
    }
    return blocks;
}

static void put_where(FILE *out, const void *what) {
    const struct session *session = what;
    const struct run *run = session->runs.list[0];
    const struct parameters *asked = &run->asked;
    const bool remote = run->network == NETWORK_REMOTE;
    (void)fprintf(out, "%s loop, %s%s%s engine, %s, ", run_is_open(run) ? "Open" : "Closed",
                  remote ? "" : placement_names[asked->placement], remote ? "" : ", ",
                  engine_names[asked->engine], words_counted(count_blocks(session), "block").text);
    if (session->seed != FIELD_UNKNOWN) (void)fprintf(out, "seed %.0f, ", (double)session->seed);
    (void)fputs("on ", out);
    if (run->network == NETWORK_PRIVATE) (void)fputs("a private network for every run.", out);
    if (run->network == NETWORK_HOST) {
        (void)fputs("the host's loopback: NOT ISOLATED, as the system denies a private network; "
                    "`sudo echolab ...` would be (and measures as your own user).",
                    out);
    }
    if (remote) (void)fprintf(out, "%s.", session->server == NULL ? "a host" : session->server);
    if (asked->delay_ns > 0) {
        (void)fprintf(out, " The server spends %s on each message.",
                      words_time((double)asked->delay_ns / 1e3).text);
    }
}

/* How many connections the ports allow, where a variant's client keeps them. */
static void tell_ports(struct story *story, const struct session *session) {
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        if (run->ports.range == 0) continue;
        story_say(story,
                  "Ports: the client of `%s` keeps each for 60 s in TIME_WAIT; %s of them allow %s "
                  "connections/s to one address on loopback (reused after 1 s; here spread over %u "
                  "addresses) and %s/s on a network.",
                  run->asked.variant->name, words_count(run->ports.range).text,
                  words_number(run->ports.loopback_per_s).text, run->ports.sources,
                  words_number(run->ports.network_per_s).text);
        return;
    }
}

void compare_put_head(struct story *story, const struct session *session) {
    story_tell(story, put_where, session);
    tell_ports(story, session);
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

static const char *reason_of(const struct run *run) {
    return run->validity.reason[0];
}

/* Runs that do not count, a line a reason; reasons that differ in their numbers alone are one. */
static void tell_invalid(struct story *story, const struct session *session) {
    const struct runs *runs = &session->runs;
    bool first = true;
    for (size_t i = 0; i < runs->count; i++) {
        size_t before = 0, count = 0;
        if (run_is_valid(runs->list[i])) continue;
        for (size_t k = 0; k < runs->count; k++) {
            if (run_is_valid(runs->list[k])) continue;
            if (!validity_same_reason(reason_of(runs->list[k]), reason_of(runs->list[i]))) continue;
            before += k < i;
            count++;
        }
        if (before > 0) continue;
        if (first) story_say(story, "Not valid, and in no verdict:");
        first = false;
        story_item(story, "%s%s by `%s`: %s", words_counted((double)count, "run").text,
                   count == 1 ? "" : ", the first", runs->list[i]->asked.variant->name,
                   reason_of(runs->list[i]));
    }
}

void compare_put_foot(struct story *story, const struct session *session) {
    for (unsigned i = 0; i < variant_count; i++) {
        if (variants[i].retries) tell_executions(story, session, &variants[i]);
    }
    tell_invalid(story, session);
}
