/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/experiment/crosscheck.h"
#include "bench/run/process.h"
#include "bench/run/status.h"
#include "echo/clock.h"
#include "echo/message.h"

static const struct {
    const char *name, *variable, *source;
} programs[TOOL_PROGRAMS] = {
    [TOOL_SOCKPERF] = {"sockperf", "SOCKPERF", "apt-get install sockperf"},
    [TOOL_QPERF] = {"qperf", "QPERF", "apt-get install qperf"},
    [TOOL_NETPERF] = {"netperf", "NETPERF", "build HewlettPackard/netperf"},
    [TOOL_NETSERVER] = {"netserver", "NETSERVER", "build HewlettPackard/netperf"},
    [TOOL_TCP_RR] = {"tcp_rr", "TCP_RR", "build google/neper"},
    [TOOL_UDP_RR] = {"udp_rr", "UDP_RR", "build google/neper"},
    [TOOL_TCP_CRR] = {"tcp_crr", "TCP_CRR", "build google/neper"},
    [TOOL_NGINX] = {"nginx", "NGINX", "apt-get install nginx-light"},
    [TOOL_AB] = {"ab", "AB", "apt-get install apache2-utils"}};

static bool can_run(const char *path) {
    struct stat its;
    return stat(path, &its) == 0 && S_ISREG(its.st_mode) && access(path, X_OK) == 0;
}

int tool_find(enum tool_program program, char path[TOOL_PATH]) {
    const char *name = programs[program].name, *variable = programs[program].variable;
    const char *named = getenv(variable), *usual = getenv("PATH");
    char *folders = NULL;
    bool found = false;
    if (named != NULL && *named != '\0') {
        /* They are started in a directory of their own. */
        char *absolute = realpath(named, NULL);
        found = absolute != NULL && can_run(absolute);
        (void)snprintf(path, TOOL_PATH, found ? "%s" : "%s: %s=%s is no program that can be run",
                       found ? absolute : name, variable, named);
        free(absolute);
        return found ? 0 : -ENOENT;
    }
    if (asprintf(&folders, "%s:/usr/sbin:/usr/local/sbin", usual == NULL ? "" : usual) < 0)
        folders = NULL;
    char *rest = folders;
    for (char *folder; !found && (folder = strsep(&rest, ":")) != NULL;) {
        (void)snprintf(path, TOOL_PATH, "%s/%s", folder, name);
        found = folder[0] == '/' && can_run(path);
    }
    free(folders);
    if (found) return 0;
    (void)snprintf(path, TOOL_PATH, "%s: not installed (%s, or %s=path)", name,
                   programs[program].source, variable);
    return -ENOENT;
}

static double figure_us(const char *text, enum tool_figure figure) {
    static const struct {
        const char *name;
        double us;
    } units[] = {{"ns", 1e-3},  {"us", 1},  {"usec", 1}, {"ms", 1e3},
                 {"msec", 1e3}, {"s", 1e6}, {"sec", 1e6}};
    char *end, unit[8] = {0};
    text += strspn(text, " \t=");
    const double number = strtod(text, &end);
    if (end == text || !isfinite(number) || number <= 0) return NAN;
    if (figure == TOOL_PER_SECOND) return 1e6 / number;
    (void)sscanf(end, " %7[a-z]", unit);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(unit, units[i].name) == 0)
            return number * units[i].us * (figure == TOOL_ONE_WAY ? 2 : 1);
    return NAN;
}

double tool_parse(const struct tool_row *row, const char *output) {
    const size_t length = strlen(row->before);
    for (const char *line = output; line != NULL; line = strchr(line, '\n')) {
        line += strspn(line, "\n\t ");
        if (strncmp(line, row->before, length) != 0) continue;
        const double us = figure_us(line + length, row->figure);
        if (isfinite(us)) return us;
    }
    return NAN;
}

enum { OUTPUT_MAX = 1 << 20 };

