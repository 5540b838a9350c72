/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep loss --packet: a lone message that loses one packet. For each
 * variant and each packet of an exchange, how long the message takes when
 * exactly that packet is lost; beside it what the timers predict. What a loss
 * does to the messages behind it is another question: head_of_line.c.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/run/loss_model.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

enum { TOGETHER = 8 /* they only wait */ };

/* ---- the plan ---- */

static bool lost_it(const struct column *column, const struct run *run) {
    (void)column;
    return run->wire.all.dropped == 1;
}

/* The message that loses its packet is the last: what comes before it makes the connection. */
static bool add_packet(struct lab *lab, const struct variant *variant,
                       const struct lost_packet *lost) {
    struct column *column = lab_add(lab, variant, ROLE_CONTROL);
    if (column == NULL) return false;
    column->lost_packet = lost->what;
    column->weight = 1.0 / TOGETHER;
    column->run.messages = lost->nth;
    column->run.warmup_ns = 0;
    column->run.drop = (struct drop){lost->kind, lost->direction, lost->nth};
    return true;
}

int loss_plan(struct lab *lab) {
    lab->plan.order = ORDER_AS_PLANNED;
    lab->plan.counts = lost_it;
    lab->plan.attempts = 4; /* each is short, and the machine's interruptions void it */
    for (unsigned i = 0; i < lab->request->variant_count; i++) {
        const struct variant *variant = lab->request->variants[i];
        const struct lost_packet *lost = variant->may_lose;
        for (; lost != NULL && lost->what != NULL; lost++) {
            if (!add_packet(lab, variant, lost)) return complain("no memory for the plan");
        }
    }
    if (lab->plan.count > 0) return EXIT_DONE;
    return complain("none of these variants has a model of lost packets");
}

/* ---- what follows ---- */

/* The longest message of the run; one that nobody answered took the deadline. */
static double took_ms(const struct run *run) {
    return (double)(run->lost > 0 ? run->asked.deadline_ns : run->latency.max_ns) / 1e6;
}

static void conclude_packet(struct lab *lab, unsigned column, double *ms) {
    const struct column *of = &lab->plan.columns[column];
    const struct parameters *asked = &of->run;
    const struct lost_packet *lost = asked->variant->may_lose;
    struct lost_message *one = findings_add(&lab->session->lists[LIST_LOST], LIST_LOST);
    if (one == NULL) return;
    while (lost->what != of->lost_packet) lost++;
    one->runs = 0;
    for (size_t i = 0; i < lab->session->runs.count; i++) {
        const struct run *run = lab->session->runs.list[i];
        if (run->column == column && run_is_valid(run)) ms[one->runs++] = took_ms(run);
    }
    const struct loss_prediction predicted =
        loss_model_predict(lost, (double)asked->rtt_ns / 1e6, (double)asked->deadline_ns / 1e6);
    one->variant = asked->variant->name;
    one->lost = lost->what;
    one->answered = !lost->unanswered;
    one->predicted_low_ms = predicted.low_ms;
    one->predicted_high_ms = predicted.high_ms;
    if (one->runs == 0) return;
    const struct interval median = statistics_median_interval(ms, one->runs, 0.95);
    one->measured_ms = median.value;
    one->low_ms = median.low;
    one->high_ms = median.high;
}

void loss_conclude(struct lab *lab) {
    double *ms = calloc(lab->session->runs.count + 1, sizeof *ms);
    for (unsigned i = 0; ms != NULL && i < lab->plan.count; i++) conclude_packet(lab, i, ms);
    free(ms);
}

/* ---- telling ---- */

static struct number milliseconds(double ms) {
    return ms < 100 ? words_number(ms) : words_count(round(ms));
}

static const struct lost_message *at(const struct session *session, size_t i) {
    return SESSION_AT(session, LIST_LOST, struct lost_message, i);
}

static void put_packet(FILE *out, const struct lost_message *one) {
    (void)fprintf(out, "%s of `%s`", one->lost, one->variant);
}

static bool is_known(const struct lost_message *one) {
    return one->answered && one->runs > 0;
}

/* The worst that one lost packet does to an answered message; NULL: none was measured. */
static const struct lost_message *find_worst(const struct session *session) {
    const struct lost_message *most = NULL;
    for (size_t i = 0; i < session->lists[LIST_LOST].count; i++) {
        const struct lost_message *one = at(session, i);
        if (!is_known(one)) continue;
        if (most == NULL || one->measured_ms > most->measured_ms) most = one;
    }
    return most;
}

/* The timers never end before their time; the measured time may, by what a clock is off. */
static bool is_as_predicted(const struct lost_message *one) {
    return one->measured_ms >= one->predicted_low_ms - 1 &&
           one->measured_ms <= one->predicted_high_ms;
}

static void put_differing(FILE *out, const struct session *session) {
    const char *between = " Not as predicted: ";
    for (size_t i = 0; i < session->lists[LIST_LOST].count; i++) {
        const struct lost_message *one = at(session, i);
        if (!is_known(one) || is_as_predicted(one)) continue;
        (void)fputs(between, out);
        put_packet(out, one);
        between = ", ";
    }
    if (between[0] == ',') (void)fputc('.', out);
}

static void put_lead(FILE *out, const void *what) {
    const struct session *session = what;
    const struct lost_message *worst = find_worst(session);
    (void)fputs("A message that loses one packet waits for a timer, and which one depends on the "
                "packet.",
                out);
    if (worst != NULL) {
        (void)fputs(" The worst is ", out);
        put_packet(out, worst);
        (void)fprintf(out, ": %s ms (%s%s).", milliseconds(worst->measured_ms).text,
                      worst->runs > 1 ? "median of " : "",
                      words_counted((double)worst->runs, "run").text);
    }
    (void)fputs(" UDP repeats nothing: what is lost stays lost until the application asks again. "
                "Predicted from the round-trip time",
                out);
    if (!isnan(session->rtt_ms)) {
        (void)fprintf(out, " of %s ms", words_count(session->rtt_ms).text);
    }
    (void)fputs(
        " and the kernel's timers; behind the median of six runs and more its 95 % interval.", out);
    put_differing(out, session);
}

/* "the SYN" as a table has it. */
static const char *without_article(const char *text) {
    return strncmp(text, "the ", 4) == 0 ? text + 4 : text;
}

static void add_row(struct grid *grid, const struct lost_message *one) {
    const struct source source = fill_from(LIST_LOST, one);
    /* Older files have an interval of whatever there was. */
    const bool sure = one->runs >= STATISTICS_BLOCKS_MIN;
    const struct interval median = {one->measured_ms, sure ? one->low_ms : (double)NAN,
                                    sure ? one->high_ms : (double)NAN};
    grid_fill(grid, "`{variant}`", source);
    grid_add(grid, "%s", without_article(one->lost));
    grid_fill(grid, one->answered ? "{predicted_low_ms:%.0f} to {predicted_high_ms:%.0f}" : "never",
              source);
    if (one->runs > 0 && one->answered)
        grid_add(grid, "%s", words_interval(median, milliseconds).text);
    else
        grid_fill(grid, one->runs == 0 ? "no run counts" : "no answer in {measured_ms:%.0f}",
                  source);
    grid_fill(grid, "{runs:count}", source);
}

void loss_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_LOST);
    if (session == NULL) return;
    struct grid grid = grid_of("variant|lost|predicted ms|median ms|runs");
    for (size_t i = 0; i < session->lists[LIST_LOST].count; i++) add_row(&grid, at(session, i));
    story_tell(story, put_lead, session);
    story_table(story, "numbers", &grid);
}
