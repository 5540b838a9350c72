/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * udp-retry: its estimator against numbers worked out by hand from RFC 6298,
 * its client against a server that the test plays, one datagram at a time, and
 * the measured server's memory of what it has executed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/load.h"
#include "echo/clock.h"
#include "tests/support.h"
#include "udp/executed.h"
#include "udp/rto.h"
#include "udp/transport.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANG_S = 120 }; /* the whole program; SIGALRM ends it */

#define MS UINT64_C(1000000)
#define S (1000 * MS)

/* ---- the estimator ---- */

static void first_timer_is_one_second(void **state) {
    (void)state;
    struct udp_rto rto;
    udp_rto_init(&rto, 0, 1);
    assert_int_equal(rto.rto_ns, 1 * S);
    assert_int_equal(rto.floor_ns, 200 * MS);
}

static void samples_give_the_numbers_of_the_rfc(void **state) {
    (void)state;
    static const struct {
        uint64_t sample, srtt, rttvar, rto;
    } rows[] = {
        {100 * MS, 100 * MS, 50 * MS, 300 * MS},      /* R, R/2, R + 4 R/2 */
        {60 * MS, 95 * MS, 47500000, 285 * MS},       /* (3 50 + 40)/4; (7 100 + 60)/8 */
        {175 * MS, 105 * MS, 55625000, 327500000},    /* (3 47.5 + 80)/4; (7 95 + 175)/8 */
        {105 * MS, 105 * MS, 41718750, 271875000},    /* no distance: only RTTVAR shrinks */
        {2105 * MS, 355 * MS, 531289062, 2480156248}, /* a spike of 2 s */
    };
    struct udp_rto rto;
    udp_rto_init(&rto, 1, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        udp_rto_sample(&rto, rows[i].sample);
        assert_int_equal(rto.srtt_ns, rows[i].srtt);
        assert_int_equal(rto.rttvar_ns, rows[i].rttvar);
        assert_int_equal(rto.rto_ns, rows[i].rto);
    }
}

static void steady_round_trips_leave_the_granularity_on_top(void **state) {
    (void)state;
    struct udp_rto rto;
    udp_rto_init(&rto, 1, 4 * MS);
    for (int i = 0; i < 200; i++) udp_rto_sample(&rto, 10 * MS);
    assert_int_equal(rto.srtt_ns, 10 * MS);
    assert_int_equal(rto.rto_ns, 14 * MS); /* SRTT + max(G, 4 RTTVAR) */
}

static void timer_stays_between_floor_and_cap(void **state) {
    (void)state;
    struct udp_rto rto;
    udp_rto_init(&rto, 200 * MS, 1);
    udp_rto_sample(&rto, 1000);
    assert_int_equal(rto.rto_ns, 200 * MS);
    udp_rto_init(&rto, 5 * S, 1);
    assert_int_equal(rto.rto_ns, 5 * S); /* a floor above the initial second */
    udp_rto_sample(&rto, UINT64_MAX);
    assert_int_equal(rto.rto_ns, 60 * S);
    for (int i = 0; i < 100; i++) udp_rto_sample(&rto, UINT64_MAX); /* no sum overflows */
    assert_int_equal(rto.rto_ns, 60 * S);
}

static void each_timeout_doubles_the_timer_up_to_the_cap(void **state) {
    (void)state;
    static const uint64_t seconds[] = {2, 4, 8, 16, 32, 60, 60};
    struct udp_rto rto;
    udp_rto_init(&rto, 0, 1);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        udp_rto_back_off(&rto);
        assert_int_equal(rto.rto_ns, seconds[i] * S);
    }
}

static void sample_ends_the_back_off(void **state) {
    (void)state;
    struct udp_rto rto;
    udp_rto_init(&rto, 1 * MS, 1);
    udp_rto_sample(&rto, 100 * MS);
    udp_rto_back_off(&rto);
    assert_int_equal(rto.rto_ns, 600 * MS);
    udp_rto_sample(&rto, 60 * MS);
    assert_int_equal(rto.rto_ns, 285 * MS);
}

