/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/parameters.h"

#include <errno.h>
#include <float.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const role_names[ROLES] = {"variant", "floor", "a-a", "control"};
const char *const engine_names[ENGINES] = {"blocking", "epoll"};
const char *const arrivals_names[ARRIVALS] = {"poisson", "fixed"};
const char *const assign_names[ASSIGNS] = {"mru", "lru", "connection"};

enum { CONNECTIONS_MAX = 1000000 /* far more than files or ports allow */ };

#define NS_PER_MS 1e6
#define NS_PER_US 1e3
#define HOUR_NS 3600e9

enum design engine_design(enum engine engine) {
    return engine == ENGINE_EPOLL ? DESIGN_EPOLL : DESIGN_POOL;
}

/* ---- what is told to a run's process only where it means something ---- */

static bool is_open_loop(const struct parameters *p) {
    return p->rate_per_s > 0;
}

static bool has_own_design(const struct parameters *p) {
    return p->design != engine_design(p->engine);
}

static bool retries(const struct parameters *p) {
    return p->variant->retries;
}

static bool remembers(const struct parameters *p) {
    return p->variant->retries && p->dedup;
}

/* ---- the table ---- */

#define AT(name_, kind_, member_)                                                                  \
    { (name_), FIELD_AT(parameters, kind_, member_) }
#define IN(name_, unit_, member_)                                                                  \
    { (name_), FIELD_AT(parameters, TIME, member_), .unit = (unit_) }
#define ONE(name_, member_, names_, count_)                                                        \
    {                                                                                              \
        (name_), FIELD_AT(parameters, CHOICE, member_), .choices = (names_),                       \
                                                        .choice_count = (count_)                   \
    }

enum {
    SIZED = BY_LOADS | BY_SEND | BY_PACKET | BY_TRAFFIC | BY_IDLE | BY_ANATOMY | BY_LADDER,
    ON_WIRES = BY_PACKET | BY_TRAFFIC | BY_IDLE
};

