/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/measure/system.h"

/* "cpu  user nice system idle iowait irq softirq steal ...": of all CPUs together. */
uint64_t counters_steal_ticks(void) {
    const char *format = "cpu %*u %*u %*u %*u %*u %*u %*u %" SCNu64;
    uint64_t steal;
    return system_scan("/proc/stat", 1, format, &steal) ? steal : UINT64_MAX;
}

static uint64_t context_switches(void) {
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
}

static uint64_t user_us(void) {
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
}

const struct counter_row counter_rows[] = {
    {"kernel.TcpRetransSegs", .void_from = 1},
    {"kernel.TcpInErrs", .void_from = 1},
    {"kernel.TcpAttemptFails", .void_from = 1},
    {"kernel.TcpOutRsts", .void_from = 1, .may_stray = true},
    {"kernel.TcpEstabResets", .void_from = 1},
    {"kernel.TcpActiveOpens", .void_from = 0},
    {"kernel.TcpInSegs", .void_from = 0},
    {"kernel.TcpOutSegs", .void_from = 0},
    {"kernel.UdpInDatagrams", .void_from = 0},
    {"kernel.UdpOutDatagrams", .void_from = 0},
    {"kernel.UdpNoPorts", .void_from = 1},
    {"kernel.UdpRcvbufErrors", .void_from = 1},
    {"kernel.UdpSndbufErrors", .void_from = 1},
    {"kernel.ListenOverflows", .void_from = 1},
    {"kernel.ListenDrops", .void_from = 1},
    {"kernel.TCPTimeouts", .void_from = 1},
    {"kernel.TCPLossProbes", .void_from = 0},
    {"kernel.TCPTimeWaitOverflow", .void_from = 0},
    {"kernel.TCPFastOpenActive", .void_from = 0},
    {"kernel.TCPFastOpenActiveFail", .void_from = 0},
    {"kernel.TCPFastOpenPassive", .void_from = 0},
    {"machine.steal_ticks", .void_from = 2, counters_steal_ticks, .of_machine = true},
    {"client.context_switches", .void_from = 0, context_switches, .of_machine = true},
    {"client.user_us", .void_from = 0, user_us, .of_machine = true}};

const unsigned counter_count = sizeof counter_rows / sizeof counter_rows[0];

/* These files have pairs of lines: "Tcp: Name Name ...", "Tcp: 1 2 ...". */
static void read_pairs(struct counters *counters, const char *path) {
    char names[4096], values[4096], whole[128];
    const char *name, *value;
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    while (fgets(names, sizeof names, file) != NULL && fgets(values, sizeof values, file) != NULL) {
        char *rest[] = {names, values};
        const char *group = strsep(&rest[0], ":");
        if (strcmp(group, "TcpExt") == 0) group = ""; /* whose names say TCP themselves */
        (void)strsep(&rest[1], ":");
        while ((name = strsep(&rest[0], " \n")) != NULL &&
               (value = strsep(&rest[1], " \n")) != NULL) {
            (void)snprintf(whole, sizeof whole, "kernel.%s%s", group, name);
            for (unsigned i = 0; i < counter_count; i++) {
                if (strcmp(counter_rows[i].name, whole) == 0)
                    counters->value[i] = strtoull(value, NULL, 10);
            }
        }
    }
    (void)fclose(file);
}

void counters_read(struct counters *counters) {
    for (unsigned i = 0; i < counter_count; i++) {
        const struct counter_row *row = &counter_rows[i];
        counters->value[i] = row->read != NULL ? row->read() : UINT64_MAX;
    }
    read_pairs(counters, "/proc/self/net/snmp");
    read_pairs(counters, "/proc/self/net/netstat");
}

void counters_subtract(struct counters *after, const struct counters *before) {
    for (unsigned i = 0; i < counter_count; i++) {
        const bool known = after->value[i] != UINT64_MAX && before->value[i] != UINT64_MAX;
        after->value[i] = known ? after->value[i] - before->value[i] : UINT64_MAX;
    }
}

static void count_file(struct time_wait *count, const char *path, uint16_t server_port) {
    char line[512];
    FILE *file = fopen(path, "re");
    if (file == NULL) return;
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned local, remote, state;
        const unsigned time_wait = 6; /* TCP_TIME_WAIT of the kernel's tcp_states.h */
        const char *format = " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%x %x";
        if (sscanf(line, format, &local, &remote, &state) != 3 || state != time_wait) continue;
        count->all++;
        if (local == server_port) count->server++;
        if (remote == server_port) count->client++;
    }
    (void)fclose(file);
}

struct time_wait counters_time_wait(uint16_t server_port) {
    const char *format = "TCP: inuse %*u orphan %*u tw %lu";
    struct time_wait count = {0};
    unsigned long sum;
    /* Listing them walks the kernel's whole hash table, which takes milliseconds. */
    if (system_scan("/proc/self/net/sockstat", 1, format, &sum) && sum == 0) return count;
    count_file(&count, "/proc/self/net/tcp", server_port);
    count_file(&count, "/proc/self/net/tcp6", server_port);
    return count;
}
