/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep idle: what it costs to keep a connection on which nothing
 * happens. The next message's latency against the time since the last; a
 * server that closes an idle connection just as the client sends; and what
 * many idle connections take of the memory, and of a load beside them.
 */
#include "bench/judge/idle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/load/beside.h"

enum {
    USUAL = 64,           /* bytes */
    LARGE_REPLY = 102400, /* 71 segments, of which a fresh connection may send 10 at once */
    FEW = 3,              /* messages of a run with long pauses ... */
    MORE = 9,             /* ... and with short ones */
    AT_ONCE = 36,         /* runs that wait */
    WARM_TRIPS = 15,      /* round trips in which a window opens */
    RACE_CONNECTIONS = 64,
    RACE_ROUNDS = 8, /* messages of each */
    IDLE_MOST = 19000,
    LOAD_CONNECTIONS = 64
};

#define RACE_TIMEOUT_NS UINT64_C(200000000)
#define LONG_NS 1e9

/* ---- the plan: the points, the longest pause first, then what runs alone ---- */

/* The first connects, and with it those of the first round trips are not counted: a window opens.
 */
static bool add_point(struct lab *lab, unsigned point, double gap_ns, unsigned reply_bytes) {
    for (unsigned i = 0; i < lab->request->variant_count; i++) {
        const struct variant *variant = lab->request->variants[i];
        if (reply_bytes > variant->transport->payload_max) continue;
        struct column *column = lab_add(lab, variant, ROLE_CONTROL);
        if (column == NULL) return false;
        column->point = point;
        column->weight = 1.0 / AT_ONCE;
        column->run.reply_bytes = reply_bytes;
        column->run.messages = gap_ns < LONG_NS ? MORE : FEW;
        column->run.warmup_ns = WARM_TRIPS * column->run.rtt_ns;
        axis_apply(axis_find("idle"), gap_ns, &column->run);
    }
    return true;
}

static int descending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* A short question with a short answer and with a long one, unless a size was given. */
static bool add_points(struct lab *lab) {
    const struct request *r = lab->request;
    const bool usual = r->run.size_bytes == USUAL && r->run.reply_bytes == USUAL;
    double gaps_ns[REQUEST_POINTS_MAX];
    memcpy(gaps_ns, r->points, sizeof gaps_ns);
    qsort(gaps_ns, r->point_count, sizeof gaps_ns[0], descending);
    for (unsigned i = 0; i < r->point_count; i++) {
        if (!add_point(lab, i, gaps_ns[i], r->run.reply_bytes)) return false;
        if (usual && !add_point(lab, i, gaps_ns[i], LARGE_REPLY)) return false;
    }
    return true;
}

/* Client and server each on a CPU of their own, where there are two. */
static enum placement apart(void) {
    struct placement_cpus cpus;
    const bool two = placement_choose(&cpus, PLACEMENT_CROSS_CORE) == 0;
    return two ? PLACEMENT_CROSS_CORE : PLACEMENT_SAME_CORE;
}

/* A column that runs alone, with usual messages on many kept connections. */
static struct column *add_alone(struct lab *lab, unsigned connections) {
    struct column *column = lab_add(lab, variant_find("tcp-persistent"), ROLE_CONTROL);
    if (column == NULL) return NULL;
    column->point = RUN_NOWHERE;
    column->run.size_bytes = column->run.reply_bytes = USUAL;
    column->run.connections = connections;
    return column;
}

static bool add_race(struct lab *lab) {
    struct column *column = add_alone(lab, RACE_CONNECTIONS);
    if (column == NULL) return false;
    struct parameters *run = &column->run;
    run->messages = (uint64_t)RACE_CONNECTIONS * RACE_ROUNDS;
    run->warmup_ns = 0;
    run->idle_timeout_ns = 4 * run->rtt_ns > RACE_TIMEOUT_NS ? 4 * run->rtt_ns : RACE_TIMEOUT_NS;
    run->gap_ns = idle_race_gap_ns(run->idle_timeout_ns, run->rtt_ns);
    if (run->placement == PLACEMENT_SPIN) run->placement = apart(); /* it polls one socket */
    return true;
}

/* How many idle connections there can be beside a load; 0: too few to tell. */
static unsigned idle_most(void) {
    const unsigned room = beside_most();
    if (room <= 4 * LOAD_CONNECTIONS) return 0;
    return room > IDLE_MOST + LOAD_CONNECTIONS ? IDLE_MOST : room - room / 8 - LOAD_CONNECTIONS;
}

static bool add_load(struct lab *lab, unsigned idle) {
    struct column *column = add_alone(lab, LOAD_CONNECTIONS);
    if (column == NULL) return false;
    column->run.wire = false;
    column->run.rtt_ns = 0;
    column->run.mtu_bytes = 0;
    column->run.engine = ENGINE_EPOLL;
    column->run.design = DESIGN_EPOLL;
    column->run.placement = apart();
    column->run.idle = idle;
    return true;
}

int idle_plan(struct lab *lab) {
    const unsigned idle = idle_most();
    lab->plan.order = ORDER_AS_PLANNED;
    lab->plan.attempts = 3; /* a packet sent again because the machine was busy is soon past */
    if (!add_points(lab) || !add_race(lab)) return complain("no memory for the plan");
    if (idle == 0) return EXIT_DONE;
    return add_load(lab, 0) && add_load(lab, idle) ? EXIT_DONE : complain("no memory for the plan");
}

