/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Figures and page from runs made here, of which every number is known. What
 * the page tells of experiments is tested where it is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/compared.h"
#include "bench/judge/models.h"
#include "bench/report/report.h"
#include "tests/made.h"
#include "tests/support.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 8, FEWER_BLOCKS = 6, VARIANTS = 3, SESSIONS_MAX = 8 };

#define COUNT_OF(rows) (sizeof(rows) / sizeof *(rows))

/* ---- what was measured ---- */

static const struct {
    const char *name;
    double latency_us, exchange_us, close_us; /* in the first block; each later adds 0.1 */
} here[VARIANTS] = {
    {"tcp-per-message", 40, 25, 10},
    {"tcp-persistent", 10, 10, 0},
    {"udp-persistent", 8, 8, 0},
};

static struct session *list[SESSIONS_MAX];
static struct results results = {.sessions = list};
static struct drawing *drawings;

static struct session *session_in(const char *file, const char *command, const char *axis) {
    struct session *session = session_new(command, axis);
    assert_non_null(session);
    assert_true(results.count < SESSIONS_MAX);
    session->file = strdup(file);
    session->seed = 7;
    list[results.count++] = session;
    return session;
}

static void take_time(struct run *run, double latency_us, double cycle_us) {
    run->latency.p50_ns = (uint64_t)lround(latency_us * 1e3);
    run->latency.mean_ns = latency_us * 1e3;
    run->cycle.mean_ns = cycle_us * 1e3;
    run->elapsed_ns = (uint64_t)lround(cycle_us * 1e3) * run->ok;
}

static struct run *run_in(struct session *session, unsigned variant, unsigned block,
                          double factor) {
    struct run *run = made_run(session, here[variant].name, block, variant);
    const double more = 0.1 * block, latency_us = factor * (here[variant].latency_us + more);
    run->point = 0;
    run->depth = 1;
    run->exchange.mean_ns = factor * (here[variant].exchange_us + more) * 1e3;
    take_time(run, latency_us, latency_us + factor * here[variant].close_us);
    made_took(run, 900, latency_us);
    made_took(run, 100, 2 * latency_us);
    return run;
}

static void put_compared(const char *file, enum placement placement, unsigned blocks,
                         double factor) {
    struct session *session = session_in(file, "compare", NULL);
    for (unsigned block = 0; block < blocks; block++) {
        for (unsigned v = 0; v < VARIANTS; v++)
            run_in(session, v, block, factor)->asked.placement = placement;
    }
    compared_list(&session->lists[LIST_COMPARISONS], &session->runs, 0.01);
    facts_add_text(&session->environment, "governor", "performance");
    facts_add_text(&session->environment, "load", "1");
    facts_add_text(&session->environment, "haltpoll.ns", "0");
    facts_add_text(&session->environment, "after.load", "later");
}

/* A round trip takes the applied delay, 1 % above the nominal one, and the work. */
static void put_rtts(bool too_short) {
    static const double rtts_ms[] = {0, 5, 20};
    struct session *session = session_in("rtt.json", "sweep", "rtt");
    for (unsigned v = 0; v < VARIANTS; v++) {
        for (unsigned i = 0; i < COUNT_OF(rtts_ms); i++) {
            for (unsigned block = 0; block < FEWER_BLOCKS; block++) {
                struct run *run = run_in(session, v, block, 1);
                const double us = here[v].latency_us + 0.1 * block +
                                  1010 * rtts_ms[i] * run->asked.variant->round_trips;
                run->asked.wire = true;
                run->asked.rtt_ns = (uint64_t)lround(rtts_ms[i] * 1e6);
                run->wire.applied_rtt_ns = 1010000 * rtts_ms[i];
                run->point = i;
                take_time(run, us, us);
                if (too_short) run->latency.p50_ns = FIELD_UNKNOWN;
            }
        }
    }
}

