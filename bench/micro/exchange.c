/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A whole exchange of each core variant over loopback: the measured client
 * and the measured server, one process each, on one CPU. What the rows of
 * codec.c and measure.c must be small beside.
 *
 * Read the real time: the CPU time is the client's alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/link/namespace.h"
#include "bench/link/profile.h"
#include "bench/load/exchange.h"
#include "bench/measure/placement.h"
#include "bench/micro/micro.h"
#include "bench/run/variant.h"
#include "bench/serve/server_process.h"
#include "echo/clock.h"

enum { PAYLOAD_BYTES = 64, ROWS_MOST = 32, NAME_BYTES = 64 };

static const uint64_t DEADLINE_NS = 1000000000;

static const uint8_t payload[PAYLOAD_BYTES] = "the payload of an exchange";

struct pair {
    struct server_process server;
    struct echo_client *client; /* NULL until it is open */
    struct exchange exchange;
};

int micro_pin(void) {
    struct placement_cpus cpus;
    struct profile_values host;
    /* In a private network as compare's runs are; where that is denied, on the host's. */
    profile_read(&host);
    if (namespace_enter() == 0) profile_apply(PROFILE_LAB, &host);
    const int failed = placement_choose(&cpus, PLACEMENT_SAME_CORE);
    return failed != 0 ? failed : placement_pin(cpus.client);
}

static int run(void *state, uint64_t iterations) {
    struct exchange *x = &((struct pair *)state)->exchange;
    uint64_t now_ns = echo_clock_ns();
    for (uint64_t i = 0; i < iterations; i++) {
        exchange_start(x, now_ns, now_ns);
        exchange_run(x, EXCHANGE_BLOCK);
        if (x->outcome != EXCHANGE_OK) return x->error != 0 ? -x->error : -EIO;
        now_ns = x->times.closed;
    }
    return 0;
}

static void tear_down(void *state) {
    struct pair *pair = state;
    uint64_t counts[ECHO_COUNTS];
    if (pair->client != NULL) pair->client->steps->close(pair->client);
    (void)server_process_stop(&pair->server, counts);
    free(pair);
}

static int open_client(struct pair *pair, const struct variant *variant) {
    const struct echo_client_options options = {
        .server = pair->server.address,
        .lifetime = variant->lifetime,
        .session = echo_clock_ns(), /* no two clients of ours are opened in one nanosecond */
        .payload = payload,
        .payload_bytes = sizeof payload,
        .reply_bytes = sizeof payload,
        .patience_ns = DEADLINE_NS,
    };
    const int failed = variant->transport->client->open(&pair->client, &options);
    if (failed != 0) return failed;
    exchange_init(&pair->exchange, pair->client, options.session, DEADLINE_NS);
    return run(pair, 1); /* so that a connection that stays is there before the clock runs */
}

static int set_up(void **state, const struct micro_row *row, int64_t size) {
    (void)size;
    const struct variant *variant = row->subject;
    struct server_process_options options = {.transport = variant->transport, .cpu = -1};
    if (echo_address_find(&options.server.address, "127.0.0.1", 0) != 0) return -EADDRNOTAVAIL;
    struct pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) return -ENOMEM;
    int failed = server_process_start(&pair->server, &options); /* on our CPU: see micro_pin */
    if (failed != 0) {
        free(pair);
        return failed;
    }
    failed = open_client(pair, variant);
    if (failed != 0) {
        tear_down(pair);
        return failed;
    }
    *state = pair;
    return 0;
}

/* Made from the table of variants, so that a further core variant has its row at once. */
struct micro_table micro_exchange(void) {
    static struct micro_row rows[ROWS_MOST];
    static char names[ROWS_MOST][NAME_BYTES];
    size_t count = 0;
    for (unsigned i = 0; i < variant_count && count < ROWS_MOST; i++) {
        if (!variants[i].core) continue;
        (void)snprintf(names[count], NAME_BYTES, "exchange/%s", variants[i].name);
        rows[count] = (struct micro_row){.name = names[count],
                                         .subject = &variants[i],
                                         .set_up = set_up,
                                         .run = run,
                                         .tear_down = tear_down};
        count++;
    }
    return (struct micro_table){rows, count};
}
