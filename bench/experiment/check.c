/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * echolab check: the ruler tested with known quantities. Every control has a
 * negative one: the same detector on a case that it must refuse, as a test
 * that cannot fail proves nothing.
 */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/experiment/all.h"
#include "bench/judge/metric.h"
#include "bench/link/namespace.h"
#include "bench/measure/system.h"
#include "bench/run/loss_model.h"
#include "echo/clock.h"

#define MS UINT64_C(1000000)
#define US 1e3

enum {
    GROUP = 10,       /* pairs that make one verdict */
    AA_GROUPS = 100,  /* at most */
    PAIRS = 40,       /* with the delay and without it, at most; ... */
    PER_BLOCK = 8,    /* ... so many a block */
    DELAY_NS = 5000,  /* what is injected, and must be found */
    FEW_BLOCKS = 4,   /* below: each control as short as can be */
    TRIES = 10,       /* so short a run may fall into a pause of the machine */
    CONNECTIONS = 64, /* where many wait */
    RTT_MS = 10
};

/* A control at work: what is measured must lie from low to high. */
struct look {
    struct lab *lab;
    bool negative;       /* what it looks for is not there */
    double low, high;    /* the control's, unless it knows better */
    double kept;         /* what the positive one left for the negative */
    const char *lacking; /* why it cannot be looked at here */
    const char *note;    /* behind what was found; the session's */
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

static struct parameters wire_run(const struct look *look, const char *variant, uint64_t rtt_ns) {
    struct parameters asked = short_run(look, variant);
    asked.wire = true;
    asked.rtt_ns = rtt_ns;
    asked.warmup_ns = 0;
    return asked;
}

/* Many connections that wait for datagrams, of which each way so many are lost. */
static struct parameters lossy_run(const struct look *look, double percent, uint64_t deadline_ns) {
    struct parameters asked = wire_run(look, "udp-persistent", MS);
    asked.engine = ENGINE_EPOLL;
    asked.design = DESIGN_EPOLL;
    asked.connections = CONNECTIONS;
    asked.loss_percent = percent;
    asked.deadline_ns = deadline_ns;
    return asked;
}

/* Of one run, or of the first that is valid. NAN: there is none, and why in lab->why. */
static double measure(const struct look *look, struct parameters asked,
                      double (*of)(const struct run *run), bool any) {
    double value = NAN;
    for (unsigned i = 0; i < (any ? 1 : TRIES) && isnan(value) && !interrupted; i++) {
        struct run *run = child_run(&asked, look->lab->why);
        if (run == NULL) return NAN;
        const struct validity *validity = &run->validity;
        const char *why = validity->count > 0 ? validity->reason[0] : "too few messages";
        if (any || run_is_valid(run)) value = of(run);
        if (isnan(value)) (void)snprintf(look->lab->why, CHILD_WHY, "%s", why);
        asked.seed++;
        run_free(run);
    }
    return value;
}

/* ---- pairs ---- */

/* Runs of one kind beside another: which delays the server has. */
struct pairing {
    size_t pairs;
    uint64_t one_ns;   /* in the one of each */
    uint64_t drift_ns; /* more with every run, whichever it is: the machine grows slower */
    bool in_a_row;     /* a broken ruler: all of the one, then all of the other */
};

/* In us a message; each pair in random order. */
static bool time_pairs(struct look *look, const struct parameters *plain, const struct pairing *how,
                       double *one, double *other) {
    struct parameters asked = *plain;
    bool turned = false;
    for (size_t i = 0; i < 2 * how->pairs; i++) {
        if (i % 2 == 0) turned = !how->in_a_row && gsl_rng_get(look->lab->random) >> 31 != 0;
        const bool first = how->in_a_row ? i < how->pairs : (i % 2 == 0) != turned;
        asked.delay_ns = i * how->drift_ns + (first ? how->one_ns : 0);
        const double us = measure(look, asked, run_time_ns, false) / US;
        if (isnan(us)) return false;
        (first ? one : other)[how->in_a_row ? i % how->pairs : i / 2] = us;
    }
    return true;
}

static size_t groups_of(unsigned blocks, bool negative) {
    if (blocks < FEW_BLOCKS) return 1;
    return negative ? 3 : blocks < AA_GROUPS ? blocks : AA_GROUPS;
}

/*
 * Each server's delay grows from run to run, as a machine that warms up does:
 * measured in turns that is no difference, measured in a row it is one.
 */
static double false_alarms(struct look *look) {
    const size_t groups = groups_of(look->lab->request->blocks, look->negative);
    const struct pairing how = {.pairs = GROUP, .drift_ns = 300, .in_a_row = look->negative};
    const double share = groups > 1 ? 0.05 : 0.005; /* one alone must be beyond chance */
    const struct parameters plain = short_run(look, "udp-persistent");
    unsigned alarms = 0;
    for (size_t g = 0; g < groups; g++) {
        double one[GROUP], other[GROUP];
        if (!time_pairs(look, &plain, &how, one, other)) return NAN;
        const struct comparison c = statistics_compare(one, other, GROUP, 1 - share, 0);
        alarms += c.verdict == VERDICT_FASTER || c.verdict == VERDICT_SLOWER;
    }
    look->note = session_text(look->lab->session, "%u of %zu comparisons of %d pairs", alarms,
                              groups, GROUP);
    /* So many or more, were this their rate: not to be believed below 1 in 100. */
    return 100 * (alarms == 0 ? 1 : gsl_cdf_binomial_Q(alarms - 1, share, (unsigned)groups));
}

static size_t delay_pairs(unsigned blocks) {
    const size_t asked = (size_t)blocks * PER_BLOCK;
    return asked < PAIRS ? asked : PAIRS;
}

static double known_delay(struct look *look) {
    const size_t pairs = delay_pairs(look->lab->request->blocks);
    const struct pairing how = {.pairs = pairs, .one_ns = look->negative ? 0 : DELAY_NS};
    double with[PAIRS] = {0}, without[PAIRS] = {0}, diffs[PAIRS];
    const struct parameters plain = short_run(look, "udp-persistent");
    if (!time_pairs(look, &plain, &how, with, without)) return NAN;
    /* The median, as a pause of the machine falls into one run of a pair alone. */
    for (size_t i = 0; i < pairs; i++) diffs[i] = with[i] - without[i];
    const struct interval us = statistics_median_interval(diffs, pairs, 0.95);
    look->note =
        session_text(look->lab->session, "%zu pairs: %.2f to %.2f", pairs, us.low, us.high);
    return us.value;
}

/*
 * 52 blocks in which now and then one run is 1.4 to 2.4 times slower, of either
 * kind: how wide the interval is, of what Student's is. The plain mean's is
 * what a broken ruler would take.
 */
static double bursts(struct look *look) {
    enum { BLOCKS = 52, SESSIONS = 50 };
    gsl_rng *random = look->lab->random;
    double width = 0, plain_width = 0;
    unsigned held = 0;
    for (int s = 0; s < SESSIONS; s++) {
        double logs[BLOCKS], sorted[BLOCKS];
        for (int i = 0; i < BLOCKS; i++) {
            logs[i] = gsl_ran_gaussian(random, 0.03);
            if (gsl_rng_uniform(random) < 0.12) logs[i] += log(gsl_ran_flat(random, 1.4, 2.4));
            if (gsl_rng_uniform(random) < 0.12) logs[i] -= log(gsl_ran_flat(random, 1.4, 2.4));
        }
        memcpy(sorted, logs, sizeof sorted);
        const struct estimate plain = estimate_by(ESTIMATE_T, sorted, BLOCKS, 0.95);
        const struct estimate ours = look->negative ? plain : estimate_of(logs, BLOCKS, 0.95);
        held += ours.low <= 0 && 0 <= ours.high;
        width += ours.high - ours.low;
        plain_width += plain.high - plain.low;
    }
    look->note = session_text(look->lab->session, "it holds 1 in %u of %d", held, SESSIONS);
    return held * 10 < SESSIONS * 8 ? 1 : width / plain_width;
}

/* ---- nothing carries over from run to run ---- */

static double met_ports(const struct run *run) {
    return run->time_wait[0].all == FIELD_UNKNOWN ? (double)NAN : (double)run->time_wait[0].all;
}

/* Two runs that leave their ports in TIME_WAIT: how many the second one meets. */
static double left_over(struct look *look, bool shared) {
    struct parameters leaves = short_run(look, "tcp-client-close");
    leaves.messages = 500;
    leaves.shared_network = shared;
    (void)measure(look, leaves, met_ports, true);
    leaves.seed++;
    return measure(look, leaves, met_ports, true);
}

/* Percent of its time; 0: it is taken for sound. */
static double taken_percent(const struct run *run) {
    const double window_ns = (double)run->elapsed_ns;
    const double throttled = run->throttled.known ? (double)run->throttled.ns / window_ns : 0;
    return run_is_valid(run) ? 0 : 100 * fmax(run->disturbed, throttled);
}

/* Where nobody is beside, the least of some runs: the machine may have others by itself. */
static double least_taken(struct look *look) {
    struct parameters asked = short_run(look, "tcp-persistent");
    const unsigned tries = look->negative ? TRIES : 1;
    double least = INFINITY;
    asked.duration_ns = 50 * MS;
    for (unsigned i = 0; i < tries && !(least < look->low) && !interrupted; i++) {
        const double percent = measure(look, asked, taken_percent, true);
        if (isnan(percent)) return NAN;
        least = fmin(least, percent);
    }
    return least;
}

/* What is measured in a process of its own, in another network or control group. */
struct apart {
    struct look *look;
    const char *group; /* NULL: a network, which its runs then share */
    double value;
};

static void look_from_there(void *result) {
    struct apart *apart = result;
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/cgroup.procs", apart->group);
    if (apart->group == NULL && namespace_enter() == 0) apart->value = left_over(apart->look, true);
    if (apart->group != NULL && system_write(path, "0") == 0)
        apart->value = least_taken(apart->look);
}

static double measure_apart(struct look *look, const char *group) {
    struct apart apart = {look, group, NAN};
    (void)strcpy(look->lab->why, "no such process can be started");
    (void)process_apart(look_from_there, &apart, sizeof apart);
    return apart.value;
}

static double carry_over(struct look *look) {
    return look->negative ? measure_apart(look, NULL) : left_over(look, false);
}

/* ---- a run that contradicts itself is refused ---- */

/* A run as it would be judged, to be spoiled. */
struct specimen {
    struct load_result load;
    uint64_t server[ECHO_COUNTS], latencies, retransmitted;
};

#define AT(member_) offsetof(struct specimen, member_)

/* Its count that is wrong, a uint64_t. */
static const struct broken_run {
    const char *what;
    size_t at;
    uint64_t value;
} broken_runs[] = {{"a message neither answered, lost nor failed", AT(load.ok), 999},
                   {"a latency missing", AT(latencies), 999},
                   {"a request the server did not count", AT(server[ECHO_REQUESTS]), 1099},
                   {"half the time unaccounted for", AT(load.busy_ns), 50 * MS},
                   {"half as fast again in the first half", AT(load.ok_by_half[0]), 800},
                   {"a retransmission on loopback", AT(retransmitted), 1}};

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
    for (unsigned i = 0; i < counter_count; i++) {
        if (strcmp(counter_rows[i].name, "kernel.TcpRetransSegs") != 0) continue;
        counters.value[i] = run->retransmitted;
    }
    const struct validity_input input = {.load = &run->load,
                                         .variant = variant_find("tcp-persistent"),
                                         .counters = &counters,
                                         .server_counts = run->server,
                                         .private_network = true,
                                         .shared_cpu = true,
                                         .has_window = true,
                                         .disturbed = NAN,
                                         .latencies = run->latencies};
    validity_check(&validity, &input);
    free(run);
    return validity.count > 0;
}

