/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the page tells of load, batches and server designs, from result files
 * made here, of which every number is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/query.h"
#include "bench/report/figures.h"
#include "bench/report/page.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 512, BLOCKS = 6 };

#define COUNT_OF(rows) (sizeof(rows) / sizeof *(rows))

static char directory[] = "/tmp/echolab-page-load.XXXXXX";
static const char *const folders[] = {"results", "data", "report"};

/* ---- files ---- */

static const char *path_of(char *path, const char *folder, const char *name) {
    (void)snprintf(path, PATH_ROOM, "%s/%s%s%s", directory, folder, *name == '\0' ? "" : "/", name);
    return path;
}

static void empty_folder(const char *folder) {
    char path[PATH_ROOM];
    DIR *all = opendir(path_of(path, folder, ""));
    if (all == NULL) return;
    for (const struct dirent *one = readdir(all); one != NULL; one = readdir(all))
        (void)unlink(path_of(path, folder, one->d_name)); /* not . and .., which stay */
    (void)closedir(all);
}

static int start_empty(void **state) {
    (void)state;
    char path[PATH_ROOM];
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        empty_folder(folders[i]);
        (void)mkdir(path_of(path, folders[i], ""), 0777);
    }
    return 0;
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state) {
    char path[PATH_ROOM];
    (void)start_empty(state);
    for (size_t i = 0; i < COUNT_OF(folders); i++) (void)rmdir(path_of(path, folders[i], ""));
    return rmdir(directory);
}

/* Takes `runs`; `extra` is merged into the file, and taken too. */
static void put_file(const char *name, const char *axis, json_t *runs, json_t *extra) {
    char path[PATH_ROOM];
    json_t *root = json_pack("{s:s,s:s,s:s?,s:i,s:{},s:o,s:[]}", "schema", "echolab/1", "command",
                             axis == NULL ? "compare" : "sweep", "axis", axis, "seed", 7,
                             "environment", "runs", runs, "comparisons");
    assert_non_null(root);
    if (extra != NULL) assert_int_equal(json_object_update(root, extra), 0);
    json_decref(extra);
    assert_int_equal(json_dump_file(root, path_of(path, "results", name), 0), 0);
    json_decref(root);
}

/* ---- runs ---- */

static json_t *run_of(const char *variant, int block) {
    json_t *run = json_pack(
        "{s:s,s:s,s:i,s:i,s:i,s:i,s:s,s:s,s:i,s:s,s:s,s:n,s:n,s:n,s:f,s:i,s:b,s:[],s:i}", "variant",
        variant, "role", "variant", "size_bytes", 64, "reply_bytes", 64, "connections", 1,
        "pipeline", 1, "engine", "blocking", "design", "pool", "workers", 1, "placement",
        "same-core", "network", "private", "rtt_ms", "loss_percent", "offered_per_s", "deadline_ms",
        2000.0, "block", block, "valid", 1, "invalid_because", "silent_connections", 0);
    assert_non_null(run);
    return run;
}

static void set(json_t *run, const char *field, json_t *value) {
    assert_non_null(value);
    assert_int_equal(json_object_set_new(run, field, value), 0);
}

static void set_load(json_t *run, double per_s, double p50_us) {
    set(run, "throughput_per_s", json_real(per_s));
    set(run, "time_per_message_us", json_real(1e6 / per_s));
    set(run, "latency_us", json_pack("{s:f,s:f}", "p50", p50_us, "mean", p50_us));
    set(run, "messages",
        json_pack("{s:i,s:i,s:i,s:i}", "sent", 1000, "ok", 1000, "lost", 0, "failed", 0));
}

/* A block more carries 1 % more. */
static void put_connections(void) {
    static const struct {
        const char *variant;
        double per_s[3], p50_us[3];
    } rows[] = {
        {"tcp-per-message", {5000, 20000, 18000}, {80, 3000, 50000}},
        {"tcp-persistent", {15000, 100000, 90000}, {50, 600, 11000}},
    };
    static const int connections[] = {1, 64, 1024};
    json_t *runs = json_array();
    for (size_t v = 0; v < COUNT_OF(rows); v++) {
        for (size_t i = 0; i < 3; i++) {
            for (int block = 0; block < BLOCKS; block++) {
                json_t *run = run_of(rows[v].variant, block);
                set(run, "connections", json_integer(connections[i]));
                set(run, "engine", json_string("epoll"));
                set(run, "placement", json_string("cross-core"));
                set_load(run, rows[v].per_s[i] * (1 + 0.01 * block), rows[v].p50_us[i]);
                json_array_append_new(runs, run);
            }
        }
    }
    put_file("connections.json", "connections", runs, NULL);
}

