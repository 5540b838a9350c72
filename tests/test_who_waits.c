/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who waits for a lost packet: the arithmetic on series made here, figure and
 * page of a result file made here, and one real loss under traffic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/judge/head_of_line.h"
#include "bench/judge/query.h"
#include "bench/report/figures.h"
#include "bench/report/page.h"
#include "tests/support.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 512, MESSAGES = 100, LOST_AT = 50, BEHIND = 20 };

static char directory[] = "/tmp/echolab-who-waits.XXXXXX";

/* ---- runs made here ---- */

/* A message each ms, answered after 20 ms. */
static json_t *quiet_run(void) {
    json_t *series = json_array();
    for (int i = 0; i < MESSAGES; i++) {
        json_array_append_new(series, json_pack("[f,f]", 1000.0 * i, 20000.0));
    }
    return json_pack("{s:{s:o},s:{s:i}}", "open_loop", "series_us", series, "wire", "dropped", 1);
}

static void set_latency(json_t *run, int message, double ms) {
    json_t *series = json_object_get(json_object_get(run, "open_loop"), "series_us");
    json_array_set_new(json_array_get(series, (size_t)message), 1,
                       isnan(ms) ? json_null() : json_real(1000 * ms));
}

/* All behind the lost one are answered with it, which takes two round trips and 3 ms. */
static json_t *saw_tooth(void) {
    json_t *run = quiet_run();
    for (int i = 0; i <= BEHIND; i++) set_latency(run, LOST_AT + i, 43 - i);
    return run;
}

static struct who_waits sum_of(json_t *run, bool single) {
    struct who_waits_limits limits = who_waits_limits(20);
    struct who_waits sum = {0};
    limits.single = single;
    who_waits_add(&sum, run, &limits);
    json_decref(run);
    return sum;
}

static void assert_near(double found, double wanted) {
    if (!(fabs(found - wanted) <= 1e-6)) fail_msg("%.9g, wanted %.9g", found, wanted);
}

/* ---- arithmetic ---- */

static void limits_go_by_the_round_trip(void **state) {
    (void)state;
    assert_near(who_waits_limits(20).slack_ms, 5);
    assert_near(who_waits_limits(2).slack_ms, 5);
    assert_near(who_waits_limits(200).slack_ms, 50);
    assert_near(who_waits_limits(20).within_ms, 60);
}

static void who_was_sent_behind_the_lost_one_is_late(void **state) {
    (void)state;
    const struct who_waits sum = sum_of(saw_tooth(), true);
    assert_near(sum.sent, MESSAGES);
    assert_near(sum.answered, MESSAGES);
    assert_near(sum.unanswered, 0);
    assert_near(sum.packets_lost, 1);
    assert_near(sum.usual_ms, 20);
    assert_near(sum.delayed, 18); /* 43, 42 ... 26: more than 25 */
    assert_near(sum.worst_ms, 23);
    assert_near(sum.in_time, MESSAGES); /* within 60 ms */
}

static void a_lost_message_is_not_late(void **state) {
    (void)state;
    json_t *run = quiet_run();
    set_latency(run, LOST_AT, NAN);
    const struct who_waits sum = sum_of(run, true);
    assert_near(sum.answered, MESSAGES - 1);
    assert_near(sum.unanswered, 1);
    assert_near(sum.delayed, 0);
    assert_near(sum.worst_ms, 0);
    assert_near(sum.in_time, MESSAGES - 1);
}

static void what_was_due_at_another_time_did_not_wait_for_it(void **state) {
    (void)state;
    for (int single = 0; single <= 1; single++) {
        json_t *run = saw_tooth();
        set_latency(run, LOST_AT - 1, 30);  /* before it */
        set_latency(run, LOST_AT + 44, 30); /* after its answer, 43 ms later */
        assert_near(sum_of(run, single == 1).delayed, single == 1 ? 18 : 20);
    }
}

static void late_is_by_the_usual_of_a_quiet_run(void **state) {
    (void)state;
    struct who_waits_limits limits = who_waits_limits(20);
    json_t *quiet = quiet_run(), *slow = quiet_run();
    struct who_waits sum = {0};
    for (int i = 0; i < MESSAGES; i++) set_latency(slow, i, 100);
    limits.usual_ms = who_waits_median_ms(quiet);
    who_waits_add(&sum, slow, &limits);
    assert_near(sum.delayed, MESSAGES);
    assert_near(sum.worst_ms, 80);
    json_decref(quiet);
    json_decref(slow);
}