static void long_series_follows_the_formulas_in_floating_point(void **state) {
    (void)state;
    struct udp_rto rto;
    udp_rto_init(&rto, 1, 1);
    double srtt = 0;
    double rttvar = 0;
    uint64_t random = 1;
    for (int i = 0; i < 10000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const double r = (double)(random >> 34); /* 0 to 1.07 s */
        udp_rto_sample(&rto, (uint64_t)r);
        rttvar = i == 0 ? r / 2 : 0.75 * rttvar + 0.25 * fabs(srtt - r);
        srtt = i == 0 ? r : 0.875 * srtt + 0.125 * r;
        /* Whole nanoseconds are cut off at each step, and a cut fades like a sample: 8 at most. */
        assert_true(fabs(srtt - (double)rto.srtt_ns) < 10);
        assert_true(fabs(rttvar - (double)rto.rttvar_ns) < 20);
    }
}

/* ---- the server's memory ---- */

static void memory_counts_by_session_and_sequence(void **state) {
    (void)state;
    struct udp_executed *executed = calloc(1, sizeof *executed);
    assert_non_null(executed);
    assert_int_equal(*udp_executed_times(executed, 0, 0), 0); /* an empty place is nobody's */
    ++*udp_executed_times(executed, 7, 1);
    ++*udp_executed_times(executed, 7, 1);
    ++*udp_executed_times(executed, 7, 2);
    assert_int_equal(*udp_executed_times(executed, 7, 1), 2);
    assert_int_equal(*udp_executed_times(executed, 7, 2), 1);
    assert_int_equal(*udp_executed_times(executed, 8, 2), 0);
    free(executed);
}

static void memory_is_bounded_and_forgets_the_oldest_of_a_session(void **state) {
    (void)state;
    struct udp_executed *executed = calloc(1, sizeof *executed);
    assert_non_null(executed);
    for (uint64_t i = 1; i <= UDP_EXECUTED_ENTRIES; i++) ++*udp_executed_times(executed, 7, i);
    for (uint64_t i = 1; i <= UDP_EXECUTED_ENTRIES; i++) {
        assert_int_equal(*udp_executed_times(executed, 7, i), 1);
    }
    ++*udp_executed_times(executed, 7, UDP_EXECUTED_ENTRIES + 1);
    assert_int_equal(*udp_executed_times(executed, 7, 2), 1);
    assert_int_equal(*udp_executed_times(executed, 7, 1), 0);
    free(executed);
}

/* ---- the client, against a server that the test plays ---- */

enum { SIZE = 64, SEEN_MAX = 64 };

#define DEADLINE_NS ((uint64_t)TEST_DEADLINE_MS * MS)

struct seen {
    struct echo_message header;
    struct sockaddr_storage from;
    socklen_t from_bytes;
};

struct lab {
    int server; /* a socket of the test's */
    struct echo_client_options options;
    struct echo_client *client;
    struct exchange x;
    struct seen seen[SEEN_MAX]; /* what came to the server, in its order */
    unsigned count;
};

/* What the server does with the datagram that has just come, the last of `seen`. */
typedef void behaviour(struct lab *lab);

static void set_up(struct lab *lab, uint64_t floor_ns) {
    *lab = (struct lab){0};
    struct echo_address address;
    lab->server = test_bind(&address, SOCK_DGRAM);
    assert_true(lab->server >= 0);
    lab->options = test_client(variant_find("udp-retry"), &address, SIZE);
    lab->options.rto_floor_ns = floor_ns;
}

static void open_client(struct lab *lab) {
    assert_int_equal(udp_retry_steps.open(&lab->client, &lab->options), 0);
    (void)exchange_init(&lab->x, lab->client, TEST_SESSION, DEADLINE_NS, 1);
}

static void tear_down(struct lab *lab) {
    lab->client->steps->close(lab->client);
    (void)close(lab->server);
}

static void reply_to(const struct lab *lab, unsigned i) {
    uint8_t bytes[ECHO_HEADER_BYTES + SIZE];
    const size_t size = test_put(bytes, &lab->seen[i].header);
    echo_make_reply(bytes);
    assert_int_equal(sendto(lab->server, bytes, size, 0,
                            (const struct sockaddr *)&lab->seen[i].from, lab->seen[i].from_bytes),
                     size);
}

