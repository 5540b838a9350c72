/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is said of runs that were made here, so that the right answer is known:
 * which are compared with which, what an open loop adds up to, where the knee
 * is, and which columns `diff` holds beside each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/compared.h"
#include "bench/judge/difference.h"
#include "bench/judge/open_loop.h"
#include "bench/measure/histogram.h"
#include "bench/run/result.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 6, WIDTH = 80, US = 1000 };

/* ---- runs ---- */

/* What a run is made of; zero means the usual. */
struct making {
    const char *variant, *role, *engine, *design, *build;
    int point;             /* one more than the number of the point; 0: an older file, has none */
    unsigned size_bytes;   /* 64 */
    unsigned connections;  /* 1 */
    unsigned pipeline;     /* 1 */
    double rate_per_s;     /* of an open loop */
    double capacity_per_s; /* found out before */
    double us;             /* each message takes so long ... */
    unsigned slow;         /* ... but so many of them ... */
    double slow_us;        /* ... this long */
    unsigned ok, lost;     /* 3,000; 0 */
    bool overloaded, invalid;
};

static json_t *bucket(double us, unsigned count) {
    const unsigned index = histogram_bucket_of((uint64_t)(us * US));
    return json_pack("[I, i]", (json_int_t)histogram_upper_bound_ns(index), (int)count);
}

static json_t *percentile(const struct making *m, unsigned ok, double percent) {
    const bool supported = ok * (1 - percent / 100) >= 20 - 1e-6;
    const bool slow = ceil(percent / 100 * ok) > ok - m->slow;
    return supported ? json_real(slow ? m->slow_us : m->us) : json_null();
}

static void set(json_t *run, const char *name, json_t *value) {
    assert_int_equal(json_object_set_new(run, name, value), 0);
}

static void set_open(json_t *run, const struct making *m) {
    if (m->capacity_per_s > 0) set(run, "capacity_per_s", json_real(m->capacity_per_s));
    set(run, "offered_per_s", m->rate_per_s > 0 ? json_real(m->rate_per_s) : json_null());
    if (m->rate_per_s <= 0) return;
    set(run, "open_loop",
        json_pack("{s:s, s:s, s:f, s:b, s:{s:f}}", "arrivals", "poisson", "assign", "free",
                  "answered_per_s", m->rate_per_s * 0.999, "overloaded", (int)m->overloaded,
                  "lateness_us", "p99", 12.5));
}

/* Of the block only the wobble: two in a thousand, so that verdicts have something to weigh. */
static json_t *run_make(const struct making *m, unsigned block, unsigned column) {
    const unsigned ok = m->ok == 0 ? 3000 : m->ok;
    const double wobble = 1 + 0.001 * ((block * 7 + column * 3) % 5);
    struct making shaken = *m;
    shaken.us = m->us * wobble;
    shaken.slow_us = m->slow_us * wobble;
    json_t *run = json_pack(
        "{s:s, s:s, s:i, s:i, s:i, s:i, s:s, s:s, s:s, s:n, s:n, s:f, s:i, s:i, s:i, s:b}",
        "variant", m->variant, "role", m->role == NULL ? "variant" : m->role, "size_bytes",
        m->size_bytes == 0 ? 64 : (int)m->size_bytes, "reply_bytes", 64, "connections",
        m->connections == 0 ? 1 : (int)m->connections, "pipeline",
        m->pipeline == 0 ? 1 : (int)m->pipeline, "engine",
        m->engine == NULL ? "blocking" : m->engine, "placement", "cross-core", "network", "private",
        "rtt_ms", "loss_percent", "deadline_ms", 2000.0, "block", (int)block, "order", (int)column,
        "column", (int)column, "valid", m->invalid ? 0 : 1);
    json_t *rest = json_pack(
        "{s:{s:i, s:i, s:i, s:i}, s:f, s:f, s:{s:o, s:o}, s:{s:f, s:f}, s:{s:f}, s:[o, o]}",
        "messages", "sent", (int)(ok + m->lost), "ok", (int)ok, "lost", (int)m->lost, "failed", 0,
        "throughput_per_s", 1e6 / shaken.us, "time_per_message_us", shaken.us, "latency_us", "p50",
        percentile(&shaken, ok, 50), "p99", percentile(&shaken, ok, 99), "service_us", "p50",
        shaken.us / 2, "p99", shaken.us, "per_message", "cpu_us", shaken.us / 4, "histogram_ns",
        bucket(shaken.us, ok - m->slow), bucket(m->slow > 0 ? shaken.slow_us : 1, m->slow));
    assert_non_null(run);
    assert_non_null(rest);
    (void)json_object_update(run, rest);
    json_decref(rest);
    if (m->point > 0) set(run, "point", json_integer(m->point - 1));
    if (m->design != NULL) set(run, "design", json_string(m->design));
    if (m->build != NULL) set(run, "build", json_string(m->build));
    set_open(run, m);
    return run;
}