/* So many round trips of 20 ms; with loss half are answered. */
static void put_sizes(const char *file, double loss_percent) {
    static const unsigned sizes[] = {64, 1432, 1433, 15360};
    struct session *session = session_in(file, "sweep", "size");
    for (unsigned v = 0; v < VARIANTS; v++) {
        for (unsigned i = 0; i < COUNT_OF(sizes); i++) {
            struct run *run = run_in(session, v, 0, 1);
            const uint64_t packets = sizes[i] > 1432 ? 2 : 1;
            run->asked.size_bytes = run->asked.reply_bytes = sizes[i];
            run->asked.wire = true;
            run->asked.rtt_ns = 20000000;
            run->asked.loss_percent = loss_percent;
            run->asked.deadline_ns = 300000000;
            run->point = i;
            run->sent = 100;
            run->ok = run->lost = 50;
            run->latency.p50_ns = FIELD_UNKNOWN;
            run->latency.mean_ns = 2e7 * (run->asked.variant->round_trips + (i == 3 ? 2 : 0));
            run->packets = 2.0 * (double)packets;
            run->wire.all.packets = 220 * packets;
            run->wire.by[WIRE_TO_SERVER][packets > 1 ? WIRE_FRAGMENT : WIRE_REQUEST].packets =
                110 * packets;
        }
    }
}

/* A fresh connection takes 50 us, a kept one 10, and the messages between a share of that. */
static void put_per_connection(void) {
    static const unsigned messages[] = {1, 2, 10, 0};
    struct session *session = session_in("per-connection.json", "sweep", "per-connection");
    for (unsigned i = 0; i < COUNT_OF(messages); i++) {
        for (unsigned block = 0; block < FEWER_BLOCKS; block++) {
            struct run *run = run_in(session, 1, block, 1);
            const double us = messages[i] == 0 ? 10 : 10 + 40.0 / messages[i];
            run->asked.per_connection = messages[i];
            run->point = run->column = i;
            take_time(run, us, us);
        }
    }
    per_connection_list(&session->lists[LIST_PER_CONNECTION], &session->runs);
}

static void put_connections(bool wire) {
    static const unsigned connections[] = {1, 64};
    struct session *session =
        session_in(wire ? "objects.json" : "connections.json", "sweep", "connections");
    for (unsigned i = 0; i < COUNT_OF(connections); i++) {
        for (unsigned block = 0; block < FEWER_BLOCKS; block++) {
            struct run *run = run_in(session, 1, block, 1);
            run->asked.connections = connections[i];
            run->asked.wire = wire;
            run->asked.rtt_ns = wire ? 90000000 : 0;
            run->point = run->column = i;
            run->packets = 5;
            if (wire) continue;
            made_load(run, 1000 * (connections[i] + block), 50 * connections[i]);
            run->elapsed_ns = 1000000000;
        }
    }
}

/* 40,000/s are carried, 55,000 are not: of those 150 in 10,000 are lost. */
static void put_rates(void) {
    static const double rates_per_s[] = {40000, 55000};
    struct session *session = session_in("rate.json", "sweep", "rate");
    for (unsigned i = 0; i < COUNT_OF(rates_per_s); i++) {
        for (unsigned block = 0; block < 5; block++) {
            struct run *run = made_run(session, "tcp-persistent", block, i);
            run->asked.rate_per_s = rates_per_s[i];
            run->asked.deadline_ns = 2000000000;
            run->depth = 1;
            run->capacity_per_s = 50000;
            run->lost = i == 1 ? 150 : 0;
            run->sent = run->offered = run->taken_up = 10000;
            run->ok = run->in_time = 10000 - run->lost;
            run->overloaded = i == 1;
            run->service.p99_ns = 55000;
            run->answered.mean_ns = 70e3;
            made_took(run, 9800, 50);
            made_took(run, 200 - run->lost, 500 + 10 * block);
        }
    }
    struct knee *knee = findings_add(&session->lists[LIST_KNEES], LIST_KNEES);
    knee->variant = "tcp-persistent";
    knee->knee_per_s = (struct interval){40000, 38000, 42000};
    knee->idle_us = 60;
}

static void put_designs(void) {
    static const enum design designs[] = {DESIGN_POOL, DESIGN_EPOLL, DESIGN_ITERATIVE, DESIGN_FORK};
    struct session *session = session_in("designs.json", "sweep", "design");
    for (unsigned i = 0; i < COUNT_OF(designs); i++) {
        struct run *run = run_in(session, 0, 0, i + 1);
        run->asked.design = designs[i];
        run->point = i;
        struct run *beside = run_in(session, 1, 1, 1); /* a client that says nothing */
        beside->asked.design = designs[i];
        beside->asked.silent = 1;
        beside->point = i;
    }
}

static void put_everything(void) {
    put_compared("core.json", PLACEMENT_SAME_CORE, BLOCKS, 1);
    put_compared("awake.json", PLACEMENT_AWAKE, FEWER_BLOCKS, 1.5);
    put_compared("cross-core.json", PLACEMENT_CROSS_CORE, FEWER_BLOCKS, 3);
    put_rtts(false);
    put_per_connection();
}

