/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab anatomy: what a message costs, variant by variant, and beside each
 * count what was predicted before the run: packets and bytes over the wire,
 * round trips by two delays, system calls under strace, switches and CPU on
 * the loopback. Each in runs of its own, so that none disturbs another. What
 * cannot be had here is left out, with the reason. A count that differs is a
 * bug in the lab or a discovery; it is never smoothed over.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/experiment/all.h"
#include "bench/experiment/trace.h"
#include "bench/judge/metric.h"
#include "bench/run/cost.h"

/* The runs of a variant, in this order. */
enum part {
    PACKETS, /* over the wire, counted */
    NEAR_ONE,
    NEAR_ALL,
    FAR_ONE,
    FAR_ALL, /* one batch and LATER more, by two delays */
    LOOP,
    LOOP_TWICE, /* many messages, on the loopback */
    TRACED,
    TRACED_TWICE, /* what differs is the messages' */
    PARTS
};

enum { MESSAGES = 50, LATER = 10, LOOP_MIN = 1000, LOOP_MAX = 20000 };

static uint64_t messages_of(const struct parameters *run, enum part part) {
    const uint64_t counted = run->messages > 0 ? run->messages : MESSAGES;
    const uint64_t batch = parameters_depth(run), more = batch * (1 + LATER), many = 20 * counted;
    const uint64_t loop = many < LOOP_MIN ? LOOP_MIN : many > LOOP_MAX ? LOOP_MAX : many;
    const uint64_t messages[PARTS] = {counted, batch,    more,    batch,      more,
                                      loop,    2 * loop, counted, 2 * counted};
    return messages[part];
}

static void set_part(struct column *column, enum part part) {
    const uint64_t far_ns = 20000000; /* the delay that is waited for */
    struct parameters *run = &column->run;
    run->messages = messages_of(run, part);
    run->warmup_ns = 0;
    run->wire = part <= FAR_ALL;
    run->rtt_ns = part == FAR_ONE || part == FAR_ALL ? far_ns : 0;
    column->under = part >= TRACED ? "strace" : NULL;
}

int anatomy_plan(struct lab *lab) {
    lab->plan.order = ORDER_AS_PLANNED;
    for (unsigned i = 0; i < lab->request->variant_count * PARTS; i++) {
        const enum part part = (enum part)(i % PARTS);
        struct column *column = lab_add(lab, lab->request->variants[i / PARTS], ROLE_VARIANT);
        if (column == NULL) return complain("no memory for the plan");
        set_part(column, part);
    }
    return EXIT_DONE;
}

struct anatomy {
    struct session *session;
    const struct column *columns;   /* its PARTS */
    const struct cost_model *model; /* in force under the run's settings; NULL: none */
    double batch;                   /* messages outstanding */
    struct consists *one;
    char why[CHILD_WHY]; /* of the last run that there is not */
};

static struct run *run_part(struct anatomy *a, enum part part) {
    (void)snprintf(a->why, sizeof a->why, "interrupted");
    return interrupted ? NULL : child_run(&a->columns[part].run, a->why);
}

/* Counts are as predicted or not; a time is so if it is nearly. */
static struct counted count(bool known, double predicted, double measured, double tolerance) {
    return (struct counted){known ? predicted : (double)NAN, measured,
                            known && fabs(measured - predicted) <= tolerance * predicted};
}

/* ---- packets ---- */

/* The kinds of packets that are not as predicted: a bit each. */
static unsigned unequal_kinds(const struct consists *one) {
    unsigned kinds = 0;
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const struct counted *counted = &one->kinds[i / WIRE_KINDS][i % WIRE_KINDS];
        const bool is_there = counted->predicted > 0 || counted->measured > 0;
        if (is_there && !counted->equal) kinds |= 1U << i % WIRE_KINDS;
    }
    return kinds;
}

/* Without its full stop, why the packets are not as predicted; NULL: they are, or were not. */
static const char *explain_packets(const struct anatomy *a, const struct run *run) {
    const uint64_t resent = run_counter(run, "kernel.TcpRetransSegs");
    const bool predicted = a->one->not_predicted_because == NULL;
    const unsigned unequal = unequal_kinds(a->one);
    if (predicted && unequal == 0 && a->one->ip_bytes.equal) return NULL;
    if (!run_is_valid(run))
        return session_text(a->session, "the run was not valid: %s", run->validity.reason[0]);
    if (!predicted) return NULL;
    if (resent != FIELD_UNKNOWN && resent > 0)
        return "TCP sent segments again: the machine paused longer than its timer";
    if (unequal == 1U << WIRE_ACK)
        return "only pure ACKs: one goes alone where the answer takes longer than the "
               "delayed-ACK timer (40 ms)";
    return "no known cause: a bug in the lab or a discovery";
}

