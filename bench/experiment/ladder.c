/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab ladder: one exchange, primitive by primitive and packet by packet.
 * The client's calls stand on the left and the server's on the right, as
 * strace saw them; between them go the packets, as the capture has them. Time
 * goes downwards.
 */
#include <errno.h>
#include <glob.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/experiment/all.h"
#include "bench/experiment/trace.h"
#include "bench/run/cost.h"
#include "echo/clock.h"

enum {
    SOCKETS_MAX = 4096,
    MESSAGES_MAX = 20, /* more is no ladder that one can read */
    CALL = 19,         /* columns of the text: a call, ... */
    FIELD = 26,        /* ... the room between the sides, ... */
    ARROW = 20         /* ... and what an arrow takes of it */
};

static void add(struct ladder *ladder, const struct ladder_event *event) {
    struct ladder_event *more = reallocarray(ladder->events, ladder->count + 1, sizeof *more);
    ladder->failed = ladder->failed || more == NULL;
    if (more == NULL) return;
    ladder->events = more;
    more[ladder->count++] = *event;
}

const char *ladder_flags(uint8_t tcp_flags, char *text, size_t size) {
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {
        {TH_SYN, "SYN"}, {TH_FIN, "FIN"}, {TH_RST, "RST"}, {TH_PUSH, "PSH"}, {TH_ACK, "ACK"}};
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((tcp_flags & names[i].bit) != 0 && length + 5 <= size)
            length += (size_t)snprintf(text + length, size - length, "%s%s", length > 0 ? "," : "",
                                       names[i].name);
    return text;
}

/* strace has the time of day, and the wire the lab's clock, which is the machine's, too. */
static void add_packets(struct ladder *ladder, const struct run *run) {
    struct timespec day;
    char flags[32];
    (void)clock_gettime(CLOCK_REALTIME, &day);
    const uint64_t day_ns =
        (uint64_t)day.tv_sec * 1000000000 + (uint64_t)day.tv_nsec - echo_clock_ns();
    for (size_t i = 0; i < run->wire.trace_count; i++) {
        const struct wire_packet *seen = &run->wire.trace[i];
        const bool up = seen->direction == WIRE_TO_SERVER;
        struct ladder_event event = {.at_ns = seen->sent_ns + day_ns,
                                     .what = seen->dropped ? LADDER_LOST : LADDER_DEPART,
                                     .side = up ? TRACE_CLIENT : TRACE_SERVER,
                                     .item = ladder->items++,
                                     .tcp_flags = seen->tcp_flags,
                                     .bytes = seen->payload_bytes};
        (void)snprintf(event.label, sizeof event.label, "%s %u B",
                       seen->tcp_flags != 0 ? ladder_flags(seen->tcp_flags, flags, sizeof flags)
                                            : wire_kind_names[seen->kind],
                       seen->payload_bytes);
        ladder->packets++;
        ladder->ip_bytes += seen->ip_bytes;
        add(ladder, &event);
        event.at_ns += seen->delay_ns;
        event.what = LADDER_ARRIVE;
        event.side = up ? TRACE_SERVER : TRACE_CLIENT;
        if (!seen->dropped) add(ladder, &event);
    }
}

/* Among words that have a space before and behind. */
static bool is_among(const char *words, const char *name) {
    char word[32];
    (void)snprintf(word, sizeof word, " %s ", name);
    return strstr(words, word) != NULL;
}

/* Whether a call is on a socket, as files are closed, too; keeps the books of what is open. */
static bool on_socket(bool open[SOCKETS_MAX], const struct trace_call *call) {
    const bool makes = is_among(" socket accept accept4 ", call->name);
    if (makes && call->result >= 0 && call->result < SOCKETS_MAX) open[call->result] = true;
    if (makes || is_among(" poll ppoll ", call->name)) return true;
    if (call->descriptor < 0 || call->descriptor >= SOCKETS_MAX) return false;
    const bool was = open[call->descriptor];
    if (strcmp(call->name, "close") == 0) open[call->descriptor] = false;
    return was;
}

