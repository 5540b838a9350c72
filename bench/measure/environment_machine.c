/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <elf.h>
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

#include "bench/measure/environment_parts.h"
#include "echo/clock.h"

#define CPUS "/sys/devices/system/cpu/"

/* ---- the kernel and what it runs on ---- */

struct fact environment_kernel(const char *unused) {
    (void)unused;
    struct utsname system; /* its nodename stays here */
    if (uname(&system) != 0) return (struct fact){0};
    return fact_format("%s %s %s", system.sysname, system.release, system.machine);
}

struct fact environment_kernel_build(const char *unused) {
    (void)unused;
    struct utsname system;
    return fact_text(uname(&system) == 0 ? system.version : NULL);
}

/* What the hypervisor calls itself, such as "KVMKVMKVM"; "none" on bare metal. */
struct fact environment_hypervisor(const char *otherwise) {
#if defined __x86_64__ || defined __i386__
    (void)otherwise;
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
    return environment_file(otherwise);
#endif
}

/* Arm has no name there. */
struct fact environment_cpu(const char *otherwise) {
    const struct fact model = environment_cpuinfo("model name");
    return model.kind == FACT_UNKNOWN ? environment_cpuinfo(otherwise) : model;
}

struct fact environment_cpus(const char *unused) {
    (void)unused;
    return fact_number((double)sysconf(_SC_NPROCESSORS_ONLN));
}

/* Each set of threads that share a core once: "0-1 2-3". */
struct fact environment_thread_siblings(const char *file) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return (struct fact){0};
    for (long i = 0; i < sysconf(_SC_NPROCESSORS_CONF); i++) {
        char *line = environment_line(CPUS "cpu%ld/%s", i, file);
        const bool first_of_its_set = line != NULL && strtol(line, NULL, 10) == i;
        if (first_of_its_set) (void)fprintf(out, "%s%s", ftell(out) == 0 ? "" : " ", line);
        free(line);
    }
    (void)fclose(out);
    return fact_of(text);
}

/* Of CPU 0: "caches.1 Data" is "32K, CPUs 0-1". */
void environment_caches(struct facts *facts) {
    enum { LEVEL, TYPE, SIZE, SHARED, FILES };
    static const char *const files[FILES] = {"level", "type", "size", "shared_cpu_list"};
    bool whole = true;
    for (int i = 0; whole; i++) {
        char *says[FILES];
        for (int j = 0; j < FILES; j++) {
            says[j] = environment_line(CPUS "cpu0/cache/index%d/%s", i, files[j]);
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
void environment_mitigations(struct facts *facts) {
    DIR *entries = opendir(CPUS "vulnerabilities");
    if (entries == NULL) return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (*entry->d_name == '.') continue;
        char *line = environment_line(CPUS "vulnerabilities/%s", entry->d_name);
        if (line != NULL && strcmp(line, "Not affected") != 0) {
            facts_take(facts, fact_text(line), "mitigations.%s", entry->d_name);
        }
        free(line);
    }
    (void)closedir(entries);
}

/* What one reading of the clock costs, which is in every latency. */
struct fact environment_clock_cost_ns(const char *unused) {
    (void)unused;
    enum { READINGS = 100000 };
    const uint64_t start_ns = echo_clock_ns();
    uint64_t last_ns = start_ns;
    for (int i = 0; i < READINGS; i++) last_ns = echo_clock_ns();
    return fact_number((double)(last_ns - start_ns) / READINGS);
}

/* What the hypervisor gave to others while we wanted to run, of all CPUs since boot. */
struct fact environment_steal_s(const char *path) {
    char *line = environment_line("%s", path);
    unsigned long long ticks = 0;
    const bool told =
        line != NULL && sscanf(line, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) == 1;
    free(line);
    return told ? fact_number((double)ticks / (double)sysconf(_SC_CLK_TCK)) : (struct fact){0};
}

/* ---- the network and the limits ---- */

static struct fact offload(int socket, uint32_t command) {
    struct ethtool_value value = {.cmd = command};
    struct ifreq request = {.ifr_name = "lo", .ifr_data = (void *)&value};
    if (ioctl(socket, SIOCETHTOOL, &request) != 0) return (struct fact){0};
    return fact_truth(value.data != 0);
}

void environment_loopback_offloads(struct facts *facts) {
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    facts_take(facts, offload(any, ETHTOOL_GRXCSUM), "loopback_offloads.rx_checksum");
    facts_take(facts, offload(any, ETHTOOL_GTXCSUM), "loopback_offloads.tx_checksum");
    facts_take(facts, offload(any, ETHTOOL_GSG), "loopback_offloads.scatter_gather");
    facts_take(facts, offload(any, ETHTOOL_GTSO), "loopback_offloads.tso");
    facts_take(facts, offload(any, ETHTOOL_GGSO), "loopback_offloads.gso");
    facts_take(facts, offload(any, ETHTOOL_GGRO), "loopback_offloads.gro");
    if (any >= 0) (void)close(any);
}

static struct fact limit_of(__rlimit_resource_t resource) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0) return (struct fact){0};
    return limit.rlim_cur == RLIM_INFINITY ? fact_text("unlimited")
                                           : fact_number((double)limit.rlim_cur);
}

