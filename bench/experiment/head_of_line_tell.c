/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `echolab sweep loss --rate` found: see head_of_line.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

static size_t count_of(const struct session *session) {
    return session->lists[LIST_BEHIND_LOSS].count;
}

static const struct behind_loss *at(const struct session *session, size_t i) {
    return SESSION_AT(session, LIST_BEHIND_LOSS, struct behind_loss, i);
}

static bool is_single(const struct behind_loss *one) {
    return one->loss_percent <= 0;
}

static bool same_place(const struct behind_loss *one, const struct behind_loss *other) {
    return one->rate_per_s == other->rate_per_s && one->loss_percent == other->loss_percent;
}

static bool is_first_of_variant(const struct session *session, size_t i) {
    size_t k = 0;
    while (strcmp(at(session, k)->variant, at(session, i)->variant) != 0) k++;
    return k == i;
}

static bool is_first_of_place(const struct session *session, size_t i) {
    size_t k = 0;
    while (!same_place(at(session, k), at(session, i))) k++;
    return k == i;
}

static struct source source_of(const struct behind_loss *one) {
    return fill_from(LIST_BEHIND_LOSS, one);
}

/* ---- in words ---- */

/* "18", or where there are several runs of which each has so many, "17.5". */
static struct number in_a_run(double count, const struct behind_loss *one) {
    const double each = count / (double)one->runs;
    return each == floor(each) ? words_count(each) : words_number(each);
}

/* How many wait, and how long. */
static void put_waiting(FILE *out, const struct behind_loss *one) {
    if (one->unanswered > 0) {
        (void)fprintf(out, "%s never answered, ", in_a_run(one->unanswered, one).text);
    }
    if (one->delayed > 0)
        (void)fprintf(out, "%s late, the worst by %s", in_a_run(one->delayed, one).text,
                      words_time(1e3 * one->worst_ms).text);
    else
        (void)fputs("none late", out);
}

static bool is_known(const struct behind_loss *one) {
    return is_single(one) && one->runs > 0;
}

/* Where one request was lost; 0: nowhere. */
static double highest_rate(const struct session *session) {
    double highest = 0;
    for (size_t i = 0; i < count_of(session); i++) {
        if (is_known(at(session, i))) highest = fmax(highest, at(session, i)->rate_per_s);
    }
    return highest;
}

/* Returns the variant on which most others wait for the lost one; NULL: on none. */
static const char *put_at(FILE *out, const struct session *session, double rate_per_s) {
    const char *between = ": ", *most = NULL;
    double delayed = 1; /* itself */
    (void)fprintf(out,
                  "One request is lost while others follow, at %s messages/s and a round-trip time "
                  "of %s ms",
                  words_count(rate_per_s).text, words_count(at(session, 0)->rtt_ms).text);
    for (size_t i = 0; i < count_of(session); i++) {
        const struct behind_loss *one = at(session, i);
        if (!is_known(one) || one->rate_per_s != rate_per_s) continue;
        (void)fprintf(out, "%s`%s`: ", between, one->variant);
        put_waiting(out, one);
        between = "; ";
        if (one->delayed / (double)one->runs <= delayed) continue;
        delayed = one->delayed / (double)one->runs;
        most = one->variant;
    }
    return most;
}

static bool is_known_of(const struct behind_loss *one, const char *variant) {
    return is_known(one) && strcmp(one->variant, variant) == 0;
}

/* The same loss on one variant, over the rate, where there are several. */
static void put_over_rates(FILE *out, const struct session *session, const char *variant) {
    const char *between = " ";
    size_t rates = 0;
    for (size_t i = 0; variant != NULL && i < count_of(session); i++) {
        rates += is_known_of(at(session, i), variant);
    }
    if (rates < 2) return;
    (void)fprintf(out, " On `%s` one lost request makes", variant);
    for (size_t i = 0; i < count_of(session); i++) {
        const struct behind_loss *one = at(session, i);
        if (!is_known_of(one, variant)) continue;
        (void)fputs(between, out);
        put_waiting(out, one);
        (void)fprintf(out, " at %s/s", words_count(one->rate_per_s).text);
        between = "; ";
    }
    (void)fputs(". The acknowledgements of later requests tell of the gap (fast retransmit), so "
                "the faster they follow the sooner it is filled, but the more of them wait; "
                "behind a last one only the timer (RTO) does.",
                out);
}

