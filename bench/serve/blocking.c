/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The designs that serve one connection at a time: by threads, and by processes. */
#include "bench/serve/design.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/system.h"
#include "echo/clock.h"

enum { RETRY_NS = 10000000 }; /* after an accept that failed for want of descriptors or memory */

/*
 * One thread of a server that blocks: it accepts, serves a connection to its
 * end, and can be ended from outside in the middle of either. How connections
 * reach it is the design's.
 */
struct serving {
    const struct design_server *design;
    struct echo_worker worker;
    bool timed; /* the connection accepted last has a timeout on its socket */
    atomic_bool ending;
    pthread_mutex_t lock;
    int socket; /* -1, or what is being served; under the lock */
};

static void serving_init(struct serving *s, const struct design_server *design) {
    *s = (struct serving){.design = design, .socket = -1};
    (void)pthread_mutex_init(&s->lock, NULL);
}

/* Nobody watches a socket that blocks: the kernel has to say that nothing came (socket(7)). */
static void set_timeout(int socket, uint64_t timeout_ns) {
    const uint64_t us = timeout_ns < 1000 ? 1 : timeout_ns / 1000; /* 0 would mean for ever */
    const struct timeval idle = {.tv_sec = (time_t)(us / 1000000),
                                 .tv_usec = (suseconds_t)(us % 1000000)};
    (void)setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof idle);
    (void)setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &idle, sizeof idle);
}

/*
 * Waits for the next connection, as long as it takes; where descriptors or
 * memory are short it tries again. 0, or -ECANCELED: there will be no more.
 */
static int serving_accept(struct serving *s, struct echo_connection **connection) {
    const struct design_options *options = &s->design->options;
    struct echo_server *server = s->design->servers[0];
    const uint64_t accepted = s->worker.counts[ECHO_ACCEPTED];
    while (!atomic_load(&s->ending)) {
        const int failed = server->steps->accept(server, &s->worker, connection);
        if (failed == -ECANCELED) return failed;
        if (failed == -EAGAIN || failed == -EINTR || failed == -ECONNABORTED) continue;
        if (failed != 0) {
            echo_clock_sleep_until(echo_clock_ns() + RETRY_NS);
            continue;
        }
        /* A socket that all clients share is no connection of anybody's, and never idle. */
        s->timed = options->idle_timeout_ns > 0 && !options->spin &&
                   s->worker.counts[ECHO_ACCEPTED] > accepted;
        if (s->timed) set_timeout((*connection)->socket, options->idle_timeout_ns);
        return 0;
    }
    return -ECANCELED;
}

static void note_socket(struct serving *s, int socket) {
    (void)pthread_mutex_lock(&s->lock);
    s->socket = socket;
    (void)pthread_mutex_unlock(&s->lock);
}

/* Serves it to its end and drops it. */
static void serving_run(struct serving *s, struct echo_connection *connection) {
    const struct echo_server_steps *steps = s->design->servers[0]->steps;
    int result = 0;
    note_socket(s, connection->socket);
    /* -EAGAIN: it spins; or a socket with a timeout has been idle for so long. */
    while ((result == 0 || (result == -EAGAIN && !s->timed)) &&
           !atomic_load_explicit(&s->ending, memory_order_relaxed)) {
        result = steps->step(connection, &s->worker);
    }
    note_socket(s, -1); /* before the number can be another's */
    steps->drop(connection, &s->worker);
}

/*
 * From another thread: shuts down the socket that is being served, and nothing
 * more will be. Who waits in accept is woken by the server's own stop.
 */