static void take_request(struct lab *lab) {
    uint8_t bytes[ECHO_HEADER_BYTES + SIZE + 1];
    assert_true(lab->count < SEEN_MAX);
    struct seen *seen = &lab->seen[lab->count];
    seen->from_bytes = sizeof seen->from;
    const ssize_t size = recvfrom(lab->server, bytes, sizeof bytes, 0,
                                  (struct sockaddr *)&seen->from, &seen->from_bytes);
    assert_int_equal(size, ECHO_HEADER_BYTES + SIZE);
    assert_int_equal(echo_decode(&seen->header, bytes, (size_t)size), ECHO_WHOLE);
    assert_true(echo_matches(bytes + ECHO_HEADER_BYTES, SIZE, test_payload(), SIZE));
    lab->count++;
}

/* One exchange; both sides in this thread, so that nothing depends on who is faster. */
static void exchange(struct lab *lab, behaviour *behave) {
    struct exchange *x = &lab->x;
    short ready = 0;
    lab->count = 0;
    exchange_start(x, echo_clock_ns(), echo_clock_ns());
    while (exchange_advance(x, ready) == -EAGAIN) {
        const uint64_t now_ns = echo_clock_ns();
        const uint64_t until_ns = exchange_until_ns(x);
        if (now_ns >= x->deadline_ns) {
            exchange_expire(x);
            break;
        }
        const struct timespec left = echo_clock_timespec(until_ns > now_ns ? until_ns - now_ns : 0);
        struct pollfd at[2] = {{.fd = lab->server, .events = POLLIN},
                               {.fd = x->client->socket, .events = x->wait}};
        (void)ppoll(at, 2, &left, NULL);
        ready = at[1].revents;
        if (at[0].revents == 0) continue;
        take_request(lab);
        behave(lab);
    }
    /* What lies there yet was sent all the same. */
    struct pollfd at = {.fd = lab->server, .events = POLLIN};
    while (poll(&at, 1, 0) > 0) take_request(lab);
}

static uint64_t counted(const struct lab *lab, const char *name) {
    for (unsigned i = 0; i < lab->client->counter_count; i++) {
        if (strcmp(lab->client->counters[i].name, name) == 0) return lab->client->counters[i].value;
    }
    fail_msg("no counter is called %s", name);
    return 0;
}

static void answer(struct lab *lab) {
    reply_to(lab, lab->count - 1);
}

static void stay_silent(struct lab *lab) {
    (void)lab;
}

static unsigned to_drop;

static void drop_the_first(struct lab *lab) {
    if (lab->count > to_drop) answer(lab);
}

/* Leaves the initial second behind: from here on the floor is the timer. */
static void learn_the_path(struct lab *lab) {
    for (int i = 0; i < 30; i++) {
        exchange(lab, answer);
        assert_int_equal(lab->x.outcome, EXCHANGE_OK);
    }
}

static void request_is_sent_until_it_is_answered(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 2 * MS);
    open_client(&lab);
    learn_the_path(&lab);
    const uint64_t before = counted(&lab, "retries"); /* 0, unless this machine stood still */
    uint64_t retries = 0;
    for (to_drop = 0; to_drop < 5; to_drop++) {
        exchange(&lab, drop_the_first);
        assert_int_equal(lab.x.outcome, EXCHANGE_OK);
        assert_true(lab.count >= to_drop + 1);
        retries += lab.count - 1;
        for (unsigned i = 0; i < lab.count; i++) {
            assert_int_equal(lab.seen[i].header.attempt, i);
            assert_int_equal(lab.seen[i].header.sequence, lab.x.sequence);
            assert_int_equal(lab.seen[i].header.session, TEST_SESSION);
        }
    }
    assert_true(counted(&lab, "retries") - before >= retries);
    assert_true(counted(&lab, "recovered") >= 4);
    assert_int_equal(counted(&lab, "exhausted"), 0);
    tear_down(&lab);
}

