/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/load.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/load/thread.h"
#include "echo/clock.h"

/* ---- threads, and their sum ---- */

enum { READING_NS = 1000000 }; /* more than what is read of both sides takes */
enum { SUMS = offsetof(struct load_result, drain_ns) / sizeof(uint64_t) };

static void add_result(struct load_result *sum, const struct load_result *more, unsigned index) {
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)more;
    for (size_t i = 0; i < SUMS; i++) to[i] += from[i];
    if (more->drain_ns > sum->drain_ns) sum->drain_ns = more->drain_ns;
    if (more->longest_ns > sum->longest_ns) sum->longest_ns = more->longest_ns;
    load_add_counters(sum, more->counters, more->counter_count);
    sum->gave_up = sum->gave_up || more->gave_up;
    for (int i = 0; i < LOAD_DURATIONS; i++) {
        histogram_add(&sum->durations[i], &more->durations[i]);
    }
    if (index == 0 || more->start_ns < sum->start_ns) sum->start_ns = more->start_ns;
    if (more->end_ns > sum->end_ns) sum->end_ns = more->end_ns;
    if (index == 0) sum->open = more->open; /* only a single thread has one */
}

/* Or until all threads have ended: they gave up, or have carried what was asked for. */
static void sleep_until(const struct load *load, uint64_t when_ns, unsigned threads) {
    enum { GLANCE_NS = 50000000 };
    for (uint64_t now_ns = echo_clock_ns();
         now_ns < when_ns && !load_interrupted(load) && load->ended < threads;
         now_ns = echo_clock_ns()) {
        const uint64_t glance_ns = now_ns + GLANCE_NS;
        echo_clock_sleep_until(when_ns < glance_ns ? when_ns : glance_ns);
    }
}

static void *live(void *argument) {
    struct load_thread *t = argument;
    (void)t->load->body(t);
    t->load->ended++;
    return NULL;
}

static unsigned start_threads(struct load *load, unsigned threads, int *failed) {
    unsigned started = 0;
    for (; started < threads && *failed == 0; started++) {
        struct load_thread *t = &load->threads[started];
        t->load = load;
        t->index = started;
        t->result = calloc(1, sizeof *t->result);
        *failed = t->result == NULL ? -ENOMEM : -pthread_create(&t->id, NULL, live, t);
        if (*failed != 0) {
            free(t->result);
            break;
        }
    }
    return started;
}

/* ---- from the beginning to the end ---- */

/* What both sides and the wire have used so far. */
struct usage {
    uint64_t at_ns, client_ns, server_ns, softirq_ns, server_softirq_ns;
    struct thread_time *server, *wire;
    size_t server_count, wire_count;
    struct throttled throttled;
};

static struct usage usage_now(const struct load_options *options) {
    struct usage usage = {
        .at_ns = echo_clock_ns(), .client_ns = echo_clock_cpu_ns(0), .server_ns = UINT64_MAX};
    /* Next to each other: on a busy core whoever reads may lose it in between. */
    if (options->server > 0) usage.server_ns = echo_clock_cpu_ns(options->server);
    usage.softirq_ns = softirq_thread_ns(0);
    if (options->server > 0) usage.server_softirq_ns = softirq_thread_ns(options->server);
    if (options->server > 0) {
        usage.server = thread_times_of(options->server, &usage.server_count);
    }
    if (options->wire > 0) usage.wire = thread_times_of(options->wire, &usage.wire_count);
    usage.throttled = throttled_now();
    return usage;
}

static void usage_free(struct usage *usage) {
    free(usage->server);
    free(usage->wire);
}

static void take_usage(struct load_result *r, const struct usage *before,
                       const struct usage *after) {
    const bool known = before->server_ns != UINT64_MAX && after->server_ns != UINT64_MAX;
    r->client_cpu_ns = after->client_ns - before->client_ns;
    r->usage_ns = after->at_ns - before->at_ns;
    r->softirq_ns = after->softirq_ns - before->softirq_ns;
    r->server_softirq_ns = after->server_softirq_ns - before->server_softirq_ns;
    r->server_cpu_ns = known ? after->server_ns - before->server_ns : UINT64_MAX;
    r->server_side =
        side_time_of(before->server, before->server_count, after->server, after->server_count);
    r->wire_side = side_time_of(before->wire, before->wire_count, after->wire, after->wire_count);
    r->throttled =
        (struct throttled){.known = before->throttled.known && after->throttled.known,
                           .periods = after->throttled.periods - before->throttled.periods,
                           .ns = after->throttled.ns - before->throttled.ns};
}

static void take_client_side(struct load_result *r, const struct load *load, unsigned threads) {
    struct thread_time *times = calloc(2 * (size_t)threads + 1, sizeof *times);
    for (unsigned i = 0; times != NULL && i < threads; i++) {
        times[i] = load->threads[i].at_begin;
        times[threads + i] = load->threads[i].at_end;
    }
    if (times != NULL) r->client_side = side_time_of(times, threads, times + threads, threads);
    free(times);
}