struct supervisor {
    const struct tool_job *job;
    struct tool_outcome outcome;
    unsigned ports[2]; /* $PORT, $OTHER */
    int server_output, client_output;
    pid_t server;
};

__attribute__((format(printf, 2, 3))) static int problem(struct supervisor *s, const char *format,
                                                         ...) {
    va_list values;
    va_start(values, format);
    (void)vsnprintf(s->outcome.problem, sizeof s->outcome.problem, format, values);
    va_end(values);
    return -1;
}

/* Two ports that are free now. */
static int choose_ports(struct supervisor *s) {
    int sockets[2];
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof at;
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (sockets[i] >= 0 && bind(sockets[i], (struct sockaddr *)&at, size) == 0 &&
            getsockname(sockets[i], (struct sockaddr *)&at, &size) == 0)
            s->ports[i] = ntohs(at.sin_port);
    }
    for (int i = 0; i < 2; i++) (void)close(sockets[i]);
    return s->ports[0] != 0 && s->ports[1] != 0 ? 0 : problem(s, "no free port");
}

/*
 * netperf resolves 127.0.0.1 with AI_ADDRCONFIG, for which loopback addresses
 * do not count (getaddrinfo(3)): where there is no other it finds no host.
 */
static void add_address(void) {
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) return;
    struct ifreq request = {.ifr_name = "lo:1"};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a090001)};
    memcpy(&request.ifr_addr, &address, sizeof address);
    (void)ioctl(any, SIOCSIFADDR, &request); /* else netperf will say what it lacks */
    (void)close(any);
}

static void pin(const void *cpu) {
    (void)setpgid(0, 0); /* a terminal's SIGINT is for us; we end them */
    if (placement_pin(*(const int *)cpu) == 0) return;
    (void)dprintf(STDERR_FILENO, "cannot stay on CPU %d\n", *(const int *)cpu);
    _exit(127);
}

/* A shell that becomes the tool, which is $0. */
static pid_t start(const char *path, const char *command, int output, int cpu) {
    char *const list[] = {(char *)"sh", (char *)"-c", (char *)command, (char *)path, NULL};
    return process_start(&(struct process_start){.program = "/bin/sh",
                                                 .argv = list,
                                                 .output = output,
                                                 .errors = output,
                                                 .prepare = pin,
                                                 .what = &cpu});
}

/* The whole output, malloc'd, without what a terminal would take for colour. */
static char *read_output(int output) {
    char *text = calloc(1, OUTPUT_MAX + 1);
    if (text == NULL) return NULL;
    const ssize_t got = pread(output, text, OUTPUT_MAX, 0);
    size_t kept = 0;
    for (ssize_t i = 0; i < got; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '\n' || isprint(c)) text[kept++] = (char)c;
    }
    text[kept] = '\0';
    return text;
}

/* Its last line that says something, cut to fit a line of the table. */
static void last_words(int output, char *words, size_t size) {
    char *text = read_output(output);
    (void)snprintf(words, size, "nothing said");
    char *rest = text;
    for (const char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        line += strspn(line, " ");
        if (*line != '\0') (void)snprintf(words, size, "%s", line);
    }
    free(text);
}

/*
 * Whether the port stands in one of the kernel's tables: for TCP in state LISTEN
 * (0A), for UDP at all (proc(5)). Connecting would be simpler, but these servers
 * take the first connection for their client.
 */
static bool is_ready(const struct supervisor *s) {
    const char *protocol = s->job->row->udp ? "udp" : "tcp";
    bool found = false;
    for (int i = 0; i < 2; i++) {
        char line[512];
        (void)snprintf(line, sizeof line, "/proc/self/net/%s%s", protocol, i == 0 ? "" : "6");
        FILE *file = fopen(line, "re");
        while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
            unsigned local = 0, state = 0;
            (void)sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local, &state);
            found = local == s->ports[0] && (s->job->row->udp || state == 0x0a);
        }
        if (file != NULL) (void)fclose(file);
    }
    return found;
}

