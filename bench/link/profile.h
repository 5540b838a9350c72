/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The network settings of a private network. A fresh namespace has the
 * kernel's defaults or the host's, depending on the setting and the kernel:
 * so all that matter are written, and what is then in force is recorded.
 */
#ifndef BENCH_PROFILE_H
#define BENCH_PROFILE_H

#include <stddef.h>

/* Whose network settings a private network has. */
enum profile { PROFILE_LAB, PROFILE_HOST, PROFILES };

extern const char *const profile_names[PROFILES];

struct profile_values {
    char text[16][64]; /* in the order of profile_setting_names */
};

extern const char *const profile_setting_names[]; /* "net.ipv4.tcp_..."; NULL at the end */

/* What is in force where the caller is; "" for what cannot be read. */
void profile_read(struct profile_values *values);

/*
 * Writes the settings of `profile` where the caller is: `lab`'s own, or `host`,
 * as read before the caller left it. What cannot be written stays as it is.
 */
void profile_apply(enum profile profile, const struct profile_values *host);

#endif
