/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Other programs, started, talked to and stopped: for tests that run what was
 * built; and the measured servers, and raw sockets to meet them or to play
 * them. Every wait has a deadline; nobody sleeps. It does not judge: what
 * cannot be started or does not answer is returned, for the test to assert on.
 *
 * A server and its port:
 *
 *     struct program server;
 *     char line[256];
 *     program_start(&server, (char *[]){"build/tcp-server", "0", NULL});
 *     program_line(server.out, line, sizeof line, TEST_DEADLINE_MS);
 *     ...
 *     program_stop(&server, SIGTERM);
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/run/run.h"
#include "bench/serve/design.h"

enum {
    TEST_DEADLINE_MS = 30000
}; /* far more than anything needs, sanitizers and neighbours included */

struct program {
    pid_t pid;
    int in, out, err; /* our ends of its standard streams; in is -1 once closed */
};

/*
 * Starts argv[0] (searched in PATH where it has no slash) with pipes to its
 * three streams. The program dies with us (PR_SET_PDEATHSIG). 0 or -errno, and
 * then nothing is open; on success the caller owes one program_stop.
 */
int program_start(struct program *program, char *const argv[]);

/*
 * Reads up to and including a newline, which is cut off, into `buffer`, always
 * ended by 0. The line's length; -ETIMEDOUT when it has not come within
 * `timeout_ms`, -EPIPE at end of file, -EMSGSIZE when it does not fit, -errno.
 */
ssize_t program_line(int fd, char *buffer, size_t size, int timeout_ms);

/*
 * Sends `signal` (0: none, it ends by itself once its input is closed), closes
 * the pipes and reaps. The exit status, or 128 + the signal that ended it;
 * -ETIMEDOUT when TEST_DEADLINE_MS was not enough and it had to be killed.
 */
int program_stop(struct program *program, int signal);

/*
 * Runs to the end: writes `input` (NULL: none), reads `out` and `err` (each
 * always ended by 0, what does not fit is dropped; NULL: not wanted). Returns
 * like program_stop, or -errno when it could not be started.
 */
int program_run(char *const argv[], const char *input, char *out, size_t out_size, char *err,
                size_t err_size);

/* Waits until `pid`, anybody's child, has ended; without reaping it. False at the deadline. */
bool program_ends(pid_t pid, int timeout_ms);

/* The children of `pid`, at most `room`, or -errno. */
int program_children(pid_t pid, pid_t *children, int room);

/* Open descriptors of `pid` (entries of /proc/PID/fd), or -errno. */
int program_descriptors(pid_t pid);

/* ---- measured servers ---- */

/* One on a port of its own, in this process. */
struct served {
    struct design_server *server;
    struct echo_address address;
};

/*
 * By a pool. `options` NULL: the usual ones. An address left out is 127.0.0.1, any port.
 * 0, or -errno and then nothing is left; on success the caller owes a stop.
 */
int served_start(struct served *served, const struct echo_transport *transport,
                 const struct echo_server_options *options, bool spin);

/* The same for any design. `sockets` of the options says how many workers. */
int served_start_design(struct served *served, const struct echo_transport *transport,
                        const struct echo_server_options *options, enum design design);

/* `counts` (ECHO_COUNTS entries, or NULL) gets the sums. */
void served_stop(struct served *served, uint64_t *counts);

/* ---- messages and sockets ---- */

enum { TEST_SESSION = 0x5e55 };

/* ECHO_PAYLOAD_MAX bytes in which no short pattern repeats; any payload is its beginning. */
const uint8_t *test_payload(void);

/* What a blocking client of `variant` needs for an echo of so many bytes of test_payload. */
struct echo_client_options test_client(const struct variant *variant,
                                       const struct echo_address *server, uint32_t payload_bytes);

/* Encodes `message` and its payload, the beginning of test_payload. Bytes written. */
size_t test_put(uint8_t *bytes, const struct echo_message *message);

/* Whether `reply` is, whole, the right reply to `request` with such a payload. */
bool test_is_reply(const uint8_t *reply, size_t size, const struct echo_message *request);

/*
 * A blocking socket of `type`, connected to `address`; and one bound to a free
 * port of 127.0.0.1 (and listening). Every call on them gives up after
 * TEST_DEADLINE_MS with EAGAIN. The socket or -errno.
 */
int test_connect(const struct echo_address *address, int type);
int test_bind(struct echo_address *address, int type);

/* accept(2) with that deadline on what it makes. */
int test_accept(int listener);

/* A loopback address where nobody of `type` listens. 0 or -errno. */
int test_deserted(struct echo_address *address, int type);

/* Reads until `size` bytes are there or the stream ends; their number, or -errno. */
ssize_t test_receive(int socket, uint8_t *bytes, size_t size);

/* Closes so that the other side gets a reset (SO_LINGER 0). */
void test_reset(int socket);

/* "$BUILD/name" (BUILD: build unless set), in `path`, which is returned. */
char *program_built(char *path, size_t size, const char *name);

/* A command line, cut into words at its spaces; no word can have one inside. */
struct words {
    char text[4096];
    char *argv[65]; /* ended by NULL */
};

char **words_split(struct words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What `echolab WORDS` did, run to its end by program_run. */
struct ran {
    int status;
    char out[32768], err[8192];
};

void echolab_run(struct ran *ran, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A run by the program that was built; NULL: `why` (CHILD_WHY bytes) is a
 * sentence. The caller's.
 */
struct run *run_built(const struct parameters *asked, char *why);

/* Like program_start. */
int echolab_start(struct program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- a folder of its own, for a group of tests: removed with all that is in it ---- */

extern char own_folder[];
int own_folder_make(void **state);
int own_folder_remove(void **state);

/* ---- exact counts ---- */

/* What went over a wire; `acks` are those without payload, of 52 bytes each. */
struct exact {
    uint64_t packets, ip_bytes, acks, resent;
};

/*
 * Whether to count once more. Another program on this machine can keep whoever
 * answers from its CPU, until an ACK goes alone or a segment is sent again:
 * where nothing else differs, this says so and is true, up to 3 times. The
 * last count is to be equal, and no other will do.
 */
bool exact_again(int attempt, const struct exact *seen, const struct exact *wanted,
                 const char *what);

#endif
