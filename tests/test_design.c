/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ways to build a server: all answer everything, and differ in who has to
 * wait for whom. What is asked of one is asked of all; what sets one apart is
 * said where it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* wants the four above */

#include "bench/load/load.h"
#include "bench/serve/design.h"
#include "echo/clock.h"
#include "tcp/transport.h"
#include "tests/support.h"
#include "udp/transport.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 120, SMALL = 300, LARGE = 1 << 20, SHORT_MS = 200, CROWD = 64 };

#define NS_PER_MS UINT64_C(1000000)
#define DEADLINE_NS (TEST_DEADLINE_MS * NS_PER_MS)

/* ---- every test gives back what it took: descriptors, threads, children ---- */

static int descriptors_before, threads_before;
static rlim_t descriptors_allowed;

static int count_threads(void) {
    DIR *directory = opendir("/proc/self/task");
    int count = 0;
    while (directory != NULL && readdir(directory) != NULL) count++;
    if (directory != NULL) (void)closedir(directory);
    return count;
}

static void set_descriptors(rlim_t soft) {
    struct rlimit limit;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = soft;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int count_all(void **state) {
    (void)state;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    descriptors_allowed = limit.rlim_cur;
    descriptors_before = program_descriptors(getpid());
    threads_before = count_threads();
    return descriptors_before < 0;
}

static int all_is_given_back(void **state) {
    (void)state;
    const uint64_t until_ns = echo_clock_ns() + DEADLINE_NS;
    set_descriptors(descriptors_allowed); /* where the test did not come so far */
    assert_int_equal(program_descriptors(getpid()), descriptors_before);
    /* A thread that was joined may still be listed for a moment. */
    while (count_threads() > threads_before && echo_clock_ns() < until_ns) {
        echo_clock_sleep_until(echo_clock_ns() + NS_PER_MS);
    }
    assert_int_equal(count_threads(), threads_before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return 0;
}

/* ---- servers and raw TCP clients ---- */

static struct served served;
static uint64_t counts[ECHO_COUNTS];

static void serve_with(const struct design_options *options) {
    struct design_options wanted = *options;
    if (wanted.server.address.size == 0) {
        assert_int_equal(echo_address_find(&wanted.server.address, NULL, 0), 0);
    }
    assert_int_equal(design_start(&served.server, &wanted, &served.address), 0);
}

static void serve(enum design design, const struct echo_transport *transport) {
    serve_with(&(struct design_options){.design = design, .transport = transport});
}

static void stop(void) {
    for (int i = 0; i < ECHO_COUNTS; i++) counts[i] = 0;
    served_stop(&served, counts);
}

static int reach(int type) {
    const int fd = test_connect(&served.address, type);
    assert_true(fd >= 0);
    return fd;
}

static struct echo_message request(uint32_t payload_bytes) {
    return (struct echo_message){.kind = ECHO_REQUEST,
                                 .payload_bytes = payload_bytes,
                                 .reply_bytes = payload_bytes,
                                 .session = TEST_SESSION,
                                 .sequence = 1};
}

static void ask(int fd, size_t most) {
    uint8_t bytes[ECHO_HEADER_BYTES + SMALL];
    const struct echo_message m = request(SMALL);
    const size_t size = test_put(bytes, &m);
    const size_t part = most < size ? most : size;
    assert_int_equal(send(fd, bytes, part, MSG_NOSIGNAL), part);
}

static void assert_reply(int fd) {
    uint8_t bytes[ECHO_HEADER_BYTES + SMALL];
    const struct echo_message m = request(SMALL);
    assert_int_equal(test_receive(fd, bytes, sizeof bytes), sizeof bytes);
    assert_true(test_is_reply(bytes, sizeof bytes, &m));
}

static void assert_answers(int fd) {
    ask(fd, SIZE_MAX);
    assert_reply(fd);
}

static bool replies_within(int fd, int timeout_ms) {
    struct pollfd at = {.fd = fd, .events = POLLIN};
    return poll(&at, 1, timeout_ms) == 1;
}

/* Asks and never reads, until both sides' buffers are full: the server cannot send. */
static void stop_up(int fd) {
    static uint8_t bytes[ECHO_HEADER_BYTES + LARGE];
    const struct echo_message m = request(LARGE);
    const size_t size = test_put(bytes, &m);
    ssize_t put = 1;
    for (size_t sent = 0; put > 0; sent += (size_t)put) {
        struct pollfd at = {.fd = fd, .events = POLLOUT};
        if (poll(&at, 1, 100) == 0) break;
        put = send(fd, bytes + sent % size, size - sent % size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

static void for_each_design(void (*play)(enum design)) {
    for (int design = 0; design < DESIGNS; design++) play((enum design)design);
}

/* ---- answering ---- */

static struct load_options load_for(const struct variant *variant, unsigned connections,
                                    uint64_t messages) {
    return (struct load_options){.transport = variant->transport,
                                 .client = test_client(variant, &served.address, SMALL),
                                 .connections = connections,
                                 .messages = messages,
                                 .deadline_ns = DEADLINE_NS,
                                 .server = -1};
}

static void play_variants(enum design design) {
    /* With one connection at a time the others wait, for as long as it is kept. */
    const unsigned connections = design == DESIGN_ITERATIVE ? 1 : 4;
    for (unsigned v = 0; v < variant_count; v++) {
        serve_with(&(struct design_options){
            .design = design, .transport = variants[v].transport, .server = variants[v].server});
        const struct load_options load = load_for(&variants[v], connections, 40);
        struct load_result *result;
        assert_int_equal(load_run(&result, &load), 0);
        stop();
        assert_int_equal(result->ok, 40);
        assert_int_equal(result->sent, 40);
        load_free(result);
        assert_int_equal(counts[ECHO_REQUESTS], 40);
        assert_int_equal(counts[ECHO_REPLIES], 40);
        assert_int_equal(counts[ECHO_REFUSED] + counts[ECHO_TRUNCATED] + counts[ECHO_DRAINED], 0);
    }
}

static void every_design_answers_every_variant(void **state) {
    (void)state;
    for_each_design(play_variants);
}

static void play_crowd(enum design design) {
    int held[CROWD];
    if (design == DESIGN_ITERATIVE) return;
    serve(design, &tcp_transport);
    for (int i = 0; i < CROWD; i++) { /* each answered while all before it stay connected */
        held[i] = reach(SOCK_STREAM);
        assert_answers(held[i]);
    }
    for (int i = CROWD - 1; i >= 0; i--) assert_answers(held[i]);
    for (int i = 0; i < CROWD; i++) (void)close(held[i]);
    stop();
    assert_int_equal(counts[ECHO_ACCEPTED], CROWD);
    assert_int_equal(counts[ECHO_REPLIES], 2 * CROWD);
}

static void crowd_stays_connected_and_is_answered(void **state) {
    (void)state;
    for_each_design(play_crowd);
}

static void play_queue(enum design design) {
    int waiting[CROWD];
    serve(design, &tcp_transport);
    for (int i = 0; i < CROWD; i++) waiting[i] = reach(SOCK_STREAM);
    for (int i = 0; i < CROWD; i++) ask(waiting[i], SIZE_MAX);
    for (int i = 0; i < CROWD; i++) {
        assert_reply(waiting[i]);
        (void)close(waiting[i]);
    }
    stop();
    assert_int_equal(counts[ECHO_ACCEPTED], CROWD);
    assert_int_equal(counts[ECHO_REPLIES], CROWD);
}

static void who_connects_at_once_with_others_is_answered_in_turn(void **state) {
    (void)state;
    for_each_design(play_queue);
}

/* ---- who waits for whom ---- */

/* An exchange with a short deadline, of a client that connects anew. */
static enum exchange_outcome exchange_outcome_now(void) {
    const struct variant *variant = variant_find("tcp-per-message");
    struct echo_client_options options = test_client(variant, &served.address, SMALL);
    options.patience_ns = SHORT_MS * NS_PER_MS;
    struct echo_client *client;
    struct exchange x;
    assert_int_equal(variant->transport->client->open(&client, &options), 0);
    (void)exchange_init(&x, client, TEST_SESSION, SHORT_MS * NS_PER_MS, 1);
    const uint64_t now_ns = echo_clock_ns();
    (void)exchange_start(&x, now_ns, now_ns);
    exchange_run(&x, EXCHANGE_BLOCK);
    client->steps->close(client);
    return x.outcome;
}

static void silent_client_stops_an_iterative_server(void **state) {
    (void)state;
    serve(DESIGN_ITERATIVE, &tcp_transport);
    const int silent = reach(SOCK_STREAM);
    for (int i = 0; i < 2; i++) assert_int_equal(exchange_outcome_now(), EXCHANGE_LOST);
    const int waiting = reach(SOCK_STREAM);
    ask(waiting, SIZE_MAX);
    assert_false(replies_within(waiting, SHORT_MS));
    (void)close(silent);
    assert_reply(waiting);
    (void)close(waiting);
    stop();
}

static void play_silent(enum design design) {
    int silent[CROWD];
    if (design == DESIGN_ITERATIVE) return;
    serve(design, &tcp_transport);
    for (int i = 0; i < CROWD; i++) {
        silent[i] = reach(SOCK_STREAM);
        ask(silent[i], (size_t)i % 60); /* or in the middle of a message */
    }
    const int other = reach(SOCK_STREAM);
    for (int i = 0; i < 3; i++) assert_answers(other);
    (void)close(other);
    for (int i = 0; i < CROWD; i++) (void)close(silent[i]);
    stop();
    assert_int_equal(counts[ECHO_REPLIES], 3);
}

static void silent_clients_harm_nobody_elsewhere(void **state) {
    (void)state;
    for_each_design(play_silent);
}

static void play_slow_readers(enum design design) {
    int slow[4];
    int others[16];
    if (design == DESIGN_ITERATIVE) return;
    serve(design, &tcp_transport);
    for (int i = 0; i < 16; i++) others[i] = reach(SOCK_STREAM);
    for (int i = 0; i < 4; i++) {
        slow[i] = reach(SOCK_STREAM);
        stop_up(slow[i]);
        for (int j = 0; j < 16; j++) assert_answers(others[j]);
    }
    const int later = reach(SOCK_STREAM);
    assert_answers(later);
    /* Once it reads it gets what it is owed. */
    static uint8_t bytes[ECHO_HEADER_BYTES + LARGE];
    const struct echo_message m = request(LARGE);
    assert_int_equal(test_receive(slow[0], bytes, sizeof bytes), sizeof bytes);
    assert_true(test_is_reply(bytes, sizeof bytes, &m));
    (void)close(later);
    for (int i = 0; i < 4; i++) (void)close(slow[i]);
    for (int i = 0; i < 16; i++) (void)close(others[i]);
    stop();
    assert_true(counts[ECHO_REPLIES] >= 4 * 16 + 1 + 1);
}

static void slow_readers_harm_nobody_elsewhere(void **state) {
    (void)state;
    for_each_design(play_slow_readers);
}

/* ---- idle connections ---- */

enum { IDLE_MS = 200 };

static void serve_impatiently(enum design design, const struct echo_transport *transport) {
    serve_with(&(struct design_options){
        .design = design, .transport = transport, .idle_timeout_ns = IDLE_MS * NS_PER_MS});
}

/* In use for longer than the timeout, with short pauses. False: ours became long ones. */
static bool use(int fd) {
    for (int i = 0; i < 15; i++) {
        const uint64_t before_ns = echo_clock_ns();
        echo_clock_sleep_until(before_ns + IDLE_MS / 10 * NS_PER_MS);
        if (echo_clock_ns() > before_ns + IDLE_MS / 2 * NS_PER_MS) return false;
        assert_answers(fd);
        if (echo_clock_ns() > before_ns + IDLE_MS / 2 * NS_PER_MS) return false;
    }
    return true;
}

static void play_used(enum design design) {
    bool used = false;
    for (int tries = 0; tries < 10 && !used; tries++) {
        serve_impatiently(design, &tcp_transport);
        const int fd = reach(SOCK_STREAM);
        used = use(fd);
        (void)close(fd);
        stop();
    }
    if (!used) print_message("%s: this machine is too busy to tell\n", design_names[design]);
}

static void used_connection_is_not_timed_out(void **state) {
    (void)state;
    for_each_design(play_used);
}

static void play_idle(enum design design) {
    static const size_t parts[] = {0, 10, SIZE_MAX}; /* silent, in mid-message, answered */
    uint8_t byte;
    serve_impatiently(design, &tcp_transport);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const int fd = reach(SOCK_STREAM);
        const uint64_t before_ns = echo_clock_ns();
        ask(fd, parts[i]);
        if (parts[i] == SIZE_MAX) assert_reply(fd);
        assert_int_equal(test_receive(fd, &byte, 1), 0); /* an end of file, no reset */
        /* The kernel counts a socket's timeout in jiffies. */
        assert_true(echo_clock_ns() - before_ns > (IDLE_MS - 20) * NS_PER_MS);
        (void)close(fd);
    }
    stop();
    assert_int_equal(counts[ECHO_ACCEPTED], 3);
    assert_int_equal(counts[ECHO_REPLIES], 1);
}

static void idle_connection_is_timed_out(void **state) {
    (void)state;
    for_each_design(play_idle);
}

static void play_unread(enum design design) {
    serve_impatiently(design, &tcp_transport);
    const int fd = reach(SOCK_STREAM);
    stop_up(fd);
    struct pollfd at = {.fd = fd, .events = 0}; /* POLLERR, POLLHUP: it was reset */
    assert_int_equal(poll(&at, 1, TEST_DEADLINE_MS), 1);
    (void)close(fd);
    stop();
}

static void connection_that_is_never_read_is_timed_out(void **state) {
    (void)state;
    for_each_design(play_unread);
}

static void play_shared(enum design design) {
    serve_impatiently(design, &udp_transport);
    const int fd = reach(SOCK_DGRAM);
    assert_answers(fd);
    echo_clock_sleep_until(echo_clock_ns() + 3 * IDLE_MS / 2 * NS_PER_MS);
    assert_answers(fd);
    (void)close(fd);
    stop();
    assert_int_equal(counts[ECHO_REPLIES], 2);
}

static void socket_of_all_clients_is_never_idle(void **state) {
    (void)state;
    for_each_design(play_shared);
}

/* ---- too few descriptors ---- */

static int next_descriptor(void) {
    const int fd = dup(STDIN_FILENO);
    assert_true(fd >= 0);
    (void)close(fd);
    return fd;
}

/* A server whose connections each cost the process a descriptor. */
static void play_shortage(enum design design) {
    enum { CLIENTS = 8, ROOM = 4, SURE = ROOM - 1 }; /* a sanitizer may open one now and then */
    int clients[CLIENTS];
    if (design == DESIGN_ITERATIVE || design == DESIGN_FORK) return;
    serve(design, &tcp_transport);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(clients[i] >= 0);
    }
    set_descriptors((rlim_t)next_descriptor() + ROOM);
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(connect(clients[i], &served.address.any, served.address.size), 0);
        ask(clients[i], SIZE_MAX);
    }
    for (int i = 0; i < SURE; i++) assert_reply(clients[i]);
    const uint64_t cpu_ns = echo_clock_cpu_ns(0);
    assert_false(replies_within(clients[CLIENTS - 1], SHORT_MS)); /* nobody accepts it ... */
    assert_true(echo_clock_cpu_ns(0) - cpu_ns < SHORT_MS / 2 * NS_PER_MS); /* ... nor spins */
    for (int i = 0; i < SURE; i++) assert_answers(clients[i]); /* and the others are unharmed */
    for (int i = 0; i < CLIENTS; i++) {
        if (i >= SURE) assert_reply(clients[i]); /* there is a descriptor again */
        (void)close(clients[i]);
    }
    set_descriptors(descriptors_allowed);
    stop();
    assert_int_equal(counts[ECHO_ACCEPTED], CLIENTS);
    assert_int_equal(counts[ECHO_REPLIES], CLIENTS + SURE);
}

static void want_of_descriptors_harms_no_connection_and_passes(void **state) {
    (void)state;
    for_each_design(play_shortage);
}

/* ---- the end ---- */

static void play_stuck(enum design design) {
    for (int kind = 0; kind < 4; kind++) {
        int stuck[3];
        serve(design, &tcp_transport);
        for (int i = 0; i < 3; i++) {
            stuck[i] = reach(SOCK_STREAM);
            if (kind == 1) ask(stuck[i], 10);
            if (kind == 2 && (i == 0 || design != DESIGN_ITERATIVE)) assert_answers(stuck[i]);
            if (kind == 3 && i == 0) stop_up(stuck[i]);
        }
        stop();
        assert_true(counts[ECHO_ACCEPTED] <= 3);
        const uint64_t answered = design == DESIGN_ITERATIVE ? 1 : 3;
        if (kind == 2) assert_int_equal(counts[ECHO_REPLIES], answered);
        for (int i = 0; i < 3; i++) (void)close(stuck[i]);
        assert_int_equal(program_descriptors(getpid()), descriptors_before);
    }
}

static void stop_returns_whatever_its_clients_do(void **state) {
    (void)state;
    for_each_design(play_stuck);
}

static void play_nothing(enum design design) {
    for (unsigned v = 0; v < variant_count; v++) {
        serve(design, variants[v].transport);
        stop();
        for (int i = 0; i < ECHO_COUNTS; i++) assert_int_equal(counts[i], 0);
    }
}

static void server_that_nobody_met_stops(void **state) {
    (void)state;
    for_each_design(play_nothing);
}

static void play_refused(enum design design) {
    for (unsigned v = 0; v < variant_count; v++) {
        struct design_server *second;
        struct echo_address address;
        serve(design, variants[v].transport);
        const struct design_options wanted = {.design = design,
                                              .transport = variants[v].transport,
                                              .server = {.address = served.address}};
        const int before = program_descriptors(getpid());
        assert_int_equal(design_start(&second, &wanted, &address), -EADDRINUSE);
        assert_int_equal(program_descriptors(getpid()), before);
        stop();
        serve_with(&wanted); /* and at once the port is free again */
        stop();
    }
}

static void second_server_on_a_port_is_refused(void **state) {
    (void)state;
    for_each_design(play_refused);
}

/* ---- workers ---- */

static void second_server_on_a_shared_port_is_refused(void **state) {
    (void)state;
    for (unsigned v = 0; v < variant_count; v++) {
        struct design_server *second;
        struct echo_address address;
        struct design_options wanted = {
            .design = DESIGN_EPOLL, .transport = variants[v].transport, .workers = 2};
        serve_with(&wanted);
        wanted.server.address = served.address;
        for (wanted.workers = 1; wanted.workers <= 2; wanted.workers++) {
            assert_int_equal(design_start(&second, &wanted, &address), -EADDRINUSE);
        }
        const struct load_options load = load_for(&variants[v], 8, 80);
        struct load_result *result;
        assert_int_equal(load_run(&result, &load), 0);
        assert_int_equal(result->ok, 80);
        load_free(result);
        stop();
        assert_int_equal(counts[ECHO_REPLIES], 80);
    }
}

struct two {
    struct echo_server *servers[2];
    struct epoll_worker workers[2];
    pthread_t threads[2];
    atomic_bool stopping;
    int wake;
};

static void *run_worker(void *argument) {
    epoll_worker_run(argument);
    return NULL;
}

static void start_two(struct two *two, const struct echo_transport *transport) {
    struct echo_server_options wanted = {.nonblocking = true};
    *two = (struct two){.wake = eventfd(0, EFD_CLOEXEC)};
    assert_true(two->wake >= 0);
    assert_int_equal(echo_address_find(&wanted.address, NULL, 0), 0);
    assert_int_equal(design_listen(two->servers, 2, transport, &wanted, &served.address), 0);
    for (int i = 0; i < 2; i++) {
        struct epoll_worker *w = &two->workers[i];
        w->server = two->servers[i];
        w->stopping = &two->stopping;
        w->wake = two->wake;
        assert_int_equal(epoll_worker_open(w), 0);
        assert_int_equal(pthread_create(&two->threads[i], NULL, run_worker, w), 0);
    }
}

/* Each worker must have answered somebody; together they answered all. */
static void stop_two(struct two *two, uint64_t replies) {
    const uint64_t one = 1;
    atomic_store(&two->stopping, true);
    assert_int_equal(write(two->wake, &one, sizeof one), sizeof one);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(two->threads[i], NULL), 0);
        assert_true(two->workers[i].echo.counts[ECHO_REPLIES] > 0);
        replies -= two->workers[i].echo.counts[ECHO_REPLIES];
        epoll_worker_close(&two->workers[i], NULL);
        two->servers[i]->steps->release(two->servers[i]);
    }
    assert_int_equal(replies, 0);
    (void)close(two->wake);
}

