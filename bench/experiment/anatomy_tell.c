/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a message consists of, in all its numbers and in a table; and what the reader guessed. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/experiment/all.h"
#include "bench/experiment/trace.h"
#include "bench/tell/fill.h"
#include "bench/tell/words.h"

/* As enum wire_kind and enum wire_direction have them. */
static const char *const kind_words[WIRE_KINDS] = {
    "RST", "SYN", "SYN-ACK", "FIN", "request", "reply", "data", "pure ACK", "fragment", "other"};
static const char *const direction_words[WIRE_DIRECTIONS] = {"to server", "to client", "astray"};

/* ---- all numbers of a variant ---- */

/* Predicted, measured, and "=" or how many more. */
static void add_counted(struct grid *grid, struct counted counted, struct number (*words)(double)) {
    const double more = counted.measured - counted.predicted;
    const bool differs = isfinite(more) && !counted.equal;
    grid_add(grid, "%s", words(counted.predicted).text);
    grid_add(grid, "%s", words(counted.measured).text);
    grid_add(grid, "%s%s",
             counted.equal         ? "="
             : differs && more > 0 ? "+"
                                   : "",
             differs ? words(more).text : "");
}

static void add_packets(struct grid *grid, const struct consists *one) {
    const struct {
        const char *which;
        const struct counted *counted;
    } trips[] = {{"waited, first message", &one->waited_first},
                 {"waited, later messages", &one->waited},
                 {"of time, later messages", &one->of_time}};
    grid_add(grid, "packets of %s", words_counted((double)one->messages, "message").text);
    add_counted(grid, one->packets, words_count);
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const struct counted counted = one->kinds[i / WIRE_KINDS][i % WIRE_KINDS];
        if (!(counted.predicted > 0) && !(counted.measured > 0)) continue;
        grid_add(grid, "  %s  %s", direction_words[i / WIRE_KINDS], kind_words[i % WIRE_KINDS]);
        add_counted(grid, counted, words_count);
    }
    grid_add(grid, "IP bytes");
    add_counted(grid, one->ip_bytes, words_count);
    for (int i = 0; i < 3; i++) {
        if (isnan(trips[i].counted->measured)) continue;
        grid_add(grid, "round trips %s", trips[i].which);
        add_counted(grid, *trips[i].counted, words_number);
    }
}

static bool calls_equal(const struct consists *one) {
    bool equal = true;
    for (int side = 0; side < TRACE_SIDES; side++) {
        const struct counted_call *call = one->calls[side];
        for (; call->name != NULL; call++)
            equal = equal && (isnan(call->per_message.predicted) || call->per_message.equal);
    }
    return equal;
}

static void add_calls(struct grid *grid, const struct counted_call *calls, int side,
                      double measured) {
    struct counted sum = {0, measured, true};
    for (int i = 0; calls[i].name != NULL; i++) {
        sum.predicted += calls[i].per_message.predicted;
        sum.equal = sum.equal && calls[i].per_message.equal;
    }
    grid_add(grid, "system calls per message, %s", trace_side_names[side]);
    add_counted(grid, sum, words_each);
    for (; calls->name != NULL; calls++) {
        grid_add(grid, "  %s", calls->name);
        add_counted(grid, calls->per_message, words_each);
    }
}

static void put_sentence(FILE *out, const void *what) {
    const struct consists *one = what;
    const struct source source = fill_from(LIST_ANATOMY, one);
    if (one->wire_skipped_because != NULL) return;
    const bool equal = one->explanation == NULL && calls_equal(one);
    fill_put(out,
             "A message costs {packets_per_message:each} packets and {ip_bytes_per_message:each} "
             "IP bytes[ ({not_predicted_because})]",
             source);
    if (one->not_predicted_because == NULL)
        (void)fputs(equal ? ", as predicted" : "; not all as predicted", out);
    (void)fputc('.', out);
    if (one->packets_later != one->packets_per_message)
        fill_put(out,
                 " After the first it costs {packets_later_message:each} and "
                 "{ip_bytes_later_message:each}.",
                 source);
}

