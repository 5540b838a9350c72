/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Figures and page from result files made here, of which every number is
 * known: files of a temporary directory, read as `echolab report` reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/query.h"
#include "bench/report/figures.h"
#include "bench/report/page.h"
#include "bench/tell/words.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 512, BLOCKS = 8, FEWER_BLOCKS = 6 };

#define COUNT_OF(rows) (sizeof(rows) / sizeof *(rows))

static char directory[] = "/tmp/echolab-report.XXXXXX";

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
    const char *const folders[] = {"results", "data", "report"};
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
    const char *const folders[] = {"results", "data", "report"};
    (void)start_empty(state);
    for (size_t i = 0; i < COUNT_OF(folders); i++) (void)rmdir(path_of(path, folders[i], ""));
    return rmdir(directory);
}

static void put_text(const char *name, const char *text) {
    char path[PATH_ROOM];
    FILE *out = fopen(path_of(path, "results", name), "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void put_file(const char *name, json_t *root) {
    char *text = json_dumps(root, JSON_INDENT(1));
    assert_non_null(text);
    put_text(name, text);
    free(text);
    json_decref(root);
}

/* To be freed; NULL where there is no such file. */
static char *text_of(const char *folder, const char *name) {
    char path[PATH_ROOM], *text = NULL;
    size_t room = 0;
    FILE *in = fopen(path_of(path, folder, name), "re");
    if (in == NULL) return NULL;
    const ssize_t length = getdelim(&text, &room, '\0', in);
    assert_true(length > 0);
    (void)fclose(in);
    return text;
}

/* ---- what is in them ---- */

static const struct {
    const char *name;
    double latency_us, exchange_us, close_us; /* in the first block; each later adds 0.1 */
    int round_trips, packets;
} variants_here[] = {
    {"tcp-per-message", 40, 25, 10, 2, 10},
    {"tcp-persistent", 10, 10, 0, 1, 2},
    {"udp-persistent", 8, 8, 0, 1, 2},
};

static json_t *run_of(size_t variant, int block, const char *placement, double factor) {
    const double latency = factor * (variants_here[variant].latency_us + 0.1 * block),
                 exchange = factor * (variants_here[variant].exchange_us + 0.1 * block),
                 cycle = latency + factor * variants_here[variant].close_us;
    return json_pack(
        "{s:s,s:s,s:i,s:i,s:i,s:i,s:s,s:s,s:s,s:n,s:n,s:n,s:i,s:b,s:[],s:f,s:f,s:{s:f,s:f},s:{s:f},"
        "s:{s:{s:n},s:{s:f},s:{s:n}},s:{s:i},s:[[i,i],[i,i]],s:{s:i,s:i,s:i},s:{s:n}}",
        "variant", variants_here[variant].name, "role", "variant", "size_bytes", 64, "reply_bytes",
        64, "connections", 1, "pipeline", 1, "engine", "blocking", "placement", placement,
        "network", "private", "rtt_ms", "loss_percent", "offered_per_s", "block", block, "valid", 1,
        "invalid_because", "throughput_per_s", 1e6 / cycle, "time_per_message_us", cycle,
        "latency_us", "p50", latency, "mean", latency, "cycle_us", "mean", cycle, "phases_us",
        "connect", "mean", "exchange", "mean", exchange, "close", "mean", "messages", "lost", 0,
        "histogram_ns", (int)(latency * 1000), 900, (int)(latency * 2000), 100, "counters",
        "server.requests", 1000, "kernel.TcpOutSegs", 1000 * variants_here[variant].packets,
        "kernel.UdpOutDatagrams", 0, "per_message", "packets");
}

static json_t *comparison_of(const char *variant, const char *baseline, double ratio, double width,
                             int blocks) {
    return json_pack("{s:s,s:s,s:s,s:s,s:i,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:s}", "metric",
                     "time_per_message", "baseline", baseline, "variant", variant, "role",
                     "variant", "size_bytes", 64, "connections", 1, "blocks", blocks, "ratio",
                     ratio, "ci_low", ratio / width, "ci_high", ratio * width, "level", 0.95,
                     "diff", -40.0, "diff_ci_low", -42.0, "diff_ci_high", -38.0, "verdict",
                     "faster");
}

static json_t *environment_of(const char *governor) {
    return json_pack("{s:s,s:s,s:s,s:s,s:{s:s},s:{s:s}}", "governor", governor, "hypervisor",
                     "KVMKVMKVM", "local_ports", "32768 60999", "load", governor, "haltpoll", "ns",
                     "0", "after", "load", "later");
}

static json_t *session_of(const char *placement, int blocks, double factor, double ratio) {
    json_t *runs = json_array();
    for (int block = 0; block < blocks; block++) {
        for (size_t v = 0; v < COUNT_OF(variants_here); v++)
            json_array_append_new(runs, run_of(v, block, placement, factor));
    }
    json_t *comparisons =
        json_pack("[o]", comparison_of("tcp-persistent", "tcp-per-message", ratio, 1.25, blocks));
    return json_pack("{s:s,s:s,s:n,s:i,s:o,s:o,s:o}", "schema", "echolab/1", "command", "compare",
                     "axis", "seed", 7, "environment", environment_of("performance"), "runs", runs,
                     "comparisons", comparisons);
}

/* Everything a round trip takes is the applied delay, 1 % above the nominal one, and the work. */
static json_t *rtt_sweep(void) {
    const double rtts[] = {0.2, 5, 20, 100};
    json_t *runs = json_array(), *fits = json_array();
    for (size_t v = 0; v < COUNT_OF(variants_here); v++) {
        for (size_t i = 0; i < COUNT_OF(rtts); i++) {
            for (int block = 0; block < FEWER_BLOCKS; block++) {
                json_t *run = run_of(v, block, "same-core", 1);
                const double waits_us = 1010 * rtts[i] * variants_here[v].round_trips;
                json_object_set_new(run, "rtt_ms", json_real(rtts[i]));
                json_object_set_new(run, "rtt_applied_ms", json_real(1.01 * rtts[i]));
                json_object_set_new(
                    json_object_get(run, "latency_us"), "p50",
                    json_real(variants_here[v].latency_us + 0.1 * block + waits_us));
                json_array_append_new(runs, run);
            }
        }
        json_array_append_new(fits,
                              json_pack("{s:s,s:s,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:i}", "variant",
                                        variants_here[v].name, "metric", "latency", "runs", 24,
                                        "round_trips", variants_here[v].round_trips + 0.004,
                                        "ci_low", variants_here[v].round_trips + 0.001, "ci_high",
                                        variants_here[v].round_trips + 0.007, "level", 0.95,
                                        "intercept_us", variants_here[v].latency_us, "r2", 0.9999,
                                        "model", variants_here[v].round_trips));
    }
    return json_pack("{s:s,s:s,s:s,s:i,s:o,s:o,s:[],s:o}", "schema", "echolab/1", "command",
                     "sweep", "axis", "rtt", "seed", 8, "environment",
                     environment_of("performance"), "runs", runs, "comparisons", "fits", fits);
}

/* No runs and no comparisons: a check has none. */
static json_t *check_file(void) {
    return json_pack("{s:s,s:s,s:i,s:o,s:[{s:s,s:b,s:s,s:s,s:b,s:b},{s:s,s:b,s:s,s:s,s:b,s:b}]}",
                     "schema", "echolab/1", "command", "check", "seed", 9, "environment",
                     environment_of("powersave"), "checks", "name", "known delay",
                     "negative_control", 0, "injected", "5 us", "found", "5.04 us", "detected", 1,
                     "pass", 1, "name", "known delay", "negative_control", 1, "injected", "0 us",
                     "found", "4.99 us", "detected", 1, "pass", 0);
}

/* A start of 5 ms and 55 us a message, which is 10 % above compare's 50; each round 1 us more. */
static json_t *hyperfine_round(int round) {
    const double t1 = 0.005 + 1000 * (55 + round) * 1e-6, t2 = 0.005 + 2000 * (55 + round) * 1e-6;
    return json_pack("{s:[{s:s,s:f,s:[f]},{s:s,s:f,s:[f]}]}", "results", "command",
                     "tcp-per-message 1000", "median", t1, "times", t1, "command",
                     "tcp-per-message 2000", "median", t2, "times", t2);
}

static void add_benchmark(json_t *rows, const char *name, int place, double real, double cpu) {
    const char *const aggregates[] = {"mean", "median", "stddev"};
    for (size_t i = 0; i < COUNT_OF(aggregates); i++) {
        const double part = i == 2 ? 0.1 : 1;
        json_array_append_new(
            rows, json_pack("{s:s,s:s,s:s,s:f,s:f,s:s,s:i,s:i,s:i}", "run_name", name, "run_type",
                            "aggregate", "aggregate_name", aggregates[i], "real_time", part * real,
                            "cpu_time", part * cpu, "time_unit", "ns", "repetitions", 13,
                            "family_index", place, "per_family_instance_index", 0));
    }
}

static json_t *micro_file(void) {
    json_t *rows = json_array();
    add_benchmark(rows, "wakeup/cross-core", 2, 30000, 6000);
    add_benchmark(rows, "encode/64", 0, 12, 10);
    add_benchmark(rows, "wakeup/same-core", 1, 2000, 1000);
    return json_pack("{s:o}", "benchmarks", rows);
}

static void put_everything(void) {
    char name[32];
    put_file("awake.json", session_of("awake", FEWER_BLOCKS, 1.5, 0.5));
    put_file("core.json", session_of("same-core", BLOCKS, 1, 0.25));
    put_file("cross-core.json", session_of("cross-core", FEWER_BLOCKS, 3, 1.25));
    put_file("rtt.json", rtt_sweep());
    put_file("check.json", check_file());
    put_file("micro.json", micro_file());
    for (int i = 1; i <= 7; i++) {
        (void)snprintf(name, sizeof name, "hyperfine-%d.json", i);
        put_file(name, hyperfine_round(i - 4));
    }
}

/* ---- what is made of them ---- */

static int write_figures(struct measured *measured, char error[REPORT_ERROR]) {
    char results[PATH_ROOM], data[PATH_ROOM];
    *error = '\0';
    return figures_write(path_of(results, "results", ""), path_of(data, "data", ""), measured,
                         error);
}

static void read_everything(struct measured *measured) {
    char error[REPORT_ERROR];
    put_everything();
    if (write_figures(measured, error) != 0) fail_msg("%s", error);
}

/* To be freed. In one line each where `joined`, so that a sentence can be found. */
static char *terminal_text(const struct measured *measured, bool joined) {
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

static char *html_text(const struct measured *measured) {
    char error[REPORT_ERROR];
    if (page_write(measured, directory, error) != 0) fail_msg("%s", error);
    char *text = text_of("report", "index.html");
    assert_non_null(text);
    return text;
}

static void assert_says(const char *text, const char *words) {
    if (strstr(text, words) == NULL) fail_msg("nowhere: %s\nin: %s", words, text);
}

static void assert_says_not(const char *text, const char *words) {
    const char *found = strstr(text, words);
    if (found != NULL) fail_msg("there is: %.200s", found);
}

static void assert_near(double found, double wanted, double within) {
    if (!(fabs(found - wanted) <= within)) fail_msg("%.9g, wanted %.9g", found, wanted);
}

static double cell(const struct measured *measured, const char *figure, const char *who,
                   const json_t *point, size_t column) {
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(measured->tables, figure), i, row) {
        if (strcmp(json_string_value(json_array_get(row, 0)), who) != 0) continue;
        if (point != NULL && !json_equal(json_array_get(row, 1), point)) continue;
        assert_true(json_is_number(json_array_get(row, column)));
        return json_number_value(json_array_get(row, column));
    }
    fail_msg("%s has no row of %s", figure, who);
    return NAN;
}

static size_t tabs_in(const char *line) {
    size_t tabs = 0;
    for (; *line != '\0' && *line != '\n'; line++) tabs += *line == '\t';
    return tabs;
}

/* ---- figures ---- */

static void assert_table(const char *name) {
    char *text = text_of("data", name);
    assert_non_null(text);
    const size_t columns = tabs_in(text);
    size_t lines = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (tabs_in(line) != columns) fail_msg("%s, line %zu: other columns", name, lines + 1);
        lines++;
    }
    assert_true(lines > 1);
    assert_says_not(text, "nan");
    assert_says_not(text, "inf");
    free(text);
}