/*
 * Until every connection has carried a message, so that neither the warm-up
 * nor the window is spent on connecting; or until a thread has given up. An
 * open loop says by itself when it begins.
 */
static void wait_until_up(const struct load *load) {
    const uint64_t glance_ns = 200000;
    const struct load_options *options = load->options;
    while (!load_interrupted(load) && load->ended == 0) {
        if (options->schedule != NULL && load->warm_ns != UINT64_MAX) return;
        if (options->schedule == NULL && load->up == options->connections) return;
        echo_clock_sleep_until(echo_clock_ns() + glance_ns);
    }
}

static void set_window(struct load *load, uint64_t warm_ns) {
    load->end_ns = warm_ns + load->options->duration_ns;
    load->warm_ns = warm_ns;
}

/* The main thread only watches: it says when the window begins, and reads what it used. */
static void supervise(struct load *load, unsigned threads, uint64_t start_ns,
                      struct load_result *sum) {
    const struct load_options *options = load->options;
    if (load->warm_ns == UINT64_MAX) {
        wait_until_up(load);
        if (options->schedule == NULL) set_window(load, echo_clock_ns() + options->warmup_ns);
    }
    sum->connecting_ns = echo_clock_ns() - start_ns;
    /* Reading takes time of the CPU that is measured: better from the warm-up than the window. */
    const bool early = options->warmup_ns >= READING_NS && options->messages == 0;
    sleep_until(load, load->warm_ns - (early ? READING_NS : 0), threads);
    struct usage before = usage_now(options);
    sleep_until(load, load->warm_ns, threads);
    load->warm = true;
    if (options->messages == 0) sleep_until(load, load->end_ns, threads);
    struct usage after = usage_now(options);
    if (options->messages == 0) load->stop = true;
    for (unsigned i = 0; i < threads; i++) (void)pthread_join(load->threads[i].id, NULL);
    if (!load_has_window(load)) {
        usage_free(&after);
        after = usage_now(options);
    }
    take_usage(sum, &before, &after);
    take_client_side(sum, load, threads);
    usage_free(&before);
    usage_free(&after);
}

static int run(struct load_result **result, const struct load_options *options,
               void *(*body)(void *)) {
    const unsigned threads = options->many ? 1 : options->connections;
    const uint64_t start_ns = echo_clock_ns();
    struct load load = {.options = options, .body = body};
    struct load_result *sum = calloc(1, sizeof *sum);
    load.threads = calloc(threads, sizeof *load.threads);
    if (sum == NULL || load.threads == NULL) {
        free(sum);
        free(load.threads);
        return -ENOMEM;
    }
    load.warm_ns = load.end_ns = UINT64_MAX;
    if (options->schedule == NULL && (options->warmup_ns == 0 || body == floor_body)) {
        set_window(&load, start_ns + options->warmup_ns);
    }
    int failed = 0;
    /* Finding it takes longer than reading it. */
    (void)softirq_thread_ns(0);
    if (options->server > 0) (void)softirq_thread_ns(options->server);
    const unsigned started = start_threads(&load, threads, &failed);
    if (failed != 0) {
        set_window(&load, 0);
        load.warm = load.stop = true;
    }
    supervise(&load, started, start_ns, sum);
    for (unsigned i = 0; i < started; i++) {
        struct load_thread *t = &load.threads[i];
        if (failed == 0) failed = t->failed;
        add_result(sum, t->result, i);
        free(t->result);
    }
    free(load.threads);
    if (failed != 0) {
        load_free(sum);
        return failed;
    }
    if (load_has_window(&load) && options->schedule == NULL && body != floor_body) {
        sum->start_ns = load.warm_ns;
        sum->end_ns = load.end_ns;
    }
    sum->connections = options->connections;
    sum->depth = options->client.depth > 1 ? options->client.depth : 1;
    *result = sum;
    return 0;
}

int load_run(struct load_result **result, const struct load_options *options) {
    return run(result, options, options->many ? many_body : closed_body);
}

int load_floor(struct load_result **result, const struct load_options *options) {
    return run(result, options, floor_body);
}

bool load_is_overloaded(const struct load_result *result, bool loses_packets) {
    const struct load_open *open = &result->open;
    const struct histogram *service = &result->durations[LOAD_SERVICE];
    if (open->taken_up == 0 || service->count == 0) return open->taken_up > 0;
    /* Those under way when the time was over: as many as come in a service time. */
    const double share = histogram_mean_ns(service) / (double)(result->end_ns - result->start_ns);
    const uint64_t lost = loses_packets ? result->lost - open->unsent : 0;
    return (double)(open->in_time + lost) < (0.99 - share) * (double)open->taken_up;
}

void load_free(struct load_result *result) {
    if (result == NULL) return;
    free(result->open.series);
    free(result);
}
