/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client of the epoll engine: all connections in one thread. A socket is
 * watched for data from its first wait to its close, level-triggered, so that
 * an exchange on a connection that stays costs no epoll_ctl.
 */
#include "bench/load/many.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "echo/clock.h"

enum {
    EVENTS = 256,         /* of one wake-up */
    SPIN_NS = 150000,     /* before a request is due: a sleep may end as late as that */
    GLANCE_NS = 100000000 /* a signal may have come */
};

static const struct load_options *options_of(const struct many *m) {
    return m->thread->load->options;
}

static bool is_open(const struct many *m) {
    return options_of(m)->schedule != NULL;
}

static void note_end(struct exchange *x) {
    struct slot *s = (struct slot *)(void *)x;
    struct load_thread *t = s->many->thread;
    s->many->under_way--;
    load_note_end(t, x, &s->failures);
    if (s->failures >= LOAD_FAILURES_MAX) s->many->gave_up = true;
    if (is_open(s->many)) {
        open_count(s);
    } else if (t->counting && x->times.start >= t->result->start_ns) {
        load_record(t, x);
    }
}

/* ---- the closed loop: the next batch when the last has ended ---- */

static bool more(const struct many *m, uint64_t now_ns) {
    const struct load_options *options = options_of(m);
    if (m->gave_up || load_interrupted(m->thread->load)) return false;
    if (options->messages > 0) return m->started < options->messages;
    return now_ns < m->thread->load->end_ns;
}

static void count_batch(struct slot *s) {
    struct load_result *r = s->many->thread->result;
    if (s->batch == 0 || !s->many->thread->counting || s->batch_ns < r->start_ns) return;
    if (s->first_ns == 0) s->first_ns = s->batch_ns;
    s->last_ns = s->x.times.closed;
    r->busy_ns += s->batch * (s->last_ns - s->batch_ns);
}

static bool start_batch(struct slot *s) {
    struct many *m = s->many;
    if (s->x.outstanding > 0) return false;
    count_batch(s);
    const uint64_t now_ns = s->batch > 0 ? s->x.times.closed : m->now_ns;
    s->batch = 0;
    s->batch_ns = now_ns;
    while (s->batch < s->x.depth && more(m, now_ns) && exchange_start(&s->x, now_ns, now_ns) == 0) {
        s->batch++;
        m->started++;
        m->under_way++;
    }
    return s->batch > 0;
}

/* ---- slots ---- */

static void watch(struct slot *s) {
    const struct echo_client *client = s->x.client;
    const uint64_t made = client->sockets_made;
    if (s->watched == made && s->watched_for == s->x.wait) return;
    const uint64_t index = (uint64_t)(s - s->many->slots);
    /* Which socket it was meant for: an event may be older than the socket that has the number. */
    struct epoll_event event = {.events = (uint32_t)s->x.wait, .data.u64 = made << 32 | index};
    const int how = s->watched == made ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(s->many->epoll, how, client->socket, &event) != 0) {
        s->many->thread->failed = -errno;
        s->many->gave_up = true;
    }
    s->watched = made;
    s->watched_for = s->x.wait;
}

void many_go_on(struct slot *s, short ready) {
    struct many *m = s->many;
    do {
        (void)exchange_advance(&s->x, ready);
        ready = 0;
    } while (m->take_more(s));
    if (is_open(m)) open_note_room(s);
    if (s->x.outstanding == 0) return;
    watch(s);
    const uint64_t until_ns = exchange_until_ns(&s->x);
    if (until_ns < m->timer_ns) m->timer_ns = until_ns;
}

static void heed(struct many *m, const struct epoll_event *event) {
    struct slot *s = &m->slots[(uint32_t)event->data.u64];
    if (event->data.u64 >> 32 != (uint32_t)s->x.client->sockets_made) return;
    if (s->x.client->socket < 0) return;
    if (s->x.outstanding == 0) {
        exchange_look(&s->x);
    } else {
        many_go_on(s, (short)event->events);
    }
}

static void heed_timer(struct slot *s) {
    const uint64_t now_ns = s->many->now_ns;
    const bool expired = now_ns >= s->x.deadline_ns;
    if (expired) exchange_expire(&s->x);
    if (expired || now_ns >= exchange_until_ns(&s->x)) many_go_on(s, 0);
    if (s->x.outstanding == 0) return;
    const uint64_t until_ns = exchange_until_ns(&s->x);
    if (until_ns < s->many->timer_ns) s->many->timer_ns = until_ns;
}

/* All slots are looked through, which is seldom: only when the first of their times has come. */
static void heed_timers(struct many *m) {
    if (m->now_ns < m->timer_ns) return;
    m->timer_ns = UINT64_MAX;
    for (unsigned i = 0; i < m->count; i++) {
        if (m->slots[i].x.outstanding > 0) heed_timer(&m->slots[i]);
    }
}

