/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/options.h"

#include <argp.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench/cli/commands.h"

enum { KEY_FIRST = 256, GIVEN_MAX = 80 };

/* ---- options ---- */

struct parse {
    struct request *request;
    const struct command *command;
    const struct argp_state *state;
    int takers;                               /* as whom it takes options */
    const struct parameter *given[GIVEN_MAX]; /* each once */
    unsigned given_count;
    const char *rates; /* sweep loss --rate LIST */
    bool wants_width;  /* behind --blocks until */
};

static const struct parameter *option_at(unsigned i) {
    return i < parameter_count                        ? &parameters[i]
           : i - parameter_count < other_option_count ? &other_options[i - parameter_count]
                                                      : NULL;
}

/* -4 and -6 are short as well, as ssh and curl have them. */
static int key_of(unsigned i) {
    const char *name = option_at(i)->option;
    return strncmp(name, "ipv", 3) == 0 ? name[3] : KEY_FIRST + (int)i;
}

/* Says what is wrong and exits. */
__attribute__((format(printf, 2, 3))) _Noreturn static void wrong(const struct parse *p,
                                                                  const char *format, ...) {
    char *text = NULL;
    va_list values;
    va_start(values, format);
    if (vasprintf(&text, format, values) >= 0) argp_error(p->state, "%s", text);
    va_end(values);
    exit(EXIT_WRONG_USAGE);
}

static bool was_given(const struct parse *p, const char *option) {
    for (unsigned i = 0; i < p->given_count; i++)
        if (strcmp(p->given[i]->option, option) == 0) return true;
    return false;
}

static void parse_points(struct parse *p, const char *option, const char *text) {
    struct request *request = p->request;
    char *copy = strdup(text), *rest = copy;
    request->point_count = 0;
    for (const char *word; (word = strsep(&rest, ",")) != NULL;) {
        double point = 0;
        const int failed = axis_parse(axis_find(request->axis), word, &point);
        if (failed != 0 || request->point_count == REQUEST_POINTS_MAX)
            wrong(p, "--%s %s: '%s' is no point of %s, or out of its range", option, text, word,
                  request->axis);
        request->points[request->point_count++] = point;
    }
    free(copy);
}

/* `compare --rate half`, and `sweep loss --rate [LIST]`. */
static bool is_special_rate(struct parse *p, const struct parameter *option, const char *text) {
    if (strcmp(option->option, "rate") != 0) return false;
    if ((p->command->takers & BY_TRAFFIC) != 0) {
        p->request->rates = true;
        p->rates = text;
        return true;
    }
    p->request->rate_half =
        text != NULL && strcmp(text, "half") == 0 && (p->command->takers & BY_COMPARE) != 0;
    return p->request->rate_half;
}

/* `--blocks until`, and what it is to reach is an argument of its own for argp. */
static bool is_until(struct parse *p, const struct parameter *option, const char *text) {
    if (strcmp(option->option, "blocks") != 0 || strcmp(text, "until") != 0) return false;
    return p->wants_width = true;
}

static void take_width(struct parse *p, const char *text) {
    char *end;
    const double percent = strtod(text, &end);
    if (strcmp(end, "%") != 0 || !(percent >= 0.1 && percent <= 100))
        wrong(p, "--blocks until %s: give the width of the intervals, 0.1%% to 100%%", text);
    p->request->until_percent = percent;
    p->wants_width = false;
}

static void take_option(struct parse *p, unsigned key, const char *text) {
    const struct parameter *option = option_at(key);
    struct request *request = p->request;
    char wanted[128];
    if (!was_given(p, option->option)) p->given[p->given_count++] = option;
    if (option->wire) request->run.wire = true;
    if (is_special_rate(p, option, text) || is_until(p, option, text)) return;
    void *structure = key < parameter_count ? (void *)&request->run : (void *)request;
    if (parameter_parse(option, text == NULL ? "" : text, structure) == 0) return;
    wrong(p, "--%s %s: %s", option->option, text, parameter_wanted(option, wanted, sizeof wanted));
}

/* ---- arguments ---- */

static void add_variant(struct parse *p, const char *name) {
    struct request *request = p->request;
    const struct variant *variant = variant_find(name);
    if (variant == NULL) wrong(p, "there is no variant '%s'; `echolab variants` lists them", name);
    if (request->variant_count == REQUEST_VARIANTS_MAX)
        wrong(p, "at most %d variants can be compared at once", REQUEST_VARIANTS_MAX);
    request->variants[request->variant_count++] = variant;
}