static double broken_identity(struct look *look) {
    unsigned count = 0;
    for (unsigned i = 0; !look->negative && i < BROKEN_RUNS; i++) {
        if (is_refused(&broken_runs[i]))
            count++;
        else
            look->note = broken_runs[i].what;
    }
    return look->negative ? is_refused(NULL) : count;
}

/* ---- what the wire was told ---- */

static double median_ms(const struct run *run) {
    return metric_percentile_us(run, 50) / US;
}

static double known_round_trip(struct look *look) {
    struct parameters asked = wire_run(look, "udp-persistent", look->negative ? 0 : RTT_MS * MS);
    asked.connections = 8; /* beside each other: they wait */
    asked.messages = 160;
    return measure(look, asked, median_ms, false);
}

static double slowest_ms(const struct run *run) {
    return (double)run->latency.max_ns / (double)MS;
}

static double dropped_packet(struct look *look) {
    struct parameters asked = wire_run(look, "tcp-persistent", 2 * MS * RTT_MS);
    asked.messages = 2;
    if (!look->negative) asked.drop = (struct drop){WIRE_REQUEST, WIRE_TO_SERVER, 2};
    const struct loss_timers timers = loss_timers_read();
    /* The first row of that model: the request. */
    const struct loss_prediction wanted =
        loss_model_predict(asked.variant->may_lose, &timers, 2 * RTT_MS, 0);
    look->low = 0.9 * wanted.low_ms;
    look->high = 1.1 * wanted.high_ms;
    return measure(look, asked, slowest_ms, true);
}