/*
 * An open-loop run: 10,000 messages, of which 9,800 take `usual_us`; of the
 * others 200 take `slow_us`, or only 50 do, and 150 are lost, where `overloaded`.
 */
static json_t *open_run(const char *variant, int block, double rate, double usual_us,
                        double slow_us, int overloaded) {
    json_t *run = run_of(variant, block);
    const int slow = overloaded ? 50 : 200, lost = overloaded ? 150 : 0;
    set(run, "connections", json_integer(64));
    set(run, "engine", json_string("epoll"));
    set(run, "placement", json_string("cross-core"));
    set(run, "offered_per_s", json_real(rate));
    set(run, "capacity_per_s", json_real(50000));
    set(run, "service_us", json_pack("{s:f,s:f}", "p50", usual_us - 5, "p99", usual_us + 5));
    set(run, "histogram_ns", json_pack("[[f,i],[f,i]]", 1e3 * usual_us, 9800, 1e3 * slow_us, slow));
    set(run, "messages",
        json_pack("{s:i,s:i,s:i,s:i}", "sent", 10000, "ok", 10000 - lost, "lost", lost, "failed",
                  0));
    set(run, "open_loop",
        json_pack("{s:f,s:b}", "answered_per_s", rate - lost, "overloaded", overloaded));
    return run;
}

static void put_rates(void) {
    static const double rates[] = {10000, 40000, 55000};
    json_t *runs = json_array();
    for (size_t i = 0; i < COUNT_OF(rates); i++) {
        for (int block = 0; block < 3; block++)
            json_array_append_new(
                runs, open_run("tcp-persistent", block, rates[i], 50, 500 + 10 * block, i == 2));
    }
    put_file("rate.json", "rate", runs,
             json_pack("{s:[{s:s,s:f,s:f}]}", "knees", "variant", "tcp-persistent",
                       "capacity_per_s", 50000.0, "knee_per_s", 40000.0));
}

static void put_tails(void) {
    json_t *runs = json_array();
    for (int block = 0; block < 3; block++) {
        json_array_append_new(runs, open_run("tcp-per-message", block, 9000, 80, 900, 0));
        json_array_append_new(runs,
                              open_run("tcp-persistent", block, 9000, 50, 500 + 10 * block, 0));
    }
    put_file("tails.json", NULL, runs,
             json_pack("{s:[{s:s,s:s,s:s,s:s,s:f,s:i,s:f,s:f,s:f,s:f,s:s}]}", "comparisons",
                       "metric", "p99", "variant", "tcp-persistent", "baseline", "tcp-per-message",
                       "role", "variant", "offered_per_s", 9000.0, "blocks", 3, "ratio", 0.5,
                       "ci_low", 0.4, "ci_high", 0.6, "level", 0.95, "verdict", "faster"));
}

static json_t *batch_run(const char *variant, int depth, int block, double per_s, double calls) {
    json_t *run = run_of(variant, block);
    set(run, "pipeline", json_integer(depth));
    set_load(run, per_s, 10);
    set(run, "messages_per",
        json_pack("{s:f,s:f,s:f,s:f,s:n}", "client_send", calls, "client_receive", calls,
                  "server_receive", calls, "server_send", calls, "packet"));
    return run;
}

/* Both from the same at a depth of 1; at 32 one call carries them all, or each its own. */
static void put_batches(void) {
    json_t *runs = json_array(), *wire = json_array();
    for (int block = 0; block < BLOCKS; block++) {
        json_array_append_new(runs, batch_run("udp-gso", 1, block, 100000, 1));
        json_array_append_new(runs, batch_run("udp-gso", 32, block, 2000000, 32));
        json_array_append_new(runs, batch_run("udp-pipelined", 1, block, 100000, 1));
        json_array_append_new(runs, batch_run("udp-pipelined", 32, block, 500000, 1));
    }
    json_t *run = batch_run("udp-gso", 32, 0, 70000, 32);
    set(run, "rtt_ms", json_real(0));
    json_object_set_new(json_object_get(run, "messages_per"), "packet", json_real(1));
    json_array_append_new(wire, run);
    put_file("pipeline.json", "pipeline", runs, NULL);
    put_file("pipeline-wire.json", "pipeline", wire, NULL);
}