static void every_table_has_its_columns_and_only_numbers(void **state) {
    (void)state;
    struct measured measured;
    const char *const names[] = {"rtt.tsv",   "latency.tsv", "phases.tsv",   "placement.tsv",
                                 "codec.tsv", "process.tsv", "variants.tsv", "figures.tsv"};
    read_everything(&measured);
    for (size_t i = 0; i < COUNT_OF(names); i++) assert_table(names[i]);
    char *header = text_of("data", "placement.tsv");
    assert_int_equal(strncmp(header, "variant\tplacement\tlatency_p50_us\tci_low\tci_high\truns\n",
                             strlen("variant\tplacement\tlatency_p50_us\tci_low\tci_high\truns\n")),
                     0);
    free(header);
    measured_free(&measured);
}

/* A table of an older measurement would be drawn as if it were of this one. */
static void what_was_not_measured_leaves_no_table(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR], path[PATH_ROOM];
    put_file("core.json", session_of("same-core", BLOCKS, 1, 0.25));
    FILE *old = fopen(path_of(path, "data", "rtt.tsv"), "we");
    assert_non_null(old);
    assert_int_equal(fclose(old), 0);
    assert_int_equal(write_figures(&measured, error), 0);
    assert_int_equal(access(path, F_OK), -1);
    measured_free(&measured);
}