static void runs_add_up(void **state) {
    (void)state;
    struct who_waits_limits limits = who_waits_limits(20);
    struct who_waits sum = {0};
    json_t *run = saw_tooth();
    for (int i = 0; i < 3; i++) who_waits_add(&sum, run, &limits);
    json_decref(run);
    assert_int_equal(sum.runs, 3);
    assert_near(sum.sent, 3 * MESSAGES);
    assert_near(sum.delayed, 3 * 18);
    assert_near(sum.packets_lost, 3);
    assert_near(sum.usual_ms, 20);
}

static void an_empty_run_has_no_share(void **state) {
    (void)state;
    json_t *run = json_pack("{}");
    assert_true(isnan(who_waits_median_ms(run)));
    const struct who_waits sum = sum_of(run, true);
    assert_near(sum.sent, 0);
    assert_true(isnan(who_waits_share(&sum, 0.95).value));
}

/* Clopper and Pearson: all of n, so low is (0.025)^(1/n); and 5 of 10 from the tables. */
static void the_interval_is_exact(void **state) {
    (void)state;
    const struct who_waits all = {.sent = 100, .in_time = 100};
    assert_near(who_waits_share(&all, 0.95).low, pow(0.025, 0.01));
    assert_near(who_waits_share(&all, 0.95).high, 1);
    const struct who_waits none = {.sent = 100, .miss_pairs = 100};
    assert_near(who_waits_share(&none, 0.95).low, 0);
    assert_near(who_waits_share(&none, 0.95).high, 1 - pow(0.025, 0.01));
    const struct who_waits half = {.sent = 10, .in_time = 5, .miss_pairs = 5};
    assert_true(fabs(who_waits_share(&half, 0.95).low - 0.1871) < 1e-4);
    assert_true(fabs(who_waits_share(&half, 0.95).high - 0.8129) < 1e-4);
}

/* Ten that wait for one packet say less than ten that each lost one. */
static void misses_in_a_row_count_as_one(void **state) {
    (void)state;
    json_t *row = quiet_run(), *apart = quiet_run();
    for (int i = 0; i < 10; i++) {
        set_latency(row, LOST_AT + i, 100);
        set_latency(apart, 10 * i, 100);
    }
    const struct who_waits together = sum_of(row, false), single = sum_of(apart, false);
    assert_near(together.miss_pairs, 100);
    assert_near(single.miss_pairs, 10);
    const struct interval wide = who_waits_share(&together, 0.95),
                          narrow = who_waits_share(&single, 0.95);
    assert_near(wide.value, narrow.value);
    assert_true(wide.low < narrow.low && wide.high > narrow.high);
}

static void the_series_is_around_the_lost_message(void **state) {
    (void)state;
    json_t *run = quiet_run();
    set_latency(run, LOST_AT, NAN);
    set_latency(run, 10, 90); /* slower than all others, but answered */
    json_t *near = who_waits_near(run, 20, 30);
    assert_int_equal(json_array_size(near), 51);
    assert_near(json_number_value(json_array_get(json_array_get(near, 0), 0)), -20);
    const json_t *lost = json_array_get(near, 20);
    assert_near(json_number_value(json_array_get(lost, 0)), 0);
    assert_true(json_is_null(json_array_get(lost, 1)));
    assert_near(json_number_value(json_array_get(json_array_get(near, 50), 1)), 20);
    json_decref(near);
    json_decref(run);
}

/* ---- figure and page ---- */

static json_t *entry_of(const char *variant, double rate, double loss, double delayed,
                        double unanswered, json_t *series) {
    return json_pack("{s:s,s:f,s:f,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:o}", "variant",
                     variant, "rate_per_s", rate, "loss_percent", loss, "runs", 1, "delayed",
                     delayed, "unanswered", unanswered, "worst_ms", 23.0, "median_ms", 20.0,
                     "delayed_beyond_ms", 25.0, "within_ms", 60.0, "within_share", 0.987, "ci_low",
                     0.981, "ci_high", 0.992, "rtt_ms", 20.0, "deadline_ms", 2000.0, "series_ms",
                     series == NULL ? json_null() : series);
}

static json_t *result_file(void) {
    json_t *kept = saw_tooth(), *datagrams = quiet_run(), *list = json_array();
    set_latency(datagrams, LOST_AT, NAN);
    json_array_append_new(list, entry_of("tcp-persistent", 20, 0, 2, 0, NULL));
    json_array_append_new(list,
                          entry_of("tcp-persistent", 1000, 0, 18, 0, who_waits_near(kept, 20, 40)));
    json_array_append_new(
        list, entry_of("udp-persistent", 1000, 0, 0, 1, who_waits_near(datagrams, 20, 40)));
    json_array_append_new(list, entry_of("udp-persistent", 1000, 5, 0, 13, NULL));
    json_decref(kept);
    json_decref(datagrams);
    return json_pack("{s:s,s:s,s:s,s:i,s:{},s:[],s:[],s:o}", "schema", "echolab/1", "command",
                     "sweep", "axis", "loss", "seed", 1, "environment", "runs", "comparisons",
                     "who_waits", list);
}