/* As one that lost ranks last, it takes the deadline. */
static double p99_ms(const struct run *run) {
    return run->latency.p99_ns == FIELD_UNKNOWN ? (double)NAN : (double)run->latency.p99_ns / MS;
}

static double lost_last(struct look *look) {
    struct parameters asked = lossy_run(look, look->negative ? 0 : 1, 150 * MS);
    asked.messages = 4400;
    return measure(look, asked, p99_ms, true);
}

/* The share of its connections that go on: the time of its cycles, of what there is. */
static double going_on(const struct run *run) {
    return run_throughput_per_s(run) * run->cycle.mean_ns / 1e9 / CONNECTIONS;
}

/*
 * A connection that loses a datagram stands still until its deadline. One that
 * is beyond the window takes it out for good, at a rate of so many per cycle;
 * a short one for a while: what is left of both is known, and so their ratio.
 * A broken ruler divides by all that was waited.
 */
static double deadlines(struct look *look) {
    const double loss = 0.0005, cycle_ms = 1.2, window_ms = 100, short_ms = 50;
    const double ends = 2 * loss * window_ms / cycle_ms;
    const double model = (1 - exp(-ends)) / ends * (1 + 2 * loss * short_ms / cycle_ms);
    struct parameters asked = lossy_run(look, 100 * loss, (uint64_t)short_ms * MS);
    if (look->negative) return look->kept;
    asked.duration_ns = (uint64_t)window_ms * MS;
    asked.warmup_ns = MS;
    const double brief = measure(look, asked, going_on, true);
    asked.deadline_ns = (look->lab->request->blocks < FEW_BLOCKS ? 250 : 2000) * MS;
    struct run *run = child_run(&asked, look->lab->why);
    if (run == NULL) return NAN;
    const double elapsed = (double)run->elapsed_ns, ratio = going_on(run) / brief / model;
    look->kept = ratio * elapsed / (elapsed + (double)run->drain_ns);
    run_free(run);
    return ratio;
}

