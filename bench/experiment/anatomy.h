/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of anatomy share. */
#ifndef BENCH_ANATOMY_H
#define BENCH_ANATOMY_H

#include "bench/experiment/experiment.h"

/* The kinds of packets that are not as predicted: a bit each, 1 << enum wire_kind. */
unsigned anatomy_unequal(const struct consists *one);

/*
 * A game: the reader's numbers first, and how near they were. Asks on the terminal, variant by
 * variant; what has no answer is NAN. An exit status: failed where nobody answers.
 */
int anatomy_ask(const struct request *request, double guessed[][GUESSES]);

/* Tells how near they were, if there were any. */
void anatomy_score(struct story *story, const struct session *session);

#endif