static void serving_end(struct serving *s) {
    atomic_store(&s->ending, true);
    (void)pthread_mutex_lock(&s->lock);
    if (s->socket >= 0) (void)shutdown(s->socket, SHUT_RDWR);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Adds to `counts` (ECHO_COUNTS entries, or NULL) and gives back what it holds. */
static void serving_release(struct serving *s, uint64_t *counts) {
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += s->worker.counts[i];
    free(s->worker.spare);
    (void)pthread_mutex_destroy(&s->lock);
}

/* ---- threads ---- */

struct thread {
    struct thread *next, *previous; /* in a ring, for insque(3) */
    struct thread *next_ended;
    struct threads *all;
    pthread_t id;
    struct serving serving;
    struct echo_connection *connection; /* the one it is to serve; NULL: those that it accepts */
};

struct threads {
    const struct design_server *design;
    void (*take)(struct thread *t, struct echo_connection *connection); /* that it has accepted */
    atomic_int idle;                                                    /* of a pool */
    pthread_mutex_t lock; /* the ring, those that ended, and whether there may be more */
    struct thread ring;   /* where it begins; newest first, so the first of all comes last */
    struct thread *ended; /* wait to be joined */
    bool stopping;
    uint64_t counts[ECHO_COUNTS]; /* of those that were joined */
};

static void *accept_and_take(void *argument) {
    struct thread *t = argument;
    struct echo_connection *connection;
    while (serving_accept(&t->serving, &connection) == 0) t->all->take(t, connection);
    return NULL;
}

static void *serve_one(void *argument) {
    struct thread *t = argument;
    serving_run(&t->serving, t->connection);
    (void)pthread_mutex_lock(&t->all->lock);
    t->next_ended = t->all->ended;
    t->all->ended = t;
    (void)pthread_mutex_unlock(&t->all->lock);
    return NULL;
}

static void forget(struct thread *t, uint64_t *counts) {
    serving_release(&t->serving, counts);
    free(t);
}

static int start_thread(struct threads *all, struct echo_connection *connection, bool timed) {
    struct thread *t = calloc(1, sizeof *t);
    if (t == NULL) return -ENOMEM;
    t->all = all;
    t->connection = connection;
    serving_init(&t->serving, all->design);
    t->serving.timed = timed;
    void *(*work)(void *) = connection == NULL ? accept_and_take : serve_one;
    (void)pthread_mutex_lock(&all->lock);
    const int failed = all->stopping ? ECANCELED : pthread_create(&t->id, NULL, work, t);
    if (failed == 0) insque(t, &all->ring);
    (void)pthread_mutex_unlock(&all->lock);
    if (failed != 0) forget(t, NULL);
    return -failed;
}

static void take_alone(struct thread *t, struct echo_connection *connection) {
    serving_run(&t->serving, connection);
}

static void take_and_let_another_wait(struct thread *t, struct echo_connection *connection) {
    struct threads *all = t->all;
    /* Who cannot be joined by another thread serves alone: late is better than not. */
    if (atomic_fetch_sub(&all->idle, 1) == 1 && !all->design->options.spin) {
        (void)atomic_fetch_add(&all->idle, 1);
        if (start_thread(all, NULL, false) != 0) (void)atomic_fetch_sub(&all->idle, 1);
    }
    serving_run(&t->serving, connection);
    (void)atomic_fetch_add(&all->idle, 1);
}

static void join_ended(struct threads *all) {
    (void)pthread_mutex_lock(&all->lock);
    struct thread *t = all->ended;
    all->ended = NULL;
    for (struct thread *one = t; one != NULL; one = one->next_ended) remque(one);
    (void)pthread_mutex_unlock(&all->lock);
    while (t != NULL) {
        struct thread *next = t->next_ended;
        (void)pthread_join(t->id, NULL);
        forget(t, all->counts);
        t = next;
    }
}

static void hand_over(struct thread *t, struct echo_connection *connection) {
    join_ended(t->all);
    /* Where there can be no further thread this one serves: late is better than not. */
    if (start_thread(t->all, connection, t->serving.timed) != 0) {
        serving_run(&t->serving, connection);
    }
}

/* What each design does with a connection that one of its threads has accepted. */
static void (*const takes[DESIGNS])(struct thread *t, struct echo_connection *connection) = {
    [DESIGN_ITERATIVE] = take_alone,
    [DESIGN_POOL] = take_and_let_another_wait,
    [DESIGN_THREAD] = hand_over};

static int start_threads(struct design_server *d) {
    struct threads *all = calloc(1, sizeof *all);
    if (all == NULL) return -ENOMEM;
    all->design = d;
    all->take = takes[d->options.design];
    all->ring.next = all->ring.previous = &all->ring;
    all->idle = 1;
    (void)pthread_mutex_init(&all->lock, NULL);
    d->state = all;
    const int failed = start_thread(all, NULL, false);
    if (failed == 0) return 0;
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
    return failed;
}

static void stop_threads(struct design_server *d, uint64_t *counts) {
    struct threads *all = d->state;
    (void)pthread_mutex_lock(&all->lock);
    all->stopping = true;
    for (struct thread *t = all->ring.next; t != &all->ring; t = t->next) serving_end(&t->serving);
    (void)pthread_mutex_unlock(&all->lock);
    d->servers[0]->steps->stop(d->servers[0]);
    /* None is added after `stopping`; and none is taken out once the first, who accepts, ended. */
    for (struct thread *t = all->ring.previous, *before; t != &all->ring; t = before) {
        (void)pthread_join(t->id, NULL);
        before = t->previous;
        forget(t, counts);
    }
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += all->counts[i];
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

const struct design_way threads_way = {.start = start_threads, .stop = stop_threads};

/*
 * ---- processes: one accepts, forks a child for each connection, and closes
 * its own copy; all are in a process group of their own, by which they are told
 * to end ----
 */

/* In memory that all processes share. */
struct forking {
    pid_t accepting;
    _Atomic uint64_t counts[ECHO_COUNTS]; /* each adds its own at its end */
};

/* What the signal handler of this process needs. */
static volatile sig_atomic_t served_socket = -1;
static volatile sig_atomic_t ended;

/* SIGTERM: whoever is stuck with a client is let go, and still says what it counted. */
static void end_served(int number) {
    (void)number;
    ended = 1;
    if (served_socket >= 0) (void)shutdown(served_socket, SHUT_RDWR);
}

static void serve_unless_ended(struct serving *s, struct echo_connection *connection) {
    served_socket = connection->socket;
    if (ended) (void)shutdown(connection->socket, SHUT_RDWR);
    serving_run(s, connection);
    served_socket = -1;
}

static _Noreturn void say_counts_and_exit(struct forking *f, const struct serving *s) {
    for (int i = 0; i < ECHO_COUNTS; i++) f->counts[i] += s->worker.counts[i];
    _exit(0);
}

/* A fork copies every descriptor: a copy of a socket keeps it open when its owner closes it. */
static void keep_only(int socket) {
    const unsigned keep = (unsigned)socket;
    if (keep > 3) (void)close_range(3, keep - 1, 0);
    (void)close_range(keep < 3 ? 3 : keep + 1, ~0U, 0);
}

static _Noreturn void accept_all(const struct design_server *d) {
    struct serving s;
    struct echo_connection *connection;
    serving_init(&s, d);
    while (serving_accept(&s, &connection) == 0) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        const pid_t child = system_fork();
        if (child == 0) {
            keep_only(connection->socket);
            for (int i = 0; i < ECHO_COUNTS; i++) s.worker.counts[i] = 0; /* the parent's */
        }
        /* Where there can be no further process this one serves: late is better than not. */
        if (child <= 0) serve_unless_ended(&s, connection);
        if (child == 0) say_counts_and_exit(d->state, &s);
        if (child > 0) d->servers[0]->steps->drop(connection, &s.worker); /* our copy */
    }
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
    say_counts_and_exit(d->state, &s);
}

/*
 * A process of its own accepts, and not a thread of the caller's: of several
 * threads a fork copies one, and the locks that others hold at that moment.
 */
static int start_forking(struct design_server *d) {
    const struct sigaction action = {.sa_handler = end_served};
    sigset_t term, before;
    struct forking *f =
        mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (f == MAP_FAILED) return -errno;
    d->state = f;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &term, &before); /* until it can be handled */
    const pid_t child = system_fork();
    if (child == 0) {
        (void)setpgid(0, 0);
        keep_only(d->servers[0]->socket);
        (void)sigaction(SIGTERM, &action, NULL);
        (void)pthread_sigmask(SIG_UNBLOCK, &term, NULL);
        accept_all(d);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child < 0) {
        (void)munmap(f, sizeof *f);
        return child;
    }
    (void)setpgid(child, child); /* whoever comes first */
    f->accepting = child;
    return 0;
}

static void stop_forking(struct design_server *d, uint64_t *counts) {
    struct forking *f = d->state;
    (void)kill(-f->accepting, SIGTERM);        /* ends all, with their clients */
    d->servers[0]->steps->stop(d->servers[0]); /* wakes it in accept: it is the same socket */
    (void)system_reap(f->accepting);
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += f->counts[i];
    (void)munmap(f, sizeof *f);
}

const struct design_way fork_way = {.start = start_forking, .stop = stop_forking};
