/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab anatomy: what a message costs, variant by variant, and beside each
 * count what was predicted before the run. A count that
 * differs is a bug in the lab or a discovery; it is never smoothed over.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/cli/commands.h"
#include "bench/experiment/anatomy_measure.h"
#include "bench/run/result.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"

enum { MESSAGES = 50, CELL = 24, WIDTH = 78 };

static const char *const kind_words[WIRE_KINDS] = {
    [WIRE_RST] = "RST",     [WIRE_SYN] = "SYN",         [WIRE_SYN_ACK] = "SYN-ACK",
    [WIRE_FIN] = "FIN",     [WIRE_REQUEST] = "request", [WIRE_REPLY] = "reply",
    [WIRE_DATA] = "data",   [WIRE_ACK] = "pure ACK",    [WIRE_FRAGMENT] = "fragment",
    [WIRE_OTHER] = "other",
};

static const char *const direction_words[WIRE_DIRECTIONS] = {"to server", "to client", "astray"};
static const char *const side_words[TRACE_SIDES] = {"client", "server"};

/* ---- what the counts say ---- */

/* Time is measured, not counted: so near is as predicted. */
static bool near(double measured, double predicted) {
    return fabs(measured - predicted) <= 0.03 * predicted;
}

static uint64_t whole_of(const struct anatomy *a, const char *path) {
    return (uint64_t)result_number(a->wire, path, 0);
}

/* What a side's model says; an empty list where there is none. */
static const struct cost_calls *model_of(const struct anatomy *a, enum trace_side side) {
    static const struct cost_calls none[1];
    const struct cost_model *cost = a->variant->cost;
    if (cost == NULL) return none;
    return side == TRACE_CLIENT ? cost->client : cost->server;
}

/* What a call carries of a batch varies with who is woken when. */
static bool predicts_calls(const struct anatomy *a) {
    const bool batches = result_number(a->wire, "pipeline", 1) > 1;
    return !batches && model_of(a, TRACE_CLIENT)[0].name != NULL;
}

static unsigned model_length(const struct cost_calls *model) {
    unsigned length = 0;
    while (length < COST_CALLS_MAX && model[length].name != NULL) length++;
    return length;
}

/*
 * The name at place i of a side: those of the model in their order, then what
 * else came at least once in two messages (in two batches). The rest is no message's: a thread
 * that starts, memory for it. NULL behind the last.
 */
static const char *call_name(const struct anatomy *a, enum trace_side side, unsigned i) {
    const struct cost_calls *model = model_of(a, side);
    const unsigned modelled = model_length(model);
    if (i < modelled) return model[i].name;
    const struct trace_counts *seen = &a->calls[side][1];
    const double seldom = 0.5 / result_number(a->wire, "pipeline", 1);
    unsigned place = modelled;
    for (unsigned k = 0; k < seen->count; k++) {
        const char *name = seen->of[k].name;
        if (cost_calls_of(model, name) > 0 || anatomy_calls(a, side, name) < seldom) continue;
        if (place++ == i) return name;
    }
    return NULL;
}

/* What a message calls in all, and what it was to call. */
struct calls_sum {
    double measured;
    unsigned predicted;
    bool equal; /* name by name */
};

static struct calls_sum sum_calls(const struct anatomy *a, enum trace_side side) {
    struct calls_sum sum = {.equal = true};
    const char *name;
    for (unsigned i = 0; (name = call_name(a, side, i)) != NULL; i++) {
        const double measured = anatomy_calls(a, side, name);
        const unsigned predicted = cost_calls_of(model_of(a, side), name);
        sum.measured += measured;
        sum.predicted += predicted;
        sum.equal = sum.equal && measured == predicted;
    }
    return sum;
}

static bool packets_equal(const struct anatomy *a) {
    for (int kind = 0; kind < WIRE_KINDS; kind++) {
        for (int direction = 0; direction < WIRE_DIRECTIONS; direction++) {
            if (anatomy_packets(a, kind, direction) != a->predicted.packets[kind][direction]) {
                return false;
            }
        }
    }
    return whole_of(a, "wire.ip_bytes") == a->predicted.ip_bytes;
}