const struct parameter parameters[] = {
    {"role", "R", FORM_CHOICE, ONE("role", role, role_names, ROLES), .identity = true,
     .always = true, .takes = {{BY_RUN, "variant or floor"}}},
    {"size", "B", FORM_SIZE, AT("size_bytes", UNSIGNED, size_bytes), .most = ECHO_PAYLOAD_MAX,
     .usual = "64", .identity = true, .always = true,
     .takes = {{SIZED | BY_CROSSCHECK, "payload of a request in bytes (64; 16k)"}}},
    {"reply-size", "B", FORM_SIZE, AT("reply_bytes", UNSIGNED, reply_bytes),
     .most = ECHO_PAYLOAD_MAX, .identity = true, .always = true,
     .takes = {{SIZED, "payload wanted back (an echo's)"}}},
    {"connections", "N", FORM_COUNT, AT("connections", UNSIGNED, connections), .least = 1,
     .most = CONNECTIONS_MAX, .usual = "1", .identity = true, .always = true,
     .takes = {{BY_LOADS | BY_SEND | BY_TRAFFIC,
                "at once: each with a thread, or all in one loop (1; open loop: 64)"}}},
    {"per-connection", "N", FORM_COUNT, AT("per_connection", UNSIGNED, per_connection), .least = 1,
     .most = 1e9, .identity = true,
     .takes = {{BY_LOADS | BY_SEND,
                "messages that a kept connection carries before it is made anew (all)"}}},
    {"rate", "PER_S", FORM_RATE, AT("offered_per_s", REAL, rate_per_s), .least = 1, .most = 1e8,
     .identity = true,
     .takes = {{BY_RUN | BY_SWEEP, "open loop: so many requests are due each second"},
               {BY_COMPARE, "open loop: so many requests are due each second; `half`: half of "
                            "what the slowest variant can carry in a closed loop"}}},
    {"arrivals", "A", FORM_CHOICE, ONE(NULL, arrivals, arrivals_names, ARRIVALS), .identity = true,
     .meant = is_open_loop,
     .takes = {{BY_LOADS & ~BY_RTT, "of an open loop: poisson or fixed (poisson)"}}},
    {"assign", "A", FORM_CHOICE, ONE(NULL, assign, assign_names, ASSIGNS), .identity = true,
     .meant = is_open_loop,
     .takes = {{BY_LOADS & ~BY_RTT,
                "of an open loop, who takes a request: the free connection used last (mru) or "
                "longest ago (lru), or each its own (connection) (mru)"}}},
    {"lateness", "T", FORM_TIME, AT(NULL, TIME, late_max_ns), .least = 1000,
     .takes = {{BY_LOADS & ~BY_RTT,
                "of an open loop's generator, at any percentile (5 % of the latency there)"},
               {BY_TRAFFIC, "of the generator, at any percentile (the slack of a late message)"}}},
    {"series", NULL, FORM_FLAG, AT(NULL, TRUTH, series),
     .takes = {{BY_RUN, "every message with its time, in the result"}}},
    {"pipeline", "D", FORM_COUNT, AT(NULL, UNSIGNED, pipeline), .least = 1, .most = 65536,
     .takes = {{BY_LOADS | BY_SEND | BY_TRAFFIC | BY_ANATOMY,
                "messages outstanding on a connection (the variant's own)"}}},
    {"messages", "N", FORM_COUNT, AT(NULL, COUNT, messages), .least = 1, .most = 1e9,
     .takes = {{BY_LOADS | BY_SEND, "the total of a run; instead of --duration"},
               {BY_ANATOMY, "whose packets are counted (50)"},
               {BY_LADDER, "to show (1; 2 where the first is special)"}}},
    {"duration", "T", FORM_TIME, AT(NULL, TIME, duration_ns), .least = 1e6, .usual = "200ms",
     .always = true,
     .takes = {{BY_LOADS | BY_IDLE, "how long a run counts (200ms)"},
               {BY_CROSSCHECK, "how long a run counts (1s)"}}},
    {"warmup", "T", FORM_TIME, AT(NULL, TIME, warmup_ns), .usual = "50ms", .always = true,
     .takes = {{BY_LOADS | BY_SEND | BY_IDLE | BY_CROSSCHECK,
                "before anything is counted (50ms; send: 0s)"}}},
    {"deadline", "T", FORM_TIME, IN("deadline_ms", NS_PER_MS, deadline_ns), .least = 1000,
     .usual = "2s", .identity = true, .always = true,
     .takes = {{BY_LOADS | BY_SEND | ON_WIRES | BY_CROSSCHECK | BY_LADDER,
                "of every exchange (2s)"}}},
    {"placement", "P", FORM_CHOICE, ONE(NULL, placement, placement_names, PLACEMENTS),
     .identity = true, .always = true,
     .takes = {{BY_LOADS | ON_WIRES,
                "same-core, cross-core, spin or awake (same-core; open loop: cross-core)"}}},
    {"engine", "E", FORM_CHOICE, ONE("engine", engine, engine_names, ENGINES), .identity = true,
     .always = true,
     .takes = {{BY_LOADS | BY_SEND | BY_SERVE,
                "blocking: a thread each; epoll: a loop over all (blocking; open loop: epoll)"}}},
    {"gap", "T", FORM_TIME, IN("gap_ms", NS_PER_MS, gap_ns), .identity = true,
     .takes = {{BY_RUN, "between an exchange and the next (0s)"}}},
    {"idle", "N", FORM_COUNT, AT("idle_connections", UNSIGNED, idle), .most = CONNECTIONS_MAX,
     .identity = true, .takes = {{BY_LOADS, "connections beside, kept open and never used (0)"}}},
    {"silent", "N", FORM_COUNT, AT("silent_connections", UNSIGNED, silent), .most = CONNECTIONS_MAX,
     .identity = true, .takes = {{BY_LOADS, "clients before, that connect and say nothing (0)"}}},
    {"design", "D", FORM_CHOICE, ONE(NULL, design, design_names, DESIGNS), .identity = true,
     .meant = has_own_design,
     .takes = {{BY_LOADS | BY_SERVE,
                "of the server: pool, epoll, iterative, fork or thread (its engine's)"}}},
    {"workers", "N", FORM_COUNT, AT(NULL, UNSIGNED, workers), .least = 1, .most = 256, .usual = "1",
     .identity = true,
     .takes = {{BY_LOADS | BY_SERVE,
                "of the server: threads that each have a socket on the port (1)"}}},
    {"idle-timeout", "T", FORM_TIME, IN("idle_timeout_ms", NS_PER_MS, idle_timeout_ns),
     .least = 1e6, .identity = true,
     .takes = {{BY_SERVE | BY_RUN,
                "the server closes a connection that was idle for so long (never)"}}},
    {"delay", "T", FORM_TIME, IN("delay_us", NS_PER_US, delay_ns), .identity = true,
     .takes = {{BY_SERVE | BY_LOADS, "the server spins so long per message (0s)"}}},
    {"stall", "T", FORM_TIME, AT(NULL, TIME, stall_ns),
     .takes = {{BY_RUN, "the server is stopped for so long, in the middle (0s)"}}},
    {"rto-floor", "T", FORM_TIME, AT(NULL, TIME, rto_floor_ns), .least = 1000, .usual = "200ms",
     .identity = true, .meant = retries,
     .takes = {{BY_LOADS | BY_SEND | BY_LADDER,
                "the shortest timer of a variant that retries (200ms)"}}},
    {"dedup", NULL, FORM_FLAG, AT(NULL, TRUTH, dedup), .identity = true, .meant = remembers,
     .takes = {{BY_SERVE | BY_LOADS, "the server remembers and does not execute a retry "
                                     "again: at most once"}}},
    {"profile", "P", FORM_CHOICE, ONE("profile", profile, profile_names, PROFILES),
     .identity = true, .always = true,
     .takes = {{BY_LOADS | ON_WIRES | BY_CROSSCHECK | BY_ANATOMY | BY_LADDER,
                "network settings of a private network: lab or host (lab)"}}},
    {"wire", NULL, FORM_FLAG, AT(NULL, TRUTH, wire), .identity = true,
     .takes = {{BY_LOADS & ~BY_RTT, "over a wire even without delay or loss"}}},
    {"rtt", "T", FORM_TIME, IN("rtt_ms", NS_PER_MS, rtt_ns), .most = (double)WIRE_RTT_MAX_NS,
     .identity = true, .wire = true,
     .takes = {{BY_LOADS | ON_WIRES, "over a wire with this round-trip time, 0s to 10s"},
               {BY_LADDER, "round-trip time of the wire, 0s to 10s (20ms)"}}},
    {"loss", "P", FORM_PERCENT, AT("loss_percent", REAL, loss_percent), .identity = true,
     .wire = true, .takes = {{BY_LOADS | BY_TRAFFIC, "over a wire that loses so many packets"}}},
    {"mtu", "B", FORM_COUNT, AT("mtu_bytes", UNSIGNED, mtu_bytes), .least = WIRE_MTU_MIN,
     .most = WIRE_MTU_MAX, .identity = true, .wire = true,
     .takes = {{BY_LOADS | ON_WIRES, "over a wire with this MTU (1500)"}}},
    {"drop", "KIND:DIRECTION:N", FORM_DROP, AT(NULL, OBJECT, drop), .wire = true,
     .takes = {{BY_RUN | BY_LADDER, "lose the N-th such packet, as in reply:to_client:1"}}},
    {"pcap", "FILE", FORM_TEXT, AT(NULL, TEXT, pcap), .wire = true,
     .takes = {{BY_RUN | BY_LADDER, "write what the wire carries"}}},
    {"shared-network", NULL, FORM_FLAG, AT(NULL, TRUTH, shared_network),
     .takes = {{BY_RUN, "stay in the caller's network"}}},
    {"host", "H[:PORT]", FORM_TEXT, AT(NULL, TEXT, host),
     .takes = {{BY_LOADS | BY_SEND, "a server that runs already; IPv6 as [::1]:7007"}}},
    {"ipv4", NULL, FORM_FLAG, AT(NULL, TRUTH, ipv4),
     .takes = {{BY_LOADS | BY_SEND, "only IPv4 addresses of --host"}}},
    {"ipv6", NULL, FORM_FLAG, AT(NULL, TRUTH, ipv6),
     .takes = {{BY_LOADS | BY_SEND, "only IPv6 addresses of --host"}}},
    {"seed", "N", FORM_COUNT, AT("seed", COUNT, seed), .most = 9e15, .always = true,
     .takes = {{BY_LOADS | BY_SEND | ON_WIRES | BY_CHECK | BY_CROSSCHECK | BY_ANATOMY | BY_LADDER,
                "of order, sessions and payload (random; recorded)"}}}};

