/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/caller.h"

#include <stdlib.h>
#include <unistd.h>

bool caller_find(uid_t *user, gid_t *group) {
    const char *uid = getenv("SUDO_UID");
    const char *gid = getenv("SUDO_GID");
    if (geteuid() != 0 || uid == NULL || gid == NULL) return false;
    *user = (uid_t)strtoul(uid, NULL, 10);
    *group = (gid_t)strtoul(gid, NULL, 10);
    return true;
}
