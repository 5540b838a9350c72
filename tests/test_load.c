/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The loops that drive many connections: the closed one of the epoll engine,
 * and the open one, of every row of the table of variants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/load.h"
#include "echo/clock.h"
#include "tests/descriptors.h"
#include "tests/support.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 120, MS = 1000000 };

#define DEADLINE_NS ((uint64_t)TEST_DEADLINE_MS * MS)

static void serve(struct served *served, const struct variant *variant) {
    assert_int_equal(served_start(served, variant->transport, &variant->server, false), 0);
}

/* What an epoll engine of `connections` does with `messages`. */
static struct load_options many(const struct variant *variant, const struct served *served,
                                unsigned connections, uint64_t messages) {
    struct load_options load = {
        .transport = variant->transport,
        .client = test_client(variant, &served->address, 64),
        .many = true,
        .connections = connections,
        .messages = messages,
        .deadline_ns = DEADLINE_NS,
        .server = -1,
    };
    load.client.nonblocking = true;
    load.client.depth = variant->depth;
    return load;
}

static struct load_result *run(const struct load_options *load) {
    struct load_result *result = NULL;
    assert_int_equal(load_run(&result, load), 0);
    assert_int_equal(result->sent, result->ok + result->lost + result->failed);
    assert_int_equal(result->durations[LOAD_LATENCY].count, result->ok);
    return result;
}

/* ---- a system call that is not there ---- */

/* From now on, as a kernel before 5.11 says, or an old container's filter. */
static int refuse_epoll_pwait2(int error) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof lines / sizeof *lines, lines};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void a_kernel_without_epoll_pwait2_will_do(void **state) {
    (void)state;
    static const int errors[] = {ENOSYS, EPERM};
    enum { MESSAGES = 100, SKIPPED = 77 };
    for (size_t i = 0; i < 2; i++) {
        struct served served;
        const struct variant *variant = variant_find("tcp-persistent");
        serve(&served, variant);
        const struct load_options load = many(variant, &served, 4, MESSAGES);
        const pid_t child = fork();
        if (child == 0) {
            struct load_result *result = NULL;
            if (refuse_epoll_pwait2(errors[i]) != 0) _exit(SKIPPED);
            _exit(load_run(&result, &load) == 0 && result->ok == MESSAGES ? 0 : 1);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        served_stop(&served, NULL);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != SKIPPED) assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* ---- closed ---- */

static void all_messages_are_answered_over_many_connections(void **state) {
    (void)state;
    static const unsigned connections[] = {1, 7, 64};
    enum { MESSAGES = 1003 };
    for (unsigned v = 0; v < variant_count; v++) {
        for (size_t i = 0; i < sizeof connections / sizeof *connections; i++) {
            struct served served;
            serve(&served, &variants[v]);
            const struct load_options load = many(&variants[v], &served, connections[i], MESSAGES);
            struct load_result *result = run(&load);
            uint64_t counts[ECHO_COUNTS] = {0};
            served_stop(&served, counts);
            if (result->ok != MESSAGES || counts[ECHO_REPLIES] != MESSAGES) {
                fail_msg("%s over %u: %u ok, %u lost, %u failed, %u replies", variants[v].name,
                         connections[i], (unsigned)result->ok, (unsigned)result->lost,
                         (unsigned)result->failed, (unsigned)counts[ECHO_REPLIES]);
            }
            assert_int_equal(result->exchanges, MESSAGES);
            assert_int_equal(result->answered, MESSAGES);
            assert_int_equal(result->late + result->duplicate + result->corrupt, 0);
            const bool kept = variants[v].lifetime == ECHO_PERSISTENT;
            if (kept) assert_true(result->sockets <= connections[i]);
            if (!kept) assert_int_equal(result->sockets, MESSAGES);
            load_free(result);
        }
    }
}

static void time_ends_a_load_too(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct served served;
        serve(&served, &variants[v]);
        struct load_options load = many(&variants[v], &served, 16, 0);
        load.warmup_ns = UINT64_C(5) * MS;
        load.duration_ns = UINT64_C(20) * MS;
        struct load_result *result = run(&load);
        served_stop(&served, NULL);
        assert_true(result->ok > 0);
        assert_int_equal(result->failed, 0);
        assert_true(result->exchanges >= result->sent);
        /* Outstanding = connections x depth; a batch waits for the last of it, which is none's. */
        const double window_ns = (double)(result->end_ns - result->start_ns);
        const double outstanding = (double)result->busy_ns / window_ns;
        const double wanted = 16.0 * result->depth;
        assert_true(outstanding < 1.1 * wanted);
        assert_true(outstanding > (result->depth > 1 ? 0.5 : 0.9) * wanted);
        load_free(result);
    }
}

static void large_messages_do_not_deadlock(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        const bool huge = variants[v].transport->payload_max >= ECHO_PAYLOAD_MAX;
        struct served served;
        serve(&served, &variants[v]);
        struct load_options load = many(&variants[v], &served, huge ? 3 : 1, 40);
        load.client.payload_bytes = load.client.reply_bytes = huge ? ECHO_PAYLOAD_MAX : 1000;
        struct load_result *result = run(&load);
        served_stop(&served, NULL);
        assert_int_equal(result->ok, 40);
        load_free(result);
    }
}

