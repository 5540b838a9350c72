/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/options.h"

#include <argp.h>
#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench/cli/axis.h"
#include "bench/link/wire.h"

const char *const profile_names[PROFILES] = {"lab", "host"};
const char *const role_names[ROLES] = {"variant", "floor", "a-a", "control"};
const char *const engine_names[ENGINES] = {"blocking", "epoll"};
const char *const arrivals_names[ARRIVALS] = {"poisson", "fixed"};
const char *const assign_names[ASSIGNS] = {"free", "connection"};

enum design engine_design(enum engine engine) {
    return engine == ENGINE_EPOLL ? DESIGN_EPOLL : DESIGN_POOL;
}

volatile sig_atomic_t options_interrupted;

static void note_signal(int number) {
    (void)number;
    options_interrupted = 1;
}

void options_catch_signals(void) {
    const struct sigaction note = {.sa_handler = note_signal};
    (void)sigaction(SIGINT, &note, NULL);
    (void)sigaction(SIGTERM, &note, NULL);
}

/* ---- numbers with units ---- */

struct unit {
    const char *name;
    double factor;
};

static const struct unit size_units[] = {{"", 1}, {"k", 1024}, {"M", 1048576}, {NULL, 0}};
static const struct unit count_units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};

/* The locale is C throughout, so a decimal point is a point. */
static int parse_number(const char *text, const struct unit *units, uint64_t *value) {
    char *end;
    errno = 0;
    const double number = strtod(text, &end);
    if (end == text || errno != 0 || !isfinite(number) || number < 0) return -EINVAL;
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) != 0) continue;
        const double scaled = number * units->factor;
        const double whole = round(scaled); /* 1.005s is a hair less than 1005000000 in binary */
        if (scaled > 9e15 || fabs(scaled - whole) > scaled * DBL_EPSILON) return -ERANGE;
        *value = (uint64_t)whole;
        return 0;
    }
    return -EINVAL;
}

int options_parse_size(const char *text, uint64_t *value) {
    return parse_number(text, size_units, value);
}

int options_parse_count(const char *text, uint64_t *value) {
    return parse_number(text, count_units, value);
}

int options_parse_time(const char *text, uint64_t *ns) {
    return parse_number(text, time_units, ns);
}

/* ---- which command takes what ---- */

enum command {
    SERVE = 1 << 0,
    SEND = 1 << 1,
    COMPARE = 1 << 2,
    SWEEP = 1 << 3,
    VARIANTS = 1 << 4,
    REPORT = 1 << 5,
    RUN = 1 << 6,
    DIFF = 1 << 7,
    CHECK = 1 << 8,
    CROSSCHECK = 1 << 9,
    ANATOMY = 1 << 10,
    LADDER = 1 << 11,
    RUNS = COMPARE | SWEEP | RUN,
    LOAD = RUNS | SEND
};

struct command_row {
    const char *name;
    enum command command;
    const char *arguments;
    const char *what;
    unsigned blocks; /* unless told; 0: 15 */
};

static const struct command_row commands[] = {
    {"serve", SERVE, "", "the echo server, TCP and UDP on one port number", 0},
    {"send", SEND, "VARIANT", "fixed work for a server, and one line of result", 0},
    {"compare", COMPARE, "[VARIANT...]", "variants side by side, interleaved, with verdicts", 0},
    {"sweep", SWEEP, "AXIS [VARIANT...]", "compare at several points of an axis", 6},
    {"anatomy", ANATOMY, "[VARIANT...]", "what a message costs, predicted beside measured", 0},
    {"ladder", LADDER, "VARIANT", "one exchange, call by call and packet by packet", 0},
    {"check", CHECK, "", "test the ruler itself", 20},
    {"diff", DIFF, "BASE... -- NEW...", "regression verdict over sessions", 0},
    {"crosscheck", CROSSCHECK, "", "other tools beside ours, those that are here", 6},
    {"report", REPORT, "DIR", "figure data and one HTML page from DIR/results", 0},
    {"variants", VARIANTS, "", "the table of variants", 0},
    {"run", RUN, "VARIANT", "one run as compare starts it; prints its JSON", 0},
};

