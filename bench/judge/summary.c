/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/judge/summary.h"

#include <gsl/gsl_cdf.h>
#include <stdlib.h>

#include "bench/judge/query.h"

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct summary summarise(double *values, size_t count) {
    struct summary summary = {.count = count};
    if (count == 0) return summary;
    qsort(values, count, sizeof *values, by_value);
    summary.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    unsigned k = 0;
    while (gsl_cdf_binomial_P(k, 0.5, (unsigned)count) <= 0.025) k++;
    if (k == 0) return summary;
    summary.has_interval = true;
    summary.low = values[k - 1];
    summary.high = values[count - k];
    return summary;
}

struct summary summary_of(const json_t *numbers) {
    double *values = calloc(json_array_size(numbers) + 1, sizeof *values);
    if (values == NULL) return (struct summary){.count = 0};
    size_t count = 0, i;
    json_t *one;
    json_array_foreach(numbers, i, one) {
        if (json_is_number(one)) values[count++] = json_number_value(one);
    }
    const struct summary summary = summarise(values, count);
    free(values);
    return summary;
}

struct summary summary_of_field(const json_t *objects, const char *path) {
    json_t *numbers = json_array(), *one;
    size_t i;
    json_array_foreach(objects, i, one) {
        json_array_append(numbers, query_field(one, path));
    }
    const struct summary summary = summary_of(numbers);
    json_decref(numbers);
    return summary;
}

void summary_append(json_t *row, const struct summary *summary) {
    json_array_append_new(row, summary->count > 0 ? json_real(summary->median) : json_null());
    json_array_append_new(row, summary->has_interval ? json_real(summary->low) : json_null());
    json_array_append_new(row, summary->has_interval ? json_real(summary->high) : json_null());
}
