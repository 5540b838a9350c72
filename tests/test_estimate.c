/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The estimate that comparisons are made with, tried on noise of known shapes:
 * how often its interval holds the truth, how wide it is, and what it finds.
 * With "table" as its argument it prints what it saw (`make simulate`).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/judge/estimate.h"

enum { REPETITIONS = 10000, BLOCKS_MOST = 52, SEED = 20 };

/* What a block's log ratio is: the truth, and such noise. */
struct noise {
    const char *name;
    double (*draw)(gsl_rng *random);
};

static const double sigma = 0.03; /* of a quiet machine's log ratios */

static double normal(gsl_rng *random) {
    return gsl_ran_gaussian(random, sigma);
}

static double heavy(gsl_rng *random) {
    return sigma * gsl_ran_tdist(random, 2.5);
}

/* In 12 of 100 blocks one side, either, is 1.4 to 2.4 times slower. */
static double bursts(gsl_rng *random) {
    double value = normal(random);
    if (gsl_rng_uniform(random) < 0.12) {
        const double slower = log(gsl_ran_flat(random, 1.4, 2.4));
        value += gsl_rng_uniform(random) < 0.5 ? slower : -slower;
    }
    return value;
}

static double unequal(gsl_rng *random) {
    return gsl_ran_gaussian(random, gsl_rng_uniform(random) < 0.5 ? sigma : 3 * sigma);
}

static const struct noise noises[] = {
    {"normal", normal}, {"t 2.5", heavy}, {"bursts", bursts}, {"unequal", unequal}};

enum { NOISES = sizeof noises / sizeof noises[0] };

static const size_t block_counts[] = {6, 15, 52};

enum { COUNTS = sizeof block_counts / sizeof block_counts[0] };

struct seen {
    double coverage; /* how often the interval held the truth */
    double width;    /* the median over the repetitions */
    double found;    /* how often a true 5 % was told from 0 */
};

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct seen simulate(const struct noise *noise, size_t count, double level,
                            struct estimate (*estimate)(double *, size_t, double)) {
    static double widths[REPETITIONS];
    double samples[BLOCKS_MOST];
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    struct seen seen = {0};
    const double truth = log(1.05);
    gsl_rng_set(random, SEED);
    for (int i = 0; i < REPETITIONS; i++) {
        for (size_t k = 0; k < count; k++) samples[k] = truth + noise->draw(random);
        const struct estimate e = estimate(samples, count, level);
        seen.coverage += e.low <= truth && truth <= e.high;
        seen.found += e.low > 0;
        widths[i] = e.high - e.low;
    }
    gsl_rng_free(random);
    qsort(widths, REPETITIONS, sizeof widths[0], by_value);
    seen.width = widths[REPETITIONS / 2];
    seen.coverage /= REPETITIONS;
    seen.found /= REPETITIONS;
    return seen;
}

static struct estimate by_t(double *samples, size_t count, double level) {
    return estimate_by(ESTIMATE_T, samples, count, level);
}

static struct estimate by_trimming(double *samples, size_t count, double level) {
    return estimate_by(ESTIMATE_TRIMMED, samples, count, level);
}

static struct estimate by_ranks(double *samples, size_t count, double level) {
    return estimate_by(ESTIMATE_RANKS, samples, count, level);
}

static void the_interval_holds_the_truth_as_often_as_it_says(void **state) {
    (void)state;
    for (int i = 0; i < NOISES; i++) {
        for (int k = 0; k < COUNTS; k++) {
            const struct seen seen = simulate(&noises[i], block_counts[k], 0.95, estimate_of);
            const double least = noises[i].draw == bursts ? 0.93 : 0.94;
            if (seen.coverage < least) {
                fail_msg("%s, %zu blocks: %.3f", noises[i].name, block_counts[k], seen.coverage);
            }
        }
    }
}

static void bursts_do_not_widen_it(void **state) {
    (void)state;
    const struct seen ours = simulate(&noises[2], 52, 0.95, estimate_of);
    const struct seen students = simulate(&noises[2], 52, 0.95, by_t);
    assert_true(ours.width <= 0.4 * students.width);
}

static void without_bursts_it_is_hardly_wider_than_the_mean(void **state) {
    (void)state;
    for (int k = 0; k < COUNTS; k++) {
        const struct seen ours = simulate(&noises[0], block_counts[k], 0.95, estimate_of);
        const struct seen students = simulate(&noises[0], block_counts[k], 0.95, by_t);
        assert_true(ours.width <= 1.12 * students.width);
    }
}

/* What is said to be found with 80 % power is found about as often. */
static void what_can_be_found_is_found(void **state) {
    (void)state;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    double samples[BLOCKS_MOST];
    for (int k = 0; k < COUNTS; k++) {
        const size_t count = block_counts[k];
        double detectable = 0;
        unsigned found = 0;
        gsl_rng_set(random, SEED);
        for (int i = 0; i < REPETITIONS; i++) {
            for (size_t j = 0; j < count; j++) samples[j] = normal(random);
            detectable += estimate_of(samples, count, 0.95).detectable / REPETITIONS;
        }
        for (int i = 0; i < REPETITIONS; i++) {
            for (size_t j = 0; j < count; j++) samples[j] = detectable + normal(random);
            found += estimate_of(samples, count, 0.95).low > 0;
        }
        assert_in_range(found * 100 / REPETITIONS, 74, 88);
    }
    gsl_rng_free(random);
}