/* By the times that the datagrams carry, so that it does not matter when they are read. */
static void each_wait_is_at_least_twice_the_one_before(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 2 * MS);
    open_client(&lab);
    learn_the_path(&lab);
    to_drop = 5;
    exchange(&lab, drop_the_first);
    assert_int_equal(lab.x.outcome, EXCHANGE_OK);
    uint64_t wait_ns = 2 * MS;
    for (unsigned i = 1; i <= to_drop; i++) {
        const uint64_t waited_ns = lab.seen[i].header.sent_ns - lab.seen[i - 1].header.sent_ns;
        assert_true(waited_ns >= wait_ns);
        assert_true(waited_ns < wait_ns + 5 * S);
        wait_ns *= 2;
    }
    tear_down(&lab);
}

static void first_request_waits_the_initial_second(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 1 * MS);
    open_client(&lab);
    to_drop = 1;
    exchange(&lab, drop_the_first);
    assert_int_equal(lab.x.outcome, EXCHANGE_OK);
    assert_int_equal(lab.count, 2);
    assert_true(lab.seen[1].header.sent_ns - lab.seen[0].header.sent_ns >= 1 * S);
    tear_down(&lab);
}

enum { HELD = 4 };

static void answer_the_first_of_four(struct lab *lab) {
    if (lab->count == HELD) reply_to(lab, 0);
}

/* When it was sent, the datagram says; when the timer fires, the client: so the timer is known. */
static uint64_t timer_ns;

static void note_timer(struct lab *lab) {
    if (lab->count == 1) timer_ns = lab->client->wake_ns - lab->seen[0].header.sent_ns;
    answer(lab);
}

static void reply_to_an_earlier_attempt_answers_and_is_timed_from_it(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 2 * MS);
    open_client(&lab);
    learn_the_path(&lab);
    const uint64_t needless = counted(&lab, "needless");
    exchange(&lab, answer_the_first_of_four);
    assert_int_equal(lab.x.outcome, EXCHANGE_OK);
    assert_int_equal(counted(&lab, "needless"), needless + 1);
    const uint64_t took_ns = lab.seen[HELD - 1].header.sent_ns - lab.seen[0].header.sent_ns;
    assert_true(took_ns >= (2 + 4 + 8) * MS);
    /*
     * RTTVAR takes a quarter of the distance to what was smoothed, RTO four
     * times RTTVAR: at least the distance. From the last attempt it would be
     * the floor again.
     */
    exchange(&lab, note_timer);
    assert_true(timer_ns >= (2 + 4) * MS);
    tear_down(&lab);
}

static void answer_twice(struct lab *lab) {
    answer(lab);
    answer(lab);
}

static void second_reply_is_dropped_and_counted(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 0);
    open_client(&lab);
    exchange(&lab, answer_twice);
    assert_int_equal(lab.x.outcome, EXCHANGE_OK);
    exchange(&lab, answer);
    assert_int_equal(lab.x.outcome, EXCHANGE_OK);
    assert_int_equal(lab.x.duplicate, 1);
    assert_int_equal(lab.x.late, 0);
    tear_down(&lab);
}

static void reply_after_the_deadline_is_late(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 0);
    open_client(&lab);
    lab.x.deadline_after_ns = 20 * MS;
    exchange(&lab, stay_silent);
    assert_int_equal(lab.x.outcome, EXCHANGE_LOST);
    assert_int_equal(lab.count, 1);
    assert_int_equal(lab.client->wake_ns, 0);
    reply_to(&lab, 0);
    lab.x.deadline_after_ns = DEADLINE_NS;
    exchange(&lab, answer);
    assert_int_equal(lab.x.outcome, EXCHANGE_OK);
    assert_int_equal(lab.x.late, 1);
    tear_down(&lab);
}

static void attempts_are_limited_and_the_deadline_ends_it(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 1 * MS);
    lab.options.attempts = 3;
    open_client(&lab);
    learn_the_path(&lab);
    lab.x.deadline_after_ns = 1 * S;
    const uint64_t exhausted = counted(&lab, "exhausted");
    exchange(&lab, stay_silent);
    assert_int_equal(lab.x.outcome, EXCHANGE_LOST);
    assert_int_equal(lab.count, 3);
    assert_int_equal(counted(&lab, "exhausted"), exhausted + 1);
    assert_true(lab.x.times.closed - lab.x.times.start >= 1 * S);
    tear_down(&lab);
}