void environment_limits(struct facts *facts) {
    facts_take(facts, limit_of(RLIMIT_NOFILE), "limits.open_files");
    facts_take(facts, limit_of(RLIMIT_NPROC), "limits.processes");
    facts_take(facts, limit_of(RLIMIT_MEMLOCK), "limits.locked_memory_bytes");
    facts_take(facts, limit_of(RLIMIT_RTPRIO), "limits.realtime_priority");
}

/* ---- the quota of the control groups ---- */

static double number_in(const char *directory, const char *name) {
    char *line = environment_line("%s/%s", directory, name);
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
    char *line = environment_line("%s/cpu.max", directory);
    if (line == NULL) return NAN;
    char *end;
    const double quota_us = strtod(line, &end);
    const double quota = end == line ? INFINITY : quota_us / strtod(end, NULL);
    free(line);
    return quota;
}

/* The tightest from our own group up to the root: each of them binds. */
static double quota_upwards(const char *root, const char *group, bool unified) {
    char *directory;
    if (asprintf(&directory, "%s%s", root, group) < 0) return NAN;
    double tightest = NAN;
    char *end = directory + strlen(directory);
    do {
        *end = '\0';
        tightest = fmin(tightest, quota_of(directory, unified)); /* the number, if one is NAN */
        end = strrchr(directory, '/');
    } while (end >= directory + strlen(root));
    free(directory);
    return tightest;
}

static bool has_cpu(char *controllers) {
    const char *one;
    while ((one = strsep(&controllers, ",")) != NULL) {
        if (strcmp(one, "cpu") == 0) return true;
    }
    return false;
}

/* Of a line "4:cpu,cpuacct:/group"; the one hierarchy of cgroup v2 names no controllers. */
static double quota_of_line(char *line) {
    line[strcspn(line, "\n")] = '\0';
    (void)strsep(&line, ":");
    char *controllers = strsep(&line, ":");
    if (line == NULL) return NAN;
    if (*controllers == '\0') return quota_upwards("/sys/fs/cgroup", line, true);
    return has_cpu(controllers) ? quota_upwards("/sys/fs/cgroup/cpu", line, false) : NAN;
}

/* How many CPUs the control groups allow, a number or "none"; not known where they do not say. */
struct fact environment_cgroup_quota_cpus(const char *path) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    double tightest = NAN;
    if (file == NULL) return (struct fact){0};
    while (getline(&line, &room, file) > 0) tightest = fmin(tightest, quota_of_line(line));
    free(line);
    (void)fclose(file);
    return isinf(tightest) ? fact_text("none") : fact_number(tightest);
}

/* ---- the program ---- */

/* As hexadecimal digits; unknown where these notes have none. */
static struct fact build_id_in(const char *notes, size_t size) {
    ElfW(Nhdr) note;
    for (size_t at = 0; at + sizeof note <= size;) {
        memcpy(&note, notes + at, sizeof note);
        const size_t name_bytes = (note.n_namesz + 3U) & ~(size_t)3;
        const char *value = notes + at + sizeof note + name_bytes;
        char digits[2 * 64 + 1] = "";
        const bool gnu =
            note.n_namesz == sizeof "GNU" && memcmp(notes + at + sizeof note, "GNU", 4) == 0;
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
        const uintptr_t start = object->dlpi_addr + segment->p_vaddr;
        if (segment->p_type != PT_NOTE) continue;
        *id = build_id_in((const char *)start, /* NOLINT(performance-no-int-to-ptr) */
                          segment->p_memsz);
    }
    return 1; /* the first object is the program itself: look no further */
}

/* The linker's hash of what it linked; not known where it was told to leave none. */
struct fact environment_build_id(const char *unused) {
    (void)unused;
    struct fact id = {0};
    (void)dl_iterate_phdr(find_build_id, &id);
    return id;
}
