/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/environment.h"

#include <elf.h>
#include <glob.h>
#include <link.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#endif

#include "bench/measure/counters.h"
#include "bench/measure/system.h"
#include "echo/clock.h"

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

/* ---- what files say ---- */

/* Tabs as spaces. */
static struct fact of_line(char *line) {
    char *tab = line == NULL ? NULL : strchr(line, '\t');
    for (; tab != NULL; tab = strchr(tab, '\t')) *tab = ' ';
    return fact_of(line);
}

static struct fact first_line(const char *path) {
    return of_line(system_line("%s", path));
}

static struct fact setting(const char *name) {
    return of_line(system_setting(name));
}

/* Behind the first such key. */
static struct fact cpuinfo(const char *key) {
    char format[64], *value = NULL;
    (void)snprintf(format, sizeof format, "%s : %%m[^\n]", key);
    (void)system_scan("/proc/cpuinfo", 1, format, &value);
    return fact_of(value);
}

/* ---- words that would name a user, a host or a place of this machine ---- */

static bool is_private(const char *word) {
    static const char *const marks[] = {"/", "UUID=", "hostname", "machine_id", "@"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(word, marks[i]) != NULL) return true;
    }
    return strncmp(word, "ip=", 3) == 0;
}

struct fact environment_without_private(const char *text) {
    char *copy = strdup(text), *kept = NULL, *rest = copy;
    size_t size = 0;
    FILE *out = open_memstream(&kept, &size);
    const char *word;
    while (out != NULL && (word = strsep(&rest, " ")) != NULL && strcmp(word, "--") != 0) {
        if (*word == '\0') continue;
        const bool masked = is_private(word);
        int length = (int)strcspn(word, masked ? "=/@" : "");
        const char *mask = !masked ? "" : word[length] == '=' ? "=..." : "...";
        if (word[length] == '@') length = 0; /* a user stands before it */
        (void)fprintf(out, "%s%.*s%s", ftell(out) == 0 ? "" : " ", length, word, mask);
    }
    if (out != NULL) (void)fclose(out);
    free(copy);
    return fact_of(kept);
}

static struct fact line_without_private(const char *path) {
    char *line = system_line("%s", path);
    struct fact fact = environment_without_private(line == NULL ? "" : line);
    free(line);
    return fact;
}

/* ---- the kernel and what it runs on ---- */

static struct fact kernel(void) {
    struct utsname system; /* its nodename stays here */
    if (uname(&system) != 0) return (struct fact){0};
    return fact_format("%s %s %s", system.sysname, system.release, system.machine);
}

/* What the hypervisor calls itself, such as "KVMKVMKVM"; "none" on bare metal. */
static struct fact hypervisor(void) {
#if defined __x86_64__ || defined __i386__
    enum { HYPERVISOR_LEAF = 0x40000000 };
    const unsigned present = 1U << 31;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return (struct fact){0};
    if ((ecx & present) == 0) return fact_text("none");
    __cpuid(HYPERVISOR_LEAF, eax, ebx, ecx, edx);
    const unsigned words[] = {ebx, ecx, edx, 0};
    char name[sizeof words];
    memcpy(name, words, sizeof words);
    return fact_text(*name == '\0' ? "unnamed" : name);
#else
    return first_line("/sys/hypervisor/type");
#endif
}

/* Arm has no name there. */
static struct fact cpu(void) {
    const struct fact model = cpuinfo("model name");
    return model.kind == FACT_UNKNOWN ? cpuinfo("CPU part") : model;
}

static struct fact cpus(void) {
    return fact_number((double)sysconf(_SC_NPROCESSORS_ONLN));
}

/* Each set of threads that share a core once: "0-1 2-3". */
static struct fact thread_siblings(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return (struct fact){0};
    for (long i = 0; i < sysconf(_SC_NPROCESSORS_CONF); i++) {
        char *line = system_line(CPUS "cpu%ld/topology/thread_siblings_list", i);
        const bool first_of_its_set = line != NULL && strtol(line, NULL, 10) == i;
        if (first_of_its_set) (void)fprintf(out, "%s%s", ftell(out) == 0 ? "" : " ", line);
        free(line);
    }
    (void)fclose(out);
    return fact_of(text);
}

