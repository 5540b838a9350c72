/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Head-of-line blocking: the arithmetic on series made here, what is told of
 * findings made here, and one real loss under traffic.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/all.h"
#include "bench/judge/head_of_line.h"
#include "tests/made.h"
#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 512, MESSAGES = 100, LOST_AT = 50, BEHIND = 20 };

static char directory[] = "/tmp/echolab-head-of-line.XXXXXX";

/* ---- runs made here ---- */

/* A message each ms, answered after 20 ms; one packet is lost. For run_free. */
static struct run *quiet_run(void) {
    struct run *run = run_new();
    assert_non_null(run);
    run->series = calloc(MESSAGES, sizeof *run->series);
    assert_non_null(run->series);
    run->series_count = MESSAGES;
    for (uint64_t i = 0; i < MESSAGES; i++) {
        run->series[i] = (struct load_point){.due_ns = i * 1000000, .latency_ns = 20000000};
    }
    run->wire.all.dropped = 1;
    return run;
}

/* NAN: never answered. */
static void set_latency(struct run *run, int message, double ms) {
    run->series[message].latency_ns = isnan(ms) ? UINT64_MAX : (uint64_t)(1e6 * ms);
}

/* All behind the lost one are answered with it, which takes two round trips and 3 ms. */
static struct run *saw_tooth(void) {
    struct run *run = quiet_run();
    for (int i = 0; i <= BEHIND; i++) set_latency(run, LOST_AT + i, 43 - i);
    return run;
}

/* Frees the run. */
static struct head_of_line sum_of(struct run *run, bool single) {
    struct head_of_line_limits limits = head_of_line_limits(20);
    struct head_of_line sum = {0};
    limits.single = single;
    head_of_line_add(&sum, run, &limits);
    run_free(run);
    return sum;
}

static void assert_is(double found, double wanted) {
    assert_near(found, wanted, 1e-6);
}

/* ---- arithmetic ---- */

static void limits_go_by_the_round_trip(void **state) {
    (void)state;
    assert_is(head_of_line_limits(20).slack_ms, 5);
    assert_is(head_of_line_limits(2).slack_ms, 5);
    assert_is(head_of_line_limits(200).slack_ms, 50);
    assert_is(head_of_line_limits(20).within_ms, 60);
}

static void who_was_sent_behind_the_lost_one_is_late(void **state) {
    (void)state;
    const struct head_of_line sum = sum_of(saw_tooth(), true);
    assert_is(sum.sent, MESSAGES);
    assert_is(sum.answered, MESSAGES);
    assert_is(sum.unanswered, 0);
    assert_is(sum.packets_lost, 1);
    assert_is(sum.usual_ms, 20);
    assert_is(sum.delayed, 18); /* 43, 42 ... 26: more than 25 */
    assert_is(sum.worst_ms, 23);
    assert_is(sum.in_time, MESSAGES); /* within 60 ms */
}

static void a_lost_message_is_not_late(void **state) {
    (void)state;
    struct run *run = quiet_run();
    set_latency(run, LOST_AT, NAN);
    const struct head_of_line sum = sum_of(run, true);
    assert_is(sum.answered, MESSAGES - 1);
    assert_is(sum.unanswered, 1);
    assert_is(sum.delayed, 0);
    assert_is(sum.worst_ms, 0);
    assert_is(sum.in_time, MESSAGES - 1);
}

static void what_was_due_at_another_time_did_not_wait_for_it(void **state) {
    (void)state;
    for (int single = 0; single <= 1; single++) {
        struct run *run = saw_tooth();
        set_latency(run, LOST_AT - 1, 30);  /* before it */
        set_latency(run, LOST_AT + 44, 30); /* after its answer, 43 ms later */
        assert_is(sum_of(run, single == 1).delayed, single == 1 ? 18 : 20);
    }
}

static void late_is_by_the_usual_of_a_quiet_run(void **state) {
    (void)state;
    struct head_of_line_limits limits = head_of_line_limits(20);
    struct run *quiet = quiet_run(), *slow = quiet_run();
    struct head_of_line sum = {0};
    for (int i = 0; i < MESSAGES; i++) set_latency(slow, i, 100);
    limits.usual_ms = head_of_line_median_ms(quiet);
    head_of_line_add(&sum, slow, &limits);
    assert_is(sum.delayed, MESSAGES);
    assert_is(sum.worst_ms, 80);
    run_free(quiet);
    run_free(slow);
}