static void refusal_is_reported_and_not_retried(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 1 * MS);
    assert_int_equal(test_deserted(&lab.options.server, SOCK_DGRAM), 0);
    open_client(&lab);
    exchange(&lab, stay_silent);
    assert_int_equal(lab.x.outcome, EXCHANGE_FAILED);
    assert_int_equal(lab.x.error, ECONNREFUSED);
    assert_int_equal(counted(&lab, "refused"), 1);
    assert_int_equal(counted(&lab, "retries"), 0);
    tear_down(&lab);
}

/* ---- several requests at once: the steps, without a driver ---- */

enum { DEPTH = 4 };

static void take_requests(struct lab *lab, unsigned wanted) {
    for (lab->count = 0; lab->count < wanted;) take_request(lab);
}

static void receive_all(struct lab *lab, unsigned wanted) {
    for (unsigned i = 0; i < wanted;) {
        struct pollfd at = {.fd = lab->client->socket, .events = POLLIN};
        assert_int_equal(poll(&at, 1, TEST_DEADLINE_MS), 1);
        struct echo_message reply;
        const int failed = lab->client->steps->receive(lab->client, &reply);
        assert_true(failed == 0 || failed == -EAGAIN);
        if (failed == 0) i++;
    }
}

static void only_what_is_missing_is_sent_again(void **state) {
    (void)state;
    struct lab lab;
    set_up(&lab, 5 * MS);
    lab.options.depth = DEPTH;
    open_client(&lab);
    learn_the_path(&lab);
    for (uint64_t i = 0; i < DEPTH; i++) {
        assert_int_equal(lab.client->steps->send(lab.client, 101 + i, 0), 0);
    }
    assert_int_equal(lab.client->steps->send(lab.client, 101 + DEPTH, 0), -ENOBUFS);
    assert_int_equal(lab.client->steps->flush(lab.client), 0);
    take_requests(&lab, DEPTH);
    for (unsigned i = 0; i < DEPTH; i++) assert_int_equal(lab.seen[i].header.sequence, 101 + i);
    reply_to(&lab, 0);
    reply_to(&lab, 2);
    receive_all(&lab, 2);
    assert_true(lab.client->wake_ns > 0);
    echo_clock_sleep_until(lab.client->wake_ns); /* the timer itself is what is tested */
    assert_int_equal(lab.client->steps->flush(lab.client), 0);
    take_requests(&lab, 2);
    assert_int_equal(lab.seen[0].header.sequence, 102);
    assert_int_equal(lab.seen[1].header.sequence, 104);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(lab.seen[i].header.attempt, 1);
        reply_to(&lab, i);
    }
    receive_all(&lab, 2);
    assert_int_equal(lab.client->wake_ns, 0);
    assert_int_equal(lab.client->steps->send(lab.client, 105, 0), 0);
    tear_down(&lab);
}

/* ---- the measured server ---- */

static void ask(int socket, uint64_t sequence, uint8_t attempt) {
    const struct echo_message request = {.kind = ECHO_REQUEST,
                                         .attempt = attempt,
                                         .payload_bytes = SIZE,
                                         .reply_bytes = SIZE,
                                         .session = TEST_SESSION,
                                         .sequence = sequence};
    uint8_t bytes[ECHO_HEADER_BYTES + SIZE];
    const size_t size = test_put(bytes, &request);
    assert_int_equal(send(socket, bytes, size, 0), size);
    assert_int_equal(recv(socket, bytes, sizeof bytes, 0), size);
    assert_true(test_is_reply(bytes, size, &request));
}

/* Three times the same, then another. */
static void ask_again(bool dedup, uint64_t *counts) {
    struct served served;
    const struct echo_server_options options = {.dedup = dedup};
    assert_int_equal(served_start(&served, &udp_transport, &options, false), 0);
    const int socket = test_connect(&served.address, SOCK_DGRAM);
    assert_true(socket >= 0);
    for (uint8_t attempt = 0; attempt < 3; attempt++) ask(socket, 1, attempt);
    ask(socket, 2, 0);
    (void)close(socket);
    served_stop(&served, counts);
    assert_int_equal(counts[ECHO_REQUESTS], 4);
    assert_int_equal(counts[ECHO_REPLIES], 4);
    assert_int_equal(counts[ECHO_REPEATED], 2);
}

