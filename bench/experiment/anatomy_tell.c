/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a message consists of, in all its numbers and in a table. */
#include <math.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/experiment/anatomy.h"
#include "bench/experiment/trace.h"
#include "bench/tell/words.h"

static const char *const kind_words[WIRE_KINDS] = {
    [WIRE_RST] = "RST",     [WIRE_SYN] = "SYN",         [WIRE_SYN_ACK] = "SYN-ACK",
    [WIRE_FIN] = "FIN",     [WIRE_REQUEST] = "request", [WIRE_REPLY] = "reply",
    [WIRE_DATA] = "data",   [WIRE_ACK] = "pure ACK",    [WIRE_FRAGMENT] = "fragment",
    [WIRE_OTHER] = "other",
};
static const char *const direction_words[WIRE_DIRECTIONS] = {"to server", "to client", "astray"};

/* ---- all numbers of a variant ---- */

/* Of a count per message: exact where it is whole, else four digits. */
static struct number words_each(double value) {
    const double unit = value > 0 ? fmin(1, pow(10, floor(log10(value)) - 3)) : 1;
    return words_count(round(value / unit) * unit);
}

static void put_row(struct grid *grid, struct counted counted, struct number (*words)(double)) {
    const double more = counted.measured - counted.predicted;
    const bool known = isfinite(more) && !counted.equal;
    grid_add(grid, "%s", words(counted.predicted).text);
    grid_add(grid, "%s", words(counted.measured).text);
    grid_add(grid, "%s%s",
             counted.equal       ? "="
             : known && more > 0 ? "+"
                                 : "",
             known ? words(more).text : "");
}

static void put_trips(struct grid *grid, const char *which, struct counted counted) {
    if (isnan(counted.measured)) return;
    grid_add(grid, "round trips %s", which);
    put_row(grid, counted, words_number);
}

static void put_packets(struct grid *grid, const struct consists *one) {
    if (one->wire_skipped_because != NULL) return;
    grid_add(grid, "packets of %s", words_counted((double)one->messages, "message").text);
    put_row(grid, one->packets, words_count);
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const int direction = i / WIRE_KINDS, kind = i % WIRE_KINDS;
        const struct counted counted = one->kinds[direction][kind];
        if (!(counted.predicted > 0) && !(counted.measured > 0)) continue;
        grid_add(grid, "  %s  %s", direction_words[direction], kind_words[kind]);
        put_row(grid, counted, words_count);
    }
    grid_add(grid, "IP bytes");
    put_row(grid, one->ip_bytes, words_count);
    put_trips(grid, "waited, first message", one->waited_first);
    put_trips(grid, "waited, later messages", one->waited);
    put_trips(grid, "of time, later messages", one->of_time);
}

static bool calls_equal(const struct counted_call *calls) {
    for (; calls->name != NULL; calls++) {
        if (isfinite(calls->per_message.predicted) && !calls->per_message.equal) return false;
    }
    return true;
}

static void put_calls(struct grid *grid, const struct consists *one) {
    const double sums[TRACE_SIDES] = {one->calls_client, one->calls_server};
    for (int side = 0; side < TRACE_SIDES && one->calls_skipped_because == NULL; side++) {
        const struct counted_call *calls = one->calls[side];
        struct counted sum = {0, sums[side], calls_equal(calls)};
        for (int i = 0; calls[i].name != NULL; i++) sum.predicted += calls[i].per_message.predicted;
        sum.equal = sum.equal && isfinite(sum.predicted);
        grid_add(grid, "system calls per message, %s", trace_side_names[side]);
        put_row(grid, sum, words_each);
        for (int i = 0; calls[i].name != NULL; i++) {
            grid_add(grid, "  %s", calls[i].name);
            put_row(grid, calls[i].per_message, words_each);
        }
    }
}

static void put_measured(struct grid *grid, const char *what, struct number measured) {
    const char *const cells[] = {what, "", measured.text, ""};
    for (int i = 0; i < 4; i++) grid_add(grid, "%s", cells[i]);
}

static void put_loop(struct grid *grid, const struct consists *one) {
    if (one->loopback_skipped_because != NULL) return;
    put_measured(grid, "context switches per message, both sides",
                 words_number(one->context_switches));
    put_measured(grid, "CPU per message on one core, client", words_time(one->client_cpu_us));
    put_measured(grid, "CPU per message on one core, server", words_time(one->server_cpu_us));
    put_measured(grid, "phases (median), connect", words_time(one->connect_us.p50));
    put_measured(grid, "phases (median), exchange", words_time(one->exchange_us.p50));
    put_measured(grid, "phases (median), close", words_time(one->close_us.p50));
}

static void tell_skipped(struct story *story, const char *what, const char *because) {
    if (because != NULL) story_say(story, "%s: skipped, %s.", what, because);
}

