/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the system is asked: its files of a line or a few, as /proc has them;
 * its network devices; who asks, and with which children.
 */
#ifndef BENCH_SYSTEM_H
#define BENCH_SYSTEM_H

#include <net/if.h>
#include <stdbool.h>
#include <sys/types.h>

/* The first line, without its end. The caller's to free; NULL where there is none. */
char *system_line(const char *path_format, ...) __attribute__((format(printf, 1, 2)));

/* Looks for the first line in which sscanf(3) finds that many values. */
bool system_scan(const char *path, int values, const char *format, ...)
    __attribute__((format(scanf, 3, 4)));

int system_write(const char *path, const char *text); /* 0 or -errno */

/* The file of a setting such as "net.core.somaxconn": its line as of system_line; 0 or -errno. */
char *system_setting(const char *name);
int system_set(const char *name, const char *text);

/*
 * The directory of our control group in the hierarchy of cgroup v2 (unified),
 * or in that of v1 which has the CPU. The caller's to free; NULL: not in any.
 */
char *system_cpu_group(bool unified);

/* An ioctl of netdevice(7) for this device. 0 or -errno. */
int system_device(const char *name, unsigned long what, struct ifreq *request);

/* fork(2) or -errno. The child is killed when the calling thread ends. */
pid_t system_fork(void);

/* Who is behind sudo(8). False: this is not root, or nobody called so. */
bool system_caller(uid_t *user, gid_t *group);

/*
 * Forks such a child, which ends with the status that live(what, control)
 * returns; once that has said at its control how it began: `size` bytes, first
 * an int, 0 or -errno. *control is our end, to be shut down: to close it may
 * tell the child nothing, where others have copies. 0 or -errno: it is gone.
 */
int system_start(pid_t *pid, int *control, int (*live)(const void *what, int control),
                 const void *what, void *began, size_t size);

/* Waits for its end; the status of wait(2). */
int system_reap(pid_t pid);

#endif