static bool only_acks_differ(const struct anatomy *a) {
    for (int kind = 0; kind < WIRE_KINDS; kind++) {
        for (int direction = 0; direction < WIRE_DIRECTIONS; direction++) {
            const bool equal =
                anatomy_packets(a, kind, direction) == a->predicted.packets[kind][direction];
            if (!equal && kind != WIRE_ACK) return false;
        }
    }
    return true;
}

static void print_why(const char *why) {
    char text[ANATOMY_WORDS];
    (void)snprintf(text, sizeof text, "why: %s", why);
    trace_say(stdout, 4, text);
}

/* One sentence, without its full stop, on why the packets are not as predicted. */
static const char *explain_packets(const struct anatomy *a) {
    const json_t *counters = json_object_get(a->wire, "counters");
    if (json_number_value(json_object_get(counters, "kernel.TcpRetransSegs")) > 0) {
        return "TCP sent segments again: the machine paused longer than its timer";
    }
    if (!json_is_true(json_object_get(a->wire, "valid"))) {
        return "the run was not valid, as said above";
    }
    if (only_acks_differ(a)) {
        return "only pure ACKs: one goes alone where the answer takes longer than the "
               "delayed-ACK timer (40 ms)";
    }
    return "no known cause: a bug in the lab or a discovery";
}

/* ---- rows of a table ---- */

static const char *mark(double measured, double predicted, char *text) {
    if (measured == predicted) return "=";
    (void)snprintf(text, CELL, "%+.10g", measured - predicted);
    return text;
}

static void row(const char *label, const char *predicted, const char *measured, const char *note) {
    printf("  %-40s %11s %11s%s%s\n", label, predicted, measured, *note == '\0' ? "" : "  ", note);
}

/* Two counts; without a prediction a dash stands in its place. */
static void row_counts(const char *label, const struct anatomy *a, double predicted,
                       double measured) {
    char one[CELL], other[CELL], note[CELL];
    (void)snprintf(one, CELL, "%.10g", predicted);
    (void)snprintf(other, CELL, "%.10g", measured);
    const bool known = a->unpredicted == NULL;
    row(label, known ? one : "-", other, known ? mark(measured, predicted, note) : "");
}

static void print_kinds(const struct anatomy *a) {
    for (int direction = 0; direction < WIRE_DIRECTIONS; direction++) {
        for (int kind = 0; kind < WIRE_KINDS; kind++) {
            const uint64_t predicted = a->predicted.packets[kind][direction];
            const uint64_t measured = anatomy_packets(a, kind, direction);
            char label[64];
            if (predicted == 0 && measured == 0) continue;
            (void)snprintf(label, sizeof label, "  %s  %s", direction_words[direction],
                           kind_words[kind]);
            row_counts(label, a, (double)predicted, (double)measured);
        }
    }
}

static double efficiency_percent(const struct anatomy *a) {
    const double asked = (double)a->messages * ((double)a->size_bytes + (double)a->reply_bytes);
    const double bytes = (double)whole_of(a, "wire.ip_bytes");
    return bytes > 0 ? 100 * asked / bytes : NAN;
}

static void print_waits(const char *label, const struct anatomy *a, double predicted,
                        double measured) {
    char one[CELL] = "-", other[CELL], note[CELL] = "";
    (void)snprintf(other, CELL, "%.2f", measured);
    if (a->variant->cost != NULL) {
        (void)snprintf(one, CELL, "%.3g", predicted);
        (void)snprintf(note, CELL, near(measured, predicted) ? "=" : "%+.2f", measured - predicted);
    }
    if (isfinite(measured)) row(label, one, other, note);
}

