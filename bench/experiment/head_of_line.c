/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep loss --rate: one packet lost under traffic: who waits for it?
 * Each variant in an open loop over a wire, at each rate: once a single request
 * is lost, then packets at random. A stream delivers in order, so whatever was
 * sent behind the lost request on its connection waits with it (head-of-line
 * blocking); datagrams and connections of their own do not.
 *
 * The runs sleep most of the time, so several run beside each other, up to what
 * the machine can send without being late itself.
 */
#include "bench/judge/head_of_line.h"

#include <math.h>
#include <stdlib.h>

#include "bench/experiment/all.h"
#include "bench/judge/series.h"
#include "bench/run/cost.h"

enum {
    LOSSES_WANTED = 20, /* in a run that loses packets at random */
    SLOW_PER_S = 100    /* below, a run has to be longer to have messages enough */
};

/* Lost by chance, in percent; 0: exactly one request instead. */
static const double losses[] = {0, 0.1, 1, 5};

/* ---- what a run is like ---- */

/* On one connection, or on one for each message. */
static bool keeps(const struct variant *variant) {
    return variant->depth > 0;
}

static bool is_single(const struct parameters *run) {
    return run->loss_percent <= 0;
}

/* To the server. */
static double packets_per_s(const struct parameters *run) {
    const struct cost_model *cost = run->variant->cost;
    const double each = cost == NULL ? 1 : cost_packets_to(cost, WIRE_TO_SERVER);
    return run->rate_per_s * fmax(each, 1);
}

static double clamp(double value, double least, double most) {
    return fmin(fmax(value, least), most);
}

/* In all: long enough for the losses that are wanted, where that can be waited for. */
static double duration_s(const struct parameters *run) {
    const bool slow = run->rate_per_s < SLOW_PER_S;
    if (is_single(run)) return slow ? 2 : 1;
    const double lost_per_s = 2 * packets_per_s(run) * run->loss_percent / 100;
    return clamp(LOSSES_WANTED / lost_per_s, 2, slow ? 12 : 6);
}

/* One interruption by the machine is to spoil little: several short runs, not a long one. */
static unsigned pieces(const struct parameters *run) {
    return (unsigned)ceil(duration_s(run) / (run->rate_per_s < SLOW_PER_S ? 6 : 3));
}

/* Fixed arrivals make the saw-tooth readable; chance must not meet their rhythm. */
static void complete(struct parameters *run) {
    const struct head_of_line_limits limits = head_of_line_limits((double)run->rtt_ns / 1e6);
    run->design = DESIGN_EPOLL;
    run->arrivals = is_single(run) ? ARRIVALS_FIXED : ARRIVALS_POISSON;
    run->series = true;
    /* What the generator is late alone makes no message late. */
    if (run->late_max_ns == 0) run->late_max_ns = (uint64_t)(limits.slack_ms * 1e6);
    run->warmup_ns = 5 * run->rtt_ns;
    run->duration_ns = (uint64_t)(duration_s(run) / pieces(run) * 1e9);
    /* Fresh ones: what comes while one waits for the timer of a lost SYN, 1 s, and a half more. */
    const double fresh = clamp(1.5 * run->rate_per_s, 16, 1024);
    if (run->connections == 0) run->connections = keeps(run->variant) ? 1 : (unsigned)fresh;
    /* A window on the one connection that never limits: twice what a deadline's time brings. */
    unsigned window = 16;
    while (window < 2 * run->rate_per_s * (double)run->deadline_ns / 1e9 && window < 4096)
        window *= 2;
    if (run->pipeline == 0 && keeps(run->variant)) run->pipeline = window;
    if (!is_single(run)) return;
    const double before_s = ((double)run->warmup_ns + (double)run->duration_ns / 2) / 1e9;
    run->drop =
        (struct drop){WIRE_REQUEST, WIRE_TO_SERVER, (unsigned)(before_s * run->rate_per_s) + 1};
}

/* ---- the plan ---- */

/*
 * Where one packet is lost nothing else may make a message late: a generator
 * that stood still for so long would, and look like a connection that waits.
 */
static bool counts(const struct column *column, const struct run *run) {
    return !is_single(&column->run) ||
           (run->wire.all.dropped == 1 && run->lateness.max_ns < column->run.late_max_ns);
}

/* A row of the table: a variant at a rate with a loss. */
static bool add_row(struct lab *lab, unsigned point, double loss_percent,
                    const struct variant *variant) {
    unsigned more = 1;
    for (unsigned i = 0; i < more; i++) {
        struct column *column = lab_add(lab, variant, ROLE_CONTROL);
        if (column == NULL) return false;
        column->point = point;
        column->run.rate_per_s = lab->request->points[point];
        column->run.loss_percent = loss_percent;
        complete(&column->run);
        /* The lone runs carry the figure; of the others there are several. */
        column->attempts = is_single(&column->run) ? 4 : 2;
        column->again = i > 0;
        more = pieces(&column->run);
    }
    return true;
}