static void medians_and_their_intervals_are_the_ones_by_hand(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    json_t *here = json_string("same-core");
    /* 40.0 to 40.7: between the fourth and the fifth; 8 values, so from the first to the last. */
    assert_near(cell(&measured, "placement", "tcp-per-message", here, 2), 40.35, 1e-9);
    assert_near(cell(&measured, "placement", "tcp-per-message", here, 3), 40.0, 1e-9);
    assert_near(cell(&measured, "placement", "tcp-per-message", here, 4), 40.7, 1e-9);
    assert_near(cell(&measured, "placement", "tcp-per-message", here, 5), 8, 0);
    json_decref(here);
    measured_free(&measured);
}

static void the_session_with_most_blocks_comes_first_and_one_core_before_two(void **state) {
    (void)state;
    struct measured measured;
    const char *const wanted[] = {"same-core", "cross-core", "awake"};
    read_everything(&measured);
    assert_non_null(strstr(query_text(json_array_get(measured.commands, 0), "file", ""), "core"));
    assert_string_equal(query_text(json_array_get(measured.commands, 0), "placement", ""),
                        "same-core");
    const json_t *rows = json_object_get(measured.tables, "placement");
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_string_equal(json_string_value(json_array_get(json_array_get(rows, i), 1)),
                            wanted[i]);
    }
    measured_free(&measured);
}