static void skipped(const char *what, const char *why) {
    char text[ANATOMY_WORDS + 64];
    (void)snprintf(text, sizeof text, "%s: skipped, %s", what, why);
    trace_say(stdout, 2, text);
}

static void print_reasons(const struct anatomy *a) {
    const json_t *reasons = json_object_get(a->wire, "invalid_because");
    for (size_t i = 0; i < json_array_size(reasons); i++) {
        char text[ANATOMY_WORDS];
        (void)snprintf(text, sizeof text, "not valid: %s",
                       json_string_value(json_array_get(reasons, i)));
        trace_say(stdout, 2, text);
    }
}

static void print_packets(const struct anatomy *a) {
    char label[64];
    if (a->wire == NULL) {
        skipped("packets", a->no_wire);
        return;
    }
    print_reasons(a);
    (void)snprintf(label, sizeof label, "packets of %llu messages",
                   (unsigned long long)a->messages);
    row_counts(label, a, (double)a->predicted.all_packets, (double)whole_of(a, "wire.packets"));
    print_kinds(a);
    row_counts("IP bytes", a, (double)a->predicted.ip_bytes, (double)whole_of(a, "wire.ip_bytes"));
    if (a->unpredicted != NULL) {
        printf("    %s\n", a->unpredicted);
    } else if (!packets_equal(a)) {
        print_why(explain_packets(a));
    }
    const struct cost_model *cost = a->model;
    const unsigned later = cost == NULL ? 0 : cost->waits;
    print_waits("round trips waited, first message", a, cost == NULL ? 0 : cost->waits_first,
                a->waits_first);
    print_waits("                    later messages", a, later, a->waits);
    const double batch = result_number(a->wire, "pipeline", 1);
    print_waits("round trips of time, later messages", a, later / batch, a->elapsed);
}

/* "connect 1, sendto 1, ...", broken at WIDTH. */
static void print_names(const struct anatomy *a, enum trace_side side) {
    int column = 0;
    const char *name;
    for (unsigned i = 0; (name = call_name(a, side, i)) != NULL; i++) {
        const double measured = anatomy_calls(a, side, name);
        const unsigned predicted = cost_calls_of(model_of(a, side), name);
        char text[80];
        int length = snprintf(text, sizeof text, "%s %g", name, measured);
        if (predicts_calls(a) && measured != predicted) {
            length = snprintf(text, sizeof text, "%s %g (not %u)", name, measured, predicted);
        }
        const bool wraps = column > 0 && column + length + 2 > WIDTH;
        const char *between = column == 0 ? "    " : wraps ? ",\n    " : ", ";
        column = (wraps ? 0 : column) + length + (column == 0 || wraps ? 4 : 2);
        printf("%s%s", between, text);
    }
    if (column > 0) (void)putchar('\n');
}

static const char *explain_calls(const struct anatomy *a) {
    if (a->unpredicted != NULL) return "a message beyond one packet may be read in parts";
    return "no known cause: a bug in the lab or a discovery";
}

static void print_calls(const struct anatomy *a) {
    if (!a->traced) {
        skipped("system calls", a->no_trace);
        return;
    }
    for (int side = 0; side < TRACE_SIDES; side++) {
        const struct calls_sum sum = sum_calls(a, (enum trace_side)side);
        char label[64], one[CELL] = "-", other[CELL], note[CELL] = "";
        (void)snprintf(label, sizeof label, "system calls per message, %s", side_words[side]);
        (void)snprintf(other, CELL, "%.6g", sum.measured);
        if (predicts_calls(a)) {
            (void)snprintf(one, CELL, "%u", sum.predicted);
            (void)snprintf(note, CELL, sum.equal ? "=" : "%+g", sum.measured - sum.predicted);
        }
        row(label, one, other, note);
        print_names(a, (enum trace_side)side);
        if (predicts_calls(a) && !sum.equal) print_why(explain_calls(a));
    }
}