/* What stands behind `--` is new: p->state->quoted is where that is. */
static void add_file(struct parse *p, const char *path) {
    struct request *request = p->request;
    if (request->file_count == REQUEST_FILES_MAX) wrong(p, "at most %d files", REQUEST_FILES_MAX);
    request->files[request->file_count++] = path;
    if (p->state->quoted == 0) request->base_count = request->file_count;
}

static void add_argument(struct parse *p, char *text) {
    struct request *request = p->request;
    const int takers = p->command->takers;
    /* `sweep loss --rate 20,200`: what may be left out is no part of the option for argp. */
    const bool rate = request->rates && p->rates == NULL && *text >= '0' && *text <= '9';
    if (p->wants_width)
        take_width(p, text);
    else if ((takers & BY_SWEEPS) != 0 && rate)
        p->rates = text;
    else if (takers == BY_SWEEPS && request->axis == NULL)
        request->axis = text;
    else if (takers == BY_REPORT && request->directory == NULL)
        request->directory = text;
    else if ((takers & BY_DIFF) != 0)
        add_file(p, text);
    else if ((takers & (BY_LOADS | BY_SEND | BY_ANATOMY | BY_LADDER)) != 0)
        add_variant(p, text);
    else
        wrong(p, "'%s' is one argument too many", text);
}

_Noreturn static void refuse_axis(const struct parse *p, const char *name) {
    char names[256] = "";
    for (unsigned i = 0, at = 0; i < axis_count; i++)
        at += (unsigned)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "",
                                 axes[i].name);
    wrong(p, "'%s' is no axis; there are %s", name == NULL ? "" : name, names);
}

static void check_axis(struct parse *p) {
    struct request *request = p->request;
    const struct axis *axis = axis_find(request->axis);
    if (axis == NULL) {
        refuse_axis(p, request->axis);
        return; /* analyzers do not know that it does not come back */
    }
    const bool loss = strcmp(axis->name, "loss") == 0;
    if (request->rates && !loss) {
        /* An ordinary option of any other sweep. */
        const char *rate = p->rates == NULL ? "" : p->rates;
        request->rates = false;
        if (parameter_parse(parameter_find("rate"), rate, &request->run) != 0)
            wrong(p, "--rate %s: give requests per second, such as 10k", rate);
        p->rates = NULL;
    }
    if (loss && request->packet == request->rates)
        wrong(p, "it is: sweep loss --packet (a lone message), or sweep loss --rate "
                 "(who waits for the lost one)");
    if (p->rates != NULL && request->at != NULL)
        wrong(p, "the rates are given twice, by --rate and by --at");
    if (axis->wire) {
        request->run.wire = true;
        if (request->run.rtt_ns == 0) request->run.rtt_ns = 20000000;
    }
    const char *points = p->rates != NULL      ? p->rates
                         : request->at != NULL ? request->at
                                               : axis->points;
    if (points != NULL) parse_points(p, p->rates != NULL ? "rate" : "at", points);
}

/* ---- what goes with what, and what follows from what was given ---- */

enum { OPEN_CONNECTIONS = 64 /* of an open loop: enough that few requests wait for one */ };

static bool along(const struct parse *p, const char *axis) {
    return p->request->axis != NULL && strcmp(p->request->axis, axis) == 0;
}

/* ---- usual values ---- */

static void take_usual(struct request *request, int takers) {
    const uint64_t second_ns = 1000000000;
    if (takers == BY_CROSSCHECK) {
        request->run.duration_ns = second_ns;
        request->margin_percent = 5;
    }
    if (takers == BY_LADDER) {
        request->run.wire = true;
        request->run.rtt_ns = 20000000;
    }
}

/* A fresh socket that costs no round trip is no other case than a kept one. */
static bool waits_or_not(const struct variant *variant) {
    const bool fresh = variant->lifetime != ECHO_PERSISTENT;
    return (variant->core || variant->retries) && !(fresh && variant->round_trips == 1);
}

static bool is_kept(const struct variant *variant) {
    return variant->lifetime == ECHO_PERSISTENT;
}

static bool is_usual(const struct parse *p, const struct variant *variant) {
    const struct axis *axis = axis_find(p->request->axis);
    if (axis == NULL) return variant->core;
    if (axis->retries) return variant->retries;
    if (axis->pipelines) return variant->depth > 1;
    if (axis->kept) return variant->core && is_kept(variant);
    return p->request->rates ? waits_or_not(variant) : variant->core;
}

