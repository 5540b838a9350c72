/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The closed loop of the blocking engine: a thread for each connection. */
#include "bench/load/thread.h"
#include "echo/clock.h"

static uint64_t quota(const struct load_thread *t) {
    const struct load_options *options = t->load->options;
    if (options->messages == 0) return UINT64_MAX;
    if (options->many) return options->messages;
    const uint64_t extra = t->index < options->messages % options->connections ? 1 : 0;
    return options->messages / options->connections + extra;
}

static bool more(const struct load_thread *t, uint64_t now_ns, uint64_t left) {
    if (load_interrupted(t->load)) return false;
    return t->load->options->messages > 0 ? left > 0 : now_ns < t->load->end_ns;
}

struct closed {
    struct exchange x;
    struct load_thread *thread;
    unsigned failures; /* in a row */
};

static void note_end(struct exchange *x) {
    struct closed *c = (struct closed *)(void *)x;
    load_note_end(c->thread, x, &c->failures);
    if (c->thread->counting) load_record(c->thread, x);
}

/* As many as may be outstanding go out together, and the next when all have ended. */
static void exchange_batch(struct closed *c, uint64_t now_ns, uint64_t left) {
    const struct load_options *options = c->thread->load->options;
    uint64_t batch = 0;
    while (batch < left && exchange_start(&c->x, now_ns, now_ns) == 0) batch++;
    exchange_run(&c->x, options->waiting);
    if (!c->thread->counting) return;
    /* One outstanding until it is closed; many until all are there. */
    c->thread->result->busy_ns += batch * (c->x.times.closed - now_ns);
}

static uint64_t pause_between(const struct load_options *options, uint64_t now_ns) {
    if (options->gap_ns == 0) return now_ns;
    echo_clock_sleep_until(now_ns + options->gap_ns);
    return echo_clock_ns();
}

static void exchange_loop(struct load_thread *t, struct closed *c) {
    const uint64_t all = quota(t);
    struct load_result *r = t->result;
    uint64_t now_ns = echo_clock_ns();
    while (c->failures < LOAD_FAILURES_MAX && more(t, now_ns, all - r->sent)) {
        if (!t->counting && now_ns >= t->load->warm_ns) {
            load_begin(t, now_ns);
            c->x.late = c->x.duplicate = c->x.corrupt = 0;
        }
        exchange_batch(c, now_ns, all - r->sent);
        now_ns = pause_between(t->load->options, c->x.times.closed);
    }
    if (!t->counting) load_begin(t, now_ns);
    load_end(t, now_ns);
    r->window_ns = r->end_ns - r->start_ns;
    r->gave_up = c->failures >= LOAD_FAILURES_MAX;
    r->late = c->x.late;
    r->duplicate = c->x.duplicate;
    r->corrupt = c->x.corrupt;
}

void *closed_body(void *argument) {
    struct load_thread *t = argument;
    const struct load_options *options = t->load->options;
    struct echo_client_options wanted = options->client;
    wanted.session += t->index;
    struct echo_client *client;
    t->failed = options->transport->client->open(&client, &wanted);
    if (t->failed != 0) return NULL;
    struct closed c = {.thread = t};
    t->failed =
        exchange_init_window(&c.x, client, wanted.session, options->deadline_ns, wanted.depth);
    c.x.ended = note_end;
    if (t->failed == 0) exchange_loop(t, &c);
    load_add_counters(t->result, client);
    exchange_free(&c.x);
    client->steps->close(client);
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
