/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench/cli/rules.h"

struct command {
    const char *name;
    int takers; /* as whom it takes options: sweep's are told apart by its axis */
    const char *arguments;
    const char *what;
};

static const struct command commands[] = {
    {"serve", BY_SERVE, "", "the echo server, TCP and UDP on one port number"},
    {"send", BY_SEND, "VARIANT", "fixed work for a server, and one line of result"},
    {"compare", BY_COMPARE, "[VARIANT...]", "variants side by side, interleaved, with verdicts"},
    {"sweep", BY_SWEEPS, "AXIS [VARIANT...]", "compare at several points of an axis"},
    {"anatomy", BY_ANATOMY, "[VARIANT...]", "what a message costs, predicted beside measured"},
    {"ladder", BY_LADDER, "VARIANT", "one exchange, call by call and packet by packet"},
    {"check", BY_CHECK, "", "test the ruler itself"},
    {"diff", BY_DIFF | BY_HISTORY, "BASE... -- NEW...", "regression verdict over sessions"},
    {"crosscheck", BY_CROSSCHECK, "", "other tools beside ours, those that are here"},
    {"report", BY_REPORT, "DIR", "figure data and one HTML page from DIR/results"},
    {"variants", BY_VARIANTS, "", "the table of variants"},
    {"run", BY_RUN, "VARIANT", "one run as compare starts it; prints its JSON"}};

enum {
    COMMAND_COUNT = sizeof commands / sizeof commands[0],
    WRITES_JSON =
        BY_COMPARE | BY_SWEEPS | BY_DIFF | BY_HISTORY | BY_CHECK | BY_CROSSCHECK | BY_ANATOMY,
    PLANS = BY_COMPARE | BY_SWEEPS,
    BLOCKS_MOST = 10000,
    COMPARES = BY_COMPARE | BY_SWEEP | BY_RTT | BY_RATE
};

#define AT(kind_, member_)                                                                         \
    { NULL, FIELD_AT(request, kind_, member_) }

