/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo/clock.h"

enum { ARGUMENTS_MAX = 40, ARGUMENT_BYTES = 96 };

struct arguments {
    int count;
    char text[ARGUMENTS_MAX][ARGUMENT_BYTES];
    char *list[ARGUMENTS_MAX + 1];
};

__attribute__((format(printf, 2, 3))) static void add(struct arguments *arguments,
                                                      const char *format, ...) {
    va_list values;
    va_start(values, format);
    char *text = arguments->text[arguments->count];
    (void)vsnprintf(text, ARGUMENT_BYTES, format, values);
    va_end(values);
    arguments->list[arguments->count++] = text;
}

/* Everything that matters is said, so that another build's defaults do not. */
static void build_arguments(struct arguments *a, const struct options *o) {
    add(a, "echolab");
    add(a, "run");
    add(a, "%s", o->variants[0]->name);
    add(a, "--role=%s", role_names[o->role]);
    add(a, "--size=%u", o->size_bytes);
    add(a, "--reply-size=%u", o->reply_bytes);
    add(a, "--connections=%u", o->connections);
    if (o->messages > 0) add(a, "--messages=%llu", (unsigned long long)o->messages);
    add(a, "--duration=%lluns", (unsigned long long)o->duration_ns);
    add(a, "--warmup=%lluns", (unsigned long long)o->warmup_ns);
    add(a, "--deadline=%lluns", (unsigned long long)o->deadline_ns);
    add(a, "--placement=%s", placement_names[o->placement]);
    add(a, "--engine=%s", o->engine);
    add(a, "--profile=%s", profile_names[o->profile]);
    if (o->delay_ns > 0) add(a, "--delay=%lluns", (unsigned long long)o->delay_ns);
    add(a, "--seed=%llu", (unsigned long long)o->seed);
    if (o->host != NULL) add(a, "--host=%s", o->host);
}

static void become(const char *program, struct arguments *arguments, int output, int errors,
                   pid_t parent) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(EXIT_FAILED);
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0) _exit(EXIT_FAILED);
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGINT, &usual, NULL);
    (void)sigaction(SIGTERM, &usual, NULL);
    (void)execv(program, arguments->list);
    _exit(127);
}

/* How long a run may take before it counts as hung. */
static uint64_t limit_ns(const struct options *o) {
    const uint64_t slack_ns = 20 * UINT64_C(1000000000);
    if (o->messages > 0) return UINT64_C(3600) * 1000000000; /* work, not time, was asked for */
    return o->warmup_ns + o->duration_ns + 2 * o->deadline_ns + slack_ns;
}

/* Reads to the end of file, a signal, or the limit; -errno, or 0 at the end of file. */
static int read_all(int output, uint64_t until_ns, FILE *into) {
    for (;;) {
        const uint64_t now_ns = echo_clock_ns();
        if (options_interrupted) return -EINTR;
        if (now_ns >= until_ns) return -ETIMEDOUT;
        struct pollfd at = {.fd = output, .events = POLLIN};
        const int glance_ms = 100; /* a signal may come just before the poll */
        if (poll(&at, 1, glance_ms) <= 0) continue;
        char bytes[16384];
        const ssize_t got = read(output, bytes, sizeof bytes);
        if (got == 0) return 0;
        if (got > 0) (void)fwrite(bytes, 1, (size_t)got, into);
    }
}

static int reap(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

/* The last words of the child, which is gone: its first line on stderr. */
static void last_words(int errors, char *why, size_t size) {
    const ssize_t got = read(errors, why, size - 1);
    why[got > 0 ? got : 0] = '\0';
    why[strcspn(why, "\n")] = '\0';
    const char *prefix = "echolab: ";
    if (strncmp(why, prefix, strlen(prefix)) == 0) {
        memmove(why, why + strlen(prefix), strlen(why + strlen(prefix)) + 1);
    }
}

static json_t *explain(int failed, int status, int errors, const char *text, size_t length,
                       char *why, size_t size) {
    json_error_t error;
    json_t *run = failed == 0 ? json_loadb(text, length, 0, &error) : NULL;
    if (run != NULL && WIFEXITED(status) && WEXITSTATUS(status) == 0) return run;
    json_decref(run);
    last_words(errors, why, size);
    if (failed == -EINTR) {
        (void)snprintf(why, size, "interrupted");
    } else if (failed == -ETIMEDOUT) {
        (void)snprintf(why, size, "the run did not end in time and was stopped");
    } else if (*why == '\0' && WIFSIGNALED(status)) {
        (void)snprintf(why, size, "the run was killed by signal %d", WTERMSIG(status));
    } else if (*why == '\0') {
        (void)snprintf(why, size, "the run ended without a result (status %d)",
                       WEXITSTATUS(status));
    }
    return NULL;
}

json_t *child_run(const char *program, const struct options *options, char *why, size_t why_size) {
    struct arguments arguments = {0};
    build_arguments(&arguments, options);
    int output[2];
    int errors[2];
    if (pipe2(output, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0) {
        (void)snprintf(why, why_size, "no pipe for a run: %s", strerror(errno));
        return NULL;
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(program, &arguments, output[1], errors[1], parent);
    (void)close(output[1]);
    (void)close(errors[1]);
    char *text = NULL;
    size_t length = 0;
    FILE *into = open_memstream(&text, &length);
    int failed = pid < 0 ? -errno : into == NULL ? -ENOMEM : 0;
    if (failed == 0) failed = read_all(output[0], echo_clock_ns() + limit_ns(options), into);
    if (into != NULL) (void)fclose(into);
    if (pid > 0 && failed != 0) (void)kill(pid, SIGKILL);
    const int status = pid > 0 ? reap(pid) : 0;
    json_t *run = explain(failed, status, errors[0], text, length, why, why_size);
    (void)close(output[0]);
    (void)close(errors[0]);
    free(text);
    return run;
}