static void phases_are_per_message_and_add_up_to_the_cycle(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    assert_near(cell(&measured, "phases", "tcp-per-message", NULL, 1), 15, 1e-9);
    assert_near(cell(&measured, "phases", "tcp-per-message", NULL, 4), 25.35, 1e-9);
    assert_near(cell(&measured, "phases", "tcp-per-message", NULL, 7), 10, 1e-9);
    assert_near(cell(&measured, "phases", "tcp-persistent", NULL, 1), 0, 1e-9);
    measured_free(&measured);
}

static void processes_are_lines_through_n_and_2n_of_each_file(void **state) {
    (void)state;
    struct measured measured;
    const char *const who = "tcp-per-message";
    read_everything(&measured);
    assert_near(cell(&measured, "process", who, NULL, PROCESS_SLOPE_US), 55, 1e-6);
    assert_near(cell(&measured, "process", who, NULL, PROCESS_SLOPE_US + 1), 52, 1e-6);
    assert_near(cell(&measured, "process", who, NULL, PROCESS_SLOPE_US + 2), 58, 1e-6);
    assert_near(cell(&measured, "process", who, NULL, PROCESS_START_MS), 5, 1e-6);
    assert_near(cell(&measured, "process", who, NULL, PROCESS_FILES), 7, 0);
    assert_near(cell(&measured, "process", who, NULL, PROCESS_COMPARE_US), 50.35, 1e-6);
    assert_near(cell(&measured, "process", who, NULL, PROCESS_DIFFERENCE_PERCENT),
                100 * (55 / 50.35 - 1), 1e-6);
    measured_free(&measured);
}

/* The model waits for the delay that was applied, on top of the work on one core. */
static void the_model_is_work_and_round_trips(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    json_t *rtt = json_real(20);
    assert_near(cell(&measured, "rtt", "tcp-per-message", rtt, RTT_APPLIED_MS), 20.2, 1e-9);
    assert_near(cell(&measured, "rtt", "tcp-per-message", rtt, RTT_MODEL_US), 40.35 + 2 * 20200,
                1e-6);
    assert_near(cell(&measured, "rtt", "udp-persistent", rtt, RTT_LATENCY_US), 8.25 + 20200, 1e-6);
    json_decref(rtt);
    measured_free(&measured);
}