const unsigned parameter_count = sizeof parameters / sizeof parameters[0];

int parameter_takers(const struct parameter *parameter) {
    int takers = 0;
    for (size_t i = 0; i < sizeof parameter->takes / sizeof parameter->takes[0]; i++) {
        takers |= parameter->takes[i].takers;
    }
    return takers;
}

const struct parameter *parameter_find(const char *option) {
    for (unsigned i = 0; i < parameter_count; i++) {
        if (strcmp(parameters[i].option, option) == 0) return &parameters[i];
    }
    return NULL;
}

/* ---- reading ---- */

/* The locale is C throughout, so a decimal point is a point. */
int form_read(enum form form, const char *text, double *number) {
    static const struct {
        const char *name;
        double factor;
    } units[][6] = {
        [FORM_SIZE] = {{"", 1}, {"k", 1024}, {"M", 1048576}},
        [FORM_COUNT] = {{"", 1}, {"k", 1e3}, {"M", 1e6}},
        [FORM_TIME] =
            {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 6e10}, {"h", 3.6e12}},
        [FORM_PERCENT] = {{"", 1}, {"%", 1}},
        [FORM_RATE] = {{"", 1}, {"k", 1e3}, {"M", 1e6}}};
    char *end;
    errno = 0;
    const double given = strtod(text, &end);
    /* Decimal alone: strtod also takes blanks, signs, 0x10, "inf" and 1p3. */
    if (end == text || errno != 0 || strspn(text, "0123456789.eE+-") < (size_t)(end - text) ||
        strchr("+-", *text) != NULL)
        return -EINVAL;
    for (int i = 0; i < 6 && units[form][i].name != NULL; i++) {
        if (strcmp(end, units[form][i].name) != 0) continue;
        const double scaled = given * units[form][i].factor;
        const double whole = round(scaled); /* 1.005s is a hair less than 1005000000 in binary */
        const bool is_whole = scaled <= 9e15 && fabs(scaled - whole) <= scaled * DBL_EPSILON;
        if (form != FORM_PERCENT && !is_whole) return -ERANGE;
        *number = form == FORM_PERCENT ? scaled : whole;
        return 0;
    }
    return -EINVAL;
}

