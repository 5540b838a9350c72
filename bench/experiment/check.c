/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab check: the ruler tested with known quantities. Every control has a
 * negative one: the same detector on a case that it must refuse, as a test
 * that cannot fail proves nothing.
 */
#include <fcntl.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/cli/commands.h"
#include "bench/judge/loss_model.h"
#include "bench/judge/statistics.h"
#include "bench/link/namespace.h"
#include "bench/link/wire.h"
#include "bench/run/child.h"
#include "bench/run/result.h"
#include "bench/run/validity.h"
#include "bench/session/environment.h"
#include "bench/session/output.h"

enum {
    GROUP = 15,         /* pairs that make one verdict */
    AA_GROUPS = 100,    /* 300 pairs */
    DELAY_NS = 5000,    /* what is injected, and must be found ... */
    DELAY_PERCENT = 10, /* ... within so much */
    MS = 1000000,
    TEXT = 200
};

struct finding {
    bool passed; /* what the detector says */
    char injected[TEXT], found[TEXT];
};

struct check {
    const struct options *options;
    gsl_rng *random;
    char why[TEXT - 16]; /* fits behind "no result: " */
    bool broken;         /* a run gave no result */
};

/* ---- short runs ---- */

static struct options short_run(struct check *check, const char *variant) {
    struct options options = *check->options;
    options.variants[0] = variant_find(variant);
    options.variant_count = 1;
    options.role = ROLE_VARIANT;
    options.duration_ns = 10000000;
    options.warmup_ns = 2000000;
    options.seed = gsl_rng_get(check->random);
    return options;
}

/* Time per message in us; NAN when the run failed, or was too disturbed to count a message. */
static double time_of(struct check *check, const struct options *options) {
    json_t *run = child_run("/proc/self/exe", options, check->why, sizeof check->why);
    const double us = result_number(run, "time_per_message_us", NAN);
    if (run == NULL) check->broken = true;
    json_decref(run);
    return us;
}

static void time_pair(struct check *check, const struct options *one, const struct options *other,
                      double *of_one, double *of_other) {
    const bool first = gsl_rng_get(check->random) >> 31 != 0;
    if (first) *of_one = time_of(check, one);
    *of_other = time_of(check, other);
    if (!first) *of_one = time_of(check, one);
}

/* Pairs with and without a delay in the server, each pair in random order. */
static bool time_pairs(struct check *check, const struct options *plain, uint64_t delay_ns,
                       double *with, double *without, size_t pairs) {
    enum { TRIES = 20 }; /* in all: so short a run may fall into a pause of the machine */
    struct options delayed = *plain;
    delayed.delay_ns = delay_ns;
    size_t tries = 0;
    for (size_t i = 0; i < pairs && tries < TRIES && !check->broken && !options_interrupted;) {
        time_pair(check, &delayed, plain, &with[i], &without[i]);
        if (isfinite(with[i]) && isfinite(without[i])) {
            i++;
        } else {
            tries++;
        }
    }
    if (tries == TRIES) {
        check->broken = true;
        (void)snprintf(check->why, sizeof check->why, "%d runs without a message", TRIES);
    }
    return !check->broken && !options_interrupted;
}

/* ---- A/A: does it raise no more false alarms than it says? ---- */

