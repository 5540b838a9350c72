/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/load/beside.h"

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "bench/measure/system.h"
#include "echo/clock.h"

enum {
    RESERVE = 24, /* descriptors for all else: the streams, the wire, epoll */
    LOOKS = 500,  /* at a number that is to stand still */
    CALM = 5      /* times in a row */
};

unsigned beside_most(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max > UINT_MAX) return UINT_MAX;
    return limit.rlim_max > RESERVE ? (unsigned)limit.rlim_max - RESERVE : 0;
}

static int open_one(struct beside *beside, const struct echo_transport *transport,
                    const struct echo_client_options *options) {
    struct echo_client_options wanted = *options;
    struct echo_client *client;
    /* Each makes one socket, so it would take the first of the addresses. */
    if (options->sources > 0) {
        echo_address_advance(&wanted.source, (uint32_t)(beside->count % options->sources));
        wanted.sources = 1;
    }
    int failed = transport->client->open(&client, &wanted);
    if (failed != 0) return failed;
    failed = client->steps->connect(client);
    if (failed == 0) beside->clients[beside->count++] = client;
    if (failed != 0) client->steps->close(client);
    return failed;
}

int beside_open(struct beside *beside, const struct echo_transport *transport,
                const struct echo_client_options *client, unsigned count) {
    struct echo_client_options wanted = *client;
    *beside = (struct beside){0};
    if (count == 0) return 0;
    /* Nothing will be sent: no buffers, so that the client's memory is no part of the question. */
    wanted.payload = NULL;
    wanted.payload_bytes = wanted.reply_bytes = 0;
    wanted.depth = 1;
    wanted.nonblocking = false;
    beside->clients = calloc(count, sizeof(struct echo_client *));
    if (beside->clients == NULL) return -ENOMEM;
    int failed = 0;
    while (failed == 0 && beside->count < count) failed = open_one(beside, transport, &wanted);
    return failed;
}

void beside_close(struct beside *beside) {
    for (unsigned i = 0; i < beside->count; i++) {
        beside->clients[i]->steps->close(beside->clients[i]);
    }
    free(beside->clients);
    *beside = (struct beside){0};
}

/* How many a process has; 0: the system does not let us look. */
static size_t descriptors(pid_t pid) {
    char path[64];
    glob_t found = {0};
    (void)snprintf(path, sizeof path, "/proc/%ld/fd/*", (long)pid);
    const size_t count = glob(path, GLOB_NOSORT, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

void beside_settle(pid_t server) {
    const uint64_t look_ns = 10000000; /* between two looks */
    size_t last = descriptors(server);
    for (int look = 0, calm = 0; look < LOOKS && calm < CALM && last > 0; look++) {
        echo_clock_sleep_until(echo_clock_ns() + look_ns);
        const size_t now = descriptors(server);
        calm = now == last ? calm + 1 : 0;
        last = now;
    }
}

struct beside_memory beside_memory(pid_t server) {
    struct beside_memory memory = {UINT64_MAX, UINT64_MAX};
    char path[64];
    uint64_t kib;
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)server);
    if (system_scan(path, 1, "RssAnon: %" SCNu64, &kib)) memory.server = 1024 * kib;
    if (system_scan("/proc/meminfo", 1, "Slab: %" SCNu64, &kib)) memory.kernel = 1024 * kib;
    return memory;
}

uint64_t beside_each(uint64_t before, uint64_t after, unsigned count) {
    if (before == UINT64_MAX || after == UINT64_MAX || after < before || count == 0) {
        return UINT64_MAX;
    }
    return (after - before) / count;
}
