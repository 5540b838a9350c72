/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/system.h"
#include "bench/run/status.h"
#include "echo/clock.h"

enum { NOT_EXECUTED = 127 };

/* ---- in the background ---- */

static void become(const struct process_start *start) {
    if (start->output > 0 && dup2(start->output, STDOUT_FILENO) < 0) _exit(NOT_EXECUTED);
    if (start->errors > 0 && dup2(start->errors, STDERR_FILENO) < 0) _exit(NOT_EXECUTED);
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGINT, &usual, NULL);
    (void)sigaction(SIGTERM, &usual, NULL);
    if (start->prepare != NULL) start->prepare(start->what);
    if (start->program != NULL) (void)execv(start->program, start->argv);
    if (start->program == NULL) (void)execvp(start->argv[0], start->argv);
    (void)dprintf(STDERR_FILENO, "cannot be started: %s\n", strerror(errno));
    _exit(NOT_EXECUTED);
}

pid_t process_start(const struct process_start *start) {
    const pid_t pid = system_fork();
    if (pid == 0) become(start);
    return pid;
}

int process_wait(pid_t pid, uint64_t limit_ns, int *status) {
    const uint64_t until_ns = echo_clock_ns() + limit_ns;
    const int handle = (int)syscall(SYS_pidfd_open, pid, 0);
    int failed = 0;
    while (waitpid(pid, status, WNOHANG) != pid) {
        const int glance_ms = handle < 0 ? 5 : 100; /* a signal may come just before the poll */
        struct pollfd at = {.fd = handle, .events = POLLIN};
        failed = interrupted ? -EINTR : echo_clock_ns() >= until_ns ? -ETIMEDOUT : 0;
        if (failed != 0) break;
        (void)poll(&at, 1, glance_ms);
    }
    if (handle >= 0) (void)close(handle);
    return failed;
}

/* What comes, whole; a signal of ours is passed on, and noted there. */
static int read_result(int file, pid_t pid, void *result, size_t size) {
    const int glance_ms = 100;
    struct pollfd at = {.fd = file, .events = POLLIN};
    do {
        if (interrupted) (void)kill(pid, SIGTERM);
    } while (poll(&at, 1, glance_ms) <= 0);
    char whole[PIPE_BUF];
    if (size > sizeof whole || read(file, whole, size) != (ssize_t)size) return -EIO;
    memcpy(result, whole, size);
    return 0;
}

int process_apart(void (*work)(void *result), void *result, size_t size) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() == parent) work(result);
        _exit(write(ends[1], result, size) == (ssize_t)size ? EXIT_DONE : EXIT_FAILED);
    }
    (void)close(ends[1]);
    const int failed = pid < 0 ? -EAGAIN : read_result(ends[0], pid, result, size);
    (void)close(ends[0]);
    if (pid > 0) (void)system_reap(pid);
    return failed;
}