static void add_call(struct ladder *ladder, const struct trace_call *call, uint64_t long_ns) {
    const bool waits = call->end_ns - call->start_ns >= long_ns;
    struct ladder_event event = {.at_ns = call->start_ns,
                                 .what = waits ? LADDER_ENTER : LADDER_CALL,
                                 .side = call->side,
                                 .item = ladder->items++};
    if (waits) {
        (void)snprintf(event.label, sizeof event.label, "%s ...", call->name);
        add(ladder, &event);
        event.at_ns = call->end_ns;
        event.what = LADDER_RETURN;
    }
    if (call->error[0] != '\0')
        (void)snprintf(event.label, sizeof event.label, "%s %s", call->name, call->error);
    else
        (void)snprintf(event.label, sizeof event.label, "%s = %lld", call->name,
                       (long long)call->result);
    add(ladder, &event);
}

void ladder_add_calls(struct ladder *ladder, const struct trace *trace, uint64_t long_ns) {
    static const char primitives[] = /* and what waits for them */
        " socket bind listen accept accept4 connect sendto sendmsg sendmmsg recvmsg recvmmsg "
        "recvfrom close shutdown poll ppoll ";
    bool open[TRACE_SIDES][SOCKETS_MAX] = {{false}};
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_call *call = &trace->calls[i];
        const bool belongs = on_socket(open[call->side], call);
        /* What was told to end has nothing to do with the messages any more. */
        if (!belongs || call->end_ns == 0 || trace_is_ending(trace, call)) continue;
        if (is_among(primitives, call->name))
            add_call(ladder, call, long_ns);
        else
            ladder->hidden++;
    }
}

static int by_time(const void *one, const void *other) {
    const struct ladder_event *a = one, *b = other;
    if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns ? -1 : 1;
    return (int)a->what - (int)b->what;
}

static bool is_packet(const struct ladder_event *event) {
    return event->what >= LADDER_DEPART && event->what <= LADDER_LOST;
}

int ladder_finish(struct ladder *ladder) {
    if (ladder->failed) return -ENOMEM;
    if (ladder->count == 0) return 0;
    qsort(ladder->events, ladder->count, sizeof *ladder->events, by_time);
    size_t first = 0;
    while (first < ladder->count && ladder->events[first].side != TRACE_CLIENT) first++;
    ladder->zero_ns = ladder->events[first < ladder->count ? first : 0].at_ns;
    return 0;
}

/*
 * Gives every event its place: time goes downwards, `per_ms` to the
 * millisecond, stretched where labels would meet and cut short where nothing
 * happens for long.
 */
static void place_all(struct ladder *ladder, double per_ms) {
    enum { LANES = 6 };
    const double longest = 8; /* what a silence takes at most */
    double next[LANES] = {0}; /* where there is room again: for calls, departures, arrivals */
    double place = 0;
    for (size_t i = 0; i < ladder->count; i++) {
        struct ladder_event *event = &ladder->events[i];
        const int kind = event->what == LADDER_ARRIVE ? 2 : is_packet(event) ? 1 : 0;
        const int lane = 3 * (int)event->side + kind;
        if (i > 0 && event[-1].at_ns >= ladder->zero_ns) {
            const double step = (double)(event->at_ns - event[-1].at_ns) / 1e6 * per_ms;
            place += step > longest ? longest : step;
        }
        if (place < next[lane]) place = next[lane];
        next[lane] = place + 1;
        event->place = place;
    }
}

struct drawing {
    const char *output; /* the folder for its files, or NULL */
    struct parameters run;
    struct ladder ladder;
    bool keeps_pcap;
    char no_calls[CHILD_WHY]; /* "", or why they are missing in it */
};

static int look(struct drawing *drawing) {
    const uint64_t least_ns = 300000; /* strace makes every call take its time */
    /* Half of what a packet takes one way: what is longer was surely a wait. */
    const uint64_t half_ns = drawing->run.rtt_ns / 4;
    struct ladder *ladder = &drawing->ladder;
    struct trace trace;
    char why[CHILD_WHY] = "";
    const enum trace_end end =
        trace_run(&trace, "%network,close,poll,ppoll,clone,clone3,fork,vfork", &drawing->run, why);
    ladder_add_calls(ladder, &trace, half_ns > least_ns ? half_ns : least_ns);
    if (end == TRACE_UNTRACEABLE) {
        memcpy(drawing->no_calls, why, sizeof why);
        trace.run = child_run(&drawing->run, why);
    }
    const bool done = trace.run != NULL && end != TRACE_FAILED;
    if (done) add_packets(ladder, trace.run);
    trace_release(&trace);
    if (!done) return complain("%s", why);
    return ladder_finish(ladder) == 0 ? EXIT_DONE : complain("no memory for the ladder");
}

