/* SPDX-License-Identifier: MIT */
#include "echo/service.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/param.h>

#include "echo/clock.h"

uint64_t echo_per_connection(const struct echo_client_options *options) {
    if (options->lifetime != ECHO_PERSISTENT) return 1;
    return options->per_connection > 0 ? options->per_connection : UINT64_MAX;
}

void echo_worker_work(const struct echo_worker *worker, uint64_t delay_ns) {
    const uint64_t look_ns = 1000000, until_ns = delay_ns > 0 ? echo_clock_ns() + delay_ns : 0;
    for (uint64_t now_ns = 0; now_ns < until_ns; now_ns = echo_clock_ns()) {
        if (worker->stopping != NULL && *worker->stopping) return;
        echo_clock_spin_until(MIN(until_ns, echo_clock_ns() + look_ns));
    }
}

int echo_worker_borrow(struct echo_worker *worker, size_t least, uint8_t **bytes, size_t *size) {
    if (*bytes != NULL) return 0;
    if (worker->spare == NULL) {
        worker->spare = malloc(least);
        worker->spare_bytes = least;
    }
    if (worker->spare == NULL) return -ENOMEM;
    *bytes = worker->spare;
    *size = worker->spare_bytes;
    worker->spare = NULL;
    return 0;
}

void echo_worker_give_back(struct echo_worker *worker, uint8_t *bytes, size_t size) {
    if (bytes == NULL) return;
    if (worker->spare != NULL) {
        free(bytes);
        return;
    }
    worker->spare = bytes;
    worker->spare_bytes = size;
}

void echo_worker_trim(struct echo_worker *worker, size_t most) {
    if (worker->spare == NULL || worker->spare_bytes <= most) return;
    free(worker->spare);
    worker->spare = NULL;
}