/* Fewer than 40 messages have no median; the run has its mean. */
static void a_run_too_short_for_a_median_gives_its_mean(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    json_t *file = rtt_sweep(), *run;
    size_t i;
    json_array_foreach(json_object_get(file, "runs"), i, run) {
        json_t *latency = json_object_get(run, "latency_us");
        json_object_set(latency, "mean", json_object_get(latency, "p50"));
        json_object_set_new(latency, "p50", json_null());
    }
    put_file("rtt.json", file);
    assert_int_equal(write_figures(&measured, error), 0);
    json_t *rtt = json_real(20);
    assert_near(cell(&measured, "rtt", "udp-persistent", rtt, RTT_LATENCY_US), 8.25 + 20200, 1e-6);
    json_decref(rtt);
    measured_free(&measured);
}

/* Sizes at a round-trip time: so many round trips of 20 ms; with loss: half are answered. */
static json_t *size_sweep(double loss_percent) {
    const int sizes[] = {64, 1432, 1433, 15360};
    json_t *runs = json_array();
    for (size_t v = 0; v < COUNT_OF(variants_here); v++) {
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            json_t *run = run_of(v, 0, "same-core", 1);
            const int packets = sizes[i] > 1432 ? 2 : 1;
            const double latency = 20000.0 * (variants_here[v].round_trips + (i == 3 ? 2 : 0));
            json_object_set_new(run, "size_bytes", json_integer(sizes[i]));
            json_object_set_new(run, "rtt_ms", json_real(20));
            json_object_set_new(run, "loss_percent", json_real(loss_percent));
            json_object_set_new(run, "deadline_ms", json_real(300));
            json_object_set_new(run, "mtu_bytes", json_integer(1500));
            json_object_set_new(run, "latency_us", json_pack("{s:n,s:f}", "p50", "mean", latency));
            json_object_set_new(run, "messages",
                                json_pack("{s:i,s:i,s:i}", "sent", 100, "ok", 50, "lost", 50));
            json_object_set_new(run, "per_message", json_pack("{s:f}", "packets", 2.0 * packets));
            json_object_set_new(run, "wire",
                                json_pack("{s:i,s:{s:{s:i}}}", "packets", 220 * packets,
                                          "to_server", packets > 1 ? "fragment" : "request",
                                          "packets", 110 * packets));
            json_array_append_new(runs, run);
        }
    }
    return json_pack("{s:s,s:s,s:s,s:i,s:o,s:o,s:[]}", "schema", "echolab/1", "command", "sweep",
                     "axis", "size", "seed", 9, "environment", environment_of("performance"),
                     "runs", runs, "comparisons");
}