/* Every column in every block, last first: shuffled. */
static json_t *runs_make(const struct making *columns, unsigned count) {
    json_t *runs = json_array();
    for (unsigned block = 0; block < BLOCKS; block++) {
        for (unsigned i = count; i-- > 0;) {
            (void)json_array_append_new(runs, run_make(&columns[i], block, i));
        }
    }
    return runs;
}

/* ---- what is said of them ---- */

struct said {
    json_t *runs, *comparisons;
    char *text; /* the table, and the rates */
};

static void assert_fits(const char *text) {
    for (const char *line = text; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (length > WIDTH) fail_msg("%zu columns: %.*s", length, (int)length, line);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
}

static struct said say(const struct making *columns, unsigned count) {
    struct said said = {.runs = runs_make(columns, count)};
    size_t size = 0;
    FILE *out = open_memstream(&said.text, &size);
    assert_non_null(out);
    said.comparisons = compared_list(said.runs, 0.01);
    compared_print(out, said.runs, said.comparisons);
    open_loop_print_rates(out, said.runs);
    assert_int_equal(fclose(out), 0);
    assert_fits(said.text);
    return said;
}

static void forget(struct said *said) {
    json_decref(said->runs);
    json_decref(said->comparisons);
    free(said->text);
}

static void assert_says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void assert_near(double value, double expected, double within) {
    if (!(fabs(value - expected) <= within)) fail_msg("%.9g is not %.9g", value, expected);
}

/* NULL: there is none. */
static const json_t *comparison(const struct said *said, const char *metric, const char *variant,
                                int point) {
    size_t i;
    json_t *c;
    json_array_foreach(said->comparisons, i, c) {
        if (strcmp(result_text(c, "metric"), metric) == 0 &&
            strcmp(result_text(c, "variant"), variant) == 0 &&
            result_number(c, "point", -1) == (double)point) {
            return c;
        }
    }
    return NULL;
}

/* ---- which are compared ---- */

static void runs_of_a_point_are_compared_whatever_else_they_differ_in(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .point = 1, .connections = 1},
        {.variant = "udp-persistent", .us = 20, .point = 1, .connections = 2},
        {.variant = "tcp-persistent", .us = 10, .point = 2, .connections = 1},
        {.variant = "udp-persistent", .us = 30, .point = 2, .connections = 2},
    };
    struct said said = say(columns, 4);
    assert_int_equal(json_array_size(said.comparisons), 6);
    assert_near(result_number(comparison(&said, "p50", "udp-persistent", 0), "ratio", 0), 2, 0.02);
    assert_near(result_number(comparison(&said, "p50", "udp-persistent", 1), "ratio", 0), 3, 0.02);
    forget(&said);
}

static void without_points_size_and_connections_are_the_point(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10},
        {.variant = "udp-persistent", .us = 20},
        {.variant = "tcp-persistent", .us = 10, .size_bytes = 1024},
        {.variant = "udp-persistent", .us = 30, .size_bytes = 1024},
    };
    struct said said = say(columns, 4);
    assert_int_equal(json_array_size(said.comparisons), 6);
    const json_t *last = json_array_get(said.comparisons, 5);
    assert_near(result_number(last, "ratio", 0), 3, 0.02);
    assert_null(json_object_get(last, "point"));
    assert_null(json_object_get(last, "offered_per_s"));
    assert_null(json_object_get(last, "design"));
    assert_says(said.text, "\n64 B payload, 1 connection\nvariant            msg/s ");
    assert_says(said.text, "\n1024 B payload, 1 connection\n");
    assert_says(said.text, "A message by udp-persistent takes 2.00 times [");
    assert_null(strstr(said.text, "pen loop"));
    forget(&said);
}

