/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep idle: what it costs to keep a connection on which nothing
 * happens. The next message's latency against the time since the last; a
 * server that closes an idle connection just as the client sends; and what
 * many idle connections take of the memory, and of a load beside them.
 */
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/models.h"
#include "bench/load/beside.h"
#include "bench/run/cost.h"
#include "bench/run/loss_model.h"

enum {
    USUAL = 64,           /* bytes */
    LARGE_REPLY = 102400, /* 71 segments, of which a fresh connection may send 10 at once */
    FEW = 3,              /* messages of a run with long pauses ... */
    MORE = 9,             /* ... and with short ones */
    WARM_TRIPS = 15,      /* round trips in which a window opens */
    CONNECTIONS = 64,     /* of what runs alone */
    RACE_ROUNDS = 8,      /* messages of each */
    IDLE_MOST = 19000,
    TABLE_VARIANTS = 4 /* columns of a table of 80 characters */
};

#define RACE_TIMEOUT_NS UINT64_C(200000000)
#define LONG_NS 1e9

/* What comes in the first round trips is not counted: a connection is made, a window opens. */
static void add_point(struct lab *lab, unsigned point, double gap_ns, unsigned reply_bytes) {
    for (unsigned i = 0; i < lab->request->variant_count; i++) {
        const struct variant *variant = lab->request->variants[i];
        if (reply_bytes > variant->transport->payload_max) continue;
        struct column *column = lab_add(lab, variant, ROLE_CONTROL);
        column->point = point;
        column->run.reply_bytes = reply_bytes;
        column->run.messages = gap_ns < LONG_NS ? MORE : FEW;
        column->run.warmup_ns = WARM_TRIPS * column->run.rtt_ns;
        axis_apply(axis_find("idle"), gap_ns, &column->run);
    }
}

/* A column that runs alone, with usual messages on many kept connections: a race, or a load. */
static void add_alone(struct lab *lab, bool race, unsigned idle) {
    struct column *column = lab_add(lab, variant_find("tcp-persistent"), ROLE_CONTROL);
    struct placement_cpus cpus;
    struct parameters *run = &column->run;
    column->point = RUN_NOWHERE;
    run->size_bytes = run->reply_bytes = USUAL;
    run->connections = CONNECTIONS;
    if (!race || run->placement == PLACEMENT_SPIN) /* that polls one socket */
        run->placement = placement_choose(&cpus, PLACEMENT_CROSS_CORE) == 0 ? PLACEMENT_CROSS_CORE
                                                                            : PLACEMENT_SAME_CORE;
    if (race) {
        run->messages = (uint64_t)CONNECTIONS * RACE_ROUNDS;
        run->warmup_ns = 0;
        run->idle_timeout_ns =
            4 * run->rtt_ns > RACE_TIMEOUT_NS ? 4 * run->rtt_ns : RACE_TIMEOUT_NS;
        run->gap_ns = idle_race_gap_ns(run->idle_timeout_ns, run->rtt_ns);
        return;
    }
    run->wire = false;
    run->rtt_ns = 0;
    run->mtu_bytes = 0;
    run->engine = ENGINE_EPOLL;
    run->design = DESIGN_EPOLL;
    run->idle = idle;
}

uint64_t idle_race_gap_ns(uint64_t idle_timeout_ns, uint64_t rtt_ns) {
    return idle_timeout_ns - rtt_ns / 4;
}

int idle_plan(struct lab *lab) {
    const struct request *r = lab->request;
    const bool usual = r->run.size_bytes == USUAL && r->run.reply_bytes == USUAL;
    /* Beside a load, if there is room for so many that one can tell. */
    const unsigned room = beside_most(), some = room - room / 8 - CONNECTIONS;
    double gaps_ns[REQUEST_POINTS_MAX];
    lab->plan.order = ORDER_AS_PLANNED;
    lab->plan.attempts = 3; /* a packet sent again because the machine was busy is soon past */
    memcpy(gaps_ns, r->points, sizeof gaps_ns);
    gsl_sort(gaps_ns, 1, r->point_count);
    for (unsigned i = 0; i < r->point_count; i++) { /* the longest pause first */
        const double gap_ns = gaps_ns[r->point_count - 1 - i];
        add_point(lab, i, gap_ns, r->run.reply_bytes);
        /* A short answer and a long one, unless a size was given. */
        if (usual) add_point(lab, i, gap_ns, LARGE_REPLY);
    }
    add_alone(lab, true, 0);
    if (room > 4 * CONNECTIONS) {
        add_alone(lab, false, 0);
        add_alone(lab, false, room > IDLE_MOST + CONNECTIONS ? IDLE_MOST : some);
    }
    return EXIT_DONE;
}

