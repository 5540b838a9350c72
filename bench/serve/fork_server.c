/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/serve/fork_server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fork_server {
    struct echo_server *server;
    pid_t accepting;
    _Atomic uint64_t *counts; /* a page that all processes share; each adds its own at its end */
};

/* Of the process that accepts. */
struct children {
    pid_t *pids;
    size_t count, room;
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

static _Noreturn void say_counts_and_exit(const struct fork_server *f, const struct serving *s) {
    for (int i = 0; i < ECHO_COUNTS; i++) {
        (void)atomic_fetch_add(&f->counts[i], s->worker.counts[i]);
    }
    _exit(0);
}

/* A fork copies every descriptor: a copy of a socket keeps it open when its owner closes it. */
static void keep_only(int socket) {
    const unsigned keep = (unsigned)socket;
    if (keep > 3) (void)close_range(3, keep - 1, 0);
    (void)close_range(keep < 3 ? 3 : keep + 1, ~0U, 0);
}

static void die_with(pid_t parent) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* it died before we asked to be told */
}

static int make_room(struct children *c) {
    if (c->count < c->room) return 0;
    const size_t room = c->room == 0 ? 64 : 2 * c->room;
    pid_t *longer = realloc(c->pids, room * sizeof *longer);
    if (longer == NULL) return -ENOMEM;
    c->pids = longer;
    c->room = room;
    return 0;
}

/* A look at every pid is little beside the fork that made each of them. */
static void forget(struct children *c, pid_t pid) {
    size_t i = 0;
    while (i < c->count && c->pids[i] != pid) i++;
    if (i < c->count) c->pids[i] = c->pids[--c->count];
}

static void reap_ended(struct children *c) {
    for (pid_t pid; c->count > 0 && (pid = waitpid(-1, NULL, WNOHANG)) > 0;) forget(c, pid);
}

static void reap_all(struct children *c) {
    while (c->count > 0) {
        for (size_t i = 0; ended && i < c->count; i++) (void)kill(c->pids[i], SIGTERM);
        const pid_t pid = waitpid(-1, NULL, 0);
        if (pid > 0) forget(c, pid);
        if (pid < 0 && errno != EINTR) break;
    }
}

static int fork_child(const struct fork_server *f, struct serving *s, struct children *c,
                      struct echo_connection *connection) {
    const pid_t parent = getpid();
    const int failed = make_room(c);
    const pid_t child = failed == 0 ? fork() : -1;
    if (child < 0) return failed != 0 ? failed : -errno;
    if (child == 0) {
        die_with(parent);
        keep_only(connection->socket);
        for (int i = 0; i < ECHO_COUNTS; i++) s->worker.counts[i] = 0; /* those are the parent's */
        serve(s, connection);
        say_counts_and_exit(f, s);
    }
    c->pids[c->count++] = child;
    s->options.server->steps->drop(connection, &s->worker); /* our copy: the child has its own */
    return 0;
}

static _Noreturn void accept_all(const struct fork_server *f,
                                 const struct serving_options *options) {
    struct serving accepting;
    struct children children = {0};
    struct echo_connection *connection;
    serving_init(&accepting, options);
    while (serving_accept(&accepting, &connection) == 0) {
        reap_ended(&children);
        /* Where there can be no further process this one serves: late is better than not. */
        if (fork_child(f, &accepting, &children, connection) != 0) serve(&accepting, connection);
    }
    reap_all(&children);
    free(children.pids);
    say_counts_and_exit(f, &accepting);
}

/*
 * A process of its own accepts, and not a thread of the caller's: of several
 * threads a fork copies one, and the locks that others hold at that moment.
 */
static int fork_accepting(struct fork_server *f, const struct serving_options *options) {
    const struct sigaction action = {.sa_handler = end};
    const pid_t parent = getpid();
    sigset_t term;
    sigset_t before;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &term, &before); /* until it can be handled */
    f->accepting = fork();
    const int failed = f->accepting < 0 ? -errno : 0;
    if (f->accepting == 0) {
        die_with(parent);
        keep_only(options->server->socket);
        (void)sigaction(SIGTERM, &action, NULL);
        (void)pthread_sigmask(SIG_UNBLOCK, &term, NULL);
        accept_all(f, options);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

int fork_server_start(struct fork_server **server, const struct serving_options *options) {
    struct fork_server *f = calloc(1, sizeof *f);
    if (f == NULL) return -ENOMEM;
    f->server = options->server;
    f->counts = mmap(NULL, ECHO_COUNTS * sizeof *f->counts, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int failed = f->counts == MAP_FAILED ? -errno : 0;
    if (failed == 0) {
        failed = fork_accepting(f, options);
        if (failed != 0) (void)munmap(f->counts, ECHO_COUNTS * sizeof *f->counts);
    }
    if (failed != 0) {
        free(f);
        return failed;
    }
    *server = f;
    return 0;
}

void fork_server_stop(struct fork_server *server, uint64_t *counts) {
    (void)kill(server->accepting, SIGTERM);      /* ends it, and its children, with their clients */
    server->server->steps->stop(server->server); /* wakes it in accept: it is the same socket */
    while (waitpid(server->accepting, NULL, 0) < 0 && errno == EINTR) {
    }
    for (int i = 0; counts != NULL && i < ECHO_COUNTS; i++) counts[i] += server->counts[i];
    (void)munmap(server->counts, ECHO_COUNTS * sizeof *server->counts);
    free(server);
}
