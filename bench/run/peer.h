/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which of a host's addresses a command talks to: found out once, before its
 * first run. A name may have many, of either family; a balancer turns them
 * round, and two servers behind one name are two populations.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "bench/run/parameters.h"

/*
 * Tries the addresses of `asked->host` in the resolver's order, of its family,
 * with one message by its variant each, and puts the first that answers, as a
 * literal, in place of the name. An exit status, after one sentence that has
 * the reason of each address if none answered.
 */
int peer_choose(struct parameters *asked);

#endif
