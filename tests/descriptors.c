/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/descriptors.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/support.h"

static int before;

int count_descriptors(void **state) {
    (void)state;
    before = program_descriptors(getpid());
    return before < 0;
}

int descriptors_are_given_back(void **state) {
    (void)state;
    const int after = program_descriptors(getpid());
    if (after != before) (void)fprintf(stderr, "%d descriptors open, %d before\n", after, before);
    return after != before;
}
