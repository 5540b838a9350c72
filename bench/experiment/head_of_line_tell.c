/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `echolab sweep loss --rate` found: see head_of_line.c. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

static bool is_single(const struct behind_loss *one) {
    return one->loss_percent <= 0;
}

static bool is_known(const struct behind_loss *one) {
    return is_single(one) && one->sum.runs > 0;
}

static bool is_first(const struct findings *list, const struct behind_loss *one,
                     const char *names) {
    return findings_first(list, LIST_BEHIND_LOSS, names, one) == one;
}

static struct source source_of(const struct behind_loss *one) {
    return fill_from(LIST_BEHIND_LOSS, one);
}

/* ---- in words ---- */

/* "18", or where there are several runs of which each has so many, "17.5". */
static struct number in_a_run(double count, const struct behind_loss *one) {
    const double each = count / (double)one->sum.runs;
    return each == floor(each) ? words_count(each) : words_number(each);
}

struct waiting {
    char text[256];
};

/* How many wait, and how long. */
static struct waiting waiting_of(const struct behind_loss *one) {
    struct waiting waiting;
    char gone[96] = "", late[160] = "none late";
    if (one->sum.unanswered > 0) {
        (void)snprintf(gone, sizeof gone, "%s never answered, ",
                       in_a_run(one->sum.unanswered, one).text);
    }
    if (one->sum.delayed > 0) {
        (void)snprintf(late, sizeof late, "%s late, the worst by %s",
                       in_a_run(one->sum.delayed, one).text,
                       words_time(1e3 * one->sum.worst_ms).text);
    }
    (void)snprintf(waiting.text, sizeof waiting.text, "%s%s", gone, late);
    return waiting;
}

/* Returns the variant on which most others wait for the lost one; NULL: on none. */
static const char *put_at(FILE *out, const struct findings *list, double rate_per_s) {
    const struct behind_loss *all = list->items;
    const char *between = ": ", *most = NULL;
    double delayed = 1; /* itself */
    (void)fprintf(out,
                  "One request is lost while others follow, at %s messages/s and a round-trip time "
                  "of %s ms",
                  words_count(rate_per_s).text, words_count(all->rtt_ms).text);
    for (size_t i = 0; i < list->count; i++) {
        if (!is_known(&all[i]) || all[i].rate_per_s != rate_per_s) continue;
        (void)fprintf(out, "%s`%s`: %s", between, all[i].variant, waiting_of(&all[i]).text);
        between = "; ";
        if (all[i].sum.delayed / (double)all[i].sum.runs <= delayed) continue;
        delayed = all[i].sum.delayed / (double)all[i].sum.runs;
        most = all[i].variant;
    }
    return most;
}

static bool is_known_of(const struct behind_loss *one, const char *variant) {
    return is_known(one) && strcmp(one->variant, variant) == 0;
}

/* The same loss on one variant, over the rate, where there are several. */
static void put_over_rates(FILE *out, const struct findings *list, const char *variant) {
    const struct behind_loss *all = list->items;
    const char *between = " ";
    size_t rates = 0;
    for (size_t i = 0; i < list->count; i++) rates += is_known_of(&all[i], variant);
    if (rates < 2) return;
    (void)fprintf(out, " On `%s` one lost request makes", variant);
    for (size_t i = 0; i < list->count; i++) {
        if (!is_known_of(&all[i], variant)) continue;
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
    double highest = 0;
    for (size_t i = 0; i < list->count; i++)
        if (is_known(&all[i])) highest = fmax(highest, all[i].rate_per_s);
    if (highest <= 0) return;
    const char *most = put_at(out, list, highest);
    (void)fputs(". TCP hands over bytes in their order: the requests behind the lost one have "
                "arrived, and still wait in the server's kernel until it was sent again "
                "(head-of-line blocking), each a little less than the one before it. That is the "
                "saw-tooth. A datagram waits for no other, nor does a connection of its own; but "
                "what UDP has lost stays lost, unless the application asks again.",
                out);
    if (most != NULL) put_over_rates(out, list, most);
}

/* ---- tables: a row for each rate, or loss and rate; a column for each variant ---- */

/* A point that was not measured is a dash; one of which no run counts says so. */
static void add_cell(struct grid *grid, const struct findings *list,
                     const struct behind_loss *place, const char *variant) {
    struct behind_loss key = *place;
    key.variant = variant;
    const struct behind_loss *one =
        findings_first(list, LIST_BEHIND_LOSS, "variant rate_per_s loss_percent", &key);
    if (one == NULL || one->sum.runs == 0)
        grid_add(grid, one == NULL ? "-" : "no run counts");
    else if (is_single(one))
        grid_add(grid, "%s", waiting_of(one).text);
    else
        grid_add(grid, "%s %% (%s to %s)", words_number(100 * one->within_share.value).text,
                 words_number(100 * one->within_share.low).text,
                 words_number(100 * one->within_share.high).text);
}

static void tell_table(struct story *story, const struct findings *list, bool single,
                       const char *caption) {
    const struct behind_loss *all = list->items;
    struct grid grid = grid_of(single ? "rate" : "loss|rate");
    for (size_t i = 0; i < list->count; i++)
        if (is_first(list, &all[i], "variant")) grid_head(&grid, "`%s`", all[i].variant);
    for (size_t i = 0; i < list->count; i++) {
        if (is_single(&all[i]) != single) continue;
        if (!is_first(list, &all[i], "rate_per_s loss_percent")) continue;
        grid_fill(&grid,
                  single ? "{rate_per_s:count}/s" : "{loss_percent:count} %|{rate_per_s:count}/s",
                  source_of(&all[i]));
        for (size_t k = 0; k < list->count; k++)
            if (is_first(list, &all[k], "variant")) add_cell(&grid, list, &all[i], all[k].variant);
    }
    if (grid_rows(&grid) > 1) (void)story_fill(story, caption, source_of(all));
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

/* All numbers. */
void head_of_line_table(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_BEHIND_LOSS);
    if (session == NULL) return;
    const struct behind_loss *all = session->lists[LIST_BEHIND_LOSS].items;
    struct grid grid = grid_of("variant|rate|loss|at most|sent|lost|gone|late|worst|runs");
    for (size_t i = 0; i < session->lists[LIST_BEHIND_LOSS].count; i++) {
        grid_fill(&grid,
                  is_single(&all[i]) ? "`{variant}`|{rate_per_s:count}|one"
                                     : "`{variant}`|{rate_per_s:count}|{loss_percent:count} %",
                  source_of(&all[i]));
        grid_fill(&grid,
                  "{connections:count}x{pipeline:count}|{sent:count}|{packets_lost:count}|"
                  "{unanswered:count}|{delayed_per_loss}|{worst_ms}|{runs:count}",
                  source_of(&all[i]));
    }
    story_say(story, "Open loop; one request lost: due at equal distances, random loss: a Poisson "
                     "process. At most: connections x messages outstanding on each; lost: packets; "
                     "gone: messages never answered; late: messages for each packet lost; worst: "
                     "the latest, in ms beyond the usual.");
    story_table(story, "numbers", &grid);
}