static void print_loop(const struct anatomy *a) {
    char text[CELL];
    if (a->loop == NULL) {
        skipped("switches, CPU and phases", a->no_loop);
        return;
    }
    static const char *const paths[][2] = {
        {"CPU per message on one core, client, us", "per_message.client_cpu_us"},
        {"                             server, us", "per_message.server_cpu_us"},
        {"phases (median), connect, us", "phases_us.connect.p50"},
        {"                 exchange, us", "phases_us.exchange.p50"},
        {"                 close, us", "phases_us.close.p50"},
    };
    (void)snprintf(text, CELL, "%.2f", a->switches);
    row("context switches per message, both sides", "", text, "");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const double value = result_number(a->loop, paths[i][1], NAN);
        (void)snprintf(text, CELL, "%.1f", value);
        row(paths[i][0], "", isfinite(value) ? text : "none", "");
    }
}

/* ---- the sentence, and the summary ---- */

static bool calls_equal(const struct anatomy *a) {
    if (!predicts_calls(a)) return true;
    return sum_calls(a, TRACE_CLIENT).equal && sum_calls(a, TRACE_SERVER).equal;
}

static void print_sentence(const struct anatomy *a) {
    const char *predicted = "";
    if (a->wire == NULL) return;
    if (a->unpredicted == NULL) {
        const bool right = packets_equal(a) && (!a->traced || calls_equal(a));
        predicted = right ? ", as predicted" : "; not all as predicted";
    }
    const double n = (double)a->messages;
    const double packets = (double)whole_of(a, "wire.packets") / n;
    printf("A message costs %.4g packets and %.6g IP bytes%s.\n", packets,
           (double)whole_of(a, "wire.ip_bytes") / n, predicted);
    if (isfinite(a->packets_later) && a->packets_later != packets) {
        printf("After the first it costs %.4g and %.6g.\n", a->packets_later, a->ip_bytes_later);
    }
    (void)putchar('\n');
}

static void print_one(const struct anatomy *a) {
    printf("%s\n  %s\n", a->variant->name, a->variant->what);
    printf("  %-40s %11s %11s\n", "", "predicted", "measured");
    print_packets(a);
    print_calls(a);
    print_loop(a);
    print_sentence(a);
    (void)fflush(stdout);
}

/* A cell, or a dash for what could not be had. */
static const char *cell(char *text, const char *format, double value) {
    if (!isfinite(value)) return "-";
    /* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): all formats stand below */
    (void)snprintf(text, CELL, format, value);
    return text;
}

static void print_summary(const struct anatomy *all, unsigned count) {
    printf("Per message of %u bytes and its reply of %u (%llu messages):\n", all[0].size_bytes,
           all[0].reply_bytes, (unsigned long long)all[0].messages);
    printf("  %-18s %8s %9s %8s %14s %12s\n", "", "packets", "IP bytes", "payload", "system calls",
           "round trips");
    for (unsigned i = 0; i < count; i++) {
        const struct anatomy *a = &all[i];
        const double n = a->wire != NULL ? (double)a->messages : NAN;
        char packets[CELL], bytes[CELL], payload[CELL], calls[CELL] = "-", waits[CELL];
        if (a->traced) {
            (void)snprintf(calls, CELL, "%.4g + %.4g", sum_calls(a, TRACE_CLIENT).measured,
                           sum_calls(a, TRACE_SERVER).measured);
        }
        printf("  %-18s %8s %9s %8s %14s %12s\n", a->variant->name,
               cell(packets, "%.2f", (double)whole_of(a, "wire.packets") / n),
               cell(bytes, "%.1f", (double)whole_of(a, "wire.ip_bytes") / n),
               cell(payload, "%.1f %%", efficiency_percent(a)), calls,
               cell(waits, "%.2f", a->waits));
    }
    puts("Payload: the share of the IP bytes that was asked for. System calls: client +\n"
         "server. Round trips: what a message waits, after the first.");
}

/* ---- JSON ---- */