/* What was in force of the model; the usual where there was no run that would say. */
static const struct cost_model *model_of(const struct cost_model *model, const struct run *run) {
    const unsigned usual = 3;
    const bool says = run != NULL && model != NULL && model->setting != NULL;
    const char *text = says ? facts_text(&run->settings, model->setting) : "";
    return cost_in_force(model, *text == '\0' ? usual : (unsigned)strtoul(text, NULL, 0));
}

/* From variant, sizes and sysctls alone; which were in force, the run tells. */
static void fill_packets(struct anatomy *a, const struct run *run) {
    const struct parameters *asked = &a->columns[PACKETS].run;
    struct consists *one = a->one;
    struct cost cost;
    one->not_predicted_because =
        cost_predict(&cost, a->model, asked->size_bytes, asked->reply_bytes, asked->messages,
                     (unsigned)a->batch);
    const bool known = one->not_predicted_because == NULL;
    const double packets = run == NULL ? (double)NAN : (double)run->wire.all.packets;
    const double bytes = run == NULL ? (double)NAN : (double)run->wire.all.ip_bytes;
    const double messages = (double)asked->messages;
    one->packets = count(known, (double)cost.all_packets, packets, 0);
    one->ip_bytes = count(known, (double)cost.ip_bytes, bytes, 0);
    if (bytes > 0)
        one->payload_percent =
            100 * messages * (asked->size_bytes + (double)asked->reply_bytes) / bytes;
    one->packets_per_message = packets / messages;
    one->ip_bytes_per_message = bytes / messages;
    if (run == NULL) return;
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const int direction = i / WIRE_KINDS, kind = i % WIRE_KINDS;
        one->kinds[direction][kind] = count(known, (double)cost.packets[direction][kind],
                                            (double)run->wire.by[direction][kind].packets, 0);
    }
    one->explanation = explain_packets(a, run);
}

/* ---- round trips ---- */

/*
 * How many of the round trips that were added a message took. One batch (one
 * message, where none is pipelined) is told from later ones, as the first may
 * have to connect.
 */
static void fill_waits(const struct anatomy *a, struct run *const near[2],
                       struct run *const far[2]) {
    const double tolerance = 0.03, later = LATER * a->batch;
    const bool known = a->model != NULL;
    const unsigned *waits = known ? a->model->waits : (const unsigned[2]){0};
    double waited[2], took[2], packets[2], bytes[2];
    for (int i = 0; i < 2; i++) {
        packets[i] = (double)near[i]->wire.all.packets;
        bytes[i] = (double)near[i]->wire.all.ip_bytes;
        const double added_ns = a->batch *
                                (far[i]->wire.applied_rtt_ns - near[i]->wire.applied_rtt_ns) /
                                (double)near[i]->asked.messages;
        waited[i] = (far[i]->latency.mean_ns - near[i]->latency.mean_ns) / added_ns;
        took[i] = (run_time_ns(far[i]) - run_time_ns(near[i])) / added_ns;
    }
    a->one->packets_later = (packets[1] - packets[0]) / later;
    a->one->ip_bytes_later = (bytes[1] - bytes[0]) / later;
    a->one->waited_first = count(known, waits[0], waited[0], tolerance);
    a->one->waited = count(known, waits[1], (waited[1] - waited[0]) / LATER, tolerance);
    a->one->of_time = count(known, waits[1] / a->batch, (took[1] - took[0]) / LATER, tolerance);
}

static void measure_waits(struct anatomy *a) {
    struct run *runs[4] = {NULL}; /* NEAR_ONE to FAR_ALL */
    int made = 0;
    while (made < 4 && (runs[made] = run_part(a, (enum part)(NEAR_ONE + made))) != NULL) made++;
    if (made == 4) fill_waits(a, &runs[0], &runs[2]);
    for (int i = 0; i < made; i++) run_free(runs[i]);
}

/* ---- on the loopback ---- */

