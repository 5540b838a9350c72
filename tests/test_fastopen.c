/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * tcp-fastopen, in a private network where Fast Open is allowed or forbidden:
 * each test is a process of its own there. Whether a request really went in
 * the SYN only the kernel's counters tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/link/namespace.h"
#include "bench/run/validity.h"
#include "echo/clock.h"
#include "tcp/transport.h"
#include "tests/support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 60, MESSAGES = 50, SKIPPED = 77 };

#define DEADLINE_NS ((uint64_t)TEST_DEADLINE_MS * 1000000)

/* Said by the child, whose asserts are not cmocka's: false ends its test. */
#define HOLDS(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            return false;                                                                          \
        }                                                                                          \
    } while (0)

/* ---- a private network ---- */

static bool allow(const char *bits) {
    char now[16] = "";
    int file = open("/proc/sys/net/ipv4/tcp_fastopen", O_RDWR | O_CLOEXEC);
    if (file < 0) return false;
    const bool written = write(file, bits, strlen(bits)) == (ssize_t)strlen(bits);
    const bool read_back = pread(file, now, sizeof now - 1, 0) > 0;
    (void)close(file);
    return written && read_back && strncmp(now, bits, strlen(bits)) == 0;
}

/* Runs `test` in a process and a network of its own, whose tcp_fastopen is `bits`. */
static void in_private_network(const char *bits, bool (*test)(void)) {
    (void)fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)alarm(HANG_S);
        if (namespace_enter() != 0 || !allow(bits)) _exit(SKIPPED);
        _exit(test() ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) {
        print_message("skipped: no private network here in which tcp_fastopen can be set; as root "
                      "there is\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static uint64_t counted(const struct counters *counters, const char *name) {
    for (unsigned i = 0; i < counter_count; i++) {
        if (strcmp(counter_rows[i].name, name) == 0) return counters->value[i];
    }
    return UINT64_MAX;
}

static bool set_counter(struct counters *counters, const char *name, uint64_t value) {
    for (unsigned i = 0; i < counter_count; i++) {
        if (strcmp(counter_rows[i].name, name) != 0) continue;
        counters->value[i] = value;
        return true;
    }
    return false;
}

/* ---- one client and its server ---- */

struct lab {
    const struct variant *variant;
    struct served served;
    struct echo_client_options options;
    struct echo_client *client;
    struct exchange x;
    struct counters counters;
};

static bool open_lab(struct lab *lab, const struct echo_server_options *server, uint32_t size,
                     bool nonblocking) {
    *lab = (struct lab){.variant = variant_find("tcp-fastopen")};
    HOLDS(lab->variant != NULL);
    HOLDS(served_start(&lab->served, lab->variant->transport, server, false) == 0);
    lab->options = test_client(lab->variant, &lab->served.address, size);
    lab->options.nonblocking = nonblocking;
    HOLDS(lab->variant->transport->client->open(&lab->client, &lab->options) == 0);
    (void)exchange_init(&lab->x, lab->client, TEST_SESSION, DEADLINE_NS, 1);
    return true;
}

static void close_lab(struct lab *lab) {
    lab->client->steps->close(lab->client);
    served_stop(&lab->served, NULL);
}

static bool exchange(struct lab *lab, unsigned times, enum exchange_waiting waiting) {
    for (unsigned i = 0; i < times; i++) {
        const uint64_t now_ns = echo_clock_ns();
        exchange_start(&lab->x, now_ns, now_ns);
        exchange_run(&lab->x, waiting);
        HOLDS(lab->x.outcome == EXCHANGE_OK);
        HOLDS(lab->x.error == 0);
        HOLDS(lab->x.times.first_byte <= lab->x.times.replied);
    }
    return true;
}

/* So many exchanges and what the kernel counted meanwhile. */
static bool count_exchanges(struct lab *lab, unsigned times) {
    struct counters before;
    counters_read(&before);
    if (!exchange(lab, times, EXCHANGE_BLOCK)) return false;
    counters_read(&lab->counters);
    counters_subtract(&lab->counters, &before);
    return true;
}

/* ---- allowed ---- */

static bool eight_packets(void) {
    struct lab lab;
    if (!open_lab(&lab, &variant_find("tcp-fastopen")->server, 64, false)) return false;
    if (!exchange(&lab, 1, EXCHANGE_BLOCK)) return false; /* brings the cookie */
    if (!count_exchanges(&lab, MESSAGES)) return false;
    HOLDS(counted(&lab.counters, "kernel.TCPFastOpenActive") == MESSAGES);
    HOLDS(counted(&lab.counters, "kernel.TCPFastOpenPassive") == MESSAGES);
    HOLDS(counted(&lab.counters, "kernel.TCPFastOpenActiveFail") == 0);
    HOLDS(counted(&lab.counters, "kernel.TcpInSegs") == UINT64_C(8) * MESSAGES);
    close_lab(&lab);
    return true;
}

static void message_is_eight_packets_once_the_cookie_is_known(void **state) {
    (void)state;
    in_private_network("3", eight_packets);
}

static bool every_size(void) {
    static const uint32_t sizes[] = {0, 1, 1024, 60000, 100000, ECHO_PAYLOAD_MAX};
    static const struct {
        bool nonblocking;
        enum exchange_waiting waiting;
    } drivers[] = {{false, EXCHANGE_BLOCK}, {true, EXCHANGE_BLOCK}, {true, EXCHANGE_SPIN}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof drivers / sizeof *drivers; j++) {
            struct lab lab;
            const struct echo_server_options server = {.fastopen = true};
            if (!open_lab(&lab, &server, sizes[i], drivers[j].nonblocking)) return false;
            struct counters before;
            counters_read(&before);
            if (!exchange(&lab, 4, drivers[j].waiting)) return false;
            counters_read(&lab.counters);
            counters_subtract(&lab.counters, &before);
            HOLDS(counted(&lab.counters, "kernel.TCPFastOpenActive") >= 3);
            HOLDS(lab.client->sockets_made == 4);
            close_lab(&lab);
        }
    }
    return true;
}