/* ---- what others do to a run ---- */

/* Busy on the CPU of the runs until told, or a second has passed. */
static void *spin(void *stop) {
    const uint64_t until_ns = echo_clock_ns() + 1000 * MS;
    struct placement_cpus cpus;
    if (placement_choose(&cpus, PLACEMENT_SAME_CORE) == 0) (void)placement_pin(cpus.client);
    while (!atomic_load((atomic_bool *)stop) && echo_clock_ns() < until_ns) continue;
    return NULL;
}

static double neighbours(struct look *look) {
    enum { BUSY = 2 };
    pthread_t threads[BUSY];
    atomic_bool stop = false;
    unsigned started = 0;
    while (!look->negative && started < BUSY &&
           pthread_create(&threads[started], NULL, spin, &stop) == 0)
        started++;
    const double percent = least_taken(look);
    atomic_store(&stop, true);
    while (started > 0) (void)pthread_join(threads[--started], NULL);
    return percent;
}

/* A control group in ours, with a fifth of a CPU; the caller's. NULL: none can be made. */
static char *group_make(bool limited) {
    static const char *const quotas[][4] = {
        {"cpu.cfs_period_us", "10000", "cpu.cfs_quota_us", "2000"},
        {"cpu.max", "max 10000", "cpu.max", "2000 10000"}};
    for (int unified = 0; unified < 2; unified++) {
        const char *const *quota = quotas[unified];
        char *ours = system_cpu_group(unified != 0), group[PATH_MAX], file[2][PATH_MAX + 32];
        (void)snprintf(group, sizeof group, "%s/echolab-%d", ours == NULL ? "" : ours, getpid());
        (void)snprintf(file[0], sizeof file[0], "%s/%s", group, quota[0]);
        (void)snprintf(file[1], sizeof file[1], "%s/%s", group, quota[2]);
        const bool made = ours != NULL && mkdir(group, 0755) == 0;
        free(ours);
        if (!made) continue;
        if (system_write(file[0], quota[1]) == 0 &&
            (!limited || system_write(file[1], quota[3]) == 0))
            return strdup(group);
        (void)rmdir(group);
    }
    return NULL;
}