/* Since the client began; before that less than 0. */
static double ms_of(const struct ladder *ladder, const struct ladder_event *event) {
    return (double)(int64_t)(event->at_ns - ladder->zero_ns) / 1e6;
}

/* "---- SYN 0 B ----->" */
static void draw_arrow(char *text, const struct ladder_event *event, enum trace_side from) {
    const size_t most = FIELD - 4; /* two dashes, two spaces */
    const size_t label = strnlen(event->label, most);
    const size_t width = label + 4 > ARROW ? label + 4 : ARROW, at = (width - label) / 2;
    memset(text, '-', width);
    text[width] = '\0';
    memcpy(text + at, event->label, label);
    text[at - 1] = text[at + label] = ' ';
    const char *head = event->what == LADDER_LOST ? "X" : from == TRACE_CLIENT ? ">" : "<";
    text[from == TRACE_CLIENT ? width - 1 : 0] = *head;
}

static void put_event(FILE *out, const struct ladder *ladder, const struct ladder_event *event) {
    const bool packet = is_packet(event), mine = event->side == TRACE_CLIENT;
    const bool call = !packet;
    char arrow[FIELD + 1] = "", at[16] = "before";
    if (packet)
        draw_arrow(arrow, event,
                   (event->what == LADDER_ARRIVE) == mine ? TRACE_SERVER : TRACE_CLIENT);
    if (ms_of(ladder, event) >= 0) (void)snprintf(at, sizeof at, "%.3f", ms_of(ladder, event));
    (void)fprintf(out, "%9s %-*s|%*s|%s%s\n", at, CALL, call && mine ? event->label : "",
                  mine ? -FIELD : FIELD, arrow, call && !mine ? " " : "",
                  call && !mine ? event->label : "");
}