void counts_tell(struct story *story, const struct session *session) {
    const struct findings *list = &session->lists[LIST_ANATOMY];
    struct grid grid =
        grid_of("counted apart, per message|packets|IP bytes|client's calls|server's");
    for (size_t i = 0; i < list->count; i++) {
        grid_fill(&grid,
                  "{variant}|{packets_per_message:each}|{ip_bytes_per_message:each}|"
                  "{syscalls_per_message.client:each}|{syscalls_per_message.server:each}",
                  fill_from(LIST_ANATOMY, SESSION_AT(session, LIST_ANATOMY, struct consists, i)));
    }
    story_table(story, "", &grid);
    if (list->count == 0) return;
    const struct source first = fill_from(LIST_ANATOMY, list->items);
    (void)story_fill(story, "Packets were not counted: {wire_skipped_because}", first);
    (void)story_fill(story, "System calls were not counted: {syscalls_skipped_because}", first);
}

static void tell_variant(struct story *story, const struct consists *one) {
    const struct source source = fill_from(LIST_ANATOMY, one);
    const struct variant *variant = variant_find(one->variant);
    struct grid grid = grid_of("counted|predicted|measured|difference");
    story_heading(story, 2, one->variant);
    if (variant != NULL) story_paragraph(story, "div", variant->what);
    if (one->wire_skipped_because == NULL) add_packets(&grid, one);
    if (one->calls_skipped_because == NULL) {
        add_calls(&grid, one->calls[TRACE_CLIENT], TRACE_CLIENT, one->calls_client);
        add_calls(&grid, one->calls[TRACE_SERVER], TRACE_SERVER, one->calls_server);
    }
    if (one->loopback_skipped_because == NULL)
        grid_fill(&grid,
                  "context switches per message, both sides||{context_switches_per_message}||"
                  "CPU per message on one core, client||{cpu_us_per_message.client:time}||"
                  "CPU per message on one core, server||{cpu_us_per_message.server:time}||"
                  "phases (median), connect||{phases_us.connect.p50:time}||"
                  "phases (median), exchange||{phases_us.exchange.p50:time}||"
                  "phases (median), close||{phases_us.close.p50:time}|",
                  source);
    story_table(story, "numbers", &grid);
    story_fill(story, "Packets: skipped, {wire_skipped_because}.", source);
    story_fill(story, "Why the packets: {explanation}.", source);
    story_fill(story, "System calls: skipped, {syscalls_skipped_because}.", source);
    if (!calls_equal(one))
        story_say(story, "Why the system calls: %s.",
                  one->not_predicted_because != NULL
                      ? "a message beyond one packet may be read in parts"
                      : "no known cause: a bug in the lab or a discovery");
    story_fill(story, "Switches, CPU and phases: skipped, {loopback_skipped_because}.", source);
    story_tell(story, put_sentence, one);
}

void anatomy_table(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_ANATOMY);
    for (size_t i = 0; session != NULL && i < session->lists[LIST_ANATOMY].count; i++)
        tell_variant(story, SESSION_AT(session, LIST_ANATOMY, struct consists, i));
}

/* ---- what the reader guesses ---- */

static const char *const questions[GUESSES] = {
    [GUESS_PACKETS] = "packets on the wire, both ways, per message",
    [GUESS_ROUND_TRIPS] = "round trips a message waits",
    [GUESS_CALLS] = "system calls of the client per message"};

static bool someone_answers(void) {
    struct stat input;
    return isatty(STDIN_FILENO) || (fstat(STDIN_FILENO, &input) == 0 && !S_ISCHR(input.st_mode));
}

/* A number; NAN for anything else, as nobody has to know. False: the input has ended. */
static bool ask(const char *question, double *guess) {
    char line[128];
    printf("  %s? ", question);
    (void)fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) return false;
    if (sscanf(line, "%lf", guess) != 1 || !isfinite(*guess)) *guess = NAN;
    if (!isatty(STDIN_FILENO)) (void)putchar('\n');
    return true;
}

