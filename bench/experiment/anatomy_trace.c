/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/experiment/anatomy_trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/link/wire.h"
#include "bench/run/caller.h"

enum { PATH_ROOM = 512, WORD_ROOM = 576, WORDS_MAX = 40, THREADS_MAX = 256 };

/* ---- the folder ---- */

int trace_folder_make(char *path, size_t size) {
    const char *temporary = getenv("TMPDIR");
    uid_t uid;
    gid_t gid;
    const char *root = temporary != NULL && *temporary != '\0' ? temporary : "/tmp";
    (void)snprintf(path, size, "%s/echolab-XXXXXX", root);
    if (mkdtemp(path) == NULL) return -errno;
    if (!caller_find(&uid, &gid)) return 0;
    return chown(path, uid, gid) == 0 ? 0 : -errno;
}

static void for_each_file(const char *folder, void (*act)(void *context, const char *path),
                          void *context) {
    DIR *directory = opendir(folder);
    if (directory == NULL) return;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[PATH_ROOM];
        if (entry->d_name[0] == '.') continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        act(context, path);
    }
    (void)closedir(directory);
}

static void remove_file(void *context, const char *path) {
    (void)context;
    (void)unlink(path);
}

static bool is_trace(const char *path) {
    return strncmp(strrchr(path, '/') + 1, "trace.", strlen("trace.")) == 0;
}

static void remove_trace(void *context, const char *path) {
    if (is_trace(path)) remove_file(context, path);
}

void trace_folder_remove(const char *path) {
    for_each_file(path, remove_file, NULL);
    (void)rmdir(path);
}

/* ---- the run ---- */

struct words {
    int count;
    char text[WORDS_MAX][WORD_ROOM];
    char *list[WORDS_MAX + 1];
};

__attribute__((format(printf, 2, 3))) static void add(struct words *words, const char *format,
                                                      ...) {
    va_list values;
    va_start(values, format);
    char *text = words->text[words->count];
    (void)vsnprintf(text, WORD_ROOM, format, values);
    va_end(values);
    words->list[words->count++] = text;
}

static void add_run(struct words *w, const struct options *o) {
    add(w, "/proc/%ld/exe", (long)getpid()); /* us, as "self" would be strace */
    add(w, "run");
    add(w, "%s", o->variants[0]->name);
    add(w, "--size=%u", o->size_bytes);
    add(w, "--reply-size=%u", o->reply_bytes);
    add(w, "--messages=%llu", (unsigned long long)o->messages);
    add(w, "--warmup=0s");
    add(w, "--deadline=%lluns", (unsigned long long)o->deadline_ns);
    add(w, "--profile=%s", profile_names[o->profile]);
    add(w, "--seed=%llu", (unsigned long long)o->seed);
    if (o->pipeline > 0) add(w, "--pipeline=%u", o->pipeline);
    if (o->wire) add(w, "--rtt=%lluns", (unsigned long long)o->rtt_ns);
    if (o->pcap != NULL) add(w, "--pcap=%s", o->pcap);
    if (o->drop[0] > 0) {
        add(w, "--drop=%s:%s:%u", wire_kind_names[o->drop[0] - 1],
            wire_direction_names[o->drop[1] - 1], o->drop[2]);
    }
    if (o->variants[0]->retries) {
        add(w, "--rto-floor=%lluns", (unsigned long long)o->rto_floor_ns);
    }
}

static void become(struct words *words, const char *out, const char *err, pid_t parent) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int output = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int errors = open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (getppid() != parent || output < 0 || errors < 0) _exit(1);
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0) _exit(1);
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGINT, &usual, NULL);
    (void)sigaction(SIGTERM, &usual, NULL);
    (void)execvp(words->list[0], words->list);
    _exit(127);
}

/* Its wait status, or -EINTR after a signal, which then has been passed on. */
static int wait_for(pid_t pid) {
    const struct timespec glance = {.tv_nsec = 10000000};
    for (;;) {
        int status = 0;
        const pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid) return status;
        if (ended < 0 && errno != EINTR) return -errno;
        if (options_interrupted) break;
        (void)nanosleep(&glance, NULL); /* a signal may come just before a wait without end */
    }
    (void)kill(pid, SIGKILL); /* what it traces asked to die with it */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return -EINTR;
}

