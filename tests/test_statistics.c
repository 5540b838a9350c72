/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is said of a set of runs, beside tables, sums by hand and simulations
 * in which the truth is known. All seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/statistics.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 128, TRIALS = 2000 };

static void assert_near(double got, double wanted, double relative) {
    if (fabs(got - wanted) > relative * fmax(fabs(wanted), 1e-12)) {
        fail_msg("%.9g is not %.9g", got, wanted);
    }
}

/* ---- medians ---- */

static void median_is_the_middle_or_the_mean_of_both(void **state) {
    (void)state;
    double odd[] = {5, 1, 4}, even[] = {9, 1, 2, 4}, one[] = {7};
    assert_true(statistics_median(odd, 3) == 4);
    assert_true(statistics_median(even, 4) == 3);
    assert_true(statistics_median(one, 1) == 7);
    assert_true(isnan(statistics_median(NULL, 0)));
}

/* Ranks as in the tables of the sign test, such as Conover's: from below and from above alike. */
static void interval_of_the_median_has_the_ranks_of_the_tables(void **state) {
    (void)state;
    static const struct {
        size_t count;
        double level;
        unsigned low, high;
    } rows[] = {
        {6, 0.95, 1, 6},    {7, 0.95, 1, 7},    {8, 0.95, 1, 8},    {9, 0.95, 2, 8},
        {10, 0.95, 2, 9},   {11, 0.95, 2, 10},  {12, 0.95, 3, 10},  {13, 0.95, 3, 11},
        {14, 0.95, 3, 12},  {15, 0.95, 4, 12},  {16, 0.95, 4, 13},  {17, 0.95, 5, 13},
        {18, 0.95, 5, 14},  {19, 0.95, 5, 15},  {20, 0.95, 6, 15},  {25, 0.95, 8, 18},
        {30, 0.95, 10, 21}, {40, 0.95, 14, 27}, {50, 0.95, 18, 33}, {8, 0.99, 1, 8},
        {10, 0.99, 1, 10},  {15, 0.99, 3, 13},  {20, 0.99, 4, 17},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double samples[ROOM];
        const size_t count = rows[i].count;
        /* 1 to count, each at a place of its own (7 divides none of the counts but 7 and 14). */
        const size_t step = count % 7 == 0 ? 5 : 7;
        for (size_t j = 0; j < count; j++) samples[j * step % count] = (double)j + 1;
        const struct interval interval = statistics_median_interval(samples, count, rows[i].level);
        assert_near(interval.value, ((double)count + 1) / 2, 1e-12);
        assert_near(interval.low, rows[i].low, 1e-12);
        assert_near(interval.high, rows[i].high, 1e-12);
    }
}

/* Even the extremes of five miss the median once in sixteen times. */
static void too_few_samples_have_no_interval(void **state) {
    (void)state;
    for (size_t count = 1; count < 8; count++) {
        double samples[] = {3, 5, 1, 2, 4, 7, 6};
        const struct interval at_95 = statistics_median_interval(samples, count, 0.95);
        assert_true(isnan(at_95.low) == (count < 6) && isnan(at_95.high) == (count < 6));
        assert_true(at_95.value == statistics_median(samples, count));
        assert_true(isnan(statistics_median_interval(samples, count, 0.99).low));
    }
    const struct interval none = statistics_median_interval(NULL, 0, 0.95);
    assert_true(isnan(none.value) && isnan(none.low) && isnan(none.high));
}

/* ---- means ---- */

/* Of 1 to n the mean is (n + 1) / 2 and the variance n (n + 1) / 12. */
static void interval_of_the_mean_has_the_quantile_of_the_tables(void **state) {
    (void)state;
    static const struct {
        size_t count;
        double level, t;
    } rows[] = {
        {2, 0.95, 12.7062}, {3, 0.95, 4.3027},   {6, 0.95, 2.5706},  {10, 0.95, 2.2622},
        {15, 0.95, 2.1448}, {15, 0.99, 2.9768},  {15, 0.90, 1.7613}, {30, 0.95, 2.0452},
        {61, 0.95, 2.0003}, {121, 0.99, 2.6174},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double samples[ROOM];
        const double n = (double)rows[i].count;
        for (size_t j = 0; j < rows[i].count; j++) samples[j] = n - (double)j;
        const struct estimate mean = estimate_by(ESTIMATE_T, samples, rows[i].count, rows[i].level);
        const double half = rows[i].t * sqrt((n + 1) / 12);
        assert_near(mean.value, (n + 1) / 2, 1e-12);
        assert_near(mean.high - mean.value, half, 3e-5);
        assert_near(mean.value - mean.low, half, 3e-5);
    }
}

