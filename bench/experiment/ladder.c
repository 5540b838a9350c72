/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab ladder: one exchange, primitive by primitive and packet by packet.
 * The client's calls stand on the left and the server's on the right, as
 * strace saw them; between them go the packets, as the capture has them. Time
 * goes downwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/cli/commands.h"
#include "bench/experiment/ladder_events.h"
#include "bench/run/child.h"
#include "bench/run/cost.h"
#include "bench/session/output.h"

enum {
    MESSAGES_MAX = 20, /* more is no ladder that one can read */
    PATH_ROOM = 512,
    CALL = 19,  /* columns of the text: a call, ... */
    FIELD = 26, /* ... the room between the sides, ... */
    ARROW = 20, /* ... and what an arrow takes of it */
    WORDS = 320
};

struct page {
    const struct options *options;
    struct ladder ladder;
    char no_calls[WORDS]; /* "", or why strace is missing in it */
    char pcap[PATH_ROOM];
    bool keeps_pcap;
};

/* ---- the run ---- */

/* Where the first message of a connection is special, a second one shows how the others go. */
static uint64_t messages_of(const struct options *options) {
    const struct variant *variant = options->variants[0];
    const bool special = variant->cost != NULL && variant->cost->first[0].count > 0;
    if (options->messages > 0) return options->messages;
    return variant->lifetime == ECHO_PERSISTENT || special ? 2 : 1;
}

/* Half of what a packet takes one way: what is longer was surely a wait. */
static uint64_t long_of(const struct options *options) {
    const uint64_t least_ns = 300000; /* strace makes every call take its time */
    const uint64_t ns = options->rtt_ns / 4;
    return ns > least_ns ? ns : least_ns;
}

static int run_traced(struct page *page, const struct options *run, const char *folder, char *why) {
    struct trace trace;
    bool untraceable = false;
    json_t *result = trace_run(&trace, folder, "%network,close,poll,ppoll,clone,clone3,fork,vfork",
                               run, &untraceable, why, WORDS);
    if (result != NULL) ladder_add_calls(&page->ladder, &trace, long_of(run));
    trace_release(&trace);
    if (result == NULL && untraceable) {
        (void)snprintf(page->no_calls, sizeof page->no_calls, "%s", why);
        result = child_run("/proc/self/exe", run, why, WORDS);
    }
    json_decref(result);
    return result != NULL ? 0 : -EIO;
}

static int look(struct page *page, const char *folder) {
    const struct options *options = page->options;
    struct options run = *options;
    char why[WORDS] = "";
    run.role = ROLE_VARIANT;
    run.wire = true;
    run.warmup_ns = 0;
    run.messages = messages_of(options);
    run.pcap = page->pcap;
    int failed = run_traced(page, &run, folder, why);
    if (failed == 0) {
        failed = ladder_add_packets(&page->ladder, page->pcap, run.rtt_ns, run.drop, why, WORDS);
    }
    if (failed != 0) {
        (void)complain("%s", why);
        return options_interrupted ? EXIT_INTERRUPTED : EXIT_FAILED;
    }
    failed = ladder_finish(&page->ladder);
    return failed == 0 ? EXIT_DONE : complain("no memory for the ladder");
}

/* ---- as text ---- */

/* "---- SYN 0 B ----->" */
static void draw_arrow(char *text, const struct ladder_event *event, enum trace_side from) {
    const size_t most = FIELD - 4; /* two dashes, two spaces */
    size_t label = strlen(event->label);
    if (label > most) label = most;
    const size_t width = label + 4 > ARROW ? label + 4 : ARROW;
    const size_t at = (width - label) / 2;
    memset(text, '-', width);
    text[width] = '\0';
    memcpy(text + at, event->label, label);
    text[at - 1] = text[at + label] = ' ';
    const char *head = event->what == LADDER_LOST ? "X" : from == TRACE_CLIENT ? ">" : "<";
    text[from == TRACE_CLIENT ? width - 1 : 0] = *head;
}

