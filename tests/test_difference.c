/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which columns `diff` holds beside each other, and by what, of sessions made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/difference.h"
#include "tests/made.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 6, SESSIONS = 6 };

/* One side: sessions of the same columns, slower by this factor. */
struct made_side {
    struct session *sessions[SESSIONS];
    struct side_session of[SESSIONS];
};

static struct made_side side_of(const struct making *columns, unsigned count, double slower) {
    struct made_side side;
    for (unsigned s = 0; s < SESSIONS; s++) {
        side.sessions[s] = session_new("compare", NULL);
        side.of[s] = (struct side_session){&side.sessions[s]->runs, NAN};
        for (unsigned block = 0; block < BLOCKS; block++) {
            for (unsigned i = count; i-- > 0;) {
                struct making shaken = columns[i];
                shaken.us *= slower * (1 + 0.001 * s);
                shaken.slow_us *= slower * (1 + 0.001 * s);
                /* Found out anew by each session. */
                if (shaken.capacity_per_s > 0) shaken.rate_per_s += s;
                (void)made_column(side.sessions[s], &shaken, block, i);
            }
        }
    }
    return side;
}

struct said {
    struct findings lists[LISTS];
};

static struct said differ(struct made_side base, struct made_side new) {
    struct said said = {0};
    const struct side old_side = {base.of, SESSIONS}, new_side = {new.of, SESSIONS};
    difference_conclude(said.lists, &old_side, &new_side,
                        (struct difference_terms){DIFFERENCE_OF_BUILD, 0.01, 0.02});
    for (unsigned s = 0; s < SESSIONS; s++) {
        session_free(base.sessions[s]);
        session_free(new.sessions[s]);
    }
    return said;
}

static void forget(struct said *said) {
    for (int i = 0; i < LISTS; i++) free(said->lists[i].items);
}

static const struct changed *change_at(const struct said *said, size_t i) {
    return &((const struct changed *)said->lists[LIST_CHANGES].items)[i];
}

/* The first of this metric; NULL: there is none. */
static const struct changed *differing(const struct said *said, const char *metric) {
    for (size_t i = 0; i < said->lists[LIST_CHANGES].count; i++) {
        if (strcmp(change_at(said, i)->metric, metric) == 0) return change_at(said, i);
    }
    return NULL;
}

static void assert_counts(struct said said, size_t changes, size_t only) {
    assert_int_equal(said.lists[LIST_CHANGES].count, changes);
    assert_int_equal(said.lists[LIST_ONLY_BASE].count, only);
    assert_int_equal(said.lists[LIST_ONLY_NEW].count, only);
    forget(&said);
}

/* ---- what is held beside what ---- */

static const struct making usual = {.variant = "tcp-pipelined", .us = 20, .point = NOWHERE};

static void columns_that_differ_in_one_thing_are_never_mixed(void **state) {
    (void)state;
    struct making apart[] = {usual, usual, usual, usual, usual, usual};
    apart[0].pipeline = 8;
    apart[1].engine = ENGINE_EPOLL;
    apart[2].design = DESIGN_THREAD;
    apart[3].connections = 2;
    apart[4].rate_per_s = 5000;
    apart[5].per_connection = 10;
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
        assert_counts(differ(side_of(&usual, 1, 1), side_of(&apart[i], 1, 1)), 0, 1);
    }
    assert_counts(differ(side_of(&usual, 1, 1), side_of(&usual, 1, 1)), 3, 0);
}

static void ask_for_more(struct parameters *asked, int which) {
    switch (which) {
    case 0: asked->workers = 4; break;
    case 1: asked->idle = 100; break;
    case 2: asked->silent = 1; break;
    case 3: asked->gap_ns = 5000000; break;
    case 4: asked->delay_ns = 3000; break;
    default: asked->mtu_bytes = 9000; break;
    }
}

/* What a table has no column for is part of a series all the same. */
static void what_a_run_was_asked_for_keeps_columns_apart(void **state) {
    (void)state;
    for (int which = 0; which < 6; which++) {
        struct made_side other = side_of(&usual, 1, 1);
        for (unsigned s = 0; s < SESSIONS; s++) {
            for (size_t k = 0; k < other.of[s].runs->count; k++) {
                ask_for_more(&other.of[s].runs->list[k]->asked, which);
            }
        }
        assert_counts(differ(side_of(&usual, 1, 1), other), 0, 1);
    }
}