static void false_alarms(struct check *check, struct finding *finding, bool negative) {
    const size_t most = check->options->blocks < AA_GROUPS ? check->options->blocks : AA_GROUPS;
    const size_t few = most < 4 ? 2 : 4; /* two alarms of two are beyond chance */
    const size_t groups = negative ? few : most;
    const uint64_t delay_ns = negative ? 2000 : 0;
    double with[AA_GROUPS * GROUP];
    double without[AA_GROUPS * GROUP];
    const struct options plain = short_run(check, "udp-persistent");
    if (!time_pairs(check, &plain, delay_ns, with, without, groups * GROUP)) return;
    unsigned alarms = 0;
    for (size_t g = 0; g < groups; g++) {
        const struct comparison c =
            statistics_compare(with + g * GROUP, without + g * GROUP, GROUP, 0.95, 0);
        if (c.verdict == VERDICT_FASTER || c.verdict == VERDICT_SLOWER) alarms++;
    }
    /* So many or more, were the true rate 5 %: not to be believed below 1 in 100. */
    const double p = alarms == 0 ? 1 : gsl_cdf_binomial_Q(alarms - 1, 0.05, (unsigned)groups);
    const struct interval rate = statistics_share_interval(alarms, (double)groups - alarms, 0.95);
    finding->passed = p > 0.01;
    (void)snprintf(finding->injected, TEXT, "%zu pairs, the server %s", groups * GROUP,
                   negative ? "2 us slower in one of each" : "the same");
    (void)snprintf(finding->found, TEXT,
                   "%u alarms in %zu comparisons of %d pairs at 5 %%: a rate of %.0f to %.0f %%",
                   alarms, groups, GROUP, 100 * rate.low, 100 * rate.high);
}

/* ---- 5 us that are known ---- */

static void known_delay(struct check *check, struct finding *finding, bool negative) {
    enum { PAIRS = 60, PER_BLOCK = 10 };
    const size_t asked = (size_t)check->options->blocks * PER_BLOCK;
    const size_t pairs = asked < PAIRS ? asked : PAIRS;
    double with[PAIRS];
    double without[PAIRS];
    struct options plain = short_run(check, "udp-persistent");
    plain.duration_ns = 15000000;
    if (!time_pairs(check, &plain, negative ? 0 : DELAY_NS, with, without, pairs)) return;
    /* The median, as a pause of the machine falls into one run of a pair alone. */
    double diffs[PAIRS];
    for (size_t i = 0; i < pairs; i++) diffs[i] = with[i] - without[i];
    const struct interval us = statistics_median_interval(diffs, pairs, 0.95);
    const double wanted_us = DELAY_NS / 1e3;
    finding->passed = fabs(us.value - wanted_us) <= wanted_us * DELAY_PERCENT / 100;
    (void)snprintf(finding->injected, TEXT, "%s us per message in the server",
                   negative ? "0" : "5");
    (void)snprintf(finding->found, TEXT, "%.2f us [%.2f, %.2f] in %zu pairs; wanted 5 within %d %%",
                   us.value, us.low, us.high, pairs, DELAY_PERCENT);
}

/* ---- nothing carries over from run to run ---- */

/* Two runs that leave their ports in TIME_WAIT: how many the second one meets. */
static double left_over(struct check *check, bool shared) {
    struct options leaves = short_run(check, "tcp-client-close");
    leaves.messages = 500;
    leaves.shared_network = shared;
    double met = NAN;
    for (int i = 0; i < 2; i++) {
        leaves.seed++;
        json_t *run = child_run("/proc/self/exe", &leaves, check->why, sizeof check->why);
        if (run == NULL) check->broken = true;
        met = result_number(run, "time_wait.all_before", NAN);
        json_decref(run);
    }
    return met;
}

/* In a process of its own, which goes into a network that both runs then share. */
static double left_over_shared(struct check *check) {
    int pipe_ends[2];
    double met = NAN;
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) return NAN;
    const pid_t child = fork();
    if (child == 0) {
        if (namespace_enter() == 0) met = left_over(check, true);
        const bool told = write(pipe_ends[1], &met, sizeof met) == sizeof met;
        _exit(told ? 0 : 1);
    }
    (void)close(pipe_ends[1]);
    if (read(pipe_ends[0], &met, sizeof met) != sizeof met) met = NAN;
    (void)close(pipe_ends[0]);
    if (child > 0) (void)waitpid(child, NULL, 0);
    return met;
}

