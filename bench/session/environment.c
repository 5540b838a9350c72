/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/environment.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <math.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#endif

#include "bench/judge/statistics.h"
#include "echo/clock.h"

#ifndef BUILD_FLAGS
#define BUILD_FLAGS ""
#endif
#ifndef BUILD_COMMIT
#define BUILD_COMMIT ""
#endif

#define CPUS "/sys/devices/system/cpu/"
#define HALTPOLL "/sys/module/haltpoll/parameters/guest_halt_poll_"

enum { PATH_BYTES = 512 };

static const double clock_cost_tolerance = 1.2;

static void set(json_t *object, const char *name, json_t *value) {
    (void)json_object_set_new(object, name, value == NULL ? json_null() : value);
}

/* Text that is not there is null, and so is what is not UTF-8. */
static json_t *text_or_null(const char *text) {
    json_t *string = text == NULL || *text == '\0' ? NULL : json_string(text);
    return string == NULL ? json_null() : string;
}

/* ---- files ---- */

/* Tabs become spaces. The caller's to free; NULL where there is none. */
static char *read_line(const char *path) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    if (file == NULL) return NULL;
    const ssize_t got = getline(&line, &room, file);
    (void)fclose(file);
    if (got <= 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\n")] = '\0';
    for (char *tab = line; (tab = strchr(tab, '\t')) != NULL;) *tab = ' ';
    return line;
}

static json_t *first_line(const char *path) {
    char *line = read_line(path);
    json_t *value = text_or_null(line);
    free(line);
    return value;
}

/* The value of the first line of /proc/cpuinfo that begins with `key`, behind its colon. */
static json_t *cpuinfo(const char *key) {
    FILE *file = fopen("/proc/cpuinfo", "re");
    char *line = NULL;
    size_t room = 0;
    json_t *found = NULL;
    if (file == NULL) return json_null();
    while (found == NULL && getline(&line, &room, file) > 0) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0) continue;
        line[strcspn(line, "\n")] = '\0';
        found = text_or_null(colon + 1 + strspn(colon + 1, " \t"));
    }
    free(line);
    (void)fclose(file);
    return found == NULL ? json_null() : found;
}

/* "net.core.somaxconn" */
static json_t *sysctl(const char *name) {
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "/proc/sys/%s", name);
    for (char *dot = path; (dot = strchr(dot, '.')) != NULL;) *dot = '/';
    return first_line(path);
}

/* ---- words that would name a user, a host or a place of this machine ---- */

static bool is_private(const char *word) {
    static const char *const marks[] = {"/", "UUID=", "hostname", "machine_id", "@"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(word, marks[i]) != NULL) return true;
    }
    return strncmp(word, "ip=", 3) == 0;
}

/*
 * Of "a=b c=/d" the words; of a private one only what stands before its `=`
 * or its first slash. What follows "--" is for init, not for the kernel.
 */
static json_t *without_private(const char *text) {
    char *copy = strdup(text);
    char *kept = calloc(1, 4 * strlen(text) + 4); /* a masked word has at least a space or end */
    char *end = kept;
    char *rest = copy;
    const char *word;
    while (copy != NULL && kept != NULL && (word = strsep(&rest, " ")) != NULL) {
        if (strcmp(word, "--") == 0) break;
        if (*word == '\0') continue;
        const bool hide = is_private(word);
        const int length = hide ? (int)strcspn(word, "=/") : (int)strlen(word);
        const char *separator = end == kept ? "" : " ";
        const char *mask = !hide ? "" : word[length] == '=' ? "=..." : "...";
        end += sprintf(end, "%s%.*s%s", separator, length, word, mask);
    }
    json_t *value = text_or_null(kept);
    free(copy);
    free(kept);
    return value;
}

static json_t *kernel_command_line(const char *path) {
    char *line = read_line(path);
    json_t *value = line == NULL ? json_null() : without_private(line);
    free(line);
    return value;
}

/* ---- the machine ---- */

static json_t *kernel(const char *unused) {
    (void)unused;
    struct utsname system; /* its nodename stays here */
    if (uname(&system) != 0) return json_null();
    return json_sprintf("%s %s %s", system.sysname, system.release, system.machine);
}

static json_t *kernel_build(const char *unused) {
    (void)unused;
    struct utsname system;
    return uname(&system) == 0 ? text_or_null(system.version) : json_null();
}

