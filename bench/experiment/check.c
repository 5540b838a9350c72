/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab check: the ruler tested with known quantities. Every control has a
 * negative one: the same detector on a case that it must refuse, as a test
 * that cannot fail proves nothing.
 */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/link/namespace.h"
#include "bench/run/loss_model.h"
#include "bench/tell/fill.h"

#define MS UINT64_C(1000000)
#define US 1e3

enum {
    GROUP = 15,        /* pairs that make one verdict */
    AA_GROUPS = 100,   /* 300 pairs */
    PAIRS = 60,        /* with the delay, and without it, ... */
    PER_BLOCK = 10,    /* ... so many a block */
    DELAY_NS = 5000,   /* what is injected, and must be found ... */
    DELAY_PERCENT = 10 /* ... within so much */
};

/* A detector at work. */
struct look {
    struct lab *lab;
    struct session *session;      /* the lab's */
    bool negative;                /* what it looks for is not there */
    bool detected;                /* what it says */
    bool broken;                  /* a run gave no result: lab->why */
    const char *injected, *found; /* the session's */
};

/* ---- short runs ---- */

static struct parameters short_run(const struct look *look, const char *variant) {
    struct parameters asked = look->lab->request->run;
    asked.variant = variant_find(variant);
    asked.duration_ns = 10 * MS;
    asked.warmup_ns = 2 * MS;
    asked.seed = gsl_rng_get(look->lab->random);
    return asked;
}

/* For run_free; NULL: then it is broken. */
static struct run *run_once(struct look *look, const struct parameters *asked) {
    struct run *run = child_run(asked, look->lab->why);
    if (run == NULL) look->broken = true;
    return run;
}

/* NAN when the run failed, or was too disturbed to count a message. */
static double time_us(struct look *look, const struct parameters *asked) {
    struct run *run = run_once(look, asked);
    const double us = run == NULL ? (double)NAN : run_time_ns(run) / US;
    run_free(run);
    return us;
}

/* Pairs with and without a delay in the server, each pair in random order. */
static bool time_pairs(struct look *look, const struct parameters *plain, uint64_t delay_ns,
                       double *with, double *without, size_t pairs) {
    enum { TRIES = 20 }; /* in all: so short a run may fall into a pause of the machine */
    struct parameters delayed = *plain;
    delayed.delay_ns = delay_ns;
    size_t tries = 0;
    for (size_t i = 0; i < pairs && tries < TRIES && !look->broken && !interrupted;) {
        const bool first = gsl_rng_get(look->lab->random) >> 31 != 0;
        if (first) with[i] = time_us(look, &delayed);
        without[i] = time_us(look, plain);
        if (!first) with[i] = time_us(look, &delayed);
        if (isfinite(with[i]) && isfinite(without[i]))
            i++;
        else
            tries++;
    }
    if (tries == TRIES) {
        look->broken = true;
        (void)snprintf(look->lab->why, CHILD_WHY, "%d runs without a message", TRIES);
    }
    return !look->broken && !interrupted;
}

/* ---- A/A: does it raise no more false alarms than it says? ---- */

static size_t groups_of(unsigned blocks, bool negative) {
    const size_t most = blocks < AA_GROUPS ? blocks : AA_GROUPS;
    const size_t few = most < 4 ? 2 : 4; /* two alarms of two are beyond chance */
    return negative ? few : most;
}