/* What is of a whole experiment, or of a command that makes no runs. */
static const struct parameter others[] = {
    {"blocks", "N", FORM_COUNT, AT(UNSIGNED, blocks), .least = 1, .most = BLOCKS_MOST,
     .takes = {{PLANS, "each compared variant once in each (15; sweep: 6); `until 2%`: as many as "
                       "make the intervals so narrow"},
               {BY_CROSSCHECK | BY_CHECK, "each once in each (crosscheck: 6; check: 20)"}}},
    {"within", "T", FORM_TIME, AT(TIME, within_ns), .least = 1e9, .usual = "600s",
     .takes = {{COMPARES, "the longest that --blocks until P goes on (600s)"}}},
    {"at", "LIST", FORM_TEXT, AT(TEXT, at),
     .takes = {{BY_SWEEPS & ~BY_PACKET, "the points, such as 64,1k,16k or 0ms,20ms"}}},
    {"margin", "P", FORM_PERCENT, AT(REAL, margin_percent), .usual = "1%",
     .takes = {{BY_COMPARE | BY_SWEEP | BY_RTT | BY_RATE | BY_DIFF | BY_CROSSCHECK,
                "differences within it are none (1%; crosscheck: 5%)"}}},
    {"min-effect", "P", FORM_PERCENT, AT(REAL, min_effect_percent), .usual = "2%",
     .takes = {{BY_DIFF, "what is smaller is no regression (2%)"}}},
    {"of",
     "WHAT",
     FORM_CHOICE,
     {NULL, FIELD_AT(request, CHOICE, of), .choices = difference_of_names,
      .choice_count = DIFFERENCE_OFS},
     .takes = {{BY_DIFF | BY_HISTORY,
                "what is tracked: build (counts, time / floor) or host (counts, times)"}}},
    {"history", "DIR", FORM_TEXT, AT(TEXT, history),
     .takes = {{BY_HISTORY, "instead of two sides: all sessions of DIR by their start, drawn, and "
                            "where a number changed"}}},
    {"metric", "NAME", FORM_TEXT, AT(TEXT, metric),
     .takes = {{BY_HISTORY, "of --history (time_per_floor; of a host time_per_message)"}}},
    {"against", "PROGRAM", FORM_TEXT, AT(TEXT, against),
     .takes = {{BY_COMPARE, "another build of echolab, in the same blocks"}}},
    {"counts", NULL, FORM_FLAG, AT(TRUTH, counts),
     .takes = {{BY_COMPARE, "count packets and system calls of each variant too, at the end"}}},
    {"packet", NULL, FORM_FLAG, AT(TRUTH, packet),
     .takes = {{BY_PACKET, "of loss: each packet of a lone message in turn"}}},
    {"json", "FILE", FORM_TEXT, AT(TEXT, json),
     .takes = {{WRITES_JSON, "write all results as JSON"}}},
    {"csv", "FILE", FORM_TEXT, AT(TEXT, csv),
     .takes = {{PLANS | BY_CROSSCHECK, "write a row per run as CSV"}}},
    {"dry-run", NULL, FORM_FLAG, AT(TRUTH, dry_run),
     .takes = {{PLANS | BY_ANATOMY | BY_CHECK | BY_CROSSCHECK,
                "print the plan with its time, and run nothing"}}},
    {"quiet", NULL, FORM_FLAG, AT(TRUTH, quiet),
     .takes = {{PLANS | BY_CROSSCHECK, "no progress line"}, {BY_DIFF, "only the verdict"}}},
    {"predict", NULL, FORM_FLAG, AT(TRUTH, predict),
     .takes = {{BY_ANATOMY, "ask for your numbers first"}}},
    {"output", "DIR", FORM_TEXT, AT(TEXT, output),
     .takes = {{BY_LADDER, "write VARIANT.txt, .tsv (to draw) and .pcap there"}}},
    {"output", "FILE", FORM_TEXT, AT(TEXT, output),
     .takes = {{BY_HISTORY, "of --history: the picture (DIR/history.png)"}}},
    {"host", "A", FORM_TEXT, AT(TEXT, listen),
     .takes = {{BY_SERVE, "where to listen (127.0.0.1)"}}},
    {"port", "N", FORM_COUNT, AT(UNSIGNED, port), .most = UINT16_MAX, .usual = "7007",
     .takes = {{BY_SERVE, "the port number, 0: any (7007)"}}},
    {"raw", NULL, FORM_FLAG, AT(TRUTH, raw),
     .takes = {{BY_SERVE, "plain RFC 862: bytes come back as they are; loopback only"}}},
    {"text", NULL, FORM_FLAG, AT(TRUTH, text),
     .takes = {{BY_REPORT, "print it in the terminal instead"}}},
    {"names", NULL, FORM_FLAG, AT(TRUTH, names),
     .takes = {{BY_VARIANTS, "only the names of the core ones, a line each"}}},
    {"pipe", NULL, FORM_FLAG, AT(TRUTH, pipe),
     .takes = {{BY_RUN, "the result as bytes, for the same program"}}}};

enum { OTHER_COUNT = sizeof others / sizeof others[0], KEY_FIRST = 256 };

void options_print_commands(void) {
    puts("Usage: echolab COMMAND [OPTION...] [ARGUMENT...]\n"
         "What does it cost to carry a message over TCP or UDP, on a fresh connection\n"
         "or on one that stays open?\n");
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-10s %-17s %s\n", commands[i].name, commands[i].arguments, commands[i].what);
    }
    puts("\n`echolab COMMAND --help` lists the options of a command.\n"
         "Exit status: 0 done; 1 failed; 3 a regression, a control that failed; 4 the runs\n"
         "were not valid; 64 wrong usage; 130 interrupted (serve: 0).");
}

/* ---- options ---- */

struct parse {
    struct request *request;
    const struct command *command;
    struct usage usage;
    const char *rates; /* sweep loss --rate LIST */
    bool wants_width;  /* behind --blocks until */
};

static const struct parameter *option_at(unsigned i) {
    return i < parameter_count                 ? &parameters[i]
           : i - parameter_count < OTHER_COUNT ? &others[i - parameter_count]
                                               : NULL;
}

/* -4 and -6 are short as well, as ssh and curl have them. */
static int key_of(unsigned i) {
    const char *name = option_at(i)->option;
    return strncmp(name, "ipv", 3) == 0 ? name[3] : KEY_FIRST + (int)i;
}

static void parse_points(const struct argp_state *state, struct request *request,
                         const char *option, const char *text) {
    char *copy = strdup(text), *rest = copy;
    request->point_count = 0;
    for (const char *word; (word = strsep(&rest, ",")) != NULL;) {
        double point = 0;
        const int failed = axis_parse(axis_find(request->axis), word, &point);
        if (failed != 0 || request->point_count == REQUEST_POINTS_MAX) {
            wrong(state, "--%s %s: '%s' is no point of %s, or out of its range", option, text, word,
                  request->axis);
        }
        request->points[request->point_count++] = point;
    }
    free(copy);
}