/* ---- what is made of it ---- */

static void draw(void) {
    drawings = calloc(figure_count, sizeof *drawings);
    assert_non_null(drawings);
    for (unsigned i = 0; i < figure_count; i++) drawings[i] = figure_fill(&figures[i], &results);
}

static int clean_up(void **state) {
    (void)state;
    for (unsigned i = 0; drawings != NULL && i < figure_count; i++) drawing_free(&drawings[i]);
    for (size_t i = 0; i < results.count; i++) session_free(list[i]);
    free(drawings);
    drawings = NULL;
    results = (struct results){.sessions = list};
    return 0;
}

static const struct table *table_of_figure(const char *figure) {
    const struct drawing *drawing = drawing_find(drawings, figure);
    assert_non_null(drawing);
    return &drawing->table;
}

/* The row of a variant at a point: a number or a name of the second column; "": the first. */
static size_t row_of(const char *figure, const char *who, const char *point) {
    const struct table *table = table_of_figure(figure);
    const char *axis = table->columns[1];
    for (size_t row = 0; row < table_rows(table); row++) {
        char number[32];
        (void)snprintf(number, sizeof number, "%g", table_get(table, row, axis));
        const char *is = *table_word(table, row, axis) ? table_word(table, row, axis) : number;
        if (strcmp(table_word(table, row, table->columns[0]), who) != 0) continue;
        if (*point == '\0' || strcmp(is, point) == 0) return row;
    }
    fail_msg("%s has no row of %s at %s", figure, who, point);
    return 0;
}

static void assert_cell(const char *figure, const char *who, const char *point, const char *column,
                        double wanted) {
    const double found = table_get(table_of_figure(figure), row_of(figure, who, point), column);
    if (!(fabs(found - wanted) <= 1e-6 * fabs(wanted)))
        fail_msg("%s of %s at %s, %s: %.9g is not %.9g", figure, who, point, column, found, wanted);
}

static void assert_missing(const char *figure, const char *why) {
    const struct drawing *drawing = drawing_find(drawings, figure);
    if (drawing->missing == NULL) fail_msg("%s is drawn", figure);
    assert_says(drawing->missing, why);
}

static void assert_drawn(const char *figure) {
    const struct drawing *drawing = drawing_find(drawings, figure);
    if (drawing->missing != NULL) fail_msg("%s: %s", figure, drawing->missing);
}

/* In one line where `joined`, so that a sentence is found. To be freed. */
static char *page(bool html, bool joined) {
    char *text = page_text(drawings, "build", html);
    assert_non_null(text);
    for (char *c = text; joined && *c != '\0'; c++)
        if (*c == '\n') *c = ' ';
    return text;
}

static void assert_page_says(const char *const *sentences, size_t count) {
    char *text = page(false, true);
    for (size_t i = 0; i < count; i++) assert_says(text, sentences[i]);
    assert_says_not(text, "nan");
    assert_says_not(text, "inf ");
    free(text);
}

/* ---- figures ---- */

static void medians_and_their_intervals_are_the_ones_by_hand(void **state) {
    (void)state;
    put_everything();
    draw();
    /* 40.0 to 40.7: between the fourth and the fifth; 8 values, so from the first to the last. */
    assert_cell("placement", "tcp-per-message", "same-core", "latency_p50_us", 40.35);
    assert_cell("placement", "tcp-per-message", "same-core", "ci_low", 40.0);
    assert_cell("placement", "tcp-per-message", "same-core", "ci_high", 40.7);
    assert_cell("placement", "tcp-per-message", "same-core", "runs", 8);
}

static void fewer_than_six_runs_have_no_interval(void **state) {
    (void)state;
    put_compared("core.json", PLACEMENT_SAME_CORE, 5, 1);
    draw();
    const struct table *table = table_of_figure("phases");
    assert_cell("phases", "tcp-per-message", "", "exchange_us", 25.2);
    assert_true(isnan(table_get(table, 0, "exchange_us_ci_low")));
}

static void one_core_comes_before_two(void **state) {
    (void)state;
    static const char *const wanted[] = {"same-core", "cross-core", "awake"};
    put_everything();
    draw();
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        assert_string_equal(table_word(table_of_figure("placement"), i, "placement"), wanted[i]);
}

