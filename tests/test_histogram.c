/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The histogram, and the samples of it, beside a sorted array of the same durations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/measure/histogram.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 10007, EXACT_BELOW_NS = 2048 };

/* splitmix64: a stream that is the same everywhere. */
static uint64_t next(uint64_t *seed) {
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double share(uint64_t *seed) {
    return (double)(next(seed) >> 11) * 0x1p-53;
}

static uint64_t uniform(uint64_t *seed) {
    return next(seed) % 50000000;
}

static uint64_t log_uniform(uint64_t *seed) {
    return (uint64_t)pow(10, 11 * share(seed)); /* 1 ns to 100 s */
}

static uint64_t constant(uint64_t *seed) {
    (void)seed;
    return 123456789;
}

static uint64_t two_modes(uint64_t *seed) {
    const uint64_t wobble = next(seed) % 1000;
    return (next(seed) % 100 < 98 ? 15000 : 40000000) + wobble;
}

static uint64_t small(uint64_t *seed) {
    return next(seed) % EXACT_BELOW_NS;
}

typedef uint64_t distribution(uint64_t *seed);
static distribution *const distributions[] = {uniform, log_uniform, constant, two_modes, small};
enum { DISTRIBUTIONS = sizeof distributions / sizeof distributions[0] };

static int ascending(const void *one, const void *other) {
    const uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

static void draw(uint64_t *samples, size_t count, distribution *of, uint64_t seed) {
    for (size_t i = 0; i < count; i++) samples[i] = of(&seed);
}

static struct histogram *recorded(const uint64_t *samples, size_t count) {
    struct histogram *histogram = calloc(1, sizeof *histogram);
    assert_non_null(histogram);
    for (size_t i = 0; i < count; i++) histogram_record(histogram, samples[i]);
    return histogram;
}

/* By the definition, in whole numbers: the smallest rank that covers `hundredths` of a percent. */
static uint64_t nearest_rank(const uint64_t *sorted, size_t count, size_t hundredths) {
    const size_t rank = (hundredths * count + 9999) / 10000;
    return sorted[rank == 0 ? 0 : rank - 1];
}

static void assert_within_a_thousandth(uint64_t got, uint64_t wanted) {
    if (wanted < EXACT_BELOW_NS) {
        assert_int_equal(got, wanted);
    } else {
        assert_in_range(got, wanted - wanted / 1000, wanted + wanted / 1000);
    }
}

/* NAN where fewer than SAMPLES_BEYOND lie beyond it: in hundredths of a percent, whole numbers. */
static bool is_supported(uint64_t count, uint64_t hundredths) {
    return count * (10000 - hundredths) >= (uint64_t)SAMPLES_BEYOND * 10000;
}

static void assert_percentiles(uint64_t *samples, size_t count) {
    struct histogram *histogram = recorded(samples, count);
    struct samples kept = samples_of(histogram);
    qsort(samples, count, sizeof *samples, ascending);
    for (size_t hundredths = 0; hundredths <= 10000; hundredths++) {
        const double got = samples_percentile_ns(&kept, (double)hundredths / 100);
        assert_int_equal(isnan(got), !is_supported(count, hundredths));
        if (isnan(got)) continue;
        assert_true(got == histogram_percentile_ns(histogram, (double)hundredths / 100));
        assert_within_a_thousandth((uint64_t)got, nearest_rank(samples, count, hundredths));
        assert_true(got <= (double)histogram->max_ns);
    }
    samples_free(&kept);
    free(histogram);
}

static void percentiles_are_those_of_the_sorted_samples(void **state) {
    (void)state;
    static uint64_t samples[SAMPLES];
    for (size_t i = 0; i < DISTRIBUTIONS; i++) {
        draw(samples, SAMPLES, distributions[i], i);
        assert_percentiles(samples, SAMPLES);
    }
}

/* Here a rank that is off by one is another value, not a hair's breadth. */
static void percentiles_of_few_samples_have_the_nearest_rank(void **state) {
    (void)state;
    uint64_t samples[1000];
    for (size_t count = 1; count <= 1000; count = count < 12 ? count + 1 : count * 10 / 3) {
        for (size_t i = 0; i < count; i++) samples[i] = 2 * i;
        assert_percentiles(samples, count);
    }
    for (size_t i = 0; i < 1000; i++) samples[i] = i;
    assert_percentiles(samples, 1000);
}

/* Of so many equal durations, that there is one. */
static double middle_of(uint64_t ns) {
    struct samples_bucket bucket = {histogram_upper_bound_ns(histogram_bucket_of(ns)),
                                    2 * (uint64_t)SAMPLES_BEYOND};
    const struct samples samples = {.buckets = &bucket, .count = 1, .answered = bucket.count};
    return samples_percentile_ns(&samples, 50);
}

static void every_duration_below_2048_ns_has_its_own_bucket(void **state) {
    (void)state;
    for (uint64_t ns = 0; ns < EXACT_BELOW_NS; ns++) {
        assert_int_equal(histogram_bucket_of(ns), ns);
        assert_int_equal(histogram_upper_bound_ns((unsigned)ns), ns);
        assert_true(middle_of(ns) == (double)ns);
    }
}

static void buckets_meet_without_gap_or_overlap(void **state) {
    (void)state;
    const unsigned last = histogram_bucket_of(HISTOGRAM_MAX_NS);
    assert_in_range(last, 0, HISTOGRAM_BUCKETS - 1);
    uint64_t below = 0;
    for (unsigned bucket = 0; bucket <= last; bucket++) {
        const uint64_t upper = histogram_upper_bound_ns(bucket);
        assert_int_equal(histogram_bucket_of(upper), bucket);
        assert_int_equal(histogram_bucket_of(upper + 1), bucket + 1);
        /* No value is further than a 2,048th from the middle. */
        assert_true(bucket == 0 || (upper - below - 1) * 1024 <= upper);
        below = upper;
    }
    assert_true(below >= HISTOGRAM_MAX_NS);
}

static void whatever_is_longer_than_100_s_counts_as_100_s(void **state) {
    (void)state;
    static const uint64_t longs[] = {HISTOGRAM_MAX_NS, HISTOGRAM_MAX_NS + 1, UINT64_MAX};
    struct histogram *histogram = recorded(longs, 3);
    assert_int_equal(histogram->count, 3);
    assert_int_equal(histogram->bucket[histogram_bucket_of(HISTOGRAM_MAX_NS)], 3);
    for (int i = 0; i < SAMPLES_BEYOND; i++) {
        for (size_t k = 0; k < 3; k++) histogram_record(histogram, longs[k]);
    }
    assert_int_equal(histogram->max_ns, HISTOGRAM_MAX_NS);
    assert_true(histogram_mean_ns(histogram) == (double)HISTOGRAM_MAX_NS);
    assert_within_a_thousandth((uint64_t)histogram_percentile_ns(histogram, 50), HISTOGRAM_MAX_NS);
    free(histogram);
}

static void mean_and_maximum_are_exact(void **state) {
    (void)state;
    static uint64_t samples[SAMPLES];
    for (size_t i = 0; i < DISTRIBUTIONS; i++) {
        draw(samples, SAMPLES, distributions[i], 100 + i);
        struct histogram *histogram = recorded(samples, SAMPLES);
        uint64_t sum = 0, most = 0;
        for (size_t j = 0; j < SAMPLES; j++) {
            sum += samples[j];
            if (samples[j] > most) most = samples[j];
        }
        assert_true(histogram_mean_ns(histogram) == (double)sum / SAMPLES);
        assert_int_equal(histogram->max_ns, most);
        free(histogram);
    }
}

static void adding_is_recording_all_in_one(void **state) {
    (void)state;
    static uint64_t samples[2 * SAMPLES];
    draw(samples, SAMPLES, log_uniform, 1);
    draw(samples + SAMPLES, SAMPLES, two_modes, 2);
    struct histogram *one = recorded(samples, SAMPLES);
    struct histogram *other = recorded(samples + SAMPLES, SAMPLES);
    struct histogram *all = recorded(samples, 2 * (size_t)SAMPLES);
    histogram_add(one, other);
    assert_memory_equal(one, all, sizeof *all);
    /* What is empty changes nothing, on either side. */
    struct histogram *empty = recorded(NULL, 0);
    histogram_add(one, empty);
    assert_memory_equal(one, all, sizeof *all);
    histogram_add(empty, all);
    assert_memory_equal(empty, all, sizeof *all);
    free(one);
    free(other);
    free(all);
    free(empty);
}

static void empty_histogram_has_no_percentile(void **state) {
    (void)state;
    struct histogram *histogram = recorded(NULL, 0);
    for (int percent = 0; percent <= 100; percent += 50) {
        assert_true(isnan(histogram_percentile_ns(histogram, percent)));
    }
    assert_true(histogram_mean_ns(histogram) == 0);
    assert_int_equal(histogram->max_ns, 0);
    free(histogram);
}

/* ---- samples ---- */

static void assert_same_samples(const struct samples *one, const struct samples *other) {
    assert_int_equal(one->count, other->count);
    assert_int_equal(one->answered, other->answered);
    assert_int_equal(one->max_ns, other->max_ns);
    assert_memory_equal(one->buckets, other->buckets, one->count * sizeof *one->buckets);
}

static void adding_samples_is_sampling_the_sum(void **state) {
    (void)state;
    static uint64_t samples[2 * SAMPLES];
    draw(samples, SAMPLES, log_uniform, 1);
    draw(samples + SAMPLES, SAMPLES, two_modes, 2);
    struct histogram *halves[] = {recorded(samples, SAMPLES), recorded(samples + SAMPLES, SAMPLES)};
    struct histogram *whole = recorded(samples, 2 * (size_t)SAMPLES);
    struct samples sum = {0}, all = samples_of(whole); /* from nothing */
    for (size_t i = 0; i < 2; i++) {
        struct samples half = samples_of(halves[i]);
        half.missed = 5 + i;
        samples_add(&sum, &half);
        samples_free(&half);
        free(halves[i]);
    }
    assert_same_samples(&sum, &all);
    assert_int_equal(sum.missed, 11);
    samples_add(&sum, &(struct samples){0});
    assert_same_samples(&sum, &all);
    samples_free(&sum);
    samples_free(&all);
    free(whole);
}

/* To lose a message is never fast: 100 answered in 1 to 100 ns, and as many that never were. */
static void missed_ones_rank_last(void **state) {
    (void)state;
    uint64_t answered[100];
    for (size_t i = 0; i < 100; i++) answered[i] = i + 1;
    struct histogram *histogram = recorded(answered, 100);
    struct samples samples = samples_of(histogram);
    assert_true(samples_percentile_ns(&samples, 50) == 50);
    samples.missed = 100;
    assert_true(samples_percentile_ns(&samples, 25) == 50);
    assert_true(samples_percentile_ns(&samples, 50) == 100);
    assert_true(isinf(samples_percentile_ns(&samples, 50.5)));
    assert_true(isinf(samples_percentile_ns(&samples, 80)));
    assert_true(isnan(samples_percentile_ns(&samples, 80.5))); /* 39 beyond it */
    /* Where nothing was answered there is no duration at all. */
    samples_free(&samples);
    samples.missed = 100;
    assert_true(isinf(samples_percentile_ns(&samples, 50)));
    free(histogram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_those_of_the_sorted_samples),
        cmocka_unit_test(percentiles_of_few_samples_have_the_nearest_rank),
        cmocka_unit_test(every_duration_below_2048_ns_has_its_own_bucket),
        cmocka_unit_test(buckets_meet_without_gap_or_overlap),
        cmocka_unit_test(whatever_is_longer_than_100_s_counts_as_100_s),
        cmocka_unit_test(mean_and_maximum_are_exact),
        cmocka_unit_test(adding_is_recording_all_in_one),
        cmocka_unit_test(empty_histogram_has_no_percentile),
        cmocka_unit_test(adding_samples_is_sampling_the_sum),
        cmocka_unit_test(missed_ones_rank_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