static void carry_over(struct check *check, struct finding *finding, bool negative) {
    const double met = negative ? left_over_shared(check) : left_over(check, false);
    if (!isfinite(met)) {
        check->broken = true;
        return;
    }
    finding->passed = met == 0;
    (void)snprintf(finding->injected, TEXT, "500 ports in TIME_WAIT by a run before%s",
                   negative ? ", in the same network" : "");
    (void)snprintf(finding->found, TEXT, "%.0f of them met by the run behind it", met);
}

/* ---- a run that contradicts itself is refused ---- */

/* A run as it would be judged, to be spoiled. */
struct specimen {
    struct load_result load;
    uint64_t server[ECHO_COUNTS];
    struct counters counters;
    uint64_t latencies;
};

struct broken_run {
    const char *what;
    void (*breaks)(struct specimen *run);
};

static void lose_one(struct specimen *run) {
    run->load.ok--;
    run->latencies--;
}

static void forget_latency(struct specimen *run) {
    run->latencies--;
}

static void serve_fewer(struct specimen *run) {
    run->server[ECHO_REQUESTS]--;
}

static void idle_half(struct specimen *run) {
    run->load.busy_ns /= 2;
}

static void slow_down(struct specimen *run) {
    run->load.ok_by_half[0] = run->load.ok * 3 / 5;
    run->load.ok_by_half[1] = run->load.ok - run->load.ok_by_half[0];
}

static void retransmit(struct specimen *run) {
    for (unsigned i = 0; i < counter_count; i++) {
        const bool it = strcmp(counter_rows[i].name, "kernel.TcpRetransSegs") == 0;
        if (it) run->counters.value[i] = 1;
    }
}

static const struct broken_run broken_runs[] = {
    {"a message neither answered, lost nor failed", lose_one},
    {"a latency missing", forget_latency},
    {"a request the server did not count", serve_fewer},
    {"half the time unaccounted for", idle_half},
    {"half as slow again in the second half", slow_down},
    {"a retransmission on loopback", retransmit},
};

enum { BROKEN_RUNS = sizeof broken_runs / sizeof broken_runs[0] };

/* A sound run of 1,000 exchanges of 100 us, with one thing broken or none. */
static bool refused(const struct broken_run *broken) {
    struct specimen *run = calloc(1, sizeof *run);
    if (run == NULL) return false;
    run->server[ECHO_REQUESTS] = run->server[ECHO_REPLIES] = 1100;
    run->latencies = 1000;
    run->load = (struct load_result){.sent = 1000,
                                     .ok = 1000,
                                     .ok_by_half = {500, 500},
                                     .busy_ns = 100000000,
                                     .window_ns = 100000000,
                                     .exchanges = 1100,
                                     .connections = 1,
                                     .depth = 1,
                                     .start_ns = 1,
                                     .end_ns = 100000001};
    if (broken != NULL) broken->breaks(run);
    const struct validity_input input = {.load = &run->load,
                                         .variant = variant_find("tcp-persistent"),
                                         .counters = &run->counters,
                                         .server_counts = run->server,
                                         .private_network = true,
                                         .shared_cpu = true,
                                         .latencies = run->latencies};
    struct validity validity;
    validity_check(&validity, &input);
    free(run);
    return validity.count > 0;
}

static void broken_identity(struct check *check, struct finding *finding, bool negative) {
    (void)check;
    if (negative) {
        finding->passed = refused(NULL);
        (void)snprintf(finding->injected, TEXT, "a sound run");
        (void)snprintf(finding->found, TEXT, "%s", finding->passed ? "refused" : "not refused");
        return;
    }
    unsigned count = 0;
    const char *missed = "none";
    for (unsigned i = 0; i < BROKEN_RUNS; i++) {
        if (refused(&broken_runs[i])) {
            count++;
        } else {
            missed = broken_runs[i].what;
        }
    }
    finding->passed = count == BROKEN_RUNS;
    (void)snprintf(finding->injected, TEXT, "%d kinds of runs that contradict themselves",
                   BROKEN_RUNS);
    (void)snprintf(finding->found, TEXT, "%u refused; missed: %s", count, missed);
}