/* "64 bytes, a round-trip time of 20 ms" */
static void put_conditions(FILE *out, const struct parameters *run) {
    const struct number rtt = words_condition("rtt_ms", (double)run->rtt_ns / 1e6, NULL);
    (void)fprintf(out, "%s%s%s", words_counted(run->size_bytes, "byte").text,
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
    if (drawing->no_calls[0] != '\0')
        story_say(&story, "The calls are missing: %s.", drawing->no_calls);
    else
        story_say(&story, "\"...\": it waits. Not shown: %s that set or ask an option.",
                  words_counted(ladder->hidden, "call").text);
    /* Not told, as a path is not to be broken. */
    if (drawing->keeps_pcap)
        (void)fprintf(out, "The packets (tshark -r, wireshark): %s\n", run->pcap);
}

/*
 * A row for each event but arrivals, which are the other end of a packet. The
 * columns `from` and `to` are places downwards; times are in ms.
 */
static void put_rows(FILE *out, const struct drawing *drawing) {
    static const char *const names[LADDER_WHATS] = {"call",    "enter", "packet",
                                                    "arrival", "lost",  "return"};
    const struct ladder *ladder = &drawing->ladder;
    (void)fprintf(out,
                  "what\tside\tfrom\tto\tat_ms\tto_ms\tflags\tbytes\tlabel\n"
                  "title\t-\t0\t0\t-\t-\t-\t-\t%s\ncaption\t-\t0\t0\t-\t-\t-\t-\t",
                  drawing->run.variant->name);
    put_conditions(out, &drawing->run);
    (void)fprintf(out, "%s\n", drawing->no_calls[0] == '\0' ? "" : " (calls: no strace here)");
    for (size_t i = 0; i < ladder->count; i++) {
        const struct ladder_event *event = &ladder->events[i], *other = event;
        if (event->what == LADDER_ARRIVE) continue;
        for (size_t k = 0; k < ladder->count; k++) /* where it ends, if not there */
            if (k != i && ladder->events[k].item == event->item) other = &ladder->events[k];
        (void)fprintf(out, "%s\t%s\t%.3f\t%.3f\t", names[event->what],
                      trace_side_names[event->side], event->place, other->place);
        if (ms_of(ladder, event) < 0)
            (void)fputs("-\t-\t", out);
        else
            (void)fprintf(out, "%.3f\t%.3f\t", ms_of(ladder, event), ms_of(ladder, other));
        (void)fprintf(out, "0x%02x\t%u\t%s\n", event->tcp_flags, event->bytes, event->label);
    }
}

/* "FOLDER/VARIANT.KIND", malloc'd; NULL: no memory, or no folder was named. */
static char *path_of(const struct drawing *drawing, const char *kind) {
    char *path = NULL;
    if (drawing->output == NULL ||
        asprintf(&path, "%s/%s.%s", drawing->output, drawing->run.variant->name, kind) < 0)
        return NULL;
    return path;
}

static int write_file(const struct drawing *drawing, const char *kind,
                      void (*put)(FILE *out, const struct drawing *drawing)) {
    char *path = path_of(drawing, kind), *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) put(out, drawing);
    const bool memory = out != NULL && fclose(out) == 0 && path != NULL;
    const int failed = memory ? output_write(path, text, size) : -ENOMEM;
    if (failed != 0) (void)complain("cannot write %s: %s", memory ? path : kind, strerror(-failed));
    free(text);
    free(path);
    return failed == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* That files can be written is known before a run is made. */
static int draw(struct drawing *drawing, const char *pcap) {
    const double one_way = 5; /* lines of the figure that half an RTT takes */
    const double half_ms = (double)drawing->run.rtt_ns / 2e6;
    if (drawing->output != NULL && mkdir(drawing->output, 0777) != 0 && errno != EEXIST)
        return complain("cannot make the folder %s: %s", drawing->output, strerror(errno));
    drawing->keeps_pcap = pcap != NULL;
    drawing->run.pcap = pcap == NULL ? "/dev/null" : pcap; /* packets are traced with a capture */
    const int failed = pcap == NULL ? 0 : output_check(pcap);
    if (failed != 0) return complain("cannot write %s: %s", pcap, strerror(-failed));
    int status = look(drawing);
    if (status == EXIT_DONE) put_text(stdout, drawing);
    if (status != EXIT_DONE || drawing->output == NULL) return status;
    place_all(&drawing->ladder, half_ms > 0.5 ? one_way / half_ms : 2 * one_way);
    status = write_file(drawing, "txt", put_text);
    return status != EXIT_DONE ? status : write_file(drawing, "tsv", put_rows);
}

int ladder_measure(struct lab *lab) {
    struct drawing drawing = {.output = lab->request->output, .run = lab->request->run};
    struct parameters *run = &drawing.run;
    if (run->messages > MESSAGES_MAX)
        return complain("a ladder of more than %d messages cannot be read; choose fewer",
                        MESSAGES_MAX);
    run->variant = lab->request->variants[0];
    run->warmup_ns = 0;
    /* Where the first message of a connection is special, a second one shows how the others go. */
    const struct cost_model *cost = run->variant->cost;
    const bool special =
        run->variant->lifetime == ECHO_PERSISTENT || (cost != NULL && cost->first[0].ip_bytes > 0);
    if (run->messages == 0) run->messages = special ? 2 : 1;
    char *own = path_of(&drawing, "pcap");
    const int status = draw(&drawing, run->pcap != NULL ? run->pcap : own);
    free(drawing.ladder.events);
    free(own);
    return status;
}

/* One exchange of each variant, side by side; the drawings are `make plots`'. */
void ladders_tell(struct story *story, const struct results *results) {
    glob_t found = {0};
    char *pattern = NULL;
    (void)results;
    if (story->directory == NULL) return; /* one alone, which has shown itself */
    if (asprintf(&pattern, "%s/ladder/*.tsv", story->directory) < 0) return;
    if (glob(pattern, 0, NULL, &found) == 0)
        story_say(story,
                  "One exchange of each, primitive by primitive and packet by packet "
                  "(`echolab ladder VARIANT`)%s",
                  story->html ? ":" : ", is drawn on the page.");
    for (size_t i = 0; i < found.gl_pathc && story->html; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;
        const int length = (int)strcspn(name, ".");
        (void)fprintf(story->out,
                      "%s<a href=\"ladder-%.*s.png\"><img src=\"ladder-%.*s.svg\" "
                      "alt=\"time-sequence diagram of %.*s\"></a>\n%s",
                      i == 0 ? "<div class=\"ladders\">\n" : "", length, name, length, name, length,
                      name, i + 1 == found.gl_pathc ? "</div>\n" : "");
    }
    globfree(&found);
    free(pattern);
}
