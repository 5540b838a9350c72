/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/environment.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "echo/clock.h"

#ifndef BUILD_FLAGS
#define BUILD_FLAGS "unknown"
#endif

struct file_row {
    const char *name;
    const char *path;
};

/* Files of one line. */
static const struct file_row file_rows[] = {
    {"kernel_command_line", "/proc/cmdline"},
    {"load", "/proc/loadavg"},
    {"clock_source", "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
    {"idle_driver", "/sys/devices/system/cpu/cpuidle/current_driver"},
    {"governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"},
    {"thread_siblings", "/sys/devices/system/cpu/cpu0/topology/thread_siblings_list"},
    {"congestion_control", "/proc/sys/net/ipv4/tcp_congestion_control"},
    {"local_ports", "/proc/sys/net/ipv4/ip_local_port_range"},
    {"somaxconn", "/proc/sys/net/core/somaxconn"},
    {"loopback_mtu", "/sys/class/net/lo/mtu"},
};

static json_t *first_line(const char *path) {
    char line[512];
    FILE *file = fopen(path, "re");
    if (file == NULL) return json_null();
    const char *got = fgets(line, sizeof line, file);
    (void)fclose(file);
    if (got == NULL) return json_null();
    line[strcspn(line, "\n")] = '\0';
    for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;) *tab = ' ';
    json_t *text = json_string(line);
    return text == NULL ? json_null() : text; /* NULL: not UTF-8 */
}

/* The value of the first line of `path` that begins with `key`, behind its colon. */
static json_t *value_of(const char *path, const char *key) {
    char line[4096];
    json_t *found = NULL;
    FILE *file = fopen(path, "re");
    if (file == NULL) return json_null();
    while (found == NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        found = json_string(colon + 1 + strspn(colon + 1, " \t"));
    }
    (void)fclose(file);
    return found == NULL ? json_null() : found;
}

/* What one reading of the clock costs, which is in every latency. */
static double clock_cost_ns(void) {
    enum { READINGS = 100000 };
    const uint64_t start_ns = echo_clock_ns();
    uint64_t last_ns = start_ns;
    for (int i = 0; i < READINGS; i++) last_ns = echo_clock_ns();
    return (double)(last_ns - start_ns) / READINGS;
}

json_t *environment_read(void) {
    json_t *environment = json_object();
    struct utsname system;
    if (environment == NULL) return NULL;
    if (uname(&system) == 0) {
        (void)json_object_set_new(
            environment, "kernel",
            json_sprintf("%s %s %s", system.sysname, system.release, system.machine));
    }
    (void)json_object_set_new(environment, "cpu", value_of("/proc/cpuinfo", "model name"));
    (void)json_object_set_new(environment, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    for (size_t i = 0; i < sizeof file_rows / sizeof file_rows[0]; i++) {
        (void)json_object_set_new(environment, file_rows[i].name, first_line(file_rows[i].path));
    }
    (void)json_object_set_new(environment, "clock_cost_ns", json_real(clock_cost_ns()));
    (void)json_object_set_new(environment, "compiler", json_string(__VERSION__));
    (void)json_object_set_new(environment, "flags", json_string(BUILD_FLAGS));
    return environment;
}