static void runs_add_up(void **state) {
    (void)state;
    struct head_of_line_limits limits = head_of_line_limits(20);
    struct head_of_line sum = {0};
    struct run *run = saw_tooth();
    for (int i = 0; i < 3; i++) head_of_line_add(&sum, run, &limits);
    run_free(run);
    assert_int_equal(sum.runs, 3);
    assert_is(sum.sent, 3 * MESSAGES);
    assert_is(sum.delayed, 3 * 18);
    assert_is(sum.packets_lost, 3);
    assert_is(sum.usual_ms, 20);
}

static void an_empty_run_has_no_share(void **state) {
    (void)state;
    struct run *run = run_new();
    assert_true(isnan(head_of_line_median_ms(run)));
    const struct head_of_line sum = sum_of(run, true);
    assert_is(sum.sent, 0);
    assert_true(isnan(head_of_line_share(&sum, 0.95).value));
}

/* Clopper and Pearson: all of n, so low is (0.025)^(1/n); and 5 of 10 from the tables. */
static void the_interval_is_exact(void **state) {
    (void)state;
    const struct head_of_line all = {.sent = 100, .in_time = 100};
    assert_is(head_of_line_share(&all, 0.95).low, pow(0.025, 0.01));
    assert_is(head_of_line_share(&all, 0.95).high, 1);
    const struct head_of_line none = {.sent = 100, .miss_pairs = 100};
    assert_is(head_of_line_share(&none, 0.95).low, 0);
    assert_is(head_of_line_share(&none, 0.95).high, 1 - pow(0.025, 0.01));
    const struct head_of_line half = {.sent = 10, .in_time = 5, .miss_pairs = 5};
    assert_true(fabs(head_of_line_share(&half, 0.95).low - 0.1871) < 1e-4);
    assert_true(fabs(head_of_line_share(&half, 0.95).high - 0.8129) < 1e-4);
}

/* Ten that wait for one packet say less than ten that each lost one. */
static void misses_in_a_row_count_as_one(void **state) {
    (void)state;
    struct run *row = quiet_run(), *apart = quiet_run();
    for (int i = 0; i < 10; i++) {
        set_latency(row, LOST_AT + i, 100);
        set_latency(apart, 10 * i, 100);
    }
    const struct head_of_line together = sum_of(row, false), single = sum_of(apart, false);
    assert_is(together.miss_pairs, 100);
    assert_is(single.miss_pairs, 10);
    const struct interval wide = head_of_line_share(&together, 0.95),
                          narrow = head_of_line_share(&single, 0.95);
    assert_is(wide.value, narrow.value);
    assert_true(wide.low < narrow.low && wide.high > narrow.high);
}

static void the_series_is_around_the_lost_message(void **state) {
    (void)state;
    struct run *run = quiet_run();
    size_t count;
    set_latency(run, LOST_AT, NAN);
    set_latency(run, 10, 90); /* slower than all others, but answered */
    struct near_loss *near = head_of_line_near(run, 20, 30, &count);
    assert_int_equal(count, 51);
    assert_is(near[0].due_ms, -20);
    assert_is(near[20].due_ms, 0);
    assert_true(isnan(near[20].latency_ms));
    assert_is(near[50].latency_ms, 20);
    free(near);
    run->series_count = 0;
    assert_null(head_of_line_near(run, 20, 30, &count));
    assert_int_equal(count, 0);
    run_free(run);
}

struct lateness {
    unsigned prompt, late; /* requests */
    uint64_t late_ns, most_ns;
    unsigned lost, fast, slow; /* messages: never answered, in 1 ms and in 300 ms */
    const char *told;          /* at which percentile, or NULL */
};

