/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Other programs, started, talked to and stopped: for tests that run what was
 * built. Every wait has a deadline; nobody sleeps. It does not judge: what
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

#include <stddef.h>
#include <sys/types.h>

enum { TEST_DEADLINE_MS = 10000 }; /* far more than anything here needs, sanitizers included */

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

/* Open descriptors of `pid` (entries of /proc/PID/fd), or -errno. */
int program_descriptors(pid_t pid);

#endif
