/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/thread.h"

bool load_has_window(const struct load *load) {
    const struct load_options *options = load->options;
    return options->messages == 0 && (options->many || options->client.per_connection == 0);
}

void load_begin(struct load_thread *t, uint64_t now_ns) {
    t->begun = true;
    t->result->start_ns = now_ns;
    t->at_begin = thread_time_now();
}

void load_end(struct load_thread *t, uint64_t now_ns) {
    t->result->end_ns = now_ns;
    t->at_end = thread_time_now();
}

int load_open_client(const struct load_thread *t, unsigned index, bool nonblocking,
                     struct exchange *x) {
    const struct load_options *options = t->load->options;
    struct echo_client_options wanted = options->client;
    struct echo_client *client;
    if (nonblocking) wanted.nonblocking = true;
    wanted.session += index;
    /* A kept connection makes one socket: without this all would have the first address. */
    if (wanted.sources > 0) echo_address_advance(&wanted.source, index % wanted.sources);
    int failed = options->transport->client->open(&client, &wanted);
    if (failed != 0) return failed;
    failed = exchange_init_window(x, client, wanted.session, options->deadline_ns, wanted.depth);
    if (failed != 0) client->steps->close(client);
    return failed;
}

/* Clients of one transport have the same counters in the same order. */
void load_add_counters(struct load_result *r, const struct echo_counter *counters, unsigned count) {
    for (unsigned i = 0; i < count && i < LOAD_COUNTERS_MAX; i++) {
        r->counters[i].name = counters[i].name;
        r->counters[i].value += counters[i].value;
    }
    if (count > r->counter_count) r->counter_count = count;
}

void load_close_client(struct load_thread *t, struct exchange *x) {
    struct load_result *r = t->result;
    r->late += x->late;
    r->duplicate += x->duplicate;
    r->corrupt += x->corrupt;
    r->sockets += x->client->sockets_made;
    load_add_counters(r, x->client->counters, x->client->counter_count);
    exchange_free(x);
    x->client->steps->close(x->client);
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
    r->cycles_ns += x->times.closed - x->times.start;
    if (x->error > 0 && x->error < LOAD_ERRNOS) r->errors[x->failed_in][x->error]++;
    if (x->outcome == EXCHANGE_LOST) r->lost++;
    if (x->outcome == EXCHANGE_FAILED) r->failed++;
    if (x->outcome != EXCHANGE_OK) return;
    r->ok++;
    record_times(r, &x->times);
}

static void note_early(struct load_result *r, const struct exchange *x) {
    if (x->error > 0 && x->error < LOAD_ERRNOS) r->early_errors[x->failed_in][x->error]++;
}

/* What ends inside the window counts, over it; what is under way counts for its part in it. */
static void count_in_window(struct load_thread *t, const struct exchange *x) {
    const uint64_t from_ns = atomic_load_explicit(&t->load->warm_ns, memory_order_relaxed);
    const uint64_t to_ns = atomic_load_explicit(&t->load->end_ns, memory_order_relaxed);
    const uint64_t start_ns = x->times.start, end_ns = x->times.closed;
    struct load_result *r = t->result;
    if (end_ns < from_ns) {
        note_early(r, x);
        return;
    }
    const uint64_t begun_ns = start_ns > from_ns ? start_ns : from_ns;
    const uint64_t over_ns = end_ns < to_ns ? end_ns : to_ns;
    if (over_ns > begun_ns) r->busy_ns += over_ns - begun_ns;
    if (end_ns < to_ns) {
        if (x->outcome == EXCHANGE_OK) r->ok_by_half[end_ns - from_ns < to_ns - end_ns ? 0 : 1]++;
        load_record(t, x);
        return;
    }
    r->drained++;
    if (end_ns - to_ns > r->drain_ns) r->drain_ns = end_ns - to_ns;
    if (start_ns >= to_ns || x->outcome != EXCHANGE_LOST) return;
    r->waiting++;
    r->waiting_ns += over_ns - begun_ns;
}

void load_note_end(struct load_thread *t, const struct exchange *x, unsigned *failures, bool *up) {
    struct load_result *r = t->result;
    const bool ok = x->outcome == EXCHANGE_OK;
    r->exchanges++;
    if (ok) r->answered++;
    if (ok && !*up) t->load->up++;
    *up = *up || ok;
    *failures = x->outcome == EXCHANGE_FAILED ? *failures + 1 : 0;
    if (t->load->options->schedule != NULL) {
        if (!t->begun) note_early(r, x);
    } else if (load_has_window(t->load)) {
        count_in_window(t, x);
    } else if (t->begun && x->times.start >= r->start_ns) {
        r->busy_ns += x->times.closed - x->times.start;
        load_record(t, x);
    } else {
        note_early(r, x);
    }
}

bool load_interrupted(const struct load *load) {
    return load->options->interrupted != NULL && *load->options->interrupted;
}
