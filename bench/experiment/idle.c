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
#include "bench/judge/metric.h"
#include "bench/judge/series.h"
#include "bench/load/beside.h"

enum {
    USUAL = 64,           /* bytes */
    LARGE_REPLY = 102400, /* 71 segments, of which a fresh connection may send 10 at once */
    FEW = 3,              /* messages of a run with long pauses ... */
    MORE = 9,             /* ... and with short ones */
    WARM_TRIPS = 15,      /* round trips in which a window opens */
    RACE_CONNECTIONS = 64,
    RACE_ROUNDS = 8, /* messages of each */
    IDLE_MOST = 19000,
    LOAD_CONNECTIONS = 64
};

#define RACE_TIMEOUT_NS UINT64_C(200000000)
#define LONG_NS 1e9

/* ---- the plan: the points, the longest pause first, then what runs alone ---- */

/* What comes in the first round trips is not counted: a connection is made, a window opens. */
static bool add_point(struct lab *lab, unsigned point, double gap_ns, unsigned reply_bytes) {
    for (unsigned i = 0; i < lab->request->variant_count; i++) {
        const struct variant *variant = lab->request->variants[i];
        if (reply_bytes > variant->transport->payload_max) continue;
        struct column *column = lab_add(lab, variant, ROLE_CONTROL);
        if (column == NULL) return false;
        column->point = point;
        column->run.reply_bytes = reply_bytes;
        column->run.messages = gap_ns < LONG_NS ? MORE : FEW;
        column->run.warmup_ns = WARM_TRIPS * column->run.rtt_ns;
        axis_apply(axis_find("idle"), gap_ns, &column->run);
    }
    return true;
}

/* A short question with a short answer and with a long one, unless a size was given. */
static bool add_points(struct lab *lab) {
    const struct request *r = lab->request;
    const bool usual = r->run.size_bytes == USUAL && r->run.reply_bytes == USUAL;
    double gaps_ns[REQUEST_POINTS_MAX];
    memcpy(gaps_ns, r->points, sizeof gaps_ns);
    gsl_sort(gaps_ns, 1, r->point_count);
    for (unsigned i = 0; i < r->point_count; i++) {
        const double gap_ns = gaps_ns[r->point_count - 1 - i];
        if (!add_point(lab, i, gap_ns, r->run.reply_bytes)) return false;
        if (usual && !add_point(lab, i, gap_ns, LARGE_REPLY)) return false;
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

uint64_t idle_race_gap_ns(uint64_t idle_timeout_ns, uint64_t rtt_ns) {
    return idle_timeout_ns - rtt_ns / 4;
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
    const bool all = add_points(lab) && add_race(lab) &&
                     (idle == 0 || (add_load(lab, 0) && add_load(lab, idle)));
    return all ? EXIT_DONE : complain("no memory for the plan");
}

/* ---- what follows ---- */

size_t idle_latencies(const struct run *run, double *ms, size_t room) {
    size_t count = 0;
    for (size_t i = 0; i < run->samples.count; i++) {
        const struct samples_bucket *bucket = &run->samples.buckets[i];
        for (uint64_t left = bucket->count; left > 0 && count < room; left--) {
            ms[count++] = (double)bucket->upper_ns / 1e6;
        }
    }
    return count;
}

static bool is_counted(const struct run *run, unsigned column) {
    return run_is_valid(run) && runs_in_column(run, &column);
}

static void conclude_point(struct lab *lab, unsigned column) {
    const struct runs *runs = &lab->session->runs;
    struct idle_point *point =
        findings_add(&lab->session->lists[LIST_IDLE_POINTS], LIST_IDLE_POINTS);
    double *ms = calloc(MORE * runs->count + 1, sizeof *ms);
    size_t count = 0;
    for (size_t i = 0; ms != NULL && i < runs->count; i++) {
        if (is_counted(runs->list[i], column))
            count += idle_latencies(runs->list[i], ms + count, MORE);
    }
    if (point != NULL) {
        findings_describe(LIST_IDLE_POINTS, point,
                          &(struct run){.asked = lab->plan.columns[column].run});
        point->latency_ms = statistics_middle(ms, count);
        if (point->rtt_ms > 0) point->round_trips = point->latency_ms.value / point->rtt_ms;
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
    for (size_t i = 0; i < run->errors.count; i++) {
        tallies_add(errors, run->errors.list[i].name, run->errors.list[i].count);
    }
}

static void conclude_race(struct lab *lab, unsigned column) {
    struct session *session = lab->session;
    struct idle_race sum = {.errors = ""};
    struct tallies errors = {0};
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        if (is_counted(run, column)) idle_race_add(&sum, &errors, run);
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

static double number_of(uint64_t count) {
    return count == FIELD_UNKNOWN ? (double)NAN : (double)count;
}

static double server_bytes(const struct run *run) {
    return number_of(run->idle_server_bytes);
}

static double kernel_bytes(const struct run *run) {
    return number_of(run->idle_kernel_bytes);
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
    if (isnan(one->p99_alone_us + one->p99_beside_us)) {
        one->p99_alone_us = one->p99_beside_us = NAN; /* one without the other tells nothing */
    }
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
