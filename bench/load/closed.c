/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/closed.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "echo/clock.h"

struct load;

struct thread {
    struct load *load;
    pthread_t id;
    unsigned index;
    int failed; /* -errno of what kept it from running at all */
    struct load_result *result;
};

struct load {
    const struct load_options *options;
    uint64_t warm_ns, half_ns, end_ns; /* when counting begins, is half over, ends */
    atomic_bool warm, stop;            /* for the floor, which reads no clock */
    struct thread *threads;
};

/* ---- what both loops share ---- */

static uint64_t quota(const struct thread *t) {
    const struct load_options *options = t->load->options;
    if (options->messages == 0) return UINT64_MAX;
    const uint64_t extra = t->index < options->messages % options->connections ? 1 : 0;
    return options->messages / options->connections + extra;
}

static void begin_counting(struct thread *t, uint64_t now_ns) {
    const struct load_options *options = t->load->options;
    struct load_result *r = t->result;
    r->start_ns = now_ns;
    if (t->index != 0) return;
    r->client_cpu_ns = echo_clock_cpu_ns(0);
    r->server_cpu_ns = options->server < 0 ? UINT64_MAX : echo_clock_cpu_ns(options->server);
}

static void end_counting(struct thread *t, uint64_t now_ns) {
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

/* ---- the measured loop ---- */

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

static void record(struct thread *t, const struct exchange *x) {
    struct load_result *r = t->result;
    r->sent++;
    r->busy_ns += x->times.closed - x->times.start;
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

static bool more(const struct thread *t, uint64_t now_ns, uint64_t left) {
    const struct load_options *options = t->load->options;
    if (options->interrupted != NULL && *options->interrupted) return false;
    return options->messages > 0 ? left > 0 : now_ns < t->load->end_ns;
}

static void exchange_loop(struct thread *t, struct exchange *x) {
    const uint64_t warm_ns = t->load->warm_ns;
    const uint64_t all = quota(t);
    unsigned failures = 0;
    bool counting = false;
    uint64_t now_ns = echo_clock_ns();
    while (failures < LOAD_FAILURES_MAX && more(t, now_ns, all - t->result->sent)) {
        if (!counting && now_ns >= warm_ns) {
            counting = true;
            begin_counting(t, now_ns);
            x->late = x->duplicate = x->corrupt = 0;
        }
        exchange_start(x, now_ns, now_ns);
        exchange_run(x, t->load->options->waiting);
        t->result->exchanges++;
        if (x->outcome == EXCHANGE_OK) t->result->answered++;
        failures = x->outcome == EXCHANGE_FAILED ? failures + 1 : 0;
        if (counting) record(t, x);
        now_ns = x->times.closed;
    }
    if (!counting) begin_counting(t, now_ns);
    end_counting(t, now_ns);
    t->result->gave_up = failures >= LOAD_FAILURES_MAX;
    t->result->late = x->late;
    t->result->duplicate = x->duplicate;
    t->result->corrupt = x->corrupt;
}

static void copy_counters(struct load_result *r, const struct echo_client *client) {
    for (; r->counter_count < client->counter_count && r->counter_count < LOAD_COUNTERS_MAX;
         r->counter_count++) {
        r->counters[r->counter_count] = client->counters[r->counter_count];
    }
}

static void *run_exchanges(void *argument) {
    struct thread *t = argument;
    struct echo_client_options options = t->load->options->client;
    options.session += t->index;
    struct echo_client *client;
    t->failed = t->load->options->transport->client->open(&client, &options);
    if (t->failed != 0) return NULL;
    struct exchange x;
    exchange_init(&x, client, options.session, t->load->options->deadline_ns);
    exchange_loop(t, &x);
    copy_counters(t->result, client);
    client->steps->close(client);
    return NULL;
}

/* ---- the floor's loop ---- */

static void *run_floor(void *argument) {
    struct thread *t = argument;
    struct load *load = t->load;
    const struct echo_floor_steps *floor = load->options->transport->floor;
    int64_t done = floor->exchange(&load->options->client, &load->warm, UINT64_MAX);
    begin_counting(t, echo_clock_ns());
    if (done >= 0) done = floor->exchange(&load->options->client, &load->stop, quota(t));
    end_counting(t, echo_clock_ns());
    t->failed = done < 0 ? (int)done : 0;
    t->result->sent = t->result->ok = done < 0 ? 0 : (uint64_t)done;
    return NULL;
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
    sum->window_ns += more->end_ns - more->start_ns;
    sum->exchanges += more->exchanges;
    sum->answered += more->answered;
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
}

static bool interrupted(const struct load *load) {
    return load->options->interrupted != NULL && *load->options->interrupted;
}

static void sleep_until(const struct load *load, uint64_t when_ns) {
    enum { GLANCE_NS = 50000000 };
    for (uint64_t now_ns = echo_clock_ns(); now_ns < when_ns && !interrupted(load);
         now_ns = echo_clock_ns()) {
        const uint64_t glance_ns = now_ns + GLANCE_NS;
        echo_clock_sleep_until(when_ns < glance_ns ? when_ns : glance_ns);
    }
}

static unsigned start_threads(struct load *load, void *(*body)(void *), int *failed) {
    unsigned started = 0;
    for (; started < load->options->connections && *failed == 0; started++) {
        struct thread *t = &load->threads[started];
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
    struct load load = {.options = options};
    struct load_result *sum = calloc(1, sizeof *sum);
    load.threads = calloc(options->connections, sizeof *load.threads);
    if (sum == NULL || load.threads == NULL) {
        free(sum);
        free(load.threads);
        return -ENOMEM;
    }
    load.warm_ns = echo_clock_ns() + options->warmup_ns;
    load.half_ns = load.warm_ns + options->duration_ns / 2;
    load.end_ns = load.warm_ns + options->duration_ns;
    int failed = 0;
    const unsigned started = start_threads(&load, body, &failed);
    sleep_until(&load, failed == 0 ? load.warm_ns : 0);
    load.warm = true;
    if (options->messages == 0) sleep_until(&load, failed == 0 ? load.end_ns : 0);
    if (options->messages == 0 || failed != 0) load.stop = true;
    for (unsigned i = 0; i < started; i++) {
        struct thread *t = &load.threads[i];
        (void)pthread_join(t->id, NULL);
        if (failed == 0) failed = t->failed;
        add_result(sum, t->result, i);
        free(t->result);
    }
    free(load.threads);
    if (failed != 0) {
        free(sum);
        return failed;
    }
    sum->connections = options->connections;
    *result = sum;
    return 0;
}

int load_closed(struct load_result **result, const struct load_options *options) {
    return run(result, options, run_exchanges);
}

int load_floor(struct load_result **result, const struct load_options *options) {
    return run(result, options, run_floor);
}
