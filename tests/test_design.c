/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ways to build a server: all answer everything, and differ in who has to
 * wait for whom. What is asked of each is asked of all, and what sets one
 * apart is said where it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/epoll_server.h"
#include "bench/load/epoll_worker.h"
#include "bench/load/load.h"
#include "bench/load/server_process.h"
#include "echo/clock.h"
#include "tcp/transport.h"
#include "tests/support.h"
#include "udp/transport.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 120, SMALL = 300, LARGE = 1 << 20, SHORT_MS = 200, CROWD = 64 };

#define NS_PER_MS UINT64_C(1000000)
#define DEADLINE_NS (TEST_DEADLINE_MS * NS_PER_MS)

/* ---- every test gives back what it took: descriptors, threads, children ---- */

static int descriptors_before, threads_before;

static int count_entries(const char *path) {
    struct words words;
    char text[16] = "";
    if (program_run(words_split(&words, "ls %s", path), NULL, NULL, 0, NULL, 0) != 0) return -1;
    (void)text;
    return 0;
}
