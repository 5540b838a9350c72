/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *const trace_side_names[TRACE_SIDES] = {"client", "server"};

static const char *last_of(const char *text, const char *part) {
    const char *last = NULL;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) last = at;
    return last;
}

/* "1795360638.843503217 recvfrom(7, ...) = -1 ECONNRESET (...) <0.000049273>" */
bool trace_parse(struct trace_call *call, const char *line) {
    unsigned long long seconds, ns;
    long long result;
    int descriptor, point, behind, open = 0;
    *call = (struct trace_call){.descriptor = -1};
    if (sscanf(line, "%llu.%n%9llu%n %23[a-z0-9_](%n", &seconds, &point, &ns, &behind, call->name,
               &open) != 3 ||
        open == 0 || behind - point != 9)
        return false;
    call->start_ns = seconds * 1000000000 + ns;
    char then;
    if (sscanf(line + open, "%d%c", &descriptor, &then) == 2 && (then == ',' || then == ')'))
        call->descriptor = descriptor;
    const char *equals = last_of(line, " = "), *took = last_of(line, " <");
    if (equals == NULL) return true;
    if (sscanf(equals, " = %lli %19[A-Z0-9]", &result, call->error) > 0) call->result = result;
    if (took > equals && sscanf(took, " <%llu.%llu>", &seconds, &ns) == 2)
        call->end_ns = call->start_ns + seconds * 1000000000 + ns;
    return true;
}

/*
 * A file for each thread, "trace.4711". It is the client's if it connects, and
 * the server's if it binds, accepts or learns who has sent; the run itself, its
 * wire and its helpers do none of it. False: no memory.
 */
static bool read_thread(struct trace *trace, FILE *file) {
    const size_t first = trace->count;
    bool connects = false, binds = false, serves = false, memory = true;
    uint64_t stopped_ns = UINT64_MAX;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        struct trace_call call;
        if (!trace_parse(&call, line)) continue;
        const bool internet = strstr(line, "sa_family=AF_INET") != NULL;
        connects = connects || (internet && strcmp(call.name, "connect") == 0);
        binds = binds || (internet && strcmp(call.name, "bind") == 0);
        serves = serves || strncmp(call.name, "accept", 6) == 0 ||
                 (internet && strncmp(call.name, "recv", 4) == 0);
        if (strcmp(call.name, "shutdown") == 0 && stopped_ns > call.start_ns)
            stopped_ns = call.start_ns;
        struct trace_call *more = reallocarray(trace->calls, trace->count + 1, sizeof *more);
        memory = memory && more != NULL;
        if (more == NULL) continue;
        trace->calls = more;
        more[trace->count++] = call;
    }
    free(line);
    if (!connects && !binds && !serves) trace->count = first;
    for (size_t i = first; i < trace->count; i++)
        trace->calls[i].side = connects ? TRACE_CLIENT : TRACE_SERVER;
    /* Who has bound only waits for the word to end; then it wakes the others. */
    if (binds && !connects && stopped_ns < trace->stopped_ns) trace->stopped_ns = stopped_ns;
    return memory;
}

static int by_start(const void *one, const void *other) {
    const struct trace_call *a = one, *b = other;
    return (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
}

/* Reads it, if that is wanted, and takes it away. False: no memory. */
static bool take_folder(struct trace *trace, const char *path, bool wanted) {
    const int place = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = place < 0 ? NULL : fdopendir(place);
    bool memory = folder != NULL;
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        const int opened = openat(dirfd(folder), entry->d_name, O_RDWR | O_CLOEXEC);
        FILE *file = opened < 0 ? NULL : fdopen(opened, "r"); /* not of a folder */
        if (file != NULL && wanted) memory = read_thread(trace, file) && memory;
        if (file != NULL) (void)fclose(file);
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder != NULL) (void)closedir(folder);
    (void)rmdir(path);
    if (trace->count > 0) qsort(trace->calls, trace->count, sizeof *trace->calls, by_start);
    return memory;
}