static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *pair(bool known, json_t *predicted, json_t *measured, bool equal) {
    json_t *object = json_object();
    (void)json_object_set_new(object, "predicted", known ? json_incref(predicted) : json_null());
    (void)json_object_set_new(object, "measured", measured);
    (void)json_object_set_new(object, "equal", known ? json_boolean(equal) : json_null());
    json_decref(predicted);
    return object;
}

static json_t *counts(const struct anatomy *a, uint64_t predicted, uint64_t measured) {
    return pair(a->unpredicted == NULL, json_integer((json_int_t)predicted),
                json_integer((json_int_t)measured), predicted == measured);
}

static json_t *kinds_json(const struct anatomy *a) {
    json_t *object = json_object();
    for (int direction = 0; direction < WIRE_DIRECTIONS; direction++) {
        json_t *kinds = json_object();
        for (int kind = 0; kind < WIRE_KINDS; kind++) {
            const uint64_t predicted = a->predicted.packets[kind][direction];
            const uint64_t measured = anatomy_packets(a, kind, direction);
            if (predicted == 0 && measured == 0) continue;
            (void)json_object_set_new(kinds, wire_kind_names[kind], counts(a, predicted, measured));
        }
        (void)json_object_set_new(object, wire_direction_names[direction], kinds);
    }
    return object;
}

static json_t *waits_json(const struct anatomy *a, bool first, double measured) {
    const struct cost_model *cost = a->model;
    const unsigned predicted = cost == NULL ? 0 : first ? cost->waits_first : cost->waits;
    return pair(cost != NULL, json_integer(predicted), number(measured), near(measured, predicted));
}

static json_t *calls_json(const struct anatomy *a, enum trace_side side) {
    json_t *object = json_object();
    const char *name;
    for (unsigned i = 0; a->traced && (name = call_name(a, side, i)) != NULL; i++) {
        const unsigned predicted = cost_calls_of(model_of(a, side), name);
        const double measured = anatomy_calls(a, side, name);
        (void)json_object_set_new(object, name,
                                  pair(predicts_calls(a), json_integer(predicted),
                                       json_real(measured), measured == predicted));
    }
    return object;
}

static void add_packets(json_t *object, const struct anatomy *a) {
    const bool known = a->wire != NULL;
    const double n = (double)a->messages;
    (void)json_object_set_new(
        object, "packets",
        known ? counts(a, a->predicted.all_packets, whole_of(a, "wire.packets")) : json_null());
    (void)json_object_set_new(object, "kinds", known ? kinds_json(a) : json_null());
    (void)json_object_set_new(object, "ip_bytes",
                              known ? counts(a, a->predicted.ip_bytes, whole_of(a, "wire.ip_bytes"))
                                    : json_null());
    (void)json_object_set_new(object, "payload_percent",
                              known ? number(efficiency_percent(a)) : json_null());
    (void)json_object_set_new(object, "packets_per_message",
                              known ? json_real((double)whole_of(a, "wire.packets") / n)
                                    : json_null());
    (void)json_object_set_new(object, "ip_bytes_per_message",
                              known ? json_real((double)whole_of(a, "wire.ip_bytes") / n)
                                    : json_null());
    (void)json_object_set_new(object, "packets_later_message", number(a->packets_later));
    (void)json_object_set_new(object, "ip_bytes_later_message", number(a->ip_bytes_later));
    (void)json_object_set_new(object, "round_trips_waited_first",
                              waits_json(a, true, a->waits_first));
    (void)json_object_set_new(object, "round_trips_waited", waits_json(a, false, a->waits));
    (void)json_object_set_new(object, "round_trips_of_time", waits_json(a, false, a->elapsed));
    (void)json_object_set_new(object, "not_predicted_because",
                              a->unpredicted == NULL ? json_null() : json_string(a->unpredicted));
    (void)json_object_set_new(object, "wire_skipped_because",
                              known ? json_null() : json_string(a->no_wire));
    (void)json_object_set_new(object, "explanation",
                              known && a->unpredicted == NULL && !packets_equal(a)
                                  ? json_string(explain_packets(a))
                                  : json_null());
}