/* The floor says nothing about design and workers, and is that of all of them. */
static void a_floor_is_found_whatever_the_design(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 20, .point = NOWHERE, .design = DESIGN_THREAD},
        {.variant = "tcp-persistent", .us = 18, .point = NOWHERE, .role = ROLE_FLOOR},
    };
    struct said said = differ(side_of(columns, 2, 1), side_of(columns, 2, 1));
    assert_non_null(differing(&said, "time_per_floor"));
    forget(&said);
}

static void rates_found_by_a_session_are_matched_by_point(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 20, .rate_per_s = 1000, .capacity_per_s = 10000},
        {.variant = "tcp-persistent",
         .us = 40,
         .point = 1,
         .rate_per_s = 5000,
         .capacity_per_s = 10000},
    };
    struct said said = differ(side_of(columns, 2, 1), side_of(columns, 2, 1));
    assert_int_equal(said.lists[LIST_ONLY_BASE].count, 0);
    assert_int_equal(said.lists[LIST_CHANGES].count, 6); /* two points: p50, p99, CPU */
    assert_near(change_at(&said, 0)->base, 20, 1);
    assert_near(change_at(&said, 5)->base, 10, 1);
    forget(&said);
}

static void rates_that_were_asked_for_are_matched_exactly(void **state) {
    (void)state;
    const struct making column = {.variant = "tcp-persistent", .us = 20, .rate_per_s = 5000};
    struct making other = column;
    other.rate_per_s = 5001;
    assert_counts(differ(side_of(&column, 1, 1), side_of(&other, 1, 1)), 0, 1);
    other.rate_per_s = 5000;
    other.point = 1; /* of a longer list */
    assert_counts(differ(side_of(&column, 1, 1), side_of(&other, 1, 1)), 3, 0);
}

/* ---- the open loop ---- */

static void an_open_loop_differs_by_its_percentiles(void **state) {
    (void)state;
    const struct making column = {
        .variant = "tcp-persistent", .us = 20, .slow = 120, .slow_us = 90, .rate_per_s = 5000};
    struct said said = differ(side_of(&column, 1, 1), side_of(&column, 1, 1.5));
    const struct changed *p99 = differing(&said, "p99");
    assert_null(differing(&said, "time_per_message"));
    assert_non_null(differing(&said, "p50"));
    assert_near(p99->ratio, 1.5, 0.01);
    assert_near(p99->base, 90, 1);
    assert_true(p99->regression);
    forget(&said);
}

static void to_begin_to_lose_is_a_regression(void **state) {
    (void)state;
    const struct making column = {.variant = "udp-persistent", .us = 20, .rate_per_s = 5000};
    struct making losing = column;
    losing.lost = 120;
    struct said said = differ(side_of(&column, 1, 1), side_of(&losing, 1, 1));
    assert_true(differing(&said, "p99")->regression);
    forget(&said);
    said = differ(side_of(&losing, 1, 1), side_of(&losing, 1, 1));
    assert_null(differing(&said, "p99"));
    assert_non_null(differing(&said, "p50"));
    const struct difference *all = said.lists[LIST_DIFFERENCE].items;
    assert_int_equal(all->too_few_valid, 0);
    forget(&said);
}

/* ---- how often it is right ---- */

enum { SIMULATIONS = 500, VARIANTS = 4 };

/* A machine that differs from session to session, and what is beside that. */
struct noise {
    double epoch;    /* the new side met a machine slower by this factor */
    double slower;   /* new variants are, and not their floors */
    unsigned slowed; /* so many of the variants */
};

struct found {
    double regressions; /* the share of commands that end with 3 */
    double slower;      /* the share in which the first variant is slower */
};

/* Of one block a session; machine and session have a standard deviation of 3 and 1.5 %. */
static void shake(struct made_side *side, const struct noise *noise, gsl_rng *random) {
    for (unsigned s = 0; s < SESSIONS; s++) {
        const double machine = exp(gsl_ran_gaussian(random, 0.03)) * noise->epoch;
        double us[VARIANTS];
        for (unsigned i = 0; i < VARIANTS; i++) {
            us[i] = 20 * machine * exp(gsl_ran_gaussian(random, 0.015)) *
                    (i < noise->slowed ? noise->slower : 1);
        }
        for (size_t k = 0; k < side->of[s].runs->count; k++) {
            struct run *run = side->of[s].runs->list[k];
            const double of = run_is_floor(run) ? 18 * machine : us[run->column % VARIANTS];
            run->elapsed_ns = (uint64_t)(of * 1e3 * (double)run->ok);
        }
    }
}