static double switches_so_far(void) {
    struct rusage usage; /* of the runs so far, and of their servers, which they waited for */
    if (getrusage(RUSAGE_CHILDREN, &usage) != 0) return NAN;
    return (double)usage.ru_nvcsw + (double)usage.ru_nivcsw;
}

static void measure_loop(struct anatomy *a) {
    struct consists *one = a->one;
    const double before = switches_so_far();
    struct run *half = run_part(a, LOOP);
    const double between = switches_so_far();
    struct run *run = half == NULL ? NULL : run_part(a, LOOP_TWICE);
    const double after = switches_so_far();
    run_free(half);
    if (run == NULL) {
        one->loopback_skipped_because = session_text(a->session, "%s", a->why);
        return;
    }
    const double answered = (double)run->ok;
    one->context_switches =
        (after - between - (between - before)) / (double)a->columns[LOOP].run.messages;
    one->client_cpu_us = metric_us(run->client_cpu_ns) / answered;
    one->server_cpu_us = metric_us(run->server_cpu_ns) / answered;
    one->connect_us.p50 = metric_us(run->connect.p50_ns);
    one->connect_us.mean = run->connect.mean_ns / 1e3;
    one->exchange_us.p50 = metric_us(run->exchange.p50_ns);
    one->exchange_us.mean = run->exchange.mean_ns / 1e3;
    one->close_us.p50 = metric_us(run->close.p50_ns);
    one->close_us.mean = run->close.mean_ns / 1e3;
    run_free(run);
}

/* ---- under strace ---- */

/* What the server was doing, or did, when it was told to end is not counted. */
static double count_calls(const struct trace *trace, int side, const char *name) {
    double calls = 0;
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_call *call = &trace->calls[i];
        calls += (int)call->side == side && strcmp(call->name, name) == 0 &&
                 !trace_is_ending(trace, call);
    }
    return calls;
}

/*
 * Adds a call to those of a side, unless it is there, and says how often a
 * message makes it. Beyond the model, what came at least once in two messages
 * (in two batches): the rest is no message's, such as a thread that starts.
 */
static double add_call(const struct anatomy *a, const struct trace traces[2], int side, bool known,
                       unsigned predicted, const char *name) {
    struct counted_call *call = a->one->calls[side], *last = &call[CALLS_MAX - 1];
    while (call->name != NULL && strcmp(call->name, name) != 0) call++;
    if (call->name != NULL || call == last) return 0;
    const double more = count_calls(&traces[1], side, name) - count_calls(&traces[0], side, name);
    const double measured = more / (double)a->columns[TRACED].run.messages;
    if (predicted == 0 && measured < 0.5 / a->batch) return 0;
    call->name = session_text(a->session, "%s", name);
    call->per_message = count(known, predicted, measured, 0);
    return measured;
}

/* In the model's order first. */
static double fill_calls(const struct anatomy *a, const struct trace traces[2], int side,
                         const struct cost_calls *model) {
    /* What a call carries of a batch varies with who is woken when. */
    const bool known = a->batch == 1 && model->name != NULL;
    double sum = 0;
    for (; model->name != NULL; model++)
        sum += add_call(a, traces, side, known, model->count, model->name);
    for (size_t i = 0; i < traces[1].count; i++) {
        const struct trace_call *call = &traces[1].calls[i];
        if ((int)call->side == side) sum += add_call(a, traces, side, known, 0, call->name);
    }
    return sum;
}

static void measure_calls(struct anatomy *a) {
    static const struct cost_model none;
    const struct cost_model *cost = a->columns->run.variant->cost;
    struct trace traces[2] = {{0}};
    bool done = true;
    if (cost == NULL) cost = &none;
    (void)snprintf(a->why, sizeof a->why, "interrupted");
    for (int i = 0; i < 2 && done; i++) {
        done = !interrupted &&
               TRACE_DONE == trace_run(&traces[i], "all", &a->columns[TRACED + i].run, a->why);
    }
    if (done) {
        a->one->calls_client = fill_calls(a, traces, TRACE_CLIENT, cost->client);
        a->one->calls_server = fill_calls(a, traces, TRACE_SERVER, cost->server);
    } else {
        a->one->calls_skipped_because = session_text(a->session, "%s", a->why);
    }
    for (int i = 0; i < 2; i++) trace_release(&traces[i]);
}

