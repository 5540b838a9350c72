/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `echolab sweep idle` found: see idle.c. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/run/cost.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

enum { TABLE_VARIANTS = 4 /* columns of a table of 80 characters */ };

static size_t count_of(const struct session *session) {
    return session->lists[LIST_IDLE_POINTS].count;
}

static const struct idle_point *at(const struct session *session, size_t i) {
    return SESSION_AT(session, LIST_IDLE_POINTS, struct idle_point, i);
}

static bool same_series(const struct idle_point *one, const struct idle_point *other) {
    return strcmp(one->variant, other->variant) == 0 && one->size_bytes == other->size_bytes &&
           one->reply_bytes == other->reply_bytes;
}

static bool is_known(const struct idle_point *point) {
    return point->samples > 0 && point->latency_ms > 0;
}

/* ---- the time since the last message ---- */

/* Of a variant that has connections and keeps them: only that can be told of a connection. */
static bool is_kept(const struct idle_point *point) {
    const struct variant *variant = variant_find(point->variant);
    return variant != NULL && variant->lifetime == ECHO_PERSISTENT && variant->cost != NULL &&
           variant->cost->once[0].ip_bytes > 0;
}

/* A series of a kept connection: the next message after the shortest pause, and the slowest. */
struct grown {
    const struct idle_point *first, *slowest;
};

static struct grown grown_of(const struct session *session, const struct idle_point *series) {
    struct grown grown = {series, series};
    for (size_t i = 0; i < count_of(session); i++) {
        const struct idle_point *one = at(session, i);
        if (!is_known(one) || !same_series(one, series)) continue;
        if (one->gap_ms < grown.first->gap_ms) grown.first = one;
        if (one->latency_ms > grown.slowest->latency_ms) grown.slowest = one;
    }
    return grown;
}

/* What a pause does to the series of kept connections. */
struct pauses {
    struct grown most;   /* the one that it costs the most; first is NULL: none for sure */
    bool tried, unclear; /* two were; one seems slower, but within what messages vary */
};

static struct pauses pauses_of(const struct session *session) {
    const double little = 0.5; /* of a round trip */
    struct pauses pauses = {.most = {NULL, NULL}};
    double most_times = 0;
    for (size_t i = 0; i < count_of(session); i++) {
        if (!is_known(at(session, i)) || !is_kept(at(session, i))) continue;
        const struct grown grown = grown_of(session, at(session, i));
        const double times = grown.slowest->latency_ms / grown.first->latency_ms;
        pauses.tried = pauses.tried || grown.first != at(session, i);
        if (!(grown.slowest->round_trips > grown.first->round_trips + little)) continue;
        if (grown.slowest->low_ms <= grown.first->high_ms) {
            pauses.unclear = true;
        } else if (times > most_times) {
            most_times = times;
            pauses.most = grown;
        }
    }
    return pauses;
}

static void put_grown(FILE *out, const void *what) {
    const struct pauses pauses = pauses_of(what);
    const struct grown most = pauses.most;
    if (most.first == NULL) {
        if (!pauses.tried || pauses.unclear) return;
        (void)fputs("No pause that was tried makes the next message on a kept connection slower.",
                    out);
        return;
    }
    fill_put(
        out,
        "A connection that is kept saves the handshake of the next message, but not for ever all "
        "that it has learned. A reply of {reply_bytes:count} bytes by `{variant}` takes "
        "{latency_ms:time} after a pause of {gap_ms:time} ({round_trips} round trips, "
        "{samples:message})",
        fill_from(LIST_IDLE_POINTS, most.first));
    fill_put(out,
             ", and {latency_ms:time} after a pause of {gap_ms:time} ({round_trips} round trips, "
             "{samples:message})",
             fill_from(LIST_IDLE_POINTS, most.slowest));
    (void)fputs(". After a retransmission timeout without traffic TCP no longer trusts its window: "
                "Linux halves it for each that has passed, down to what a fresh connection may "
                "send (RFC 5681, section 4.1). So a long reply takes more round trips again.",
                out);
}

