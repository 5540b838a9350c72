/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lone message that loses one packet: what is predicted, told, and measured for real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/experiment/all.h"
#include "bench/run/loss_model.h"
#include "tests/made.h"
#include "tests/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/echolab-loss.XXXXXX";

/* ---- the model ---- */

static const struct loss_timers usual = {.minimum_rto_ms = 200, .tick_ms = 4};

static const struct lost_packet *find_lost(const char *variant, const char *what) {
    const struct lost_packet *lost = variant_find(variant)->may_lose;
    while (strcmp(lost->what, what) != 0) lost++;
    return lost;
}

static struct loss_prediction predict(const char *variant, const char *what, double rtt_ms) {
    return loss_model_predict(find_lost(variant, what), &usual, rtt_ms, 2000);
}

/* The timers of the kernel end late, never early; what nobody repeats ends with the deadline. */
static void predictions_are_sums_of_round_trips_and_timers(void **state) {
    (void)state;
    static const struct {
        const char *variant, *what;
        double low_ms, high_ms; /* at 20 ms; 5 of them for processes, a timer has 4 + 4 */
    } rows[] = {{"tcp-per-message", "the SYN", 1040, 1040 + 5 + 4 + 32},
                {"tcp-per-message", "the handshake's ACK", 40, 49},
                {"tcp-per-message", "the request", 260, 273},
                {"tcp-per-message", "the reply", 67, 80},
                {"tcp-per-message", "the server's FIN", 40, 49},
                {"tcp-persistent", "the reply", 240, 253},
                {"udp-persistent", "the request", 2000, 2005}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct loss_prediction one = predict(rows[i].variant, rows[i].what, 20);
        assert_near(one.low_ms, rows[i].low_ms, 1e-9);
        assert_near(one.high_ms, rows[i].high_ms, 1e-9);
        assert_int_equal(isnan(one.probed_low_ms) == 0, i == 3);
    }
    const struct loss_timers own = loss_timers_read();
    assert_true(own.tick_ms >= 1 && own.tick_ms <= 10 && own.minimum_rto_ms > 0);
}

/* Seen in quiet runs at 20 ms: 75.3 ms, and 316 after a tail loss probe. */
static void lost_reply_has_two_ways_told_apart_by_a_probe(void **state) {
    (void)state;
    const struct loss_prediction reply = predict("tcp-per-message", "the reply", 20);
    static const double quick[] = {67, 75.3, 80}, slow[] = {305, 316, 322}, neither[] = {60, 90};
    for (int i = 0; i < 3; i++) {
        assert_true(loss_is_predicted(&reply, quick[i], false));
        assert_true(loss_is_predicted(&reply, slow[i], true));
        assert_false(loss_is_predicted(&reply, quick[i], true));
        assert_false(loss_is_predicted(&reply, slow[i], false));
    }
    for (int i = 0; i < 4; i++) assert_false(loss_is_predicted(&reply, neither[i / 2], i % 2 == 0));
    /* Where nothing follows, the probe is the resend: it comes when the timeout would. */
    const struct loss_prediction request = predict("tcp-per-message", "the request", 20);
    assert_true(loss_is_predicted(&request, 265, false) && loss_is_predicted(&request, 265, true));
}

/* ---- in words ---- */

static void add(struct session *session, const char *lost, double ms, uint64_t runs) {
    struct lost_message *one = findings_add(&session->lists[LIST_LOST], LIST_LOST);
    assert_non_null(one);
    *one = (struct lost_message){.variant = "tcp-persistent",
                                 .lost = lost,
                                 .predicted_low_ms = 240,
                                 .predicted_high_ms = 253,
                                 .measured_ms = {ms, ms - 1, ms + 1, runs},
                                 .probed_low_ms = NAN,
                                 .probed = NAN,
                                 .as_predicted = NAN,
                                 .answered = true};
}

static void worst_is_told_and_what_was_not_predicted(void **state) {
    (void)state;
    struct session *session = session_new("sweep", "loss");
    add(session, "the request", 249, 6);
    add(session, "the reply", 1316, 3);
    char *text = made_told(loss_tell, &session, 1, true);
    assert_says(text, "The worst is the reply of tcp-persistent: 1,316 ms (median of 3 runs)");
    assert_says(text, "Not as predicted: the reply of tcp-persistent.");
    assert_says(text, "249 (248 to 250)");
    assert_says(text, "240 to 253");
    assert_says_not(text, "(1,315"); /* three runs have no interval */
    free(text);
    session_free(session);
}

