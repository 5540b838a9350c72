/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/namespace.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/measure/system.h"

/* Only one's own identity may be mapped without privilege: user_namespaces(7). */
static int map_identity(uid_t user, gid_t group) {
    char line[64];
    (void)snprintf(line, sizeof line, "0 %u 1", (unsigned)user);
    int failed = system_write("/proc/self/uid_map", line);
    if (failed == 0) failed = system_write("/proc/self/setgroups", "deny");
    (void)snprintf(line, sizeof line, "0 %u 1", (unsigned)group);
    return failed != 0 ? failed : system_write("/proc/self/gid_map", line);
}

static int loopback_up(void) {
    struct ifreq up = {.ifr_flags = IFF_UP | IFF_RUNNING};
    return system_device("lo", SIOCSIFFLAGS, &up);
}

static int enter_as_user(void) {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return -errno;
    const int failed = map_identity(user, group);
    return failed != 0 ? failed : loopback_up();
}

/*
 * One that may be made but not mapped (AppArmor's way on some systems) would
 * leave this process in a network whose lo is down: so a child tries it first.
 */
static int try_as_user(void) {
    const pid_t child = system_fork();
    if (child < 0) return -errno;
    if (child == 0) _exit(-enter_as_user());
    const int status = system_reap(child);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPERM;
}

int namespace_enter(void) {
    if (unshare(CLONE_NEWNET) == 0) return loopback_up();
    const int failed = try_as_user();
    return failed != 0 ? failed : enter_as_user();
}

bool namespace_allowed(void) {
    const pid_t child = system_fork();
    if (child == 0) _exit(namespace_enter() == 0 ? 0 : 1);
    return child > 0 && system_reap(child) == 0;
}

/* ---- settings ---- */

const char *const profile_names[PROFILES] = {"lab", "host"};

/*
 * The lab's: cubic, as most hosts have; no metrics kept from one connection to
 * the next; slow start again after idle, as RFC 5681 has it; ports reused on
 * loopback after a second, the kernel's default.
 */
static const struct {
    const char *name, *lab;
} settings[] = {{"net.ipv4.tcp_congestion_control", "cubic"},
                {"net.ipv4.tcp_no_metrics_save", "1"},
                {"net.ipv4.tcp_slow_start_after_idle", "1"},
                {"net.ipv4.tcp_tw_reuse", "2"},
                {"net.ipv4.ip_local_port_range", "32768\t60999"},
                {"net.ipv4.tcp_fastopen", "3"},
                {"net.core.somaxconn", "4096"}};

enum { SETTINGS = sizeof settings / sizeof settings[0] };

void profile_read(struct facts *facts) {
    for (int i = 0; i < SETTINGS; i++) {
        facts_take(facts, fact_of(system_setting(settings[i].name)), "%s", settings[i].name);
    }
}

int profile_enter(enum profile profile) {
    struct facts host = {0};
    profile_read(&host);
    const int failed = namespace_enter();
    for (int i = 0; failed == 0 && i < SETTINGS; i++) {
        const char *name = settings[i].name;
        const bool lab = profile == PROFILE_LAB;
        const char *text = lab ? settings[i].lab : facts_text(&host, name);
        /* What is refused in the end shows in what is read back and recorded. */
        const bool refused = *text != '\0' && system_set(name, text) != 0;
        /*
         * A namespace may only choose among what the host allows; Reno is always
         * allowed, and does as cubic does where a window is never full.
         */
        if (refused && lab && strcmp(text, "cubic") == 0) (void)system_set(name, "reno");
    }
    facts_free(&host);
    return failed;
}