/* Where two values are equally often, the usual one is shown. */
static void a_figure_shows_runs_that_differ_in_nothing_else(void **state) {
    (void)state;
    put_compared("a.json", PLACEMENT_AWAKE, BLOCKS, 1.5);
    put_compared("b.json", PLACEMENT_SAME_CORE, BLOCKS, 1);
    put_compared("c.json", PLACEMENT_SAME_CORE, BLOCKS, 1);
    for (size_t i = 0; i < list[2]->runs.count; i++) list[2]->runs.list[i]->asked.size_bytes = 1024;
    draw();
    assert_cell("phases", "tcp-per-message", "", "exchange_us", 25.35);
    assert_cell("phases", "tcp-per-message", "", "runs", BLOCKS);
    assert_string_equal(drawing_find(drawings, "phases")->conditions,
                        "same-core, 1 connection, 64 bytes, blocking engine, 1,000 messages");
}

static void phases_are_per_message_and_add_up_to_the_cycle(void **state) {
    (void)state;
    put_everything();
    draw();
    assert_cell("phases", "tcp-per-message", "", "connect_us", 15);
    assert_cell("phases", "tcp-per-message", "", "exchange_us", 25.35);
    assert_cell("phases", "tcp-per-message", "", "close_us", 10);
    assert_cell("phases", "tcp-persistent", "", "connect_us", 0);
    assert_page_says((const char *[]){"a message by tcp-per-message takes 50.4 us, of which 50 % "
                                      "are spent on connecting, 15.0 us (95 % interval 15.0 us to "
                                      "15.0 us), and closing, 10.0 us"},
                     1);
}

/* The model waits for the delay that was applied, on top of the work over the wire without one. */
static void the_model_is_work_and_round_trips(void **state) {
    (void)state;
    put_everything();
    draw();
    assert_cell("rtt", "tcp-per-message", "20", "rtt_applied_ms", 20.2);
    assert_cell("rtt", "tcp-per-message", "20", "model_us", 40.25 + 2 * 20200);
    assert_cell("rtt", "udp-persistent", "20", "latency_us", 8.25 + 20200);
    /* No delay at all has no place on a logarithmic axis. */
    assert_int_equal(table_rows(table_of_figure("rtt")), 2 * VARIANTS);
}

/* Fewer than 40 messages have no median; the run has its mean. */
static void a_run_too_short_for_a_median_gives_its_mean(void **state) {
    (void)state;
    put_rtts(true);
    draw();
    assert_cell("rtt", "udp-persistent", "20", "latency_us", 8.25 + 20200);
    assert_page_says((const char *[]){"Furthest from the model is "}, 1);
}

static void sizes_on_a_wire_have_figures_of_their_own(void **state) {
    (void)state;
    static const char *const others[] = {"rtt", "throughput", "latency", "size", "phases"};
    const char *const tcp = "tcp-per-message", *const udp = "udp-persistent";
    put_sizes("size-rtt.json", 0);
    put_sizes("size-loss.json", 1);
    draw();
    for (size_t i = 0; i < COUNT_OF(others); i++) assert_missing(others[i], "no result file");
    assert_cell("size_rtt", tcp, "15360", "latency_us", 80000);
    assert_cell("size_rtt", tcp, "15360", "round_trips", 4);
    assert_cell("size_rtt", tcp, "15360", "runs", 1);
    assert_cell("size_loss", udp, "1433", "answered_percent", 50);
    assert_cell("size_loss", udp, "1433", "ci_low", 39.832112); /* Clopper and Pearson */
    assert_cell("size_loss", udp, "1432", "fragments_per_request", 0);
    assert_cell("size_loss", udp, "1432", "packets_per_request", 1);
    assert_cell("size_loss", udp, "1433", "fragments_per_request", 2);
    assert_cell("size_loss", udp, "1432", "predicted_percent", 98.01);
    assert_cell("size_loss", udp, "1433", "predicted_percent", 96.059601);
    assert_cell("size_loss", udp, "1433", "messages", 100);
    assert_true(isnan(table_get(table_of_figure("size_loss"), row_of("size_loss", tcp, "64"),
                                "predicted_percent")));
    assert_page_says(
        (const char *[]){
            "tcp-per-message takes 2.00 for 64 bytes and 4.00 for 15,360 bytes (the first step, of "
            "2.00, is between 1,433 and 15,360 bytes)",
            "udp-persistent answers 50.0 % (95 % interval 39.8 to 60.2, predicted 98.0) with 1,432 "
            "bytes, and 50.0 % (95 % interval 39.8 to 60.2, predicted",
            "a deadline of 300 ms"},
        3);
}