static char *path_of(char *path, const char *name) {
    (void)snprintf(path, PATH_ROOM, "%s/%s", directory, name);
    return path;
}

/* To be freed. */
static char *text_of(const char *name) {
    char path[PATH_ROOM], *text = NULL;
    size_t room = 0;
    FILE *in = fopen(path_of(path, name), "re");
    assert_non_null(in);
    assert_true(getdelim(&text, &room, '\0', in) > 0);
    (void)fclose(in);
    return text;
}

static void assert_says(const char *text, const char *words) {
    if (strstr(text, words) == NULL) fail_msg("nowhere: %s\nin: %s", words, text);
}

static void read_results(struct measured *measured, json_t *file) {
    char path[PATH_ROOM], data[PATH_ROOM], error[REPORT_ERROR];
    assert_int_equal(json_dump_file(file, path_of(path, "results/who-waits.json"), 0), 0);
    json_decref(file);
    if (figures_write(path_of(path, "results"), path_of(data, "data"), measured, error) != 0) {
        fail_msg("%s", error);
    }
}

static void each_message_is_a_point_of_the_figure(void **state) {
    (void)state;
    struct measured measured;
    read_results(&measured, result_file());
    char *text = text_of("data/who_waits.tsv");
    assert_says(text, "variant\tdue_ms\tlatency_ms\tshown_ms\tlabel\tpanel\ttop_ms\n");
    assert_says(text, "tcp-persistent\t0\t43\t43\t43 ms\ttcp-persistent: 18 late\t60\n");
    assert_says(text, "tcp-persistent\t1\t42\t42\t-\ttcp-persistent: 18 late\t60\n");
    assert_says(text, "udp-persistent\t0\t-\t60\tnever answered\t"
                      "udp-persistent: 1 never answered, 0 late\t60\n");
    free(text);
    text = text_of("data/figures.tsv");
    assert_says(text, "1,000 messages/s, a round-trip time of 20 ms");
    free(text);
    measured_free(&measured);
}

static void the_page_says_who_waits(void **state) {
    (void)state;
    struct measured measured;
    char error[REPORT_ERROR];
    read_results(&measured, result_file());
    assert_int_equal(page_write(&measured, directory, error), 0);
    char *text = text_of("report/index.html");
    assert_says(text, "who_waits.svg");
    assert_says(text, "<code>tcp-persistent</code>: 18 late, the worst by 23 ms");
    assert_says(text, "<code>udp-persistent</code>: 1 never answered, none late");
    assert_says(text, "2 late, the worst by 23 ms at 20/s; 18 late, the worst by 23 ms at 1,000/s");
    assert_says(text, "head-of-line blocking");
    assert_says(text, "98.7 % (98.1 to 99.2)");
    assert_says(text, "echolab sweep loss --rate --blocks 1 --json");
    free(text);
    measured_free(&measured);
}

static void what_was_not_measured_is_named_with_its_command(void **state) {
    (void)state;
    struct measured measured;
    char *text = NULL, path[PATH_ROOM];
    size_t length = 0;
    json_t *file = result_file();
    json_array_clear(json_object_get(file, "who_waits"));
    read_results(&measured, file);
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    page_print(&measured, directory, out);
    (void)fclose(out);
    const char *not_run = strstr(text, "Not run\n");
    const char *found = strstr(text, "who waits?");
    assert_non_null(not_run);
    assert_true(found > not_run); /* nowhere before */
    free(text);
    measured_free(&measured);
    assert_int_equal(access(path_of(path, "data/who_waits.tsv"), F_OK), -1);
}

/* ---- the command ---- */

static const json_t *row_of(const json_t *file, const char *variant, const char *situation) {
    size_t i;
    json_t *row;
    json_array_foreach(query_field(file, "who_waits"), i, row) {
        if (strcmp(query_text(row, "variant", ""), variant) == 0 &&
            strcmp(query_text(row, "situation", ""), situation) == 0)
            return row;
    }
    return NULL;
}

