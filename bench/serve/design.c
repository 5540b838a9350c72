/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/design.h"

#include <errno.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/measure/system.h"
#include "echo/clock.h"

const char *const design_names[DESIGNS] = {"pool", "epoll", "iterative", "fork", "thread"};

struct design_server {
    struct design_options options;
    void *state; /* struct threads or struct forking */
    unsigned count;
    struct echo_server *servers[]; /* listening; released when all has stopped */
};

/* ---- one connection at a time: in threads, and in processes ---- */

enum { RETRY_NS = 10000000 }; /* after an accept that failed for want of descriptors or memory */

/*
 * Who accepts, serves a connection to its end, and can be ended from outside
 * in the middle of either. How connections reach it is the design's.
 */
struct serving {
    struct serving *next, *previous; /* of a thread: in a ring, for insque(3) */
    struct serving *next_ended;
    struct threads *all;
    pthread_t id;
    struct echo_connection *connection; /* the one it is to serve; NULL: those that it accepts */
    struct epoll_worker *loop;          /* of the epoll engine, else NULL */

    const struct design_server *design;
    struct echo_worker worker;
    bool timed;  /* the connection accepted last has a timeout on its socket */
    bool leaves; /* a pool that has enough who wait */
    atomic_bool ending;
    pthread_mutex_t lock;
    int socket;   /* -1, or what is being served; under the lock */
    int listener; /* of a floor: its own, or one that all share */
};

static void serving_init(struct serving *s, const struct design_server *design) {
    *s = (struct serving){.design = design, .socket = -1};
    s->worker.stopping = &s->ending;
    (void)pthread_mutex_init(&s->lock, NULL);
}