/* Of a page of 43 objects, as it is over 90 ms. */
static void put_objects(void) {
    static const struct {
        const char *variant;
        int connections, pipeline;
        double elapsed_s, packets;
    } rows[] = {
        {"tcp-per-message", 4, 1, 1.98, 14},
        {"tcp-persistent", 1, 1, 3.96, 5},
        {"tcp-persistent", 4, 1, 1.08, 6},
        {"tcp-pipelined", 1, 32, 0.54, 4},
    };
    json_t *runs = json_array();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *run = run_of(rows[i].variant, 0);
        set(run, "connections", json_integer(rows[i].connections));
        set(run, "pipeline", json_integer(rows[i].pipeline));
        set(run, "reply_bytes", json_integer(4096));
        set(run, "rtt_ms", json_real(90));
        set(run, "elapsed_s", json_real(rows[i].elapsed_s));
        set(run, "messages", json_pack("{s:i,s:i}", "sent", 43, "ok", 43));
        set(run, "per_message", json_pack("{s:f}", "packets", rows[i].packets));
        json_array_append_new(runs, run);
    }
    put_file("objects.json", "connections", runs, NULL);
}

static void put_designs(void) {
    static const struct {
        const char *design;
        double fresh_us, kept_us;
    } rows[] = {{"fork", 110, 5}, {"pool", 20, 5}, {"iterative", 21, 4}, {"epoll", 25, 6}};
    json_t *runs = json_array();
    for (int block = 0; block < BLOCKS; block++) {
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            json_t *fresh = run_of("tcp-per-message", block);
            json_t *kept = run_of("tcp-persistent", block);
            set(fresh, "design", json_string(rows[i].design));
            set(kept, "design", json_string(rows[i].design));
            set_load(fresh, 1e6 / rows[i].fresh_us, rows[i].fresh_us);
            set_load(kept, 1e6 / rows[i].kept_us, rows[i].kept_us);
            json_array_append_new(runs, fresh);
            json_array_append_new(runs, kept);
        }
    }
    put_file("designs.json", "design", runs, NULL);
}

/* Who answers nothing is not valid, and is told all the same. */
static void put_silent(void) {
    json_t *stopped = run_of("tcp-persistent", 0), *going = run_of("tcp-persistent", 0);
    set(stopped, "design", json_string("iterative"));
    set(stopped, "silent_connections", json_integer(1));
    set(stopped, "deadline_ms", json_real(200));
    set(stopped, "valid", json_false());
    set(stopped, "invalid_because", json_pack("[s]", "no message was answered"));
    set(stopped, "messages", json_pack("{s:i,s:i}", "sent", 10, "ok", 0));
    set(going, "silent_connections", json_integer(1));
    set_load(going, 1000, 1000);
    set(going, "messages", json_pack("{s:i,s:i}", "sent", 10, "ok", 10));
    put_file("silent.json", "design", json_pack("[o,o]", stopped, going), NULL);
}

static void put_everything(void) {
    put_connections();
    put_rates();
    put_tails();
    put_batches();
    put_objects();
    put_designs();
    put_silent();
}

/* ---- what is made of them ---- */

static void read_all(struct measured *measured) {
    char results[PATH_ROOM], data[PATH_ROOM], error[REPORT_ERROR] = "";
    if (figures_write(path_of(results, "results", ""), path_of(data, "data", ""), measured,
                      error) != 0)
        fail_msg("%s", error);
}

/* To be freed. In one line where `joined`, so that a sentence can be found. */
static char *terminal_text(const struct measured *measured, int joined) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    page_print(measured, directory, out);
    (void)fclose(out);
    for (char *c = text; joined && *c != '\0'; c++)
        if (*c == '\n') *c = ' ';
    return text;
}

static void assert_says(const char *text, const char *words) {
    if (strstr(text, words) == NULL) fail_msg("nowhere: %s\nin: %s", words, text);
}

static void assert_says_not(const char *text, const char *words) {
    const char *found = strstr(text, words);
    if (found != NULL) fail_msg("there is: %.200s", found);
}