/* What the hypervisor calls itself, such as "KVMKVMKVM"; "none" on bare metal. */
static json_t *hypervisor(const char *unused) {
    (void)unused;
#if defined __x86_64__ || defined __i386__
    enum { HYPERVISOR_LEAF = 0x40000000 };
    const unsigned present = 1U << 31;
    unsigned eax = 0;
    unsigned ebx = 0;
    unsigned ecx = 0;
    unsigned edx = 0;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return json_null();
    if ((ecx & present) == 0) return json_string("none");
    __cpuid(HYPERVISOR_LEAF, eax, ebx, ecx, edx);
    const unsigned words[] = {ebx, ecx, edx, 0};
    char name[sizeof words];
    memcpy(name, words, sizeof words);
    return *name == '\0' ? json_string("unnamed") : text_or_null(name);
#else
    return first_line("/sys/hypervisor/type");
#endif
}

static json_t *cpu(const char *unused) {
    (void)unused;
    json_t *model = cpuinfo("model name");
    if (!json_is_null(model)) return model;
    return cpuinfo("CPU part"); /* Arm has no name there */
}

static json_t *cpus_online(const char *unused) {
    (void)unused;
    return json_integer(sysconf(_SC_NPROCESSORS_ONLN));
}

/* Each set of threads that share a core once: "0-1 2-3". */
static json_t *thread_siblings(const char *unused) {
    (void)unused;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return json_null();
    for (long i = 0; i < sysconf(_SC_NPROCESSORS_CONF); i++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, CPUS "cpu%ld/topology/thread_siblings_list", i);
        char *line = read_line(path);
        const bool first_of_its_set = line != NULL && strtol(line, NULL, 10) == i;
        if (first_of_its_set) (void)fprintf(out, "%s%s", ftell(out) == 0 ? "" : " ", line);
        free(line);
    }
    (void)fclose(out);
    json_t *value = text_or_null(text);
    free(text);
    return value;
}

/* Of CPU 0: {"1 Data": "32K, CPUs 0-1", ...} */
static json_t *caches(const char *unused) {
    (void)unused;
    enum { FILES = 4 };
    static const char *const files[FILES] = {"level", "type", "size", "shared_cpu_list"};
    json_t *object = json_object();
    for (int i = 0;; i++) {
        char *says[FILES];
        bool whole = true;
        for (int j = 0; j < FILES; j++) {
            char path[PATH_BYTES];
            (void)snprintf(path, sizeof path, CPUS "cpu0/cache/index%d/%s", i, files[j]);
            says[j] = read_line(path);
            whole = whole && says[j] != NULL;
        }
        if (whole) {
            char name[64];
            (void)snprintf(name, sizeof name, "%.20s %.40s", says[0], says[1]);
            set(object, name, json_sprintf("%s, CPUs %s", says[2], says[3]));
        }
        for (int j = 0; j < FILES; j++) free(says[j]);
        if (!whole) return object;
    }
}

/* Of all that the kernel knows, what it does something about or ought to. */
static json_t *mitigations(const char *directory) {
    DIR *entries = opendir(directory);
    if (entries == NULL) return json_null();
    json_t *object = json_object();
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        char *line = *entry->d_name == '.' ? NULL : read_line(path);
        if (line != NULL && strcmp(line, "Not affected") != 0) {
            set(object, entry->d_name, text_or_null(line));
        }
        free(line);
    }
    (void)closedir(entries);
    return object;
}

/* What one reading of the clock costs, which is in every latency. */
static json_t *clock_cost_ns(const char *unused) {
    (void)unused;
    enum { READINGS = 100000 };
    const uint64_t start_ns = echo_clock_ns();
    uint64_t last_ns = start_ns;
    for (int i = 0; i < READINGS; i++) last_ns = echo_clock_ns();
    return json_real((double)(last_ns - start_ns) / READINGS);
}

/* ---- the network and the limits ---- */

static json_t *offloads(const char *interface) {
    static const struct {
        const char *name;
        uint32_t command;
    } asked[] = {
        {"rx_checksum", ETHTOOL_GRXCSUM},
        {"tx_checksum", ETHTOOL_GTXCSUM},
        {"scatter_gather", ETHTOOL_GSG},
        {"tso", ETHTOOL_GTSO},
        {"gso", ETHTOOL_GGSO},
        {"gro", ETHTOOL_GGRO},
    };
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) return json_null();
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct ethtool_value value = {.cmd = asked[i].command};
        struct ifreq request = {.ifr_data = (void *)&value};
        (void)snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
        const bool told = ioctl(any, SIOCETHTOOL, &request) == 0;
        set(object, asked[i].name, told ? json_boolean(value.data != 0) : json_null());
    }
    (void)close(any);
    return object;
}