static void nobody_there_ends_it(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct served served;
        serve(&served, &variants[v]);
        served_stop(&served, NULL);
        struct load_options load = many(&variants[v], &served, 4, 100000);
        struct load_result *result = run(&load);
        assert_int_equal(result->ok, 0);
        assert_true(result->gave_up);
        assert_true(result->failed >= LOAD_FAILURES_MAX);
        load_free(result);
    }
}

/* Says nothing at all. */
static void silence_is_lost_in_time(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct echo_server *silent;
        struct echo_server_options wanted = {0};
        struct served served = {0};
        assert_int_equal(echo_address_find(&wanted.address, NULL, 0), 0);
        assert_int_equal(variants[v].transport->server->listen(&silent, &wanted), 0);
        assert_int_equal(echo_address_of_socket(&served.address, silent->socket), 0);
        struct load_options load = many(&variants[v], &served, 3, 3);
        load.client.depth = 1;
        load.deadline_ns = UINT64_C(30) * MS;
        struct load_result *result = run(&load);
        assert_int_equal(result->lost, 3);
        load_free(result);
        silent->steps->release(silent);
    }
}

/* ---- the schedule ---- */

static void schedule_is_what_it_says(void **state) {
    (void)state;
    struct schedule schedule;
    const struct load_schedule fixed = {.per_s = 1000, .fixed = true};
    assert_int_equal(schedule_make(&schedule, &fixed, UINT64_C(1000) * MS, 0), 0);
    assert_int_equal(schedule.count, 1000);
    for (uint64_t i = 0; i < schedule.count; i++) assert_int_equal(schedule.due_ns[i], i * MS);
    schedule_free(&schedule);

    const struct load_schedule poisson = {.per_s = 10000, .seed = 7};
    assert_int_equal(schedule_make(&schedule, &poisson, UINT64_C(10000) * MS, 0), 0);
    /* 100,000 expected, 316 the standard deviation; the distances' is their mean. */
    assert_true(schedule.count > 98000 && schedule.count < 102000);
    double sum = 0;
    double squares = 0;
    for (uint64_t i = 1; i < schedule.count; i++) {
        assert_true(schedule.due_ns[i] >= schedule.due_ns[i - 1]);
        const double apart = (double)(schedule.due_ns[i] - schedule.due_ns[i - 1]);
        sum += apart;
        squares += apart * apart;
    }
    const double mean = sum / (double)(schedule.count - 1);
    const double deviation = sqrt(squares / (double)(schedule.count - 1) - mean * mean);
    assert_true(deviation / mean > 0.97 && deviation / mean < 1.03);
    schedule_free(&schedule);

    assert_int_equal(schedule_make(&schedule, &poisson, 0, 500), 0);
    assert_int_equal(schedule.count, 500);
    schedule_free(&schedule);
    assert_int_equal(schedule_make(&schedule, &poisson, 0, 100000000), -E2BIG);
}

