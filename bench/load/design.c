/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/design.h"
const char *const design_names[DESIGNS] = {"pool", "epoll", "iterative", "fork", "thread"};
