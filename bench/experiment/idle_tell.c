/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `echolab sweep idle` found: see idle.c. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/run/cost.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

enum { TABLE_VARIANTS = 4 /* columns of a table of 80 characters */ };

static const char of_series[] = "variant size_bytes reply_bytes";

static bool is_first(const struct findings *list, const char *names, const struct idle_point *one) {
    return findings_first(list, LIST_IDLE_POINTS, names, one) == one;
}

static bool is_known(const struct idle_point *point) {
    return point->latency_ms.value > 0;
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

static struct grown grown_of(const struct findings *list, const struct idle_point *series) {
    const struct idle_point *all = list->items;
    struct grown grown = {series, series};
    for (size_t i = 0; i < list->count; i++) {
        if (!is_known(&all[i]) || !findings_agree(LIST_IDLE_POINTS, of_series, &all[i], series))
            continue;
        if (all[i].gap_ms < grown.first->gap_ms) grown.first = &all[i];
        if (all[i].latency_ms.value > grown.slowest->latency_ms.value) grown.slowest = &all[i];
    }
    return grown;
}

/* What a pause does to the series of kept connections. */
static void put_grown(FILE *out, const void *what) {
    const double little = 0.5; /* of a round trip */
    const struct findings *list = what;
    const struct idle_point *all = list->items;
    struct grown most = {NULL, NULL};    /* the one that it costs the most, for sure */
    bool tried = false, unclear = false; /* two pauses; whether one is slower, as messages vary */
    double most_times = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_known(&all[i]) || !is_kept(&all[i])) continue;
        const struct grown grown = grown_of(list, &all[i]);
        const struct middle *first = &grown.first->latency_ms,
                            *slowest = &grown.slowest->latency_ms;
        tried = tried || grown.first != &all[i];
        if (!(grown.slowest->round_trips > grown.first->round_trips + little)) continue;
        const double times = slowest->value / first->value;
        unclear = unclear || slowest->low <= first->high;
        if (slowest->low <= first->high || times <= most_times) continue;
        most = grown;
        most_times = times;
    }
    if (most.first == NULL) {
        if (tried && !unclear)
            (void)fputs(
                "No pause that was tried makes the next message on a kept connection slower.", out);
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
             "{samples:message}). After a retransmission timeout without traffic TCP no longer "
             "trusts its window: Linux halves it for each that has passed, down to what a fresh "
             "connection may send (RFC 5681, section 4.1). So a long reply takes more round trips "
             "again.",
             fill_from(LIST_IDLE_POINTS, most.slowest));
}

/* What is nearer to another whole number of round trips than to the model's. */
static void put_off(FILE *out, const void *what) {
    const struct findings *list = what;
    const struct idle_point *all = list->items;
    const char *between = "Not as predicted: ";
    for (size_t i = 0; i < list->count; i++) {
        if (!(fabs(all[i].round_trips - all[i].model_round_trips) > 0.5)) continue;
        (void)fputs(between, out);
        fill_put(out,
                 "{round_trips} instead of {model_round_trips:count} by `{variant}` after "
                 "{gap_ms:time}, {reply_bytes:count} bytes",
                 fill_from(LIST_IDLE_POINTS, &all[i]));
        between = "; ";
    }
    if (*between == ';')
        (void)fputs(". The window may have grown further before, or a timeout be longer where "
                    "round-trip times vary.",
                    out);
}

/* A datagram has an end: the variants that have no place in the table of the largest reply. */
static void put_left_out(FILE *out, const void *what) {
    const struct findings *list = what;
    const struct idle_point *all = list->items;
    double largest = 0, most = 0;
    for (size_t i = 0; i < list->count; i++) largest = fmax(largest, (double)all[i].reply_bytes);
    for (size_t i = 0; i < list->count; i++) {
        const struct variant *variant = variant_find(all[i].variant);
        if (variant == NULL || !is_first(list, "variant", &all[i])) continue;
        if (variant->transport->payload_max >= largest) continue;
        (void)fprintf(out, "%s`%s`", most > 0 ? " or " : "No such reply fits into a message of ",
                      variant->name);
        most = variant->transport->payload_max;
    }
    if (most > 0) (void)fprintf(out, ": at most %s bytes do.", words_count(most).text);
}