enum key {
    KEY_SIZE = 256,
    KEY_REPLY_SIZE,
    KEY_CONNECTIONS,
    KEY_MESSAGES,
    KEY_DURATION,
    KEY_WARMUP,
    KEY_BLOCKS,
    KEY_DEADLINE,
    KEY_PLACEMENT,
    KEY_ENGINE,
    KEY_HOST,
    KEY_PORT,
    KEY_WORKERS,
    KEY_RAW,
    KEY_SEED,
    KEY_MARGIN,
    KEY_AT,
    KEY_JSON,
    KEY_CSV,
    KEY_QUIET,
    KEY_TEXT,
    KEY_NAMES,
    KEY_ROLE,
    KEY_MIN_EFFECT,
    KEY_AGAINST,
    KEY_PROFILE,
    KEY_DELAY,
    KEY_RTO_FLOOR,
    KEY_DEDUP,
    KEY_SHARED_NETWORK,
    KEY_WIRE,
    KEY_RTT,
    KEY_LOSS,
    KEY_MTU,
    KEY_PCAP,
    KEY_DROP,
    KEY_PACKET,
    KEY_PREDICT,
    KEY_OUTPUT,
    KEY_RATE,
    KEY_ARRIVALS,
    KEY_ASSIGN,
    KEY_PIPELINE,
    KEY_GAP,
    KEY_IDLE,
    KEY_SERIES,
    KEY_LATENESS,
    KEY_DESIGN,
    KEY_SILENT,
    KEY_IDLE_TIMEOUT,
    KEY_STALL
};

struct option_row {
    struct argp_option option;
    int commands;
};

#define OPTION(name_, key_, argument_, commands_, what_)                                           \
    { {.name = (name_), .key = (key_), .arg = (argument_), .doc = (what_)}, (commands_) }

