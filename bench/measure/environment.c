/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/environment.h"

#include <string.h>

#include "bench/measure/environment_parts.h"

#ifndef BUILD_FLAGS
#define BUILD_FLAGS ""
#endif
#ifndef BUILD_COMMIT
#define BUILD_COMMIT ""
#endif
#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define CPUS "/sys/devices/system/cpu/"
#define HALTPOLL "/sys/module/haltpoll/parameters/guest_halt_poll_"
#define AFTER "after."

struct row {
    const char *name;
    environment_one *read;
    const char *argument;
    environment_group *read_group; /* instead of `read` */
    bool changes;                  /* by itself */
};

static const struct row rows[] = {
    {"kernel", .read = environment_kernel},
    {"kernel_build", .read = environment_kernel_build},
    {"kernel_command_line", .read = environment_file_without_private, "/proc/cmdline"},
    {"hypervisor", .read = environment_hypervisor, "/sys/hypervisor/type"},
    {"cpu", .read = environment_cpu, "CPU part"},
    {"microcode", .read = environment_cpuinfo, "microcode"},
    {"cpus", .read = environment_cpus},
    {"thread_siblings", .read = environment_thread_siblings, "topology/thread_siblings_list"},
    {"caches", .read_group = environment_caches},
    {"idle_driver", .read = environment_file, CPUS "cpuidle/current_driver"},
    {"idle_governor", .read = environment_file, CPUS "cpuidle/current_governor"},
    {"haltpoll.ns", .read = environment_file, HALTPOLL "ns"},
    {"haltpoll.grow", .read = environment_file, HALTPOLL "grow"},
    {"haltpoll.grow_start", .read = environment_file, HALTPOLL "grow_start"},
    {"haltpoll.shrink", .read = environment_file, HALTPOLL "shrink"},
    {"haltpoll.allow_shrink", .read = environment_file, HALTPOLL "allow_shrink"},
    {"governor", .read = environment_file, CPUS "cpu0/cpufreq/scaling_governor"},
    {"clock_source", .read = environment_file,
     "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
    {"clock_cost_ns", .read = environment_clock_cost_ns},
    {"mitigations", .read_group = environment_mitigations},
    {"congestion_control", .read = environment_sysctl, "net.ipv4.tcp_congestion_control"},
    {"local_ports", .read = environment_sysctl, "net.ipv4.ip_local_port_range"},
    {"somaxconn", .read = environment_sysctl, "net.core.somaxconn"},
    {"loopback_mtu", .read = environment_file, "/sys/class/net/lo/mtu"},
    {"loopback_offloads", .read_group = environment_loopback_offloads},
    {"limits", .read_group = environment_limits},
    {"cgroup_quota_cpus", .read = environment_cgroup_quota_cpus, "/proc/self/cgroup"},
    {"compiler", .read = fact_text, COMPILER},
    {"flags", .read = environment_without_private, BUILD_FLAGS},
    {"binary_hash", .read = environment_build_id},
    {"commit", .read = fact_text, BUILD_COMMIT},
    {"load", .read = environment_file, "/proc/loadavg", .changes = true},
    {"pressure.cpu", .read = environment_file, "/proc/pressure/cpu", .changes = true},
    {"pressure.io", .read = environment_file, "/proc/pressure/io", .changes = true},
    {"pressure.memory", .read = environment_file, "/proc/pressure/memory", .changes = true},
    {"steal_s", .read = environment_steal_s, "/proc/stat", .changes = true},
};

/* The host's; a private network has the lab's profile instead, which the runs record. */
static const char *const sysctls[] = {
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "net.core.optmem_max",
    "net.core.netdev_max_backlog",
    "net.core.netdev_budget",
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.default_qdisc",
    "net.core.bpf_jit_enable",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_moderate_rcvbuf",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_fastopen",
    "net.ipv4.tcp_no_metrics_save",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_window_scaling",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_autocorking",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_limit_output_bytes",
    "net.ipv4.tcp_early_demux",
    "net.ipv4.udp_early_demux",
    "net.ipv4.ip_early_demux",
    "net.ipv4.udp_rmem_min",
    "net.netfilter.nf_conntrack_max", /* every new connection pays for tracking */
};

static void add_row(struct facts *facts, const struct row *row) {
    const size_t before = facts->count;
    if (row->read != NULL) {
        facts_take(facts, row->read(row->argument), "%s", row->name);
        return;
    }
    row->read_group(facts);
    if (facts->count == before) facts_add_unknown(facts, row->name);
}

void environment_read(struct facts *facts) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) add_row(facts, &rows[i]);
    for (size_t i = 0; i < sizeof sysctls / sizeof sysctls[0]; i++) {
        facts_take(facts, environment_sysctl(sysctls[i]), "sysctls.%s", sysctls[i]);
    }
}

void environment_after(struct facts *facts) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        if (row->changes) facts_take(facts, row->read(row->argument), AFTER "%s", row->name);
    }
}

bool environment_changes_by_itself(const char *name) {
    if (strncmp(name, AFTER, strlen(AFTER)) == 0) return true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0) return rows[i].changes;
    }
    return false;
}

const char *environment_commit(void) {
    return BUILD_COMMIT;
}