static json_t *limits(const char *unused) {
    (void)unused;
    static const struct {
        const char *name;
        __rlimit_resource_t resource;
    } asked[] = {
        {"open_files", RLIMIT_NOFILE},
        {"processes", RLIMIT_NPROC},
        {"locked_memory_bytes", RLIMIT_MEMLOCK},
        {"realtime_priority", RLIMIT_RTPRIO},
    };
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct rlimit limit;
        const bool told = getrlimit(asked[i].resource, &limit) == 0;
        set(object, asked[i].name,
            !told                             ? json_null()
            : limit.rlim_cur == RLIM_INFINITY ? json_string("unlimited")
                                              : json_integer((json_int_t)limit.rlim_cur));
    }
    return object;
}

static double number_in(const char *directory, const char *name) {
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    char *line = read_line(path);
    const double number = line == NULL ? NAN : strtod(line, NULL);
    free(line);
    return number;
}

/* In CPUs; INFINITY: none; NAN: this is no directory that says. */
static double quota_of(const char *directory, bool unified) {
    if (!unified) {
        const double quota_us = number_in(directory, "cpu.cfs_quota_us");
        return quota_us < 0 ? INFINITY : quota_us / number_in(directory, "cpu.cfs_period_us");
    }
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/cpu.max", directory);
    char *line = read_line(path);
    if (line == NULL) return NAN;
    char *end;
    const double quota_us = strtod(line, &end);
    const double quota = end == line ? INFINITY : quota_us / strtod(end, NULL);
    free(line);
    return quota;
}

/* The tightest from our own group up to the root: each of them binds. */
static double quota_upwards(const char *root, const char *group, bool unified) {
    char directory[PATH_BYTES];
    if (snprintf(directory, sizeof directory, "%s%s", root, group) >= (int)sizeof directory) {
        return NAN;
    }
    double tightest = NAN;
    for (;;) {
        tightest = fmin(tightest, quota_of(directory, unified)); /* the number, if one is NAN */
        char *slash = strrchr(directory, '/');
        if (slash < directory + strlen(root)) return tightest;
        *slash = '\0';
    }
}

static bool has_cpu(char *controllers) {
    const char *one;
    while ((one = strsep(&controllers, ",")) != NULL) {
        if (strcmp(one, "cpu") == 0) return true;
    }
    return false;
}

/* How many CPUs the control groups allow, a number or "none"; null where they do not say. */
static json_t *cgroup_quota_cpus(const char *path) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    double tightest = NAN;
    if (file == NULL) return json_null();
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *rest = line;
        (void)strsep(&rest, ":");
        char *controllers = strsep(&rest, ":");
        if (rest == NULL) continue;
        if (*controllers == '\0') {
            tightest = fmin(tightest, quota_upwards("/sys/fs/cgroup", rest, true));
        } else if (has_cpu(controllers)) {
            tightest = fmin(tightest, quota_upwards("/sys/fs/cgroup/cpu", rest, false));
        }
    }
    free(line);
    (void)fclose(file);
    return isnan(tightest)   ? json_null()
           : isinf(tightest) ? json_string("none")
                             : json_real(tightest);
}

/* ---- the program ---- */

static json_t *compiler(const char *unused) {
    (void)unused;
#ifdef __clang__
    return json_string("clang " __clang_version__);
#else
    return json_string("gcc " __VERSION__);
#endif
}

struct build_id {
    char text[2 * 64 + 1];
};

static int find_build_id(struct dl_phdr_info *object, size_t size, void *found) {
    (void)size;
    struct build_id *id = found;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_NOTE) continue;
        const uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= segment->p_memsz;) {
            ElfW(Nhdr) note;
            const char *bytes = (const char *)(start + at); /* NOLINT(performance-no-int-to-ptr) */
            memcpy(&note, bytes, sizeof note);
            const size_t name_bytes = (note.n_namesz + 3U) & ~(size_t)3;
            const char *value = bytes + sizeof note + name_bytes;
            if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz <= sizeof id->text / 2) {
                for (unsigned j = 0; j < note.n_descsz; j++) {
                    (void)sprintf(id->text + 2 * (size_t)j, "%02x", (unsigned char)value[j]);
                }
            }
            at += sizeof note + name_bytes + ((note.n_descsz + 3U) & ~(size_t)3);
        }
    }
    return 1; /* the first object is the program itself: look no further */
}

static json_t *fnv1a_of(const char *path) {
    FILE *file = fopen(path, "re");
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (file == NULL) return json_null();
    for (int byte; (byte = getc_unlocked(file)) != EOF;) {
        hash = (hash ^ (uint64_t)byte) * UINT64_C(0x100000001b3);
    }
    (void)fclose(file);
    return json_sprintf("fnv1a %016llx", (unsigned long long)hash);
}