static const struct option_row rows[] = {
    OPTION("size", KEY_SIZE, "B", (LOAD & ~SWEEP) | CROSSCHECK | ANATOMY | LADDER,
           "payload of a request in bytes (64; 16k)"),
    OPTION("size", KEY_SIZE, "B", SWEEP, "payload where the axis is another (64)"),
    OPTION("reply-size", KEY_REPLY_SIZE, "B", LOAD | ANATOMY | LADDER,
           "payload wanted back (an echo's)"),
    OPTION("connections", KEY_CONNECTIONS, "N", LOAD,
           "at once: each with a thread, or all in one loop (1; open loop: 64)"),
    OPTION("rate", KEY_RATE, "PER_S", RUNS & ~SWEEP,
           "open loop: so many requests are due each second; compare: also `half` of what the "
           "slowest can carry (closed loop)"),
    {{.name = "rate",
      .key = KEY_RATE,
      .arg = "PER_S",
      .flags = OPTION_ARG_OPTIONAL,
      .doc = "open loop: so many requests are due each second; of loss: who waits, at these rates "
             "(20,200,1k)"},
     SWEEP},
    OPTION("arrivals", KEY_ARRIVALS, "A", RUNS, "of an open loop: poisson or fixed (poisson)"),
    OPTION("assign", KEY_ASSIGN, "A", RUNS,
           "of an open loop: a request goes to the first free connection, or to its own (free)"),
    OPTION("pipeline", KEY_PIPELINE, "D", LOAD | ANATOMY,
           "messages outstanding on a connection (the variant's own)"),
    OPTION("messages", KEY_MESSAGES, "N", LOAD, "the total of a run; instead of --duration"),
    OPTION("messages", KEY_MESSAGES, "N", ANATOMY, "whose packets are counted (50)"),
    OPTION("messages", KEY_MESSAGES, "N", LADDER, "to show (1; 2 where the first is special)"),
    OPTION("duration", KEY_DURATION, "T", RUNS | CROSSCHECK,
           "how long a run counts (200ms; crosscheck: 1s)"),
    OPTION("warmup", KEY_WARMUP, "T", LOAD | CROSSCHECK,
           "before anything is counted (50ms; send: 0s)"),
    OPTION("blocks", KEY_BLOCKS, "N", COMPARE | SWEEP | CROSSCHECK | CHECK,
           "each compared variant once in each (15; sweep, crosscheck: 6; check: 20)"),
    OPTION("deadline", KEY_DEADLINE, "T", LOAD | CROSSCHECK | LADDER, "of every exchange (2s)"),
    OPTION("placement", KEY_PLACEMENT, "P", RUNS,
           "same-core, cross-core, spin or awake (same-core; open loop: cross-core)"),
    OPTION("engine", KEY_ENGINE, "E", LOAD | SERVE,
           "blocking: a thread each; epoll: a loop over all (blocking; open loop: epoll)"),
    OPTION("host", KEY_HOST, "H[:PORT]", LOAD, "a server that runs already; IPv6 as [::1]:7007"),
    OPTION("host", KEY_HOST, "A", SERVE, "where to listen (127.0.0.1)"),
    OPTION("port", KEY_PORT, "N", SERVE, "the port number, 0: any (7007)"),
    OPTION("workers", KEY_WORKERS, "N", SERVE | RUNS,
           "of the server: threads that each have a socket on the port (1)"),
    OPTION("design", KEY_DESIGN, "D", SERVE | RUNS,
           "of the server: pool, epoll, iterative, fork or thread (its engine's)"),
    OPTION("idle-timeout", KEY_IDLE_TIMEOUT, "T", SERVE | RUN,
           "the server closes a connection that was idle for so long (never)"),
    OPTION("raw", KEY_RAW, NULL, SERVE,
           "plain RFC 862: bytes come back as they are; loopback only"),
    OPTION("seed", KEY_SEED, "N", LOAD | CHECK | CROSSCHECK | ANATOMY | LADDER,
           "of order, sessions and payload (random; recorded)"),
    OPTION("margin", KEY_MARGIN, "P", COMPARE | SWEEP | DIFF | CROSSCHECK,
           "differences within it are none (1%; crosscheck: 5%)"),
    OPTION("at", KEY_AT, "LIST", SWEEP, "the points, such as 64,1k,16k or 0ms,20ms"),
    OPTION("json", KEY_JSON, "FILE", COMPARE | SWEEP | DIFF | CHECK | CROSSCHECK | ANATOMY,
           "write all results as JSON"),
    OPTION("csv", KEY_CSV, "FILE", COMPARE | SWEEP, "write a row per run as CSV"),
    OPTION("quiet", KEY_QUIET, NULL, COMPARE | SWEEP | CROSSCHECK | DIFF, "no progress line"),
    OPTION("text", KEY_TEXT, NULL, REPORT, "print it in the terminal instead"),
    OPTION("names", KEY_NAMES, NULL, VARIANTS, "only the names of the core ones, a line each"),
    OPTION("min-effect", KEY_MIN_EFFECT, "P", DIFF, "what is smaller is no regression (2%)"),
    OPTION("against", KEY_AGAINST, "PROGRAM", COMPARE,
           "another build of echolab, in the same blocks"),
    OPTION("profile", KEY_PROFILE, "P", RUNS | CROSSCHECK | ANATOMY | LADDER,
           "network settings of a private network: lab or host (lab)"),
    OPTION("delay", KEY_DELAY, "T", SERVE | RUNS, "the server spins so long per message (0s)"),
    OPTION("rto-floor", KEY_RTO_FLOOR, "T", LOAD | LADDER,
           "the shortest timer of a variant that retries (200ms)"),
    OPTION("dedup", KEY_DEDUP, NULL, SERVE | RUNS,
           "the server remembers and does not execute a retry again: at most once"),
    OPTION("rtt", KEY_RTT, "T", RUNS, "over a wire with this round-trip time, 0s to 10s"),
    OPTION("rtt", KEY_RTT, "T", LADDER, "round-trip time of the wire, 0s to 10s (20ms)"),
    OPTION("loss", KEY_LOSS, "P", RUNS, "over a wire that loses so many packets"),
    OPTION("mtu", KEY_MTU, "B", RUNS, "over a wire with this MTU (1500)"),
    OPTION("packet", KEY_PACKET, NULL, SWEEP, "of loss: each packet of a lone message in turn"),
    OPTION("wire", KEY_WIRE, NULL, RUNS, "over a wire even without delay or loss"),
    OPTION("pcap", KEY_PCAP, "FILE", RUN | LADDER, "write what the wire carries"),
    OPTION("drop", KEY_DROP, "KIND:DIRECTION:N", RUN | LADDER,
           "lose the N-th such packet, as in reply:to_client:1"),
    OPTION("shared-network", KEY_SHARED_NETWORK, NULL, RUN, "stay in the caller's network"),
    OPTION("role", KEY_ROLE, "R", RUN, "variant or floor"),
    OPTION("gap", KEY_GAP, "T", RUN, "between an exchange and the next (0s)"),
    OPTION("idle", KEY_IDLE, "N", RUNS, "connections beside, kept open and never used (0)"),
    OPTION("silent", KEY_SILENT, "N", RUNS, "clients before, that connect and say nothing (0)"),
    OPTION("stall", KEY_STALL, "T", RUN, "the server is stopped for so long, in the middle (0s)"),
    OPTION("lateness", KEY_LATENESS, "T", RUN,
           "of an open loop's generator: not valid when 1 in 100 is later (100us)"),
    OPTION("series", KEY_SERIES, NULL, RUN, "every message with its time, in the result"),
    OPTION("predict", KEY_PREDICT, NULL, ANATOMY, "ask for your numbers first"),
    OPTION("output", KEY_OUTPUT, "DIR", LADDER,
           "write VARIANT.txt, .tsv (to draw) and .pcap there"),
};