static double throttled(struct look *look) {
    char *group = group_make(!look->negative);
    if (group == NULL) {
        look->lacking = "no control group with a quota can be made";
        return NAN;
    }
    const double percent = measure_apart(look, group);
    (void)rmdir(group);
    free(group);
    return percent;
}

/* ---- a server that hangs, and who sees it ---- */

static double slowest_tenth_ms(const struct run *run) {
    return metric_percentile_us(run, 90) / US;
}

/*
 * A sixth of the requests of a schedule are due while the server hangs. A
 * closed loop asks nothing in that time: one exchange is slow, its median as
 * ever (coordinated omission). The difference is what the schedule shows.
 */
static double stopped_server(struct look *look) {
    struct parameters asked = short_run(look, "tcp-persistent");
    asked.engine = ENGINE_EPOLL;
    asked.design = DESIGN_EPOLL;
    asked.duration_ns = 240 * MS;
    asked.stall_ns = look->negative ? 0 : 40 * MS;
    const double closed_ms = measure(look, asked, median_ms, true);
    asked.rate_per_s = 2000; /* so that enough of them are beyond the 90th percentile */
    asked.arrivals = ARRIVALS_FIXED;
    return measure(look, asked, slowest_tenth_ms, true) - closed_ms;
}

/* What it carries would be asked of such a run. */
static double stopped_capacity(struct look *look) {
    struct parameters asked = short_run(look, "tcp-persistent");
    const uint64_t begun_ns = echo_clock_ns();
    double percent = 1;
    asked.duration_ns = 40 * MS;
    asked.deadline_ns = 50 * MS;
    asked.stall_ns = look->negative ? 0 : 200 * MS;
    for (int i = 0; i < (look->negative ? TRIES : 1) && percent > 0; i++) {
        percent = measure(look, asked, taken_percent, true);
    }
    return (percent > 0) * (double)(echo_clock_ns() - begun_ns) / 1e9;
}

/* ---- all of them ---- */