static void put_lead(FILE *out, const void *what) {
    const double highest = highest_rate(what);
    if (highest <= 0) return;
    const char *most = put_at(out, what, highest);
    (void)fputs(". TCP hands over bytes in their order: the requests behind the lost one have "
                "arrived, and still wait in the server's kernel until it was sent again "
                "(head-of-line blocking), each a little less than the one before it. That is the "
                "saw-tooth. A datagram waits for no other, nor does a connection of its own; but "
                "what UDP has lost stays lost, unless the application asks again.",
                out);
    put_over_rates(out, what, most);
}

/* ---- tables: a row for each rate, or loss and rate; a column for each variant ---- */

static void add_single(struct grid *grid, const struct behind_loss *one) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return;
    put_waiting(out, one);
    (void)fclose(out);
    grid_add(grid, "%s", text);
    free(text);
}

static void add_share(struct grid *grid, const struct behind_loss *one) {
    grid_add(grid, "%s %% (%s to %s)", words_number(100 * one->within_share).text,
             words_number(100 * one->low).text, words_number(100 * one->high).text);
}

/* A point that was not measured is a dash; one of which no run counts says so. */
static void add_cell(struct grid *grid, const struct session *session, size_t of,
                     const char *variant) {
    for (size_t i = 0; i < count_of(session); i++) {
        const struct behind_loss *one = at(session, i);
        if (!same_place(one, at(session, of)) || strcmp(one->variant, variant) != 0) continue;
        if (one->runs == 0)
            grid_add(grid, "no run counts");
        else
            (is_single(one) ? add_single : add_share)(grid, one);
        return;
    }
    grid_add(grid, "-");
}

static void add_row(struct grid *grid, const struct session *session, size_t of) {
    const struct behind_loss *place = at(session, of);
    grid_fill(grid,
              is_single(place) ? "{rate_per_s:count}/s"
                               : "{loss_percent:count} %|{rate_per_s:count}/s",
              source_of(place));
    for (size_t i = 0; i < count_of(session); i++) {
        if (is_first_of_variant(session, i)) {
            add_cell(grid, session, of, at(session, i)->variant);
        }
    }
}

static struct grid table_of(const struct session *session, bool single) {
    struct grid grid = grid_of(single ? "rate" : "loss|rate");
    for (size_t i = 0; i < count_of(session); i++) {
        if (is_first_of_variant(session, i)) grid_head(&grid, "`%s`", at(session, i)->variant);
    }
    for (size_t i = 0; i < count_of(session); i++) {
        const bool wanted = is_single(at(session, i)) == single;
        if (wanted && is_first_of_place(session, i)) add_row(&grid, session, i);
    }
    return grid;
}

static void tell_table(struct story *story, const struct session *session, bool single,
                       const char *caption) {
    struct grid grid = table_of(session, single);
    if (grid_rows(&grid) > 1) (void)story_fill(story, caption, source_of(at(session, 0)));
    story_table(story, "numbers", &grid);
}

void head_of_line_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_BEHIND_LOSS);
    if (session == NULL) return;
    story_tell(story, put_lead, session);
    tell_table(story, session, true,
               "One request lost, by the rate, in a run. Late is what was answered, itself "
               "included, more than {lateness_max_ms:count} ms later than the median of such "
               "runs; never answered: not within {deadline_ms:count} ms.");
    tell_table(story, session, false,
               "Packets lost by chance in both directions: the share of the messages that were "
               "answered within {within_ms:count} ms, three round trips, by the rate, with its 95 "
               "% interval (messages that miss in a row count as one in it: they wait for the "
               "same packet). A connection for each message takes more packets, and so loses "
               "more.");
}

/* ---- all numbers ---- */

void head_of_line_table(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_BEHIND_LOSS);
    if (session == NULL) return;
    struct grid grid = grid_of("variant|rate|loss|at most|sent|lost|gone|late|worst|runs");
    for (size_t i = 0; i < count_of(session); i++) {
        const struct source one = source_of(at(session, i));
        grid_fill(&grid, "`{variant}`|{rate_per_s:count}", one);
        grid_fill(&grid, is_single(at(session, i)) ? "one" : "{loss_percent:count} %", one);
        grid_fill(&grid,
                  "{connections:count}x{pipeline:count}|{sent:count}|{packets_lost:count}|"
                  "{unanswered:count}|{delayed_per_loss}|{worst_ms}|{runs:count}",
                  one);
    }
    story_say(story, "Open loop; one request lost: due at equal distances, random loss: a Poisson "
                     "process. At most: connections x messages outstanding on each; lost: packets; "
                     "gone: messages never answered; late: messages for each packet lost; worst: "
                     "the latest, in ms beyond the usual.");
    story_table(story, "numbers", &grid);
}