/* A long round trip, beside which a busy machine is prompt. */
static void tcp_waits_for_the_lost_request_and_udp_does_not(void **state) {
    (void)state;
    struct ran ran;
    char path[PATH_ROOM];
    echolab_run(&ran,
                "sweep loss --rate 100 tcp-persistent udp-persistent --loss 20%% --rtt 200ms "
                "--deadline 1s --blocks 1 --json %s/who-waits.json",
                directory);
    if (strstr(ran.err, "private network") != NULL) {
        (void)fprintf(stderr, "skipped: %s", ran.err);
        skip();
    }
    if (ran.status != 4) assert_int_equal(ran.status, 0);
    json_t *file = json_load_file(path_of(path, "who-waits.json"), 0, NULL);
    assert_non_null(file);
    (void)unlink(path);
    const json_t *stream = row_of(file, "tcp-persistent", "one request"),
                 *datagrams = row_of(file, "udp-persistent", "one request");
    if (stream == NULL || datagrams == NULL) {
        (void)fprintf(stderr, "skipped: too busy here: %s", ran.err);
        json_decref(file);
        skip();
    }
    assert_near(query_number(stream, "packets_lost"), 1);
    assert_near(query_number(stream, "unanswered"), 0);
    assert_true(query_number(stream, "delayed") >= 2);
    assert_near(query_number(datagrams, "packets_lost"), 1);
    assert_near(query_number(datagrams, "unanswered"), 1);
    assert_near(query_number(datagrams, "delayed"), 0);
    assert_true(json_array_size(query_field(stream, "series_ms")) > 2);
    assert_true(json_array_size(query_field(file, "runs")) >= 2);
    assert_true(json_is_null(
        query_field(json_array_get(query_field(file, "runs"), 0), "open_loop.series_us")));
    json_decref(file);
}

static void wrong_usage_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "sweep loss --rate 0",
        "sweep loss --rate 20,many",
        "sweep loss --rate=-1",
        "sweep loss --rate 200000",
        "sweep loss --rate --packet",
        "sweep loss --rate 20 --messages 10",
        "sweep loss",
    };
    struct ran ran;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        echolab_run(&ran, "%s", wrong[i]);
        if (ran.status != 64) fail_msg("%s: status %d", wrong[i], ran.status);
    }
}

static void a_file_that_cannot_be_written_is_told_first(void **state) {
    (void)state;
    struct ran ran;
    echolab_run(&ran, "sweep loss --rate 20 --json /nowhere/who-waits.json");
    assert_int_equal(ran.status, 1);
    assert_says(ran.err, "cannot write /nowhere/who-waits.json");
    assert_string_equal(ran.out, "");
}

/* ---- */

static const char *const folders[] = {"results", "data", "report"};

static int make_directory(void **state) {
    (void)state;
    char path[PATH_ROOM];
    if (mkdtemp(directory) == NULL) return -1;
    for (size_t i = 0; i < 3; i++) (void)mkdir(path_of(path, folders[i]), 0777);
    return 0;
}

static void empty_folder(const char *folder) {
    char path[PATH_ROOM], file[2 * PATH_ROOM];
    DIR *all = opendir(path_of(path, folder));
    if (all == NULL) return;
    for (const struct dirent *one = readdir(all); one != NULL; one = readdir(all)) {
        (void)snprintf(file, sizeof file, "%s/%s", path, one->d_name);
        (void)unlink(file); /* not . and .., which stay */
    }
    (void)closedir(all);
    (void)rmdir(path);
}

static int remove_directory(void **state) {
    (void)state;
    for (size_t i = 0; i < 3; i++) empty_folder(folders[i]);
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_go_by_the_round_trip),
        cmocka_unit_test(who_was_sent_behind_the_lost_one_is_late),
        cmocka_unit_test(a_lost_message_is_not_late),
        cmocka_unit_test(what_was_due_at_another_time_did_not_wait_for_it),
        cmocka_unit_test(late_is_by_the_usual_of_a_quiet_run),
        cmocka_unit_test(runs_add_up),
        cmocka_unit_test(an_empty_run_has_no_share),
        cmocka_unit_test(the_interval_is_exact),
        cmocka_unit_test(misses_in_a_row_count_as_one),
        cmocka_unit_test(the_series_is_around_the_lost_message),
        cmocka_unit_test(each_message_is_a_point_of_the_figure),
        cmocka_unit_test(the_page_says_who_waits),
        cmocka_unit_test(what_was_not_measured_is_named_with_its_command),
        cmocka_unit_test(tcp_waits_for_the_lost_request_and_udp_does_not),
        cmocka_unit_test(wrong_usage_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_written_is_told_first),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
