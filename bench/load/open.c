/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The open loop: what is due goes to a connection that is free, and waits for
 * one otherwise. Latency counts from when it was due, whoever was late
 * (coordinated omission is the mistake of not doing so); how late the loop
 * itself was in seeing it is counted apart.
 */
#include "bench/load/open.h"

#include <errno.h>
#include <stdlib.h>

#include "echo/clock.h"

enum { SPIN_NS = 150000 /* before a request is due: a sleep may end as late as that */ };

static const struct load_options *options_of(const struct many *m) {
    return m->thread->load->options;
}

static uint64_t time_of(const struct many *m, uint64_t request) {
    return m->base_ns + m->schedule.due_ns[request];
}

/* Of the next request; UINT64_MAX: there is none. */
static uint64_t next_ns(const struct many *m) {
    return m->arrived < m->schedule.count ? time_of(m, m->arrived) : UINT64_MAX;
}

static uint64_t due_ns(const struct many *m) {
    return next_ns(m) - (options_of(m)->schedule->sleeps ? 0 : SPIN_NS);
}

static bool over(const struct many *m) {
    return m->under_way == 0 && m->taken == m->schedule.count;
}

/* ---- counting ---- */

static bool counted(const struct many *m, uint64_t due) {
    return due >= m->warm_ns;
}

static void keep_point(struct many *m, uint64_t due, uint64_t latency_ns) {
    struct load_open *open = &m->thread->result->open;
    if (open->series == NULL || open->series_count == options_of(m)->schedule->series_max) return;
    open->series[open->series_count++] =
        (struct load_point){.due_ns = due - m->warm_ns, .latency_ns = latency_ns};
}

static void count(struct slot *s) {
    struct many *m = s->many;
    const struct exchange *x = &s->x;
    if (!counted(m, x->times.start)) return;
    const bool ok = x->outcome == EXCHANGE_OK;
    load_record(m->thread, x);
    if (ok && x->times.replied < m->end_ns) m->thread->result->open.in_time++;
    keep_point(m, x->times.start, ok ? x->times.replied - x->times.start : UINT64_MAX);
}

/* Its deadline passed before a connection was free. */
static void count_unsent(struct many *m, uint64_t due) {
    struct load_result *r = m->thread->result;
    if (!counted(m, due)) return;
    r->sent++;
    r->lost++;
    r->open.unsent++;
    keep_point(m, due, UINT64_MAX);
}

/* ---- who takes what ---- */

/* The next request that a slot may take: the oldest of all, or of its own. */
static uint64_t *next_of(struct slot *s, uint64_t *step) {
    struct many *m = s->many;
    const bool own = options_of(m)->schedule->own;
    *step = own ? m->count : 1;
    return own ? &s->next : &m->taken;
}

static bool take_due(struct slot *s) {
    struct many *m = s->many;
    uint64_t step;
    uint64_t *next = next_of(s, &step);
    bool any = false;
    while (exchange_has_room(&s->x) && *next < m->arrived) {
        const uint64_t due = time_of(m, *next);
        const uint64_t now_ns = echo_clock_ns();
        const bool expired = due + options_of(m)->deadline_ns <= now_ns || m->gave_up;
        if (!expired && exchange_start(&s->x, due, now_ns) != 0) return any;
        *next += step;
        if (next != &m->taken) m->taken++;
        if (expired) {
            count_unsent(m, due);
            continue;
        }
        m->started++;
        m->under_way++;
        any = true;
    }
    return any;
}

static void note_room(struct slot *s) {
    struct many *m = s->many;
    if (s->listed || !exchange_has_room(&s->x)) return;
    s->listed = true;
    m->free[(m->free_first + m->free_count++) % m->count] = (unsigned)(s - m->slots);
}

/* Of those with room the one that got it first, or last. */
static struct slot *next_free(struct many *m) {
    unsigned at = (m->free_first + m->free_count - 1) % m->count;
    if (options_of(m)->schedule->oldest) {
        at = m->free_first;
        m->free_first = (m->free_first + 1) % m->count;
    }
    m->free_count--;
    m->slots[m->free[at]].listed = false;
    return &m->slots[m->free[at]];
}

static void hand_out(struct many *m) {
    while (m->taken < m->arrived && m->free_count > 0) {
        struct slot *s = next_free(m);
        if (!exchange_has_room(&s->x)) continue;
        const uint64_t before = m->taken;
        many_go_on(s, 0);
        if (m->taken == before) return; /* its queue is full until the socket takes more */
    }
}

/* Seen now: how late that is, counts by when it would be taken if a connection is free. */
static void note_arrival(struct many *m, uint64_t due, uint64_t now_ns) {
    struct load_open *open = &m->thread->result->open;
    m->arrived++;
    if (!counted(m, due)) return;
    open->offered++;
    if (now_ns <= m->end_ns) open->taken_up++;
    histogram_record(&open->lateness, now_ns - due);
}

/* One after the other: what the start of one takes makes the next one late. */
static void arrive(struct many *m) {
    const bool own = options_of(m)->schedule->own;
    if (m->gave_up || load_interrupted(m->thread->load)) m->schedule.count = m->arrived;
    for (uint64_t now_ns = echo_clock_ns(); next_ns(m) <= now_ns; now_ns = echo_clock_ns()) {
        note_arrival(m, next_ns(m), now_ns);
        if (own) {
            many_go_on(&m->slots[(m->arrived - 1) % m->count], 0);
        } else {
            hand_out(m);
        }
    }
    if (!own) hand_out(m);
}

/* ---- from the beginning to the end ---- */

static int begin(struct many *m) {
    const struct load_options *options = options_of(m);
    struct load_open *open = &m->thread->result->open;
    const uint64_t most = options->messages;
    const int failed = schedule_make(&m->schedule, options->schedule,
                                     options->warmup_ns + options->duration_ns, most);
    if (failed != 0) return failed;
    if (options->schedule->keeps_series) {
        open->series = calloc(options->schedule->series_max, sizeof *open->series);
        if (open->series == NULL) return -ENOMEM;
    }
    m->now_ns = echo_clock_ns();
    m->base_ns = m->now_ns;
    /* So many requests are all that count; for a time there are others before them. */
    m->warm_ns = m->base_ns + (most > 0 ? 0 : options->warmup_ns);
    const double all_ns = (double)most / options->schedule->per_s * 1e9;
    m->end_ns = m->warm_ns + (most > 0 ? (uint64_t)all_ns : options->duration_ns);
    load_begin(m->thread, m->warm_ns);
    atomic_store(&m->thread->load->end_ns, m->end_ns);
    atomic_store(&m->thread->load->warm_ns, m->warm_ns);
    return 0;
}

static void end(struct many *m) {
    struct load_result *r = m->thread->result;
    if (m->now_ns > m->end_ns) r->drain_ns = m->now_ns - m->end_ns;
    load_end(m->thread, m->end_ns);
}

static const struct many_form form = {.begin = begin,
                                      .take_more = take_due,
                                      .count = count,
                                      .note_room = note_room,
                                      .arrive = arrive,
                                      .due_ns = due_ns,
                                      .over = over,
                                      .end = end};

void *open_body(void *argument) {
    return many_run(argument, &form);
}