/* Quantile by quantile, against the latency there or what was allowed; 40 beyond it. */
static void a_late_generator_keeps_no_schedule(void **state) {
    (void)state;
    const uint64_t ms = 1000000;
    static const struct lateness cases[] = {
        {4001, 39, 20000000, 5000000, 0, 4040, 0, NULL},   /* too few for a p99 */
        {3900, 100, 20000000, 5000000, 0, 4000, 0, "p99"}, /* more than were allowed */
        {3900, 100, 20000000, 0, 0, 4000, 0, "p99"},       /* 20 ms of 1 ms */
        {3900, 100, 2000000, 0, 0, 100, 3900, NULL},       /* 2 ms of 300 ms */
        {3900, 100, 20000000, 0, 100, 3900, 0, NULL},      /* of those that never came */
        {900, 1100, 20000000, 0, 100, 1900, 0, "p50"},     /* which excuse no median */
        {900, 1100, 200000, 200000, 0, 2000, 0, NULL},     /* 0.2 ms of 1 ms, but allowed */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct lateness *c = &cases[i];
        struct load_result *load = calloc(1, sizeof *load);
        struct validity validity;
        assert_non_null(load);
        load->sent = load->open.offered = load->open.taken_up = c->prompt + c->late;
        load->lost = c->lost;
        load->ok = c->fast + c->slow;
        for (unsigned j = 0; j < c->prompt; j++) histogram_record(&load->open.lateness, 1000);
        for (unsigned j = 0; j < c->late; j++) histogram_record(&load->open.lateness, c->late_ns);
        for (unsigned j = 0; j < load->ok; j++) {
            histogram_record(&load->durations[LOAD_LATENCY], j < c->fast ? ms : 300 * ms);
        }
        validity_check(&validity, &(struct validity_input){.load = load,
                                                           .variant = &variants[0],
                                                           .open = true,
                                                           .latencies = load->ok,
                                                           .late_max_ns = c->most_ns});
        const char *found = NULL;
        for (unsigned j = 0; j < validity.count; j++) {
            const char *at = strstr(validity.reason[j], "late at its p");
            if (at != NULL) found = at + strlen("late at its ");
        }
        assert_int_equal(found == NULL, c->told == NULL);
        if (found != NULL) assert_memory_equal(found, c->told, strlen(c->told));
        free(load);
    }
}

/* ---- in words ---- */

static void add_entry(struct session *session, const char *variant, double rate, double loss,
                      double delayed, double unanswered) {
    struct behind_loss *one = findings_add(&session->lists[LIST_BEHIND_LOSS], LIST_BEHIND_LOSS);
    assert_non_null(one);
    *one = (struct behind_loss){.variant = variant,
                                .rate_per_s = rate,
                                .loss_percent = loss,
                                .sum = {.runs = 1,
                                        .delayed = delayed,
                                        .unanswered = unanswered,
                                        .worst_ms = 23,
                                        .usual_ms = 20},
                                .delayed_beyond_ms = 25,
                                .lateness_max_ms = 5,
                                .within_ms = 60,
                                .within_share = {0.987, 0.981, 0.992},
                                .rtt_ms = 20,
                                .deadline_ms = 2000};
}

static struct session *session_made(void) {
    struct session *session = session_new("sweep", "loss");
    assert_non_null(session);
    add_entry(session, "tcp-persistent", 20, 0, 2, 0);
    add_entry(session, "tcp-persistent", 1000, 0, 18, 0);
    add_entry(session, "udp-persistent", 1000, 0, 0, 1);
    add_entry(session, "udp-persistent", 1000, 5, 0, 13);
    return session;
}

static void tell(struct story *story, const struct results *results) {
    head_of_line_table(story, results);
    head_of_line_tell(story, results);
}

/* As a page has it; to be freed. */
static char *page_of(struct session *session) {
    const struct results results = {.sessions = &session, .count = 1};
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    tell(&(struct story){.out = out, .html = true}, &results);
    (void)fclose(out);
    return text;
}

static void both_readers_are_told_who_waits(void **state) {
    (void)state;
    struct session *session = session_made();
    char *page = page_of(session), *terminal = made_told(tell, &session, 1, true);
    assert_says(page, "<code>tcp-persistent</code>: 18 late, the worst by 23.0 ms");
    assert_says(page, "<code>udp-persistent</code>: 1 never answered, none late");
    assert_says(terminal, "On tcp-persistent one lost request makes 2 late, the worst by 23.0 ms "
                          "at 20/s; 18 late, the worst by 23.0 ms at 1,000/s");
    assert_says(terminal, "head-of-line blocking");
    assert_says(page, "98.7 % (98.1 to 99.2)");
    free(page);
    free(terminal);
    session_free(session);
}

/* A row that exists is not taken for a number that exists. */
static void what_has_no_run_is_told_and_no_sentence_is_about_it(void **state) {
    (void)state;
    struct session *session = session_made();
    struct behind_loss *all = session->lists[LIST_BEHIND_LOSS].items;
    all[1].sum.runs = 0;
    char *text = made_told(tell, &session, 1, true);
    assert_says_not(text, "tcp-persistent: ");
    assert_says_not(text, "On tcp-persistent");
    assert_says(text, "no run");
    free(text);
    for (size_t i = 0; i < session->lists[LIST_BEHIND_LOSS].count; i++) all[i].sum.runs = 0;
    text = made_told(tell, &session, 1, true);
    assert_says_not(text, "TCP hands over");
    free(text);
    session_free(session);
}

/* ---- the command ---- */

