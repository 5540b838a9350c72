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
    GLANCE_NS = 100000000 /* a signal may have come */
};

static const struct load_options *options_of(const struct many *m) {
    return m->thread->load->options;
}

static void note_end(struct exchange *x) {
    struct slot *s = (struct slot *)(void *)x;
    struct many *m = s->many;
    m->under_way--;
    if (!s->up && x->outcome == EXCHANGE_OK) {
        s->up = true;
        m->up++;
        load_note_up(m->thread->load);
    }
    load_note_end(m->thread, x, &s->failures);
    if (s->failures >= LOAD_FAILURES_MAX) m->gave_up = true;
    if (m->form->count != NULL && m->thread->begun) m->form->count(s);
}

static bool start(struct slot *s, uint64_t now_ns) {
    if (exchange_start(&s->x, now_ns, now_ns) != 0) return false;
    s->many->started++;
    s->many->under_way++;
    return true;
}

/* ---- connecting: a message over each, before anything else ---- */

/* As many at a time as a usual backlog takes, so that no SYN has to come again. */
enum { WAVE = 128 };

static bool start_first(struct slot *s) {
    if (s->up || s->many->gave_up || s->x.outstanding > 0) return false;
    return start(s, echo_clock_ns());
}

static void connect_next(struct many *m) {
    while (m->begun < m->count && m->begun - m->up < WAVE && !m->gave_up) {
        many_go_on(&m->slots[m->begun++], 0);
    }
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
    if (m->form->note_room != NULL) m->form->note_room(s);
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
    const uint64_t due_ns = m->form->due_ns == NULL ? UINT64_MAX : m->form->due_ns(m);
    if (due_ns < until_ns) until_ns = due_ns;
    return until_ns > m->now_ns ? until_ns - m->now_ns : 0;
}

static void forget_strangers(struct many *m) {
    for (unsigned i = 0; i < m->count; i++) {
        struct exchange *x = &m->slots[i].x;
        x->late = x->duplicate = x->corrupt = 0;
    }
}

static void arrive(struct many *m) {
    if (m->form->arrive != NULL) m->form->arrive(m);
}

static void wait_and_heed(struct many *m) {
    struct epoll_event events[EVENTS];
    const struct timespec timeout = echo_clock_timespec(sleep_ns(m));
    const int ready = epoll_pwait2(m->epoll, events, EVENTS, &timeout, NULL);
    m->now_ns = echo_clock_ns();
    if (m->form->wake_up != NULL) m->form->wake_up(m);
    for (int i = 0; i < ready; i++) {
        heed(m, &events[i]);
        arrive(m); /* not only when all replies are read */
    }
    heed_timers(m);
    arrive(m);
}

static void connect_all(struct many *m) {
    m->take_more = start_first;
    m->now_ns = echo_clock_ns();
    m->timer_ns = UINT64_MAX;
    for (connect_next(m); m->up < m->count && m->under_way > 0; connect_next(m)) {
        wait_and_heed(m);
        if (load_interrupted(m->thread->load)) m->gave_up = true;
    }
}

static void run_loop(struct many *m) {
    m->thread->failed = m->form->begin(m);
    if (m->thread->failed != 0) return;
    if (m->thread->begun) forget_strangers(m);
    m->take_more = m->form->take_more;
    for (unsigned i = 0; i < m->count; i++) many_go_on(&m->slots[i], 0);
    while (!m->form->over(m)) wait_and_heed(m);
    m->form->end(m);
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
        r->late += s->x.late;
        r->duplicate += s->x.duplicate;
        r->corrupt += s->x.corrupt;
        load_add_client(r, s->x.client);
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

void *many_run(struct load_thread *t, const struct many_form *form) {
    struct many m = {.thread = t, .form = form};
    (void)prctl(PR_SET_TIMERSLACK, 1); /* ns: a sleep ends when it should */
    t->failed = prepare(&m);
    if (t->failed == 0) {
        /* Without a warm-up what is asked for is all there is. */
        if (options_of(&m)->warmup_ns > 0) connect_all(&m);
        run_loop(&m);
        t->result->gave_up = m.gave_up;
    }
    close_slots(&m);
    return NULL;
}

/* ---- the closed loop: the next batch when the last has ended ---- */

static bool more(const struct many *m, uint64_t now_ns) {
    const struct load_options *options = options_of(m);
    if (m->gave_up || load_interrupted(m->thread->load)) return false;
    if (options->messages > 0) return !m->thread->begun || m->started < options->messages;
    return now_ns < atomic_load_explicit(&m->thread->load->end_ns, memory_order_relaxed);
}

static bool start_batch(struct slot *s) {
    struct many *m = s->many;
    bool any = false;
    if (s->x.outstanding > 0) return false;
    const uint64_t now_ns = s->fresh ? m->now_ns : s->x.times.closed;
    s->fresh = false;
    for (unsigned i = 0; i < s->x.depth && more(m, now_ns) && start(s, now_ns); i++) any = true;
    return any;
}

static void begin_counting(struct many *m) {
    struct load_thread *t = m->thread;
    if (t->begun || m->now_ns < atomic_load_explicit(&t->load->warm_ns, memory_order_relaxed)) {
        return;
    }
    load_begin(t, m->now_ns);
    m->started = 0;
    forget_strangers(m);
}

static int begin(struct many *m) {
    m->now_ns = echo_clock_ns();
    begin_counting(m);
    for (unsigned i = 0; i < m->count; i++) m->slots[i].fresh = true;
    return 0;
}

static bool over(const struct many *m) {
    return m->under_way == 0;
}

static void end(struct many *m) {
    if (!m->thread->begun) load_begin(m->thread, m->now_ns);
    load_end(m->thread, m->now_ns);
}

static const struct many_form closed_form = {
    .begin = begin, .take_more = start_batch, .wake_up = begin_counting, .over = over, .end = end};

void *many_body(void *argument) {
    return many_run(argument, &closed_form);
}
