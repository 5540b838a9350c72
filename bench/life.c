/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/commands.h"

int command_life(const struct options *options) {
    (void)options;
    return complain("not yet");
}