static const struct control {
    const char *name, *injected, *not_injected; /* the last in its negative */
    double (*measure)(struct look *look);
    double low, high;   /* what it must find */
    const char *found;  /* a format for that */
    bool needs_network; /* a private one */
} controls[] = {
    {"false alarms", "a server that slows down, one in turns with itself", "one before the other",
     false_alarms, 1, 100, "so many or more alarms have a chance of %.3g %%", false},
    {"known delay", "5 us per message in the server", "0 us", known_delay, 4.5, 5.5, "%.2f us",
     false},
    {"bursts", "52 blocks, 12 of 100 runs 1.4 to 2.4 times slower", "the same, for a plain mean",
     bursts, 0, 0.5, "an interval %.2f times as wide as a plain mean's", false},
    {"carry-over", "500 ports in TIME_WAIT by a run before", "the same, in one network", carry_over,
     0, 0, "%.0f of them met by the run behind it", true},
    {"broken identity", "6 kinds of runs that contradict themselves", "a sound run",
     broken_identity, BROKEN_RUNS, BROKEN_RUNS, "%.0f refused", false},
    {"known round trip", "a round trip of 10 ms", "of 0 ms", known_round_trip, 9.5, 10.5,
     "%.2f ms, median of 160 exchanges", true},
    {"dropped packet", "1 request lost, round trip 20 ms", "none lost", dropped_packet, 0, 0,
     "the message took %.0f ms", true},
    {"lost last", "1 % of packets lost, a deadline of 150 ms", "none lost", lost_last, 150, 155,
     "a p99 of %.1f ms", true},
    {"deadlines", "0.05 % lost; of 64 connections those wait 50 ms, or beyond the window",
     "divided by all that was waited", deadlines, 0.8, 1.25,
     "the throughputs' ratio is %.2f of what waiting explains", true},
    {"neighbours", "two busy threads on its CPU", "none", neighbours, 5, 100,
     "refused as others took %.0f %% (0: not refused)", false},
    {"throttled", "a quota of a fifth of a CPU", "none", throttled, 5, 100,
     "refused as %.0f %% were taken (0: not refused)", false},
    {"stopped server", "the server stopped for 40 ms of 240", "not stopped", stopped_server, 5, 40,
     "1 in 10 waits %.2f ms longer in an open loop than the median in a closed one", false},
    {"stopped capacity", "the server stopped while it is asked what it carries", "not stopped",
     stopped_capacity, 0.01, 2, "refused after %.2f s (0: not refused)", false}};

enum { CONTROLS = sizeof controls / sizeof controls[0] };

/* "9.98 ms, median of 160 exchanges; wanted 9.5 to 10.5" */
static const char *tell_found(const struct look *look, const char *found, double value) {
    char text[256];
    struct session *session = look->lab->session;
    if (look->lacking != NULL)
        return session_text(session, "skipped: %s; try `sudo echolab check`", look->lacking);
    if (isnan(value)) return session_text(session, "no result: %s", look->lab->why);
    (void)snprintf(text, sizeof text, found, value);
    return session_text(
        session, look->note == NULL ? "%s%s; wanted %.3g to %.3g" : "%s (%s); wanted %.3g to %.3g",
        text, look->note == NULL ? "" : look->note, look->low, look->high);
}

/* Whether the detector says what it must. */
static void look_once(struct look *look, const struct control *control) {
    struct lab *lab = look->lab;
    lab_progress(lab, "control %u/%u  %s%s", ++lab->done, 2 * CONTROLS, control->name,
                 look->negative ? ", and where it is not" : "");
    look->low = control->low;
    look->high = control->high;
    look->note = NULL;
    const double value = look->lacking == NULL ? control->measure(look) : NAN;
    struct checked *one = NULL;
    if (!interrupted) one = findings_add(&lab->session->lists[LIST_CHECKS], LIST_CHECKS);
    if (one == NULL) return;
    *one = (struct checked){.name = control->name,
                            .injected = look->negative ? control->not_injected : control->injected,
                            .found = tell_found(look, control->found, value),
                            .negative = look->negative,
                            .detected = look->low <= value && value <= look->high};
    one->pass = look->lacking != NULL || (!isnan(value) && one->detected != look->negative);
}

int check_measure(struct lab *lab) {
    const char *no_network = namespace_allowed() ? NULL : "the system denies private networks";
    for (int i = 0; i < CONTROLS; i++) {
        struct look look = {.lab = lab, .kept = NAN};
        if (controls[i].needs_network) look.lacking = no_network;
        for (int negative = 0; negative < 2 && !interrupted; negative++) {
            look.negative = negative != 0;
            look_once(&look, &controls[i]);
        }
    }
    lab_progress(lab, "%s", "");
    return EXIT_DONE;
}

int check_preview(struct lab *lab) {
    for (int i = 0; i < CONTROLS; i++) printf("%s, and its negative control\n", controls[i].name);
    const double pair_s = 0.044, rest_s = 4; /* seen: two short runs, and all that is no pair */
    const unsigned blocks = lab->request->blocks;
    const size_t pairs = GROUP * (groups_of(blocks, false) + groups_of(blocks, true));
    printf("%d controls, about %.0f s, seed %llu\n", 2 * CONTROLS,
           pair_s * (double)(pairs + 2 * delay_pairs(blocks)) + rest_s,
           (unsigned long long)lab->request->run.seed);
    return EXIT_DONE;
}
