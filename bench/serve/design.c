/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/design.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/measure/system.h"

const char *const design_names[DESIGNS] = {"pool", "epoll", "iterative", "fork", "thread"};

static const struct design_way *const ways[DESIGNS] = {&threads_way, &epoll_way, &threads_way,
                                                       &fork_way, &threads_way};

/* ---- the bare loops of echo/service.h: of the blocking engine, and of the epoll engine ---- */

struct floor_thread {
    pthread_t id;
    const struct design_server *design;
    int listener; /* its own, or one that all share */
    const atomic_bool *stop;
};

struct floor {
    atomic_bool stop;
    unsigned started;
    struct floor_thread threads[];
};

static void *serve_floor(void *argument) {
    const struct floor_thread *t = argument;
    const struct design_options *o = &t->design->options;
    const struct echo_floor_steps *steps = o->transport->floor;
    (o->many ? steps->serve_many : steps->serve)(o->transport->floor_way, t->listener, o->floor,
                                                 t->stop);
    return NULL;
}

static void stop_floor(struct design_server *d, uint64_t *counts) {
    struct floor *f = d->state;
    (void)counts; /* it counts nothing */
    atomic_store(&f->stop, true);
    for (unsigned i = 0; i < d->count; i++) d->servers[i]->steps->stop(d->servers[i]);
    for (unsigned i = 0; i < f->started; i++) (void)pthread_join(f->threads[i].id, NULL);
    free(f);
}

static int start_floor(struct design_server *d) {
    const unsigned threads = d->options.many ? d->count : d->options.floor_threads;
    struct floor *f = calloc(1, sizeof *f + threads * sizeof f->threads[0]);
    int failed = 0;
    if (f == NULL) return -ENOMEM;
    d->state = f;
    while (failed == 0 && f->started < threads) {
        struct floor_thread *t = &f->threads[f->started];
        t->design = d;
        t->listener = d->servers[f->started % d->count]->socket;
        t->stop = &f->stop;
        failed = -pthread_create(&t->id, NULL, serve_floor, t);
        f->started += failed == 0;
    }
    if (failed != 0) stop_floor(d, NULL);
    return failed;
}

static const struct design_way floor_way = {.start = start_floor, .stop = stop_floor};
static const struct design_way floor_many_way = {
    .start = start_floor, .stop = stop_floor, .polls = true};

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

static void release(struct design_server *d) {
    for (unsigned i = 0; i < d->count; i++) d->options.transport->server->release(d->servers[i]);
    free(d);
}

int design_start(struct design_server **server, const struct design_options *options,
                 struct echo_address *address) {
    const struct design_way *floor = options->many ? &floor_many_way : &floor_way;
    const struct design_way *way = options->floor != NULL ? floor : ways[options->design];
    const unsigned workers = options->workers == 0 ? 1 : options->workers;
    const unsigned count = way->polls ? workers : 1;
    struct design_server *d = calloc(1, sizeof *d + count * sizeof(struct echo_server *));
    if (d == NULL) return -ENOMEM;
    d->options = *options;
    d->options.server.nonblocking = way->polls || options->spin;
    /* A further socket needs a further thread that waits at it: only the pool has such. */
    d->options.server.sockets = way == &threads_way && options->design == DESIGN_POOL ? workers : 1;
    d->way = way;
    d->count = count;
    int failed = design_listen(d->servers, count, options->transport, &d->options.server, address);
    if (failed == 0) failed = way->start(d);
    if (failed == 0) *server = d;
    if (failed != 0) release(d);
    return failed;
}

void design_stop(struct design_server *server, uint64_t *counts) {
    server->way->stop(server, counts);
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