/* The linker's hash of what it linked; without one, ours of the file. */
static json_t *binary_hash(const char *path) {
    struct build_id id = {{0}};
    (void)dl_iterate_phdr(find_build_id, &id);
    return *id.text == '\0' ? fnv1a_of(path) : json_sprintf("build-id %s", id.text);
}

static json_t *compiled_in(const char *text) {
    return text_or_null(text);
}

/* ---- what changes by itself ---- */

static json_t *pressure(const char *directory) {
    static const char *const kinds[] = {"cpu", "io", "memory"};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s/%s", directory, kinds[i]);
        set(object, kinds[i], first_line(path));
    }
    return object;
}

/* What the hypervisor gave to others while we wanted to run, of all CPUs since boot. */
static json_t *steal_s(const char *path) {
    char *line = read_line(path);
    unsigned long long ticks = 0;
    const bool told =
        line != NULL && sscanf(line, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) == 1;
    free(line);
    return told ? json_real((double)ticks / (double)sysconf(_SC_CLK_TCK)) : json_null();
}

/* ---- the table ---- */

struct row {
    const char *name;
    json_t *(*read)(const char *argument);
    const char *argument;
};

static const struct row rows[] = {
    {"kernel", kernel, NULL},
    {"kernel_build", kernel_build, NULL},
    {"kernel_command_line", kernel_command_line, "/proc/cmdline"},
    {"hypervisor", hypervisor, NULL},
    {"cpu", cpu, NULL},
    {"microcode", cpuinfo, "microcode"},
    {"cpus", cpus_online, NULL},
    {"thread_siblings", thread_siblings, NULL},
    {"caches", caches, NULL},
    {"idle_driver", first_line, CPUS "cpuidle/current_driver"},
    {"idle_governor", first_line, CPUS "cpuidle/current_governor"},
    {"haltpoll.ns", first_line, HALTPOLL "ns"},
    {"haltpoll.grow", first_line, HALTPOLL "grow"},
    {"haltpoll.grow_start", first_line, HALTPOLL "grow_start"},
    {"haltpoll.shrink", first_line, HALTPOLL "shrink"},
    {"haltpoll.allow_shrink", first_line, HALTPOLL "allow_shrink"},
    {"governor", first_line, CPUS "cpu0/cpufreq/scaling_governor"},
    {"clock_source", first_line,
     "/sys/devices/system/clocksource/clocksource0/current_clocksource"},
    {"clock_cost_ns", clock_cost_ns, NULL},
    {"mitigations", mitigations, CPUS "vulnerabilities"},
    {"congestion_control", sysctl, "net.ipv4.tcp_congestion_control"},
    {"local_ports", sysctl, "net.ipv4.ip_local_port_range"},
    {"somaxconn", sysctl, "net.core.somaxconn"},
    {"loopback_mtu", first_line, "/sys/class/net/lo/mtu"},
    {"loopback_offloads", offloads, "lo"},
    {"limits", limits, NULL},
    {"cgroup_quota_cpus", cgroup_quota_cpus, "/proc/self/cgroup"},
    {"compiler", compiler, NULL},
    {"flags", without_private, BUILD_FLAGS},
    {"binary_hash", binary_hash, "/proc/self/exe"},
    {"commit", compiled_in, BUILD_COMMIT},
    {"load", first_line, "/proc/loadavg"},
    {"pressure", pressure, "/proc/pressure"},
    {"steal_s", steal_s, "/proc/stat"},
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

static const char *const volatile_names[] = {"load", "pressure", "steal_s", "after"};

static const struct row *row_of(const char *name) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    }
    return NULL;
}

/* "haltpoll.ns" goes into the object "haltpoll". */
static void set_at(json_t *environment, const char *name, json_t *value) {
    char group[64];
    const char *dot = strchr(name, '.');
    if (dot == NULL) {
        set(environment, name, value);
        return;
    }
    (void)snprintf(group, sizeof group, "%.*s", (int)(dot - name), name);
    if (json_object_get(environment, group) == NULL) set(environment, group, json_object());
    set(json_object_get(environment, group), dot + 1, value);
}

json_t *environment_read(void) {
    json_t *environment = json_object();
    if (environment == NULL) return NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_at(environment, rows[i].name, rows[i].read(rows[i].argument));
    }
    json_t *of_network = json_object();
    for (size_t i = 0; i < sizeof sysctls / sizeof sysctls[0]; i++) {
        set(of_network, sysctls[i], sysctl(sysctls[i]));
    }
    set(environment, "sysctls", of_network);
    return environment;
}