static void assert_near(double found, double wanted) {
    if (!(fabs(found - wanted) <= 1e-9 * fabs(wanted)))
        fail_msg("%.9g, wanted %.9g", found, wanted);
}

/* Of the row that begins with this name and this number. */
static json_t *row_of(const struct measured *measured, const char *figure, const char *who,
                      double point) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(measured->tables, figure), i, row) {
        if (strcmp(json_string_value(json_array_get(row, 0)), who) == 0 &&
            json_number_value(json_array_get(row, 1)) == point)
            return row;
    }
    fail_msg("%s has no row of %s at %g", figure, who, point);
    return NULL;
}

static double cell(const struct measured *measured, const char *figure, const char *who,
                   double point, size_t column) {
    const json_t *found = json_array_get(row_of(measured, figure, who, point), column);
    if (!json_is_number(found)) fail_msg("%s, column %zu: no number", figure, column);
    return json_number_value(found);
}

/* ---- figures ---- */

static void connections_have_throughput_and_latency(void **state) {
    (void)state;
    struct measured measured;
    const char *const who = "tcp-persistent";
    put_everything();
    read_all(&measured);
    assert_near(cell(&measured, "throughput", who, 64, THROUGHPUT_PER_S), 102500);
    assert_near(cell(&measured, "throughput", who, 64, THROUGHPUT_PER_S + 1), 100000);
    assert_near(cell(&measured, "throughput", who, 64, THROUGHPUT_P50_US), 600);
    assert_near(cell(&measured, "throughput", who, 64, THROUGHPUT_RUNS), BLOCKS);
    /* Objects were swept over connections too, but on a wire. */
    assert_int_equal(json_array_size(json_object_get(measured.tables, "throughput")), 6);
    measured_free(&measured);
}

/* p99 of 10,000 messages of which 200 are slow is one of these; of 30,000 so too. */
static void a_rate_has_its_percentiles_over_all_runs_and_its_knee(void **state) {
    (void)state;
    struct measured measured;
    const char *const who = "tcp-persistent";
    put_everything();
    read_all(&measured);
    assert_near(cell(&measured, "rate", who, 40000, RATE_SHARE), 0.8);
    assert_near(cell(&measured, "rate", who, 40000, RATE_P50_US), 50);
    assert_near(cell(&measured, "rate", who, 40000, RATE_P99_US), 510);
    assert_near(cell(&measured, "rate", who, 40000, RATE_P99_US + 1), 500);
    assert_near(cell(&measured, "rate", who, 40000, RATE_P99_US + 2), 520);
    assert_near(cell(&measured, "rate", who, 40000, RATE_SERVICE_P99_US), 55);
    assert_near(cell(&measured, "rate", who, 40000, RATE_KNEE_PER_S), 40000);
    assert_near(cell(&measured, "rate", who, 40000, RATE_OVERLOADED), 0);
    measured_free(&measured);
}

static void what_is_lost_counts_as_longer_than_all(void **state) {
    (void)state;
    struct measured measured;
    const char *const who = "tcp-persistent";
    put_everything();
    read_all(&measured);
    /* 150 of 10,000 are lost, so that the 99th of 100 waited for the deadline. */
    assert_near(cell(&measured, "rate", who, 55000, RATE_P99_US), 2e6);
    assert_near(cell(&measured, "rate", who, 55000, RATE_ANSWERED_PERCENT), 98.5);
    assert_near(cell(&measured, "rate", who, 55000, RATE_OVERLOADED), 1);
    char *text = terminal_text(&measured, 1);
    assert_says(text, "offered 55,000/s it is >2.00 s, of which the service time has 55.0 us.");
    free(text);
    measured_free(&measured);
}

static void a_percentile_needs_twenty_beyond(void **state) {
    (void)state;
    struct measured measured;
    put_everything();
    read_all(&measured);
    assert_near(cell(&measured, "tails", "tcp-persistent", 99.9, TAILS_US), 520);
    /* 10,000 messages leave 10 beyond p99.9: single runs have none. */
    const json_t *row = row_of(&measured, "tails", "tcp-persistent", 99.9);
    assert_true(json_is_null(json_array_get(row, TAILS_US + 1)));
    assert_near(cell(&measured, "tails", "tcp-persistent", 99, TAILS_US + 1), 500);
    assert_near(cell(&measured, "tails", "tcp-per-message", 50, TAILS_US), 80);
    assert_near(cell(&measured, "tails", "tcp-per-message", 50, TAILS_MESSAGES), 30000);
    measured_free(&measured);
}