int anatomy_ask(const struct request *request, double guessed[][GUESSES]) {
    bool more = request->predict;
    unsigned answers = 0;
    if (more && !someone_answers())
        return complain("--predict asks on standard input, which is neither a terminal nor a "
                        "pipe; leave it out or pipe numbers in, a line each");
    if (more)
        puts("Your numbers first, of a message that is not the first. An empty line: no idea.");
    for (unsigned i = 0; i < request->variant_count; i++) {
        const struct variant *variant = request->variants[i];
        if (more) printf("%s: %s\n", variant->name, variant->what);
        for (int q = 0; q < GUESSES; q++) {
            guessed[i][q] = NAN;
            more = more && ask(questions[q], &guessed[i][q]);
            if (isfinite(guessed[i][q])) answers++;
        }
    }
    if (request->predict) (void)putchar('\n');
    if (answers > 0 || !request->predict) return EXIT_DONE;
    return complain("--predict got no number; type one behind a question, or leave it out");
}

static void tell_score(struct story *story, const struct session *session) {
    unsigned asked = 0, right = 0;
    struct grid grid = grid_of("variant|question|yours|measured|right");
    for (size_t i = 0; i < session->lists[LIST_ANATOMY].count * GUESSES; i++) {
        const struct consists *one =
            SESSION_AT(session, LIST_ANATOMY, struct consists, i / GUESSES);
        const double truths[GUESSES] = {[GUESS_PACKETS] = one->packets_later,
                                        [GUESS_ROUND_TRIPS] = one->waited.measured,
                                        [GUESS_CALLS] = one->calls_client};
        const double guess = one->guessed[i % GUESSES], truth = truths[i % GUESSES],
                     off = fabs(guess - truth);
        if (!isfinite(off)) continue;
        asked++;
        right += off < 0.5;
        grid_add(&grid, "`%s`", one->variant);
        grid_add(&grid, "%s", questions[i % GUESSES]);
        grid_add(&grid, "%s", words_count(guess).text);
        grid_add(&grid, "%s", words_number(truth).text);
        grid_add(&grid, "%s", off < 0.5 ? "yes" : off <= 0.25 * truth + 0.5 ? "near" : "no");
    }
    if (asked > 0) story_say(story, "Your numbers:");
    story_table(story, "numbers", &grid);
    if (asked > 0)
        story_say(story, "%u of %u. %s", right, asked,
                  right == asked       ? "Nothing here is news to you."
                  : 2 * right >= asked ? "Well seen; `echolab ladder` shows where the rest goes."
                                       : "Most people miss the ACKs and the farewell: "
                                         "`echolab ladder` shows them.");
}

/* "10 =": measured beside predicted. */
static void add_total(struct grid *grid, double per_message, const struct counted *counted) {
    grid_add(grid, "%s%s", words_each(per_message).text,
             isnan(counted->predicted) ? ""
             : counted->equal          ? " ="
                                       : " (predicted otherwise)");
}

void anatomy_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_ANATOMY);
    if (session == NULL) return;
    struct grid grid = grid_of("variant|packets per message|IP bytes|payload|calls, client + "
                               "server|round trips / model");
    for (size_t i = 0; i < session->lists[LIST_ANATOMY].count; i++) {
        const struct consists *one = SESSION_AT(session, LIST_ANATOMY, struct consists, i);
        grid_add(&grid, "`%s`", one->variant);
        add_total(&grid, one->packets_per_message, &one->packets);
        add_total(&grid, one->ip_bytes_per_message, &one->ip_bytes);
        grid_fill(&grid,
                  "{payload_percent} %|{syscalls_per_message.client:each} + "
                  "{syscalls_per_message.server:each}",
                  fill_from(LIST_ANATOMY, one));
        grid_add(&grid, isnan(one->waited.measured) ? "-" : "%s / %s",
                 words_number(one->waited.measured).text, words_count(one->waited.predicted).text);
    }
    story_heading(story, 2, "What a message consists of");
    story_fill(story,
               "A message of {size_bytes:byte} and its reply of {reply_bytes:count}, counted on "
               "the wire and by strace, in runs of "
               "their own of {messages:message}, opening and closing included. `=`: the total is "
               "exactly what the "
               "protocol predicts. Payload: the share of the IP bytes that was asked for. Round "
               "trips: what a message waits, after the first.",
               fill_from(LIST_ANATOMY, session->lists[LIST_ANATOMY].items));
    story_table(story, "numbers", &grid);
    tell_score(story, session);
}