static void a_table_says_how_deep_the_pipelines_are(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-pipelined", .us = 10, .point = 1, .pipeline = 1},
        {.variant = "udp-pipelined", .us = 20, .point = 1, .pipeline = 1},
        {.variant = "tcp-pipelined", .us = 10, .point = 2, .pipeline = 32},
        {.variant = "udp-pipelined", .us = 20, .point = 2, .pipeline = 32},
        {.variant = "tcp-persistent", .us = 10, .point = 3, .pipeline = 1},
        {.variant = "udp-pipelined", .us = 20, .point = 3, .pipeline = 65536},
    };
    struct said said = say(columns, 6);
    assert_says(said.text, "1 connection, pipeline 1\n");
    assert_says(said.text, "1 connection, pipeline 32\n");
    assert_says(said.text, "1 connection, each variant's own pipeline (1 to 65536)\n");
    const json_t *c = comparison(&said, "p50", "udp-pipelined", 2);
    assert_near(result_number(c, "pipeline", 0), 65536, 0);
    forget(&said);
}

static void a_table_says_which_design_served(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .point = 1, .design = "pool"},
        {.variant = "udp-persistent", .us = 20, .point = 1, .design = "pool"},
        {.variant = "tcp-persistent", .us = 10, .point = 2, .design = "fork"},
        {.variant = "udp-persistent", .us = 20, .point = 2, .design = "fork"},
    };
    struct said usual = say(columns, 2);
    assert_null(strstr(usual.text, "design"));
    forget(&usual);
    struct said said = say(columns, 4);
    assert_says(said.text, "1 connection, design pool\n");
    assert_says(said.text, "1 connection, design fork\n");
    const json_t *c = comparison(&said, "p50", "udp-persistent", 1);
    assert_string_equal(result_text(c, "design"), "fork");
    forget(&said);
}

static void no_verdict_goes_from_one_loop_to_the_other(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .point = 1},
        {.variant = "udp-persistent", .us = 20, .point = 1, .rate_per_s = 5000},
        {.variant = "tcp-persistent", .us = 10},
        {.variant = "udp-persistent", .us = 20, .rate_per_s = 5000},
    };
    struct said said = say(columns, 2);
    assert_int_equal(json_array_size(said.comparisons), 0);
    forget(&said);
    said = say(columns + 2, 2);
    assert_int_equal(json_array_size(said.comparisons), 0);
    forget(&said);
}

/* ---- the open loop ---- */

static void an_open_loop_is_judged_by_percentiles_and_not_by_time_per_message(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent",
         .us = 10,
         .slow = 60,
         .slow_us = 100,
         .rate_per_s = 5000,
         .point = 1},
        {.variant = "udp-persistent",
         .us = 10,
         .slow = 60,
         .slow_us = 300,
         .rate_per_s = 5000,
         .point = 1},
        {.variant = "tcp-persistent",
         .us = 10,
         .slow = 60,
         .slow_us = 100,
         .rate_per_s = 5000,
         .point = 1,
         .role = "a-a"},
    };
    struct said said = say(columns, 3);
    assert_null(comparison(&said, "time_per_message", "udp-persistent", 0));
    const json_t *p99 = comparison(&said, "p99", "udp-persistent", 0);
    assert_near(result_number(p99, "ratio", 0), 3, 0.02);
    assert_near(result_number(p99, "offered_per_s", 0), 5000, 0);
    assert_string_equal(result_text(p99, "verdict"), "slower");
    assert_string_equal(result_text(comparison(&said, "p50", "udp-persistent", 0), "verdict"),
                        "same within margin");
    assert_says(said.text, "1 connection, 5000/s offered\n");
    assert_says(said.text, "The p99 of udp-persistent is 3.00 times [");
    assert_null(strstr(said.text, "The median"));
    assert_says(said.text, "A/A: tcp-persistent against itself: 1.00");
    assert_null(strstr(said.text, "/floor"));
    forget(&said);
}

static void too_few_messages_for_a_percentile_are_said(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 10, .rate_per_s = 500, .ok = 300},
        {.variant = "udp-persistent", .us = 20, .rate_per_s = 500, .ok = 300},
    };
    struct said said = say(columns, 2);
    assert_null(comparison(&said, "p99", "udp-persistent", -1));
    assert_says(said.text, "p99  no verdict: a run needs 2000 messages\n");
    /* 1,800 of all blocks together are too few as well. */
    assert_says(said.text, "tcp-persistent       500 100.00   10.0      -              -      -");
    forget(&said);
}

static json_t *runs_of_two(double ok_a, double us_a, double ok_b, double us_b, unsigned lost) {
    const struct making one = {
        .variant = "tcp-persistent", .us = us_a, .ok = (unsigned)ok_a, .rate_per_s = 1000};
    struct making other = one;
    other.us = us_b;
    other.ok = (unsigned)ok_b;
    other.lost = lost;
    json_t *runs = json_array();
    (void)json_array_append_new(runs, run_make(&one, 0, 0));
    (void)json_array_append_new(runs, run_make(&other, 0, 0));
    return runs;
}