enum {
    OPEN_CONNECTIONS = 64, /* of an open loop: enough that few requests wait for one */
    ROW_COUNT = sizeof rows / sizeof rows[0],
    COMMAND_COUNT = sizeof commands / sizeof commands[0]
};

struct parse {
    struct options *options;
    const struct command_row *command;
    const char *at;   /* read once the axis is known */
    const char *rate; /* of sweep, likewise */
    bool rate_given;
    bool reply_given, warmup_given, retry_given, engine_given, design_given, open_given,
        connections_given, placement_given;
};

void options_print_commands(void) {
    puts("Usage: echolab COMMAND [OPTION...] [ARGUMENT...]\n"
         "What does it cost to carry a message over TCP or UDP, on a fresh connection\n"
         "or on one that stays open?\n");
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-9s %-18s %s\n", commands[i].name, commands[i].arguments, commands[i].what);
    }
    puts("\n`echolab COMMAND --help` lists the options of a command.\n"
         "Exit status: 0 done; 1 failed; 3 a regression, a control that failed; 4 the runs\n"
         "were not valid; 64 wrong usage; 130 interrupted (serve: 0).");
}

/* ---- one option ---- */

static void bad(struct argp_state *state, const char *option, const char *text,
                const char *wanted) {
    argp_error(state, "--%s %s: %s", option, text, wanted);
}

static uint64_t size_of(struct argp_state *state, const char *option, const char *text) {
    uint64_t value = 0;
    if (options_parse_size(text, &value) != 0 || value > ECHO_PAYLOAD_MAX) {
        bad(state, option, text, "give bytes from 0 to 1048576, such as 64 or 16k");
    }
    return value;
}

static uint64_t count_of(struct argp_state *state, const char *option, const char *text,
                         uint64_t least, uint64_t most) {
    uint64_t value = 0;
    if (options_parse_count(text, &value) != 0 || value < least || value > most) {
        argp_error(state, "--%s %s: give a whole number from %llu to %llu", option, text,
                   (unsigned long long)least, (unsigned long long)most);
    }
    return value;
}

static uint64_t time_of(struct argp_state *state, const char *option, const char *text,
                        uint64_t least_ns) {
    uint64_t ns = 0;
    const uint64_t hour_ns = UINT64_C(3600000000000);
    if (options_parse_time(text, &ns) != 0 || ns < least_ns || ns > hour_ns) {
        bad(state, option, text, "give a time with its unit, such as 200ms or 2s, up to 1 h");
    }
    return ns;
}

static double share_of(struct argp_state *state, const char *option, const char *text) {
    char *end;
    const double percent = strtod(text, &end);
    const bool right = end != text && (*end == '\0' || strcmp(end, "%") == 0);
    if (!right || !(percent >= 0 && percent <= 100)) {
        bad(state, option, text, "give a percentage from 0 to 100, such as 1%");
    }
    return percent / 100;
}

static int name_of(struct argp_state *state, const char *option, const char *text,
                   const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0) return i;
    }
    argp_error(state, "--%s %s: there is none of that name; see --help", option, text);
    return 0;
}

static void parse_points(struct argp_state *state, struct options *options, const char *text) {
    char *copy = strdup(text);
    char *rest = copy;
    options->point_count = 0;
    for (const char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ",")) {
        double point = 0;
        const int failed = axis_parse(options->axis, word, &point);
        if (failed != 0 || options->point_count == OPTIONS_POINTS_MAX) {
            argp_error(state, "--%s %s: '%s' is no point of %s, or out of its range",
                       options->who_waits ? "rate" : "at", text, word, options->axis);
            break;
        }
        options->points[options->point_count++] = point;
    }
    free(copy);
}

static int index_of(const char *name, const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) return i;
    }
    return -1;
}

/* "syn:to_server:1" */
static void parse_drop(struct argp_state *state, struct options *options, const char *text) {
    char *copy = strdup(text);
    char *rest = copy;
    const char *kind = strsep(&rest, ":");
    const char *direction = strsep(&rest, ":");
    uint64_t number = 0;
    const int a = kind == NULL ? -1 : index_of(kind, wire_kind_names, WIRE_KINDS);
    const int b =
        direction == NULL ? -1 : index_of(direction, wire_direction_names, WIRE_DIRECTIONS);
    const bool counted = rest != NULL && options_parse_count(rest, &number) == 0 && number > 0;
    free(copy);
    if (a < 0 || b < 0 || !counted || number > UINT32_MAX) {
        bad(state, "drop", text, "say it as in syn:to_server:1");
        return;
    }
    options->drop[0] = (unsigned)a + 1;
    options->drop[1] = (unsigned)b + 1;
    options->drop[2] = (unsigned)number;
}