/* ---- what follows ---- */

/* The next run of a column that counts, from *i on; NULL: there is no more. */
static const struct run *next_run(const struct runs *runs, unsigned column, size_t *i) {
    while (*i < runs->count) {
        const struct run *run = runs->list[(*i)++];
        if (run->column == column && run_is_valid(run)) return run;
    }
    return NULL;
}

static void conclude_point(struct lab *lab, unsigned column, double *ms) {
    struct session *session = lab->session;
    const struct parameters *asked = &lab->plan.columns[column].run;
    struct idle_point *point = findings_add(&session->lists[LIST_IDLE_POINTS], LIST_IDLE_POINTS);
    size_t count = 0, i = 0;
    if (point == NULL) return;
    for (const struct run *run; (run = next_run(&session->runs, column, &i)) != NULL;) {
        count += idle_latencies(run, ms + count, MORE);
    }
    point->variant = asked->variant->name;
    point->size_bytes = asked->size_bytes;
    point->reply_bytes = asked->reply_bytes;
    point->gap_ms = (double)asked->gap_ns / 1e6;
    point->rtt_ms = (double)asked->rtt_ns / 1e6;
    point->samples = count;
    if (count == 0) return;
    const struct interval middle = statistics_median_interval(ms, count, 0.95);
    point->latency_ms = middle.value;
    point->low_ms = middle.low;
    point->high_ms = middle.high;
    point->round_trips = point->rtt_ms > 0 ? middle.value / point->rtt_ms : (double)NAN;
}

/* "receive ECONNRESET: 12, send EPIPE: 1" */
static const char *errors_text(struct session *session, const struct tallies *errors) {
    const char *text = "";
    for (size_t i = 0; i < errors->count; i++) {
        text = session_text(session, "%s%s%s: %llu", text, i == 0 ? "" : ", ", errors->list[i].name,
                            (unsigned long long)errors->list[i].count);
    }
    return text;
}

static void conclude_race(struct lab *lab, unsigned column) {
    struct session *session = lab->session;
    struct idle_race sum = {0};
    struct tallies errors = {0};
    size_t i = 0, count = 0;
    for (const struct run *run; (run = next_run(&session->runs, column, &i)) != NULL; count++) {
        idle_race_add(&sum, &errors, run);
    }
    struct idle_race *race =
        count == 0 ? NULL : findings_add(&session->lists[LIST_IDLE_RACE], LIST_IDLE_RACE);
    if (race != NULL) {
        *race = sum;
        race->errors = errors_text(session, &errors);
    }
    free(errors.list);
}

static double server_bytes(const struct run *run) {
    return run->idle_server_bytes == FIELD_UNKNOWN ? (double)NAN : (double)run->idle_server_bytes;
}

static double kernel_bytes(const struct run *run) {
    return run->idle_kernel_bytes == FIELD_UNKNOWN ? (double)NAN : (double)run->idle_kernel_bytes;
}

/* Of the runs of a column that know it; NAN: none does. */
static double median_of(struct lab *lab, unsigned column, double (*of)(const struct run *run),
                        double *values, uint64_t *runs) {
    size_t count = 0, i = 0;
    for (const struct run *run; (run = next_run(&lab->session->runs, column, &i)) != NULL;) {
        if (isfinite(of(run))) values[count++] = of(run);
    }
    if (runs != NULL) *runs = count;
    return count == 0 ? (double)NAN : statistics_median(values, count);
}

/* The load with idle connections stands behind the one without. */
static void conclude_beside(struct lab *lab, unsigned column, double *values) {
    const struct parameters *asked = &lab->plan.columns[column].run;
    double (*const p99_us)(const struct run *run) = metrics[METRIC_P99].of;
    struct idle_beside one = {.connections = asked->idle, .load_connections = asked->connections};
    one.server_bytes = round(median_of(lab, column, server_bytes, values, &one.runs));
    one.kernel_bytes = round(median_of(lab, column, kernel_bytes, values, NULL));
    one.p99_beside_us = median_of(lab, column, p99_us, values, NULL);
    one.p99_alone_us = median_of(lab, column - 1, p99_us, values, NULL);
    if (isnan(one.p99_alone_us) || isnan(one.p99_beside_us)) {
        one.p99_alone_us = one.p99_beside_us = NAN; /* one without the other tells nothing */
    }
    struct findings *list = &lab->session->lists[LIST_IDLE_BESIDE];
    struct idle_beside *beside = one.runs == 0 ? NULL : findings_add(list, LIST_IDLE_BESIDE);
    if (beside != NULL) *beside = one;
}

void idle_conclude(struct lab *lab) {
    double *values = calloc(MORE * lab->session->runs.count + 1, sizeof *values);
    for (unsigned i = 0; values != NULL && i < lab->plan.count; i++) {
        const struct column *column = &lab->plan.columns[i];
        if (column->point != RUN_NOWHERE)
            conclude_point(lab, i, values);
        else if (column->run.idle_timeout_ns > 0)
            conclude_race(lab, i);
        else if (column->run.idle > 0)
            conclude_beside(lab, i, values);
    }
    free(values);
}
