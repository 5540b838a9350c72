/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab ladder: one exchange, primitive by primitive and packet by packet.
 * The client's calls stand on the left and the server's on the right, as
 * strace saw them; between them go the packets, as the capture has them. Time
 * goes downwards.
 */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/experiment/all.h"
#include "bench/experiment/ladder_events.h"
#include "bench/run/cost.h"
#include "bench/session/output.h"
#include "bench/tell/words.h"

enum {
    MESSAGES_MAX = 20, /* more is no ladder that one can read */
    CALL = 19,         /* columns of the text: a call, ... */
    FIELD = 26,        /* ... the room between the sides, ... */
    ARROW = 20         /* ... and what an arrow takes of it */
};

struct drawing {
    const char *output; /* the folder for its files, or NULL */
    struct parameters run;
    struct ladder ladder;
    bool keeps_pcap;
    char no_calls[CHILD_WHY]; /* "", or why they are missing in it */
};

/* ---- the run ---- */

/* Where the first message of a connection is special, a second one shows how the others go. */
static uint64_t messages_of(const struct parameters *run) {
    const struct variant *variant = run->variant;
    const bool special = variant->cost != NULL && variant->cost->first[0] != 0;
    if (run->messages > 0) return run->messages;
    return variant->lifetime == ECHO_PERSISTENT || special ? 2 : 1;
}

/* Half of what a packet takes one way: what is longer was surely a wait. */
static uint64_t long_of(const struct parameters *run) {
    const uint64_t least_ns = 300000; /* strace makes every call take its time */
    const uint64_t ns = run->rtt_ns / 4;
    return ns > least_ns ? ns : least_ns;
}

static bool look_at_calls(struct drawing *drawing, char *why) {
    struct trace trace;
    const enum trace_end end =
        trace_run(&trace, "%network,close,poll,ppoll,clone,clone3,fork,vfork", &drawing->run, why);
    if (end == TRACE_DONE) ladder_add_calls(&drawing->ladder, &trace, long_of(&drawing->run));
    trace_release(&trace);
    if (end != TRACE_UNTRACEABLE) return end == TRACE_DONE;
    (void)snprintf(drawing->no_calls, sizeof drawing->no_calls, "%s", why);
    struct run *run = child_run(&drawing->run, why);
    run_free(run);
    return run != NULL;
}

static int look(struct drawing *drawing) {
    char why[CHILD_WHY] = "";
    if (!look_at_calls(drawing, why) || !ladder_add_packets(&drawing->ladder, &drawing->run, why)) {
        return complain("%s", why);
    }
    return ladder_finish(&drawing->ladder) == 0 ? EXIT_DONE : complain("no memory for the ladder");
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
    const bool packet = ladder_is_packet(event);
    const bool mine = event->side == TRACE_CLIENT;
    const bool arrives = event->what == LADDER_ARRIVE;
    char arrow[FIELD + 1] = "";
    if (packet) draw_arrow(arrow, event, arrives == mine ? TRACE_SERVER : TRACE_CLIENT);
    put_time(out, ladder, event);
    (void)fprintf(out, " %-*s|", CALL, !packet && mine ? event->label : "");
    (void)fprintf(out, mine ? "%-*s|" : "%*s|", FIELD, arrow);
    (void)fprintf(out, "%s%s\n", packet || mine ? "" : " ", packet || mine ? "" : event->label);
}

/* "64 bytes, a round-trip time of 20 ms" */
static void put_conditions(FILE *out, const struct parameters *run) {
    const struct number rtt = words_condition("rtt_ms", (double)run->rtt_ns / 1e6, NULL);
    (void)fprintf(out, "%s%s%s", words_condition("size_bytes", run->size_bytes, NULL).text,
                  *rtt.text == '\0' ? "" : ", ", rtt.text);
}

static void put_text(FILE *out, const struct drawing *drawing) {
    const struct parameters *run = &drawing->run;
    const struct ladder *ladder = &drawing->ladder;
    struct story story = {.out = out};
    (void)fprintf(out, "%s\n%s\n%s of ", run->variant->name, run->variant->what,
                  words_counted((double)run->messages, "message").text);
    put_conditions(out, run);
    (void)fprintf(out, "; times in ms\n\n%9s %-*s %-*s %s\n", "", CALL, "client", FIELD, "",
                  "server");
    for (size_t i = 0; i < ladder->count; i++) put_event(out, ladder, &ladder->events[i]);
    story_say(&story, "%s, %s IP bytes; X: lost on the way.",
              words_counted(ladder->packets, "packet").text,
              words_count((double)ladder->ip_bytes).text);
    if (drawing->no_calls[0] != '\0') {
        story_say(&story, "The calls are missing: %s.", drawing->no_calls);
    } else {
        story_say(&story, "\"...\": it waits. Not shown: %s that set or ask an option.",
                  words_counted(ladder->hidden, "call").text);
    }
    /* Not told, as a path is not to be broken. */
    if (drawing->keeps_pcap)
        (void)fprintf(out, "The packets (tshark -r, wireshark): %s\n", run->pcap);
}

/* ---- for the figure ---- */