size_t idle_latencies(const struct run *run, double *ms, size_t room) {
    size_t count = 0;
    for (size_t i = 0; i < run->samples.count; i++) {
        const struct samples_bucket *bucket = &run->samples.buckets[i];
        for (uint64_t left = bucket->count; left > 0 && count < room; left--)
            ms[count++] = (double)bucket->upper_ns / 1e6;
    }
    return count;
}

static void conclude_point(struct lab *lab, unsigned column) {
    const struct runs *runs = &lab->session->runs;
    const struct run asked = {.asked = lab->plan.columns[column].run};
    struct findings *list = &lab->session->lists[LIST_IDLE_POINTS];
    struct idle_point *point = findings_add(list, LIST_IDLE_POINTS);
    double *ms = calloc(MORE * runs->count + 1, sizeof *ms);
    size_t count = 0;
    for (size_t i = 0; ms != NULL && i < runs->count; i++)
        if (run_is_valid(runs->list[i]) && runs_in_column(runs->list[i], &column))
            count += idle_latencies(runs->list[i], ms + count, MORE);
    if (point != NULL) {
        findings_describe(LIST_IDLE_POINTS, point, &asked);
        point->latency_ms = statistics_middle(ms, count);
        if (point->rtt_ms > 0) point->round_trips = point->latency_ms.value / point->rtt_ms;
        point->model_round_trips =
            idle_round_trips(lab->plan.columns[column].run.variant, (double)point->size_bytes,
                             (double)point->reply_bytes, point->gap_ms, point->rtt_ms,
                             loss_timers_read().minimum_rto_ms);
        point->model_ms = point->model_round_trips * point->rtt_ms;
    }
    free(ms);
}

static uint64_t known(uint64_t count) {
    return count == FIELD_UNKNOWN ? 0 : count;
}

void idle_race_add(struct idle_race *race, struct tallies *errors, const struct run *run) {
    findings_describe(LIST_IDLE_RACE, race, run);
    race->sent += run->sent;
    race->sent_after_pause += run->sent - known(run_counter(run, "server.accepted"));
    race->met_closed += run->failed;
    race->answered += run->ok;
    race->executed += known(run_counter(run, "server.executed"));
    race->retry_safe = race->executed <= race->answered;
    for (size_t i = 0; i < run->errors.count; i++)
        tallies_add(errors, run->errors.list[i].name, run->errors.list[i].count);
}

static void conclude_race(struct lab *lab, unsigned column) {
    struct session *session = lab->session;
    struct idle_race sum = {.errors = ""};
    struct tallies errors = {0};
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        if (run_is_valid(run) && runs_in_column(run, &column)) idle_race_add(&sum, &errors, run);
    }
    for (size_t i = 0; i < errors.count; i++) {
        sum.errors = session_text(session, "%s%s%s: %llu", sum.errors, i == 0 ? "" : ", ",
                                  errors.list[i].name, (unsigned long long)errors.list[i].count);
    }
    struct idle_race *race =
        sum.sent == 0 ? NULL : findings_add(&session->lists[LIST_IDLE_RACE], LIST_IDLE_RACE);
    if (race != NULL) *race = sum;
    free(errors.list);
}

static double server_bytes(const struct run *run) {
    return run->idle_server_bytes == FIELD_UNKNOWN ? (double)NAN : (double)run->idle_server_bytes;
}

static double kernel_bytes(const struct run *run) {
    return run->idle_kernel_bytes == FIELD_UNKNOWN ? (double)NAN : (double)run->idle_kernel_bytes;
}