static struct made_side core_four(void) {
    static const char *const names[VARIANTS] = {"tcp-persistent", "tcp-per-message",
                                                "udp-persistent", "udp-per-message"};
    struct made_side side;
    for (unsigned s = 0; s < SESSIONS; s++) {
        side.sessions[s] = session_new("compare", NULL);
        side.of[s] = (struct side_session){&side.sessions[s]->runs, NAN};
        for (unsigned i = 0; i < 2 * VARIANTS; i++) {
            const struct making making = {.variant = names[i % VARIANTS],
                                          .us = 20,
                                          .point = NOWHERE,
                                          .role = i < VARIANTS ? ROLE_VARIANT : ROLE_FLOOR};
            (void)made_column(side.sessions[s], &making, 0, i);
        }
    }
    return side;
}

static struct found simulate(enum difference_of of, const struct noise *noise) {
    const struct noise quiet = {1, 1, 0};
    struct made_side base = core_four(), new = core_four();
    struct found found = {0, 0};
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937); /* its usual seed */
    for (int i = 0; i < SIMULATIONS; i++) {
        struct said said = {0};
        shake(&base, &quiet, random);
        shake(&new, noise, random);
        difference_conclude(said.lists, &(struct side){base.of, SESSIONS},
                            &(struct side){new.of, SESSIONS},
                            (struct difference_terms){of, 0.01, 0.02});
        const struct difference *all = said.lists[LIST_DIFFERENCE].items;
        found.regressions += (double)(all->regressions > 0) / SIMULATIONS;
        found.slower += (double)(differing(&said, of == DIFFERENCE_OF_BUILD ? "time_per_floor"
                                                                            : "time_per_message")
                                     ->verdict == VERDICT_SLOWER) /
                        SIMULATIONS;
        forget(&said);
    }
    gsl_rng_free(random);
    for (unsigned s = 0; s < SESSIONS; s++) {
        session_free(base.sessions[s]);
        session_free(new.sessions[s]);
    }
    print_message("epoch %g, %u of %d variants %g times as slow, of %s: %.3f regressions, the "
                  "first slower in %.3f\n",
                  noise->epoch, noise->slowed, VARIANTS, noise->slower, difference_of_names[of],
                  found.regressions, found.slower);
    return found;
}

/* Of bare time it would be a regression mostly: what the machine was is no news of a build. */
static void a_slower_epoch_makes_few_regressions_of_a_build(void **state) {
    (void)state;
    const struct noise epoch = {.epoch = 1.05, .slower = 1};
    assert_true(simulate(DIFFERENCE_OF_BUILD, &epoch).regressions <= 0.05);
    assert_true(simulate(DIFFERENCE_OF_HOST, &epoch).regressions > 0.05);
    assert_true(simulate(DIFFERENCE_OF_BUILD, &(struct noise){1, 1, 0}).slower <= 0.05);
}

static void six_sessions_a_side_find_five_percent(void **state) {
    (void)state;
    const struct noise all = {.epoch = 1.05, .slower = 1.05, .slowed = VARIANTS};
    const struct noise one = {.epoch = 1.05, .slower = 1.05, .slowed = 1};
    assert_true(simulate(DIFFERENCE_OF_BUILD, &all).regressions >= 0.8);
    assert_true(simulate(DIFFERENCE_OF_BUILD, &one).slower >= 0.8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_that_differ_in_one_thing_are_never_mixed),
        cmocka_unit_test(what_a_run_was_asked_for_keeps_columns_apart),
        cmocka_unit_test(a_floor_is_found_whatever_the_design),
        cmocka_unit_test(rates_found_by_a_session_are_matched_by_point),
        cmocka_unit_test(rates_that_were_asked_for_are_matched_exactly),
        cmocka_unit_test(an_open_loop_differs_by_its_percentiles),
        cmocka_unit_test(to_begin_to_lose_is_a_regression),
        cmocka_unit_test(a_slower_epoch_makes_few_regressions_of_a_build),
        cmocka_unit_test(six_sessions_a_side_find_five_percent),
    };
    return cmocka_run_group_tests_name("difference", tests, NULL, NULL);
}