static void tell_reasons(struct story *story, const struct consists *one) {
    const bool unpredicted = one->not_predicted_because != NULL;
    tell_skipped(story, "Packets", one->wire_skipped_because);
    if (one->explanation != NULL) story_say(story, "Why the packets: %s.", one->explanation);
    tell_skipped(story, "System calls", one->calls_skipped_because);
    if (!calls_equal(one->calls[TRACE_CLIENT]) || !calls_equal(one->calls[TRACE_SERVER])) {
        story_say(story, "Why the system calls: %s.",
                  unpredicted ? "a message beyond one packet may be read in parts"
                              : "no known cause: a bug in the lab or a discovery");
    }
    tell_skipped(story, "Switches, CPU and phases", one->loopback_skipped_because);
}

static bool all_equal(const struct consists *one) {
    return anatomy_unequal(one) == 0 && one->ip_bytes.equal &&
           calls_equal(one->calls[TRACE_CLIENT]) && calls_equal(one->calls[TRACE_SERVER]);
}

static void put_sentence(FILE *out, const void *what) {
    const struct consists *one = what;
    if (one->wire_skipped_because != NULL) return;
    (void)fprintf(out, "A message costs %s packets and %s IP bytes",
                  words_each(one->packets_per_message).text,
                  words_each(one->ip_bytes_per_message).text);
    if (one->not_predicted_because != NULL)
        (void)fprintf(out, " (%s).", one->not_predicted_because);
    else
        (void)fprintf(out, "%s", all_equal(one) ? ", as predicted." : "; not all as predicted.");
    if (isfinite(one->packets_later) && one->packets_later != one->packets_per_message) {
        (void)fprintf(out, " After the first it costs %s and %s.",
                      words_each(one->packets_later).text, words_each(one->ip_bytes_later).text);
    }
}

void anatomy_table(struct story *story, const struct results *results) {
    static const char *const heads[] = {"", "predicted", "measured", ""};
    const struct session *session = results_with(results, LIST_ANATOMY);
    for (size_t i = 0; session != NULL && i < session->lists[LIST_ANATOMY].count; i++) {
        const struct consists *one = SESSION_AT(session, LIST_ANATOMY, struct consists, i);
        const struct variant *variant = variant_find(one->variant);
        struct grid grid = {0};
        story_heading(story, 2, one->variant);
        if (variant != NULL) story_paragraph(story, "div", variant->what);
        for (int k = 0; k < 4; k++) grid_head(&grid, "%s", heads[k]);
        put_packets(&grid, one);
        put_calls(&grid, one);
        put_loop(&grid, one);
        story_table(story, "numbers", &grid);
        tell_reasons(story, one);
        story_tell(story, put_sentence, one);
    }
}

/* ---- the finding ---- */

/* "10 =": measured beside predicted. */
static void put_total(struct grid *grid, double per_message, const struct counted *counted) {
    grid_add(grid, "%s%s", words_each(per_message).text,
             isnan(counted->predicted) ? ""
             : counted->equal          ? " ="
                                       : " (predicted otherwise)");
}

/* With what stands behind it, or a dash alone. */
static void put_either(struct grid *grid, struct number number, const char *between,
                       const char *behind) {
    const bool known = strcmp(number.text, "-") != 0;
    grid_add(grid, "%s%s%s", number.text, known ? between : "", known ? behind : "");
}

static void put_variant(struct grid *grid, const struct consists *one) {
    grid_add(grid, "`%s`", one->variant);
    put_total(grid, one->packets_per_message, &one->packets);
    put_total(grid, one->ip_bytes_per_message, &one->ip_bytes);
    put_either(grid, words_number(one->payload_percent), " %", "");
    put_either(grid, words_each(one->calls_client), " + ", words_each(one->calls_server).text);
    put_either(grid, words_number(one->waited.measured), " / ",
               words_count(one->waited.predicted).text);
}

void anatomy_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_ANATOMY);
    if (session == NULL) return;
    struct grid grid = grid_of("variant|packets per message|IP bytes|payload|calls, client + "
                               "server|round trips / model");
    const struct consists *first = SESSION_AT(session, LIST_ANATOMY, struct consists, 0);
    for (size_t i = 0; i < session->lists[LIST_ANATOMY].count; i++) {
        put_variant(&grid, SESSION_AT(session, LIST_ANATOMY, struct consists, i));
    }
    story_heading(story, 2, "What a message consists of");
    story_say(story,
              "A message of %s and its reply of %s, counted on the wire and by strace, in runs of "
              "their own of %s, opening and closing included. `=`: the total is exactly what the "
              "protocol predicts. Payload: the share of the IP bytes that was asked for. Round "
              "trips: what a message waits, after the first.",
              words_counted((double)first->size_bytes, "byte").text,
              words_count((double)first->reply_bytes).text,
              words_counted((double)first->messages, "message").text);
    story_table(story, "numbers", &grid);
    anatomy_score(story, session);
}