static void put_time(FILE *out, const struct ladder *ladder, const struct ladder_event *event) {
    if (event->before) {
        (void)fprintf(out, "%9s", "before");
    } else {
        (void)fprintf(out, "%9.3f", (double)(event->at_ns - ladder->zero_ns) / 1e6);
    }
}

static void put_event(FILE *out, const struct ladder *ladder, const struct ladder_event *event) {
    const bool packet =
        event->what == LADDER_DEPART || event->what == LADDER_ARRIVE || event->what == LADDER_LOST;
    const bool mine = event->side == TRACE_CLIENT;
    char arrow[FIELD + 1] = "";
    const bool arrives = event->what == LADDER_ARRIVE;
    if (packet) draw_arrow(arrow, event, arrives == mine ? TRACE_SERVER : TRACE_CLIENT);
    put_time(out, ladder, event);
    (void)fprintf(out, " %-*s|", CALL, !packet && mine ? event->label : "");
    (void)fprintf(out, mine ? "%-*s|" : "%*s|", FIELD, arrow);
    (void)fprintf(out, "%s%s\n", packet || mine ? "" : " ", packet || mine ? "" : event->label);
}

static void put_text(FILE *out, const struct page *page) {
    const struct options *options = page->options;
    const struct ladder *ladder = &page->ladder;
    (void)fprintf(out, "%s\n%s\n", options->variants[0]->name, options->variants[0]->what);
    const unsigned long long messages = messages_of(options);
    (void)fprintf(out, "%llu message%s of %u bytes, round-trip time %g ms; times in ms\n\n",
                  messages, messages == 1 ? "" : "s", options->size_bytes,
                  (double)options->rtt_ns / 1e6);
    (void)fprintf(out, "%9s %-*s %-*s %s\n", "", CALL, "client", FIELD, "", "server");
    for (size_t i = 0; i < ladder->count; i++) put_event(out, ladder, &ladder->events[i]);
    (void)fprintf(out, "\n%u packets, %llu IP bytes; X: lost on the way.\n", ladder->packets,
                  (unsigned long long)ladder->ip_bytes);
    if (page->no_calls[0] != '\0') {
        char text[WORDS + 64];
        (void)snprintf(text, sizeof text, "The calls are missing: %s.", page->no_calls);
        trace_say(out, 0, text);
    } else {
        (void)fprintf(out, "\"...\": it waits. Not shown: %u calls that set or ask an option.\n",
                      ladder->hidden);
    }
    if (page->keeps_pcap)
        (void)fprintf(out, "The packets: %s (tshark -r, wireshark).\n", page->pcap);
}

/* ---- for the figure ---- */

static const char *const what_names[LADDER_WHATS] = {"call",    "enter", "packet",
                                                     "arrival", "lost",  "return"};
static const char *const side_names[TRACE_SIDES] = {"client", "server"};

/* Where the other event of a call or packet stands; itself where it has none. */
static const struct ladder_event *partner(const struct ladder *ladder,
                                          const struct ladder_event *event) {
    for (size_t i = 0; i < ladder->count; i++) {
        const struct ladder_event *other = &ladder->events[i];
        if (other != event && other->item == event->item) return other;
    }
    return event;
}

/*
 * A row for each event but arrivals, which are the other end of a packet. The
 * columns `from` and `to` are places downwards; times are in ms.
 */