static void parse_rate(struct argp_state *state, struct options *options, const char *text) {
    if (text == NULL) {
        argp_error(state, "--rate: give requests per second, such as 10k");
        return;
    }
    options->rate_half = strcmp(text, "half") == 0;
    if (options->rate_half) return;
    options->rate_per_s = (double)count_of(state, "rate", text, 1, 100000000);
}

static void parse_port(struct argp_state *state, struct options *options, const char *text) {
    options->port = (uint16_t)count_of(state, "port", text, 0, UINT16_MAX);
    options->port_given = true;
}

static void add_variant(struct argp_state *state, struct options *options, const char *name) {
    const struct variant *variant = variant_find(name);
    if (variant == NULL) {
        argp_error(state, "there is no variant '%s'; `echolab variants` lists them", name);
    } else if (options->variant_count == OPTIONS_VARIANTS_MAX) {
        argp_error(state, "at most %d variants can be compared at once", OPTIONS_VARIANTS_MAX);
    } else {
        options->variants[options->variant_count++] = variant;
    }
}

/* What stands behind `--` is new: state->quoted is where that is. */
static void add_file(struct argp_state *state, struct options *options, const char *path) {
    if (options->file_count == OPTIONS_FILES_MAX) {
        argp_error(state, "at most %d files", OPTIONS_FILES_MAX);
        return;
    }
    options->files[options->file_count++] = path;
    if (state->quoted == 0) options->base_count = options->file_count;
}

static void add_argument(struct argp_state *state, struct parse *parse, char *text) {
    struct options *options = parse->options;
    const enum command command = parse->command->command;
    /* `sweep loss --rate 20,200`: what may be left out is no part of the option for argp. */
    const bool rate = parse->rate_given && parse->rate == NULL && *text >= '0' && *text <= '9';
    if (command == SWEEP && rate) {
        parse->rate = text;
    } else if (command == SWEEP && options->axis == NULL) {
        options->axis = text;
    } else if (command == REPORT && options->directory == NULL) {
        options->directory = text;
    } else if (command == DIFF) {
        add_file(state, options, text);
    } else if ((command & (LOAD | ANATOMY | LADDER)) != 0) {
        add_variant(state, options, text);
    } else {
        argp_error(state, "'%s' is one argument too many", text);
    }
}

/* A fresh socket that costs no round trip is no other case than a kept one. */
static bool waits_or_not(const struct variant *variant) {
    const bool fresh = variant->lifetime != ECHO_PERSISTENT;
    return (variant->core || variant->retries) && !(fresh && variant->round_trips == 1);
}

static bool goes_along(const struct options *options, const char *axis) {
    return options->axis != NULL && strcmp(options->axis, axis) == 0;
}

static void take_default_variants(struct options *options) {
    const bool retrying = options->axis != NULL && axis_retries(options->axis);
    const bool pipelining = goes_along(options, "pipeline");
    for (unsigned i = 0; i < variant_count; i++) {
        const bool wanted = retrying             ? variants[i].retries
                            : options->who_waits ? waits_or_not(&variants[i])
                            : pipelining         ? variants[i].depth > 1
                                                 : variants[i].core;
        if (wanted) options->variants[options->variant_count++] = &variants[i];
    }
}

/* ---- what only the whole can tell ---- */

static double most_connections(const struct options *options) {
    double most = options->connections;
    if (!goes_along(options, "connections")) return most;
    for (unsigned i = 0; i < options->point_count; i++) most = fmax(most, options->points[i]);
    return most;
}

static uint32_t largest_size(const struct options *options) {
    uint32_t most = options->size_bytes;
    if (options->reply_bytes > most) most = options->reply_bytes;
    if (!goes_along(options, "size")) return most;
    for (unsigned i = 0; i < options->point_count; i++) {
        if (options->points[i] > most) most = (uint32_t)options->points[i];
    }
    return most;
}