static void batches_say_what_shares_a_call_and_a_packet(void **state) {
    (void)state;
    struct measured measured;
    put_everything();
    read_all(&measured);
    assert_near(cell(&measured, "pipeline", "udp-gso", 32, PIPELINE_PER_S), 2e6);
    assert_near(cell(&measured, "pipeline", "udp-gso", 32, PIPELINE_PER_CALL), 32);
    assert_near(cell(&measured, "pipeline", "udp-gso", 32, PIPELINE_PER_PACKET), 1);
    assert_near(cell(&measured, "pipeline", "udp-pipelined", 32, PIPELINE_PER_CALL), 1);
    assert_true(json_is_null(
        json_array_get(row_of(&measured, "pipeline", "udp-pipelined", 32), PIPELINE_PER_PACKET)));
    measured_free(&measured);
}

static void a_page_has_its_time_and_its_packets(void **state) {
    (void)state;
    struct measured measured;
    put_everything();
    read_all(&measured);
    assert_near(cell(&measured, "objects", "tcp-per-message", 4, OBJECTS_MS), 1980);
    assert_near(cell(&measured, "objects", "tcp-per-message", 4, OBJECTS_PACKETS), 602);
    assert_near(cell(&measured, "objects", "tcp-pipelined", 1, OBJECTS_MS), 540);
    measured_free(&measured);
}

static void designs_are_in_the_order_of_a_lecture(void **state) {
    (void)state;
    static const char *const wanted[] = {"iterative", "pool", "fork", "epoll"};
    struct measured measured;
    put_everything();
    read_all(&measured);
    const json_t *rows = json_object_get(measured.tables, "designs");
    assert_int_equal(json_array_size(rows), 8); /* and none beside a silent client */
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const json_t *row = json_array_get(rows, i);
        assert_string_equal(json_string_value(json_array_get(row, 1)), wanted[i]);
    }
    assert_near(json_number_value(json_array_get(json_array_get(rows, 2), 2)), 110);
    measured_free(&measured);
}

/* A sweep is in its own figure alone: no message of an overloaded server is "the" latency. */
static void a_sweep_stays_in_its_figure(void **state) {
    (void)state;
    static const char *const others[] = {"latency", "phases", "placement", "size", "rtt"};
    struct measured measured;
    put_everything();
    read_all(&measured);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_null(json_object_get(measured.tables, others[i]));
    assert_int_equal(json_array_size(measured.comparisons), 0);
    const struct summary work = figure_work(&measured, "tcp-persistent", "latency_us.p50");
    assert_int_equal(work.count, 0);
    measured_free(&measured);
}

/* ---- the page ---- */

static void findings_have_the_numbers_of_the_data(void **state) {
    (void)state;
    static const char *const sentences[] = {
        "tcp-persistent carries 15,400 messages/s (95 % interval 15,000 to 15,800, 6 runs) over 1 "
        "connection, and at most 103,000 (95 % interval 100,000 to 105,000, 6 runs) over 64; its "
        "median latency goes from 50.0 us to 11.0 ms over 1,024.",
        "Up to its knee, 40,000 requests/s, 0.80 times what it carries in a closed loop, "
        "tcp-persistent has a p99 of 510 us (single runs 500 us to 520 us, 3 runs)",
        "At 9,000 requests/s for all a message takes 50.0 us in the median and 510 us in p99 "
        "(single runs 500 us to 520 us, 3 runs) by tcp-persistent, and 80.0 us in the median and "
        "900 us in p99",
        "The p99 of tcp-persistent is 0.500 times (95 % interval 0.400 to 0.600, 3 blocks) that of "
        "tcp-per-message: faster.",
        "With 32 outstanding the most is 2,000,000 messages/s (95 % interval 2,000,000 to "
        "2,000,000, 6 runs) by udp-gso, 32.0 of them in a system call and 1.00 in a packet, and "
        "the least 500,000 messages/s",
        "takes 3.96 s by tcp-persistent over 1 connection (215 packets, 1 run) and 1.98 s by "
        "tcp-per-message over 4 connections (602 packets, 1 run): kept, but one after the other, "
        "loses to four fresh ones at a time; with as many at a time it is 1.08 s",
        "and pipelined 540 ms by tcp-pipelined over 1 connection (172 packets, 1 run).",
        "takes, by how the server is built, 20.0 us (95 % interval 20.0 to 20.0, 6 runs) (pool) to "
        "110 us",
        "Behind 1 client that connects and says nothing, an iterative server answered 0 of 10 "
        "messages within 200 ms (1 run)",
        "10 of 10",
    };
    struct measured measured;
    put_everything();
    read_all(&measured);
    char *text = terminal_text(&measured, 1);
    for (size_t i = 0; i < COUNT_OF(sentences); i++) assert_says(text, sentences[i]);
    assert_says_not(text, "nan");
    free(text);
    measured_free(&measured);
}

