/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SNMP "/proc/self/net/snmp"
#define NETSTAT "/proc/self/net/netstat"

const struct counter_row counter_rows[] = {
    {"kernel.TcpRetransSegs", SNMP, "Tcp:", "RetransSegs", 1, false, false},
    {"kernel.TcpInErrs", SNMP, "Tcp:", "InErrs", 1, false, false},
    {"kernel.TcpAttemptFails", SNMP, "Tcp:", "AttemptFails", 1, false, false},
    {"kernel.TcpOutRsts", SNMP, "Tcp:", "OutRsts", 1, false, true},
    {"kernel.TcpEstabResets", SNMP, "Tcp:", "EstabResets", 1, false, false},
    {"kernel.TcpActiveOpens", SNMP, "Tcp:", "ActiveOpens", 0, false, false},
    {"kernel.TcpInSegs", SNMP, "Tcp:", "InSegs", 0, false, false},
    {"kernel.TcpOutSegs", SNMP, "Tcp:", "OutSegs", 0, false, false},
    {"kernel.UdpInDatagrams", SNMP, "Udp:", "InDatagrams", 0, false, false},
    {"kernel.UdpOutDatagrams", SNMP, "Udp:", "OutDatagrams", 0, false, false},
    {"kernel.UdpNoPorts", SNMP, "Udp:", "NoPorts", 1, false, false},
    {"kernel.UdpRcvbufErrors", SNMP, "Udp:", "RcvbufErrors", 1, false, false},
    {"kernel.UdpSndbufErrors", SNMP, "Udp:", "SndbufErrors", 1, false, false},
    {"kernel.ListenOverflows", NETSTAT, "TcpExt:", "ListenOverflows", 1, false, false},
    {"kernel.ListenDrops", NETSTAT, "TcpExt:", "ListenDrops", 1, false, false},
    {"kernel.TCPTimeouts", NETSTAT, "TcpExt:", "TCPTimeouts", 1, false, false},
    {"kernel.TCPTimeWaitOverflow", NETSTAT, "TcpExt:", "TCPTimeWaitOverflow", 0, false, false},
    {"kernel.TCPFastOpenActive", NETSTAT, "TcpExt:", "TCPFastOpenActive", 0, false, false},
    {"kernel.TCPFastOpenActiveFail", NETSTAT, "TcpExt:", "TCPFastOpenActiveFail", 0, false, false},
    {"kernel.TCPFastOpenPassive", NETSTAT, "TcpExt:", "TCPFastOpenPassive", 0, false, false},
    {"machine.steal_ticks", "/proc/stat", NULL, "steal", 2, true, false},
    {"client.context_switches", NULL, NULL, "context switches", 0, true, false},
    {"client.user_us", NULL, NULL, "user time", 0, true, false},
};

const unsigned counter_count = sizeof counter_rows / sizeof counter_rows[0];

/* These files have pairs of lines: "Tcp: Name Name ...", "Tcp: 1 2 ...". */
static uint64_t field_of(FILE *file, const char *group, const char *field) {
    char names[4096];
    char values[4096];
    rewind(file);
    while (fgets(names, sizeof names, file) != NULL && fgets(values, sizeof values, file) != NULL) {
        if (strncmp(names, group, strlen(group)) != 0) continue;
        char *rest_of_names = NULL;
        char *rest_of_values = NULL;
        const char *name = strtok_r(names, " \n", &rest_of_names);
        const char *value = strtok_r(values, " \n", &rest_of_values);
        for (; name != NULL && value != NULL; name = strtok_r(NULL, " \n", &rest_of_names),
                                              value = strtok_r(NULL, " \n", &rest_of_values)) {
            if (strcmp(name, field) == 0) return strtoull(value, NULL, 10);
        }
    }
    return UINT64_MAX;
}

/* "cpu  user nice system idle iowait irq softirq steal ...": of all CPUs together. */
static uint64_t read_steal(FILE *file) {
    unsigned long long steal = 0;
    const char *format = "cpu %*u %*u %*u %*u %*u %*u %*u %llu";
    return fscanf(file, format, &steal) == 1 ? steal : UINT64_MAX;
}

static uint64_t read_usage(const char *field) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return UINT64_MAX;
    if (strcmp(field, "user time") == 0) {
        return (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
    }
    return (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
}

static uint64_t read_row(const struct counter_row *row) {
    if (row->file == NULL) return read_usage(row->field);
    FILE *file = fopen(row->file, "re");
    if (file == NULL) return UINT64_MAX;
    const bool paired = row->group != NULL;
    const uint64_t value = paired ? field_of(file, row->group, row->field) : read_steal(file);
    (void)fclose(file);
    return value;
}

void counters_read(struct counters *counters) {
    for (unsigned i = 0; i < counter_count; i++) counters->value[i] = read_row(&counter_rows[i]);
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
        unsigned local = 0;
        unsigned remote = 0;
        unsigned state = 0;
        const unsigned time_wait = 6; /* TCP_TIME_WAIT of the kernel's tcp_states.h */
        const char *format = " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%x %x";
        if (sscanf(line, format, &local, &remote, &state) != 3 || state != time_wait) continue;
        count->all++;
        if (local == server_port) count->server++;
        if (remote == server_port) count->client++;
    }
    (void)fclose(file);
}

/* How many there are in this network at all: the kernel keeps that sum. */
static unsigned long sum_of_time_wait(void) {
    char line[256];
    unsigned long sum = 1; /* not known: look */
    FILE *file = fopen("/proc/self/net/sockstat", "re");
    if (file == NULL) return sum;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "TCP: inuse %*u orphan %*u tw %lu", &sum) == 1) break;
    }
    (void)fclose(file);
    return sum;
}

struct time_wait counters_time_wait(uint16_t server_port) {
    struct time_wait count = {0};
    /* Listing them walks the kernel's whole hash table, which takes milliseconds. */
    if (sum_of_time_wait() == 0) return count;
    count_file(&count, "/proc/self/net/tcp", server_port);
    count_file(&count, "/proc/self/net/tcp6", server_port);
    return count;
}
