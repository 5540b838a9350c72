/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The client of the epoll engine: all connections in one thread. A socket is
 * watched for data from its first wait to its close, level-triggered, so that
 * an exchange on a connection that stays costs no epoll_ctl.
 *
 * Closed, a connection starts its next batch when the last has ended. Open,
 * what is due goes to a connection that is free, and waits for one otherwise;
 * latency counts from when it was due, whoever was late (coordinated omission
 * is the mistake of not doing so); how late the loop itself was in seeing it is
 * counted apart.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/load/load.h"
#include "bench/load/thread.h"
#include "echo/clock.h"

enum {
    EVENTS = 256,          /* of one wake-up */
    GLANCE_NS = 100000000, /* a signal may have come */
    WAVE = 128,      /* connect at a time, as many as a usual backlog takes: no SYN comes again */
    SPIN_NS = 150000 /* before a request is due: a sleep may end as late as that */
};

struct many;

/* A connection (or socket), and the exchanges under way on it. */
struct slot {
    struct exchange x; /* first: who is told of an end finds the slot by it */
    struct many *many;
    uint64_t watched;  /* sockets_made of the socket that epoll knows: numbers come back */
    short watched_for; /* POLLIN, POLLOUT */
    unsigned failures; /* in a row */
    bool up;           /* a message has come back */
    bool fresh;        /* closed: no batch has gone yet: the loop's clock begins the first */
    bool listed;       /* open: among the free ones */
    uint64_t next;     /* open, own: the next request of this one */
};

struct many {
    struct load_thread *thread;
    const struct load_options *options;
    bool (*take_more)(struct slot *s); /* starts what there is for a slot; whether there was any */
    struct slot *slots;
    unsigned count;
    int epoll;
    uint64_t now_ns;    /* when the loop woke up last */
    uint64_t timer_ns;  /* no deadline and no wake-up is before it */
    uint64_t started;   /* messages, since counting began */
    unsigned begun;     /* slots that were told to connect ... */
    unsigned up;        /* ... and over which a message has come back */
    uint64_t under_way; /* of those */
    bool gave_up;

    /* Of an open loop, else zero. */
    struct schedule schedule;
    uint64_t base_ns;         /* when it begins */
    uint64_t warm_ns, end_ns; /* between them requests count */
    uint64_t arrived;         /* requests that are due ... */
    uint64_t taken;           /* ... and those a connection has taken */
    unsigned *free;           /* a ring of slots with room, in the order in which they got it */
    unsigned free_first, free_count;
};

static bool is_open(const struct many *m) {
    return m->options->schedule != NULL;
}

/* ---- counting, of an open loop, which knows by itself what counts ---- */

static uint64_t time_of(const struct many *m, uint64_t request) {
    return m->base_ns + m->schedule.due_ns[request];
}

static void keep_point(struct many *m, uint64_t due, uint64_t latency_ns) {
    struct load_open *open = &m->thread->result->open;
    if (open->series == NULL || open->series_count == m->options->schedule->series_max) return;
    open->series[open->series_count++] = (struct load_point){due - m->warm_ns, latency_ns};
}

static void count(struct many *m, const struct exchange *x) {
    if (x->times.start < m->warm_ns) return;
    const bool ok = x->outcome == EXCHANGE_OK;
    load_record(m->thread, x);
    if (ok && x->times.replied < m->end_ns) m->thread->result->open.in_time++;
    keep_point(m, x->times.start, ok ? x->times.replied - x->times.start : UINT64_MAX);
}

/* Its deadline passed before a connection was free. */
static void count_unsent(struct many *m, uint64_t due) {
    struct load_result *r = m->thread->result;
    if (due < m->warm_ns) return;
    r->sent++;
    r->lost++;
    r->open.unsent++;
    keep_point(m, due, UINT64_MAX);
}

/* ---- slots ---- */

static void note_end(struct exchange *x) {
    struct slot *s = (struct slot *)(void *)x;
    struct many *m = s->many;
    const bool was_up = s->up;
    m->under_way--;
    load_note_end(m->thread, x, &s->failures, &s->up);
    if (s->up && !was_up) m->up++;
    if (s->failures >= LOAD_FAILURES_MAX) m->gave_up = true;
    if (is_open(m) && m->thread->begun) count(m, x);
}

static bool start(struct slot *s, uint64_t now_ns) {
    if (exchange_start(&s->x, now_ns, now_ns) != 0) return false;
    s->many->started++;
    s->many->under_way++;
    return true;
}

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

/* Open: it may take what is due. */
static void note_room(struct slot *s) {
    struct many *m = s->many;
    if (s->listed || !exchange_has_room(&s->x)) return;
    s->listed = true;
    m->free[(m->free_first + m->free_count++) % m->count] = (unsigned)(s - m->slots);
}

static void note_timer(struct slot *s) {
    const uint64_t until_ns = exchange_until_ns(&s->x);
    if (until_ns < s->many->timer_ns) s->many->timer_ns = until_ns;
}

