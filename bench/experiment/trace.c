/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS_MAX = 256 };

const char *const trace_side_names[TRACE_SIDES] = {"client", "server"};

/* ---- the folder ---- */

static char *folder_make(void) {
    const char *temporary = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/echolab-XXXXXX",
                 temporary != NULL && *temporary != '\0' ? temporary : "/tmp") < 0) {
        return NULL;
    }
    if (mkdtemp(path) != NULL) return path;
    free(path);
    return NULL;
}

static void folder_remove(char *path) {
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder != NULL) (void)closedir(folder);
    (void)rmdir(path);
    free(path);
}

/* ---- what strace wrote ---- */

static const char *last_of(const char *text, const char *part) {
    const char *last = NULL;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) last = at;
    return last;
}

/* "1795360638.843503217", exactly: a double has not so many digits. */
static bool parse_stamp(const char *text, char **end, uint64_t *ns) {
    const uint64_t seconds = strtoull(text, end, 10);
    if (*end == text || **end != '.') return false;
    const char *fraction = *end + 1;
    const uint64_t part = strtoull(fraction, end, 10);
    if (*end - fraction != 9) return false;
    *ns = seconds * UINT64_C(1000000000) + part;
    return true;
}

/* "104", "-1 EINVAL (Invalid argument)", "?", "0x7f04 ..." */
static void parse_result(struct trace_call *call, const char *text) {
    char *end;
    call->result = strtoll(text, &end, 0);
    if (end == text || *end != ' ' || end[1] != 'E') return;
    const size_t length = strcspn(end + 1, " ");
    (void)snprintf(call->error, sizeof call->error, "%.*s", (int)length, end + 1);
}

bool trace_parse(struct trace_call *call, const char *line) {
    char *end;
    *call = (struct trace_call){.descriptor = -1};
    if (!parse_stamp(line, &end, &call->start_ns) || *end != ' ') return false;
    const char *name = end + 1;
    const size_t length = strcspn(name, "( ");
    if (length == 0 || name[length] != '(' || length >= sizeof call->name) return false;
    (void)snprintf(call->name, sizeof call->name, "%.*s", (int)length, name);
    const long first = strtol(name + length + 1, &end, 10);
    if (end != name + length + 1 && (*end == ',' || *end == ')')) call->descriptor = (int)first;
    const char *equals = last_of(line, " = "), *took = last_of(line, " <");
    uint64_t ns;
    if (equals == NULL) return true;
    parse_result(call, equals + strlen(" = "));
    if (took > equals && parse_stamp(took + strlen(" <"), &end, &ns))
        call->end_ns = call->start_ns + ns;
    return true;
}

/* A thread and whose it is: every call that makes one is in the trace, too. */
struct thread {
    pid_t id, process;
    bool connects, binds;
};

struct reading {
    struct thread threads[THREADS_MAX];
    unsigned thread_count;
    struct trace *trace;
    bool failed; /* no memory, or too many threads */
};

static struct thread *thread_of(struct reading *r, pid_t id) {
    for (unsigned i = 0; i < r->thread_count; i++)
        if (r->threads[i].id == id) return &r->threads[i];
    r->failed = r->failed || r->thread_count == THREADS_MAX;
    if (r->failed) return &r->threads[0];
    r->threads[r->thread_count] = (struct thread){.id = id, .process = id};
    return &r->threads[r->thread_count++];
}

static void read_line(struct reading *r, pid_t id, const char *line) {
    struct trace *trace = r->trace;
    struct trace_call call;
    if (!trace_parse(&call, line)) return;
    call.thread = id;
    const bool internet = strstr(line, "sa_family=AF_INET") != NULL;
    if (internet && strcmp(call.name, "connect") == 0) thread_of(r, id)->connects = true;
    if (internet && strcmp(call.name, "bind") == 0) thread_of(r, id)->binds = true;
    /* The maker's number is not yet its own process's, perhaps: that is followed at the end. */
    const bool makes = strncmp(call.name, "clone", 5) == 0 && call.result > 0;
    if (makes && strstr(line, "CLONE_THREAD") != NULL)
        thread_of(r, (pid_t)call.result)->process = id;
    struct trace_call *more = reallocarray(trace->calls, trace->count + 1, sizeof *more);
    r->failed = r->failed || more == NULL;
    if (more == NULL) return;
    trace->calls = more;
    more[trace->count++] = call;
}

