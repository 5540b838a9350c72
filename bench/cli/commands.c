/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/cli/commands.h"

#include <gsl/gsl_rng.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("echolab: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return EXIT_FAILED;
}

uint8_t *make_payload(const struct options *options) {
    gsl_rng *random = gsl_rng_alloc(gsl_rng_mt19937);
    uint8_t *payload = malloc(options->size_bytes + 1U);
    if (random != NULL && payload != NULL) {
        gsl_rng_set(random, options->seed);
        for (uint32_t i = 0; i < options->size_bytes; i++)
            payload[i] = (uint8_t)gsl_rng_get(random);
    }
    if (random == NULL) {
        free(payload);
        payload = NULL;
    }
    gsl_rng_free(random);
    return payload;
}

/* Spreads a seed over 64 bits (the finaliser of splitmix64), so that sessions do not meet. */
static uint64_t session_of(uint64_t seed) {
    uint64_t z = seed + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct echo_client_options client_options(const struct options *options, const uint8_t *payload) {
    /* Timeouts on a socket are as coarse as the kernel's tick: short ones need poll's. */
    const uint64_t coarse_ns = 25000000;
    const bool spin = options->placement == PLACEMENT_SPIN;
    const bool many = options->engine == ENGINE_EPOLL;
    const unsigned own = options->variants[0]->depth;
    return (struct echo_client_options){
        .lifetime = options->variants[0]->lifetime,
        .nonblocking =
            spin || many ||
                    options->deadline_ns<coarse_ns, .session = session_of(options->seed),
                                         .payload = payload, .payload_bytes = options->size_bytes,
                                         .reply_bytes = options->reply_bytes,
                                         .depth = options->pipeline> 0
                ? options->pipeline
                : own,
        .patience_ns = options->deadline_ns,
        .rto_floor_ns = options->rto_floor_ns,
    };
}
