/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab anatomy: what a message costs, variant by variant, and beside each
 * count what was predicted before the run: packets and bytes over the wire,
 * round trips by two delays, system calls under strace, switches and CPU on
 * the loopback. Each in runs of its own, so that none disturbs another. What
 * cannot be had here is left out, with the reason. A count that differs is a
 * bug in the lab or a discovery; it is never smoothed over.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/experiment/all.h"
#include "bench/experiment/trace.h"
#include "bench/run/cost.h"

/* The runs of a variant, in this order. */
enum part {
    PACKETS, /* over the wire, counted */
    NEAR_ONE,
    NEAR_ALL,
    FAR_ONE,
    FAR_ALL, /* one batch and LATER more, by two delays */
    LOOP,
    LOOP_TWICE, /* many messages, on the loopback */
    TRACED,
    TRACED_TWICE, /* what differs is the messages' */
    PARTS
};

enum { MESSAGES = 50, LATER = 10, LOOP_MIN = 1000, LOOP_MAX = 20000, USUAL_SETTING = 3 };

static void set_part(struct column *column, enum part part) {
    const uint64_t far_ns = 20000000; /* the delay that is waited for */
    struct parameters *run = &column->run;
    const uint64_t counted = run->messages > 0 ? run->messages : MESSAGES, many = 20 * counted;
    const uint64_t loop = many < LOOP_MIN ? LOOP_MIN : many > LOOP_MAX ? LOOP_MAX : many;
    const uint64_t batch = parameters_depth(run), more = batch * (1 + LATER);
    const uint64_t messages[PARTS] = {counted, batch,    more,    batch,      more,
                                      loop,    2 * loop, counted, 2 * counted};
    run->messages = messages[part];
    run->warmup_ns = 0;
    run->wire = part <= FAR_ALL;
    run->rtt_ns = part == FAR_ONE || part == FAR_ALL ? far_ns : 0;
    column->under = part >= TRACED ? "strace" : NULL;
}

int anatomy_plan(struct lab *lab) {
    lab->plan.order = ORDER_AS_PLANNED;
    for (unsigned i = 0; i < lab->request->variant_count * PARTS; i++) {
        set_part(lab_add(lab, lab->request->variants[i / PARTS], ROLE_VARIANT),
                 (enum part)(i % PARTS));
    }
    return EXIT_DONE;
}

struct anatomy {
    struct session *session;
    const struct column *columns;   /* its PARTS */
    const struct cost_model *model; /* in force under the run's settings; NULL: none */
    double batch;                   /* messages outstanding */
    struct consists *one;
    char why[CHILD_WHY]; /* of the last run that there is not */
};

static struct run *run_part(struct anatomy *a, enum part part) {
    (void)snprintf(a->why, sizeof a->why, "interrupted");
    return interrupted ? NULL : child_run(&a->columns[part].run, a->why);
}

/* Counts are as predicted or not; a time is so if it is nearly. */
static struct counted count(bool known, double predicted, double measured, double tolerance) {
    return (struct counted){known ? predicted : (double)NAN, measured,
                            known && fabs(measured - predicted) <= tolerance * predicted};
}

/* Without its full stop, why the packets are not as predicted; NULL: they are, or were not. */
static const char *explain_packets(const struct anatomy *a, const struct run *run) {
    const uint64_t resent = run_counter(run, "kernel.TcpRetransSegs");
    const bool predicted = a->one->not_predicted_because == NULL;
    unsigned unequal = 0; /* kinds: a bit each */
    for (int i = 0; i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const struct counted *counted = &a->one->kinds[i / WIRE_KINDS][i % WIRE_KINDS];
        if ((counted->predicted > 0 || counted->measured > 0) && !counted->equal)
            unequal |= 1U << i % WIRE_KINDS;
    }
    if (predicted && unequal == 0 && a->one->ip_bytes.equal) return NULL;
    if (!run_is_valid(run))
        return session_text(a->session, "the run was not valid: %s", run->validity.reason[0]);
    if (!predicted) return NULL;
    if (resent != FIELD_UNKNOWN && resent > 0)
        return "TCP sent segments again: the machine paused longer than its timer";
    if (unequal == 1U << WIRE_ACK)
        return "only pure ACKs: one goes alone where the answer takes longer than the "
               "delayed-ACK timer (40 ms)";
    return "no known cause: a bug in the lab or a discovery";
}

