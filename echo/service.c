/* SPDX-License-Identifier: MIT */
#include "echo/service.h"

#include <errno.h>
#include <stdlib.h>

uint64_t echo_per_connection(const struct echo_client_options *options) {
    if (options->lifetime != ECHO_PERSISTENT) return 1;
    return options->per_connection > 0 ? options->per_connection : UINT64_MAX;
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
