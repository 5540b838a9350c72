/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/validity.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    HALVES_MIN_NS = 90000000,
    CYCLES_MIN = 10,
    LITTLE_PERCENT = 2,
    KEPT_PERCENT = 5,
    HALVES_PERCENT = 25,
    HALVES_MIN = 200,
    HALVES_SIGMAS = 4,
    HALVES_CYCLES = 10,
    BUSY_PERCENT = 95,
    IDLE_PERCENT = 80,
    OWN_PERCENT = 30,
    LATE_PERCENT = 5
};

void validity_refuse(struct validity *validity, const char *format, ...) {
    if (validity->count == VALIDITY_REASONS_MAX) return;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(validity->reason[validity->count++], VALIDITY_REASON_BYTES, format, values);
    va_end(values);
}

typedef unsigned long long count; /* what %llu takes */

/* The commonest error, the warm-up's included: " (connect: Connection refused)", or "". */
static const char *error_of(const struct load_result *load, char *text, size_t room) {
    uint64_t most = 0;
    text[0] = '\0';
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 1; j < LOAD_ERRNOS; j++) {
            const uint64_t times = load->errors[i][j] + load->early_errors[i][j];
            if (times <= most) continue;
            most = times;
            (void)snprintf(text, room, " (%s: %s)", exchange_phase_names[i], strerrordesc_np(j));
        }
    }
    return text;
}

static void check_sums(struct validity *validity, const struct validity_input *input) {
    const struct load_result *load = input->load;
    const uint64_t sum = load->ok + load->lost + load->failed;
    char error[VALIDITY_REASON_BYTES / 2];
    (void)error_of(load, error, sizeof error);
    if (load->gave_up)
        validity_refuse(validity, "%d failures in a row ended it%s", LOAD_FAILURES_MAX, error);
    if (load->ok == 0)
        validity_refuse(validity, "no message was answered%s", load->gave_up ? "" : error);
    if (load->failed > 0 && !input->closes_idle)
        validity_refuse(validity, "%llu messages failed%s", (count)load->failed, error);
    if (load->sent != sum)
        validity_refuse(validity, "%llu sent are not the %llu ok, lost and failed",
                        (count)load->sent, (count)sum);
    if (!input->floor && input->latencies != load->ok)
        validity_refuse(validity, "%llu latencies of %llu answered messages",
                        (count)input->latencies, (count)load->ok);
}

/* What a path that was not told to lose anything does not do; who sends again meets some. */
static void check_strays(struct validity *validity, const struct validity_input *input) {
    const struct load_result *load = input->load;
    if (load->corrupt > 0)
        validity_refuse(validity, "%llu replies were corrupt", (count)load->corrupt);
    if (input->server_counts == NULL || input->floor || input->open || input->may_lose) return;
    if (input->closes_idle || input->variant->retries) return;
    if (load->lost > 0) {
        validity_refuse(validity,
                        "%llu messages were lost on a path that loses none: a longer --deadline "
                        "shows whether they are only slow",
                        (count)load->lost);
    }
    if (load->late + load->duplicate > 0) {
        validity_refuse(validity,
                        "%llu replies came too late and %llu twice, on a path that does neither",
                        (count)load->late, (count)load->duplicate);
    }
}

static bool expected(const struct variant *variant, const char *name) {
    for (int i = 0; i < VARIANT_EXPECTS_MAX && variant->expects[i] != NULL; i++) {
        if (strcmp(variant->expects[i], name) == 0) return true;
    }
    return false;
}

/* The server answered as often as the client asked, and refused or broke off nothing. */
static void check_server(struct validity *validity, const struct validity_input *input) {
    const struct load_result *load = input->load;
    if (input->server_counts == NULL || input->floor) return;
    if (load->answered != load->exchanges) return;
    if (input->loses_packets) return; /* also those of the warm-up, which are not counted */
    const uint64_t requests = input->server_counts[ECHO_REQUESTS];
    const uint64_t replies = input->server_counts[ECHO_REPLIES];
    const uint64_t asked = load->exchanges;
    const bool right = input->variant->retries ? requests >= asked && replies >= asked
                                               : requests == asked && replies == asked;
    if (!right) {
        validity_refuse(validity,
                        "the server counted %llu requests, %llu replies, and the client %llu",
                        (count)requests, (count)replies, (count)asked);
    }
    static const struct {
        enum echo_count which;
        const char *name;
    } unwanted[] = {{ECHO_REFUSED, "server.refused"},
                    {ECHO_TRUNCATED, "server.truncated"},
                    {ECHO_BROKEN, "server.broken"}};
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++) {
        const uint64_t value = input->server_counts[unwanted[i].which];
        if (value == 0 || expected(input->variant, unwanted[i].name)) continue;
        validity_refuse(validity, "%s is %llu", unwanted[i].name, (count)value);
    }
}

/* The shortest duration, as it is typed, in which there would be cycles enough. */
static double cure_ms(double window_ns, double cycles) {
    const double needed_ms = 1.5 * window_ns / 1e6 * CYCLES_MIN / fmax(cycles, 0.1);
    const double step_ms = pow(10, floor(log10(needed_ms)));
    return ceil(needed_ms / step_ms) * step_ms;
}