static int index_of(const char *name, const char *const *names, unsigned count) {
    for (unsigned i = 0; name != NULL && i < count; i++) {
        if (strcmp(name, names[i]) == 0) return (int)i;
    }
    return -1;
}

static int parse_drop(const char *text, struct drop *drop) {
    char *copy = strdup(text);
    char *rest = copy;
    const int kind = index_of(strsep(&rest, ":"), wire_kind_names, WIRE_KINDS);
    const int direction = index_of(strsep(&rest, ":"), wire_direction_names, WIRE_DIRECTIONS);
    double nth = 0;
    const bool counted = rest != NULL && form_read(FORM_COUNT, rest, &nth) == 0;
    free(copy);
    if (kind < 0 || direction < 0 || !counted || nth == 0 || nth > UINT32_MAX) return -EINVAL;
    *drop = (struct drop){(unsigned)kind, (unsigned)direction, (unsigned)nth};
    return 0;
}

/* Where its row says nothing else. */
static double most_of(const struct parameter *parameter) {
    if (parameter->most > 0) return parameter->most;
    return parameter->form == FORM_TIME      ? HOUR_NS
           : parameter->form == FORM_PERCENT ? 100
                                             : (double)INFINITY;
}

/* In the struct values are kept as they are written: bytes, ns, percent. */
static struct field as_kept(const struct parameter *parameter) {
    struct field field = parameter->field;
    field.unit = 1;
    return field;
}