/* ---- open ---- */

static void every_request_of_a_schedule_has_an_end(void **state) {
    (void)state;
    enum { REQUESTS = 400 };
    for (unsigned v = 0; v < variant_count; v++) {
        for (int own = 0; own < 2; own++) {
            struct served served;
            serve(&served, &variants[v]);
            const struct load_schedule schedule = {.per_s = 4000,
                                                   .seed = v + 1,
                                                   .own = own != 0,
                                                   .sleeps = true,
                                                   .keeps_series = true,
                                                   .series_max = REQUESTS};
            struct load_options load = many(&variants[v], &served, 8, REQUESTS);
            load.schedule = &schedule;
            struct load_result *result = run(&load);
            uint64_t counts[ECHO_COUNTS] = {0};
            served_stop(&served, counts);
            assert_int_equal(result->ok, REQUESTS);
            assert_int_equal(result->open.offered, REQUESTS);
            assert_int_equal(result->open.unsent, 0);
            assert_int_equal(result->open.lateness.count, REQUESTS);
            assert_int_equal(result->open.series_count, REQUESTS);
            assert_int_equal(counts[ECHO_REPLIES], REQUESTS);
            load_free(result);
        }
    }
}

/* So far apart that one connection could take them all: it does, unless each has its own. */
static void pinned_request_goes_to_its_connection(void **state) {
    (void)state;
    const struct variant *variant = variant_find("tcp-persistent");
    uint64_t sockets[2] = {0};
    /* A pause of the machine makes two requests due at once: not every time. */
    for (int attempt = 0; attempt < 5 && sockets[0] != 1; attempt++) {
        for (int own = 0; own < 2; own++) {
            struct served served;
            serve(&served, variant);
            const struct load_schedule schedule = {
                .per_s = 50, .fixed = true, .own = own != 0, .sleeps = true};
            struct load_options load = many(variant, &served, 2, 10);
            load.schedule = &schedule;
            struct load_result *result = run(&load);
            served_stop(&served, NULL);
            assert_int_equal(result->ok, 10);
            sockets[own] = result->sockets;
            load_free(result);
        }
        assert_int_equal(sockets[1], 2);
    }
    assert_int_equal(sockets[0], 1);
}

/* More than it can carry: every request is accounted for, and it is over in bounded time. */
static void overload_is_said_and_ends(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        if (!variants[v].core) continue;
        struct served served;
        struct echo_server_options slow = variants[v].server;
        slow.delay_ns = UINT64_C(5) * MS;
        assert_int_equal(served_start(&served, variants[v].transport, &slow, false), 0);
        const struct load_schedule schedule = {.per_s = 2000, .fixed = true, .sleeps = true};
        struct load_options load = many(&variants[v], &served, 1, 0);
        load.duration_ns = UINT64_C(200) * MS;
        load.deadline_ns = UINT64_C(50) * MS;
        load.schedule = &schedule;
        const uint64_t start_ns = echo_clock_ns();
        struct load_result *result = run(&load);
        assert_true(echo_clock_ns() - start_ns < UINT64_C(5000) * MS);
        served_stop(&served, NULL);
        assert_int_equal(result->open.offered, 400);
        assert_int_equal(result->sent, 400);
        assert_true(result->lost > 300); /* sent too late to be answered, or not sent at all */
        assert_true(load_is_overloaded(result, false));
        load_free(result);
    }
}

/* ---- a server that stops for a while: what a closed loop does not see ---- */

struct pause {
    pid_t pid;
    uint64_t after_ns, for_ns;
};

static void *stop_for_a_while(void *argument) {
    const struct pause *pause = argument;
    echo_clock_sleep_until(echo_clock_ns() + pause->after_ns);
    (void)kill(pause->pid, SIGSTOP);
    echo_clock_sleep_until(echo_clock_ns() + pause->for_ns);
    (void)kill(pause->pid, SIGCONT);
    return NULL;
}

