/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The arithmetic of `echolab sweep life`, apart from the measuring. */
#ifndef BENCH_LIFE_H
#define BENCH_LIFE_H

/* What share of the time for `messages` on a connection was spent on having it, in percent. */
double life_share(double setup_ms, double exchange_ms, double messages);

/* The same from what so many took in all: what is more than so many exchanges. */
double life_share_measured(double elapsed_ms, double exchange_ms, double messages);

/* After how many messages less than `percent` is left; 1 where one is enough. */
double life_messages_below(double setup_ms, double exchange_ms, double percent);

#endif