/* ---- the sign-flip test ---- */

static void sign_flip_is_as_counted_by_hand(void **state) {
    (void)state;
    static const struct {
        size_t count;
        double samples[6], p;
    } rows[] = {
        {0, {0}, 1},
        {1, {5}, 1},                       /* 5 and -5 */
        {2, {1, 2}, 2.0 / 4},              /* 3, -3 of 3, 1, -1, -3 */
        {3, {1, 2, 3}, 2.0 / 8},           /* 6, -6 */
        {3, {1, 2, -3}, 1},                /* the sum is 0: all are as far */
        {3, {1, 2, -1}, 6.0 / 8},          /* all but 1 - 2 + 1 and its mirror */
        {3, {0.1, 0.1, 0.1}, 2.0 / 8},     /* 0.3 however it is rounded */
        {4, {-1, -1, -1, 1}, 10.0 / 16},   /* of 4, 2, 0 by 2, 8, 6 */
        {6, {1, 2, 3, 4, 5, 6}, 2.0 / 64}, /* the least that 6 blocks can say */
        {6, {-0.1, -0.2, -0.3, -0.4, -0.5, -0.6}, 2.0 / 64},
        {5, {0, 0, 0, 0, 0}, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_near(statistics_sign_flip(rows[i].samples, rows[i].count), rows[i].p, 1e-12);
    }
}

/* How many of all signs of samples[at...] bring the sum as far as `seen`. */
static unsigned as_far(const long *samples, size_t count, long sum, long seen) {
    if (count == 0) return sum >= seen || -sum >= seen;
    return as_far(samples + 1, count - 1, sum + *samples, seen) +
           as_far(samples + 1, count - 1, sum - *samples, seen);
}

/* Whole numbers, small enough that many sums tie. */
static void sign_flip_is_as_counted_by_recursion(void **state) {
    (void)state;
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    for (int trial = 0; trial < 200; trial++) {
        const size_t count = 1 + (size_t)trial % 12;
        long whole[12], sum = 0;
        double samples[12];
        for (size_t i = 0; i < count; i++) {
            whole[i] = (long)gsl_rng_uniform_int(random, 9) - 3;
            samples[i] = (double)whole[i];
            sum += whole[i];
        }
        const double all = ldexp(1, (int)count);
        const double p = as_far(whole, count, 0, sum < 0 ? -sum : sum) / all;
        assert_near(statistics_sign_flip(samples, count), p, 1e-12);
    }
    gsl_rng_free(random);
}

/* Of 25 equal steps 18 went up: twice the upper tail of B(25, 1/2), 0.0433. */
static void rank_flip_of_equals_is_the_sign_test(void **state) {
    (void)state;
    double samples[ROOM];
    for (size_t i = 0; i < 25; i++) samples[i] = i < 18 ? 1 : -1;
    assert_near(statistics_rank_flip(samples, 25), 0.0432850, 1e-5);
    for (size_t i = 0; i < 100; i++) samples[i] = 1;
    assert_near(statistics_rank_flip(samples, 100), ldexp(1, -99), 1e-9); /* never 0 */
    for (size_t i = 0; i < 100; i++) samples[i] = i % 2 == 0 ? 1 : -1;
    assert_near(statistics_rank_flip(samples, 100), 1, 1e-12);
    assert_near(statistics_rank_flip(samples, 0), 1, 1e-12);
}

/* Beside that of the sum, of ranks by hand: equals share theirs, and 0 takes one and no part. */
static void rank_flip_is_the_sign_flip_of_ranks(void **state) {
    (void)state;
    static const double samples[][8] = {{0.3, 4, -4, 90, 0, -0.1, 7, 8}, {5, 5, 5, -5, 1, 2, 3, 4}};
    static const double ranks[][8] = {{3, 4.5, -4.5, 8, 0, -2, 6, 7},
                                      {6.5, 6.5, 6.5, -6.5, 1, 2, 3, 4}};
    for (size_t i = 0; i < 2; i++) {
        assert_near(statistics_rank_flip(samples[i], 8), statistics_sign_flip(ranks[i], 8), 1e-12);
    }
}

/* ---- comparisons ---- */

/* Blocks whose log ratios are `mean` plus and minus `deviation` in turn; the base wanders. */
static struct comparison compare_waves(double mean, double deviation, size_t blocks, double level,
                                       double margin) {
    double variant[ROOM], baseline[ROOM];
    for (size_t i = 0; i < blocks; i++) {
        baseline[i] = 10 + (double)(i * 7 % 5);
        variant[i] = baseline[i] * exp(mean + (i % 2 == 0 ? deviation : -deviation));
    }
    return statistics_compare(variant, baseline, blocks, level, margin);
}

static void comparison_is_as_computed_by_hand(void **state) {
    (void)state;
    /* Logs 0.2 +- 0.1, 8 blocks: s = 0.1 sqrt(8/7); t of 7 df: 2.3646 at 95 %, 3.4995 at 99 %. */
    const double half = 0.1 * sqrt(8.0 / 7) / sqrt(8);
    const struct comparison c = compare_waves(0.2, 0.1, 8, 0.95, 0.01);
    assert_int_equal(c.blocks, 8);
    assert_near(c.ratio.value, exp(0.2), 1e-9);
    assert_near(c.ratio.low, exp(0.2 - 2.3646 * half), 1e-5);
    assert_near(c.ratio.high, exp(0.2 + 2.3646 * half), 1e-5);
    assert_near(c.p, 2.0 / 256, 1e-9);
    assert_true(c.level == 0.95 && c.margin == 0.01);
    const struct comparison wide = compare_waves(0.2, 0.1, 8, 0.99, 0.01);
    assert_near(wide.ratio.low, exp(0.2 - 3.4995 * half), 1e-5);
    /* With 80 % power what lies t(0.8) of 7 df, 0.8960, further out. */
    assert_near(c.detectable, exp((2.3646 + 0.8960) * half) - 1, 1e-4);
    assert_int_equal(c.estimate, ESTIMATE_T);
    /* The difference is in the unit of the samples: 2, 4, 6 more than 10. t of 2 df: 4.3027. */
    const double more[] = {12, 14, 16}, base[] = {10, 10, 10};
    const struct comparison d = statistics_compare(more, base, 3, 0.95, 0.01);
    assert_near(d.diff.value, 4, 1e-12);
    assert_near(d.diff.low, 4 - 4.3027 * 2 / sqrt(3), 1e-4);
    assert_near(d.diff.high, 4 + 4.3027 * 2 / sqrt(3), 1e-4);
    assert_near(d.ratio.value, cbrt(1.2 * 1.4 * 1.6), 1e-12);
}

static void every_verdict_is_reached(void **state) {
    (void)state;
    static const struct {
        double mean, deviation, margin;
        enum verdict verdict;
    } rows[] = {
        {-0.2, 0.05, 0.01, VERDICT_FASTER},
        {0.2, 0.05, 0.01, VERDICT_SLOWER},
        {0.001, 0.004, 0.01, VERDICT_SAME},
        {-0.004, 0.002, 0.01, VERDICT_SAME},    /* sure, and too small to matter */
        {-0.004, 0.002, 0.001, VERDICT_FASTER}, /* unless smaller things matter */
        {0.012, 0.004, 0.01, VERDICT_SLOWER},   /* partly beyond the margin, and no 0 in it */
        {0.02, 0.1, 0.01, VERDICT_NOT_DECIDED},
        {0, 0.02, 0.01, VERDICT_NOT_DECIDED}, /* wider than the margin */
        {0, 0.02, 0.03, VERDICT_SAME},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct comparison c =
            compare_waves(rows[i].mean, rows[i].deviation, 16, 0.95, rows[i].margin);
        if (c.verdict != rows[i].verdict) {
            fail_msg("row %zu: %s", i, verdict_names[c.verdict]);
        }
        assert_true((c.blocks_needed == 0) == (c.verdict != VERDICT_NOT_DECIDED));
        assert_true(c.detectable > 0);
    }
    assert_string_equal(verdict_names[VERDICT_FASTER], "faster");
    assert_string_equal(verdict_names[VERDICT_SLOWER], "slower");
    assert_string_equal(verdict_names[VERDICT_SAME], "same within margin");
    assert_string_equal(verdict_names[VERDICT_NOT_DECIDED], "not decided");
}

static void fewer_than_six_blocks_carry_no_verdict(void **state) {
    (void)state;
    for (size_t blocks = 0; blocks < 6; blocks++) {
        const struct comparison slower = compare_waves(1, 0.001, blocks, 0.95, 0.01);
        const struct comparison same = compare_waves(0, 0, blocks, 0.95, 0.01);
        assert_int_equal(slower.verdict, VERDICT_NOT_DECIDED);
        assert_int_equal(same.verdict, VERDICT_NOT_DECIDED);
        assert_int_equal(slower.blocks_needed, 0); /* how many, so few cannot tell */
    }
    assert_int_equal(compare_waves(1, 0.001, 6, 0.95, 0.01).verdict, VERDICT_SLOWER);
    /* Six say p = 1/32 at best: enough for a cross-check at 5 %, whatever level the interval has.
     */
    const struct comparison shared = compare_waves(1, 0.001, 6, 1 - 0.05 / 8, 0.01);
    assert_int_equal(shared.verdict, VERDICT_SLOWER);
}

static void no_variance_is_a_sharp_answer(void **state) {
    (void)state;
    const struct comparison half = compare_waves(-log(2), 0, 6, 0.95, 0.01);
    assert_int_equal(half.verdict, VERDICT_FASTER);
    assert_near(half.ratio.low, 0.5, 1e-12);
    assert_near(half.ratio.high, 0.5, 1e-12);
    const struct comparison equal = compare_waves(0, 0, 6, 0.95, 0);
    assert_int_equal(equal.verdict, VERDICT_SAME); /* even without a margin */
    assert_true(equal.p == 1 && equal.ratio.low == 1 && equal.ratio.high == 1);
    assert_true(equal.diff.low == 0 && equal.diff.high == 0);
}

static void one_block_shows_its_ratio_and_no_more(void **state) {
    (void)state;
    const double variant = 30, baseline = 20;
    const struct comparison c = statistics_compare(&variant, &baseline, 1, 0.95, 0.01);
    assert_near(c.ratio.value, 1.5, 1e-12);
    assert_true(isnan(c.ratio.low) && isnan(c.ratio.high) && isnan(c.detectable));
    assert_near(c.diff.value, 10, 1e-12);
    assert_true(isnan(c.diff.low) && isnan(c.diff.high));
    assert_true(c.p == 1);
    assert_int_equal(c.verdict, VERDICT_NOT_DECIDED);
    assert_int_equal(c.blocks_needed, 0);
}

static void swapping_both_sides_turns_the_answer_round(void **state) {
    (void)state;
    static const double a[] = {10, 12, 11, 13, 10, 14, 9, 12};
    static const double b[] = {12, 15, 13, 14, 13, 18, 11, 14};
    const struct comparison ab = statistics_compare(a, b, 8, 0.95, 0.01);
    const struct comparison ba = statistics_compare(b, a, 8, 0.95, 0.01);
    assert_int_equal(ab.verdict, VERDICT_FASTER);
    assert_int_equal(ba.verdict, VERDICT_SLOWER);
    assert_near(ab.ratio.value, 1 / ba.ratio.value, 1e-12);
    assert_near(ab.ratio.low, 1 / ba.ratio.high, 1e-12);
    assert_near(ab.diff.value, -ba.diff.value, 1e-12);
    assert_true(ab.p == ba.p);
}

/*
 * By hand, of the mean: t of 7 df is 2.365 at 95 % and 0.896 at 80 %, so with
 * s = 0.1 sqrt(8/7) it is (3.261 x 0.107 / 0.049)^2 = 51 to tell 0 from the
 * margin, and (3.261 x 0.107 / 0.03)^2 = 135 to tell 0.03 from 0.
 */
static void blocks_needed_is_what_the_noise_asks_for(void **state) {
    (void)state;
    assert_in_range(compare_waves(0, 0.1, 8, 0.95, 0.05).blocks_needed, 50, 53);
    assert_in_range(compare_waves(0.03, 0.1, 8, 0.95, 0).blocks_needed, 134, 137);
    /* Nothing decides between nothing and nothing. */
    assert_int_equal(compare_waves(0, 0.1, 8, 0.95, 0).blocks_needed, 0);
}

/* ---- where the truth is known ---- */

typedef double noise(const gsl_rng *random);

static double calm(const gsl_rng *random) {
    return gsl_ran_gaussian_ziggurat(random, 0.05);
}

/* Most runs agree; one in ten met an episode of the host and took about twice as long. */
static double episodes(const gsl_rng *random) {
    const double usual = gsl_ran_gaussian_ziggurat(random, 0.01);
    return gsl_rng_uniform(random) < 0.1 ? usual + 0.7 : usual;
}

struct tally {
    unsigned covered, verdicts[VERDICTS];
};

/* Many sessions of two variants whose true ratio is known, with a noise that both meet. */
static struct tally simulate(double truth, noise *of, size_t blocks, double level, double margin) {
    struct tally tally = {0};
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    assert_non_null(random);
    for (int trial = 0; trial < TRIALS; trial++) {
        double variant[ROOM], baseline[ROOM];
        for (size_t i = 0; i < blocks; i++) {
            baseline[i] = 20 * exp(of(random));
            variant[i] = 20 * truth * exp(of(random));
        }
        const struct comparison c = statistics_compare(variant, baseline, blocks, level, margin);
        if (c.ratio.low <= truth && truth <= c.ratio.high) tally.covered++;
        tally.verdicts[c.verdict]++;
        /* Who did not decide is told a number that is more than there were, or none. */
        assert_true(c.blocks_needed == 0 || c.blocks_needed > blocks);
    }
    gsl_rng_free(random);
    return tally;
}

/* What chance adds to a rate, but for one time in a thousand. */
static unsigned at_most(double rate) {
    return (unsigned)(TRIALS * rate + 3.1 * sqrt(TRIALS * rate * (1 - rate)));
}

static void interval_covers_the_truth_as_often_as_it_says(void **state) {
    (void)state;
    static const double truths[] = {1, 0.25, 1.03};
    for (size_t i = 0; i < 3; i++) {
        const struct tally at_95 = simulate(truths[i], calm, 10, 0.95, 0.01);
        assert_in_range(at_95.covered, 93 * TRIALS / 100, 97 * TRIALS / 100);
        const struct tally at_99 = simulate(truths[i], calm, 10, 0.99, 0.01);
        assert_in_range(at_99.covered, 983 * TRIALS / 1000, 997 * TRIALS / 1000);
    }
}

static void false_alarms_are_as_rare_as_promised(void **state) {
    (void)state;
    noise *const noises[] = {calm, episodes};
    for (size_t i = 0; i < 2; i++) {
        for (size_t blocks = 6; blocks <= 12; blocks += 3) {
            const struct tally tally = simulate(1, noises[i], blocks, 0.95, 0);
            const unsigned alarms = tally.verdicts[VERDICT_FASTER] + tally.verdicts[VERDICT_SLOWER];
            assert_in_range(alarms, 0, at_most(0.05));
        }
    }
    /* That there can be alarms at all: the test would pass a judge who never speaks. */
    const struct tally usual = simulate(1, calm, 10, 0.95, 0);
    assert_true(usual.verdicts[VERDICT_FASTER] + usual.verdicts[VERDICT_SLOWER] > TRIALS / 50);
}

/* Just beyond the margin, "same" is wrong: the interval has only its one tail for that. */
static void what_exceeds_the_margin_is_rarely_called_the_same(void **state) {
    (void)state;
    const struct tally above = simulate(1.051, calm, 10, 0.95, 0.05);
    const struct tally below = simulate(0.949, calm, 10, 0.95, 0.05);
    assert_in_range(above.verdicts[VERDICT_SAME], 0, at_most(0.025));
    assert_in_range(below.verdicts[VERDICT_SAME], 0, at_most(0.025));
}

static void plain_difference_is_found(void **state) {
    (void)state;
    const struct tally tally = simulate(0.8, calm, 10, 0.95, 0.01);
    assert_in_range(tally.verdicts[VERDICT_FASTER], TRIALS * 99 / 100, TRIALS);
    assert_int_equal(tally.verdicts[VERDICT_SLOWER], 0);
    /* Where the true ratio is 1 and the noise small against the margin, that is found, too. */
    const struct tally same = simulate(1, calm, 10, 0.95, 0.1);
    assert_in_range(same.verdicts[VERDICT_SAME], TRIALS * 8 / 10, TRIALS);
}

/* In 12 of 100 blocks one side, either, takes 1.4 to 2.4 times as long. */
static double bursts(const gsl_rng *random) {
    const double usual = gsl_ran_gaussian_ziggurat(random, 0.02);
    return gsl_rng_uniform(random) < 0.06 ? usual + log(gsl_ran_flat(random, 1.4, 2.4)) : usual;
}

/* Not by the estimate alone: by the verdict, in which the sign-flip test has a vote. */
static void what_it_says_it_finds_it_finds(void **state) {
    (void)state;
    enum { SESSIONS = 400, MANY = 30 };
    noise *const noises[] = {calm, bursts};
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    for (int i = 0; i < 4; i++) {
        const size_t blocks = i % 2 == 0 ? 15 : MANY;
        double variant[MANY], baseline[MANY], detectable = 0;
        unsigned found = 0;
        for (int trial = 0; trial < 2 * SESSIONS; trial++) {
            const double truth = trial < SESSIONS ? 1 : 1 + detectable;
            for (size_t k = 0; k < blocks; k++) {
                baseline[k] = 20 * exp(noises[i / 2](random));
                variant[k] = 20 * truth * exp(noises[i / 2](random));
            }
            const struct comparison c = statistics_compare(variant, baseline, blocks, 0.99, 0);
            if (trial < SESSIONS) detectable += c.detectable / SESSIONS;
            if (trial >= SESSIONS) found += c.verdict == VERDICT_SLOWER;
        }
        if (found < SESSIONS * 7 / 10) fail_msg("%d: %u of %d", i, found, SESSIONS);
    }
    gsl_rng_free(random);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_is_the_middle_or_the_mean_of_both),
        cmocka_unit_test(interval_of_the_median_has_the_ranks_of_the_tables),
        cmocka_unit_test(too_few_samples_have_no_interval),
        cmocka_unit_test(interval_of_the_mean_has_the_quantile_of_the_tables),
        cmocka_unit_test(sign_flip_is_as_counted_by_hand),
        cmocka_unit_test(sign_flip_is_as_counted_by_recursion),
        cmocka_unit_test(rank_flip_of_equals_is_the_sign_test),
        cmocka_unit_test(rank_flip_is_the_sign_flip_of_ranks),
        cmocka_unit_test(comparison_is_as_computed_by_hand),
        cmocka_unit_test(every_verdict_is_reached),
        cmocka_unit_test(fewer_than_six_blocks_carry_no_verdict),
        cmocka_unit_test(no_variance_is_a_sharp_answer),
        cmocka_unit_test(one_block_shows_its_ratio_and_no_more),
        cmocka_unit_test(swapping_both_sides_turns_the_answer_round),
        cmocka_unit_test(blocks_needed_is_what_the_noise_asks_for),
        cmocka_unit_test(interval_covers_the_truth_as_often_as_it_says),
        cmocka_unit_test(false_alarms_are_as_rare_as_promised),
        cmocka_unit_test(what_exceeds_the_margin_is_rarely_called_the_same),
        cmocka_unit_test(plain_difference_is_found),
        cmocka_unit_test(what_it_says_it_finds_it_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