static void a_connection_that_stays_is_the_right_end(void **state) {
    (void)state;
    put_per_connection();
    draw();
    assert_drawn("per_connection");
    assert_cell("per_connection", "tcp-persistent", "1", "time_us", 50);
    assert_cell("per_connection", "tcp-persistent", "none", "time_us", 10);
    assert_cell("per_connection", "tcp-persistent", "2", "model_us", 30);
    assert_cell("per_connection", "tcp-persistent", "10", "model_us", 14);
    assert_cell("per_connection", "tcp-persistent", "10", "runs", FEWER_BLOCKS);
}

static void connections_have_throughput_and_latency(void **state) {
    (void)state;
    put_connections(false);
    put_connections(true);
    draw();
    assert_cell("throughput", "tcp-persistent", "64", "throughput_per_s", 66500);
    assert_cell("throughput", "tcp-persistent", "64", "throughput_per_s_ci_low", 64000);
    assert_cell("throughput", "tcp-persistent", "64", "latency_p50_us", 3200);
    assert_cell("throughput", "tcp-persistent", "64", "runs", FEWER_BLOCKS);
    /* Objects were swept over connections too, but on a wire. */
    assert_int_equal(table_rows(table_of_figure("throughput")), 2);
    assert_cell("objects", "tcp-persistent", "1", "page_ms", 10.25);
    assert_cell("objects", "tcp-persistent", "1", "packets", 5000);
}

/* p99 of 10,000 messages of which 200 are slow is one of these; of 50,000 so too. */
static void a_rate_has_its_percentiles_over_all_runs_and_its_knee(void **state) {
    (void)state;
    const char *const who = "tcp-persistent";
    put_rates();
    draw();
    assert_cell("rate", who, "40000", "share", 0.8);
    assert_near(table_get(table_of_figure("rate"), 0, "p50_us"), 50, 0.1);
    assert_near(table_get(table_of_figure("rate"), 0, "p99_us"), 520, 1);
    assert_near(table_get(table_of_figure("rate"), 0, "run_low"), 500, 1);
    assert_near(table_get(table_of_figure("rate"), 0, "run_high"), 540, 1);
    assert_cell("rate", who, "40000", "service_p99_us", 55);
    assert_cell("rate", who, "40000", "mean_us", 70);
    assert_cell("rate", who, "40000", "knee_per_s", 40000);
    assert_cell("rate", who, "40000", "knee_high", 42000);
    assert_cell("rate", who, "40000", "idle_us", 60);
    assert_cell("rate", who, "40000", "overloaded", 0);
    /* 150 of 10,000 are lost, so that the 99th of 100 waited for the deadline. */
    assert_cell("rate", who, "55000", "p99_us", 2e6);
    assert_cell("rate", who, "55000", "answered_percent", 98.5);
    assert_cell("rate", who, "55000", "overloaded", 1);
}

static void tails_have_a_row_for_each_percentile_that_is_known(void **state) {
    (void)state;
    put_rates();
    list[0]->axis = NULL;
    list[0]->command = "compare";
    for (size_t i = 0; i < list[0]->runs.count; i++) {
        struct run *run = list[0]->runs.list[i];
        run->asked.rate_per_s = 9000;
        run->point = 0;
        if (run->column == 1) run->asked.variant = variant_find("udp-persistent");
    }
    draw();
    assert_cell("tails", "tcp-persistent", "50", "offered_per_s", 9000);
    assert_cell("tails", "tcp-persistent", "50", "messages", 50000);
    assert_cell("tails", "udp-persistent", "99", "latency_us", 2e6);
    /* 10,000 messages leave 10 beyond p99.9: single runs have none. */
    const struct table *table = table_of_figure("tails");
    const size_t row = row_of("tails", "tcp-persistent", "99.9");
    assert_near(table_get(table, row, "latency_us"), 540, 1);
    assert_true(isnan(table_get(table, row, "run_low")));
}

static void designs_are_in_the_order_of_a_lecture(void **state) {
    (void)state;
    static const char *const wanted[] = {"iterative", "pool", "fork", "epoll"};
    put_designs();
    draw();
    const struct table *table = table_of_figure("designs");
    assert_int_equal(table_rows(table), COUNT_OF(wanted)); /* and none beside a silent client */
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        assert_string_equal(table_word(table, i, "design"), wanted[i]);
    assert_near(table_get(table, 2, "time_per_message_us"), 200, 1e-6);
}