static json_t *anatomy_json(const struct anatomy *a) {
    json_t *object = json_pack("{s:s,s:I,s:I,s:I}", "variant", a->variant->name, "size_bytes",
                               (json_int_t)a->size_bytes, "reply_bytes", (json_int_t)a->reply_bytes,
                               "messages", (json_int_t)a->messages);
    add_packets(object, a);
    (void)json_object_set_new(object, "syscalls",
                              json_pack("{s:o,s:o}", "client", calls_json(a, TRACE_CLIENT),
                                        "server", calls_json(a, TRACE_SERVER)));
    (void)json_object_set_new(object, "syscalls_per_message",
                              a->traced ? json_pack("{s:f,s:f}", "client",
                                                    sum_calls(a, TRACE_CLIENT).measured, "server",
                                                    sum_calls(a, TRACE_SERVER).measured)
                                        : json_null());
    (void)json_object_set_new(object, "syscalls_skipped_because",
                              a->traced ? json_null() : json_string(a->no_trace));
    (void)json_object_set_new(object, "context_switches_per_message", number(a->switches));
    json_t *cpu = json_object_get(a->loop, "per_message");
    (void)json_object_set_new(object, "cpu_us_per_message",
                              json_pack("{s:O?,s:O?}", "client",
                                        json_object_get(cpu, "client_cpu_us"), "server",
                                        json_object_get(cpu, "server_cpu_us")));
    json_t *phases = json_object_get(a->loop, "phases_us");
    (void)json_object_set(object, "phases_us", phases);
    return object;
}

static int write_json(const struct options *options, const struct anatomy *all, unsigned count) {
    if (options->json == NULL) return EXIT_DONE;
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++) (void)json_array_append_new(list, anatomy_json(&all[i]));
    json_t *file = json_pack("{s:s,s:s,s:I,s:o,s:[],s:[],s:o}", "schema", "echolab/1", "command",
                             "anatomy", "seed", (json_int_t)options->seed, "environment",
                             environment_read(), "runs", "comparisons", "anatomy", list);
    const int failed = output_write_json(options->json, file);
    json_decref(file);
    return failed == 0 ? EXIT_DONE
                       : complain("cannot write %s: %s", options->json, strerror(-failed));
}

/* ---- --predict: the reader first ---- */

enum question { PACKETS, ROUND_TRIPS, CLIENT_CALLS, QUESTIONS };

static const char *const questions[QUESTIONS] = {
    "packets on the wire, both ways, per message",
    "round trips a message waits",
    "system calls of the client per message",
};

struct guesses {
    double of[OPTIONS_VARIANTS_MAX][QUESTIONS]; /* NAN: none */
    unsigned count;
};

static bool someone_answers(void) {
    struct stat input;
    if (isatty(STDIN_FILENO)) return true;
    if (fstat(STDIN_FILENO, &input) != 0) return false;
    return S_ISFIFO(input.st_mode) || S_ISREG(input.st_mode) || S_ISSOCK(input.st_mode);
}

/* A number; NAN for anything else, as nobody has to know. False: the input has ended. */
static bool ask(enum question question, double *guess) {
    char line[128];
    *guess = NAN;
    printf("  %s? ", questions[question]);
    (void)fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) return false;
    char *end;
    const double number = strtod(line, &end);
    if (end != line && isfinite(number)) *guess = number;
    if (!isatty(STDIN_FILENO)) (void)putchar('\n');
    return true;
}

static bool ask_all(struct guesses *guesses, const struct options *options) {
    bool answers = true;
    puts("Your numbers first, of a message that is not the first. An empty line: no idea.");
    for (unsigned i = 0; i < options->variant_count; i++) {
        if (answers) printf("%s: %s\n", options->variants[i]->name, options->variants[i]->what);
        for (int q = 0; q < QUESTIONS; q++) {
            guesses->of[i][q] = NAN;
            if (answers) answers = ask((enum question)q, &guesses->of[i][q]);
            if (isfinite(guesses->of[i][q])) guesses->count++;
        }
    }
    (void)putchar('\n');
    return guesses->count > 0;
}

