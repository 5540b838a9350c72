/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load/thread.h"
#include "echo/clock.h"

/* ---- counting ---- */

void load_begin(struct load_thread *t, uint64_t now_ns) {
    const struct load_options *options = t->load->options;
    struct load_result *r = t->result;
    t->counting = true;
    r->start_ns = now_ns;
    if (t->index != 0) return;
    r->client_cpu_ns = echo_clock_cpu_ns(0);
    r->server_cpu_ns = options->server < 0 ? UINT64_MAX : echo_clock_cpu_ns(options->server);
}

void load_end(struct load_thread *t, uint64_t now_ns) {
    const struct load_options *options = t->load->options;
    struct load_result *r = t->result;
    r->end_ns = now_ns;
    if (t->index != 0) return;
    r->client_cpu_ns = echo_clock_cpu_ns(0) - r->client_cpu_ns;
    const uint64_t server_ns =
        options->server < 0 ? UINT64_MAX : echo_clock_cpu_ns(options->server);
    const bool known = r->server_cpu_ns != UINT64_MAX && server_ns != UINT64_MAX;
    r->server_cpu_ns = known ? server_ns - r->server_cpu_ns : UINT64_MAX;
}

void load_note_end(struct load_thread *t, const struct exchange *x, unsigned *failures) {
    t->result->exchanges++;
    if (x->outcome == EXCHANGE_OK) t->result->answered++;
    *failures = x->outcome == EXCHANGE_FAILED ? *failures + 1 : 0;
}

static void record_times(struct load_result *r, const struct echo_times *times) {
    histogram_record(&r->durations[LOAD_LATENCY], times->replied - times->start);
    histogram_record(&r->durations[LOAD_CYCLE], times->closed - times->start);
    histogram_record(&r->durations[LOAD_SERVICE], times->replied - times->first_byte);
    histogram_record(&r->durations[LOAD_EXCHANGE], times->replied - times->first_byte);
    if (times->connected != 0) {
        histogram_record(&r->durations[LOAD_CONNECT], times->connected - times->start);
    }
    if (times->closed != times->replied) {
        histogram_record(&r->durations[LOAD_CLOSE], times->closed - times->replied);
    }
}

void load_record(struct load_thread *t, const struct exchange *x) {
    struct load_result *r = t->result;
    r->sent++;
    if (x->error > 0 && x->error < LOAD_ERRNOS) r->errors[x->failed_in][x->error]++;
    if (x->outcome == EXCHANGE_LOST) r->lost++;
    if (x->outcome == EXCHANGE_FAILED) r->failed++;
    if (x->outcome != EXCHANGE_OK) return;
    r->ok++;
    /* A fixed number of messages has no fixed middle. */
    if (t->load->options->messages == 0) {
        r->ok_by_half[x->times.replied < t->load->half_ns ? 0 : 1]++;
    }
    record_times(r, &x->times);
}

void load_add_counters(struct load_result *r, const struct echo_client *client) {
    for (unsigned i = 0; i < client->counter_count && i < LOAD_COUNTERS_MAX; i++) {
        r->counters[i].name = client->counters[i].name;
        r->counters[i].value += client->counters[i].value;
    }
    if (client->counter_count > r->counter_count) r->counter_count = client->counter_count;
    r->sockets += client->sockets_made;
}

/* ---- threads, and their sum ---- */

