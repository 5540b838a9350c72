/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support.h"

#include "bench/run/process.h"
#include "echo/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

bool program_ends(pid_t pid, int timeout_ms) {
    return kill(pid, 0) != 0 || ends_before(pid, deadline_after(timeout_ms));
}

/* The parent is the second field behind the name, which may itself hold anything: proc(5). */
static pid_t parent_of(pid_t pid) {
    char path[64], line[512];
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    const char *got = fgets(line, sizeof line, file);
    (void)fclose(file);
    const char *name_end = got == NULL ? NULL : strrchr(line, ')');
    return name_end == NULL || strlen(name_end) < 5 ? -1 : (pid_t)strtol(name_end + 4, NULL, 10);
}

int program_children(pid_t pid, pid_t *children, int room) {
    DIR *directory = opendir("/proc");
    if (directory == NULL) return -errno;
    int count = 0;
    for (const struct dirent *entry; count < room && (entry = readdir(directory)) != NULL;) {
        const pid_t other = (pid_t)strtol(entry->d_name, NULL, 10);
        if (other > 0 && parent_of(other) == pid) children[count++] = other;
    }
    (void)closedir(directory);
    return count;
}

char *program_built(char *path, size_t size, const char *name) {
    const char *build = getenv("BUILD");
    (void)snprintf(path, size, "%s/%s", build != NULL ? build : "build", name);
    return path;
}

static char **split(struct words *words) {
    enum { MOST = sizeof words->argv / sizeof words->argv[0] - 1 };
    int count = 0;
    char *rest = words->text;
    words->argv[0] = rest;
    while (count < MOST && rest != NULL) words->argv[count++] = strsep(&rest, " ");
    words->argv[count] = NULL;
    return words->argv;
}

char **words_split(struct words *words, const char *format, ...) {
    va_list values;
    va_start(values, format);
    (void)vsnprintf(words->text, sizeof words->text, format, values);
    va_end(values);
    return split(words);
}

static char **echolab_words(struct words *words, const char *format, va_list values) {
    char line[sizeof words->text / 2], path[sizeof words->text / 4];
    (void)vsnprintf(line, sizeof line, format, values);
    return words_split(words, "%s %s", program_built(path, sizeof path, "echolab"), line);
}

void echolab_run(struct ran *ran, const char *format, ...) {
    struct words words;
    va_list values;
    va_start(values, format);
    char **argv = echolab_words(&words, format, values);
    va_end(values);
    ran->status = program_run(argv, NULL, ran->out, sizeof ran->out, ran->err, sizeof ran->err);
}

struct run *run_built(const struct parameters *asked, char *why) {
    char path[256];
    return child_run_of(program_built(path, sizeof path, "echolab"), asked, why);
}

int echolab_start(struct program *program, const char *format, ...) {
    struct words words;
    va_list values;
    va_start(values, format);
    char **argv = echolab_words(&words, format, values);
    va_end(values);
    return program_start(program, argv);
}

/* ---- measured servers ---- */

static int start_design(struct served *served, const struct echo_transport *transport,
                        const struct echo_server_options *options, enum design design, bool spin) {
    struct design_options wanted = {.design = design, .transport = transport, .spin = spin};
    if (options != NULL) wanted.server = *options;
    wanted.workers = wanted.server.sockets;
    *served = (struct served){0};
    int failed = 0;
    struct echo_address *address = &wanted.server.address;
    if (address->size == 0) failed = echo_address_find(address, NULL, 0);
    return failed != 0 ? failed : design_start(&served->server, &wanted, &served->address);
}

int served_start(struct served *served, const struct echo_transport *transport,
                 const struct echo_server_options *options, bool spin) {
    return start_design(served, transport, options, DESIGN_POOL, spin);
}

int served_start_design(struct served *served, const struct echo_transport *transport,
                        const struct echo_server_options *options, enum design design) {
    return start_design(served, transport, options, design, false);
}

void served_stop(struct served *served, uint64_t *counts) {
    design_stop(served->server, counts);
}

/* ---- messages and sockets ---- */

const uint8_t *test_payload(void) {
    static uint8_t payload[ECHO_PAYLOAD_MAX];
    static bool filled;
    for (uint32_t i = 0; i < ECHO_PAYLOAD_MAX && !filled; i++) {
        payload[i] = (uint8_t)(i * 2654435761U >> 24); /* Knuth's multiplicative hash */
    }
    filled = true;
    return payload;
}