static void false_alarms(struct look *look) {
    const size_t groups = groups_of(look->lab->request->blocks, look->negative);
    const uint64_t delay_ns = look->negative ? 2000 : 0;
    double with[AA_GROUPS * GROUP], without[AA_GROUPS * GROUP];
    const struct parameters plain = short_run(look, "udp-persistent");
    if (!time_pairs(look, &plain, delay_ns, with, without, groups * GROUP)) return;
    unsigned alarms = 0;
    for (size_t g = 0; g < groups; g++) {
        const struct comparison c =
            statistics_compare(with + g * GROUP, without + g * GROUP, GROUP, 0.95, 0);
        alarms += c.verdict == VERDICT_FASTER || c.verdict == VERDICT_SLOWER;
    }
    /* So many or more, were the true rate 5 %: not to be believed below 1 in 100. */
    const double p = alarms == 0 ? 1 : gsl_cdf_binomial_Q(alarms - 1, 0.05, (unsigned)groups);
    const struct interval rate = statistics_share_interval(alarms, (double)groups - alarms, 0.95);
    look->detected = p > 0.01;
    look->injected = session_text(look->session, "%zu pairs, the server %s", groups * GROUP,
                                  look->negative ? "2 us slower in one of each" : "the same");
    look->found =
        session_text(look->session,
                     "%u alarms in %zu comparisons of %d pairs at 5 %%: a rate of %.0f to %.0f %%",
                     alarms, groups, GROUP, 100 * rate.low, 100 * rate.high);
}

/* ---- 5 us that are known ---- */

static size_t delay_pairs(unsigned blocks) {
    const size_t asked = (size_t)blocks * PER_BLOCK;
    return asked < PAIRS ? asked : PAIRS;
}

static void known_delay(struct look *look) {
    const size_t pairs = delay_pairs(look->lab->request->blocks);
    double with[PAIRS], without[PAIRS], diffs[PAIRS];
    struct parameters plain = short_run(look, "udp-persistent");
    plain.duration_ns = 15 * MS;
    if (!time_pairs(look, &plain, look->negative ? 0 : DELAY_NS, with, without, pairs)) return;
    /* The median, as a pause of the machine falls into one run of a pair alone. */
    for (size_t i = 0; i < pairs; i++) diffs[i] = with[i] - without[i];
    const struct interval us = statistics_median_interval(diffs, pairs, 0.95);
    const double wanted_us = DELAY_NS / US;
    look->detected = fabs(us.value - wanted_us) <= wanted_us * DELAY_PERCENT / 100;
    look->injected = session_text(look->session, "%g us per message in the server",
                                  look->negative ? 0 : wanted_us);
    look->found =
        session_text(look->session, "%.2f us [%.2f, %.2f] in %zu pairs; wanted %g within %d %%",
                     us.value, us.low, us.high, pairs, wanted_us, DELAY_PERCENT);
}

/* ---- nothing carries over from run to run ---- */

/* Two runs that leave their ports in TIME_WAIT: how many the second one meets. */
static double left_over(struct look *look, bool shared) {
    struct parameters leaves = short_run(look, "tcp-client-close");
    uint64_t met = FIELD_UNKNOWN;
    leaves.messages = 500;
    leaves.shared_network = shared;
    for (int i = 0; i < 2; i++) {
        leaves.seed++;
        struct run *run = run_once(look, &leaves);
        if (run == NULL) return NAN;
        met = run->time_wait[0].all;
        run_free(run);
    }
    return met == FIELD_UNKNOWN ? (double)NAN : (double)met;
}

struct shared {
    struct look *look;
    double met;
};

/* In a process of its own, which goes into a network that both runs then share. */
static void look_from_there(void *result) {
    struct shared *shared = result;
    if (namespace_enter() == 0) shared->met = left_over(shared->look, true);
}

static void carry_over(struct look *look) {
    struct shared shared = {look, NAN};
    if (!look->negative)
        shared.met = left_over(look, false);
    else if (process_apart(look_from_there, &shared, sizeof shared) != 0)
        shared.met = NAN;
    if (!isfinite(shared.met)) {
        look->broken = true;
        return;
    }
    look->detected = shared.met == 0;
    look->injected = session_text(look->session, "500 ports in TIME_WAIT by a run before%s",
                                  look->negative ? ", in the same network" : "");
    look->found = session_text(look->session, "%.0f of them met by the run behind it", shared.met);
}

/* ---- a run that contradicts itself is refused ---- */

/* A run as it would be judged, to be spoiled. */
struct specimen {
    struct load_result load;
    uint64_t server[ECHO_COUNTS], latencies, retransmitted;
};