static void two_workers_share_a_port_and_its_work(void **state) {
    (void)state;
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    static const struct echo_transport *const transports[] = {&tcp_transport, &udp_transport};
    for (int t = 0; t < 2; t++) {
        struct two two;
        start_two(&two, transports[t]);
        for (int i = 0; i < CROWD; i++) { /* the kernel deals them out by their ports */
            const int fd = reach(types[t]);
            assert_answers(fd);
            (void)close(fd);
        }
        stop_two(&two, CROWD);
    }
}

/* ---- processes ---- */

static void play_process(enum design design) {
    for (unsigned v = 0; v < variant_count; v++) {
        struct server_process process;
        struct design_options options = {.transport = variants[v].transport,
                                         .server = variants[v].server,
                                         .design = design,
                                         .cpu = -1};
        assert_int_equal(echo_address_find(&options.server.address, NULL, 0), 0);
        assert_int_equal(server_process_start(&process, &options), 0);
        served.address = process.address;
        const struct load_options load = load_for(&variants[v], 1, 20);
        struct load_result *result;
        assert_int_equal(load_run(&result, &load), 0);
        assert_int_equal(result->ok, 20);
        load_free(result);
        for (int i = 0; i < ECHO_COUNTS; i++) counts[i] = 0;
        assert_int_equal(server_process_stop(&process, counts), 0);
        assert_int_equal(counts[ECHO_REPLIES], 20);
    }
}