static char *row_of(json_t *runs) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    open_loop_print_row(out, "x", runs);
    assert_int_equal(fclose(out), 0);
    assert_fits(text);
    json_decref(runs);
    return text;
}

/* What the n-th cell of a row is, cut at spaces. */
static void assert_row(json_t *runs, unsigned cell, const char *expected) {
    char *text = row_of(runs);
    char *rest = text;
    const char *word = NULL;
    for (unsigned i = 0; i <= cell && (word = strtok_r(rest, " \n", &rest)) != NULL;) i++;
    if (word == NULL || strcmp(word, expected) != 0) {
        fail_msg("cell %u is \"%s\", not \"%s\"", cell, word == NULL ? "" : word, expected);
    }
    free(text);
}

enum { CELL_ANSWERED = 2, CELL_P50, CELL_P99 };

static void pooled_percentiles_rank_the_messages_of_all_runs(void **state) {
    (void)state;
    /* 9,900 of 10 us and 100 of 50: rank 9,900 is the last of the short ones. */
    assert_row(runs_of_two(9900, 10, 100, 50, 0), CELL_P99, "10.0");
    assert_row(runs_of_two(9899, 10, 101, 50, 0), CELL_P99, "50.0");
    assert_row(runs_of_two(9899, 10, 101, 50, 0), CELL_P50, "10.0");
    assert_row(runs_of_two(900, 10, 1100, 50, 0), CELL_P50, "50.0");
}

static void a_pooled_percentile_needs_20_messages_beyond_it(void **state) {
    (void)state;
    assert_row(runs_of_two(1900, 10, 99, 50, 0), CELL_P99, "-");
    assert_row(runs_of_two(1900, 10, 100, 50, 0), CELL_P99, "50.0");
}

static void lost_messages_rank_above_all_others(void **state) {
    (void)state;
    /* 100 of 10,000 lost: the 99th percentile is the last that was answered. */
    assert_row(runs_of_two(9000, 10, 900, 50, 100), CELL_P99, "50.0");
    assert_row(runs_of_two(9000, 10, 899, 50, 101), CELL_P99, ">2s");
    assert_row(runs_of_two(9000, 10, 899, 50, 101), CELL_ANSWERED, "98.99");
    assert_row(runs_of_two(4999, 10, 1, 10, 5000), CELL_P50, "10.0");
    assert_row(runs_of_two(4998, 10, 1, 10, 5001), CELL_P50, ">2s");
}

static void all_but_one_answered_are_not_all(void **state) {
    (void)state;
    assert_row(runs_of_two(50000, 10, 49999, 10, 1), CELL_ANSWERED, "99.99");
    assert_row(runs_of_two(50000, 10, 50000, 10, 0), CELL_ANSWERED, "100.00");
}

static void who_loses_is_slower_and_not_faster(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 100, .rate_per_s = 5000},
        {.variant = "udp-persistent", .us = 10, .rate_per_s = 5000, .lost = 60},
    };
    struct said said = say(columns, 2);
    assert_string_equal(result_text(comparison(&said, "p50", "udp-persistent", -1), "verdict"),
                        "faster");
    const json_t *p99 = comparison(&said, "p99", "udp-persistent", -1);
    assert_string_equal(result_text(p99, "verdict"), "slower");
    assert_near(result_number(p99, "ratio", 0), 2e6 / 100, 100);
    assert_says(said.text, "10.0    >2s");
    forget(&said);
}

static void two_that_are_beyond_the_deadline_have_no_verdict(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 100, .rate_per_s = 5000, .lost = 100},
        {.variant = "udp-persistent", .us = 10, .rate_per_s = 5000, .lost = 60},
    };
    struct said said = say(columns, 2);
    assert_null(comparison(&said, "p99", "udp-persistent", -1));
    assert_non_null(comparison(&said, "p50", "udp-persistent", -1));
    assert_says(said.text, "p99  no verdict: beyond the deadline with both\n");
    forget(&said);
}

static void an_overloaded_variant_is_called_so(void **state) {
    (void)state;
    struct making column = {.variant = "tcp-persistent", .us = 100, .rate_per_s = 5000};
    struct said quiet = say(&column, 1);
    assert_null(strstr(quiet.text, "overloaded in"));
    forget(&quiet);
    column.overloaded = true;
    struct said said = say(&column, 1);
    assert_says(said.text, "overloaded in 6 of 6 runs");
    forget(&said);
}