/* The load with idle connections stands behind the one without. */
static void conclude_beside(struct lab *lab, unsigned column) {
    const struct runs *runs = &lab->session->runs;
    const struct parameters *asked = &lab->plan.columns[column].run;
    double (*const p99_us)(const struct run *run) = metrics[METRIC_P99].of;
    const unsigned without = column - 1;
    const struct middle bytes = runs_middle(runs, server_bytes, runs_in_column, &column);
    struct findings *list = &lab->session->lists[LIST_IDLE_BESIDE];
    struct idle_beside *one = bytes.count == 0 ? NULL : findings_add(list, LIST_IDLE_BESIDE);
    if (one == NULL) return;
    one->connections = asked->idle;
    one->load_connections = asked->connections;
    one->runs = bytes.count;
    one->server_bytes = round(bytes.value);
    one->kernel_bytes = round(runs_middle(runs, kernel_bytes, runs_in_column, &column).value);
    one->p99_beside_us = runs_middle(runs, p99_us, runs_in_column, &column).value;
    one->p99_alone_us = runs_middle(runs, p99_us, runs_in_column, &without).value;
    if (isnan(one->p99_alone_us + one->p99_beside_us))
        one->p99_alone_us = one->p99_beside_us = NAN; /* one without the other tells nothing */
}

void idle_conclude(struct lab *lab) {
    for (unsigned i = 0; i < lab->plan.count; i++) {
        const struct column *column = &lab->plan.columns[i];
        if (column->point != RUN_NOWHERE)
            conclude_point(lab, i);
        else if (column->run.idle_timeout_ns > 0)
            conclude_race(lab, i);
        else if (column->run.idle > 0)
            conclude_beside(lab, i);
    }
}

static const char of_series[] = "variant size_bytes reply_bytes";

static bool is_first(const struct findings *list, const char *names, const struct idle_point *one) {
    return findings_first(list, LIST_IDLE_POINTS, names, one) == one;
}

static bool is_known(const struct idle_point *point) {
    return point->latency_ms.value > 0;
}

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
    struct grown grown = {series, series};
    for (size_t i = 0; i < list->count; i++) {
        const struct idle_point *one = &((const struct idle_point *)list->items)[i];
        if (!is_known(one) || !findings_agree(LIST_IDLE_POINTS, of_series, one, series)) continue;
        if (one->gap_ms < grown.first->gap_ms) grown.first = one;
        if (one->latency_ms.value > grown.slowest->latency_ms.value) grown.slowest = one;
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
        const struct middle *first = &grown.first->latency_ms, *last = &grown.slowest->latency_ms;
        tried = tried || grown.first != &all[i];
        if (!(grown.slowest->round_trips > grown.first->round_trips + little)) continue;
        unclear = unclear || last->low <= first->high;
        if (last->low <= first->high || last->value / first->value <= most_times) continue;
        most = grown;
        most_times = last->value / first->value;
    }
    if (most.first == NULL && tried && !unclear)
        (void)fputs("No pause that was tried makes the next message on a kept connection slower.",
                    out);
    if (most.first == NULL) return;
#define AFTER                                                                                      \
    "{latency_ms:time} after a pause of {gap_ms:time} ({round_trips} round trips, "                \
    "{samples:message})"
    fill_put(out,
             "A connection that is kept saves the handshake of the next message, but not for ever "
             "all that it has learned. A reply of {reply_bytes:count} bytes by `{variant}` "
             "takes " AFTER,
             fill_from(LIST_IDLE_POINTS, most.first));
    fill_put(out,
             ", and " AFTER ". After a retransmission timeout without traffic TCP no longer trusts "
             "its window: Linux halves it for each that has passed, down to what a fresh "
             "connection may send (RFC 5681, section 4.1). So a long reply takes more round trips "
             "again.",
             fill_from(LIST_IDLE_POINTS, most.slowest));
#undef AFTER
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
        if (variant == NULL || !is_first(list, "variant", &all[i]) ||
            variant->transport->payload_max >= largest)
            continue;
        (void)fprintf(out, "%s`%s`", most > 0 ? " or " : "No such reply fits into a message of ",
                      variant->name);
        most = variant->transport->payload_max;
    }
    if (most > 0) (void)fprintf(out, ": at most %s bytes do.", words_count(most).text);
}

/* The medians: a row for each pause, a column for each variant. */
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
                     "The next message after a pause, a request of {size_bytes:count} bytes and a "
                     "reply of {reply_bytes:count}: median ms (round trips of {rtt_ms:count} ms).",
                     fill_from(LIST_IDLE_POINTS, series));
    if (!isnan(series->model_round_trips))
        story_say(story, "Behind \"of\" stand those predicted: slow start from the window that the "
                         "pause has left.");
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