static void every_design_serves_in_a_process_of_its_own(void **state) {
    (void)state;
    for_each_design(play_process);
}

static pid_t only_child(pid_t parent) {
    pid_t children[2];
    assert_int_equal(program_children(parent, children, 2), 1);
    return children[0];
}

static void forked_processes_die_with_their_parent(void **state) {
    (void)state;
    struct server_process process;
    struct design_options options = {.transport = &tcp_transport, .design = DESIGN_FORK, .cpu = -1};
    assert_int_equal(echo_address_find(&options.server.address, NULL, 0), 0);
    assert_int_equal(server_process_start(&process, &options), 0);
    served.address = process.address;
    const int fd = reach(SOCK_STREAM);
    assert_answers(fd);
    const pid_t accepting = only_child(process.pid);
    const pid_t serving = only_child(accepting);
    assert_int_equal(kill(process.pid, SIGKILL), 0);
    assert_true(program_ends(accepting, TEST_DEADLINE_MS));
    assert_true(program_ends(serving, TEST_DEADLINE_MS));
    assert_int_equal(server_process_stop(&process, counts), -EIO);
    uint8_t byte;
    assert_int_equal(test_receive(fd, &byte, 1), 0);
    (void)close(fd);
}

static void forked_children_that_ended_are_reaped(void **state) {
    (void)state;
    serve(DESIGN_FORK, &tcp_transport);
    const pid_t accepting = only_child(getpid());
    for (int i = 0; i < CROWD; i++) {
        const int fd = reach(SOCK_STREAM);
        assert_answers(fd);
        (void)close(fd);
    }
    /* Each new connection is when those are looked for that are over. */
    pid_t children[CROWD];
    const uint64_t until_ns = echo_clock_ns() + DEADLINE_NS;
    int left = CROWD;
    uint64_t more = 0;
    for (; left > 2 && echo_clock_ns() < until_ns; more++) {
        const int fd = reach(SOCK_STREAM);
        assert_answers(fd);
        (void)close(fd);
        left = program_children(accepting, children, CROWD);
    }
    assert_true(left <= 2);
    stop();
    assert_int_equal(counts[ECHO_REPLIES], CROWD + more);
}