/* What went wrong: with strace itself, or with the run in it. */
static enum trace_end explain(const struct process_end *end, char *why) {
    const bool ours = strncmp(end->words, "echolab: ", strlen("echolab: ")) == 0;
    const bool missing = WIFEXITED(end->status) && WEXITSTATUS(end->status) == 127;
    if (end->failed != 0 || (ours && !missing)) {
        process_explain(end, "the run", why, CHILD_WHY);
        return TRACE_FAILED;
    }
    if (missing)
        (void)snprintf(why, CHILD_WHY, "strace is not installed; `make deps` would do");
    else
        (void)snprintf(why, CHILD_WHY,
                       "strace did not get through (%.400s); `sudo echolab ...` would do",
                       *end->words == '\0' ? "it said nothing" : end->words);
    return TRACE_UNTRACEABLE;
}

/* What was killed, with no time to clean up, left a folder with its number. */
static void remove_stale(const char *temporary) {
    char pattern[PATH_MAX];
    glob_t found = {0};
    (void)snprintf(pattern, sizeof pattern, "%s/echolab-*-??????", temporary);
    if (glob(pattern, 0, NULL, &found) != 0) return;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        struct stat there;
        int pid;
        if (sscanf(strrchr(path, '/'), "/echolab-%d-", &pid) != 1 || pid <= 0) continue;
        if (kill(pid, 0) == 0 || errno != ESRCH || lstat(path, &there) != 0) continue;
        if (there.st_uid == geteuid()) (void)take_folder(&(struct trace){0}, path, false);
    }
    globfree(&found);
}

enum trace_end trace_run(struct trace *trace, const char *filter, const struct parameters *asked,
                         char *why) {
    const char *temporary = getenv("TMPDIR");
    char folder[PATH_MAX], names[256], output[PATH_MAX + 32], program[32];
    struct process_end end = {0};
    enum trace_end ended = TRACE_DONE;
    *trace = (struct trace){.stopped_ns = UINT64_MAX};
    if (temporary == NULL || *temporary == '\0') temporary = "/tmp";
    remove_stale(temporary);
    (void)snprintf(folder, sizeof folder, "%s/echolab-%d-XXXXXX", temporary, (int)getpid());
    if (mkdtemp(folder) == NULL) {
        (void)snprintf(why, CHILD_WHY, "cannot make a folder in $TMPDIR or /tmp: %s",
                       strerror(errno));
        return TRACE_UNTRACEABLE;
    }
    (void)snprintf(names, sizeof names, "--trace=%s", filter);
    (void)snprintf(output, sizeof output, "--output=%s/trace", folder);
    /* Us: "self" would be strace. */
    (void)snprintf(program, sizeof program, "/proc/%ld/exe", (long)getpid());
    char times[] = "--absolute-timestamps=format:unix,precision:ns";
    /* -ff: a file for each thread, so that no line is cut in two by another's. */
    char *tool[] = {
        "strace", "-ff",   "-qq", "--string-limit=8", times, "--syscall-times=ns", names,
        output,   program, NULL};
    trace->run = child_run_by(tool, asked, &end);
    if (trace->run == NULL) ended = explain(&end, why);
    process_free(&end);
    if (take_folder(trace, folder, ended == TRACE_DONE)) return ended;
    (void)snprintf(why, CHILD_WHY, "cannot read what strace wrote: no memory");
    return TRACE_FAILED;
}

void trace_release(struct trace *trace) {
    run_free(trace->run);
    free(trace->calls);
    *trace = (struct trace){0};
}

/*
 * strace reads the clock for the duration of a call a little later than for
 * its start: a call that waited ends later than it says.
 */
bool trace_is_ending(const struct trace *trace, const struct trace_call *call) {
    const uint64_t most_ns = 2000000, took_ns = call->end_ns - call->start_ns;
    const uint64_t slack_ns = took_ns / 8 < most_ns ? took_ns / 8 : most_ns;
    if (call->side != TRACE_SERVER || trace->stopped_ns == UINT64_MAX) return false;
    return call->end_ns == 0 || call->end_ns + slack_ns > trace->stopped_ns;
}
