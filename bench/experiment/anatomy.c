/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab anatomy: what a message costs, variant by variant, and beside each
 * count what was predicted before the run: packets and bytes over the wire,
 * round trips by two delays, system calls under strace, switches and CPU on
 * the loopback. Each in runs of its own, so that none disturbs another. What
 * cannot be had here is left out, with the reason. A count that differs is a
 * bug in the lab or a discovery; it is never smoothed over.
 */
#include "bench/experiment/anatomy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/experiment/all.h"
#include "bench/experiment/trace.h"
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
    const uint64_t batch = parameters_depth(run);
    const uint64_t more = batch * (1 + LATER);
    const uint64_t many = 20 * counted;
    const uint64_t loop = many < LOOP_MIN ? LOOP_MIN : many > LOOP_MAX ? LOOP_MAX : many;
    const uint64_t messages[PARTS] = {counted, batch,    more,    batch,      more,
                                      loop,    2 * loop, counted, 2 * counted};
    return messages[part];
}

int anatomy_plan(struct lab *lab) {
    const uint64_t far_ns = 20000000; /* the delay that is waited for */
    lab->plan.order = ORDER_AS_PLANNED;
    for (unsigned i = 0; i < lab->request->variant_count * PARTS; i++) {
        const enum part part = (enum part)(i % PARTS);
        struct column *column = lab_add(lab, lab->request->variants[i / PARTS], ROLE_VARIANT);
        if (column == NULL) return complain("no memory for the plan");
        column->run.messages = messages_of(&column->run, part);
        column->run.warmup_ns = 0;
        column->run.wire = part <= FAR_ALL;
        column->run.rtt_ns = part == FAR_ONE || part == FAR_ALL ? far_ns : 0;
        column->under = part >= TRACED ? "strace" : NULL;
    }
    return EXIT_DONE;
}

/* ---- one variant ---- */

struct anatomy {
    struct lab *lab;
    const struct variant *variant;
    const struct column *columns;   /* its PARTS */
    const struct cost_model *model; /* in force under the run's settings; NULL: none */
    double batch;                   /* messages outstanding */
    struct consists *one;
};

static struct run *run_part(const struct anatomy *a, enum part part, char *why) {
    return interrupted ? NULL : child_run(&a->columns[part].run, why);
}

static struct counted count(bool known, uint64_t predicted, double measured) {
    return (struct counted){known ? (double)predicted : (double)NAN, measured,
                            known && (double)predicted == measured};
}

/* Time is measured, not counted: so near is as predicted. */
static struct counted count_nearly(bool known, double predicted, double measured) {
    const double tolerance = 0.03;
    return (struct counted){known ? predicted : (double)NAN, measured,
                            known && fabs(measured - predicted) <= tolerance * predicted};
}

static const char *keep(const struct anatomy *a, const char *text) {
    return session_text(a->lab->session, "%s", text);
}

/* ---- packets ---- */

unsigned anatomy_unequal(const struct consists *one) {
    unsigned kinds = 0;
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const struct counted *counted = &one->kinds[i / WIRE_KINDS][i % WIRE_KINDS];
        const bool is_there = counted->predicted > 0 || counted->measured > 0;
        if (is_there && !counted->equal) kinds |= 1U << i % WIRE_KINDS;
    }
    return kinds;
}

