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

/* The longest message of the run; one that nobody answered took the deadline. */
static double took_ms(const struct run *run) {
    return (double)(run->lost > 0 ? run->asked.deadline_ns : run->latency.max_ns) / 1e6;
}

/*
 * What is measured is one message, of which a run may be a small part: a FIN
 * that was lost keeps the connection for long after it.
 */
static bool lost_it(const struct column *column, const struct run *run) {
    const double taken_ns = run->disturbed * (double)run->elapsed_ns;
    (void)column;
    return run->wire.all.dropped == 1 &&
           !(taken_ns > took_ms(run) * 1e4 * VALIDITY_DISTURBED_PERCENT);
}

/* The message that loses its packet is the last: what comes before it makes the connection. */
int loss_plan(struct lab *lab) {
    lab->plan.order = ORDER_AS_PLANNED;
    lab->plan.counts = lost_it;
    lab->plan.attempts = 4; /* each is short, and the machine's interruptions void it */
    const struct parameters *run = &lab->request->run;
    const struct loss_timers timers = loss_timers_read();
    for (unsigned i = 0; i < lab->request->variant_count; i++) {
        const struct variant *variant = lab->request->variants[i];
        const struct lost_packet *lost = variant->may_lose;
        for (; lost != NULL && lost->what != NULL; lost++) {
            struct column *column = lab_add(lab, variant, ROLE_CONTROL);
            column->lost_packet = lost->what;
            column->run.messages = lost->nth;
            column->run.warmup_ns = 0;
            column->waits_ns = 1e6 * loss_model_predict(lost, &timers, (double)run->rtt_ns / 1e6,
                                                        (double)run->deadline_ns / 1e6)
                                         .low_ms;
            column->run.drop = (struct drop){lost->kind, lost->direction, lost->nth};
        }
    }
    if (lab->plan.count > 0) return EXIT_DONE;
    return complain("none of these variants has a model of lost packets");
}

/* ---- what follows ---- */

/* Whether a probe was sent the counter tells; where it cannot be read, none was. */
static void judge_runs(struct lost_message *one, const struct runs *runs, unsigned column,
                       const struct loss_prediction *predicted) {
    one->as_predicted = 0;
    one->probed = 0 * predicted->probed_low_ms;
    for (size_t i = 0; i < runs->count; i++) {
        const struct run *run = runs->list[i];
        if (!runs_in_column(run, &column) || !run_is_valid(run)) continue;
        const uint64_t probes = run_counter(run, "kernel.TCPLossProbes");
        const bool probed = probes > 0 && probes != FIELD_UNKNOWN;
        one->probed += probed;
        one->as_predicted += loss_is_predicted(predicted, took_ms(run), probed);
    }
}

void loss_conclude(struct lab *lab) {
    struct session *session = lab->session;
    const struct loss_timers timers = loss_timers_read();
    for (unsigned i = 0; i < lab->plan.count; i++) {
        const struct parameters *asked = &lab->plan.columns[i].run;
        const struct lost_packet *lost = asked->variant->may_lose;
        struct lost_message *one = findings_add(&session->lists[LIST_LOST], LIST_LOST);
        if (one == NULL) return;
        while (lost->what != lab->plan.columns[i].lost_packet) lost++;
        const struct loss_prediction predicted = loss_model_predict(
            lost, &timers, (double)asked->rtt_ns / 1e6, (double)asked->deadline_ns / 1e6);
        *one = (struct lost_message){.variant = asked->variant->name,
                                     .lost = lost->what,
                                     .predicted_low_ms = predicted.low_ms,
                                     .predicted_high_ms = predicted.high_ms,
                                     .probed_low_ms = predicted.probed_low_ms,
                                     .probed_high_ms = predicted.probed_high_ms,
                                     .measured_ms =
                                         runs_middle(&session->runs, took_ms, runs_in_column, &i),
                                     .answered = !lost->unanswered};
        judge_runs(one, &session->runs, i, &predicted);
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

/* Older files say of the median alone where it lies. */
static bool is_off(const struct lost_message *one) {
    const struct loss_prediction predicted = {one->predicted_low_ms, one->predicted_high_ms, NAN,
                                              NAN};
    if (!is_known(one)) return false;
    return isnan(one->as_predicted) ? !loss_is_predicted(&predicted, one->measured_ms.value, false)
                                    : one->as_predicted < (double)one->measured_ms.count;
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
    size_t two = 0;
    while (two < list->count && (isnan(all[two].probed_low_ms) || !is_known(&all[two]))) two++;
    if (two < list->count)
        fill_put(out,
                 " Of {lost} of `{variant}` there are two ways: the FIN behind it shows the gap, "
                 "and the reply is sent again; or the answer to that comes later than a tail loss "
                 "probe, and the reply waits for the retransmission timeout (TCPLossProbes tells "
                 "which: {probed_runs:run} of {runs:count}).",
                 fill_from(LIST_LOST, &all[two]));
    for (size_t i = 0; i < list->count; i++) {
        if (!is_off(&all[i])) continue;
        (void)fputs(between, out);
        fill_put(out, "{lost} of `{variant}`[ ({runs_as_predicted:count} of {runs:run} are)]",
                 fill_from(LIST_LOST, &all[i]));
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
                  one->answered ? "{predicted_low_ms:%.0f} to {predicted_high_ms:%.0f}"
                                  "[ or {probed_low_ms:%.0f} to {probed_high_ms:%.0f}]"
                                : "never",
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
