/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/system.h"
#include "bench/run/status.h"
#include "echo/clock.h"

volatile sig_atomic_t interrupted;

int complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("echolab: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return EXIT_FAILED;
}

static void note_signal(int number) {
    (void)number;
    interrupted = 1;
}

void interrupt_catch(void) {
    const struct sigaction note = {.sa_handler = note_signal};
    (void)sigaction(SIGINT, &note, NULL);
    (void)sigaction(SIGTERM, &note, NULL);
}

enum { NOT_EXECUTED = 127 };

/* ---- waiting ---- */

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

/* Until there are none: also those whose own parent is gone. */
static void end_children(void) {
    for (char *all; (all = system_line("/proc/thread-self/children")) != NULL; free(all)) {
        char *rest = all;
        for (const char *one; (one = strsep(&rest, " ")) != NULL;) {
            if (*one != '\0') (void)kill((pid_t)strtol(one, NULL, 10), SIGKILL);
        }
        (void)waitpid(-1, NULL, 0);
    }
}

/* ---- in the background ---- */

/*
 * Stays behind in a child, while its own child goes on: whatever becomes of
 * that and of us, all that it started ends.
 */
static void guard(void) {
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    interrupt_catch();
    const pid_t pid = system_fork();
    int status = NOT_EXECUTED << 8;
    if (pid == 0) return;
    if (pid > 0 && process_wait(pid, INT64_MAX, &status) != 0) status = SIGKILL;
    end_children();
    if (WIFSIGNALED(status)) (void)raise(SIGKILL);
    _exit(WEXITSTATUS(status));
}

static void become(const struct process_start *start) {
    if (start->output > 0 && dup2(start->output, STDOUT_FILENO) < 0) _exit(NOT_EXECUTED);
    if (start->errors > 0 && dup2(start->errors, STDERR_FILENO) < 0) _exit(NOT_EXECUTED);
    if (start->guarded) guard();
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

int process_apart(void (*work)(void *result), void *result, size_t size) {
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return -errno;
    const pid_t pid = system_fork();
    int status = -1;
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* so that it can end its own */
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        work(result);
        end_children();
        memcpy(shared, result, size);
        _exit(EXIT_DONE);
    }
    /* A signal of ours is passed on, and noted there. */
    if (pid > 0 && process_wait(pid, INT64_MAX, &status) != 0) {
        (void)kill(pid, SIGTERM);
        status = system_reap(pid);
    }
    if (status == EXIT_DONE) memcpy(result, shared, size);
    (void)munmap(shared, size);
    return status == EXIT_DONE ? 0 : -EIO;
}

/* ---- to their end ---- */

void process_run(const char *program, char *const argv[], uint64_t limit_ns,
                 struct process_end *end) {
    const int output = memfd_create("output", MFD_CLOEXEC);
    const int errors = memfd_create("errors", MFD_CLOEXEC);
    const struct process_start start = {
        .program = program,
        .argv = argv,
        .output = output,
        .errors = errors,
        .guarded = program == NULL}; /* a tool, whose children know nothing of us */
    *end = (struct process_end){.failed = output < 0 || errors < 0 ? -errno : 0};
    const pid_t pid = end->failed == 0 ? process_start(&start) : end->failed;
    if (pid > 0) {
        end->failed = process_wait(pid, limit_ns, &end->status);
        if (end->failed != 0) (void)kill(pid, start.guarded ? SIGTERM : SIGKILL);
        if (end->failed != 0) end->status = system_reap(pid);
        const size_t size = (size_t)lseek(output, 0, SEEK_END);
        end->text = calloc(1, size + 1);
        if (end->text != NULL && pread(output, end->text, size, 0) == (ssize_t)size)
            end->length = size;
        (void)!pread(errors, end->words, sizeof end->words - 1, 0);
        end->words[strcspn(end->words, "\n")] = '\0';
    } else {
        end->failed = pid;
    }
    if (output >= 0) (void)close(output);
    if (errors >= 0) (void)close(errors);
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
    const char *words = end->words;
    if (strncmp(words, prefix, strlen(prefix)) == 0) words += strlen(prefix);
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

/* ---- runs ---- */

static const char child_pipe[] = "--pipe"; /* its bytes, see run_write */

/* How long a run may take before it counts as hung. */
static uint64_t limit_of_ns(const struct parameters *asked) {
    const uint64_t second_ns = UINT64_C(1000000000);
    if (asked->messages > 0) return 3600 * second_ns; /* work, not time, was asked for */
    /* Connections of a limited life are counted whole: some of them at least. */
    const uint64_t lives_ns =
        UINT64_C(5) * asked->per_connection * (asked->rtt_ns + asked->delay_ns);
    return asked->warmup_ns + asked->duration_ns + lives_ns + 2 * asked->deadline_ns +
           20 * second_ns;
}

/* Of `program`; NULL: of the first of the words before the run's. */
static struct run *run(const char *program, char *const before[], const struct parameters *asked,
                       const char *more, struct process_end *end) {
    char **words = parameters_arguments(asked, before, more);
    *end = (struct process_end){.failed = -ENOMEM};
    if (words != NULL) process_run(program, words, limit_of_ns(asked), end);
    arguments_free(words);
    return more != NULL && process_ended_well(end) ? run_read(end->text, end->length, asked) : NULL;
}

void child_start(const char *program, const struct parameters *asked, struct process_end *end) {
    (void)run(program, (char *[]){"echolab", NULL}, asked, NULL, end);
}

struct run *child_run_by(char *const tool[], const struct parameters *asked,
                         struct process_end *end) {
    return run(NULL, tool, asked, child_pipe, end);
}

struct run *child_run_of(const char *program, const struct parameters *asked, char *why) {
    struct process_end end;
    struct run *made = run(program, (char *[]){"echolab", NULL}, asked, child_pipe, &end);
    if (made == NULL) process_explain(&end, "the run", why, CHILD_WHY);
    process_free(&end);
    return made;
}

struct run *child_run(const struct parameters *asked, char *why) {
    return child_run_of("/proc/self/exe", asked, why);
}