/* ---- what the wire was told ---- */

static json_t *wire_run(struct check *check, const char *variant, uint64_t rtt_ns,
                        unsigned messages, bool drop) {
    struct options options = short_run(check, variant);
    options.wire = true;
    options.rtt_ns = rtt_ns;
    options.messages = messages;
    options.warmup_ns = 0;
    if (drop) {
        options.drop[0] = WIRE_REQUEST + 1;
        options.drop[1] = WIRE_TO_SERVER + 1;
        options.drop[2] = 2;
    }
    json_t *run = child_run("/proc/self/exe", &options, check->why, sizeof check->why);
    if (run == NULL) check->broken = true;
    return run;
}

static void known_round_trip(struct check *check, struct finding *finding, bool negative) {
    enum { RTT_MS = 10, PERCENT = 5 };
    const uint64_t rtt_ns = negative ? 0 : RTT_MS * UINT64_C(1000000);
    json_t *run = wire_run(check, "udp-persistent", rtt_ns, 60, false);
    const double ms = result_number(run, "latency_us.p50", NAN) / 1e3;
    json_decref(run);
    finding->passed = fabs(ms - RTT_MS) <= RTT_MS * PERCENT / 100.0;
    (void)snprintf(finding->injected, TEXT, "a round trip of %d ms", negative ? 0 : RTT_MS);
    (void)snprintf(finding->found, TEXT, "%.2f ms, median of 60 exchanges; wanted %d within %d %%",
                   ms, RTT_MS, PERCENT);
}

static void dropped_packet(struct check *check, struct finding *finding, bool negative) {
    enum { RTT_MS = 20 };
    json_t *run = wire_run(check, "tcp-persistent", RTT_MS * UINT64_C(1000000), 2, !negative);
    const double ms = result_number(run, "latency_us.max", NAN) / 1e3;
    const double dropped = result_number(run, "wire.dropped", NAN);
    json_decref(run);
    /* The first row of that model: the request. */
    const struct loss_prediction wanted =
        loss_model_predict(loss_model_find("tcp-persistent"), RTT_MS, 0);
    finding->passed = dropped == 1 && ms >= 0.9 * wanted.low_ms && ms <= 1.1 * wanted.high_ms;
    (void)snprintf(finding->injected, TEXT, "%d request lost, round trip %d ms", negative ? 0 : 1,
                   RTT_MS);
    (void)snprintf(finding->found, TEXT, "%.0f lost, the message took %.0f ms; wanted %.0f to %.0f",
                   dropped, ms, wanted.low_ms, wanted.high_ms);
}

/* ---- a server that hangs, and who sees it ---- */

static json_t *stalled_run(struct check *check, bool open, uint64_t stall_ns) {
    struct options options = short_run(check, "tcp-persistent");
    options.engine = ENGINE_EPOLL;
    options.design = DESIGN_EPOLL;
    options.duration_ns = UINT64_C(600) * MS;
    options.stall_ns = stall_ns;
    options.rate_per_s = open ? 500 : 0;
    options.arrivals = ARRIVALS_FIXED;
    json_t *run = child_run("/proc/self/exe", &options, check->why, sizeof check->why);
    if (run == NULL) check->broken = true;
    return run;
}

/*
 * A sixth of the requests of a schedule are due while the server hangs. A
 * closed loop asks nothing in that time: one exchange is slow, its median as
 * ever (coordinated omission).
 */
static void stopped_server(struct check *check, struct finding *finding, bool negative) {
    const uint64_t stall_ns = negative ? 0 : 100 * MS;
    json_t *open = stalled_run(check, true, stall_ns);
    json_t *closed = stalled_run(check, false, stall_ns);
    const double p90_ms = result_number(open, "latency_us.p90", NAN) / 1e3;
    const double p50_ms = result_number(closed, "latency_us.p50", NAN) / 1e3;
    json_decref(open);
    json_decref(closed);
    finding->passed = p90_ms > 10 && p90_ms < 100 && p50_ms < 10;
    (void)snprintf(finding->injected, TEXT, "the server stopped for %d ms of 600",
                   negative ? 0 : 100);
    (void)snprintf(finding->found, TEXT,
                   "open loop: 1 in 10 waited %.2f ms or longer (wanted 10 to 100); closed loop: "
                   "median %.3f ms",
                   p90_ms, p50_ms);
}

