/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/run/units.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit size_units[] = {{"", 1}, {"k", 1024}, {"M", 1048576}, {NULL, 0}};
static const struct unit count_units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {NULL, 0}};

/* The locale is C throughout, so a decimal point is a point. */
static int parse(const char *text, const struct unit *units, uint64_t *value) {
    char *end;
    errno = 0;
    const double number = strtod(text, &end);
    if (end == text || errno != 0 || !isfinite(number) || number < 0) return -EINVAL;
    for (; units->name != NULL; units++) {
        if (strcmp(end, units->name) != 0) continue;
        const double scaled = number * units->factor;
        const double whole = round(scaled); /* 1.005s is a hair less than 1005000000 in binary */
        if (scaled > 9e15 || fabs(scaled - whole) > scaled * DBL_EPSILON) return -ERANGE;
        *value = (uint64_t)whole;
        return 0;
    }
    return -EINVAL;
}

int units_size(const char *text, uint64_t *bytes) {
    return parse(text, size_units, bytes);
}

int units_count(const char *text, uint64_t *count) {
    return parse(text, count_units, count);
}

int units_time(const char *text, uint64_t *ns) {
    return parse(text, time_units, ns);
}

int units_percent(const char *text, double *percent) {
    char *end;
    const double number = strtod(text, &end);
    if (end == text || (*end != '\0' && strcmp(end, "%") != 0)) return -EINVAL;
    if (!(number >= 0 && number <= 100)) return -ERANGE;
    *percent = number;
    return 0;
}