static void retry_executes_again(void **state) {
    (void)state;
    uint64_t counts[ECHO_COUNTS] = {0};
    ask_again(false, counts);
    assert_int_equal(counts[ECHO_EXECUTED], 4);
    assert_int_equal(counts[ECHO_TWICE], 1);
}

static void server_that_remembers_answers_a_retry_without_executing_it(void **state) {
    (void)state;
    uint64_t counts[ECHO_COUNTS] = {0};
    ask_again(true, counts);
    assert_int_equal(counts[ECHO_EXECUTED], 2);
    assert_int_equal(counts[ECHO_TWICE], 0);
}

static void what_was_forgotten_is_executed_again(void **state) {
    (void)state;
    uint64_t counts[ECHO_COUNTS] = {0};
    struct served served;
    const struct echo_server_options options = {.dedup = true};
    assert_int_equal(served_start(&served, &udp_transport, &options, false), 0);
    const int socket = test_connect(&served.address, SOCK_DGRAM);
    assert_true(socket >= 0);
    ask(socket, 1, 0);
    for (uint64_t i = 1; i <= UDP_EXECUTED_WAYS; i++) {
        ask(socket, 1 + i * UDP_EXECUTED_SETS, 0); /* they share its places */
    }
    ask(socket, 1, 1);
    (void)close(socket);
    served_stop(&served, counts);
    assert_int_equal(counts[ECHO_EXECUTED], 2 + UDP_EXECUTED_WAYS);
    assert_int_equal(counts[ECHO_REPEATED], 0);
}

static void counters_of_all_clients_are_summed(void **state) {
    (void)state;
    enum { CONNECTIONS = 3 };
    struct echo_address nobody;
    assert_int_equal(test_deserted(&nobody, SOCK_DGRAM), 0);
    const struct load_options load = {
        .transport = &udp_retry_transport,
        .client = test_client(variant_find("udp-retry"), &nobody, SIZE),
        .connections = CONNECTIONS,
        .messages = 10000,
        .deadline_ns = DEADLINE_NS,
        .server = -1,
    };
    struct load_result *result;
    assert_int_equal(load_run(&result, &load), 0);
    assert_true(result->counter_count > 0);
    bool found = false;
    for (unsigned i = 0; i < result->counter_count; i++) {
        if (strcmp(result->counters[i].name, "refused") != 0) continue;
        found = true;
        assert_int_equal(result->counters[i].value, CONNECTIONS * LOAD_FAILURES_MAX);
    }
    assert_true(found);
    assert_int_equal(result->exchanges, CONNECTIONS * LOAD_FAILURES_MAX);
    assert_int_equal(result->answered, 0);
    load_free(result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_timer_is_one_second),
        cmocka_unit_test(samples_give_the_numbers_of_the_rfc),
        cmocka_unit_test(steady_round_trips_leave_the_granularity_on_top),
        cmocka_unit_test(timer_stays_between_floor_and_cap),
        cmocka_unit_test(each_timeout_doubles_the_timer_up_to_the_cap),
        cmocka_unit_test(sample_ends_the_back_off),
        cmocka_unit_test(long_series_follows_the_formulas_in_floating_point),
        cmocka_unit_test(memory_counts_by_session_and_sequence),
        cmocka_unit_test(memory_is_bounded_and_forgets_the_oldest_of_a_session),
        cmocka_unit_test(request_is_sent_until_it_is_answered),
        cmocka_unit_test(each_wait_is_at_least_twice_the_one_before),
        cmocka_unit_test(first_request_waits_the_initial_second),
        cmocka_unit_test(reply_to_an_earlier_attempt_answers_and_is_timed_from_it),
        cmocka_unit_test(second_reply_is_dropped_and_counted),
        cmocka_unit_test(reply_after_the_deadline_is_late),
        cmocka_unit_test(attempts_are_limited_and_the_deadline_ends_it),
        cmocka_unit_test(refusal_is_reported_and_not_retried),
        cmocka_unit_test(only_what_is_missing_is_sent_again),
        cmocka_unit_test(retry_executes_again),
        cmocka_unit_test(server_that_remembers_answers_a_retry_without_executing_it),
        cmocka_unit_test(what_was_forgotten_is_executed_again),
        cmocka_unit_test(counters_of_all_clients_are_summed),
    };
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