/*
 * Little's law: outstanding = throughput x mean cycle, on the figures that are
 * published. What was under way is known by itself: the sum of the parts of all
 * exchanges that lie in the window. Who waits for a lost message when it is
 * over has no cycle yet, and counts with what was waited so far. The edges
 * of the window err by one cycle in n, or by one that was longer than most, as
 * those that reach over an edge often are: of many connections by their root
 * of it, as they err by chance. A closed loop also knows what it keeps
 * outstanding: time that no exchange accounts for is lost by somebody.
 */
static void check_little(struct validity *validity, const struct validity_input *input) {
    const struct load_result *load = input->load;
    if (input->floor || input->open || input->pauses || !input->has_window || load->sent == 0)
        return;
    const double window_ns = (double)(load->end_ns - load->start_ns);
    const double n = (double)load->sent / ((double)load->connections * load->depth); /* cycles */
    if (n < CYCLES_MIN) {
        validity_refuse(validity,
                        "%.1f messages on each connection are too few; --duration %.0fms would do",
                        n, cure_ms(window_ns, n));
        return;
    }
    const double outstanding = (double)load->busy_ns / window_ns;
    const double published = (double)(load->cycles_ns + load->waiting_ns) / window_ns;
    const double longest =
        (double)load->longest_ns / window_ns / sqrt((double)load->connections * load->depth);
    const double edge =
        fmax(fmax(LITTLE_PERCENT / 100.0, 1 / n), fmin(KEPT_PERCENT / 100.0, longest));
    if (fabs(published - outstanding) > outstanding * edge) {
        validity_refuse(validity, "throughput x mean cycle is %.2f, and %.2f were outstanding",
                        published, outstanding);
    }
    if (load->depth == 1 &&
        fabs(outstanding - load->connections) > load->connections * KEPT_PERCENT / 100.0) {
        validity_refuse(validity, "%.2f messages were outstanding on average, not %u", outstanding,
                        load->connections);
    }
}

bool validity_halves_differ(uint64_t first, uint64_t second) {
    /* Of few messages halves differ by chance. */
    const double all = (double)first + (double)second, apart = fabs((double)first - (double)second);
    return all >= HALVES_MIN && apart * 2 > all * HALVES_PERCENT / 100 &&
           apart > HALVES_SIGMAS * sqrt(all);
}

static void check_halves(struct validity *validity, const struct validity_input *input) {
    const uint64_t first = input->load->ok_by_half[0], second = input->load->ok_by_half[1];
    /* Halves shorter than a few of the scheduler's ticks differ by nature. */
    const uint64_t counted_ns = input->load->end_ns - input->load->start_ns;
    if (input->floor || input->open || counted_ns < HALVES_MIN_NS) return;
    /* Where a message takes a good part of the time, those begun in it end in its second half. */
    const double cycle_ns = (double)input->load->cycles_ns / (double)input->load->sent;
    if (!(cycle_ns * HALVES_CYCLES <= (double)counted_ns)) return;
    if (validity_halves_differ(first, second)) {
        validity_refuse(validity,
                        "not stationary: %llu messages in the first half and %llu in the second",
                        (count)first, (count)second);
    }
}

/* A hundredth of the time, in ticks of /proc/stat (1/100 s): a long run has some of everything. */
static uint64_t little_ticks(const struct load_result *load) {
    return (load->end_ns - load->start_ns) / 1000000000;
}

static bool any_error(const struct load_result *load) {
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 0; j < LOAD_ERRNOS; j++) {
            if (load->errors[i][j] > 0) return true;
        }
    }
    return false;
}

static void check_counters(struct validity *validity, const struct validity_input *input) {
    for (unsigned i = 0; input->counters != NULL && i < counter_count; i++) {
        const struct counter_row *row = &counter_rows[i];
        const uint64_t value = input->counters->value[i];
        if (row->void_from == 0 || value == UINT64_MAX || value < row->void_from) continue;
        if (row->of_machine && value < little_ticks(input->load)) continue;
        if (expected(input->variant, row->name)) continue;
        if (row->may_stray && input->load->connections > 1 && !any_error(input->load)) continue;
        if ((input->loses_packets || input->closes_idle) && !row->of_machine) continue;
        if (input->private_network || row->of_machine) {
            validity_refuse(validity, "%s rose by %llu", row->name, (count)value);
        }
    }
}

/* UINT64_MAX: not known, or there is none. */
static uint64_t counter_of(const struct validity_input *input, const char *name) {
    for (unsigned i = 0; input->counters != NULL && name != NULL && i < counter_count; i++) {
        if (strcmp(counter_rows[i].name, name) == 0) return input->counters->value[i];
    }
    return UINT64_MAX;
}

/*
 * The first exchange of each connection is excused: it may be the one that
 * prepares the rest. So are some on a wire that loses packets, but not all.
 */