static void put_rows(FILE *out, const struct page *page) {
    const struct options *options = page->options;
    const struct ladder *ladder = &page->ladder;
    (void)fprintf(out, "what\tside\tfrom\tto\tat_ms\tto_ms\tflags\tbytes\tlabel\n");
    (void)fprintf(out, "title\t-\t0\t0\t-\t-\t-\t-\t%s\n", options->variants[0]->name);
    (void)fprintf(out, "caption\t-\t0\t0\t-\t-\t-\t-\t%u bytes, round-trip time %g ms%s\n",
                  options->size_bytes, (double)options->rtt_ns / 1e6,
                  page->no_calls[0] == '\0' ? "" : " (calls: no strace here)");
    for (size_t i = 0; i < ladder->count; i++) {
        const struct ladder_event *event = &ladder->events[i];
        const struct ladder_event *other = partner(ladder, event);
        const double zero_ms = (double)ladder->zero_ns / 1e6;
        if (event->what == LADDER_ARRIVE) continue;
        (void)fprintf(out, "%s\t%s\t%.3f\t%.3f\t", what_names[event->what], side_names[event->side],
                      event->place, other->place);
        if (event->before) {
            (void)fprintf(out, "-\t-\t");
        } else {
            (void)fprintf(out, "%.3f\t%.3f\t", (double)event->at_ns / 1e6 - zero_ms,
                          (double)other->at_ns / 1e6 - zero_ms);
        }
        (void)fprintf(out, "0x%02x\t%u\t%s\n", event->tcp_flags, event->bytes, event->label);
    }
}

static void place(struct page *page) {
    const double one_way = 5; /* lines of the figure that half an RTT takes */
    const double half_ms = (double)page->options->rtt_ns / 2e6;
    ladder_place(&page->ladder, half_ms > 0.5 ? one_way / half_ms : 2 * one_way);
}

/* ---- files ---- */

static int write_file(const struct page *page, const char *kind,
                      void (*put)(FILE *out, const struct page *page)) {
    char path[PATH_ROOM];
    char *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/%s.%s", page->options->output,
                   page->options->variants[0]->name, kind);
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return complain("no memory for %s", path);
    put(out, page);
    int failed = fclose(out) == 0 ? 0 : -ENOMEM;
    if (failed == 0) failed = output_write(path, text, size);
    free(text);
    return failed == 0 ? EXIT_DONE : complain("cannot write %s: %s", path, strerror(-failed));
}

/* Where the capture goes, and whether it can: before a run is made for nothing. */
static int choose_pcap(struct page *page, const char *folder) {
    const struct options *options = page->options;
    const char *output = options->output;
    page->keeps_pcap = options->pcap != NULL || output != NULL;
    if (output != NULL && mkdir(output, 0777) != 0 && errno != EEXIST) {
        return complain("cannot make the folder %s: %s", output, strerror(errno));
    }
    if (options->pcap != NULL) {
        (void)snprintf(page->pcap, sizeof page->pcap, "%s", options->pcap);
    } else {
        (void)snprintf(page->pcap, sizeof page->pcap, "%s/%s.pcap",
                       output != NULL ? output : folder, options->variants[0]->name);
    }
    const int failed = output_check(page->pcap);
    return failed == 0 ? EXIT_DONE : complain("cannot write %s: %s", page->pcap, strerror(-failed));
}

static int show(struct page *page) {
    put_text(stdout, page);
    if (page->options->output == NULL) return EXIT_DONE;
    place(page);
    const int status = write_file(page, "txt", put_text);
    return status != EXIT_DONE ? status : write_file(page, "tsv", put_rows);
}

int command_ladder(const struct options *options) {
    struct page page = {.options = options};
    char folder[256];
    if (options->messages > MESSAGES_MAX) {
        return complain("a ladder of more than %d messages cannot be read; choose fewer",
                        MESSAGES_MAX);
    }
    const int failed = trace_folder_make(folder, sizeof folder);
    if (failed != 0) return complain("cannot make a folder for the trace: %s", strerror(-failed));
    options_catch_signals();
    int status = choose_pcap(&page, folder);
    if (status == EXIT_DONE) status = look(&page, folder);
    if (status == EXIT_DONE) status = show(&page);
    ladder_release(&page.ladder);
    trace_folder_remove(folder);
    return status;
}
