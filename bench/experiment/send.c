/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab send: a fixed number of messages to a server that runs already. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cli/commands.h"
#include "bench/load/load.h"

static int no_answer(const struct load_result *result, const char *where) {
    int seen = ETIMEDOUT;
    for (int i = 0; i < EXCHANGE_DONE; i++) {
        for (int j = 1; j < LOAD_ERRNOS; j++) {
            if (result->errors[i][j] > 0) seen = j;
        }
    }
    return complain("no server answers at %s: %s; start one with `echolab serve`", where,
                    strerror(seen));
}

static int tell(const struct options *options, const struct load_result *result) {
    const double elapsed_s = (double)(result->end_ns - result->start_ns) / 1e9;
    const struct histogram *latency = &result->durations[LOAD_LATENCY];
    char median[32] = "- (too few samples)";
    if (histogram_supports(latency, 50)) {
        (void)snprintf(median, sizeof median, "%.2f us",
                       (double)histogram_percentile_ns(latency, 50) / 1e3);
    }
    printf("%s: %llu of %llu messages answered in %.6f s, %.0f per second, p50 %s; "
           "lost %llu, failed %llu\n",
           options->variants[0]->name, (unsigned long long)result->ok,
           (unsigned long long)result->sent, elapsed_s,
           elapsed_s > 0 ? (double)result->ok / elapsed_s : 0, median,
           (unsigned long long)result->lost, (unsigned long long)result->failed);
    return result->ok == result->sent ? EXIT_DONE : EXIT_FAILED;
}

int command_send(const struct options *options) {
    const char *host = options->host == NULL ? "127.0.0.1" : options->host;
    uint8_t *payload = make_payload(options);
    if (payload == NULL)
        return complain("no memory for a payload of %u bytes", options->size_bytes);
    struct load_options wanted = {
        .transport = options->variants[0]->transport,
        .client = client_options(options, payload),
        .many = options->engine == ENGINE_EPOLL,
        .connections = options->connections,
        .warmup_ns = options->warmup_ns,
        .messages = options->messages,
        .deadline_ns = options->deadline_ns,
        .server = -1,
        .interrupted = &options_interrupted,
    };
    int status;
    struct load_result *result = NULL;
    int failed = echo_address_parse(&wanted.client.server, host);
    if (failed != 0) {
        status = complain("--host %s: %s", host,
                          failed == -EINVAL ? "the port must be 1 to 65535" : "no such host");
    } else {
        options_catch_signals();
        failed = load_run(&result, &wanted);
        char where[ECHO_ADDRESS_TEXT];
        (void)echo_address_text(&wanted.client.server, where);
        status = failed != 0 ? complain("cannot send: %s", strerror(-failed))
                 : result->ok == 0 && !options_interrupted ? no_answer(result, where)
                                                           : tell(options, result);
    }
    load_free(result);
    free(payload);
    return options_interrupted ? EXIT_INTERRUPTED : status;
}