/* Packets and calls; all the rest as well unless they alone are wanted. */
static void measure_one(struct lab *lab, const struct column *columns, struct consists *one,
                        bool counts_alone) {
    const struct counted unknown = {NAN, NAN, false};
    const struct parameters *asked = &columns[PACKETS].run;
    struct anatomy a = {
        .session = lab->session, .columns = columns, .batch = parameters_depth(asked), .one = one};
    one->variant = asked->variant->name;
    one->size_bytes = asked->size_bytes;
    one->reply_bytes = asked->reply_bytes;
    one->messages = asked->messages;
    one->waited_first = one->waited = one->of_time = unknown;
    struct run *run = run_part(&a, PACKETS);
    a.model = model_of(asked->variant->cost, run);
    if (run == NULL) one->wire_skipped_because = session_text(lab->session, "%s", a.why);
    fill_packets(&a, run);
    /* A pause of the machine adds pure ACKs; what a kernel adds is there again. */
    for (int again = 2; again > 0 && counts_alone && one->explanation != NULL; again--) {
        struct run *other = run_part(&a, PACKETS);
        if (other == NULL) break;
        run_free(run);
        run = other;
        fill_packets(&a, run);
    }
    if (run != NULL && !counts_alone) measure_waits(&a);
    run_free(run);
    if (!counts_alone) measure_loop(&a);
    measure_calls(&a);
}

int anatomy_measure(struct lab *lab) {
    struct findings *list = &lab->session->lists[LIST_ANATOMY];
    double guessed[REQUEST_VARIANTS_MAX][GUESSES];
    const int status = anatomy_ask(lab->request, guessed);
    for (unsigned i = 0; i < lab->plan.count; i++)
        lab->plan.columns[i].run.seed = gsl_rng_get(lab->random);
    for (unsigned i = 0; i < lab->request->variant_count && status == EXIT_DONE; i++) {
        struct consists *one = findings_add(list, LIST_ANATOMY);
        if (one == NULL) return complain("no memory for what was counted");
        lab_progress(lab, "%s", lab->request->variants[i]->name);
        measure_one(lab, &lab->plan.columns[(size_t)i * PARTS], one, false);
        lab_progress(lab, "%s", "");
        memcpy(one->guessed, guessed[i], sizeof one->guessed);
        if (interrupted) list->count--; /* it is not whole */
        if (interrupted) break;
    }
    return status;
}

/* Those of a run that is the same but for wire and strace are the runs' own. */
static void give_counts(struct session *session, const struct consists *one) {
    for (size_t i = 0; i < session->runs.count; i++) {
        struct run *run = session->runs.list[i];
        if (run_is_floor(run) || run->asked.variant != variant_find(one->variant)) continue;
        if (isnan(run->packets)) run->packets = one->packets_per_message;
        if (isnan(run->wire_bytes)) run->wire_bytes = one->ip_bytes_per_message;
        run->syscalls = one->calls_client + one->calls_server;
    }
}

void anatomy_count(struct lab *lab) {
    const struct request *request = lab->request;
    const bool wanted = request->counts && lab->session->runs.count > 0;
    struct findings *list = &lab->session->lists[LIST_ANATOMY];
    for (unsigned i = 0; wanted && i < request->variant_count && !interrupted; i++) {
        struct column columns[PARTS];
        struct consists *one = findings_add(list, LIST_ANATOMY);
        if (one == NULL) return;
        for (enum part part = 0; part < PARTS; part++) {
            columns[part] = (struct column){.run = request->run};
            columns[part].run.variant = request->variants[i];
            columns[part].run.seed = gsl_rng_get(lab->random);
            columns[part].run.messages = 0; /* as many in every session: they share an opening */
            set_part(&columns[part], part);
        }
        lab_progress(lab, "counting %s", request->variants[i]->name);
        measure_one(lab, columns, one, true);
        lab_progress(lab, "%s", "");
        if (interrupted)
            list->count--; /* it is not whole */
        else
            give_counts(lab->session, one);
    }
}

/* Whether anything could be measured at all. */
int anatomy_status(const struct lab *lab) {
    for (size_t i = 0; i < lab->session->lists[LIST_ANATOMY].count; i++) {
        const struct consists *one = SESSION_AT(lab->session, LIST_ANATOMY, struct consists, i);
        if (one->wire_skipped_because == NULL || one->calls_skipped_because == NULL ||
            one->loopback_skipped_because == NULL)
            return EXIT_DONE;
    }
    return EXIT_FAILED;
}
