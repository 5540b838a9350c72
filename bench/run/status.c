/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/status.h"

#include <stdarg.h>
#include <stdio.h>

volatile sig_atomic_t interrupted;

int complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("echolab: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return EXIT_FAILED;
}

static void note_signal(int number) {
    (void)number;
    interrupted = 1;
}

void interrupt_catch(void) {
    const struct sigaction note = {.sa_handler = note_signal};
    (void)sigaction(SIGINT, &note, NULL);
    (void)sigaction(SIGTERM, &note, NULL);
}