static void add_result(struct load_result *sum, const struct load_result *more, unsigned index) {
    sum->sent += more->sent;
    sum->ok += more->ok;
    sum->lost += more->lost;
    sum->failed += more->failed;
    sum->late += more->late;
    sum->duplicate += more->duplicate;
    sum->corrupt += more->corrupt;
    sum->busy_ns += more->busy_ns;
    sum->window_ns += more->window_ns;
    sum->exchanges += more->exchanges;
    sum->answered += more->answered;
    sum->sockets += more->sockets;
    /* Clients of one transport have the same counters in the same order. */
    sum->counter_count = more->counter_count;
    for (unsigned i = 0; i < more->counter_count; i++) {
        sum->counters[i].name = more->counters[i].name;
        sum->counters[i].value += more->counters[i].value;
    }
    sum->gave_up = sum->gave_up || more->gave_up;
    for (int i = 0; i < 2; i++) sum->ok_by_half[i] += more->ok_by_half[i];
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 0; j < LOAD_ERRNOS; j++) sum->errors[i][j] += more->errors[i][j];
    }
    for (int i = 0; i < LOAD_DURATIONS; i++) {
        histogram_add(&sum->durations[i], &more->durations[i]);
    }
    if (index == 0 || more->start_ns < sum->start_ns) sum->start_ns = more->start_ns;
    if (more->end_ns > sum->end_ns) sum->end_ns = more->end_ns;
    if (index != 0) return;
    sum->client_cpu_ns = more->client_cpu_ns;
    sum->server_cpu_ns = more->server_cpu_ns;
    sum->open = more->open; /* only a single thread has one */
}

bool load_interrupted(const struct load *load) {
    return load->options->interrupted != NULL && *load->options->interrupted;
}

static void sleep_until(const struct load *load, uint64_t when_ns) {
    enum { GLANCE_NS = 50000000 };
    for (uint64_t now_ns = echo_clock_ns(); now_ns < when_ns && !load_interrupted(load);
         now_ns = echo_clock_ns()) {
        const uint64_t glance_ns = now_ns + GLANCE_NS;
        echo_clock_sleep_until(when_ns < glance_ns ? when_ns : glance_ns);
    }
}

static unsigned start_threads(struct load *load, unsigned threads, void *(*body)(void *),
                              int *failed) {
    unsigned started = 0;
    for (; started < threads && *failed == 0; started++) {
        struct load_thread *t = &load->threads[started];
        t->load = load;
        t->index = started;
        t->result = calloc(1, sizeof *t->result);
        *failed = t->result == NULL ? -ENOMEM : -pthread_create(&t->id, NULL, body, t);
        if (*failed != 0) {
            free(t->result);
            break;
        }
    }
    return started;
}

static int run(struct load_result **result, const struct load_options *options,
               void *(*body)(void *)) {
    const unsigned threads = options->many ? 1 : options->connections;
    struct load load = {.options = options};
    struct load_result *sum = calloc(1, sizeof *sum);
    load.threads = calloc(threads, sizeof *load.threads);
    if (sum == NULL || load.threads == NULL) {
        free(sum);
        free(load.threads);
        return -ENOMEM;
    }
    load.warm_ns = echo_clock_ns() + options->warmup_ns;
    load.half_ns = load.warm_ns + options->duration_ns / 2;
    load.end_ns = load.warm_ns + options->duration_ns;
    int failed = 0;
    const unsigned started = start_threads(&load, threads, body, &failed);
    sleep_until(&load, failed == 0 ? load.warm_ns : 0);
    load.warm = true;
    if (options->messages == 0) sleep_until(&load, failed == 0 ? load.end_ns : 0);
    if (options->messages == 0 || failed != 0) load.stop = true;
    for (unsigned i = 0; i < started; i++) {
        struct load_thread *t = &load.threads[i];
        (void)pthread_join(t->id, NULL);
        if (failed == 0) failed = t->failed;
        add_result(sum, t->result, i);
        free(t->result);
    }
    free(load.threads);
    if (failed != 0) {
        load_free(sum);
        return failed;
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

bool load_is_overloaded(const struct load_result *result) {
    const struct load_open *open = &result->open;
    const struct histogram *service = &result->durations[LOAD_SERVICE];
    if (open->taken_up == 0 || service->count == 0) return open->taken_up > 0;
    /* Those under way when the time was over: as many as come in a service time. */
    const double share =
        (double)histogram_percentile_ns(service, 50) / (double)(result->end_ns - result->start_ns);
    return (double)open->in_time < (0.99 - share) * (double)open->taken_up;
}

void load_free(struct load_result *result) {
    if (result == NULL) return;
    free(result->open.series);
    free(result);
}