/* Of a message after the first, as was asked. */
static double truth(const struct anatomy *a, enum question question) {
    if (question == ROUND_TRIPS) return a->waits;
    if (question == CLIENT_CALLS) return a->traced ? sum_calls(a, TRACE_CLIENT).measured : NAN;
    return a->packets_later;
}

static void score(const struct guesses *guesses, const struct anatomy *all, unsigned count) {
    unsigned asked = 0;
    unsigned right = 0;
    puts("\nYour numbers:");
    for (unsigned i = 0; i < count; i++) {
        for (int q = 0; q < QUESTIONS; q++) {
            const double guess = guesses->of[i][q];
            const double measured = truth(&all[i], (enum question)q);
            if (!isfinite(guess) || !isfinite(measured)) continue;
            const bool hit = fabs(guess - measured) < 0.5;
            const bool close = fabs(guess - measured) <= 0.25 * measured + 0.5;
            asked++;
            if (hit) right++;
            printf("  %-18s %-44s %5g  %s %.3g\n", all[i].variant->name, questions[q], guess,
                   hit     ? "yes:"
                   : close ? "near:"
                           : "no:",
                   measured);
        }
    }
    printf("%u of %u. ", right, asked);
    puts(right == asked       ? "Nothing here is news to you."
         : 2 * right >= asked ? "Well seen; `echolab ladder` shows where the rest goes."
                              : "Most people miss the ACKs and the farewell: `echolab ladder` "
                                "shows them.");
}

/* ---- all ---- */

static void progress(const struct options *options, unsigned i) {
    const bool seen = !options->quiet && isatty(STDERR_FILENO);
    if (seen)
        (void)fprintf(stderr, "\r%-40s\r",
                      i < options->variant_count ? options->variants[i]->name : "");
}

static unsigned measure_all(struct anatomy *all, const struct options *options) {
    unsigned count = 0;
    for (; count < options->variant_count && !options_interrupted; count++) {
        progress(options, count);
        anatomy_measure(&all[count], options->variants[count], options);
        progress(options, options->variant_count);
        if (options_interrupted) {
            anatomy_release(&all[count]);
            break;
        }
        print_one(&all[count]);
    }
    return count;
}

static bool any_measured(const struct anatomy *all, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (all[i].wire != NULL || all[i].traced || all[i].loop != NULL) return true;
    }
    return false;
}

static int run(struct options options) {
    struct guesses guesses = {0};
    if (options.messages == 0) options.messages = MESSAGES;
    const int failed = options.json == NULL ? 0 : output_check(options.json);
    if (failed != 0) return complain("cannot write %s: %s", options.json, strerror(-failed));
    if (options.predict && !someone_answers()) {
        return complain("--predict asks on standard input, which is neither a terminal nor a "
                        "pipe; leave it out or pipe numbers in, a line each");
    }
    if (options.predict && !ask_all(&guesses, &options)) {
        return complain("--predict got no number; type one behind a question, or leave it out");
    }
    struct anatomy *all = calloc(options.variant_count, sizeof *all);
    if (all == NULL) return complain("no memory");
    options_catch_signals();
    const unsigned count = measure_all(all, &options);
    if (count > 0) print_summary(all, count);
    if (count > 0 && options.predict) score(&guesses, all, count);
    int status = write_json(&options, all, count);
    if (status == EXIT_DONE && !any_measured(all, count)) status = EXIT_FAILED;
    for (unsigned i = 0; i < count; i++) anatomy_release(&all[i]);
    free(all);
    return options_interrupted ? EXIT_INTERRUPTED : status;
}

int command_anatomy(const struct options *options) {
    return run(*options);
}
