/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/server_process.h"

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

#include "bench/load/pool.h"
#include "bench/placement.h"

struct ready {
    int failed;
    struct echo_address address;
};

struct floor_thread {
    pthread_t id;
    int listener;
    const atomic_bool *stop;
    const struct server_process_options *options;
};

/* Blocks until the parent shuts its end down, or dies. */
static void wait_for_end(int control) {
    char byte;
    while (read(control, &byte, sizeof byte) < 0 && errno == EINTR) {
    }
}

static int serve_pool(struct echo_server *server, const struct server_process_options *options,
                      int control, uint64_t *counts) {
    struct pool *pool;
    const struct pool_options wanted = {.server = server, .spin = options->spin};
    const int failed = pool_start(&pool, &wanted);
    if (failed != 0) return failed;
    wait_for_end(control);
    pool_stop(pool, counts);
    return 0;
}

static void *serve_floor_thread(void *argument) {
    const struct floor_thread *t = argument;
    t->options->transport->floor->serve(t->listener, t->options->floor, t->stop);
    return NULL;
}

static int serve_floor(struct echo_server *server, const struct server_process_options *options,
                       int control) {
    struct floor_thread *threads = calloc(options->floor_threads, sizeof *threads);
    unsigned started = 0;
    atomic_bool stop = false;
    int failed = threads == NULL ? -ENOMEM : 0;
    for (; failed == 0 && started < options->floor_threads; started++) {
        struct floor_thread *t = &threads[started];
        t->listener = server->socket;
        t->stop = &stop;
        t->options = options;
        failed = -pthread_create(&t->id, NULL, serve_floor_thread, t);
        if (failed != 0) break;
    }
    if (failed == 0) wait_for_end(control);
    atomic_store(&stop, true);
    server->steps->stop(server);
    for (unsigned i = 0; i < started; i++) (void)pthread_join(threads[i].id, NULL);
    free(threads);
    return failed;
}

/* The child: says where it listens or why not, serves, says what it counted. */
static void live(const struct server_process_options *options, int control, int report) {
    struct ready ready = {0};
    struct echo_server *server = NULL;
    uint64_t counts[ECHO_COUNTS] = {0};
    if (options->cpu >= 0) ready.failed = placement_pin(options->cpu);
    if (ready.failed == 0) {
        ready.failed = options->transport->server->listen(&server, &options->server);
    }
    if (ready.failed == 0) ready.failed = echo_address_of_socket(&ready.address, server->socket);
    const bool told = write(report, &ready, sizeof ready) == sizeof ready;
    if (!told || ready.failed != 0) _exit(1);
    const int failed = options->floor != NULL ? serve_floor(server, options, control)
                                              : serve_pool(server, options, control, counts);
    options->transport->server->release(server);
    const bool counted = write(report, counts, sizeof counts) == sizeof counts;
    _exit(failed == 0 && counted ? 0 : 1);
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
