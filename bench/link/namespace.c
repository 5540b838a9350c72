/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/namespace.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
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

int namespace_enter(void) {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    if (unshare(CLONE_NEWNET) == 0) return loopback_up();
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return -errno;
    const int failed = map_identity(user, group);
    return failed != 0 ? failed : loopback_up();
}

bool namespace_allowed(void) {
    const pid_t child = system_fork();
    if (child == 0) _exit(namespace_enter() == 0 ? 0 : 1);
    return child > 0 && system_reap(child) == 0;
}

/* ---- settings ---- */

const char *const profile_names[PROFILES] = {"lab", "host"};

/*
 * cubic, as most hosts have; no metrics kept from one connection to the next;
 * slow start again after idle, as RFC 5681 has it; ports reused on loopback
 * after a second, the kernel's default.
 */
const char *const profile_setting_names[] = {
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_fastopen",
    "net.core.somaxconn",
    NULL,
};

static const char *const lab_values[] = {"cubic", "1", "1", "2", "32768\t60999", "3", "4096"};

void profile_read(struct profile_values *values) {
    for (unsigned i = 0; profile_setting_names[i] != NULL; i++) {
        char *text = system_setting(profile_setting_names[i]);
        (void)snprintf(values->text[i], sizeof values->text[i], "%s", text == NULL ? "" : text);
        free(text);
    }
}

static void profile_apply(enum profile profile, const struct profile_values *host) {
    for (unsigned i = 0; profile_setting_names[i] != NULL; i++) {
        const char *text = profile == PROFILE_HOST ? host->text[i] : lab_values[i];
        /* What is refused in the end shows in what is read back and recorded. */
        const bool refused = *text != '\0' && system_set(profile_setting_names[i], text) != 0;
        /*
         * A namespace may only choose among what the host allows; Reno is always
         * allowed, and does as cubic does where a window is never full.
         */
        if (refused && i == 0 && profile == PROFILE_LAB) {
            (void)system_set(profile_setting_names[i], "reno");
        }
    }
}

int profile_enter(enum profile profile) {
    struct profile_values host;
    profile_read(&host);
    const int failed = namespace_enter();
    if (failed == 0) profile_apply(profile, &host);
    return failed;
}
