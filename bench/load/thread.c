/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/thread.h"

#include "echo/clock.h"

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
    failed = exchange_init(x, client, wanted.session, options->deadline_ns, wanted.depth);
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
    if (start_ns < to_ns && end_ns - start_ns > r->longest_ns) r->longest_ns = end_ns - start_ns;
    const uint64_t begun_ns = start_ns > from_ns ? start_ns : from_ns;
    const uint64_t over_ns = end_ns < to_ns ? end_ns : to_ns;
    if (over_ns > begun_ns) r->busy_ns += over_ns - begun_ns;
    if (end_ns < to_ns) {
        if (x->outcome == EXCHANGE_OK) r->ok_by_half[end_ns - from_ns < to_ns - end_ns ? 0 : 1]++;
        load_record(t, x);
        /* What was lost counts at both edges with what it waited between them. */
        if (x->outcome == EXCHANGE_LOST) r->cycles_ns -= begun_ns - start_ns;
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
    /* Also one that was lost: where none is answered the window begins as well. */
    const bool ended = x->outcome != EXCHANGE_FAILED;
    r->exchanges++;
    if (x->outcome == EXCHANGE_OK) r->answered++;
    if (ended && !*up) t->load->up++;
    *up = *up || ended;
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

/* ---- the closed loop of the blocking engine, a thread for each connection ---- */

static uint64_t quota(const struct load_thread *t) {
    const struct load_options *options = t->load->options;
    if (options->messages == 0) return UINT64_MAX;
    if (options->many) return options->messages;
    const uint64_t extra = t->index < options->messages % options->connections ? 1 : 0;
    return options->messages / options->connections + extra;
}

enum { CONNECTIONS_MIN = 3 }; /* of a limited life, in a run: fewer would be no sample */

struct closed {
    struct exchange x;
    struct load_thread *thread;
    unsigned failures;    /* in a row */
    bool up;              /* a message has come back */
    uint64_t end_ns;      /* of whole connections: when the last of them may be made */
    uint64_t made_before; /* sockets, when counting began */
};

/*
 * Connections of a limited life are counted whole, as the first of their
 * messages pays for all: the counted time begins and ends between two.
 */
static bool is_between(const struct closed *c) {
    return c->thread->load->options->client.per_connection == 0 || c->x.client->socket < 0;
}

static bool is_over(const struct closed *c, uint64_t now_ns) {
    const struct load *load = c->thread->load;
    if (load_has_window(load))
        return now_ns >= atomic_load_explicit(&load->end_ns, memory_order_relaxed);
    if (!c->thread->begun || now_ns < c->end_ns || !is_between(c)) return false;
    return c->x.client->sockets_made - c->made_before >= CONNECTIONS_MIN;
}

static bool more(const struct closed *c, uint64_t now_ns, uint64_t left) {
    if (load_interrupted(c->thread->load)) return false;
    return c->thread->load->options->messages > 0 ? left > 0 : !is_over(c, now_ns);
}

static void note_end(struct exchange *x) {
    struct closed *c = (struct closed *)(void *)x;
    load_note_end(c->thread, x, &c->failures, &c->up);
}

/* As many as may be outstanding go out together, and the next when all have ended. */
static void exchange_batch(struct closed *c, uint64_t now_ns, uint64_t left) {
    uint64_t batch = 0;
    while (batch < left && exchange_start(&c->x, now_ns, now_ns) == 0) batch++;
    exchange_run(&c->x, c->thread->load->options->waiting);
}

static uint64_t pause_between(const struct load_options *options, uint64_t now_ns) {
    if (options->gap_ns == 0) return now_ns;
    echo_clock_sleep_until(now_ns + options->gap_ns);
    return echo_clock_ns();
}

static void begin(struct closed *c, uint64_t now_ns) {
    load_begin(c->thread, now_ns);
    c->x.late = c->x.duplicate = c->x.corrupt = 0;
    c->made_before = c->x.client->sockets_made;
    c->end_ns = now_ns + c->thread->load->options->duration_ns;
}

static void exchange_loop(struct load_thread *t, struct closed *c) {
    const uint64_t all = quota(t);
    struct load_result *r = t->result;
    uint64_t now_ns = echo_clock_ns();
    while (c->failures < LOAD_FAILURES_MAX && more(c, now_ns, t->begun ? all - r->sent : all)) {
        const uint64_t warm_ns = atomic_load_explicit(&t->load->warm_ns, memory_order_relaxed);
        if (!t->begun && now_ns >= warm_ns && is_between(c)) begin(c, now_ns);
        exchange_batch(c, now_ns, t->begun ? all - r->sent : all);
        now_ns = pause_between(t->load->options, c->x.times.closed);
    }
    if (!t->begun) load_begin(t, now_ns);
    load_end(t, now_ns);
    r->gave_up = c->failures >= LOAD_FAILURES_MAX;
}

void *closed_body(void *argument) {
    struct load_thread *t = argument;
    struct closed c = {.thread = t};
    t->failed = load_open_client(t, t->index, false, &c.x);
    if (t->failed != 0) return NULL;
    c.x.ended = note_end;
    exchange_loop(t, &c);
    load_close_client(t, &c.x);
    return NULL;
}

/* ---- the floor ---- */

static int64_t exchange_floor(const struct load_thread *t, const atomic_bool *stop, uint64_t most) {
    const struct load_options *options = t->load->options;
    const struct echo_transport *to = options->transport;
    if (!options->many) return to->floor->exchange(to->floor_way, &options->client, stop, most);
    return to->floor->exchange_many(to->floor_way, &options->client, options->connections, stop,
                                    most);
}

void *floor_body(void *argument) {
    struct load_thread *t = argument;
    int64_t done = exchange_floor(t, &t->load->warm, UINT64_MAX);
    load_begin(t, echo_clock_ns());
    if (done >= 0) done = exchange_floor(t, &t->load->stop, quota(t));
    load_end(t, echo_clock_ns());
    t->failed = done < 0 ? (int)done : 0;
    t->result->sent = t->result->ok = done < 0 ? 0 : (uint64_t)done;
    return NULL;
}