static void sizes_on_a_wire_have_figures_of_their_own(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    put_file("size-rtt.json", size_sweep(0));
    put_file("size-loss.json", size_sweep(1));
    assert_int_equal(write_figures(&measured, error), 0);
    const char *const others[] = {"rtt", "throughput", "latency", "size", "phases", "placement"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        assert_null(json_object_get(measured.tables, others[i]));
    assert_table("size_rtt.tsv");
    assert_table("size_loss.tsv");
    json_t *whole = json_integer(1432), *cut = json_integer(1433), *large = json_integer(15360);
    const char *const tcp = "tcp-per-message", *const udp = "udp-persistent";
    assert_near(cell(&measured, "size_rtt", tcp, large, SIZE_RTT_LATENCY_US), 80000, 1e-6);
    assert_near(cell(&measured, "size_rtt", tcp, large, SIZE_RTT_ROUND_TRIPS), 4, 1e-9);
    assert_near(cell(&measured, "size_rtt", tcp, large, SIZE_RTT_ROUND_TRIPS + 3), 1, 0);
    assert_near(cell(&measured, "size_loss", udp, cut, SIZE_LOSS_ANSWERED), 50, 1e-9);
    assert_near(cell(&measured, "size_loss", udp, cut, SIZE_LOSS_ANSWERED + 1), 40.38, 0.01);
    assert_near(cell(&measured, "size_loss", udp, whole, SIZE_LOSS_FRAGMENTS), 0, 1e-9);
    assert_near(cell(&measured, "size_loss", udp, whole, SIZE_LOSS_PACKETS), 1, 1e-9);
    assert_near(cell(&measured, "size_loss", udp, cut, SIZE_LOSS_FRAGMENTS), 2, 1e-9);
    assert_near(cell(&measured, "size_loss", udp, whole, SIZE_LOSS_PREDICTED), 98.01, 1e-6);
    assert_near(cell(&measured, "size_loss", udp, cut, SIZE_LOSS_PREDICTED), 96.0596, 1e-6);
    assert_near(cell(&measured, "size_loss", udp, cut, SIZE_LOSS_MESSAGES), 100, 0);
    char *text = terminal_text(&measured, true);
    assert_says(text, "tcp-per-message takes 2.00 for 64 bytes and 4.00 for 15,360 bytes (the "
                      "first step, of 2.00, is between 1,433 and 15,360 bytes)");
    assert_says(text, "udp-persistent answers 50.0 % (95 % interval 40.4 to 59.6, predicted 98.0) "
                      "with 1,432 bytes");
    free(text);
    json_decref(whole);
    json_decref(cut);
    json_decref(large);
    measured_free(&measured);
}

static void what_waits_is_timed_by_the_clock_and_not_by_its_own_cpu_time(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    json_t *wakeups = figure_benchmarks(&measured, "wakeup/");
    assert_int_equal(json_array_size(wakeups), 2);
    const json_t *first = json_array_get(wakeups, 0);
    assert_string_equal(json_string_value(json_array_get(first, 0)), "same-core");
    assert_near(json_number_value(json_array_get(first, 2)), 2000, 1e-9);
    json_t *bytes = json_integer(64);
    assert_near(cell(&measured, "codec", "encode", bytes, 2), 10, 1e-9);
    assert_int_equal(json_array_size(json_object_get(measured.tables, "codec")), 1);
    json_decref(bytes);
    json_decref(wakeups);
    measured_free(&measured);
}

/* ---- the page ---- */

static void sentences_have_the_numbers_of_the_data(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    char *text = terminal_text(&measured, true);
    const char *const sentences[] = {
        "adds 1.000 round trips (2.004, 95 % interval 2.001 to 2.007, 24 runs, instead of 1.004, "
        "95 % interval 1.001 to 1.007, 24 runs; by the model 1)",
        "8 packets (10 instead of 2, counted in ",
        "40.0 us of work on one core (95 % interval 38.0 to 42.0, 8 blocks), 4.00 times the time",
        "takes 0.250 times (95 % interval 0.200 to 0.312, 8 blocks) as long as one by "
        "tcp-per-message, 40.0 us (38.0 to 42.0) less: faster.",
        "4.00 times (95 % interval 3.20 to 5.00, 8 blocks) as long as a kept one on the same core, "
        "and 0.800 times (95 % interval 0.640 to 1.000, 6 blocks) across two cores.",
        "28,232 ports / 60 s = 470 fresh connections a second",
        "1 of 2 failed",
        "tcp-per-message 55.0 us (52.0 to 58.0) and 5.00 ms (5.00 to 5.00) in 7 rounds",
        "tcp-per-message takes 50.4 us, of which 50 % are spent on connecting, 15.0 us",
        "This is a virtual machine",
    };
    for (size_t i = 0; i < COUNT_OF(sentences); i++) assert_says(text, sentences[i]);
    free(text);
    measured_free(&measured);
}

static void nothing_is_said_to_be_inverted_that_is_not_decided(void **state) {
    (void)state;
    static const struct {
        double ratio; /* of kept over fresh, across cores; on one core it is 0.25 */
        const char *words;
    } cases[] = {{2, "The order is inverted."},
                 {1.1, "is faster across cores is not decided."},
                 {0.6, "The order stays, and the ratio shrinks."},
                 {0.25, "The order stays."}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct measured measured;
        char error[REPORT_ERROR];
        put_file("core.json", session_of("same-core", BLOCKS, 1, 0.25));
        put_file("cross-core.json", session_of("cross-core", FEWER_BLOCKS, 1, cases[i].ratio));
        assert_int_equal(write_figures(&measured, error), 0);
        char *text = terminal_text(&measured, true);
        assert_says(text, cases[i].words);
        free(text);
        measured_free(&measured);
    }
}

static void situations_have_measured_beside_predicted(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    char *html = html_text(&measured);
    assert_says(html, "40.3 us (40.0 us to 40.7 us, 8 runs)");
    /* 40.25 us and 2 x 20.2 ms measured; 40.35 us and 2 x 20 ms predicted */
    assert_says(html, "40.4 ms (40.4 ms to 40.4 ms, 6 runs) / 40.0 ms");
    assert_says(html, "by model, not measured");
    free(html);
    measured_free(&measured);
}

static void controls_are_a_line_each(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    char *html = html_text(&measured);
    assert_says(html, "<td>known delay</td><td class=\"number\">5 us</td><td class=\"number\">5.04 "
                      "us</td><td>pass</td>");
    assert_says(html, "known delay (negative control)</td><td class=\"number\">0 us</td><td "
                      "class=\"number\">4.99 us</td><td>FAIL</td>");
    free(html);
    measured_free(&measured);
}

static void a_check_with_empty_lists_is_taken_too(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    json_t *file = check_file();
    json_object_set_new(file, "runs", json_array());
    json_object_set_new(file, "comparisons", json_array());
    put_file("check.json", file);
    if (write_figures(&measured, error) != 0) fail_msg("%s", error);
    assert_int_equal(json_array_size(measured.checks), 2);
    measured_free(&measured);
}

static void another_environment_is_named_and_load_is_not(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    char *html = html_text(&measured);
    const char *differs = strstr(html, "not measured in the same") != NULL
                              ? strstr(html, "not measured in the same")
                              : strstr(html, "in the same surroundings");
    assert_non_null(differs);
    const char *end = strstr(differs, "</table>");
    assert_non_null(end);
    char *part = strndup(differs, (size_t)(end - differs));
    assert_says(part, "governor");
    assert_says(part, "performance; powersave");
    assert_says_not(part, "load");
    free(part);
    assert_says(html, "<td>haltpoll.ns</td>");
    assert_says(html, "<td>later</td>"); /* the load after the runs */
    free(html);
    measured_free(&measured);
}

static void invalid_runs_are_listed_with_their_reason(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    json_t *file = session_of("same-core", BLOCKS, 1, 0.25);
    json_t *run = json_array_get(json_object_get(file, "runs"), 0);
    json_object_set_new(run, "valid", json_false());
    json_object_set_new(run, "invalid_because", json_pack("[s,s]", "12 <late>", "2 lost"));
    put_file("core.json", file);
    assert_int_equal(write_figures(&measured, error), 0);
    char *html = html_text(&measured);
    assert_says(html, "Of 24 runs 1 are not valid");
    assert_says(html, "12 &lt;late&gt;; 2 lost");
    free(html);
    measured_free(&measured);
}

static void names_are_escaped_in_html(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    json_t *file = session_of("same-core", BLOCKS, 1, 0.25), *run;
    size_t i;
    json_array_foreach(json_object_get(file, "runs"), i, run) {
        json_object_set_new(run, "variant", json_string("<script>\"&"));
    }
    json_object_set_new(json_object_get(file, "environment"), "<i>", json_string("a\tb <b>"));
    put_file("core.json", file);
    assert_int_equal(write_figures(&measured, error), 0);
    assert_table("phases.tsv");
    char *html = html_text(&measured);
    assert_says_not(html, "<script>");
    assert_says_not(html, "<i>");
    assert_says_not(html, "<b>");
    assert_says(html, "&lt;script&gt;&quot;&amp;");
    free(html);
    measured_free(&measured);
}

static void text_is_within_80_columns(void **state) {
    (void)state;
    struct measured measured;
    read_everything(&measured);
    char *text = terminal_text(&measured, false);
    for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strcspn(line, "\n") >= 80) fail_msg("too long: %.100s", line);
    assert_says_not(text, "`");
    free(text);
    measured_free(&measured);
}