static void sections_come_in_the_order_of_the_story(void **state) {
    (void)state;
    static const char *const titles[] = {"Under load\n",
                                         "Throughput and latency over the number",
                                         "Latency over the offered rate\n",
                                         "Tails at one rate for all\n",
                                         "Several at once\n",
                                         "Messages per second over the number",
                                         "A page of many objects\n",
                                         "How a server is built\n",
                                         "A message by the design of the server\n",
                                         "The figures\n"};
    struct measured measured;
    put_everything();
    read_all(&measured);
    char *text = terminal_text(&measured, 0);
    const char *at = text;
    for (size_t i = 0; i < COUNT_OF(titles); i++) {
        const char *found = strstr(at, titles[i]);
        if (found == NULL)
            fail_msg("not behind the others: %s", titles[i]);
        else
            at = found;
    }
    /* Each stands once, and not again among the other figures. */
    assert_null(strstr(at, "Tails at one rate for all\n"));
    free(text);
    measured_free(&measured);
}

static void nothing_is_shown_that_was_not_measured(void **state) {
    (void)state;
    static const char *const commands[] = {"echolab sweep rate tcp-per-message tcp-persistent",
                                           "echolab compare --rate half",
                                           "echolab sweep pipeline --json",
                                           "echolab sweep design tcp-per-message tcp-persistent",
                                           "echolab sweep connections --engine epoll",
                                           "--reply-size 4k --rtt 90ms",
                                           "echolab sweep design tcp-persistent --silent 1"};
    static const char *const sections[] = {"<h2>Under load", "<h2>Several at once",
                                           "<h2>How a server is built"};
    struct measured measured;
    char error[REPORT_ERROR], path[PATH_ROOM], *html = NULL;
    size_t room = 0;
    json_t *run = run_of("tcp-persistent", 0);
    set_load(run, 1000, 1000);
    put_file("core.json", NULL, json_pack("[o]", run), NULL);
    read_all(&measured);
    assert_int_equal(page_write(&measured, directory, error), 0);
    FILE *in = fopen(path_of(path, "report", "index.html"), "re");
    assert_non_null(in);
    assert_true(getdelim(&html, &room, '\0', in) > 0);
    (void)fclose(in);
    for (size_t i = 0; i < COUNT_OF(commands); i++) assert_says(html, commands[i]);
    for (size_t i = 0; i < COUNT_OF(sections); i++) assert_says_not(html, sections[i]);
    free(html);
    measured_free(&measured);
}

static void text_is_within_80_columns(void **state) {
    (void)state;
    struct measured measured;
    put_everything();
    read_all(&measured);
    char *text = terminal_text(&measured, 0);
    for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") >= 80) fail_msg("too long: %.100s", line);
    free(text);
    measured_free(&measured);
}

#define TEST(name) cmocka_unit_test_setup(name, start_empty)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(connections_have_throughput_and_latency),
        TEST(a_rate_has_its_percentiles_over_all_runs_and_its_knee),
        TEST(what_is_lost_counts_as_longer_than_all),
        TEST(a_percentile_needs_twenty_beyond),
        TEST(batches_say_what_shares_a_call_and_a_packet),
        TEST(a_page_has_its_time_and_its_packets),
        TEST(designs_are_in_the_order_of_a_lecture),
        TEST(a_sweep_stays_in_its_figure),
        TEST(findings_have_the_numbers_of_the_data),
        TEST(sections_come_in_the_order_of_the_story),
        TEST(nothing_is_shown_that_was_not_measured),
        TEST(text_is_within_80_columns),
    };
    return cmocka_run_group_tests_name("page_load", tests, make_directory, remove_directory);
}