/* ---- the loop ---- */

/* How long to sleep: to the next timer, and not past a request that is due. */
static uint64_t sleep_ns(const struct many *m) {
    uint64_t until_ns = m->now_ns + GLANCE_NS;
    if (m->timer_ns < until_ns) until_ns = m->timer_ns;
    if (is_open(m)) {
        const uint64_t early_ns = options_of(m)->schedule->sleeps ? 0 : SPIN_NS;
        const uint64_t due_ns = open_due_ns(m) - early_ns;
        if (due_ns < until_ns) until_ns = due_ns;
    }
    return until_ns > m->now_ns ? until_ns - m->now_ns : 0;
}

static void begin_counting(struct many *m) {
    struct load_thread *t = m->thread;
    if (t->counting || m->now_ns < t->load->warm_ns) return;
    load_begin(t, m->now_ns);
    for (unsigned i = 0; i < m->count; i++) {
        struct exchange *x = &m->slots[i].x;
        x->late = x->duplicate = x->corrupt = 0;
    }
}

static bool over(const struct many *m) {
    return is_open(m) ? open_over(m) : m->under_way == 0;
}

static void run_loop(struct many *m) {
    struct epoll_event events[EVENTS];
    do {
        const struct timespec timeout = echo_clock_timespec(sleep_ns(m));
        const int ready = epoll_pwait2(m->epoll, events, EVENTS, &timeout, NULL);
        m->now_ns = echo_clock_ns();
        begin_counting(m);
        for (int i = 0; i < ready; i++) {
            heed(m, &events[i]);
            if (is_open(m)) open_arrive(m); /* not only when all replies are read */
        }
        heed_timers(m);
        if (is_open(m)) open_arrive(m);
    } while (!over(m));
}

static void start_all(struct many *m) {
    m->now_ns = echo_clock_ns();
    m->timer_ns = UINT64_MAX;
    begin_counting(m);
    for (unsigned i = 0; i < m->count; i++) many_go_on(&m->slots[i], 0);
}

/* ---- from the beginning to the end ---- */

static int open_slot(struct many *m, unsigned index) {
    const struct load_options *options = options_of(m);
    struct echo_client_options wanted = options->client;
    struct slot *s = &m->slots[index];
    struct echo_client *client;
    wanted.nonblocking = true;
    wanted.session += index;
    int failed = options->transport->client->open(&client, &wanted);
    if (failed != 0) return failed;
    failed =
        exchange_init_window(&s->x, client, wanted.session, options->deadline_ns, wanted.depth);
    if (failed != 0) {
        client->steps->close(client);
        return failed;
    }
    s->x.polled = true;
    s->x.ended = note_end;
    s->many = m;
    s->next = index;
    return 0;
}

static void close_slots(struct many *m) {
    struct load_result *r = m->thread->result;
    for (unsigned i = 0; i < m->count; i++) {
        struct slot *s = &m->slots[i];
        r->window_ns += s->last_ns - s->first_ns;
        r->late += s->x.late;
        r->duplicate += s->x.duplicate;
        r->corrupt += s->x.corrupt;
        load_add_counters(r, s->x.client);
        exchange_free(&s->x);
        s->x.client->steps->close(s->x.client);
    }
    free(m->slots);
    free(m->free);
    schedule_free(&m->schedule);
    if (m->epoll >= 0) (void)close(m->epoll);
}

static int prepare(struct many *m) {
    const unsigned connections = options_of(m)->connections;
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (m->epoll < 0) return -errno;
    m->slots = calloc(connections, sizeof *m->slots);
    m->free = calloc(connections, sizeof *m->free);
    if (m->slots == NULL || m->free == NULL) return -ENOMEM;
    int failed = 0;
    while (failed == 0 && m->count < connections) {
        failed = open_slot(m, m->count);
        if (failed == 0) m->count++;
    }
    return failed;
}

void *many_body(void *argument) {
    struct load_thread *t = argument;
    struct many m = {.thread = t, .take_more = start_batch};
    (void)prctl(PR_SET_TIMERSLACK, 1); /* ns: a sleep ends when it should */
    t->failed = prepare(&m);
    if (t->failed == 0 && is_open(&m)) t->failed = open_begin(&m);
    if (t->failed == 0) {
        start_all(&m);
        if (!over(&m)) run_loop(&m);
        if (!t->counting) load_begin(t, m.now_ns);
        if (is_open(&m)) {
            open_end(&m);
        } else {
            load_end(t, echo_clock_ns());
        }
        t->result->gave_up = m.gave_up;
    }
    close_slots(&m);
    return NULL;
}