static void missing_parts_are_named_with_their_command(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR], command[PATH_ROOM];
    put_file("core.json", session_of("same-core", BLOCKS, 1, 0.25));
    assert_int_equal(write_figures(&measured, error), 0);
    char *html = html_text(&measured);
    const char *const commands[] = {"echolab sweep rtt --json %s/results/rtt.json",
                                    "echolab sweep size --json %s/results/size.json",
                                    "--blocks 3 --json %s/results/size-rtt.json",
                                    "--blocks 3 --json %s/results/size-loss.json",
                                    "echolab check --json %s/results/check.json"};
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        const int before = (int)(strstr(commands[i], "%s") - commands[i]);
        (void)snprintf(command, sizeof command, "%.*s%s%s", before, commands[i], directory,
                       commands[i] + before + 2);
        assert_says(html, command);
    }
    assert_says(html, "What a wake-up costs");
    assert_says(html, "1 round trip (by the model, not measured)");
    assert_says_not(html, "nan");
    free(html);
    measured_free(&measured);
}

/* A block that has nothing to be compared with, or nothing at all. */
static void few_data_are_told_without_an_interval(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    put_file("core.json", session_of("same-core", 1, 1, 0.25));
    assert_int_equal(write_figures(&measured, error), 0);
    char *text = terminal_text(&measured, true);
    assert_says(text, "0.250 times (1 block, too few for an interval)");
    assert_says_not(text, "nan");
    assert_says_not(text, "(0.200 to");
    free(text);
    measured_free(&measured);
}

