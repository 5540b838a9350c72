/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers with units, as people write them: 16k bytes, 10k requests, 200ms. */
#ifndef BENCH_UNITS_H
#define BENCH_UNITS_H

#include <stdint.h>

/* 0, or -EINVAL / -ERANGE with *value untouched. Sizes: k is 1,024; counts: k is 1,000. */
int units_size(const char *text, uint64_t *bytes);
int units_count(const char *text, uint64_t *count);
int units_time(const char *text, uint64_t *ns);       /* a unit is needed: ns, us, ms, s */
int units_percent(const char *text, double *percent); /* 0 to 100; the sign may be left out */

#endif
