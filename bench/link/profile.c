/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/link/profile.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

/*
 * A namespace may only choose among what the host allows; Reno is always
 * allowed, and does as cubic does where a window is never full.
 */
static const char *const lab_otherwise[] = {"reno", NULL, NULL, NULL, NULL, NULL, NULL};

static void path_of(unsigned i, char *path, size_t size) {
    (void)snprintf(path, size, "/proc/sys/%s", profile_setting_names[i]);
    for (char *dot = path; (dot = strchr(dot, '.')) != NULL;) *dot = '/';
}

static void read_setting(unsigned i, char *text, size_t size) {
    char path[96];
    path_of(i, path, sizeof path);
    text[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    if (fgets(text, (int)size, file) == NULL) text[0] = '\0';
    (void)fclose(file);
    text[strcspn(text, "\n")] = '\0';
}

static bool write_setting(unsigned i, const char *text) {
    char path[96];
    path_of(i, path, sizeof path);
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return false;
    const bool written = write(file, text, strlen(text)) > 0;
    (void)close(file);
    return written;
}

void profile_read(struct profile_values *values) {
    for (unsigned i = 0; profile_setting_names[i] != NULL; i++) {
        read_setting(i, values->text[i], sizeof values->text[i]);
    }
}

void profile_apply(enum profile profile, const struct profile_values *host) {
    for (unsigned i = 0; profile_setting_names[i] != NULL; i++) {
        const char *text = profile == PROFILE_HOST ? host->text[i] : lab_values[i];
        const char *otherwise = profile == PROFILE_HOST ? NULL : lab_otherwise[i];
        /* What is refused in the end shows in what is read back and recorded. */
        if (*text != '\0' && !write_setting(i, text) && otherwise != NULL) {
            (void)write_setting(i, otherwise);
        }
    }
}