/* ---- files that are not right ---- */

static void a_bad_file_is_named_with_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *text, *says[2];
    } cases[] = {
        {"{\n\"schema\": \"echolab/1\",\n}", {"spoiled.json, line 3", ""}},
        {"{\"a\": 1, \"a\": 2}", {"spoiled.json, line 1", "duplicate"}},
        {"[]", {"spoiled.json", "is no result file"}},
        {"{\"schema\": \"echolab/1\"}", {"spoiled.json", "\"runs\" nor \"checks\""}},
        {"{\"schema\": \"echolab/1\", \"runs\": 3}", {"spoiled.json", "not a list"}},
        {"{\"schema\": \"echolab/1\", \"runs\": [{}]}", {"spoiled.json", "runs[0]"}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct measured measured;
        char error[REPORT_ERROR];
        put_file("core.json", session_of("same-core", BLOCKS, 1, 0.25));
        put_text("spoiled.json", cases[i].text);
        assert_true(write_figures(&measured, error) < 0);
        assert_says(error, cases[i].says[0]);
        assert_says(error, cases[i].says[1]);
    }
}

static void an_empty_folder_says_what_fills_it(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    assert_true(write_figures(&measured, error) < 0);
    assert_says(error, "make bench");
}

/* ---- words ---- */

static void numbers_are_short_and_never_cut(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *number, *ratio, *time;
    } cases[] = {
        {0.00412, "0.00412", "0.00412", "0.00412 us"},
        {4.214, "4.21", "4.21", "4.21 us"},
        {1.0042, "1.00", "1.004", "1.00 us"},
        {268423, "268,000", ">1,000", "268 ms"},
        {0, "0", "<0.001", "0 us"},
        {1.5e6, "1,500,000", ">1,000", "1.50 s"},
        {3e118, "3e+118", ">1,000", "3e+112 s"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_string_equal(words_number(cases[i].value).text, cases[i].number);
        assert_string_equal(words_ratio(cases[i].value).text, cases[i].ratio);
        assert_string_equal(words_time(cases[i].value).text, cases[i].time);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, start_empty)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_table_has_its_columns_and_only_numbers),
        TEST(what_was_not_measured_leaves_no_table),
        TEST(medians_and_their_intervals_are_the_ones_by_hand),
        TEST(the_session_with_most_blocks_comes_first_and_one_core_before_two),
        TEST(phases_are_per_message_and_add_up_to_the_cycle),
        TEST(processes_are_lines_through_n_and_2n_of_each_file),
        TEST(the_model_is_work_and_round_trips),
        TEST(a_run_too_short_for_a_median_gives_its_mean),
        TEST(sizes_on_a_wire_have_figures_of_their_own),
        TEST(what_waits_is_timed_by_the_clock_and_not_by_its_own_cpu_time),
        TEST(sentences_have_the_numbers_of_the_data),
        TEST(nothing_is_said_to_be_inverted_that_is_not_decided),
        TEST(situations_have_measured_beside_predicted),
        TEST(controls_are_a_line_each),
        TEST(a_check_with_empty_lists_is_taken_too),
        TEST(another_environment_is_named_and_load_is_not),
        TEST(invalid_runs_are_listed_with_their_reason),
        TEST(names_are_escaped_in_html),
        TEST(text_is_within_80_columns),
        TEST(missing_parts_are_named_with_their_command),
        TEST(few_data_are_told_without_an_interval),
        TEST(a_bad_file_is_named_with_what_is_wrong),
        TEST(an_empty_folder_says_what_fills_it),
        TEST(numbers_are_short_and_never_cut),
    };
    return cmocka_run_group_tests_name("report", tests, make_directory, remove_directory);
}
