/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/commands.h"

int command_idle(const struct options *options) {
    (void)options;
    return complain("not yet");
}