int parameter_parse(const struct parameter *parameter, const char *text, void *structure) {
    const struct field field = as_kept(parameter);
    struct field_value value = {.text = text, .number = 1};
    if (parameter->form == FORM_DROP) {
        return parse_drop(text, (struct drop *)(void *)((char *)structure + field.offset));
    }
    if (parameter->form < FORM_CHOICE) {
        const int failed = form_read(parameter->form, text, &value.number);
        if (failed != 0) return failed;
        if (value.number < parameter->least || value.number > most_of(parameter)) return -ERANGE;
    }
    return field_set(&field, structure, value);
}

const char *parameter_wanted(const struct parameter *parameter, char *text, size_t size) {
    const double most = most_of(parameter);
    switch (parameter->form) {
    case FORM_SIZE:
        (void)snprintf(text, size, "give bytes from 0 to %.0f, such as 64 or 16k", most);
        return text;
    case FORM_COUNT:
    case FORM_RATE:
        (void)snprintf(text, size, "give a whole number from %.0f to %.0f", parameter->least, most);
        return text;
    case FORM_TIME:
        (void)snprintf(text, size,
                       "give a time with its unit, such as 200ms, 2s or 5min, up to %.0f s",
                       most / 1e9);
        return text;
    case FORM_PERCENT: return "give a percentage from 0 to 100, such as 1%";
    case FORM_CHOICE: return "there is none of that name; see --help";
    default: return "say it as in syn:to_server:1";
    }
}

/* ---- writing ---- */

char *parameter_text(const struct parameter *parameter, const void *structure) {
    const struct field field = as_kept(parameter);
    const struct field_value value = field_get(&field, structure);
    char *text = NULL;
    int length = -1;
    if (parameter->form == FORM_FLAG) return NULL;
    if (parameter->form == FORM_DROP) {
        struct drop drop;
        memcpy(&drop, (const char *)structure + field.offset, sizeof drop);
        length = asprintf(&text, "%s:%s:%u", wire_kind_names[drop.kind],
                          wire_direction_names[drop.direction], drop.nth);
    } else if (parameter->form < FORM_CHOICE) {
        const bool percent = parameter->form == FORM_PERCENT;
        const char *unit = parameter->form == FORM_TIME ? "ns" : percent ? "%" : "";
        length = asprintf(&text, "%.*f%s", percent ? 6 : 0, value.number, unit);
    } else if (value.text != NULL) {
        return strdup(value.text);
    }
    return length < 0 ? NULL : text;
}

void parameter_usual(const struct parameter *parameter, void *structure) {
    if (parameter->usual != NULL) (void)parameter_parse(parameter, parameter->usual, structure);
}

void parameters_usual(struct parameters *p) {
    *p = (struct parameters){.variant = NULL};
    for (unsigned i = 0; i < parameter_count; i++) parameter_usual(&parameters[i], p);
    p->reply_bytes = p->size_bytes;
}

static bool same_value(const struct parameter *parameter, const void *one, const void *other) {
    const struct field field = as_kept(parameter);
    if (parameter->form == FORM_DROP) {
        return memcmp((const char *)one + field.offset, (const char *)other + field.offset,
                      sizeof(struct drop)) == 0;
    }
    const struct field_value a = field_get(&field, one);
    const struct field_value b = field_get(&field, other);
    if (a.text != NULL && b.text != NULL) return strcmp(a.text, b.text) == 0;
    if (a.text != b.text) return false;
    return a.number == b.number || (isnan(a.number) && isnan(b.number));
}