static void check_sizes(struct argp_state *state, const struct options *options) {
    for (unsigned i = 0; i < options->variant_count; i++) {
        const struct variant *variant = options->variants[i];
        const uint32_t most = variant->transport->payload_max;
        if (largest_size(options) <= most) continue;
        argp_error(state,
                   "%s carries at most %u bytes of payload in a message; leave it out or "
                   "choose a smaller %s",
                   variant->name, most,
                   options->axis == NULL ? "--size or --reply-size" : "--size or --at");
        return;
    }
}

static void check_axis(struct argp_state *state, const struct parse *parse) {
    struct options *options = parse->options;
    if (options->axis == NULL || !axis_exists(options->axis)) {
        argp_error(state, "'%s' is no axis; there are %s",
                   options->axis == NULL ? "" : options->axis, axis_names);
        return;
    }
    const bool loss = axis_is_loss(options->axis);
    options->who_waits = loss && parse->rate_given;
    if (loss ? options->packet == options->who_waits : options->packet) {
        argp_error(state, "it is: sweep loss --packet (a lone message), or sweep loss --rate "
                          "(who waits for the lost one)");
    }
    if (loss || axis_needs_wire(options->axis)) {
        options->wire = true;
        if (options->rtt_ns == 0) options->rtt_ns = 20000000;
    }
    const char *at = options->who_waits ? parse->rate : parse->at;
    if (at != NULL) {
        parse_points(state, options, at);
    } else {
        axis_default_points(options->axis, options);
    }
}

static void check_retry(struct argp_state *state, const struct options *options) {
    for (unsigned i = 0; i < options->variant_count; i++) {
        if (options->variants[i]->retries) return;
    }
    argp_error(state, "--rto-floor and --dedup are for a variant that retries, such as udp-retry; "
                      "leave them out or add one");
}

static void check_one_variant(struct argp_state *state, const struct parse *parse) {
    if (parse->options->variant_count != 1) {
        argp_error(state, "%s takes exactly one variant; `echolab variants` lists them",
                   parse->command->name);
    }
}

static void check_variants_of_axis(struct argp_state *state, const struct options *options) {
    for (unsigned i = 0; i < options->variant_count && options->axis != NULL; i++) {
        if (!axis_retries(options->axis) || options->variants[i]->retries) continue;
        argp_error(state, "%s never sends again: it has no place on the axis %s",
                   options->variants[i]->name, options->axis);
    }
}

static void check_host(struct argp_state *state, const struct options *options) {
    if (options->wire && options->host != NULL) {
        argp_error(state, "--host names a real path: it takes no --rtt, --loss or --mtu");
    }
}

/* An open loop keeps a schedule over many sockets: one loop must see them all. */
static void check_engine(struct argp_state *state, const struct parse *parse) {
    struct options *options = parse->options;
    const bool open = options->rate_per_s > 0 || options->rate_half || goes_along(options, "rate");
    if (open && parse->engine_given && options->engine != ENGINE_EPOLL) {
        argp_error(state,
                   "an open loop (--rate) is driven by the epoll engine; leave out --engine");
    }
    if (open) options->engine = ENGINE_EPOLL;
    if (open && !parse->connections_given) options->connections = OPEN_CONNECTIONS;
    /* On one CPU the generator and the server are in each other's way. */
    if (open && !parse->placement_given) options->placement = PLACEMENT_CROSS_CORE;
    if (parse->open_given && !open) {
        argp_error(state, "--arrivals and --assign are of an open loop: give --rate too");
    }
    if (options->rate_half && parse->command->command != COMPARE) {
        argp_error(state, "--rate half is for compare, which finds out what the variants can "
                          "carry; give requests per second");
    }
    if (options->engine == ENGINE_EPOLL && options->gap_ns > 0) {
        argp_error(state, "--gap is a pause in the closed loop of the blocking engine");
    }
    if (options->engine == ENGINE_EPOLL && options->placement == PLACEMENT_SPIN) {
        argp_error(state, "spin polls one socket on each side, epoll waits for many: choose one");
    }
    if (!parse->design_given) {
        options->design = engine_design(options->engine);
    }
}

static void check_pipeline(struct argp_state *state, const struct options *options) {
    const bool along = goes_along(options, "pipeline");
    for (unsigned i = 0; i < options->variant_count && (options->pipeline > 0 || along); i++) {
        if (options->variants[i]->depth > 0) continue;
        argp_error(state, "%s carries one message at a time: leave it out, or --pipeline",
                   options->variants[i]->name);
        return;
    }
}

