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
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/head_of_line.h"
#include "bench/run/cost.h"

enum {
    LOSSES_WANTED = 20, /* in a run that loses packets at random */
    SLOW_PER_S = 100    /* below, a run has to be longer to have messages enough */
};

/* Lost by chance, in percent; 0: exactly one request instead. */
static const double losses[] = {0, 0.1, 1, 5};

/* On one connection, or on one for each message. */
static bool keeps(const struct variant *variant) {
    return variant->depth > 0;
}

static bool is_single(const struct parameters *run) {
    return run->loss_percent <= 0;
}

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
    return clamp(LOSSES_WANTED / lost_per_s, 1, slow ? 12 : 6);
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

/*
 * Where one packet is lost nothing else may make a message late: a generator
 * that stood still for so long would, and look like a connection that waits.
 */
static bool counts(const struct column *column, const struct run *run) {
    return !is_single(&column->run) ||
           (run->wire.all.dropped == 1 && run->lateness.max_ns < column->run.late_max_ns);
}

/* A row of the table is a variant at a rate with a loss: asked for, the only one by chance. */
int head_of_line_plan(struct lab *lab) {
    const struct request *r = lab->request;
    const double asked = r->run.loss_percent;
    const unsigned loss_count = asked > 0 ? 2 : sizeof losses / sizeof losses[0];
    lab->plan.order = ORDER_HEAVIEST;
    lab->plan.counts = counts;
    for (unsigned i = 0; i < r->point_count * loss_count * r->variant_count; i++) {
        const unsigned point = i / r->variant_count / loss_count;
        const unsigned loss = i / r->variant_count % loss_count;
        for (unsigned more = 1, k = 0; k < more; k++) {
            struct column *column = lab_add(lab, r->variants[i % r->variant_count], ROLE_CONTROL);
            column->point = point;
            column->run.rate_per_s = r->points[point];
            column->run.loss_percent = loss > 0 && asked > 0 ? asked : losses[loss];
            complete(&column->run);
            /* The lone runs carry the figure; of the others there are several. */
            column->attempts = is_single(&column->run) ? 4 : 2;
            column->again = k > 0;
            more = pieces(&column->run);
        }
    }
    return EXIT_DONE;
}

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
    for (unsigned i = 0; i < plan->count; i++)
        highest_per_s = fmax(highest_per_s, plan->columns[i].run.rate_per_s);
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

static bool is_lone(const struct behind_loss *one) {
    return one->loss_percent <= 0;
}

static bool is_known(const struct behind_loss *one) {
    return is_lone(one) && one->sum.runs > 0;
}

static bool is_first(const struct findings *list, const struct behind_loss *one,
                     const char *names) {
    return findings_first(list, LIST_BEHIND_LOSS, names, one) == one;
}

/* "18", or where there are several runs of which each has so many, "17.5". */
static struct number in_a_run(double count, const struct behind_loss *one) {
    const double each = count / (double)one->sum.runs;
    return each == floor(each) ? words_count(each) : words_number(each);
}

struct waiting {
    char text[256];
};

static struct waiting waiting_of(const struct behind_loss *one) {
    const bool gone = one->sum.unanswered > 0, late = one->sum.delayed > 0;
    struct waiting waiting;
    (void)snprintf(waiting.text, sizeof waiting.text, "%s%s%s%s%s",
                   gone ? in_a_run(one->sum.unanswered, one).text : "",
                   gone ? " never answered, " : "",
                   late ? in_a_run(one->sum.delayed, one).text : "none",
                   late ? " late, the worst by " : " late",
                   late ? words_time(1e3 * one->sum.worst_ms).text : "");
    return waiting;
}

/* The same loss on one variant, over the rate, where there are several. */
static void put_over_rates(FILE *out, const struct findings *list, const char *variant) {
    const struct behind_loss *all = list->items;
    const char *between = " ";
    size_t rates = 0;
    for (size_t i = 0; i < list->count; i++)
        rates += is_known(&all[i]) && strcmp(all[i].variant, variant) == 0;
    if (rates < 2) return;
    (void)fprintf(out, " On `%s` one lost request makes", variant);
    for (size_t i = 0; i < list->count; i++) {
        if (!is_known(&all[i]) || strcmp(all[i].variant, variant) != 0) continue;
        (void)fprintf(out, "%s%s at %s/s", between, waiting_of(&all[i]).text,
                      words_count(all[i].rate_per_s).text);
        between = "; ";
    }
    (void)fputs(". The acknowledgements of later requests tell of the gap (fast retransmit), so "
                "the faster they follow the sooner it is filled, but the more of them wait; "
                "behind a last one only the timer (RTO) does.",
                out);
}