static void *do_nothing(void *argument) {
    return argument;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, count_all, all_is_given_back)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_design_answers_every_variant),
        TEST(crowd_stays_connected_and_is_answered),
        TEST(who_connects_at_once_with_others_is_answered_in_turn),
        TEST(silent_client_stops_an_iterative_server),
        TEST(silent_clients_harm_nobody_elsewhere),
        TEST(slow_readers_harm_nobody_elsewhere),
        TEST(used_connection_is_not_timed_out),
        TEST(idle_connection_is_timed_out),
        TEST(connection_that_is_never_read_is_timed_out),
        TEST(socket_of_all_clients_is_never_idle),
        TEST(want_of_descriptors_harms_no_connection_and_passes),
        TEST(stop_returns_whatever_its_clients_do),
        TEST(server_that_nobody_met_stops),
        TEST(second_server_on_a_port_is_refused),
        TEST(second_server_on_a_shared_port_is_refused),
        TEST(two_workers_share_a_port_and_its_work),
        TEST(every_design_serves_in_a_process_of_its_own),
        TEST(forked_processes_die_with_their_parent),
        TEST(forked_children_that_ended_are_reaped),
    };
    (void)test_payload(); /* filled before there are threads */
    /* A sanitizer may start a thread of its own beside the first one: not one of ours. */
    pthread_t first;
    if (pthread_create(&first, NULL, do_nothing, NULL) == 0) (void)pthread_join(first, NULL);
    (void)alarm(HANG_S);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