void process_adopt(void) {
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The parent of a process as the kernel tells it; -1: it is gone. */
static pid_t parent_of(const char *pid) {
    char path[64], text[512];
    int parent = -1;
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return parent;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    /* The name, in brackets, may have brackets and blanks in it. */
    const char *after = strrchr(text, ')');
    return after != NULL && sscanf(after, ") %*c %d", &parent) == 1 ? parent : -1;
}

void process_end_children(void) {
    do {
        DIR *all = opendir("/proc");
        if (all == NULL) return;
        for (const struct dirent *one = readdir(all); one != NULL; one = readdir(all)) {
            if (isdigit((unsigned char)one->d_name[0]) && parent_of(one->d_name) == getpid()) {
                (void)kill((pid_t)strtol(one->d_name, NULL, 10), SIGKILL);
            }
        }
        (void)closedir(all);
    } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

/* ---- to their end ---- */

/* What has been read of a pipe, in memory that grows. */
struct stream {
    int file;
    FILE *into;
    bool open;
};

static void read_some(struct stream *stream) {
    char bytes[16384];
    const ssize_t got = read(stream->file, bytes, sizeof bytes);
    if (got == 0) stream->open = false;
    if (got > 0) (void)fwrite(bytes, 1, (size_t)got, stream->into);
}

/* Both to their end, a signal, or the limit; -errno, or 0 at the end. */
static int read_all(struct stream streams[2], uint64_t until_ns) {
    while (streams[0].open || streams[1].open) {
        const uint64_t now_ns = echo_clock_ns();
        if (interrupted) return -EINTR;
        if (now_ns >= until_ns) return -ETIMEDOUT;
        struct pollfd at[2];
        for (int i = 0; i < 2; i++) {
            at[i] = (struct pollfd){.fd = streams[i].open ? streams[i].file : -1, .events = POLLIN};
        }
        const int glance_ms = 100; /* a signal may come just before the poll */
        if (poll(at, 2, glance_ms) <= 0) continue;
        for (int i = 0; i < 2; i++) {
            if (at[i].revents != 0) read_some(&streams[i]);
        }
    }
    return 0;
}

static void run_with(const char *program, char *const argv[], uint64_t limit_ns, int output[2],
                     int errors[2], struct process_end *end) {
    char *words = NULL;
    size_t words_length = 0;
    const pid_t pid = process_start(&(struct process_start){
        .program = program, .argv = argv, .output = output[1], .errors = errors[1]});
    (void)close(output[1]);
    (void)close(errors[1]);
    struct stream streams[2] = {{output[0], open_memstream(&end->text, &end->length), true},
                                {errors[0], open_memstream(&words, &words_length), true}};
    const bool ready = streams[0].into != NULL && streams[1].into != NULL;
    end->failed = pid < 0 ? -EAGAIN : ready ? 0 : -ENOMEM;
    if (end->failed == 0) end->failed = read_all(streams, echo_clock_ns() + limit_ns);
    for (int i = 0; i < 2; i++) {
        if (streams[i].into != NULL) (void)fclose(streams[i].into);
    }
    if (pid > 0 && end->failed != 0) (void)kill(pid, SIGKILL);
    if (pid > 0) end->status = system_reap(pid);
    if (words != NULL) {
        words[strcspn(words, "\n")] = '\0';
        (void)snprintf(end->words, sizeof end->words, "%s", words);
    }
    free(words);
    (void)close(output[0]);
    (void)close(errors[0]);
}

void process_run(const char *program, char *const argv[], uint64_t limit_ns,
                 struct process_end *end) {
    int output[2];
    int errors[2];
    *end = (struct process_end){0};
    if (pipe2(output, O_CLOEXEC) != 0) {
        end->failed = -errno;
        return;
    }
    if (pipe2(errors, O_CLOEXEC) != 0) {
        end->failed = -errno;
        (void)close(output[0]);
        (void)close(output[1]);
        return;
    }
    run_with(program, argv, limit_ns, output, errors, end);
}

void process_free(struct process_end *end) {
    free(end->text);
    end->text = NULL;
}

bool process_ended_well(const struct process_end *end) {
    return end->failed == 0 && end->text != NULL && WIFEXITED(end->status) &&
           WEXITSTATUS(end->status) == 0;
}

void process_explain(const struct process_end *end, const char *what, char *why, size_t size) {
    const char *prefix = "echolab: ";
    const bool ours = strncmp(end->words, prefix, strlen(prefix)) == 0;
    const char *words = ours ? end->words + strlen(prefix) : end->words;
    if (end->failed == -EINTR) {
        (void)snprintf(why, size, "interrupted");
    } else if (end->failed == -ETIMEDOUT) {
        (void)snprintf(why, size, "%s did not end in time and was stopped", what);
    } else if (end->failed != 0) {
        (void)snprintf(why, size, "%s could not be started: %s", what, strerror(-end->failed));
    } else if (*words != '\0') {
        (void)snprintf(why, size, "%s", words);
    } else if (WIFSIGNALED(end->status)) {
        (void)snprintf(why, size, "%s was killed by signal %d", what, WTERMSIG(end->status));
    } else {
        (void)snprintf(why, size, "%s ended without a result (status %d)", what,
                       WEXITSTATUS(end->status));
    }
}