/* Of CPU 0: "caches.1 Data" is "32K, CPUs 0-1". */
static void caches(struct facts *facts) {
    enum { LEVEL, TYPE, SIZE, SHARED, FILES };
    static const char *const files[FILES] = {"level", "type", "size", "shared_cpu_list"};
    bool whole = true;
    for (int i = 0; whole; i++) {
        char *says[FILES];
        for (int j = 0; j < FILES; j++) {
            says[j] = system_line(CPUS "cpu0/cache/index%d/%s", i, files[j]);
            whole = whole && says[j] != NULL;
        }
        if (whole) {
            facts_take(facts, fact_format("%s, CPUs %s", says[SIZE], says[SHARED]), "caches.%s %s",
                       says[LEVEL], says[TYPE]);
        }
        for (int j = 0; j < FILES; j++) free(says[j]);
    }
}

/* Of all that the kernel knows, what it does something about or ought to. */
static void mitigations(struct facts *facts) {
    glob_t files = {0};
    (void)glob(CPUS "vulnerabilities/*", GLOB_NOSORT, NULL, &files);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char *line = system_line("%s", files.gl_pathv[i]);
        const char *name = strrchr(files.gl_pathv[i], '/') + 1;
        if (line != NULL && strcmp(line, "Not affected") != 0)
            facts_take(facts, fact_text(line), "mitigations.%s", name);
        free(line);
    }
    globfree(&files);
}

/* What one reading of the clock costs, which is in every latency. */
static struct fact clock_cost_ns(void) {
    enum { READINGS = 100000 };
    const uint64_t start_ns = echo_clock_ns();
    uint64_t last_ns = start_ns;
    for (int i = 0; i < READINGS; i++) last_ns = echo_clock_ns();
    return fact_number((double)(last_ns - start_ns) / READINGS);
}

/* What the hypervisor gave to others while we wanted to run, of all CPUs since boot. */
static struct fact steal_s(void) {
    const uint64_t ticks = counters_steal_ticks();
    return fact_number(ticks == UINT64_MAX ? NAN : (double)ticks / (double)sysconf(_SC_CLK_TCK));
}

/* ---- the network and the limits ---- */

static struct fact offload(unsigned command) {
    struct ethtool_value value = {.cmd = command};
    struct ifreq request = {.ifr_data = (void *)&value};
    if (system_device("lo", SIOCETHTOOL, &request) != 0) return (struct fact){0};
    return fact_truth(value.data != 0);
}

static struct fact limit(unsigned resource) {
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0) return (struct fact){0};
    if (limit.rlim_cur == RLIM_INFINITY) return fact_text("unlimited");
    return fact_number((double)limit.rlim_cur);
}

/* ---- the quota of the control groups ---- */

/* In CPUs; INFINITY: none; NAN: this is no directory that says. */
static double quota_of(const char *directory, bool unified) {
    char *quota = system_line("%s/%s", directory, unified ? "cpu.max" : "cpu.cfs_quota_us");
    char *period = unified ? NULL : system_line("%s/cpu.cfs_period_us", directory);
    char *end = NULL;
    double cpus = NAN;
    if (quota != NULL) {
        const double us = strtod(quota, &end);
        const bool none = unified ? end == quota : us < 0;
        const char *per = unified ? end : period;
        cpus = none ? INFINITY : per != NULL ? us / strtod(per, NULL) : NAN;
    }
    free(quota);
    free(period);
    return cpus;
}