/* ---- the medians: a row for each pause, a column for each variant ---- */

static void tell_medians(struct story *story, const struct findings *list,
                         const struct idle_point *series, size_t count) {
    const struct idle_point *all = list->items;
    struct grid grid = grid_of("after");
    for (size_t k = 0; k < count; k++) grid_head(&grid, "`%s`", series[k].variant);
    for (size_t i = list->count; i-- > 0;) { /* the longest pause stands first */
        if (!is_first(list, "gap_ms", &all[i])) continue;
        grid_fill(&grid, "{gap_ms:time}", fill_from(LIST_IDLE_POINTS, &all[i]));
        for (size_t k = 0; k < count; k++) {
            struct idle_point key = series[k];
            key.gap_ms = all[i].gap_ms;
            const struct idle_point *one = findings_first(
                list, LIST_IDLE_POINTS, "variant size_bytes reply_bytes gap_ms", &key);
            if (one == NULL || !is_known(one))
                grid_add(&grid, one == NULL ? "-" : "no run counts");
            else
                grid_fill(&grid, "{latency_ms} ({round_trips}[ of {model_round_trips:count}])",
                          fill_from(LIST_IDLE_POINTS, one));
        }
    }
    (void)story_fill(story,
                     isnan(series->model_round_trips)
                         ? "The next message after a pause, a request of {size_bytes:count} bytes "
                           "and a reply of {reply_bytes:count}: median ms (round trips of "
                           "{rtt_ms:count} ms)."
                         : "The next message after a pause, a request of {size_bytes:count} bytes "
                           "and a reply of {reply_bytes:count}: median ms (round trips of "
                           "{rtt_ms:count} ms, of those predicted: slow start from the window that "
                           "the pause has left).",
                     fill_from(LIST_IDLE_POINTS, series));
    story_table(story, "numbers", &grid);
}

/* Series of one size, as many as a table holds. */
static void tell_tables(struct story *story, const struct findings *list) {
    const struct idle_point *all = list->items;
    struct idle_point some[TABLE_VARIANTS];
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_first(list, of_series, &all[i])) continue; /* seen after another pause */
        if (count == TABLE_VARIANTS || (count > 0 && some->reply_bytes != all[i].reply_bytes)) {
            tell_medians(story, list, some, count);
            count = 0;
        }
        some[count++] = all[i];
    }
    if (count > 0) tell_medians(story, list, some, count);
}

void idle_tell_points(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_IDLE_POINTS);
    if (session == NULL) return;
    const struct findings *list = &session->lists[LIST_IDLE_POINTS];
    const struct idle_point *all = list->items;
    size_t without = 0;
    story_tell(story, put_grown, list);
    tell_tables(story, list);
    story_tell(story, put_off, list);
    story_tell(story, put_left_out, list);
    for (size_t i = 0; i < list->count; i++) without += all[i].latency_ms.count == 0;
    if (without == 0) return;
    story_say(story, "Of %s of the %s points no run counts.", words_count((double)without).text,
              words_count((double)list->count).text);
}

/* ---- the race ---- */

static void put_race(FILE *out, const void *what) {
    const struct idle_race *race = what;
    const struct source source = fill_from(LIST_IDLE_RACE, race);
    fill_put(
        out,
        "A server does not keep idle connections for ever, and may close one just as the client "
        "sends on it. Here it closes after {idle_timeout_ms:count} ms, the client sends "
        "{gap_ms:count} ms after the last reply, and both are under way, half a round trip of "
        "{rtt_ms:count} ms each. Of {sent_after_pause:count} messages sent after such a pause "
        "{met_closed:count} met a closed connection",
        source);
    if (race->met_closed > 0 && race->errors != NULL) (void)fprintf(out, " (%s)", race->errors);
    fill_put(out, ". The server executed {executed:count} and answered {answered:count} of all: ",
             source);
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