static void put_lead(FILE *out, const void *what) {
    const struct findings *list = what;
    const struct behind_loss *all = list->items;
    const char *between = ": ", *most = NULL; /* on which most others wait for the lost one */
    double highest = 0, delayed = 1;          /* itself */
    for (size_t i = 0; i < list->count; i++)
        if (is_known(&all[i])) highest = fmax(highest, all[i].rate_per_s);
    if (highest <= 0) return;
    (void)fprintf(out,
                  "One request is lost while others follow, at %s messages/s and a round-trip time "
                  "of %s ms",
                  words_count(highest).text, words_count(all->rtt_ms).text);
    for (size_t i = 0; i < list->count; i++) {
        if (!is_known(&all[i]) || all[i].rate_per_s != highest) continue;
        (void)fprintf(out, "%s`%s`: %s", between, all[i].variant, waiting_of(&all[i]).text);
        between = "; ";
        if (all[i].sum.delayed / (double)all[i].sum.runs <= delayed) continue;
        delayed = all[i].sum.delayed / (double)all[i].sum.runs;
        most = all[i].variant;
    }
    (void)fputs(". TCP hands over bytes in their order: the requests behind the lost one have "
                "arrived, and still wait in the server's kernel until it was sent again "
                "(head-of-line blocking), each a little less than the one before it. That is the "
                "saw-tooth. A datagram waits for no other, nor does a connection of its own; but "
                "what UDP has lost stays lost, unless the application asks again.",
                out);
    if (most != NULL) put_over_rates(out, list, most);
}

/* A point that was not measured is a dash; one of which no run counts says so. */
static void add_cell(struct grid *grid, const struct findings *list,
                     const struct behind_loss *place, const char *variant) {
    struct behind_loss key = *place;
    key.variant = variant;
    const struct behind_loss *one =
        findings_first(list, LIST_BEHIND_LOSS, "variant rate_per_s loss_percent", &key);
    if (one == NULL || one->sum.runs == 0)
        grid_add(grid, one == NULL ? "-" : "no run counts");
    else if (is_lone(one))
        grid_add(grid, "%s", waiting_of(one).text);
    else
        grid_fill(grid, "{within_share:share} % ({ci_low:share} to {ci_high:share})",
                  fill_from(LIST_BEHIND_LOSS, one));
}

static void tell_table(struct story *story, const struct findings *list, bool single,
                       const char *caption) {
    const struct behind_loss *all = list->items;
    struct grid grid = grid_of(single ? "rate" : "loss|rate");
    for (size_t i = 0; i < list->count; i++)
        if (is_first(list, &all[i], "variant")) grid_head(&grid, "`%s`", all[i].variant);
    for (size_t i = 0; i < list->count; i++) {
        if (is_lone(&all[i]) != single || !is_first(list, &all[i], "rate_per_s loss_percent"))
            continue;
        grid_fill(&grid,
                  single ? "{rate_per_s:count}/s" : "{loss_percent:count} %|{rate_per_s:count}/s",
                  fill_from(LIST_BEHIND_LOSS, &all[i]));
        for (size_t k = 0; k < list->count; k++)
            if (is_first(list, &all[k], "variant")) add_cell(&grid, list, &all[i], all[k].variant);
    }
    if (grid_rows(&grid) > 1) (void)story_fill(story, caption, fill_from(LIST_BEHIND_LOSS, all));
    story_table(story, "numbers", &grid);
}

void head_of_line_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_BEHIND_LOSS);
    if (session == NULL) return;
    const struct findings *list = &session->lists[LIST_BEHIND_LOSS];
    story_tell(story, put_lead, list);
    tell_table(story, list, true,
               "One request lost, by the rate, in a run. Late is what was answered, itself "
               "included, more than {lateness_max_ms:count} ms later than the median of such "
               "runs; never answered: not within {deadline_ms:count} ms.");
    tell_table(story, list, false,
               "Packets lost by chance in both directions: the share of the messages that were "
               "answered within {within_ms:count} ms, three round trips, by the rate, with its 95 "
               "% interval (messages that miss in a row count as one in it: they wait for the "
               "same packet). A connection for each message takes more packets, and so loses "
               "more.");
}

void head_of_line_table(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_BEHIND_LOSS);
    struct grid grid = grid_of("variant|rate|loss|at most|sent|lost|gone|late|worst|runs");
    for (size_t i = 0; session != NULL && i < session->lists[LIST_BEHIND_LOSS].count; i++) {
        const struct behind_loss *one =
            SESSION_AT(session, LIST_BEHIND_LOSS, struct behind_loss, i);
        const struct source source = fill_from(LIST_BEHIND_LOSS, one);
        grid_fill(&grid, "`{variant}`|{rate_per_s:count}", source);
        grid_fill(&grid, is_lone(one) ? "one" : "{loss_percent:count} %", source);
        grid_fill(&grid,
                  "{connections:count}x{pipeline:count}|{sent:count}|{packets_lost:count}|"
                  "{unanswered:count}|{delayed_per_loss}|{worst_ms}|{runs:count}",
                  source);
    }
    if (session != NULL)
        story_say(story,
                  "Open loop; one request lost: due at equal distances, random loss: a Poisson "
                  "process. At most: connections x messages outstanding on each; lost: packets; "
                  "gone: messages never answered; late: messages for each packet lost; worst: "
                  "the latest, in ms beyond the usual.");
    story_table(story, "numbers", &grid);
}
