/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/child.h"

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

#include "bench/link/wire.h"
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
    add(a, "--engine=%s", engine_names[o->engine]);
    /* What is not asked for is not said: an older build does not know it. */
    if (o->rate_per_s > 0) {
        add(a, "--rate=%.0f", o->rate_per_s);
        add(a, "--arrivals=%s", arrivals_names[o->arrivals]);
        add(a, "--assign=%s", assign_names[o->assign]);
    }
    if (o->pipeline > 0) add(a, "--pipeline=%u", o->pipeline);
    if (o->workers > 1) add(a, "--workers=%u", o->workers);
    if (o->design != engine_design(o->engine)) {
        add(a, "--design=%s", design_names[o->design]);
    }
    if (o->gap_ns > 0) add(a, "--gap=%lluns", (unsigned long long)o->gap_ns);
    if (o->idle > 0) add(a, "--idle=%u", o->idle);
    if (o->silent > 0) add(a, "--silent=%u", o->silent);
    if (o->series) add(a, "--series");
    if (o->late_max_ns > 0) {
        add(a, "--lateness=%lluns", (unsigned long long)o->late_max_ns);
    }
    if (o->stall_ns > 0) add(a, "--stall=%lluns", (unsigned long long)o->stall_ns);
    if (o->idle_timeout_ns > 0) {
        add(a, "--idle-timeout=%lluns", (unsigned long long)o->idle_timeout_ns);
    }
    add(a, "--profile=%s", profile_names[o->profile]);
    if (o->wire) {
        add(a, "--rtt=%lluns", (unsigned long long)o->rtt_ns);
        add(a, "--loss=%.6f%%", o->loss_percent);
        if (o->mtu_bytes > 0) add(a, "--mtu=%u", o->mtu_bytes);
    }
    if (o->pcap != NULL) add(a, "--pcap=%s", o->pcap);
    if (o->drop[0] > 0) {
        add(a, "--drop=%s:%s:%u", wire_kind_names[o->drop[0] - 1],
            wire_direction_names[o->drop[1] - 1], o->drop[2]);
    }
    if (o->shared_network) add(a, "--shared-network");
    /* For others it is a usage error, and an older build does not know it. */
    if (o->variants[0]->retries) {
        add(a, "--rto-floor=%lluns", (unsigned long long)o->rto_floor_ns);
        if (o->dedup) add(a, "--dedup");
    }
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

/* How a program ended. */
struct ended {
    int failed; /* -errno: not started, -EINTR, or -ETIMEDOUT and killed */
    int status; /* of waitpid, when not failed */
    char *text; /* its output; malloc'd, may be NULL */
    size_t length;
    char words[512]; /* the first line it wrote on stderr */
};

static void read_words(int errors, struct ended *ended) {
    const ssize_t got = read(errors, ended->words, sizeof ended->words - 1);
    ended->words[got > 0 ? got : 0] = '\0';
    ended->words[strcspn(ended->words, "\n")] = '\0';
}

/* Runs a program to its end, or to `limit_ns` from now. */
static void execute(const char *program, struct arguments *arguments, uint64_t limit_ns,
                    struct ended *ended) {
    int output[2];
    int errors[2];
    *ended = (struct ended){0};
    if (pipe2(output, O_CLOEXEC) != 0) {
        ended->failed = -errno;
        return;
    }
    if (pipe2(errors, O_CLOEXEC) != 0) {
        ended->failed = -errno;
        (void)close(output[0]);
        (void)close(output[1]);
        return;
    }
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(program, arguments, output[1], errors[1], parent);
    (void)close(output[1]);
    (void)close(errors[1]);
    FILE *into = open_memstream(&ended->text, &ended->length);
    ended->failed = pid < 0 ? -errno : into == NULL ? -ENOMEM : 0;
    if (ended->failed == 0) {
        ended->failed = read_all(output[0], echo_clock_ns() + limit_ns, into);
    }
    if (into != NULL) (void)fclose(into);
    if (pid > 0 && ended->failed != 0) (void)kill(pid, SIGKILL);
    if (pid > 0) ended->status = reap(pid);
    read_words(errors[0], ended);
    (void)close(output[0]);
    (void)close(errors[0]);
}

static bool ended_well(const struct ended *ended) {
    return ended->failed == 0 && ended->text != NULL && WIFEXITED(ended->status) &&
           WEXITSTATUS(ended->status) == 0;
}

static void explain(const struct ended *ended, char *why, size_t size) {
    const char *prefix = "echolab: ";
    const bool ours = strncmp(ended->words, prefix, strlen(prefix)) == 0;
    const char *words = ours ? ended->words + strlen(prefix) : ended->words;
    if (ended->failed == -EINTR) {
        (void)snprintf(why, size, "interrupted");
    } else if (ended->failed == -ETIMEDOUT) {
        (void)snprintf(why, size, "the run did not end in time and was stopped");
    } else if (ended->failed != 0) {
        (void)snprintf(why, size, "a run could not be started: %s", strerror(-ended->failed));
    } else if (*words != '\0') {
        (void)snprintf(why, size, "%s", words);
    } else if (WIFSIGNALED(ended->status)) {
        (void)snprintf(why, size, "the run was killed by signal %d", WTERMSIG(ended->status));
    } else {
        (void)snprintf(why, size, "the run ended without a result (status %d)",
                       WEXITSTATUS(ended->status));
    }
}

json_t *child_run(const char *program, const struct options *options, char *why, size_t why_size) {
    struct arguments arguments = {0};
    struct ended ended;
    json_error_t error;
    build_arguments(&arguments, options);
    execute(program, &arguments, limit_ns(options), &ended);
    json_t *run = ended_well(&ended) ? json_loadb(ended.text, ended.length, 0, &error) : NULL;
    if (run == NULL) explain(&ended, why, why_size);
    free(ended.text);
    return run;
}

int child_is_echolab(const char *program, char *why, size_t why_size) {
    const uint64_t patience_ns = UINT64_C(5000000000);
    struct arguments arguments = {0};
    struct ended ended;
    add(&arguments, "echolab");
    add(&arguments, "--version");
    execute(program, &arguments, patience_ns, &ended);
    if (ended.text != NULL) ended.text[strcspn(ended.text, "\n")] = '\0';
    const bool same = ended_well(&ended) && strcmp(ended.text, ECHOLAB_VERSION) == 0;
    if (!same && ended_well(&ended) && strncmp(ended.text, "echolab", strlen("echolab")) == 0) {
        (void)snprintf(why, why_size, "%s is another version: it says '%s', and this is '%s'",
                       program, ended.text, ECHOLAB_VERSION);
    } else if (!same) {
        (void)snprintf(why, why_size, "%s is not echolab, or cannot be run", program);
    }
    free(ended.text);
    return same ? 0 : -1;
}