static void every_size_and_driver_sends_in_the_syn(void **state) {
    (void)state;
    in_private_network("3", every_size);
}

static bool refused(void) {
    struct lab lab;
    const struct echo_server_options server = {.fastopen = true};
    if (!open_lab(&lab, &server, 64, false)) return false;
    if (!exchange(&lab, 2, EXCHANGE_BLOCK)) return false;
    served_stop(&lab.served, NULL);
    const uint64_t now_ns = echo_clock_ns();
    exchange_start(&lab.x, now_ns, now_ns);
    exchange_run(&lab.x, EXCHANGE_BLOCK);
    HOLDS(lab.x.outcome == EXCHANGE_FAILED);
    HOLDS(lab.x.error == ECONNREFUSED);
    lab.client->steps->close(lab.client);
    return true;
}

static void refusal_of_a_syn_with_a_request_is_reported(void **state) {
    (void)state;
    in_private_network("3", refused);
}

/* ---- forbidden: it falls back, and a run says so ---- */

static bool says_that_it_fell_back(const struct lab *lab, bool lossy, bool expected) {
    struct load_result *load = calloc(1, sizeof *load);
    HOLDS(load != NULL);
    load->sent = load->ok = load->exchanges = load->answered = MESSAGES;
    load->connections = 1;
    load->busy_ns = load->end_ns = 1000;
    const struct validity_input input = {.load = load,
                                         .variant = lab->variant,
                                         .counters = &lab->counters,
                                         .private_network = true,
                                         .loses_packets = lossy,
                                         .shared_cpu = true,
                                         .latencies = MESSAGES};
    struct validity validity;
    validity_check(&validity, &input);
    free(load);
    bool said = false;
    for (unsigned i = 0; i < validity.count; i++) {
        if (strstr(validity.reason[i], "fast open was not used") != NULL) said = true;
    }
    HOLDS(said == expected);
    return true;
}

static bool falls_back(const struct echo_server_options *server) {
    struct lab lab;
    if (!open_lab(&lab, server, 64, false)) return false;
    if (!count_exchanges(&lab, MESSAGES)) return false;
    HOLDS(counted(&lab.counters, "kernel.TCPFastOpenActive") == 0);
    HOLDS(counted(&lab.counters, "kernel.TcpInSegs") == UINT64_C(10) * MESSAGES);
    if (!says_that_it_fell_back(&lab, false, true)) return false;
    close_lab(&lab);
    return true;
}

static bool willing_server(void) {
    const struct echo_server_options server = {.fastopen = true};
    return falls_back(&server);
}

static bool unwilling_server(void) {
    return falls_back(NULL);
}

static bool used_and_said(void) {
    struct lab lab;
    const struct echo_server_options server = {.fastopen = true};
    if (!open_lab(&lab, &server, 64, false)) return false;
    if (!count_exchanges(&lab, MESSAGES)) return false;
    HOLDS(counted(&lab.counters, "kernel.TCPFastOpenActive") == MESSAGES - 1);
    if (!says_that_it_fell_back(&lab, false, false)) return false;
    HOLDS(set_counter(&lab.counters, "kernel.TCPFastOpenActive", MESSAGES / 2));
    if (!says_that_it_fell_back(&lab, false, true)) return false;
    if (!says_that_it_fell_back(&lab, true, false)) return false; /* as after losses */
    HOLDS(set_counter(&lab.counters, "kernel.TCPFastOpenActive", 0));
    if (!says_that_it_fell_back(&lab, true, true)) return false;
    close_lab(&lab);
    return true;
}

static void client_that_may_not_falls_back(void **state) {
    (void)state;
    in_private_network("2", willing_server);
}

static void server_that_may_not_makes_it_fall_back(void **state) {
    (void)state;
    in_private_network("1", willing_server);
}

static void server_that_was_not_asked_makes_it_fall_back(void **state) {
    (void)state;
    in_private_network("3", unwilling_server);
}

static void only_a_first_exchange_and_losses_are_excused(void **state) {
    (void)state;
    in_private_network("3", used_and_said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_is_eight_packets_once_the_cookie_is_known),
        cmocka_unit_test(every_size_and_driver_sends_in_the_syn),
        cmocka_unit_test(refusal_of_a_syn_with_a_request_is_reported),
        cmocka_unit_test(client_that_may_not_falls_back),
        cmocka_unit_test(server_that_may_not_makes_it_fall_back),
        cmocka_unit_test(server_that_was_not_asked_makes_it_fall_back),
        cmocka_unit_test(only_a_first_exchange_and_losses_are_excused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