/* Takes a slot as far as it goes; `ready` is what epoll said. */
static void go_on(struct slot *s, short ready) {
    do {
        (void)exchange_advance(&s->x, ready);
        ready = 0;
    } while (s->many->take_more(s));
    if (is_open(s->many)) note_room(s);
    if (s->x.outstanding == 0) return;
    watch(s);
    note_timer(s);
}

static void heed(struct many *m, const struct epoll_event *event) {
    struct slot *s = &m->slots[(uint32_t)event->data.u64];
    if (event->data.u64 >> 32 != (uint32_t)s->x.client->sockets_made) return;
    if (s->x.client->socket < 0) return;
    if (s->x.outstanding == 0) {
        exchange_look(&s->x);
    } else {
        go_on(s, (short)event->events);
    }
}

static void heed_timer(struct slot *s) {
    const uint64_t now_ns = s->many->now_ns;
    const bool expired = now_ns >= s->x.deadline_ns;
    if (expired) exchange_expire(&s->x);
    if (expired || now_ns >= exchange_until_ns(&s->x)) go_on(s, 0);
    if (s->x.outstanding > 0) note_timer(s);
}

/* All slots are looked through, which is seldom: only when the first of their times has come. */
static void heed_timers(struct many *m) {
    if (m->now_ns < m->timer_ns) return;
    m->timer_ns = UINT64_MAX;
    for (unsigned i = 0; i < m->count; i++) {
        if (m->slots[i].x.outstanding > 0) heed_timer(&m->slots[i]);
    }
}

/* ---- the closed loop: the next batch when the last has ended ---- */

