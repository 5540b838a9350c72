/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A whole exchange of each core variant over loopback: the measured client
 * and the measured server, one process each, on one CPU. What the rows of
 * work.c must be small beside.
 *
 * Read the real time: the CPU time is the client's alone.
 */
#include <errno.h>
#include <stdio.h>

#include "bench/link/namespace.h"
#include "bench/load/exchange.h"
#include "bench/measure/placement.h"
#include "bench/micro/micro.h"
#include "bench/run/variant.h"
#include "bench/serve/design.h"
#include "echo/clock.h"

enum { ROWS_MOST = 32 };

static const uint64_t DEADLINE_NS = 1000000000;

static const uint8_t payload[64] = "the payload of an exchange";

static struct server_process server;
static struct echo_client *client; /* NULL until it is open */
static struct exchange exchange;

int micro_pin(void) {
    struct placement_cpus cpus;
    (void)profile_enter(PROFILE_LAB); /* as compare's runs; where that is denied, on the host's */
    const int failed = placement_choose(&cpus, PLACEMENT_SAME_CORE);
    return failed != 0 ? failed : placement_pin(cpus.client);
}

static int run(uint64_t iterations) {
    uint64_t now_ns = echo_clock_ns();
    for (uint64_t i = 0; i < iterations; i++) {
        exchange_start(&exchange, now_ns, now_ns);
        exchange_run(&exchange, EXCHANGE_BLOCK);
        if (exchange.outcome != EXCHANGE_OK) return exchange.error != 0 ? -exchange.error : -EIO;
        now_ns = exchange.times.closed;
    }
    return 0;
}

static void tear_down(void) {
    uint64_t counts[ECHO_COUNTS];
    if (client != NULL) client->steps->close(client);
    client = NULL;
    (void)server_process_stop(&server, counts);
}

static int set_up(const struct micro_row *row, size_t size) {
    (void)size;
    const struct variant *variant = row->subject;
    struct design_options wanted = {.transport = variant->transport, .cpu = -1};
    if (echo_address_find(&wanted.server.address, "127.0.0.1", 0) != 0) return -EADDRNOTAVAIL;
    int failed = server_process_start(&server, &wanted); /* on our CPU: see micro_pin */
    if (failed != 0) return failed;
    const struct echo_client_options options = {
        .server = server.address,
        .lifetime = variant->lifetime,
        .session = echo_clock_ns(), /* no two clients of ours are opened in one nanosecond */
        .payload = payload,
        .payload_bytes = sizeof payload,
        .reply_bytes = sizeof payload,
        .patience_ns = DEADLINE_NS};
    failed = variant->transport->client->open(&client, &options);
    if (failed == 0) {
        exchange_init(&exchange, client, options.session, DEADLINE_NS);
        failed = run(1); /* so that a connection that stays is there before the clock runs */
    }
    if (failed != 0) tear_down();
    return failed;
}

/* Made from the table of variants, so that a further core variant has its row at once. */
struct micro_table micro_exchange(void) {
    static struct micro_row rows[ROWS_MOST];
    size_t count = 0;
    for (unsigned i = 0; i < variant_count && count < ROWS_MOST; i++) {
        char *name;
        if (!variants[i].core || asprintf(&name, "exchange/%s", variants[i].name) < 0) continue;
        rows[count++] = (struct micro_row){name, .subject = &variants[i], .set_up = set_up,
                                           .run = run, .tear_down = tear_down};
    }
    return (struct micro_table){rows, count};
}
