/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/measure/system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

char *system_line(const char *path_format, ...) {
    char *path, *line = NULL;
    size_t room = 0;
    va_list arguments;
    va_start(arguments, path_format);
    if (vasprintf(&path, path_format, arguments) < 0) path = NULL;
    va_end(arguments);
    FILE *file = path == NULL ? NULL : fopen(path, "re");
    free(path);
    const bool read = file != NULL && getline(&line, &room, file) > 0;
    if (file != NULL) (void)fclose(file);
    if (read) line[strcspn(line, "\n")] = '\0';
    if (read) return line;
    free(line);
    return NULL;
}

bool system_scan(const char *path, int values, const char *format, ...) {
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    if (file == NULL) return false;
    while (!found && getline(&line, &room, file) > 0) {
        va_list into;
        va_start(into, format);
        found = vsscanf(line, format, into) == values;
        va_end(into);
    }
    free(line);
    (void)fclose(file);
    return found;
}

int system_write(const char *path, const char *text) {
    const int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    const int failed = write(file, text, strlen(text)) < 0 ? -errno : 0;
    (void)close(file);
    return failed;
}

enum { SETTING_PATH = 128 };

static void setting_path(char *path, const char *name) {
    (void)snprintf(path, SETTING_PATH, "/proc/sys/%s", name);
    for (char *dot = path; (dot = strchr(dot, '.')) != NULL;) *dot = '/';
}

char *system_setting(const char *name) {
    char path[SETTING_PATH];
    setting_path(path, name);
    return system_line("%s", path);
}

int system_set(const char *name, const char *text) {
    char path[SETTING_PATH];
    setting_path(path, name);
    return system_write(path, text);
}

char *system_cpu_group(bool unified) {
    /* The one hierarchy of cgroup v2 names no controllers. */
    const char *v2[] = {"0::%m[^\n]", NULL};
    const char *v1[] = {"%*d:cpu,cpuacct:%m[^\n]", "%*d:cpuacct,cpu:%m[^\n]", "%*d:cpu:%m[^\n]",
                        NULL};
    char *group = NULL, *directory = NULL;
    for (const char **format = unified ? v2 : v1; *format != NULL && group == NULL; format++) {
        (void)system_scan("/proc/self/cgroup", 1, *format, &group);
    }
    const char *root = unified ? "" : "/cpu";
    if (group != NULL && asprintf(&directory, "/sys/fs/cgroup%s%s", root, group) < 0)
        directory = NULL;
    free(group);
    return directory;
}

int system_device(const char *name, unsigned long what, struct ifreq *request) {
    const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (any < 0) return -errno;
    (void)snprintf(request->ifr_name, sizeof request->ifr_name, "%s", name);
    const int failed = ioctl(any, what, request) == 0 ? 0 : -errno;
    (void)close(any);
    return failed;
}

pid_t system_fork(void) {
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1); /* it died before we asked to be told */
    }
    return child < 0 ? -errno : child;
}

bool system_caller(uid_t *user, gid_t *group) {
    const char *uid = getenv("SUDO_UID");
    const char *gid = getenv("SUDO_GID");
    if (geteuid() != 0 || uid == NULL || gid == NULL) return false;
    *user = (uid_t)strtoul(uid, NULL, 10);
    *group = (gid_t)strtoul(gid, NULL, 10);
    return true;
}

int system_start(pid_t *pid, int *control, int (*live)(const void *what, int control),
                 const void *what, void *began, size_t size) {
    int ends[2];
    *pid = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -errno;
    const pid_t child = system_fork();
    if (child == 0) {
        (void)close(ends[0]);
        _exit(live(what, ends[1]));
    }
    (void)close(ends[1]);
    int failed = child < 0 ? child : -EIO;
    if (child > 0 && read(ends[0], began, size) == (ssize_t)size)
        memcpy(&failed, began, sizeof failed);
    *pid = failed == 0 ? child : -1;
    *control = ends[0];
    if (failed != 0) (void)close(ends[0]);
    if (failed != 0 && child > 0) (void)system_reap(child);
    return failed;
}

int system_reap(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}
