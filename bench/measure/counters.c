/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench/measure/system.h"

#define SNMP "/proc/self/net/snmp"
#define NETSTAT "/proc/self/net/netstat"

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
    {"kernel.TcpRetransSegs", SNMP, "Tcp:", "RetransSegs", .void_from = 1},
    {"kernel.TcpInErrs", SNMP, "Tcp:", "InErrs", .void_from = 1},
    {"kernel.TcpAttemptFails", SNMP, "Tcp:", "AttemptFails", .void_from = 1},
    {"kernel.TcpOutRsts", SNMP, "Tcp:", "OutRsts", .void_from = 1, .may_stray = true},
    {"kernel.TcpEstabResets", SNMP, "Tcp:", "EstabResets", .void_from = 1},
    {"kernel.TcpActiveOpens", SNMP, "Tcp:", "ActiveOpens", .void_from = 0},
    {"kernel.TcpInSegs", SNMP, "Tcp:", "InSegs", .void_from = 0},
    {"kernel.TcpOutSegs", SNMP, "Tcp:", "OutSegs", .void_from = 0},
    {"kernel.UdpInDatagrams", SNMP, "Udp:", "InDatagrams", .void_from = 0},
    {"kernel.UdpOutDatagrams", SNMP, "Udp:", "OutDatagrams", .void_from = 0},
    {"kernel.UdpNoPorts", SNMP, "Udp:", "NoPorts", .void_from = 1},
    {"kernel.UdpRcvbufErrors", SNMP, "Udp:", "RcvbufErrors", .void_from = 1},
    {"kernel.UdpSndbufErrors", SNMP, "Udp:", "SndbufErrors", .void_from = 1},
    {"kernel.ListenOverflows", NETSTAT, "TcpExt:", "ListenOverflows", .void_from = 1},
    {"kernel.ListenDrops", NETSTAT, "TcpExt:", "ListenDrops", .void_from = 1},
    {"kernel.TCPTimeouts", NETSTAT, "TcpExt:", "TCPTimeouts", .void_from = 1},
    {"kernel.TCPLossProbes", NETSTAT, "TcpExt:", "TCPLossProbes", .void_from = 0},
    {"kernel.TCPTimeWaitOverflow", NETSTAT, "TcpExt:", "TCPTimeWaitOverflow", .void_from = 0},
    {"kernel.TCPFastOpenActive", NETSTAT, "TcpExt:", "TCPFastOpenActive", .void_from = 0},
    {"kernel.TCPFastOpenActiveFail", NETSTAT, "TcpExt:", "TCPFastOpenActiveFail", .void_from = 0},
    {"kernel.TCPFastOpenPassive", NETSTAT, "TcpExt:", "TCPFastOpenPassive", .void_from = 0},
    {"machine.steal_ticks", .read = counters_steal_ticks, .void_from = 2, .of_machine = true},
    {"client.context_switches", .read = context_switches, .of_machine = true},
    {"client.user_us", .read = user_us, .of_machine = true}};

const unsigned counter_count = sizeof counter_rows / sizeof counter_rows[0];

/* These files have pairs of lines: "Tcp: Name Name ...", "Tcp: 1 2 ...". */
static uint64_t read_field(const char *path, const char *group, const char *field) {
    char names[4096], values[4096];
    const char *name, *value;
    uint64_t found = UINT64_MAX;
    FILE *file = fopen(path, "re");
    if (file == NULL) return found;
    while (fgets(names, sizeof names, file) != NULL && fgets(values, sizeof values, file) != NULL) {
        char *rest[] = {names, values};
        if (strncmp(names, group, strlen(group)) != 0) continue;
        while ((name = strsep(&rest[0], " \n")) != NULL &&
               (value = strsep(&rest[1], " \n")) != NULL) {
            if (strcmp(name, field) == 0) found = strtoull(value, NULL, 10);
        }
    }
    (void)fclose(file);
    return found;
}

void counters_read(struct counters *counters) {
    for (unsigned i = 0; i < counter_count; i++) {
        const struct counter_row *row = &counter_rows[i];
        counters->value[i] =
            row->read != NULL ? row->read() : read_field(row->file, row->group, row->field);
    }
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