/* From variant, sizes and sysctls alone; which were in force, the run tells. */
static void fill_packets(struct anatomy *a, const struct run *run) {
    const struct parameters *asked = &a->columns[PACKETS].run;
    struct consists *one = a->one;
    struct cost cost;
    one->not_predicted_because =
        cost_predict(&cost, a->model, asked->size_bytes, asked->reply_bytes, asked->messages,
                     (unsigned)a->batch);
    const bool known = one->not_predicted_because == NULL;
    const double packets = run == NULL ? (double)NAN : (double)run->wire.all.packets;
    const double bytes = run == NULL ? (double)NAN : (double)run->wire.all.ip_bytes;
    const double messages = (double)asked->messages,
                 payload_bytes = messages * (asked->size_bytes + (double)asked->reply_bytes);
    one->packets = count(known, (double)cost.all_packets, packets, 0);
    one->ip_bytes = count(known, (double)cost.ip_bytes, bytes, 0);
    if (bytes > 0) one->payload_percent = 100 * payload_bytes / bytes;
    one->packets_per_message = packets / messages;
    one->ip_bytes_per_message = bytes / messages;
    for (int i = 0; run != NULL && i < WIRE_DIRECTIONS * WIRE_KINDS; i++) {
        const int direction = i / WIRE_KINDS, kind = i % WIRE_KINDS;
        one->kinds[direction][kind] = count(known, (double)cost.packets[direction][kind],
                                            (double)run->wire.by[direction][kind].packets, 0);
    }
    if (run != NULL) one->explanation = explain_packets(a, run);
}

/*
 * How many of the round trips that were added a message took. One batch (one
 * message, where none is pipelined) is told from later ones, as the first may
 * have to connect.
 */
static void measure_waits(struct anatomy *a) {
    const double tolerance = 0.03, later = LATER * a->batch;
    const bool known = a->model != NULL;
    const unsigned *waits = known ? a->model->waits : (const unsigned[2]){0};
    struct run *runs[4] = {NULL}; /* NEAR_ONE to FAR_ALL */
    double waited[2], took[2], packets[2], bytes[2];
    int made = 0;
    while (made < 4 && (runs[made] = run_part(a, (enum part)(NEAR_ONE + made))) != NULL) made++;
    for (int i = 0; i < 2 && made == 4; i++) {
        const struct run *near = runs[i], *far = runs[2 + i];
        packets[i] = (double)near->wire.all.packets;
        bytes[i] = (double)near->wire.all.ip_bytes;
        const double added_ns = a->batch * (far->wire.applied_rtt_ns - near->wire.applied_rtt_ns) /
                                (double)near->asked.messages;
        waited[i] = (far->latency.mean_ns - near->latency.mean_ns) / added_ns;
        took[i] = (run_time_ns(far) - run_time_ns(near)) / added_ns;
    }
    for (int i = 0; i < made; i++) run_free(runs[i]);
    if (made < 4) return;
    a->one->packets_later = (packets[1] - packets[0]) / later;
    a->one->ip_bytes_later = (bytes[1] - bytes[0]) / later;
    a->one->waited_first = count(known, waits[0], waited[0], tolerance);
    a->one->waited = count(known, waits[1], (waited[1] - waited[0]) / LATER, tolerance);
    a->one->of_time = count(known, waits[1] / a->batch, (took[1] - took[0]) / LATER, tolerance);
}

static double switches_so_far(void) {
    struct rusage usage; /* of the runs so far, and of their servers, which they waited for */
    if (getrusage(RUSAGE_CHILDREN, &usage) != 0) return NAN;
    return (double)usage.ru_nvcsw + (double)usage.ru_nivcsw;
}

static void measure_loop(struct anatomy *a) {
    struct consists *one = a->one;
    const double before = switches_so_far();
    struct run *half = run_part(a, LOOP);
    const double between = switches_so_far();
    struct run *run = half == NULL ? NULL : run_part(a, LOOP_TWICE);
    const double added = switches_so_far() - between - (between - before);
    run_free(half);
    if (run == NULL) {
        one->loopback_skipped_because = session_text(a->session, "%s", a->why);
        return;
    }
    findings_describe(LIST_ANATOMY, one, run); /* the phases */
    one->context_switches = added / (double)a->columns[LOOP].run.messages;
    one->client_cpu_us = metric_us(run->client_cpu_ns) / (double)run->ok;
    one->server_cpu_us = metric_us(run->server_cpu_ns) / (double)run->ok;
    run_free(run);
}

/* What the server was doing, or did, when it was told to end is not counted. */
static double count_calls(const struct trace *trace, int side, const char *name) {
    double calls = 0;
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_call *call = &trace->calls[i];
        calls += (int)call->side == side && strcmp(call->name, name) == 0 &&
                 !trace_is_ending(trace, call);
    }
    return calls;
}

/*
 * Adds a call to those of a side, unless it is there, and says how often a
 * message makes it. Beyond the model, what came at least once in two messages
 * (in two batches): the rest is no message's, such as a thread that starts.
 */