static void read_first_line(const char *path, char *line, int size) {
    line[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    if (fgets(line, size, file) == NULL) line[0] = '\0';
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
}

/* What went wrong: with strace itself, or with the run in it. */
static void explain(int status, const char *err, bool *untraceable, char *why, size_t size) {
    char line[256];
    read_first_line(err, line, sizeof line);
    const char *own = "echolab: ";
    *untraceable = false;
    if (status == -EINTR) {
        (void)snprintf(why, size, "interrupted");
    } else if (status < 0) {
        (void)snprintf(why, size, "a run could not be started: %s", strerror(-status));
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        *untraceable = true;
        (void)snprintf(why, size, "strace is not installed; `make deps` would do");
    } else if (strncmp(line, own, strlen(own)) == 0) {
        (void)snprintf(why, size, "%s", line + strlen(own));
    } else {
        *untraceable = true;
        (void)snprintf(why, size, "strace did not get through (%s); `sudo echolab ...` would do",
                       *line == '\0' ? "it said nothing" : line);
    }
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
    const char *equals = last_of(line, " = ");
    const char *took = last_of(line, " <");
    if (equals == NULL) return true;
    parse_result(call, equals + strlen(" = "));
    uint64_t ns;
    if (took > equals && parse_stamp(took + strlen(" <"), &end, &ns)) {
        call->end_ns = call->start_ns + ns;
    }
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
    size_t room;
    bool failed; /* no memory, or too many threads */
};

static struct thread *thread_of(struct reading *r, pid_t id) {
    for (unsigned i = 0; i < r->thread_count; i++) {
        if (r->threads[i].id == id) return &r->threads[i];
    }
    if (r->thread_count == THREADS_MAX) {
        r->failed = true;
        return &r->threads[0];
    }
    r->threads[r->thread_count] = (struct thread){.id = id, .process = id};
    return &r->threads[r->thread_count++];
}

static void keep(struct reading *r, const struct trace_call *call) {
    struct trace *trace = r->trace;
    if (trace->count == r->room) {
        const size_t room = r->room == 0 ? 1024 : 2 * r->room;
        struct trace_call *calls = realloc(trace->calls, room * sizeof *calls);
        r->failed = r->failed || calls == NULL;
        if (calls == NULL) return;
        trace->calls = calls;
        r->room = room;
    }
    trace->calls[trace->count++] = *call;
}

static void read_line(struct reading *r, pid_t id, const char *line) {
    struct trace_call call;
    if (!trace_parse(&call, line)) return;
    call.thread = id;
    const bool internet = strstr(line, "sa_family=AF_INET") != NULL;
    if (internet && strcmp(call.name, "connect") == 0) thread_of(r, id)->connects = true;
    if (internet && strcmp(call.name, "bind") == 0) thread_of(r, id)->binds = true;
    /* The maker's number is not yet its own process's, perhaps: that is followed at the end. */
    const bool makes = strncmp(call.name, "clone", 5) == 0 && call.result > 0;
    if (makes && strstr(line, "CLONE_THREAD") != NULL) {
        thread_of(r, (pid_t)call.result)->process = id;
    }
    keep(r, &call);
}

static void read_file(void *context, const char *path) {
    struct reading *r = context;
    if (!is_trace(path)) return;
    const pid_t id = (pid_t)strtol(strrchr(path, '.') + 1, NULL, 10);
    (void)thread_of(r, id);
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) read_line(r, id, line);
    free(line);
    (void)fclose(file);
}

static pid_t process_of(struct reading *r, pid_t id) {
    for (unsigned steps = 0; steps < THREADS_MAX; steps++) {
        const struct thread *thread = thread_of(r, id);
        if (thread->process == id) break;
        id = thread->process;
    }
    return id;
}

static pid_t find_server(struct reading *r) {
    for (unsigned i = 0; i < r->thread_count; i++) {
        const struct thread *thread = &r->threads[i];
        if (thread->binds && !thread->connects) return process_of(r, r->threads[i].id);
    }
    return -1;
}

static int by_start(const void *one, const void *other) {
    const struct trace_call *a = one;
    const struct trace_call *b = other;
    return (a->start_ns > b->start_ns) - (a->start_ns < b->start_ns);
}

/* Keeps what belongs to a side: the run itself, its wire and its helpers do not. */
static void take_sides(struct reading *r) {
    struct trace *trace = r->trace;
    const pid_t server = find_server(r);
    size_t kept = 0;
    trace->stopped_ns = UINT64_MAX;
    for (size_t i = 0; i < trace->count; i++) {
        struct trace_call call = trace->calls[i];
        const bool serves = process_of(r, call.thread) == server;
        if (!serves && !thread_of(r, call.thread)->connects) continue;
        call.side = serves ? TRACE_SERVER : TRACE_CLIENT;
        call.leads = call.thread == process_of(r, call.thread);
        trace->calls[kept++] = call;
        /* Its first thread only waits for the word to end; then it wakes the others. */
        const bool stops = serves && call.leads && strcmp(call.name, "shutdown") == 0;
        if (stops && call.start_ns < trace->stopped_ns) trace->stopped_ns = call.start_ns;
    }
    trace->count = kept;
    if (kept > 0) qsort(trace->calls, kept, sizeof *trace->calls, by_start);
}

