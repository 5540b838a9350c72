/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/session/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/measure/system.h"

/* "PATH.XXXXXX", malloc'd, and in *file the file that was made of it; NULL and -errno. */
static char *create_beside(const char *path, int *file) {
    char *name = NULL;
    *file = -ENOMEM;
    if (asprintf(&name, "%s.XXXXXX", path) < 0) return NULL;
    *file = mkostemp(name, O_CLOEXEC);
    if (*file >= 0) return name;
    *file = -errno;
    free(name);
    return NULL;
}

int output_check(const char *path) {
    struct stat there;
    /* A device or a pipe would be replaced by a file, not written to. */
    if (stat(path, &there) == 0 && !S_ISREG(there.st_mode)) {
        return S_ISDIR(there.st_mode) ? -EISDIR : -EINVAL;
    }
    int file;
    char *name = create_beside(path, &file);
    if (name == NULL) return file;
    (void)close(file);
    (void)unlink(name);
    free(name);
    return 0;
}

/* Under sudo the results are the caller's, who will want to write there again. */
static void give_to_caller(int file) {
    uid_t uid;
    gid_t gid;
    if (!system_caller(&uid, &gid)) return;
    if (fchown(file, uid, gid) != 0) return; /* then it stays root's, and readable */
}

int output_write(const char *path, const char *text, size_t size) {
    int file;
    char *name = create_beside(path, &file);
    if (name == NULL) return file;
    FILE *out = fdopen(file, "w");
    int failed = out != NULL && fwrite(text, 1, size, out) == size && fflush(out) == 0 &&
                         fsync(file) == 0 && fchmod(file, 0644) == 0
                     ? 0
                     : -errno;
    give_to_caller(file);
    if ((out == NULL ? close(file) : fclose(out)) != 0 && failed == 0) failed = -errno;
    if (failed == 0 && rename(name, path) != 0) failed = -errno;
    if (failed != 0) (void)unlink(name);
    free(name);
    return failed;
}