/* A session that goes on until its interval is 3 % wide, or there are 80 blocks. */
static double coverage_until(const struct noise *noise, double width, unsigned repetitions) {
    enum { MOST = 80 };
    double drawn[MOST], samples[MOST];
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    const double truth = log(1.05);
    unsigned held = 0;
    gsl_rng_set(random, SEED);
    for (unsigned i = 0; i < repetitions; i++) {
        struct estimate e = {.low = -INFINITY, .high = INFINITY};
        for (size_t count = 1; count <= MOST && expm1(e.high - e.low) > width; count++) {
            drawn[count - 1] = truth + noise->draw(random);
            if (!estimate_may_look(count)) continue;
            memcpy(samples, drawn, count * sizeof *samples);
            e = estimate_of(samples, count, 0.95);
        }
        held += e.low <= truth && truth <= e.high;
    }
    gsl_rng_free(random);
    return (double)held / repetitions;
}

static void stopping_on_width_keeps_the_coverage(void **state) {
    (void)state;
    for (int i = 0; i < NOISES; i++) {
        const double held = coverage_until(&noises[i], 0.03, 1000);
        if (held < 0.93) fail_msg("%s: %.3f", noises[i].name, held);
    }
}

static void few_samples_have_no_interval(void **state) {
    (void)state;
    double one[] = {0.1};
    const struct estimate e = estimate_of(one, 1, 0.95);
    assert_true(e.value == 0.1 && isnan(e.low) && isnan(e.high) && isnan(e.detectable));
    assert_true(isnan(estimate_of(one, 0, 0.95).value));
}

static void blocks_needed_are_never_fewer_than_were_run(void **state) {
    (void)state;
    const struct estimate e = {.detectable = 0.04};
    assert_int_equal(estimate_needed(&e, 15, 0.02), 60);
    assert_int_equal(estimate_needed(&e, 15, 0.08), 15);
    assert_int_equal(estimate_needed(&e, 15, 0), 0);
    assert_int_equal(estimate_needed(&(struct estimate){.detectable = NAN}, 15, 0.02), 0);
}

/* By hand: of 1 2 3 4 5 the means of pairs are 15, their median 3. */
static void ranks_are_those_of_a_sum_by_hand(void **state) {
    (void)state;
    double samples[] = {5, 3, 1, 4, 2};
    const struct estimate e = estimate_by(ESTIMATE_RANKS, samples, 5, 0.9);
    assert_true(e.method == ESTIMATE_RANKS);
    assert_true(e.value == 3);
    /* P(W <= 0) = 1/32 at each end, P(W <= 1) = 2/32 > 0.05: one mean is left out. */
    assert_true(fabs(e.level - 0.9375) < 1e-12);
    assert_true(e.low == 1.5 && e.high == 4.5);
}

static void ranks_without_an_interval_at_the_level_are_not_taken(void **state) {
    (void)state;
    double samples[] = {5, 3, 1, 4, 2};
    assert_true(estimate_by(ESTIMATE_RANKS, samples, 5, 0.99).method != ESTIMATE_RANKS);
}

static int print_table(void) {
    static const struct {
        const char *name;
        struct estimate (*estimate)(double *, size_t, double);
    } ways[] = {{"ours", estimate_of}, {"t", by_t}, {"trimmed", by_trimming}, {"ranks", by_ranks}};
    printf("95 %%, %d repetitions, a true difference of 5 %%, seed %d\n"
           "noise    blocks  estimate  coverage  width %%  found %%\n",
           REPETITIONS, SEED);
    for (int i = 0; i < NOISES; i++) {
        for (int k = 0; k < COUNTS; k++) {
            for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
                const struct seen seen =
                    simulate(&noises[i], block_counts[k], 0.95, ways[w].estimate);
                printf("%-9s%6zu  %-8s  %8.3f  %7.2f  %7.1f\n", noises[i].name, block_counts[k],
                       ways[w].name, seen.coverage, 100 * seen.width, 100 * seen.found);
            }
        }
    }
    printf("\nuntil 3 %% wide, from 15 to 80 blocks\n");
    for (int i = 0; i < NOISES; i++) {
        printf("%-9s coverage %.3f\n", noises[i].name,
               coverage_until(&noises[i], 0.03, REPETITIONS));
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "table") == 0) return print_table();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_holds_the_truth_as_often_as_it_says),
        cmocka_unit_test(bursts_do_not_widen_it),
        cmocka_unit_test(without_bursts_it_is_hardly_wider_than_the_mean),
        cmocka_unit_test(what_can_be_found_is_found),
        cmocka_unit_test(stopping_on_width_keeps_the_coverage),
        cmocka_unit_test(few_samples_have_no_interval),
        cmocka_unit_test(blocks_needed_are_never_fewer_than_were_run),
        cmocka_unit_test(ranks_are_those_of_a_sum_by_hand),
        cmocka_unit_test(ranks_without_an_interval_at_the_level_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
