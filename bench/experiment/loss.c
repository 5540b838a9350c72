/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab sweep loss --packet: a lone message that loses one packet. For each
 * variant and each packet of an exchange, how long the message takes when
 * exactly that packet is lost; beside it what the timers predict. What a loss
 * does to the messages behind it is another question: head_of_line.c.
 */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/series.h"
#include "bench/run/loss_model.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

/* ---- the plan ---- */

static bool lost_it(const struct column *column, const struct run *run) {
    (void)column;
    return run->wire.all.dropped == 1;
}

/* The message that loses its packet is the last: what comes before it makes the connection. */
int loss_plan(struct lab *lab) {
    lab->plan.order = ORDER_AS_PLANNED;
    lab->plan.counts = lost_it;
    lab->plan.attempts = 4; /* each is short, and the machine's interruptions void it */
    for (unsigned i = 0; i < lab->request->variant_count; i++) {
        const struct variant *variant = lab->request->variants[i];
        const struct lost_packet *lost = variant->may_lose;
        for (; lost != NULL && lost->what != NULL; lost++) {
            struct column *column = lab_add(lab, variant, ROLE_CONTROL);
            column->lost_packet = lost->what;
            column->run.messages = lost->nth;
            column->run.warmup_ns = 0;
            column->run.drop = (struct drop){lost->kind, lost->direction, lost->nth};
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

void loss_conclude(struct lab *lab) {
    struct session *session = lab->session;
    for (unsigned i = 0; i < lab->plan.count; i++) {
        const struct parameters *asked = &lab->plan.columns[i].run;
        const struct lost_packet *lost = asked->variant->may_lose;
        struct lost_message *one = findings_add(&session->lists[LIST_LOST], LIST_LOST);
        if (one == NULL) return;
        while (lost->what != lab->plan.columns[i].lost_packet) lost++;
        const struct loss_prediction predicted =
            loss_model_predict(lost, (double)asked->rtt_ns / 1e6, (double)asked->deadline_ns / 1e6);
        *one = (struct lost_message){asked->variant->name,
                                     lost->what,
                                     predicted.low_ms,
                                     predicted.high_ms,
                                     runs_middle(&session->runs, took_ms, runs_in_column, &i),
                                     !lost->unanswered};
    }
}

/* ---- telling ---- */

static struct number milliseconds(double ms) {
    return ms < 100 ? words_number(ms) : words_count(round(ms));
}

static bool is_known(const struct lost_message *one) {
    return one->answered && one->measured_ms.count > 0;
}

/* The worst that one lost packet does to an answered message; NULL: none was measured. */
static const struct lost_message *find_worst(const struct findings *list) {
    const struct lost_message *all = list->items, *worst = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const bool worse = worst == NULL || all[i].measured_ms.value > worst->measured_ms.value;
        if (is_known(&all[i]) && worse) worst = &all[i];
    }
    return worst;
}

static void put_lead(FILE *out, const void *what) {
    const struct session *session = what;
    const struct findings *list = &session->lists[LIST_LOST];
    const struct lost_message *all = list->items, *worst = find_worst(list);
    const char *between = " Not as predicted: ";
    (void)fputs("A message that loses one packet waits for a timer, and which one depends on the "
                "packet.",
                out);
    if (worst != NULL) {
        (void)fprintf(out, " The worst is %s of `%s`: %s ms (%s%s).", worst->lost, worst->variant,
                      milliseconds(worst->measured_ms.value).text,
                      worst->measured_ms.count > 1 ? "median of " : "",
                      words_counted((double)worst->measured_ms.count, "run").text);
    }
    (void)fputs(" UDP repeats nothing: what is lost stays lost until the application asks again. "
                "Predicted from the round-trip time",
                out);
    if (!isnan(session->rtt_ms)) (void)fprintf(out, " of %s ms", words_count(session->rtt_ms).text);
    (void)fputs(
        " and the kernel's timers; behind the median of six runs and more its 95 % interval.", out);
    for (size_t i = 0; i < list->count; i++) {
        /* Timers never end before their time; what is measured may, by what a clock is off. */
        const double ms = all[i].measured_ms.value;
        if (!is_known(&all[i])) continue;
        if (ms >= all[i].predicted_low_ms - 1 && ms <= all[i].predicted_high_ms) continue;
        (void)fprintf(out, "%s%s of `%s`", between, all[i].lost, all[i].variant);
        between = ", ";
    }
    if (*between == ',') (void)fputc('.', out);
}

void loss_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_LOST);
    if (session == NULL) return;
    struct grid grid = grid_of("variant|lost|predicted ms|median ms|runs");
    for (size_t i = 0; i < session->lists[LIST_LOST].count; i++) {
        const struct lost_message *one = SESSION_AT(session, LIST_LOST, struct lost_message, i);
        const struct source source = fill_from(LIST_LOST, one);
        struct middle ms = one->measured_ms;
        /* Older files have an interval of whatever there was. */
        if (ms.count < STATISTICS_BLOCKS_MIN) ms.low = NAN;
        grid_fill(&grid, "`{variant}`", source);
        grid_add(&grid, "%s", one->lost + (strncmp(one->lost, "the ", 4) == 0 ? 4 : 0));
        grid_fill(&grid,
                  one->answered ? "{predicted_low_ms:%.0f} to {predicted_high_ms:%.0f}" : "never",
                  source);
        if (is_known(one))
            words_cell_middle(&grid, &ms, milliseconds);
        else
            grid_fill(&grid, ms.count == 0 ? "no run counts" : "no answer in {measured_ms:%.0f}",
                      source);
        grid_fill(&grid, "{runs:count}", source);
    }
    story_tell(story, put_lead, session);
    story_table(story, "numbers", &grid);
}