/* A loss that was asked for is the only one by chance. */
int head_of_line_plan(struct lab *lab) {
    const struct request *r = lab->request;
    const double asked = r->run.loss_percent;
    const unsigned loss_count = asked > 0 ? 2 : sizeof losses / sizeof losses[0];
    lab->plan.order = ORDER_HEAVIEST;
    lab->plan.counts = counts;
    for (unsigned point = 0; point < r->point_count; point++) {
        for (unsigned loss = 0; loss < loss_count; loss++) {
            for (unsigned v = 0; v < r->variant_count; v++) {
                const double percent = loss > 0 && asked > 0 ? asked : losses[loss];
                if (!add_row(lab, point, percent, r->variants[v])) {
                    return complain("no memory for the plan");
                }
            }
        }
    }
    return EXIT_DONE;
}

/* ---- what follows ---- */

/* Where nothing but one packet is lost: what a message usually takes. */
static bool is_usual(const struct run *run, const void *like) {
    const struct parameters *asked = like;
    return run->asked.variant == asked->variant && run->asked.rate_per_s == asked->rate_per_s &&
           is_single(&run->asked);
}

/* The messages near the loss are for the figure, at the rate where the saw-tooth is finest. */
static void conclude_row(struct session *session, unsigned first, unsigned end,
                         const struct parameters *asked, bool fastest) {
    struct behind_loss *one = findings_add(&session->lists[LIST_BEHIND_LOSS], LIST_BEHIND_LOSS);
    if (one == NULL) return;
    findings_describe(LIST_BEHIND_LOSS, one, &(struct run){.asked = *asked});
    one->situation = is_single(asked) ? "one request" : "random";
    one->arrivals = arrivals_names[asked->arrivals];
    one->rate_per_s = asked->rate_per_s;
    one->pipeline = keeps(asked->variant) ? asked->pipeline : 1;
    one->duration_s = (double)asked->duration_ns / 1e9;
    struct head_of_line_limits limits = head_of_line_limits(one->rtt_ms);
    limits.single = is_single(asked);
    limits.usual_ms = runs_middle(&session->runs, head_of_line_median_ms, is_usual, asked).value;
    one->within_ms = limits.within_ms;
    one->lateness_max_ms = limits.slack_ms;
    struct head_of_line sum = {0};
    const struct run *example = NULL;
    for (size_t i = 0; i < session->runs.count; i++) {
        const struct run *run = session->runs.list[i];
        if (run->column < first || run->column >= end || !run_is_valid(run)) continue;
        if (example == NULL) example = run;
        head_of_line_add(&sum, run, &limits);
    }
    one->sum.runs = sum.runs;
    if (example == NULL) return;
    one->sum = sum;
    if (sum.answered == 0) one->sum.worst_ms = NAN;
    if (sum.packets_lost > 0) one->delayed_per_loss = sum.delayed / sum.packets_lost;
    one->delayed_beyond_ms = sum.usual_ms + limits.slack_ms;
    one->level = 0.95;
    one->within_share = head_of_line_share(&sum, one->level);
    const double gap_ms = 1e3 / asked->rate_per_s;
    if (!limits.single || !fastest) return;
    one->series = session_keep(session, head_of_line_near(example, fmax(one->rtt_ms, 5 * gap_ms),
                                                          fmax(3 * one->rtt_ms, 15 * gap_ms),
                                                          &one->series_count));
    if (one->series == NULL) one->series_count = 0;
}

void head_of_line_conclude(struct lab *lab) {
    const struct plan *plan = &lab->plan;
    const struct runs *runs = &lab->session->runs;
    double highest_per_s = 0;
    for (unsigned i = 0; i < plan->count; i++) {
        highest_per_s = fmax(highest_per_s, plan->columns[i].run.rate_per_s);
    }
    for (unsigned i = 0, end; i < plan->count; i = end) {
        const struct parameters *asked = &plan->columns[i].run;
        end = plan_row_end(plan, i);
        conclude_row(lab->session, i, end, asked, asked->rate_per_s >= highest_per_s);
    }
    /* Every message of every run is much: what a file keeps of them is the part near a loss. */
    for (size_t i = 0; i < runs->count; i++) {
        free(runs->list[i]->series);
        runs->list[i]->series = NULL;
        runs->list[i]->series_count = 0;
    }
}