static int read_trace(struct trace *trace, const char *folder) {
    struct reading *reading = calloc(1, sizeof *reading);
    *trace = (struct trace){0};
    if (reading == NULL) return -ENOMEM;
    reading->trace = trace;
    for_each_file(folder, read_file, reading);
    take_sides(reading);
    const bool failed = reading->failed;
    free(reading);
    return failed ? -ENOMEM : 0;
}

json_t *trace_run(struct trace *trace, const char *folder, const char *filter,
                  const struct options *options, bool *untraceable, char *why, size_t why_size) {
    char out[PATH_ROOM];
    char err[PATH_ROOM];
    (void)snprintf(out, sizeof out, "%s/out", folder);
    (void)snprintf(err, sizeof err, "%s/err", folder);
    struct words words = {0};
    add(&words, "strace");
    add(&words, "-ff"); /* a file for each thread: no line is cut in two by another's */
    add(&words, "-qq");
    add(&words, "--string-limit=8");
    add(&words, "--absolute-timestamps=format:unix,precision:ns");
    add(&words, "--syscall-times=ns");
    add(&words, "--trace=%s", filter);
    add(&words, "--output=%s/trace", folder);
    add_run(&words, options);
    *trace = (struct trace){0};
    for_each_file(folder, remove_trace, NULL);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) become(&words, out, err, parent);
    const int status = pid < 0 ? -errno : wait_for(pid);
    json_error_t error;
    json_t *run = status == 0 ? json_load_file(out, 0, &error) : NULL;
    if (run == NULL) explain(status, err, untraceable, why, why_size);
    const int failed = run != NULL ? read_trace(trace, folder) : 0;
    if (failed != 0) {
        trace_release(trace);
        json_decref(run);
        run = NULL;
        (void)snprintf(why, why_size, "cannot read what strace wrote: %s", strerror(-failed));
    }
    return run;
}

void trace_release(struct trace *trace) {
    free(trace->calls);
    *trace = (struct trace){0};
}

/*
 * strace reads the clock for the duration of a call a little later than for
 * its start: a call that waited ends later than it says.
 */
bool trace_is_ending(const struct trace *trace, const struct trace_call *call) {
    const uint64_t most_ns = 2000000;
    const uint64_t took_ns = call->end_ns - call->start_ns;
    const uint64_t slack_ns = took_ns / 8 < most_ns ? took_ns / 8 : most_ns;
    if (call->side != TRACE_SERVER || trace->stopped_ns == UINT64_MAX) return false;
    return call->end_ns == 0 || call->end_ns + slack_ns > trace->stopped_ns;
}

void trace_say(FILE *out, int indent, const char *text) {
    const int width = 80;
    int column = 0;
    while (*text != '\0') {
        const int length = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + length > width) {
            (void)fputc('\n', out);
            column = 0;
        }
        column += fprintf(out, "%*s%.*s", column == 0 ? indent : 1, "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    (void)fputc('\n', out);
}

/* ---- counts ---- */

static void count_one(struct trace_counts *counts, const char *name) {
    unsigned i = 0;
    while (i < counts->count && strcmp(counts->of[i].name, name) != 0) i++;
    if (i == TRACE_NAMES_MAX) return;
    if (i == counts->count) {
        (void)snprintf(counts->of[i].name, sizeof counts->of[i].name, "%s", name);
        counts->count++;
    }
    counts->of[i].calls++;
}

void trace_count(struct trace_counts *counts, const struct trace *trace, enum trace_side side) {
    *counts = (struct trace_counts){0};
    for (size_t i = 0; i < trace->count; i++) {
        const struct trace_call *call = &trace->calls[i];
        if (call->side == side && !trace_is_ending(trace, call)) count_one(counts, call->name);
    }
}

uint64_t trace_count_of(const struct trace_counts *counts, const char *name) {
    for (unsigned i = 0; i < counts->count; i++) {
        if (strcmp(counts->of[i].name, name) == 0) return counts->of[i].calls;
    }
    return 0;
}
