/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process accepts, forks a child for each connection, and closes its own
 * copy. All are in a process group of their own, by which they are told to end.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/system.h"
#include "bench/serve/design.h"

/* In memory that all processes share. */
struct forking {
    pid_t accepting;
    _Atomic uint64_t counts[ECHO_COUNTS]; /* each adds its own at its end */
};

/* What the signal handler of this process needs. */
static volatile sig_atomic_t served_socket = -1;
static volatile sig_atomic_t ended;

/* SIGTERM: whoever is stuck with a client is let go, and still says what it counted. */
static void end(int number) {
    (void)number;
    ended = 1;
    if (served_socket >= 0) (void)shutdown(served_socket, SHUT_RDWR);
}

static void serve(struct serving *s, struct echo_connection *connection) {
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
        if (child <= 0) serve(&s, connection);
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
static int start(struct design_server *d) {
    const struct sigaction action = {.sa_handler = end};
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

static void stop(struct design_server *d, uint64_t *counts) {
    struct forking *f = d->state;
    (void)kill(-f->accepting, SIGTERM);        /* ends all, with their clients */
    d->servers[0]->steps->stop(d->servers[0]); /* wakes it in accept: it is the same socket */
    (void)system_reap(f->accepting);
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += f->counts[i];
    (void)munmap(f, sizeof *f);
}

const struct design_way fork_way = {.start = start, .stop = stop};
