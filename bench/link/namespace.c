/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_text(const char *path, const char *text) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    const ssize_t written = write(file, text, strlen(text));
    const int failed = written < 0 ? -errno : 0;
    (void)close(file);
    return failed;
}

/* Only one's own identity may be mapped without privilege: user_namespaces(7). */
static int map_identity(uid_t user, gid_t group) {
    char line[64];
    (void)snprintf(line, sizeof line, "0 %u 1", (unsigned)user);
    int failed = write_text("/proc/self/uid_map", line);
    if (failed == 0) failed = write_text("/proc/self/setgroups", "deny");
    (void)snprintf(line, sizeof line, "0 %u 1", (unsigned)group);
    return failed != 0 ? failed : write_text("/proc/self/gid_map", line);
}

static int loopback_up(void) {
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) return -errno;
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    const int failed = ioctl(any, SIOCSIFFLAGS, &loopback) != 0 ? -errno : 0;
    (void)close(any);
    return failed;
}

int namespace_enter(void) {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(CLONE_NEWNET) == 0) return loopback_up();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return -errno;
    const int failed = map_identity(user, group);
    return failed != 0 ? failed : loopback_up();
}

bool namespace_allowed(void) {
    int status = 1;
    const pid_t child = fork();
    if (child == 0) _exit(namespace_enter() == 0 ? 0 : 1);
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