#define AT(member_) offsetof(struct specimen, member_)

/* Its counts that are wrong, each a uint64_t. */
static const struct broken_run {
    const char *what;
    size_t at;
    uint64_t value;
    size_t at_too; /* 0: none */
    uint64_t value_too;
} broken_runs[] = {
    {"a message neither answered, lost nor failed", AT(load.ok), 999, AT(latencies), 999},
    {"a latency missing", AT(latencies), 999, 0, 0},
    {"a request the server did not count", AT(server[ECHO_REQUESTS]), 1099, 0, 0},
    {"half the time unaccounted for", AT(load.busy_ns), 50 * MS, 0, 0},
    {"half as slow again in the second half", AT(load.ok_by_half[0]), 600, AT(load.ok_by_half[1]),
     400},
    {"a retransmission on loopback", AT(retransmitted), 1, 0, 0}};

enum { BROKEN_RUNS = sizeof broken_runs / sizeof broken_runs[0] };

/* A sound run of 1,000 exchanges of 100 us, with one thing broken or none (NULL). */
static bool is_refused(const struct broken_run *broken) {
    struct specimen *run = calloc(1, sizeof *run);
    struct counters counters = {0};
    struct validity validity;
    if (run == NULL) return false;
    run->server[ECHO_REQUESTS] = run->server[ECHO_REPLIES] = 1100;
    run->latencies = 1000;
    run->load = (struct load_result){.sent = 1000, .ok = 1000, .ok_by_half = {500, 500}};
    run->load.busy_ns = run->load.cycles_ns = 100 * MS;
    run->load.exchanges = run->load.answered = 1100;
    run->load.connections = run->load.depth = 1;
    run->load.start_ns = 1;
    run->load.end_ns = 100 * MS + 1;
    if (broken != NULL) memcpy((char *)run + broken->at, &broken->value, sizeof broken->value);
    if (broken != NULL && broken->at_too > 0) {
        memcpy((char *)run + broken->at_too, &broken->value_too, sizeof broken->value_too);
    }
    for (unsigned i = 0; i < counter_count; i++) {
        const bool it = strcmp(counter_rows[i].name, "kernel.TcpRetransSegs") == 0;
        if (it) counters.value[i] = run->retransmitted;
    }
    validity_check(&validity, &(struct validity_input){.load = &run->load,
                                                       .variant = variant_find("tcp-persistent"),
                                                       .counters = &counters,
                                                       .server_counts = run->server,
                                                       .private_network = true,
                                                       .shared_cpu = true,
                                                       .has_window = true,
                                                       .disturbed = NAN,
                                                       .latencies = run->latencies});
    free(run);
    return validity.count > 0;
}

static void broken_identity(struct look *look) {
    if (look->negative) {
        look->detected = is_refused(NULL);
        look->injected = session_text(look->session, "a sound run");
        look->found = session_text(look->session, "%s", look->detected ? "refused" : "not refused");
        return;
    }
    unsigned count = 0;
    const char *missed = "none";
    for (unsigned i = 0; i < BROKEN_RUNS; i++) {
        if (is_refused(&broken_runs[i]))
            count++;
        else
            missed = broken_runs[i].what;
    }
    look->detected = count == BROKEN_RUNS;
    look->injected =
        session_text(look->session, "%d kinds of runs that contradict themselves", BROKEN_RUNS);
    look->found = session_text(look->session, "%u refused; missed: %s", count, missed);
}

/* ---- what the wire was told ---- */

/* A percentile of the latency of one run. */
static double percentile_ms(struct look *look, const struct parameters *asked, double percent) {
    struct run *run = run_once(look, asked);
    const double ms = run == NULL ? (double)NAN : metric_percentile_us(run, percent) / US;
    if (run != NULL && isnan(ms)) {
        look->broken = true;
        (void)snprintf(look->lab->why, CHILD_WHY, "too few messages beyond the percentile");
    }
    run_free(run);
    return ms;
}