static void runs_that_are_not_valid_count_for_nothing(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 100, .rate_per_s = 5000},
        {.variant = "udp-persistent", .us = 10, .rate_per_s = 5000, .invalid = true},
    };
    struct said said = say(columns, 2);
    assert_int_equal(json_array_size(said.comparisons), 0);
    assert_says(said.text, "no valid run\n");
    assert_says(said.text, "p99  no verdict: in no block both runs are valid\n");
    forget(&said);
}

/* ---- along the rate ---- */

enum { RATES = 8 };

/* p99 grows as 1 / (1 - utilisation): at 0.8 it is 5 times what it is at none. */
static void make_rates(struct making *columns, const double *shares, unsigned count) {
    const double capacity_per_s = 10000;
    for (unsigned i = 0; i < count; i++) {
        const bool beyond = shares[i] >= 1;
        columns[i] = (struct making){
            .variant = "tcp-persistent",
            .point = (int)i + 1,
            .us = 20,
            .slow = 60,
            .slow_us = beyond ? 100000 : 30 / (1 - shares[i]),
            .rate_per_s = capacity_per_s * shares[i],
            .capacity_per_s = capacity_per_s,
            .overloaded = beyond,
        };
    }
}

static json_t *knee_of(const struct said *said) {
    json_t *knees = open_loop_knees(said->runs);
    assert_int_equal(json_array_size(knees), 1);
    json_t *knee = json_incref(json_array_get(knees, 0));
    assert_string_equal(result_text(knee, "variant"), "tcp-persistent");
    assert_true(strlen(result_text(knee, "rule")) > 0);
    json_decref(knees);
    return knee;
}

static void the_knee_of_a_hockey_stick_is_found(void **state) {
    (void)state;
    static const double shares[RATES] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1};
    struct making columns[RATES];
    make_rates(columns, shares, RATES);
    struct said said = say(columns, RATES);
    json_t *knee = knee_of(&said);
    assert_near(result_number(knee, "knee_per_s", 0), 8000,
                0); /* 150 us; at 0.9: 300; at 0.1: 33 */
    assert_near(result_number(knee, "share", 0), 0.8, 1e-9);
    assert_near(result_number(knee, "broken_per_s", 0), 9000, 0);
    assert_near(result_number(knee, "capacity_per_s", 0), 10000, 0);
    assert_string_equal(result_text(knee, "because"), "p99");
    assert_says(said.text, "tcp-persistent, capacity in a closed loop 10000/s\n");
    assert_says(said.text, "knee: 8000/s, 0.80 of its capacity (at 9000/s beyond in p99)\n");
    assert_says(said.text, "knee: the highest rate up to which");
    json_decref(knee);
    forget(&said);
}

static void without_a_bend_there_is_no_knee(void **state) {
    (void)state;
    static const double shares[] = {0.1, 0.3, 0.5};
    struct making columns[3];
    make_rates(columns, shares, 3);
    struct said said = say(columns, 3);
    json_t *knee = knee_of(&said);
    assert_true(json_is_null(json_object_get(knee, "knee_per_s")));
    assert_true(json_is_null(json_object_get(knee, "share")));
    assert_true(json_is_null(json_object_get(knee, "because")));
    assert_near(result_number(knee, "held_per_s", 0), 5000, 0);
    assert_says(said.text, "no knee inside these rates: it is above 5000/s\n");
    json_decref(knee);
    forget(&said);
}

static void rates_that_are_all_too_high_have_no_knee(void **state) {
    (void)state;
    static const double shares[] = {1, 1.1};
    struct making columns[2];
    make_rates(columns, shares, 2);
    struct said said = say(columns, 2);
    json_t *knee = knee_of(&said);
    assert_true(json_is_null(json_object_get(knee, "knee_per_s")));
    assert_true(json_is_null(json_object_get(knee, "held_per_s")));
    assert_string_equal(result_text(knee, "because"), "overloaded");
    assert_says(said.text, "no knee inside these rates: already at 10000/s overloaded\n");
    json_decref(knee);
    forget(&said);
}

static void above_rates_that_are_not_valid_nothing_is_known(void **state) {
    (void)state;
    static const double shares[RATES] = {0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1};
    struct making columns[RATES];
    make_rates(columns, shares, RATES);
    columns[3].invalid = true;
    struct said said = say(columns, RATES);
    json_t *knee = knee_of(&said);
    assert_true(json_is_null(json_object_get(knee, "knee_per_s")));
    assert_near(result_number(knee, "held_per_s", 0), 5000, 0);
    assert_string_equal(result_text(knee, "because"), "not valid");
    json_decref(knee);
    forget(&said);
}