/* A sweep is in its own figure alone: no message of an overloaded server is "the" latency. */
static void a_sweep_stays_in_its_figure(void **state) {
    (void)state;
    static const char *const others[] = {"latency", "phases", "placement", "size", "rtt"};
    put_designs();
    put_connections(false);
    put_rates();
    draw();
    for (size_t i = 0; i < COUNT_OF(others); i++) assert_missing(others[i], "no result file");
}

static void benchmarks_and_processes_are_figures(void **state) {
    (void)state;
    struct benchmark benchmarks[] = {{.name = (char *)"encode/64", .ns = 10, .deviation_ns = 1},
                                     {.name = (char *)"encode/0", .ns = 9, .deviation_ns = 1},
                                     {.name = (char *)"ruler", .ns = 30},
                                     {.name = (char *)"wakeup/same-core", .ns = 2000}};
    double once_s[] = {0.06, 0.07}, twice_s[] = {0.115};
    struct timed_command commands[] = {
        {.command = (char *)"tcp-per-message 1000", .times_s = once_s, .count = 2},
        {.command = (char *)"tcp-per-message 2000", .times_s = twice_s, .count = 1},
        {.command = (char *)"tcp-per-message 1000", .file = 1, .times_s = twice_s, .count = 1}};
    results.benchmarks = benchmarks;
    results.benchmark_count = COUNT_OF(benchmarks);
    results.commands = commands;
    results.command_count = COUNT_OF(commands);
    draw();
    assert_cell("codec", "encode", "64", "time_ns", 10);
    assert_cell("codec", "encode", "64", "low", 9);
    assert_int_equal(table_rows(table_of_figure("codec")), 3); /* of wake-ups it tells elsewhere */
    assert_cell("process", "tcp-per-message", "1000", "time_s", 0.07); /* of both files */
    assert_cell("process", "tcp-per-message", "1000", "runs", 3);
    assert_int_equal(table_rows(table_of_figure("process")), 2);
}

/* ---- figures without a number ---- */

static void what_cannot_be_drawn_is_missing_with_a_reason(void **state) {
    (void)state;
    put_compared("core.json", PLACEMENT_SAME_CORE, BLOCKS, 1);
    put_sizes("size.json", 0);
    put_rates();
    put_designs();
    for (size_t i = 0; i < list[0]->runs.count; i++) {
        list[0]->runs.list[i]->exchange.mean_ns = NAN;
        if (list[0]->runs.list[i]->column > 0) made_invalid(list[0]->runs.list[i], "restless");
    }
    for (size_t i = 0; i < list[1]->runs.count; i++) {
        struct run *run = list[1]->runs.list[i];
        run->asked.wire = false;
        run->latency.p50_ns = 0;
    }
    for (size_t i = 0; i < list[2]->runs.count; i++)
        made_invalid(list[2]->runs.list[i], "3 % were late");
    for (size_t i = 0; i < list[3]->runs.count; i++)
        list[3]->runs.list[i]->asked.design = DESIGN_POOL;
    draw();
    assert_missing("phases", "one row alone is no figure");
    assert_missing("size", "`latency_p50_us` is 0 everywhere, on a logarithmic axis");
    assert_missing("rate", "none of its 10 runs counts: 3 % were late");
    assert_missing("designs", "one point alone is no figure");
    assert_missing("idle", "no result file has it");
    assert_drawn("latency");
}

static void a_column_of_which_nothing_is_known_is_no_figure(void **state) {
    (void)state;
    put_sizes("size.json", 0);
    for (size_t i = 0; i < list[0]->runs.count; i++) list[0]->runs.list[i]->asked.wire = false;
    draw();
    assert_missing("size", "`latency_p50_us` is known nowhere");
}

static void a_folder_is_written_that_has_only_what_can_be_drawn(void **state) {
    (void)state;
    char directory[] = "/tmp/echolab-report.XXXXXX", path[128], why[SESSION_WHY] = "";
    put_everything();
    draw();
    assert_non_null(mkdtemp(directory));
    assert_int_equal(report_save(directory, "data", "size.tsv", "of an older measurement", why), 0);
    if (drawings_write(drawings, directory, why) != 0) fail_msg("%s", why);
    const char *const names[] = {"rtt",      "latency", "phases",        "placement",
                                 "variants", "figures", "per_connection"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char line[4096];
        (void)snprintf(path, sizeof path, "%s/data/%s.tsv", directory, names[i]);
        FILE *in = fopen(path, "re");
        if (in == NULL) fail_msg("%s is missing", path);
        size_t tabs = 0;
        for (size_t lines = 0; fgets(line, sizeof line, in) != NULL; lines++) {
            size_t its = 0;
            for (const char *c = line; *c != '\0'; c++) its += *c == '\t';
            if (lines == 0) tabs = its;
            if (its != tabs) fail_msg("%s: other columns: %s", names[i], line);
            assert_says_not(line, "nan");
            assert_says_not(line, "inf");
        }
        assert_int_equal(fclose(in), 0);
    }
    (void)snprintf(path, sizeof path, "%s/data/size.tsv", directory);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(program_run((char *[]){"rm", "-r", directory, NULL}, NULL, NULL, 0, NULL, 0),
                     0);
}