/* Without its full stop, why the packets are not as predicted; NULL: they are. */
static const char *explain_packets(const struct anatomy *a, const struct run *run) {
    const uint64_t resent = run_counter(run, "kernel.TcpRetransSegs");
    const unsigned unequal = anatomy_unequal(a->one);
    if (!run_is_valid(run)) {
        return session_text(a->lab->session, "the run was not valid: %s", run->validity.reason[0]);
    }
    if (a->one->not_predicted_because != NULL) return NULL;
    if (unequal == 0 && a->one->ip_bytes.equal) return NULL;
    if (resent != FIELD_UNKNOWN && resent > 0) {
        return "TCP sent segments again: the machine paused longer than its timer";
    }
    if (unequal == 1U << WIRE_ACK) {
        return "only pure ACKs: one goes alone where the answer takes longer than the "
               "delayed-ACK timer (40 ms)";
    }
    return "no known cause: a bug in the lab or a discovery";
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
    one->packets = count(known, cost.all_packets, packets);
    one->ip_bytes = count(known, cost.ip_bytes, bytes);
    for (int i = 0; run != NULL && i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const int direction = i / WIRE_KINDS, kind = i % WIRE_KINDS;
        one->kinds[direction][kind] = count(known, cost.packets[direction][kind],
                                            (double)run->wire.by[direction][kind].packets);
    }
    one->payload_percent =
        bytes > 0 ? 100 * messages * (asked->size_bytes + (double)asked->reply_bytes) / bytes
                  : (double)NAN;
    one->packets_per_message = packets / messages;
    one->ip_bytes_per_message = bytes / messages;
    if (run != NULL) one->explanation = explain_packets(a, run);
}

/* ---- round trips ---- */

/* Sums over a run, and the round-trip time that was really applied; NAN: no run. */
struct far {
    double latency_ns, elapsed_ns, packets, ip_bytes, rtt_ns;
};

static struct far run_far(const struct anatomy *a, enum part part) {
    char ignored[CHILD_WHY]; /* the run before this one has told, if there is no wire */
    struct run *run = run_part(a, part, ignored);
    if (run == NULL) return (struct far){NAN, NAN, NAN, NAN, NAN};
    const double messages = (double)run->asked.messages;
    const struct far far = {messages * run->latency.mean_ns, messages * run_time_ns(run),
                            (double)run->wire.all.packets, (double)run->wire.all.ip_bytes,
                            run->wire.applied_rtt_ns};
    run_free(run);
    return far;
}

/*
 * How many of the round trips that were added a message took. One batch (one
 * message, where none is pipelined) is told from later ones, as the first may
 * have to connect.
 */
static void measure_waits(const struct anatomy *a) {
    const double later = LATER, batch = a->batch;
    struct far of[PARTS];
    for (int part = NEAR_ONE; part <= FAR_ALL; part++) of[part] = run_far(a, (enum part)part);
    const struct far *near_one = &of[NEAR_ONE], *near_all = &of[NEAR_ALL];
    const struct far *far_one = &of[FAR_ONE], *far_all = &of[FAR_ALL];
    const double one_ns = batch * (far_one->rtt_ns - near_one->rtt_ns);
    const double all_ns = batch * (far_all->rtt_ns - near_all->rtt_ns);
    const double first = (far_one->latency_ns - near_one->latency_ns) / one_ns;
    const double all = (far_all->latency_ns - near_all->latency_ns) / all_ns;
    const double first_took = (far_one->elapsed_ns - near_one->elapsed_ns) / one_ns;
    const double all_took = (far_all->elapsed_ns - near_all->elapsed_ns) / all_ns;
    const bool known = a->model != NULL;
    static const unsigned none[2];
    const unsigned *waits = known ? a->model->waits : none;
    a->one->packets_later = (near_all->packets - near_one->packets) / (later * batch);
    a->one->ip_bytes_later = (near_all->ip_bytes - near_one->ip_bytes) / (later * batch);
    a->one->waited_first = count_nearly(known, waits[0], first);
    a->one->waited = count_nearly(known, waits[1], (all - first) / later);
    a->one->of_time = count_nearly(known, waits[1] / batch, (all_took - first_took) / later);
}

/* ---- on the loopback ---- */

static double switches_so_far(void) {
    struct rusage usage; /* of the runs so far, and of their servers, which they waited for */
    if (getrusage(RUSAGE_CHILDREN, &usage) != 0) return NAN;
    return (double)usage.ru_nvcsw + (double)usage.ru_nivcsw;
}

static double us_of(uint64_t ns, double per) {
    return ns == FIELD_UNKNOWN ? (double)NAN : (double)ns / 1e3 / per;
}