static void start_server(struct program *server, struct served *served) {
    char line[256];
    assert_int_equal(echolab_start(server, "serve --port 0"), 0);
    assert_true(program_line(server->out, line, sizeof line, TEST_DEADLINE_MS) > 0);
    char *end = strstr(line, " (");
    assert_non_null(end);
    *end = '\0';
    const uint16_t port = (uint16_t)strtoul(strrchr(line, ':') + 1, NULL, 10);
    assert_int_equal(echo_address_find(&served->address, NULL, port), 0);
}

static uint64_t slower_than(const struct load_result *result, uint64_t ns) {
    const struct histogram *latency = &result->durations[LOAD_LATENCY];
    uint64_t slower = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram_upper_bound_ns(i) > ns) slower += latency->bucket[i];
    }
    return slower;
}

static void open_loop_sees_a_stopped_server(void **state) {
    (void)state;
    const struct variant *variant = variant_find("tcp-persistent");
    uint64_t slow[2];
    for (int open = 0; open < 2; open++) {
        struct program server;
        struct served served = {0};
        start_server(&server, &served);
        struct pause pause = {
            .pid = server.pid, .after_ns = UINT64_C(100) * MS, .for_ns = UINT64_C(100) * MS};
        const struct load_schedule schedule = {.per_s = 500, .fixed = true, .sleeps = true};
        struct load_options load = many(variant, &served, 1, 0);
        load.duration_ns = UINT64_C(400) * MS;
        if (open != 0) load.schedule = &schedule;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_for_a_while, &pause), 0);
        struct load_result *result = run(&load);
        assert_int_equal(pthread_join(thread, NULL), 0);
        slow[open] = slower_than(result, UINT64_C(20) * MS);
        load_free(result);
        (void)program_stop(&server, SIGTERM);
    }
    /* One exchange met it; of the schedule all that were due in those 100 ms did. */
    assert_true(slow[0] <= 3);
    assert_true(slow[1] >= 30);
}

/* For good, and in the middle: what is under way is lost, each within its deadline. */
static void server_that_stops_answering_ends_nothing_else(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        if (!variants[v].core) continue;
        for (int open = 0; open < 2; open++) {
            struct program server;
            struct served served = {0};
            start_server(&server, &served);
            struct pause pause = {
                .pid = server.pid, .after_ns = UINT64_C(50) * MS, .for_ns = UINT64_C(800) * MS};
            const struct load_schedule schedule = {.per_s = 500, .fixed = true, .sleeps = true};
            struct load_options load = many(&variants[v], &served, 4, 0);
            load.duration_ns = UINT64_C(200) * MS;
            load.deadline_ns = UINT64_C(60) * MS;
            if (open != 0) load.schedule = &schedule;
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, stop_for_a_while, &pause), 0);
            const uint64_t start_ns = echo_clock_ns();
            struct load_result *result = run(&load);
            assert_true(echo_clock_ns() - start_ns < UINT64_C(780) * MS);
            assert_true(result->ok > 0);
            assert_true(result->lost > 0);
            load_free(result);
            assert_int_equal(pthread_join(thread, NULL), 0);
            (void)program_stop(&server, SIGTERM);
        }
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, count_descriptors, descriptors_are_given_back)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_messages_are_answered_over_many_connections),
        TEST(a_kernel_without_epoll_pwait2_will_do),
        TEST(time_ends_a_load_too),
        TEST(large_messages_do_not_deadlock),
        TEST(nobody_there_ends_it),
        TEST(silence_is_lost_in_time),
        TEST(schedule_is_what_it_says),
        TEST(every_request_of_a_schedule_has_an_end),
        TEST(pinned_request_goes_to_its_connection),
        TEST(overload_is_said_and_ends),
        TEST(open_loop_sees_a_stopped_server),
        TEST(server_that_stops_answering_ends_nothing_else),
    };
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
