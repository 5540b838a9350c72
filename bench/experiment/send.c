/* SPDX-License-Identifier: GPL-3.0-or-later */
/* echolab send: a fixed number of messages to a server that runs already. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/experiment/all.h"
#include "bench/load/load.h"
#include "bench/run/status.h"

static int tell(const struct request *request, const struct load_result *result) {
    const double elapsed_s = (double)(result->end_ns - result->start_ns) / 1e9;
    const uint64_t p50_ns = distribution_of(&result->durations[LOAD_LATENCY]).p50_ns;
    char median[32] = "- (too few samples)";
    if (p50_ns != FIELD_UNKNOWN)
        (void)snprintf(median, sizeof median, "%.2f us", (double)p50_ns / 1e3);
    printf("%s: %llu of %llu messages answered in %.6f s, %.0f per second, p50 %s; "
           "lost %llu, failed %llu\n",
           request->variants[0]->name, (unsigned long long)result->ok,
           (unsigned long long)result->sent, elapsed_s,
           elapsed_s > 0 ? (double)result->ok / elapsed_s : 0, median,
           (unsigned long long)result->lost, (unsigned long long)result->failed);
    return result->ok == result->sent ? EXIT_DONE : EXIT_FAILED;
}

int command_send(const struct request *request) {
    struct parameters asked = request->run;
    asked.variant = request->variants[0];
    uint8_t *payload = parameters_payload(&asked);
    if (payload == NULL) return complain("no memory for a payload of %u bytes", asked.size_bytes);
    struct load_options wanted = {.transport = asked.variant->transport,
                                  .client = parameters_client(&asked, payload),
                                  .many = asked.engine == ENGINE_EPOLL,
                                  .connections = asked.connections,
                                  .warmup_ns = asked.warmup_ns,
                                  .messages = asked.messages,
                                  .deadline_ns = asked.deadline_ns,
                                  .server = -1,
                                  .interrupted = &interrupted};
    struct load_result *result = NULL;
    int status, failed = echo_address_parse(&wanted.client.server, asked.host);
    if (failed != 0) {
        status = complain("--host %s: %s", asked.host, echo_address_problem(failed));
    } else {
        interrupt_catch();
        failed = load_run(&result, &wanted);
        status =
            failed != 0 ? complain("cannot send: %s", strerror(-failed)) : tell(request, result);
    }
    load_free(result);
    free(payload);
    return interrupted ? EXIT_INTERRUPTED : status;
}