struct echo_client_options test_client(const struct variant *variant,
                                       const struct echo_address *server, uint32_t payload_bytes) {
    return (struct echo_client_options){
        .server = *server,
        .lifetime = variant->lifetime,
        .session = TEST_SESSION,
        .payload = test_payload(),
        .payload_bytes = payload_bytes,
        .reply_bytes = payload_bytes,
        .patience_ns = (uint64_t)TEST_DEADLINE_MS * NS_PER_MS,
    };
}

size_t test_put(uint8_t *bytes, const struct echo_message *message) {
    echo_encode(bytes, message);
    memcpy(bytes + ECHO_HEADER_BYTES, test_payload(), message->payload_bytes);
    return ECHO_HEADER_BYTES + (size_t)message->payload_bytes;
}

bool test_is_reply(const uint8_t *reply, size_t size, const struct echo_message *request) {
    struct echo_message header;
    if (echo_decode(&header, reply, size) != ECHO_WHOLE) return false;
    return header.kind == ECHO_REPLY && header.session == request->session &&
           header.sequence == request->sequence && header.sent_ns == request->sent_ns &&
           header.payload_bytes == request->reply_bytes &&
           size == ECHO_HEADER_BYTES + (size_t)request->reply_bytes &&
           echo_matches(reply + ECHO_HEADER_BYTES, request->reply_bytes, test_payload(),
                        request->payload_bytes);
}

static int set_deadline(int fd) {
    const struct timeval deadline = {.tv_sec = TEST_DEADLINE_MS / 1000};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) != 0) return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline) != 0) return -errno;
    return 0;
}

int test_connect(const struct echo_address *address, int type) {
    const int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int failed = set_deadline(fd);
    if (failed == 0 && connect(fd, &address->any, address->size) != 0) failed = -errno;
    if (failed != 0) (void)close(fd);
    return failed != 0 ? failed : fd;
}

int test_bind(struct echo_address *address, int type) {
    if (echo_address_find(address, NULL, 0) != 0) return -EADDRNOTAVAIL;
    const int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    int failed = set_deadline(fd);
    if (failed == 0 && bind(fd, &address->any, address->size) != 0) failed = -errno;
    if (failed == 0 && type == SOCK_STREAM && listen(fd, SOMAXCONN) != 0) failed = -errno;
    if (failed == 0) failed = echo_address_of_socket(address, fd);
    if (failed != 0) (void)close(fd);
    return failed != 0 ? failed : fd;
}

int test_accept(int listener) {
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    const int failed = set_deadline(fd);
    if (failed != 0) (void)close(fd);
    return failed != 0 ? failed : fd;
}

int test_deserted(struct echo_address *address, int type) {
    const int fd = test_bind(address, type);
    if (fd < 0) return fd;
    (void)close(fd);
    return 0;
}

ssize_t test_receive(int socket, uint8_t *bytes, size_t size) {
    size_t have = 0;
    while (have < size) {
        const ssize_t got = recv(socket, bytes + have, size - have, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}

void test_reset(int socket) {
    const struct linger reset = {.l_onoff = 1};
    (void)setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(socket);
}

/* ---- exact counts ---- */

bool exact_again(int attempt, const struct exact *seen, const struct exact *wanted,
                 const char *what) {
    enum { REPEATS = 3, ACK_BYTES = 52 };
    const bool others_equal =
        seen->packets - seen->acks == wanted->packets - wanted->acks &&
        seen->ip_bytes - ACK_BYTES * seen->acks == wanted->ip_bytes - ACK_BYTES * wanted->acks;
    const bool equal = others_equal && seen->acks == wanted->acks;
    if (equal || (!others_equal && seen->resent == 0) || attempt == REPEATS) return false;
    /* Not print_message, as who counts in a child ends without writing what is buffered. */
    (void)fprintf(stderr,
                  "%s: counted again, as another program disturbed it: %llu pure ACKs (not %llu), "
                  "%llu segments sent again\n",
                  what, (unsigned long long)seen->acks, (unsigned long long)wanted->acks,
                  (unsigned long long)seen->resent);
    return true;
}

char own_folder[] = "/tmp/echolab-test.XXXXXX";

int own_folder_make(void **state) {
    (void)state;
    return mkdtemp(own_folder) == NULL ? -1 : 0;
}

int own_folder_remove(void **state) {
    (void)state;
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r '%s'", own_folder);
    return system(command); /* NOLINT(cert-env33-c): the name is our own */
}