static void check_all(struct argp_state *state, struct parse *parse) {
    struct options *options = parse->options;
    const enum command command = parse->command->command;
    if (!parse->reply_given) options->reply_bytes = options->size_bytes;
    if ((command & (SEND | RUN | LADDER)) != 0) check_one_variant(state, parse);
    if (command == SEND && options->messages == 0) argp_error(state, "send needs --messages N");
    if (command == SEND && !parse->warmup_given) options->warmup_ns = 0;
    if (command == SWEEP) check_axis(state, parse);
    if (parse->rate_given && !options->who_waits) parse_rate(state, options, parse->rate);
    if (command == DIFF &&
        (options->base_count == 0 || options->base_count == options->file_count)) {
        argp_error(state, "diff takes files on both sides: BASE.json... -- NEW.json...");
    }
    if (command == REPORT && options->directory == NULL) argp_error(state, "report which folder?");
    if ((command & (COMPARE | SWEEP | ANATOMY)) != 0 && options->variant_count == 0) {
        take_default_variants(options);
    }
    check_variants_of_axis(state, options);
    check_host(state, options);
    check_engine(state, parse);
    check_pipeline(state, options);
    if (options->placement == PLACEMENT_SPIN && most_connections(options) > 1) {
        argp_error(state, "spin polls one socket on each side: it takes --connections 1");
    }
    if ((command & (LOAD | LADDER)) != 0 && parse->retry_given) check_retry(state, options);
    if ((command & RUNS) != 0 && options->delay_ns > 0 && options->host != NULL) {
        argp_error(state, "--delay is the server's: give it to `echolab serve` there");
    }
    if ((command & LOAD) != 0 && options->dedup && options->host != NULL) {
        argp_error(state, "--dedup is the server's: give it to `echolab serve` there");
    }
    check_sizes(state, options);
}