/* The tightest from our own group up to the root: each of them binds. */
static double quota_upwards(bool unified) {
    char *directory = system_cpu_group(unified);
    double tightest = NAN;
    const size_t root = strlen(unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu");
    char *end = directory;
    if (directory != NULL) end += strlen(directory);
    for (; end != NULL && end >= directory + root; end = strrchr(directory, '/')) {
        *end = '\0';
        tightest = fmin(tightest, quota_of(directory, unified)); /* the number, if one is NAN */
    }
    free(directory);
    return tightest;
}

/* How many CPUs the control groups allow, a number or "none"; not known where they do not say. */
static struct fact cgroup_quota_cpus(void) {
    const double tightest = fmin(quota_upwards(true), quota_upwards(false));
    return isinf(tightest) ? fact_text("none") : fact_number(tightest);
}

/* ---- the program ---- */

/* As hexadecimal digits; unknown where these notes have none. */
static struct fact build_id_in(const char *notes, size_t size) {
    ElfW(Nhdr) note;
    for (size_t at = 0; at + sizeof note <= size;) {
        memcpy(&note, notes + at, sizeof note);
        const char *name = notes + at + sizeof note;
        const size_t name_bytes = (note.n_namesz + 3U) & ~(size_t)3;
        const char *value = name + name_bytes;
        char digits[2 * 64 + 1] = "";
        const bool gnu = note.n_namesz == sizeof "GNU" && memcmp(name, "GNU", 4) == 0;
        if (gnu && note.n_type == NT_GNU_BUILD_ID && note.n_descsz <= sizeof digits / 2) {
            for (unsigned i = 0; i < note.n_descsz; i++) {
                (void)sprintf(digits + 2 * (size_t)i, "%02x", (unsigned char)value[i]);
            }
            return fact_format("build-id %s", digits);
        }
        at += sizeof note + name_bytes + ((note.n_descsz + 3U) & ~(size_t)3);
    }
    return (struct fact){0};
}

static int find_build_id(struct dl_phdr_info *object, size_t size, void *found) {
    (void)size;
    struct fact *id = found;
    for (int i = 0; i < object->dlpi_phnum && id->kind == FACT_UNKNOWN; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
        const char *start = (const char *)(object->dlpi_addr + segment->p_vaddr);
        if (segment->p_type == PT_NOTE) *id = build_id_in(start, segment->p_memsz);
    }
    return 1; /* the first object is the program itself: look no further */
}

/* The linker's hash of what it linked; not known where it was told to leave none. */
static struct fact build_id(void) {
    struct fact id = {0};
    (void)dl_iterate_phdr(find_build_id, &id);
    return id;
}

/* ---- all of it ---- */

/* One of the four says it. */
struct row {
    const char *name;
    struct fact (*read)(void);
    struct fact (*read_at)(const char *where);
    const char *where;
    struct fact (*read_number)(unsigned number);
    unsigned number;
    void (*read_group)(struct facts *facts); /* as many as there are */
    bool changes;                            /* by itself */
};

#define AT(read_, where_) .read_at = (read_), .where = (where_)
#define NUMBER(read_, number_) .read_number = (read_), .number = (number_)

static const struct row rows[] = {
    {"kernel", .read = kernel},
    {"kernel_build", AT(setting, "kernel.version")},
    {"kernel_command_line", AT(line_without_private, "/proc/cmdline")},
    {"hypervisor", .read = hypervisor},
    {"cpu", .read = cpu},
    {"microcode", AT(cpuinfo, "microcode")},
    {"cpus", .read = cpus},
    {"thread_siblings", .read = thread_siblings},
    {"caches", .read_group = caches},
    {"idle_driver", AT(first_line, CPUS "cpuidle/current_driver")},
    {"idle_governor", AT(first_line, CPUS "cpuidle/current_governor")},
    {"haltpoll.ns", AT(first_line, HALTPOLL "ns")},
    {"haltpoll.grow", AT(first_line, HALTPOLL "grow")},
    {"haltpoll.grow_start", AT(first_line, HALTPOLL "grow_start")},
    {"haltpoll.shrink", AT(first_line, HALTPOLL "shrink")},
    {"haltpoll.allow_shrink", AT(first_line, HALTPOLL "allow_shrink")},
    {"governor", AT(first_line, CPUS "cpu0/cpufreq/scaling_governor")},
    {"clock_source",
     AT(first_line, "/sys/devices/system/clocksource/clocksource0/current_clocksource")},
    {"clock_cost_ns", .read = clock_cost_ns},
    {"mitigations", .read_group = mitigations},
    {"congestion_control", AT(setting, "net.ipv4.tcp_congestion_control")},
    {"local_ports", AT(setting, "net.ipv4.ip_local_port_range")},
    {"somaxconn", AT(setting, "net.core.somaxconn")},
    {"loopback_mtu", AT(first_line, "/sys/class/net/lo/mtu")},
    {"loopback_offloads.rx_checksum", NUMBER(offload, ETHTOOL_GRXCSUM)},
    {"loopback_offloads.tx_checksum", NUMBER(offload, ETHTOOL_GTXCSUM)},
    {"loopback_offloads.scatter_gather", NUMBER(offload, ETHTOOL_GSG)},
    {"loopback_offloads.tso", NUMBER(offload, ETHTOOL_GTSO)},
    {"loopback_offloads.gso", NUMBER(offload, ETHTOOL_GGSO)},
    {"loopback_offloads.gro", NUMBER(offload, ETHTOOL_GGRO)},
    {"limits.open_files", NUMBER(limit, RLIMIT_NOFILE)},
    {"limits.processes", NUMBER(limit, RLIMIT_NPROC)},
    {"limits.locked_memory_bytes", NUMBER(limit, RLIMIT_MEMLOCK)},
    {"limits.realtime_priority", NUMBER(limit, RLIMIT_RTPRIO)},
    {"cgroup_quota_cpus", .read = cgroup_quota_cpus},
    {"compiler", AT(fact_text, COMPILER)},
    {"flags", AT(environment_without_private, BUILD_FLAGS)},
    {"binary_hash", .read = build_id},
    {"commit", AT(fact_text, BUILD_COMMIT)},
    {"load", AT(first_line, "/proc/loadavg"), .changes = true},
    {"pressure.cpu", AT(first_line, "/proc/pressure/cpu"), .changes = true},
    {"pressure.io", AT(first_line, "/proc/pressure/io"), .changes = true},
    {"pressure.memory", AT(first_line, "/proc/pressure/memory"), .changes = true},
    {"steal_s", .read = steal_s, .changes = true}};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* The host's; a private network has the lab's profile instead, which the runs record. */
static const char core_settings[] =
    "rmem_default rmem_max wmem_default wmem_max optmem_max netdev_max_backlog netdev_budget "
    "busy_poll busy_read default_qdisc bpf_jit_enable";
static const char ipv4_settings[] =
    "tcp_rmem tcp_wmem tcp_moderate_rcvbuf tcp_max_syn_backlog tcp_syncookies tcp_tw_reuse "
    "tcp_max_tw_buckets tcp_fin_timeout tcp_fastopen tcp_no_metrics_save "
    "tcp_slow_start_after_idle tcp_timestamps tcp_sack tcp_window_scaling tcp_ecn "
    "tcp_autocorking tcp_notsent_lowat tcp_limit_output_bytes tcp_early_demux udp_early_demux "
    "ip_early_demux udp_rmem_min";

static void add_settings(struct facts *facts, const char *where, const char *words) {
    char name[128];
    for (size_t length; (length = strcspn(words, " ")) > 0;
         words += length + (words[length] != 0)) {
        (void)snprintf(name, sizeof name, "%s.%.*s", where, (int)length, words);
        facts_take(facts, setting(name), "sysctls.%s", name);
    }
}

static struct fact read_row(const struct row *row) {
    if (row->read_at != NULL) return row->read_at(row->where);
    if (row->read_number != NULL) return row->read_number(row->number);
    return row->read != NULL ? row->read() : (struct fact){0}; /* a group in which nothing is */
}

void environment_read(struct facts *facts) {
    for (size_t i = 0; i < ROWS; i++) {
        const size_t before = facts->count;
        if (rows[i].read_group != NULL) rows[i].read_group(facts);
        if (facts->count == before) facts_take(facts, read_row(&rows[i]), "%s", rows[i].name);
    }
    add_settings(facts, "net.core", core_settings);
    add_settings(facts, "net.ipv4", ipv4_settings);
    /* Where connections are tracked, every new one pays for it. */
    add_settings(facts, "net.netfilter", "nf_conntrack_max");
}

void environment_after(struct facts *facts) {
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].changes) facts_take(facts, read_row(&rows[i]), AFTER "%s", rows[i].name);
    }
}

bool environment_changes_by_itself(const char *name) {
    if (strncmp(name, AFTER, strlen(AFTER)) == 0) return true;
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].name, name) == 0) return rows[i].changes;
    }
    return false;
}

const char *environment_commit(void) {
    return BUILD_COMMIT;
}