static struct parameters wire_run(const struct look *look, const char *variant, uint64_t rtt_ns,
                                  unsigned messages) {
    struct parameters asked = short_run(look, variant);
    asked.wire = true;
    asked.rtt_ns = rtt_ns;
    asked.messages = messages;
    asked.warmup_ns = 0;
    return asked;
}

static void known_round_trip(struct look *look) {
    enum { RTT_MS = 10, PERCENT = 5, MESSAGES = 100 };
    const unsigned rtt_ms = look->negative ? 0 : RTT_MS;
    const struct parameters asked = wire_run(look, "udp-persistent", rtt_ms * MS, MESSAGES);
    const double ms = percentile_ms(look, &asked, 50);
    look->detected = fabs(ms - RTT_MS) <= RTT_MS * PERCENT / 100.0;
    look->injected = session_text(look->session, "a round trip of %u ms", rtt_ms);
    look->found =
        session_text(look->session, "%.2f ms, median of %d exchanges; wanted %d within %d %%", ms,
                     MESSAGES, RTT_MS, PERCENT);
}

static void dropped_packet(struct look *look) {
    enum { RTT_MS = 20 };
    struct parameters asked = wire_run(look, "tcp-persistent", RTT_MS * MS, 2);
    if (!look->negative) asked.drop = (struct drop){WIRE_REQUEST, WIRE_TO_SERVER, 2};
    struct run *run = run_once(look, &asked);
    if (run == NULL) return;
    const double ms = (double)run->latency.max_ns / (double)MS;
    const unsigned long long dropped = run->wire.all.dropped;
    run_free(run);
    /* The first row of that model: the request. */
    const struct loss_timers timers = loss_timers_read();
    const struct loss_prediction wanted =
        loss_model_predict(asked.variant->may_lose, &timers, RTT_MS, 0);
    look->detected = dropped == 1 && ms >= 0.9 * wanted.low_ms && ms <= 1.1 * wanted.high_ms;
    look->injected =
        session_text(look->session, "%d request lost, round trip %d ms", !look->negative, RTT_MS);
    look->found =
        session_text(look->session, "%llu lost, the message took %.0f ms; wanted %.0f to %.0f",
                     dropped, ms, wanted.low_ms, wanted.high_ms);
}

/* ---- a server that hangs, and who sees it ---- */

/*
 * A sixth of the requests of a schedule are due while the server hangs. A
 * closed loop asks nothing in that time: one exchange is slow, its median as
 * ever (coordinated omission).
 */
static void stopped_server(struct look *look) {
    struct parameters asked = short_run(look, "tcp-persistent");
    asked.engine = ENGINE_EPOLL;
    asked.design = DESIGN_EPOLL;
    asked.duration_ns = 600 * MS;
    asked.stall_ns = look->negative ? 0 : 100 * MS;
    const double closed_ms = percentile_ms(look, &asked, 50);
    asked.rate_per_s = 1000; /* so that enough of them are beyond the 90th percentile */
    asked.arrivals = ARRIVALS_FIXED;
    const double open_ms = percentile_ms(look, &asked, 90);
    look->detected = open_ms > 10 && open_ms < 100 && closed_ms < 10;
    look->injected = session_text(look->session, "the server stopped for %d ms of 600",
                                  look->negative ? 0 : 100);
    look->found =
        session_text(look->session,
                     "open loop: 1 in 10 waited %.2f ms or longer (wanted 10 to 100); closed loop: "
                     "median %.3f ms",
                     open_ms, closed_ms);
}

/* ---- all of them ---- */

static const struct control {
    const char *name;
    void (*look)(struct look *look);
    bool needs_network; /* a private one */
} controls[] = {{"false alarms", false_alarms, false},
                {"known delay", known_delay, false},
                {"carry-over", carry_over, true},
                {"broken identity", broken_identity, false},
                {"known round trip", known_round_trip, true},
                {"dropped packet", dropped_packet, true},
                {"stopped server", stopped_server, false}};