/* `compare --rate half`, and `sweep loss --rate [LIST]`. */
static bool is_special_rate(struct parse *parse, const struct parameter *option, const char *text) {
    if (strcmp(option->option, "rate") != 0) return false;
    if ((parse->command->takers & BY_TRAFFIC) != 0) {
        parse->request->rates = true;
        parse->rates = text;
        return true;
    }
    parse->request->rate_half =
        text != NULL && strcmp(text, "half") == 0 && (parse->command->takers & BY_COMPARE) != 0;
    return parse->request->rate_half;
}

/* `--blocks until`, and what it is to reach is an argument of its own for argp. */
static bool is_until(struct parse *parse, const struct parameter *option, const char *text) {
    if (strcmp(option->option, "blocks") != 0 || strcmp(text, "until") != 0) return false;
    parse->wants_width = true;
    return true;
}

static void take_width(const struct argp_state *state, struct parse *parse, const char *text) {
    char *end;
    const double percent = strtod(text, &end);
    if (strcmp(end, "%") != 0 || !(percent >= 0.1 && percent <= 100)) {
        wrong(state, "--blocks until %s: give the width of the intervals, 0.1%% to 100%%", text);
    }
    parse->request->until_percent = percent;
    parse->wants_width = false;
}

static void take_option(struct parse *parse, const struct argp_state *state, unsigned key,
                        const char *text) {
    const struct parameter *option = option_at(key);
    struct request *request = parse->request;
    struct usage *usage = &parse->usage;
    char wanted[128];
    if (!was_given(usage, option->option)) usage->given[usage->given_count++] = option;
    if (option->wire) request->run.wire = true;
    if (is_special_rate(parse, option, text) || is_until(parse, option, text)) return;
    void *structure = key < parameter_count ? (void *)&request->run : (void *)request;
    if (parameter_parse(option, text == NULL ? "" : text, structure) == 0) return;
    wrong(state, "--%s %s: %s", option->option, text,
          parameter_wanted(option, wanted, sizeof wanted));
}

/* ---- arguments ---- */

static void add_variant(const struct argp_state *state, struct request *request, const char *name) {
    const struct variant *variant = variant_find(name);
    if (variant == NULL) {
        wrong(state, "there is no variant '%s'; `echolab variants` lists them", name);
    }
    if (request->variant_count == REQUEST_VARIANTS_MAX) {
        wrong(state, "at most %d variants can be compared at once", REQUEST_VARIANTS_MAX);
    }
    request->variants[request->variant_count++] = variant;
}

/* What stands behind `--` is new: state->quoted is where that is. */
static void add_file(const struct argp_state *state, struct request *request, const char *path) {
    if (request->file_count == REQUEST_FILES_MAX)
        wrong(state, "at most %d files", REQUEST_FILES_MAX);
    request->files[request->file_count++] = path;
    if (state->quoted == 0) request->base_count = request->file_count;
}

static void add_argument(const struct argp_state *state, struct parse *parse, char *text) {
    struct request *request = parse->request;
    const int takers = parse->command->takers;
    /* `sweep loss --rate 20,200`: what may be left out is no part of the option for argp. */
    const bool rate = request->rates && parse->rates == NULL && *text >= '0' && *text <= '9';
    if (parse->wants_width)
        take_width(state, parse, text);
    else if ((takers & BY_SWEEPS) != 0 && rate)
        parse->rates = text;
    else if (takers == BY_SWEEPS && request->axis == NULL)
        request->axis = text;
    else if (takers == BY_REPORT && request->directory == NULL)
        request->directory = text;
    else if ((takers & BY_DIFF) != 0)
        add_file(state, request, text);
    else if ((takers & (BY_LOADS | BY_SEND | BY_ANATOMY | BY_LADDER)) != 0)
        add_variant(state, request, text);
    else
        wrong(state, "'%s' is one argument too many", text);
}