static void measure_loop(const struct anatomy *a) {
    char why[CHILD_WHY] = "interrupted";
    struct consists *one = a->one;
    const double before = switches_so_far();
    struct run *half = run_part(a, LOOP, why);
    const double between = switches_so_far();
    struct run *run = half == NULL ? NULL : run_part(a, LOOP_TWICE, why);
    const double after = switches_so_far();
    run_free(half);
    if (run == NULL) {
        one->loopback_skipped_because = keep(a, why);
        return;
    }
    const double answered = (double)run->ok;
    one->context_switches =
        (after - between - (between - before)) / (double)a->columns[LOOP].run.messages;
    one->client_cpu_us = us_of(run->client_cpu_ns, answered);
    one->server_cpu_us = us_of(run->server_cpu_ns, answered);
    one->connect_us.p50 = us_of(run->connect.p50_ns, 1);
    one->connect_us.mean = run->connect.mean_ns / 1e3;
    one->exchange_us.p50 = us_of(run->exchange.p50_ns, 1);
    one->exchange_us.mean = run->exchange.mean_ns / 1e3;
    one->close_us.p50 = us_of(run->close.p50_ns, 1);
    one->close_us.mean = run->close.mean_ns / 1e3;
    run_free(run);
}

/* ---- under strace ---- */

static struct tally *tally_of(struct tallies *all, const char *name) {
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->list[i].name, name) == 0) return &all->list[i];
    }
    const size_t before = all->count;
    tallies_add(all, name, 0);
    return all->count > before ? &all->list[before] : NULL;
}

/* What the server was doing, or did, when it was told to end is not counted. */
static void count_calls(struct tallies sides[TRACE_SIDES], const struct trace *trace, int64_t by) {
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_call *call = &trace->calls[i];
        if (trace_is_ending(trace, call)) continue;
        struct tally *tally = tally_of(&sides[call->side], call->name);
        if (tally != NULL) tally->count += (uint64_t)by;
    }
}

static bool trace_part(const struct anatomy *a, enum part part, struct tallies sides[TRACE_SIDES],
                       int64_t by, char *why) {
    struct trace trace;
    if (interrupted) return false;
    const bool done = trace_run(&trace, "all", &a->columns[part].run, why) == TRACE_DONE;
    if (done) count_calls(sides, &trace, by);
    trace_release(&trace);
    return done;
}

/*
 * The sum of a side's calls per message, which are added to the list: the
 * model's, and what else came at least once in two messages (in two batches).
 * The rest is no message's: a thread that starts, memory for it.
 */
static double fill_calls(const struct anatomy *a, struct counted_call *calls,
                         const struct cost_calls *model, const struct tallies *seen) {
    const double seldom = 0.5 / a->batch;
    /* What a call carries of a batch varies with who is woken when. */
    const bool known = a->batch == 1 && model[0].name != NULL;
    double sum = 0;
    unsigned place = 0;
    for (size_t i = 0; i < seen->count && place < CALLS_MAX - 1; i++) {
        const char *name = seen->list[i].name;
        const unsigned predicted = cost_calls_of(model, name);
        const double measured =
            (double)(int64_t)seen->list[i].count / (double)a->columns[TRACED].run.messages;
        if (predicted == 0 && measured < seldom) continue;
        calls[place++] = (struct counted_call){keep(a, name), count(known, predicted, measured)};
        sum += measured;
    }
    return sum;
}