/* ---- all of them ---- */

struct control {
    const char *name;
    void (*look)(struct check *check, struct finding *finding, bool negative);
    bool needs_network; /* a private one */
};

static const struct control controls[] = {
    {"false alarms", false_alarms, false},
    {"known delay", known_delay, false},
    {"carry-over", carry_over, true},
    {"broken identity", broken_identity, false},
    {"known round trip", known_round_trip, true},
    {"dropped packet", dropped_packet, true},
    {"stopped server", stopped_server, false},
};

static json_t *finding_json(const struct control *control, const struct finding *finding,
                            bool negative, bool right) {
    return json_pack("{s:s,s:b,s:s,s:s,s:b,s:b}", "name", control->name, "negative_control",
                     negative, "injected", finding->injected, "found", finding->found, "detected",
                     finding->passed, "pass", right);
}

/* Whether the detector said what it must. */
static bool look_once(struct check *check, const struct control *control, bool negative,
                      json_t *all) {
    struct finding finding = {0};
    check->broken = false;
    if (control->needs_network && !namespace_allowed()) {
        printf("skip  %s: the system denies private networks; try sudo echolab check\n",
               control->name);
        return true;
    }
    control->look(check, &finding, negative);
    if (options_interrupted) return false;
    const bool right = !check->broken && finding.passed != negative;
    if (check->broken) (void)snprintf(finding.found, TEXT, "no result: %s", check->why);
    printf("%s  %s%s\n      injected: %s\n      found:    %s\n", right ? "pass" : "FAIL",
           control->name, negative ? " (negative control: must be refused)" : "", finding.injected,
           finding.found);
    (void)fflush(stdout);
    (void)json_array_append_new(all, finding_json(control, &finding, negative, right));
    return right;
}

static int write_checks(const struct options *options, json_t *all) {
    if (options->json == NULL) return EXIT_DONE;
    json_t *file =
        json_pack("{s:s,s:s,s:I,s:o,s:O}", "schema", "echolab/1", "command", "check", "seed",
                  (json_int_t)options->seed, "environment", environment_read(), "checks", all);
    const int failed = output_write_json(options->json, file);
    json_decref(file);
    return failed == 0 ? EXIT_DONE
                       : complain("cannot write %s: %s", options->json, strerror(-failed));
}

int command_check(const struct options *options) {
    const int failed = options->json == NULL ? 0 : output_check(options->json);
    if (failed != 0) return complain("cannot write %s: %s", options->json, strerror(-failed));
    struct check check = {.options = options, .random = gsl_rng_alloc(gsl_rng_mt19937)};
    if (check.random == NULL) return complain("no memory");
    gsl_rng_set(check.random, options->seed);
    options_catch_signals();
    json_t *all = json_array();
    unsigned wrong = 0;
    const size_t count = sizeof controls / sizeof controls[0];
    for (size_t i = 0; i < count && !options_interrupted; i++) {
        if (!look_once(&check, &controls[i], false, all)) wrong++;
        if (!options_interrupted && !look_once(&check, &controls[i], true, all)) wrong++;
    }
    printf("%zu controls and their negative controls: %u failed (seed %llu)\n", count, wrong,
           (unsigned long long)options->seed);
    const int status = write_checks(options, all);
    json_decref(all);
    gsl_rng_free(check.random);
    if (options_interrupted) return EXIT_INTERRUPTED;
    return status != EXIT_DONE ? status : wrong > 0 ? EXIT_REGRESSION : EXIT_DONE;
}