enum { CONTROLS = sizeof controls / sizeof controls[0] };

static const char *is_negative(bool negative) {
    return negative ? " (negative control)" : "";
}

/* Whether the detector says what it must. */
static void look_once(struct lab *lab, const struct control *control, bool negative) {
    struct look look = {lab, lab->session, negative, false, false, "", ""};
    lab_progress(lab, "control %u/%u  %s%s", ++lab->done, 2 * CONTROLS, control->name,
                 is_negative(negative));
    control->look(&look);
    struct checked *one = NULL;
    if (!interrupted) one = findings_add(&lab->session->lists[LIST_CHECKS], LIST_CHECKS);
    if (one == NULL) return;
    if (look.broken) look.found = session_text(lab->session, "no result: %s", lab->why);
    *one =
        (struct checked){control->name, look.injected, look.found,
                         negative,      look.detected, !look.broken && look.detected != negative};
}

int check_measure(struct lab *lab) {
    const bool network = namespace_allowed();
    for (int i = 0; i < CONTROLS; i++) {
        if (controls[i].needs_network && !network) continue;
        for (int negative = 0; negative < 2 && !interrupted; negative++) {
            look_once(lab, &controls[i], negative != 0);
        }
    }
    lab_progress(lab, "%s", "");
    return EXIT_DONE;
}

int check_preview(struct lab *lab) {
    for (int i = 0; i < CONTROLS; i++) printf("%s, and its negative control\n", controls[i].name);
    const double pair_s = 0.044, rest_s = 5; /* seen: two short runs, and all that is no pair */
    const unsigned blocks = lab->request->blocks;
    const size_t pairs = GROUP * (groups_of(blocks, false) + groups_of(blocks, true));
    printf("%d controls, about %.0f s, seed %llu\n", 2 * CONTROLS,
           pair_s * (double)(pairs + 2 * delay_pairs(blocks)) + rest_s,
           (unsigned long long)lab->request->run.seed);
    return EXIT_DONE;
}

static unsigned count_failed(const struct session *session) {
    unsigned failed = 0;
    for (size_t i = 0; i < session->lists[LIST_CHECKS].count; i++) {
        failed += !SESSION_AT(session, LIST_CHECKS, struct checked, i)->pass;
    }
    return failed;
}

int check_status(const struct lab *lab) {
    return count_failed(lab->session) > 0 ? EXIT_REGRESSION : EXIT_DONE;
}

static bool was_made(const struct session *session, const struct control *control) {
    for (size_t i = 0; i < session->lists[LIST_CHECKS].count; i++) {
        const struct checked *one = SESSION_AT(session, LIST_CHECKS, struct checked, i);
        if (strcmp(one->name, control->name) == 0) return true;
    }
    return false;
}

void check_tell(struct story *story, const struct results *results) {
    const struct session *session = results_with(results, LIST_CHECKS);
    if (session == NULL) return;
    struct grid grid = grid_of("control|injected|found|result");
    const size_t count = session->lists[LIST_CHECKS].count;
    story_say(story,
              "Known quantities, and what was found of them. A negative control is a case that "
              "the same detector must refuse; it passes when it was refused. %u of %zu failed.",
              count_failed(session), count);
    for (size_t i = 0; i < count; i++) {
        const struct checked *one = SESSION_AT(session, LIST_CHECKS, struct checked, i);
        grid_add(&grid, "%s%s", one->name, is_negative(one->negative));
        grid_fill(&grid, one->pass ? "{injected}|{found}|pass" : "{injected}|{found}|FAIL",
                  fill_from(LIST_CHECKS, one));
    }
    story_table(story, "", &grid);
    for (int i = 0; i < CONTROLS && !session->interrupted; i++) {
        if (was_made(session, &controls[i]) || !controls[i].needs_network) continue;
        story_say(story,
                  "Skipped: %s, as the system denies private networks; try `sudo echolab "
                  "check`.",
                  controls[i].name);
    }
}