static bool more(const struct many *m, uint64_t now_ns) {
    const struct load_options *options = m->options;
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

static void forget_strangers(struct many *m) {
    for (unsigned i = 0; i < m->count; i++) {
        struct exchange *x = &m->slots[i].x;
        x->late = x->duplicate = x->corrupt = 0;
    }
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

/* ---- the open loop: who takes what is due ---- */

/* The next request that a slot may take: the oldest of all, or of its own. */
static uint64_t *next_of(struct slot *s, uint64_t *step) {
    struct many *m = s->many;
    const bool own = m->options->schedule->own;
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
        const bool expired = due + m->options->deadline_ns <= now_ns || m->gave_up;
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

/* Of those with room the one that got it first, or last. */
static struct slot *next_free(struct many *m) {
    unsigned at = (m->free_first + m->free_count - 1) % m->count;
    if (m->options->schedule->oldest) {
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
        go_on(s, 0);
        if (m->taken == before) return; /* its queue is full until the socket takes more */
    }
}

/* Of the next request; UINT64_MAX: there is none. */
static uint64_t next_ns(const struct many *m) {
    return m->arrived < m->schedule.count ? time_of(m, m->arrived) : UINT64_MAX;
}

/* Seen now: how late that is, counts by when it would be taken if a connection is free. */
static void note_arrival(struct many *m, uint64_t due, uint64_t now_ns) {
    struct load_open *open = &m->thread->result->open;
    m->arrived++;
    if (due < m->warm_ns) return;
    open->offered++;
    if (now_ns <= m->end_ns) open->taken_up++;
    histogram_record(&open->lateness, now_ns - due);
}

/* One after the other: what the start of one takes makes the next one late. */
static void arrive(struct many *m) {
    const bool own = m->options->schedule->own;
    if (m->gave_up || load_interrupted(m->thread->load)) m->schedule.count = m->arrived;
    for (uint64_t now_ns = echo_clock_ns(); next_ns(m) <= now_ns; now_ns = echo_clock_ns()) {
        note_arrival(m, next_ns(m), now_ns);
        if (own) {
            /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): there is one at least */
            go_on(&m->slots[(m->arrived - 1) % m->count], 0);
        } else {
            hand_out(m);
        }
    }
    if (!own) hand_out(m);
}

/* ---- the loop ---- */

/* How long to sleep: to the next timer, and not past a request that is due. */
static uint64_t sleep_ns(const struct many *m) {
    uint64_t until_ns = m->now_ns + GLANCE_NS;
    if (m->timer_ns < until_ns) until_ns = m->timer_ns;
    if (is_open(m)) {
        const uint64_t due_ns = next_ns(m) - (m->options->schedule->sleeps ? 0 : SPIN_NS);
        if (due_ns < until_ns) until_ns = due_ns;
    }
    return until_ns > m->now_ns ? until_ns - m->now_ns : 0;
}

/*
 * epoll_pwait2 came with Linux 5.11, and filters of system calls that are older
 * refuse it: then ppoll waits, as exactly, for the set itself.
 */
static int wait_for(int epoll, struct epoll_event *events, const struct timespec *timeout) {
    static atomic_bool missing;
    if (!missing) {
        const int ready = epoll_pwait2(epoll, events, EVENTS, timeout, NULL);
        if (ready >= 0 || (errno != ENOSYS && errno != EPERM)) return ready;
        missing = true;
    }
    struct pollfd set = {.fd = epoll, .events = POLLIN};
    return ppoll(&set, 1, timeout, NULL) > 0 ? epoll_wait(epoll, events, EVENTS, 0) : 0;
}

static void wait_and_heed(struct many *m) {
    struct epoll_event events[EVENTS];
    const struct timespec timeout = echo_clock_timespec(sleep_ns(m));
    const int ready = wait_for(m->epoll, events, &timeout);
    m->now_ns = echo_clock_ns();
    if (!is_open(m)) begin_counting(m);
    for (int i = 0; i < ready; i++) {
        heed(m, &events[i]);
        if (is_open(m)) arrive(m); /* not only when all replies are read */
    }
    heed_timers(m);
    if (is_open(m)) arrive(m);
}

/* ---- connecting: a message over each, before anything else ---- */

static bool start_first(struct slot *s) {
    if (s->up || s->many->gave_up || s->x.outstanding > 0) return false;
    return start(s, echo_clock_ns());
}

static void connect_next(struct many *m) {
    while (m->begun < m->count && m->begun - m->up < WAVE && !m->gave_up) {
        go_on(&m->slots[m->begun++], 0);
    }
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

/* ---- from the beginning to the end ---- */

static void begin_closed(struct many *m) {
    m->take_more = start_batch;
    begin_counting(m);
    for (unsigned i = 0; i < m->count; i++) m->slots[i].fresh = true;
}

static int begin_open(struct many *m) {
    const struct load_options *options = m->options;
    const struct load_schedule *schedule = options->schedule;
    struct load_open *open = &m->thread->result->open;
    const uint64_t most = options->messages;
    const int failed =
        schedule_make(&m->schedule, schedule, options->warmup_ns + options->duration_ns, most);
    if (failed != 0) return failed;
    if (schedule->keeps_series) {
        open->series = calloc(schedule->series_max, sizeof *open->series);
        if (open->series == NULL) return -ENOMEM;
    }
    m->take_more = take_due;
    m->now_ns = m->base_ns = echo_clock_ns();
    /* So many requests are all that count; for a time there are others before them. */
    m->warm_ns = m->base_ns + (most > 0 ? 0 : options->warmup_ns);
    const double all_ns = (double)most / schedule->per_s * 1e9;
    m->end_ns = m->warm_ns + (most > 0 ? (uint64_t)all_ns : options->duration_ns);
    load_begin(m->thread, m->warm_ns);
    m->thread->load->end_ns = m->end_ns;
    m->thread->load->warm_ns = m->warm_ns; /* the last: it tells that both are known */
    return 0;
}

static void end(struct many *m) {
    struct load_thread *t = m->thread;
    if (!t->begun) load_begin(t, m->now_ns);
    load_end(t, is_open(m) ? m->end_ns : m->now_ns);
    if (is_open(m) && m->now_ns > m->end_ns) t->result->drain_ns = m->now_ns - m->end_ns;
}

static int run_loop(struct many *m) {
    m->now_ns = echo_clock_ns();
    const int failed = is_open(m) ? begin_open(m) : 0;
    if (failed != 0) return failed;
    if (!is_open(m)) begin_closed(m);
    if (m->thread->begun) forget_strangers(m);
    for (unsigned i = 0; i < m->count; i++) go_on(&m->slots[i], 0);
    while (m->under_way > 0 || m->taken < m->schedule.count) wait_and_heed(m);
    end(m);
    return 0;
}

static int open_slot(struct many *m, unsigned index) {
    struct slot *s = &m->slots[index];
    const int failed = load_open_client(m->thread, index, true, &s->x);
    s->x.polled = true;
    s->x.ended = note_end;
    s->many = m;
    s->next = index;
    return failed;
}

static void close_slots(struct many *m) {
    for (unsigned i = 0; i < m->count; i++) load_close_client(m->thread, &m->slots[i].x);
    free(m->slots);
    free(m->free);
    schedule_free(&m->schedule);
    if (m->epoll >= 0) (void)close(m->epoll);
}

static int prepare(struct many *m) {
    const unsigned connections = m->options->connections;
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (m->epoll < 0) return -errno;
    m->slots = calloc(connections, sizeof *m->slots);
    m->free = calloc(connections, sizeof *m->free);
    if (m->slots == NULL || m->free == NULL) return -ENOMEM;
    int failed;
    do {
        failed = open_slot(m, m->count);
        if (failed == 0) m->count++;
    } while (failed == 0 && m->count < connections);
    return failed;
}

void *many_body(void *argument) {
    struct load_thread *t = argument;
    struct many m = {.thread = t, .options = t->load->options};
    (void)prctl(PR_SET_TIMERSLACK, 1); /* ns: a sleep ends when it should */
    t->failed = prepare(&m);
    if (t->failed == 0) {
        /* Without a warm-up what is asked for is all there is. */
        if (m.options->warmup_ns > 0) connect_all(&m);
        const int failed = run_loop(&m);
        if (t->failed == 0) t->failed = failed;
        t->result->gave_up = m.gave_up;
    }
    close_slots(&m);
    return NULL;
}