static int await_server(struct supervisor *s) {
    const uint64_t until_ns = echo_clock_ns() + s->job->ready_ns;
    const uint64_t glance_ns = 2000000;
    char words[64];
    while (!is_ready(s)) {
        int status = 0;
        const uint64_t now_ns = echo_clock_ns();
        if (interrupted) return problem(s, "interrupted");
        if (waitpid(s->server, &status, WNOHANG) == s->server) {
            last_words(s->server_output, words, sizeof words);
            return problem(s, "refused: its server ended: %s", words);
        }
        if (now_ns >= until_ns) {
            return problem(s, "its server was not ready within %.1f s",
                           (double)s->job->ready_ns / 1e9);
        }
        echo_clock_sleep_until(now_ns + glance_ns);
    }
    return 0;
}

static int run_both(struct supervisor *s) {
    const struct tool_job *job = s->job;
    const uint64_t patience_ns = job->seconds * UINT64_C(1000000000) + job->figure_ns;
    char words[64];
    int status = 0;
    s->server = start(job->server, job->row->serve, s->server_output, job->cpus.server);
    if (s->server < 0) return problem(s, "no process for its server");
    if (await_server(s) != 0) return -1;
    const pid_t client = start(job->client, job->row->ask, s->client_output, job->cpus.client);
    if (client < 0) return problem(s, "no process for its client");
    const int failed = process_wait(client, patience_ns, &status);
    if (failed == -EINTR) return problem(s, "interrupted");
    if (failed != 0)
        return problem(s, "stalled: no figure within %.1f s", (double)patience_ns / 1e9);
    last_words(s->client_output, words, sizeof words);
    if (WIFSIGNALED(status)) return problem(s, "ended by signal %d: %s", WTERMSIG(status), words);
    if (WEXITSTATUS(status) != 0)
        return problem(s, "refused (status %d): %s", WEXITSTATUS(status), words);
    char *text = read_output(s->client_output);
    s->outcome.us = text == NULL ? NAN : tool_parse(job->row, text);
    free(text);
    return isfinite(s->outcome.us) ? 0 : problem(s, "printed no figure: %s", words);
}

/* What the tools inherit. */
static int settle(struct supervisor *s) {
    const struct rlimit file = {OUTPUT_MAX, OUTPUT_MAX}, core = {0, 0};
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)setrlimit(RLIMIT_FSIZE, &file); /* who prints for ever is ended by SIGXFSZ */
    (void)setrlimit(RLIMIT_CORE, &core);
    (void)setenv("LC_ALL", "C", 1);
    s->server_output = memfd_create("server", MFD_CLOEXEC);
    s->client_output = memfd_create("client", MFD_CLOEXEC);
    if (s->server_output < 0 || s->client_output < 0) return problem(s, "no memory");
    if (dup2(nothing, STDIN_FILENO) < 0 || chdir(s->job->directory) != 0)
        return problem(s, "no directory to work in");
    if (choose_ports(s) != 0) return -1;
    const struct {
        const char *name;
        unsigned value;
    } all[] = {{"PORT", s->ports[0]},
               {"OTHER", s->ports[1]},
               {"PAYLOAD", s->job->payload_bytes},
               {"BYTES", ECHO_HEADER_BYTES + s->job->payload_bytes},
               {"SECONDS", s->job->seconds}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", all[i].value);
        (void)setenv(all[i].name, text, 1);
    }
    return 0;
}

static void supervise(void *result) {
    struct supervisor *s = result;
    s->outcome.problem[0] = '\0';
    if (profile_enter(s->job->profile) == 0) add_address();
    if (settle(s) == 0) (void)run_both(s);
}

/* The supervisor has the deadlines; what it does after them takes no waiting for others. */
void tool_run(const struct tool_job *job, struct tool_outcome *outcome) {
    struct supervisor s = {.job = job, .outcome = {NAN, "its supervisor died"}};
    (void)process_apart(supervise, &s, sizeof s);
    *outcome = s.outcome;
}