static bool is_first_of_variant(const struct session *session, size_t i) {
    size_t k = 0;
    while (strcmp(at(session, k)->variant, at(session, i)->variant) != 0) k++;
    return k == i;
}

/* A datagram has an end: the variants that have no place in the table of the largest reply. */
static void put_left_out(FILE *out, const void *what) {
    const struct session *session = what;
    double largest = 0, most = 0;
    for (size_t i = 0; i < count_of(session); i++) {
        largest = fmax(largest, (double)at(session, i)->reply_bytes);
    }
    for (size_t i = 0; i < count_of(session); i++) {
        const struct variant *variant = variant_find(at(session, i)->variant);
        if (variant == NULL || !is_first_of_variant(session, i)) continue;
        if (variant->transport->payload_max >= largest) continue;
        (void)fprintf(out, "%s`%s`", most > 0 ? " or " : "No such reply fits into a message of ",
                      variant->name);
        most = variant->transport->payload_max;
    }
    if (most > 0) (void)fprintf(out, ": at most %s bytes do.", words_count(most).text);
}

static void put_without(FILE *out, const void *what) {
    const struct session *session = what;
    size_t without = 0;
    for (size_t i = 0; i < count_of(session); i++) without += at(session, i)->samples == 0;
    if (without == 0) return;
    (void)fprintf(out, "Of %s of the %s points no run counts.", words_count((double)without).text,
                  words_count((double)count_of(session)).text);
}

/* ---- the medians: a row for each pause, a column for each variant ---- */

static void add_cell(struct grid *grid, const struct session *session,
                     const struct idle_point *series, double gap_ms) {
    for (size_t i = 0; i < count_of(session); i++) {
        const struct idle_point *one = at(session, i);
        if (one->gap_ms != gap_ms || !same_series(one, series)) continue;
        grid_fill(grid, is_known(one) ? "{latency_ms} ({round_trips})" : "no run counts",
                  fill_from(LIST_IDLE_POINTS, one));
        return;
    }
    grid_add(grid, "-");
}

/* The shortest pause that is longer; INFINITY: there is none. */
static double next_gap(const struct session *session, double after_ms) {
    double next_ms = INFINITY;
    for (size_t i = 0; i < count_of(session); i++) {
        const double gap_ms = at(session, i)->gap_ms;
        if (gap_ms > after_ms) next_ms = fmin(next_ms, gap_ms);
    }
    return next_ms;
}

static void tell_medians(struct story *story, const struct session *session,
                         const struct idle_point *const *series, size_t count) {
    struct grid grid = grid_of("after");
    for (size_t k = 0; k < count; k++) grid_head(&grid, "`%s`", series[k]->variant);
    for (double gap_ms = next_gap(session, -1); isfinite(gap_ms);
         gap_ms = next_gap(session, gap_ms)) {
        grid_add(&grid, "%s", words_time(1e3 * gap_ms).text);
        for (size_t k = 0; k < count; k++) add_cell(&grid, session, series[k], gap_ms);
    }
    (void)story_fill(story,
                     "The next message after a pause, a request of {size_bytes:count} bytes and a "
                     "reply of {reply_bytes:count}: median ms (round trips of {rtt_ms:count} ms).",
                     fill_from(LIST_IDLE_POINTS, series[0]));
    story_table(story, "numbers", &grid);
}

/* Series of one size, as many as a table holds. */
static void tell_tables(struct story *story, const struct session *session) {
    const struct idle_point *some[TABLE_VARIANTS];
    size_t count = 0;
    for (size_t i = 0; i < count_of(session); i++) {
        size_t k = 0;
        while (!same_series(at(session, k), at(session, i))) k++;
        if (k < i) continue; /* seen after another pause */
        if (count == TABLE_VARIANTS ||
            (count > 0 && some[0]->reply_bytes != at(session, i)->reply_bytes)) {
            tell_medians(story, session, some, count);
            count = 0;
        }
        some[count++] = at(session, i);
    }
    if (count > 0) tell_medians(story, session, some, count);
}