static void take_variants(const struct parse *p) {
    struct request *r = p->request;
    const int some = BY_COMPARE | BY_SWEEPS | BY_ANATOMY;
    if (r->variant_count > 0 || (p->takers & some) == 0) return;
    for (unsigned i = 0; i < variant_count; i++)
        if (is_usual(p, &variants[i])) r->variants[r->variant_count++] = &variants[i];
}

/* On one CPU the generator and the server are in each other's way. */
static void take_open_loop(const struct parse *p) {
    struct parameters *run = &p->request->run;
    const bool open = run->rate_per_s > 0 || p->request->rate_half || along(p, "rate");
    if (p->request->rates) {
        run->engine = ENGINE_EPOLL;
        if (!was_given(p, "connections")) run->connections = 0;       /* see head_of_line.c */
        if (!was_given(p, "assign")) run->assign = ASSIGN_CONNECTION; /* clients of their own */
    } else if (open) {
        if (was_given(p, "engine") && run->engine != ENGINE_EPOLL)
            wrong(p, "an open loop (--rate) is driven by the epoll engine; leave out "
                     "--engine");
        run->engine = ENGINE_EPOLL;
        if (!was_given(p, "connections")) run->connections = OPEN_CONNECTIONS;
        if (!was_given(p, "placement")) run->placement = PLACEMENT_CROSS_CORE;
    } else if (was_given(p, "arrivals") || was_given(p, "assign") || was_given(p, "lateness")) {
        wrong(p, "--arrivals, --assign and --lateness are of an open loop: give --rate too");
    }
    if (!was_given(p, "design")) run->design = engine_design(run->engine);
}

/* ---- what is taken ---- */

static void check_taken(const struct parse *p) {
    const struct axis *axis = axis_find(p->request->axis);
    for (unsigned i = 0; i < p->given_count; i++) {
        const struct parameter *option = p->given[i];
        const bool own = p->takers == BY_TRAFFIC && strcmp(option->option, "rate") == 0;
        if (axis != NULL && !own && strcmp(option->option, axis->option) == 0)
            wrong(p, "--%s is what the sweep goes along: give its points with --at",
                  option->option);
        if (own || (parameter_takers(option) & p->takers) != 0) continue;
        wrong(p, "%s%s does not take --%s; leave it out", axis == NULL ? "diff " : "sweep ",
              p->takers == BY_PACKET    ? "loss --packet"
              : p->takers == BY_TRAFFIC ? "loss --rate"
              : p->takers == BY_HISTORY ? "--history"
              : p->takers == BY_DIFF    ? "of two sides"
                                        : p->request->axis,
              option->option);
    }
}

static void check_metric(const struct parse *p, const char *metric) {
    char names[256] = "";
    for (int i = 0, at = 0; difference_metrics[i] != NULL; i++) {
        if (strcmp(metric, difference_metrics[i]) == 0) return;
        at += snprintf(names + at, sizeof names - (size_t)at, "%s%s", i > 0 ? ", " : "",
                       difference_metrics[i]);
    }
    wrong(p, "--metric %s: there are %s", metric, names);
}

static void check_arguments(const struct parse *p) {
    const struct request *r = p->request;
    if ((p->takers & (BY_SEND | BY_RUN | BY_LADDER)) != 0 && r->variant_count != 1)
        wrong(p, "exactly one variant is wanted; `echolab variants` lists them");
    if (p->takers == BY_SEND && r->run.messages == 0) wrong(p, "send needs --messages N");
    if (p->takers == BY_DIFF && (r->base_count == 0 || r->base_count == r->file_count))
        wrong(p, "diff takes files on both sides: BASE.json... -- NEW.json...");
    if (p->takers == BY_HISTORY && r->file_count > 0)
        wrong(p, "diff --history takes all sessions of its folder, and no files beside");
    if (p->takers == BY_HISTORY && output_is_stdout(r->output))
        wrong(p, "--output %s: the standard output has the words; name a file for the picture",
              r->output);
    if (r->metric != NULL) check_metric(p, r->metric);
    if (p->takers == BY_REPORT && r->directory == NULL) wrong(p, "report which folder?");
}

