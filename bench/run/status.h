/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a command ends, and the one sentence that says why. */
#ifndef BENCH_STATUS_H
#define BENCH_STATUS_H

#include <signal.h>

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_REGRESSION = 3,
    EXIT_NOT_VALID = 4,
    EXIT_WRONG_USAGE = 64,
    EXIT_INTERRUPTED = 130
};

/* One sentence on stderr; returns EXIT_FAILED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Set by SIGINT and SIGTERM once interrupt_catch was called. */
extern volatile sig_atomic_t interrupted;
void interrupt_catch(void);

#endif