void idle_tell_points(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_IDLE_POINTS);
    if (session == NULL) return;
    story_tell(story, put_grown, session);
    tell_tables(story, session);
    story_tell(story, put_left_out, session);
    story_tell(story, put_without, session);
}

/* ---- the race ---- */

static void put_race(FILE *out, const void *what) {
    const struct idle_race *race = what;
    fill_put(
        out,
        "A server does not keep idle connections for ever, and may close one just as the client "
        "sends on it. Here it closes after {idle_timeout_ms:count} ms, the client sends "
        "{gap_ms:count} ms after the last reply, and both are under way, half a round trip of "
        "{rtt_ms:count} ms each. Of {sent_after_pause:count} messages sent after such a pause "
        "{met_closed:count} met a closed connection",
        fill_from(LIST_IDLE_RACE, race));
    if (race->met_closed > 0 && race->errors != NULL) (void)fprintf(out, " (%s)", race->errors);
    fill_put(out, ". The server executed {executed:count} and answered {answered:count} of all: ",
             fill_from(LIST_IDLE_RACE, race));
    (void)fputs(race->retry_safe
                    ? "none of those that failed was executed, so to send them again was safe "
                      "here. But the client cannot see that: it looks the same when the server "
                      "has done the work and the reply is lost. So by itself a client repeats only "
                      "what may be done twice (RFC 9110, section 9.2.2; RFC 9112, sections 9.3.1 "
                      "and 9.5)."
                    : "some that failed were executed all the same, and to send them again does "
                      "them twice. By itself a client repeats only what may be done twice (RFC "
                      "9110, section 9.2.2).",
                out);
}

/* ---- memory ---- */

static void put_beside(FILE *out, const void *what) {
    const struct idle_beside *beside = what;
    fill_put(
        out,
        "An idle connection takes {server_bytes_per_connection:count} bytes of a server with one "
        "loop for all: it borrows a buffer only while bytes of it are under way.[ The kernel keeps "
        "{kernel_bytes_per_connection:count} bytes for it, both ends together (`Slab` of "
        "/proc/meminfo).] Measured with {connections:count} of them, {runs:run}.[ Beside them 1 in "
        "100 messages of {load_connections:count} busy connections takes longer than "
        "{p99_beside_us:time}, and without them than {p99_alone_us:time}]",
        fill_from(LIST_IDLE_BESIDE, beside));
    if (isnan(beside->p99_alone_us)) return;
    /* A tail of few messages wobbles by more than the connections cost. */
    (void)fputs(beside->p99_beside_us <= 1.2 * beside->p99_alone_us
                    ? ": the loop looks at who is ready, not at who is there."
                    : ".",
                out);
}

/* ---- the whole ---- */

/* What is told as soon as anything of the sweep is there: that it is missing, too. */
static void tell_part(struct story *story, const struct results *results, enum list kind,
                      const char *title, void (*put)(FILE *out, const void *what)) {
    const struct session *session = results_with(results, kind);
    if (session == NULL && results_with(results, LIST_IDLE_POINTS) == NULL) return;
    story_heading(story, 3, title);
    if (session != NULL)
        story_tell(story, put, session->lists[kind].items);
    else
        story_say(story, "Not measured: no run of it counts.");
}

void idle_tell_race(struct story *story, const struct results *results) {
    tell_part(story, results, LIST_IDLE_RACE, "Closed just as the next message is sent", put_race);
}

void idle_tell_beside(struct story *story, const struct results *results) {
    tell_part(story, results, LIST_IDLE_BESIDE, "What an idle connection holds", put_beside);
}

void idle_tell(struct story *story, const struct results *results) {
    idle_tell_points(story, results);
    idle_tell_race(story, results);
    idle_tell_beside(story, results);
}