static double add_call(const struct anatomy *a, const struct trace traces[2], int side, bool known,
                       unsigned predicted, const char *name) {
    struct counted_call *call = a->one->calls[side], *last = &call[CALLS_MAX - 1];
    while (call->name != NULL && strcmp(call->name, name) != 0) call++;
    if (call->name != NULL || call == last) return 0;
    const double more = count_calls(&traces[1], side, name) - count_calls(&traces[0], side, name);
    const double measured = more / (double)a->columns[TRACED].run.messages;
    if (predicted == 0 && measured < 0.5 / a->batch) return 0;
    call->name = session_text(a->session, "%s", name);
    call->per_message = count(known, predicted, measured, 0);
    return measured;
}

/* In the model's order first. */
static double fill_calls(const struct anatomy *a, const struct trace traces[2], int side,
                         const struct cost_calls *model) {
    /* What a call carries of a batch varies with who is woken when. */
    const bool known = a->batch == 1 && model->name != NULL;
    double sum = 0;
    for (; model->name != NULL; model++)
        sum += add_call(a, traces, side, known, model->count, model->name);
    for (size_t i = 0; i < traces[1].count; i++)
        if ((int)traces[1].calls[i].side == side)
            sum += add_call(a, traces, side, known, 0, traces[1].calls[i].name);
    return sum;
}

static void measure_calls(struct anatomy *a) {
    static const struct cost_model none;
    const struct cost_model *cost = a->columns->run.variant->cost;
    struct trace traces[2] = {{0}};
    int done = 0;
    if (cost == NULL) cost = &none;
    (void)snprintf(a->why, sizeof a->why, "interrupted");
    while (done < 2 && !interrupted &&
           TRACE_DONE == trace_run(&traces[done], "all", &a->columns[TRACED + done].run, a->why))
        done++;
    if (done == 2) {
        a->one->calls_client = fill_calls(a, traces, TRACE_CLIENT, cost->client);
        a->one->calls_server = fill_calls(a, traces, TRACE_SERVER, cost->server);
    } else {
        a->one->calls_skipped_because = session_text(a->session, "%s", a->why);
    }
    for (int i = 0; i < 2; i++) trace_release(&traces[i]);
}

/* Packets and calls; all the rest as well unless they alone are wanted. */
static void measure_one(struct lab *lab, const struct column *columns, struct consists *one,
                        bool counts_alone) {
    const struct counted unknown = {NAN, NAN, false};
    const struct parameters *asked = &columns[PACKETS].run;
    struct anatomy a = {
        .session = lab->session, .columns = columns, .batch = parameters_depth(asked), .one = one};
    one->variant = asked->variant->name;
    one->size_bytes = asked->size_bytes;
    one->reply_bytes = asked->reply_bytes;
    one->waited_first = one->waited = one->of_time = unknown;
    struct run *run = run_part(&a, PACKETS);
    /* What was in force of the model; the usual where there was no run that would say. */
    const struct cost_model *cost = asked->variant->cost;
    const bool says = run != NULL && cost != NULL && cost->setting != NULL;
    const char *setting = says ? facts_text(&run->settings, cost->setting) : "";
    a.model =
        cost_in_force(cost, *setting == '\0' ? USUAL_SETTING : (unsigned)strtoul(setting, NULL, 0));
    if (run == NULL) one->wire_skipped_because = session_text(lab->session, "%s", a.why);
    fill_packets(&a, run);
    /* A pause of the machine adds pure ACKs; what a kernel adds is there again. */
    for (int again = 2; again > 0 && counts_alone && one->explanation != NULL; again--) {
        struct run *other = run_part(&a, PACKETS);
        if (other == NULL) break;
        run_free(run);
        run = other;
        fill_packets(&a, run);
    }
    if (run != NULL && !counts_alone) measure_waits(&a);
    run_free(run);
    if (!counts_alone) measure_loop(&a);
    measure_calls(&a);
    one->messages = asked->messages;
}

/* ---- what the reader guesses ---- */

static const char *const questions[GUESSES] = {
    [GUESS_PACKETS] = "packets on the wire, both ways, per message",
    [GUESS_ROUND_TRIPS] = "round trips a message waits",
    [GUESS_CALLS] = "system calls of the client per message"};

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

/*
 * A game, if it was asked for: the reader's numbers first; NAN where there is
 * none. An exit status: failed where nobody answers.
 */