/* What the tests of a tool have in common. */
#define BECOME "exec \"$0\" "

#define SOCKPERF(test_, how_)                                                                      \
    .tool = "sockperf", .test = (test_), .server = TOOL_SOCKPERF, .client = TOOL_SOCKPERF,         \
    .serve = BECOME "sr " how_ "-i 127.0.0.1 -p $PORT",                                            \
    .ask = BECOME "pp " how_ "-i 127.0.0.1 -p $PORT -m $BYTES -t $SECONDS --full-rtt",             \
    .before = "sockperf: Summary: Round trip is", .figure = TOOL_ROUND_TRIP, .ours = METRIC_MEAN

#define QPERF(test_)                                                                               \
    .tool = "qperf", .test = (test_), .server = TOOL_QPERF, .client = TOOL_QPERF,                  \
    .serve = BECOME "-lp $PORT",                                                                   \
    .ask = BECOME "-lp $PORT -t $SECONDS -m $BYTES -e 6 127.0.0.1 " test_, .before = "latency",    \
    .figure = TOOL_ONE_WAY, .ours = METRIC_TIME

#define NETPERF(test_, how_)                                                                       \
    .tool = "netperf", .test = (test_), .server = TOOL_NETSERVER, .client = TOOL_NETPERF,          \
    .serve = BECOME "-D -4 -L 127.0.0.1 -p $PORT",                                                 \
    .ask = BECOME "-H 127.0.0.1 -p $PORT -l $SECONDS -P 0 -t " test_ " -- " how_                   \
                  "-r $BYTES,$BYTES -k THROUGHPUT",                                                \
    .before = "THROUGHPUT", .figure = TOOL_PER_SECOND, .ours = METRIC_TIME

#define NEPER(test_, program_, how_)                                                               \
    .tool = "neper", .test = (test_), .server = (program_), .client = (program_),                  \
    .serve = BECOME how_ "-C $OTHER -P $PORT -Q $BYTES -R $BYTES -l $SECONDS",                     \
    .ask = BECOME how_ "-c -H 127.0.0.1 -C $OTHER -P $PORT -Q $BYTES -R $BYTES -l $SECONDS",       \
    .before = "throughput", .figure = TOOL_PER_SECOND, .ours = METRIC_TIME

/*
 * One worker in the foreground, no log, everything in the directory it is started in.
 * Root, as in a user namespace there may be no other to give the folders to.
 */
#define NGINX(test_, how_)                                                                         \
    .tool = "nginx+ab", .test = (test_), .server = TOOL_NGINX, .client = TOOL_AB,                  \
    .serve = "cat > config << END\n"                                                               \
             "daemon off; master_process off; worker_processes 1;\n"                               \
             "user root; error_log stderr; pid nginx.pid;\n"                                       \
             "events { worker_connections 64; }\n"                                                 \
             "http {\n"                                                                            \
             "    access_log off; keepalive_requests 1000000000;\n"                                \
             "    client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t;\n"              \
             "    uwsgi_temp_path t; scgi_temp_path t;\n"                                          \
             "    server { listen 127.0.0.1:$PORT; default_type text/plain;\n"                     \
             "             location / { return 200 \"$(printf %${PAYLOAD}s | tr ' ' x)\"; } }\n"   \
             "}\nEND\n" BECOME "-e stderr -p . -c $PWD/config",                                    \
    .ask = BECOME "-q " how_ "-t $SECONDS -n 10000000 http://127.0.0.1:$PORT/",                    \
    .before = "Requests per second:", .figure = TOOL_PER_SECOND, .ours = METRIC_TIME

#define UNCHECKED                                                                                  \
    "nothing is checked, ours encodes, checks and times every message: /floor in `compare` tells"
#define NAGLE_IDLE "TCP_NODELAY off; with one message in flight Nagle has nothing to hold"