/* `sum`: ECHO_COUNTS entries, or NULL. */
static void add_counts(uint64_t *sum, const uint64_t *more) {
    for (int i = 0; sum != NULL && i < ECHO_COUNTS; i++) sum[i] += more[i];
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

/* ---- threads ---- */

struct threads {
    const struct design_server *design;
    void (*take)(struct serving *s, struct echo_connection *connection); /* that it has accepted */
    atomic_int idle;                                                     /* of a pool */
    pthread_mutex_t lock;  /* the ring, those that ended, and whether there may be more */
    struct serving ring;   /* where it begins; newest first, so the first of all comes last */
    struct serving *ended; /* wait to be joined */
    bool stopping;
    void *(*work)(void *);        /* of the first threads */
    int wake;                     /* an eventfd that all loops watch, written once; -1: no loops */
    uint64_t counts[ECHO_COUNTS]; /* of those that were joined */
};

/* It waits to be joined. */
static void note_end(struct serving *s) {
    (void)pthread_mutex_lock(&s->all->lock);
    s->next_ended = s->all->ended;
    s->all->ended = s;
    (void)pthread_mutex_unlock(&s->all->lock);
}

static void *accept_and_take(void *argument) {
    struct serving *s = argument;
    struct echo_connection *connection;
    while (!s->leaves && serving_accept(s, &connection) == 0) s->all->take(s, connection);
    if (s->leaves) note_end(s);
    return NULL;
}

static void *serve_one(void *argument) {
    struct serving *s = argument;
    serving_run(s, s->connection);
    note_end(s);
    return NULL;
}

static void *serve_many(void *argument) {
    const struct serving *s = argument;
    epoll_worker_run(s->loop);
    return NULL;
}

static int open_loop(struct serving *s, struct echo_server *server) {
    struct epoll_worker *w = aligned_alloc(alignof(struct epoll_worker), sizeof *w);
    if (w == NULL) return -ENOMEM;
    *w = (struct epoll_worker){.server = server,
                               .stopping = &s->ending,
                               .wake = s->all->wake,
                               .idle_timeout_ns = s->design->options.idle_timeout_ns};
    w->echo.stopping = &s->ending;
    const int failed = epoll_worker_open(w);
    if (failed == 0) s->loop = w;
    if (failed != 0) free(w);
    return failed;
}

static void forget(struct serving *s, uint64_t *counts) {
    if (s->loop != NULL) epoll_worker_close(s->loop, counts);
    free(s->loop);
    add_counts(counts, s->worker.counts);
    free(s->worker.spare);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* The bare loop of echo/service.h, of the blocking engine or of the epoll engine. */
static void *serve_floor(void *argument) {
    const struct serving *s = argument;
    const struct design_options *o = &s->design->options;
    const struct echo_floor_steps *steps = o->transport->floor;
    (o->many ? steps->serve_many : steps->serve)(o->transport->floor_way, s->listener, o->floor,
                                                 &s->ending);
    return NULL;
}

/* For a connection that was accepted, or the next that come to a server. */
static int start_thread(struct threads *all, struct echo_server *server,
                        struct echo_connection *connection, bool timed) {
    struct serving *s = malloc(sizeof *s);
    if (s == NULL) return -ENOMEM;
    serving_init(s, all->design);
    s->all = all;
    s->connection = connection;
    s->timed = timed;
    s->listener = server->socket;
    int failed = all->wake >= 0 ? open_loop(s, server) : 0;
    void *(*work)(void *) = connection == NULL ? all->work : serve_one;
    (void)pthread_mutex_lock(&all->lock);
    if (failed == 0 && all->stopping) failed = -ECANCELED;
    if (failed == 0) failed = -pthread_create(&s->id, NULL, work, s);
    if (failed == 0) insque(s, &all->ring);
    (void)pthread_mutex_unlock(&all->lock);
    if (failed != 0) forget(s, NULL);
    return failed;
}

static void join_ended(struct threads *all) {
    (void)pthread_mutex_lock(&all->lock);
    struct serving *s = all->stopping ? NULL : all->ended; /* then whoever stops it joins all */
    if (s != NULL) all->ended = NULL;
    for (struct serving *one = s; one != NULL; one = one->next_ended) remque(one);
    (void)pthread_mutex_unlock(&all->lock);
    while (s != NULL) {
        struct serving *next = s->next_ended;
        (void)pthread_join(s->id, NULL);
        (void)pthread_mutex_lock(&all->lock);
        forget(s, all->counts);
        (void)pthread_mutex_unlock(&all->lock);
        s = next;
    }
}

/* A crowd leaves no more threads behind than these. */
enum { IDLE_MOST = 16 };

static void take_and_let_another_wait(struct serving *s, struct echo_connection *connection) {
    struct threads *all = s->all;
    /* Who cannot be joined by another thread serves alone: late is better than not. */
    if (atomic_fetch_sub(&all->idle, 1) == 1 && !all->design->options.spin) {
        (void)atomic_fetch_add(&all->idle, 1);
        join_ended(all);
        if (start_thread(all, all->design->servers[0], NULL, false) != 0)
            (void)atomic_fetch_sub(&all->idle, 1);
    }
    serving_run(s, connection);
    s->leaves = atomic_fetch_add(&all->idle, 1) >= IDLE_MOST;
    if (s->leaves) (void)atomic_fetch_sub(&all->idle, 1);
}

static void hand_over(struct serving *s, struct echo_connection *connection) {
    join_ended(s->all);
    /* Where there can be no further thread this one serves: late is better than not. */
    struct echo_server *server = s->design->servers[0];
    if (start_thread(s->all, server, connection, s->timed) != 0) serving_run(s, connection);
}

/* What each design does with a connection that one of its threads has accepted. */
static void (*const takes[DESIGNS])(struct serving *s, struct echo_connection *connection) = {
    [DESIGN_ITERATIVE] = serving_run,
    [DESIGN_POOL] = take_and_let_another_wait,
    [DESIGN_THREAD] = hand_over};

static void stop_threads(struct design_server *d, uint64_t *counts) {
    struct threads *all = d->state;
    (void)pthread_mutex_lock(&all->lock);
    all->stopping = true;
    /* What is being served is shut down; who waits in accept is woken by the server's own stop. */
    for (struct serving *s = all->ring.next; s != &all->ring; s = s->next) {
        atomic_store(&s->ending, true);
        (void)pthread_mutex_lock(&s->lock);
        if (s->socket >= 0) (void)shutdown(s->socket, SHUT_RDWR);
        (void)pthread_mutex_unlock(&s->lock);
    }
    (void)pthread_mutex_unlock(&all->lock);
    const uint64_t one = 1;
    if (all->wake >= 0) (void)!write(all->wake, &one, sizeof one);
    for (unsigned i = 0; i < d->count && all->wake < 0; i++)
        d->servers[i]->steps->stop(d->servers[i]);
    /* None is added after `stopping`; and none is taken out once the first, who accepts, ended. */
    for (struct serving *s = all->ring.previous, *before; s != &all->ring; s = before) {
        (void)pthread_join(s->id, NULL);
        before = s->previous;
        forget(s, counts);
    }
    add_counts(counts, all->counts);
    if (all->wake >= 0) (void)close(all->wake);
    (void)pthread_mutex_destroy(&all->lock);
    free(all);
}

static int start_threads(struct design_server *d) {
    struct threads *all = calloc(1, sizeof *all);
    if (all == NULL) return -ENOMEM;
    all->design = d;
    all->take = takes[d->options.design];
    all->ring.next = all->ring.previous = &all->ring;
    all->idle = 1;
    (void)pthread_mutex_init(&all->lock, NULL);
    d->state = all;
    const struct design_options *o = &d->options;
    const bool loops = o->floor == NULL && o->design == DESIGN_EPOLL;
    const unsigned first = o->floor == NULL || o->many ? d->count : o->floor_threads;
    all->work = o->floor != NULL ? serve_floor : loops ? serve_many : accept_and_take;
    all->wake = loops ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
    int failed = loops && all->wake < 0 ? -errno : 0;
    for (unsigned i = 0; i < first && failed == 0; i++)
        failed = start_thread(all, d->servers[i % d->count], NULL, false);
    if (failed != 0) stop_threads(d, NULL);
    return failed;
}

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

/* ---- all designs ---- */

int design_listen(struct echo_server **servers, unsigned count,
                  const struct echo_transport *transport, const struct echo_server_options *options,
                  struct echo_address *address) {
    struct echo_server_options wanted = *options;
    wanted.sharing = count > 1 ? ECHO_SHARES_PORT : ECHO_ALONE;
    int failed = 0;
    unsigned made = 0;
    while (failed == 0 && made < count) {
        failed = transport->server->listen(&servers[made], &wanted);
        if (failed != 0) break;
        if (made == 0) failed = echo_address_of_socket(&wanted.address, servers[0]->socket);
        wanted.sharing = ECHO_JOINS_PORT; /* on the port that the first one got */
        made++;
    }
    if (failed == 0) *address = wanted.address;
    while (failed != 0 && made > 0) {
        transport->server->release(servers[--made]);
        servers[made] = NULL;
    }
    return failed;
}

static bool forks(const struct design_server *d) {
    return d->options.floor == NULL && d->options.design == DESIGN_FORK;
}

static void release(struct design_server *d) {
    for (unsigned i = 0; i < d->count; i++) d->options.transport->server->release(d->servers[i]);
    free(d);
}

int design_start(struct design_server **server, const struct design_options *options,
                 struct echo_address *address) {
    const bool floor = options->floor != NULL;
    /* Each worker has a server of its own, which does not block. */
    const bool polls = floor ? options->many : options->design == DESIGN_EPOLL;
    const unsigned workers = options->workers == 0 ? 1 : options->workers;
    const unsigned count = polls ? workers : 1;
    struct design_server *d = calloc(1, sizeof *d + count * sizeof(struct echo_server *));
    if (d == NULL) return -ENOMEM;
    d->options = *options;
    d->options.server.nonblocking = polls || options->spin;
    /* A further socket needs a further thread that waits at it: only the pool has such. */
    d->options.server.sockets = !floor && options->design == DESIGN_POOL ? workers : 1;
    d->count = count;
    int failed = design_listen(d->servers, count, options->transport, &d->options.server, address);
    if (failed == 0) failed = forks(d) ? start_forking(d) : start_threads(d);
    if (failed == 0) *server = d;
    if (failed != 0) release(d);
    return failed;
}

void design_stop(struct design_server *server, uint64_t *counts) {
    (forks(server) ? stop_forking : stop_threads)(server, counts);
    release(server);
}

void design_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- in a process of its own ---- */

struct ready {
    int failed;
    struct echo_address address;
};

/* The child: says where it listens or why not, serves, says what it counted. */
static int live(const void *what, int control) {
    const struct design_options *options = what;
    struct ready ready = {0};
    struct design_server *server = NULL;
    uint64_t counts[ECHO_COUNTS] = {0};
    char byte;
    design_raise_descriptors();
    if (options->cpu >= 0) ready.failed = placement_pin(options->cpu);
    if (ready.failed == 0) ready.failed = design_start(&server, options, &ready.address);
    const bool told = write(control, &ready, sizeof ready) == sizeof ready;
    if (!told || ready.failed != 0) return 1;
    /* Until the parent shuts its end down, or dies. */
    while (read(control, &byte, sizeof byte) < 0 && errno == EINTR) {
    }
    design_stop(server, counts);
    return write(control, counts, sizeof counts) == sizeof counts ? 0 : 1;
}

int server_process_start(struct server_process *process, const struct design_options *options) {
    struct ready ready;
    const int failed =
        system_start(&process->pid, &process->control, live, options, &ready, sizeof ready);
    if (failed == 0) process->address = ready.address;
    return failed;
}

int server_process_stop(struct server_process *process, uint64_t *counts) {
    (void)shutdown(process->control, SHUT_WR);
    const size_t size = ECHO_COUNTS * sizeof *counts;
    const bool told = read(process->control, counts, size) == (ssize_t)size;
    (void)close(process->control);
    const int status = system_reap(process->pid);
    return told && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