/* What of a message alone is the same every time. */
static void check_counts(const struct parse *p) {
    const struct request *r = p->request;
    const struct parameters *run = &r->run;
    const bool alone = run->connections == 1 && run->rate_per_s == 0 && !r->rate_half &&
                       run->loss_percent == 0 && run->placement != PLACEMENT_SPIN &&
                       run->host == NULL && r->against == NULL;
    if (!r->counts || alone) return;
    wrong(p, "--counts is of messages that do not vary, of this build and a server of its own: "
             "leave out --connections, --rate, --loss, --host, --against and spin");
}

/* What is the server's to do, which another host has started already. */
static void check_host(const struct parse *p) {
    static const char *const of_server[] = {"delay",   "dedup",   "design",
                                            "workers", "profile", "placement",
                                            "idle",    "silent",  "idle-timeout"};
    const bool family = was_given(p, "ipv4") || was_given(p, "ipv6");
    if (family && p->request->run.host == NULL)
        wrong(p, "-4 and -6 choose among the addresses of --host: give that, too");
    if (was_given(p, "ipv4") && was_given(p, "ipv6")) wrong(p, "-4 and -6 exclude each other");
    if (p->request->run.host == NULL) return;
    if (p->request->run.wire)
        wrong(p, "--host names a real path: it takes no --rtt, --loss or --mtu");
    if (p->takers == BY_RUN) return; /* it is told all, whether or not it matters there */
    for (size_t i = 0; i < sizeof of_server / sizeof of_server[0]; i++) {
        if (!was_given(p, of_server[i])) continue;
        wrong(p,
              "--%s is of a server of our own; with --host leave it out, or give it to "
              "`echolab serve` there",
              of_server[i]);
    }
    if (along(p, "design"))
        wrong(p, "--host names one server, whose design is what it is: leave it out");
}

/* ---- what the engines and the variants can do ---- */

static double most_of(const struct parse *p, const char *axis, double own) {
    for (unsigned i = 0; along(p, axis) && i < p->request->point_count; i++)
        own = fmax(own, p->request->points[i]);
    return own;
}

static void check_engine(const struct parse *p) {
    const struct parameters *run = &p->request->run;
    const bool many = run->engine == ENGINE_EPOLL, spins = run->placement == PLACEMENT_SPIN;
    if (many && run->gap_ns > 0)
        wrong(p, "--gap is a pause in the closed loop of the blocking engine");
    if (spins && many)
        wrong(p, "spin polls one socket on each side, epoll waits for many: choose one");
    if (spins && most_of(p, "connections", run->connections) > 1)
        wrong(p, "spin polls one socket on each side: it takes --connections 1");
}

static void check_variant(const struct parse *p, const struct variant *variant) {
    const struct parameters *run = &p->request->run;
    const struct axis *axis = axis_find(p->request->axis);
    const bool pipelined = run->pipeline > 0 || along(p, "pipeline");
    if (axis != NULL && axis->retries && !variant->retries)
        wrong(p, "%s never sends again: it has no place on the axis %s", variant->name, axis->name);
    if (axis != NULL && axis->kept && !is_kept(variant))
        wrong(p, "%s has a connection for every message: it has no place on the axis %s",
              variant->name, axis->name);
    if (pipelined && variant->depth == 0)
        wrong(p, "%s carries one message at a time: leave it out, or --pipeline", variant->name);
    if (run->per_connection > 0 && !is_kept(variant))
        wrong(p, "%s has a connection for every message: leave it out, or --per-connection",
              variant->name);
    if (fmax(most_of(p, "size", run->size_bytes), run->reply_bytes) >
        variant->transport->payload_max) {
        wrong(p,
              "%s carries at most %u bytes of payload in a message; leave it out or choose a "
              "smaller %s",
              variant->name, variant->transport->payload_max,
              axis == NULL ? "--size or --reply-size" : "--size or --at");
    }
}

static void complete(const struct parse *p) {
    struct parameters *run = &p->request->run;
    check_taken(p);
    check_arguments(p);
    take_variants(p);
    if (!was_given(p, "reply-size")) run->reply_bytes = run->size_bytes;
    if (p->takers == BY_SEND && !was_given(p, "warmup")) run->warmup_ns = 0;
    if (p->takers == BY_SEND && run->host == NULL) run->host = "127.0.0.1";
    take_open_loop(p);
    check_host(p);
    check_engine(p);
    check_counts(p);
    bool retries = p->takers == BY_SERVE;
    for (unsigned i = 0; i < p->request->variant_count; i++) {
        check_variant(p, p->request->variants[i]);
        retries = retries || p->request->variants[i]->retries;
    }
    if (!retries && (was_given(p, "rto-floor") || was_given(p, "dedup")))
        wrong(p, "--rto-floor and --dedup are for a variant that retries, such as "
                 "udp-retry; leave them out or add one");
}