/* A CPU that hardly works falls asleep; what the rate wakes is faster. */
static void a_slow_start_is_not_taken_for_the_measure(void **state) {
    (void)state;
    static const double shares[] = {0.1, 0.3, 0.5, 0.9};
    struct making columns[4];
    make_rates(columns, shares, 4);
    columns[0].slow_us = 300;
    struct said said = say(columns, 4);
    json_t *knee = knee_of(&said);
    assert_near(result_number(knee, "knee_per_s", 0), 5000, 0);
    json_decref(knee);
    forget(&said);
}

static void at_equal_shares_the_rates_are_said_to_differ(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent",
         .us = 10,
         .point = 1,
         .rate_per_s = 5000,
         .capacity_per_s = 10000},
        {.variant = "udp-persistent",
         .us = 20,
         .point = 1,
         .rate_per_s = 7000,
         .capacity_per_s = 14000},
    };
    struct said said = say(columns, 2);
    const json_t *c = comparison(&said, "p50", "udp-persistent", 0);
    assert_near(result_number(c, "offered_per_s", 0), 7000, 0);
    assert_near(result_number(c, "baseline_offered_per_s", 0), 5000, 0);
    assert_says(said.text, "each at 0.50 of its closed-loop capacity\n");
    assert_says(said.text, "that of tcp-persistent, each at a rate of its own.");
    forget(&said);
}

/* The widest that can be: no line may be longer than the terminal. */
static void wild_open_loops_have_80_columns(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-client-close",
         .us = 99999,
         .slow = 60,
         .slow_us = 1999999,
         .lost = 10,
         .rate_per_s = 1e8,
         .capacity_per_s = 1.2e8,
         .point = 1,
         .connections = 1000000,
         .pipeline = 65536,
         .size_bytes = 61440,
         .design = "iterative",
         .overloaded = true},
        {.variant = "tcp-client-close",
         .us = 12345,
         .slow = 29,
         .slow_us = 999499,
         .lost = 1,
         .rate_per_s = 123456,
         .capacity_per_s = 1.2e8,
         .point = 1,
         .build = "against"},
        {.variant = "tcp-client-close", .us = 0.1, .rate_per_s = 1e8, .point = 1, .role = "a-a"},
        {.variant = "udp-per-message", .us = 1, .rate_per_s = 1, .point = 1, .lost = 100},
    };
    struct said said = say(columns, 4);
    assert_says(said.text, "THIS SESSION IS NOT QUIET");
    forget(&said);
}

/* ---- between sessions ---- */

static json_t *sessions_make(const struct making *columns, unsigned count, double slower) {
    struct making shaken[4];
    json_t *sessions = json_array();
    assert_in_range(count, 1, 4);
    for (unsigned s = 0; s < 3; s++) {
        for (unsigned i = 0; i < count; i++) {
            shaken[i] = columns[i];
            shaken[i].us = columns[i].us * slower * (1 + 0.001 * s);
            shaken[i].slow_us = columns[i].slow_us * slower * (1 + 0.001 * s);
            /* Found out anew by each session. */
            if (columns[i].capacity_per_s > 0) shaken[i].rate_per_s = columns[i].rate_per_s + s;
        }
        (void)json_array_append_new(
            sessions, json_pack("{s:{}, s:o}", "environment", "runs", runs_make(shaken, count)));
    }
    return sessions;
}

static json_t *differ(json_t *base, json_t *new) {
    const struct difference_options options = {.margin = 0.01, .min_effect = 0.02};
    json_t *difference = difference_of(base, new, &options);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(difference);
    assert_non_null(out);
    difference_print(out, difference);
    difference_print_verdict(out, difference);
    assert_int_equal(fclose(out), 0);
    assert_fits(text);
    free(text);
    json_decref(base);
    json_decref(new);
    return difference;
}

static size_t size_of(const json_t *difference, const char *list) {
    return json_array_size(json_object_get(difference, list));
}

/* The first of this metric. */
static const json_t *differing(const json_t *difference, const char *metric) {
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(difference, "comparisons"), i, c) {
        if (strcmp(result_text(c, "metric"), metric) == 0) return c;
    }
    return NULL;
}