void environment_after(json_t *environment) {
    json_t *after = json_object();
    for (size_t i = 0; i < sizeof volatile_names / sizeof volatile_names[0]; i++) {
        const struct row *row = row_of(volatile_names[i]);
        if (row != NULL) set(after, row->name, row->read(row->argument));
    }
    set(environment, "after", after);
}

/* ---- what differs ---- */

/* Adds the leaves of `value` to the flat object `leaves` under their dotted names. */
static void flatten(json_t *leaves, const char *name, json_t *value) {
    if (!json_is_object(value)) {
        (void)json_object_set(leaves, name, value);
        return;
    }
    const char *key;
    json_t *member;
    json_object_foreach(value, key, member) {
        json_t *dotted = *name == '\0' ? json_string(key) : json_sprintf("%s.%s", name, key);
        flatten(leaves, json_string_value(dotted), member);
        json_decref(dotted);
    }
}

static json_t *flat_environments(const json_t *environments) {
    json_t *flat = json_array();
    size_t i;
    json_t *environment;
    json_array_foreach(environments, i, environment) {
        json_t *leaves = json_object();
        if (json_is_object(environment)) flatten(leaves, "", environment);
        (void)json_array_append_new(flat, leaves);
    }
    return flat;
}

static bool is_volatile(const char *name) {
    const size_t length = strcspn(name, ".");
    for (size_t i = 0; i < sizeof volatile_names / sizeof volatile_names[0]; i++) {
        if (strlen(volatile_names[i]) == length && strncmp(volatile_names[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The distinct values of a name; what is absent counts as null. */
static json_t *values_of(const json_t *side, const char *name) {
    json_t *distinct = json_array();
    size_t i;
    json_t *leaves;
    json_array_foreach(side, i, leaves) {
        json_t *value = json_object_get(leaves, name);
        json_t *one = value == NULL ? json_null() : json_incref(value);
        bool known = false;
        for (size_t j = 0; j < json_array_size(distinct); j++) {
            known = known || json_equal(json_array_get(distinct, j), one) != 0;
        }
        if (!known) (void)json_array_append(distinct, one);
        json_decref(one);
    }
    return distinct;
}

static double median_of(const json_t *side, const char *name) {
    double *numbers = calloc(json_array_size(side) + 1, sizeof *numbers);
    size_t count = 0;
    for (size_t i = 0; numbers != NULL && i < json_array_size(side); i++) {
        const json_t *value = json_object_get(json_array_get(side, i), name);
        if (json_is_number(value)) numbers[count++] = json_number_value(value);
    }
    const double median = count == 0 ? NAN : statistics_median(numbers, count);
    free(numbers);
    return median;
}

/* One value alone, several as a list. */
static json_t *shown(const json_t *values) {
    json_t *only = json_array_get(values, 0);
    return json_array_size(values) == 1 ? json_incref(only) : json_deep_copy(values);
}

static void compare_name(json_t *differences, const json_t *base, const json_t *new,
                         const char *name) {
    json_t *before = values_of(base, name);
    json_t *after = values_of(new, name);
    const bool several = json_array_size(before) > 1 || json_array_size(after) > 1;
    bool differs = several || json_equal(before, after) == 0;
    if (strcmp(name, "clock_cost_ns") == 0) {
        const double ratio = median_of(new, name) / median_of(base, name);
        if (isfinite(ratio)) {
            differs = ratio > clock_cost_tolerance || ratio < 1 / clock_cost_tolerance;
            json_decref(before);
            json_decref(after);
            before = json_pack("[f]", median_of(base, name));
            after = json_pack("[f]", median_of(new, name));
        }
    }
    if (differs) {
        (void)json_array_append_new(differences, json_pack("{s:s, s:o, s:o}", "name", name, "base",
                                                           shown(before), "new", shown(after)));
    }
    json_decref(before);
    json_decref(after);
}

json_t *environment_difference(const json_t *base, const json_t *new) {
    json_t *flat_base = flat_environments(base);
    json_t *flat_new = flat_environments(new);
    json_t *names = json_object(); /* of both sides, in order */
    json_t *differences = json_array();
    size_t i;
    json_t *leaves;
    json_array_foreach(flat_base, i, leaves) {
        (void)json_object_update_missing(names, leaves);
    }
    json_array_foreach(flat_new, i, leaves) {
        (void)json_object_update_missing(names, leaves);
    }
    const char *name;
    json_t *ignored;
    json_object_foreach(names, name, ignored) {
        if (!is_volatile(name)) compare_name(differences, flat_base, flat_new, name);
    }
    json_decref(names);
    json_decref(flat_base);
    json_decref(flat_new);
    return differences;
}
