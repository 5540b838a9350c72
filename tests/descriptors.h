/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every test gives back what it took: set-up and tear-down of a cmocka test. */
#ifndef TESTS_DESCRIPTORS_H
#define TESTS_DESCRIPTORS_H

int count_descriptors(void **state);
int descriptors_are_given_back(void **state);

#endif