/* ---- the whole ---- */

static void check_usage(struct parse *p) {
    if (p->command->takers == BY_SWEEPS) check_axis(p);
    const struct experiment *experiment = experiment_of(p->command->name, p->request);
    if (p->wants_width) wrong(p, "--blocks until what width? Such as: --blocks until 2%%");
    if (experiment != NULL && p->request->blocks == 0) p->request->blocks = experiment->blocks;
    p->takers = experiment == NULL ? p->command->takers : (int)experiment->taker;
    if (p->request->until_percent > 0 && (p->takers & COMPARES) == 0)
        wrong(p, "--blocks until is of comparisons; give a number of blocks");
    if (p->request->until_percent > 0)
        p->request->blocks = BLOCKS_MOST;
    else if (was_given(p, "within"))
        wrong(p, "--within is of --blocks until P; leave it out");
    complete(p);
}

static error_t parse_one(int key, char *text, struct argp_state *state) {
    struct parse *p = state->input;
    p->state = state;
    for (unsigned i = 0; option_at(i) != NULL; i++) {
        if (key_of(i) != key) continue;
        take_option(p, i, text);
        return 0;
    }
    switch (key) {
    case ARGP_KEY_ARG: add_argument(p, text); break;
    case ARGP_KEY_END: check_usage(p); break;
    case 'h': argp_state_help(state, stdout, ARGP_HELP_STD_HELP); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static uint64_t random_seed(void) {
    uint32_t seed = 0;
    return getrandom(&seed, sizeof seed, 0) == sizeof seed ? seed : 1;
}

static const struct command *command_find(const char *name) {
    for (unsigned i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

/* The help of an option for whoever takes it. */
static const char *help_of(const struct parameter *option, int takers) {
    for (size_t i = 0; i < sizeof option->takes / sizeof option->takes[0]; i++)
        if ((option->takes[i].takers & takers) != 0) return option->takes[i].help;
    return NULL;
}

static struct argp_option *argp_options(const struct command *command) {
    struct argp_option *list = calloc(parameter_count + other_option_count + 2, sizeof *list);
    unsigned count = 0;
    for (unsigned i = 0; list != NULL && option_at(i) != NULL; i++) {
        const struct parameter *option = option_at(i);
        const char *help = help_of(option, command->takers);
        if (help == NULL) continue;
        list[count] = (struct argp_option){
            .name = option->option, .key = key_of(i), .arg = option->argument, .doc = help};
        if (strcmp(option->option, "pipe") == 0) list[count].flags = OPTION_HIDDEN;
        if (strcmp(option->option, "rate") == 0 && (command->takers & BY_TRAFFIC) != 0) {
            list[count].flags = OPTION_ARG_OPTIONAL;
            list[count].doc = "open loop: so many requests are due each second; of loss: who "
                              "waits, at these rates (20,200,1k)";
        }
        count++;
    }
    if (list != NULL) list[count] = (struct argp_option){.key = 'h', .flags = OPTION_HIDDEN};
    return list;
}

bool options_parse(struct request *request, int argc, char **argv) {
    const struct command *command = command_find(argv[0]);
    if (command == NULL) return false;
    *request = (struct request){.argv = (const char *const *)argv - 1};
    parameters_usual(&request->run);
    for (unsigned i = 0; i < other_option_count; i++) parameter_usual(&other_options[i], request);
    request->run.seed = random_seed();
    take_usual(request, command->takers);
    struct argp_option *mine = argp_options(command);
    struct parse parse = {.request = request, .command = command};
    const struct argp argp = {
        .options = mine, .parser = parse_one, .args_doc = command->arguments, .doc = command->what};
    char **copy = calloc((size_t)argc + 1, sizeof *copy); /* argp moves words; ours stay */
    static char name[32];
    (void)snprintf(name, sizeof name, "echolab %s", argv[0]);
    if (mine == NULL || copy == NULL) exit(complain("no memory for the options"));
    memcpy(copy, argv, (size_t)argc * sizeof *copy);
    copy[0] = name;
    (void)argp_parse(&argp, argc, copy, ARGP_IN_ORDER, NULL, &parse);
    free(copy);
    free(mine);
    return true;
}