static int ask_all(const struct request *request, double guessed[][GUESSES]) {
    bool more = request->predict;
    unsigned answers = 0;
    struct stat input;
    const bool mute =
        !isatty(STDIN_FILENO) && (fstat(STDIN_FILENO, &input) != 0 || S_ISCHR(input.st_mode));
    if (more && mute)
        return complain("--predict asks on standard input, which is neither a terminal nor a "
                        "pipe; leave it out or pipe numbers in, a line each");
    if (more)
        puts("Your numbers first, of a message that is not the first. An empty line: no idea.");
    for (unsigned i = 0; i < request->variant_count; i++) {
        if (more) printf("%s: %s\n", request->variants[i]->name, request->variants[i]->what);
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

int anatomy_measure(struct lab *lab) {
    struct findings *list = &lab->session->lists[LIST_ANATOMY];
    double guessed[REQUEST_VARIANTS_MAX][GUESSES];
    const int status = ask_all(lab->request, guessed);
    for (unsigned i = 0; i < lab->plan.count; i++)
        lab->plan.columns[i].run.seed = gsl_rng_get(lab->random);
    for (unsigned i = 0; i < lab->request->variant_count && status == EXIT_DONE; i++) {
        struct consists *one = findings_add(list, LIST_ANATOMY);
        if (one == NULL) return complain("no memory for what was counted");
        lab_progress(lab, "%s", lab->request->variants[i]->name);
        measure_one(lab, &lab->plan.columns[(size_t)i * PARTS], one, false);
        lab_progress(lab, "%s", "");
        memcpy(one->guessed, guessed[i], sizeof one->guessed);
        if (interrupted) list->count--; /* it is not whole */
        if (interrupted) break;
    }
    return status;
}

/* Those of a run that is the same but for wire and strace are the runs' own. */
static void give_counts(struct session *session, const struct consists *one) {
    for (size_t i = 0; i < session->runs.count; i++) {
        struct run *run = session->runs.list[i];
        if (run_is_floor(run) || run->asked.variant != variant_find(one->variant)) continue;
        if (isnan(run->packets)) run->packets = one->packets_per_message;
        if (isnan(run->wire_bytes)) run->wire_bytes = one->ip_bytes_per_message;
        run->syscalls = one->calls_client + one->calls_server;
    }
}

void anatomy_count(struct lab *lab) {
    const struct request *request = lab->request;
    const bool wanted = request->counts && lab->session->runs.count > 0;
    struct findings *list = &lab->session->lists[LIST_ANATOMY];
    for (unsigned i = 0; wanted && i < request->variant_count && !interrupted; i++) {
        struct column columns[PARTS];
        struct consists *one = findings_add(list, LIST_ANATOMY);
        if (one == NULL) return;
        for (enum part part = 0; part < PARTS; part++) {
            columns[part] = (struct column){.run = request->run};
            columns[part].run.variant = request->variants[i];
            columns[part].run.seed = gsl_rng_get(lab->random);
            columns[part].run.messages = 0; /* as many in every session: they share an opening */
            set_part(&columns[part], part);
        }
        lab_progress(lab, "counting %s", request->variants[i]->name);
        measure_one(lab, columns, one, true);
        lab_progress(lab, "%s", "");
        if (interrupted)
            list->count--; /* it is not whole */
        else
            give_counts(lab->session, one);
    }
}

/* Whether anything could be measured at all. */
int anatomy_status(const struct lab *lab) {
    const struct consists *all = lab->session->lists[LIST_ANATOMY].items;
    for (size_t i = 0; i < lab->session->lists[LIST_ANATOMY].count; i++)
        if (all[i].wire_skipped_because == NULL || all[i].calls_skipped_because == NULL ||
            all[i].loopback_skipped_because == NULL)
            return EXIT_DONE;
    return EXIT_FAILED;
}

/* As enum wire_kind and enum wire_direction have them. */
static const char *const kind_words[WIRE_KINDS] = {
    "RST", "SYN", "SYN-ACK", "FIN", "request", "reply", "data", "pure ACK", "fragment", "other"};
static const char *const direction_words[WIRE_DIRECTIONS] = {"to server", "to client", "astray"};

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
    for (int i = 0; i < TRACE_SIDES * CALLS_MAX; i++) {
        const struct counted_call *call = &one->calls[i / CALLS_MAX][i % CALLS_MAX];
        if (call->name != NULL && !isnan(call->per_message.predicted) && !call->per_message.equal)
            return false;
    }
    return true;
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
    const struct consists *all = list->items;
    struct grid grid =
        grid_of("counted apart, per message|packets|IP bytes|client's calls|server's");
    for (size_t i = 0; i < list->count; i++)
        grid_fill(&grid,
                  "{variant}|{packets_per_message:each}|{ip_bytes_per_message:each}|"
                  "{syscalls_per_message.client:each}|{syscalls_per_message.server:each}",
                  fill_from(LIST_ANATOMY, &all[i]));
    story_table(story, "", &grid);
    if (list->count == 0) return;
    const struct source first = fill_from(LIST_ANATOMY, all);
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
        grid_add(&grid, off < 0.5 ? "yes" : off <= 0.25 * truth + 0.5 ? "near" : "no");
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
    const char *verdict = counted->equal ? " =" : " (predicted otherwise)";
    grid_add(grid, "%s%s", words_each(per_message).text, isnan(counted->predicted) ? "" : verdict);
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