/* One for each thread: "trace.4711". */
static void read_file(struct reading *r, DIR *folder, const char *name) {
    const pid_t id = (pid_t)strtol(strrchr(name, '.') + 1, NULL, 10);
    const int opened = id > 0 ? openat(dirfd(folder), name, O_RDONLY | O_CLOEXEC) : -1;
    FILE *file = opened < 0 ? NULL : fdopen(opened, "r");
    char *line = NULL;
    size_t size = 0;
    if (file == NULL) return;
    (void)thread_of(r, id);
    while (getline(&line, &size, file) > 0) read_line(r, id, line);
    free(line);
    (void)fclose(file);
}

static pid_t process_of(struct reading *r, pid_t id) {
    for (unsigned steps = 0; steps < THREADS_MAX && thread_of(r, id)->process != id; steps++)
        id = thread_of(r, id)->process;
    return id;
}

static int by_start(const void *one, const void *other) {
    const struct trace_call *a = one, *b = other;
    return (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
}

/* Keeps what belongs to a side: the run itself, its wire and its helpers do not. */
static void take_sides(struct reading *r) {
    struct trace *trace = r->trace;
    const struct thread *one = r->threads, *end = one + r->thread_count;
    while (one < end && (!one->binds || one->connects)) one++;
    const pid_t server = one < end ? process_of(r, one->id) : -1;
    size_t kept = 0;
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_call call = trace->calls[i];
        const pid_t process = process_of(r, call.thread);
        if (process != server && !thread_of(r, call.thread)->connects) continue;
        call.side = process == server ? TRACE_SERVER : TRACE_CLIENT;
        trace->calls[kept++] = call;
        /* Its first thread only waits for the word to end; then it wakes the others. */
        const bool stops = call.thread == server && strcmp(call.name, "shutdown") == 0;
        if (stops && call.start_ns < trace->stopped_ns) trace->stopped_ns = call.start_ns;
    }
    trace->count = kept;
    if (kept > 0) qsort(trace->calls, kept, sizeof *trace->calls, by_start);
}

static bool read_folder(struct trace *trace, const char *path) {
    struct reading *reading = calloc(1, sizeof *reading);
    DIR *folder = opendir(path);
    bool failed = reading == NULL || folder == NULL;
    if (!failed) reading->trace = trace;
    for (const struct dirent *entry; !failed && (entry = readdir(folder)) != NULL;)
        read_file(reading, folder, entry->d_name);
    if (!failed) take_sides(reading);
    failed = failed || reading->failed;
    if (folder != NULL) (void)closedir(folder);
    free(reading);
    return !failed;
}

/* ---- the run ---- */

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

static enum trace_end run_in(const char *folder, struct trace *trace, const char *filter,
                             const struct parameters *asked, char *why) {
    struct process_end end = {0};
    char names[256], output[PATH_MAX + 32], program[32]; /* as "self" would be strace */
    (void)snprintf(names, sizeof names, "--trace=%s", filter);
    (void)snprintf(output, sizeof output, "--output=%s/trace", folder);
    (void)snprintf(program, sizeof program, "/proc/%ld/exe", (long)getpid());
    /* -ff: a file for each thread, so that no line is cut in two by another's. */
    char *tool[] = {"strace",
                    "-ff",
                    "-qq",
                    "--string-limit=8",
                    "--absolute-timestamps=format:unix,precision:ns",
                    "--syscall-times=ns",
                    names,
                    output,
                    program,
                    NULL};
    trace->run = child_run_by(tool, asked, &end);
    const enum trace_end ended = trace->run == NULL ? explain(&end, why) : TRACE_DONE;
    process_free(&end);
    if (ended != TRACE_DONE || read_folder(trace, folder)) return ended;
    (void)snprintf(why, CHILD_WHY, "cannot read what strace wrote: no memory, or too many threads");
    return TRACE_FAILED;
}

enum trace_end trace_run(struct trace *trace, const char *filter, const struct parameters *asked,
                         char *why) {
    char *folder = folder_make();
    *trace = (struct trace){.stopped_ns = UINT64_MAX};
    if (folder == NULL) {
        (void)snprintf(why, CHILD_WHY, "cannot make a folder in $TMPDIR or /tmp: %s",
                       strerror(errno));
        return TRACE_UNTRACEABLE;
    }
    const enum trace_end end = run_in(folder, trace, filter, asked, why);
    folder_remove(folder);
    return end;
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
