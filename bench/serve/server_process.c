/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/server_process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/placement.h"
#include "bench/serve/epoll_server.h"

struct ready {
    int failed;
    struct echo_address address;
};

struct floor_thread {
    pthread_t id;
    struct echo_server *server; /* its own, or one that all share */
    const atomic_bool *stop;
    const struct server_process_options *options;
};

struct floor {
    struct echo_server **servers;
    struct floor_thread *threads;
    unsigned server_count, started;
    atomic_bool stop;
};

/* Blocks until the parent shuts its end down, or dies. */
static void wait_for_end(int control) {
    char byte;
    while (read(control, &byte, sizeof byte) < 0 && errno == EINTR) {
    }
}

/* ---- the floor ---- */

static void *serve_floor(void *argument) {
    const struct floor_thread *t = argument;
    const struct server_process_options *o = t->options;
    const struct echo_floor_steps *steps = o->transport->floor;
    const struct echo_floor_way *way = o->transport->floor_way;
    (o->many ? steps->serve_many : steps->serve)(way, t->server->socket, o->floor, t->stop);
    return NULL;
}

static int listen_floor(struct floor *floor, const struct server_process_options *o,
                        struct echo_address *address) {
    if (o->many) {
        return epoll_server_listen(floor->servers, floor->server_count, o->transport, &o->server,
                                   address);
    }
    const int failed = o->transport->server->listen(&floor->servers[0], &o->server);
    return failed != 0 ? failed : echo_address_of_socket(address, floor->servers[0]->socket);
}

/* In the child, which exits when it fails: nothing is undone. */
static int start_floor(struct floor *floor, const struct server_process_options *options,
                       struct echo_address *address) {
    const unsigned workers = options->workers == 0 ? 1 : options->workers;
    const unsigned threads = options->many ? workers : options->floor_threads;
    floor->server_count = options->many ? workers : 1;
    floor->servers = calloc(floor->server_count, sizeof(struct echo_server *));
    floor->threads = calloc(threads, sizeof *floor->threads);
    if (floor->servers == NULL || floor->threads == NULL) return -ENOMEM;
    int failed = listen_floor(floor, options, address);
    while (failed == 0 && floor->started < threads) {
        struct floor_thread *t = &floor->threads[floor->started];
        t->server = floor->servers[floor->started % floor->server_count];
        t->stop = &floor->stop;
        t->options = options;
        failed = -pthread_create(&t->id, NULL, serve_floor, t);
        floor->started += failed == 0;
    }
    return failed;
}

static void stop_floor(struct floor *floor) {
    atomic_store(&floor->stop, true);
    for (unsigned i = 0; i < floor->server_count; i++) {
        floor->servers[i]->steps->stop(floor->servers[i]);
    }
    for (unsigned i = 0; i < floor->started; i++) (void)pthread_join(floor->threads[i].id, NULL);
    for (unsigned i = 0; i < floor->server_count; i++) {
        floor->servers[i]->steps->release(floor->servers[i]);
    }
    free(floor->servers);
    free(floor->threads);
}

/* ---- the process ---- */

static int start_design(struct design_server **server, const struct server_process_options *options,
                        struct echo_address *address) {
    const struct design_options wanted = {.design = options->design,
                                          .transport = options->transport,
                                          .server = options->server,
                                          .workers = options->workers,
                                          .spin = options->spin,
                                          .idle_timeout_ns = options->idle_timeout_ns};
    return design_start(server, &wanted, address);
}

/* The child: says where it listens or why not, serves, says what it counted. */
static _Noreturn void live(const struct server_process_options *options, int control, int report) {
    struct ready ready = {0};
    struct design_server *server = NULL;
    struct floor floor = {0};
    uint64_t counts[ECHO_COUNTS] = {0};
    design_raise_descriptors();
    if (options->cpu >= 0) ready.failed = placement_pin(options->cpu);
    if (ready.failed == 0) {
        ready.failed = options->floor != NULL ? start_floor(&floor, options, &ready.address)
                                              : start_design(&server, options, &ready.address);
    }
    const bool told = write(report, &ready, sizeof ready) == sizeof ready;
    if (!told || ready.failed != 0) _exit(1);
    wait_for_end(control);
    if (options->floor != NULL) stop_floor(&floor);
    if (options->floor == NULL) design_stop(server, counts);
    const bool counted = write(report, counts, sizeof counts) == sizeof counts;
    _exit(counted ? 0 : 1);
}

static void close_pair(const int *ends) {
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static int reap(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

int server_process_start(struct server_process *process,
                         const struct server_process_options *options) {
    int control[2];
    int report[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) return -errno;
    if (pipe2(report, O_CLOEXEC) != 0) {
        const int failed = -errno;
        close_pair(control);
        return failed;
    }
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) {
        const int failed = -errno;
        close_pair(control);
        close_pair(report);
        return failed;
    }
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1); /* it died before we asked to be told */
        (void)close(control[1]);
        (void)close(report[0]);
        live(options, control[0], report[1]);
    }
    (void)close(control[0]);
    (void)close(report[1]);
    struct ready ready = {.failed = -EIO};
    if (read(report[0], &ready, sizeof ready) != sizeof ready) ready.failed = -EIO;
    *process = (struct server_process){
        .pid = child, .control = control[1], .report = report[0], .address = ready.address};
    if (ready.failed != 0) {
        uint64_t counts[ECHO_COUNTS];
        (void)server_process_stop(process, counts);
    }
    return ready.failed;
}

int server_process_stop(struct server_process *process, uint64_t *counts) {
    /* Other children may hold copies of this end, so closing alone would not be seen. */
    (void)shutdown(process->control, SHUT_WR);
    (void)close(process->control);
    const size_t size = ECHO_COUNTS * sizeof *counts;
    const bool told = read(process->report, counts, size) == (ssize_t)size;
    (void)close(process->report);
    const int status = reap(process->pid);
    return told && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}