/* ---- the page ---- */

static void sections_come_in_the_order_of_the_story(void **state) {
    (void)state;
    static const char *const titles[] = {"\nA message, by how many its connection carries\n",
                                         "\nLatency over the round-trip time\n",
                                         "\nOne packet lost, a lone message\n",
                                         "\nThe price of keeping\n",
                                         "\nThe answer\n",
                                         "\nUnder load\n",
                                         "\nThroughput and latency over the number",
                                         "\nLatency over the offered rate\n",
                                         "\nTails at one rate for all\n",
                                         "\nSeveral at once\n",
                                         "\nA page of many objects\n",
                                         "\nHow a server is built\n",
                                         "\nThe figures\n",
                                         "\nIs the ruler right?\n",
                                         "\nRuns that do not count\n",
                                         "\nHow to repeat it\n",
                                         "\nWhere it was measured\n"};
    put_everything();
    draw();
    char *text = page(false, false);
    const char *at = text;
    for (size_t i = 0; i < COUNT_OF(titles); i++) {
        const char *found = strstr(at, titles[i]);
        if (found == NULL) fail_msg("not behind the others: %s", titles[i]);
        at = found == NULL ? at : found + 1;
    }
    free(text);
}

static void text_is_within_80_columns(void **state) {
    (void)state;
    put_everything();
    put_sizes("size-rtt.json", 0);
    draw();
    char *text = page(false, false);
    for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") >= 80) fail_msg("too long: %.100s", line);
    assert_says_not(text, "`");
    free(text);
}

/* With the command of `make bench` that measures it, and what that needs. */
static void missing_parts_are_named_in_their_place(void **state) {
    (void)state;
    static const char *const names[] = {"rtt",    "size",  "size-rtt", "check",         "rate",
                                        "silent", "micro", "idle",     "per-connection"};
    put_compared("core.json", PLACEMENT_SAME_CORE, BLOCKS, 1);
    draw();
    char *html = page(true, false);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char *command = plan_command(names[i], "build");
        assert_non_null(command);
        assert_says(html, command);
        free(command);
    }
    assert_says(html, "<p class=\"missing\">Not measured, as no result file has it: <code>echolab "
                      "sweep rtt");
    assert_says(html, "--json build/results/rtt.json</code>, which needs a private network (root)");
    assert_says(html, "--json build/results/size-rtt.json</code>");
    assert_null(plan_command("nonsense", "build"));
    free(html);
}

static void a_figure_is_a_picture_with_its_data(void **state) {
    (void)state;
    put_everything();
    draw();
    char *html = page(true, false);
    assert_says(html, "<a href=\"rtt.svg\"><img src=\"rtt.svg\" width=\"900\" height=\"560\" "
                      "alt=\"Points are measured");
    assert_says(html, "64 bytes, blocking engine, 1,000 messages · <a href=\"rtt.png\">PNG</a> · "
                      "<a href=\"../data/rtt.tsv\">data</a>");
    assert_says_not(html, "size.svg");
    assert_says_not(html, "{name}");
    assert_says_not(html, "{story}");
    free(html);
}

static void another_environment_is_named_and_load_is_not(void **state) {
    (void)state;
    put_everything();
    facts_add_text(&list[4]->environment, "governor", "powersave");
    facts_add_text(&list[4]->environment, "load", "9");
    draw();
    char *html = page(true, false);
    const char *differs = strstr(html, "Not everything on this page was measured in the same");
    assert_non_null(differs);
    char *part = strndup(differs, (size_t)(strstr(differs, "</table>") - differs));
    assert_says(part, "<td>governor</td><td>performance</td><td>performance; powersave</td>");
    assert_says_not(part, "load");
    free(part);
    assert_says(html, "<td>haltpoll.ns</td>");
    assert_says(html, "<td>later</td>"); /* the load after the runs */
    free(html);
}

