/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands of echolab. Each prints what a person is to read and returns
 * an exit status (enum exit_status).
 */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

#include "bench/cli/options.h"

int command_serve(const struct options *options);
int command_send(const struct options *options);
int command_run(const struct options *options);
int command_compare(const struct options *options); /* and sweep */
int command_variants(const struct options *options);
int command_check(const struct options *options);
int command_loss(const struct options *options);      /* sweep loss --packet */
int command_who_waits(const struct options *options); /* sweep loss --rate */
int command_idle(const struct options *options);      /* sweep idle */
int command_life(const struct options *options);      /* sweep life */
int command_crosscheck(const struct options *options);
int command_diff(const struct options *options);
int command_anatomy(const struct options *options);
int command_ladder(const struct options *options);

/* One sentence on stderr, "echolab: ..."; returns EXIT_FAILED. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The payload that all requests of a seed carry, malloc'd; NULL without memory.
 * Random bytes, so that no part can be taken for another.
 */
uint8_t *make_payload(const struct options *options);

/* What a client of these options is to do, but for the server's address. */
struct echo_client_options client_options(const struct options *options, const uint8_t *payload);

#endif