static void measure_calls(const struct anatomy *a) {
    static const struct cost_model none;
    const struct cost_model *cost = a->variant->cost == NULL ? &none : a->variant->cost;
    const struct cost_calls *const models[TRACE_SIDES] = {cost->client, cost->server};
    struct tallies sides[TRACE_SIDES] = {{0}};
    char why[CHILD_WHY] = "interrupted";
    for (int side = 0; side < TRACE_SIDES; side++) { /* so that they come in the model's order */
        for (int i = 0; i < COST_CALLS_MAX && models[side][i].name != NULL; i++) {
            (void)tally_of(&sides[side], models[side][i].name);
        }
    }
    if (trace_part(a, TRACED, sides, -1, why) && trace_part(a, TRACED_TWICE, sides, 1, why)) {
        a->one->calls_client =
            fill_calls(a, a->one->calls[TRACE_CLIENT], models[TRACE_CLIENT], &sides[TRACE_CLIENT]);
        a->one->calls_server =
            fill_calls(a, a->one->calls[TRACE_SERVER], models[TRACE_SERVER], &sides[TRACE_SERVER]);
    } else {
        a->one->calls_skipped_because = keep(a, why);
    }
    for (int side = 0; side < TRACE_SIDES; side++) free(sides[side].list);
}

/* ---- all ---- */

/* What was in force of the model; nothing is known of the network where there was no run. */
static const struct cost_model *model_of(const struct variant *variant, const struct run *run) {
    const unsigned usual = 3;
    const struct cost_model *model = variant->cost;
    const char *text = run == NULL || model == NULL || model->setting == NULL
                           ? ""
                           : facts_text(&run->settings, model->setting);
    return cost_in_force(model, *text == '\0' ? usual : (unsigned)strtoul(text, NULL, 0));
}

static void measure_one(struct lab *lab, unsigned i, struct consists *one) {
    const struct counted unknown = {NAN, NAN, false};
    const struct column *columns = &lab->plan.columns[(size_t)i * PARTS];
    const struct parameters *asked = &columns[PACKETS].run;
    struct anatomy a = {.lab = lab,
                        .columns = columns,
                        .variant = asked->variant,
                        .batch = parameters_depth(asked),
                        .one = one};
    char why[CHILD_WHY] = "interrupted";
    one->variant = asked->variant->name;
    one->size_bytes = asked->size_bytes;
    one->reply_bytes = asked->reply_bytes;
    one->messages = asked->messages;
    one->waited_first = one->waited = one->of_time = unknown;
    struct run *run = run_part(&a, PACKETS, why);
    a.model = model_of(a.variant, run);
    if (run == NULL) one->wire_skipped_because = keep(&a, why);
    fill_packets(&a, run);
    if (run != NULL) measure_waits(&a);
    run_free(run);
    measure_loop(&a);
    measure_calls(&a);
}

int anatomy_measure(struct lab *lab) {
    struct findings *list = &lab->session->lists[LIST_ANATOMY];
    double guessed[REQUEST_VARIANTS_MAX][GUESSES];
    for (unsigned i = 0; i < REQUEST_VARIANTS_MAX * GUESSES; i++) {
        guessed[i / GUESSES][i % GUESSES] = NAN;
    }
    const int status = lab->request->predict ? anatomy_ask(lab->request, guessed) : EXIT_DONE;
    for (unsigned i = 0; i < lab->plan.count; i++) {
        lab->plan.columns[i].run.seed = gsl_rng_get(lab->random);
    }
    for (unsigned i = 0; i < lab->request->variant_count && status == EXIT_DONE; i++) {
        struct consists *one = findings_add(list, LIST_ANATOMY);
        if (one == NULL) return complain("no memory for what was counted");
        lab_progress(lab, "%s", lab->request->variants[i]->name);
        measure_one(lab, i, one);
        lab_progress(lab, "%s", "");
        memcpy(one->guessed, guessed[i], sizeof one->guessed);
        if (interrupted) list->count--; /* it is not whole */
        if (interrupted) break;
    }
    return status;
}

/* Whether anything could be measured at all. */
int anatomy_status(const struct lab *lab) {
    for (size_t i = 0; i < lab->session->lists[LIST_ANATOMY].count; i++) {
        const struct consists *one = SESSION_AT(lab->session, LIST_ANATOMY, struct consists, i);
        if (one->wire_skipped_because == NULL || one->calls_skipped_because == NULL ||
            one->loopback_skipped_because == NULL) {
            return EXIT_DONE;
        }
    }
    return EXIT_FAILED;
}