static void invalid_runs_are_folded_by_their_reason(void **state) {
    (void)state;
    put_compared("core.json", PLACEMENT_SAME_CORE, BLOCKS, 1);
    for (size_t i = 0; i < 6; i++) {
        made_invalid(list[0]->runs.list[i], "12 <late>");
        made_invalid(list[0]->runs.list[i], "2 lost");
    }
    struct session *other = session_in("check.json", "check", NULL);
    made_invalid(made_run(other, "tcp-persistent", 0, 0), "on purpose");
    draw();
    char *html = page(true, false);
    assert_says(html, "Of 24 runs 6 are not valid and count nowhere. In the figures are the 18");
    assert_says(html, "<td class=\"number\">2</td><td><code>tcp-persistent</code></td><td>variant"
                      "</td><td class=\"number\">12 &lt;late&gt;; 2 lost</td><td>core.json</td>");
    assert_says_not(html, "on purpose");
    free(html);
}

static void what_a_file_says_is_escaped_in_html(void **state) {
    (void)state;
    put_compared("<script>\"&.json", PLACEMENT_SAME_CORE, BLOCKS, 1);
    facts_add_text(&list[0]->environment, "<i>", "a\tb <b>");
    draw();
    char *html = page(true, false);
    assert_says_not(html, "<script>");
    assert_says_not(html, "<i>");
    assert_says_not(html, "<b>");
    assert_says(html, "&lt;script&gt;&quot;&amp;");
    free(html);
}

/* ---- how to repeat it ---- */

static void a_command_is_what_was_typed_and_its_seed(void **state) {
    (void)state;
    static const char *const argv[] = {"build/echolab", "compare", "--host", "it's mine", NULL};
    static const char *const seeded[] = {"echolab", "compare", "--seed=3", NULL};
    static const struct {
        const char *const *argv;
        const char *axis, *command;
        enum placement placement;
    } cases[] = {
        {argv, NULL, "build/echolab compare --host 'it'\\''s mine' --seed 7", PLACEMENT_SAME_CORE},
        {seeded, NULL, "echolab compare --seed=3", PLACEMENT_SAME_CORE},
        {NULL, "size", NULL, PLACEMENT_SAME_CORE}, /* an older file does not know */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        put_compared("core.json", cases[i].placement, 1, 1);
        list[0]->argv = cases[i].argv;
        list[0]->axis = cases[i].axis;
        if (cases[i].axis != NULL) list[0]->command = "sweep";
        char *command = origin_command(list[0]);
        if (cases[i].command == NULL)
            assert_null(command);
        else
            assert_string_equal(command, cases[i].command);
        free(command);
        (void)clean_up(NULL);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, clean_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(medians_and_their_intervals_are_the_ones_by_hand),
        TEST(fewer_than_six_runs_have_no_interval),
        TEST(one_core_comes_before_two),
        TEST(a_figure_shows_runs_that_differ_in_nothing_else),
        TEST(phases_are_per_message_and_add_up_to_the_cycle),
        TEST(the_model_is_work_and_round_trips),
        TEST(a_run_too_short_for_a_median_gives_its_mean),
        TEST(sizes_on_a_wire_have_figures_of_their_own),
        TEST(a_connection_that_stays_is_the_right_end),
        TEST(connections_have_throughput_and_latency),
        TEST(a_rate_has_its_percentiles_over_all_runs_and_its_knee),
        TEST(tails_have_a_row_for_each_percentile_that_is_known),
        TEST(designs_are_in_the_order_of_a_lecture),
        TEST(a_sweep_stays_in_its_figure),
        TEST(benchmarks_and_processes_are_figures),
        TEST(what_cannot_be_drawn_is_missing_with_a_reason),
        TEST(a_column_of_which_nothing_is_known_is_no_figure),
        TEST(a_folder_is_written_that_has_only_what_can_be_drawn),
        TEST(sections_come_in_the_order_of_the_story),
        TEST(text_is_within_80_columns),
        TEST(missing_parts_are_named_in_their_place),
        TEST(a_figure_is_a_picture_with_its_data),
        TEST(another_environment_is_named_and_load_is_not),
        TEST(invalid_runs_are_folded_by_their_reason),
        TEST(what_a_file_says_is_escaped_in_html),
        TEST(a_command_is_what_was_typed_and_its_seed),
    };
    return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