/* What two sides may differ in, one at a time. */
static const struct making apart[] = {
    {.variant = "tcp-pipelined", .us = 20, .pipeline = 8},
    {.variant = "tcp-pipelined", .us = 20, .engine = "epoll"},
    {.variant = "tcp-pipelined", .us = 20, .design = "thread"},
    {.variant = "tcp-pipelined", .us = 20, .connections = 2},
    {.variant = "tcp-pipelined", .us = 20, .rate_per_s = 5000},
};

static void columns_that_differ_in_one_thing_are_never_mixed(void **state) {
    (void)state;
    const struct making usual = {.variant = "tcp-pipelined", .us = 20};
    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++) {
        json_t *difference = differ(sessions_make(&usual, 1, 1), sessions_make(&apart[i], 1, 1));
        assert_int_equal(size_of(difference, "comparisons"), 0);
        assert_int_equal(size_of(difference, "only_base"), 1);
        assert_int_equal(size_of(difference, "only_new"), 1);
        json_decref(difference);
    }
}

/* The same for what the runs made here do not have. */
static void set_all(json_t *sessions, const char *field, json_t *value) {
    size_t i;
    size_t j;
    json_t *session;
    json_t *run;
    json_array_foreach(sessions, i, session) {
        json_array_foreach(json_object_get(session, "runs"), j, run) {
            (void)json_object_set(run, field, value);
        }
    }
    json_decref(value);
}

static void what_older_files_lack_was_the_usual(void **state) {
    (void)state;
    static const struct {
        const char *field;
        double usual, other;
    } fields[] = {
        {"workers", 1, 4}, {"idle_connections", 0, 100}, {"silent_connections", 0, 1},
        {"gap_ms", 0, 5},  {"delay_us", 0, 3},           {"mtu_bytes", 1500, 9000},
    };
    const struct making usual = {.variant = "tcp-persistent", .us = 20};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        for (int other = 0; other < 2; other++) {
            json_t *new = sessions_make(&usual, 1, 1);
            const double value = other == 1 ? fields[i].other : fields[i].usual;
            set_all(new, fields[i].field, json_real(value));
            json_t *difference = differ(sessions_make(&usual, 1, 1), new);
            assert_int_equal(size_of(difference, "comparisons"), other == 1 ? 0 : 3);
            json_decref(difference);
        }
    }
}

static void the_usual_design_is_that_of_the_engine(void **state) {
    (void)state;
    struct making older = {.variant = "tcp-persistent", .us = 20};
    struct making newer = older;
    newer.design = "pool";
    json_t *difference = differ(sessions_make(&older, 1, 1), sessions_make(&newer, 1, 1));
    assert_int_equal(size_of(difference, "comparisons"), 3);
    json_decref(difference);
    older.engine = newer.engine = "epoll";
    difference = differ(sessions_make(&older, 1, 1), sessions_make(&newer, 1, 1));
    assert_int_equal(size_of(difference, "comparisons"), 0);
    json_decref(difference);
}

/* The floor says nothing about design and workers, and is that of all of them. */
static void a_floor_is_found_whatever_the_design(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent", .us = 20, .design = "thread"},
        {.variant = "tcp-persistent", .us = 18, .role = "floor"},
    };
    json_t *difference = differ(sessions_make(columns, 2, 1), sessions_make(columns, 2, 1));
    assert_non_null(differing(difference, "time_per_floor"));
    json_decref(difference);
}

static void an_open_loop_differs_by_its_percentiles(void **state) {
    (void)state;
    const struct making column = {
        .variant = "tcp-persistent", .us = 20, .slow = 60, .slow_us = 90, .rate_per_s = 5000};
    json_t *difference = differ(sessions_make(&column, 1, 1), sessions_make(&column, 1, 1.5));
    assert_null(differing(difference, "time_per_message"));
    assert_near(result_number(differing(difference, "p99"), "ratio", 0), 1.5, 0.01);
    assert_near(result_number(differing(difference, "p99"), "base", 0), 90, 1);
    assert_true(json_is_true(json_object_get(differing(difference, "p99"), "regression")));
    assert_non_null(differing(difference, "p50"));
    json_decref(difference);
}

static void to_begin_to_lose_is_a_regression(void **state) {
    (void)state;
    const struct making column = {.variant = "udp-persistent", .us = 20, .rate_per_s = 5000};
    struct making losing = column;
    losing.lost = 60;
    json_t *difference = differ(sessions_make(&column, 1, 1), sessions_make(&losing, 1, 1));
    assert_true(json_is_true(json_object_get(differing(difference, "p99"), "regression")));
    json_decref(difference);
    difference = differ(sessions_make(&losing, 1, 1), sessions_make(&losing, 1, 1));
    assert_null(differing(difference, "p99"));
    assert_non_null(differing(difference, "p50"));
    assert_near(result_number(difference, "too_few_valid", -1), 0, 0);
    json_decref(difference);
}