const struct tool_row tool_rows[] = {
    {SOCKPERF("tcp", "--tcp "), .variant = "tcp-persistent",
     .notes = {"their mean from before send to after receive, by the CPU's cycle counter",
               "asked for whole round trips (it prints half unless told); TCP_NODELAY on"}},
    {SOCKPERF("udp", ""), .udp = true, .variant = "udp-persistent",
     .notes = {"their mean from before send to after receive, asked for whole round trips, "
               "without what was dropped or came out of order",
               "an address in every call, as its client does not connect (3 to 4 % in netperf)",
               "ours checks every reply"}},
    {QPERF("tcp_lat"), .variant = "tcp-persistent",
     .notes = {"elapsed time / (messages sent + received), doubled here", UNCHECKED, NAGLE_IDLE}},
    {QPERF("udp_lat"), .variant = "udp-persistent",
     .notes = {"elapsed time / (messages sent + received), doubled here", UNCHECKED,
               "no deadline: a lost datagram ends its exchanges"}},
    {NETPERF("TCP_RR", ""), .variant = "tcp-persistent",
     .notes = {"elapsed time / transactions", UNCHECKED, NAGLE_IDLE}},
    {NETPERF("UDP_RR", "-n "), .variant = "udp-persistent",
     .notes = {"elapsed time / transactions",
               "asked to connect the client's socket (-n), as ours is: else 3 to 4 % more",
               "a lost datagram stops it until its time is over"}},
    {NETPERF("TCP_CRR", ""), .variant = "tcp-per-message",
     .notes = {"both from before socket() to after close(), the server closes first",
               "theirs binds every socket to a port of its own choice (in silence to the next "
               "where it is taken) and asks for buffer sizes",
               "ours sets TCP_NODELAY and two timeouts and looks for unread bytes before "
               "closing"}},
    {NEPER("tcp_rr", TOOL_TCP_RR, "--no-delay "), .variant = "tcp-persistent",
     .notes = {"elapsed time / transactions; TCP_NODELAY asked for",
               "five epoll calls an exchange that ours has not (strace: 4 in its server, 1 in "
               "its client)"}},
    {NEPER("udp_rr", TOOL_UDP_RR, ""), .udp = true, .variant = "udp-persistent",
     .notes = {"elapsed time / transactions; epoll_wait before every receive on both sides",
               "without a timer: a lost datagram ends its flow"}},
    {NEPER("tcp_crr", TOOL_TCP_CRR, ""), .variant = "tcp-per-message",
     .notes = {"theirs: the client resets after the reply (8 packets), epoll on both sides",
               "ours: the server closes with FIN and the client waits for it (10)"}},
    {NEPER("tcp_rr/64", TOOL_TCP_RR, "-F 64 --no-delay "), .flows = 64, .variant = "tcp-persistent",
     .notes = {"64 connections, a core for each side, epoll on both; elapsed time / "
               "transactions",
               "TCP_NODELAY asked for"}},
    {NEPER("udp_rr/64", TOOL_UDP_RR, "-F 64 "), .udp = true, .flows = 64,
     .variant = "udp-persistent",
     .notes = {"64 sockets, a core for each side, epoll on both; theirs has no timer"}},
    {NEPER("tcp_crr/64", TOOL_TCP_CRR, "-F 64 "), .flows = 64, .variant = "tcp-per-message",
     .notes = {"64 at once, a core for each side, epoll on both",
               "theirs resets (8 packets), ours closes with FIN and waits for the other's (10)"}},
    {NGINX("", ""), .variant = "tcp-per-message",
     .notes = {"HTTP/1.0, elapsed time / requests, the server closes",
               "the body has our payload's size but the headers make it about 80 B up and 207 B "
               "down",
               "text is parsed and made, epoll on both sides"}},
    {NGINX("-k", "-k "), .variant = "tcp-persistent",
     .notes = {"HTTP/1.0 with keep-alive, elapsed time / requests",
               "bytes and epoll as without -k"}}};

const unsigned tool_row_count = sizeof tool_rows / sizeof tool_rows[0];