static void runs_are_judged_one_by_one(void **state) {
    (void)state;
    struct session *session = session_new("sweep", "loss");
    add(session, "the reply", 75.3, 6);
    struct lost_message *one = session->lists[LIST_LOST].items;
    one->predicted_low_ms = 67;
    one->predicted_high_ms = 80;
    one->probed_low_ms = 302;
    one->probed_high_ms = 323;
    one->probed = 2;
    one->as_predicted = 6;
    char *text = made_told(loss_tell, &session, 1, true);
    assert_says(text, "67 to 80 or 302 to 323");
    assert_says(text, "(TCPLossProbes tells which: 2 runs of 6)");
    assert_says_not(text, "Not as predicted");
    free(text);
    one->as_predicted = 5;
    text = made_told(loss_tell, &session, 1, true);
    assert_says(text, "Not as predicted: the reply of tcp-persistent (5 of 6 runs are).");
    free(text);
    session_free(session);
}

static void what_has_no_run_is_told_without_a_number(void **state) {
    (void)state;
    struct session *session = session_new("sweep", "loss");
    add(session, "the request", NAN, 0);
    char *text = made_told(loss_tell, &session, 1, true);
    assert_says(text, "no run counts");
    assert_says_not(text, "The worst");
    assert_says_not(text, "Not as predicted");
    assert_says_not(text, "nan");
    free(text);
    session_free(session);
}

/* ---- the command ---- */

static void lost_packet_costs_tcp_a_timer_and_udp_the_message(void **state) {
    (void)state;
    static struct ran ran;
    char why[SESSION_WHY] = "";
    echolab_run(&ran, "run udp-persistent --wire --messages 1 --warmup 0s");
    if (ran.status != 0) skip();
    echolab_run(&ran,
                "sweep loss --packet tcp-persistent udp-persistent --rtt 10ms --deadline 1s "
                "--blocks 2 --json %s",
                path);
    if (ran.status == 4) {
        (void)fprintf(stderr, "skipped: too busy here: %s", ran.err);
        skip();
    }
    if (ran.status != 0) fail_msg("ended with %d: %s%s", ran.status, ran.out, ran.err);
    struct session *session = session_read(path, why);
    if (session == NULL) fail_msg("%s", why);
    if (session == NULL) return; /* analyzers do not know that it has failed */
    assert_int_equal(session->lists[LIST_LOST].count, 4);
    assert_true(session->rtt_ms == 10);
    for (size_t i = 0; i < 4; i++) {
        const struct lost_message *one = SESSION_AT(session, LIST_LOST, struct lost_message, i);
        assert_int_equal(one->measured_ms.count, 2);
        assert_int_equal(one->answered, strcmp(one->variant, "tcp-persistent") == 0);
        assert_true(one->measured_ms.value >= one->predicted_low_ms - 1);
        assert_true(isnan(one->measured_ms.low) &&
                    isnan(one->measured_ms.high)); /* two runs have no interval */
    }
    assert_true(session->runs.count >= 8); /* a restless run is repeated */
    for (size_t i = 0; i < session->runs.count; i++) {
        assert_non_null(session->runs.list[i]->lost_packet);
        assert_true(run_counter(session->runs.list[i], "kernel.TCPLossProbes") != FIELD_UNKNOWN);
    }
    session_free(session);
}

static void wrong_usage_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "--connections 3", "--pipeline 4",  "--loss 2%",  "--messages 10", "--warmup 1s",
        "--engine epoll",  "--at 20",       "--host ::1", "--rate 20",     "--duration 1s",
        "--margin 2%",     "--design fork", "no-variant",
    };
    static struct ran ran;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        echolab_run(&ran, "sweep loss --packet %s", wrong[i]);
        if (ran.status != 64) fail_msg("%s: status %d", wrong[i], ran.status);
    }
    echolab_run(&ran, "sweep loss --packet udp-packed");
    assert_int_equal(ran.status, 1);
    assert_says(ran.err, "none of these variants has a model of lost packets");
}

static int make_file(void **state) {
    (void)state;
    const int file = mkstemp(path);
    return file < 0 ? -1 : close(file);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_are_sums_of_round_trips_and_timers),
        cmocka_unit_test(lost_reply_has_two_ways_told_apart_by_a_probe),
        cmocka_unit_test(worst_is_told_and_what_was_not_predicted),
        cmocka_unit_test(runs_are_judged_one_by_one),
        cmocka_unit_test(what_has_no_run_is_told_without_a_number),
        cmocka_unit_test(lost_packet_costs_tcp_a_timer_and_udp_the_message),
        cmocka_unit_test(wrong_usage_is_refused),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