_Noreturn static void refuse_axis(const struct argp_state *state, const char *name) {
    char names[256] = "";
    for (unsigned i = 0, at = 0; i < axis_count; i++) {
        at += (unsigned)snprintf(names + at, sizeof names - at, "%s%s", i > 0 ? ", " : "",
                                 axes[i].name);
    }
    wrong(state, "'%s' is no axis; there are %s", name == NULL ? "" : name, names);
}

static void check_axis(const struct argp_state *state, struct parse *parse) {
    struct request *request = parse->request;
    const struct axis *axis = axis_find(request->axis);
    if (axis == NULL) {
        refuse_axis(state, request->axis);
        return; /* analyzers do not know that it does not come back */
    }
    const bool loss = strcmp(axis->name, "loss") == 0;
    if (request->rates && !loss) {
        /* An ordinary option of any other sweep. */
        const char *rate = parse->rates == NULL ? "" : parse->rates;
        request->rates = false;
        if (parameter_parse(parameter_find("rate"), rate, &request->run) != 0) {
            wrong(state, "--rate %s: give requests per second, such as 10k", rate);
        }
        parse->rates = NULL;
    }
    if (loss && request->packet == request->rates) {
        wrong(state, "it is: sweep loss --packet (a lone message), or sweep loss --rate "
                     "(who waits for the lost one)");
    }
    if (parse->rates != NULL && request->at != NULL) {
        wrong(state, "the rates are given twice, by --rate and by --at");
    }
    if (axis->wire) {
        request->run.wire = true;
        if (request->run.rtt_ns == 0) request->run.rtt_ns = 20000000;
    }
    const char *points = parse->rates != NULL  ? parse->rates
                         : request->at != NULL ? request->at
                                               : axis->points;
    if (points != NULL) {
        parse_points(state, request, parse->rates != NULL ? "rate" : "at", points);
    }
}

/* ---- the whole ---- */

static void check_usage(const struct argp_state *state, struct parse *parse) {
    struct request *request = parse->request;
    if (parse->command->takers == BY_SWEEPS) check_axis(state, parse);
    const struct experiment *experiment = experiment_of(parse->command->name, request);
    if (parse->wants_width) wrong(state, "--blocks until what width? Such as: --blocks until 2%%");
    if (experiment != NULL && request->blocks == 0) request->blocks = experiment->blocks;
    parse->usage.takers = experiment == NULL ? parse->command->takers : (int)experiment->taker;
    if (request->until_percent > 0 && (parse->usage.takers & COMPARES) == 0)
        wrong(state, "--blocks until is of comparisons; give a number of blocks");
    if (request->until_percent > 0)
        request->blocks = BLOCKS_MOST;
    else if (was_given(&parse->usage, "within"))
        wrong(state, "--within is of --blocks until P; leave it out");
    parse->usage.state = state;
    rules_complete(&parse->usage);
}

static error_t parse_one(int key, char *text, struct argp_state *state) {
    struct parse *parse = state->input;
    for (unsigned i = 0; option_at(i) != NULL; i++) {
        if (key_of(i) != key) continue;
        take_option(parse, state, i, text);
        return 0;
    }
    switch (key) {
    case ARGP_KEY_ARG: add_argument(state, parse, text); break;
    case ARGP_KEY_END: check_usage(state, parse); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static uint64_t random_seed(void) {
    uint32_t seed = 0;
    return getrandom(&seed, sizeof seed, 0) == sizeof seed ? seed : 1;
}

static const struct command *command_find(const char *name) {
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    }
    return NULL;
}

/* The help of an option for whoever takes it. */
static const char *help_of(const struct parameter *option, int takers) {
    for (size_t i = 0; i < sizeof option->takes / sizeof option->takes[0]; i++) {
        if ((option->takes[i].takers & takers) != 0) return option->takes[i].help;
    }
    return NULL;
}

static struct argp_option *argp_options(const struct command *command) {
    struct argp_option *list = calloc(parameter_count + OTHER_COUNT + 1, sizeof *list);
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
    return list;
}

bool options_parse(struct request *request, int argc, char **argv) {
    const struct command *command = command_find(argv[0]);
    if (command == NULL) return false;
    *request = (struct request){.argv = (const char *const *)argv - 1};
    parameters_usual(&request->run);
    for (unsigned i = 0; i < OTHER_COUNT; i++) parameter_usual(&others[i], request);
    request->run.seed = random_seed();
    rules_usual(request, command->takers);
    struct argp_option *mine = argp_options(command);
    struct parse parse = {.request = request, .command = command, .usage.request = request};
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