static void rates_found_by_a_session_are_matched_by_point(void **state) {
    (void)state;
    const struct making columns[] = {
        {.variant = "tcp-persistent",
         .us = 20,
         .point = 1,
         .rate_per_s = 1000,
         .capacity_per_s = 10000},
        {.variant = "tcp-persistent",
         .us = 40,
         .point = 2,
         .rate_per_s = 5000,
         .capacity_per_s = 10000},
    };
    json_t *difference = differ(sessions_make(columns, 2, 1), sessions_make(columns, 2, 1));
    assert_int_equal(size_of(difference, "only_base"), 0);
    assert_int_equal(size_of(difference, "comparisons"), 6); /* two points: p50, p99, CPU */
    json_t *comparisons = json_object_get(difference, "comparisons");
    assert_near(result_number(json_array_get(comparisons, 0), "base", 0), 20, 1);
    assert_near(result_number(json_array_get(comparisons, 5), "base", 0), 10, 1);
    json_decref(difference);
}

static void rates_that_were_asked_for_are_matched_exactly(void **state) {
    (void)state;
    struct making column = {.variant = "tcp-persistent", .us = 20, .point = 1, .rate_per_s = 5000};
    struct making other = column;
    other.rate_per_s = 5001;
    json_t *difference = differ(sessions_make(&column, 1, 1), sessions_make(&other, 1, 1));
    assert_int_equal(size_of(difference, "comparisons"), 0);
    json_decref(difference);
    other.rate_per_s = 5000;
    other.point = 2; /* of a longer list */
    difference = differ(sessions_make(&column, 1, 1), sessions_make(&other, 1, 1));
    assert_int_equal(size_of(difference, "comparisons"), 3);
    json_decref(difference);
}

/* ---- the whole ---- */

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_of_a_point_are_compared_whatever_else_they_differ_in),
        cmocka_unit_test(without_points_size_and_connections_are_the_point),
        cmocka_unit_test(a_table_says_how_deep_the_pipelines_are),
        cmocka_unit_test(a_table_says_which_design_served),
        cmocka_unit_test(no_verdict_goes_from_one_loop_to_the_other),
        cmocka_unit_test(an_open_loop_is_judged_by_percentiles_and_not_by_time_per_message),
        cmocka_unit_test(too_few_messages_for_a_percentile_are_said),
        cmocka_unit_test(pooled_percentiles_rank_the_messages_of_all_runs),
        cmocka_unit_test(a_pooled_percentile_needs_20_messages_beyond_it),
        cmocka_unit_test(lost_messages_rank_above_all_others),
        cmocka_unit_test(all_but_one_answered_are_not_all),
        cmocka_unit_test(who_loses_is_slower_and_not_faster),
        cmocka_unit_test(two_that_are_beyond_the_deadline_have_no_verdict),
        cmocka_unit_test(an_overloaded_variant_is_called_so),
        cmocka_unit_test(runs_that_are_not_valid_count_for_nothing),
        cmocka_unit_test(the_knee_of_a_hockey_stick_is_found),
        cmocka_unit_test(without_a_bend_there_is_no_knee),
        cmocka_unit_test(rates_that_are_all_too_high_have_no_knee),
        cmocka_unit_test(above_rates_that_are_not_valid_nothing_is_known),
        cmocka_unit_test(a_slow_start_is_not_taken_for_the_measure),
        cmocka_unit_test(at_equal_shares_the_rates_are_said_to_differ),
        cmocka_unit_test(wild_open_loops_have_80_columns),
        cmocka_unit_test(columns_that_differ_in_one_thing_are_never_mixed),
        cmocka_unit_test(what_older_files_lack_was_the_usual),
        cmocka_unit_test(the_usual_design_is_that_of_the_engine),
        cmocka_unit_test(a_floor_is_found_whatever_the_design),
        cmocka_unit_test(an_open_loop_differs_by_its_percentiles),
        cmocka_unit_test(to_begin_to_lose_is_a_regression),
        cmocka_unit_test(rates_found_by_a_session_are_matched_by_point),
        cmocka_unit_test(rates_that_were_asked_for_are_matched_exactly),
    };
    return cmocka_run_group_tests_name("compared", tests, NULL, NULL);
}
