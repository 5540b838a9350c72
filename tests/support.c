/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support.h"

#include "echo/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, CANNOT_EXECUTE = 127 };

static uint64_t deadline_after(int timeout_ms) {
    return echo_clock_ns() + (uint64_t)timeout_ms * NS_PER_MS;
}

static int remaining_ms(uint64_t deadline_ns) {
    const uint64_t now = echo_clock_ns();
    return now >= deadline_ns ? 0 : (int)((deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS);
}

static void close_if_open(int *fd) {
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}

/* In the child: its streams become the far ends of the pipes. All else is close-on-exec. */
static void become(char *const argv[], pid_t parent, int in, int out, int err) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(CANNOT_EXECUTE); /* the parent died before the line above */
    (void)signal(SIGPIPE, SIG_DFL);
    if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
        dup2(err, STDERR_FILENO) >= 0) {
        (void)execvp(argv[0], argv);
    }
    _exit(CANNOT_EXECUTE);
}

int program_start(struct program *program, char *const argv[]) {
    int ends[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int failed = 0;
    for (size_t i = 0; i < 3 && failed == 0; i++) {
        if (pipe2(ends[i], O_CLOEXEC) != 0) failed = -errno;
    }
    const pid_t parent = getpid();
    const pid_t pid = failed == 0 ? fork() : -1;
    if (failed == 0 && pid < 0) failed = -errno;
    if (pid == 0) become(argv, parent, ends[0][0], ends[1][1], ends[2][1]);
    close_if_open(&ends[0][0]);
    close_if_open(&ends[1][1]);
    close_if_open(&ends[2][1]);
    *program = (struct program){.pid = pid, .in = ends[0][1], .out = ends[1][0], .err = ends[2][0]};
    if (failed != 0) {
        close_if_open(&program->in);
        close_if_open(&program->out);
        close_if_open(&program->err);
    }
    return failed;
}

/* A byte at a time: what follows the line must stay in the pipe for the next reader. */
ssize_t program_line(int fd, char *buffer, size_t size, int timeout_ms) {
    const uint64_t deadline_ns = deadline_after(timeout_ms);
    for (size_t length = 0; length < size; length++) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        buffer[length] = '\0';
        int ended;
        do {
            ended = poll(&ready, 1, remaining_ms(deadline_ns));
        } while (ended < 0 && errno == EINTR);
        if (ended <= 0) return ended == 0 ? -ETIMEDOUT : -errno;
        char byte;
        const ssize_t got = read(fd, &byte, 1);
        if (got <= 0) return got == 0 ? -EPIPE : -errno;
        if (byte == '\n') return (ssize_t)length;
        buffer[length] = byte;
    }
    if (size > 0) buffer[size - 1] = '\0';
    return -EMSGSIZE;
}

/* Waits until `pid` has ended; a pidfd, because waitpid knows no deadline. */
static bool ends_before(pid_t pid, uint64_t deadline_ns) {
    const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return false;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int ended;
    do {
        ended = poll(&ready, 1, remaining_ms(deadline_ns));
    } while (ended < 0 && errno == EINTR);
    (void)close(fd);
    return ended > 0;
}

static int reap(pid_t pid, uint64_t deadline_ns) {
    const bool ended = ends_before(pid, deadline_ns);
    if (!ended) (void)kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) return -errno;
    }
    if (!ended) return -ETIMEDOUT;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int program_stop(struct program *program, int signal) {
    if (signal != 0) (void)kill(program->pid, signal);
    close_if_open(&program->in);
    const int status = reap(program->pid, deadline_after(TEST_DEADLINE_MS));
    close_if_open(&program->out);
    close_if_open(&program->err);
    program->pid = -1;
    return status;
}

/* Where output is collected; beyond `size` it is read and dropped, so that the program can end. */
struct sink {
    char *text;
    size_t size, used;
};

static void drain(int *fd, struct sink *sink) {
    char piece[4096];
    const ssize_t got = read(*fd, piece, sizeof piece);
    if (got <= 0) {
        close_if_open(fd);
        return;
    }
    const size_t room = sink->size > sink->used ? sink->size - sink->used - 1 : 0;
    const size_t kept = (size_t)got < room ? (size_t)got : room;
    if (kept == 0) return;
    memcpy(sink->text + sink->used, piece, kept);
    sink->used += kept;
    sink->text[sink->used] = '\0';
}

/* Returns how much of the input is left. A program that ended no longer takes any. */
static size_t feed(int *fd, const char *input, size_t left) {
    const ssize_t put = left > 0 ? write(*fd, input, left) : 0;
    if (put > 0) left -= (size_t)put;
    if (put < 0 && errno != EAGAIN) left = 0;
    if (left == 0) close_if_open(fd);
    return left;
}

int program_run(char *const argv[], const char *input, char *out, size_t out_size, char *err,
                size_t err_size) {
    struct sink sinks[2] = {{out, out != NULL ? out_size : 0, 0},
                            {err, err != NULL ? err_size : 0, 0}};
    for (size_t i = 0; i < 2; i++) {
        if (sinks[i].size > 0) sinks[i].text[0] = '\0';
    }
    struct program program;
    const int failed = program_start(&program, argv);
    if (failed != 0) return failed;
    void (*const before)(int) = signal(SIGPIPE, SIG_IGN);
    /* Not blocking, so that neither of us can wait for the other with both pipes full. */
    (void)fcntl(program.in, F_SETFL, O_NONBLOCK);
    const uint64_t deadline_ns = deadline_after(TEST_DEADLINE_MS);
    const char *end = input == NULL ? "" : input + strlen(input);
    size_t left = input == NULL ? 0 : strlen(input);
    while (program.in >= 0 || program.out >= 0 || program.err >= 0) {
        struct pollfd ready[3] = {{.fd = program.in, .events = POLLOUT},
                                  {.fd = program.out, .events = POLLIN},
                                  {.fd = program.err, .events = POLLIN}};
        const int ended = poll(ready, 3, remaining_ms(deadline_ns));
        if (ended == 0) break; /* reap kills it */
        if (ended < 0) continue;
        if (ready[0].revents != 0) left = feed(&program.in, end - left, left);
        if (ready[1].revents != 0) drain(&program.out, &sinks[0]);
        if (ready[2].revents != 0) drain(&program.err, &sinks[1]);
    }
    (void)signal(SIGPIPE, before);
    close_if_open(&program.in);
    const int status = reap(program.pid, deadline_ns);
    close_if_open(&program.out);
    close_if_open(&program.err);
    return status;
}

int program_descriptors(pid_t pid) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    DIR *directory = opendir(path);
    if (directory == NULL) return -errno;
    int count = 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    return count;
}