static const char *const what_names[LADDER_WHATS] = {"call",    "enter", "packet",
                                                     "arrival", "lost",  "return"};

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
static void put_rows(FILE *out, const struct drawing *drawing) {
    const struct ladder *ladder = &drawing->ladder;
    const double zero_ms = (double)ladder->zero_ns / 1e6;
    (void)fprintf(out,
                  "what\tside\tfrom\tto\tat_ms\tto_ms\tflags\tbytes\tlabel\n"
                  "title\t-\t0\t0\t-\t-\t-\t-\t%s\ncaption\t-\t0\t0\t-\t-\t-\t-\t",
                  drawing->run.variant->name);
    put_conditions(out, &drawing->run);
    (void)fprintf(out, "%s\n", drawing->no_calls[0] == '\0' ? "" : " (calls: no strace here)");
    for (size_t i = 0; i < ladder->count; i++) {
        const struct ladder_event *event = &ladder->events[i];
        const struct ladder_event *other = partner(ladder, event);
        if (event->what == LADDER_ARRIVE) continue;
        (void)fprintf(out, "%s\t%s\t%.3f\t%.3f\t", what_names[event->what],
                      trace_side_names[event->side], event->place, other->place);
        if (event->before) {
            (void)fprintf(out, "-\t-\t");
        } else {
            (void)fprintf(out, "%.3f\t%.3f\t", (double)event->at_ns / 1e6 - zero_ms,
                          (double)other->at_ns / 1e6 - zero_ms);
        }
        (void)fprintf(out, "0x%02x\t%u\t%s\n", event->tcp_flags, event->bytes, event->label);
    }
}

static void place(struct drawing *drawing) {
    const double one_way = 5; /* lines of the figure that half an RTT takes */
    const double half_ms = (double)drawing->run.rtt_ns / 2e6;
    ladder_place(&drawing->ladder, half_ms > 0.5 ? one_way / half_ms : 2 * one_way);
}

/* ---- files ---- */

/* "FOLDER/VARIANT.KIND", malloc'd; NULL: no memory. */
static char *path_of(const struct drawing *drawing, const char *folder, const char *kind) {
    char *path = NULL;
    return asprintf(&path, "%s/%s.%s", folder, drawing->run.variant->name, kind) < 0 ? NULL : path;
}

static int write_file(const struct drawing *drawing, const char *kind,
                      void (*put)(FILE *out, const struct drawing *drawing)) {
    char *path = path_of(drawing, drawing->output, kind);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int failed = path == NULL || out == NULL ? -ENOMEM : 0;
    if (failed == 0) put(out, drawing);
    if (out != NULL && fclose(out) != 0) failed = -ENOMEM;
    if (failed == 0) failed = output_write(path, text, size);
    if (failed != 0) {
        (void)complain("cannot write %s: %s", path == NULL ? kind : path, strerror(-failed));
    }
    free(text);
    free(path);
    return failed == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int show(struct drawing *drawing) {
    put_text(stdout, drawing);
    if (drawing->output == NULL) return EXIT_DONE;
    place(drawing);
    const int status = write_file(drawing, "txt", put_text);
    return status != EXIT_DONE ? status : write_file(drawing, "tsv", put_rows);
}

/* Into `folder` what is not to stay. That files can be written is known before a run is made. */
static int draw(struct drawing *drawing, const char *folder) {
    const char *output = drawing->output;
    drawing->keeps_pcap = drawing->run.pcap != NULL || output != NULL;
    if (output != NULL && mkdir(output, 0777) != 0 && errno != EEXIST) {
        return complain("cannot make the folder %s: %s", output, strerror(errno));
    }
    char *own = path_of(drawing, output != NULL ? output : folder, "pcap");
    if (drawing->run.pcap == NULL) drawing->run.pcap = own;
    const int failed = own == NULL ? -ENOMEM : output_check(drawing->run.pcap);
    int status = EXIT_DONE;
    if (failed != 0) {
        status = complain("cannot write %s: %s", drawing->run.pcap, strerror(-failed));
    }
    if (status == EXIT_DONE) status = look(drawing);
    if (status == EXIT_DONE) status = show(drawing);
    ladder_release(&drawing->ladder);
    free(own);
    return status;
}

int ladder_measure(struct lab *lab) {
    struct drawing drawing = {.output = lab->request->output, .run = lab->request->run};
    if (lab->request->run.messages > MESSAGES_MAX) {
        return complain("a ladder of more than %d messages cannot be read; choose fewer",
                        MESSAGES_MAX);
    }
    drawing.run.variant = lab->request->variants[0];
    drawing.run.messages = messages_of(&drawing.run);
    drawing.run.warmup_ns = 0;
    char *folder = trace_folder_make();
    if (folder == NULL) {
        return complain("cannot make a folder for the capture: %s", strerror(errno));
    }
    const int status = draw(&drawing, folder);
    trace_folder_remove(folder);
    return status;
}

/* ---- on the page ---- */

/* One exchange of each variant, side by side; the drawings are `make plots`'. */
void ladders_tell(struct story *story, const struct results *results) {
    glob_t found = {0};
    char *pattern = NULL;
    (void)results;
    if (story->directory == NULL) return; /* one alone, which has shown itself */
    if (asprintf(&pattern, "%s/ladder/*.tsv", story->directory) < 0) return;
    if (glob(pattern, 0, NULL, &found) == 0) {
        story_say(story,
                  "One exchange of each, primitive by primitive and packet by packet "
                  "(`echolab ladder VARIANT`)%s",
                  story->html ? ":" : ", is drawn on the page.");
        if (story->html) (void)fputs("<div class=\"ladders\">\n", story->out);
        for (size_t i = 0; i < found.gl_pathc && story->html; i++) {
            const char *name = strrchr(found.gl_pathv[i], '/') + 1;
            const int length = (int)strcspn(name, ".");
            (void)fprintf(story->out,
                          "<a href=\"ladder-%.*s.png\"><img src=\"ladder-%.*s.svg\" "
                          "alt=\"time-sequence diagram of %.*s\"></a>\n",
                          length, name, length, name, length, name);
        }
        if (story->html) (void)fputs("</div>\n", story->out);
    }
    globfree(&found);
    free(pattern);
}