bool parameters_same(const struct parameters *one, const struct parameters *other) {
    for (unsigned i = 0; i < parameter_count; i++) {
        if (parameters[i].identity && !same_value(&parameters[i], one, other)) return false;
    }
    return one->variant == other->variant;
}

/* ---- the arguments of a run ---- */

static bool is_told(const struct parameter *parameter, const struct parameters *p,
                    const struct parameters *usual) {
    if ((parameter_takers(parameter) & BY_RUN) == 0) return false;
    if (parameter->always) return true;
    if (parameter->meant != NULL) return parameter->meant(p);
    return !same_value(parameter, p, usual);
}

void arguments_free(char **arguments) {
    for (char **word = arguments; word != NULL && *word != NULL; word++) free(*word);
    free(arguments);
}

/* "--size=64", malloc'd; NULL without memory. */
static char *argument_of(const struct parameter *parameter, const struct parameters *p) {
    char *value = parameter_text(parameter, p), *word = NULL;
    const int length = asprintf(&word, "--%s%s%s", parameter->option, value == NULL ? "" : "=",
                                value == NULL ? "" : value);
    free(value);
    return length < 0 ? NULL : word;
}

char **parameters_arguments(const struct parameters *p, char *const before[], const char *more) {
    struct parameters usual;
    size_t count = 0;
    while (before[count] != NULL) count++;
    char **words = calloc(count + parameter_count + 4, sizeof *words);
    if (words == NULL) return NULL;
    parameters_usual(&usual);
    for (size_t i = 0; i < count; i++) words[i] = strdup(before[i]);
    words[count++] = strdup("run");
    words[count++] = strdup(p->variant->name);
    for (unsigned i = 0; i < parameter_count; i++) {
        if (!is_told(&parameters[i], p, &usual)) continue;
        words[count] = argument_of(&parameters[i], p);
        if (words[count++] != NULL) continue;
        arguments_free(words);
        return NULL;
    }
    if (more != NULL) words[count] = strdup(more);
    return words;
}

/* ---- what a client is to do ---- */

uint8_t *parameters_payload(const struct parameters *p) {
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    uint8_t *payload = random == NULL ? NULL : malloc(p->size_bytes + 1U);
    if (payload != NULL) {
        gsl_rng_set(random, p->seed);
        for (uint32_t i = 0; i < p->size_bytes; i++) payload[i] = (uint8_t)gsl_rng_get(random);
    }
    gsl_rng_free(random);
    return payload;
}

/* Spreads a seed over 64 bits (the finaliser of splitmix64), so that sessions do not meet. */
static uint64_t session_of(uint64_t seed) {
    uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned parameters_depth(const struct parameters *p) {
    const unsigned depth = p->pipeline > 0 ? p->pipeline : p->variant->depth;
    return depth > 1 ? depth : 1;
}

struct echo_client_options parameters_client(const struct parameters *p, const uint8_t *payload) {
    /* Timeouts on a socket are as coarse as the kernel's tick: short ones need poll's. */
    const uint64_t coarse_ns = 25000000;
    const bool polls = p->placement == PLACEMENT_SPIN || p->engine == ENGINE_EPOLL;
    const bool short_deadline = p->deadline_ns < coarse_ns;
    return (struct echo_client_options){.lifetime = p->variant->lifetime,
                                        .nonblocking = polls || short_deadline,
                                        .session = session_of(p->seed),
                                        .payload = payload,
                                        .payload_bytes = p->size_bytes,
                                        .reply_bytes = p->reply_bytes,
                                        .depth = parameters_depth(p),
                                        .patience_ns = p->deadline_ns,
                                        .rto_floor_ns = p->rto_floor_ns,
                                        .per_connection = p->per_connection};
}