static char *path_of(char *path, const char *name) {
    (void)snprintf(path, PATH_ROOM, "%s/%s", directory, name);
    return path;
}

/* NULL: no run of it counts. */
static const struct behind_loss *row_of(const struct session *session, const char *variant) {
    for (size_t i = 0; i < session->lists[LIST_BEHIND_LOSS].count; i++) {
        const struct behind_loss *row =
            SESSION_AT(session, LIST_BEHIND_LOSS, struct behind_loss, i);
        const bool single = strcmp(row->situation, "one request") == 0;
        if (single && strcmp(row->variant, variant) == 0) return row->sum.runs > 0 ? row : NULL;
    }
    fail_msg("no row of %s", variant);
    return NULL;
}

/* A long round trip, beside which a busy machine is prompt. */
static void tcp_waits_for_the_lost_request_and_udp_does_not(void **state) {
    (void)state;
    static struct ran ran;
    char path[PATH_ROOM], why[SESSION_WHY] = "";
    echolab_run(&ran,
                "sweep loss --rate 100 tcp-persistent udp-persistent --loss 20%% --rtt 100ms "
                "--deadline 1s --blocks 1 --json %s/head-of-line.json",
                directory);
    if (strstr(ran.err, "private network") != NULL) {
        (void)fprintf(stderr, "skipped: %s", ran.err);
        skip();
    }
    if (ran.status != 4) assert_int_equal(ran.status, 0);
    struct session *session = session_read(path_of(path, "head-of-line.json"), why);
    if (session == NULL) fail_msg("%s", why);
    if (session == NULL) return; /* analyzers do not know that it has failed */
    (void)unlink(path);
    const struct behind_loss *stream = row_of(session, "tcp-persistent"),
                             *datagrams = row_of(session, "udp-persistent");
    if (stream == NULL || datagrams == NULL) {
        (void)fprintf(stderr, "skipped: too busy here: %s", ran.err);
        session_free(session);
        skip();
        return;
    }
    assert_is(stream->sum.packets_lost, 1);
    assert_is(stream->sum.unanswered, 0);
    assert_true(stream->sum.delayed >= 2);
    assert_is(datagrams->sum.packets_lost, 1);
    assert_is(datagrams->sum.unanswered, 1);
    assert_is(datagrams->sum.delayed, 0);
    assert_true(stream->series_count > 2);
    assert_true(session->runs.count >= 2);
    assert_null(session->runs.list[0]->series);
    session_free(session);
}

static void wrong_usage_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "sweep loss --rate 0",
        "sweep loss --rate 20,many",
        "sweep loss --rate=-1",
        "sweep loss --rate 200000",
        "sweep loss --rate --packet",
        "sweep loss --rate 20 --at 20",
        "sweep loss --rate 20 --messages 10",
        "sweep loss --rate 20 --engine epoll",
        "sweep loss --rate 20 --placement spin",
        "sweep loss --rate 20 --assign connection",
        "sweep loss",
    };
    static struct ran ran;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        echolab_run(&ran, "%s", wrong[i]);
        if (ran.status != 64) fail_msg("%s: status %d", wrong[i], ran.status);
    }
}

static void a_file_that_cannot_be_written_is_told_first(void **state) {
    (void)state;
    static struct ran ran;
    echolab_run(&ran, "sweep loss --rate 20 --json /nowhere/head-of-line.json");
    assert_int_equal(ran.status, 1);
    assert_says(ran.err, "cannot write /nowhere/head-of-line.json");
    assert_string_equal(ran.out, "");
}

/* Every option that is taken is followed: --at and --rate both give the rates, --csv its rows. */
static void rates_are_given_by_either_option(void **state) {
    (void)state;
    static struct ran ran;
    static const char *const given[] = {"--rate 300", "--rate --at 300", "--rate=300"};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
        echolab_run(&ran, "sweep loss %s udp-persistent --connections 7 --blocks 2 --dry-run",
                    given[i]);
        assert_int_equal(ran.status, 0);
        assert_says(ran.out, "at 300/s");
        assert_says_not(ran.out, "at 20/s");
    }
}

/* ---- */

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state) {
    (void)state;
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
        cmocka_unit_test(a_late_generator_keeps_no_schedule),
        cmocka_unit_test(both_readers_are_told_who_waits),
        cmocka_unit_test(what_has_no_run_is_told_and_no_sentence_is_about_it),
        cmocka_unit_test(tcp_waits_for_the_lost_request_and_udp_does_not),
        cmocka_unit_test(wrong_usage_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_written_is_told_first),
        cmocka_unit_test(rates_are_given_by_either_option),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