static void check_requirement(struct validity *validity, const struct validity_input *input) {
    const struct variant_requirement *wanted = &input->variant->requires;
    const struct load_result *load = input->load;
    const uint64_t exchanges = input->floor ? load->sent : load->exchanges;
    const uint64_t value = counter_of(input, wanted->counter);
    if (value == UINT64_MAX || value + load->connections >= exchanges) return;
    if (input->loses_packets && value > 0) return;
    validity_refuse(validity, "%s: %s rose by %llu in %llu exchanges", wanted->otherwise,
                    wanted->counter, (count)value, (count)exchanges);
}

/*
 * A generator that is always busy with itself before a server that is not
 * measures itself. What its CPU does in the kernel is the protocol's work, and on
 * loopback the sender does the receiver's part of it too: only a good share in
 * user mode tells.
 */
static void check_bottleneck(struct validity *validity, const struct validity_input *input) {
    const struct load_result *load = input->load;
    if (input->shared_cpu || input->floor || input->open || load->connections < 2) return;
    if (load->client_cpu_ns == UINT64_MAX || load->server_cpu_ns == UINT64_MAX) return;
    const double elapsed = (double)(load->end_ns - load->start_ns);
    const double client = 100 * (double)load->client_cpu_ns / elapsed;
    const double server = 100 * (double)load->server_cpu_ns / elapsed;
    const uint64_t user_us = counter_of(input, "client.user_us");
    const double own = user_us == UINT64_MAX ? 100 : 100e3 * (double)user_us / elapsed;
    if (client >= BUSY_PERCENT && server < IDLE_PERCENT && own >= OWN_PERCENT) {
        validity_refuse(validity,
                        "the client was the bottleneck: %.0f %% of its CPU, the server %.0f %%",
                        client, server);
    }
}

/* Whatever took the CPU from it: other programs, a quota, the machine below a virtual one. */
static void check_interference(struct validity *validity, const struct validity_input *input) {
    const struct load_result *load = input->load;
    const double counted_ns = (double)(load->end_ns - load->start_ns);
    if (input->device_drops > 0) {
        validity_refuse(validity, "the wire's device lost %llu packets",
                        (count)input->device_drops);
    }
    if (input->disturbed > VALIDITY_DISTURBED_PERCENT / 100.0) {
        validity_refuse(validity,
                        "others took %.0f %% of its time (%d %% allowed): stop them, or try again",
                        100 * input->disturbed, VALIDITY_DISTURBED_PERCENT);
    }
    if (load->throttled.known &&
        (double)load->throttled.ns > counted_ns * VALIDITY_DISTURBED_PERCENT / 100) {
        validity_refuse(validity,
                        "the control group's CPU quota stopped it %llu times, for %.0f ms",
                        (count)load->throttled.periods, (double)load->throttled.ns / 1e6);
    }
}

/*
 * Quantile by quantile, so that a tail made by loss excuses nothing at the
 * median: a generator is as late as it may be where that changes the latency
 * there by little, or by what was allowed.
 */
static void check_lateness(struct validity *validity, const struct validity_input *input) {
    static const double percents[] = {50, 90, 99, 99.9};
    const struct load_result *load = input->load;
    struct samples latency = samples_of(&load->durations[LOAD_LATENCY]);
    latency.missed = load->lost + load->failed;
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        const double late_ns = histogram_percentile_ns(&load->open.lateness, percents[i]);
        const double latency_ns = samples_percentile_ns(&latency, percents[i]);
        const double most_ns =
            input->late_max_ns > 0 ? (double)input->late_max_ns : latency_ns * LATE_PERCENT / 100;
        if (!(late_ns > most_ns)) continue; /* also if one of them is not known */
        validity_refuse(
            validity,
            "the generator was %.0f us late at its p%g, of a latency of %.0f us (allowed: "
            "%.0f us): a lower --rate would do, or --lateness %.0fus allows it",
            late_ns / 1e3, percents[i], latency_ns / 1e3, most_ns / 1e3, ceil(late_ns / 1e3));
        break;
    }
    samples_free(&latency);
}

/* An open loop that keeps no schedule, or cannot look at all that is due, is none. */
static void check_schedule(struct validity *validity, const struct validity_input *input) {
    const struct load_open *open = &input->load->open;
    if (!input->open || input->floor || open->offered == 0) return;
    check_lateness(validity, input);
    if ((double)open->taken_up < 0.99 * (double)open->offered) {
        validity_refuse(validity,
                        "the generator took up %llu of %llu requests: it cannot offer this rate",
                        (count)open->taken_up, (count)open->offered);
    }
}

void validity_check(struct validity *validity, const struct validity_input *input) {
    static void (*const checks[])(struct validity *, const struct validity_input *) = {
        check_sums,     check_strays,      check_server,     check_little,   check_halves,
        check_counters, check_requirement, check_bottleneck, check_schedule, check_interference};
    validity->count = 0;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) checks[i](validity, input);
}

bool validity_same_reason(const char *one, const char *other) {
    static const char digits[] = "0123456789";
    for (;;) {
        const bool number = strspn(one, digits) > 0;
        if (number != (strspn(other, digits) > 0)) return false;
        one += strspn(one, digits);
        other += strspn(other, digits);
        if (number) continue;
        if (*one != *other || *one == '\0') return *one == *other;
        one++;
        other++;
    }
}