static error_t parse_option(int key, char *text, struct argp_state *state) {
    struct parse *parse = state->input;
    struct options *options = parse->options;
    switch (key) {
    case KEY_SIZE: options->size_bytes = (uint32_t)size_of(state, "size", text); break;
    case KEY_REPLY_SIZE:
        options->reply_bytes = (uint32_t)size_of(state, "reply-size", text);
        parse->reply_given = true;
        break;
    case KEY_CONNECTIONS:
        options->connections =
            (unsigned)count_of(state, "connections", text, 1, OPTIONS_CONNECTIONS_MAX);
        parse->connections_given = true;
        break;
    case KEY_MESSAGES: options->messages = count_of(state, "messages", text, 1, 1000000000); break;
    case KEY_DURATION: options->duration_ns = time_of(state, "duration", text, 1000000); break;
    case KEY_WARMUP:
        options->warmup_ns = time_of(state, "warmup", text, 0);
        parse->warmup_given = true;
        break;
    case KEY_BLOCKS: options->blocks = (unsigned)count_of(state, "blocks", text, 1, 10000); break;
    case KEY_DEADLINE: options->deadline_ns = time_of(state, "deadline", text, 1000); break;
    case KEY_PLACEMENT:
        options->placement =
            (enum placement)name_of(state, "placement", text, placement_names, PLACEMENTS);
        parse->placement_given = true;
        break;
    case KEY_ENGINE:
        options->engine = (enum engine)name_of(state, "engine", text, engine_names, ENGINES);
        parse->engine_given = true;
        break;
    case KEY_RATE:
        parse->rate = text;
        parse->rate_given = true;
        break;
    case KEY_ARRIVALS:
        options->arrivals =
            (enum arrivals)name_of(state, "arrivals", text, arrivals_names, ARRIVALS);
        parse->open_given = true;
        break;
    case KEY_ASSIGN:
        options->assign = (enum assign)name_of(state, "assign", text, assign_names, ASSIGNS);
        parse->open_given = true;
        break;
    case KEY_PIPELINE:
        options->pipeline = (unsigned)count_of(state, "pipeline", text, 1, OPTIONS_PIPELINE_MAX);
        break;
    case KEY_GAP: options->gap_ns = time_of(state, "gap", text, 0); break;
    case KEY_IDLE:
        options->idle = (unsigned)count_of(state, "idle", text, 0, OPTIONS_CONNECTIONS_MAX);
        break;
    case KEY_SILENT:
        options->silent = (unsigned)count_of(state, "silent", text, 0, OPTIONS_CONNECTIONS_MAX);
        break;
    case KEY_STALL: options->stall_ns = time_of(state, "stall", text, 0); break;
    case KEY_SERIES: options->series = true; break;
    case KEY_LATENESS: options->late_max_ns = time_of(state, "lateness", text, 1000); break;
    case KEY_DESIGN:
        options->design = (enum design)name_of(state, "design", text, design_names, DESIGNS);
        parse->design_given = true;
        break;
    case KEY_IDLE_TIMEOUT:
        options->idle_timeout_ns = time_of(state, "idle-timeout", text, 1000000);
        break;
    case KEY_HOST: options->host = text; break;
    case KEY_PORT: parse_port(state, options, text); break;
    case KEY_WORKERS: options->workers = (unsigned)count_of(state, "workers", text, 1, 256); break;
    case KEY_RAW: options->raw = true; break;
    case KEY_SEED:
        options->seed = count_of(state, "seed", text, 0, UINT64_C(9000000000000000));
        break;
    case KEY_MARGIN: options->margin = share_of(state, "margin", text); break;
    case KEY_AT: parse->at = text; break;
    case KEY_JSON: options->json = text; break;
    case KEY_CSV: options->csv = text; break;
    case KEY_QUIET: options->quiet = true; break;
    case KEY_TEXT: options->text = true; break;
    case KEY_NAMES: options->names = true; break;
    case KEY_MIN_EFFECT: options->min_effect = share_of(state, "min-effect", text); break;
    case KEY_AGAINST: options->against = text; break;
    case KEY_PROFILE:
        options->profile = (enum profile)name_of(state, "profile", text, profile_names, PROFILES);
        break;
    case KEY_PACKET: options->packet = true; break;
    case KEY_WIRE: options->wire = true; break;
    case KEY_RTT:
        options->rtt_ns = time_of(state, "rtt", text, 0);
        if (options->rtt_ns > (uint64_t)WIRE_RTT_MAX_NS) bad(state, "rtt", text, "at most 10s");
        options->wire = true;
        break;
    case KEY_LOSS:
        options->loss_percent = 100 * share_of(state, "loss", text);
        options->wire = true;
        break;
    case KEY_MTU:
        options->mtu_bytes = (unsigned)count_of(state, "mtu", text, WIRE_MTU_MIN, WIRE_MTU_MAX);
        options->wire = true;
        break;
    case KEY_PCAP:
        options->pcap = text;
        options->wire = true;
        break;
    case KEY_DROP:
        parse_drop(state, options, text);
        options->wire = true;
        break;
    case KEY_PREDICT: options->predict = true; break;
    case KEY_OUTPUT: options->output = text; break;
    case KEY_SHARED_NETWORK: options->shared_network = true; break;
    case KEY_DELAY: options->delay_ns = time_of(state, "delay", text, 0); break;
    case KEY_RTO_FLOOR:
        options->rto_floor_ns = time_of(state, "rto-floor", text, 1000);
        parse->retry_given = true;
        break;
    case KEY_DEDUP: options->dedup = parse->retry_given = true; break;
    case KEY_ROLE:
        options->role = (enum role)name_of(state, "role", text, role_names, ROLES);
        break;
    case ARGP_KEY_ARG: add_argument(state, parse, text); break;
    case ARGP_KEY_END: check_all(state, parse); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* ---- the whole ---- */

static uint64_t random_seed(void) {
    uint32_t seed = 0;
    return getrandom(&seed, sizeof seed, 0) == sizeof seed ? seed : 1;
}

static const struct command_row *command_find(const char *name) {
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    }
    return &commands[0];
}

void options_parse(struct options *options, int argc, char **argv) {
    const struct command_row *command = command_find(argv[0]);
    *options = (struct options){
        .size_bytes = 64,
        .connections = 1,
        .duration_ns = command->command == CROSSCHECK ? 1000000000 : 200000000,
        .warmup_ns = 50000000,
        .deadline_ns = 2000000000,
        .rto_floor_ns = 200000000,
        .rtt_ns = command->command == LADDER ? 20000000 : 0,
        .blocks = command->blocks > 0 ? command->blocks : 15,
        .margin = command->command == CROSSCHECK ? 0.05 : 0.01,
        .min_effect = 0.02,
        .seed = random_seed(),
        .port = ECHO_PORT,
        .workers = 1,
    };
    struct argp_option mine[ROW_COUNT + 1] = {{0}};
    unsigned count = 0;
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        if ((rows[i].commands & (int)command->command) != 0) mine[count++] = rows[i].option;
    }
    struct parse parse = {.options = options, .command = command};
    const struct argp argp = {.options = mine,
                              .parser = parse_option,
                              .args_doc = command->arguments,
                              .doc = command->what};
    static char name[32];
    (void)snprintf(name, sizeof name, "echolab %s", argv[0]);
    argv[0] = name;
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &parse);
}
